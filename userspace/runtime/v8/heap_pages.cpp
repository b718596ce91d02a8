#include "runtime/v8/heap_pages.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "bpf/shared/js_heap.h"

namespace whoholds {
namespace {

constexpr uint64_t kChunk = WH_JS_PAGE_BYTES;
constexpr uint64_t kHeaderBytes = 64;
constexpr uint64_t kMostHeader = 0x8000;  // in front of the first object, with room for the bits of code pages
constexpr uint64_t kMostPageBytes = uint64_t{4} << 30;
constexpr uint64_t kMostCopiedOfOne = uint64_t{8} << 20;
constexpr uint64_t kStartOfLarge = kMostHeader + 4096;
constexpr size_t kMostPages = size_t{1} << 20;
constexpr size_t kFewestPages = 2;  // of a heap: else it is taken for other bytes that look so

uint64_t word_in(const std::array<uint8_t, kHeaderBytes>& header, uint16_t offset) {
    uint64_t word = 0;
    if (offset + sizeof word <= header.size()) std::memcpy(&word, header.data() + offset, sizeof word);
    return word;
}

}  // namespace

bool V8Page::is_large() const { return size_bytes > kChunk; }
bool V8Page::is_young() const { return (flags & (WH_JS_FROM_PAGE | WH_JS_TO_PAGE)) != 0; }

bool V8Page::is_marked(uint64_t object) const {
    const uint64_t bit = (object - base) / 8;
    return bit / 64 < marked.size() && (marked[bit / 64] >> bit % 64 & 1) != 0;
}

bool V8Page::mark(uint64_t object) {
    const uint64_t bit = (object - base) / 8;
    if (bit / 64 >= marked.size()) marked.resize(std::max<uint64_t>(bit / 64 + 1, kChunk / 8 / 64));
    uint64_t& word = marked[bit / 64];
    const uint64_t mask = uint64_t{1} << bit % 64;
    if ((word & mask) != 0) return false;
    word |= mask;
    return true;
}

std::optional<V8Page> V8Pages::page_at(uint64_t base) const {
    std::array<uint8_t, kHeaderBytes> header{};
    if (!read_(base, header)) return std::nullopt;
    V8Page page;
    page.base = base;
    page.size_bytes = word_in(header, layout_.page_size);
    page.start = word_in(header, layout_.page_area_start);
    page.end = word_in(header, layout_.page_area_end);
    page.flags = word_in(header, layout_.page_flags);
    page.heap = word_in(header, layout_.page_heap);
    const bool is_page = page.size_bytes >= kHeaderBytes && page.size_bytes % 4096 == 0 &&
                         page.size_bytes <= kMostPageBytes && page.start > base && page.start - base <= kMostHeader &&
                         page.start % 8 == 0 && page.end % 8 == 0 && page.end > page.start &&
                         page.end - base <= page.size_bytes && page.heap != 0 && page.heap % 8 == 0;
    return is_page ? std::optional(std::move(page)) : std::nullopt;
}

Result<void> V8Pages::find(const std::vector<Mapping>& mappings) {
    std::vector<V8Page> found;
    for (const Mapping& mapping : mappings) {
        if (mapping.is_file() || !mapping.readable || mapping.shared) continue;
        for (uint64_t base = (mapping.start + kChunk - 1) & ~(kChunk - 1); base < mapping.end;) {
            auto page = page_at(base);
            base += kChunk;
            if (!page) continue;
            if (found.size() >= kMostPages) return Error{ErrorCode::kLimit, "it has too many pages"};
            base = std::max(base, (page->base + page->size_bytes + kChunk - 1) & ~(kChunk - 1));
            heaps_[page->heap]++;
            found.push_back(*std::move(page));
        }
    }
    absl::erase_if(heaps_, [](const auto& one) { return one.second < kFewestPages; });
    for (V8Page& page : found) {
        const uint64_t base = page.base;
        if (heaps_.contains(page.heap)) pages_.emplace(base, std::make_unique<V8Page>(std::move(page)));
    }
    if (pages_.empty()) return Error{ErrorCode::kNotFound, "none of its pages was found"};
    return {};
}

void V8Pages::leave_out_young() {
    without_young_ = true;
    for (auto& [base, page] : pages_)
        if (page && page->is_young()) page.reset();
    last_base_ = 1;
}

// One that came since.
V8Page* V8Pages::new_page(uint64_t base) {
    if (pages_.size() >= kMostPages) return nullptr;
    auto page = page_at(base);
    const bool is_ours = page && heaps_.contains(page->heap) && !(without_young_ && page->is_young());
    return pages_.emplace(base, is_ours ? std::make_unique<V8Page>(*std::move(page)) : nullptr).first->second.get();
}

V8Page* V8Pages::with(uint64_t object, bool may_be_new) {
    const uint64_t base = object & ~(kChunk - 1);
    if (base != last_base_) {
        const auto found = pages_.find(base);
        if (found == pages_.end() && !may_be_new) return nullptr;
        last_ = found != pages_.end() ? found->second.get() : new_page(base);
        last_base_ = base;
    }
    if (last_ == nullptr || !last_->holds(object) || (last_->flags & WH_JS_FROM_PAGE) != 0) return nullptr;
    if (last_->words.empty() && !copy(*last_)) return nullptr;
    return last_;
}

const V8Page* V8Pages::known_with(uint64_t object) const {
    const auto found = pages_.find(object & ~(kChunk - 1));
    return found != pages_.end() && found->second && found->second->holds(object) ? found->second.get() : nullptr;
}

const V8Page* V8Pages::copied_with(uint64_t object) const {
    const V8Page* page = known_with(object);
    return page != nullptr && !page->words.empty() ? page : nullptr;
}

Result<void> V8Pages::copy_all() {
    for (auto& [base, page] : pages_) {
        if (!page || (page->flags & WH_JS_FROM_PAGE) != 0) continue;
        if (auto copied = copy(*page); !copied && is_full_) return copied;
    }
    return {};
}

Result<void> V8Pages::copy(V8Page& page) {
    const bool is_whole = page.size_bytes <= kMostCopiedOfOne;
    const uint64_t bytes = (is_whole ? page.size_bytes : kStartOfLarge) & ~uint64_t{7};
    if (page.words.empty() && copied_bytes_ + bytes > most_bytes_) {
        is_full_ = true;
        return Error{ErrorCode::kLimit, "its heaps are larger than what may be copied"};
    }
    if (page.words.empty()) copied_bytes_ += bytes;
    page.words.resize(bytes / 8);
    // The header is known; behind that of a page of code there is one that cannot be read.
    const uint64_t before = std::min(page.start - page.base, bytes);
    const uint64_t until = std::min(page.end - page.base, bytes);
    auto read = read_(page.start, {reinterpret_cast<uint8_t*>(page.words.data()) + before, until - before});
    if (!read) page.words.assign(page.words.size(), 0);
    return read;
}

std::optional<uint64_t> V8Pages::word(const V8Page& page, uint64_t address) {
    if (address < page.start || address + 8 > page.end) return std::nullopt;
    const uint64_t index = (address - page.base) / 8;
    if (index < page.words.size()) return page.words[index];
    uint64_t word = 0;
    if (!read_(address, {reinterpret_cast<uint8_t*>(&word), sizeof word})) return std::nullopt;
    return word;
}

void V8Pages::for_each(const std::function<void(V8Page& page)>& look) {
    for (const auto& [base, page] : pages_)
        if (page && !page->words.empty()) look(*page);
}

std::vector<ByteRange> V8Pages::ranges() const {
    std::vector<ByteRange> ranges;
    for (const auto& [base, page] : pages_)
        if (page) ranges.push_back({page->base, page->base + page->size_bytes});
    std::ranges::sort(ranges, {}, &ByteRange::start);
    return ranges;
}

}  // namespace whoholds
