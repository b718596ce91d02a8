#include "recording/recorder.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "recording/block_writer.h"
#include "recording/file_format.h"

namespace whoholds {

struct Recorder::State {
    struct FreeStream {
        void operator()(ZSTD_CCtx* stream) const { ZSTD_freeCCtx(stream); }
    };

    std::string path;
    UniqueFd file;
    std::unique_ptr<ZSTD_CCtx, FreeStream> stream{ZSTD_createCCtx()};
    recording::BlockWriter blocks;
    uint64_t bytes_written = 0;

    Result<void> write_all(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t written = write(file.get(), bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return system_error("write " + path, written < 0 ? errno : ENOSPC);
            bytes.remove_prefix(static_cast<size_t>(written));
            bytes_written += static_cast<uint64_t>(written);
        }
        return {};
    }

    Result<void> compress(std::string_view bytes, ZSTD_EndDirective how) {
        ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
        std::vector<char> packed(ZSTD_CStreamOutSize());
        for (size_t left = 1; left != 0;) {
            ZSTD_outBuffer output{packed.data(), packed.size(), 0};
            left = ZSTD_compressStream2(stream.get(), &output, &input, how);
            if (ZSTD_isError(left) != 0) return Error{ErrorCode::kSystem, path + ": zstd: " + ZSTD_getErrorName(left)};
            WH_TRY_VOID(write_all({packed.data(), output.pos}));
        }
        return {};
    }
};

Recorder::Recorder(std::unique_ptr<State> state) : state_(std::move(state)) {}
Recorder::Recorder(Recorder&&) noexcept = default;
Recorder& Recorder::operator=(Recorder&&) noexcept = default;

// The end of the frame is a courtesy to `zstd -d`; without it nothing is lost.
Recorder::~Recorder() {
    if (state_) static_cast<void>(state_->compress({}, ZSTD_e_end));
}

Result<Recorder> Recorder::create(const std::string& path, bool may_replace) {
    auto state = std::make_unique<State>();
    state->path = path;
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (may_replace ? O_TRUNC : O_EXCL);
    state->file.reset(open(path.c_str(), flags, 0600));
    if (state->file.get() < 0) return system_error("create " + path, errno);
    ZSTD_CCtx_setParameter(state->stream.get(), ZSTD_c_windowLog, recording::kWindowLog);
    ZSTD_CCtx_setParameter(state->stream.get(), ZSTD_c_checksumFlag, 0);
    std::string head(recording::kMagic);
    head.push_back(static_cast<char>(recording::kVersion & 0xff));
    head.push_back(static_cast<char>(recording::kVersion >> 8));
    head.resize(recording::kHeadBytes);
    WH_TRY_VOID(state->write_all(head));
    return Recorder(std::move(state));
}

Result<void> Recorder::append(const Report& report) {
    const std::string block = state_->blocks.pack(report);
    if (block.size() > recording::kMostBlockBytes)
        return Error{ErrorCode::kLimit, state_->path + ": a report is too large to be recorded"};
    const auto sum =
        static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(block.data()), static_cast<uInt>(block.size())));
    std::string head;
    for (const uint32_t number : {static_cast<uint32_t>(block.size()), sum})
        for (int i = 0; i < 4; i++) head.push_back(static_cast<char>(number >> (8 * i)));
    WH_TRY_VOID(state_->compress(head, ZSTD_e_continue));
    return state_->compress(block, ZSTD_e_flush);
}

uint64_t Recorder::bytes_written() const { return state_->bytes_written; }

}  // namespace whoholds
