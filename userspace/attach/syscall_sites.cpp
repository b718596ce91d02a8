#include "attach/syscall_sites.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "attach/call_shape.h"
#include "attach/function_code.h"
#include "attach/function_names.h"
#include "attach/syscall_number.h"
#include "attach/syscall_probe.h"
#include "attach/syscall_scan.h"

namespace whoholds {
namespace {

constexpr std::string_view kWrapper = "syscall";
constexpr size_t kSyscallBytes = 2;
// All functions that are decoded together. A C library's are 100 KiB; the limit is for files that are made to take long.
constexpr uint64_t kMaxDecodedBytes = 16 << 20;
constexpr uint64_t kMaxDecodedForCalls =
    4 << 20;  // of those that call syscall(), more: a few dozen in the largest programs
constexpr std::string_view kNotProved = "its function cannot be decoded from end to end";
constexpr std::string_view kJumpFromElsewhere = "another function jumps into it";

// The end of a signal handler, as unwinders know it too: by its bytes. For their sake .eh_frame has it begin one byte early,
// so decoding it from there would go astray.
bool returns_from_signal(const ModuleCode& code, uint64_t hit) {
    static constexpr std::array<uint8_t, 7> kMov64 = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00};  // mov $15,%rax
    static constexpr std::array<uint8_t, 5> kMov32 = {0xb8, 0x0f, 0x00, 0x00, 0x00};
    if (hit < kMov64.size()) return false;
    const auto before = code.code_at(hit - kMov64.size(), kMov64.size());
    return before.size() == kMov64.size() && (std::equal(kMov64.begin(), kMov64.end(), before.begin()) ||
                                              std::equal(kMov32.begin(), kMov32.end(), before.end() - kMov32.size()));
}

class Scan {
public:
    explicit Scan(const ModuleCode& code) : code_(code), names_(code) {}

    SyscallSites run() {
        const std::vector<uint64_t> hits = find_syscall_bytes(code_);
        result_.complete = hits.size() <= kMaxSyscallHits;
        for (size_t i = 0; i < hits.size() && result_.complete; ++i) look_at(hits[i]);
        if (!result_.complete) return {.complete = false};
        look_at_wrapper_calls();
        drop_what_is_jumped_into();
        for (auto* sites : {&result_.sites, &result_.through_wrapper}) {
            for (SyscallSite& site : *sites) site.function = names_.name_of(site.address);
        }
        return std::move(result_);
    }

private:
    // Which places are only right if no other function jumps there.
    struct Way {
        uint64_t site = 0;
        CodeRange function;
    };

    void look_at(uint64_t hit) {
        if (returns_from_signal(code_, hit)) return;
        result_.complete = enter_function_of(hit, kMaxDecodedBytes);
        if (!function_) return look_at_unknown_code(hit);
        const size_t index = function_->index_of(hit);
        const uint64_t end = function_->address_of(index) + function_->instructions()[index].length;
        // Else a constant, or a displacement. (The instruction may begin before the hit, with a prefix.)
        if (function_->instructions()[index].is_system_call && end == hit + kSyscallBytes) look_at_instruction(index);
    }

    // False if that would be too much code in all.
    bool enter_function_of(uint64_t hit, uint64_t max_decoded_bytes) {
        if (function_ && hit >= function_->range().start && hit < function_->range().end) return true;
        function_.reset();
        const std::optional<CodeRange> range = function_range(hit);
        if (!range || refused_.contains(range->start)) return true;
        const uint64_t size = range->end - range->start;
        if (size <= kMaxFunctionCodeBytes) {
            decoded_bytes_ += size;
            if (decoded_bytes_ > max_decoded_bytes) return false;
            function_ = FunctionCode::decode(code_, *range);
        }
        if (!function_) refused_.emplace(range->start, range->end);
        return true;
    }

    std::optional<CodeRange> function_range(uint64_t hit) {
        std::optional<CodeRange> range;
        if (code_.range_of) range = code_.range_of(hit);
        return range ? range : names_.range_of(hit);
    }

    void look_at_instruction(size_t index) {
        const SyscallNumber number = trace_number(*function_, index);
        const uint64_t address = function_->address_of(index);
        switch (number.origin) {
            case NumberOrigin::kLoaded: return;  // setuid and its like
            case NumberOrigin::kAny: return note_any_number(address);
            case NumberOrigin::kSeveral:
                if (std::any_of(number.values.begin(), number.values.end(), find_system_call))
                    note_unprovable(address, "more than one system call is made there");
                return;
            case NumberOrigin::kConstant: break;
        }
        const SystemCall* call = find_system_call(number.values.front());
        if (call == nullptr) return;
        const SyscallProbe probe = place_syscall_probe(*function_, index);
        if (!probe.refusal.empty()) return note_unprovable(address, probe.refusal);
        result_.sites.push_back(make_site(index, *call, call->shape, probe));
        note_ways(index, number.ways, probe);
    }

    [[nodiscard]] SyscallSite make_site(size_t index, const SystemCall& call, uint64_t shape,
                                        const SyscallProbe& probe) const {
        return {.address = function_->address_of(index),
                .probe_address = probe.address,
                .call = &call,
                .shape = shape,
                .emulated = probe.emulated,
                .instruction = probe.instruction,
                .why = probe.why};
    }

    void note_ways(size_t index, const std::vector<size_t>& ways, const SyscallProbe& probe) {
        const Way place{function_->address_of(index), function_->range()};
        for (const size_t way : ways) ways_.emplace(function_->address_of(way), place);
        for (size_t behind = index + 1; function_->address_of(behind) <= probe.address; ++behind) {
            ways_.emplace(function_->address_of(behind), place);
            if (function_->address_of(behind) == probe.address) break;
        }
    }

    void look_at_wrapper_calls() {
        const auto slots = code_.import_slots ? code_.import_slots(kWrapper) : std::vector<uint64_t>();
        const uint64_t enough = decoded_bytes_ + kMaxDecodedForCalls;
        for (const uint64_t behind : find_calls(code_, slots, wrapper_entries_)) {
            const uint64_t hit = behind - 1;
            if (!enter_function_of(hit, enough)) return;
            if (!function_) continue;
            const size_t index = function_->index_of(hit);
            const uint64_t end = function_->address_of(index) + function_->instructions()[index].length;
            if (function_->instructions()[index].is_call && end == behind) look_at_wrapper_call(index);
        }
    }

    // Whatever is not known here, and whatever else than its result is needed, is left to the comparison with the kernel's table.
    void look_at_wrapper_call(size_t index) {
        SyscallNumber number = trace_register(*function_, index, ZYDIS_REGISTER_RDI);
        if (number.origin != NumberOrigin::kConstant) return;
        const SystemCall* call = find_system_call(number.values.front());
        if (call == nullptr) return;
        CallShape shape = unpack(call->shape);
        if (shape.operation != WH_OPERATION_OPEN && shape.operation != WH_OPERATION_ACCEPT) return;
        if (shape.flags_arg != 0) {  // bpf: the second argument of syscall() is its command
            const SyscallNumber command = trace_register(*function_, index, ZYDIS_REGISTER_RSI);
            const bool opens = command.origin == NumberOrigin::kConstant || command.origin == NumberOrigin::kSeveral;
            if (!opens || !std::all_of(command.values.begin(), command.values.end(), opens_descriptor)) return;
            shape.flags_arg = 0;
            number.ways.insert(number.ways.end(), command.ways.begin(), command.ways.end());
        }
        const SyscallProbe probe = place_syscall_probe(*function_, index);
        if (!probe.refusal.empty()) return;
        result_.through_wrapper.push_back(make_site(index, *call, pack(shape), probe));
        note_ways(index, number.ways, probe);
    }

    static bool opens_descriptor(uint32_t bpf_command) { return WH_BPF_COMMAND_OPENS(bpf_command); }

    void look_at_unknown_code(uint64_t hit) {
        switch (look_around(code_, hit)) {
            case Surroundings::kNoCode:
            case Surroundings::kOtherCall: return;
            case Surroundings::kDescriptorCall: return note_unprovable(hit, std::string(kNotProved));
            case Surroundings::kAnyCall: return note_any_number(hit);
        }
    }

    void note_any_number(uint64_t address) {
        const bool in_wrapper = names_.is_named(address, kWrapper);
        if (in_wrapper && function_) wrapper_entries_.push_back(function_->range().start);
        auto& list = in_wrapper ? result_.in_wrapper : result_.any_number;
        list.push_back({address, names_.name_of(address), "its number is known at run time only"});
    }

    void note_unprovable(uint64_t address, std::string why) {
        result_.unprovable.push_back({address, names_.name_of(address), std::move(why)});
    }

    // Parts of a function that the compiler has put elsewhere may jump back into its middle.
    void drop_what_is_jumped_into() {
        std::vector<uint64_t> targets;
        for (const auto& [address, way] : ways_) {
            if (targets.empty() || targets.back() != address) targets.push_back(address);
        }
        find_far_jumps(code_, targets, [&](uint64_t from, uint64_t target) {
            const auto [first, end] = ways_.equal_range(target);
            for (auto way = first; way != end; ++way) {
                if (from >= way->second.function.start && from < way->second.function.end) continue;
                const uint64_t address = way->second.site;
                const auto is_it = [&](const SyscallSite& each) { return each.address == address; };
                if (std::erase_if(result_.sites, is_it) != 0) note_unprovable(address, std::string(kJumpFromElsewhere));
                std::erase_if(result_.through_wrapper, is_it);
            }
        });
    }

    const ModuleCode& code_;
    FunctionNames names_;
    std::optional<FunctionCode> function_;
    std::map<uint64_t, uint64_t> refused_;  // start and end of functions that cannot be decoded
    uint64_t decoded_bytes_ = 0;
    std::vector<uint64_t> wrapper_entries_;  // of this module's own function syscall()
    std::multimap<uint64_t, Way> ways_;
    SyscallSites result_;
};

}  // namespace

SyscallSites find_syscall_sites(const ModuleCode& code) { return Scan(code).run(); }

}  // namespace whoholds
