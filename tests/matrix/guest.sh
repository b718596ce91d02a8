#!/bin/busybox sh
# Runs as init in the guests of scripts/kernel-matrix: loads and tests every BPF program, traces two puppets, and sends what
# came of it as a tar archive through the second serial port. Judges nothing; tests/matrix/check_results does, on the host.

/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sysfs /sys
[ -c /dev/null ] || mount -t devtmpfs devtmpfs /dev
mkdir -p /tmp /results
mount -t tmpfs tmpfs /tmp
cd /results || exit 1
say() { echo "guest: $(cut -d ' ' -f 1 /proc/uptime) s: $*"; }

say "up, $(uname -r)"
uname -r >kernel
cp /proc/cmdline cmdline
ulimit -l unlimited  # before Linux 5.11, BPF memory counts against it

# ask COMMAND: one command to the puppet, its answer on stdout.
ask() {
    echo "$1" >&3
    read -r -t 120 answer <&4 && echo "$answer"
}

start_puppet() {  # NAME [ARGUMENT...]
    mkfifo "/tmp/$1.in" "/tmp/$1.out"
    "/bin/$@" <"/tmp/$1.in" >"/tmp/$1.out" 2>"$1.puppet_errors" &
    puppet=$!
    exec 3>"/tmp/$1.in" 4<"/tmp/$1.out"
    read -r -t 60 answer <&4
}

# setpriv by its path: busybox has one of its own, which knows less.
# start_tool NAME CAPABILITIES: traces the puppet with these rights alone; returns when all is attached, or when it has ended.
start_tool() {
    timeout -s KILL 300 /bin/setpriv --inh-caps=-all --bounding-set="-all,$2" \
        whoholds --json --sort total --top 1000000 -p "$puppet" 86400 >"$1.report" 2>"$1.errors" &
    timer=$!
    until grep -q 'attached to' "$1.errors"; do
        kill -0 "$timer" 2>/dev/null || return 1
        usleep 50000
    done
    tool=$(pidof whoholds)
}

stop_tool() {  # NAME
    cut -d ' ' -f 1 /proc/uptime >"$1.interrupted"
    [ -z "$tool" ] || kill -INT "$tool"
    wait "$timer"
    echo $? >"$1.exit"
    cut -d ' ' -f 1 /proc/uptime >"$1.ended"
    tool=
}

if ! grep -qE 'lockdown|whoholds.quick' /proc/cmdline; then
    say "the tests of the BPF programs"
    timeout -s KILL 600 bpf_tests --gtest_brief=0 >bpf_tests.log 2>&1
    echo $? >bpf_tests.exit
fi

say "tracing the puppet ledger"
start_puppet ledger 8  # more threads than processors: they preempt each other inside of the programs, too
ask "run 0.2" >ledger.before
rights=+sys_admin,+sys_ptrace  # enough on any kernel
if start_tool ledger $rights; then
    # A program's descriptor tells what the verifier had to do for it, from Linux 5.16 on.
    cat "/proc/$tool/fdinfo/"* 2>/dev/null | grep -E '^(prog_jited|verified_insns)' >programs
    ask mark >>ledger.before
    ask "run 3" >ledger.rate
    ask ledger >ledger.puppet
fi
stop_tool ledger
ask drain >ledger.drain
[ ! -s ledger.puppet ] || ask quit

if [ -s ledger.puppet ]; then
    say "tracing the puppet traps_plain"
    start_puppet traps_plain
    ! grep -q '"how":"uprobe_multi"' ledger.report || rights=+bpf,+perfmon,+sys_ptrace
    echo $rights >traps.rights
    start_tool traps $rights && for command in caller "deep 20" "churn 1000 133"; do ask "$command" >>traps.puppet; done
    stop_tool traps
    ask quit
else
    say "once more with all rights"
    start_tool all +all
    stop_tool all
    say "the verifier's own words"
    mount -t bpf bpf /sys/fs/bpf
    for object in /*.bpf.o; do
        timeout -s KILL 60 bpftool prog loadall "$object" "/sys/fs/bpf/$(basename "$object" .bpf.o)"
    done >verifier.log 2>&1
fi

say "done"
dmesg >dmesg
stty raw -F /dev/ttyS1
tar -c -f /dev/ttyS1 -C / results
poweroff -f
