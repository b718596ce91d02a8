#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "proc/process.h"
#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

Mapping parse_one(std::string_view line) {
    auto mappings = parse_maps(line);
    if (!mappings || mappings->size() != 1) {
        ADD_FAILURE() << "not one mapping: " << line;
        return {};
    }
    return mappings->front();
}

TEST(Maps, reads_every_field) {
    const Mapping mapping =
        parse_one("7f00deadb000-7f00deadd000 r-xs 0001f000 fd:2a 1234567                    /usr/lib/x.so\n");

    EXPECT_EQ(mapping.start, 0x7f00deadb000U);
    EXPECT_EQ(mapping.end, 0x7f00deadd000U);
    EXPECT_TRUE(mapping.readable);
    EXPECT_FALSE(mapping.writable);
    EXPECT_TRUE(mapping.executable);
    EXPECT_TRUE(mapping.shared);
    EXPECT_EQ(mapping.file_offset, 0x1f000U);
    EXPECT_EQ(mapping.device_major, 0xfdU);
    EXPECT_EQ(mapping.device_minor, 0x2aU);
    EXPECT_EQ(mapping.inode, 1234567U);
    EXPECT_EQ(mapping.path, "/usr/lib/x.so");
    EXPECT_FALSE(mapping.deleted);
    EXPECT_TRUE(mapping.is_file());
}

TEST(Maps, knows_what_is_not_a_file) {
    EXPECT_EQ(parse_one("1000-2000 rw-p 00000000 00:00 0 ").path, "");
    EXPECT_EQ(parse_one("1000-2000 rw-p 00000000 00:00 0      [heap]").path, "[heap]");
    EXPECT_FALSE(parse_one("1000-2000 rw-p 00000000 00:00 0      [heap]").is_file());
    EXPECT_FALSE(parse_one("1000-2000 rw-p 00000000 00:00 0").is_file());
    EXPECT_FALSE(parse_one("1000-2000 rw-s 00000000 00:0e 99    anon_inode:[perf_event]").is_file());
    EXPECT_FALSE(parse_one("1000-2000 r-xp 00000000 fd:00 99    (unreachable)/x").is_file());
}

TEST(Maps, cuts_the_mark_of_deleted_files) {
    const Mapping library = parse_one("1000-2000 r-xp 00000000 fd:00 99    /a/b (deleted)");
    const Mapping memory_file = parse_one("1000-2000 rw-s 00000000 00:01 7    /memfd:jit (deleted)");
    const Mapping twice = parse_one("1000-2000 r-xp 00000000 fd:00 99    /a (deleted) (deleted)");
    const Mapping named = parse_one("1000-2000 rw-p 00000000 00:00 0    [anon:x (deleted)]");

    EXPECT_EQ(library.path, "/a/b");
    EXPECT_TRUE(library.deleted);
    EXPECT_EQ(memory_file.path, "/memfd:jit");
    EXPECT_TRUE(memory_file.deleted);
    EXPECT_EQ(twice.path, "/a (deleted)");
    EXPECT_EQ(named.path, "[anon:x (deleted)]");
    EXPECT_FALSE(named.deleted);
}

TEST(Maps, keeps_blanks_and_quotes_and_unescapes_only_newlines) {
    EXPECT_EQ(parse_one("1000-2000 r-xp 0 fd:00 9    /a  b \"c\" ").path, "/a  b \"c\" ");
    EXPECT_EQ(parse_one("1000-2000 r-xp 0 fd:00 9    /a\\012b\\012").path, "/a\nb\n");
    EXPECT_EQ(parse_one("1000-2000 r-xp 0 fd:00 9    /a\\040b\\").path, "/a\\040b\\");
    EXPECT_EQ(parse_one("1000-2000 r-xp 0 fd:00 9    /a\x1b[31m").path, "/a\x1b[31m");
}

TEST(Maps, reads_the_highest_addresses) {
    const Mapping mapping = parse_one("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]");

    EXPECT_EQ(mapping.start, 0xffffffffff600000U);
    EXPECT_FALSE(mapping.readable);
}

TEST(Maps, accepts_a_process_without_memory) { EXPECT_TRUE(parse_maps("").value().empty()); }

TEST(Maps, names_the_malformed_line) {
    const auto mappings = parse_maps("1000-2000 rw-p 00000000 00:00 0\n1000-2000 rwzp 00000000 00:00 0\n");

    ASSERT_FALSE(mappings);
    EXPECT_EQ(mappings.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(mappings.error().message, "line 2: bad permissions in \"1000-2000 rwzp 00000000 00:00 0\"");
}

TEST(Maps, refuses_lines_that_make_no_sense) {
    for (const char* line : {
             "\n",
             "x",
             "1000",
             "1000-",
             "-2000 rw-p 0 0:0 0",
             "2000-1000 rw-p 0 0:0 0",
             "1000-1000 rw-p 0 0:0 0",
             "1000-10000000000000000 rw-p 0 0:0 0",
             "0x1000-2000 rw-p 0 0:0 0",
             "1000-2000 rw- 0 0:0 0",
             "1000-2000 rw-pp 0 0:0 0",
             "1000-2000 rw-p",
             "1000-2000 rw-p zz 0:0 0",
             "1000-2000 rw-p 0 00 0",
             "1000-2000 rw-p 0 0:0 ",
             "1000-2000 rw-p 0 0:0 -1",
             "1000-2000 rw-p 0 0:0 99999999999999999999",
         }) {
        EXPECT_FALSE(parse_maps(line)) << line;
    }
}

TEST(Maps, finds_its_own_code) {
    const auto own_code = reinterpret_cast<uint64_t>(&parse_one);

    const auto mappings = read_maps({}, ::getpid());

    ASSERT_TRUE(mappings);
    const auto found = std::find_if(mappings->begin(), mappings->end(), [&](const Mapping& mapping) {
        return mapping.start <= own_code && own_code < mapping.end;
    });
    ASSERT_NE(found, mappings->end());
    EXPECT_TRUE(found->executable);
    EXPECT_TRUE(found->is_file());
    EXPECT_EQ(found->path, read_link("/proc/self/exe").value());
}

// A page of a file of the given name in the folder, mapped while the object lives.
class MappedFile {
public:
    MappedFile(const TempFolder& folder, std::string_view name) {
        folder.write(name, "content");
        const auto file = open_regular_file(folder.path(name));
        if (file) address_ = ::mmap(nullptr, 1, PROT_READ, MAP_PRIVATE, file->get(), 0);
        if (address_ == MAP_FAILED) ADD_FAILURE() << "mmap " << name;
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile() { ::munmap(address_, 1); }

    [[nodiscard]] Mapping find() const {
        const auto mappings = read_maps({}, ::getpid());
        for (const Mapping& mapping : *mappings) {
            if (mapping.start == reinterpret_cast<uint64_t>(address_)) return mapping;
        }
        ADD_FAILURE() << "mapping not found";
        return {};
    }

private:
    void* address_ = MAP_FAILED;
};

TEST(Maps, finds_hostile_names_of_a_live_process) {
    const TempFolder folder;
    const std::string name = "a\nb \x1b[31m\"\t";

    const MappedFile file(folder, name);

    EXPECT_EQ(file.find().path, folder.path(name));
    EXPECT_FALSE(file.find().deleted);
}

TEST(Maps, tells_a_deleted_file_from_one_that_is_called_so) {
    const TempFolder folder;
    const MappedFile called_so(folder, "f (deleted)");
    const MappedFile deleted(folder, "g");
    folder.remove("g");

    EXPECT_EQ(called_so.find().path, folder.path("f (deleted)"));
    EXPECT_FALSE(called_so.find().deleted);
    EXPECT_EQ(deleted.find().path, folder.path("g"));
    EXPECT_TRUE(deleted.find().deleted);
}

TEST(Maps, names_the_process_that_does_not_exist) {
    const TempFolder proc;

    const auto mappings = read_maps({proc.path()}, 42);

    ASSERT_FALSE(mappings);
    EXPECT_EQ(mappings.error().code, ErrorCode::kNotFound);
    EXPECT_EQ(mappings.error().message, "no process with pid 42");
}

TEST(Maps, names_the_file_of_a_malformed_line) {
    const TempFolder proc;
    proc.write("42/maps", "nonsense\n");

    const auto mappings = read_maps({proc.path()}, 42);

    ASSERT_FALSE(mappings);
    EXPECT_EQ(mappings.error().message, proc.path("42/maps") + ": line 1: bad address range in \"nonsense\"");
}

}  // namespace
}  // namespace whoholds
