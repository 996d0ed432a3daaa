# SPDX-License-Identifier: MIT
"""What goes wrong with a store, told so that nobody does the wrong thing about it."""
import json
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

from command import crmfs
from mounting import BINARY
from storing import make_people, memory, store  # noqa: F401
from test_keeping import mounted


@pytest.fixture(name="database")
def make_database(work):
    return make_people(work / "crm.db")


def ask(*words, status=0, **environment):
    done = crmfs(*map(str, words), **environment)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done


def take(store, database, *names):  # noqa: F811
    for name in names:
        ask("snapshot", "--quiet", "--store", store, "--name", name, database)


def test_a_store_that_has_gone(store, database, work):  # noqa: F811
    """Nobody is advised to give up records of it."""
    with mounted(store, work / "mnt", database) as mount:
        shutil.rmtree(store)
        with pytest.raises(OSError):
            (mount / "snapshots/x").mkdir()
        said = (mount / ".crmfs/errors").read_text()
    assert "is gone: is its disk mounted?" in said and "drop-records" not in said, said


def test_retention_goes_on(store, database, work):  # noqa: F811
    """Past a snapshot of which nobody can say what it holds: that one stays."""
    take(store, database, "a")
    before = set(store.glob("packs/*/*"))
    with sqlite3.connect(work / "other.db") as connection:
        connection.execute("CREATE TABLE others (x)")
    connection.close()
    take(store, work / "other.db", "lost")
    (pack,) = set(store.glob("packs/*/*")) - before
    take(store, database, "b", "c")
    pack.unlink()
    done = ask("forget", "--json", "--keep-last", "1", store, status=3)
    assert "lost stays: what it holds cannot be read" in done.stderr
    (group,) = json.loads(done.stdout)
    assert [one["reasons"] for one in group["keep"]] == [["last snapshot"]], group
    listed = json.loads(ask("snapshots", "--json", store).stdout)
    assert [(one["name"], one["partial"]) for one in listed] == [("lost", None), ("c", False)]


def test_names_given_twice(store, database):  # noqa: F811
    take(store, database, "a")
    assert ask("forget", store, "a", "a").stdout == "a is forgotten\n"


def test_asked_for_and_left_out(store, database):  # noqa: F811
    done = ask("snapshot", "--store", store, "--table", "people", "--exclude-table", "people", database, status=1)
    assert "table people is asked for and left out at once" in done.stderr


def test_a_folder_without_backups(work):
    """It is called what it was called by who typed it."""
    (work / "folder").mkdir()
    (work / "folder/x").write_text("nothing")
    (work / "mnt").mkdir()
    said = ask("mount", work / "folder", work / "mnt", status=2).stderr
    assert f"{work}/folder: there is no store in it, nor a backup" in said and "/*" not in said, said


def test_init_given_up(work):
    """It leaves nothing that was not there before."""
    ask("init", work / "new", status=1, CRMFS_PASSPHRASE="")
    assert not (work / "new").exists()
    (work / "old").mkdir()
    ask("init", work / "old", status=1, CRMFS_PASSPHRASE="")
    assert (work / "old").is_dir()


def test_nothing_to_export(store, work):  # noqa: F811
    with mounted(store, work / "mnt") as mount:
        (mount / "files/x").write_bytes(b"x")
        (mount / "snapshots/a").mkdir()
    assert "only files/, which is copied out of a mount" in ask("export", "-o", work / "out", store, "a", status=1).stderr
    assert not (work / "out").exists()


def test_a_damaged_memory(store, database, work):  # noqa: F811
    """Not to know whether a store was rolled back is worth a word."""
    take(store, database, "a")
    memory_files = list((work / "state/crmfs").iterdir())
    for memory_file in memory_files:
        memory_file.write_text("junk")
    assert "not known this once" in ask("snapshots", store).stderr
    assert ask("snapshots", store).stderr == ""
    assert {os.path.getsize(memory_file) for memory_file in memory_files} == {86}


def test_others_may_write_to_the_store(store, database):  # noqa: F811
    """They can destroy it: every command that opens it says so, once, and check in its answer."""
    take(store, database, "a")
    for folder, mode, group, told in (("", 0o755, None, 0), ("", 0o1777, None, 1), ("packs", 0o777, None, 1), ("", 0o775, 0, 0), ("", 0o775, 9, 1)):
        if group is not None and os.geteuid() != 0:
            continue
        os.chown(store / folder, -1, -1 if group is None else os.stat(store).st_uid + group)
        (store / folder).chmod(mode)
        done = ask("check", "--json", store)
        assert json.loads(done.stdout)["others_may_write"] is bool(told) and json.loads(done.stdout)["findings"] == []
        for command in ("check", "snapshots"):
            said = ask(command, store).stderr
            assert said.count("others than its owner may write to the store") == told == said.count("\n"), (mode, said)
        subprocess.run(["chmod", "-R", "go-w", store], check=True)
    assert ask("snapshots", store).stderr == ""


@pytest.mark.parametrize("name", [b"-dash", b"a b", b"it's $HOME", b"new\nline\\'", b"no text \xff", "größe".encode(), b"plain-1.store"])
def test_a_path_in_a_hint_can_be_typed(work, name):
    """A shell takes it for what it is, though a terminal shows it."""
    environment = {**os.environ, "CRMFS_PASSPHRASE": "one", "XDG_STATE_HOME": str(work / "state")}
    os.mkdir(work / "in")
    made = subprocess.run([BINARY, "init", "--", name], cwd=work / "in", env=environment, capture_output=True, check=True).stdout
    hint = re.search(rb"^`crmfs key recovery (.*)` makes", made, re.MULTILINE)[1]
    asked = subprocess.run(["bash", "-c", b"printf '%s\\0' " + hint], capture_output=True, check=True).stdout.split(b"\0")[:-1]
    assert asked == ([b"--", name] if name.startswith(b"-") else [name])
    assert hint.decode().isprintable() and (hint == name) == (name == b"plain-1.store")


@pytest.mark.parametrize("words,word", [
    (["restore", "--to", "x.db", "postgresql+psycopg2://crm:s3cret@db/crm"], "no kind of source"),
    (["restore", "--to", "x.db", "mysql://crm:s3cret@db/crm"], "a password in a URL"),
    (["restore", "--to", "x.db", "my_sql://crm:s3cret@db/crm"], "begins with its scheme"),
    (["migrate", "crm=mysql://crm:s3cret@db/crm", "x.db"], 'leave "crm=" away'),
    (["migrate", "crm=mysql:crm:s3cret@db", "x.db"], 'leave "crm=" away'),
    (["migrate", "sqlite:///a.db?key=s3cret", "x.db"], "no options in the URL of a file"),
    (["restore", "--to", "x=mysql://u:s3cret@h/d%zz", "crm.db"], 'leave "x=" away'),
    (["restore", "--to", "mysql://u@h/d?key=s3cret", "crm.db"], 'no option "key"'),
    (["snapshot", "--store", "store", "mysql:///db?user=u&pass=s3cret"], 'no option "pass"'),
    (["snapshot", "--store", "store", "mysql:///?user=u&pass=s3cret"], "names no database"),
    (["snapshot", "--store", "store", "a=crm.db", "a=mysql://h/d?pass=s3cret"], "two sources are named"),
    (["mount", "-f", "mysql:///db?user=u&pass=s3cret", "store"], 'no option "pass"'),
])
def test_a_password_is_not_repeated(store, database, work, monkeypatch, words, word):  # noqa: F811
    """Nor whatever stands where one might: in the log of a job everybody may read it."""
    monkeypatch.chdir(work)
    assert store == work / "store" and database == work / "crm.db"
    done = crmfs(*words)
    assert done.returncode in (1, 2) and word in done.stderr, done.stderr
    assert "s3cret" not in done.stderr
