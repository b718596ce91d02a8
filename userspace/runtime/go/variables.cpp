#include "runtime/go/variables.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "attach/instruction.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxFunctionBytes = 16'384;

struct DataOperand {  // of an instruction, relative to its own address
    uint64_t address = 0;
    unsigned bytes = 0;  // 0: of lea
    bool is_written = false;
    ZydisRegister destination = ZYDIS_REGISTER_NONE;
};

struct Step {
    std::optional<DataOperand> data;
    uint64_t called = 0;  // by a direct call
};

Step step_of(const Decoded& decoded, uint64_t address) {
    Step step;
    const uint64_t next = address + decoded.instruction.length;
    for (size_t i = 0; i < decoded.instruction.operand_count_visible; ++i) {
        const ZydisDecodedOperand& operand = decoded.operands[i];
        if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && decoded.instruction.mnemonic == ZYDIS_MNEMONIC_CALL)
            step.called = next + static_cast<uint64_t>(operand.imm.value.s);
        if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.base != ZYDIS_REGISTER_RIP) continue;
        const bool is_lea = decoded.instruction.mnemonic == ZYDIS_MNEMONIC_LEA;
        step.data = DataOperand{.address = next + static_cast<uint64_t>(operand.mem.disp.value),
                                .bytes = is_lea ? 0U : operand.size / 8U,
                                .is_written = i == 0 && decoded.instruction.mnemonic == ZYDIS_MNEMONIC_MOV};
        if (decoded.operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
            step.data->destination = decoded.operands[0].reg.value;
    }
    return step;
}

class Finder {
public:
    Finder(const ElfImage& image, const GoCode& code) : image_(image), code_(code) {}

    // The nth different address that the function loads so many bytes from, counted from 0.
    [[nodiscard]] std::optional<uint64_t> load(std::string_view function, unsigned bytes, size_t nth = 0) const {
        std::vector<uint64_t> seen;
        for (const Step& step : steps_of(function)) {
            if (!step.data || step.data->bytes != bytes || step.data->is_written) continue;
            if (std::ranges::find(seen, step.data->address) != seen.end()) continue;
            seen.push_back(step.data->address);
            if (seen.size() == nth + 1) return seen.back();
        }
        return std::nullopt;
    }

    // The address that the function's last store of one byte goes to.
    [[nodiscard]] std::optional<uint64_t> last_byte_store(std::string_view function) const {
        std::optional<uint64_t> found;
        for (const Step& step : steps_of(function)) {
            if (step.data && step.data->bytes == 1 && step.data->is_written) found = step.data->address;
        }
        return found;
    }

    // What the function passes to a method as its receiver (the first argument is in rax).
    [[nodiscard]] std::optional<uint64_t> receiver(std::string_view function, std::string_view method) const {
        const auto target = code_.table().find_name(method);
        std::optional<uint64_t> first_argument;
        for (const Step& step : steps_of(function)) {
            if (step.data && step.data->bytes == 0 && step.data->destination == ZYDIS_REGISTER_RAX)
                first_argument = step.data->address;
            if (step.called == 0) continue;
            if (target && step.called == target->entry && first_argument) return first_argument;
            first_argument.reset();
        }
        return std::nullopt;
    }

private:
    // In the order of the code; operands that are not data of the module are left out.
    [[nodiscard]] std::vector<Step> steps_of(std::string_view name) const {
        const auto function = code_.table().find_name(name);
        if (!function) return {};
        const auto bytes =
            image_.code_at(function->entry, std::min(function->end - function->entry, kMaxFunctionBytes));
        const GoModuleData& module = code_.module_data();
        const ZydisDecoder decoder = make_decoder();
        std::vector<Step> steps;
        for (size_t at = 0; at < bytes.size();) {
            const auto decoded = decode(decoder, std::span(bytes).subspan(at));
            if (!decoded) break;
            Step step = step_of(*decoded, function->entry + at);
            if (step.data && (step.data->address < module.data || step.data->address >= module.data_end))
                step.data.reset();
            steps.push_back(step);
            at += decoded->instruction.length;
        }
        return steps;
    }

    const ElfImage& image_;
    const GoCode& code_;
};

std::optional<uint64_t> minus(std::optional<uint64_t> address, uint64_t offset) {
    if (!address || *address < offset) return std::nullopt;
    return *address - offset;
}

std::optional<uint64_t> find_cycle(const Finder& finder, unsigned minor_version) {
    if (minor_version < 19) return finder.load("runtime.mProf_FlushLocked", 4);
    // Only programs that call runtime.GC have the first one.
    const auto found = finder.load("runtime.mProf_PostSweep", 4);
    return found ? found : finder.load("runtime.mProf_Flush", 4);
}

}  // namespace

Result<GoVariables> find_go_variables(const ElfImage& image, const GoCode& code, const GoLayout& layout) {
    const Finder finder(image, code);
    GoVariables variables;
    const struct {
        const char* name;
        uint64_t& variable;
        std::optional<uint64_t> found;
    } rows[] = {
        {"mbuckets", variables.profile_buckets, finder.load("runtime.mProf_FlushLocked", 8)},
        {"mProfCycle", variables.profile_cycle, find_cycle(finder, code.minor_version())},
        // The first one that it loads is mcache0.
        {"MemProfileRate", variables.profile_rate, finder.load("runtime.profilealloc", 8, 1)},
        {"allglen", variables.goroutine_count, finder.load("runtime.forEachGRace", 8, 0)},
        {"allgptr", variables.goroutines, finder.load("runtime.forEachGRace", 8, 1)},
        {"mheap_", variables.heap, minus(finder.load("runtime.spanOfHeap", 8), layout.heap_arenas)},
        {"memstats", variables.memory_stats,
         minus(finder.last_byte_store("runtime.gcenable"), layout.memory_stats.gc_enabled)},
        {"gcController", variables.gc_controller,
         finder.receiver("runtime.gcStart", "runtime.(*gcControllerState).startCycle")},
        {"gomaxprocs", variables.max_procs, finder.load("runtime.procresize", 4)},
    };
    for (const auto& row : rows) {
        if (!row.found) {
            return Error{ErrorCode::kNotFound, fmt::format("where Go's runtime keeps {} was not found", row.name)};
        }
        row.variable = *row.found;
    }
    return variables;
}

}  // namespace whoholds
