# What the scripts share: the Debian packages, building, rights. Sourced by run, test, bench and fuzz; bash only.
# Progress goes to stderr, so that stdout stays the output of what was asked for.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build_packages=(
    build-essential cmake ninja-build pkg-config clang-14 llvm-14 bpftool
    libbpf-dev libelf-dev libdw-dev libdebuginfod1 zlib1g-dev liblzma-dev libbz2-dev libzstd-dev binutils-dev libiberty-dev
    libcli11-dev libfmt-dev nlohmann-json3-dev libzydis-dev libabsl-dev libbpfcc-dev libgtest-dev libgmock-dev
)
test_packages=(
    clang-format-14 clang-tidy-14 python3 python3-yaml procps iproute2 util-linux gdb bpftrace xz-utils musl-tools
    sqlite3 redis-server redis-tools nginx-light postgresql libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0
    libssl3 libsqlite3-0 libcurl4 libxml2 libpq5 libuv1 libglib2.0-0 golang-1.19-go
    prometheus chromium tmux
)
# Whoever has these from elsewhere keeps them.
command -v go >/dev/null || [ -x /usr/local/go/bin/go ] || test_packages+=(golang-go)
command -v node >/dev/null || test_packages+=(nodejs)
# The tests in containers, where these can be had.
container_packages=(podman runc)
matrix_packages=(qemu-system-x86 busybox-static cpio python3)
package_packages=(python3 gzip lintian)
bench_packages=(bpftrace python3)
fuzz_packages=(libclang-rt-14-dev)
# A second, newer compiler for the BPF objects: they must load whichever of the two compiled them.
newer_clang=clang-19

# bpftool lives in /usr/sbin, which is not on every user's PATH.
export PATH="$PATH:/usr/sbin:/sbin"

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# The comment at the head of the script is its help.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "needs root for: $* (become root, or install sudo)"
    fi
}

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing_packages() {
    local package
    for package in "$@"; do is_installed "$package" || printf '%s\n' "$package"; done
}

# Installs packages in one go, without starting or enabling the services that some of them bring.
apt_install() {
    local policy=/usr/sbin/policy-rc.d log status=0 service
    log=$(mktemp)
    as_root apt-get -q update >"$log" 2>&1 || say "apt-get update failed, trying with the package lists at hand"
    # shellcheck disable=SC2016
    as_root env POLICY="$policy" DEBIAN_FRONTEND=noninteractive sh -c '
        if ! [ -e "$POLICY" ]; then
            trap "rm -f \"$POLICY\"" EXIT
            trap "exit 130" INT TERM HUP
            printf "#!/bin/sh\nexit 101\n" >"$POLICY" && chmod 755 "$POLICY"
        fi
        apt-get -q install -y --no-install-recommends "$@"' sh "$@" >>"$log" 2>&1 || status=$?
    if [ "$status" != 0 ]; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        return "$status"
    fi
    rm -f "$log"
    for service in redis-server nginx postgresql prometheus; do
        case " $* " in *" $service"*) as_root update-rc.d "$service" disable >/dev/null 2>&1 || true ;; esac
    done
}

# install_missing PACKAGE...: does nothing, not even `apt-get update`, when all are there.
install_missing() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ "${#missing[@]}" = 0 ] && return 0
    command -v apt-get >/dev/null || die "please install the equivalents of these Debian packages: ${missing[*]}"
    say "installing ${missing[*]}"
    apt_install "${missing[@]}" || die "apt-get could not install: ${missing[*]}"
}

# build PRESET [TARGET...]: configures once, then builds what changed, under build/PRESET.
build() {
    local preset=$1 log=build/$1.log
    shift
    if command -v ccache >/dev/null; then
        export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
        export CCACHE_SLOPPINESS=pch_defines,time_macros
    fi
    mkdir -p build
    say "building build/$preset"
    if ! cmake --preset "$preset" >"$log" 2>&1 ||
        ! cmake --build --preset "$preset" ${1:+--target "$@"} >>"$log" 2>&1; then
        grep -E -A 12 'error|Error|FAILED' "$log" | head -n 80 >&2 || tail -n 40 "$log" >&2
        die "the build failed, all of it is in $log"
    fi
}

# Every source file of ours, separated by NUL.
source_files() {
    find bpf userspace tools tests -type f \( -name '*.h' -o -name '*.c' -o -name '*.cpp' -o -name '*.cc' \) -print0
}

# The path of a built program. Fails with a sentence, not with an empty string.
program() {
    local preset=$1 name=$2 path
    path=$(find "build/$preset" -type f -name "$name" -perm -u+x -print -quit 2>/dev/null)
    [ -n "$path" ] || die "build/$preset holds no program $name"
    printf '%s\n' "$path"
}
