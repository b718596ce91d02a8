#include "base/file.h"
#include "base/printable.h"
#include "proc/proc_text.h"
#include "proc/process.h"

namespace whoholds {
namespace {

constexpr size_t kMaxMapsBytes = size_t{256} << 20;
constexpr size_t kMaxMappings = size_t{2} << 20;

std::string unescape_newlines(std::string_view path) {
    constexpr std::string_view kNewline = "\\012";
    std::string result;
    result.reserve(path.size());
    for (size_t at = path.find(kNewline); at != std::string_view::npos; at = path.find(kNewline)) {
        result += path.substr(0, at);
        result += '\n';
        path.remove_prefix(at + kNewline.size());
    }
    result += path;
    return result;
}

bool parse_range(std::string_view field, Mapping& mapping) {
    const auto start = parse_number<uint64_t>(cut_until(field, '-'), 16);
    const auto end = parse_number<uint64_t>(field, 16);
    if (!start || !end || *start >= *end) return false;
    mapping.start = *start;
    mapping.end = *end;
    return true;
}

bool parse_permissions(std::string_view field, Mapping& mapping) {
    if (field.size() != 4) return false;
    const auto is_one_of = [field](size_t at, char yes, char no) { return field[at] == yes || field[at] == no; };
    if (!is_one_of(0, 'r', '-') || !is_one_of(1, 'w', '-') || !is_one_of(2, 'x', '-') || !is_one_of(3, 's', 'p')) {
        return false;
    }
    mapping.readable = field[0] == 'r';
    mapping.writable = field[1] == 'w';
    mapping.executable = field[2] == 'x';
    mapping.shared = field[3] == 's';
    return true;
}

bool parse_file(std::string_view offset_field, std::string_view device_field, std::string_view inode_field,
                Mapping& mapping) {
    const auto offset = parse_number<uint64_t>(offset_field, 16);
    const auto major = parse_number<uint32_t>(cut_until(device_field, ':'), 16);
    const auto minor = parse_number<uint32_t>(device_field, 16);
    const auto inode = parse_number<uint64_t>(inode_field);
    if (!offset || !major || !minor || !inode) return false;
    mapping.file_offset = *offset;
    mapping.device_major = *major;
    mapping.device_minor = *minor;
    mapping.inode = *inode;
    return true;
}

// The name of the wrong part, or nullptr.
const char* parse_line(std::string_view line, Mapping& mapping) {
    if (!parse_range(cut_until(line, ' '), mapping)) return "address range";
    if (!parse_permissions(cut_until(line, ' '), mapping)) return "permissions";
    const std::string_view offset = cut_until(line, ' ');
    const std::string_view device = cut_until(line, ' ');
    const std::string_view inode = cut_until(line, ' ');
    if (!parse_file(offset, device, inode, mapping)) return "offset, device or inode";

    const size_t path_start = line.find_first_not_of(' ');
    if (path_start == std::string_view::npos) return nullptr;
    line.remove_prefix(path_start);
    // Names of anonymous memory ("[anon:x (deleted)]") are not paths.
    if (line[0] != '[' && line.size() > kDeletedSuffix.size() && line.ends_with(kDeletedSuffix)) {
        mapping.deleted = true;
        line.remove_suffix(kDeletedSuffix.size());
    }
    mapping.path = unescape_newlines(line);
    return nullptr;
}

}  // namespace

Result<std::vector<Mapping>> parse_maps(std::string_view text) {
    std::vector<Mapping> mappings;
    for (size_t line_number = 1; !text.empty(); ++line_number) {
        const std::string_view line = cut_line(text);
        if (mappings.size() == kMaxMappings) {
            return Error{ErrorCode::kLimit, "more than " + std::to_string(kMaxMappings) + " mappings"};
        }
        Mapping mapping;
        if (const char* wrong = parse_line(line, mapping)) {
            return Error{ErrorCode::kMalformed, "line " + std::to_string(line_number) + ": bad " + wrong + " in \"" +
                                                    printable(line.substr(0, 120)) + "\""};
        }
        mappings.push_back(std::move(mapping));
    }
    return mappings;
}

Result<std::vector<Mapping>> read_maps(const ProcRoot& root, pid_t pid) {
    const std::string path = process_path(root, pid, "maps");
    Result<std::string> text = read_file_bounded(path, kMaxMapsBytes);
    if (!text) {
        if (text.error().code == ErrorCode::kNotFound) return no_such_process(pid);
        return std::move(text).error();
    }
    Result<std::vector<Mapping>> mappings = parse_maps(*text);
    if (!mappings) return std::move(mappings).error().with_context(path);

    for (Mapping& mapping : *mappings) {
        if (!mapping.deleted || !mapping.is_file()) continue;
        const std::string whole_name = mapping.path + std::string(kDeletedSuffix);
        if (is_file_of_process(root, pid, whole_name, mapping.inode)) {
            mapping.path = whole_name;
            mapping.deleted = false;
        }
    }
    return mappings;
}

}  // namespace whoholds
