# SPDX-License-Identifier: MIT
"""What a program writes through memory that it shares with a file: the kernel has it, and says nothing of it."""
import contextlib
import mmap
import os
import threading

import mounting
from mounting import eventually
from running import kill, remount, sync, write

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
