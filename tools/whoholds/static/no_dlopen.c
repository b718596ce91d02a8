// The static program loads no libraries: dlopen fails. What glibc would do instead is to load the libraries of whatever
// system it runs on, into a program that has another libc. (By ld's --wrap=dlopen. libdw asks for libdebuginfod, and goes
// without it; our own downloads say that there are none, see symbolize/debug_downloads.h.)
#include <stddef.h>

void* __wrap_dlopen(const char* file, int mode);  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

void* __wrap_dlopen(const char* file, int mode) {  // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
    (void)file;
    (void)mode;
    return NULL;
}
