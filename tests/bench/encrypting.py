# SPDX-License-Identifier: MIT
"""Directories that are encrypted, as the bench of files/ drives them: crmfs's own, and its peers'."""
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import mounting

WORD = "bench"
PATIENCE = 300


def started(process):
    """When a process began, in ticks; None: it has ended. Another may have its number by then."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


class Side:
    """Mounted below DIRECTORY; what programs work in is `top`."""

    name = ""

    def __init__(self, directory):
        self.directory = Path(directory) / self.name
        self.point, self.back, self.peak = self.directory / "mnt", self.directory / "back", 0
        self.top, self.renewals = self.point, 0
        self.point.mkdir(parents=True)
        self.environment = {**os.environ, "XDG_STATE_HOME": str(self.directory / "state")}

    @classmethod
    def installed(cls):
        return shutil.which(cls.name) is not None

    def run(self, *words, word=None):
        done = subprocess.run([str(each) for each in words], env=self.environment, input=word, check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{self.name}: {done.stderr}")

    def begin(self):
        self.make()
        self.mount()

    def end(self):
        """Unmounted, and its process gone, which still writes below the directory; if that can be had."""
        if not mounting.is_mounted(self.point):
            return
        try:
            self.unmount()
        except (OSError, subprocess.CalledProcessError, SystemExit):
            subprocess.run(["fusermount3", "-u", "-z", self.point], check=False)

    def process(self):
        """Of the mount; what is stored is safe once it has ended."""
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if self.name.encode() in words[0] and os.fsencode(self.point) in words:
                return entry
        sys.exit(f"{self.name} is not running")

    def part(self):
        """Begins to end the mount."""
        subprocess.run(["fusermount3", "-u", self.point], check=True)

    def unmount(self):
        process = self.process()
        begun = started(process)
        self.part()
        if not mounting.eventually(lambda: started(process) != begun, PATIENCE):
            sys.exit(f"{self.name} does not end")

    def remount(self):
        self.unmount()
        self.mount()

    def renew(self):
        """Empty, and elsewhere: what was stored is found again, and CryFS remembers what was where."""
        self.unmount()
        shutil.rmtree(self.back)
        self.renewals += 1
        self.back = self.directory / f"back-{self.renewals}"
        self.begin()


class Crmfs(Side):
    name = "crmfs"

    def __init__(self, directory):
        super().__init__(directory)
        self.environment["CRMFS_PASSPHRASE"] = WORD
        self.top = self.point / "files"

    @classmethod
    def installed(cls):
        return True

    def make(self):
        self.run(mounting.BINARY, "init", self.back)

    def mount(self):
        self.run(mounting.BINARY, "mount", self.back, self.point)

    def process(self):
        number = (self.point / ".crmfs/status").read_text().split('"pid":')[1].split(",")[0]
        return Path("/proc") / number.strip()

    def high_water(self):
        words = (self.process() / "status").read_text()
        return next(int(line.split()[1]) * 1024 for line in words.splitlines() if line.startswith("VmHWM"))

    def part(self):
        """By a signal: a copy of the mount, in a namespace of somebody else's, would keep it going."""
        os.kill(int(self.process().name), signal.SIGTERM)

    def unmount(self):
        self.peak = max(self.peak, self.high_water())
        super().unmount()

    def stored(self):
        return sum(path.stat().st_size for path in self.back.rglob("*") if path.is_file())


class Gocryptfs(Side):
    name = "gocryptfs"

    def make(self):
        self.back.mkdir()
        (self.directory / "word").write_text(WORD)
        self.run("gocryptfs", "-q", "-init", "-scryptn", "10", "-passfile", self.directory / "word", self.back)

    def mount(self):
        self.run("gocryptfs", "-q", "-passfile", self.directory / "word", self.back, self.point)


class Cryfs(Side):
    name = "cryfs"

    def __init__(self, directory):
        super().__init__(directory)
        self.environment |= {"CRYFS_FRONTEND": "noninteractive", "CRYFS_NO_UPDATE_CHECK": "true",
                             "HOME": str(self.directory)}

    def make(self):
        self.back.mkdir()

    def mount(self):
        self.run("cryfs", self.back, self.point, word=WORD + "\n")


ALL = [Crmfs, Gocryptfs, Cryfs]
