#include "unit/report/pprof_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include <map>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace whoholds {
namespace {

struct Field {
    uint64_t number = 0;
    std::string_view text;
};
using Message = std::multimap<uint32_t, Field>;

uint64_t take_varint(std::string_view& text) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (text.empty()) throw std::runtime_error("cut number");
        const auto byte = static_cast<uint8_t>(text.front());
        text.remove_prefix(1);
        value |= uint64_t{byte & 0x7fU} << shift;
        if (byte < 0x80) return value;
    }
    throw std::runtime_error("long number");
}

Message message_of(std::string_view text) {
    Message message;
    while (!text.empty()) {
        const uint64_t tag = take_varint(text);
        Field field;
        field.number = take_varint(text);
        if ((tag & 7) == 2) {
            if (field.number > text.size()) throw std::runtime_error("cut text");
            field.text = text.substr(0, field.number);
            text.remove_prefix(field.number);
        } else if ((tag & 7) != 0) {
            throw std::runtime_error("unexpected wire type");
        }
        message.emplace(static_cast<uint32_t>(tag >> 3), field);
    }
    return message;
}

std::vector<std::string_view> entries(const Message& message, uint32_t field) {
    std::vector<std::string_view> list;
    for (auto [at, end] = message.equal_range(field); at != end; ++at) list.push_back(at->second.text);
    return list;
}

uint64_t number(const Message& message, uint32_t field) {
    const auto found = message.find(field);
    return found == message.end() ? 0 : found->second.number;
}

std::vector<uint64_t> numbers(const Message& message, uint32_t field) {
    std::vector<uint64_t> list;
    for (std::string_view packed : entries(message, field)) {
        while (!packed.empty()) list.push_back(take_varint(packed));
    }
    return list;
}

class Decoder {
public:
    explicit Decoder(std::string_view data) : profile_(message_of(data)), texts_(entries(profile_, 6)) {
        if (texts_.empty() || !texts_[0].empty()) throw std::runtime_error("text 0 is not empty");
        for (const std::string_view entry : entries(profile_, 3)) add(mappings_, entry);
        for (const std::string_view entry : entries(profile_, 4)) add(locations_, entry);
        for (const std::string_view entry : entries(profile_, 5)) add(functions_, entry);
    }

    std::string text() {
        std::string out;
        std::vector<std::string> types;
        for (const std::string_view entry : entries(profile_, 1)) types.push_back(value_type(entry));
        out += fmt::format("values {}\ndefault {}\n", fmt::join(types, " "), word(number(profile_, 14)));
        for (const std::string_view entry : entries(profile_, 11)) out += "period type " + value_type(entry) + '\n';
        out += fmt::format("period {}\ntime {} ns, {} ns long\n", number(profile_, 12), number(profile_, 9),
                           number(profile_, 10));
        for (const uint64_t comment : numbers(profile_, 13)) out += fmt::format("comment {}\n", word(comment));
        for (const auto& [id, mapping] : mappings_) {
            out += fmt::format("mapping {} {:x}-{:x} {} {}{}{}{}{}\n", id, number(mapping, 2), number(mapping, 3),
                               word(number(mapping, 5)), word(number(mapping, 6)),
                               number(mapping, 7) != 0 ? " functions" : "", number(mapping, 8) != 0 ? " files" : "",
                               number(mapping, 9) != 0 ? " lines" : "", number(mapping, 10) != 0 ? " inlined" : "");
        }
        for (const std::string_view entry : entries(profile_, 2)) out += sample(message_of(entry), types.size());
        return out;
    }

private:
    using Table = std::map<uint64_t, Message>;

    static void add(Table& table, std::string_view entry) {
        Message message = message_of(entry);
        const uint64_t id = number(message, 1);
        if (id == 0 || !table.emplace(id, std::move(message)).second) throw std::runtime_error("id twice, or 0");
    }
    static const Message& find(const Table& table, uint64_t id) {
        const auto found = table.find(id);
        if (found == table.end()) throw std::runtime_error("nothing has this id");
        return found->second;
    }
    std::string_view word(uint64_t index) {
        if (index >= texts_.size()) throw std::runtime_error("no such text");
        return texts_[index];
    }
    std::string value_type(std::string_view entry) {
        const Message type = message_of(entry);
        return fmt::format("{}/{}", word(number(type, 1)), word(number(type, 2)));
    }

    std::string sample(const Message& message, size_t value_count) {
        const std::vector<uint64_t> values = numbers(message, 2);
        if (values.size() != value_count) throw std::runtime_error("a sample with too few values");
        std::vector<std::string> labels;
        for (const std::string_view entry : entries(message, 3)) {
            const Message label = message_of(entry);
            labels.push_back(fmt::format("{}={}", word(number(label, 1)), word(number(label, 2))));
        }
        std::string out = fmt::format("sample {} {}\n", fmt::join(values, " "), fmt::join(labels, " "));
        for (const uint64_t id : numbers(message, 1)) {
            const Message& location = find(locations_, id);
            const uint64_t mapping = number(location, 2);
            if (mapping != 0) find(mappings_, mapping);
            std::vector<std::string> lines;
            for (const std::string_view entry : entries(location, 4)) {
                const Message line = message_of(entry);
                const Message& function = find(functions_, number(line, 1));
                lines.push_back(
                    fmt::format("{} {}:{}", word(number(function, 2)), word(number(function, 4)), number(line, 2)));
            }
            out += fmt::format("  {}+{:x} {}\n", mapping, number(location, 3), fmt::join(lines, " <- "));
        }
        return out;
    }

    Message profile_;
    std::vector<std::string_view> texts_;
    Table mappings_, locations_, functions_;
};

}  // namespace

std::string gunzip(const std::string& data) {
    z_stream stream{};
    if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) return {};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    std::string out;
    int state = Z_OK;
    while (state == Z_OK) {
        char block[4096];
        stream.next_out = reinterpret_cast<Bytef*>(block);
        stream.avail_out = sizeof block;
        state = inflate(&stream, Z_NO_FLUSH);
        out.append(block, sizeof block - stream.avail_out);
    }
    inflateEnd(&stream);
    return state == Z_STREAM_END && stream.avail_in == 0 ? out : "";
}

std::string pprof_text(const std::string& compressed) {
    const std::string data = gunzip(compressed);
    if (data.empty()) return "broken: no gzip";
    try {
        return Decoder(data).text();
    } catch (const std::exception& error) {
        return std::string("broken: ") + error.what();
    }
}

}  // namespace whoholds
