#include "runtime/native/allocators.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "attach/call_shape.h"

namespace whoholds {
namespace {

CallShape shape_of(std::string_view symbol) {
    const AllocatorFunction* function = find_allocator_function(symbol);
    return function == nullptr ? CallShape{} : unpack(function->shape);
}

TEST(Allocators, every_row_is_unique_packs_unpacks_and_is_found) {
    std::set<std::string_view> seen;
    for (const AllocatorFunction& function : allocator_functions()) {
        SCOPED_TRACE(function.symbol);

        const CallShape shape = unpack(function.shape);

        EXPECT_TRUE(is_valid(shape));
        EXPECT_EQ(pack(shape), function.shape);
        EXPECT_TRUE(seen.insert(function.symbol).second);
        EXPECT_EQ(find_allocator_function(function.symbol), &function);
    }
}

TEST(Allocators, T11_every_acquire_says_which_results_mean_success) {
    for (const AllocatorFunction& function : allocator_functions()) {
        SCOPED_TRACE(function.symbol);
        const CallShape shape = unpack(function.shape);
        const bool acquires = shape.operation == WH_OPERATION_ACQUIRE || shape.operation == WH_OPERATION_REACQUIRE;
        if (!acquires) continue;

        const wh_success expected = shape.kind == WH_KIND_MAPPING ? WH_SUCCESS_NOT_MINUS_ONE
                                    : shape.key_indirect          ? WH_SUCCESS_ZERO
                                                                  : WH_SUCCESS_NOT_ZERO;

        EXPECT_EQ(shape.success, expected);
        EXPECT_NE(shape.size_arg, 0U);
    }
}

TEST(Allocators, T12_posix_memalign_returns_its_block_behind_a_pointer) {
    for (const char* symbol : {"posix_memalign", "tc_posix_memalign", "mi_posix_memalign", "__posix_memalign"}) {
        const CallShape shape = shape_of(symbol);

        EXPECT_TRUE(shape.key_indirect) << symbol;
        EXPECT_EQ(shape.key_arg, 1U) << symbol;
        EXPECT_EQ(shape.size_arg, 3U) << symbol;
    }
}

TEST(Allocators, T10_every_way_to_reallocate_knows_its_old_block) {
    for (const char* symbol : {"realloc", "reallocarray", "rallocx", "tc_realloc", "mi_realloc", "mi_new_reallocn"}) {
        EXPECT_EQ(shape_of(symbol).operation, WH_OPERATION_REACQUIRE) << symbol;
        EXPECT_EQ(shape_of(symbol).old_key_arg, 1U) << symbol;
    }
    EXPECT_EQ(shape_of("mi_heap_recalloc").old_key_arg, 2U);
    EXPECT_EQ(shape_of("mi_heap_recalloc").size_factor_arg, 4U);
    EXPECT_EQ(shape_of("xallocx").operation, WH_OPERATION_RESIZE);
}

TEST(Allocators, T13_every_form_of_operator_new_and_delete_has_a_row) {
    for (const std::string base : {"_Znwm", "_Znam", "_ZdlPv", "_ZdaPv", "_ZdlPvm", "_ZdaPvm"}) {
        for (const char* rest : {"", "RKSt9nothrow_t", "St11align_val_t", "St11align_val_tRKSt9nothrow_t"}) {
            const bool is_new = base[2] == 'n';

            const CallShape shape = shape_of(base + rest);

            EXPECT_EQ(shape.operation, is_new ? WH_OPERATION_ACQUIRE : WH_OPERATION_RELEASE) << base << rest;
            EXPECT_EQ(is_new ? shape.size_arg : shape.key_arg, 1U) << base << rest;
        }
    }
}

TEST(Allocators, every_form_of_new_that_may_throw_is_marked_and_nothing_that_is_noexcept) {
    for (const AllocatorFunction& function : allocator_functions()) {
        const std::string_view name = function.symbol;
        const bool is_new = name.starts_with("_Zn") || name.starts_with("tc_new") || name.starts_with("mi_new") ||
                            name.starts_with("mi_heap_alloc_new");
        const bool is_nothrow = !name.starts_with("mi_") && name.find("nothrow") != std::string_view::npos;

        EXPECT_EQ(function.may_throw, is_new && !is_nothrow) << name;
    }
}

TEST(Allocators, T18_mremap_reads_its_own_arguments_and_not_those_of_mmap) {
    const CallShape mremap = shape_of("mremap");
    const CallShape mmap = shape_of("mmap");

    EXPECT_EQ(mremap.operation, WH_OPERATION_REACQUIRE);
    EXPECT_EQ(mremap.old_key_arg, 1U);
    EXPECT_EQ(mremap.old_size_arg, 2U);
    EXPECT_EQ(mremap.size_arg, 3U);
    EXPECT_EQ(mremap.flags_arg, 4U);
    EXPECT_EQ(mmap.size_arg, 2U);
    EXPECT_EQ(mmap.flags_arg, 4U);
}

TEST(Allocators, jemalloc_is_found_behind_any_prefix) {
    EXPECT_EQ(jemalloc_prefix("je_mallocx"), "je_");
    EXPECT_EQ(jemalloc_prefix("_rjem_mallocx"), "_rjem_");
    EXPECT_EQ(jemalloc_prefix("mallocx"), "");
    EXPECT_EQ(jemalloc_prefix("malloc"), "");
    EXPECT_EQ(jemalloc_prefix(std::string(5000, 'x') + "mallocx"), "");

    EXPECT_EQ(find_jemalloc_function("_rjem_sdallocx", "_rjem_"), find_allocator_function("sdallocx"));
    EXPECT_EQ(find_jemalloc_function("je_free", "je_"), find_allocator_function("free"));
    EXPECT_EQ(find_jemalloc_function("je_mmap", "je_"), nullptr);
    EXPECT_EQ(find_jemalloc_function("je_arena_boot", "je_"), nullptr);
    EXPECT_EQ(find_jemalloc_function("free", ""), nullptr);
}

TEST(Allocators, queries_are_not_calls_that_acquire) {
    for (const char* symbol : {"sallocx", "nallocx", "malloc_usable_size", "mi_reallocarr", "mi_strdup", "mallctl"}) {
        EXPECT_EQ(find_allocator_function(symbol), nullptr) << symbol;
    }
}

TEST(Allocators, standard_names_are_preferred_to_others) {
    const auto preference = [](std::string_view symbol) { return preference_of(*find_allocator_function(symbol)); };

    EXPECT_LT(preference("free"), preference("tc_free"));
    EXPECT_LT(preference("free"), preference("_ZdlPv"));
    EXPECT_LT(preference("malloc"), preference("mi_malloc"));
    EXPECT_LT(preference("malloc"), preference("__libc_malloc"));
    EXPECT_LT(preference("tc_new"), preference("_Znwm"));
}

}  // namespace
}  // namespace whoholds
