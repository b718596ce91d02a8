#include "runtime/v8/v8_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "bpf/shared/records.h"
#include "unit/runtime/v8/fake_heap.h"

namespace whoholds {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kOwnCode = 0x40'0000;  // 1 MiB of it
constexpr uint64_t kLibrary = 0x7000'0000'1000;
constexpr uint64_t kTrampoline = kOwnCode + 0x100;
constexpr uint8_t kBaseline = 11;
constexpr uint8_t kOptimized = 13;
constexpr std::array<uint8_t, 15> kSizes = {1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2};
constexpr std::array<uint8_t, 6> kBytecodes = {4, 0, 4, 0, 4, 0};

uint8_t zigzag(int value) { return static_cast<uint8_t>(value << 1 ^ value >> 31); }

void add_number(std::vector<uint8_t>& table, int64_t value) {
    uint64_t rest = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
    for (; rest >= 0x80; rest >>= 7) table.push_back(static_cast<uint8_t>(rest | 0x80));
    table.push_back(static_cast<uint8_t>(rest));
}

// Bytecodes at 0, 2 and 4, in the lines 1, 2 and 4.
std::vector<uint8_t> positions() {
    return {zigzag(-1), zigzag(2 * 1), zigzag(1), zigzag(0), zigzag(2), zigzag(2 * 4), zigzag(2), zigzag(2 * 6)};
}

class V8FramesTest : public ::testing::Test {
protected:
    V8FramesTest() {
        script = heap.make_script(5, heap.make_text("one\ntwo\n\nfour\n"), "/srv/app.js");
        bytecodes = heap.make_bytecodes(kBytecodes, positions());
        shared = heap.make_shared(script, 3, bytecodes, "leak");
        frames.set_own_code({{kOwnCode, kOwnCode + (1 << 20)}});
    }

    static uint64_t hint(uint64_t address, bool has_code = false) {
        return WH_FRAME_V8 | address | (has_code ? WH_FRAME_V8_CODE : 0);
    }
    uint64_t place(uint64_t offset, uint32_t literal = 3) const {
        const uint64_t in_object = offset == WH_V8_NO_OFFSET ? offset : offset + heap.layout().bytecode_data - 1U;
        return WH_V8_PLACE(wh_v8_function_identity(FakeV8Heap::kTid, 5, literal), in_object);
    }
    std::string text_of(uint64_t word) const {
        const V8Place place = frames.place(word);
        return place.name + " " + place.file + ":" + std::to_string(place.line);
    }
    std::vector<std::string> resolved(const std::vector<uint64_t>& sent) {
        std::vector<std::string> texts;
        for (const uint64_t word : frames.resolve(sent, FakeV8Heap::kTid).value_or(std::vector<uint64_t>()))
            texts.push_back(is_v8_word(word) ? text_of(word) : "native");
        return texts;
    }

    FakeV8Heap heap;
    uint64_t script = 0;
    uint64_t bytecodes = 0;
    uint64_t shared = 0;
    V8Frames frames{heap.heap(), {kSizes.begin(), kSizes.end()}};
};

TEST_F(V8FramesTest, names_function_file_and_line_of_interpreted_code) {
    EXPECT_THAT(resolved({kLibrary, kTrampoline, hint(shared), place(0)}), ElementsAre("native", "leak /srv/app.js:1"));
    EXPECT_THAT(resolved({kTrampoline, hint(shared), place(2)}), ElementsAre("leak /srv/app.js:2"));
    EXPECT_THAT(resolved({kTrampoline, hint(shared), place(4)}), ElementsAre("leak /srv/app.js:4"));
    EXPECT_EQ(frames.named(), 3U);
}

TEST_F(V8FramesTest, calls_constructors_of_classes_as_V8_does) {
    constexpr uint32_t kOtherFlags = ~31U;
    constexpr uint32_t kFlagsOffset = 48;
    const auto name_of_kind = [&](uint32_t kind) {
        heap.put(shared + kFlagsOffset, kOtherFlags | kind);
        V8Frames fresh{heap.heap(), {}};
        fresh.set_own_code({{kOwnCode, kOwnCode + (1 << 20)}});
        const auto words = fresh.resolve(std::vector<uint64_t>{kTrampoline, hint(shared), place(0)}, FakeV8Heap::kTid);
        return words ? fresh.place(words->front()).name : std::string();
    };

    for (const uint32_t kind : {3U, 4U, 5U, 6U}) EXPECT_EQ(name_of_kind(kind), "new leak") << kind;
    for (const uint32_t kind : {0U, 2U, 7U, 9U, 18U, 31U}) EXPECT_EQ(name_of_kind(kind), "leak") << kind;
}

TEST_F(V8FramesTest, leaves_out_stubs_and_what_of_node_called_the_program) {
    const std::vector<uint64_t> sent = {kOwnCode + 1, kOwnCode + 2 + WH_FRAME_V8_OWN,
                                        kTrampoline,  hint(shared),
                                        place(0),     kOwnCode + 3,
                                        kLibrary,     kTrampoline,
                                        hint(shared), place(2),
                                        kOwnCode + 4};

    EXPECT_THAT(resolved(sent), ElementsAre("native", "leak /srv/app.js:1", "native", "leak /srv/app.js:2"));
    EXPECT_THAT(without_v8_words(sent), ElementsAre(kOwnCode + 1, kOwnCode + 2, kTrampoline, kOwnCode + 3, kLibrary,
                                                    kTrampoline, kOwnCode + 4));
    EXPECT_FALSE(frames.resolve(std::vector<uint64_t>{kLibrary, kOwnCode + 1}, FakeV8Heap::kTid));
}

TEST_F(V8FramesTest, believes_only_the_identity_that_was_seen) {
    EXPECT_THAT(resolved({kTrampoline, hint(shared), place(0, 4)}), ElementsAre(" :0"));
    EXPECT_THAT(resolved({kTrampoline, hint(shared + 8), place(0)}), ElementsAre(" :0"));
    EXPECT_THAT(resolved({kTrampoline, hint(1), place(0)}), ElementsAre(" :0"));
    EXPECT_EQ(frames.unnamed(), 3U);
}

TEST_F(V8FramesTest, knows_a_function_that_has_moved_since) {
    EXPECT_THAT(resolved({kTrampoline, hint(shared), place(0)}), ElementsAre("leak /srv/app.js:1"));
    heap.put(shared, uint64_t{0});

    EXPECT_THAT(resolved({kTrampoline, hint(shared), place(2)}), ElementsAre("leak /srv/app.js:2"));
}

TEST_F(V8FramesTest, names_no_line_of_an_offset_that_is_none) {
    EXPECT_THAT(resolved({kTrampoline, hint(shared), place(WH_V8_NO_OFFSET)}), ElementsAre("leak /srv/app.js:0"));
}

TEST_F(V8FramesTest, names_lines_of_code_of_the_baseline_compiler) {
    const std::array<uint8_t, 4> table = {10, 20, 20, 20};
    const uint64_t start = heap.take(100);
    const uint64_t code = heap.make_code(kBaseline, bytecodes, heap.make_bytes(table), start, 80);
    const uint64_t identity = WH_FRAME_V8 | wh_v8_code_identity(start, 80);
    const auto sent = [&](uint64_t at, uint64_t identity_seen) {
        return std::vector{start + at, hint(shared, true), place(WH_V8_NO_OFFSET), hint(code), identity_seen};
    };

    EXPECT_THAT(resolved(sent(30, identity)), ElementsAre("leak /srv/app.js:1"));
    EXPECT_THAT(resolved(sent(31, identity)), ElementsAre("leak /srv/app.js:2"));
    EXPECT_THAT(resolved(sent(70, identity)), ElementsAre("leak /srv/app.js:4"));
    EXPECT_THAT(resolved(sent(71, identity)), ElementsAre("leak /srv/app.js:0"));
    EXPECT_THAT(resolved(sent(30, identity + 1)), ElementsAre("leak /srv/app.js:0"));  // other code lies there now

    heap.put(shared + 8, FakeV8Heap::pointer(code));  // what the function has, whatever else it runs now
    EXPECT_THAT(resolved({start + 50, hint(shared), place(WH_V8_NO_OFFSET)}), ElementsAre("leak /srv/app.js:2"));
}

class OptimizedCode : public V8FramesTest {
protected:
    // Two calls: the first has a position, in a function that was inlined where line 4 calls it; the second has none.
    OptimizedCode() {
        const std::array<uint8_t, 21> instructions = {0x48, 0x89, 0xe5, 0xe8, 0,    0, 0, 0, 0x90, 0xe8, 0,
                                                      0,    0,    0,    0x90, 0xe8, 0, 0, 0, 0,    0xc3};
        start = heap.take(instructions.size());
        heap.put_bytes(start, instructions);
        inner = heap.make_shared(script, 4, bytecodes, "small");
        const uint64_t literals = heap.make(170, 24);
        heap.put(literals + 8, FakeV8Heap::number(1));
        heap.put(literals + 16, inner | 3);  // weak
        const uint64_t data = heap.make(170, 16 + 8 * 8);
        heap.put(data + 8, FakeV8Heap::number(8));
        heap.put(data + 16 + 8, FakeV8Heap::number(1));
        heap.put(data + 16 + 16, FakeV8Heap::pointer(literals));
        std::array<uint8_t, 16> call{};
        call[0] = 2 * (9 + 1);  // characters before it, in line 4
        heap.put(data + 16 + 56, FakeV8Heap::pointer(heap.make_bytes(call)));
        // Of 3: line 1, inlined at the first call; of 15: line 2, not inlined.
        constexpr int64_t kInlined = int64_t{1} << 31 | 2 * 1;
        std::vector<uint8_t> table;
        for (const int64_t number : {int64_t{4}, kInlined, int64_t{12}, 2 * 5 - kInlined}) add_number(table, number);
        code = heap.make_code(kOptimized, data, heap.make_bytes(table), start, instructions.size());
    }
    std::vector<std::string> at(uint64_t offset) {
        return resolved({start + offset, hint(shared, true), place(WH_V8_NO_OFFSET), hint(code),
                         WH_FRAME_V8 | wh_v8_code_identity(start, 21)});
    }
    uint64_t start = 0;
    uint64_t inner = 0;
    uint64_t code = 0;
};

TEST_F(OptimizedCode, names_what_was_inlined_and_who_called_it) {
    EXPECT_THAT(at(8), ElementsAre("small /srv/app.js:1", "leak /srv/app.js:4"));
    EXPECT_THAT(at(20), ElementsAre("leak /srv/app.js:2"));
}

TEST_F(OptimizedCode, names_no_line_for_a_call_that_has_no_position_of_its_own) {
    EXPECT_THAT(at(14), ElementsAre("leak /srv/app.js:0"));
}

TEST(V8Heap, reads_strings_of_all_forms_and_gives_up_on_hostile_ones) {
    FakeV8Heap fake;
    const uint64_t joined = fake.make_joined(fake.make_text("a\xe9"), fake.make_text("bc"), 4);
    const uint64_t endless = fake.make_joined(joined, joined, 8);
    fake.put(endless + 16, FakeV8Heap::pointer(endless));
    uint64_t nested = fake.make_text("");
    for (int i = 0; i < 40; i++) nested = fake.make_joined(nested, nested, 0);  // 2^40 parts
    const V8Heap heap = fake.heap();

    EXPECT_EQ(heap.text(joined | 1, 100)->utf8(),
              "a\xc3\xa9"
              "bc");
    EXPECT_FALSE(heap.text(joined | 1, 3));
    EXPECT_FALSE(heap.text(endless | 1, 100));
    EXPECT_FALSE(heap.text(nested | 1, 100));
    EXPECT_FALSE(heap.text(0, 100));
}

TEST(V8Script, counts_lines_as_the_language_does) {
    const std::u16string text = u"a\nb\r\nc\rd\u2028e";
    V8Script script;
    script.line_ends = v8_line_ends({reinterpret_cast<const uint16_t*>(text.data()), text.size()});

    EXPECT_EQ(script.line_of(0), 1);
    EXPECT_EQ(script.line_of(2), 2);
    EXPECT_EQ(script.line_of(5), 3);
    EXPECT_EQ(script.line_of(7), 4);
    EXPECT_EQ(script.line_of(9), 5);
    EXPECT_EQ(script.line_of(11), 0);
}

TEST(V8Script, is_named_by_its_path) {
    EXPECT_EQ(v8_script_file("file:///srv/a%20b.mjs"), "/srv/a b.mjs");
    EXPECT_EQ(v8_script_file("file:///srv/100%"), "/srv/100%");
    EXPECT_EQ(v8_script_file("node:net"), "node:net");
    EXPECT_EQ(v8_script_file("/srv/a%20b.js"), "/srv/a%20b.js");
}

TEST_F(V8FramesTest, says_at_which_line_of_a_stack_a_function_is_made) {
    const uint64_t other_script = heap.make_script(6, heap.make_text("one\ntwo\n\nfour\n"), "/srv/other.js");
    const auto never_called = [&](uint64_t in, int32_t literal, uint32_t start) {
        const uint64_t data = heap.make(heap.layout().types.uncompiled, 32);
        heap.put(data + heap.layout().uncompiled_start, start);
        return heap.make_shared(in, literal, data, "");
    };
    // Its own positions are 0 to 12; those of the other one on the stack 2 to 10, as it lies inside.
    const std::vector<uint8_t> inside = {zigzag(-1), zigzag(2 * 3), zigzag(1), zigzag(0), zigzag(2), zigzag(2 * 8)};
    const uint64_t inner = heap.make_shared(script, 4, heap.make_bytecodes(kBytecodes, inside), "inner");
    const std::vector<uint64_t> outer_stack =
        *frames.resolve(std::vector<uint64_t>{kTrampoline, hint(shared), place(2)}, FakeV8Heap::kTid);
    const std::vector<uint64_t> stack = *frames.resolve(
        std::vector<uint64_t>{kTrampoline, hint(inner), place(0, 4), kTrampoline, hint(shared), place(2)},
        FakeV8Heap::kTid);
    const auto made_at = [&](uint64_t function, const std::vector<uint64_t>& words) {
        const auto word = frames.line_made_at(function, words);
        return word ? text_of(*word) : std::string();
    };

    EXPECT_EQ(made_at(never_called(script, 9, 9), outer_stack), "leak /srv/app.js:4");
    EXPECT_EQ(made_at(never_called(script, 9, 4), outer_stack), "leak /srv/app.js:2");
    EXPECT_EQ(made_at(never_called(script, 9, 4), stack), "inner /srv/app.js:2") << "the innermost";
    EXPECT_EQ(made_at(inner, outer_stack), "leak /srv/app.js:1") << "that was called";
    EXPECT_EQ(made_at(shared, outer_stack), "") << "the function itself";
    EXPECT_EQ(made_at(never_called(script, 9, 500), outer_stack), "") << "behind it";
    EXPECT_EQ(made_at(never_called(script, 9, 0), outer_stack), "") << "in front of it";
    EXPECT_EQ(made_at(never_called(other_script, 9, 9), outer_stack), "") << "in another script";
    EXPECT_EQ(made_at(heap.make(heap.layout().types.shared, 64), outer_stack), "") << "not readable";
    EXPECT_EQ(made_at(never_called(script, 9, 9), {kLibrary, WH_FRAME_V8 | 12345}), "");
}

}  // namespace
}  // namespace whoholds
