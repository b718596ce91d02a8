// Sessions in a std::map. Three kinds of callers open them; two of them close theirs, exports do not.
// expect: leak of heap
#include <map>
#include <string>

#include "support/verdict.h"

namespace {

struct Session {
    std::string user;
    std::string token;
};

class Sessions {
public:
    VERDICT_CALL unsigned open(const std::string& user) {
        const unsigned number = next_++;
        Session& session = sessions_[number];
        session.user = user + "@shop.example, on behalf of nobody";
        session.token = std::string(600, static_cast<char>('a' + number % 26));
        return number;
    }
    VERDICT_CALL void close(unsigned number) { sessions_.erase(number); }

private:
    unsigned next_ = 1;
    std::map<unsigned, Session> sessions_;
};

Sessions sessions;

VERDICT_CALL void handle_search(unsigned request) {
    const unsigned session = sessions.open("search " + std::to_string(request));
    sessions.close(session);
}

VERDICT_CALL void handle_order(unsigned request) {
    const unsigned session = sessions.open("order " + std::to_string(request));
    sessions.close(session);
}

VERDICT_CALL void handle_export(unsigned request) {
    const unsigned session = sessions.open("export " + std::to_string(request));  // LEAK HERE
    if (session == 0) sessions.close(session);
}

}  // namespace

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned request = 0;; request++) {
        verdict_pace(200);
        if (request % 10 == 0)
            handle_export(request);
        else if (request % 2 == 0)
            handle_search(request);
        else
            handle_order(request);
    }
}
