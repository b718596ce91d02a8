// A screen full of text with its looks, and the bytes that bring a terminal from one to the next. Used by `whoholds top`. Pure.
// Invariant: no line is wider than the screen, so nothing wraps; what changed is all that is sent.
//
// The sequences are those of ECMA-48, which every terminal of today understands; no terminfo is needed, and none is there in most
// containers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whoholds {

enum class Look : uint8_t { kPlain, kBold, kDim, kSelected, kBad, kDoubtful, kGood };

struct Span {
    std::string text;  // printable(), UTF-8
    Look look = Look::kPlain;
};

using ScreenLine = std::vector<Span>;

struct Screen {
    size_t width = 80;
    size_t height = 24;
    std::vector<ScreenLine> lines;  // at most height
};

struct TerminalTraits {
    bool has_utf8 = true;
    bool has_colors = true;  // else looks are bold and reverse
};

// Text alone, a line each, without trailing blanks.
std::string screen_text(const Screen& screen);

// "▂" and the like as ASCII, one character a column: "?" for what has no likeness.
std::string in_ascii(std::string_view text);

class Painter {
public:
    explicit Painter(TerminalTraits traits) : traits_(traits) {}
    // What to send, so that the terminal shows this one. "" nothing.
    std::string paint(const Screen& screen);
    // The terminal shows something else by now: all is sent with the next one.
    void forget() { shown_.clear(); }

private:
    [[nodiscard]] std::string bytes_of(const ScreenLine& line, size_t width) const;

    TerminalTraits traits_;
    size_t width_ = 0;
    std::vector<std::string> shown_;
};

}  // namespace whoholds
