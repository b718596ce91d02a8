// Tables made by hand: what each format says, and what a hostile one cannot do. Real ones are in go_code_test.cpp.
#include "elf/go_line_table.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace whoholds {
namespace {

constexpr uint64_t kText = 0x401000;

class Bytes {
public:
    template <class T>
    Bytes& add(T value) {
        const auto* raw = reinterpret_cast<const uint8_t*>(&value);
        bytes_.insert(bytes_.end(), raw, raw + sizeof value);
        return *this;
    }
    Bytes& text(std::string_view text) {
        bytes_.insert(bytes_.end(), text.begin(), text.end());
        bytes_.push_back(0);
        return *this;
    }
    Bytes& fill_to(size_t size) {
        bytes_.resize(size);
        return *this;
    }
    [[nodiscard]] std::vector<uint8_t> take() { return std::move(bytes_); }

private:
    std::vector<uint8_t> bytes_;
};

constexpr size_t kNames = 0x80;
constexpr size_t kUnits = 0xc0;
constexpr size_t kFiles = 0xd0;
constexpr size_t kValues = 0x100;
constexpr size_t kFunctions = 0x140;

// Two functions of 32 bytes: main.outer, whose bytes 8 to 15 are main.inner inlined, and main.last. As Go 1.20 and later
// write it.
std::vector<uint8_t> table_of_120() {
    Bytes bytes;
    bytes.add(uint32_t{0xfffffff1}).add(uint16_t{0}).add(uint8_t{1}).add(uint8_t{8});
    bytes.add(uint64_t{2}).add(uint64_t{1}).add(kText);
    for (const uint64_t part : {kNames, kUnits, kFiles, kValues, kFunctions}) bytes.add(part);
    bytes.fill_to(kNames).text("").text("main.outer").text("main.inner").text("main.last");
    bytes.fill_to(kUnits).add(uint32_t{0});
    bytes.fill_to(kFiles).text("/src/main.go");
    // Pairs of (change of value, distance); the value begins at -1. 1: frame sizes 0 for 4 bytes, 24 for the rest.
    bytes.fill_to(kValues).add(uint8_t{0});
    for (const uint8_t byte : {2, 4, 48, 28, 0}) bytes.add(byte);          // 1
    for (const uint8_t byte : {2, 32, 0}) bytes.add(byte);                 // 6: file 0
    for (const uint8_t byte : {22, 8, 20, 8, 19, 16, 0}) bytes.add(byte);  // 9: lines 10, 20, 10
    for (const uint8_t byte : {0, 8, 2, 8, 1, 16, 0}) bytes.add(byte);     // 16: inlined call none, 0, none
    bytes.fill_to(kFunctions);
    bytes.add(uint32_t{0}).add(uint32_t{24}).add(uint32_t{32}).add(uint32_t{96}).add(uint32_t{64}).add(uint32_t{0});
    // main.outer: entry, name, args, deferreturn, pcsp, pcfile, pcln, npcdata, cuOffset, startLine, funcID, flag, pad, nfuncdata
    for (const uint32_t word : {0U, 1U, 0U, 0U, 1U, 6U, 9U, 3U, 0U, 10U}) bytes.add(word);
    bytes.add(uint32_t{0x04000000});
    for (const uint32_t word : {0U, 0U, 16U}) bytes.add(word);           // PCDATA
    for (const uint32_t word : {~0U, ~0U, ~0U, 0x30U}) bytes.add(word);  // FUNCDATA
    bytes.fill_to(kFunctions + 96);
    for (const uint32_t word : {32U, 23U, 0U, 0U, 1U, 6U, 9U, 0U, 0U, 5U, 0x0016U}) bytes.add(word);
    return bytes.take();
}

TEST(GoLineTable, tells_functions_lines_frames_and_inlined_calls) {
    const auto table = GoLineTable::parse(table_of_120(), kText);
    ASSERT_TRUE(table) << table.error().message;

    const auto outer = table->find(kText + 12);
    const auto last = table->find(kText + 32);

    ASSERT_TRUE(outer && last);
    EXPECT_EQ(table->name_of(*outer), "main.outer");
    EXPECT_EQ(table->name_of(*last), "main.last");
    EXPECT_EQ(last->kind, 0x16);
    EXPECT_EQ(outer->end, kText + 32);
    EXPECT_EQ(table->stack_delta(*outer, kText + 3), 0);
    EXPECT_EQ(table->stack_delta(*outer, kText + 4), 24);
    EXPECT_EQ(table->position(*outer, kText).file, "/src/main.go");
    EXPECT_EQ(table->position(*outer, kText + 7).line, 10);
    EXPECT_EQ(table->position(*outer, kText + 8).line, 20);
    EXPECT_EQ(table->position(*outer, kText + 31).line, 10);
    EXPECT_FALSE(table->inlined_call(*outer, kText + 7));
    EXPECT_EQ(table->inlined_call(*outer, kText + 8), 0U);
    EXPECT_EQ(table->function_data(*outer, GoLineTable::kInlineTree), 0x30U);
    EXPECT_FALSE(table->function_data(*outer, 0));
    EXPECT_FALSE(table->function_data(*last, GoLineTable::kInlineTree));
    EXPECT_FALSE(table->find(kText - 1));
    EXPECT_FALSE(table->find(kText + 64));
    EXPECT_EQ(table->find_name("main.last")->entry, kText + 32);
    EXPECT_FALSE(table->find_name("main.inner"));
}

TEST(GoLineTable, an_inlined_call_names_its_function_and_its_caller) {
    const auto table = GoLineTable::parse(table_of_120(), kText);
    ASSERT_TRUE(table) << table.error().message;
    const auto outer = table->find(kText);
    const auto entry = Bytes().add(uint32_t{0}).add(uint32_t{12}).add(uint32_t{6}).add(uint32_t{20}).take();

    const auto call = table->inlined_call_of(*outer, entry);

    ASSERT_TRUE(call);
    EXPECT_EQ(call->function, "main.inner");
    EXPECT_EQ(call->call_address, kText + 6);
    EXPECT_FALSE(table->inlined_call_of(*outer, std::span(entry).first(15)));
}

TEST(GoLineTable, refuses_what_is_not_a_table) {
    const std::vector<uint8_t> good = table_of_120();
    const auto with = [&](size_t at, uint8_t value) {
        std::vector<uint8_t> bytes = good;
        bytes[at] = value;
        return bytes;
    };

    EXPECT_FALSE(GoLineTable::parse({}, kText));
    EXPECT_FALSE(GoLineTable::parse(with(0, 0x42), kText));   // magic
    EXPECT_FALSE(GoLineTable::parse(with(4, 1), kText));      // padding
    EXPECT_FALSE(GoLineTable::parse(with(7, 4), kText));      // 32 bits
    EXPECT_FALSE(GoLineTable::parse(with(13, 1), kText));     // 2^40 functions
    EXPECT_FALSE(GoLineTable::parse(with(36, 0xff), kText));  // a part far behind the end
    EXPECT_FALSE(GoLineTable::parse({good.begin(), good.begin() + kFunctions + 8}, kText));
}

// Whatever stands in the table: no read outside of it (the sanitizers would tell), no endless walk.
TEST(GoLineTable, damage_gives_wrong_answers_at_worst) {
    const std::vector<uint8_t> good = table_of_120();
    std::mt19937 random(26);

    for (int i = 0; i < 20'000; ++i) {
        std::vector<uint8_t> bytes = good;
        for (int changes = 0; changes < 4; ++changes) bytes[64 + random() % (bytes.size() - 64)] = random() & 0xff;
        const auto table = GoLineTable::parse(std::move(bytes), kText);
        if (!table) continue;
        for (const uint64_t offset : {0U, 9U, 31U, 32U, 63U}) {
            const auto function = table->find(kText + offset);
            if (!function) continue;
            (void)table->name_of(*function);
            (void)table->stack_delta(*function, kText + offset);
            (void)table->position(*function, kText + offset);
            (void)table->inlined_call(*function, kText + offset);
            (void)table->function_data(*function, GoLineTable::kInlineTree);
        }
        (void)table->find_name("main.last");
    }
}

}  // namespace
}  // namespace whoholds
