# SPDX-License-Identifier: MIT
"""crmfs import: old backups into a store, dated as they are."""
import calendar
import gzip
import json
import lzma
import os
import sqlite3
import subprocess
import zipfile

import pytest

from command import crmfs
from mounting import BINARY
from storing import store  # noqa: F401


@pytest.fixture(autouse=True)
def memory(work, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    monkeypatch.setenv("CRMFS_PASSPHRASE", "one")
    monkeypatch.setenv("TMPDIR", str(work))


def dump(path, rows, year):
    text = "-- MySQL dump\nCREATE TABLE t (id int NOT NULL, v varchar(9), PRIMARY KEY (id));\nINSERT INTO t VALUES "
    text += ",".join(f"({number},'{value}')" for number, value in rows)
    text += f";\n-- Dump completed on {year}-03-01  2:00:00\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def run(store, *words):
    done = crmfs("import", "--store", str(store), *map(str, words))
    assert done.returncode == 0, done.stderr
    return done


def names(store):
    return [(each["name"], each["time"]) for each in json.loads(crmfs("snapshots", "--json", str(store)).stdout)]


@pytest.mark.parametrize("name, text, told", [
    ("w.csv", "id;n\n1;Müller\n".encode("latin-1"), "is taken for Windows-1252"),
    ("s.csv", b"a,b,c\n1,2,3\n4,5\n6,7,8\n", "line 3 of"),
    ("d.csv", b"last,first;id\nDoe,J;1\n", "may be told apart by semicolons or by commas"),
    ("h.csv", b"1,x\n2,y\n", "its first line is taken for the names of columns"),
])
def test_notices(store, work, name, text, told):
    """How a file was read that does not say it is told, and nothing is left out: by a restore as well."""
    (work / name).write_bytes(text)
    done = run(store, work / name)
    assert told in done.stderr and "left out" not in done.stderr
    again = crmfs("restore", "--to", str(work / "new.db"), str(work / name))
    assert (again.returncode, told in again.stderr, "left out" in again.stderr) == (0, True, False), again.stderr


def test_many_notices(store, work):
    """Those of an archive that are not told one by one are no reason to think that something is missing."""
    with zipfile.ZipFile(work / "many.zip", "w") as archive:
        for i in range(60):
            archive.writestr(f"table{chr(97 + i % 26)}{i}x.csv", f"id,name,x\n{i},a\n{i},b,c\n")
    assert "more parts of it" in run(store, work / "many.zip").stderr


def test_what_letters_are_is_known(store, work):
    """… but text that is wrong as far as can be seen is a reason, and so it is said."""
    (work / "m.csv").write_bytes("id;n\n1;Müller\n".encode("latin-1") + "2;Müller\n".encode())
    done = crmfs("import", "--store", str(store), str(work / "m.csv"))
    assert done.returncode == 3 and "left out or is wrong, therefore status 3" in done.stderr


def test_sequences(work):
    """A restore tells of those that it leaves out, as of triggers."""
    (work / "s.sql").write_text("-- MySQL dump\nCREATE SEQUENCE `s` start with 1 minvalue 1;\nDO SETVAL(`s`, 1, 0);\nCREATE TABLE t (id int);\n"
                                "INSERT INTO t VALUES (1);\n-- Dump completed on 2019-03-01  2:00:00\n")
    done = crmfs("restore", "--to", str(work / "new.db"), str(work / "s.sql"))
    assert done.returncode == 0 and "the sequence s is left out" in done.stderr


@pytest.mark.parametrize("begin, line, end", [("", "-- Whoever has this may do with it what he likes.\n", ""), ("/*", "\n * a licence", "\n */\n")])
def test_a_dump_that_begins_with_a_long_comment(store, work, begin, line, end):
    """… as a licence, or what somebody has put before it, is one all the same."""
    whole = gzip.decompress(dump(work / "crm.sql.gz", [(1, "a"), (2, "b")], 2019).read_bytes()).decode()
    for count in 100, 3000:
        (work / "long.sql").write_text(begin + count * line + end + whole)
        assert ": 2 rows in 1 table" in run(store, work / "long.sql").stdout
    assert {when[:4] for _, when in names(store)} == {"2019"}


def test_a_table_without_its_rows_is_asked_for(store, work):
    """It is there, and is not said to be unknown; other backups are imported all the same."""
    (work / "bare.sql").write_text("-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\nCREATE TABLE `bare` (`id` int);\nCREATE TABLE `t` (`id` int);\n"
                                   "LOCK TABLES `t` WRITE;\nINSERT INTO `t` VALUES (1);\nUNLOCK TABLES;\n-- Dump completed on 2019-03-01  2:00:00\n")
    (work / "full.sql").write_text("-- MySQL dump\nCREATE TABLE bare (id int);\nINSERT INTO bare VALUES (1);\n-- Dump completed on 2018-03-01  2:00:00\n")
    done = crmfs("import", "--store", str(store), "--table", "bare", str(work / "bare.sql"), str(work / "full.sql"))
    assert done.returncode == 1 and "table bare is there, but not its rows" in done.stderr and "no source has" not in done.stderr
    assert [when[:4] for _, when in names(store)] == ["2018"]
    done = crmfs("import", "--store", str(store), "--table", "t,nothing", str(work / "bare.sql"))
    assert done.returncode == 1 and "no source has a table nothing" in done.stderr


def test_which_backup(store, work):
    """What is said of one of several says of which."""
    (work / "old").mkdir()
    for name in "a.sql", "b.sql":
        (work / "old" / name).write_text("-- MySQL dump\nCREATE TABLE t (id int);\nINSERT INTO t VALUES (1);\nUPDATE t SET id = 2;\n"
                                         "CREATE TABLE v (id int);\nINSERT INTO v VALUES (1);\n-- Dump completed on 2019-03-01  2:00:00\n")
    done = crmfs("import", "--store", str(store), str(work / "old"))
    lines = [line for line in done.stderr.splitlines() if "line 4" in line]
    assert [str(work / "old" / name) in line for name, line in zip(("a.sql", "b.sql"), lines)] == [True, True], done.stderr
    taken = done.stdout.splitlines()
    assert len(taken) == 2 and f" of {work / 'old/a.sql'}: 2 rows " in taken[0] and f" of {work / 'old/b.sql'}: 2 rows " in taken[1]
    one = crmfs("import", "--json", "--store", str(store), str(work / "old/a.sql"))
    assert json.loads(one.stdout)["backup"] == str(work / "old/a.sql")


def test_years(store, work):
    """Each has the time that it says, and one source's name: so they are compared."""
    rows = [(number, f"{pow(number, 3, 999983):x}") for number in range(50000)]
    old = dump(work / "crm-2018-03-01.sql.gz", rows, 2018)
    new = dump(work / "crm-2019-03-01.sql", rows[:-1] + [(60000, "new")], 2019)
    run(store, old, new)
    assert names(store) == [("2018-03-01T020000Z", "2018-03-01T02:00:00Z"),
                            ("2019-03-01T020000Z", "2019-03-01T02:00:00Z")]
    said = crmfs("diff", "--json", str(store), "2018-03-01T020000Z", "latest")
    assert said.returncode == 1 and '"crm"' in said.stdout, said.stdout
    first, second = json.loads(crmfs("snapshots", "--json", str(store)).stdout)
    assert second["stored_bytes"] < first["stored_bytes"]
    out = subprocess.run([BINARY, "export", store, "latest", "t"], capture_output=True, check=True).stdout
    assert out == b"id,v\n" + b"".join(b"%d,%s\n" % (n, v.encode()) for n, v in rows[:-1] + [(60000, "new")])
    assert crmfs("check", "--read-data", str(store)).returncode == 0


def shelf(folder, rows):
    """Ten backups of one CRM, a year apart, of every kind; each year has some rows more and one changed."""
    folder.mkdir()
    packers = {"sql.bz2": ["bzip2"], "sql.xz": ["xz"], "sql.zst": ["zstd", "-q", "--rm"], "sql.lz4": ["lz4", "-q", "--rm"]}
    kinds = ["sql", "sql.gz", *packers, "zip", "tar.gz", "db", "db.gz"]
    for year, kind in enumerate(kinds, 2010):
        some = [(number, f"new{year}" if number == year else value) for number, value in rows[:len(rows) * year // 2019]]
        path, moment = folder / f"crm-{year}-03-01.{kind}", calendar.timegm((year, 3, 1, 2, 0, 0))
        plain = folder / f"crm-{year}-03-01.{'db' if 'db' in kind else 'sql'}"
        if "db" in kind:
            with sqlite3.connect(plain) as database:
                database.execute("CREATE TABLE t (id int NOT NULL, v varchar(9), PRIMARY KEY (id))")
                database.executemany("INSERT INTO t VALUES (?, ?)", some)
            database.close()
        else:
            dump(plain, some, year)
        os.utime(plain, (moment, moment))
        if kind in packers:
            subprocess.run([*packers[kind], plain, *([path] if kind == "sql.lz4" else [])], check=True)
        elif kind.endswith("gz") and "tar" not in kind:
            subprocess.run(["gzip", plain], check=True)
        elif kind in ("zip", "tar.gz"):
            command = ["zip", "-qm", path, plain.name] if kind == "zip" else ["tar", "--remove-files", "-czf", path, plain.name]
            subprocess.run(command, cwd=folder, check=True)
        os.utime(path, (moment, moment))
    assert len(os.listdir(folder)) == 10
    return folder


def test_ten_of_all_kinds(store, work):
    """A folder of them becomes dated snapshots of one source, which have in common what is the same."""
    rows = [(number, f"{pow(number, 3, 99991):x}{number % 7}") for number in range(60000)]
    run(store, shelf(work / "old", rows))
    taken = json.loads(crmfs("snapshots", "--json", str(store)).stdout)
    assert [each["time"] for each in taken] == [f"{year}-03-01T02:00:00Z" for year in range(2010, 2020)]
    assert all(each["stored_bytes"] < taken[0]["stored_bytes"] / 2 for each in taken[1:]), taken
    for each, year in ((taken[4], 2014), (taken[9], 2019)):
        out = subprocess.run([BINARY, "export", store, each["name"], "t"], capture_output=True, check=True).stdout
        expected = [(n, f"new{year}" if n == year else v) for n, v in rows[:len(rows) * year // 2019]]
        assert out == b"id,v\n" + b"".join(b"%d,%s\n" % (n, v.encode()) for n, v in expected)
    said = crmfs("diff", "--json", str(store), taken[8]["name"], taken[9]["name"])
    assert said.returncode == 1 and '"crm"' in said.stdout
    assert crmfs("check", "--read-data", str(store)).returncode == 0


def test_backups_of_one_name(store, work):
    """A folder a day, and in each the same file: each is a snapshot of its own, and nothing takes the other's place."""
    paths = []
    for year in (2018, 2019):
        (work / str(year)).mkdir()
        paths.append(dump(work / f"{year}/crm.sql.gz", [(1, f"of {year}")], year))
    run(store, *paths)
    assert [name for name, _ in names(store)] == ["2018-03-01T020000Z", "2019-03-01T020000Z"]
    for name, _ in names(store):
        assert crmfs("export", str(store), name, "crm/t").stdout == f"id,v\n1,of {name[:4]}\n"


def test_name_source_and_database(store, work, chinook_db):
    run(store, "--name", "2019-03-01", "--tag", "old", f"crm={dump(work / 'x.sql', [(1, 'a')], 2019)}")
    assert names(store) == [("2019-03-01", "2019-03-01T02:00:00Z")]
    tree = work / "out"
    assert crmfs("export", "-o", str(tree), str(store), "2019-03-01").returncode == 0
    assert os.listdir(tree) == ["crm"]
    answer = json.loads(run(store, "--json", chinook_db).stdout)
    assert answer["tables"] > 5 and answer["time"][:4] >= "2020"


def test_refused(store, work):
    """A backup that is cut short is not imported as if it were whole."""
    path = dump(work / "cut.sql", [(1, "a"), (2, "b")], 2019)
    path.write_bytes(path.read_bytes()[:-60])
    done = crmfs("import", "--store", str(store), str(path))
    assert done.returncode == 1 and "cut short" in done.stderr
    assert names(store) == []
    (work / "text").write_text("nothing")
    for words in (["text"], []):
        done = crmfs("import", "--store", str(store), *(str(work / word) for word in words))
        assert done.returncode != 0 and done.stderr.startswith("crmfs: ")
    done = crmfs("import", "--store", str(store), "--name", "x", str(path), f"other={path}")
    assert done.returncode == 2 and "--name" in done.stderr
    assert sorted(os.listdir(work)) == ["cut.sql", "state", "store", "text"]


def test_others_are_taken(store, work):
    """One that is cut short, or is gone, does not keep those behind it out."""
    cut = dump(work / "b.sql", [(1, "a"), (2, "b")], 2018)
    cut.write_bytes(cut.read_bytes()[:-60])
    done = crmfs("import", "--store", str(store), str(dump(work / "a.sql", [(1, "a")], 2017)), str(cut),
                 str(dump(work / "c.sql", [(1, "a")], 2019)))
    assert done.returncode == 1 and done.stderr.count("cannot import: ") == 1 and "cannot import: b, table t" in done.stderr
    assert [name for name, _ in names(store)] == ["2017-03-01T020000Z", "2019-03-01T020000Z"]


def test_snapshot_of_an_archive(store, work):
    done = crmfs("snapshot", "--store", str(store), "--json", str(dump(work / "a.sql", [(1, "a")], 2019)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["time"][:4] > "2019"


@pytest.mark.parametrize("file, source", [
    ("crm-2019-03-01.sql", "crm"), ("crm_20190301_1230.sql", "crm"), ("crm-2019-03.sql", "crm"),
    ("crm 2019-03-01 12-30-59.sql", "crm"), ("2019-03-01.sql", "2019-03-01.sql"), ("support2.sql", "support2"),
    ("crm-v3.sql", "crm-v3"), ("q4-2019.sql", "q4-2019"), ("acme 12.sql", "acme 12"), ("x20191399.sql", "x20191399"),
])
def test_what_is_no_date_stays(store, work, file, source):
    run(store, "--name", "a", dump(work / file, [(1, "a")], 2019))
    assert crmfs("export", "-o", str(work / "out"), str(store), "a").returncode == 0
    assert os.listdir(work / "out") == [source]


@pytest.mark.parametrize("made,dated,word", [("2099-05-01", None, "is still to come: it is dated now"),
                                             ("1960-01-02", "1970-01-01T00:00:00Z", "is before 1970: it is dated 1970")])
def test_a_time_that_cannot_be(store, work, made, dated, word):
    """It is said, and the name does not say otherwise than the time."""
    path = work / "crm.sql"
    path.write_text("CREATE TABLE t (id int PRIMARY KEY);\nINSERT INTO t VALUES (1);\n")
    stamp = calendar.timegm(tuple(map(int, made.split("-"))) + (12, 0, 0))
    os.utime(path, (stamp, stamp))
    done = run(store, path)
    assert f"says that it was made on {made}, which {word}" in done.stderr
    ((name, time),) = names(store)
    assert name == time.replace(":", "") and (time == dated if dated else time < made)


def test_what_is_left_out(store, work):
    path = work / "old.tar"
    dump(work / "crm.sql", [(1, "a")], 2019)
    os.symlink("crm.sql", work / "link.sql")
    subprocess.run(["tar", "-C", work, "-cf", path, "crm.sql", "link.sql"], check=True)
    done = crmfs("import", "--json", "--store", str(store), str(path))
    assert done.returncode == 3 and f"crmfs: {path}: link.sql: a link" in done.stderr and "left out:" not in done.stderr and "--exclude-table" not in done.stderr
    answer = json.loads(done.stdout)
    assert answer["rows"] == 1 and "link.sql" in answer["left_out"][0]["why"] and "table" not in answer["left_out"][0]


def nothing_in_it():
    """Backups out of which nothing comes, and what is said."""
    text = "".join(f"{number},text {number}\n" for number in range(5000))
    broken = bytearray(lzma.compress(("id,v\n" + text).encode()))
    broken[len(broken) // 2] ^= 1
    copied = b"-- PostgreSQL database dump\nCOPY public.t (a) FROM stdin;\n1\n\\.\n-- PostgreSQL database dump complete\n"
    yield "bad.csv.xz", bytes(broken), "orrupt"
    yield "cut.csv.xz", lzma.compress(text.encode())[:40], "cut.csv.xz: "
    yield "short.gz", gzip.compress(b"hello world")[:12], "short: it is cut short"
    yield "hello.gz", gzip.compress(b"hello world"), "hello.gz: there is no table in it"
    yield "data.sql", copied, "rows of table t, of which no CREATE TABLE stands before"
    yield "rowless.sql", b"-- MariaDB dump\nCREATE TABLE t (id int);\n-- Dump completed\n", "made without the rows of its tables"
    yield "custom.dump", b"PGDMP\x01\x0e\x00\x04\x08\x01" + bytes(200), "pg_restore"


@pytest.mark.parametrize("name, data, said", [pytest.param(*each, id=each[0]) for each in nothing_in_it()])
def test_nothing_that_can_be_read(store, work, name, data, said):
    """Is not taken as if it were a backup of nothing."""
    (work / name).write_bytes(data)
    done = crmfs("import", "--store", str(store), str(work / name), CRMFS_PG_RESTORE="/bin/true")
    assert done.returncode == 1 and said in done.stderr and "Invalid or incomplete" not in done.stderr
    assert names(store) == []


def test_part_of_it(store, work):
    """A table that is damaged is named, and the rest is taken when that is said."""
    path = work / "old.zip"
    csv = b"id\n" + b"".join(b"%d\n" % number for number in range(20000))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.csv", csv)
        archive.writestr("bad.csv", csv)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"\n777\n") + 1] ^= 1
    path.write_bytes(data)
    done = crmfs("import", "--store", str(store), str(path))
    assert done.returncode == 1 and "table bad: " in done.stderr and names(store) == []
    done = crmfs("import", "--store", str(store), "--exclude-table", "bad", str(path))
    assert done.returncode == 3 and "20,000 rows in 1 table" in done.stdout
    assert len(names(store)) == 1


def zipped(path, cut=0):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.csv", "id\n1\n2\n")
        archive.writestr("bad.csv", "id\n1\n2\n")
    data = bytearray(path.read_bytes())
    if cut:
        return path.write_bytes(data[:data.index(b"bad.csv") - cut])
    # The second member is encrypted, its headers say.
    data[data.index(b"bad.csv") - 30 + 6] |= 1
    data[data.rindex(b"bad.csv") - 46 + 8] |= 1
    return path.write_bytes(data)


def not_whole(name, path):
    """A backup of which something cannot be read, though all tables that are left can be."""
    text = ("-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\nCREATE TABLE good (id int NOT NULL, PRIMARY KEY (id));\nINSERT INTO good VALUES (1),(2);\n"
            "-- Table structure for table bad\nCREATE TABLE bad (id int);\nINSERT INTO bad VALUES (1);\n-- Dump completed on 2019-03-01  2:00:00\n")
    if name == "cut.sql":
        path.write_text(text[:text.index("-- Table structure")].replace("INSERT", "LOCK TABLES good WRITE;\nINSERT") + "UNLOCK TABLES;\n")
    elif name == "lost.sql":
        path.write_text(text.replace("CREATE TABLE bad (id int);\n", ""))
    else:
        zipped(path, 20 if name == "cut.zip" else 0)
    return path


@pytest.mark.parametrize("name", ["cut.sql", "lost.sql", "encrypted.zip", "cut.zip"])
def test_a_part_is_no_whole(store, work, name):
    """Whoever looks at it later sees that something is lacking, and no rule takes it for whole."""
    whole = dump(work / "crm.sql", [(1, "a")], 2018)
    run(store, "--name", "whole", f"crm={whole}")
    done = crmfs("import", "--json", "--store", str(store), "--name", "part", f"crm={not_whole(name, work / name)}")
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert json.loads(done.stdout)["left_out"]
    found = {each["name"]: each for each in json.loads(crmfs("snapshots", "--json", str(store)).stdout)}
    assert [(each["partial"], each["lacking"], each["unseen"]) for each in (found["whole"], found["part"])] == [
        (False, [], []), (True, [], ["crm"])]
    (line,) = [line for line in crmfs("snapshots", str(store)).stdout.splitlines() if line.startswith("part ")]
    assert line.endswith("(in part, perhaps without others of crm)")
    groups = json.loads(crmfs("forget", "--json", "--dry-run", "--keep-last", "1", str(store)).stdout)
    assert [len(each["keep"]) for each in groups] == [1, 1], groups
    done = crmfs("restore", "--store", str(store), "--to", str(work / "new.db"), "part")
    assert done.returncode == 3 and "parts of its source could not be read" in done.stderr, done.stderr
    done = crmfs("diff", str(store), "whole", "part")
    assert "part may lack tables of crm" in done.stderr and "whole may lack" not in done.stderr


def test_a_part_of_an_export(store, work):
    """One ZIP of a weekly export is told of, where there are others."""
    for number in 1, 2:
        with zipfile.ZipFile(work / f"WE_00D_{number}.ZIP", "w") as archive:
            archive.writestr("Account.csv", f"Id\n00{number}\n")
    said = "one of several parts"
    for number in 1, 2:
        done = crmfs("import", "--store", str(store), str(work / f"WE_00D_{number}.ZIP"))
        assert done.returncode == 3 and said in done.stderr, (done.stdout, done.stderr)
    assert said not in run(store, work / "WE_*").stderr
    os.unlink(work / "WE_00D_2.ZIP")
    assert said not in run(store, work / "WE_00D_1.ZIP").stderr
    assert [each["partial"] for each in json.loads(crmfs("snapshots", "--json", str(store)).stdout)].count(True) == 2


def test_views_of_a_dump(store, work):
    """A snapshot has a view's statement, no files of it, and a restore makes it again."""
    database = sqlite3.connect(work / "app.db")
    database.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');"
                           "CREATE VIEW all_first AS SELECT v FROM t WHERE id = 1;")
    (work / "app.sql").write_text("\n".join(database.iterdump()), encoding="utf-8")
    done = run(store, work / "app.sql")
    assert "all_first: views, of which a dump has no rows" in done.stderr and "status 3" not in done.stderr
    out = work / "out"
    assert crmfs("export", "-o", str(out), str(store), "latest").returncode == 0
    assert sorted(os.listdir(out / "app")) == ["datapackage.json", "schema.sql", "t.csv"]
    assert "CREATE VIEW all_first AS SELECT v FROM t WHERE id = 1;" in (out / "app/schema.sql").read_text()
    assert [each["name"] for each in json.loads((out / "app/datapackage.json").read_bytes())["resources"]] == ["t"]
    done = crmfs("export", str(store), "latest", "all_first")
    assert done.returncode != 0 and "is a view" in done.stderr and done.stdout == ""
    for source in (["--store", str(store), "latest"], [str(work / "app.sql")]):
        new = work / f"new-{len(source)}.db"
        done = crmfs("restore", "--to", f"sqlite:{new}", *source)
        assert done.returncode == 0 and "left out" not in done.stderr, done.stderr
        assert sqlite3.connect(new).execute("SELECT v FROM all_first").fetchall() == [("a",)]


def test_what_is_no_backup_is_told(store, work):
    folder = work / "old"
    folder.mkdir()
    dump(folder / "crm.sql", [(1, "a")], 2019)
    (folder / "notes.doc").write_bytes(b"\x00\x01 no backup")
    (folder / "deeper").mkdir()
    (folder / "done").touch()
    done = run(store, folder)
    assert "notes.doc is left out: it is no backup" in done.stderr and "deeper is left out" in done.stderr
    assert len(names(store)) == 1


@pytest.mark.parametrize("command", [("import",), ("snapshot", "--name", "x")], ids=lambda command: command[0])
def test_backups_of_no_bytes(store, work, command):
    """What was to be a backup and has nothing in it is an error, and does not keep the others out."""
    folder = work / "old"
    folder.mkdir()
    dump(folder / "crm.sql", [(1, "a")], 2019)
    (folder / "crm-2020.SQL.gz").touch()
    done = crmfs(*command, "--store", str(store), str(folder))
    assert done.returncode == 1 and "crm-2020.SQL.gz is left out: it is empty (0 bytes)" in done.stderr
    assert len(names(store)) == 1
    (folder / "crm.sql").unlink()
    for alone in crmfs(command[0], "--store", str(store), str(folder)), crmfs("mount", str(folder), str(work)):
        assert alone.returncode != 0 and "nor a backup that crmfs knows; crm-2020.SQL.gz: it is empty (0 bytes)" in alone.stderr
