#include "runtime/v8/heap_census.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace whoholds {
namespace {

constexpr uint64_t kStrong = 1;  // the lowest two bits of a pointer
constexpr uint64_t kTag = 3;
constexpr uint64_t kLastAddress = (uint64_t{1} << 47) - 1;
constexpr size_t kMostMaps = size_t{1} << 20;
constexpr size_t kMostBuffers = size_t{1} << 20;
constexpr uint64_t kMostCopiedAgain = 256;
constexpr int kMostRounds = 64;  // of ephemerons

constexpr bool is_strong(uint64_t word) { return (word & kTag) == kStrong && word <= kLastAddress; }

}  // namespace

Result<void> V8Census::check() const {
    if (pages_.is_full()) return Error{ErrorCode::kLimit, "its heaps are larger than what may be copied"};
    if (!go_on_()) return Error{ErrorCode::kLimit, "it took too long"};
    return {};
}

std::optional<std::pair<uint64_t, uint64_t>> V8Census::first_words(uint64_t pointer) const {
    if (!is_strong(pointer) || (pointer & 7) != kStrong) return std::nullopt;
    const uint64_t object = pointer - kStrong;
    if (const V8Page* page = pages_.copied_with(object)) {
        const uint64_t at = (object - page->base) / 8;
        if (at + 1 < page->words.size()) return std::pair(page->words[at], page->words[at + 1]);
    }
    std::array<uint64_t, 2> words{};
    if (!pages_.read(object, {reinterpret_cast<uint8_t*>(words.data()), sizeof words})) return std::nullopt;
    return std::pair(words[0], words[1]);
}

// The first two words of a map, if it is one: its own map says that it is.
std::optional<std::pair<uint64_t, uint64_t>> V8Census::map_words(uint64_t map_word) {
    const auto map = first_words(map_word);
    if (!map) return std::nullopt;
    if (map->first != map_of_maps_) {
        const auto of_map = first_words(map->first);
        if (!of_map || (of_map->second >> 32 & 0xffff) != shapes_.map_type()) return std::nullopt;
        map_of_maps_ = map->first;
    }
    return map;
}

const V8MapFacts& V8Census::facts_of(uint64_t map_word) {
    if (map_word == last_map_ && last_facts_ != nullptr) return *last_facts_;
    auto found = maps_.find(map_word);
    if (found == maps_.end()) {
        static const V8MapFacts kNone{.form = V8Form::kNoObject};
        if (maps_.size() >= kMostMaps) return kNone;
        V8MapFacts facts;
        if (const auto words = map_words(map_word)) {
            facts.type = static_cast<uint16_t>(words->second >> 32);
            facts.size_bytes = static_cast<uint16_t>((words->second & 0xff) * 8);
            facts.form = shapes_.form(facts.type, facts.size_bytes);
        } else {
            facts.form = V8Form::kNoObject;
        }
        last_facts_ = nullptr;
        found = maps_.emplace(map_word, facts).first;
    }
    last_map_ = map_word;
    last_facts_ = &found->second;
    return found->second;
}

// is_certain: a field of an object that was reached, and not any word that may be a pointer.
void V8Census::reach(uint64_t word, bool is_certain) {
    const uint64_t object = word - kStrong;
    // Any word may point anywhere: pages that are not known yet are looked for on behalf of fields alone.
    V8Page* page = pages_.with(object, is_certain);
    if (page == nullptr || page->is_marked(object)) return;
    const auto is_object = [&] {
        const auto map = pages_.word(*page, object);
        return map && facts_of(*map).form != V8Form::kNoObject;
    };
    bool is_there = is_object();
    // It was made after its page had been copied.
    if (!is_there && is_certain && copied_again_ < kMostCopiedAgain) {
        copied_again_++;
        is_there = pages_.copy(*page) && is_object();
    }
    if (is_there) {
        page->mark(object);
        waiting_.push_back(object);
    } else if (is_certain) {
        numbers_.torn++;
    }
}

void V8Census::follow_words(V8Page& page, uint64_t from, uint64_t until) {
    if (until > page.end) {
        numbers_.torn++;
        until = page.end;
    }
    for (; from < until && (from - page.base) / 8 < page.words.size(); from += 8) {
        const uint64_t word = page.words[(from - page.base) / 8];
        if (is_strong(word)) reach(word, true);
    }
    std::vector<uint64_t> part;
    while (from < until) {
        part.resize(std::min<uint64_t>((until - from) / 8, 32768));
        if (part.empty() || !pages_.read(from, {reinterpret_cast<uint8_t*>(part.data()), part.size() * 8})) return;
        for (const uint64_t word : part)
            if (is_strong(word)) reach(word, true);
        from += part.size() * 8;
    }
}

uint64_t V8Census::count_of(V8Page& page, uint64_t object) { return pages_.word(page, object + 8).value_or(0) >> 32; }

void V8Census::note_ephemerons(V8Page& page, uint64_t object) {
    constexpr uint64_t kHeader = 16 + 3 * 8;  // how many there are, were, and may be
    const uint64_t end = std::min(object + 16 + 8 * count_of(page, object), page.end);
    for (uint64_t at = object + kHeader; at + 16 <= end; at += 16) {
        const uint64_t key = pages_.word(page, at).value_or(0);
        const uint64_t value = pages_.word(page, at + 8).value_or(0);
        if (is_strong(key) && is_strong(value)) ephemerons_.push_back({key, value});
    }
}

void V8Census::follow_known(V8Page& page, uint64_t object, const V8MapFacts& facts) {
    const auto words = [&](uint64_t from, uint64_t until) { follow_words(page, object + from, object + until); };
    const V8CensusLayout& layout = shapes_.layout();
    const uint64_t second = pages_.word(page, object + 8).value_or(0);
    switch (facts.form) {
        case V8Form::kFields: return words(8, facts.size_bytes);
        case V8Form::kCounted: return words(16, 16 + 8 * (second >> 32));
        case V8Form::kCountedWeak: return words(24, 24 + 8 * (second >> 32));
        case V8Form::kProperties: return words(16, 16 + 8 * (second >> 32 & 0x3ff));
        case V8Form::kDescriptors: return words(16, 24 + 24 * (second & 0xffff));
        case V8Form::kFeedback: return words(16, layout.feedback_header + 8 * (second & 0xffffffff));
        case V8Form::kBytecodes: return words(16, 40);
        case V8Form::kCodeStream: return words(8, 16);
        case V8Form::kCons: return words(16, 32);
        case V8Form::kSlice: return words(16, 24);
        case V8Form::kEphemerons: return note_ephemerons(page, object);
        case V8Form::kWeakRef:
            words(8, layout.weak_ref_target);
            return words(layout.weak_ref_target + uint64_t{8}, facts.size_bytes);
        case V8Form::kWeakCell: words(8, 16); return words(32, facts.size_bytes);
        case V8Form::kArrayBuffer:
            if (buffers_.size() < kMostBuffers)
                buffers_.push_back({pages_.word(page, object + layout.buffer_contents).value_or(0),
                                    pages_.word(page, object + layout.buffer_contents + 8).value_or(0)});
            return words(8, layout.buffer_contents);
        case V8Form::kUnknown: numbers_.unknown++; return;
        case V8Form::kRaw:
        case V8Form::kNoObject: return;
    }
}

void V8Census::follow(uint64_t object) {
    V8Page* page = pages_.with(object);
    if (page == nullptr) return;
    const auto map = pages_.word(*page, object);
    if (!map) return;
    numbers_.objects++;
    const V8MapFacts facts = facts_of(*map);
    reach(*map, true);
    follow_known(*page, object, facts);
}

Result<void> V8Census::drain() {
    constexpr uint64_t kAskEvery = 4096;
    for (uint64_t i = 1; !waiting_.empty(); i++) {
        if (i % kAskEvery == 0) WH_TRY_VOID(check());
        const uint64_t object = waiting_.back();
        waiting_.pop_back();
        follow(object);
    }
    return check();
}

// What lies in no page of a heap that changes (symbols, numbers of the read-only heap) lives for ever.
bool V8Census::is_key_alive(uint64_t key) {
    const V8Page* page = pages_.with(key - kStrong);
    return page == nullptr || page->is_marked(key - kStrong);
}

Result<void> V8Census::drain_ephemerons() {
    bool has_changed = true;
    for (int round = 0; has_changed; round++) {
        has_changed = false;
        std::vector<Pair> pairs;
        pairs.swap(ephemerons_);
        for (const Pair& pair : pairs) {
            if (round < kMostRounds && !is_key_alive(pair.key)) {
                ephemerons_.push_back(pair);
                continue;
            }
            has_changed = true;
            reach(pair.value, true);
        }
        WH_TRY_VOID(drain());
    }
    return {};
}

// A block of handles of V8: 256 of 32 bytes, each with its own index in it, by which the block is known. Returns how many words it has; 0:
// there is none.
size_t V8Census::scan_handles(std::span<const uint64_t> words) {
    constexpr size_t kHandles = 256;
    constexpr size_t kWords = 4;  // the object; class, index and state; what is called; with what
    constexpr uint64_t kFree = 0;
    constexpr uint64_t kStrongHandle = 1;
    const auto index_of = [&](size_t handle) { return words[handle * kWords + 1] >> 16 & 0xff; };
    if (words.size() < kHandles * kWords || index_of(0) != 0 || index_of(1) != 1) return 0;
    for (size_t i = 2; i < kHandles; i++)
        if (index_of(i) != i) return 0;
    for (size_t i = 0; i < kHandles; i++) {
        const uint64_t state = words[i * kWords + 1] >> 24 & 3;
        if (state == kStrongHandle) {
            numbers_.strong_handles++;
            scan_word(words[i * kWords]);
        } else if (state != kFree) {
            numbers_.weak_handles++;
        }
    }
    return kHandles * kWords;
}

void V8Census::scan_word(uint64_t word) {
    if (!is_strong(word)) return;
    const uint64_t before = waiting_.size();
    reach(word, false);
    numbers_.root_words += waiting_.size() - before;
}

Result<void> V8Census::scan(ByteRange range) {
    constexpr size_t kPart = size_t{1} << 17;   // words
    constexpr size_t kBlock = size_t{256} * 4;  // of handles: it may begin at the end of a part
    std::vector<uint64_t> words;
    while (range.start < range.end) {
        words.resize(std::min<uint64_t>((range.end - range.start) / 8, kPart));
        if (words.empty()) return {};
        const bool is_last = range.end - range.start <= kPart * 8;
        WH_TRY_VOID(check());
        // What has gone meanwhile keeps nothing.
        if (!pages_.read(range.start, {reinterpret_cast<uint8_t*>(words.data()), words.size() * 8})) return {};
        const size_t until = is_last ? words.size() : words.size() - kBlock;
        size_t i = 0;
        while (i < until) {
            if (i % 2 == 0)  // malloc's blocks are aligned to 16 bytes
                if (const size_t passed = scan_handles(std::span(words).subspan(i))) {
                    i += passed;
                    continue;
                }
            scan_word(words[i++]);
        }
        numbers_.scanned_bytes += i * 8;
        range.start += i * 8;
    }
    return {};
}

Result<void> V8Census::run(const std::vector<ByteRange>& roots) {
    constexpr uint64_t kOneIn = 200;  // may be unknown, or torn
    for (const ByteRange& range : roots) {
        WH_TRY_VOID(scan(range));
        WH_TRY_VOID(drain());
    }
    WH_TRY_VOID(drain_ephemerons());
    if (numbers_.unknown * kOneIn > numbers_.objects)
        return Error{ErrorCode::kUnsupported, "too many of its objects are of shapes that are not known"};
    if (numbers_.torn * kOneIn > numbers_.objects)
        return Error{ErrorCode::kUnsupported, "too many fields of its objects lead to no object"};
    return {};
}

std::optional<bool> V8Census::is_alive(uint64_t object) const {
    const V8Page* page = pages_.known_with(object);
    return page == nullptr ? std::nullopt : std::optional(page->is_marked(object));
}

void V8Census::find_keepers(std::span<const uint64_t> objects, const V8Keepers::Accept& accept) {
    const auto facts = [this](V8Page& page, uint64_t object) {
        const auto map = pages_.word(page, object);
        return map ? facts_of(*map) : V8MapFacts{};
    };
    V8Keepers(pages_, shapes_, facts, go_on_).find(objects, accept);
}

// An ArrayBufferExtension has a shared pointer to a BackingStore, which begins with where the contents are: that proves it.
absl::flat_hash_set<uint64_t> V8Census::buffer_blocks() const {
    absl::flat_hash_set<uint64_t> blocks;
    for (const Buffer& buffer : buffers_) {
        if (buffer.contents == 0) continue;
        blocks.insert(buffer.contents);
        std::array<uint64_t, 3> extension{};
        uint64_t start = 0;
        if (buffer.extension == 0 || buffer.extension > kLastAddress || !go_on_()) continue;
        if (!pages_.read(buffer.extension, {reinterpret_cast<uint8_t*>(extension.data()), sizeof extension})) continue;
        if (!pages_.read(extension[1], {reinterpret_cast<uint8_t*>(&start), sizeof start})) continue;
        if (start != buffer.contents) continue;
        blocks.insert({buffer.extension, extension[1], extension[2]});
    }
    return blocks;
}

}  // namespace whoholds
