// Compiles a regular expression for each request and frees it; 20 a second.
// expect: quiet
#include <regex.h>

#include "support/verdict.h"

static VERDICT_CALL int matches(const char* pattern, const char* text) {
    regex_t expression;
    if (regcomp(&expression, pattern, REG_EXTENDED) != 0) return -1;
    const int result = regexec(&expression, text, 0, NULL, 0);
    regfree(&expression);
    return result == 0;
}

static VERDICT_CALL int handle_request(unsigned number) {
    char pattern[64], text[64];
    snprintf(pattern, sizeof pattern, "^(GET|POST) /item/(%u|[a-z]+)$", number % 50);
    snprintf(text, sizeof text, "GET /item/%u", verdict_random() % 50);
    return matches(pattern, text);
}

int main(int argc, char** argv) {
    unsigned long found = 0;
    verdict_start(argc, argv);
    for (unsigned number = 0; found != (unsigned long)-1; number++) {
        verdict_pace(20);
        found += (unsigned long)handle_request(number);
    }
}
