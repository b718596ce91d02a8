#include "unwind/cfi_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "unwind/cfi_program.h"
#include "unwind/cfi_rule.h"
#include "unwind/row_builder.h"
#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

constexpr size_t kMaxRows = 16 << 20;
constexpr size_t kBytesPerRow = 5;  // of .eh_frame and .debug_frame, as compilers write them; to reserve memory by

class TableMaker {
public:
    UnwindTable make(const CfiSections& sections) {
        read_.reserve(1 + sections.debug_frames.size());
        if (sections.eh_frame) add_section(*sections.eh_frame, ".eh_frame", sections.code);
        for (const CfiSection& section : sections.debug_frames) add_section(section, ".debug_frame", sections.code);
        make_rows();
        measure(table_);
        return std::move(table_);
    }

private:
    struct Function {  // points into read_
        const CfiFde* fde = nullptr;
        const CfiCie* cie = nullptr;
    };

    static bool by_start(const Function& a, const Function& b) { return a.fde->code.start < b.fde->code.start; }

    void add_section(const CfiSection& section, std::string_view name, const std::vector<UnwindRange>& code) {
        table_.information_bytes += section.bytes.size();
        const CfiEntries& entries = read_.emplace_back(read_cfi_entries(section, code));
        const auto known = static_cast<std::ptrdiff_t>(functions_.size());
        for (const CfiFde& fde : entries.fdes) {
            const Function function{&fde, &entries.cies[fde.cie]};
            if (!overlaps(function, known)) functions_.push_back(function);
        }
        std::inplace_merge(functions_.begin(), functions_.begin() + known, functions_.end(), by_start);

        if (entries.malformed != 0) note(fmt::format("{}: {} malformed entries", name, entries.malformed));
        if (entries.refused != 0) note(fmt::format("{}: {} entries in an unknown form", name, entries.refused));
        if (entries.cut) note(fmt::format("{}: too many entries, the rest is not read", name));
    }

    // Whether one of the first `known` functions, which are sorted, has bytes of this one.
    [[nodiscard]] bool overlaps(const Function& function, std::ptrdiff_t known) const {
        const auto end = functions_.begin() + known;
        const auto next = std::upper_bound(functions_.begin(), end, function, by_start);
        if (next != end && next->fde->code.start < function.fde->code.end) return true;
        return next != functions_.begin() && std::prev(next)->fde->code.end > function.fde->code.start;
    }

    void make_rows() {
        RowBuilder rows;
        rows.reserve(std::min<size_t>(table_.information_bytes / kBytesPerRow, kMaxRows));
        for (const Function& function : functions_) {
            if (rows.size() >= kMaxRows) {
                note("too many rows, the rest is left out");
                break;
            }
            add_rows(function, rows);
        }
        if (malformed_programs_ != 0) note(fmt::format("{} functions with malformed rules", malformed_programs_));
        table_.rows = std::move(rows).take();
    }

    void add_rows(const Function& function, RowBuilder& rows) {
        CfiProgram program(*function.cie, *function.fde, remembered_);
        const uint64_t end = function.fde->code.end;
        for (uint64_t address = function.fde->code.start; address < end && rows.size() < kMaxRows;) {
            const CfiProgram::Stop stop = program.run();
            const bool malformed = stop == CfiProgram::Stop::kMalformed;
            rows.set(address, malformed ? kUnsupportedRule : rule_of(program.state(), function.cie->signal_frame));
            if (malformed) ++malformed_programs_;
            address = stop == CfiProgram::Stop::kAdvanced ? std::min(program.location(), end) : end;
        }
        rows.set(end, kGapRule);
    }

    void note(std::string text) { table_.notes.push_back(std::move(text)); }

    std::vector<CfiEntries> read_;
    std::vector<Function> functions_;  // sorted, disjoint
    std::vector<CfiState> remembered_;
    uint64_t malformed_programs_ = 0;
    UnwindTable table_;
};

}  // namespace

UnwindTable make_unwind_table(const CfiSections& sections) { return TableMaker().make(sections); }

void measure(UnwindTable& table) {
    table.covered_bytes = 0;
    table.unsupported_bytes = 0;
    for (size_t i = 0; i + 1 < table.rows.size(); ++i) {
        const uint64_t bytes = table.rows[i + 1].address - table.rows[i].address;
        const wh_cfa_kind kind = cfa_kind_of(table.rows[i].rule);
        if (kind != WH_CFA_NONE) table.covered_bytes += bytes;
        if (kind == WH_CFA_UNSUPPORTED) table.unsupported_bytes += bytes;
    }
}

}  // namespace whoholds
