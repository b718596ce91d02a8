#include "analyze/findings.h"

#include <gmock/gmock.h>

#include <cmath>

#include "unit/analyze/observed_process.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kMinute = 60;

std::vector<Frame> below_main(std::vector<Frame> frames) {
    frames.push_back(frame_of("main", 10));
    return frames;
}

double two_a_second(double) { return 2; }

ObservedProcess::Stack heap(uint64_t id, std::vector<Frame> frames, ObservedProcess::Acquired acquired,
                            ObservedProcess::Kept is_kept) {
    return {"heap", id, below_main(std::move(frames)), std::move(acquired), std::move(is_kept), 1024};
}

TEST(Findings, too_little_time_is_said) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("keep", 20)}, two_a_second, forever));

    const ProcessReport process = observed.look_for(15);

    EXPECT_THAT(process.findings, IsEmpty());
    EXPECT_THAT(process.why_no_verdict, HasSubstr("observed for"));
}

TEST(Findings, what_is_never_given_back_is_a_leak_with_its_line) {
    ObservedProcess observed;
    observed.add(
        heap(1, {frame_of("operator new", 0, "/usr/lib/libstdc++.so.6"), frame_of("keep", 20)}, two_a_second, forever));
    observed.add(heap(
        2, {frame_of("work", 30)}, [](double) { return 5000; }, for_seconds(2)));

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    const Finding& finding = process.findings[0];
    EXPECT_EQ(finding.verdict, "leak");
    EXPECT_EQ(finding.headline, "keep");
    EXPECT_EQ(finding.line, 20);
    EXPECT_THAT(finding.stack_ids, ElementsAre(1));
    EXPECT_NEAR(finding.parts[0].growth_per_min.count, 120, 1);
    EXPECT_NEAR(finding.parts[0].growth_per_min.bytes, 120 * 1024, 1024);
    EXPECT_EQ(process.why_no_verdict, "");
}

TEST(Findings, T35_the_youngest_part_is_no_leak) {
    ObservedProcess observed;
    observed.add(heap(
        1, {frame_of("work", 30)}, [](double birth_s) { return 100 + birth_s; }, for_seconds(3)));

    EXPECT_THAT(observed.look_for(kMinute).findings, IsEmpty());
}

TEST(Findings, healthy_programs_have_none) {
    const std::vector<std::pair<const char*, ObservedProcess::Stack>> cases = {
        {"churn", heap(
                      1, {frame_of("f", 1)}, [](double) { return 1000; }, for_seconds(1))},
        {"queue of constant length", heap(
                                         1, {frame_of("f", 1)}, [](double) { return 10; }, for_seconds(15))},
        {"cache that fills in 20 s and evicts", heap(
                                                    1, {frame_of("f", 1)}, [](double) { return 10; }, for_seconds(20))},
        {"warm-up", heap(
                        1, {frame_of("f", 1)}, [](double birth_s) { return birth_s < 25 ? 100 : 0; }, forever)},
        {"one large allocation",
         heap(
             1, {frame_of("f", 1)}, [](double birth_s) { return birth_s == 30 ? 5000 : 0; }, forever)},
        {"bursts", heap(
                       1, {frame_of("f", 1)}, [](double birth_s) { return std::fmod(birth_s, 15) < 3 ? 1000 : 0; },
                       for_seconds(3))},
        {"arena that is reset",
         heap(
             1, {frame_of("f", 1)}, [](double) { return 100; },
             [](double birth_s, double time_s) { return std::floor(birth_s / 13) == std::floor(time_s / 13); })},
        {"twice the load from 30 s on",
         heap(
             1, {frame_of("f", 1)}, [](double birth_s) { return birth_s < 30 ? 100 : 200; }, for_seconds(2))},
        {"slower and slower", heap(
                                  1, {frame_of("f", 1)},
                                  [](double birth_s) { return std::floor(1000 * std::exp(-birth_s / 10)); }, forever)},
    };
    for (const auto& [what, stack] : cases) {
        ObservedProcess observed;
        observed.add(stack);
        EXPECT_THAT(observed.look_for(kMinute).findings, IsEmpty()) << what;
    }
}

TEST(Findings, a_slow_leak_is_one_also_beside_noise_of_its_own_stack) {
    ObservedProcess observed;
    // One of a hundred is kept, the others live for two seconds.
    observed.add(heap(
        1, {frame_of("f", 1)}, [](double birth_s) { return std::fmod(birth_s, 3) == 0 ? 2 : 60; },
        [](double birth_s, double time_s) { return std::fmod(birth_s, 3) == 0 || time_s - birth_s <= 2; }));

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].verdict, "leak");
}

TEST(Findings, a_queue_that_gets_longer_is_growing) {
    ObservedProcess observed;
    // A tenth more comes in than goes out.
    observed.add(heap(
        1, {frame_of("f", 1)}, [](double) { return 10; },
        [](double birth_s, double time_s) { return birth_s >= 0.9 * time_s; }));

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].verdict, "growing");
}

TEST(Findings, a_cache_without_bound_that_gives_old_ones_back_is_growing) {
    ObservedProcess observed;
    observed.add(heap(
        1, {frame_of("f", 1)}, [](double) { return 100; },
        [](double birth_s, double time_s) { return std::fmod(birth_s, 2) == 0 || time_s - birth_s <= 12; }));

    const ProcessReport process = observed.look_for(2 * kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].verdict, "growing");
}

TEST(Findings, what_replaces_older_blocks_does_not_grow) {
    ObservedProcess observed;
    observed.add(heap(
        1, {frame_of("replace", 1)}, [](double) { return 100; }, forever));
    observed.add(heap(2, {frame_of("keep", 2)}, two_a_second, forever));
    observed.also = [](ProcessReport& process, double time_s) {
        process.kinds[0].released_unknown = static_cast<uint64_t>(100 * time_s);
        process.memory.anon_bytes = 50 << 20;
    };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].headline, "keep");
}

TEST(Findings, T36_a_pool_that_any_caller_refills_is_growing) {
    ObservedProcess observed;
    for (uint64_t i = 0; i < 4; i++)
        observed.add({"mapping", i + 1, below_main({frame_of("caller_" + std::to_string(i), static_cast<int>(i))}),
                      [i](double birth_s) { return std::floor(birth_s / 15) == static_cast<double>(i) ? 1 : 0; },
                      forever, uint64_t{1} << 20});

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].rule, "spread");
}

TEST(Findings, a_buffer_that_doubles_is_growing) {
    ObservedProcess observed;
    // The old one goes when the next one, twice as large, comes.
    const auto size_at = [](double time_s) { return time_s < 16 ? 1 : time_s < 45 ? 2 : 4; };
    observed.add(heap(
        1, {frame_of("push_back", 1), frame_of("append", 7)}, [](double) { return 0; }, forever));
    observed.also = [size_at](ProcessReport& process, double time_s) {
        process.stacks[0].held = {1, static_cast<uint64_t>(size_at(time_s)) << 20};
        process.stacks[0].acquired = process.stacks[0].held;
        process.memory.anon_bytes += static_cast<uint64_t>(time_s * 40'000);
    };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].headline, "push_back");
}

TEST(Findings, memory_of_a_collector_is_no_leak_within_a_minute) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("v8::internal::SemiSpace::GrowTo", 0, "/usr/bin/node")}, two_a_second, forever));

    EXPECT_THAT(observed.look_for(kMinute).findings, IsEmpty());
}

TEST(Findings, all_that_grows_by_one_line_is_one_suspect) {
    ObservedProcess observed;
    const Frame guilty = frame_of("create_user", 88);
    const auto once_in_five_s = [](double birth_s) { return std::fmod(birth_s, 5) == 0 ? 1 : 0; };
    const auto four_times = [](double birth_s) { return std::fmod(birth_s, 5) == 0 ? 4 : 0; };
    observed.add(
        {"socket", 1, below_main({frame_of("dial", 5, "/usr/lib/libnet.so.1"), guilty}), once_in_five_s, forever});
    observed.add(
        {"thread", 2, below_main({frame_of("spawn", 6, "/usr/lib/libnet.so.1"), guilty}), four_times, forever});
    observed.add(heap(3, {frame_of("new_client", 7, "/usr/lib/libnet.so.1"), guilty}, once_in_five_s, forever));
    observed.also = [](ProcessReport& process, double) { process.limits.open_files = 1024; };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    const Finding& finding = process.findings[0];
    EXPECT_EQ(finding.headline, "create_user");
    EXPECT_EQ(finding.line, 88);
    EXPECT_THAT(finding.parts, SizeIs(3));
    EXPECT_EQ(finding.parts[0].kind, "socket") << "its limit is reached first";
    ASSERT_TRUE(finding.forecast);
    EXPECT_EQ(finding.forecast->limit, "RLIMIT_NOFILE");
    EXPECT_NEAR(finding.forecast->in_s, (1024 - 12) * 5, 60);
    ASSERT_FALSE(finding.evidence.empty());
    EXPECT_THAT(finding.evidence[0], HasSubstr("1 socket"));
    EXPECT_THAT(finding.evidence[0], HasSubstr("4 threads"));
}

TEST(Findings, the_callers_are_named_and_not_what_all_of_them_call) {
    ObservedProcess observed;
    for (uint64_t i = 0; i < 10; i++) {
        const bool leaks = i < 3;
        observed.add(heap(i + 1,
                          {frame_of("dial", 5), frame_of("caller_" + std::to_string(i), static_cast<int>(100 + i))},
                          two_a_second, leaks ? ObservedProcess::Kept(forever) : for_seconds(1)));
    }

    const ProcessReport process = observed.look_for(kMinute);

    std::vector<std::string> headlines;
    for (const Finding& finding : process.findings) headlines.push_back(finding.headline);
    EXPECT_THAT(headlines, ::testing::UnorderedElementsAre("caller_0", "caller_1", "caller_2"));
}

TEST(Findings, memory_that_nothing_holds_is_fragmentation) {
    ObservedProcess observed;
    observed.add(heap(
        1, {frame_of("f", 1)}, [](double) { return 1000; }, for_seconds(3)));
    observed.also = [](ProcessReport& process, double time_s) {
        process.memory.anon_bytes += static_cast<uint64_t>(time_s * (1 << 20));
    };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].rule, "fragmentation");
    EXPECT_THAT(process.findings[0].interim, HasSubstr("MALLOC_ARENA_MAX"));
}

TEST(Findings, memory_limit_is_forecast_with_a_range) {
    ObservedProcess observed;
    observed.add(heap(
        1, {frame_of("f", 1)}, [](double) { return 1024; }, forever));  // 1 MiB a second
    observed.also = [](ProcessReport& process, double) {
        process.memory.limit_bytes = uint64_t{170} << 20;
        process.memory.limit_source = "memory.max";
    };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    const auto& forecast = process.findings[0].forecast;
    ASSERT_TRUE(forecast);
    EXPECT_EQ(forecast->limit, "memory.max");
    EXPECT_NEAR(forecast->in_s, 60, 5);  // 50 + 60 of 170 MiB
    EXPECT_LE(forecast->low_s, forecast->in_s);
    EXPECT_GE(forecast->high_s, forecast->in_s);
    ASSERT_TRUE(process.memory_forecast);
}

TEST(Findings, connections_that_only_the_other_side_closed_are_named) {
    ObservedProcess observed;
    observed.also = [](ProcessReport& process, double) {
        ConnectionGroup group;
        group.direction = "outgoing";
        group.remote = "10.0.0.5:443";
        group.count = 12;
        group.states = {{"CLOSE_WAIT", 9}, {"ESTABLISHED", 3}};
        process.connections.push_back(group);
    };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].verdict, "holding");
    EXPECT_EQ(process.findings[0].rule, "close_wait");
    EXPECT_THAT(process.findings[0].reason, HasSubstr("10.0.0.5:443"));
}

TEST(Findings, what_is_taken_further_in_belongs_to_the_line_that_takes_the_rest) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("open_session", 20)}, two_a_second, forever));
    observed.add(
        {"socket", 2, below_main({frame_of("dial", 30), frame_of("open_session", 21)}), two_a_second, forever});

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_THAT(process.findings[0].parts, SizeIs(2));
    EXPECT_EQ(process.findings[0].rule, "growth");
}

TEST(Findings, two_leaks_of_one_kind_are_two_findings) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("open_session", 20)}, two_a_second, forever));
    observed.add(heap(2, {frame_of("log", 30), frame_of("open_session", 21)}, two_a_second, forever));

    EXPECT_THAT(observed.look_for(kMinute).findings, SizeIs(2));
}

TEST(Findings, threads_are_held_against_the_limit_of_their_control_group) {
    ObservedProcess observed;
    observed.add({"thread", 1, below_main({frame_of("start_watcher", 20)}), [](double) { return 1; }, forever});
    observed.also = [](ProcessReport& process, double time_s) {
        process.limits.pids_max = 200;
        process.limits.pids_now = 20 + static_cast<uint64_t>(time_s);
    };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    ASSERT_TRUE(process.findings[0].forecast);
    EXPECT_EQ(process.findings[0].forecast->limit, "pids.max");
    EXPECT_NEAR(process.findings[0].forecast->in_s, 120, 5);
}

TEST(Findings, page_cache_and_tmpfs_that_fill_a_limit_are_told_apart_from_the_programs_memory) {
    for (const bool is_tmpfs : {false, true}) {
        ObservedProcess observed;
        observed.also = [is_tmpfs](ProcessReport& process, double) {
            process.memory.limit_bytes = uint64_t{100} << 20;
            process.limits.memory_now_bytes = uint64_t{95} << 20;
            process.limits.group_file_bytes = uint64_t{80} << 20;
            process.limits.group_shmem_bytes = is_tmpfs ? uint64_t{79} << 20 : 0;
        };

        const ProcessReport process = observed.look_for(kMinute);

        ASSERT_THAT(process.findings, SizeIs(1));
        EXPECT_EQ(process.findings[0].verdict, "holding");
        EXPECT_EQ(process.findings[0].rule, "page_cache");
        EXPECT_EQ(process.findings[0].headline, is_tmpfs ? "files in tmpfs" : "page cache");
    }
}

TEST(Findings, a_minute_decides_between_growing_and_leak) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("keep", 20)}, two_a_second, forever));

    const ProcessReport process = observed.look_for(40);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].verdict, "growing");
}

TEST(Findings, stay_the_same_over_hours) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("keep", 20)}, two_a_second, forever));
    observed.add(heap(
        2, {frame_of("queue", 20)}, [](double) { return 20; }, for_seconds(30)));

    const ProcessReport process = observed.look_for(2 * 3600);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].verdict, "leak");
    EXPECT_NEAR(process.findings[0].parts[0].growth_per_min.count, 120, 2);
}

}  // namespace
}  // namespace whoholds
