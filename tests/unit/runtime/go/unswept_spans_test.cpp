// Marks that Go 1.26 keeps in the span itself, as they may be and as they may not.
#include "runtime/go/unswept_spans.h"

#include <gmock/gmock.h>

#include <array>
#include <numeric>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

class InlineMarks : public ::testing::Test {
protected:
    InlineMarks() {
        span_.span_class = kWithPointers;
        span_.element_bytes = 64;
        span_.element_count = 120;
        bytes_.back() = span_.span_class;
    }
    void mark(size_t element) { bytes_.at(kMarksAt + element / 8) |= static_cast<uint8_t>(1U << element % 8); }
    void scan(size_t element) { bytes_.at(element / 8) |= static_cast<uint8_t>(1U << element % 8); }
    [[nodiscard]] std::optional<uint32_t> count() const { return count_inline_marks(span_, bytes_, marks_); }

    static constexpr size_t kMarksAt = 64;
    static constexpr uint8_t kWithPointers = 10;
    static constexpr uint8_t kWithoutPointers = 11;
    GoSpan span_;
    std::array<uint8_t, kGoInlineMarkBytes> bytes_{};
    std::vector<uint8_t> marks_ = std::vector<uint8_t>(15);
};

TEST_F(InlineMarks, are_counted_together_with_those_beside_the_span) {
    for (const size_t element : {0U, 9U, 119U}) {
        mark(element);
        scan(element);
    }
    marks_[0] = 0x81;  // one of them is the same element

    EXPECT_EQ(count(), 4U);
}

TEST_F(InlineMarks, are_none_where_the_class_is_another) {
    bytes_.back() = kWithPointers + 2;

    EXPECT_EQ(count(), std::nullopt);
}

TEST_F(InlineMarks, of_objects_with_pointers_all_were_scanned) {
    mark(3);

    EXPECT_EQ(count(), std::nullopt);

    span_.span_class = kWithoutPointers;
    bytes_.back() = kWithoutPointers;
    EXPECT_EQ(count(), 1U);
}

TEST_F(InlineMarks, have_room_for_so_many_elements_only) {
    marks_.resize(64);

    EXPECT_EQ(count(), std::nullopt);
}

TEST_F(InlineMarks, beyond_the_last_element_do_not_count) {
    span_.span_class = kWithoutPointers;
    bytes_.back() = kWithoutPointers;
    bytes_.at(kMarksAt + 62) = 0xff;

    EXPECT_EQ(count(), 0U);
}

class GoMarks : public GoForms {};

TEST_P(GoMarks, are_counted_of_spans_that_wait_only) {
    GoPuppet puppet(path());
    puppet.command("fill");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);
    auto spans = read_go_spans(*process);
    ASSERT_TRUE(spans) << spans.error().message;

    const auto counts = count_go_marks(*process, *spans);

    ASSERT_TRUE(counts) << counts.error().message;
    ASSERT_EQ(counts->size(), spans->in_use.size());
    for (size_t i = 0; i < counts->size(); ++i) {
        const GoSpan& span = spans->in_use[i];
        const auto count = (*counts)[i];
        EXPECT_FALSE(count && span.is_swept(spans->sweep_generation));
        EXPECT_LE(count.value_or(0), span.element_count);
    }
}

INSTANTIATE_TEST_SUITE_P(Each, GoMarks, ::testing::Values("go_leak", "go_1_19_leak"), go_form_name);

}  // namespace
}  // namespace whoholds
