// The C library, for the pairs puppet.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <iconv.h>
#include <mntent.h>
#include <netdb.h>
#include <pwd.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <wchar.h>

#include "pairs_puppet.h"

static char buffer[64];

static void* make_file(int way) {
    static char* text;
    static wchar_t* wide;
    static size_t size;
    switch (way) {
        case 0: return fopen("/dev/null", "r");
        case 1: return fdopen(open("/dev/null", O_RDONLY | O_CLOEXEC), "r");
        case 2: return popen("true", "r");
        case 3: return tmpfile();
        case 4: return fmemopen(buffer, sizeof buffer, "r");
        case 5: return open_memstream(&text, &size);
        case 6: return open_wmemstream(&wide, &size);
        case 7: return fopencookie(NULL, "r", (cookie_io_functions_t){0});
        default: return freopen("/dev/zero", "r", fopen("/dev/null", "r"));
    }
}

static void free_file(void* file, int way) {
    if (way == 0)
        fclose(file);
    else
        pclose(file);
}

// Streams that the library opens inside, and one that cannot be opened.
static void use_file(void) {
    struct passwd* user = getpwnam("root");
    (void)user;
    FILE* mounts = setmntent("/proc/mounts", "r");
    if (mounts) endmntent(mounts);
    if (fopen("/nonexistent/file", "r")) abort();
}

static void* make_dir(int way) {
    return way == 0 ? opendir("/") : fdopendir(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static void free_dir(void* dir, int way) {
    (void)way;
    closedir(dir);
}

static void use_dir(void) {
    struct dirent** names = NULL;
    const int count = scandir("/", &names, NULL, alphasort);
    for (int i = 0; i < count; i++) free(names[i]);
    free(names);
    glob_t found = {0};
    glob("/proc/sel*", 0, NULL, &found);
    globfree(&found);
    if (opendir("/nonexistent")) abort();
}

static void* make_regex(int way) {
    regex_t* regex = malloc(sizeof *regex);
    (void)way;
    return regcomp(regex, "a.*b", REG_EXTENDED) == 0 ? regex : NULL;
}

static void free_regex(void* regex, int way) {
    (void)way;
    regfree(regex);
    free(regex);
}

static void use_regex(void) {
    regex_t regex;
    if (regcomp(&regex, "(", REG_EXTENDED) == 0) abort();
}

static void* make_iconv(int way) {
    (void)way;
    return iconv_open("UTF-16", "UTF-8");
}

static void free_iconv(void* converter, int way) {
    (void)way;
    iconv_close(converter);
}

static void use_iconv(void) {
    if (iconv_open("no such", "encoding") != (iconv_t)-1) abort();
}

static void* make_addresses(int way) {
    struct addrinfo* list = NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = way == 0 ? AF_INET : AF_INET6};
    return getaddrinfo(way == 0 ? "127.0.0.1" : "::1", "80", &hints, &list) == 0 ? list : NULL;
}

static void free_addresses(void* list, int way) {
    (void)way;
    freeaddrinfo(list);
}

static void use_addresses(void) {
    struct addrinfo* list = NULL;
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    if (getaddrinfo("no address", "80", &hints, &list) == 0) abort();
}

const struct pair_case kLibcCases[] = {
    {"FILE", "libc.so.6", 9, 2, make_file, free_file, use_file},
    {"DIR", "libc.so.6", 2, 1, make_dir, free_dir, use_dir},
    {"regex_t", "libc.so.6", 1, 1, make_regex, free_regex, use_regex},
    {"iconv_t", "libc.so.6", 1, 1, make_iconv, free_iconv, use_iconv},
    {"addrinfo", "libc.so.6", 2, 1, make_addresses, free_addresses, use_addresses},
    {0},
};
