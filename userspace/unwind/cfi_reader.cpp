#include "unwind/cfi_reader.h"

#include <iterator>
#include <optional>

#include "unwind/cfi_source.h"
#include "unwind/cfi_table.h"
#include "unwind/decoded_gaps.h"
#include "unwind/gap_code.h"
#include "unwind/unwind_rule.h"

namespace whoholds {
namespace {

void append(std::vector<UnwindPatch>& patches, std::vector<UnwindPatch> more) {
    patches.insert(patches.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void note_failure(const Error& error, std::vector<std::string>& notes) {
    if (error.code != ErrorCode::kNotFound) notes.push_back(error.message);
}

UnwindTable read_information(const ElfImage& image, const ElfImage* debug_image, const std::vector<UnwindRange>& code) {
    CfiSections sections{.code = code};
    std::vector<std::string> notes;
    const Result<CfiBytes> eh_frame = read_eh_frame(image);
    if (eh_frame) sections.eh_frame = eh_frame->section;
    if (!eh_frame) note_failure(eh_frame.error(), notes);
    std::vector<CfiBytes> debug_frames;
    for (const ElfImage* file : {&image, debug_image}) {
        if (file == nullptr || image.is_go()) continue;
        Result<CfiBytes> debug_frame = read_debug_frame(*file);
        if (debug_frame)
            debug_frames.push_back(*std::move(debug_frame));
        else
            note_failure(debug_frame.error(), notes);
    }
    for (const CfiBytes& debug_frame : debug_frames) sections.debug_frames.push_back(debug_frame.section);
    UnwindTable table = make_unwind_table(sections);
    table.notes.insert(table.notes.begin(), notes.begin(), notes.end());
    return table;
}

// Underneath the patches: what is known of a piece of code by its bytes goes on saying more, but where it only says that nothing
// was pushed in front of a system call.
void add_decoded_code(const ElfImage& image, const std::vector<UnwindRange>& gaps, std::vector<UnwindPatch>& patches,
                      UnwindTable& table) {
    const std::vector<UnwindPatch> decoded = decoded_gap_patches(image, gaps, table.notes);
    if (decoded.empty()) return;
    const std::vector<UnwindRow> known = std::move(table.rows);
    table.rows = apply_patches(known, decoded);
    std::erase_if(patches, [&](const UnwindPatch& patch) {
        return cfa_kind_of(patch.rule) == WH_CFA_SP && same_rule(rule_at(known, patch.range.start), kGapRule) &&
               !same_rule(rule_at(table.rows, patch.range.start), kGapRule);
    });
}

}  // namespace

UnwindTable build_unwind_table(const ElfImage& image, const ElfImage* debug_image) {
    const std::vector<UnwindRange> executable = executable_ranges(image);
    UnwindTable table = read_information(image, debug_image, executable);
    const std::vector<UnwindRange> gaps = gaps_in(table.rows, code_ranges(image, executable));
    std::vector<UnwindPatch> patches = linkage_table_patches(image, gaps);
    append(patches, entry_patches(image, gaps));
    GapCode gap_code = look_through_gaps(image, table.rows, gaps);
    if (!gap_code.keeps_frame_pointers) add_decoded_code(image, gaps, gap_code.patches, table);
    append(patches, std::move(gap_code.patches));
    table.gaps_keep_frame_pointers = gap_code.keeps_frame_pointers;
    if (!gap_code.read_all) table.notes.emplace_back("much code without information, not all of it looked at");
    if (!patches.empty()) table.rows = apply_patches(table.rows, std::move(patches));
    measure(table);
    return table;
}

}  // namespace whoholds
