# SPDX-License-Identifier: MIT
"""Single rows as files: <table>/<key>.json."""
import os
import sqlite3
import subprocess

import pytest

import reference
from folder import slurp, stems
from mounting import eventually


def record_path(folder, stem, name):
    return os.path.join(os.fsencode(folder), stem, name + b".json")


def check_record(path, content):
    status = os.stat(path)
    assert status.st_size == len(content)
    assert slurp(path) == content
    return status.st_ino


@pytest.fixture(scope="module")
def large_db(tmp_path_factory):
    """Tables of many row groups, their keys in orders of all kinds."""
    path = tmp_path_factory.mktemp("large") / "large.db"
    conn = sqlite3.connect(path)
    conn.executescript("""
        CREATE TABLE numbered (id INTEGER PRIMARY KEY, note TEXT);
        CREATE TABLE falling (id INTEGER, note TEXT, PRIMARY KEY (id DESC)) WITHOUT ROWID;
        CREATE TABLE worded (word TEXT COLLATE NOCASE PRIMARY KEY, note TEXT) WITHOUT ROWID;
        CREATE TABLE paired (a TEXT, b INTEGER, note TEXT, PRIMARY KEY (a, b DESC)) WITHOUT ROWID;
        CREATE TABLE mixed (k PRIMARY KEY, note TEXT);
    """)
    note = "x" * 900
    count = 3000
    conn.executemany("INSERT INTO numbered VALUES (?, ?)", ((3 * n - 500, note) for n in range(count)))
    conn.executemany("INSERT INTO falling VALUES (?, ?)", ((3 * n - 500, note) for n in range(count)))
    conn.executemany("INSERT INTO worded VALUES (?, ?)",
                     ((f"{'aAzZäÄ_ '[n % 8]}{n * 7919 % count}", note) for n in range(count)))
    conn.executemany("INSERT INTO paired VALUES (?, ?, ?)",
                     ((f"g{n % 30}", n, note) for n in range(count)))
    conn.executemany("INSERT INTO mixed VALUES (?, ?)", (
        ((n, n + 0.5, f"t{n}", b"b%d" % n)[n % 4], note) for n in range(count)))
    conn.commit()
    conn.close()
    return path


def test_every_row_of_every_table(mount, odd_db):
    """Named and filled by the rules; listed in the rows' order; no folder where there is no key."""
    folder, conn = mount(odd_db).live(), reference.connect(odd_db)
    looked_at = 0
    for table, stem in stems(folder).items():
        table = table.decode()
        where = os.path.join(os.fsencode(folder), stem)
        if not reference.key_columns(conn, table) or os.path.isfile(where):
            assert os.path.isfile(where) or not os.path.exists(where), table
            continue
        rows = [row for row in reference.records(conn, table) if row[0] is not None]
        if len({name for name, _ in rows}) != len(rows):
            continue  # 1 and '1' in one column
        with os.scandir(where) as entries:
            listed = [(entry.name, entry.inode()) for entry in entries]
        assert [name for name, _ in listed] == [name + b".json" for name, _ in rows], table
        for (name, content), (_, inode) in zip(rows, listed):
            assert check_record(record_path(folder, stem, name), content) == inode
            looked_at += 1
        for absent in (b"absent", b"-1.5", b"%", b"a,b,c,d,e", b"%ZZ", b"~" * 250, b"text:"):
            if absent not in dict(rows):
                assert not os.path.exists(record_path(folder, stem, absent)), (table, absent)
    assert looked_at > 500


@pytest.mark.sanitize
@pytest.mark.parametrize("table", ["numbered", "falling", "worded", "paired", "mixed"])
def test_found_among_many(mount, large_db, table):
    """Whatever order the rows stand in, and in whatever order they are asked for."""
    folder, conn = mount(large_db).live(), reference.connect(large_db)
    rows = list(reference.records(conn, table))
    for name, content in rows[:: len(rows) // 41] + rows[:1] + rows[-1:] + rows[100:130]:
        check_record(record_path(folder, table.encode(), name), content)
    for name, _ in rows[:: len(rows) // 9]:
        assert not os.path.exists(record_path(folder, table.encode(), name + b"1x"))
    with os.scandir(os.path.join(os.fsencode(folder), table.encode())) as entries:
        assert [entry.name for entry in entries] == [name + b".json" for name, _ in rows]


def test_names_by_hand(mount, work):
    conn = sqlite3.connect(work / "crm.db")
    conn.executescript("""
        CREATE TABLE words (word TEXT PRIMARY KEY, n INTEGER);
        CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b));
        CREATE TABLE raws (id BLOB PRIMARY KEY);
        CREATE TABLE uniques (code TEXT NOT NULL UNIQUE, v TEXT);
        CREATE TABLE keyless (v TEXT);
        CREATE VIEW seen AS SELECT * FROM words;
        INSERT INTO words VALUES ('', 0), ('.x', 1), ('a/b', 2), ('50%', 3), ('a,b', 4), ('é', 5), (NULL, 6);
        INSERT INTO pairs VALUES ('x,y', 7), ('', 8);
        INSERT INTO raws VALUES (x'fffe00'), (x'');
        INSERT INTO uniques VALUES ('sv', 'one');
    """)
    conn.commit()
    folder = mount(work / "crm.db").live()
    assert set(os.listdir(folder / "words")) == {
        "%.json", "%2Ex.json", "a%2Fb.json", "50%25.json", "a%2Cb.json", "é.json"}
    assert slurp(folder / "words/a%2Fb.json") == b'{"word":"a/b","n":2}\n'
    assert set(os.listdir(folder / "pairs")) == {"x%2Cy,7.json", ",8.json"}
    assert set(os.listdir(folder / "raws")) == {"%2F%2F4A.json", "%.json"}
    assert slurp(folder / "uniques/sv.json") == b'{"code":"sv","v":"one"}\n'
    for name in ("keyless", "seen", "nothing", "word"):
        assert not (folder / name).exists()
    assert "words" not in os.listdir(folder)


def test_large_row(mount, work):
    """A row in many pieces is one file, read anywhere."""
    conn = sqlite3.connect(work / "crm.db")
    conn.execute("CREATE TABLE t (before TEXT, id INTEGER PRIMARY KEY, body TEXT, after TEXT)")
    conn.execute("INSERT INTO t VALUES ('b', 1, 'small', 'a')")
    conn.execute("INSERT INTO t VALUES (?, 2, ?, 'a')", ("å" * 400_000, "y\n" * 1_500_000))
    conn.execute("INSERT INTO t VALUES ('b', 3, 'small', 'a')")
    conn.commit()
    folder = mount(work / "crm.db").live()
    rows = list(reference.records(reference.connect(work / "crm.db"), "t"))
    for name, content in rows:
        check_record(record_path(folder, b"t", name), content)
    with open(folder / "t/2.json", "rb") as file:
        for offset in (0, 1, 700_000, 3_000_000, len(rows[1][1]) - 3):
            file.seek(offset)
            assert file.read(1000) == rows[1][1][offset:offset + 1000]
    assert os.listdir(folder / "t") == ["1.json", "2.json", "3.json"]


def test_changes_show(mount, work):
    conn = sqlite3.connect(work / "crm.db", isolation_level=None)
    conn.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'one')")
    folder = mount(work / "crm.db", options="refresh=0.1").live()

    def cat():
        return subprocess.run(["cat", folder / "t/1.json"], capture_output=True, check=False).stdout

    assert cat() == b'{"id":1,"v":"one"}\n'
    inode = os.stat(folder / "t/1.json").st_ino
    conn.execute("INSERT INTO t VALUES (2, 'two')")
    assert eventually((folder / "t/2.json").exists)
    assert os.stat(folder / "t/1.json").st_ino == inode, "the row is what it was"
    with open(folder / "t/1.json", "rb") as file:
        conn.execute("UPDATE t SET v = 'ett' WHERE id = 1")
        assert eventually(lambda: cat() == b'{"id":1,"v":"ett"}\n')
        assert file.read() == b'{"id":1,"v":"one"}\n', "what is open stays"
    assert os.stat(folder / "t/1.json").st_ino != inode
    conn.execute("DELETE FROM t WHERE id = 1")
    assert eventually(lambda: not (folder / "t/1.json").exists())
    conn.execute("DROP TABLE t")
    assert eventually(lambda: not (folder / "t/2.json").exists())


def test_listed_on_request(mount, odd_db):
    """Without -o records whoever walks the mount meets tables alone."""
    plain, listing = mount(odd_db), mount(odd_db, options="records")
    for point, listed in ((plain, False), (listing, True)):
        names = {entry.name for entry in os.scandir(point.live()) if entry.is_dir()}
        assert ("every_value" in names) == listed
        assert listed or not names
    with os.scandir(listing.live()) as entries:
        for entry in entries:
            assert entry.inode() == entry.stat().st_ino, entry.name


def test_keys_that_differ_in_their_type_alone(mount, work):
    """1 and '1' have one name: it is given once, and is the first row's, however far the two are apart."""
    with sqlite3.connect(work / "crm.db") as conn:
        conn.executescript("""
            CREATE TABLE near (k PRIMARY KEY, v); INSERT INTO near VALUES (1, 'int'), ('1', 'text'), (1.5, 'real'), ('x', 'x');
            CREATE TABLE far (k PRIMARY KEY, v);
            WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
            INSERT INTO far SELECT i, hex(randomblob(300)) FROM n UNION ALL SELECT '' || (2 * i), 'text' FROM n;
            CREATE TABLE pairs (a, b, PRIMARY KEY (a, b)); INSERT INTO pairs VALUES (1, '2'), ('1', 2), ('1', '2'), ('1', 3);
            CREATE TABLE texts (k PRIMARY KEY); INSERT INTO texts VALUES ('007'), ('1');""")
    top = mount(work / "crm.db", options="records")
    folder = top.live()
    assert os.listdir(folder / "near") == ["1.json", "1.5.json", "x.json"]
    assert os.listdir(folder / "pairs") == ["1,2.json", "1,3.json"]
    assert os.listdir(folder / "texts") == ["007.json", "1.json"]
    names = os.listdir(folder / "far")
    assert len(names) == len(set(names)) == 4000 + 2000
    with os.scandir(folder / "far") as entries:
        assert all(entry.inode() == entry.stat().st_ino for entry in entries if entry.name in ("2.json", "4000.json", "8000.json"))
    for name, text in (("2", False), ("4000", False), ("4002", True)):
        assert ('"text"' in (folder / f"far/{name}.json").read_text()) == text
    errors = top.errors().splitlines()
    assert len(errors) == 3 and all("differ in their type" in line for line in errors), errors
    assert "live/crm/near" in errors[0] and "1.json" in errors[0]


def test_nothing_is_made_there(mount, odd_db):
    folder = mount(odd_db).live() / "every_value"
    for attempt in (lambda: (folder / "9999.json").write_text("{}"), lambda: os.unlink(folder / "1.json"),
                    lambda: os.mkdir(folder / "x"), lambda: os.rename(folder / "1.json", folder / "2.json")):
        with pytest.raises(OSError) as refusal:
            attempt()
        assert refusal.value.errno == 30
