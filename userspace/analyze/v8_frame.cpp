#include "analyze/v8_frame.h"

#include <utility>

#include "symbolize/node_origin.h"

namespace whoholds {

Frame v8_frame(uint64_t word, const V8Frames& v8) {
    Frame frame;
    frame.module = "[javascript]";
    V8Place place = v8.place(word);
    if (place.name.empty()) {
        frame.function = "(function of JavaScript that was gone before it could be read)";
        frame.script = ScriptOrigin::kGenerated;
        return frame;
    }
    frame.script = node_origin_of_file(place.file);
    frame.function = frame.raw_function = std::move(place.name);
    frame.file = std::move(place.file);
    frame.line = place.line;
    return frame;
}

}  // namespace whoholds
