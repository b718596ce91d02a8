// A process whose stacks hold what a test says, looked at regularly as a session does: for the tests of findings.
#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "analyze/findings.h"
#include "analyze/history.h"
#include "report/report.h"

namespace whoholds {

inline Frame frame_of(std::string function, int line, std::string module = "/app/server") {
    Frame frame;
    frame.function = std::move(function);
    frame.file = "server.cpp";
    frame.line = line;
    frame.module = std::move(module);
    return frame;
}

class ObservedProcess {
public:
    // How many units of one acquisition at birth_s are still held at time_s, and how many are acquired at birth_s (a whole second).
    using Acquired = std::function<double(double birth_s)>;
    using Kept = std::function<bool(double birth_s, double time_s)>;

    struct Stack {
        std::string kind;
        uint64_t id = 0;
        std::vector<Frame> frames;
        Acquired acquired;
        Kept is_kept;
        uint64_t bytes_each = 0;
        bool has_ages = true;
    };

    void add(Stack stack) { stacks_.push_back(std::move(stack)); }
    // Of the process as a whole, beside what the stacks hold.
    std::function<void(ProcessReport& process, double time_s)> also;

    // What is found after so long.
    ProcessReport look_for(double seconds, double every_s = 5) {
        ProcessReport process;
        for (double time_s = every_s; time_s <= seconds + 1e-9; time_s += every_s) {
            process = report_at(time_s);
            history_.look(process, time_s);
            judge(process, history_, time_s);
        }
        return process;
    }

private:
    ProcessReport report_at(double time_s) const {
        ProcessReport process;
        process.exe = "/app/server";
        process.pid = 42;
        process.memory.virtual_bytes = 1 << 30;
        process.memory.anon_bytes = process.memory.rss_bytes = 50 << 20;
        double width_s = 2;
        while (time_s >= 16 * width_s) width_s *= 2;
        const auto slices = static_cast<size_t>(time_s / width_s) + 1;
        for (size_t i = 1; i <= slices; i++) process.slice_ends_s.push_back(width_s * static_cast<double>(i));
        for (const Stack& stack : stacks_) {
            StackReport report;
            report.kind = stack.kind;
            report.id = stack.id;
            report.frames = stack.frames;
            report.complete = true;
            if (stack.has_ages) report.held_by_slice.resize(slices);
            double acquired = 0;
            double held = 0;
            for (double birth_s = 0; birth_s < time_s; birth_s++) {
                const double count = stack.acquired(birth_s);
                acquired += count;
                if (!stack.is_kept(birth_s, time_s)) continue;
                held += count;
                if (stack.has_ages)
                    report.held_by_slice[static_cast<size_t>(birth_s / width_s)] += static_cast<uint64_t>(count);
            }
            report.acquired = {static_cast<uint64_t>(acquired), static_cast<uint64_t>(acquired) * stack.bytes_each};
            report.held = {static_cast<uint64_t>(held), static_cast<uint64_t>(held) * stack.bytes_each};
            report.released = {report.acquired.count - report.held.count, report.acquired.bytes - report.held.bytes};
            process.memory.anon_bytes += report.held.bytes;
            process.memory.rss_bytes += report.held.bytes;
            add_to_kind(process, report);
            process.stacks.push_back(std::move(report));
        }
        if (also) also(process, time_s);
        return process;
    }

    static void add_to_kind(ProcessReport& process, const StackReport& stack) {
        KindReport* kind = nullptr;
        for (KindReport& one : process.kinds)
            if (one.kind == stack.kind) kind = &one;
        if (kind == nullptr) {
            kind = &process.kinds.emplace_back();
            kind->kind = stack.kind;
            kind->title = stack.kind == "heap" ? "native heap" : stack.kind + "s";
        }
        kind->held.count += stack.held.count;
        kind->held.bytes += stack.held.bytes;
        kind->acquired.count += stack.acquired.count;
        kind->acquired.bytes += stack.acquired.bytes;
    }

    std::vector<Stack> stacks_;
    History history_;
};

// Of is_kept.
inline bool forever(double, double) { return true; }
inline ObservedProcess::Kept for_seconds(double life_s) {
    return [life_s](double birth_s, double time_s) { return time_s - birth_s <= life_s; };
}

}  // namespace whoholds
