# SPDX-License-Identifier: MIT
"""What a program writes through memory that it shares with a file: the kernel has it, and says nothing of it."""
import contextlib
import errno
import mmap
import os
import subprocess
import tarfile
import threading

import pytest

import mounting
from mounting import eventually
from running import kill, remount, run, sync, write

SIZE = 3 << 20


@contextlib.contextmanager
def mapped(path):
    """The memory, while nothing else has the file open."""
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        yield memory


def prepared(files, name="a"):
    write(files / name, bytes(SIZE))
    return os.urandom(SIZE)


def test_a_snapshot_has_it(top, files):
    content = prepared(files)
    with mapped(files / "a") as memory:
        memory[:] = content
        os.mkdir(top.path("snapshots/taken"))
        assert top.path("snapshots/taken/files/a").read_bytes() == content


def test_a_directory_that_was_synced_has_it(top, files):
    content = prepared(files)
    with mapped(files / "a") as memory:
        memory[:] = content
        sync(files)
        os.kill(top.pid, 9)
    kill_cleared(top)
    assert (files / "a").read_bytes() == content


def kill_cleared(top):
    with contextlib.suppress(ProcessLookupError):
        kill(top)
    remount(top)


def test_it_is_stored_by_itself(mount_store, store):
    """Within five seconds, and some on a busy machine; the kernel alone would leave it for thirty."""
    one, other = mount_store(store), mount_store(store)
    content = prepared(one.path("files"))
    assert eventually(other.path("files/a").exists)
    with mapped(one.path("files/a")) as memory:
        memory[:] = content
        assert eventually(lambda: other.path("files/a").read_bytes() == content, timeout=20)


def by_cp(path, place):
    run("cp", path, place / "copy")
    return (place / "copy").read_bytes()


def by_cp_inside(path, _):
    return by_cp(path, path.parent)


def by_tar(path, place):
    """It takes a file that has no blocks for one of zeros; and says if it is written to meanwhile, as it is here."""
    subprocess.run(["tar", "-cSf", place / "tar", "-C", path.parent, path.name], capture_output=True, check=False)
    with tarfile.open(place / "tar") as archive:
        return archive.extractfile(path.name).read()


def by_copying_a_range(path, place):
    with open(path, "rb") as source, open(path.parent / "range", "w+b") as target:
        os.copy_file_range(source.fileno(), target.fileno(), SIZE, 0, 0)
        target.seek(0)
        return target.read()


@pytest.mark.parametrize("copy", [by_cp, by_cp_inside, by_tar, by_copying_a_range])
def test_a_copy_has_it(files, work, copy):
    """Though it stands where the file had a hole, which who copies does not read."""
    with open(files / "a", "w+b") as file:
        file.truncate(SIZE)
        with mmap.mmap(file.fileno(), 0) as memory:
            os.stat(files / "a")
            memory[SIZE // 2:SIZE // 2 + 4] = b"here"
            assert copy(files / "a", work) == bytes(memory)


def test_holes_of_a_file_that_is_open_for_writing(files):
    """They are found, but for short ones; and all of those of a file that nobody else has open."""
    with open(files / "a", "w+b") as file:
        for place in (b"1", b"2"):
            file.seek(2 << 20, os.SEEK_CUR)
            file.write(place + bytes(9999) + place)
        file.truncate(16 << 20)
        file.flush()
        short = 100_000
        os.pwrite(file.fileno(), b"3", (8 << 20) + short)
        begin = os.lseek(file.fileno(), 0, os.SEEK_DATA)
        assert begin == 2 << 20
        assert begin + 10001 <= os.lseek(file.fileno(), begin, os.SEEK_HOLE) < begin + 20000
        assert os.lseek(file.fileno(), 8 << 20, os.SEEK_DATA) == 8 << 20
    with open(files / "a", "rb") as file:
        assert os.lseek(file.fileno(), 8 << 20, os.SEEK_DATA) == (8 << 20) + short
        with pytest.raises(OSError) as refused:
            os.lseek(file.fileno(), 9 << 20, os.SEEK_DATA)
        assert refused.value.errno == errno.ENXIO


def test_many_that_sync_at_once(top, files):
    """More than there are threads that answer, all of which wait for the kernel, which waits for one."""
    threads, content = [], prepared(files)
    for number in range(100):
        (files / f"d{number}").mkdir()
    with mapped(files / "a") as memory:
        memory[:] = content
        for number in range(100):
            threads.append(threading.Thread(target=sync, args=(files / f"d{number}",)))
            threads[-1].start()
        os.mkdir(top.path("snapshots/taken"))
        for thread in threads:
            thread.join(mounting.PATIENCE)
            assert not thread.is_alive()
    assert top.path("snapshots/taken/files/a").read_bytes() == content


WRITE_AND_SYNC = """if True:
    import errno, mmap, os, resource, sys
    top, pid = sys.argv[1], int(sys.argv[2])
    file = open(top + "/files/a", "w+b")
    file.write(bytes(4096))
    file.flush()
    memory = mmap.mmap(file.fileno(), 0)
    directory = os.open(top + "/files", os.O_RDONLY)
    def told(action, *words):
        try:
            return action(*words) or "0"
        except OSError as error:
            return errno.errorcode[error.errno]
    def try_both():
        memory[:4] = b"here"
        print(told(os.fsync, directory), told(os.mkdir, top + "/snapshots/taken"))
    resource.prlimit(pid, resource.RLIMIT_NPROC, (1, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
    try_both()
    print(os.listdir(top + "/snapshots"))
    resource.prlimit(pid, resource.RLIMIT_NPROC, resource.getrlimit(resource.RLIMIT_NPROC))
    try_both()
"""


def test_where_no_process_may_start_it_is_said(mount_store, store, root):
    """Neither a sync nor a snapshot leaves in silence what the kernel keeps; the next try has it."""
    subprocess.run(["chown", "-R", "nobody:", store.directory / "store", store.directory / "state"], check=True)
    top = mount_store(store, user=mounting.NOBODY)
    done = subprocess.run(mounting.as_user(mounting.NOBODY, ["/usr/bin/python3", "-c", WRITE_AND_SYNC,
                                                             top.point, str(top.pid)]),
                          capture_output=True, text=True, check=True, timeout=mounting.PATIENCE)
    assert done.stdout.splitlines() == ["EAGAIN EAGAIN", "[]", "0 0"]
    assert "written through memory (mmap) cannot be had: cannot start fuse-write-out" in top.errors()
    assert top.read("snapshots/taken/files/a")[:4] == b"here"


def test_a_covered_mount_takes_no_snapshot_without_it(top, files, root):
    """Its directories are synced nevertheless, as those of other file systems are; holes count as data."""
    content = prepared(files)
    os.truncate(files / "a", 2 * SIZE)
    snapshots, directory = os.open(top.path("snapshots"), os.O_RDONLY), os.open(files, os.O_RDONLY)
    with mapped(files / "a") as memory, open(files / "a", "rb") as file:
        memory[:SIZE] = content
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", top.point], check=True)
        try:
            os.fsync(directory)
            assert os.lseek(file.fileno(), SIZE, os.SEEK_DATA) == SIZE  # rather than to say that it is a hole
            with pytest.raises(OSError) as refused:
                os.mkdir("taken", dir_fd=snapshots)
        finally:
            subprocess.run(["umount", top.point], check=True)
            os.close(snapshots)
            os.close(directory)
        assert refused.value.errno == errno.ENODEV
        os.mkdir(top.path("snapshots/taken"))
        assert top.path("snapshots/taken/files/a").read_bytes() == content + bytes(SIZE)
