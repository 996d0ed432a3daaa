# SPDX-License-Identifier: MIT
"""Fixtures of the end-to-end tests. Nothing is skipped: what a test needs and lacks fails it."""
import atexit
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "data")]

import certificate_files  # noqa: E402
import crm  # noqa: E402
import mounting  # noqa: E402
import oddities  # noqa: E402

# A shell starts what it puts into the background with these ignored, and what we start would inherit it.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# Not pytest's own: that is closed to the unprivileged user of some tests.
SESSION = Path(tempfile.mkdtemp(prefix="crmfs-test-", dir="/tmp"))
SESSION.chmod(0o755)
mounting.spread(SESSION)
atexit.register(shutil.rmtree, SESSION, ignore_errors=True)
mounting.SESSION = SESSION
# Workers have this from the process that started them, and that removes it.
SHARED = Path(os.environ.setdefault("CRMFS_TESTS_SHARED", str(SESSION / "shared")))
SHARED.mkdir(exist_ok=True)
mounting.SHARED = SHARED

TOOLS = ["fusermount3", "sqlite3", "jq", "rsync", "tar", "setpriv", "unshare", "getfattr", "man", "dd", "git",
         "setfacl", "zip", "gzip", "bzip2", "xz", "zstd", "lz4"]


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitize: also run with binaries built under asan and tsan")


@pytest.fixture(scope="session", autouse=True)
def prerequisites():
    """Everything the tests need, asked for once, and nothing left when they are over."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    assert not missing, f"missing: {', '.join(missing)}; sh tools/setup.sh installs them"
    assert os.path.exists("/dev/fuse"), "no /dev/fuse"
    assert mounting.BINARY.exists(), f"{mounting.BINARY} is not built"
    yield
    mounted = mounts_here()
    running = mounting.eventually(lambda: not processes_here()) or processes_here()
    for point in mounted:
        subprocess.run(["umount", "-l", point], check=False)
    shutil.rmtree(SESSION, ignore_errors=True)
    assert not mounted, f"still mounted: {mounted}"
    assert running is True, f"still running: {running}"


def mounts_here():
    """Mountpoints in this session's directory."""
    return [point for point in mounting.mount_table() if point.startswith(f"{SESSION}/")]


def processes_here():
    """Command lines of all processes that name this session's directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(SESSION) in line and mounting.is_alive(int(entry.name)):
                found.append(f"{entry.name}: {line}")
    return found


CLOCK_AHEAD = """
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME)
        time->tv_sec += 3600;
    return result;
}
"""


@pytest.fixture
def clock_ahead(work):
    """An environment in which it is an hour later than it is: who waits for a time of the day waits for that."""
    library = work / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=CLOCK_AHEAD, text=True, check=True)
    return {"LD_PRELOAD": str(library)}


@pytest.fixture
def root():
    """For what only root can set up: small file systems, page caches, other users."""
    assert os.geteuid() == 0, "this test needs root"


@pytest.fixture
def work(request):
    """A directory of the test's own, open to every user."""
    path = Path(tempfile.mkdtemp(prefix=request.node.name.split("[")[0][:40] + "-", dir=SESSION))
    path.chmod(0o755)
    yield path
    if not any(point.startswith(f"{path}/") for point in mounting.mount_table()):
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def mount(work):
    """mount(SOURCE..., options="", user=None, ...) → a running Mount, unmounted and checked at the end."""
    made = []

    def make(*sources, start="daemon", **how):
        new = mounting.Mount(work / f"m{len(made)}", sources, **how)
        made.append(new)
        if start == "daemon":
            answer = new.start()
            assert answer.status == 0, answer
        elif start == "front":
            new.start_in_front()
        return new

    yield make
    errors = []
    for each in reversed(made):
        try:
            if mounting.is_mounted(each.point):
                each.unmount()
            else:
                each.assert_gone()
        except (AssertionError, subprocess.SubprocessError, OSError) as problem:
            errors.append(f"{each.point}: {problem}")
        finally:
            each.sweep()
    assert not errors, "\n".join(errors)


@pytest.fixture
def refused(work):
    """refused(ARGUMENT..., status=1) → the Answer of a `crmfs` that must fail and mount nothing."""

    def run(*arguments, user=None, status=1, environment=None):
        before = mounts_here()
        runner = mounting.Mount(work / "refused", user=user, environment=environment)
        answer = runner.run([mounting.binary_for(user), *arguments])
        assert mounts_here() == before
        assert answer.status in (status if isinstance(status, tuple) else (status,)), answer
        runner.assert_gone()
        return answer

    return run


def session_database(name, make):
    """A fixture of one database file, made once and copied to whoever changes it."""

    @pytest.fixture(scope="session", name=name)
    def database():
        path = SESSION / f"{name}.db"
        shutil.copy(mounting.made_once(path.name, lambda making: make(str(making))), path)
        path.chmod(0o644)
        return path

    return database


odd_db = session_database("odd_db", oddities.make)
crm_db = session_database("crm_db", crm.make)
large_crm_db = session_database("large_crm_db", lambda path: crm.make(path, 300000))
large_cells_db = session_database("large_cells_db", oddities.make_large_cells)
broken_db = session_database("broken_db", oddities.make_broken)


@pytest.fixture(scope="session")
def chinook_db():
    """A sample database that many programs are tried on; a copy that every user may read."""
    path = SESSION / "chinook.db"
    shutil.copy(HERE / "data/chinook/Chinook_Sqlite.sqlite", path)
    path.chmod(0o644)
    return path


@pytest.fixture(scope="session")
def certificates():
    """ca.pem, and by it good.pem, other.pem (another host's), old.pem (expired), each with its .key."""
    return mounting.made_once("certificates", certificate_files.make)


@pytest.fixture
def copy_of(work):
    """copy_of(DATABASE, name="crm.db") → a copy that the test may change."""

    def copy(database, name="crm.db"):
        target = work / name
        shutil.copy(database, target)
        target.chmod(0o644)
        return target

    return copy


@pytest.fixture
def dice():
    return random.Random(20261120)
