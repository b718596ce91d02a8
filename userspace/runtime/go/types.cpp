#include "runtime/go/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runtime/go/go_process.h"

namespace whoholds {
namespace {

// abi.Type, the same since 1.14.
constexpr uint64_t kHeaderBytes = 48;
constexpr uint64_t kPointerBytesOffset = 8;
constexpr uint64_t kFlagsOffset = 20;
constexpr uint64_t kKindOffset = 23;
constexpr uint64_t kNameOffset = 40;
constexpr uint8_t kHasUncommon = 1;
constexpr uint8_t kHasExtraStar = 2;
constexpr uint8_t kIsNamed = 4;
constexpr uint8_t kDirectBit = 1 << 5;  // of the kind; since 1.26 of the flags
constexpr uint64_t kMaxTypeBytes = uint64_t{1} << 40;
constexpr uint64_t kMaxFields = 65'536;
constexpr uint64_t kMaxNameBytes = 4096;

template <class T>
T at_offset(std::span<const uint8_t> bytes, size_t offset) {
    T value{};
    if (offset <= bytes.size() && sizeof value <= bytes.size() - offset)
        std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

// Of the part of a descriptor that is its kind's own, up to where methods follow.
uint64_t bytes_of_kind(GoKind kind, const GoTypeFormat& format) {
    switch (kind) {
        case GoKind::kArray: return 72;
        case GoKind::kChannel: return 64;
        case GoKind::kFunction:
        case GoKind::kPointer:
        case GoKind::kSlice: return 56;
        case GoKind::kInterface:
        case GoKind::kStruct: return 80;
        case GoKind::kMap: return format.has_swiss_maps ? 112 : 88;
        default: return kHeaderBytes;
    }
}

bool is_printable(std::string_view text) {
    return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::string_view GoType::package() const {
    const std::string_view text = name;
    // Type arguments may have packages of their own.
    const size_t end = std::min(text.find('['), text.size());
    const size_t dot = text.substr(0, end).rfind('.');
    return dot == std::string_view::npos || !is_named ? std::string_view() : text.substr(0, dot);
}

Result<GoTypes> GoTypes::read(const GoProcess& process) {
    constexpr uint64_t kMaxBytes = uint64_t{256} << 20;
    constexpr uint64_t kPartBytes = uint64_t{32} << 20;
    const GoModuleData& module = process.code().module_data();
    if (module.types == 0 || module.types_end <= module.types || module.types_end - module.types > kMaxBytes)
        return Error{ErrorCode::kUnsupported, "Go's type descriptors are not where they are expected"};
    const unsigned minor_version = process.layout().minor_version;
    const bool is_without_swiss_maps =
        process.code().build_info().go_version.find("noswissmap") != std::string::npos;  // an experiment until 1.25
    const uint64_t start = process.to_process(module.types);
    std::vector<uint8_t> bytes(module.types_end - module.types);
    for (uint64_t done = 0; done < bytes.size(); done += kPartBytes) {
        const auto part = std::span(bytes).subspan(done, std::min<uint64_t>(kPartBytes, bytes.size() - done));
        WH_TRY_VOID(process.memory().read_into(start + done, part));
    }
    return GoTypes(std::move(bytes), start,
                   {.minor_version = minor_version, .has_swiss_maps = minor_version >= 24 && !is_without_swiss_maps});
}

const GoType* GoTypes::at(uint64_t address) {
    if (!is_type_address(address)) return nullptr;
    const auto [found, is_new] = known_.try_emplace(address, nullptr);
    if (!is_new) return found->second;
    GoType type{.address = address};
    if (!parse(address, type)) return nullptr;
    types_.push_back(std::move(type));
    found->second = &types_.back();
    return found->second;
}

std::span<const uint8_t> GoTypes::bytes_at(uint64_t address, uint64_t size) const {
    if (!covers(address) || size > bytes_.size() - (address - start_)) return {};
    return std::span(bytes_).subspan(address - start_, size);
}

bool GoTypes::parse(uint64_t address, GoType& type) const {
    const auto header = bytes_at(address, kHeaderBytes);
    if (header.empty()) return false;
    const uint8_t flags = header[kFlagsOffset];
    type.bytes = at_offset<uint64_t>(header, 0);
    type.pointer_bytes = at_offset<uint64_t>(header, kPointerBytesOffset);
    type.hash = at_offset<uint32_t>(header, 16);
    type.kind = static_cast<GoKind>(header[kKindOffset] & 31);
    type.is_named = (flags & kIsNamed) != 0;
    type.is_direct = ((format_.minor_version >= 26 ? flags : header[kKindOffset]) & kDirectBit) != 0;
    if (type.kind == GoKind::kInvalid || type.kind > GoKind::kUnsafePointer) return false;
    if (type.bytes > kMaxTypeBytes || type.pointer_bytes > type.bytes || type.pointer_bytes % 8 != 0) return false;
    const uint8_t alignment = header[kKindOffset - 2];
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > 64) return false;
    const auto name_offset = at_offset<int32_t>(header, kNameOffset);
    if (name_offset <= 0) return false;
    std::string_view name = name_at(start_ + static_cast<uint64_t>(name_offset));
    if ((flags & kHasExtraStar) != 0 && name.starts_with('*')) name.remove_prefix(1);
    if (name.empty() || !is_printable(name)) return false;
    type.name = name;
    const auto all = bytes_at(address, bytes_of_kind(type.kind, format_));
    return !all.empty() && parse_parts(all, type);
}

bool GoTypes::parse_parts(std::span<const uint8_t> bytes, GoType& type) const {
    switch (type.kind) {
        case GoKind::kArray: type.length = at_offset<uint64_t>(bytes, 64); [[fallthrough]];
        case GoKind::kChannel:
        case GoKind::kPointer:
        case GoKind::kSlice: type.element = at_offset<uint64_t>(bytes, 48); return is_type_address(type.element);
        case GoKind::kInterface:
        case GoKind::kString: return type.bytes == 16;
        case GoKind::kMap: return parse_map(bytes, type);
        case GoKind::kStruct: return parse_fields(at_offset<uint64_t>(bytes, 56), at_offset<uint64_t>(bytes, 64), type);
        default: return true;
    }
}

bool GoTypes::parse_map(std::span<const uint8_t> bytes, GoType& type) const {
    type.key = at_offset<uint64_t>(bytes, 48);
    type.element = at_offset<uint64_t>(bytes, 56);
    type.group = at_offset<uint64_t>(bytes, 64);
    return is_type_address(type.key) && is_type_address(type.element) && is_type_address(type.group);
}

bool GoTypes::parse_fields(uint64_t first, uint64_t count, GoType& type) const {
    constexpr uint64_t kFieldBytes = 24;
    if (count > kMaxFields) return false;
    if (count == 0) return true;
    const auto bytes = bytes_at(first, count * kFieldBytes);
    if (bytes.empty()) return false;
    type.fields.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
        GoField field;
        field.name = at_offset<uint64_t>(bytes, i * kFieldBytes);
        field.type = at_offset<uint64_t>(bytes, i * kFieldBytes + 8);
        field.offset = at_offset<uint64_t>(bytes, i * kFieldBytes + 16);
        if (format_.minor_version < 19) field.offset >>= 1;  // the lowest bit said "embedded"
        if (!is_type_address(field.type) || field.offset > type.bytes) return false;
        type.fields.push_back(field);
    }
    return true;
}

std::string_view GoTypes::name_at(uint64_t address) const {
    const auto head = bytes_at(address, 2);
    if (head.empty()) return {};
    // Flags, then the length as a varint (since 1.17), then the text.
    uint64_t length = head[1] & 0x7f;
    uint64_t text = address + 2;
    if ((head[1] & 0x80) != 0) {
        const auto more = bytes_at(address + 2, 1);
        if (more.empty() || (more[0] & 0x80) != 0) return {};
        length |= uint64_t{more[0]} << 7;
        ++text;
    }
    const auto bytes = bytes_at(text, length);
    if (length > kMaxNameBytes || bytes.size() != length) return {};
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view GoTypes::import_path(const GoType& type) const {
    const auto header = bytes_at(type.address, kHeaderBytes);
    if (header.empty() || (header[kFlagsOffset] & kHasUncommon) == 0) return {};
    const auto offset = bytes_at(type.address + bytes_of_kind(type.kind, format_), 4);
    const auto name_offset = at_offset<int32_t>(offset, 0);
    return name_offset > 0 ? name_at(start_ + static_cast<uint64_t>(name_offset)) : std::string_view();
}

}  // namespace whoholds
