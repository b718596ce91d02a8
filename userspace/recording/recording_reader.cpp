#include "recording/recording_reader.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/file.h"
#include "recording/block_reader.h"
#include "recording/file_format.h"

namespace whoholds {

struct RecordingReader::State {
    struct FreeStream {
        void operator()(ZSTD_DCtx* stream) const { ZSTD_freeDCtx(stream); }
    };

    std::string path;
    UniqueFd file;
    std::unique_ptr<ZSTD_DCtx, FreeStream> stream{ZSTD_createDCtx()};
    std::vector<uint8_t> packed = std::vector<uint8_t>(ZSTD_DStreamInSize());
    ZSTD_inBuffer input{nullptr, 0, 0};
    std::vector<uint8_t> unpacked;  // not taken yet
    recording::BlockReader blocks;
    bool at_end = false;
    bool is_cut = false;

    // Until so much is unpacked; false: the file has no more.
    Result<bool> fill(size_t wanted) {
        std::vector<uint8_t> some(ZSTD_DStreamOutSize());
        while (unpacked.size() < wanted) {
            if (input.pos == input.size && !at_end) {
                const ssize_t got = read(file.get(), packed.data(), packed.size());
                if (got < 0 && errno == EINTR) continue;
                if (got < 0) return system_error("read " + path, errno);
                at_end = got == 0;
                input = {packed.data(), static_cast<size_t>(got), 0};
            }
            ZSTD_outBuffer output{some.data(), some.size(), 0};
            const size_t before = input.pos;
            const size_t status = ZSTD_decompressStream(stream.get(), &output, &input);
            if (ZSTD_isError(status) != 0)
                return Error{ErrorCode::kMalformed, fmt::format("{}: {}", path, ZSTD_getErrorName(status))};
            unpacked.insert(unpacked.end(), some.begin(), some.begin() + static_cast<ptrdiff_t>(output.pos));
            if (output.pos == 0 && at_end && input.pos == before) return unpacked.size() >= wanted;
        }
        return true;
    }
};

RecordingReader::RecordingReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
RecordingReader::RecordingReader(RecordingReader&&) noexcept = default;
RecordingReader& RecordingReader::operator=(RecordingReader&&) noexcept = default;
RecordingReader::~RecordingReader() = default;
bool RecordingReader::is_cut() const { return state_->is_cut; }

Result<RecordingReader> RecordingReader::open(const std::string& path) {
    auto state = std::make_unique<State>();
    state->path = path;
    WH_TRY(state->file, open_regular_file(path));
    uint8_t head[recording::kHeadBytes] = {};
    const ssize_t got = read(state->file.get(), head, sizeof head);
    if (got != sizeof head || std::memcmp(head, recording::kMagic.data(), recording::kMagic.size()) != 0)
        return Error{ErrorCode::kMalformed, path + " is not a recording of whoholds"};
    const unsigned version = head[12] | static_cast<unsigned>(head[13]) << 8;
    if (version > recording::kVersion)
        return Error{ErrorCode::kUnsupported, fmt::format("{} was recorded in format {}; this whoholds reads up to {}",
                                                          path, version, recording::kVersion)};
    ZSTD_DCtx_setParameter(state->stream.get(), ZSTD_d_windowLogMax, recording::kWindowLog);
    return RecordingReader(std::move(state));
}

Result<std::optional<Report>> RecordingReader::next() {
    constexpr size_t kBlockHead = 8;
    WH_TRY(const bool has_head, state_->fill(kBlockHead));
    if (!has_head) {
        state_->is_cut = !state_->unpacked.empty();
        return std::optional<Report>();
    }
    uint32_t length = 0;
    uint32_t sum = 0;
    std::memcpy(&length, state_->unpacked.data(), sizeof length);
    std::memcpy(&sum, state_->unpacked.data() + sizeof length, sizeof sum);
    if (length > recording::kMostBlockBytes)
        return Error{ErrorCode::kLimit, state_->path + ": a block of the recording is too large to be true"};
    WH_TRY(const bool has_block, state_->fill(kBlockHead + length));
    if (!has_block) {
        state_->is_cut = true;
        return std::optional<Report>();
    }
    const std::span<const uint8_t> block = std::span(state_->unpacked).subspan(kBlockHead, length);
    if (crc32(0, block.data(), static_cast<uInt>(length)) != sum)
        return Error{ErrorCode::kMalformed, state_->path + ": a block of the recording is damaged"};
    Result<Report> report = state_->blocks.unpack(block);
    if (!report) return std::move(report).error().with_context(state_->path);
    state_->unpacked.erase(state_->unpacked.begin(),
                           state_->unpacked.begin() + static_cast<ptrdiff_t>(kBlockHead + length));
    return std::optional<Report>(*std::move(report));
}

}  // namespace whoholds
