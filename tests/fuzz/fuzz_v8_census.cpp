// Any words on pages of a V8 heap, and in what points to them: each 12 bytes are a place and what is put there. A census must end, and
// what it finds alive must lie on the pages; so must the search for what keeps it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tests/unit/runtime/v8/fake_pages.h"

using namespace whoholds;

namespace {

constexpr uint64_t kPlaces = 3 * FakePages::kPageBytes / 8;
constexpr uint64_t kRootWords = 4096;

FakePages some_pages() {
    FakePages fake;
    const uint64_t leaf = fake.make(FakePages::kObject, 32, 2);
    const uint64_t buffer = fake.make(FakePages::kArrayBuffer, 72);
    fake.put(buffer + 48, FakePages::kRoots);
    fake.put(buffer + 56, FakePages::kRoots + 64);
    const uint64_t reference = fake.make(FakePages::kWeakRef, 32);
    fake.put(reference + 24, leaf | 1);
    const uint64_t table = fake.make_array(FakePages::kEphemerons,
                                           std::vector<uint64_t>{0, 0, 0, buffer | 1, leaf | 1, leaf | 1, leaf | 3});
    const uint64_t function = fake.make(FakePages::kFunction, 64);
    fake.put(function + 24, buffer | 1);
    fake.put(function + 32, table | 1);
    const uint64_t top = fake.make_array(
        FakePages::kArray, std::vector<uint64_t>{leaf | 1, buffer | 1, reference | 1, table | 1, function | 1});
    fake.put_root(7, top | 1);
    fake.make_handles(100);
    fake.put_handle(100, 3, leaf | 1, 1);
    return fake;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    FakePages fake = some_pages();
    for (; size >= 12; data += 12, size -= 12) {
        uint32_t place = 0;
        uint64_t word = 0;
        std::memcpy(&place, data, sizeof place);
        std::memcpy(&word, data + 4, sizeof word);
        if (place % 2 == 0)
            fake.put(FakePages::kBase + place / 2 % kPlaces * 8, word);
        else
            fake.put_root(place / 2 % kRootWords, word);
    }
    const auto shapes = V8Shapes::open(*v8_layout(11, 3), shapes_of_node_20());
    if (!shapes) std::abort();
    V8Pages pages(fake.read(), shapes->layout(), uint64_t{4} << 20);
    if (!pages.find(fake.mappings()) || !pages.copy_all()) return 0;
    int asked = 0;
    V8Census census(pages, *shapes, [&] { return asked++ < 10000; });
    (void)census.run(fake.roots());
    (void)census.buffer_blocks();
    if (census.is_alive(FakePages::kRoots)) std::abort();
    std::vector<uint64_t> objects;
    for (uint64_t at = FakePages::kBase; at < FakePages::kBase + FakePages::kPageBytes; at += 8)
        if (census.is_alive(at).value_or(false)) objects.push_back(at);
    census.find_keepers(objects, [&](size_t object, const V8Keepers::Function&) {
        if (object >= objects.size()) std::abort();
        return object % 2 == 0;
    });
    if (pages.copied_bytes() > uint64_t{4} << 20) std::abort();
    return 0;
}
