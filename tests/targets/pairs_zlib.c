// zlib, for the pairs puppet.
#include <string.h>

#include "pairs_puppet.h"

struct stream {  // z_stream
    void* next_in;
    unsigned available_in;
    unsigned long total_in;
    void* next_out;
    unsigned available_out;
    unsigned long total_out;
    const char* message;
    void *state, *allocate, *release, *opaque;
    int data_type;
    unsigned long check, reserved;
};

static unsigned char window[1 << 15];

static void* make_inflate(int way) {
    struct stream* stream = calloc(1, sizeof *stream);
    const int size = (int)sizeof *stream;
    if (way == 0) FN(int, inflateInit_, void*, const char*, int)(stream, "1.2", size);
    if (way == 1) FN(int, inflateInit2_, void*, int, const char*, int)(stream, 31, "1.2", size);
    if (way == 2) {
        struct stream first = {0};
        FN(int, inflateInit_, void*, const char*, int)(&first, "1.2", size);
        FN(int, inflateCopy, void*, void*)(stream, &first);
        FN(int, inflateEnd, void*)(&first);
    }
    return stream;
}

static void free_inflate(void* stream, int way) {
    (void)way;
    FN(int, inflateEnd, void*)(stream);
    free(stream);
}

static void* make_deflate(int way) {
    struct stream* stream = calloc(1, sizeof *stream);
    const int size = (int)sizeof *stream;
    if (way == 0) FN(int, deflateInit_, void*, int, const char*, int)(stream, 6, "1.2", size);
    if (way == 1)
        FN(int, deflateInit2_, void*, int, int, int, int, int, const char*, int)(stream, 6, 8, 15, 8, 0, "1.2", size);
    if (way == 2) {
        struct stream first = {0};
        FN(int, deflateInit_, void*, int, const char*, int)(&first, 6, "1.2", size);
        FN(int, deflateCopy, void*, void*)(stream, &first);
        FN(int, deflateEnd, void*)(&first);
    }
    return stream;
}

static void free_deflate(void* stream, int way) {
    (void)way;
    FN(int, deflateEnd, void*)(stream);
    free(stream);
}

static void* make_back(int way) {
    (void)way;
    struct stream* stream = calloc(1, sizeof *stream);
    FN(int, inflateBackInit_, void*, int, unsigned char*, const char*, int)
    (stream, 15, window, "1.2", (int)sizeof *stream);
    return stream;
}

static void free_back(void* stream, int way) {
    (void)way;
    FN(int, inflateBackEnd, void*)(stream);
    free(stream);
}

// Whole buffers at once, a version that does not fit, and a file that is read.
static void use_zlib(void) {
    unsigned char packed[256], plain[16] = {0};
    unsigned long packed_size = sizeof packed, plain_size = sizeof plain;
    FN(int, compress, void*, unsigned long*, const void*, unsigned long)(packed, &packed_size, plain, plain_size);
    FN(int, uncompress, void*, unsigned long*, const void*, unsigned long)(plain, &plain_size, packed, packed_size);
    struct stream stream = {0};
    FN(int, inflateInit_, void*, const char*, int)(&stream, "0", (int)sizeof stream);
    FN(int, deflateInit_, void*, int, const char*, int)(&stream, 6, "0", (int)sizeof stream);
    void* file = FN(void*, gzopen, const char*, const char*)("/proc/self/maps", "rb");
    FN(int, gzread, void*, void*, unsigned)(file, packed, sizeof packed);
    FN(int, gzclose, void*)(file);
}

static void* make_file(int way) {
    if (way == 0) return FN(void*, gzopen, const char*, const char*)("/proc/self/maps", "rb");
    if (way == 1) return FN(void*, gzopen64, const char*, const char*)("/proc/self/maps", "rb");
    return FN(void*, gzdopen, int, const char*)(FN(int, open, const char*, int, ...)("/proc/self/maps", 0), "rb");
}

static void free_file(void* file, int way) {
    if (way == 0)
        FN(int, gzclose, void*)(file);
    else
        FN(int, gzclose_r, void*)(file);
}

#define Z_LIBRARY "libz.so.1"
const struct pair_case kZlibCases[] = {
    {"inflate", Z_LIBRARY, 3, 1, make_inflate, free_inflate, use_zlib},
    {"deflate", Z_LIBRARY, 3, 1, make_deflate, free_deflate, use_zlib},
    {"inflateBack", Z_LIBRARY, 1, 1, make_back, free_back, use_zlib},
    {"gzFile", Z_LIBRARY, 3, 2, make_file, free_file, use_zlib},
    {0},
};
