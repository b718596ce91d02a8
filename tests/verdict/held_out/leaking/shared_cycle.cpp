// Documents whose parts point to their document with a shared_ptr: neither is ever destroyed. 20 a second.
// expect: leak of heap
#include <memory>
#include <string>
#include <vector>

#include "support/verdict.h"

namespace {

struct Document;

struct Part {
    std::shared_ptr<Document> document;
    std::string text;
};

struct Document {
    std::string title;
    std::vector<std::shared_ptr<Part>> parts;
};

VERDICT_CALL void add_part(const std::shared_ptr<Document>& document, unsigned number) {
    auto part = std::make_shared<Part>();  // LEAK HERE
    part->document = document;
    part->text = std::string(verdict_between(300, 600), static_cast<char>('a' + number % 26));  // LEAK HERE
    document->parts.push_back(std::move(part));                                                 // LEAK HERE
}

VERDICT_CALL std::shared_ptr<Document> parse(unsigned number) {
    auto document = std::make_shared<Document>();  // LEAK HERE
    document->title = "The title of document number " + std::to_string(number);
    for (unsigned i = 0; i < 3; i++) add_part(document, number + i);
    return document;
}

VERDICT_CALL size_t handle_request(unsigned number) { return parse(number)->title.size(); }

}  // namespace

int main(int argc, char** argv) {
    size_t total = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0;; number++) {
        verdict_pace(20);
        total += handle_request(number);
        if (total == static_cast<size_t>(-1)) break;
    }
}
