#include "bpf/ring_reader.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

namespace whoholds {

Result<RingReader> RingReader::open(int map_fd, size_t size_bytes) {
    RingReader reader;
    reader.size_ = size_bytes;
    reader.page_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* consumer = mmap(nullptr, reader.page_, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (consumer == MAP_FAILED) return system_error("map the ring buffer's consumer page", errno);
    reader.consumer_ = static_cast<uint64_t*>(consumer);
    // The kernel maps the data twice in a row, so that a record never wraps.
    void* producer =
        mmap(nullptr, reader.page_ + 2 * size_bytes, PROT_READ, MAP_SHARED, map_fd, static_cast<off_t>(reader.page_));
    if (producer == MAP_FAILED) return system_error("map the ring buffer's data", errno);
    reader.producer_ = static_cast<const uint64_t*>(producer);
    reader.data_ = static_cast<const std::byte*>(producer) + reader.page_;
    return reader;
}

RingReader::RingReader(RingReader&& other) noexcept { *this = std::move(other); }

RingReader& RingReader::operator=(RingReader&& other) noexcept {
    std::swap(consumer_, other.consumer_);
    std::swap(producer_, other.producer_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(page_, other.page_);
    std::swap(next_position_, other.next_position_);
    return *this;
}

RingReader::~RingReader() {
    if (consumer_) munmap(consumer_, page_);
    if (producer_) munmap(const_cast<uint64_t*>(producer_), page_ + 2 * size_);
}

uint64_t RingReader::producer_position() const {
    return std::atomic_ref(*const_cast<uint64_t*>(producer_)).load(std::memory_order_acquire);
}

uint64_t RingReader::consumer_position() const { return *consumer_; }

RingReader::Step RingReader::next(std::span<const std::byte>& record) {
    uint64_t position = *consumer_;
    const std::byte* header = data_ + (position & (size_ - 1));
    auto* word = reinterpret_cast<uint32_t*>(const_cast<std::byte*>(header));
    uint32_t length = std::atomic_ref(*word).load(std::memory_order_acquire);
    if (length & BPF_RINGBUF_BUSY_BIT) return Step::kWait;
    uint32_t size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    next_position_ = position + ((size + BPF_RINGBUF_HDR_SZ + 7) & ~7u);
    record = {header + BPF_RINGBUF_HDR_SZ, size};
    return length & BPF_RINGBUF_DISCARD_BIT ? Step::kDiscarded : Step::kRecord;
}

void RingReader::advance() { std::atomic_ref(*consumer_).store(next_position_, std::memory_order_release); }

}  // namespace whoholds
