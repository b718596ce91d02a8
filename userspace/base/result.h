// Result<T>: a value or an Error, with std::expected's member names (gcc 12 has no std::expected).
// Used everywhere instead of exceptions. Errors gain context on the way up; only main prints them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace whoholds {

enum class ErrorCode : uint8_t {
    kInvalidArgument,
    kNotFound,
    kPermission,
    kUnsupported,
    kMalformed,  // untrusted input that makes no sense
    kLimit,      // a bound of ours was reached
    kSystem,     // a system call failed for another reason
};

struct Error {
    ErrorCode code = ErrorCode::kSystem;
    std::string message;

    // "attach jemalloc to pid 42: " + message
    [[nodiscard]] Error with_context(std::string_view context) && {
        message = std::string(context) + ": " + message;
        return std::move(*this);
    }
};

// Error from errno: "open /proc/42/maps: permission denied".
Error system_error(std::string_view what, int error_number);

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }
    T& value() & { return check(), std::get<0>(state_); }
    const T& value() const& { return check(), std::get<0>(state_); }
    T&& value() && { return check(), std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    [[nodiscard]] T value_or(T fallback) && { return has_value() ? std::move(*this).value() : std::move(fallback); }
    Error& error() & { return std::get<1>(state_); }
    const Error& error() const& { return std::get<1>(state_); }
    Error&& error() && { return std::get<1>(std::move(state_)); }

private:
    void check() const {
        if (!has_value()) {
            std::fprintf(stderr, "bug: value() of a failed Result: %s\n", std::get<1>(state_).message.c_str());
            std::abort();
        }
    }
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool has_value() const { return !error_; }
    explicit operator bool() const { return has_value(); }
    Error& error() & { return *error_; }
    const Error& error() const& { return *error_; }
    Error&& error() && { return *std::move(error_); }

private:
    std::optional<Error> error_;
};

// WH_TRY(auto maps, read_maps(pid)): the value, or returns the error to the caller.
#define WH_TRY_CAT_(a, b) a##b
#define WH_TRY_NAME_(line) WH_TRY_CAT_(wh_try_result_, line)
#define WH_TRY(declaration, expression)                                            \
    auto WH_TRY_NAME_(__LINE__) = (expression);                                    \
    if (!WH_TRY_NAME_(__LINE__)) return std::move(WH_TRY_NAME_(__LINE__)).error(); \
    declaration = *std::move(WH_TRY_NAME_(__LINE__))
#define WH_TRY_VOID(expression)                                      \
    do {                                                             \
        auto wh_try_result = (expression);                           \
        if (!wh_try_result) return std::move(wh_try_result).error(); \
    } while (false)

}  // namespace whoholds
