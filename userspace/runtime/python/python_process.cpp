#include "runtime/python/python_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace whoholds {
namespace {

constexpr size_t kMaxFiles = 1024;
constexpr size_t kMaxThreads = 4096;

// Where a C library keeps the values of pthread_getspecific(), from the thread pointer on. glibc: the first block of struct pthread
// (nptl/descr.h, since 2.4), which has 32 values, each behind a number. musl: a pointer (src/internal/pthread_impl.h).
void use_c_library(wh_python_process& process, bool is_musl) {
    if (is_musl) {
        process.flags |= WH_PYTHON_KEYS_BY_POINTER;
        process.keys_at = 0x80;
        process.key_count = 128;
        process.key_shift = 3;
        process.key_value = 0;
    } else {
        process.keys_at = 0x310;
        process.key_count = 32;
        process.key_shift = 4;
        process.key_value = 8;
    }
}

Result<PythonModule> find_module(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings) {
    std::set<std::tuple<uint32_t, uint32_t, uint64_t>> seen;
    Error error{ErrorCode::kNotFound, "no Python interpreter is mapped"};
    bool is_first = true;
    for (const Mapping& mapping : mappings) {
        if (!mapping.executable || !mapping.is_file() || seen.size() >= kMaxFiles) continue;
        // The program itself is mapped first, below its libraries, or is not looked at.
        const bool may_be = std::exchange(is_first, false) || may_hold_python(mapping.path);
        if (!may_be || !seen.emplace(mapping.device_major, mapping.device_minor, mapping.inode).second) continue;
        auto module = read_python_module(root, pid, mapping);
        if (module) return module;
        if (module.error().code != ErrorCode::kNotFound) error = std::move(module).error();
    }
    return error;
}

Error built_differently(std::string_view what) {
    return {ErrorCode::kUnsupported, fmt::format("{} not where this version has them", what)};
}

}  // namespace

unsigned python_minor_of_path(const std::string& path) {
    constexpr std::string_view kName = "python3.";
    const size_t slash = path.rfind('/') + 1;
    const size_t at = path.find(kName, slash);
    if (at == std::string::npos) return 0;
    unsigned minor = 0;
    const char* digits = path.data() + at + kName.size();
    const auto [end, failed] = std::from_chars(digits, path.data() + path.size(), minor);
    return failed == std::errc() && minor < 1000 ? minor : 0;
}

Result<PythonProcess> PythonProcess::open(const ProcRoot& root, pid_t pid, const std::vector<Mapping>& mappings) {
    WH_TRY(PythonModule module, find_module(root, pid, mappings));
    WH_TRY(ProcessMemory memory, ProcessMemory::open(root, pid));
    PythonProcess python(std::move(module), std::move(memory));
    WH_TRY_VOID(python.find_version());
    const bool is_musl = std::ranges::any_of(
        mappings, [](const Mapping& mapping) { return mapping.path.find("/ld-musl-") != std::string::npos; });
    python.process_ = python.layout_.process;
    python.process_.key_at += python.module_.runtime;
    use_c_library(python.process_, is_musl);
    return python;
}

Result<void> PythonProcess::find_version() {
    unsigned minor = python_minor_of_path(module_.path);
    unsigned major = 3;
    version_ = fmt::format("3.{}", minor);
    if (module_.version != 0) {
        WH_TRY(const auto number, memory_.read_object<uint32_t>(module_.version));  // as PY_VERSION_HEX
        major = number >> 24;
        minor = number >> 16 & 0xff;
        version_ = fmt::format("{}.{}.{}", major, minor, number >> 8 & 0xff);
    }
    const auto layout = major == 3 && minor != 0 ? python_layout(minor) : std::nullopt;
    if (!layout)
        return Error{ErrorCode::kUnsupported,
                     minor == 0 ? std::string("its version is not known")
                                : fmt::format("Python {}: the frames of Python 3.{} to 3.{} are known", version_,
                                              kOldestPythonMinor, kNewestPythonMinor)};
    layout_ = *layout;
    return {};
}

// Objects of builds with another header (Py_TRACE_REFS, without the lock) have their fields elsewhere; tp_name tells.
Result<bool> PythonProcess::check() const {
    constexpr uint64_t kTypeName = 24;
    constexpr std::array<char, 5> kCode = {'c', 'o', 'd', 'e', 0};
    WH_TRY(const auto name_at, memory_.read_object<uint64_t>(module_.code_type + kTypeName));
    auto name = memory_.read_object<std::array<char, 5>>(name_at);
    if (!name || *name != kCode) return built_differently("types are");
    constexpr int kTries = 5;  // threads come and go meanwhile
    Result<bool> checked = check_threads();
    for (int i = 1; i < kTries && !checked; i++) checked = check_threads();
    return checked;
}

Result<bool> PythonProcess::check_threads() const {
    WH_TRY(const auto interpreter, memory_.read_object<uint64_t>(module_.runtime + layout_.interpreters));
    WH_TRY(const auto key, (memory_.read_object<std::array<uint32_t, 2>>(process_.key_at)));
    if (interpreter == 0 || key[0] == 0) return false;
    if (key[0] != 1 || key[1] >= process_.key_count) return built_differently("the keys of threads are");
    WH_TRY(auto state, memory_.read_object<uint64_t>(interpreter + layout_.threads));
    if (state == 0) return false;
    for (size_t i = 0; state != 0 && i < kMaxThreads; i++) {
        auto owner = memory_.read_object<uint64_t>(state + layout_.interpreter);
        auto thread = memory_.read_object<uint64_t>(state + process_.thread_id);
        auto next = memory_.read_object<uint64_t>(state + layout_.next_thread);
        if (!owner || !thread || !next || *owner != interpreter) return built_differently("the threads are");
        auto found = is_found_by_key(*thread, state, key[1]);
        if (found && *found) return true;
        state = *next;
    }
    return built_differently("the values of threads are");
}

Result<bool> PythonProcess::is_found_by_key(uint64_t thread, uint64_t state, uint32_t key) const {
    uint64_t values = thread + process_.keys_at;
    if ((process_.flags & WH_PYTHON_KEYS_BY_POINTER) != 0) {
        WH_TRY(values, memory_.read_object<uint64_t>(values));
    }
    WH_TRY(const auto value,
           memory_.read_object<uint64_t>(values + (uint64_t{key} << process_.key_shift) + process_.key_value));
    return value == state;
}

}  // namespace whoholds
