#include "stacks/checker.h"

#include <poll.h>

#include <chrono>
#include <utility>

#include "bpf/shared/unwind.h"
#include "elf/mapped_elf.h"
#include "proc/loader_state.h"
#include "proc/process_memory.h"

namespace whoholds::stacks {

namespace {

constexpr int kMapsTries = 5;
constexpr auto kJitLook = std::chrono::seconds(1);

UnwindFiles files_of(pid_t pid, const KernelSide& kernel) {
    UnwindFiles files;
    files.open = [pid](const Mapping& mapping) {
        std::string open_path;
        return open_mapped_elf({}, pid, mapping, open_path);
    };
    files.read_memory = [pid](const Mapping& mapping) -> Result<std::vector<uint8_t>> {
        WH_TRY(const ProcessMemory memory, ProcessMemory::open({}, pid));
        return memory.read(mapping.start, mapping.end - mapping.start);
    };
    // Which code is trusted to keep frame pointers is a decision of the tables, not something to compare.
    files.frame_pointers = [&kernel](const Mapping&, uint64_t address) {
        const uint16_t flags = kernel.mapping_flags(address);
        if (flags & WH_MAPPING_FRAME_POINTERS) return FramePointers::kYes;
        return flags & WH_MAPPING_FRAME_POINTERS_GUESS ? FramePointers::kPerhaps : FramePointers::kNo;
    };
    return files;
}

}  // namespace

struct Checker::State {
    State(KernelSide side, pid_t checked, const CheckerOptions& options)
        : pid(checked), kernel(std::move(side)), comparison(files_of(pid, kernel), pid, options.max_examples) {}

    pid_t pid;
    KernelSide kernel;
    Comparison comparison;
    std::function<void(const check_event&)> observer;
    std::chrono::steady_clock::time_point looked;
};

Checker::Checker(std::unique_ptr<State> state) : state_(std::move(state)) {}
Checker::Checker(Checker&&) noexcept = default;
Checker::~Checker() = default;

Result<Checker> Checker::attach(pid_t pid, const CheckerOptions& options) {
    WH_TRY(KernelSide kernel, KernelSide::load(options.ring_bytes));
    Checker checker(std::make_unique<State>(std::move(kernel), pid, options));
    WH_TRY(const auto maps, read_maps({}, pid));
    WH_TRY_VOID(checker.state_->kernel.attach(pid, maps));
    WH_TRY_VOID(checker.look_at_mappings());
    State* stable = checker.state_.get();
    stable->comparison.set_refresh([stable] {
        if (const auto now = read_maps({}, stable->pid)) stable->comparison.update_mappings(*now);
    });
    return checker;
}

Result<void> Checker::start() {
    WH_TRY(const auto located, state_->kernel.locate(state_->pid));
    if (!located) return Error{ErrorCode::kNotFound, "the process has exited"};
    return state_->kernel.open_gate(*located);
}

void Checker::stop() { state_->kernel.detach(); }

// As the product's Target does it.
Result<void> Checker::look_at_mappings() {
    State& state = *state_;
    state.looked = std::chrono::steady_clock::now();
    UnwindTables& tables = state.kernel.tables();
    ProcessState process{.loader_tells = state.kernel.loader_is_hooked()};
    for (int i = 0; i < kMapsTries; i++) {
        process.removals = tables.removals(0);
        WH_TRY(const auto before, state.kernel.locate(state.pid));
        WH_TRY(process.maps, read_maps({}, state.pid));
        WH_TRY(const auto after, state.kernel.locate(state.pid));
        if (!before || !after) return Error{ErrorCode::kNotFound, "the process has exited"};
        process.exec_pages = before->exec_pages;
        const bool same_pages = before->exec_pages == after->exec_pages || tables.has_jit(0);
        if (same_pages && process.removals == tables.removals(0)) break;
    }
    process.loader_state_at = loader_state_address({}, state.pid).value_or(0);
    auto layout = state.kernel.tables().update(0, {}, state.pid, process);
    if (!layout) return std::move(layout).error();
    state.comparison.update_mappings(process.maps);
    return {};
}

size_t Checker::drain() {
    State& state = *state_;
    const bool is_due = state.kernel.tables().has_jit(0) && std::chrono::steady_clock::now() - state.looked > kJitLook;
    const uint64_t before = state.comparison.tally().events;
    // Those up to here may be of the new mappings, or of the old ones.
    const uint64_t until = state.kernel.events().producer_position();
    // A process that has exited has no mappings to look at; what it sent before is compared with those known.
    if (state.kernel.take_news() || is_due) (void)look_at_mappings();
    state.kernel.events().read_until(until, [&](std::span<const std::byte> bytes) {
        const auto& event = *reinterpret_cast<const check_event*>(bytes.data());
        if (state.observer) state.observer(event);
        state.comparison.compare(event);
    });
    return state.comparison.tally().events - before;
}

void Checker::wait(int milliseconds) const {
    pollfd events{.fd = state_->kernel.events_fd(), .events = POLLIN, .revents = 0};
    poll(&events, 1, milliseconds);
}

KernelSide& Checker::kernel() { return state_->kernel; }
const Comparison& Checker::comparison() const { return state_->comparison; }
uint64_t Checker::lost() const { return state_->kernel.lost(); }
void Checker::set_observer(std::function<void(const check_event&)> observer) { state_->observer = std::move(observer); }

}  // namespace whoholds::stacks
