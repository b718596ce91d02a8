#include "analyze/findings.h"

#include <gmock/gmock.h>

#include <cmath>

#include "unit/analyze/observed_process.h"

namespace whoholds {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
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

TEST(Findings, the_callers_of_a_function_that_several_use_are_named) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("dial", 20), frame_of("check_out", 30)}, two_a_second, forever));
    observed.add(heap(
        2, {frame_of("dial", 20), frame_of("add_to_cart", 40)}, [](double) { return 4; }, forever));
    observed.add(heap(3, {frame_of("keep", 50), frame_of("serve", 60)}, two_a_second, forever));

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(2));
    const auto of = [&](const char* headline) {
        const auto found = std::ranges::find(process.findings, headline, &Finding::headline);
        return found == process.findings.end() ? Finding() : *found;
    };
    EXPECT_THAT(of("dial").evidence,
                Contains(MatchesRegex("called by add_to_cart \\(2.. of 3..\\), check_out \\(1.. of 3..\\)")));
    EXPECT_THAT(of("keep").evidence, Not(Contains(HasSubstr("called by"))));
}

TEST(Findings, who_hands_on_what_a_library_gave_is_passed_over_unless_some_of_it_is_given_back) {
    Frame dial = frame_of("dial", 20);
    dial.hands_on = true;
    const auto findings_of = [&](const ObservedProcess::Kept& is_kept) {
        ObservedProcess observed;
        observed.add({"socket", 1, below_main({dial, frame_of("check_out", 30)}), two_a_second, is_kept});
        observed.add({"socket", 2, below_main({dial, frame_of("add_to_cart", 40)}), two_a_second, is_kept});
        return observed.look_for(kMinute).findings;
    };

    const auto never_closed = findings_of(forever);
    ASSERT_THAT(never_closed, SizeIs(2));
    EXPECT_EQ(never_closed[0].headline, "add_to_cart");
    EXPECT_EQ(never_closed[1].headline, "check_out");
    EXPECT_THAT(never_closed[0].evidence, Contains(HasSubstr("dial took it and handed it on")));
    const auto half_closed =
        findings_of([](double birth_s, double time_s) { return std::fmod(birth_s, 2) < 1 || time_s - birth_s < 1; });
    ASSERT_THAT(half_closed, SizeIs(1));
    EXPECT_EQ(half_closed[0].headline, "dial");
}

// One of 600 objects is met by the collector while it is in use, and stays until it looks at the old ones again.
TEST(Findings, what_the_collector_of_python_may_take_away_later_is_no_leak) {
    Frame parse = frame_of("parse", 15, "[python]");
    parse.script = ScriptOrigin::kUser;
    const auto findings_of = [&](const char* module, double minutes) {
        parse.module = module;
        ObservedProcess observed;
        const auto is_met = [](double birth_s) { return std::fmod(birth_s, 5) < 1; };
        observed.add(heap(
            1, {parse}, [=](double birth_s) { return is_met(birth_s) ? 1 : 150; },
            [=](double birth_s, double time_s) { return is_met(birth_s) || time_s - birth_s < 1; }));
        return observed.look_for(minutes * kMinute).findings;
    };

    EXPECT_THAT(findings_of("[python]", 1), IsEmpty());
    EXPECT_THAT(findings_of("/srv/program", 1), SizeIs(1));
    const auto later = findings_of("[python]", 8);
    ASSERT_THAT(later, SizeIs(1));
    EXPECT_EQ(later[0].verdict, "growing");
}

// The profile of a heap tells what the last but one of the collections saw, and each of its samples stands for many objects.
TEST(Findings, a_heap_that_its_profile_shows_twice_to_grow_while_memory_grows_all_the_time_is_growing) {
    const auto findings_of = [&](double grows_per_s) {
        ObservedProcess observed;
        observed.also = [=](ProcessReport& process, double time_s) {
            process.memory.anon_bytes = static_cast<uint64_t>(40e6 + grows_per_s * time_s);
        };
        const auto is_sampled = [](double birth_s) { return birth_s == 0 || birth_s == 18 || birth_s == 43; };
        observed.add({"go_heap", 1, below_main({frame_of("render", 21)}),
                      [=](double birth_s) { return is_sampled(birth_s) ? 100 : 0; }, forever, 10'000, false});
        return observed.look_for(kMinute).findings;
    };

    ASSERT_THAT(findings_of(200e3), SizeIs(1));
    EXPECT_THAT(findings_of(0), IsEmpty());
}

TEST(Findings, seven_looks_in_half_a_minute_are_enough_to_see_that_nothing_is_given_back) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("keep", 20)}, two_a_second, forever));
    observed.add(heap(2, {frame_of("serve", 30)}, two_a_second, for_seconds(9)));

    const ProcessReport process = observed.look_for(28, 4);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].verdict, "growing");
    EXPECT_EQ(process.findings[0].headline, "keep");
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
        {"ten times the load, step by step",
         heap(
             1, {frame_of("f", 1)}, [](double birth_s) { return 10 + 2 * birth_s; }, for_seconds(3))},
        {"more and more load that holds each for long",
         heap(
             1, {frame_of("f", 1)}, [](double birth_s) { return 10 + 4 * birth_s; }, for_seconds(8))},
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
    EXPECT_THAT(process.findings[0].evidence, ::testing::Contains(HasSubstr("each is held longer")));
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
        process.memory.anon_bytes = (50 << 20) + static_cast<uint64_t>(2048 * time_s);
    };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].headline, "keep");
}

TEST(Findings, what_is_taken_with_each_connection_that_stays_replaces_nothing) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("send_message", 1)}, two_a_second, forever));
    observed.add({"socket", 2, {frame_of("connect", 9, "/usr/lib/libloop.so.1")}, two_a_second, forever});
    observed.also = [](ProcessReport& process, double time_s) {
        for (KindReport& kind : process.kinds)
            if (kind.kind == "heap") kind.released_unknown = static_cast<uint64_t>(100 * time_s);
        process.memory.anon_bytes = 50 << 20;
    };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].headline, "send_message");
}

TEST(Findings, T35_a_leak_beneath_waves_of_work_is_seen_among_the_old) {
    // Two are kept every third second, in the others hundreds live for two seconds.
    const auto is_third = [](double birth_s) { return std::fmod(birth_s, 3) == 0; };
    const auto in_waves = [&](double birth_s) {
        return is_third(birth_s) ? 2 : std::floor(300 + 250 * std::sin(birth_s / 5));
    };
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("begin_request", 5)}, in_waves,
                      [&](double birth_s, double time_s) { return is_third(birth_s) || time_s - birth_s <= 2; }));
    ObservedProcess healthy;
    healthy.add(heap(1, {frame_of("begin_request", 5)}, in_waves, for_seconds(2)));

    const ProcessReport process = observed.look_for(kMinute);

    EXPECT_THAT(healthy.look_for(kMinute).findings, IsEmpty());
    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].verdict, "leak");
    EXPECT_NEAR(process.findings[0].parts[0].growth_per_min.count, 40, 5);
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

TEST(Findings, callers_that_gave_nothing_back_prove_nothing) {
    ObservedProcess observed;
    const Frame guilty = frame_of("create_user", 88);
    observed.add(
        heap(1, {frame_of("dial", 5, "/usr/lib/libnet.so.1"), guilty, frame_of("run", 9)}, two_a_second, forever));
    // The same, from before a thread was known: a few at the start.
    observed.add(heap(
        2, {frame_of("dial", 5, "/usr/lib/libnet.so.1"), guilty}, [](double birth_s) { return birth_s < 2 ? 2 : 0; },
        forever));

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].headline, "create_user");
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

TEST(Findings, the_memory_limit_of_go_is_forecast_where_it_comes_first) {
    ObservedProcess observed;
    observed.add({"go_heap", 1, below_main({frame_of("main.keep", 20)}), [](double) { return 1024; }, forever, 1024});
    observed.also = [](ProcessReport& process, double) {
        process.memory.limit_bytes = uint64_t{4} << 30;
        process.memory.limit_source = "memory.max";
        process.go.emplace().facts.memory_limit_bytes = uint64_t{180} << 20;
        process.go->facts.heap_in_use_bytes = process.stacks[0].held.bytes;
    };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    ASSERT_TRUE(process.findings[0].forecast);
    EXPECT_EQ(process.findings[0].forecast->limit, "GOMEMLIMIT");
    EXPECT_NEAR(process.findings[0].forecast->in_s, 120, 10);  // 60 of 180 MiB
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

TEST(Findings, T36_lines_of_samples_are_not_blamed_beside_what_was_counted) {
    ObservedProcess observed;
    Frame arena = frame_of("new_arena", 0, "/usr/bin/python3.11");
    arena.script = ScriptOrigin::kInterpreter;
    observed.add(heap(1, {frame_of("decode", 11), frame_of("handle_request", 16)}, two_a_second, forever));
    observed.add({"mapping", 2, below_main({arena, frame_of("handle_request", 15)}), two_a_second, forever, 100});

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_FALSE(process.findings.empty());
    EXPECT_EQ(process.findings[0].headline, "decode");
    EXPECT_EQ(process.findings[0].line, 11);
}

TEST(Findings, what_was_put_off_belongs_to_the_one_line_that_takes_as_many_of_something_else) {
    const auto one_a_second = [](double) { return 1; };
    const auto findings_of = [&](int lines, const ObservedProcess::Acquired& opened) {
        ObservedProcess observed;
        observed.add({"socket", 1, {frame_of("connect", 9, "/usr/lib/libloop.so.1")}, opened, forever});
        for (int i = 0; i < lines; i++)
            observed.add(heap(10 + static_cast<uint64_t>(i), {frame_of("send_message_" + std::to_string(i), 13)},
                              two_a_second, forever));
        return observed.look_for(kMinute).findings;
    };

    const auto tied = findings_of(1, two_a_second);
    ASSERT_THAT(tied, SizeIs(1));
    EXPECT_EQ(tied[0].headline, "send_message_0");
    EXPECT_THAT(tied[0].parts, SizeIs(2));
    EXPECT_THAT(findings_of(2, two_a_second), SizeIs(3));
    EXPECT_THAT(findings_of(1, one_a_second), SizeIs(2));
}

TEST(Findings, what_was_put_off_may_be_as_many_as_one_of_several_things_that_the_line_takes) {
    ObservedProcess observed;
    observed.add({"socket", 1, {frame_of("connect", 9, "/usr/lib/libloop.so.1")}, two_a_second, forever});
    for (const uint64_t id : {10U, 11U})
        observed.add(heap(id, {frame_of("make", static_cast<int>(id), "/usr/lib/libloop.so.1"), frame_of("send", 13)},
                          two_a_second, forever));

    const auto findings = observed.look_for(kMinute).findings;

    ASSERT_THAT(findings, SizeIs(1));
    EXPECT_EQ(findings[0].headline, "send");
}

TEST(Findings, of_one_function_the_line_whose_threads_stay_is_named) {
    ObservedProcess observed;
    observed.add(
        heap(1, {frame_of("Queue", 207, "/usr/lib/libqueue.so.1"), frame_of("download", 15)}, two_a_second, forever));
    observed.add({"thread", 2, below_main({frame_of("download", 17)}), two_a_second, forever});

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].line, 17);
}

TEST(Findings, a_small_share_of_the_memory_that_is_taken_further_in_belongs_to_it) {
    ObservedProcess observed;
    const auto ten_a_second = [](double) { return 10; };
    observed.add({"socket", 1, below_main({frame_of("refresh", 20)}), two_a_second, forever});
    observed.add(heap(2, {frame_of("refresh", 20)}, ten_a_second, forever));
    observed.add(heap(3, {frame_of("new_client", 30), frame_of("refresh", 21)}, two_a_second, forever));

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].headline, "refresh");
    EXPECT_NEAR(process.findings[0].parts[1].growth_per_min.bytes, 12 * 60 * 1024, 1024);
}

TEST(Findings, memory_seen_in_few_steps_belongs_to_the_sockets_of_its_line) {
    const Frame guilty = frame_of("create_user", 88);
    const auto seen_after_collections = [&](ProcessReport& process, double time_s) {
        StackReport& stack = process.stacks.emplace_back();
        stack.kind = "go_heap";
        stack.id = 7;
        stack.frames = below_main({frame_of("new_buffer", 5, "/usr/lib/libnet.so.1"), guilty});
        const auto collections = static_cast<uint64_t>(time_s / 25);
        stack.held = stack.acquired = {collections * 50, collections * 50 * 1024};
    };
    ObservedProcess alone;
    alone.add(heap(
        1, {frame_of("work", 30)}, [](double) { return 50; }, for_seconds(2)));
    alone.also = seen_after_collections;
    ObservedProcess observed;
    observed.add(
        {"socket", 1, below_main({frame_of("dial", 5, "/usr/lib/libnet.so.1"), guilty}), two_a_second, forever});
    observed.also = seen_after_collections;

    const ProcessReport process = observed.look_for(kMinute);

    EXPECT_THAT(alone.look_for(kMinute).findings, IsEmpty());
    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].headline, "create_user");
    EXPECT_THAT(process.findings[0].parts, SizeIs(2));
}

TEST(Findings, the_line_is_that_of_what_the_memory_belongs_to) {
    ObservedProcess observed;
    observed.add(heap(1, {frame_of("start_download", 15)}, two_a_second, forever));
    observed.add({"thread", 2, below_main({frame_of("start_download", 17)}), two_a_second, forever});
    observed.also = [](ProcessReport& process, double) { process.memory.limit_bytes = 1 << 30; };

    const ProcessReport process = observed.look_for(kMinute);

    ASSERT_THAT(process.findings, SizeIs(1));
    EXPECT_EQ(process.findings[0].line, 17);
    EXPECT_THAT(process.findings[0].stack_ids, ElementsAre(2, 1));
}

TEST(Findings, a_heap_that_is_more_at_each_of_its_few_collections_is_growing) {
    const auto findings_of = [](std::initializer_list<uint64_t> after_collections, uint64_t released) {
        ObservedProcess observed;
        std::vector<uint64_t> counts(after_collections);
        observed.also = [counts, released](ProcessReport& process, double time_s) {
            StackReport& stack = process.stacks.emplace_back();
            stack.kind = "go_heap";
            stack.id = 7;
            stack.frames = below_main({frame_of("main.render", 5)});
            const uint64_t count = counts[std::min(static_cast<size_t>(time_s / 14), counts.size() - 1)];
            stack.held = {count, count * 4096};
            stack.released = {released, released * 4096};
            stack.acquired = {count + released, (count + released) * 4096};
            process.memory.anon_bytes += static_cast<uint64_t>(time_s * (4 << 20));  // and garbage
        };
        return observed.look_for(kMinute).findings;
    };

    ASSERT_THAT(findings_of({200, 300, 500, 500, 1300}, 0), SizeIs(1));
    EXPECT_EQ(findings_of({200, 300, 500, 500, 1300}, 0)[0].verdict, "growing");
    EXPECT_THAT(findings_of({200, 300, 500, 500, 1300}, 5000), IsEmpty());
    EXPECT_THAT(findings_of({200, 300, 500, 500, 500}, 0), IsEmpty());
}

TEST(Findings, a_buffer_that_is_made_anew_larger_and_larger_is_growing) {
    const auto findings_of = [](uint64_t larger_each_time) {
        ObservedProcess observed;
        observed.also = [larger_each_time](ProcessReport& process, double time_s) {
            StackReport& stack = process.stacks.emplace_back();
            stack.kind = "heap";
            stack.id = 7;
            stack.frames = below_main({frame_of("append", 17)});
            const auto times = static_cast<uint64_t>(time_s);
            stack.held = {1, 100'000 + larger_each_time * times};
            stack.released = {times, times * 100'000 + larger_each_time * times * (times - 1) / 2};
            stack.acquired = {times + 1, stack.released.bytes + stack.held.bytes};
        };
        return observed.look_for(kMinute).findings;
    };

    EXPECT_THAT(findings_of(0), IsEmpty());
    EXPECT_THAT(findings_of(30'000), SizeIs(1));
}

TEST(Findings, a_stack_that_is_estimated_from_few_samples_is_not_blamed) {
    const auto findings_of = [](uint64_t samples) {
        ObservedProcess observed;
        observed.also = [samples](ProcessReport& process, double time_s) {
            StackReport& stack = process.stacks.emplace_back();
            stack.kind = "go_heap";
            stack.id = 7;
            stack.frames = below_main({frame_of("main.ask", 40)});
            stack.samples = samples;
            stack.held = stack.acquired = {static_cast<uint64_t>(time_s), static_cast<uint64_t>(1024 * time_s)};
            stack.growth_per_min = Rate{60, 60 * 1024};
        };
        return observed.look_for(kMinute).findings;
    };

    EXPECT_THAT(findings_of(11), IsEmpty());
    EXPECT_THAT(findings_of(12), SizeIs(1));
}

TEST(Findings, the_little_that_libraries_take_beside_what_is_explained_is_none) {
    const auto taking = [](double a_second) { return [a_second](double) { return a_second; }; };
    const std::vector<Frame> of_library = {frame_of("grow", 1, "/usr/lib/libengine.so.1")};
    ObservedProcess little;
    little.add(heap(1, {frame_of("keep", 20)}, taking(50), forever));
    little.add({"heap", 2, of_library, taking(2), forever, 1024});
    ObservedProcess much;
    much.add(heap(1, {frame_of("keep", 20)}, taking(50), forever));
    much.add({"heap", 2, of_library, taking(20), forever, 1024});

    EXPECT_THAT(little.look_for(kMinute).findings, SizeIs(1));
    EXPECT_THAT(much.look_for(kMinute).findings, SizeIs(2));
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
