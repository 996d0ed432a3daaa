# SPDX-License-Identifier: MIT
"""mariadb-dump's files under archives/, byte for byte as the live database that they are of."""
import gzip
import os
import re
import shutil
import subprocess

import pytest

from powershell import written
from test_mysql_fidelity import TYPES

# What the dump does not have in full: FLOAT and DOUBLE(M,D) are printed with fewer digits than they have.
SHORTENED = {"single", "fixed", "fixed8"}
DUMPS = {
    "plain": [],
    "hex": ["--hex-blob", "--routines", "--triggers", "--events"],
    "complete": ["--complete-insert", "--skip-extended-insert"],
    "compact": ["--compact", "--skip-quote-names"],
    "databases": ["--add-drop-database", "--databases"],
    "ansi": ["--compatible=ansi", "--default-character-set=utf8mb4"],
    "ordered": ["--order-by-primary", "--single-transaction", "--quick"],
    "apart": ["--no-create-db", "--skip-opt"],
}
KEYS = """
CREATE TABLE myisam (id CHAR(36) PRIMARY KEY, v INT) ENGINE=MyISAM;
INSERT INTO myisam VALUES ('b-1',1),('a-2',2),('C-3',3),('a-10',4),('ab',5);
CREATE TABLE numbers (a DECIMAL(10,2) NOT NULL, b INT NOT NULL, c INT, UNIQUE KEY zz (b), UNIQUE KEY yy (a), KEY k (c))
    ENGINE=MyISAM;
INSERT INTO numbers VALUES (10.5,3,1),(-2,1,2),(9.75,20,3),(100,-5,4);
CREATE TABLE choices (e ENUM('zz','b','10','9','B\\'s') NOT NULL, id INT, PRIMARY KEY (e DESC, id DESC));
INSERT INTO choices VALUES ('b',1),('zz',2),('9',3),('10',4),('B\\'s',5),('zz',1);
CREATE TABLE chosen (e ENUM('zz','b','ä') NOT NULL, f ENUM('y','x') PRIMARY KEY) ENGINE=MyISAM;
INSERT INTO chosen VALUES ('b','x'),('ä','y'); INSERT IGNORE INTO chosen VALUES ('zz','');
CREATE TABLE keyless (a VARCHAR(10), b INT, c DATETIME, d VARBINARY(4));
INSERT INTO keyless VALUES ('b',2,NULL,'x'),('B',1,'2020-01-01',NULL),(NULL,5,NULL,''),('a',9,NULL,'y'),('b',-1,NULL,'z');
CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id));
CREATE TABLE nothing (id INT PRIMARY KEY, g INT AS (id * 2) VIRTUAL);
CREATE TABLE `we``ird ,"name` (`co``l` INT, `x y` TEXT, PRIMARY KEY (`co``l`));
INSERT INTO `we``ird ,"name` VALUES (2,'a;b'),(1,'-- no comment'),(3,'/* nor this */ \\\\ \\' " \\n');
SET sql_mode='NO_BACKSLASH_ESCAPES,ANSI_QUOTES';
CREATE TRIGGER tr BEFORE INSERT ON parent FOR EACH ROW SET NEW.id = NEW.id + 0;
SET sql_mode='';
DELIMITER ;;
CREATE PROCEDURE pr() BEGIN INSERT INTO parent VALUES (666); SELECT 'a;b'; END;;
DELIMITER ;
"""


def fill(server, database):
    statements = ["SET sql_mode='NO_AUTO_VALUE_ON_ZERO';"]
    for name, (declared, values) in TYPES.items():
        if name in SHORTENED or " AS (" in declared or not values:
            continue
        statements.append(f"CREATE TABLE t_{name} (id INT PRIMARY KEY, v {declared}) CHARACTER SET utf8mb4;")
        statements += [f"INSERT INTO t_{name} (id, v) VALUES ({number}, {value});"
                       for number, value in enumerate(values)]
        statements.append(f"INSERT INTO t_{name} (id) VALUES (1000);")
    server.sql("\n".join(statements) + KEYS, database)


def dump(server, database, options, path):
    with open(path, "wb") as file:
        subprocess.run(["mariadb-dump", "--no-defaults", "-uroot", f"--socket={server.socket}", *options, database],
                       stdout=file, check=True)
    return path


def tables(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(("csv", "json")) and name != "datapackage.json")


@pytest.fixture
def filled(server, database):
    fill(server, database)
    return database


@pytest.mark.parametrize("kind", DUMPS)
def test_as_live(mount, server, filled, work, kind):
    path = dump(server, filled, DUMPS[kind], work / "crm.sql")
    top = mount(f"crm={server.url(filled)}", path)
    live, archive = top.path("live/crm"), top.path("archives/crm.sql")
    assert tables(live) == tables(archive)
    for name in tables(live):
        assert (live / name).read_bytes() == (archive / name).read_bytes(), name
    if kind in ("plain", "hex", "databases"):
        assert (live / "schema.sql").read_bytes() == (archive / "schema.sql").read_bytes()


def test_tab(mount, server, filled, work):
    """Two files a table, of which the server writes the second."""
    folder = server.directory / "tmp" / "tab"
    folder.mkdir()
    folder.chmod(0o777)
    subprocess.run(["mariadb-dump", "--no-defaults", "-uroot", f"--socket={server.socket}", f"--tab={folder}", filled],
                   check=True)
    shutil.copytree(folder, work / "tab")
    shutil.rmtree(folder)
    top = mount(f"crm={server.url(filled)}", work / "tab")
    live, archive = top.path("live/crm"), top.path("archives/tab")
    assert tables(live) == tables(archive)
    for name in tables(live):
        assert (live / name).read_bytes() == (archive / name).read_bytes(), name
    assert "lack" not in top.errors()


INTRODUCED = r"""
CREATE TABLE t (id INT PRIMARY KEY, u VARCHAR(20) CHARACTER SET utf8mb4, l VARCHAR(20) CHARACTER SET latin1,
    c VARCHAR(20) CHARACTER SET cp1251, b VARBINARY(20), n INT, d DOUBLE);
INSERT INTO t VALUES
 (1, _latin1 0xE9, _utf8mb4 X'C3A9', _ucs2 X'0439', _latin1 0xE9, _utf8mb4 X'3132', _latin1'1.5'),
 (2, 0xC3A9, 0xE9, 0xE9, 0xC3A9, 12, b'11'),
 (3, _utf8mb4'é', _utf8mb4'é', _utf8mb4'й', _utf8mb4'é', b'101', 0.5),
 (4, _utf16le 0xE9004100, _utf32 X'000000E9', _koi8r 0xCA, _utf16 X'00E9', _latin1 '-7', 1e3),
 (5, b'1000001', _latin1 B'11101001', _cp1251 b'11101001', b'0000000101000001', 0, 0),
 (6, N'é', n'é', N'й', _binary 'é', 0, 0),
 (7, _binary 'é', _binary X'E9', _binary 0xE9, _binary b'1', 0, 0);
"""


def test_introducers(mount, server, database, work):
    """What a character set is said of stands in it, as the server that loads it has it."""
    (work / "crm.sql").write_text("/*!40101 SET NAMES utf8mb4 */;\n" + INTRODUCED)
    server.sql(INTRODUCED, database)
    top = mount(f"crm={server.url(database)}", work / "crm.sql")
    assert top.path("live/crm/t.ndjson").read_text() == top.path("archives/crm.sql/t.ndjson").read_text()


ALTERED = """
CREATE TABLE a (id INT PRIMARY KEY, b VARCHAR(9), c INT, KEY k (c, b(3)));
ALTER TABLE a MODIFY COLUMN c INT FIRST;
INSERT INTO a VALUES (7, 1, 'x'), (8, 2, '9');
CREATE TABLE b (
  id INT, -- of the person, who has a name
  /* and one, (more) */
  name VARCHAR(19) DEFAULT 'FIRST, AFTER (x', # called so
  PRIMARY KEY (id)
) DEFAULT CHARSET=latin1;
ALTER TABLE b ADD COLUMN e BLOB AFTER id, ADD f DECIMAL(5,2) DEFAULT 1.5 COMMENT 'it''s, last' FIRST, ADD g TEXT;
INSERT INTO b VALUES (1.25, 1, 'FF', 'é', 'ü'), (NULL, 2, NULL, NULL, NULL);
CREATE TABLE c (id INT NOT NULL, `x y` INT, z VARCHAR(9), UNIQUE KEY u (`x y`, z), PRIMARY KEY (id), KEY z (z));
ALTER TABLE c CHANGE `x y` `y` BIGINT AFTER z, RENAME COLUMN id TO `key`;
ALTER TABLE c CHANGE COLUMN z `p,(``q` VARCHAR(20) FIRST;
INSERT INTO c VALUES ('5', 1, 7), ('x', 2, 9);
CREATE TABLE d (`id` INT NOT NULL, v TEXT /*!100302 INVISIBLE */, w INT);
ALTER TABLE d ADD PRIMARY KEY (id), ADD COLUMN IF NOT EXISTS u JSON, MODIFY w VARCHAR(9) AFTER id;
INSERT INTO d (id, w, v, u) VALUES (1, '2', '3', '{"a":1}');
CREATE TABLE e (id INT);
ALTER TABLE e MODIFY id VARCHAR(9) NOT NULL, ADD UNIQUE KEY (id);
INSERT INTO e VALUES ('01'), ('1');
CREATE TABLE f (a INT, b INT, g INT AS (b + 1) STORED);
ALTER TABLE f ADD h INT FIRST;
INSERT INTO f (h, a, b) VALUES (1, 2, 3);
CREATE TABLE h (a INT PRIMARY KEY);
INSERT INTO h VALUES (1), (2);
ALTER TABLE h MODIFY a INT NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=9;
INSERT INTO h VALUES (3);
"""


def test_altered(mount, server, database, work):
    """Columns that are added, moved or renamed before rows come are where the server puts them."""
    (work / "crm.sql").write_text("/*!40101 SET NAMES utf8mb4 */;\n" + ALTERED)
    server.sql(ALTERED, database)
    top = mount(f"crm={server.url(database)}", work / "crm.sql")
    live, archive = top.path("live/crm"), top.path("archives/crm.sql")
    assert tables(live) == tables(archive)
    for name in tables(live):
        if not name.startswith("f."):
            assert (live / name).read_text() == (archive / name).read_text(), name
    assert (archive / "f.csv").read_text() == "h,a,b\n1,2,3\n"
    assert "not carried out" not in top.errors()
    made = [server.sql(f"SHOW CREATE TABLE {name}", database) for name in "abcdefh"]
    server.sql("".join(f"DROP TABLE {name};" for name in "abcdefh"), database)
    server.sql((archive / "schema.sql").read_text(), database)
    assert [server.sql(f"SHOW CREATE TABLE {name}", database) for name in "abcdefh"] == made


MORE = {
    "replace": ["--replace"],
    "ignore": ["--insert-ignore", "--skip-comments"],
    "commits": ["--no-autocommit", "--skip-disable-keys", "--skip-add-locks"],
    "narrow": ["--net-buffer-length=4096", "--skip-set-charset"],
}


def as_phpmyadmin(text):
    """The same dump as phpMyAdmin writes it: keys come afterwards, statements are of its own form."""
    lines = ["-- phpMyAdmin SQL Dump", "-- version 5.2.1", "", 'SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";',
             "START TRANSACTION;", 'SET time_zone = "+00:00";', "", "/*!40101 SET NAMES utf8mb4 */;", ""]
    keys = []
    table = None
    for line in text.splitlines():
        if line.startswith("CREATE TABLE "):
            table, added = line[len("CREATE TABLE "):].rsplit(" (", 1)[0], []
        if table is not None and re.match(r"  (PRIMARY |UNIQUE |)KEY |  CONSTRAINT ", line):
            added.append(line.strip().rstrip(","))
            continue
        if table is not None and line.startswith(")"):
            lines[-1] = lines[-1].rstrip(",")
            keys.append((table, added))
            table = None
        lines.append(line)
    lines += ["", "--", "-- Indexes for dumped tables", "--", ""]
    for table, added in keys:
        for each in added:
            lines += [f"ALTER TABLE {table}", f"  ADD {each};"]
    return "\n".join(lines + ["COMMIT;", ""])


def test_more_as_live(mount, server, filled, work):
    """Other options, and phpMyAdmin's form, in one mount."""
    paths = [dump(server, filled, options, work / f"{kind}.sql") for kind, options in MORE.items()]
    plain = dump(server, filled, ["--compact", "--complete-insert", "--hex-blob"], work / "plain.sql").read_bytes()
    # The procedures and triggers that it passes over are not phpMyAdmin's; nor is a name with a quote in it.
    paths.append(work / "phpmyadmin.sql")
    paths[-1].write_text(as_phpmyadmin(plain.decode("utf-8", "surrogateescape")), "utf-8", "surrogateescape")
    top = mount(f"crm={server.url(filled)}", *paths)
    live = top.path("live/crm")
    different = []
    for path in paths:
        archive = top.path(f"archives/{path.name}")
        assert tables(live) == tables(archive), path.name
        different += [(path.name, name) for name in tables(live)
                      if (live / name).read_bytes() != (archive / name).read_bytes()]
    assert different == [], "\n".join(f"DIFF {each}" for each in different)


@pytest.mark.parametrize("verb", ["REPLACE", "INSERT IGNORE"])
def test_rows_of_one_key(mount, server, database, work, verb):
    """As the server that loads the dump has them: the last of REPLACE, the first of IGNORE."""
    lines = ["-- MariaDB dump 10.19", "SET NAMES utf8mb4;",
             "CREATE TABLE n (id INT PRIMARY KEY, v TEXT); CREATE TABLE w (a VARCHAR(9) COLLATE utf8mb4_bin, b INT, v INT, "
             "PRIMARY KEY (a, b)); CREATE TABLE two (id INT PRIMARY KEY, u INT UNIQUE, v INT);",
             "INSERT INTO n VALUES (3, 'plain'), (1, 'plain');"]
    for first in range(0, 4000, 500):
        rows = ",".join(f"({number * 7919 % 2011},'{number}')" for number in range(first, first + 500))
        lines.append(f"{verb} INTO n VALUES {rows};")
    lines += [f"{verb} INTO w VALUES ('a',1,1),('A',1,2),('a',1,3),('b',2,4),('a',2,5),('b',2,6);",
              f"{verb} INTO two VALUES (1,1,1),(2,2,2),(1,1,3);", "-- Dump completed on 2019-03-01  2:00:00", ""]
    (work / "crm.sql").write_text("\n".join(lines))
    server.sql("\n".join(lines), database)
    top = mount(f"crm={server.url(database)}", work / "crm.sql")
    live, archive = top.path("live/crm"), top.path("archives/crm.sql")
    for name in "n.csv", "w.csv", "two.csv":
        assert (live / name).read_bytes() == (archive / name).read_bytes(), name
    assert "table two: rows took the place of others" in top.errors() and "table n" not in top.errors()


def test_key_twice(mount, work):
    """Rows that no database would take are told of."""
    (work / "crm.sql").write_text("-- MariaDB dump 10.19\nCREATE TABLE `t` (`id` int NOT NULL, PRIMARY KEY (`id`));\n"
                                  "INSERT INTO `t` VALUES (2),(1);\nINSERT INTO `t` VALUES (2);\n-- Dump completed\n")
    top = mount(work / "crm.sql")
    assert top.path("archives/crm.sql/t.csv").read_bytes() == b"id\n1\n2\n2\n"
    assert "table t: two of its rows have the same key" in top.errors()


TAB_SETS = {"binary": ([], ""), "latin1": (["--default-character-set=latin1"], ""),
            "utf8": (["--default-character-set=utf8mb4"], "?charset=utf-8"), "gbk": (["--default-character-set=gbk"], "")}


@pytest.mark.parametrize("kind", TAB_SETS)
def test_tab_character_sets(mount, server, database, work, kind):
    """Rows in the character set that the program was told, else in their columns' own."""
    options, wish = TAB_SETS[kind]
    server.sql("CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20) CHARACTER SET latin1, b VARCHAR(20) CHARACTER SET utf8mb4);"
               "INSERT INTO t VALUES (1, 'Åsa', 'Zoë'), (2, 'x', 'y')", database)
    if kind == "gbk":
        server.sql("UPDATE t SET a = 'x', b = '誠張\\\\誠'", database)
    folder = server.directory / "tmp" / "sets"
    folder.mkdir()
    folder.chmod(0o777)
    subprocess.run(["mariadb-dump", "--no-defaults", "-uroot", f"--socket={server.socket}", f"--tab={folder}", *options,
                    database], check=True)
    shutil.move(folder, work / "sets")
    top = mount(f"crm={server.url(database)}", f"sets=archive://{work}/sets{wish}", f"plain={work}/sets")
    assert top.path("archives/sets/t.csv").read_bytes() == top.path("live/crm/t.csv").read_bytes()
    top.path("archives/plain/t.csv").read_bytes()
    assert ("text in table t is UTF-8 by the look of it" in top.errors()) == (kind == "utf8")


def test_views_are_no_tables(mount, server, filled, work):
    server.sql("CREATE VIEW v AS SELECT id FROM parent", filled)
    top = mount(dump(server, filled, [], work / "crm.sql"))
    folder = top.path("archives/crm.sql")
    assert "v.csv" not in os.listdir(folder) and "parent.csv" in os.listdir(folder)
    assert not (folder / "v.csv").exists() and not (folder / "v").exists()
    assert "VIEW `v` AS select `parent`.`id`" in (folder / "schema.sql").read_text()
    assert " ENODATA archives/crm.sql: v: views, of which a dump has no rows" in top.errors()


@pytest.mark.parametrize("charset, text", [("latin1", "Åsa €ÿ"), ("cp1251", "Жук"), ("koi8r", "Жук"),
                                           ("latin2", "Łódź"), ("eucjpms", "日本"),
                                           # Of letters of two bytes the second may be a backslash by itself.
                                           ("gbk", "誠張誠"), ("big5", "許功蓋"), ("sjis", "表ソｱ能"), ("cp932", "表ソ①")])
def test_character_sets(mount, server, database, work, charset, text):
    """A dump in another character set."""
    server.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), b BLOB) CHARACTER SET utf8mb4;"
               f"INSERT INTO t VALUES (1, '{text}', x'e4f6fc'), (2, '''{text}', x'd55c27fc27815cf500'),"
               f" (3, '{text}''{text}', NULL)", database)
    path = dump(server, database, [f"--default-character-set={charset}"], work / "crm.sql")
    assert text.encode() not in path.read_bytes()
    top = mount(f"crm={server.url(database)}", path)
    assert (top.path("live/crm/t.csv")).read_bytes() == (top.path("archives/crm.sql/t.csv")).read_bytes()


@pytest.mark.parametrize("options", [[], ["--complete-insert"]])
@pytest.mark.parametrize("charset, name", [("latin1", "Straße"), ("gbk", "合同"), ("sjis", "部署"), ("cp1251", "Жук")])
def test_names_in_character_sets(mount, server, database, work, charset, name, options):
    """What makes a table is in UTF-8 in a dump of which the rows are in another character set."""
    server.sql(f"CREATE TABLE `{name}` (id INT PRIMARY KEY, `{name}` VARCHAR(20)) CHARACTER SET utf8mb4;"
               f"INSERT INTO `{name}` VALUES (1, '{name}')", database)
    path = dump(server, database, [f"--default-character-set={charset}", *options], work / "crm.sql")
    top = mount(f"crm={server.url(database)}", path)
    assert tables(top.path("archives/crm.sql")) == tables(top.path("live/crm"))
    assert top.path(f"archives/crm.sql/{name}.csv").read_bytes() == top.path(f"live/crm/{name}.csv").read_bytes()
    assert top.errors() == ""


def test_what_is_told(mount, server, database, work):
    """A sequence is no table in a dump, and moments are in UTC only where that is said."""
    server.sql("CREATE SEQUENCE s; CREATE TABLE t (id INT PRIMARY KEY, m TIMESTAMP NULL); INSERT INTO t VALUES (1, NULL)",
               database)
    told = dump(server, database, ["--skip-tz-utc"], work / "told.sql")
    top = mount(told, dump(server, database, ["--default-character-set=utf8mb4"], work / "utc.sql"))
    assert tables(top.path("archives/told.sql")) == ["t.csv", "t.json", "t.ndjson"]
    assert tables(top.path("archives/utc.sql")) == ["t.csv", "t.json", "t.ndjson"]
    errors = top.errors()
    assert "archives/told.sql: line" in errors and "the sequence s is left out" in errors
    assert "here the time zone is not said: what is in column m of table t" in errors
    assert errors.count("time zone") == 1 and errors.count("sequence s") == 2


def test_history(mount, server, database, work):
    """Of tables WITH SYSTEM VERSIONING a dump may have rows that were: those that are show, as they do live."""
    moments = "a TIMESTAMP(6) AS ROW START, b TIMESTAMP(6) AS ROW END, PERIOD FOR SYSTEM_TIME (a, b)"
    for name, more in {"s": "", "t": f", {moments}", "u": f", {moments}".replace(" ROW START", " ROW START INVISIBLE")}.items():
        server.sql(f"CREATE TABLE {name} (id INT PRIMARY KEY, x INT{more}) WITH SYSTEM VERSIONING;"
                   f"INSERT INTO {name} (id, x) VALUES (1,1),(2,2),(3,3);"
                   f"UPDATE {name} SET x = 7 WHERE id = 3; DELETE FROM {name} WHERE id = 2", database)
    top = mount(f"crm={server.url(database)}", dump(server, database, ["--dump-history"], work / "h.sql"))
    for name in tables(top.path("live/crm")):
        assert top.path(f"archives/h.sql/{name}").read_bytes() == top.path(f"live/crm/{name}").read_bytes()
    assert top.errors().count("had at other times are left out") == 3


@pytest.mark.parametrize("manner, wish", [("FIELDS TERMINATED BY ',' ENCLOSED BY '\"'", "?header=no"), ("", ""),
                                          ("LINES TERMINATED BY '\\r\\n'", ""),
                                          ("FIELDS OPTIONALLY ENCLOSED BY '\"'", ""),
                                          ("FIELDS ENCLOSED BY '\"' LINES TERMINATED BY '\\r\\n'", "")])
def test_outfile(mount, server, database, work, manner, wish):
    """What the server itself writes, in which a backslash takes the meaning of quotes, tabs and line ends."""
    rows = [(1, 'say "hi", you'), (2, None), (3, "c:\\\\"), (4, ""), (5, "two\nlines"), (6, "N"), (7, '\\\\"'),
            (8, "tab\t"), (9, "two\\r\\nlines of Windows"), (10, "re\\rturn"), (11, "return\\r")]
    values = ",".join(f"({number}, {'NULL' if text is None else chr(39) + text + chr(39)})" for number, text in rows)
    path = server.directory / "tmp" / "t.txt"
    server.sql(f"CREATE TABLE t (column1 INT PRIMARY KEY, column2 TEXT); INSERT INTO t VALUES {values};"
               f"SELECT * INTO OUTFILE '{path}' {manner} FROM t ORDER BY 1", database)
    shutil.move(path, work / "t.txt")
    top = mount(f"crm={server.url(database)}", f"out=archive://{work}/t.txt{wish}")
    assert (top.path("live/crm/t.csv")).read_bytes() == (top.path("archives/out/t.csv")).read_bytes()


def test_several_databases(mount, server, filled, work):
    """Each table goes by its database's name too."""
    other = f"{filled}_other"
    server.sql(f"CREATE DATABASE {other}; CREATE TABLE {other}.parent (id INT); INSERT INTO {other}.parent VALUES (7)")
    try:
        path = work / "all.sql.gz"
        text = subprocess.run(["mariadb-dump", "--no-defaults", "-uroot", f"--socket={server.socket}", "--databases",
                               filled, other], stdout=subprocess.PIPE, check=True).stdout
        path.write_bytes(gzip.compress(text))
        folder = mount(path).path("archives/all.sql.gz")
        assert (folder / f"{other}.parent.csv").read_bytes() == b"id\n7\n"
        assert (folder / f"{filled}.parent.csv").read_bytes() == b"id\n"
    finally:
        server.sql(f"DROP DATABASE {other}")


def test_wide(mount, server, filled, work):
    """As PowerShell writes it: the same files as of the dump that it was, live as well."""
    path = dump(server, filled, DUMPS["hex"], work / "plain.sql")
    wide = written(path.read_bytes())
    (work / "wide.sql").write_bytes(wide)
    (work / "packed.sql.gz").write_bytes(gzip.compress(wide))
    top = mount(f"crm={server.url(filled)}", path, work / "wide.sql", work / "packed.sql.gz")
    live = top.path("live/crm")
    for name in "wide.sql", "packed.sql.gz":
        archive = top.path(f"archives/{name}")
        assert tables(live) == tables(archive)
        assert [each for each in [*tables(live), "schema.sql"]
                if (live / each).read_bytes() != (archive / each).read_bytes()] == []
    assert top.path("archives/wide.sql/raw/wide.sql").read_bytes() == wide
    assert "taken for text" not in top.errors()


def test_wide_bytes(mount, server, filled, work):
    """Without --hex-blob, what is no text is lost, and it is told of which tables."""
    server.sql("CREATE TABLE photos (id INT PRIMARY KEY, b BLOB); INSERT INTO photos VALUES (1, X'ff00')", filled)
    text = dump(server, filled, [], work / "plain.sql").read_bytes().decode("cp437")
    (work / "wide.sql").write_bytes(written(text.encode()))
    top = mount(work / "wide.sql")
    assert tables(top.path("archives/wide.sql"))
    assert top.path("archives/wide.sql/parent.csv").read_bytes()
    assert "table photos has bytes that were taken for text" in top.errors()
