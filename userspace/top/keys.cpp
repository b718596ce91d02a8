#include "top/keys.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace whoholds {
namespace {

constexpr char kEscapeByte = '\x1b';
constexpr size_t kLongestSequence = 16;

struct Sequence {
    std::string_view bytes;  // behind the escape
    KeyCode code;
};

// Of xterm, tmux, screen, rxvt and the Linux console.
constexpr Sequence kSequences[] = {
    {"[A", KeyCode::kUp},      {"[B", KeyCode::kDown},      {"[C", KeyCode::kRight},   {"[D", KeyCode::kLeft},
    {"OA", KeyCode::kUp},      {"OB", KeyCode::kDown},      {"OC", KeyCode::kRight},   {"OD", KeyCode::kLeft},
    {"[H", KeyCode::kHome},    {"[F", KeyCode::kEnd},       {"OH", KeyCode::kHome},    {"OF", KeyCode::kEnd},
    {"[1~", KeyCode::kHome},   {"[4~", KeyCode::kEnd},      {"[7~", KeyCode::kHome},   {"[8~", KeyCode::kEnd},
    {"[5~", KeyCode::kPageUp}, {"[6~", KeyCode::kPageDown}, {"[Z", KeyCode::kBackTab}, {"OP", KeyCode::kHelp},
    {"[11~", KeyCode::kHelp},  {"[[A", KeyCode::kHelp},     {"OS", KeyCode::kFilter},  {"[14~", KeyCode::kFilter},
    {"[[D", KeyCode::kFilter}, {"[17~", KeyCode::kSort},    {"[21~", KeyCode::kQuit},
};

std::optional<KeyCode> control_key(char byte) {
    switch (byte) {
        case '\r':
        case '\n': return KeyCode::kEnter;
        case '\t': return KeyCode::kTab;
        case '\x7f':
        case '\b': return KeyCode::kBackspace;
        case '\x03': return KeyCode::kInterrupt;
        case '\x1a': return KeyCode::kSuspend;
        case '\x0c': return KeyCode::kRedraw;
        default: return std::nullopt;
    }
}

size_t character_length(unsigned char first) {
    if (first < 0x80) return 1;
    if (first >= 0xf0 && first < 0xf8) return 4;
    if (first >= 0xe0 && first < 0xf0) return 3;
    if (first >= 0xc2 && first < 0xe0) return 2;
    return 0;
}

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80; }

// Length of the sequence at the beginning, of which the first byte is the escape; 0: it has not ended yet.
size_t sequence_length(std::string_view text) {
    if (text.size() < 2) return 0;
    if (text[1] == 'O') return text.size() < 3 ? 0 : 3;
    if (text[1] != '[') return 1;                                           // Alt and a key: two keys
    if (text.size() > 2 && text[2] == '[') return text.size() < 4 ? 0 : 4;  // function keys of the Linux console
    for (size_t i = 2; i < text.size(); i++) {
        const bool is_final = text[i] >= '@' && text[i] <= '~';
        if (is_final || i >= kLongestSequence) return i + 1;
    }
    return 0;
}

// Cuts one key off the text. False: more bytes are needed.
bool cut_key(std::string& text, std::vector<Key>& keys) {
    if (text[0] == kEscapeByte) {
        const size_t length = sequence_length(text);
        if (length == 0) return false;
        const std::string_view bytes = std::string_view(text).substr(1, length - 1);
        const auto* known = std::ranges::find(kSequences, bytes, &Sequence::bytes);
        if (length == 1) keys.push_back({KeyCode::kEscape, ""});
        if (known != std::end(kSequences)) keys.push_back({known->code, ""});
        text.erase(0, length);
        return true;
    }
    const size_t length = character_length(static_cast<unsigned char>(text[0]));
    if (length > text.size()) return false;
    const bool is_sound =
        length > 0 && std::all_of(text.begin() + 1, text.begin() + static_cast<ptrdiff_t>(length), is_continuation);
    if (const auto control = control_key(text[0]))
        keys.push_back({*control, ""});
    else if (is_sound && static_cast<unsigned char>(text[0]) >= ' ')
        keys.push_back({KeyCode::kText, text.substr(0, length)});
    text.erase(0, is_sound ? length : 1);
    return true;
}

}  // namespace

std::vector<Key> KeyReader::feed(std::string_view bytes) {
    std::vector<Key> keys;
    pending_ += bytes;
    while (!pending_.empty() && cut_key(pending_, keys)) {}
    return keys;
}

std::vector<Key> KeyReader::flush() {
    const std::string rest = std::exchange(pending_, {});
    if (rest == std::string(1, kEscapeByte)) return {{KeyCode::kEscape, ""}};
    return {};
}

}  // namespace whoholds
