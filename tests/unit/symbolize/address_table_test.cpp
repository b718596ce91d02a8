#include "symbolize/address_table.h"

#include <gtest/gtest.h>

#include <string>

#include "symbolize/module_symbols.h"
#include "unit/elf/compiled_fixture.h"

namespace whoholds {
namespace {

bool never() { return false; }

class AddressTableOf : public CompiledFixture {
protected:
    // A library of many functions of four bytes each, named after their number.
    [[nodiscard]] bool build_library(unsigned functions) const {
        std::ofstream source(path("many.s"));
        source << ".text\nstart: .globl start\n.altmacro\n.macro one number\n.type f_\\number,@function\n.globl "
                  "f_\\number\n"
                  "f_\\number: .long 0\n.size f_\\number,4\n.endm\n.set i,0\n.rept "
               << functions << "\none %i\n.set i,i+1\n.endr\n.section .note.GNU-stack\n";
        source.close();
        return run("cc -shared -nostdlib -o many.so many.s");
    }
    [[nodiscard]] static uint64_t start_of(const ElfImage& image) {
        const auto found =
            image.function_symbols({.debug_roots = {}}, [](std::string_view name) { return name == "f_0"; });
        return found && !found->empty() ? found->front().address : 0;
    }
};

TEST_F(AddressTableOf, a_large_library_is_read_in_portions_and_answers_when_all_is_read) {
    WH_NEEDS_TOOL("cc");
    constexpr unsigned kFunctions = 200'000;
    ASSERT_TRUE(build_library(kFunctions));
    const auto image = ElfImage::open(path("many.so"));
    ASSERT_TRUE(image);
    const uint64_t start = start_of(*image);
    AddressTable table(*image, {.debug_roots = {}});

    EXPECT_GE(table.symbols_expected(), 2 * kFunctions) << ".dynsym and .symtab";
    EXPECT_FALSE(table.read(*image, [] { return true; }));
    unsigned rounds = 0;
    for (int questions_left = 5; !table.read(*image, [&] { return questions_left-- <= 0; }); questions_left = 5) {
        EXPECT_EQ(table.find(*image, start), "");
        ++rounds;
    }

    EXPECT_GT(rounds, 5U);
    for (unsigned i = 0; i < kFunctions; i += 997) {
        EXPECT_EQ(table.find(*image, start + i * 4), "f_" + std::to_string(i));
        EXPECT_EQ(table.find(*image, start + i * 4 + 3), "f_" + std::to_string(i));
    }
    EXPECT_EQ(table.find(*image, start + kFunctions * 4), "");
}

TEST_F(AddressTableOf, a_large_table_waits_for_the_next_batch_and_is_spoken_of) {
    WH_NEEDS_TOOL("cc");
    ASSERT_TRUE(build_library(100'000));
    auto image = ElfImage::open(path("many.so"));
    ASSERT_TRUE(image);
    const uint64_t start = start_of(*image);
    ModuleSymbols symbols(*std::move(image), {.debug_roots = {}}, "many.so");
    uint64_t now_ms = 0;
    const auto slow_clock = [&now_ms] { return now_ms += 60; };
    WorkBudget budget;
    std::vector<std::string> said;
    budget.set_listener([&](const std::string& sentence) { said.push_back(sentence); });

    budget.start_batch(400, slow_clock);
    const auto first = symbols.find(start, budget);
    const auto notes = symbols.notes();
    std::string name;
    for (int batch = 0; batch < 100 && name.empty(); ++batch) {
        budget.start_batch(400, slow_clock);
        name = symbols.find(start, budget).frames.back().function;
    }

    EXPECT_FALSE(first.complete);
    EXPECT_EQ(first.frames.back().function, "");
    EXPECT_EQ(notes, std::vector<std::string>{"symbols not read yet"});
    EXPECT_EQ(name, "f_0");
    ASSERT_EQ(said.size(), 1U);
    EXPECT_TRUE(said[0].starts_with("reading symbols of many.so (")) << said[0];
    EXPECT_TRUE(symbols.notes().empty());
}

TEST_F(AddressTableOf, the_nicest_alias_is_found_whichever_table_holds_it) {
    WH_NEEDS_TOOL("cc");
    std::ofstream(path("aliases.s")) << ".text\n.globl __write\n.weak write\n.type __write,@function\n"
                                        ".type write,@function\n.type local_write,@function\n"
                                        "__write:\nwrite:\nlocal_write: ret\n.size __write,1\n.size write,1\n"
                                        ".type open_ended,@function\n.globl open_ended\nopen_ended: ret\nret\n"
                                        ".section .note.GNU-stack\n";
    ASSERT_TRUE(run("cc -shared -nostdlib -o aliases.so aliases.s"));
    const auto image = ElfImage::open(path("aliases.so"));
    ASSERT_TRUE(image);
    const auto write =
        image->function_symbols({.debug_roots = {}}, [](std::string_view name) { return name == "write"; });
    AddressTable table(*image, {.debug_roots = {}});
    ASSERT_TRUE(table.read(*image, never));

    EXPECT_EQ(table.find(*image, write->front().address), "write");
    EXPECT_EQ(table.find(*image, write->front().address + 2), "open_ended");
    EXPECT_EQ(table.find(*image, write->front().address - 1), "");
    EXPECT_EQ(table.find(*image, UINT64_MAX), "");
}

}  // namespace
}  // namespace whoholds
