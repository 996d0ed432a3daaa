# SPDX-License-Identifier: MIT
"""Several mounts of one store, one after another or at once: who writes, and what others see of it."""
import errno
import mmap
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest

import mounting
from mounting import PATIENCE, eventually
from running import clear, kill, remount, run, sync, write
from stores import Kept

SLOW_DISK = """
#include <sys/syscall.h>
#include <unistd.h>
int fdatasync(int file)
{
    usleep(700000);
    return (int)syscall(SYS_fdatasync, file);
}
"""


@pytest.fixture
def slow_disk(work):
    """An environment in which whatever becomes durable takes its time."""
    library = work / "slow.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=SLOW_DISK, text=True, check=True)
    return {"LD_PRELOAD": str(library)}


def test_the_next_mount_shows_all_that_the_last_was_given(mount_store, store, slow_disk):
    """Though nothing was synced, and unmounting waits for nothing."""
    one, other = mount_store(store, environment=slow_disk), mount_store(store)
    one.path("files/a").write_text("one")
    other.unmount()
    run("fusermount3", "-u", one.point)
    assert other.start().status == 0
    assert other.path("files/a").read_text() == "one"
    other.path("files/a").write_text("other")
    one.assert_gone()


def test_a_daemon_that_nobody_waits_for_has_no_claim(mount_store, store):
    """As where the first process of a container waits for no child."""
    one, other = mount_store(store, start="front"), mount_store(store)
    one.path("files/a").write_text("one")
    with open(one.path("files/a"), "r+b") as file:
        os.fsync(file.fileno())
    os.kill(one.pid, signal.SIGKILL)
    assert eventually(lambda: f"{one.pid} (crmfs) Z" in mounting.Path(f"/proc/{one.pid}/stat").read_text())
    other.path("files/a").write_text("other")
    assert one.process.wait() == -signal.SIGKILL
    subprocess.run(["fusermount3", "-u", "-z", one.point], capture_output=True, check=False)
    remount(one)
    assert eventually(lambda: one.path("files/a").read_text() == "other")


def test_a_writer_in_a_container_has_no_claim_when_it_was_killed(mount_store, store, root):
    """Though its number means another process here, or none: it is known by its lock."""
    one, other = mount_store(store, start="later"), mount_store(store)
    command = ["unshare", "--pid", "--fork", "--kill-child", *one.command[:2], "-f", *one.command[2:]]
    with subprocess.Popen([str(word) for word in command], env=one.environment) as inside:
        try:
            assert eventually(one.path("files").is_dir)
            assert one.status()["pid"] == 1
            write(one.path("files/a"), b"one")
        finally:
            inside.kill()
    clear(one)
    other.path("files/b").write_text("other")
    assert other.path("files/a").read_text() == "one"
    other.unmount()
    assert [name for name in store.files() if name.startswith("tmp/")] == []


def test_who_reads_a_file_that_has_no_name_goes_on(mount_store, store):
    """Though the mount that had it open was killed, and this one is the one that writes now."""
    one, other = mount_store(store), mount_store(store)
    content = os.urandom(3 << 20)
    write(one.path("files/a"), content)
    assert eventually(other.path("files/a").exists)
    with open(other.path("files/a"), "rb", buffering=0) as read, open(one.path("files/a"), "rb"):
        assert read.read(100) == content[:100]
        one.path("files/a").unlink()
        sync(one.path("files"))
        kill(one)
        other.path("files/b").write_text("other")
        assert os.listdir(other.path("files")) == ["b"]
        assert os.pread(read.fileno(), 100, len(content) - 100) == content[-100:]
    other.unmount()
    store.check()


def append_once_allowed(path, content):
    """As soon as nobody else writes."""

    def append():
        try:
            with open(path, "ab") as file:
                return file.write(content)
        except OSError as error:
            assert error.errno == errno.EROFS
            return 0
    assert eventually(append) == len(content)


def test_who_appends_next_appends_to_what_the_last_one_wrote(mount_store, store):
    """And not where the file ended when this mount was asked for it, before the other one was done."""
    one, other = mount_store(store), mount_store(store)
    write(one.path("files/a"), b"first")
    assert eventually(other.path("files/a").exists)
    with open(one.path("files/a"), "ab") as file:
        file.write(b" second")
    assert other.path("files/a").stat().st_size == len(b"first")
    appending = threading.Thread(target=append_once_allowed, args=(other.path("files/a"), b" third"))
    appending.start()
    one.unmount()
    appending.join(mounting.PATIENCE)
    assert other.path("files/a").read_bytes() == b"first second third"


def test_what_another_mount_made_is_opened(mount_store, store):
    """Though this one has just been told that there is nothing of that name."""
    one, other = mount_store(store), mount_store(store)
    one.path("files/b").touch()
    with open(one.path("files/b"), "r+b") as file:
        os.fsync(file.fileno())
    assert eventually(other.path("files/b").exists)
    one.path("files/a").write_text("one")
    with pytest.raises(FileNotFoundError):
        os.stat(other.path("files/a"))
    one.unmount()
    with open(other.path("files/a"), "a+", encoding="ascii") as file:
        file.seek(0)
        assert file.read() == "one"
    with pytest.raises(FileExistsError):
        os.open(other.path("files/a"), os.O_CREAT | os.O_EXCL)


def test_who_writes_next_shows_what_the_last_one_wrote(mount_store, store):
    """And not what it has kept of a file since it looked at it, before that was written over."""
    one, other = mount_store(store), mount_store(store)
    write(one.path("files/a"), b"first")
    assert eventually(other.path("files/a").exists)
    assert other.path("files/a").read_bytes() == b"first"
    with open(one.path("files/a"), "r+b") as file:
        file.write(b"later")
    one.unmount()
    other.path("files/b").touch()
    assert other.path("files/a").read_bytes() == b"later"


def test_a_file_that_is_open_shows_what_another_mount_writes(mount_store, store):
    """What comes behind its end, and what is written over what was read before."""
    one, other = mount_store(store), mount_store(store)
    write(one.path("files/a"), b"a" * 100)
    assert eventually(other.path("files/a").exists)
    with open(other.path("files/a"), "rb", buffering=0) as read, open(one.path("files/a"), "r+b", buffering=0) as file:
        assert read.read() == b"a" * 100
        os.pwrite(file.fileno(), b"b" * 100, 100)
        os.fsync(file.fileno())
        assert eventually(lambda: os.fstat(read.fileno()).st_size == 200)
        assert read.read() == b"b" * 100
        os.pwrite(file.fileno(), b"c" * 200, 0)
        os.fsync(file.fileno())
        assert eventually(lambda: os.fstat(read.fileno()).st_mtime_ns == os.fstat(file.fileno()).st_mtime_ns)
        assert os.pread(read.fileno(), 200, 0) == b"c" * 200


def test_who_only_reads_a_file_that_is_open_sees_what_another_mount_writes(mount_store, store):
    """Though nobody asks for any file's attributes."""
    one, other = mount_store(store), mount_store(store)
    write(one.path("files/a"), b"a" * 10000)
    assert eventually(other.path("files/a").exists)
    with open(other.path("files/a"), "rb", buffering=0) as read, \
            mmap.mmap(read.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        assert os.pread(read.fileno(), 10000, 0) == b"a" * 10000 == memory[:]
        write(one.path("files/a"), b"b" * 10000)
        assert eventually(lambda: os.pread(read.fileno(), 10000, 0) == b"b" * 10000, timeout=10)
        assert memory[:] == b"b" * 10000


def test_who_writes_next_keeps_nothing_of_a_file_that_is_open(mount_store, store):
    """Nor takes for zeros what came behind its end, which a change of its names tells of."""
    one, other = mount_store(store), mount_store(store)
    write(one.path("files/a"), b"a" * 100)
    assert eventually(other.path("files/a").exists)
    with open(other.path("files/a"), "rb", buffering=0) as read, open(one.path("files/a"), "ab", buffering=0) as file:
        assert read.read() == b"a" * 100
        os.stat(other.path("files/a"))
        os.kill(other.pid, signal.SIGSTOP)
        file.write(b"b" * 100)
        os.fsync(file.fileno())
        os.kill(one.pid, signal.SIGKILL)
        linking = threading.Thread(target=os.link, args=(other.path("files/a"), other.path("files/b")))
        linking.start()
        time.sleep(0.1)
        os.kill(other.pid, signal.SIGCONT)
        linking.join(PATIENCE)
        assert os.pread(read.fileno(), 200, 0) == b"a" * 100 + b"b" * 100
    clear(one)


def test_what_was_kept_of_a_file_is_dropped_while_others_ask(mount_store, store, root):
    """More than there are threads that answer, while the kernel waits for a part of that file."""
    one, other = mount_store(store), mount_store(store)
    write(one.path("files/a"), b"a" * (8 << 20))
    assert eventually(other.path("files/a").exists)
    with open(other.path("files/a"), "rb", buffering=0) as read:
        top = os.open(other.path("files"), os.O_RDONLY)
        read.read(100)
        os.kill(other.pid, signal.SIGSTOP)
        write(one.path("files/a"), b"b" * (8 << 20))
        time.sleep(1)  # what the kernel was told has had its time
        threads = [threading.Thread(target=os.fstat, args=(top,)) for _ in range(100)]
        threads.append(threading.Thread(target=os.pread, args=(read.fileno(), 100, 4 << 20)))
        for thread in threads:
            thread.start()
            time.sleep(0.005)
        os.kill(other.pid, signal.SIGCONT)
        threads[-1].join(PATIENCE)
        answered = not threads[-1].is_alive()
        if not answered:  # neither it nor the daemon can be killed then
            subprocess.run(["umount", "-f", other.point], capture_output=True, check=False)
        for thread in threads:
            thread.join()
        os.close(top)
        assert answered
        assert os.pread(read.fileno(), 100, 0) == b"b" * 100


def test_what_went_well_is_no_error(mount_store, store):
    """That there is nothing new in the store, before an attribute is asked for that there is not."""
    top = mount_store(store)
    top.path("files/a").write_text("a")
    top.unmount()
    remount(top)
    with open(top.path("files/a"), "rb") as file:
        for _ in range(3):
            time.sleep(1)
            with pytest.raises(OSError):
                os.getxattr(file.fileno(), "system.posix_acl_access")
    assert "files" not in top.errors()


def in_host(name, mounted):
    """The command of a mount on a host of that name."""
    return ["unshare", "--uts", "sh", "-c", f'hostname {name}; exec "$@"', "sh", *map(str, mounted.command)]


def claim_of(top):
    """The words that refuse a change."""
    with pytest.raises(OSError) as refused:
        top.path("files/refused").touch()
    assert refused.value.errno == errno.EROFS
    return top.errors()


def test_a_killed_writer_is_known_whatever_the_host_is_called(mount_store, store, root):
    """By its number, where it had no lock that could be looked at."""
    one, other = mount_store(store, start="later"), mount_store(store)
    assert one.run(in_host("dhcp-17", one)).status == 0
    one.pid = one.status()["pid"]
    write(one.path("files/a"), b"one")
    for lock in store.path.glob("tmp/*.writer"):
        lock.unlink()
    assert f"process {one.pid} on dhcp-17" in claim_of(other)
    kill(one)
    other.path("files/b").write_text("other")
    assert other.path("files/a").read_text() == "one"


def test_a_writer_that_cannot_be_seen_is_said_to_have_ended(mount_store, store, root):
    """As of a machine that is gone; not while it is seen to run."""
    one, other = mount_store(store, start="later"), mount_store(store)
    command = ["unshare", "--pid", "--fork", "--kill-child", *in_host("gone", one)]
    command.insert(command.index("mount") + 1, "-f")
    with subprocess.Popen(command, env=one.environment) as inside:
        try:
            assert eventually(one.path("files").is_dir)
            write(one.path("files/a"), b"one")
            refused = store.run("repair", "--release-files", store.path, status=1)
            assert "process 1 on gone is seen to run" in refused.err
        finally:
            inside.kill()
    clear(one)
    for lock in store.path.glob("tmp/*.writer"):
        lock.unlink()
    said = claim_of(other)
    assert "process 1 on gone" in said and "crmfs repair --release-files" in said
    assert "can be written to" in store.run("repair", "--release-files", store.path).out
    other.path("files/b").write_text("other")
    assert other.path("files/a").read_text() == "one"
    assert "is seen to run" in store.run("repair", "--release-files", store.path, status=1).err
    other.unmount()
    assert "Nobody" in store.run("repair", "--release-files", store.path).out
    assert '"files_released":false' in store.run("repair", "--release-files", "--json", store.path).out.replace(" ", "")
    store.run("repair", "--release-files", "--read-data", store.path, status=2)


def test_a_copy_is_written_beside_its_original(mount_store, store):
    """Once somebody says so: its claim is that of a process that runs, and writes elsewhere."""
    one = mount_store(store)
    write(one.path("files/a"), b"one")
    copy = Kept(store.directory / "copy", made=True)
    copy.environment = {**copy.environment, "XDG_STATE_HOME": str(copy.directory / "state")}
    shutil.copytree(store.path, copy.path)
    other = mount_store(copy)
    assert "another copy of this store" in claim_of(other)
    assert "can be written to" in copy.run("repair", "--release-files", copy.path).out
    write(other.path("files/b"), b"other")
    write(one.path("files/c"), b"one")
    assert (sorted(os.listdir(one.path("files"))), sorted(os.listdir(other.path("files")))) == (["a", "c"], ["a", "b"])
    assert "is seen to run" in store.run("repair", "--release-files", store.path, status=1).err
