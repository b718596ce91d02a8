#include "runtime/python/python_module.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "attach/instruction.h"
#include "attach/unwind_ranges.h"
#include "elf/mapped_elf.h"
#include "elf/variables.h"

namespace whoholds {
namespace {

constexpr std::string_view kEvaluator = "_PyEval_EvalFrameDefault";
constexpr uint64_t kMaxEvaluatorBytes = 1 << 20;
constexpr size_t kMaxPieces = 64;

// Direct jumps of the function that lead out of it, conditional ones too.
std::vector<uint64_t> jumps_out(const ElfImage& image, const PythonRange& function) {
    std::vector<uint64_t> targets;
    const uint64_t size = function.end - function.start;
    if (size > kMaxEvaluatorBytes) return targets;
    const std::vector<uint8_t> bytes = image.code_at(function.start, size);
    const ZydisDecoder decoder = make_decoder();
    for (size_t at = 0; at < bytes.size();) {
        const auto decoded = decode(decoder, std::span(bytes).subspan(at));
        if (!decoded) break;
        const ZydisDecodedInstruction& instruction = decoded->instruction;
        const bool is_jump = instruction.meta.category == ZYDIS_CATEGORY_COND_BR ||
                             instruction.meta.category == ZYDIS_CATEGORY_UNCOND_BR;
        if (is_jump && decoded->operands[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
            decoded->operands[0].imm.is_relative) {
            const uint64_t target =
                function.start + at + instruction.length + static_cast<uint64_t>(decoded->operands[0].imm.value.s);
            if (!function.holds(target)) targets.push_back(target);
        }
        at += instruction.length;
    }
    return targets;
}

}  // namespace

bool may_hold_python(const std::string& path) {
    return path.substr(path.rfind('/') + 1).find("python") != std::string::npos;
}

// A jump into the middle of a function that is not this one leads to a piece of this one; to its beginning, it may be a tail call.
std::vector<PythonRange> outlying_pieces(const ElfImage& image, const PythonRange& function) {
    std::vector<PythonRange> pieces;
    const UnwindRanges ranges(image);
    for (const uint64_t target : jumps_out(image, function)) {
        if (pieces.size() >= kMaxPieces) break;
        if (std::ranges::any_of(pieces, [&](const PythonRange& piece) { return piece.holds(target); })) continue;
        const auto range = ranges.range_of(target);
        if (range && range->start != target && range->start != function.start)
            pieces.push_back({range->start, range->end});
    }
    return pieces;
}

Result<PythonModule> read_python_module(const ProcRoot& root, pid_t pid, const Mapping& code) {
    std::string open_path;
    WH_TRY(const ElfImage image, open_mapped_elf(root, pid, code, open_path));
    PythonModule module{.path = code.path, .code = {code.start, code.end}};
    visit_variables(image, ".dynsym", [&](const ElfVariable& variable) {
        if (variable.name == "_PyRuntime") module.runtime = variable.address;
        if (variable.name == "Py_Version") module.version = variable.address;
        if (variable.name == "PyCode_Type") module.code_type = variable.address;
    });
    if (module.runtime == 0 || module.code_type == 0)
        return Error{ErrorCode::kNotFound, "it holds no Python interpreter"};
    const auto bias = bias_of_code(image, code);
    if (!bias) return Error{ErrorCode::kMalformed, "its code is not mapped as its file says"};
    const auto is_evaluator = [](std::string_view name) {
        return name.starts_with(kEvaluator) && (name.size() == kEvaluator.size() || name[kEvaluator.size()] == '.');
    };
    WH_TRY(const auto functions, image.function_symbols(debug_options_of(root, pid, code), is_evaluator));
    for (const ElfSymbol& function : functions) {
        const PythonRange range{function.address, function.address + function.size};
        module.evaluator.push_back(range);
        if (functions.size() == 1)
            for (const PythonRange& piece : outlying_pieces(image, range)) module.evaluator.push_back(piece);
    }
    if (module.evaluator.empty()) return Error{ErrorCode::kUnsupported, "its evaluator has no symbol"};
    for (PythonRange& range : module.evaluator) range = {range.start + *bias, range.end + *bias};
    for (uint64_t* address : {&module.runtime, &module.code_type}) *address += *bias;
    if (module.version != 0) module.version += *bias;
    return module;
}

}  // namespace whoholds
