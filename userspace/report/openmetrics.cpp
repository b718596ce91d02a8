// A report as metrics. The number of series is bounded: so many processes as text shows, so many headlines for each kind as it
// shows stacks, and one series more for all others together.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/exposition.h"
#include "report/flat_stacks.h"
#include "report/formats.h"

namespace whoholds {
namespace {

constexpr size_t kMaxFindings = 20;
constexpr double kSecondsPerMinute = 60;

std::optional<double> per_second(const std::optional<double>& per_minute) {
    if (!per_minute) return std::nullopt;
    return *per_minute / kSecondsPerMinute;
}

class Metrics {
public:
    Metrics(const Report& report, const FormatOptions& options, ExpositionStyle style)
        : report_(report), options_(options), out_(style) {
        // One that executed something else is there twice for a moment; a series may be there only once.
        for (const ProcessReport& process : report.processes) {
            const auto same =
                std::ranges::find(processes_, process.pid, [](const ProcessReport* other) { return other->pid; });
            if (same != processes_.end()) {
                if (!process.exited) *same = &process;
            } else if (processes_.size() < options.top_processes) {
                processes_.push_back(&process);
            }
        }
    }

    std::string write() && {
        write_processes();
        write_kinds();
        write_headlines();
        write_findings();
        write_coverage();
        return std::move(out_).finish();
    }

private:
    static Labels labels_of(const ProcessReport& process) {
        return {{"pid", fmt::format("{}", process.pid)}, {"command", process.command}};
    }
    static Labels labels_of(const ProcessReport& process, std::string_view name, const std::string& value) {
        Labels labels = labels_of(process);
        labels.emplace_back(name, value);
        return labels;
    }

    template <class Value>
    void of_processes(std::string_view name, std::string_view unit, std::string_view help, Value value) {
        out_.gauge(name, unit, help);
        for (const ProcessReport* process : processes_) out_.sample(labels_of(*process), value(*process));
    }
    // Every process has an address space: without one, nothing was read.
    static std::optional<double> known(const ProcessReport& process, uint64_t bytes) {
        if (process.memory.virtual_bytes == 0 && process.memory.rss_bytes == 0) return std::nullopt;
        return static_cast<double>(bytes);
    }
    static std::optional<double> known(const std::optional<uint64_t>& value) {
        if (!value) return std::nullopt;
        return static_cast<double>(*value);
    }

    void write_processes() {
        out_.gauge("whoholds_processes", "", "Processes that are followed; the first ones have series of their own");
        out_.sample({}, uint64_t{report_.processes.size()});
        out_.gauge("whoholds_attached_seconds", "seconds", "How long it has been attached");
        out_.sample({}, report_.attached_s);
        of_processes("whoholds_process_resident_bytes", "bytes", "Resident memory of the process",
                     [](const auto& process) { return known(process, process.memory.rss_bytes); });
        of_processes("whoholds_process_anonymous_bytes", "bytes", "Resident anonymous memory of the process",
                     [](const auto& process) { return known(process, process.memory.anon_bytes); });
        of_processes("whoholds_process_swap_bytes", "bytes", "Memory of the process that is swapped out",
                     [](const auto& process) { return known(process, process.memory.swap_bytes); });
        of_processes("whoholds_process_memory_limit_bytes", "bytes", "The tightest memory limit of its control groups",
                     [](const auto& process) { return known(process.memory.limit_bytes); });
        of_processes("whoholds_process_resident_growth_bytes_per_second", "", "How fast resident memory grows",
                     [](const auto& process) { return per_second(process.rss_growth_bytes_per_min); });
    }

    template <class Value>
    void of_kinds(Value value) {
        for (const ProcessReport* followed : processes_) {
            const ProcessReport& process = *followed;
            for (const KindReport& kind : process.kinds)
                out_.sample(labels_of(process, "kind", kind.kind), value(kind));
        }
    }
    void amounts(const std::string& name, const std::string& what, bool is_counter, Amount KindReport::*amount) {
        const auto family = [&](const std::string& full, std::string_view unit, const std::string& help) {
            is_counter ? out_.counter(full, unit, help) : out_.gauge(full, unit, help);
        };
        family(name + "_objects", "", "Number of resources " + what);
        of_kinds([&](const KindReport& kind) { return (kind.*amount).count; });
        family(name + "_bytes", "bytes", "Bytes of the resources " + what);
        for (const ProcessReport* followed : processes_) {
            const ProcessReport& process = *followed;
            for (const KindReport& kind : process.kinds) {
                if (has_bytes(kind)) out_.sample(labels_of(process, "kind", kind.kind), (kind.*amount).bytes);
            }
        }
    }

    void write_kinds() {
        amounts("whoholds_held", "that are held now", false, &KindReport::held);
        amounts("whoholds_acquired", "acquired since the attach (go_heap: since the process started)", true,
                &KindReport::acquired);
        amounts("whoholds_released", "released since the attach (go_heap: since the process started)", true,
                &KindReport::released);
        out_.counter("whoholds_unrecorded_objects", "", "Resources that were acquired and could not be recorded");
        of_kinds([](const KindReport& kind) { return kind.lost.count; });
        out_.gauge("whoholds_oldest_seconds", "seconds", "Age of the oldest resource that is held");
        of_kinds([](const KindReport& kind) { return kind.oldest_s; });
        out_.gauge("whoholds_growth_objects_per_second", "", "How fast the number of held resources grows");
        of_kinds([](const KindReport& kind) {
            return kind.growth_per_min ? per_second(kind.growth_per_min->count) : std::nullopt;
        });
        out_.gauge("whoholds_growth_bytes_per_second", "", "How fast the bytes of held resources grow");
        of_kinds([](const KindReport& kind) {
            return kind.growth_per_min && has_bytes(kind) ? per_second(kind.growth_per_min->bytes) : std::nullopt;
        });
    }

    struct Headline {
        std::string name;
        Amount held;
    };
    static void add(Amount& sum, const Amount& amount) {
        sum.count += std::min(amount.count, UINT64_MAX - sum.count);
        sum.bytes += std::min(amount.bytes, UINT64_MAX - sum.bytes);
    }

    // By headline, because that is a name which stays the same from run to run. The rest is one entry, so the sum is what is held.
    [[nodiscard]] std::vector<Headline> headlines_of(const ProcessReport& process, const KindReport& kind) const {
        std::map<std::string, Amount> sums;
        Headline others{"(other)", {}};
        for (const FlatStack& row : rows_) {
            if (row.process != &process || row.kind != &kind) continue;
            const bool is_named = row.stack != nullptr && !row.stack->headline.empty();
            add(is_named ? sums[row.stack->headline] : others.held, row.held);
        }
        std::vector<Headline> headlines;
        for (const auto& [name, held] : sums) headlines.push_back({name, held});
        const auto weight = [&](const Headline& headline) {
            return has_bytes(kind) ? headline.held.bytes : headline.held.count;
        };
        std::ranges::stable_sort(headlines, std::ranges::greater(), weight);
        for (size_t i = options_.top; i < headlines.size(); ++i) add(others.held, headlines[i].held);
        headlines.resize(std::min(headlines.size(), options_.top));
        if (others.held != Amount{}) headlines.push_back(others);
        return headlines;
    }

    void write_headlines() {
        rows_ = flat_stacks(report_);
        struct Series {
            Labels labels;
            Amount held;
            bool has_bytes;
        };
        std::vector<Series> series;
        for (const ProcessReport* followed : processes_) {
            const ProcessReport& process = *followed;
            for (const KindReport& kind : process.kinds) {
                for (const Headline& headline : headlines_of(process, kind)) {
                    Labels labels = labels_of(process, "kind", kind.kind);
                    labels.emplace_back("headline", headline.name);
                    series.push_back({std::move(labels), headline.held, has_bytes(kind)});
                }
            }
        }
        out_.gauge("whoholds_headline_held_objects", "", "Resources that are held now, by the code that took them");
        for (const Series& one : series) out_.sample(one.labels, one.held.count);
        out_.gauge("whoholds_headline_held_bytes", "bytes", "Bytes that are held now, by the code that took them");
        for (const Series& one : series) {
            if (one.has_bytes) out_.sample(one.labels, one.held.bytes);
        }
    }

    static void forecast(Exposition& out, Labels labels, const std::string& headline, const Forecast& forecast) {
        labels.emplace_back("limit", forecast.limit);
        labels.emplace_back("headline", headline);
        labels.emplace_back("bound", "");
        const std::pair<const char*, double> kBounds[] = {
            {"low", forecast.low_s}, {"expected", forecast.in_s}, {"high", forecast.high_s}};
        for (const auto& [bound, seconds] : kBounds) {
            labels.back().second = bound;
            out.sample(labels, seconds);
        }
    }

    // The same headline may have several findings by one rule; a series may be there only once.
    static std::vector<const Finding*> findings_of(const ProcessReport& process) {
        std::vector<const Finding*> findings;
        for (const Finding& finding : process.findings) {
            const bool is_new = std::ranges::none_of(findings, [&](const Finding* other) {
                return other->headline == finding.headline && other->rule == finding.rule &&
                       other->verdict == finding.verdict;
            });
            if (is_new && findings.size() < kMaxFindings) findings.push_back(&finding);
        }
        return findings;
    }

    void write_findings() {
        out_.gauge("whoholds_finding", "", "1 for each finding: what leaks, grows or is held in a wrong state");
        for (const ProcessReport* followed : processes_) {
            const ProcessReport& process = *followed;
            for (const Finding* finding : findings_of(process)) {
                Labels labels = labels_of(process, "verdict", finding->verdict);
                labels.emplace_back("rule", finding->rule);
                labels.emplace_back("headline", finding->headline);
                out_.sample(labels, uint64_t{1});
            }
        }
        out_.gauge("whoholds_limit_reached_seconds", "seconds",
                   "Seconds until a limit is reached if growth goes on; by a finding, or by the process as a whole");
        for (const ProcessReport* followed : processes_) {
            const ProcessReport& process = *followed;
            std::vector<std::pair<std::string, std::string>> said;
            if (process.memory_forecast) {
                said.emplace_back("", process.memory_forecast->limit);
                forecast(out_, labels_of(process), "", *process.memory_forecast);
            }
            for (const Finding* finding : findings_of(process)) {
                if (!finding->forecast) continue;
                std::pair<std::string, std::string> key{finding->headline, finding->forecast->limit};
                if (std::ranges::find(said, key) != said.end()) continue;
                said.push_back(std::move(key));
                forecast(out_, labels_of(process), finding->headline, *finding->forecast);
            }
        }
    }

    void write_coverage() {
        const Coverage& coverage = report_.coverage;
        out_.counter("whoholds_events_seen", "", "Events that the probes reported");
        out_.sample({}, coverage.events_seen);
        out_.counter("whoholds_events_lost", "", "Events that were lost: numbers may be off by as many");
        out_.sample({}, coverage.events_lost);
        out_.counter("whoholds_losses", "", "What else could not be recorded, by cause");
        for (const LossCounter& loss : coverage.losses) {
            if (loss.loses) out_.sample({{"cause", loss.name}}, loss.value);
        }
        out_.gauge("whoholds_stacks", "", "Stacks that were seen, by whether they are complete");
        out_.sample({{"complete", "true"}}, coverage.stacks_complete);
        out_.sample({{"complete", "false"}}, coverage.stacks_incomplete);
        out_.gauge("whoholds_probes", "", "Probes that are attached");
        out_.sample({}, uint64_t{coverage.probes.size()});
        out_.gauge("whoholds_warnings", "", "Warnings in the report: not all can be seen");
        out_.sample({}, uint64_t{coverage.warnings.size()});
        out_.gauge("whoholds_target_cost_ratio", "", "Estimate of what it costs the processes, in cores");
        if (coverage.cost_core_percent) out_.sample({}, *coverage.cost_core_percent / 100);
    }

    const Report& report_;
    const FormatOptions& options_;
    Exposition out_;
    std::vector<const ProcessReport*> processes_;
    std::vector<FlatStack> rows_;
};

}  // namespace

std::string write_openmetrics(const Report& report, const FormatOptions& options) {
    return Metrics(report, options, ExpositionStyle::kOpenMetrics).write();
}

std::string write_prometheus(const Report& report, const FormatOptions& options) {
    return Metrics(report, options, ExpositionStyle::kPrometheus).write();
}

}  // namespace whoholds
