// A plain new, and an exception before the delete for one record of 20; 200 records a second.
// expect: leak of heap
#include <cstring>
#include <stdexcept>
#include <string>

#include "support/verdict.h"

namespace {

struct Record {
    char fields[1500];
    unsigned checksum;
};

VERDICT_CALL void verify(const Record& record) {
    if (record.checksum % 20 == 0) throw std::runtime_error("checksum of record " + std::to_string(record.checksum));
}

VERDICT_CALL unsigned import_record(unsigned number) {
    auto* record = new Record;  // LEAK HERE
    std::memset(record->fields, 1, sizeof record->fields);
    record->checksum = number;
    verify(*record);
    delete record;
    return number;
}

}  // namespace

int main(int argc, char** argv) {
    unsigned failed = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0; failed != ~0U; number++) {
        verdict_pace(200);
        try {
            import_record(number);
        } catch (const std::exception&) {
            failed++;
        }
    }
}
