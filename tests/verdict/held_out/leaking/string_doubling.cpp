// A transcript in one std::string to which is only ever added: it doubles now and then. 60 KiB a second.
// expect: leak of heap
#include <string>

#include "support/verdict.h"

namespace {

class Transcript {
public:
    VERDICT_CALL void add(const std::string& line) {
        text_.append(line);  // LEAK HERE
        lines_++;
    }
    size_t lines() const { return lines_; }

private:
    std::string text_;
    size_t lines_ = 0;
};

Transcript transcript;

VERDICT_CALL void handle_message(unsigned number) {
    const std::string line = "message " + std::to_string(number) + std::string(280, '.') + "\n";
    transcript.add(line);
}

}  // namespace

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned number = 0; transcript.lines() != static_cast<size_t>(-1); number++) {
        verdict_pace(200);
        handle_message(number);
    }
}
