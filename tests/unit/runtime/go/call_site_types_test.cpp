// Which type descriptor a call passes, in code that is made up; and the types that real programs allocate at their lines.
#include "runtime/go/call_site_types.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <set>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint64_t kStart = 0x401000;
const Bytes kLeaRax = {0x48, 0x8d, 0x05, 0x00, 0x01, 0x00, 0x00};  // lea rax, [rip + 0x100]
const Bytes kLeaRbx = {0x48, 0x8d, 0x1d, 0x00, 0x02, 0x00, 0x00};
const Bytes kCall = {0xe8, 0x00, 0x10, 0x00, 0x00};
const Bytes kMoveRcx = {0x48, 0x89, 0xd9};  // mov rcx, rbx
const Bytes kClearEax = {0x31, 0xc0};       // xor eax, eax
const Bytes kLoadRax = {0x48, 0x8b, 0x04, 0x24};
const Bytes kRet = {0xc3};

class GoTypeArgument : public ::testing::Test {
protected:
    static Bytes joined(std::initializer_list<Bytes> parts) {
        Bytes all;
        for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
        return all;
    }
    // Of the call that ends `behind` bytes after the start.
    static std::optional<uint64_t> argument(const Bytes& bytes, size_t behind, ZydisRegister reg = ZYDIS_REGISTER_RAX) {
        ModuleCode code;
        code.code_at = [&](uint64_t address, size_t size) {
            const size_t at = address - kStart;
            return at < bytes.size() ? Bytes(bytes.begin() + static_cast<ptrdiff_t>(at),
                                             bytes.begin() + static_cast<ptrdiff_t>(std::min(bytes.size(), at + size)))
                                     : Bytes();
        };
        const auto function = FunctionCode::decode(code, {kStart, kStart + bytes.size()});
        if (!function) ADD_FAILURE() << "it is no code";
        if (!function) return std::nullopt;
        return go_type_argument(*function, kStart + behind, reg);
    }
};

TEST_F(GoTypeArgument, is_loaded_in_a_straight_line_before_the_call) {
    const Bytes code = joined({kLeaRax, kLeaRbx, kMoveRcx, kCall, kRet});

    EXPECT_EQ(argument(code, 22), kStart + 7 + 0x100);
    EXPECT_EQ(argument(code, 22, ZYDIS_REGISTER_RBX), kStart + 14 + 0x200);
    EXPECT_EQ(argument(code, 22, ZYDIS_REGISTER_RDI), std::nullopt);
}

TEST_F(GoTypeArgument, what_is_written_last_counts_whatever_part_of_the_register) {
    EXPECT_EQ(argument(joined({kLeaRax, kClearEax, kCall, kRet}), 14), std::nullopt);
    EXPECT_EQ(argument(joined({kLeaRax, kLoadRax, kCall, kRet}), 16), std::nullopt);
    EXPECT_EQ(argument(joined({kLoadRax, kLeaRax, kCall, kRet}), 16), kStart + 11 + 0x100);
}

TEST_F(GoTypeArgument, calls_and_jumps_between_leave_it_in_doubt) {
    EXPECT_EQ(argument(joined({kLeaRax, kCall, kCall, kRet}), 17), std::nullopt);
    const Bytes jump_over = {0x74, 0x07};  // je behind the lea
    EXPECT_EQ(argument(joined({jump_over, kLeaRax, kCall, kRet}), 14), std::nullopt);
    const Bytes jump_away = {0xeb, 0x00};
    EXPECT_EQ(argument(joined({kLeaRax, jump_away, kCall, kRet}), 14), std::nullopt);
}

TEST_F(GoTypeArgument, only_of_a_call_that_returns_there) {
    const Bytes code = joined({kLeaRax, kCall, kRet});

    EXPECT_EQ(argument(code, 12), kStart + 7 + 0x100);
    for (const size_t behind : {size_t{0}, size_t{4}, size_t{7}, size_t{11}, size_t{13}, size_t{14}, size_t{1000}})
        EXPECT_EQ(argument(code, behind), std::nullopt) << behind;
    EXPECT_EQ(argument(code, SIZE_MAX - kStart), std::nullopt);
}

TEST_F(GoTypeArgument, is_not_looked_for_far_away) {
    Bytes code = kLeaRax;
    for (int i = 0; i < 40; ++i) code.insert(code.end(), kMoveRcx.begin(), kMoveRcx.end());
    code.insert(code.end(), kCall.begin(), kCall.end());

    EXPECT_EQ(argument(code, code.size()), std::nullopt);
}

// Every call of every function of the program's own: what is found is a type, and some that are known are among it.
class GoCallSites : public GoForms {};

TEST_P(GoCallSites, name_the_types_that_the_program_allocates) {
    GoPuppet puppet(path());
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);
    GoCallSiteTypes types;
    std::set<std::string> found;
    const GoLineTable& table = process->code().table();
    for (size_t i = 0; i < table.function_count(); ++i) {
        const auto function = table.function(i);
        if (!function || !table.name_of(*function).starts_with("main.")) continue;
        for (uint64_t at = function->entry + 1; at < std::min(function->end, function->entry + 4096); ++at) {
            const std::array<uint64_t, 1> frames = {process->to_process(at)};
            if (std::string type = types.type_of(*process, frames); !type.empty()) found.insert(std::move(type));
        }
    }

    EXPECT_THAT(found, ::testing::Contains("main.session"));
    for (const std::string& type : found) EXPECT_EQ(type.find('\0'), std::string::npos);
    EXPECT_EQ(types.type_of(*process, {}), "");
    const std::array<uint64_t, 2> nonsense = {1, UINT64_MAX};
    EXPECT_EQ(types.type_of(*process, nonsense), "");
}

// As the census calls them: what a call makes one of, an array of, or the map and channel themselves.
TEST_P(GoCallSites, are_found_by_the_type) {
    GoPuppet puppet(path());
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);
    GoCallSiteTypes types;
    const auto functions_of = [&](const char* name) {
        std::set<std::string_view> functions;
        for (const uint64_t place : types.places_of(*process, name, [] {}))
            if (const auto function = process->function_at(place - 1))
                functions.insert(process->code().table().name_of(*function));
        return functions;
    };

    EXPECT_THAT(functions_of("*main.session"), ::testing::Each(::testing::StartsWith("main.")));
    EXPECT_THAT(functions_of("*main.session"), ::testing::Not(::testing::IsEmpty()));
    EXPECT_THAT(functions_of("map[string]*main.session"), ::testing::Not(::testing::IsEmpty()));
    EXPECT_THAT(functions_of("main.session"), ::testing::IsEmpty());
    EXPECT_THAT(functions_of("*main.nothing"), ::testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Each, GoCallSites, all_go_forms(), go_form_name);

}  // namespace
}  // namespace whoholds
