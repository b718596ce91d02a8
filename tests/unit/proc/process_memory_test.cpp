#include "proc/process_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "unit/base/temp_folder.h"
#include "unit/proc/child.h"

namespace whoholds {
namespace {

uint64_t address_of(const void* object) { return reinterpret_cast<uint64_t>(object); }

// Three pages of which the last cannot be read; the first two count up.
class Pages {
public:
    Pages() : size_(static_cast<size_t>(::sysconf(_SC_PAGESIZE))) {
        auto* start = ::mmap(nullptr, 3 * size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (start == MAP_FAILED) ADD_FAILURE() << "mmap";
        bytes_ = static_cast<uint8_t*>(start);
        for (size_t i = 0; i < 2 * size_; ++i) bytes_[i] = static_cast<uint8_t>(i % 251);
        ::munmap(bytes_ + 2 * size_, size_);
    }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    ~Pages() { ::munmap(bytes_, 2 * size_); }

    [[nodiscard]] uint64_t address() const { return address_of(bytes_); }
    [[nodiscard]] size_t readable() const { return 2 * size_; }
    [[nodiscard]] const uint8_t* bytes() const { return bytes_; }

private:
    size_t size_;
    uint8_t* bytes_ = nullptr;
};

TEST(ProcessMemory, reads_another_process_across_pages) {
    const Pages pages;
    const Child child([] {});
    const auto memory = ProcessMemory::open({}, child.pid());
    ASSERT_TRUE(memory);

    const auto bytes = memory->read(pages.address() + 1, pages.readable() - 2);

    ASSERT_TRUE(bytes);
    EXPECT_TRUE(std::equal(bytes->begin(), bytes->end(), pages.bytes() + 1));
    EXPECT_EQ(memory->read_object<uint16_t>(pages.address() + 1).value(), 0x0201);
    EXPECT_TRUE(memory->read(pages.address(), 0)->empty());
}

TEST(ProcessMemory, gives_all_or_an_error) {
    const Pages pages;
    const Child child([] {});
    const auto memory = ProcessMemory::open({}, child.pid());
    ASSERT_TRUE(memory);

    const auto beyond = memory->read(pages.address(), pages.readable() + 1);
    const auto nowhere = memory->read(8, 8);

    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().code, ErrorCode::kNotFound);
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().message,
              "read 8 bytes at 0x8 of pid " + std::to_string(child.pid()) + ": not mapped or not readable");
}

TEST(ProcessMemory, refuses_sizes_and_addresses_without_sense) {
    const auto memory = ProcessMemory::open({}, ::getpid());
    ASSERT_TRUE(memory);

    EXPECT_EQ(memory->read(0x1000, (size_t{64} << 20) + 1).error().code, ErrorCode::kLimit);
    EXPECT_EQ(memory->read(0x1000, SIZE_MAX).error().code, ErrorCode::kLimit);
    EXPECT_EQ(memory->read(UINT64_MAX, 1).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(memory->read(UINT64_MAX - 3, 8).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(memory->read(uint64_t{1} << 63, 8).error().code, ErrorCode::kInvalidArgument);
}

TEST(ProcessMemory, ends_with_the_process) {
    const Pages pages;
    Child child([] {});
    const auto memory = ProcessMemory::open({}, child.pid());
    ASSERT_TRUE(memory);

    child.wait_until_zombie();
    const auto of_zombie = memory->read(pages.address(), 8);
    child.end();
    const auto of_nobody = memory->read(pages.address(), 8);

    EXPECT_EQ(of_zombie.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(of_nobody.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(ProcessMemory::open({}, child.pid()).error().code, ErrorCode::kNotFound);
}

TEST(ProcessMemory, T27_ends_with_exec) {
    const Pages pages;
    int go[2];
    ASSERT_EQ(::pipe2(go, O_CLOEXEC), 0);
    int executed[2];
    ASSERT_EQ(::pipe2(executed, O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        char byte = 0;
        if (::read(go[0], &byte, 1) == 1) {
            ::dup2(go[0], STDIN_FILENO);
            ::execl("/bin/cat", "cat", nullptr);
        }
        ::_exit(1);
    }
    ::close(executed[1]);
    const auto memory = ProcessMemory::open({}, pid);
    ASSERT_TRUE(memory);
    EXPECT_TRUE(memory->read(pages.address(), 8));

    ASSERT_EQ(::write(go[1], "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(executed[0], &byte, 1), 0);
    const auto after = memory->read(pages.address(), 8);

    EXPECT_EQ(after.error().code, ErrorCode::kNotFound);
    ::close(go[1]);
    ::waitpid(pid, nullptr, 0);
    ::close(go[0]);
    ::close(executed[0]);
}

TEST(ProcessMemory, reads_by_call_where_the_file_cannot_be_opened) {
    const Pages pages;
    Child child([] {});
    const auto memory = ProcessMemory::open_by_call({}, child.pid());
    ASSERT_TRUE(memory);

    const auto bytes = memory->read(pages.address() + 1, pages.readable() - 2);
    const auto beyond = memory->read(pages.address(), pages.readable() + 1);
    child.end();
    const auto of_nobody = memory->read(pages.address(), 8);

    ASSERT_TRUE(bytes);
    EXPECT_TRUE(std::equal(bytes->begin(), bytes->end(), pages.bytes() + 1));
    EXPECT_EQ(beyond.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(of_nobody.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(ProcessMemory::open_by_call({}, child.pid()).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(ProcessMemory::open_by_call({"/elsewhere"}, ::getpid()).error().code, ErrorCode::kUnsupported);
}

TEST(ProcessMemory, opens_nothing_for_a_process_that_does_not_exist) {
    const TempFolder proc;

    EXPECT_EQ(ProcessMemory::open({proc.path()}, 42).error().message, "no process with pid 42");
}

TEST(ProcessMemory, pieces_are_read_wherever_they_lie) {
    std::vector<uint64_t> numbers(10'000);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = i * 3;
    std::vector<uint64_t> read(numbers.size() + 2);
    std::vector<ProcessMemory::Piece> pieces;
    for (size_t i = 0; i < numbers.size(); ++i) {
        const size_t from = numbers.size() - 1 - i;  // in another order than in memory
        pieces.push_back({reinterpret_cast<uint64_t>(&numbers[from]), {reinterpret_cast<uint8_t*>(&read[from]), 8}});
    }
    pieces.push_back({16, {reinterpret_cast<uint8_t*>(&read[numbers.size()]), 8}});              // never mapped
    pieces.push_back({UINT64_MAX - 3, {reinterpret_cast<uint8_t*>(&read[numbers.size()]), 8}});  // no address
    const auto memory = ProcessMemory::open({}, ::getpid());
    ASSERT_TRUE(memory) << memory.error().message;

    const auto result = memory->read_pieces(pieces);

    ASSERT_TRUE(result) << result.error().message;
    for (size_t i = 0; i < numbers.size(); ++i) EXPECT_TRUE(pieces[i].is_read);
    EXPECT_FALSE(pieces[numbers.size()].is_read);
    EXPECT_FALSE(pieces.back().is_read);
    read.resize(numbers.size());
    EXPECT_EQ(read, numbers);
}

TEST(ProcessMemory, pieces_beside_a_hole_are_read_one_by_one) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    void* pages = ::mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(pages, MAP_FAILED);
    const auto start = reinterpret_cast<uint64_t>(pages);
    *static_cast<uint8_t*>(pages) = 11;
    static_cast<uint8_t*>(pages)[2 * page] = 22;
    ASSERT_EQ(::munmap(static_cast<uint8_t*>(pages) + page, page), 0);
    std::array<uint8_t, 3> read{};
    std::array<ProcessMemory::Piece, 3> pieces{{{start, {read.data(), 1}},
                                                {start + 2 * page - 1, {read.data() + 1, 1}},
                                                {start + 2 * page, {read.data() + 2, 1}}}};
    const auto memory = ProcessMemory::open({}, ::getpid());
    ASSERT_TRUE(memory) << memory.error().message;

    const auto result = memory->read_pieces(pieces);

    ASSERT_TRUE(result) << result.error().message;
    EXPECT_TRUE(pieces[0].is_read && pieces[2].is_read);
    EXPECT_FALSE(pieces[1].is_read);
    EXPECT_EQ(read[0], 11);
    EXPECT_EQ(read[2], 22);
    ::munmap(pages, 3 * page);
}

}  // namespace
}  // namespace whoholds
