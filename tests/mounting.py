# SPDX-License-Identifier: MIT
"""Mounts crmfs for a test and sees to it that nothing of it is left behind."""
import contextlib
import fcntl
import json
import os
import pwd
import random
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("CRMFS", ROOT / "crmfs")).resolve()
NOBODY = pwd.getpwnam("nobody")
SESSION = None  # a directory that goes when the tests are over; set by conftest.py
SHARED = None  # the same of all workers
PATIENCE = 60  # seconds that a healthy crmfs never takes, sanitizers included


def mount_table():
    """Mountpoint → file system type of all that is mounted."""
    table = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split(" ")
        table[point.encode().decode("unicode_escape").encode("latin-1").decode()] = kind
    return table


def is_mounted(path):
    return str(path) in mount_table()


def is_alive(pid):
    """True while the process runs; a zombie runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(condition, timeout=PATIENCE, interval=0.05):
    """The condition's first true value; its last one when time is up. Most wait for what is as good as there."""
    end = time.monotonic() + timeout
    pause = interval / 25
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(pause)
        pause = min(interval, pause * 2)


@contextlib.contextmanager
def small_disk(place, size):
    """A file system of SIZE bytes, in memory, on a new directory PLACE; only root can mount it."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_TOPDIR_FL = 0x80086601, 0x40086602, 0x20000  # linux/fs.h


def spread(directory):
    """Each new directory in this one lies somewhere else on an ext4, as those at its top do. It looks long for a file's
    place where many were removed within the last minute (recently_deleted() in its ialloc.c): a third of what the system
    does for a test with a database of its own. Other file systems know no such wish, and need none."""
    opened = os.open(directory, os.O_RDONLY)
    with contextlib.suppress(OSError):
        flags, = struct.unpack("l", fcntl.ioctl(opened, FS_IOC_GETFLAGS, bytes(struct.calcsize("l"))))
        fcntl.ioctl(opened, FS_IOC_SETFLAGS, struct.pack("l", flags | FS_TOPDIR_FL))
    os.close(opened)


def made_once(name, make):
    """SHARED/name, which make(path) makes for the first worker that needs it; nobody changes it."""
    path, making = SHARED / name, SHARED / f"{name}.making"
    with open(SHARED / f"{name}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make(making)
            making.rename(path)
    return path


def free_port():
    """A TCP port that nobody listens at; none of those that clients get, and most likely no other worker's."""
    first_of_clients = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.SystemRandom().randrange(first_of_clients // 2, first_of_clients)))
            return probe.getsockname()[1]


def as_user(user, command):
    """The command, to be run as USER (None: as whoever runs the tests)."""
    if user is None or os.geteuid() == user.pw_uid:
        return [str(word) for word in command]
    assert os.geteuid() == 0, f"running as {user.pw_name} needs root"
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--",
            *(str(word) for word in command)]


LEAVE_MOUNTS = r"""
awk '$3 ~ /^fuse/ { print $2 }' /proc/self/mounts |
    while read -r point; do umount -l "$(printf '%b' "$point")"; done
"""


def alone(script):
    """
    The command that runs a shell script among mounts of its own. What other tests have mounted is not
    among them: a daemon does not end before the last copy of its mount is gone.
    """
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", LEAVE_MOUNTS + script]


class Answer:
    """What a finished crmfs command said."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Mount:
    """One mount of crmfs. Made by the fixture `mount`, which also takes it down."""

    def __init__(self, directory, sources=(), options="", user=None, mountpoint=None, arguments=(),
                 argv0=None, environment=None):
        self.user = user
        self.directory = Path(directory)
        self.spool = self.directory / "spool"
        self.point = Path(mountpoint) if mountpoint else self.directory / "mnt"
        for made in (self.directory, self.spool) + (() if mountpoint else (self.point,)):
            made.mkdir(parents=True, exist_ok=True)
            if user:
                os.chown(made, user.pw_uid, user.pw_gid)
        self.environment = {**os.environ, "TMPDIR": str(self.spool), "HOME": str(self.directory),
                            **(environment or {})}
        self.command = [argv0 or binary_for(user), "mount", *arguments]
        if options:
            self.command += ["-o", options]
        self.command += [*sources, self.point]
        self.process = None
        self.pid = None

    # What is written to these files stays readable when the daemon keeps them open, unlike a pipe.
    def run(self, command, timeout=PATIENCE):
        out, err = self.directory / "stdout", self.directory / "stderr"
        with open(out, "wb") as stdout, open(err, "wb") as stderr:
            status = subprocess.run(as_user(self.user, command), stdin=subprocess.DEVNULL, stdout=stdout,
                                    stderr=stderr, env=self.environment, cwd=self.directory,
                                    timeout=timeout, check=False).returncode
        return Answer(status, out.read_text(errors="replace"), err.read_text(errors="replace"))

    def start(self):
        """Runs `crmfs mount`; the answer when it has daemonised or failed."""
        answer = self.run(self.command)
        if answer.status == 0:
            assert is_mounted(self.point), f"status 0 but nothing is mounted\n{answer}"
            self.pid = self.status()["pid"]
        return answer

    def start_in_front(self):
        """Runs `crmfs mount -f` and returns once it answers."""
        command = [*self.command[:2], "-f", *self.command[2:]]
        self.process = subprocess.Popen(as_user(self.user, command), env=self.environment,
                                        stdin=subprocess.DEVNULL, cwd=self.directory)
        assert eventually(lambda: self.process.poll() is not None or is_mounted(self.point), PATIENCE)
        assert self.process.poll() is None, f"ended with status {self.process.returncode}"
        assert eventually((self.point / ".crmfs/status").exists, PATIENCE)
        self.pid = self.status()["pid"]
        return self

    def read(self, *parts):
        """A file's bytes, as the mount's user reads them."""
        if self.user is None or os.geteuid() == self.user.pw_uid:
            return self.path(*parts).read_bytes()
        return subprocess.run(as_user(self.user, ["cat", self.path(*parts)]), stdout=subprocess.PIPE,
                              check=True, timeout=PATIENCE).stdout

    def path(self, *parts):
        return self.point.joinpath(*parts)

    def status(self):
        return json.loads(self.read(".crmfs/status"))

    def errors(self):
        return self.read(".crmfs/errors").decode()

    def live(self):
        """The folder of the only source."""
        (folder,) = self.path("live").iterdir()
        return folder

    def high_water(self):
        """The most bytes the daemon has had in memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def try_unmount(self):
        """None: it is busy."""
        answer = self.run(["fusermount3", "-u", self.point])
        return None if answer.status != 0 and "busy" in answer.err else answer

    def unmount(self):
        """fusermount3 -u, and all of the daemon gone. Whoever looks at all mounts holds this one for a moment."""
        answer = eventually(self.try_unmount, 1, 0.2)
        assert answer is not None, "still busy"
        assert answer.status == 0, answer
        self.assert_gone()

    def assert_gone(self, timeout=PATIENCE):
        assert eventually(lambda: not is_mounted(self.point), timeout), "still mounted"
        if self.process is not None:
            self.process.wait(timeout)
        assert eventually(lambda: self.pid is None or not is_alive(self.pid), timeout), "still running"
        left = [name for name in os.listdir(self.spool) if not name.startswith("sanitizer")]
        assert left == [], f"left in the spool: {left}"
        self.pid = None

    def sweep(self):
        """Takes down what is left of a failed test, however hard; True if there was something."""
        found = False
        if is_mounted(self.point):
            found = True
            subprocess.run(["fusermount3", "-u", "-z", self.point], check=False)
        if self.pid is not None and is_alive(self.pid):
            found = True
            eventually(lambda: not is_alive(self.pid), 5)
            if is_alive(self.pid):
                os.kill(self.pid, signal.SIGKILL)
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        return found


def binary_for(user):
    """The binary; a copy where an unprivileged user can run it if its own place is private."""
    if user is None or subprocess.run(as_user(user, ["test", "-x", BINARY]), check=False).returncode == 0:
        return BINARY
    return public_copy()


def public_copy():
    copy = SESSION / "crmfs"
    if not copy.exists():
        shutil.copy(BINARY, copy)
        copy.chmod(0o755)
    return copy
