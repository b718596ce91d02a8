// Go's type descriptors, which every program carries for reflection and the collector, stripped or not: names, kinds, fields,
// what a type's values point to. Used by the scan of a heap by type.
// Invariant: everything in them is untrusted. A descriptor that makes no sense is no type; what is returned has offsets within
// sizes, and all addresses that lead on are only followed by asking at() again. A type is never built from another one, so that
// types which refer to each other are no loops here.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace whoholds {

class GoProcess;

enum class GoKind : uint8_t {  // the runtime's numbers (internal/abi/type.go), the same in all versions
    kInvalid = 0,
    kBool = 1,
    kUint8 = 8,
    kComplex128 = 16,
    kArray = 17,
    kChannel = 18,
    kFunction = 19,
    kInterface = 20,
    kMap = 21,
    kPointer = 22,
    kSlice = 23,
    kString = 24,
    kStruct = 25,
    kUnsafePointer = 26,
};

struct GoField {
    uint64_t type = 0;  // address
    uint64_t offset = 0;
    uint64_t name = 0;  // address; see GoTypes::name_at()
};

struct GoType {
    uint64_t address = 0;
    uint64_t bytes = 0;
    uint64_t pointer_bytes = 0;  // none of its pointers is behind that
    uint32_t hash = 0;
    GoKind kind = GoKind::kInvalid;
    bool is_named = false;
    bool is_direct = false;            // an interface holds such a value itself, not its address
    uint64_t element = 0;              // of pointer, slice, array, channel, map
    uint64_t length = 0;               // of an array
    uint64_t key = 0;                  // of a map
    uint64_t group = 0;                // of a map: the type of what its table consists of
    std::vector<GoField> fields;       // of a struct
    std::string name;                  // as %T prints it: "http.Transport"
    std::string_view package() const;  // "http"; "" where there is none

    [[nodiscard]] bool has_pointers() const { return pointer_bytes != 0; }
};

// Where things are in descriptors, by version of Go.
struct GoTypeFormat {
    unsigned minor_version = 0;
    bool has_swiss_maps = false;  // since 1.24
};

class GoTypes {
public:
    // Reads all descriptors of the program at once.
    static Result<GoTypes> read(const GoProcess& process);
    // bytes: from address `start` on. Names are found relative to it.
    GoTypes(std::vector<uint8_t> bytes, uint64_t start, GoTypeFormat format)
        : bytes_(std::move(bytes)), start_(start), format_(format) {}

    [[nodiscard]] bool covers(uint64_t address) const { return address - start_ < bytes_.size(); }
    [[nodiscard]] const GoTypeFormat& format() const { return format_; }
    // nullptr for what is no descriptor. The answer stays where it is as long as this object lives.
    [[nodiscard]] const GoType* at(uint64_t address);
    // Of a field; "" when it makes no sense.
    [[nodiscard]] std::string_view name_at(uint64_t address) const;
    // The import path of a named type's package: "net/http"; "" where it has none.
    [[nodiscard]] std::string_view import_path(const GoType& type) const;

private:
    [[nodiscard]] bool parse(uint64_t address, GoType& type) const;
    [[nodiscard]] bool parse_parts(std::span<const uint8_t> bytes, GoType& type) const;
    [[nodiscard]] bool parse_fields(uint64_t first, uint64_t count, GoType& type) const;
    [[nodiscard]] bool parse_map(std::span<const uint8_t> bytes, GoType& type) const;
    [[nodiscard]] std::span<const uint8_t> bytes_at(uint64_t address, uint64_t size) const;
    [[nodiscard]] bool is_type_address(uint64_t address) const { return address % 8 == 0 && covers(address); }

    std::vector<uint8_t> bytes_;
    uint64_t start_ = 0;
    GoTypeFormat format_;
    std::deque<GoType> types_;
    absl::flat_hash_map<uint64_t, const GoType*> known_;
};

}  // namespace whoholds
