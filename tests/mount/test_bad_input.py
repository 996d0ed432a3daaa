# SPDX-License-Identifier: MIT
"""What is no readable database is refused in words, or read to an error: never a crash, never short."""
import os
import sqlite3

import pytest

import reference
from folder import slurp, table_path


def refusal(refused, work, source, *words, status=(1, 2)):
    """`crmfs mount` must fail on SOURCE and say what it was, with at least one of WORDS."""
    point = work / "point"
    point.mkdir(exist_ok=True)
    answer = refused("mount", source, point, status=status)
    assert answer.err.startswith("crmfs: "), answer
    assert str(source).split("=")[-1].removeprefix("sqlite:") in answer.err, answer
    assert any(word in answer.err.lower() for word in words), answer


@pytest.mark.sanitize
@pytest.mark.parametrize("content", [b"hello, I am a text file\n" * 100, b"PK\3\4" + b"\0" * 5000, b"x",
                                     b"SQLite format 3\0", b"SQLite format 3\0" + b"\xff" * 84])
def test_not_a_database(refused, work, content):
    path = work / "file.db"
    path.write_bytes(content)
    refusal(refused, work, path, "not a", "corrupt", "malformed", "truncated", "damaged")


@pytest.mark.sanitize
def test_encrypted(refused, work):
    """SQLCipher leaves nothing but noise: it has to be said that it may be encrypted."""
    path = work / "secret.db"
    path.write_bytes(os.urandom(4096 * 20))
    refusal(refused, work, path, "encrypted")


@pytest.mark.sanitize
def test_missing(refused, work):
    refusal(refused, work, work / "nothing.db", "no such file")
    refusal(refused, work, f"sqlite:{work}/nothing.db", "no such file")
    assert not (work / "nothing.db").exists()


def test_directory(refused, work):
    (work / "folder.db").mkdir()
    refusal(refused, work, work / "folder.db", "directory")


def test_device_and_pipe(refused, work):
    """Neither waits for a pipe's writer nor reads a device for ever."""
    os.mkfifo(work / "pipe.db")
    for path in (work / "pipe.db", "/dev/zero", "/dev/null"):
        refusal(refused, work, path, "not a", "regular", "empty")


def test_no_permission(refused, root, work):
    from mounting import NOBODY

    path = work / "private.db"
    sqlite3.connect(path).execute("CREATE TABLE t (x)")
    path.chmod(0o600)
    point = work / "point"
    point.mkdir()
    os.chown(point, NOBODY.pw_uid, NOBODY.pw_gid)
    answer = refused("mount", path, point, user=NOBODY)
    assert "ermission denied" in answer.err and str(path) in answer.err


def test_named_once(refused, work):
    """What was given stands in the message once, however it was given."""
    for source in (work / "nothing.db", f"x={work}/nothing.db", f"sqlite:{work}/nothing.db"):
        (work / "point").mkdir(exist_ok=True)
        answer = refused("mount", source, work / "point", status=1)
        assert answer.err.count(str(work / "nothing.db")) == 1, answer


def test_no_path(refused, work):
    (work / "point").mkdir()
    assert '"x="' in refused("mount", "x=", work / "point", status=2).err


def test_unknown_scheme(refused, work):
    refusal(refused, work, "oracle://host/db", "oracle")


@pytest.mark.parametrize("source", ["=DB", "a/b=DB", "..=DB", ".=DB", "a\nb=DB", ""])
def test_bad_name(refused, work, source, crm_db):
    point = work / "point"
    point.mkdir()
    answer = refused("mount", source.replace("DB", str(crm_db)), point, status=(1, 2))
    assert answer.err.startswith("crmfs: ")


def test_two_of_one_name(refused, work, crm_db):
    point = work / "point"
    point.mkdir()
    answer = refused("mount", f"twin={crm_db}", f"twin={crm_db}", point, status=(1, 2))
    assert "twin" in answer.err


def test_empty_file(refused, work):
    """SQLite takes it for an empty database; whoever has one more likely lost something."""
    path = work / "empty.db"
    path.write_bytes(b"")
    refusal(refused, work, path, "the file is empty")


def test_no_tables(mount, work):
    path = work / "bare.db"
    conn = sqlite3.connect(path)
    conn.execute("PRAGMA user_version = 1")
    conn.commit()
    conn.close()
    folder = mount(path).live()
    assert sorted(os.listdir(folder)) == ["datapackage.json", "schema.sql"]
    assert slurp(folder / "schema.sql") == b""


def test_broken_views(mount, broken_db):
    """What cannot be read is an error with a line in .crmfs/errors; all else is there."""
    top = mount(broken_db)
    folder = top.live()
    conn = reference.connect(broken_db)
    for form in reference.FORMATS:
        assert slurp(table_path(folder, b"sound", form)) == reference.render(conn, "sound", form)
    for name in ("broken_view", "on_broken_view", "failing_late", "foreign_module"):
        for form in reference.FORMATS:
            with pytest.raises(OSError):
                slurp(folder / f"{name}.{form}")
        if any(entry.startswith(name) for entry in os.listdir(folder)):
            assert name in top.errors()
    assert "integer overflow" in top.errors()
    slurp(folder / "datapackage.json")
    assert b"sound" in slurp(folder / "schema.sql")
