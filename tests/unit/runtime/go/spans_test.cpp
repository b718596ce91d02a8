// Spans of the heap, read from outside, agree with themselves and with what the runtime counts.
#include "runtime/go/spans.h"

#include <gtest/gtest.h>

#include "runtime/go/runtime_facts.h"
#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

class GoSpanReading : public GoForms {};

TEST_P(GoSpanReading, has_as_many_bits_as_each_span_counts) {
    GoPuppet puppet(path());
    puppet.command("leak sessions 20000");
    puppet.command("leak large 20");
    puppet.command("leak map 3000");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const auto spans = read_go_spans(*process);
    const auto facts = read_go_runtime_facts(*process);
    ASSERT_TRUE(spans) << spans.error().message;
    const auto bits = GoAllocBits::read(*process, spans->in_use);

    ASSERT_TRUE(bits) << bits.error().message;
    EXPECT_EQ(spans->torn, 0U);
    EXPECT_EQ(bits->unread(), 0U);
    EXPECT_EQ(spans->sweep_generation, spans->sweep_generation_after);
    uint64_t bytes = 0;
    uint64_t large = 0;
    for (size_t i = 0; i < spans->in_use.size(); ++i) {
        const GoSpan& span = spans->in_use[i];
        uint64_t allocated = 0;
        for (uint32_t element = 0; element < span.element_count; ++element)
            allocated += bits->is_allocated(i, span, element) ? 1 : 0;
        EXPECT_EQ(allocated, span.alloc_count) << "span of " << span.element_bytes;
        EXPECT_TRUE(span.is_swept(spans->sweep_generation));
        bytes += span.bytes();
        large += span.is_large() && span.element_bytes >= 100'003 && span.element_bytes < 110'000 ? 1 : 0;
    }
    EXPECT_EQ(bytes, facts->heap_in_use_bytes);
    EXPECT_GE(large, 20U);
}

TEST_P(GoSpanReading, reads_chosen_spans_again) {
    GoPuppet puppet(path());
    puppet.command("leak sessions 2000");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);
    const auto spans = read_go_spans(*process);
    ASSERT_TRUE(spans && spans->in_use.size() > 4);

    const auto again = read_go_spans_at(*process, std::vector{spans->in_use[3].address, uint64_t{4096}});

    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ((*again)[0].start, spans->in_use[3].start);
    EXPECT_EQ((*again)[0].alloc_count, spans->in_use[3].alloc_count);
    EXPECT_EQ((*again)[1].element_count, 0);
}

INSTANTIATE_TEST_SUITE_P(Each, GoSpanReading, all_go_forms(), go_form_name);

}  // namespace
}  // namespace whoholds
