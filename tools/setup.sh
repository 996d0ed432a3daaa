#!/bin/sh
# SPDX-License-Identifier: MIT
# Sets up crmfs on a Debian machine. `sh tools/setup.sh help` lists what it does.
set -eu
cd "$(dirname "$0")/.."
root=$PWD

build_packages='gcc make pkg-config libc6-dev libfuse3-dev libsqlite3-dev libsodium-dev
    libzstd-dev libssl-dev libxxhash-dev libinih-dev libjansson-dev libarchive-dev libisal-dev libmariadb-dev
    libpq-dev uthash-dev scdoc'
demo_packages='fuse3 sqlite3 jq rsync attr'
check_packages='python3 python3-pytest python3-pytest-xdist python3-nacl python3-zstandard libcmocka-dev zlib1g-dev tar acl git
    zip unzip gzip bzip2 xz-utils zstd lz4 p7zip-full mydumper
    util-linux procps man-db bash-completion mariadb-server mariadb-client postgresql openssl
    clang clang-format clang-tidy libclang-rt-dev cppcheck shellcheck fio stress-ng dbench'

bench_packages='borgbackup restic gocryptfs cryfs gnupg zstd python3-pyfuse3 fuse-zip archivemount'

usage() {
    cat <<'END'
usage: sh tools/setup.sh demo | check | bench | build | help

  demo    build crmfs, make a CRM of 100,000 rows, mount it and show what one can do
  check   build crmfs and run every test, for which MariaDB and PostgreSQL are
          installed, and started as Debian does
  bench   build crmfs and measure it beside its peers, which takes an hour
  build   build ./crmfs

Each first installs what is missing with apt-get, as root or through sudo.
END
}

die() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

# Runs a command as root; fails when there is no way to.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        return 1
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
    command -v apt-get >/dev/null ||
        die "there is no apt-get. Install what these Debian packages hold, then run make: $*"
    missing=
    for package; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0

    echo "setup: installing$missing"
    as_root true || die "not root, and sudo does not let us. As root, run: apt-get install$missing"
    # An update may fail where the packages are at hand all the same; the installation decides.
    as_root apt-get -q -o DPkg::Lock::Timeout=120 update ||
        echo 'setup: apt-get update failed; trying with what is known' >&2
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 \
        install --no-install-recommends $missing ||
        die "apt-get could not install$missing; what it said stands above"
}

# On Debian udev lets every user open /dev/fuse; in containers and bare machines nobody did.
open_fuse() {
    [ -c /dev/fuse ] || as_root modprobe fuse 2>/dev/null || true
    [ -c /dev/fuse ] ||
        die 'there is no /dev/fuse: load the kernel module fuse, or start the container with --device /dev/fuse --cap-add SYS_ADMIN'
    [ "$(stat -c %a /dev/fuse)" = 666 ] || as_root chmod 0666 /dev/fuse ||
        { [ -r /dev/fuse ] && [ -w /dev/fuse ]; } ||
        die '/dev/fuse is closed to this user. As root, run: chmod 0666 /dev/fuse'
}

build() {
    make -j"$(nproc)" "$@"
}

# A command as one would type it, and what it says.
show() {
    printf '\n$ %s\n' "$1"
    eval "$1"
}

say() {
    printf '\n# %s\n' "$1"
}

# Leaves nothing mounted, whatever happened.
unmount_demo() {
    if mountpoint -q "$root/build/demo/mnt"; then
        fusermount3 -u "$root/build/demo/mnt" || fusermount3 -u -z "$root/build/demo/mnt"
    fi
}

demo() {
    unmount_demo
    if [ -e build/demo ]; then
        chmod -R u+w build/demo
        rm -rf build/demo
    fi
    mkdir -p build/demo/mnt
    trap unmount_demo EXIT
    trap 'exit 1' HUP INT TERM
    cd build/demo
    PATH=$root:$PATH

    say 'A CRM of 100,000 rows, and its tables as files.'
    show 'sqlite3 crm.db < ../../tools/demo.sql'
    show 'crmfs mount crm.db mnt'
    show 'ls -l mnt/live/crm'

    say 'Every tool that reads files reads tables.'
    show 'head -n 5 mnt/live/crm/contacts.csv'
    show 'head -n 2 mnt/live/crm/activities.ndjson'
    show 'wc -l mnt/live/crm/*.ndjson'
    show 'cat mnt/live/crm/pipeline.csv'
    show "jq -r 'select(.country == \"JP\" and .annual_revenue > 88000000) | .name' mnt/live/crm/accounts.ndjson"
    show "jq 'group_by(.kind) | map({kind: .[0].kind, count: length})' -c mnt/live/crm/activities.json"
    show "jq -c '.resources[] | [.path, .schema.primaryKey]' mnt/live/crm/datapackage.json"

    say 'Sizes are exact, so a copy is a backup, and the second one costs nothing.'
    show 'rsync -a --chmod=u+w mnt/live/crm/ monday/'
    show "rsync -a --chmod=u+w --checksum --stats mnt/live/crm/ monday/ | grep 'files transferred'"

    say 'The database goes on living; the files follow.'
    show "sqlite3 -cmd '.timeout 5000' crm.db \"UPDATE contacts SET phone = '+46 8 123 456' WHERE id = 7\""
    show 'sleep 3'
    show 'diff monday/contacts.csv mnt/live/crm/contacts.csv' || true # 1: they differ

    show 'jq . mnt/.crmfs/status'
    show 'fusermount3 -u mnt'
    printf '\nNothing is mounted any more. The database stays in build/demo/crm.db.\n'
}

case ${1-help} in
build)
    # shellcheck disable=SC2086 # lists of words
    install_packages $build_packages
    build
    ;;
demo)
    # shellcheck disable=SC2086
    install_packages $build_packages $demo_packages
    open_fuse
    build
    demo
    ;;
check)
    # shellcheck disable=SC2086
    install_packages $build_packages $demo_packages $check_packages
    open_fuse
    build binaries
    make check
    ;;
bench)
    # shellcheck disable=SC2086
    install_packages $build_packages $demo_packages $check_packages $bench_packages
    open_fuse
    build bench
    ;;
help | -h | --help)
    usage
    ;;
*)
    usage >&2
    exit 2
    ;;
esac
