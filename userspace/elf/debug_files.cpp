#include "elf/debug_files.h"

#include <lzma.h>

#include <algorithm>
#include <vector>

#include "elf/elf_source.h"

namespace whoholds {
namespace {

constexpr uint64_t kMaxPackedBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxUnpackedBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxLzmaMemory = uint64_t{128} << 20;
constexpr size_t kMinBuildIdDigits = 6;

std::string directory_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

// "/proc/42/root/usr/bin" -> "/usr/bin": how the target itself names the folder.
std::string as_target_sees(const std::string& directory) {
    constexpr std::string_view kProc = "/proc/";
    constexpr std::string_view kRoot = "/root";
    if (!directory.starts_with(kProc)) return directory;
    const size_t pid_end = directory.find('/', kProc.size());
    if (pid_end == std::string::npos || directory.compare(pid_end, kRoot.size(), kRoot) != 0) return directory;
    const std::string rest = directory.substr(pid_end + kRoot.size());
    return rest.empty() || rest[0] == '/' ? rest : directory;
}

std::vector<std::string> build_id_paths(const std::string& build_id, const std::vector<std::string>& roots) {
    if (build_id.size() < kMinBuildIdDigits) return {};
    std::vector<std::string> paths;
    for (const std::string& root : roots) {
        paths.push_back(root + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug");
    }
    return paths;
}

using OpenImage = Result<ElfImage> (*)(const std::string& path);

std::optional<ElfImage> by_build_id(const std::string& build_id, const std::vector<std::string>& roots,
                                    OpenImage open) {
    for (const std::string& path : build_id_paths(build_id, roots)) {
        auto file = open(path);
        if (file && file->build_id() == build_id) return *std::move(file);
    }
    return std::nullopt;
}

std::optional<ElfImage> by_debug_link(const ElfImage& image, const ElfImage::SymbolOptions& options) {
    const ElfDebugLink& link = image.debug_link();
    if (link.name.empty()) return std::nullopt;
    const std::string directory =
        options.debug_directory.empty() ? directory_of(image.path()) : options.debug_directory;
    std::vector<std::string> paths = {directory + "/" + link.name, directory + "/.debug/" + link.name};
    for (const std::string& root : options.debug_roots) {
        paths.push_back(root + as_target_sees(directory) + "/" + link.name);
    }
    for (const std::string& path : paths) {
        auto file = ElfImage::open(path);
        if (!file) continue;
        const bool other_build =
            !image.build_id().empty() && !file->build_id().empty() && image.build_id() != file->build_id();
        if (other_build) continue;
        // The check sum is there for files without build ids; to add up a large one takes long.
        if (!image.build_id().empty() && image.build_id() == file->build_id()) return *std::move(file);
        const auto crc = file->source().crc32();
        if (crc && *crc == link.crc) return *std::move(file);
    }
    return std::nullopt;
}

Result<std::vector<uint8_t>> unpack_xz(const std::vector<uint8_t>& packed) {
    lzma_stream stream = LZMA_STREAM_INIT;
    if (::lzma_stream_decoder(&stream, kMaxLzmaMemory, 0) != LZMA_OK) {
        return Error{ErrorCode::kSystem, ".gnu_debugdata: no memory for the decoder"};
    }
    std::vector<uint8_t> unpacked(std::min<uint64_t>(kMaxUnpackedBytes, uint64_t{packed.size()} * 4 + 4096));
    stream.next_in = packed.data();
    stream.avail_in = packed.size();
    stream.next_out = unpacked.data();
    stream.avail_out = unpacked.size();
    lzma_ret status = LZMA_OK;
    while ((status = ::lzma_code(&stream, LZMA_FINISH)) == LZMA_OK) {
        if (stream.avail_out > 0) continue;
        const size_t used = unpacked.size();
        if (used >= kMaxUnpackedBytes) break;
        unpacked.resize(std::min<uint64_t>(kMaxUnpackedBytes, uint64_t{used} * 2));
        stream.next_out = unpacked.data() + used;
        stream.avail_out = unpacked.size() - used;
    }
    unpacked.resize(stream.total_out);
    ::lzma_end(&stream);
    if (status == LZMA_OK) return Error{ErrorCode::kLimit, ".gnu_debugdata: larger than 64 MiB when unpacked"};
    if (status != LZMA_STREAM_END) return Error{ErrorCode::kMalformed, ".gnu_debugdata: not valid xz data"};
    return unpacked;
}

std::string to_hex(std::span<const uint8_t> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const uint8_t byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

}  // namespace

std::optional<ElfImage> find_debug_file(const ElfImage& image, const ElfImage::SymbolOptions& options) {
    if (auto file = by_build_id(image.build_id(), options.debug_roots, ElfImage::open)) return file;
    return by_debug_link(image, options);
}

Result<ElfImage> open_debug_data(const ElfImage& image) {
    const ElfSection* section = image.find_section(".gnu_debugdata");
    if (section == nullptr || section->type == SHT_NOBITS) return Error{ErrorCode::kNotFound, "no .gnu_debugdata"};
    if (section->size > kMaxPackedBytes) return Error{ErrorCode::kLimit, ".gnu_debugdata: larger than 64 MiB"};
    WH_TRY(std::vector<uint8_t> unpacked, unpack_xz(image.source().read_up_to(section->file_offset, section->size)));
    return ElfImage::from_bytes(std::move(unpacked), image.path() + " (.gnu_debugdata)");
}

std::optional<ElfImage> find_shared_debug_file(const std::string& path, std::span<const uint8_t> id,
                                               const ElfImage& from, const ElfImage::SymbolOptions& options) {
    const std::string build_id = to_hex(id);
    if (auto file = by_build_id(build_id, options.debug_roots, ElfImage::open_shared_debug_file)) return file;
    if (path.empty()) return std::nullopt;
    std::vector<std::string> paths;
    if (path[0] != '/') {
        paths.push_back(directory_of(from.path()) + "/" + path);
    } else {
        // An absolute path is the target's: look behind each root the debug roots stand in before taking it as ours.
        for (const std::string& root : options.debug_roots) {
            const size_t behind = root.find("/root/");
            if (root.starts_with("/proc/") && behind != std::string::npos)
                paths.push_back(root.substr(0, behind + 5) + path);
        }
        paths.push_back(path);
    }
    for (const std::string& candidate : paths) {
        auto file = ElfImage::open_shared_debug_file(candidate);
        if (file && file->build_id() == build_id) return *std::move(file);
    }
    return std::nullopt;
}

}  // namespace whoholds
