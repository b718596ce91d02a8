// Code that only assembly can make, and the ledger: where the puppet says itself that it allocated.
#include <alloca.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "puppet.h"
#include "stacks_puppet.h"

asm(R"(
    .text
    .globl wh_end_with_call
    .type wh_end_with_call, @function
wh_end_with_call:
    .cfi_startproc
    sub $40, %rsp
    .cfi_def_cfa_offset 48
    call *%rdi
    .cfi_endproc
    .size wh_end_with_call, .-wh_end_with_call

    .globl wh_call_with_rbp
    .type wh_call_with_rbp, @function
wh_call_with_rbp:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    mov %rsi, %rbp
    call *%rdi
    pop %rbp
    .cfi_def_cfa_offset 8
    .cfi_restore %rbp
    ret
    .cfi_endproc
    .size wh_call_with_rbp, .-wh_call_with_rbp

    .globl wh_call_without_cfi
    .type wh_call_without_cfi, @function
wh_call_without_cfi:
    sub $40, %rsp
    call *%rdi
    add $40, %rsp
    ret
    .size wh_call_without_cfi, .-wh_call_without_cfi

    .globl wh_ledger_malloc
    .globl wh_ledger_return
    .type wh_ledger_malloc, @function
wh_ledger_malloc:
    .cfi_startproc
    sub $8, %rsp
    .cfi_def_cfa_offset 16
    call malloc@PLT
wh_ledger_return:
    add $8, %rsp
    .cfi_def_cfa_offset 8
    ret
    .cfi_endproc
    .size wh_ledger_malloc, .-wh_ledger_malloc
)");

namespace stacks {

namespace {

constexpr int kMaxDepth = 40;
constexpr int kMaxEntries = 200;

struct Entry {
    const void* frames[kMaxDepth];  // outermost first
    int depth;
    long count;
};
Entry entries[kMaxEntries];
int entry_count;
Entry now;

// One for each level of calls: the level's own return address.
class Level {
public:
    explicit Level(const void* return_address) {
        if (now.depth == kMaxDepth) std::abort();
        now.frames[now.depth++] = return_address;
    }
    ~Level() { now.depth--; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
};
#define WH_LEVEL const Level level(__builtin_return_address(0))

void write_down() {
    const auto same = [](const Entry& entry) {
        return entry.depth == now.depth && std::equal(entry.frames, entry.frames + entry.depth, now.frames);
    };
    Entry* found = std::find_if(entries, entries + entry_count, same);
    if (found == entries + kMaxEntries) std::abort();
    if (found == entries + entry_count) {
        *found = now;
        found->count = 0;
        entry_count++;
    }
    found->count++;
}

WH_ALONE void leaf(size_t size) {
    WH_LEVEL;
    write_down();
    void* block = wh_ledger_malloc(size);
    keep(block);
    std::free(block);
}

WH_ALONE void large_frame(int left) {
    WH_LEVEL;
    volatile char local[9000];
    local[4500] = static_cast<char>(left);
    if (left > 0)
        large_frame(left - 1);
    else
        leaf(81);
    keep(local);
}

WH_ALONE void aligned_frame(int left) {
    WH_LEVEL;
    alignas(64) volatile char local[100];
    auto* array = static_cast<volatile char*>(alloca(static_cast<size_t>(left) * 40 + 16));
    array[0] = static_cast<char>(left);
    local[1] = array[0];
    if (left > 0)
        aligned_frame(left - 1);
    else
        large_frame(1);
    leaf(82);
    keep(array);
    keep(local);
}

WH_ALONE int from_sort(const void* left, const void* right) {
    WH_LEVEL;
    leaf(83);
    return *static_cast<const int*>(left) - *static_cast<const int*>(right);
}

template <int kDepth>
struct Nested {
    WH_ALONE static int go(int x) {
        WH_LEVEL;
        const int below = Nested<kDepth - 1>::go(x + 1);
        leaf(84);
        return below + x;
    }
};
template <>
struct Nested<0> {
    WH_ALONE static int go(int x) {
        WH_LEVEL;
        aligned_frame(2);
        return x;
    }
};

WH_ALONE void under_garbage() {
    WH_LEVEL;
    leaf(85);
    Nested<2>::go(1);
}

WH_ALONE void sort_some() {
    WH_LEVEL;
    int values[] = {5, 3, 9, 1, 7};
    std::qsort(values, 5, sizeof(int), from_sort);
    keep(values[0]);
}

void print_entry(const Entry& entry, bool is_first) {
    char text[64];
    int size = std::snprintf(text, sizeof text, "%s{\"count\":%ld,\"frames\":[", is_first ? "" : ",", entry.count);
    puppet_write(text, static_cast<size_t>(size));
    for (int i = entry.depth; i-- > 0;) {
        size =
            std::snprintf(text, sizeof text, "%lu%s", reinterpret_cast<unsigned long>(entry.frames[i]), i ? "," : "");
        puppet_write(text, static_cast<size_t>(size));
    }
    puppet_write("]}", 2);
}

}  // namespace

void busy_frame_pointer() {
    uintptr_t looks_like_a_frame[2] = {0, reinterpret_cast<uintptr_t>(&busy_frame_pointer)};
    looks_like_a_frame[0] = reinterpret_cast<uintptr_t>(looks_like_a_frame) + 64;
    wh_call_with_rbp([] { templates(); }, 0xdeadbeef);
    wh_call_with_rbp([] { allocate(90); }, reinterpret_cast<uintptr_t>(looks_like_a_frame));
    wh_call_with_rbp([] { realigned_frames(); }, 0);
}

void code_without_information() {
    wh_call_without_cfi([] { allocate(91); });
}

void ledger() {
    now.depth = 0;
    Nested<8>::go(1);
    large_frame(3);
    sort_some();
    const std::function<void(int)> descend = [&](int left) {
        if (left > 0) {
            descend(left - 1);
        } else {
            under_garbage();
            asm volatile("nop");  // else the compiler makes one call instruction of the two
        }
    };
    descend(6);
    uintptr_t looks_like_a_frame[2] = {0, reinterpret_cast<uintptr_t>(&ledger)};
    looks_like_a_frame[0] = reinterpret_cast<uintptr_t>(looks_like_a_frame) + 64;
    wh_call_with_rbp(under_garbage, reinterpret_cast<uintptr_t>(looks_like_a_frame));
    wh_call_with_rbp(under_garbage, 1);
}

void print_ledger() {
    char text[64];
    const int size = std::snprintf(text, sizeof text, "DONE {\"leaf\":%lu,\"stacks\":[",
                                   reinterpret_cast<unsigned long>(wh_ledger_return));
    puppet_write(text, static_cast<size_t>(size));
    for (int i = 0; i < entry_count; i++) print_entry(entries[i], i == 0);
    puppet_write("]}\n", 3);
}

}  // namespace stacks
