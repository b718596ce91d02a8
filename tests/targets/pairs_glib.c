// GLib, for the pairs puppet.
#include "pairs_puppet.h"

static void* make_dir(int way) {
    (void)way;
    return FN(void*, g_dir_open, const char*, unsigned, void**)("/", 0, NULL);
}

static void free_dir(void* dir, int way) {
    (void)way;
    FN(void, g_dir_close, void*)(dir);
}

static void use_dir(void) { FN(void*, g_dir_open, const char*, unsigned, void**)("/nonexistent", 0, NULL); }

static void* make_timer(int way) {
    (void)way;
    return FN(void*, g_timer_new, void)();
}

static void free_timer(void* timer, int way) {
    (void)way;
    FN(void, g_timer_destroy, void*)(timer);
}

static void* make_checksum(int way) {
    void* checksum = FN(void*, g_checksum_new, int)(0);
    if (way == 0) return checksum;
    void* copy = FN(void*, g_checksum_copy, const void*)(checksum);
    FN(void, g_checksum_free, void*)(checksum);
    return copy;
}

static void free_checksum(void* checksum, int way) {
    (void)way;
    FN(void, g_checksum_free, void*)(checksum);
}

static void use_checksum(void) {
    FN(void, g_free, void*)(FN(char*, g_compute_checksum_for_string, int, const char*, long)(0, "text", -1));
}

static void* make_string(int way) {
    if (way == 0) return FN(void*, g_string_new, const char*)("text");
    if (way == 1) return FN(void*, g_string_new_len, const char*, long)("text", 4);
    return FN(void*, g_string_sized_new, size_t)(100);
}

static void free_string(void* string, int way) {
    if (way == 0) FN(char*, g_string_free, void*, int)(string, 1);
    if (way == 1) FN(void, g_free, void*)(FN(char*, g_string_free, void*, int)(string, 0));
    if (way == 2) FN(void, g_bytes_unref, void*)(FN(void*, g_string_free_to_bytes, void*)(string));
}

// Strings that the library builds inside.
static void use_string(void) {
    FN(void, g_free, void*)(FN(char*, g_markup_escape_text, const char*, long)("<a>", -1));
    FN(void, g_free, void*)(FN(char*, g_uri_escape_string, const char*, const char*, int)("a b", NULL, 1));
    FN(void, g_free, void*)(FN(char*, g_shell_quote, const char*)("it's"));
}

static void* make_queue(int way) {
    void* queue = FN(void*, g_queue_new, void)();
    if (way == 0) return queue;
    void* copy = FN(void*, g_queue_copy, void*)(queue);
    FN(void, g_queue_free, void*)(queue);
    return copy;
}

static void free_queue(void* queue, int way) {
    if (way == 0)
        FN(void, g_queue_free, void*)(queue);
    else
        FN(void, g_queue_free_full, void*, void (*)(void*))(queue, free);
}

static void* make_options(int way) {
    (void)way;
    return FN(void*, g_option_context_new, const char*)(NULL);
}

static void free_options(void* options, int way) {
    (void)way;
    FN(void, g_option_context_free, void*)(options);
}

#define GLIB_LIBRARY "libglib-2.0.so.0"
const struct pair_case kGlibCases[] = {
    {"GDir", GLIB_LIBRARY, 1, 1, make_dir, free_dir, use_dir},
    {"GTimer", GLIB_LIBRARY, 1, 1, make_timer, free_timer, NULL},
    {"GChecksum", GLIB_LIBRARY, 2, 1, make_checksum, free_checksum, use_checksum},
    {"GString", GLIB_LIBRARY, 3, 3, make_string, free_string, use_string},
    {"GQueue", GLIB_LIBRARY, 2, 2, make_queue, free_queue, NULL},
    {"GOptionContext", GLIB_LIBRARY, 1, 1, make_options, free_options, NULL},
    {0},
};
