#include "symbolize/jit_dump.h"

#include <elf.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/byte_reader.h"

namespace whoholds {
namespace {

constexpr uint32_t kMagic = 0x4A695444;         // "JiTD"
constexpr uint32_t kForeignMagic = 0x4454694A;  // the same in the other byte order
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 40;
constexpr uint32_t kMaxHeaderBytes = 4096;
constexpr size_t kPrefixBytes = 16;
constexpr size_t kWindowBytes = size_t{256} << 10;
constexpr size_t kMaxLineInfoBytes = size_t{4} << 20;
constexpr size_t kLoadBytes = 40 + JitCodes::kMaxNameBytes + 1;
constexpr unsigned kRecordsPerStep = 256;
constexpr uint32_t kMaxLine = 100'000'000;
// V8 gives the addresses of lines as they will be in the ELF file that `perf inject` makes, behind its header.
constexpr uint64_t kElfHeaderBytes = 0x40;

enum RecordKind : uint32_t { kCodeLoad = 0, kCodeMove = 1, kCodeDebugInfo = 2 };  // 3: close, 4: unwinding information

// How much of a record is worth reading: of a LOAD not the code, for instance.
size_t needed_bytes(uint32_t kind, uint32_t body_size) {
    switch (kind) {
        case kCodeLoad: return std::min<size_t>(body_size, kLoadBytes);
        case kCodeMove: return std::min<size_t>(body_size, 48);
        case kCodeDebugInfo: return body_size <= kMaxLineInfoBytes ? body_size : 0;
        default: return 0;
    }
}

// Up to its end or the end of the bytes, whichever comes first.
std::string_view cut_name(std::span<const uint8_t> bytes) {
    const auto end = std::find(bytes.begin(), bytes.end(), 0);
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(end - bytes.begin())};
}

}  // namespace

// Makes window_ hold size bytes from offset on, and more if the file has them.
bool JitDump::load(uint64_t offset, size_t size, uint64_t file_size, const ReadAt& read_at) {
    if (offset > file_size || size > file_size - offset) return false;
    if (offset >= window_at_ && offset - window_at_ <= window_.size() &&
        size <= window_.size() - (offset - window_at_)) {
        return true;
    }
    window_.resize(std::min<uint64_t>(file_size - offset, std::max(size, kWindowBytes)));
    window_at_ = offset;
    if (read_at(offset, window_)) return true;
    window_.clear();
    return false;
}

Result<void> JitDump::read_header(uint64_t file_size, const ReadAt& read_at) {
    if (!load(0, kHeaderBytes, file_size, read_at)) return {};  // not written yet
    ByteReader reader(window_);
    const uint32_t magic = *reader.u32();
    const uint32_t version = *reader.u32();
    const uint32_t size = *reader.u32();
    const uint32_t machine = *reader.u32();
    if (magic == kForeignMagic) return Error{ErrorCode::kUnsupported, "written in the other byte order"};
    if (magic != kMagic) return Error{ErrorCode::kMalformed, "not a jitdump file"};
    if (version != kVersion) return Error{ErrorCode::kUnsupported, "not version 1 of the format"};
    if (machine != EM_X86_64) return Error{ErrorCode::kUnsupported, "not for x86-64"};
    if (size < kHeaderBytes || size > kMaxHeaderBytes) return Error{ErrorCode::kMalformed, "its header makes no sense"};
    position_ = size;
    return {};
}

// Address, size and lines of the code are in the process's terms; total_size of a record is all that tells its end.
Result<bool> JitDump::read_record(uint64_t file_size, const ReadAt& read_at) {
    if (!load(position_, kPrefixBytes, file_size, read_at)) return false;
    ByteReader prefix{std::span(window_).subspan(position_ - window_at_)};
    const uint32_t kind = *prefix.u32();
    const uint32_t size = *prefix.u32();
    if (size < kPrefixBytes) return Error{ErrorCode::kMalformed, "a record makes no sense, nothing behind it was read"};
    if (size > file_size - position_) return false;
    const size_t needed = needed_bytes(kind, size - kPrefixBytes);
    if (needed > 0) {
        if (!load(position_ + kPrefixBytes, needed, file_size, read_at)) return false;
        apply({kind, std::span(window_).subspan(position_ + kPrefixBytes - window_at_, needed)});
    }
    position_ += size;
    return true;
}

Result<void> JitDump::read(uint64_t file_size, const ReadAt& read_at, const OutOfTime& out_of_time) {
    if (failed_) return *failed_;
    if (file_size == read_to_size_) return {};
    window_.clear();  // what was beyond the last record may have been written meanwhile
    const auto fail = [this](Error error) {
        failed_ = error;
        window_ = {};
        return error;
    };
    if (position_ == 0) {
        if (auto header = read_header(file_size, read_at); !header) return fail(std::move(header).error());
        if (position_ == 0) return {};
    }
    for (unsigned count = 0;; ++count) {
        if (count % kRecordsPerStep == 0 && out_of_time()) return {};
        auto more = read_record(file_size, read_at);
        if (!more) return fail(std::move(more).error());
        if (!*more) break;
    }
    read_to_size_ = file_size;
    window_ = {};
    return {};
}

void JitDump::apply(const Record& record) {
    if (record.kind == kCodeLoad) apply_load(record.body);
    if (record.kind == kCodeDebugInfo) apply_debug_info(record.body);
    if (record.kind != kCodeMove) return;
    ByteReader reader(record.body);
    (void)reader.skip(16);  // process, thread, address of its memory
    const auto old_address = reader.u64();
    const auto new_address = reader.u64();
    const auto size = reader.u64();
    if (reader.ok()) codes_.move(*old_address, *new_address, *size);
}

void JitDump::apply_load(std::span<const uint8_t> body) {
    ByteReader reader(body);
    (void)reader.skip(16);  // process, thread, address of its memory
    const auto address = reader.u64();
    const auto size = reader.u64();
    (void)reader.skip(8);  // number of the code
    if (!reader.ok()) return;
    std::vector<JitLine> lines;
    if (lines_of_ == *address) lines = std::exchange(lines_, {});
    // One that makes no sense casts doubt on all: V8 12 writes names from freed memory, and zeros in them shift the rest.
    if (!lines.empty() && (lines.back().offset < kElfHeaderBytes || lines.back().offset - kElfHeaderBytes < *size)) {
        lowest_line_ = std::min(lowest_line_, lines.front().offset);
    } else {
        lines.clear();
    }
    codes_.add(*address, *size, cut_name(body.subspan(reader.offset())), std::move(lines));
}

void JitDump::apply_debug_info(std::span<const uint8_t> body) {
    constexpr std::string_view kSameName = "\xff";
    ByteReader reader(body);
    const auto code = reader.u64();
    const auto count = reader.u64();
    if (!reader.ok()) return;
    lines_of_ = *code;
    lines_.clear();
    uint32_t file = 0;
    for (uint64_t i = 0; i < *count; ++i) {
        const auto address = reader.u64();
        const auto line = reader.u32();
        (void)reader.u32();  // discriminator
        const auto name = reader.c_string();
        if (!reader.ok() || *address < *code || *line > kMaxLine) {
            lines_.clear();
            return;
        }
        if (*name != kSameName) file = codes_.file_index(*name);
        lines_.push_back({.offset = *address - *code, .file = file, .line = *line});
    }
    std::stable_sort(lines_.begin(), lines_.end(),
                     [](const JitLine& a, const JitLine& b) { return a.offset < b.offset; });
}

std::optional<JitCodes::Place> JitDump::find(uint64_t address) const {
    const bool behind_header = lowest_line_ >= kElfHeaderBytes && lowest_line_ != UINT64_MAX;
    return codes_.find(address, behind_header ? kElfHeaderBytes : 0);
}

}  // namespace whoholds
