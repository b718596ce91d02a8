// T29: a container's root file system belongs to whoever runs in it. Whatever lies there, whoholds neither hangs nor crashes, reads no
// other file than the one that is mapped, and what can be counted is counted exactly.
#include <elf.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "e2e/whoholds.h"

namespace whoholds::e2e {
namespace {

constexpr off_t kTerabyte = off_t{1} << 40;

// Without the rights to /proc/PID/map_files files are found by their paths, as the target's root has them.
void give_up_map_files() {
    constexpr unsigned long kSysAdmin = 21;
    constexpr unsigned long kCheckpointRestore = 40;
    prctl(PR_CAPBSET_DROP, kSysAdmin, 0, 0, 0);
    prctl(PR_CAPBSET_DROP, kCheckpointRestore, 0, 0, 0);
}

class HostileTest : public E2eTest {
protected:
    // A copy of a puppet that the test may spoil.
    std::string copy(const std::string& name = "program") {
        const std::filesystem::path path = folder_.path() + "/" + name;
        std::filesystem::create_directories(path.parent_path());
        std::filesystem::copy_file(target_path("traps"), path);
        return path;
    }
    void start(const std::string& path) {
        puppet_ = std::make_unique<Process>(Launch{.command = {path}, .environment = {}, .in_child = {}});
        ASSERT_TRUE(puppet_->output().next().value_or("").starts_with("DONE"));
    }
    // Attaches, and expects what libc's functions tell, whatever the program's own file looks like.
    ReportReader expect_exact(const std::function<void()>& in_child = {}) {
        if (HasFailure()) return {};
        Launch launch;
        launch.in_child = in_child;
        Whoholds whoholds({"-p", std::to_string(puppet_->pid()), "86400"}, launch);
        EXPECT_TRUE(whoholds.wait_attached()) << whoholds.errors();
        puppet_->write_line("malloc 1601 5");
        EXPECT_TRUE(puppet_->output().next().value_or("").starts_with("DONE"));
        puppet_->write_line("free 2");
        EXPECT_TRUE(puppet_->output().next().value_or("").starts_with("DONE"));
        ReportReader report = whoholds.finish();
        EXPECT_EQ(report.kind("heap"), (Totals{{3, 4803}, {5, 8005}, {2, 3202}, {}}));
        EXPECT_TRUE(puppet_->is_running());
        return report;
    }

    TemporaryFolder folder_;
    std::unique_ptr<Process> puppet_;
};

TEST_F(HostileTest, T29_path_with_spaces_newlines_and_a_false_end) {
    start(copy("a b\nc 00000000 (deleted)/pro\x1b[31mgram (deleted)"));

    const ReportReader report = expect_exact();

    EXPECT_EQ(report.caller("trap_malloc").held.count, 3U);
}

TEST_F(HostileTest, T29_deleted_program) {
    const std::string path = copy();
    start(path);
    unlink(path.c_str());

    const ReportReader report = expect_exact();

    EXPECT_EQ(report.caller("trap_malloc").held.count, 3U);
}

TEST_F(HostileTest, T29_fifo_in_place_of_the_program) {
    const std::string path = copy();
    start(path);
    unlink(path.c_str());
    ASSERT_EQ(mkfifo(path.c_str(), 0666), 0);

    expect_exact();
    expect_exact(give_up_map_files);
}

TEST_F(HostileTest, T29_link_to_another_file_in_place_of_the_program) {
    const std::string path = copy();
    start(path);
    unlink(path.c_str());
    ASSERT_EQ(symlink(target_path("ledger").c_str(), path.c_str()), 0);

    expect_exact();
    const ReportReader report = expect_exact(give_up_map_files);

    EXPECT_EQ(report.root().dump().find("ledger_"), std::string::npos) << "names of a file that is not mapped";
}

TEST_F(HostileTest, T29_links_that_change_while_they_are_read) {
    const std::string path = copy();
    const std::string other = folder_.path() + "/other";
    start(path);
    std::filesystem::rename(path, folder_.path() + "/kept");
    std::atomic<bool> ends = false;
    std::thread swapper([&] {
        const std::string targets[] = {folder_.path() + "/kept", target_path("ledger"), "/dev/zero", path};
        for (size_t i = 0; !ends; i++) {
            unlink(other.c_str());
            if (symlink(targets[i % 4].c_str(), other.c_str()) == 0) rename(other.c_str(), path.c_str());
        }
    });

    expect_exact();
    for (int i = 0; i < 3; i++) expect_exact(give_up_map_files);

    ends = true;
    swapper.join();
}

TEST_F(HostileTest, T29_endless_program) {
    const std::string path = copy();
    if (truncate(path.c_str(), kTerabyte) != 0) GTEST_SKIP() << "no sparse files of a terabyte in " << folder_.path();
    start(path);

    expect_exact();
}

TEST_F(HostileTest, T29_sections_of_2_to_the_60_bytes) {
    const std::string path = copy();
    {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        Elf64_Ehdr header{};
        file.read(reinterpret_cast<char*>(&header), sizeof header);
        for (unsigned i = 1; i < header.e_shnum; i++) {
            Elf64_Shdr section{};
            const auto at = static_cast<std::streamoff>(header.e_shoff + i * sizeof section);
            file.seekg(at);
            file.read(reinterpret_cast<char*>(&section), sizeof section);
            section.sh_size = uint64_t{1} << 60;
            file.seekp(at);
            file.write(reinterpret_cast<const char*>(&section), sizeof section);
        }
        ASSERT_TRUE(file.good());
    }
    start(path);

    expect_exact();
}

TEST_F(HostileTest, T29_debug_file_of_a_terabyte) {
    const std::string path = copy();
    const std::string debug = folder_.path() + "/program.debug";
    std::filesystem::copy_file(path, debug);
    Process strip({.command = {"sh", "-c",
                               "objcopy --remove-section=.note.gnu.build-id '" + debug +
                                   "' && objcopy --strip-all "
                                   "--remove-section=.note.gnu.build-id --add-gnu-debuglink='" +
                                   debug + "' '" + path + "'"},
                   .environment = {},
                   .in_child = {}});
    if (strip.wait() != 0) GTEST_SKIP() << "objcopy is not installed";
    if (truncate(debug.c_str(), kTerabyte) != 0) GTEST_SKIP() << "no sparse files of a terabyte here";
    start(path);

    expect_exact();
}

TEST_F(HostileTest, T29_truncated_program) {
    const std::string path = copy();
    start(path);
    const std::string shorter = folder_.path() + "/shorter";
    {
        std::ifstream from(path, std::ios::binary);
        std::string bytes(3000, '\0');
        from.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        std::ofstream(shorter, std::ios::binary) << bytes;
    }
    std::filesystem::rename(shorter, path);

    expect_exact();
    expect_exact(give_up_map_files);
}

}  // namespace
}  // namespace whoholds::e2e
