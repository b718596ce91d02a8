#include "unwind/libdw_unwinder.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "base/printable.h"
#include "unwind/libdw_expression.h"
#include "unwind/libdw_module.h"
#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxVdsoBytes = uint64_t{1} << 20;
constexpr size_t kMaxNotes = 100;
constexpr unsigned kWordBytes = 8;
constexpr uint64_t kFrameRecordBytes = 16;  // the caller's rbp and the return address

using FileKey = std::tuple<uint32_t, uint32_t, uint64_t, std::string>;

FileKey key_of(const Mapping& mapping) {
    return {mapping.device_major, mapping.device_minor, mapping.inode, mapping.path};
}

// A walk under way: the frame that is looked at.
struct Walk {
    const StackCopy& copy;
    FrameRegisters registers;
    bool is_exact = false;      // was interrupted here, and not left by a call
    bool is_uncertain = false;  // went through code that may not keep frame pointers
    UnwoundStack result;
};

// Registers in struct sigcontext, in the order of the kernel's ABI (arch/x86/include/uapi/asm/sigcontext.h), by DWARF numbers.
constexpr std::array<unsigned, 17> kSignalRegisters = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
constexpr uint64_t kSignalRegistersAt = 40;  // in struct ucontext

FrameRegisters registers_of(const CalleeSavedRegisters& given) {
    FrameRegisters registers;
    registers.set(3, given.rbx);
    registers.set(FrameRegisters::kFramePointer, given.rbp);
    registers.set(FrameRegisters::kStackPointer, given.rsp);
    registers.set(12, given.r12);
    registers.set(13, given.r13);
    registers.set(14, given.r14);
    registers.set(15, given.r15);
    registers.set(FrameRegisters::kReturnAddress, given.rip);
    return registers;
}

wh_stack_status status_of(Evaluation evaluation) {
    return evaluation == Evaluation::kReadFailed ? WH_STACK_READ_FAILED : WH_STACK_UNSUPPORTED;
}

}  // namespace

struct LibdwUnwinder::State {
    struct File {
        bool open_tried = false;
        std::optional<LibdwModule> module;
        bool is_mapped = true;
    };

    UnwindFiles files;
    std::vector<Mapping> mappings;  // sorted
    std::map<FileKey, File> modules;
    std::vector<std::string> notes;
    // Of the walk under way; a member, because it is handed to the evaluator as a function object.
    std::function<std::optional<uint64_t>(uint64_t, unsigned)> read;

    const Mapping* mapping_of(uint64_t address) const;
    LibdwModule* module_of(const Mapping& mapping);
    Result<LibdwModule> open(const Mapping& mapping) const;
    std::optional<uint64_t> read_copy(const StackCopy& copy, uint64_t address, unsigned size);

    // One frame further, or false with the reason in walk.result.status.
    bool step(Walk& walk);
    bool step_described(Walk& walk, Dwarf_Frame* frame);
    bool step_signal_return(Walk& walk);
    bool step_decoded(Walk& walk, const wh_unwind_rule& rule);
    bool step_frame_pointer(Walk& walk);
    bool enter_caller(Walk& walk, FrameRegisters caller, bool is_exact);
};

const Mapping* LibdwUnwinder::State::mapping_of(uint64_t address) const {
    auto after = std::upper_bound(mappings.begin(), mappings.end(), address,
                                  [](uint64_t value, const Mapping& mapping) { return value < mapping.start; });
    if (after == mappings.begin()) return nullptr;
    --after;
    return address < after->end ? &*after : nullptr;
}

Result<LibdwModule> LibdwUnwinder::State::open(const Mapping& mapping) const {
    if (mapping.path == "[vdso]") {
        if (mapping.end - mapping.start > kMaxVdsoBytes) return Error{ErrorCode::kLimit, "[vdso]: larger than 1 MiB"};
        WH_TRY(std::vector<uint8_t> bytes, files.read_memory(mapping));
        WH_TRY(ElfImage image, ElfImage::from_bytes(std::move(bytes), mapping.path));
        return LibdwModule::open(std::move(image));
    }
    WH_TRY(ElfImage image, files.open(mapping));
    return LibdwModule::open(std::move(image));
}

LibdwModule* LibdwUnwinder::State::module_of(const Mapping& mapping) {
    const auto found = modules.find(key_of(mapping));
    if (found == modules.end()) return nullptr;
    File& file = found->second;
    if (!file.open_tried) {
        file.open_tried = true;
        auto opened = open(mapping);
        if (opened)
            file.module.emplace(*std::move(opened));
        else if (notes.size() < kMaxNotes)
            notes.push_back(printable(opened.error().message));
    }
    return file.module ? &*file.module : nullptr;
}

// Stack memory from the copy; of anything else only what cannot have changed since: what is mapped read-only.
std::optional<uint64_t> LibdwUnwinder::State::read_copy(const StackCopy& copy, uint64_t address, unsigned size) {
    for (const ReplacedReturn& replaced : copy.replaced)
        if (replaced.place == address && size == kWordBytes) return replaced.address;
    uint64_t value = 0;
    const uint64_t offset = address - copy.registers.rsp;
    if (offset < copy.bytes.size() && copy.bytes.size() - offset >= size) {
        std::memcpy(&value, copy.bytes.data() + offset, size);
        return value;
    }
    const Mapping* mapping = mapping_of(address);
    if (mapping == nullptr || mapping->writable || !mapping->is_file()) return std::nullopt;
    LibdwModule* module = module_of(*mapping);
    std::array<uint8_t, kWordBytes> bytes{};
    const std::span<uint8_t> wanted(bytes.data(), size);
    if (!module || !module->image().source().read_at(address - mapping->start + mapping->file_offset, wanted))
        return std::nullopt;
    std::memcpy(&value, bytes.data(), size);
    return value;
}

bool LibdwUnwinder::State::step(Walk& walk) {
    const uint64_t pc = *walk.registers.get(FrameRegisters::kReturnAddress);
    const uint64_t lookup = walk.is_exact ? pc : pc - 1;
    walk.result.status = WH_STACK_NO_MAPPING;
    const Mapping* mapping = mapping_of(lookup);
    if (mapping == nullptr || !mapping->executable) return false;

    if (LibdwModule* module = module_of(*mapping)) {
        const uint64_t offset = lookup - mapping->start + mapping->file_offset;
        const auto address = module->image().address_of(offset);
        const LibdwModule::Code code = address ? module->find(*address) : LibdwModule::Code{};
        switch (code.kind) {
            case CodeKind::kDescribed: return step_described(walk, code.frame);
            case CodeKind::kEntry: walk.result.status = WH_STACK_DONE; return false;
            case CodeKind::kSignalReturn:
                if (!walk.is_exact) return step_signal_return(walk);
                break;
            case CodeKind::kDecoded: return step_decoded(walk, code.rule);
            case CodeKind::kUnknown: break;
        }
    }
    walk.result.status = WH_STACK_NO_INFORMATION;
    const FramePointers kept = files.frame_pointers ? files.frame_pointers(*mapping, lookup) : FramePointers::kNo;
    if (kept == FramePointers::kNo) return false;
    walk.is_uncertain |= kept == FramePointers::kPerhaps;
    return step_frame_pointer(walk);
}

bool LibdwUnwinder::State::step_described(Walk& walk, Dwarf_Frame* frame) {
    bool is_signal = false;
    Dwarf_Addr start = 0;
    Dwarf_Addr end = 0;
    const int return_register = ::dwarf_frame_info(frame, &start, &end, &is_signal);
    Dwarf_Op* operations = nullptr;
    size_t count = 0;
    walk.result.status = WH_STACK_UNSUPPORTED;
    if (return_register < 0 || ::dwarf_frame_cfa(frame, &operations, &count) != 0 || count == 0) return false;
    ExpressionInput input{walk.registers, read, std::nullopt};
    uint64_t cfa = 0;
    if (Evaluation got = evaluate_value({operations, count}, input, cfa); got != Evaluation::kValue) {
        walk.result.status = status_of(got);
        return false;
    }
    input.cfa = cfa;

    FrameRegisters caller;
    for (unsigned number = 0; number < FrameRegisters::kCount; ++number) {
        const bool is_return = number == static_cast<unsigned>(return_register);
        std::array<Dwarf_Op, 3> place{};
        if (::dwarf_frame_register(frame, static_cast<int>(number), place.data(), &operations, &count) != 0) {
            if (is_return) return false;
            continue;
        }
        if (count == 0 && operations == nullptr) {
            if (const auto same = walk.registers.get(number)) caller.set(number, *same);
            continue;
        }
        if (count == 0) {
            if (!is_return) continue;
            walk.result.status = WH_STACK_DONE;
            return false;
        }
        uint64_t value = 0;
        const Evaluation got = evaluate_location({operations, count}, input, value);
        if (got == Evaluation::kValue) caller.set(number, value);
        if (got == Evaluation::kValue || !is_return) continue;
        walk.result.status = status_of(got);
        return false;
    }
    const auto return_address = caller.get(static_cast<unsigned>(return_register));
    if (!return_address) return false;
    caller.set(FrameRegisters::kReturnAddress, *return_address);
    return enter_caller(walk, caller, is_signal);
}

// Of the registers but rbp nothing is known in the caller.
bool LibdwUnwinder::State::step_decoded(Walk& walk, const wh_unwind_rule& rule) {
    const bool by_frame_pointer = cfa_kind_of(rule) == WH_CFA_FP;
    const auto frame_pointer = walk.registers.get(FrameRegisters::kFramePointer);
    const auto base = by_frame_pointer ? frame_pointer : walk.registers.get(FrameRegisters::kStackPointer);
    walk.result.status = WH_STACK_UNSUPPORTED;
    if (!base) return false;
    const uint64_t cfa = *base + static_cast<uint64_t>(int64_t{rule.cfa_offset});
    const auto return_address = read(cfa - kWordBytes, kWordBytes);
    walk.result.status = WH_STACK_READ_FAILED;
    if (!return_address) return false;
    FrameRegisters caller;
    caller.set(FrameRegisters::kStackPointer, cfa);
    caller.set(FrameRegisters::kReturnAddress, *return_address);
    if (fp_kind_of(rule) == WH_FP_AT_CFA) {
        const auto saved = read(cfa + static_cast<uint64_t>(int64_t{rule.fp_offset} * kWordBytes), kWordBytes);
        if (!saved) return false;
        caller.set(FrameRegisters::kFramePointer, *saved);
    } else if (fp_kind_of(rule) == WH_FP_SAME && frame_pointer) {
        caller.set(FrameRegisters::kFramePointer, *frame_pointer);
    }
    return enter_caller(walk, caller, false);
}

bool LibdwUnwinder::State::step_signal_return(Walk& walk) {
    FrameRegisters caller;
    uint64_t place = *walk.registers.get(FrameRegisters::kStackPointer) + kSignalRegistersAt;
    for (unsigned number : kSignalRegisters) {
        const auto value = read(place, kWordBytes);
        walk.result.status = WH_STACK_READ_FAILED;
        if (!value) return false;
        caller.set(number, *value);
        place += kWordBytes;
    }
    return enter_caller(walk, caller, true);
}

bool LibdwUnwinder::State::step_frame_pointer(Walk& walk) {
    const auto frame = walk.registers.get(FrameRegisters::kFramePointer);
    const uint64_t stack_pointer = *walk.registers.get(FrameRegisters::kStackPointer);
    walk.result.status = WH_STACK_BROKEN;
    if (!frame || *frame % kWordBytes != 0 || *frame < stack_pointer) return false;
    const auto outer = read(*frame, kWordBytes);
    const auto return_address = read(*frame + kWordBytes, kWordBytes);
    walk.result.status = WH_STACK_READ_FAILED;
    if (!outer || !return_address) return false;
    FrameRegisters caller;
    caller.set(FrameRegisters::kFramePointer, *outer);
    caller.set(FrameRegisters::kStackPointer, *frame + kFrameRecordBytes);
    caller.set(FrameRegisters::kReturnAddress, *return_address);
    return enter_caller(walk, caller, false);
}

bool LibdwUnwinder::State::enter_caller(Walk& walk, FrameRegisters caller, bool is_exact) {
    const uint64_t return_address = *caller.get(FrameRegisters::kReturnAddress);
    const auto stack_pointer = caller.get(FrameRegisters::kStackPointer);
    walk.result.status = WH_STACK_DONE;
    if (return_address == 0) return false;
    walk.result.status = WH_STACK_BROKEN;
    // Only a signal may have come in on another stack.
    if (!stack_pointer) return false;
    if (!is_exact && *stack_pointer <= *walk.registers.get(FrameRegisters::kStackPointer)) return false;
    walk.result.status = WH_STACK_TOO_DEEP;
    if (walk.result.frames.size() >= WH_STACK_MAX_FRAMES) return false;
    walk.result.frames.push_back(return_address | (is_exact ? WH_FRAME_EXACT : 0));
    walk.registers = caller;
    walk.is_exact = is_exact;
    return true;
}

LibdwUnwinder::LibdwUnwinder(UnwindFiles files) : state_(std::make_unique<State>()) {
    state_->files = std::move(files);
}
LibdwUnwinder::LibdwUnwinder(LibdwUnwinder&&) noexcept = default;
LibdwUnwinder& LibdwUnwinder::operator=(LibdwUnwinder&&) noexcept = default;
LibdwUnwinder::~LibdwUnwinder() = default;

void LibdwUnwinder::reset(const std::vector<Mapping>& mappings) {
    state_->mappings = mappings;
    std::sort(state_->mappings.begin(), state_->mappings.end(),
              [](const Mapping& a, const Mapping& b) { return a.start < b.start; });
    for (auto& [key, file] : state_->modules) file.is_mapped = false;
    for (const Mapping& mapping : state_->mappings) {
        if (!mapping.executable || (!mapping.is_file() && mapping.path != "[vdso]")) continue;
        State::File& file = state_->modules[key_of(mapping)];
        file.is_mapped = true;
        // What could not be opened before may be now: another mapping of it is another way to its file.
        if (!file.module) file.open_tried = false;
    }
    std::erase_if(state_->modules, [](const auto& entry) { return !entry.second.is_mapped; });
}

UnwoundStack LibdwUnwinder::unwind(const StackCopy& copy) {
    Walk walk{copy, registers_of(copy.registers), false, false, {}};
    state_->read = [this, &copy](uint64_t address, unsigned size) { return state_->read_copy(copy, address, size); };
    walk.result.frames.push_back(copy.registers.rip);
    while (state_->step(walk)) {}
    state_->read = nullptr;
    if (walk.result.status == WH_STACK_DONE && walk.is_uncertain) walk.result.status = WH_STACK_FRAME_POINTERS;
    return std::move(walk.result);
}

const std::vector<std::string>& LibdwUnwinder::notes() const { return state_->notes; }

}  // namespace whoholds
