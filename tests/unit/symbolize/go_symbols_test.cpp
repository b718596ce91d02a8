// Go programs, stripped or not, have names, lines and inlined calls in every report.
#include <gmock/gmock.h>

#include "symbolize/symbolizer.h"
#include "unit/runtime/go/go_puppet.h"
#include "unit/runtime/go/pprof_text.h"

namespace whoholds {
namespace {

using ::testing::EndsWith;
using ::testing::IsEmpty;

class GoSymbols : public GoForms {};

TEST_P(GoSymbols, every_address_of_a_profile_gets_what_the_program_says) {
    GoPuppet puppet(path(), {"PUPPET_PROFILE_RATE=1"});
    for (const char* command : {"leak sessions 100", "start lockers 2", "start children 2", "collect"})
        puppet.command(command);
    Symbolizer symbolizer({}, puppet.pid());
    symbolizer.update_mappings(*read_maps({}, puppet.pid()));

    const std::vector<PprofFrame> said = parse_frames(puppet.profile("heap") + puppet.profile("goroutine"));

    ASSERT_FALSE(said.empty());
    bool saw_closure = false;
    for (const PprofFrame& one : said) {
        const std::vector<Frame> frames = symbolizer.symbolize(one.address, false);
        const auto found = std::ranges::find(frames, one.function, &Frame::function);
        ASSERT_NE(found, frames.end()) << one.function << " is not " << frames.front().function;
        EXPECT_EQ(found->file, one.file);
        EXPECT_EQ(found->line, one.line);
        EXPECT_EQ(found->inlined, found + 1 != frames.end());
        EXPECT_THAT(found->module, EndsWith(GetParam()));
        saw_closure = saw_closure || found->function == "main.startChildren.func1";
    }
    EXPECT_TRUE(saw_closure);  // a number at the end belongs to the name
    EXPECT_THAT(symbolizer.notes(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Each, GoSymbols, all_go_forms(), go_form_name);

TEST(GoSymbolsOfMixedPrograms, c_code_keeps_the_names_of_the_symbol_table) {
    const std::string path = target_path("go_cgo_puppet");
    if (path.empty()) GTEST_SKIP() << "go is not installed";
    GoPuppet puppet(path);
    Symbolizer symbolizer({}, puppet.pid());
    const auto mappings = read_maps({}, puppet.pid());
    symbolizer.update_mappings(*mappings);
    const auto process = GoProcess::open({}, puppet.pid(), *mappings);
    ASSERT_TRUE(process) << process.error().message;
    const auto functions =
        process->image().function_symbols({}, [](std::string_view name) { return name == "cgo_take"; });
    ASSERT_TRUE(functions);
    ASSERT_FALSE(functions->empty());
    const auto go_function = process->code().table().find_name("main.main");
    ASSERT_TRUE(go_function);

    const auto c_frames = symbolizer.symbolize(process->to_process(functions->front().address), false);
    const auto go_frames = symbolizer.symbolize(process->to_process(go_function->entry), false);

    EXPECT_EQ(c_frames.back().function, "cgo_take");
    EXPECT_EQ(go_frames.back().function, "main.main");
}

}  // namespace
}  // namespace whoholds
