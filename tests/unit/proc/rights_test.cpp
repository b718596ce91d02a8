#include "proc/rights.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "unit/base/temp_folder.h"

namespace whoholds {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint64_t bit(Capability capability) { return uint64_t{1} << static_cast<unsigned>(capability); }
constexpr uint64_t kAll = 0x1ffffffffff;
constexpr const char* kFirstUserNamespace = "         0          0 4294967295\n";

struct Machine {
    uint64_t capabilities = kAll;
    uint32_t user = 0;
    const char* uid_map = kFirstUserNamespace;
    int seccomp_mode = 0;
    const char* lockdown = "none [integrity] confidentiality\n";
    const char* release = "6.12.0\n";
};

Rights rights_on(const Machine& machine) {
    const TempFolder proc;
    proc.write("self/status", fmt::format("Name:\twhoholds\nUid:\t0\t{}\t0\t0\nCapPrm:\t000001ffffffffff\n"
                                          "CapEff:\t{:016x}\nSeccomp:\t{}\n",
                                          machine.user, machine.capabilities, machine.seccomp_mode));
    proc.write("self/uid_map", machine.uid_map);
    proc.write("sys/kernel/osrelease", machine.release);
    proc.write("lockdown", machine.lockdown);
    return read_own_rights({proc.path()}, proc.path() + "/lockdown").value();
}

std::string why_on(const Machine& machine) { return why_refused(rights_on(machine)); }

TEST(Rights, are_read_from_proc) {
    const Rights rights = rights_on({.capabilities = bit(Capability::kBpf), .user = 1000, .seccomp_mode = 2});
    EXPECT_TRUE(rights.has(Capability::kBpf));
    EXPECT_FALSE(rights.has(Capability::kPerfmon));
    EXPECT_EQ(rights.user, 1000U);
    EXPECT_TRUE(rights.is_filtered);
    EXPECT_FALSE(rights.in_user_namespace);
    EXPECT_FALSE(rights.is_locked_down);
    EXPECT_FALSE(rights.charges_locked_memory);
}

TEST(Rights, missing_proc_is_an_error_and_odd_files_are_no_rights) {
    const TempFolder proc;
    EXPECT_FALSE(read_own_rights({proc.path()}));
    proc.write("self/status", "CapEff:\txyz\nUid:\nSeccomp:\n");
    EXPECT_EQ(read_own_rights({proc.path()}, "/nonexistent").value().capabilities, 0U);
}

TEST(Rights, each_missing_capability_is_named_with_its_flag) {
    const uint64_t ptrace = bit(Capability::kSysPtrace);
    EXPECT_THAT(why_on({.capabilities = 0}), HasSubstr("--cap-add=SYS_ADMIN --cap-add=SYS_PTRACE "));
    EXPECT_THAT(
        why_on({.capabilities = ptrace}),
        AllOf(HasSubstr("--cap-add=SYS_ADMIN "), HasSubstr("CAP_SYS_ADMIN is missing"), Not(HasSubstr("SYS_PTRACE"))));
    EXPECT_THAT(why_on({.capabilities = bit(Capability::kSysAdmin)}),
                AllOf(HasSubstr("--cap-add=SYS_PTRACE "), Not(HasSubstr("SYS_ADMIN"))));
    EXPECT_THAT(why_on({.capabilities = ptrace | bit(Capability::kBpf)}), HasSubstr("--cap-add=PERFMON "));
    EXPECT_THAT(why_on({.capabilities = ptrace | bit(Capability::kPerfmon)}), HasSubstr("--cap-add=BPF "));
    EXPECT_THAT(why_on({.capabilities = bit(Capability::kBpf) | bit(Capability::kPerfmon)}),
                AllOf(HasSubstr("--cap-add=SYS_PTRACE "), Not(HasSubstr("SYS_ADMIN"))));
}

TEST(Rights, what_capabilities_cannot_cure_comes_first) {
    EXPECT_THAT(why_on({.uid_map = "0 1000 1\n1 100000 65536\n"}), HasSubstr("hostUsers: false"));
    EXPECT_THAT(why_on({.uid_map = "0 100000 4294967295\n"}), HasSubstr("hostUsers: false"));
    EXPECT_THAT(why_on({.capabilities = 0, .user = 1000}),
                AllOf(HasSubstr("as user 1000"), HasSubstr("runAsUser: 0"), HasSubstr("--user=0")));
}

TEST(Rights, with_all_capabilities_the_next_obstacle_is_named) {
    EXPECT_THAT(why_on({.seccomp_mode = 2}), HasSubstr("--security-opt=seccomp=unconfined"));
    EXPECT_THAT(why_on({.lockdown = "none integrity [confidentiality]\n"}), HasSubstr("lockdown=integrity"));
    EXPECT_THAT(why_on({.release = "5.10.0-46-cloud-amd64\n"}), HasSubstr("--ulimit=memlock=-1"));
    EXPECT_THAT(why_on({}), HasSubstr("security module"));
    EXPECT_EQ(what_stands_in_the_way(rights_on({})), "");
}

TEST(Rights, lockdown_is_known_by_the_kernel_s_parameters_where_securityfs_is_not_mounted) {
    const TempFolder proc;
    proc.write("self/status", "CapEff:\t000001ffffffffff\n");
    EXPECT_FALSE(read_own_rights({proc.path()}, "/nonexistent").value().is_locked_down);

    proc.write("cmdline", "quiet lockdown=integrity\n");
    EXPECT_FALSE(read_own_rights({proc.path()}, "/nonexistent").value().is_locked_down);

    proc.write("cmdline", "lockdown=confidentiality quiet\n");
    EXPECT_TRUE(read_own_rights({proc.path()}, "/nonexistent").value().is_locked_down);
}

TEST(Rights, perf_probes_need_sys_admin) {
    EXPECT_THAT(why_no_perf_probes(rights_on({.capabilities = bit(Capability::kBpf) | bit(Capability::kPerfmon)})),
                HasSubstr("--cap-add=SYS_ADMIN"));
    EXPECT_EQ(why_no_perf_probes(rights_on({})), "");
}

TEST(Rights, what_is_kept_after_attaching) {
    const auto bit = [](Capability capability) { return uint64_t{1} << static_cast<unsigned>(capability); };
    Rights all;
    all.capabilities = ~uint64_t{0};
    Rights few;
    few.capabilities = bit(Capability::kSysAdmin) | bit(Capability::kSysPtrace);

    EXPECT_EQ(capabilities_needed(all, false) & bit(Capability::kSysAdmin), 0U) << "enough without it";
    EXPECT_NE(capabilities_needed(all, true) & bit(Capability::kSysAdmin), 0U) << "perf probes take it";
    EXPECT_EQ(capabilities_needed(few, false), few.capabilities) << "the only one there is";
    EXPECT_EQ(capabilities_needed(all, true) & 1, 0U) << "CAP_CHOWN";
}

}  // namespace
}  // namespace whoholds
