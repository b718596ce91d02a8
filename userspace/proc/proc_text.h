// The few shapes of text that /proc is made of: lines, fields, numbers. Used inside of proc/ only.
// Nothing here allocates or trusts its input; numbers are taken whole or not at all.
#pragma once

#include <sys/types.h>

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proc/process.h"

namespace whoholds {

template <std::integral T>
std::optional<T> parse_number(std::string_view text, int base = 10) {
    T value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Cuts what precedes the separator off text and returns it; all of text if there is no separator.
inline std::string_view cut_until(std::string_view& text, char separator) {
    const size_t at = text.find(separator);
    const std::string_view head = text.substr(0, at);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
    return head;
}

inline std::string_view cut_line(std::string_view& text) { return cut_until(text, '\n'); }

inline std::string_view trim_blanks(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\n";
    const size_t first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// The next field between runs of blanks; "" at the end.
inline std::string_view cut_field(std::string_view& text) {
    const size_t first = text.find_first_not_of(" \t");
    text.remove_prefix(first == std::string_view::npos ? text.size() : first);
    const size_t end = text.find_first_of(" \t");
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(field.size());
    return field;
}

// "VmRSS:   1024 kB" in bytes.
inline std::optional<uint64_t> parse_kib(std::string_view value) {
    const std::optional<uint64_t> kib = parse_number<uint64_t>(cut_field(value));
    if (!kib || trim_blanks(value) != "kB" || *kib > UINT64_MAX / 1024) return std::nullopt;
    return *kib * 1024;
}

// The value behind "key" (with its colon) in a file of "Key:   value" lines like /proc/PID/status.
inline std::optional<std::string_view> find_field(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const std::string_view line = cut_line(text);
        if (line.starts_with(key)) return trim_blanks(line.substr(key.size()));
    }
    return std::nullopt;
}

inline std::string process_path(const ProcRoot& root, pid_t pid, std::string_view file) {
    return root.path + "/" + std::to_string(pid) + "/" + std::string(file);
}

// "no process 42" instead of the name of some file below /proc.
inline Error no_such_process(pid_t pid) { return {ErrorCode::kNotFound, "no process with pid " + std::to_string(pid)}; }

// Whether the process's own file system has a file of that name and inode: then " (deleted)" at the end of a name
// that /proc showed is part of the name.
bool is_file_of_process(const ProcRoot& root, pid_t pid, std::string_view path, uint64_t inode);

inline constexpr std::string_view kDeletedSuffix = " (deleted)";

}  // namespace whoholds
