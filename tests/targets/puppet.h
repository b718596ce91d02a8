// The pipe a puppet obeys: one command a line on stdin, one answer a line on stdout ("DONE …" or "FAIL …"). Used by every
// puppet of tests/targets. Invariant: nothing here touches the heap, so that a puppet's ledger is all that a tracer sees.
#ifndef WHOHOLDS_TESTS_PUPPET_H
#define WHOHOLDS_TESTS_PUPPET_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// A call site that keeps its name and its frame: neither inlined, cloned, folded with its twin nor left by a tail call.
#if defined(__has_attribute) && __has_attribute(noipa)
#define WH_SITE __attribute__((noipa))
#else
#define WH_SITE __attribute__((noinline))
#endif

// Makes the compiler believe that value is used here; in front of a return it forbids the tail call.
#define WH_KEEP(value) __asm__ volatile("" : "+r"(value) : : "memory")

enum { kPuppetLineMax = 4096, kPuppetAnswerMax = 1 << 16 };

// Reads one line without its newline; 0 at the end of the input.
static inline int puppet_read_line(char line[kPuppetLineMax]) {
    size_t length = 0;
    while (length + 1 < kPuppetLineMax) {
        char byte = 0;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got <= 0) return 0;
        if (byte == '\n') break;
        line[length++] = byte;
    }
    line[length] = '\0';
    return 1;
}

static inline void puppet_write(const char* text, size_t size) {
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, text, size);
        if (written <= 0) return;
        text += written;
        size -= (size_t)written;
    }
}

__attribute__((format(printf, 1, 2))) static inline void puppet_answer(const char* format, ...) {
    static char text[kPuppetAnswerMax];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text - 1, format, arguments);
    va_end(arguments);
    if (size < 0) size = 0;
    if ((size_t)size > sizeof text - 2) size = (int)(sizeof text - 2);
    text[size] = '\n';
    puppet_write(text, (size_t)size + 1);
}

#endif
