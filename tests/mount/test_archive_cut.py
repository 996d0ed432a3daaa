# SPDX-License-Identifier: MIT
"""Backups that end too early: what came before is there, and then an error, never an end."""
import errno
import gzip
import os
import subprocess

import pytest

from folder import slurp
from small_dump import ACCOUNTS, DUMP


def test_cut_dump(mount, work):
    """Whole tables show; the one that is cut is an error that says where."""
    text = DUMP.split("-- Dump")[0] + "INSERT INTO `empty` VALUES (1),(2),\n"
    path = work / "cut.sql"
    path.write_text(text)
    top = mount(path)
    folder = top.path("archives/cut.sql")
    assert slurp(folder / "accounts.csv") == ACCOUNTS
    for form in ("csv", "json", "ndjson"):
        with pytest.raises(OSError, match="Input/output"):
            slurp(folder / f"empty.{form}")
    assert "line 6, byte" in slurp(top.path(".crmfs/errors")).decode()


def readable(path):
    """What can be read of a file before it fails, in pages."""
    found = b""
    with open(path, "rb", buffering=0) as file:
        while True:
            try:
                piece = os.pread(file.fileno(), 4096, len(found))
            except OSError as error:
                assert error.errno == errno.EIO
                return found, True
            if not piece:
                return found, False
            found += piece


@pytest.mark.sanitize
def test_up_to_the_cut(mount, work):
    """What came before the damage is there to the page, then there is an error, and never an end."""
    rows = [f"({number},'text number {number}')" for number in range(30000)]
    whole = "CREATE TABLE `t` (`id` int NOT NULL, `v` text, PRIMARY KEY (`id`));\nINSERT INTO `t` VALUES "
    (work / "whole.sql").write_text(f"-- MariaDB dump 10.19\n{whole}{','.join(rows)};\n-- Dump completed\n")
    (work / "cut.sql").write_text(f"-- MariaDB dump 10.19\n{whole}{','.join(rows[:20000])},(200")
    top = mount(work / "whole.sql", work / "cut.sql")
    for form in ("csv", "json", "ndjson"):
        expected = slurp(top.path(f"archives/whole.sql/t.{form}"))
        path = top.path(f"archives/cut.sql/t.{form}")
        found, failed = readable(path)
        cut = os.stat(path).st_size - 1
        assert failed and expected.startswith(found) and len(found) == cut // 4096 * 4096
        assert subprocess.run(["cat", path], capture_output=True, check=False).returncode != 0
        assert subprocess.run(["cp", path, work / "copy"], capture_output=True, check=False).returncode != 0
        assert os.stat(path).st_size - 1 == cut
    assert os.getxattr(top.path("archives/cut.sql/t.csv"), "user.crmfs.rows") == b"20000"
    assert "line 3, byte" in top.errors() and top.status()["archives"][1]["tables_failed"] == 1


def test_cut_gzip(mount, work):
    packed = gzip.compress((DUMP.split("-- Dump")[0] + "".join(
        f"INSERT INTO `empty` VALUES ({number});\n" for number in range(20000))).encode())
    path = work / "cut.sql.gz"
    path.write_bytes(packed[: len(packed) // 2])
    top = mount(path)
    assert slurp(top.path("archives/cut.sql.gz/accounts.csv")) == ACCOUNTS
    with pytest.raises(OSError, match="Input/output"):
        slurp(top.path("archives/cut.sql.gz/empty.csv"))
    assert "cut.sql" in slurp(top.path(".crmfs/errors")).decode()
