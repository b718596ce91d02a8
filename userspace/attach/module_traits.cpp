#include "attach/module_traits.h"

namespace whoholds {
namespace {

constexpr std::string_view kLibcMark = "__libc_start_main";
constexpr std::string_view kLoaderHook = "_dl_debug_state";
constexpr std::string_view kStaticMuslMark = "__init_libc";
constexpr std::string_view kPlainNew = "_Znwm";

}  // namespace

bool is_loader_path(std::string_view path) {
    const std::string_view base = path.substr(path.rfind('/') + 1);
    return base.starts_with("ld-linux") || base.starts_with("ld-musl") || base.starts_with("ld.so") ||
           (base.starts_with("ld-") && base.ends_with(".so"));  // ld-2.31.so
}

bool is_landmark(std::string_view name) { return name == kLibcMark || name == kLoaderHook || name == kStaticMuslMark; }

std::optional<uint64_t> loader_hook(const ModuleCode& code, std::string_view path) {
    const ElfSymbol* hook = nullptr;
    bool is_libc = false;
    for (const ElfSymbol& symbol : code.symbols) {
        if (symbol.name == kLoaderHook) hook = &symbol;
        is_libc = is_libc || symbol.name == kLibcMark;
    }
    if (hook == nullptr) return std::nullopt;
    // musl's libc.so is the dynamic linker too. A static program has the function and never calls it.
    const bool is_musl = is_libc && code.is_library && std::string_view(hook->table) == ".dynsym";
    return is_loader_path(path) || is_musl ? code.offset_of(hook->address) : std::nullopt;
}

ModuleTraits traits_of(const ModuleCode& code, std::string_view path) {
    ModuleTraits traits;
    bool has_musl_mark = false;
    bool exports_hook = false;
    for (const ElfSymbol& symbol : code.symbols) {
        const std::string_view name = symbol.name;
        if (name == kLibcMark) traits.is_libc = true;
        if (name == kStaticMuslMark) has_musl_mark = true;
        if (name == kLoaderHook && std::string_view(symbol.table) == ".dynsym") exports_hook = true;
        if (name == "malloc") {
            traits.malloc = &symbol;
            traits.exports_malloc = traits.exports_malloc || std::string_view(symbol.table) == ".dynsym";
        }
        if (name == "free") traits.free = &symbol;
        if (name == kPlainNew) traits.plain_new = &symbol;
        const std::string_view prefix = jemalloc_prefix(name);
        if (!prefix.empty()) traits.prefixes.push_back(prefix);
        const AllocatorFamily mark = allocator_marked_by(name);
        if (mark == AllocatorFamily::kLibc) continue;
        traits.has_own_names = true;
        if (prefix.empty() && name != "je_malloc") traits.family = mark;
    }
    // musl's libc is the dynamic linker too.
    traits.is_musl = traits.is_libc && (has_musl_mark || is_loader_path(path) || (exports_hook && code.is_library));
    traits.is_loader = is_loader_path(path) && !traits.is_libc;  // musl's is libc at the same time
    return traits;
}

}  // namespace whoholds
