#include "attach/call_shape.h"

#include <gtest/gtest.h>

namespace whoholds {
namespace {

constexpr CallShape kPosixMemalign = {.operation = WH_OPERATION_ACQUIRE,
                                      .kind = WH_KIND_HEAP,
                                      .size_arg = 3,
                                      .key_arg = 1,
                                      .key_indirect = true,
                                      .success = WH_SUCCESS_ZERO};

static_assert(unpack(pack(kPosixMemalign)) == kPosixMemalign);
static_assert(is_valid(kPosixMemalign));
static_assert(argument_mask(kPosixMemalign) == 0b101);
static_assert(needs_return(kPosixMemalign));

TEST(CallShape, every_field_at_its_largest_survives) {
    const CallShape shape{.operation = WH_OPERATION_REACQUIRE,
                          .kind = WH_KIND_MAPPING,
                          .size_arg = 6,
                          .size_factor_arg = 5,
                          .key_arg = 4,
                          .key_indirect = true,
                          .old_key_arg = 3,
                          .old_size_arg = 2,
                          .success = WH_SUCCESS_ALWAYS,
                          .flags_arg = 1,
                          .pushed_words = WH_SHAPE_PUSHED_WORDS_MAX,
                          .probe = WH_SHAPE_PROBE_MAX,
                          .process = WH_SHAPE_PROCESS_MAX};

    const CallShape back = unpack(pack(shape));

    EXPECT_EQ(back, shape);
    EXPECT_EQ(argument_mask(back), 0b111111U);
}

TEST(CallShape, refuses_contradictions) {
    CallShape no_key = kPosixMemalign;
    no_key.key_arg = 0;
    CallShape factor_alone = kPosixMemalign;
    factor_alone.size_arg = 0;
    factor_alone.size_factor_arg = 2;
    CallShape seventh_argument = kPosixMemalign;
    seventh_argument.size_arg = 7;
    CallShape too_many_pushed = kPosixMemalign;
    too_many_pushed.pushed_words = 32;
    const CallShape release_of_nothing{.operation = WH_OPERATION_RELEASE, .kind = WH_KIND_HEAP};
    const CallShape reacquire_without_old{.operation = WH_OPERATION_REACQUIRE, .kind = WH_KIND_HEAP, .size_arg = 2};

    for (const CallShape& shape : {no_key, factor_alone, seventh_argument, too_many_pushed, release_of_nothing,
                                   reacquire_without_old, CallShape{}}) {
        EXPECT_FALSE(is_valid(shape)) << shape_to_text(pack(shape));
    }
}

TEST(CallShape, reads_as_a_sentence) {
    EXPECT_EQ(shape_to_text(pack(kPosixMemalign)), "acquire heap size=arg3 key=*arg1 if 0");
    EXPECT_EQ(shape_to_text(
                  pack({.operation = WH_OPERATION_ACQUIRE, .kind = WH_KIND_HEAP, .size_arg = 1, .size_factor_arg = 2})),
              "acquire heap size=arg1*arg2 key=return if not 0");
    EXPECT_EQ(shape_to_text(pack({.operation = WH_OPERATION_RELEASE, .kind = WH_KIND_HEAP, .key_arg = 1})),
              "release heap key=arg1");
    EXPECT_EQ(shape_to_text(pack({.operation = WH_OPERATION_RESIZE,
                                  .kind = WH_KIND_HEAP,
                                  .size_arg = 2,
                                  .key_arg = 1,
                                  .success = WH_SUCCESS_ALWAYS})),
              "resize heap size=return key=arg1");
    EXPECT_EQ(shape_to_text(pack({.operation = WH_OPERATION_REACQUIRE,
                                  .kind = WH_KIND_MAPPING,
                                  .size_arg = 3,
                                  .old_key_arg = 1,
                                  .old_size_arg = 2,
                                  .success = WH_SUCCESS_NOT_MINUS_ONE,
                                  .flags_arg = 4})),
              "reacquire mapping size=arg3 key=return old=arg1 old_size=arg2 flags=arg4 if not -1");
}

}  // namespace
}  // namespace whoholds
