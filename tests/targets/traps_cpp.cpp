// traps_cpp: operator new and delete in all their forms, and new that throws.
//   new | new_array | new_aligned | new_throws | deletes | quit
#include <cstddef>
#include <cstdlib>
#include <new>

#include "puppet.h"

namespace {

struct alignas(64) Aligned {
    char bytes[1344];
};
struct Plain {
    ~Plain() { bytes[0] = 0; }
    char bytes[1301];
};

WH_SITE void* trap_new(std::size_t size) {
    void* block = ::operator new(size);
    WH_KEEP(block);
    return block;
}

WH_SITE Plain* trap_new_array(std::size_t count) {
    Plain* objects = new Plain[count];
    WH_KEEP(objects);
    return objects;
}

WH_SITE Aligned* trap_new_aligned() {
    auto* object = new Aligned;
    WH_KEEP(object);
    return object;
}

WH_SITE bool trap_new_throws(std::size_t size) {
    try {
        void* block = ::operator new(size);
        WH_KEEP(block);
    } catch (const std::bad_alloc&) {
        return true;
    }
    return false;
}

WH_SITE void* trap_new_nothrow(std::size_t size) {
    void* block = ::operator new(size, std::nothrow);
    WH_KEEP(block);
    return block;
}

std::size_t huge_size() {
    std::size_t size = std::size_t{1} << 62;
    WH_KEEP(size);
    return size;
}

void throw_many() {
    bool all = true;
    for (int i = 0; i < 100; i++) all = all && trap_new_throws(huge_size());
    puppet_answer(all ? "DONE" : "FAIL a new that must throw did not");
}

// Whatever new took, delete gives back: sized, unsized, array, aligned and nothrow.
void delete_all() {
    for (int i = 0; i < 10; i++) {
        ::operator delete(trap_new(1303));
        ::operator delete (trap_new(1305), std::size_t{1305});
        ::operator delete(trap_new_nothrow(1307), std::nothrow);
        delete[] trap_new_array(3);
        delete trap_new_aligned();
        if (trap_new_nothrow(huge_size()) != nullptr) puppet_answer("FAIL nothrow new gave a block");
    }
    puppet_answer("DONE");
}

}  // namespace

int main() {
    static char line[kPuppetLineMax];
    puppet_answer("DONE ready");
    while (puppet_read_line(line) && strcmp(line, "quit") != 0) {
        if (strcmp(line, "new") == 0) {
            puppet_answer("DONE %p", trap_new(1309));
        } else if (strcmp(line, "new_array") == 0) {
            puppet_answer("DONE %p", static_cast<void*>(trap_new_array(3)));
        } else if (strcmp(line, "new_aligned") == 0) {
            puppet_answer("DONE %p", static_cast<void*>(trap_new_aligned()));
        } else if (strcmp(line, "new_throws") == 0) {
            throw_many();
        } else if (strcmp(line, "deletes") == 0) {
            delete_all();
        } else {
            puppet_answer("FAIL unknown command: %s", line);
        }
    }
    _exit(0);
}
