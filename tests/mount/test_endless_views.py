# SPDX-License-Identifier: MIT
"""Views that never come to an end: they cost their reader its time, and nobody else anything."""
import errno
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

import views
from mounting import eventually

PEOPLE = b"id,name\n1,Ann\n2,Bob\n"
NAMES = b"name\nAnn\nBob\n"


@pytest.fixture
def endless(work):
    """endless(JOURNAL) → a database that somebody has open."""
    opened = []

    def make(journal):
        opened.append(views.make(work / "crm.db", journal))
        return work / "crm.db"

    yield make
    for conn in opened:
        conn.close()


def refusal(path):
    with pytest.raises(OSError) as caught:
        path.read_bytes()
    return caught.value.errno


def is_reading(top):
    (source,) = top.status()["live"]
    return source["reading"]


def processor_time(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_given_up(mount, endless, journal):
    """ETIMEDOUT, in words that say what to do; the rest can be read, and it is not tried all the time."""
    top = mount(endless(journal), options="view-timeout=0.5")
    for view in ("a_silent", "b_talking"):
        assert refusal(top.live() / f"{view}.csv") == errno.ETIMEDOUT
        assert refusal(top.live() / f"{view}.json") == errno.ETIMEDOUT
    assert (top.live() / "people.csv").read_bytes() == PEOPLE
    assert (top.live() / "c_names.csv").read_bytes() == NAMES
    for view in ("a_silent", "b_talking"):
        lines = [line for line in top.errors().splitlines() if f"{view}.csv" in line]
        assert len(lines) == 1, top.errors()
        assert " ETIMEDOUT " in lines[0] and "0.5 s" in lines[0] and "view-timeout" in lines[0]
    assert not is_reading(top)


def test_unasked_views_do_not_hold_up(mount, endless):
    """A rollback journal database is read through at once: its endless views only for a while."""
    top = mount(endless("delete"))
    assert (top.live() / "people.csv").read_bytes() == PEOPLE
    assert (top.live() / "c_names.csv").read_bytes() == NAMES
    writer = sqlite3.connect(top.directory.parent / "crm.db", timeout=0, isolation_level=None)
    writer.execute("INSERT INTO people VALUES (3, 'Cem')")
    writer.close()
    assert eventually(lambda: (top.live() / "people.csv").read_bytes() == PEOPLE + b"3,Cem\n", 20)


@pytest.mark.sanitize
@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("view", ["a_silent", "b_talking"])
def test_nobody_waits_any_more(mount, endless, view, journal):
    """When the last reader is dead, the reading ends, and costs nothing more."""
    top = mount(endless(journal), options="view-timeout=0")
    # Each another name: who looks up the same one waits in the kernel, where no signal reaches him.
    readers = [subprocess.Popen(["cat", top.live() / f"{view}.{form}"]) for form in ("csv", "json", "ndjson")]
    assert eventually(lambda: is_reading(top))
    for reader in readers[:2]:
        reader.kill()
        assert reader.wait(20) != 0
    before = processor_time(top.pid)
    assert eventually(lambda: processor_time(top.pid) > before), "given up though somebody waits"
    assert is_reading(top)
    readers[2].kill()
    assert readers[2].wait(20) != 0
    assert eventually(lambda: not is_reading(top)), "it goes on reading"
    assert (top.live() / "people.csv").read_bytes() == PEOPLE
    assert top.errors() == ""


@pytest.mark.sanitize
@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_killed_when_stopped(mount, endless, journal):
    """The kernel tells of a reader's first signal only; that it is dead is noticed all the same."""
    top = mount(endless(journal), options="view-timeout=0")
    reader = subprocess.Popen(["cat", top.live() / "a_silent.csv"])
    assert eventually(lambda: is_reading(top))
    reader.send_signal(signal.SIGSTOP)
    before = processor_time(top.pid)
    assert eventually(lambda: processor_time(top.pid) > before + 10), "given up though somebody waits"
    reader.kill()
    assert reader.wait(20) == -signal.SIGKILL
    assert eventually(lambda: not is_reading(top)), "it goes on reading"
    assert (top.live() / "people.csv").read_bytes() == PEOPLE
    assert top.errors() == ""


def test_another_waits(mount, endless):
    """A rollback journal database is read through at once; not for views whose readers are dead."""
    top = mount(endless("delete"), options="view-timeout=0")
    reader = subprocess.Popen(["cat", top.live() / "a_silent.csv"])
    assert eventually(lambda: is_reading(top))
    another = subprocess.Popen(["cat", top.live() / "people.csv"], stdout=subprocess.PIPE)
    before = processor_time(top.pid)
    assert eventually(lambda: processor_time(top.pid) > before + 10), "nothing is read"
    reader.kill()
    assert reader.wait(20) == -signal.SIGKILL
    assert another.communicate(timeout=20) == (PEOPLE, None)
    assert another.returncode == 0


def test_others_in_the_folder(mount, endless):
    """While a view is read, whoever looks at another name can look, and can be killed."""
    top = mount(endless("wal"), options="view-timeout=0")
    folder = top.live()
    reader = subprocess.Popen(["cat", folder / "a_silent.csv"])
    assert eventually(lambda: is_reading(top))
    assert (folder / "schema.sql").read_text().startswith("CREATE ")
    second = subprocess.Popen(["cat", folder / "people.csv"])
    before = processor_time(top.pid)
    assert eventually(lambda: processor_time(top.pid) > before + 10), "nothing is read"
    for process in (second, reader):
        process.kill()
        assert process.wait(20) != 0


def test_unmounted_in_the_middle(mount, endless):
    top = mount(endless("wal"), options="view-timeout=0")
    reader = subprocess.Popen(["cat", top.live() / "a_silent.csv"], stderr=subprocess.DEVNULL)
    assert eventually(lambda: is_reading(top))
    os.kill(top.pid, 15)
    assert reader.wait(20) != 0
    top.assert_gone()
