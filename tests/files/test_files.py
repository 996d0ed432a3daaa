# SPDX-License-Identifier: MIT
"""files/ as programs use it: what they put there is there, whatever ends the mount."""
import errno
import os
import random
import shutil
import subprocess
import time

import pytest

import mounting
from mounting import eventually
from running import kill, remount, run, sync, write

TREE = mounting.ROOT / "fs"


def sample(directory):
    """A small tree with what is seldom in it."""
    shutil.copytree(TREE, directory / "tree")
    (directory / "tree/README.md").touch()
    os.link(directory / "tree/README.md", directory / "hard")
    os.symlink("nowhere", directory / "symlink")
    os.mkfifo(directory / "fifo")
    os.setxattr(directory / "hard", "user.colour", b"green")
    os.chmod(directory / "hard", 0o4711)
    os.utime(directory / "hard", ns=(1, 987654321123456789))
    with open(directory / "sparse", "wb") as file:
        file.truncate(3_000_000)
        os.pwrite(file.fileno(), b"end", 2_999_000)


# ---- Programs ----

def test_rsync_there_and_back(files, work):
    (work / "from").mkdir()
    (work / "back").mkdir()
    sample(work / "from")
    run("rsync", "-aHXS", f"{work}/from/", f"{files}/to/")
    run("rsync", "-aHXS", f"{files}/to/", f"{work}/back/")
    assert run("rsync", "-aHXcni", "--delete", f"{work}/from/", f"{work}/back/") == ""
    assert run("rsync", "-aHXcni", "--delete", f"{work}/from/", f"{files}/to/") == ""
    assert os.stat(files / "to/sparse").st_blocks < 100


def test_tar_there_and_back(files, work):
    (files / "from").mkdir()
    sample(files / "from")
    run("tar", "cf", files / "x.tar", "--xattrs", "-C", files / "from", ".")
    (files / "to").mkdir()
    run("tar", "xpf", files / "x.tar", "--xattrs", "-C", files / "to")
    assert run("rsync", "-aHXcni", "--delete", f"{files}/from/", f"{files}/to/") == ""
    run("rm", "-r", files / "from", files / "to", files / "x.tar")
    assert os.listdir(files) == []


def test_git(files):
    run("git", "init", "-q", "repository", cwd=files)
    git = ["git", "-C", files / "repository", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    shutil.copytree(TREE / "base", files / "repository/base")
    run(*git, "add", ".")
    run(*git, "commit", "-qm", "one")
    (files / "repository/base/log.c").write_text("changed\n")
    run(*git, "commit", "-qam", "two")
    run(*git, "gc", "-q")
    run(*git, "fsck", "--full", "--strict")
    run("git", "clone", "-q", "repository", "clone", cwd=files)
    assert run("git", "-C", files / "clone", "log", "--format=%s") == "two\none\n"


def test_there_is_room_for_as_many_files_as_one_likes(files, store):
    """What watches over disks looks for inodes that are used up."""
    about, disk = os.statvfs(files), os.statvfs(store.path)
    assert (about.f_files, about.f_ffree) == (0, 0)
    assert about.f_blocks * about.f_frsize == disk.f_blocks * disk.f_frsize
    assert "100%" not in run("df", "-i", files)


def test_the_mount_point_has_the_room_that_files_has(top, files, store):
    """What watches over disks looks at mount points."""
    disk = os.statvfs(store.path)
    for path in (top.point, files):
        about = os.statvfs(path)
        assert about.f_blocks * about.f_frsize == disk.f_blocks * disk.f_frsize


def test_what_no_disk_has_room_for_is_a_file_too_large(files):
    """As ext4 says it; and it is as long as it was."""
    with open(files / "a", "wb") as file:
        with pytest.raises(OSError) as refused:
            os.posix_fallocate(file.fileno(), 0, 1 << 60)
        assert refused.value.errno == errno.EFBIG
        assert os.fstat(file.fileno()).st_size == 0


KEPT_FOR_ROOT = """
#include <string.h>
#include <sys/statvfs.h>
int statvfs64(const char *path, struct statvfs64 *about)
{
    (void)path;
    memset(about, 0, sizeof *about);
    about->f_bsize = about->f_frsize = 8192;
    about->f_blocks = 1000;
    about->f_bfree = 600;
    about->f_bavail = 100;
    return 0;
}
"""


@pytest.fixture
def kept_for_root(work):
    """An environment in which half of every disk is root's."""
    library = work / "kept.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-x", "c", "-", "-o", library], input=KEPT_FOR_ROOT,
                   text=True, check=True)
    return {"LD_PRELOAD": str(library)}


def test_what_the_disk_keeps_for_root_is_not_taken(mount_store, store, kept_for_root):
    """As df counts it."""
    about = os.statvfs(mount_store(store, environment=kept_for_root).path("files"))
    assert [count * about.f_frsize // 8192 for count in (about.f_blocks, about.f_bfree, about.f_bavail)] == [1000, 600, 100]


def test_from_snapshots_files_are_copied(top, files):
    """As from another disk, which programs know: a link or a move there cannot be had."""
    write(files / "a", b"there")
    top.path("snapshots/one").mkdir()
    then = top.path("snapshots/one/files/a")
    for change in (os.link, os.rename):
        for pair in ((then, files / "b"), (files / "a", then.with_name("b"))):
            with pytest.raises(OSError) as refused:
                change(*pair)
            assert refused.value.errno == errno.EXDEV, (change, pair)
    assert os.listdir(files) == ["a"]


def test_nothing_is_no_snapshot(top):
    with pytest.raises(OSError):
        top.path("snapshots/one").mkdir()
    assert "files/ is empty" in top.errors()


def test_files_alone_are_a_snapshot_without_a_mount(top, files, store):
    """From cron: no source is needed, unless there is nothing in files/ either."""
    assert "nothing in files/" in store.run("snapshot", "--store", store.path, status=1).err
    write(files / "a", b"there")
    store.run("snapshot", "--store", store.path, "--name", "alone")
    assert eventually(top.path("snapshots/alone").exists)
    assert top.path("snapshots/alone/files/a").read_bytes() == b"there"
    assert "there is no backup" in store.run("import", "--store", store.path, status=2).err


# ---- Crashes ----

def test_what_was_synced_survives_a_crash(top, files):
    content = random.Random(1).randbytes(1_000_000)
    with open(files / "a", "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    kill(top)
    remount(top)
    assert (files / "a").read_bytes() == content


def test_renamed_over_is_old_or_new(top, files):
    """Without fsync: never empty, never mixed."""
    old, new = b"o" * 100_000, b"n" * 100_000
    (files / "a").write_bytes(old)
    os.sync()
    directory = os.open(files, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
    (files / "b").write_bytes(new)
    os.rename(files / "b", files / "a")
    kill(top)
    remount(top)
    assert (files / "a").read_bytes() in (old, new)


def test_unsynced_is_stored_within_seconds(top, files):
    (files / "a").write_bytes(b"x" * 100)
    time.sleep(5)
    kill(top)
    remount(top)
    assert (files / "a").read_bytes() == b"x" * 100


def test_the_claim_of_a_killed_daemon_is_taken_over(top, files, store):
    (files / "a").write_text("1")
    kill(top)
    remount(top)
    (files / "b").write_text("2")
    top.unmount()
    store.check()


def test_unlinked_but_open(top, files, store):
    with open(files / "a", "w+b") as file:
        file.write(b"here" * 10000)
        file.flush()
        os.unlink(files / "a")
        os.fsync(file.fileno())
        assert os.fstat(file.fileno()).st_nlink == 0
        file.seek(0)
        assert file.read() == b"here" * 10000
        kill(top)
    remount(top)
    assert os.listdir(files) == []
    (files / "b").touch()
    top.unmount()
    store.check()


# ---- Who may ----

def test_a_second_writer_is_told_who_writes(mount_store, store):
    one, other = mount_store(store), mount_store(store)
    one.path("files/d/e").mkdir(parents=True)
    one.path("files/a").write_text("one")
    sync(one.path("files"))
    assert eventually(lambda: other.path("files/d/e").exists())
    for name in "files/b", "files/d/e/b":
        with pytest.raises(OSError) as refused:
            other.path(name).write_text("other")
        assert refused.value.errno == errno.EROFS
        assert f"{name}: process {one.pid} on " in other.errors()
    with open(one.path("files/a"), "r+b") as file:
        os.fsync(file.fileno())
    assert eventually(lambda: other.path("files/a").exists() and other.path("files/a").read_text() == "one")
    one.unmount()
    other.path("files/b").write_text("other")
    assert sorted(os.listdir(other.path("files"))) == ["a", "b", "d"]


def test_read_only_mounts_change_nothing(mount_store, store):
    one = mount_store(store)
    one.path("files/a").write_text("one")
    one.unmount()
    other = mount_store(store, options="ro")
    assert other.path("files/a").read_text() == "one"
    for change in (lambda: other.path("files/b").touch(), lambda: os.unlink(other.path("files/a")),
                   lambda: other.path("files/d").mkdir()):
        with pytest.raises(OSError) as refused:
            change()
        assert refused.value.errno == errno.EROFS


# ---- Snapshots ----

def test_snapshots_hold_files(top, files, store):
    (files / "d").mkdir()
    (files / "d/a").write_bytes(b"first")
    top.path("snapshots/one").mkdir()
    (files / "d/a").write_bytes(b"second")
    (files / "d/b").write_bytes(b"new")
    top.path("snapshots/two").mkdir()
    shutil.rmtree(files / "d")
    then = top.path("snapshots/one/files")
    assert [(base[len(str(then)):], names) for base, _, names in os.walk(then)] == [("", []), ("/d", ["a"])]
    assert (then / "d/a").read_bytes() == b"first"
    assert top.path("snapshots/two/files/d/a").read_bytes() == b"second"
    with pytest.raises(OSError) as refused:
        (then / "d/c").touch()
    assert refused.value.errno == errno.EROFS
    run("cp", "-a", then / "d", files / "d")
    assert (files / "d/a").read_bytes() == b"first"
    top.path("snapshots/one").rmdir()
    top.unmount()
    store.run("prune", "--grace", "0", store.path)
    store.check()
    remount(top)
    assert (files / "d/a").read_bytes() == b"first"
    assert top.path("snapshots/two/files/d/b").read_bytes() == b"new"


def test_nothing_gets_into_a_snapshot(top, files):
    """A link or a rename into its files/ is refused, and changes nothing of what is there now under the same names."""
    (files / "d").mkdir()
    (files / "d/a").write_text("a")
    (files / "d/b").write_text("b")
    top.path("snapshots/one").mkdir()
    then = top.path("snapshots/one/files/d")
    for change in (lambda: os.link(files / "d/a", then / "c"), lambda: os.rename(files / "d/a", then / "c"),
                   lambda: os.rename(files / "d/a", then / "b"), lambda: os.rename(then / "a", files / "d/c"),
                   lambda: os.link(then / "a", files / "d/c")):
        with pytest.raises(OSError) as refused:
            change()
        assert refused.value.errno == errno.EXDEV
    for folder in (files / "d", then):
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "a", "b": "b"}


def test_a_change_costs_what_changed(top, files, store):
    """An edit in the middle, an append, and a copy: of pieces that differ, new ones are stored."""
    content = random.Random(2).randbytes(8_000_000)
    (files / "a").write_bytes(content)
    with open(files / "a", "r+b") as file:
        os.fsync(file.fileno())
        before = store.size("packs")
        os.pwrite(file.fileno(), b"edited", 4_000_000)
        os.pwrite(file.fileno(), b"appended", 8_000_000)
        os.fsync(file.fileno())
    shutil.copyfile(files / "a", files / "b")
    with open(files / "b", "r+b") as file:
        os.fsync(file.fileno())
    assert store.size("packs") - before < 1_500_000


def put_new(files, name, content):
    with open(files / name, "wb") as file:
        file.write(content)
        os.fsync(file.fileno())


def remove_and_put(files, content):
    (files / "crm.csv").unlink()
    put_new(files, "crm.csv", content)


def move_over(files, content):
    put_new(files, "crm.new", content)
    os.rename(files / "crm.new", files / "crm.csv")


def put_over(files, content):
    put_new(files, "crm.csv", content)


@pytest.mark.parametrize("way", [put_over, remove_and_put, move_over,
                                 lambda files, content: put_new(files, "2", content)])
def test_a_new_version_costs_what_differs_however_it_is_put_there(files, store, way):
    lines = [random.Random(i).randbytes(60).hex() + "\n" for i in range(16000)]
    put_new(files, "crm.csv", "".join(lines).encode())
    first = store.size("packs")
    lines[::100] = [line.upper() for line in lines[::100]]
    way(files, "".join(lines).encode())
    assert store.size("packs") - first < first / 3


# ---- Secrets ----

def test_nothing_is_stored_in_plaintext(top, files, store):
    words = [b"unmistakeable words in a file", b"unmistakeable-name", b"unmistakeable attribute", b"unmistakeable-target"]
    path = files / words[1].decode()
    path.write_bytes(words[0] * 3)
    os.setxattr(path, "user.a", words[2])
    os.symlink(words[3].decode(), files / "link")
    top.path("snapshots/one").mkdir()
    top.unmount()
    stored = store.files().values()
    assert stored
    for file in stored:
        content = file.read_bytes()
        for word in words:
            assert word not in content, file


# ---- Labels ----

def test_a_label_that_was_set_is_kept_and_none_is_not_asked_for_again(files):
    """ls -l asks no further file of a mount for its label, once one has said that there are none."""
    label = "security.selinux"
    for name in "labelled", "plain":
        (files / name).write_text(name)
    with pytest.raises(OSError) as caught:
        os.getxattr(files / "plain", label)
    assert caught.value.errno == errno.EOPNOTSUPP
    os.setxattr(files / "labelled", label, b"system_u:object_r:etc_t:s0\0")
    assert os.getxattr(files / "labelled", label) == b"system_u:object_r:etc_t:s0\0"
    with pytest.raises(OSError) as caught:
        os.getxattr(files / "plain", "security.other")
    assert caught.value.errno == errno.ENODATA


@pytest.mark.parametrize("name", ["other.name", "system.other", "plain"])
def test_names_of_attributes_that_no_file_system_takes(files, name):
    (files / "a").touch()
    with pytest.raises(OSError) as caught:
        os.setxattr(files / "a", name, b"1")
    assert caught.value.errno == errno.EOPNOTSUPP
    assert os.listxattr(files / "a") == []


def test_an_attribute_needs_a_name(files):
    (files / "a").touch()
    for space in ("user.", "trusted.", "security."):
        with pytest.raises(OSError) as caught:
            os.setxattr(files / "a", space, b"1")
        assert caught.value.errno == errno.EINVAL
    assert os.listxattr(files / "a") == []


def test_more_room_than_there_is_is_not_a_full_disk(top, files):
    with open(files / "a", "wb") as file, pytest.raises(OSError) as caught:
        os.posix_fallocate(file.fileno(), 0, 1 << 50)
    assert caught.value.errno == errno.ENOSPC
    assert "MiB at once may take more" in top.errors()
    assert f"files (inode {(files / 'a').stat().st_ino})" in top.errors()


# ---- ACLs ----

def test_acls_count_and_are_inherited(files):
    """They let somebody in, a chmod narrows them, what is made below a default ACL gets it, and rsync -A keeps them."""
    old = os.umask(0o027)
    try:
        (files / "d").mkdir(mode=0o755)
        (files / "d/a").write_text("for nobody\n")
    finally:
        os.umask(old)
    os.chmod(files, 0o755)
    os.chmod(files / "d", 0o755)
    assert (files / "d/a").stat().st_mode & 0o777 == 0o640
    run("setfacl", "-m", "u:nobody:r", files / "d/a")
    assert run("getfacl", "-cE", files / "d/a") == "user::rw-\nuser:nobody:r--\ngroup::r--\nmask::r--\nother::---\n\n"
    os.chmod(files / "d/a", 0o600)
    assert run("getfacl", "-cE", files / "d/a") == "user::rw-\nuser:nobody:r--\ngroup::r--\nmask::---\nother::---\n\n"
    run("setfacl", "-b", files / "d/a")
    assert os.listxattr(files / "d/a") == []
    for name in "system.posix_acl_access", "system.posix_acl_default":
        os.removexattr(files / "d", name)  # though there is none, as on ext4
    run("setfacl", "-d", "-m", "u:nobody:rwx", files / "d")
    old = os.umask(0o077)
    try:
        (files / "d/sub").mkdir()
        (files / "d/sub/b").write_text("b")
    finally:
        os.umask(old)
    assert "user:nobody:rwx" in run("getfacl", "-cE", files / "d/sub")
    assert "default:user:nobody:rwx" in run("getfacl", "-cE", files / "d/sub")
    assert run("getfacl", "-cE", files / "d/sub/b").splitlines()[:3] == ["user::rw-", "user:nobody:rwx", "group::r-x"]
    run("rsync", "-aHAX", f"{files}/d/", f"{files}/e/")
    assert run("rsync", "-aHAXcni", "--delete", f"{files}/d/", f"{files}/e/") == ""
    assert run("getfacl", "-cE", files / "e/sub/b") == run("getfacl", "-cE", files / "d/sub/b")


def test_acls_are_enforced(mount_store, store):
    mounted = mount_store(store, options="allow_other")
    path = mounted.path("files/a")
    path.write_text("for nobody\n")
    os.chmod(path, 0o600)
    read = mounting.as_user(mounting.NOBODY, ["cat", path])
    assert subprocess.run(read, capture_output=True, check=False).returncode != 0
    run("setfacl", "-m", "u:nobody:r", path)
    assert subprocess.run(read, capture_output=True, check=True).stdout == b"for nobody\n"
    run("setfacl", "-x", "u:nobody", path)
    assert subprocess.run(read, capture_output=True, check=False).returncode != 0
