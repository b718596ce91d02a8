// profile.proto of pprof, gzipped. Addresses are relative to their modules, whose mappings all begin at 0 and are equally large:
// pprof compares two profiles (-base) by module and address, and the kernel moves modules from run to run.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <map>
#include <tuple>

#include "base/gzip.h"
#include "base/printable.h"
#include "report/flat_stacks.h"
#include "report/formats.h"
#include "report/protobuf_writer.h"

namespace whoholds {
namespace {

constexpr uint64_t kMappingSize = uint64_t{1} << 47;  // user space of x86-64

uint64_t clamped(uint64_t value) { return std::min<uint64_t>(value, std::numeric_limits<int64_t>::max()); }

// "2026-11-21T03:04:05.123Z" as report.h has it; 0 for anything else.
uint64_t unix_ns_of(const std::string& time) {
    constexpr size_t kLength = 24;
    if (time.size() != kLength || time.back() != 'Z') return 0;
    bool is_sound = true;
    const auto number = [&](size_t at, size_t length) {
        int value = 0;
        const char* end = time.data() + at + length;
        const auto parsed = std::from_chars(time.data() + at, end, value);
        is_sound &= parsed.ec == std::errc() && parsed.ptr == end;
        return value;
    };
    const int year = number(0, 4), month = number(5, 2), day = number(8, 2);
    const int hour = number(11, 2), minute = number(14, 2), second = number(17, 2), ms = number(20, 3);
    if (!is_sound || month < 1 || day < 1) return 0;
    using namespace std::chrono;
    const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                              std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok() || year < 1970) return 0;
    const auto when = sys_days(date) + hours(hour) + minutes(minute) + seconds(second) + milliseconds(ms);
    return static_cast<uint64_t>(duration_cast<nanoseconds>(when.time_since_epoch()).count());
}

class PprofProfile {
public:
    explicit PprofProfile(const Report& report) : report_(report), rows_(flat_stacks(report)) { text_id(""); }

    std::string write() {
        write_sample_types();
        find_main_programs();
        for (const FlatStack& row : rows_) write_sample(row);
        write_mappings();
        write_about();
        for (const std::string& text : texts_) profile_.entry(6, text);
        return gzip(profile_.text());
    }

private:
    struct Module {
        std::string path;
        std::string build_id;
        bool has_files = false;
        bool has_lines = false;
        bool has_inlined = false;
    };
    using Line = std::pair<uint64_t, uint64_t>;                       // function, line
    using Place = std::tuple<uint64_t, uint64_t, std::vector<Line>>;  // mapping, address, lines
    using Function = std::tuple<uint64_t, uint64_t, uint64_t>;        // name, name in the symbol table, file

    uint64_t text_id(const std::string& text) {
        const auto [found, is_new] = text_ids_.try_emplace(printable(text), texts_.size());
        if (is_new) texts_.push_back(found->first);
        return found->second;
    }

    void write_value_type(uint32_t field, const std::string& type, const std::string& unit) {
        ProtobufWriter value;
        value.number(1, text_id(type));
        value.number(2, text_id(unit));
        profile_.entry(field, value.text());
    }

    // Of the main kind of memory the names that every tool knows; in front of those of the others stands the kind.
    static std::string prefix_of(const ProcessReport& process, const KindReport& kind) {
        return memory_kind(process) == &kind ? "" : kind.kind + '_';
    }

    void write_sample_types() {
        std::vector<std::string> prefixes;
        for (const ProcessReport& process : report_.processes) {
            for (const KindReport& kind : process.kinds) prefixes.push_back(prefix_of(process, kind));
        }
        if (prefixes.empty()) prefixes.emplace_back();
        std::ranges::stable_sort(prefixes, {}, [](const std::string& prefix) { return !prefix.empty(); });
        for (const std::string& prefix : prefixes) {
            if (!first_value_.try_emplace(prefix, first_value_.size() * 4).second) continue;
            write_value_type(1, prefix + "inuse_objects", "count");
            write_value_type(1, prefix + "inuse_space", "bytes");
            write_value_type(1, prefix + "alloc_objects", "count");
            write_value_type(1, prefix + "alloc_space", "bytes");
        }
        const bool has_memory = prefixes.front().empty();
        profile_.number(14, text_id(prefixes.front() + (has_memory ? "inuse_space" : "inuse_objects")));
    }

    uint64_t module_id(const Frame& frame) {
        if (frame.module.empty()) return 0;
        const auto [found, is_new] = module_ids_.try_emplace({frame.module, frame.build_id}, modules_.size() + 1);
        if (is_new) modules_.push_back({frame.module, frame.build_id});
        Module& module = modules_[found->second - 1];
        module.has_files |= !frame.file.empty();
        module.has_lines |= frame.line > 0;
        module.has_inlined |= frame.inlined;
        return found->second;
    }

    // pprof takes the first mapping for the program.
    void find_main_programs() {
        for (const FlatStack& row : rows_) {
            if (row.stack == nullptr) continue;
            for (const Frame& frame : row.stack->frames) {
                if (frame.module == row.process->exe) module_id(frame);
            }
        }
    }

    uint64_t function_id(const std::string& name, const std::string& raw_name, const std::string& file) {
        const Function key{text_id(name), text_id(raw_name), text_id(file)};
        const auto [found, is_new] = function_ids_.try_emplace(key, function_ids_.size() + 1);
        if (is_new) {
            ProtobufWriter function;
            function.number(1, found->second);
            function.number(2, std::get<0>(key));
            function.number(3, std::get<1>(key));
            function.number(4, std::get<2>(key));
            profile_.entry(5, function.text());
        }
        return found->second;
    }

    uint64_t location_id(const Place& place) {
        const auto [found, is_new] = location_ids_.try_emplace(place, location_ids_.size() + 1);
        if (is_new) {
            ProtobufWriter location;
            location.number(1, found->second);
            location.number(2, std::get<0>(place));
            location.number(3, std::get<1>(place));
            for (const auto& [function, number] : std::get<2>(place)) {
                ProtobufWriter line;
                line.number(1, function);
                line.number(2, number);
                location.entry(4, line.text());
            }
            profile_.entry(4, location.text());
        }
        return found->second;
    }

    // Frames that were inlined into the next one are further lines of its location.
    std::vector<uint64_t> locations_of(const FlatStack& row) {
        if (!row.place.empty()) {
            const std::string place(row.place);
            return {location_id({0, 0, {{function_id(place, place, ""), 0}}})};
        }
        std::vector<uint64_t> ids;
        std::vector<Line> lines;
        for (size_t i = 0; i < row.stack->frames.size(); ++i) {
            const Frame& frame = row.stack->frames[i];
            const uint64_t module = module_id(frame);
            // Elsewhere than in files, code has other addresses in the next run, and none that means anything in this one.
            const bool in_file = frame.module.starts_with('/');
            std::string name = frame.function;
            if (name.empty() && !in_file) name = frame.module.empty() ? "[no mapping]" : frame.module;
            if (!name.empty()) {
                const uint64_t line = static_cast<uint64_t>(std::max(frame.line, 0));
                lines.emplace_back(function_id(name, frame.raw_function, frame.file), line);
            }
            if (frame.inlined && i + 1 < row.stack->frames.size()) continue;
            // A return address may belong to the next line already, so pprof wants one within the call.
            const uint64_t address = in_file && frame.module_address != 0 ? frame.module_address - 1 : 0;
            ids.push_back(location_id({module, address, std::move(lines)}));
            lines.clear();
        }
        return ids;
    }

    void write_label(ProtobufWriter& sample, const std::string& key, const std::string& value) {
        ProtobufWriter label;
        label.number(1, text_id(key));
        label.number(2, text_id(value));
        sample.entry(3, label.text());
    }

    void write_sample(const FlatStack& row) {
        std::vector<uint64_t> values(first_value_.size() * 4);
        const size_t first = first_value_.at(prefix_of(*row.process, *row.kind));
        values[first] = clamped(row.held.count);
        values[first + 1] = clamped(row.held.bytes);
        values[first + 2] = clamped(row.acquired.count);
        values[first + 3] = clamped(row.acquired.bytes);
        ProtobufWriter sample;
        sample.packed(1, locations_of(row));
        sample.packed(2, values);
        write_label(sample, "pid", fmt::format("{}", row.process->pid));
        write_label(sample, "command", row.process->command);
        write_label(sample, "kind", row.kind->kind);
        if (row.stack != nullptr && !row.stack->complete && !row.stack->frames.empty())
            write_label(sample, "stack", "incomplete");
        profile_.entry(2, sample.text());
    }

    void write_mappings() {
        for (size_t i = 0; i < modules_.size(); ++i) {
            const Module& module = modules_[i];
            ProtobufWriter mapping;
            mapping.number(1, i + 1);
            mapping.number(3, kMappingSize);
            mapping.number(5, text_id(module.path));
            mapping.number(6, text_id(module.build_id));
            // Names were looked up in the target's own files; without this pprof would try others.
            mapping.number(7, 1);
            mapping.number(8, module.has_files ? 1 : 0);
            mapping.number(9, module.has_lines ? 1 : 0);
            mapping.number(10, module.has_inlined ? 1 : 0);
            profile_.entry(3, mapping.text());
        }
    }

    void write_about() {
        profile_.number(9, unix_ns_of(report_.time));
        if (report_.attached_s > 0 && report_.attached_s < 9e9)
            profile_.number(10, static_cast<uint64_t>(report_.attached_s * 1e9));
        uint64_t period = 1;  // every block is seen
        for (const ProcessReport& process : report_.processes) {
            if (process.go && process.go->facts.profile_rate_bytes > 1)
                period = static_cast<uint64_t>(process.go->facts.profile_rate_bytes);
        }
        write_value_type(11, "space", "bytes");
        profile_.number(12, period);
        std::vector<uint64_t> comments;
        if (!report_.selection.empty()) comments.push_back(text_id("inuse values: " + report_.selection));
        for (const std::string& warning : report_.coverage.warnings) comments.push_back(text_id(warning));
        if (report_.coverage.events_lost != 0)
            comments.push_back(text_id(
                fmt::format("{} events were lost: numbers may be off by as many", report_.coverage.events_lost)));
        profile_.packed(13, comments);
    }

    const Report& report_;
    std::vector<FlatStack> rows_;
    ProtobufWriter profile_;
    std::vector<std::string> texts_;
    std::map<std::string, uint64_t> text_ids_;
    std::map<std::string, size_t> first_value_;  // of the four values of a sample, by prefix
    std::vector<Module> modules_;
    std::map<std::pair<std::string, std::string>, uint64_t> module_ids_;
    std::map<Function, uint64_t> function_ids_;
    std::map<Place, uint64_t> location_ids_;
};

}  // namespace

std::string write_pprof(const Report& report, const FormatOptions& /*options*/) { return PprofProfile(report).write(); }

}  // namespace whoholds
