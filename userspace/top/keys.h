// Bytes from a terminal to keys. Used by `whoholds top`. Pure; what is not known is passed over, and nothing grows beyond one sequence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

enum class KeyCode : uint8_t {
    kText,  // a character that is printed: Key::text
    kUp,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kEnter,
    kEscape,
    kTab,
    kBackTab,
    kBackspace,
    kHelp,       // F1
    kFilter,     // F4
    kSort,       // F6
    kQuit,       // F10
    kInterrupt,  // Ctrl-C
    kSuspend,    // Ctrl-Z
    kRedraw,     // Ctrl-L
};

struct Key {
    KeyCode code = KeyCode::kText;
    std::string text;  // UTF-8, one character
    friend bool operator==(const Key&, const Key&) = default;
};

class KeyReader {
public:
    // The keys that end in these bytes.
    std::vector<Key> feed(std::string_view bytes);
    // Whether more bytes may belong to the last key: the escape key and the beginning of a sequence are the same byte.
    [[nodiscard]] bool is_waiting() const { return !pending_.empty(); }
    // No more came for a moment: what is there is all.
    std::vector<Key> flush();

private:
    std::string pending_;
};

}  // namespace whoholds
