#include "proc/loader_state.h"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "base/file.h"
#include "proc/process_memory.h"

namespace whoholds {

namespace {

constexpr size_t kMaxAuxvBytes = 8192;
constexpr uint64_t kMaxHeaders = 256;
constexpr uint64_t kMaxDynamicBytes = 64 << 10;

struct Headers {
    uint64_t address = 0;
    uint64_t count = 0;
};

std::optional<Headers> program_headers(const ProcRoot& root, pid_t pid) {
    auto text = read_file_bounded(fmt::format("{}/{}/auxv", root.path, pid), kMaxAuxvBytes);
    if (!text) return std::nullopt;
    Headers headers;
    for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= text->size(); at += sizeof(Elf64_auxv_t)) {
        Elf64_auxv_t entry{};
        std::memcpy(&entry, text->data() + at, sizeof(entry));
        if (entry.a_type == AT_PHDR) headers.address = entry.a_un.a_val;
        if (entry.a_type == AT_PHNUM) headers.count = entry.a_un.a_val;
    }
    if (headers.address == 0 || headers.count == 0 || headers.count > kMaxHeaders) return std::nullopt;
    return headers;
}

struct Dynamic {
    uint64_t address = 0;
    uint64_t bytes = 0;
};

std::optional<Dynamic> dynamic_section(const ProcessMemory& memory, const Headers& headers) {
    std::vector<Elf64_Phdr> table(headers.count);
    if (!memory.read_into(headers.address,
                          {reinterpret_cast<uint8_t*>(table.data()), table.size() * sizeof(Elf64_Phdr)}))
        return std::nullopt;
    uint64_t bias = 0;
    std::optional<Dynamic> dynamic;
    for (const Elf64_Phdr& header : table) {
        if (header.p_type == PT_PHDR) bias = headers.address - header.p_vaddr;
        if (header.p_type == PT_DYNAMIC) dynamic = Dynamic{header.p_vaddr, header.p_memsz};
    }
    if (!dynamic || dynamic->bytes > kMaxDynamicBytes) return std::nullopt;
    dynamic->address += bias;
    return dynamic;
}

}  // namespace

std::optional<uint64_t> loader_state_address(const ProcRoot& root, pid_t pid) {
    auto headers = program_headers(root, pid);
    if (!headers) return std::nullopt;
    auto memory = ProcessMemory::open(root, pid);
    if (!memory) return std::nullopt;
    auto dynamic = dynamic_section(*memory, *headers);
    if (!dynamic) return std::nullopt;
    std::vector<Elf64_Dyn> entries(dynamic->bytes / sizeof(Elf64_Dyn));
    if (!memory->read_into(dynamic->address,
                           {reinterpret_cast<uint8_t*>(entries.data()), entries.size() * sizeof(Elf64_Dyn)}))
        return std::nullopt;
    for (const Elf64_Dyn& entry : entries) {
        if (entry.d_tag == DT_NULL) break;
        if (entry.d_tag == DT_DEBUG && entry.d_un.d_ptr != 0) return entry.d_un.d_ptr + offsetof(r_debug, r_state);
    }
    return std::nullopt;
}

}  // namespace whoholds
