#include "elf/elf_source.h"

#include <fcntl.h>
#include <lzma.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/file.h"

namespace whoholds {
namespace {

// "/proc/42/root/usr/lib/x.so" -> {"/proc/42/root", "usr/lib/x.so"}
std::optional<std::pair<std::string, std::string>> split_process_root(const std::string& path) {
    constexpr std::string_view kProc = "/proc/";
    constexpr std::string_view kRoot = "/root/";
    if (!path.starts_with(kProc)) return std::nullopt;
    const size_t pid_end = path.find('/', kProc.size());
    if (pid_end == std::string::npos || path.compare(pid_end, kRoot.size(), kRoot) != 0) return std::nullopt;
    const std::string_view pid = std::string_view(path).substr(kProc.size(), pid_end - kProc.size());
    const bool digits =
        !pid.empty() && std::all_of(pid.begin(), pid.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!digits && pid != "self") return std::nullopt;
    const size_t root_end = pid_end + kRoot.size() - 1;
    return std::pair(path.substr(0, root_end), path.substr(root_end + 1));
}

}  // namespace

Error elf_error(std::string_view what) {
    const char* reason = ::elf_errmsg(-1);
    return {ErrorCode::kMalformed, std::string(what) + ": " + (reason != nullptr ? reason : "unreadable")};
}

Result<ElfSource> ElfSource::open(const std::string& path) {
    const auto in_root = split_process_root(path);
    WH_TRY(UniqueFd file, in_root ? open_regular_file_in(in_root->first, in_root->second) : open_regular_file(path));
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return system_error("stat " + path, errno);
    ElfSource source;
    source.file_ = std::move(file);
    source.size_ = static_cast<uint64_t>(info.st_size);
    return source;
}

ElfSource ElfSource::from_bytes(std::vector<uint8_t> bytes) {
    ElfSource source;
    source.size_ = bytes.size();
    source.bytes_ = std::move(bytes);
    return source;
}

Result<ElfSource> ElfSource::duplicate() const {
    ElfSource copy;
    copy.bytes_ = bytes_;
    copy.size_ = size_;
    if (!file_) return copy;
    copy.file_ = UniqueFd(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy.file_) return system_error("dup", errno);
    return copy;
}

bool ElfSource::read_at(uint64_t offset, std::span<uint8_t> out) const {
    if (offset > size_ || out.size() > size_ - offset) return false;
    if (!file_) {
        std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
        return true;
    }
    size_t done = 0;
    while (done < out.size()) {
        const ssize_t count =
            ::pread(file_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        done += static_cast<size_t>(count);
    }
    return true;
}

std::vector<uint8_t> ElfSource::read_up_to(uint64_t offset, uint64_t max_size) const {
    if (offset >= size_) return {};
    std::vector<uint8_t> bytes(std::min(max_size, size_ - offset));
    if (!read_at(offset, bytes)) bytes.clear();
    return bytes;
}

Result<ElfHandle> ElfSource::handle() const {
    if (::elf_version(EV_CURRENT) == EV_NONE) return elf_error("libelf");
    // libelf only reads through this pointer; its type is older than const.
    auto* bytes = const_cast<char*>(reinterpret_cast<const char*>(bytes_.data()));
    ElfHandle elf(file_ ? ::elf_begin(file_.get(), ELF_C_READ, nullptr) : ::elf_memory(bytes, bytes_.size()));
    if (!elf || ::elf_kind(elf.get()) != ELF_K_ELF) return Error{ErrorCode::kUnsupported, "not an ELF file"};
    return elf;
}

Result<ElfCopy> ElfCopy::of_size(uint64_t size) {
    void* place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) return system_error("memory for debug information", errno);
    ElfCopy copy;
    copy.bytes_ = static_cast<uint8_t*>(place);
    copy.size_ = size;
    return copy;
}

ElfCopy::ElfCopy(ElfCopy&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}

ElfCopy& ElfCopy::operator=(ElfCopy&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
}

ElfCopy::~ElfCopy() {
    if (bytes_ != nullptr) ::munmap(bytes_, size_);
}

bool ElfCopy::take(const ElfSource& source, uint64_t offset, uint64_t size) {
    if (offset > size_ || size > size_ - offset) return false;
    return source.read_at(offset, {bytes_ + offset, size});
}

void ElfCopy::clear(uint64_t offset, uint64_t size) {
    if (offset < size_) std::fill_n(bytes_ + offset, std::min(size, size_ - offset), uint8_t{0});
}

Result<ElfHandle> ElfCopy::handle() const {
    if (::elf_version(EV_CURRENT) == EV_NONE) return elf_error("libelf");
    ElfHandle elf(::elf_memory(reinterpret_cast<char*>(bytes_), size_));
    if (!elf || ::elf_kind(elf.get()) != ELF_K_ELF) return Error{ErrorCode::kUnsupported, "not an ELF file"};
    return elf;
}

Result<uint32_t> ElfSource::crc32() const {
    constexpr size_t kChunk = size_t{1} << 20;
    // A sparse file of terabytes costs its owner nothing, and whoever adds it up hours.
    constexpr uint64_t kMaxBytes = uint64_t{2} << 30;
    if (size_ > kMaxBytes) return Error{ErrorCode::kLimit, "larger than 2 GiB"};
    std::vector<uint8_t> chunk(std::min<uint64_t>(kChunk, size_));
    uint32_t crc = 0;
    for (uint64_t offset = 0; offset < size_; offset += chunk.size()) {
        const std::span<uint8_t> part = std::span(chunk).first(std::min<uint64_t>(chunk.size(), size_ - offset));
        if (!read_at(offset, part)) return Error{ErrorCode::kSystem, "file got shorter while it was read"};
        crc = ::lzma_crc32(part.data(), part.size(), crc);
    }
    return crc;
}

}  // namespace whoholds
