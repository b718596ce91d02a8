// BCC's symbol reader as an independent witness: what it finds in the libraries of this machine, we find.
// The core does not use it: it would bring libbpf along (bcc_elf -> bcc_proc -> common), it dies of a division by zero
// when a file says that its symbols have no size (sh_entsize, BCC 0.26), and it knows neither limits nor bindings.
#include <bcc/bcc_elf.h>
#include <bcc/bcc_syms.h>
#include <elf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <string>
#include <utility>

#include "elf/elf_image.h"
#include "proc/process.h"

namespace whoholds {
namespace {

using NamedAddresses = std::set<std::pair<std::string, uint64_t>>;

NamedAddresses found_by_bcc(const std::string& path) {
    NamedAddresses found;
    bcc_symbol_option option{};
    option.use_symbol_type = 1U << STT_FUNC;
    const auto add = [](const char* name, uint64_t address, uint64_t, void* payload) {
        const std::string whole(name);
        static_cast<NamedAddresses*>(payload)->emplace(whole.substr(0, whole.find('@')), address);
        return 0;
    };
    EXPECT_EQ(::bcc_elf_foreach_sym(path.c_str(), add, &option, &found), 0) << path;
    return found;
}

TEST(BccOracle, we_find_every_function_that_bcc_finds_in_our_libraries) {
    const auto maps = read_maps({}, ::getpid());
    ASSERT_TRUE(maps);
    std::set<std::string> paths;
    for (const Mapping& mapping : *maps) {
        if (mapping.executable && mapping.is_file() && !mapping.deleted) paths.insert(mapping.path);
    }
    ASSERT_GE(paths.size(), 2U);

    for (const std::string& path : paths) {
        const auto image = ElfImage::open(path);
        ASSERT_TRUE(image) << path;
        const auto symbols = image->function_symbols({.debug_roots = {}, .debug_directory = "/nonexistent"});
        ASSERT_TRUE(symbols) << path;
        NamedAddresses ours;
        for (const ElfSymbol& symbol : *symbols) ours.emplace(symbol.name, symbol.address);

        size_t missing = 0;
        for (const auto& [name, address] : found_by_bcc(path)) {
            const bool expected = image->is_executable(address) && !name.empty();
            if (expected && !ours.contains({name, address}) && ++missing < 5) ADD_FAILURE() << path << ": " << name;
        }
        EXPECT_EQ(missing, 0U) << path;
    }
}

}  // namespace
}  // namespace whoholds
