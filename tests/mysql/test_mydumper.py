# SPDX-License-Identifier: MIT
"""Folders that mydumper made, and archives of them, byte for byte as the live database that they are of."""
import gzip
import re
import shutil
import subprocess

import pytest

from mounting import BINARY, PATIENCE
from test_mysql_dump import fill, tables

KINDS = {
    "plain": ["-G", "-R", "-E"],
    "chunks": ["--rows=1000", "--compress"],
    "complete": ["--complete-insert", "--build-empty-files", "--statement-size=2000"],
}
# Texts that are stored in other character sets than UTF-8, which mydumper writes as they are stored.
CHARSETS = {"latin1": "Åsa € ÿ", "cp1251": "Жук", "utf8mb3": "Åß", "ucs2": "aÅ€", "utf16": "a😀", "utf32": "x😀",
            "sjis": "表ソ能", "gbk": "中文", "big5": "功許", "koi8r": "Жук", "latin2": "Łódź", "eucjpms": "日本"}


@pytest.fixture
def filled(server, database):
    fill(server, database)
    # What mydumper 0.10 cannot dump.
    server.sql("DROP TABLE `we``ird ,\"name`; CREATE TABLE big (id INT PRIMARY KEY, v TEXT);"
               "INSERT INTO big SELECT seq, CONCAT('row ', seq) FROM seq_1_to_5000;"
               "CREATE VIEW v AS SELECT id FROM big", database)
    for name, text in CHARSETS.items():
        server.sql(f"CREATE TABLE c_{name} (id INT PRIMARY KEY, v VARCHAR(20), f TEXT CHARACTER SET utf8mb4,"
                   f" b BLOB, e ENUM('{text}')) CHARACTER SET {name};"
                   f"INSERT INTO c_{name} VALUES (1,'{text}','{text}','{text}','{text}'),(2,'','plain',NULL,NULL)",
                   database)
    return database


def dump(server, database, folder, options):
    """Again if it has not ended by then: mydumper's threads wait for each other for ever at times."""
    line = ["mydumper", "-u", "root", "-S", str(server.socket), "-B", database, "-o", folder, *options]
    for _ in range(4):
        try:
            subprocess.run(line, capture_output=True, check=True, timeout=PATIENCE)
            return folder
        except subprocess.TimeoutExpired:
            shutil.rmtree(folder, ignore_errors=True)
    raise AssertionError("mydumper does not end")


@pytest.mark.parametrize("kind", KINDS)
def test_as_live(mount, server, filled, work, kind):
    folder = dump(server, filled, work / "dumped", KINDS[kind])
    subprocess.run(["tar", "-czf", work / "packed.tar.gz", "-C", work, "dumped"], check=True)
    subprocess.run(["zip", "-qr", work / "packed.zip", "."], cwd=folder, check=True)
    top = mount(f"crm={server.url(filled)}", folder, work / "packed.tar.gz", work / "packed.zip")
    live = top.path("live/crm")
    expected = [name for name in tables(live) if not name.startswith("v.")]
    assert "big.csv" in expected and "c_sjis.json" in expected
    for source in "dumped", "packed.tar.gz", "packed.zip":
        archive = top.path(f"archives/{source}")
        assert tables(archive) == expected
        # mydumper does not read invisible columns.
        assert (archive / "t_unseen.csv").read_bytes() == b"id\n0\n1000\n"
        for table in (name for name in expected if not name.startswith("t_unseen")):
            assert (live / table).read_bytes() == (archive / table).read_bytes(), (source, table)
    subprocess.run(["diff", "-r", folder, top.path("archives/dumped/raw")], check=True)
    subprocess.run(["diff", "-r", folder, top.path("archives/packed.tar.gz/raw/dumped")], check=True)


def test_beside_others(mount, server, filled, work):
    """A shelf of them, one a folder: each is one backup."""
    shelf = work / "shelf"
    shelf.mkdir()
    dump(server, filled, shelf / "2019-03-01", ["--rows=1000"])
    dump(server, filled, shelf / "2020-03-01", ["--compress"])
    (shelf / "other.csv").write_text("a,b\n1,2\n")
    top = mount(shelf)
    assert sorted(path.name for path in top.path("archives").iterdir()) == ["2019-03-01", "2020-03-01", "other.csv"]
    assert ((top.path("archives/2019-03-01/big.csv")).read_bytes() ==
            (top.path("archives/2020-03-01/big.csv")).read_bytes())
    archive = next(each for each in top.status()["archives"] if each["name"] == "2019-03-01")
    assert archive["rows_indexed"] > 5000


def test_damage(mount, server, filled, work):
    """A file that is cut fails its table, whichever of its files it is; others are whole."""
    folder = dump(server, filled, work / "dumped", ["--rows=1000", "--compress"])
    part = folder / f"{filled}.big.00002.sql.gz"
    part.write_bytes(part.read_bytes()[:-200])
    unfinished = work / "unfinished"
    shutil.copytree(folder, unfinished)
    (unfinished / "metadata").rename(unfinished / "metadata.partial")
    loading = work / "loading"
    shutil.copytree(folder, loading)
    part.rename(loading / f"{filled}.big.00002.dat.gz")
    (loading / part.name).write_bytes(gzip.compress(b"LOAD DATA LOCAL INFILE 'x' INTO TABLE big;\n"))
    part.write_bytes(gzip.compress(gzip.decompress((folder / f"{filled}.big.00001.sql.gz").read_bytes())[:-30]))
    subprocess.run(["tar", "-cf", work / "inner.tar", "-C", work, "dumped"], check=True)
    subprocess.run(["zip", "-qj", work / "outer.zip", work / "inner.tar"], check=True)
    top = mount(folder, unfinished, loading, work / "outer.zip")
    for name in "dumped", "loading":
        with pytest.raises(OSError, match="Input/output"):
            (top.path(f"archives/{name}/big.csv")).read_bytes()
        assert (top.path(f"archives/{name}/parent.csv")).read_bytes() == b"id\n"
        assert (top.path(f"archives/{name}/c_latin1.csv")).read_bytes().count(b"\n") == 3
    with pytest.raises(OSError, match="Input/output"):
        (top.path("archives/unfinished/c_latin1.csv")).read_bytes()
    assert [path.name for path in (top.path("archives/outer.zip")).iterdir() if path.suffix == ".csv"] == []
    errors = (top.path(".crmfs/errors")).read_text()
    assert f"{filled}.big.00002.sql.gz: the dump ends here" in errors
    assert "metadata.partial" in errors and "to be loaded in a way that crmfs does not know" in errors
    assert "in an archive within an archive" in errors


def test_missing_file(mount, server, filled, work):
    """A file of rows that did not come along: since 0.11 metadata says how many there were."""
    folder = dump(server, filled, work / "dumped", ["--rows=1000"])
    with open(folder / "metadata", "a", encoding="utf-8") as metadata:
        for table, rows in (("big", 5000), ("c_latin1", 2), ("parent", 0)):
            metadata.write(f"\n[`{filled}`.`{table}`]\nreal_table_name={table}\nrows = {rows}\n")
    (folder / f"{filled}.big.00002.sql").unlink()
    top = mount(folder)
    with pytest.raises(OSError, match="Input/output"):
        (top.path("archives/dumped/big.csv")).read_bytes()
    assert (top.path("archives/dumped/c_latin1.csv")).read_bytes().count(b"\n") == 3
    assert (top.path("archives/dumped/parent.csv")).read_bytes() == b"id\n"
    assert re.search(r"table big: of 5000 rows that metadata names, [34]\d{3} are there", top.errors())


def test_made_by_halves(mount, server, filled, work):
    """A server that goes away: metadata says that it was finished, and files have no more than settings in them."""
    folder = dump(server, filled, work / "dumped", [])
    for table in "parent", "big":
        path = folder / f"{filled}.{table}-schema.sql"
        path.write_text(path.read_text().partition("CREATE TABLE")[0])
    (folder / f"{filled}.child-schema.sql").write_text("")
    top = mount(folder)
    shown = tables(top.path("archives/dumped"))
    assert "keyless.csv" in shown and not {"parent.csv", "child.csv", "big.csv"} & set(shown)
    for table in "parent", "child", "big":
        assert f"there is no CREATE TABLE in it: what made the dump did not finish it, or the file was cut short; " \
               f"table {table} is left out" in top.errors()
    assert "of which no CREATE TABLE stands before" not in top.errors()
    done = subprocess.run([BINARY, "restore", "--table", "keyless", "--to", work / "o.db", folder], capture_output=True,
                          check=False)
    assert done.returncode == 3, done.stderr


def test_import(server, filled, work, monkeypatch):
    """Dated as its metadata say; a dump that was not finished is refused."""
    def crmfs(*words):
        return subprocess.run([BINARY, *words], capture_output=True, text=True, check=False)

    monkeypatch.setenv("XDG_STATE_HOME", str(work / "state"))
    monkeypatch.setenv("CRMFS_PASSPHRASE", "one")
    folder = dump(server, filled, work / "dumped", [])
    (folder / "metadata").write_text("Started dump at: 2019-03-01 02:00:00\nFinished dump at: 2019-03-01 02:00:01\n")
    assert crmfs("init", str(work / "store")).returncode == 0
    done = crmfs("import", "--store", str(work / "store"), str(folder))
    assert done.returncode == 0, done.stderr
    assert "2019-03-01T02:00:00Z" in crmfs("snapshots", "--json", str(work / "store")).stdout
    (folder / "metadata").rename(folder / "metadata.partial")
    done = crmfs("import", "--store", str(work / "store"), "--name", "again", str(folder))
    assert done.returncode == 1 and "metadata.partial" in done.stderr


LOADS = {
    "load": (r"FIELDS TERMINATED BY '\t' ENCLOSED BY '' ESCAPED BY '\\' LINES STARTING BY '' TERMINATED BY '\n'"),
    "csv": (r"""FIELDS TERMINATED BY ',' ENCLOSED BY '"' ESCAPED BY '\\' LINES STARTING BY '' TERMINATED BY '\n'"""),
}


def as_loaded(server, database, folder, manner):
    """A folder as mydumper --load-data writes it since 0.11: the server itself writes the files of rows."""
    tables_of, statements = {}, []
    for path in folder.glob(f"{database}.*.sql"):
        table = path.name[len(database) + 1:-len(".sql")]
        # Backslashes that are the second half of a character mydumper escapes, and the server does not.
        if not table.endswith(("-schema", "-schema-view")) and table not in ("c_big5", "c_sjis", "c_gbk"):
            tables_of[table] = []
            path.unlink()
    for line in server.sql("SELECT table_name, column_name FROM information_schema.columns WHERE generation_expression "
                           f"IS NULL AND extra NOT LIKE '%INVISIBLE%' AND table_schema = '{database}' "
                           "ORDER BY table_name, ordinal_position").decode().splitlines():
        table, column = line.split("\t")
        if table in tables_of:
            tables_of[table].append(f"`{column}`")
    for table in tables_of:
        for part, limit in enumerate(("LIMIT 2", "LIMIT 1000000 OFFSET 2")):
            name, columns = f"{database}.{table}.{part:05}", ",".join(tables_of[table])
            statements.append(f"SELECT {columns} INTO OUTFILE '{server.directory}/tmp/{name}.dat' {manner} "
                              f"FROM (SELECT * FROM `{table}` ORDER BY 1 {limit}) AS t;")
            (folder / f"{name}.sql").write_text(
                "/*!40101 SET NAMES binary*/;\n/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n"
                f"LOAD DATA LOCAL INFILE '{name}.dat' INTO TABLE `{table}` CHARACTER SET binary {manner} ({columns});\n")
    server.sql("\n".join(statements), database)
    for path in (server.directory / "tmp").glob("*.dat"):
        shutil.move(path, folder / path.name)


@pytest.mark.parametrize("manner", LOADS)
def test_rows_to_load(mount, server, filled, work, manner):
    """Rows in files for LOAD DATA, in a folder and in archives, compressed or not, whatever comes first."""
    folder = dump(server, filled, work / "dumped", [])
    as_loaded(server, filled, folder, LOADS[manner])
    names = sorted((path.name for path in folder.iterdir()), reverse=True)
    subprocess.run(["tar", "-czf", work / "packed.tgz", "-C", folder, *names], check=True)
    shutil.copytree(folder, work / "small")
    subprocess.run(["gzip", *(work / "small").glob("*.dat"), *(work / "small").glob("*.sql")], check=True)
    top = mount(f"crm={server.url(filled)}", folder, work / "packed.tgz", work / "small")
    live = top.path("live/crm")
    expected = [name for name in tables(live) if not name.startswith("v.")]
    for source in "dumped", "packed.tgz", "small":
        archive = top.path(f"archives/{source}")
        assert tables(archive) == expected
        assert [name for name in expected if not name.startswith("t_unseen")
                and (live / name).read_bytes() != (archive / name).read_bytes()] == []
    assert [line for line in top.errors().splitlines() if " ENODATA " not in line] == []


def test_rows_to_load_damaged(mount, server, filled, work):
    """A file that is not there, one that is cut, and what is to be loaded in some other way."""
    folder = dump(server, filled, work / "dumped", [])
    as_loaded(server, filled, folder, LOADS["load"])
    (folder / f"{filled}.big.00001.dat").unlink()
    cut = folder / f"{filled}.c_utf16.00000.dat"
    cut.write_bytes(cut.read_bytes()[:-2])
    other = folder / f"{filled}.c_latin1.00000.sql"
    other.write_text(other.read_text().replace("LINES STARTING BY ''", "LINES STARTING BY '>'"))
    odd = folder / f"{filled}.c_latin2.00000.dat"
    odd.write_bytes(b"1\t2\n" + odd.read_bytes())
    top = mount(folder)
    for table in "big", "c_utf16", "c_latin1", "c_latin2":
        with pytest.raises(OSError, match="Input/output"):
            (top.path(f"archives/dumped/{table}.csv")).read_bytes()
    assert (top.path("archives/dumped/c_koi8r.csv")).read_bytes().count(b"\n") == 3
    errors = top.errors()
    assert "not all files of its rows are there" in errors and "in a way that crmfs does not know" in errors
    assert f"line 1, byte 0 of {odd.name}: a row of table c_latin2 makes no sense here" in errors
    assert f"of {cut.name}: the dump ends here" in errors


@pytest.mark.parametrize("numbers, told", [((0, 1), None), ((1, 2), None), ((0, 2), "of 3 files"), ((1, 3), "of 3 files")])
def test_numbers_of_files(mount, work, numbers, told):
    """Pieces of a range are numbered from 0, and of a size (-F) from 1: what lies between two is missed."""
    folder = work / "dumped"
    folder.mkdir()
    (folder / "metadata").write_text("Started dump at: 2024-01-01 00:00:00\nFinished dump at: 2024-01-01 00:00:01\n")
    (folder / "c.t-schema.sql").write_text("CREATE TABLE `t` (`id` int NOT NULL, PRIMARY KEY (`id`));\n")
    for number in numbers:
        (folder / f"c.t.{number:05}.sql").write_text(f"INSERT INTO `t` VALUES ({number});\n")
    top = mount(folder)
    assert (top.path("archives/dumped/t.csv")).read_text() == "id\n" + "".join(f"{number}\n" for number in numbers)
    assert ("files of its rows, by their numbers" in top.errors()) == (told is not None)
    assert told is None or told in top.errors()
