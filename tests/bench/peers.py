# SPDX-License-Identifier: MIT
"""Programs that keep snapshots of files, as the bench of the store drives them; each when it is installed."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mounting

WORD = "bench"


class Peer:
    """A repository below DIRECTORY; back_up() adds one file, mounted() shows it in the newest backup."""

    name = ""

    def __init__(self, directory):
        self.directory, self.repository = Path(directory) / self.name, Path(directory) / self.name / "repository"
        self.directory.mkdir(exist_ok=True)
        self.environment = {**os.environ, "HOME": str(self.directory), "XDG_CACHE_HOME": str(self.directory / "cache"),
                            "RESTIC_PASSWORD": WORD, "BORG_PASSPHRASE": WORD, "BORG_EXIT_CODES": "modern",
                            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}

    @classmethod
    def installed(cls):
        return shutil.which(cls.name) is not None

    def run(self, *words, cwd=None):
        subprocess.run([self.name, *map(str, words)], env=self.environment, cwd=cwd, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def stored(self):
        return sum(path.stat().st_size for path in self.repository.rglob("*") if path.is_file())


class Restic(Peer):
    name = "restic"

    def begin(self):
        self.run("init", "-q", "-r", self.repository)

    def back_up(self, file, _):
        self.run("backup", "-q", "-r", self.repository, file.name, cwd=file.parent)

    def mounted(self, file):
        point = self.directory / "mnt"
        point.mkdir(exist_ok=True)
        self.process = subprocess.Popen([self.name, "mount", "-q", "-r", self.repository, point],
                                        env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not mounting.eventually(lambda: mounting.is_mounted(point), 60):
            sys.exit("restic did not mount")
        return next((point / "snapshots/latest").rglob(file.name))

    def unmount(self):
        subprocess.run(["fusermount3", "-u", self.directory / "mnt"], check=True)
        self.process.wait(60)


class Borg(Peer):
    name = "borg"

    def begin(self):
        self.run("init", "-e", "repokey-blake2", self.repository)

    def back_up(self, file, number):
        self.last = f"{self.repository}::{number}"
        self.run("create", self.last, file.name, cwd=file.parent)

    def mounted(self, file):
        point = self.directory / "mnt"
        point.mkdir(exist_ok=True)
        self.run("mount", self.last, point)
        return point / file.name

    def unmount(self):
        self.run("umount", self.directory / "mnt")


ALL = [Borg, Restic]
