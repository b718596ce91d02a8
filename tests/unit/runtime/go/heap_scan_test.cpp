// The census by type against a program that knows how many objects of which type it holds.
#include "runtime/go/heap_scan.h"

#include <gtest/gtest.h>

#include <map>

#include "unit/runtime/go/go_puppet.h"

namespace whoholds {
namespace {

bool always() { return true; }

class GoTypeCensus : public GoForms {
protected:
    struct Read {
        uint64_t objects = 0;
        uint64_t bytes = 0;
        uint64_t changed = 0;  // objects that were left out, which is said
        std::map<std::string, GoTypeRow> rows;
        std::string error;

        [[nodiscard]] uint64_t count(const std::string& name) const {
            const auto found = rows.find(name);
            return found == rows.end() ? 0 : found->second.count;
        }
    };

    static Read read(const GoProcess& process) {
        Read read;
        auto types = GoTypes::read(process);
        const auto model = GoHeapModel::read(process, GoHeapModel::kMaxContentBytes, always);
        const auto roots = read_go_roots(process);
        if (!types || !model || !roots) {
            read.error = !types ? types.error().message : !model ? model.error().message : roots.error().message;
            return read;
        }
        const auto variables = find_go_typed_variables(process, always);
        const auto scan = GoHeapScan::scan(process, *model, *roots, variables, *types, always);
        EXPECT_TRUE(scan) << scan.error().message;
        for (const GoTypeRow& row : go_type_rows(*model, *scan)) read.rows[row.name] = row;
        read.objects = model->object_count();
        read.bytes = model->object_bytes();
        read.changed = model->changed_objects();
        return read;
    }
};

TEST_P(GoTypeCensus, takes_no_more_memory_than_can_be_spared) {
    GoPuppet puppet(path());
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const auto model = GoHeapModel::read(*process, 4096, always);

    ASSERT_FALSE(model);
    EXPECT_NE(model.error().message.find("can be spared"), std::string::npos);
}

TEST_P(GoTypeCensus, equals_what_the_program_holds) {
    GoPuppet puppet(path());
    for (const char* made : {"map 1001", "list 2002", "shapes 503", "channel 304", "closures 205", "boxes 406",
                             "grid 307", "big 108", "wides 209", "records 710", "latest 111", "goroutines 12"})
        puppet.command(std::string("make ") + made);
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const Read read = GoTypeCensus::read(*process);

    ASSERT_EQ(read.error, "");
    EXPECT_EQ(read.changed, 0U);
    EXPECT_EQ(read.count("*main.registry"), 1U);  // the other one is a variable
    EXPECT_EQ(read.count("*main.session"), 1001U);
    EXPECT_EQ(read.count("map[string]*main.session"), 1U);
    EXPECT_EQ(read.count("*main.node"), 2002U);
    EXPECT_EQ(read.count("*main.circle"), 503U);
    EXPECT_EQ(read.count("*main.square"), 503U);
    EXPECT_EQ(read.count("[]main.shape"), 1U);
    EXPECT_EQ(read.count("*main.job"), 304U);
    EXPECT_EQ(read.count("chan *main.job"), 1U);
    EXPECT_EQ(read.count("chan *main.job (buffer)"), 1U);
    EXPECT_EQ(read.count("chan int64"), 1U);
    EXPECT_EQ(read.count("main.hook.func1 (closure)"), 205U);
    EXPECT_EQ(read.count("*main.box[string]"), 406U);
    EXPECT_EQ(read.count("*main.cell"), 307U);
    EXPECT_EQ(read.count("[]*main.cell"), 3U);
    EXPECT_EQ(read.count("*main.bigObject"), 108U);
    EXPECT_EQ(read.count("*main.wide"), 209U);
    EXPECT_EQ(read.count("*main.record"), 710U);
    EXPECT_EQ(read.count("*main.late"), 111U);
    EXPECT_EQ(read.count("*main.kept"), 12U);
    EXPECT_GE(read.count("string"), 1001U);
}

// What nothing with a type leads to, but variables whose types only the compiler knew.
TEST_P(GoTypeCensus, knows_what_plain_variables_lead_to) {
    GoPuppet puppet(path());
    puppet.command("make plain 300");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const Read read = GoTypeCensus::read(*process);

    ASSERT_EQ(read.error, "");
    EXPECT_EQ(read.count("*main.plainEntry"), 300U);
    EXPECT_EQ(read.count("map[int64]*main.plainEntry"), 1U);
    EXPECT_EQ(read.count("*main.plainItem"), 300U);
    EXPECT_EQ(read.count("[]*main.plainItem"), 1U);
    EXPECT_EQ(read.count("*main.plainNode"), 300U);
    EXPECT_EQ(read.count("*main.plainJob"), 300U);
    EXPECT_EQ(read.count("chan *main.plainJob"), 1U);
    EXPECT_EQ(read.count("*main.plainValue"), 1U) << "the variable is an interface that had another one, too";
}

TEST_P(GoTypeCensus, adds_up_to_all_that_is_allocated) {
    GoPuppet puppet(path());
    puppet.command("make map 3000");
    puppet.command("make big 50");
    puppet.command("collect");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    const auto before = read_go_spans(*process);
    const Read read = GoTypeCensus::read(*process);
    const auto after = read_go_spans(*process);

    ASSERT_EQ(read.error, "");
    uint64_t count = 0;
    uint64_t bytes = 0;
    for (const auto& [name, row] : read.rows) {
        count += row.count;
        bytes += row.bytes;
    }
    const auto allocated = [](const GoSpans& spans) {
        uint64_t sum = 0;
        for (const GoSpan& span : spans.in_use) sum += span.alloc_count;
        return sum;
    };
    EXPECT_GE(count, allocated(*before));
    EXPECT_LE(count, allocated(*after));
    EXPECT_EQ(count, read.objects);
    EXPECT_EQ(bytes, read.bytes);
}

TEST_P(GoTypeCensus, of_a_busy_heap_is_right_about_what_lasts_or_refuses) {
    GoPuppet puppet(path());
    puppet.command("make map 1001");
    puppet.command("make boxes 406");
    puppet.command("make wides 209");
    puppet.command("busy start 2");
    const auto process = open(puppet.pid());
    ASSERT_TRUE(process);

    for (int i = 0; i < 20; ++i) {
        const Read read = GoTypeCensus::read(*process);
        if (!read.error.empty()) {
            EXPECT_NE(read.error.find("too busy"), std::string::npos) << read.error;
            continue;
        }
        const struct {
            const char* name;
            uint64_t held;
        } rows[] = {{"*main.session", 1001}, {"*main.box[string]", 406}, {"*main.wide", 209}};
        for (const auto& row : rows) {
            EXPECT_LE(read.count(row.name), row.held) << row.name;
            EXPECT_GE(read.count(row.name) + read.changed, row.held) << row.name;
        }
    }

    puppet.command("busy stop");
}

INSTANTIATE_TEST_SUITE_P(Each, GoTypeCensus, ::testing::Values("go_types", "go_types_pie", "go_1_19_types"),
                         go_form_name);

}  // namespace
}  // namespace whoholds
