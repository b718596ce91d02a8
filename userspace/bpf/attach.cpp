#include "bpf/attach.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "base/unique_fd.h"
#include "bpf/shared/call_shape.h"
#include "bpf/shared/resource_kinds.h"
#include "bpf/uprobe_link.h"

namespace whoholds {

namespace {

struct LinkDestroyer {
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

struct Target {  // one program on some offsets of one file
    const bpf_program* program = nullptr;
    bool is_return = false;
    std::vector<uint64_t> offsets;
    std::vector<uint64_t> cookies;
    std::vector<std::string> symbols;

    void add(uint64_t offset, uint64_t cookie, const std::string& symbol) {
        offsets.push_back(offset);
        cookies.push_back(cookie);
        symbols.push_back(symbol);
    }
};

std::string place_of(const std::string& name, const std::string& path, uint64_t offset) {
    return fmt::format("{} {} {}", name, offset, path);
}

}  // namespace

struct AttachedProbes::State {
    std::vector<UniqueFd> links;
    std::vector<std::unique_ptr<bpf_link, LinkDestroyer>> perf_links;
    std::vector<AttachedProbe> probes;

    bool attach_multi(const Target& target, const std::string& path, pid_t pid);
    bool attach_perf(const Target& one, const std::string& path, pid_t pid);
    bool attach_without_cookie(const Tracer& tracer, const Target& one, const std::string& path, pid_t pid);
    bool attach_one(const Tracer& tracer, const Target& one, const std::string& path, pid_t pid);
    void attach_each(const Tracer& tracer, const Target& target, const ModulePlan& module, pid_t pid,
                     std::vector<Skipped>& skipped);
};

AttachedProbes::AttachedProbes() : state_(std::make_unique<State>()) {}
AttachedProbes::AttachedProbes(AttachedProbes&&) noexcept = default;
AttachedProbes& AttachedProbes::operator=(AttachedProbes&&) noexcept = default;
AttachedProbes::~AttachedProbes() = default;

const std::vector<AttachedProbe>& AttachedProbes::probes() const { return state_->probes; }

void AttachedProbes::detach(AttachPool& pool) {
    for (UniqueFd& link : state_->links) pool.closer.close(std::make_shared<UniqueFd>(std::move(link)));
    for (auto& link : state_->perf_links) pool.closer.close(std::shared_ptr<bpf_link>(std::move(link)));
    state_->links.clear();
    state_->perf_links.clear();
}

void AttachedProbes::give_back(Tracer& tracer, AttachPool& pool) {
    for (const AttachedProbe& probe : state_->probes)
        if (pool.numbers.give_back(probe.probe)) tracer.forget_probe(probe.probe);
    state_->probes.clear();
}

bool AttachedProbes::State::attach_multi(const Target& target, const std::string& path, pid_t pid) {
    UniqueFd link(create_uprobe_multi(bpf_program__fd(target.program), {.path = path,
                                                                        .offsets = target.offsets,
                                                                        .cookies = target.cookies,
                                                                        .pid = pid,
                                                                        .is_return = target.is_return}));
    if (!link) return false;
    links.push_back(std::move(link));
    return true;
}

bool AttachedProbes::State::attach_perf(const Target& one, const std::string& path, pid_t pid) {
    LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = one.cookies[0], .retprobe = one.is_return);
    bpf_link* link = bpf_program__attach_uprobe_opts(one.program, pid, path.c_str(), one.offsets[0], &options);
    if (!link) return false;
    perf_links.emplace_back(link);
    return true;
}

bool AttachedProbes::State::attach_without_cookie(const Tracer& tracer, const Target& one, const std::string& path,
                                                  pid_t pid) {
    auto program = tracer.program_with_cookie(one.program, one.cookies[0]);
    if (!program) return false;
    UniqueFd link = create_perf_uprobe(program->get(), path, one.offsets[0], pid, one.is_return);
    if (!link) return false;
    links.push_back(std::move(link));
    return true;
}

bool AttachedProbes::State::attach_one(const Tracer& tracer, const Target& one, const std::string& path, pid_t pid) {
    switch (tracer.options().method) {
        case AttachMethod::kUprobeMulti: return attach_multi(one, path, pid);
        case AttachMethod::kPerf: return attach_perf(one, path, pid);
        case AttachMethod::kPerfWithoutCookies: return attach_without_cookie(tracer, one, path, pid);
    }
    return false;
}

// One by one: with perf uprobes always, else to find out which function the kernel refuses.
void AttachedProbes::State::attach_each(const Tracer& tracer, const Target& target, const ModulePlan& module, pid_t pid,
                                        std::vector<Skipped>& skipped) {
    for (size_t i = 0; i < target.offsets.size(); i++) {
        Target one{.program = target.program, .is_return = target.is_return};
        one.add(target.offsets[i], target.cookies[i], target.symbols[i]);
        if (!attach_one(tracer, one, module.open_path, pid))
            skipped.push_back(
                {fmt::format("{} in {}", target.symbols[i], module.path),
                 system_error(target.is_return ? "attach the return probe" : "attach the probe", errno).message});
    }
}

// The ends before the beginnings: should events flow meanwhile, none can look like a leak.
void AttachedProbes::attach_go(const Tracer& tracer, const ModulePlan& module, pid_t pid, uint16_t slot,
                               AttachPool& pool, std::vector<Skipped>& skipped) {
    using Role = PlannedGoProbe::Role;
    constexpr auto kRoles =
        std::to_array<Role>({Role::kGoroutineEnded, Role::kReleased, Role::kGoroutineCreated, Role::kAcquired});
    for (const Role role : kRoles) {
        Target target{.program = tracer.go_program(role)};
        for (const PlannedGoProbe& probe : module.go_probes) {
            if (probe.role != role || probe.sites.empty()) continue;
            const auto number = pool.numbers.take(place_of(probe.symbol, module.path, probe.sites[0].offset));
            if (!number) {
                skipped.push_back({fmt::format("{} in {}", probe.symbol, module.path), "too many probes in all"});
                continue;
            }
            const uint64_t cookie = probe.shape | WH_SHAPE_PUT(PROBE, *number) | WH_SHAPE_PUT(PROCESS, slot);
            for (const GoProbeSite& site : probe.sites) target.add(site.offset, cookie, probe.symbol);
            const bool acquires = role == Role::kGoroutineCreated || role == Role::kAcquired;
            state_->probes.push_back({.symbol = probe.symbol,
                                      .module = module.path,
                                      .offset = probe.sites[0].offset,
                                      .probe = *number,
                                      .emulated = probe.sites[0].emulated,
                                      .kind = static_cast<uint8_t>(WH_SHAPE_GET(probe.shape, KIND)),
                                      .acquires_go = acquires});
        }
        if (target.offsets.empty()) continue;
        if (tracer.options().method == AttachMethod::kUprobeMulti &&
            state_->attach_multi(target, module.open_path, pid))
            continue;
        state_->attach_each(tracer, target, module, pid, skipped);
    }
}

void AttachedProbes::attach(const Tracer& tracer, const AttachPlan& plan, uint16_t slot, AttachPool& pool,
                            std::vector<Skipped>& skipped) {
    const bool is_multi = tracer.options().method == AttachMethod::kUprobeMulti;
    for (const ModulePlan& module : plan.modules) {
        Target system_calls{.program = tracer.system_call_program()};
        Target release{.program = tracer.release_program()};
        Target returns{.program = tracer.return_program(), .is_return = true};
        Target at_rets{.program = tracer.return_program()};
        Target enter{.program = tracer.enter_program()};
        std::set<std::pair<uint64_t, uint64_t>> kinds_at_rets;
        for (const PlannedProbe& probe : module.probes) {
            if (WH_SHAPE_GET(probe.shape, BY_RET) && probe.return_offsets.empty()) {
                skipped.push_back({fmt::format("{} in {}", probe.symbol, module.path), "its returns are not known"});
                continue;
            }
            const auto number = pool.numbers.take(place_of(probe.symbol, module.path, probe.probe_offset()));
            if (!number) {
                skipped.push_back({fmt::format("{} in {}", probe.symbol, module.path), "too many probes in all"});
                continue;
            }
            uint64_t cookie = probe.shape | WH_SHAPE_PUT(PROBE, *number) | WH_SHAPE_PUT(PROCESS, slot);
            Target& first = probe.needs_return ? enter : release;
            first.add(probe.probe_offset(), cookie, probe.symbol);
            if (probe.return_offsets.empty() && probe.needs_return)
                returns.add(probe.probe_offset(), cookie, probe.symbol);
            for (uint64_t offset : probe.return_offsets)  // functions may share the code that they return from
                if (kinds_at_rets.emplace(offset, WH_SHAPE_GET(probe.shape, KIND)).second)
                    at_rets.add(offset, cookie, probe.symbol);
            state_->probes.push_back({probe.symbol, module.path, probe.probe_offset(), *number,
                                      probe.placement.emulated, probe.needs_return,
                                      static_cast<uint8_t>(WH_SHAPE_GET(probe.shape, KIND))});
        }
        for (const PlannedSite& site : module.sites) {
            const auto number = pool.numbers.take(place_of(site.name, module.path, site.probe_offset));
            if (!number) {
                skipped.push_back(
                    {fmt::format("system call {} in {}", site.name, module.path), "too many probes in all"});
                continue;
            }
            uint64_t cookie = site.shape | WH_SHAPE_PUT(PROBE, *number) | WH_SHAPE_PUT(PROCESS, slot);
            system_calls.add(site.probe_offset, cookie, site.name);
            state_->probes.push_back(
                {site.name, module.path, site.probe_offset, *number, site.emulated, false, WH_KIND_FD, true});
        }
        for (const Target* target : {&release, &returns, &at_rets, &enter, &system_calls}) {
            if (target->offsets.empty()) continue;
            if (is_multi && state_->attach_multi(*target, module.open_path, plan.pid)) continue;
            state_->attach_each(tracer, *target, module, plan.pid, skipped);
        }
        attach_go(tracer, module, plan.pid, slot, pool, skipped);
    }
    if (plan.loader_offset != 0 && !attach_loader(tracer, plan.loader_open_path, plan.loader_offset, slot, plan.pid))
        skipped.push_back({"_dl_debug_state", "libraries loaded later are found by polling only"});
}

bool AttachedProbes::attach_program(const Tracer& tracer, const bpf_program* program, const ProbePlace& place) {
    Target target{.program = program};
    target.add(place.offset, place.cookie, "");
    return state_->attach_one(tracer, target, place.path, place.pid);
}

bool AttachedProbes::attach_loader(const Tracer& tracer, const std::string& path, uint64_t offset, uint16_t slot,
                                   pid_t pid) {
    Target target{.program = tracer.loader_program()};
    target.add(offset, WH_SHAPE_PUT(PROCESS, slot), "_dl_debug_state");
    return state_->attach_one(tracer, target, path, pid);
}

}  // namespace whoholds
