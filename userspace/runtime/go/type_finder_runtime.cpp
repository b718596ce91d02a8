// The runtime's own records among the objects of a heap: of goroutines, threads, processors.
#include "runtime/go/type_finder.h"

namespace whoholds {

// And the threads that they run on, or did: g.m is at the same place in all versions (the linker knows it).
void GoTypeFinder::find_goroutines() {
    constexpr size_t kThreadWord = 6;
    for (const uint64_t address : roots_.goroutine_addresses) {
        const GoObject object = object_at(address);
        if (!object.exists()) continue;
        set(object, {GoObjectForm::kGoroutine}, Worth::kRuntime);
        const auto words = model_.words(object);
        const GoObject thread = kThreadWord < words.size() ? object_at(words[kThreadWord]) : GoObject();
        if (thread.exists()) set(thread, {GoObjectForm::kThread}, Worth::kRuntime);
    }
}

// runtime.allp, a slice of as many pointers as GOMAXPROCS says.
void GoTypeFinder::find_processors() {
    constexpr uint32_t kMost = 1024;
    const auto count = process_.memory().read_object<uint32_t>(process_.variables().max_procs);
    if (!count || *count == 0 || *count > kMost) return;
    for (const GoRoot& root : roots_.roots) {
        if (root.goroutine != GoRoot::kGlobals) break;
        const auto words = roots_.words_of(root);
        for (size_t i = 0; i + 2 < words.size(); ++i) {
            if (words[i + 1] != *count || words[i + 2] < *count || !are_processors(words[i], *count)) continue;
            const auto processors = model_.words(object_at(words[i]));
            for (uint32_t j = 0; j < *count; ++j)
                set(object_at(processors[j]), {GoObjectForm::kProcessor}, Worth::kRuntime);
            return;
        }
    }
}

// A processor's record begins with its number, and is large, as the queue of what it is to run is in it (runtime/runtime2.go).
bool GoTypeFinder::are_processors(uint64_t array, uint64_t count) {
    constexpr uint64_t kLeastBytes = 4096;
    const GoObject pointers = object_at(array);
    const auto words = pointers.exists() ? model_.words(pointers) : std::span<const uint64_t>();
    if (words.size() < count) return false;
    for (uint64_t i = 0; i < count; ++i) {
        const GoObject processor = object_at(words[i]);
        if (!processor.exists() || model_.value_bytes(processor) < kLeastBytes) return false;
        const auto record = model_.words(processor);
        if (record.empty() || static_cast<uint32_t>(record[0]) != i) return false;
    }
    return true;
}

}  // namespace whoholds
