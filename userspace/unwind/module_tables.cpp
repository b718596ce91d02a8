#include "unwind/module_tables.h"

#include <sys/stat.h>

#include <algorithm>
#include <string_view>

#include "base/printable.h"
#include "elf/elf_source.h"
#include "unwind/cfi_reader.h"
#include "unwind/jit_code.h"

namespace whoholds {

namespace {

constexpr size_t kMaxNotes = 100;
constexpr uint64_t kMaxVdsoBytes = uint64_t{1} << 20;

int64_t nanoseconds(const timespec& time) { return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec; }

}  // namespace

ModuleTables::ModuleTables(std::span<wh_unwind_rule> rules, UnwindArena::AddSegment add_segment)
    : rules_(rules), arena_(std::move(add_segment)) {}

void ModuleTables::note(const std::string& path, const std::string& sentence) {
    if (notes_.size() < kMaxNotes) notes_.push_back(printable(path) + ": " + printable(sentence));
}

size_t ModuleTables::module_of(const Mapping& mapping, const OpenImage& open) {
    auto image = open(mapping);
    if (!image) {
        note(mapping.path, "no unwind information: " + image.error().message);
        modules_.emplace_back();
        return modules_.size() - 1;
    }
    Identity identity{};
    const ElfSource& source = image->source();
    struct stat status {};
    if (source.fd() >= 0 && fstat(source.fd(), &status) == 0) {
        identity = {status.st_dev, status.st_ino, static_cast<uint64_t>(status.st_size), nanoseconds(status.st_mtim),
                    nanoseconds(status.st_ctim)};
    } else {
        std::vector<uint8_t> bytes = source.read_up_to(0, kMaxVdsoBytes);
        std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        identity = {0, 0, bytes.size(), static_cast<int64_t>(std::hash<std::string_view>{}(text)), 0};
    }
    auto [found, is_new] = module_by_identity_.try_emplace(identity, modules_.size());
    if (is_new) modules_.push_back(build(*image, mapping.path));
    return found->second;
}

UnwindModule ModuleTables::build(const ElfImage& image, const std::string& path) {
    UnwindModule module;
    module.segments = image.segments();
    UnwindTable table = build_unwind_table(image, nullptr);
    for (const std::string& sentence : table.notes) note(path, sentence);
    module.makes_code_with_frame_pointers = holds_v8(image, path);
    if (image.is_go() || module.makes_code_with_frame_pointers)
        module.gap_flags = WH_MAPPING_FRAME_POINTERS;
    else if (table.gaps_keep_frame_pointers)
        module.gap_flags = WH_MAPPING_FRAME_POINTERS_GUESS;
    if (table.rows.empty()) return module;
    auto placed = arena_.place(table, rules_);
    if (!placed) {
        note(path, placed.error().message);
        return module;
    }
    module.table = *placed;
    statistics_.files++;
    statistics_.rows += placed->rows;
    statistics_.bytes += placed->bytes;
    return module;
}

ModuleTables::Statistics ModuleTables::statistics() const {
    Statistics statistics = statistics_;
    statistics.rules = rules_.size();
    return statistics;
}

}  // namespace whoholds
