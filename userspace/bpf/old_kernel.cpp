#include "bpf/old_kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "bpf/shared/old_kernel.h"
#include "bpf/shared/records.h"
#include "bpf/shared/unwind.h"
#include "whoholds.skel.h"
#include "whoholds_old_kernel.skel.h"

namespace whoholds {

namespace {

using NewVariables = decltype(wh_programs::bss);
using OldVariables = decltype(wh_old_programs::bss);
static_assert(sizeof(*NewVariables{}) == sizeof(*OldVariables{}), "both objects have the same variables");

constexpr uint8_t kLoadNumber = BPF_LD | BPF_IMM | BPF_DW;  // takes two instructions

void replace_number(std::span<bpf_insn> code, uint64_t old_number, uint64_t new_number) {
    for (size_t i = 0; i + 1 < code.size(); i++) {
        if (code[i].code != kLoadNumber) continue;
        const uint64_t number =
            static_cast<uint32_t>(code[i].imm) | static_cast<uint64_t>(static_cast<uint32_t>(code[i + 1].imm)) << 32;
        if (code[i].src_reg == 0 && number == old_number) {
            code[i].imm = static_cast<int32_t>(new_number);
            code[i + 1].imm = static_cast<int32_t>(new_number >> 32);
        }
        i++;
    }
}

}  // namespace

wh_programs* open_programs_for_old_kernel() {
    auto* programs = static_cast<wh_programs*>(calloc(1, sizeof(wh_programs)));
    if (!programs) return nullptr;
    int failed = wh_programs__create_skeleton(programs);
    if (failed == 0) {
        size_t bytes = 0;
        programs->skeleton->data = const_cast<void*>(wh_old_programs__elf_bytes(&bytes));
        programs->skeleton->data_sz = bytes;
        failed = bpf_object__open_skeleton(programs->skeleton, nullptr);
    }
    if (failed == 0) return programs;
    wh_programs__destroy(programs);
    errno = -failed;
    return nullptr;
}

void OldKernel::configure(uint32_t stack_slots) {
    bpf_map__set_max_entries(bpf_object__find_map_by_name(object_, "stack_owners"), stack_slots);
}

Result<void> OldKernel::set_programs(std::span<bpf_program* const> programs) {
    const bpf_map* map = bpf_object__find_map_by_name(object_, "probe_programs");
    for (const bpf_program* program : programs) {
        const auto index = static_cast<uint32_t>(programs_.size());
        const int fd = bpf_program__fd(program);
        if (bpf_map__update_elem(map, &index, sizeof(index), &fd, sizeof(fd), BPF_ANY) != 0)
            return system_error("note a BPF program", errno);
        programs_.push_back(program);
    }
    return {};
}

Result<UniqueFd> OldKernel::program_with_cookie(const bpf_program* program, uint64_t cookie) const {
    const bpf_program* pattern = bpf_object__find_program_by_name(object_, "with_cookie");
    const bpf_insn* instructions = bpf_program__insns(pattern);
    std::vector<bpf_insn> code(instructions, instructions + bpf_program__insn_cnt(pattern));
    replace_number(code, WH_PUT_COOKIE_HERE, cookie);
    replace_number(code, WH_PUT_PROGRAM_HERE,
                   static_cast<uint64_t>(std::ranges::find(programs_, program) - programs_.begin()));
    UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "with_cookie", "GPL", code.data(), code.size(), nullptr));
    if (!fd) return system_error("load the BPF program of a probe", errno);
    return fd;
}

void OldKernel::give_back_stack(uint32_t slot) {
    bpf_map__delete_elem(bpf_object__find_map_by_name(object_, "stack_owners"), &slot, sizeof(slot), 0);
}

// All of it is taken at the start.
uint64_t OldKernel::kernel_memory_bytes() const {
    uint64_t bytes = 0;
    for (const char* name : {"threads", "stack_owners"}) {
        const bpf_map* map = bpf_object__find_map_by_name(object_, name);
        bytes += uint64_t{bpf_map__max_entries(map)} * (bpf_map__key_size(map) + bpf_map__value_size(map));
    }
    return bytes;
}

}  // namespace whoholds
