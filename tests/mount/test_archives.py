# SPDX-License-Identifier: MIT
"""Old backups under archives/: the tables of dumps and exports as those of the database that they are of."""
import gzip
import os
import shutil
import sqlite3
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from folder import all_files, slurp
from mounting import PATIENCE, eventually
from small_dump import ACCOUNTS, DUMP


def sqlite_dump(database, path):
    with open(path, "wb") as file:
        subprocess.run(["sqlite3", database, ".dump"], stdout=file, check=True)
    return path


def command(*words, **how):
    subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL, **how)


@pytest.fixture
def dump(work):
    path = work / "crm-2019-03-01.sql"
    path.write_text(DUMP)
    return path


def tables_of(database):
    with sqlite3.connect(database) as connection:
        return [name for name, in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' "
                                                     "AND name NOT LIKE 'sqlite_%'")]


def same_tables(live, archive, database):
    tables = tables_of(database)
    assert tables
    for table in tables:
        for form in ("csv", "json", "ndjson"):
            name = f"{table}.{form}"
            assert slurp(live / name) == slurp(archive / name), name


@pytest.mark.sanitize
def test_dump_is_as_live(mount, chinook_db, crm_db, work):
    """Byte for byte, the order of rows included, though .dump writes them in another."""
    chinook, crm = sqlite_dump(chinook_db, work / "chinook.sql"), sqlite_dump(crm_db, work / "crm.sql")
    top = mount(chinook_db, crm_db, chinook, crm)
    same_tables(top.path("live/chinook"), top.path("archives/chinook.sql"), chinook_db)
    same_tables(top.path("live/crm_db"), top.path("archives/crm.sql"), crm_db)


def test_order_of_keys(mount, work):
    """Rows come in the order of the rowid, and stand in that of the key."""
    path = work / "keys.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bytes (id TEXT PRIMARY KEY, v)")
        database.execute("CREATE TABLE nocase (id TEXT COLLATE NOCASE PRIMARY KEY DESC, v)")
        database.execute("CREATE TABLE two (a, b INTEGER, v, PRIMARY KEY (b, a))")
        for number in range(20000):
            key = f"{'aBcD'[number % 4]}{number * 7919 % 20011}"
            database.execute("INSERT INTO bytes VALUES (?, ?)", (key, "x" * 500))
            database.execute("INSERT INTO nocase VALUES (?, ?)", (key, number))
            database.execute("INSERT INTO two VALUES (?, ?, ?)", (key, number % 100, number))
    top = mount(path, sqlite_dump(path, work / "keys.sql"))
    same_tables(top.path("live/keys"), top.path("archives/keys.sql"), path)


def test_comments(mount, work):
    """What people wrote into statements is a part of them, as SQLite keeps it."""
    path = work / "told.db"
    with sqlite3.connect(path) as database:
        database.executescript("""CREATE TABLE t (a INTEGER PRIMARY KEY, -- one; its number
                b TEXT /* a "name' */, CHECK (b <> '--; /*'));
            CREATE TABLE s (a INTEGER PRIMARY KEY) STRICT, WITHOUT ROWID /* strict; */;
            CREATE INDEX i ON t (b /* by name; */);
            CREATE TRIGGER g AFTER INSERT ON t BEGIN /* keep; END; */ UPDATE t SET b = 1; -- one; END;
            END;
            CREATE VIEW v AS SELECT a /* ; */ FROM t; -- behind
            CREATE TRIGGER w INSTEAD OF INSERT ON v BEGIN /* nothing; */ SELECT 1; END;
            INSERT INTO t VALUES (1, 2);""")
    top = mount(path, sqlite_dump(path, work / "told.sql"))
    live, archive = top.path("live/told"), top.path("archives/told.sql")
    same_tables(live, archive, path)
    words = slurp(live / "schema.sql")
    assert all(one in words for one in (b"its number", b"name'", b"strict;", b"by name;", b"keep;", b"-- one; END", b"nothing;"))
    assert slurp(archive / "schema.sql") == words


@pytest.mark.sanitize
def test_generated_columns(mount, work):
    """SQLite's dumps leave their values out; they are computed as SQLite does it, of every type."""
    path = work / "made.db"
    with sqlite3.connect(path) as database:
        database.execute("""CREATE TABLE t (id INTEGER PRIMARY KEY, a INT NOT NULL CHECK (a > -9), "b ""c" TEXT UNIQUE, d BLOB,
            twice INT AS (a * 2), loud TEXT AS (upper("b ""c")) STORED, r AS (a / 7.0), bytes BLOB AS (d || x'00'),
            kind AS (typeof(d)), big AS (a * 4611686018427387904), none AS (NULL))""")
        database.execute("CREATE TABLE key (k TEXT, n AS (length(k)) STORED, PRIMARY KEY (k)) WITHOUT ROWID")
        database.execute("CREATE TABLE none (id INTEGER PRIMARY KEY, g AS (id))")
        for number, value in enumerate([None, "x", b"\xff\0", 1, 1.5, float("inf"), -(1 << 63), "", b"", "\u00c5"]):
            database.execute('INSERT INTO t (a, "b ""c", d) VALUES (?, ?, ?)', (number, f"t\u00c5{number}" * number, value))
            database.execute("INSERT INTO key VALUES (?)", ("k" * (number * 7 % 10),))
        database.execute("CREATE INDEX i ON t (twice, loud)")
    dumps = [sqlite_dump(path, work / "made.sql"), work / "rowids.sql"]
    with open(dumps[1], "wb") as file:
        subprocess.run(["sqlite3", path, ".dump --preserve-rowids"], stdout=file, check=True)
    top = mount(path, *dumps)
    for name in "made.sql", "rowids.sql":
        same_tables(top.path("live/made"), top.path(f"archives/{name}"), path)
        assert slurp(top.path("live/made/schema.sql")) == slurp(top.path(f"archives/{name}/schema.sql"))
    assert slurp(top.path("archives/made.sql/t.csv")).startswith(b'id,a,"b ""c",d,twice,loud,r,bytes,kind,big,none\n')


def test_generated_columns_refused(mount, work):
    """What SQLite cannot compute is an error, not an empty cell."""
    (work / "bad.sql").write_text("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
                                  "CREATE TABLE u (a INTEGER, g AS (abs(a)));\nINSERT INTO u VALUES(-5);\n"
                                  "INSERT INTO u VALUES(-9223372036854775808);\nCOMMIT;\n")
    top = mount(work / "bad.sql")
    with pytest.raises(OSError, match="Input/output"):
        slurp(top.path("archives/bad.sql/u.csv"))
    assert "the generated columns of table u cannot be made: integer overflow" in top.errors()


PACKERS = {
    "gz": lambda path: command("gzip", "-k", path), "bz2": lambda path: command("bzip2", "-k", path),
    "xz": lambda path: command("xz", "-k", path), "zst": lambda path: command("zstd", "-q", "-k", path),
    "lz4": lambda path: command("lz4", "-q", "-k", path, f"{path}.lz4"),
    "old.lz4": lambda path: command("lz4", "-q", "-l", path, f"{path}.old.lz4"),
    "lzma": lambda path: command("xz", "--format=lzma", "-k", path),
}


@pytest.mark.parametrize("ending", PACKERS)
def test_compressed(mount, dump, work, ending):
    PACKERS[ending](dump)
    packed = work / f"{dump.name}.{ending}"
    dump.rename(work / "away")
    folder = mount(packed).path(f"archives/{packed.name}")
    assert slurp(folder / "accounts.csv") == ACCOUNTS
    assert os.listdir(folder / "raw") == [packed.stem]
    assert slurp(folder / "raw" / packed.stem) == DUMP.encode()


def attachments(work):
    folder = work / "backup"
    (folder / "Attachments/deep").mkdir(parents=True)
    (folder / "Attachments/deep/random.bin").write_bytes(os.urandom(700000))
    (folder / "Attachments/Ünicode name").write_bytes(b"x")
    (folder / "empty").touch()
    (folder / "contacts.csv").write_bytes("id;näme\r\n1;Åsa\r\n".encode("cp1252"))
    (folder / "dump.sql").write_text(DUMP)
    return folder


def pack(kind, folder, packed):
    if kind == "zip":
        command("zip", "-qr", packed, ".", cwd=folder)
    else:
        command("tar", {"tar": "-cf", "tar.gz": "-czf", "tar.xz": "-cJf"}[kind], packed, "-C", folder, ".")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz"])
def test_many_members(mount, work, kind):
    folder, packed = attachments(work), work / f"backup.{kind}"
    pack(kind, folder, packed)
    shown = mount(packed).path(f"archives/backup.{kind}")
    assert slurp(shown / "accounts.csv") == ACCOUNTS
    assert slurp(shown / "contacts.csv") == "id,näme\n1,Åsa\n".encode()
    assert slurp(shown / "empty.csv") == b"id\n"
    command("diff", "-r", folder, shown / "raw")
    about = os.stat(shown / "raw/Attachments/deep/random.bin")
    assert about.st_size == 700000 and stat.S_IMODE(about.st_mode) & 0o222 == 0
    with open(shown / "raw/Attachments/deep/random.bin", "rb") as file:
        file.seek(600000)
        assert file.read(50000) == (folder / "Attachments/deep/random.bin").read_bytes()[600000:650000]


def test_nested(mount, work, dump):
    """Four deep, and no deeper."""
    at = dump
    for depth in range(6):
        packed = work / f"level{depth}.zip"
        command("zip", "-qj", packed, at)
        at = packed
    top = mount(work / "level3.zip", work / "level5.zip")
    assert slurp(top.path("archives/level3.zip/accounts.csv")) == ACCOUNTS
    assert not (top.path("archives/level5.zip/accounts.csv")).exists()
    assert "deep" in slurp(top.path(".crmfs/errors")).decode()


def test_passwords(mount, work, dump):
    secret = work / "secret.zip"
    command("zip", "-qj", "-P", "s3cret", secret, dump)
    config = work / "crmfs.conf"
    config.write_text(f"[source open]\nurl = {secret}\npassword-command = echo s3cret\n"
                      f"[source wrong]\nurl = {secret}\npassword-command = echo wrong\n"
                      f"[source none]\nurl = {secret}\n"
                      f"[source fails]\nurl = {secret}\npassword-command = exit 3\n"
                      f"[source silent]\nurl = {secret}\npassword-command = true\n")
    top = mount(arguments=("--config", str(config)))
    assert slurp(top.path("archives/open/accounts.csv")) == ACCOUNTS
    for name in ("wrong", "none", "fails", "silent"):
        assert not (top.path(f"archives/{name}/accounts.csv")).exists()
    errors = slurp(top.path(".crmfs/errors")).decode()
    assert "encrypted" in errors and "s3cret" not in errors
    words = {"wrong": "the password is wrong", "none": "there is no password for it",
             "fails": "the password command failed with status 3", "silent": "the password command printed nothing"}
    assert all(any(f"archives/{name}:" in line and why in line for line in errors.splitlines())
               for name, why in words.items())
    assert "?password-command=COMMAND" in errors and "crmfs.conf(5): [source NAME]" in errors
    top = mount(f"old=archive://{secret}?password-command=echo%20s3cret")
    assert slurp(top.path("archives/old/accounts.csv")) == ACCOUNTS


def test_deflate64(mount, work):
    """What libarchive does not decompress says so, and what to do."""
    (work / "t.csv").write_text("a,b\n" + "".join(f"{i},{7 * i}\n" for i in range(20000)))
    command("7z", "a", "-bd", "-mm=Deflate64", work / "t.zip", work / "t.csv")
    top = mount(work / "t.zip")
    assert "t.csv" not in os.listdir(top.path("archives/t.zip"))
    assert "Unsupported ZIP compression method" in top.errors() and "unpack it with unzip or 7z" in top.errors()


# --- folders of them ---------------------------------------------------------------------------


def test_folder_and_pattern(mount, work, dump, chinook_db, refused):
    old = work / "old"
    old.mkdir()
    for year in (2017, 2018):
        with gzip.open(old / f"crm-{year}.sql.gz", "wt") as file:
            file.write(DUMP)
    shutil.copy(chinook_db, old / "copy.db")
    (old / "notes.txt").write_text("nothing here")
    (old / "sub").mkdir()
    (old / "copy.db-shm").write_text("")
    shutil.copy(dump, old / ".crm-2016.sql")
    (old / ".note").write_text("nothing here, either")
    top = mount(f"{old}/")
    assert "EILSEQ archives/sub: it is left out: it is a folder" in top.errors()
    assert "EILSEQ archives/.crm-2016.sql: it is left out: its name begins with a dot" in top.errors()
    assert ".note" not in top.errors()
    assert "EILSEQ archives/notes.txt: it is left out: it is no backup that crmfs knows" in top.errors()
    assert "copy.db-shm" not in top.errors() and "//" not in top.errors()
    assert sorted(os.listdir(top.path("archives"))) == ["copy.db", "crm-2017.sql.gz", "crm-2018.sql.gz"]
    assert os.listdir(top.point) and not top.path("live").exists()
    found = subprocess.run(["grep", "-rl", "^2,b$", top.path("archives")], capture_output=True, text=True, check=True)
    assert sorted(os.path.relpath(line, top.path("archives")) for line in found.stdout.split()) == [
        "crm-2017.sql.gz/accounts.csv", "crm-2018.sql.gz/accounts.csv"]
    assert slurp(top.path("archives/copy.db/Artist.csv")).startswith(b"ArtistId,Name\n")
    top.unmount()
    assert os.listdir(mount(f"{old}/*-2018*").path("archives")) == ["crm-2018.sql.gz"]
    (work / "point").mkdir()
    assert "there is nothing in it" in refused("mount", old / "sub", work / "point", status=2).err


def test_nothing_is_read_before_it_is_looked_at(mount, work, dump):
    top = mount(dump)
    assert os.listdir(top.path("archives")) == [dump.name]
    assert not top.status()["archives"][0]["rows_indexed"]
    os.listdir(top.path(f"archives/{dump.name}"))
    archive = top.status()["archives"][0]
    assert archive["rows_indexed"] == 3 and archive["tables"] == 2 and not archive["indexing"]
    assert archive["changed"] == "2019-03-01T02:00:00Z"


def test_replaced(mount, dump):
    """A new archive under the name of the old one is a new set of files; an open file stays what it was."""
    top = mount(dump, options="refresh=0.1")
    path = top.path(f"archives/{dump.name}/accounts.csv")
    with open(path, "rb") as old:
        inode = os.stat(path).st_ino
        replacement = dump.with_suffix(".new")
        replacement.write_text(DUMP.replace("'b'", "'changed'"))
        replacement.rename(dump)
        assert eventually(lambda: b"changed" in slurp(path))
        assert old.read() == ACCOUNTS
    assert os.stat(path).st_ino != inode
    assert slurp(top.path(f"archives/{dump.name}/raw/{dump.name}")) == dump.read_bytes()


@pytest.mark.sanitize
def test_a_table_before_the_rest(mount, work):
    """What comes first is there while the rest waits: for a password, which comes when this test likes."""
    (work / "first.csv").write_text("id\n1\n")
    (work / "second.csv").write_text("id\n2\n")
    archive, go = work / "two.zip", work / "go"
    command("zip", "-qj", archive, work / "first.csv")
    command("zip", "-qj", "-P", "s3cret", archive, work / "second.csv")
    config = work / "crmfs.conf"
    config.write_text(f"[source two]\nurl = {archive}\n"
                      f"password-command = while ! test -e {go}; do sleep 0.05; done; echo s3cret\n")
    top = mount(arguments=("--config", str(config)))
    folder = top.path("archives/two")
    early = os.stat(folder / "first.csv").st_ino
    assert slurp(folder / "first.csv") == b"id\n1\n" and slurp(folder / "first.json") == b'[\n{"id":"1"}\n]\n'
    archive = top.status()["archives"][0]
    assert archive["indexing"] and archive["rows_indexed"] == 0
    late = subprocess.Popen(["cat", folder / "second.csv"], stdout=subprocess.PIPE)
    killed = subprocess.Popen(["ls", folder], stdout=subprocess.PIPE)
    assert eventually(lambda: Path(f"/proc/{killed.pid}/cmdline").read_bytes().startswith(b"ls"))
    killed.kill()
    assert killed.wait(PATIENCE) != 0 and late.poll() is None
    with open(folder / "first.csv", "rb") as still:
        go.touch()
        assert late.communicate(timeout=PATIENCE)[0] == b"id\n2\n"
        assert sorted(os.listdir(folder))[:1] == ["datapackage.json"]
        assert still.read() == b"id\n1\n"
    assert slurp(folder / "first.csv") == b"id\n1\n" and os.stat(folder / "first.csv").st_ino != early
    assert not top.status()["archives"][0]["indexing"]


def test_source_untouched(mount, work, dump):
    before = os.stat(dump), sorted(os.listdir(work))
    top = mount(dump)
    for path in all_files(top.path("archives")):
        slurp(path)
    after = os.stat(dump)
    assert (before[0].st_mtime_ns, before[0].st_ctime_ns, before[0].st_size) == (
        after.st_mtime_ns, after.st_ctime_ns, after.st_size)
    assert before[1] == sorted(name for name in os.listdir(work) if not name.startswith("m"))


def test_last_letters(mount, work):
    """In character sets whose marks follow their letters, the last one of a text has nothing behind it."""
    path = work / "old.sql"
    path.write_bytes("\n".join([
        "-- PostgreSQL database dump", "SET client_encoding = 'WIN1258';",
        "CREATE TABLE public.people (id integer NOT NULL, name text);",
        "COPY public.people (id, name) FROM stdin;", "1\tđa", "2\tđ", "\\.",
        "ALTER TABLE ONLY public.people ADD CONSTRAINT people_pkey PRIMARY KEY (id);",
        "-- PostgreSQL database dump complete", ""]).encode("cp1258"))
    assert (mount(path).path("archives/old.sql/people.csv")).read_text() == "id,name\n1,đa\n2,đ\n"


def test_lying_sizes(mount, work, dump):
    """A ZIP whose directory says other sizes than there are: what is shown is what is there."""
    path = work / "lying.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as made:
        made.write(dump, "dump.sql")
    data = bytearray(path.read_bytes())
    size = len(DUMP).to_bytes(4, "little")
    at = data.rfind(size)
    data[at:at + 4] = (len(DUMP) * 3).to_bytes(4, "little")
    path.write_bytes(data)
    top = mount(path)
    folder = top.path("archives/lying.zip")
    assert slurp(folder / "accounts.csv") == ACCOUNTS
    (member,) = all_files(folder / "raw")
    assert slurp(member) == DUMP.encode() and os.stat(member).st_size == len(DUMP)


def test_single_rows(mount, dump):
    """<table>/<key>.json in an old backup; raw/ is its members, whatever its tables are called."""
    dump.write_text(DUMP + "CREATE TABLE `raw` (`id` int NOT NULL, PRIMARY KEY (`id`));\n"
                    "INSERT INTO `raw` VALUES (1);\n")
    folder = mount(dump).path(f"archives/{dump.name}")
    assert os.listdir(folder / "accounts") == ["1.json", "2.json", "3.json"]
    assert slurp(folder / "accounts/3.json") == b'{"id":3,"name":""}\n'
    assert slurp(folder / "accounts/1.json") == b'{"id":1,"name":null}\n'
    assert os.listdir(folder / "empty") == []
    assert os.listdir(folder / "raw") == [dump.name]
