# SPDX-License-Identifier: MIT
"""-o rw-live on a server: rows written, refused when changed meanwhile, deleted; files of rows loaded."""
import errno
import json
import subprocess
import threading

import mounting
from mounting import eventually
from writing import put, refused

TABLES = """
    CREATE TABLE contacts (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20) NOT NULL, price DECIMAL(10,2),
                           ratio DOUBLE, day DATETIME(3), doc JSON, raw BLOB, kind ENUM('a','b')) CHARSET utf8mb4;
    CREATE TABLE activities (id INT PRIMARY KEY, contact INT, FOREIGN KEY (contact) REFERENCES contacts (id));
    CREATE TABLE words (word VARCHAR(30) COLLATE utf8mb4_general_ci PRIMARY KEY, n INT) CHARSET utf8mb4;
    INSERT INTO contacts VALUES (1, 'Åsa', 1.50, 0.1, '2026-11-20 10:00:00.125', '{"a": [1]}', x'00ff', 'a'),
                                (2, 'Bo', NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO activities VALUES (1, 1);
    INSERT INTO words VALUES ('007', 1), ('Ärlig', 2);
"""


def test_rows_and_files(mount, server, database):
    server.sql(TABLES, database)
    top = mount(f"crm={server.url(database)}", options="rw-live,refresh=0.1")
    folder = top.live()

    def row(columns, table="contacts", key="id = 1"):
        return server.lines(f"SELECT {columns} FROM {table} WHERE {key}", database)

    before = row("id, name, price, ratio, day, doc, hex(raw), kind", key="1 ORDER BY id")
    for name in (1, 2):
        text = (folder / f"contacts/{name}.json").read_text()
        put(folder / f"contacts/{name}.json", text)
    assert row("id, name, price, ratio, day, doc, hex(raw), kind", key="1 ORDER BY id") == before, "what is copied back as it was changes nothing"
    put(folder / "contacts/1.json", '{"price": 12.30, "doc": {"b": null}, "day": "2026-11-21 00:00:00.500"}')
    assert row("price, doc, day") == ["12.30\t{\"b\": null}\t2026-11-21 00:00:00.500"]
    assert json.loads((folder / "contacts/1.json").read_text())["price"] == 12.30
    put(folder / "words/007.json", '{"n": 7}')
    put(folder / "words/ny.json", '{"n": 8}')
    assert row("n", "words", "word IN ('007', 'ny') ORDER BY word") == ["7", "8"]
    refused(None, put, folder / "words/NY.json", '{"n": 9}')
    server.sql("UPDATE contacts SET name = 'theirs' WHERE id = 1", database)
    refused(errno.EBUSY, put, folder / "contacts/1.json", '{"name": "ours"}')
    refused(None, put, folder / "contacts/2.json", '{"name": "longer than twenty characters"}')
    refused(None, (folder / "contacts/1.json").unlink)
    assert row("name", key="1 ORDER BY id") == ["theirs", "Bo"]
    (folder / "contacts/2.json").unlink()
    put(folder / ".import/upsert/contacts.csv", "id,name\n1,Åsa\n5,Eva\n")
    refused(None, put, folder / ".import/append/contacts.csv", "id,name\n6,Ek\n1,x\n")
    refused(None, put, folder / ".import/append/contacts.csv", "id,name\n6,Ek\n7,E")
    assert row("id, name", key="1 ORDER BY id") == ["1\tÅsa", "5\tEva"]
    put(folder / ".import/replace/words.json", '[{"word":"007","n":1}]')
    assert row("word, n", "words", "1") == ["007\t1"]
    assert "changed since it was read" in top.errors()


def test_a_row_is_looked_at_while_a_restore_goes_on(mount, server, database):
    """Nor does it wait for a row that somebody has locked."""
    server.sql(TABLES, database)
    folder = mount(f"crm={server.url(database)}", options="rw-live,refresh=0.1").live()
    holder = threading.Thread(target=server.sql, args=(
        "BEGIN; UPDATE contacts SET name = 'theirs' WHERE id = 2;"
        "DO GET_LOCK(CONCAT('crmfs restore ', SHA1(DATABASE())), 0); DO SLEEP(8); ROLLBACK", database))
    holder.start()
    try:
        assert eventually(lambda: server.lines(f"SELECT IS_FREE_LOCK(CONCAT('crmfs restore ', SHA1('{database}')))") == ["0"])
        assert json.loads((folder / "contacts/2.json").read_text())["name"] == "Bo"
        assert holder.is_alive()
    finally:
        holder.join()


def test_rows_that_refer_by_another_key(mount, server, database):
    """To a unique column, or to some of the key: a row that is deleted takes none of them along."""
    server.sql("""CREATE TABLE kinds (id INT, part INT, code VARCHAR(9) UNIQUE, PRIMARY KEY (id, part));
                  CREATE TABLE items (id INT PRIMARY KEY, code VARCHAR(9),
                                      FOREIGN KEY (code) REFERENCES kinds (code) ON DELETE CASCADE);
                  CREATE TABLE notes (id INT PRIMARY KEY, kind INT, part INT,
                                      FOREIGN KEY (kind, part) REFERENCES kinds (id, part) ON DELETE SET NULL);
                  INSERT INTO kinds VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 1, NULL);
                  INSERT INTO items VALUES (7, 'a'), (8, NULL); INSERT INTO notes VALUES (1, 2, 1)""", database)
    folder = mount(f"crm={server.url(database)}", options="rw-live,refresh=0.1").live()
    for name in ("1,1", "2,1"):
        refused(errno.EBUSY, (folder / f"kinds/{name}.json").unlink)
    (folder / "kinds/3,1.json").unlink()
    assert server.lines("SELECT id, code FROM items ORDER BY id", database) == ["7\ta", "8\tNULL"]
    assert server.lines("SELECT id, kind FROM notes", database) == ["1\t2"]
    assert server.lines("SELECT id FROM kinds ORDER BY id", database) == ["1", "2"]


def test_rows_of_another_database_refer(mount, server, database, work):
    """They are neither taken along with the row that they refer to, nor left without it."""
    server.sql(f"""CREATE TABLE kinds (id INT PRIMARY KEY, code VARCHAR(9) UNIQUE); CREATE DATABASE `out``side`;
                   INSERT INTO kinds VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, NULL), (5, NULL);
                   CREATE TABLE `out``side`.`it``ems` (id INT PRIMARY KEY, `k``i` VARCHAR(9), two INT,
                       FOREIGN KEY (`k``i`) REFERENCES {database}.kinds (code) ON DELETE CASCADE,
                       FOREIGN KEY (two) REFERENCES {database}.kinds (id) ON DELETE SET NULL);
                   INSERT INTO `out``side`.`it``ems` VALUES (7, 'a', NULL), (8, NULL, 2), (9, NULL, NULL)""", database)
    try:
        top = mount(f"crm={server.url(database)}", options="rw-live,refresh=0.1")
        for name in ("1", "2"):
            refused(errno.EBUSY, (top.live() / f"kinds/{name}.json").unlink)
        assert 'rows of "out`side.it`ems" refer to this one' in top.errors()
        (top.live() / "kinds/4.json").unlink()
        (work / "kinds.csv").write_text("id,code\n1,a\n9,i\n")
        words = [mounting.BINARY, "restore", "--mode", "replace", "--to", server.url(database), work / "kinds.csv"]
        told = subprocess.run(words, capture_output=True, text=True, check=False)
        assert told.returncode == 1 and 'rows of "out`side.it`ems" refer to' in told.stderr
        (work / "kinds.csv").write_text("id,code\n1,a\n2,b\n9,i\n")
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        assert server.lines("SELECT id FROM kinds ORDER BY id", database) == ["1", "2", "9"]
        assert server.lines("SELECT id FROM `out``side`.`it``ems` WHERE id = 9 OR `k``i` = 'a' OR two = 2", database) == ["7", "8", "9"]
    finally:
        server.sql("DROP DATABASE `out``side`", database)


def test_who_may_not_write_is_told_so(mount, server, database):
    """Rights that are missing, and a server that is only read: not as if the values were wrong."""
    server.sql(TABLES, database)
    server.sql("CREATE OR REPLACE USER reader@localhost; CREATE OR REPLACE USER writer@localhost;"
               f"GRANT SELECT, SHOW VIEW ON {database}.* TO reader@localhost; GRANT ALL ON {database}.* TO writer@localhost")
    top = mount(f"crm={server.url(database).replace('root@', 'reader@')}", options="rw-live,refresh=0.1")
    refused(errno.EACCES, put, top.live() / "contacts/1.json", '{"name": "x"}')
    refused(errno.EACCES, (top.live() / "contacts/2.json").unlink)
    refused(errno.EACCES, put, top.live() / ".import/append/words.csv", "word,n\nx,1\n")
    assert top.errors().count("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES") == 3
    top = mount(f"crm={server.url(database).replace('root@', 'writer@')}", options="rw-live,refresh=0.1")
    server.sql("SET GLOBAL read_only = 1")
    try:
        refused(errno.EROFS, put, top.live() / "contacts/1.json", '{"name": "x"}')
        refused(errno.EROFS, put, top.live() / ".import/append/words.csv", "word,n\nx,1\n")
    finally:
        server.sql("SET GLOBAL read_only = 0")
    assert "replica" in top.errors()
    put(top.live() / ".import/append/words.csv", "word,n\nx,1\n")


def test_what_the_database_changes_by_itself(mount, server, database):
    """A row copied back is as the file has it; what a trigger makes of it is refused, and changes nothing."""
    server.sql("""CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20), n INT,
                                  changed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
                  INSERT INTO t VALUES (1, 'new', 1, '2020-01-02 03:04:05')""", database)
    folder = mount(f"crm={server.url(database)}", options="rw-live,refresh=0.1").live()

    def rows():
        return server.lines("SELECT id, name, changed FROM t ORDER BY id", database)

    put(folder / "t/1.json", '{"id": 1, "name": "old", "n": 1, "changed": "2020-01-02 03:04:05"}')
    assert rows() == ["1\told\t2020-01-02 03:04:05"]
    put(folder / "t/1.json", '{"name": "newer"}')
    assert rows()[0].startswith("1\tnewer\t20") and "2020" not in rows()[0]
    before = rows()
    server.sql("CREATE TRIGGER loud BEFORE UPDATE ON t FOR EACH ROW SET NEW.name = UPPER(NEW.name)", database)
    refused(errno.EINVAL, put, folder / "t/1.json", '{"name": "quiet", "n": 7}')
    assert rows() == before
    put(folder / "t/1.json", '{"name": "LOUD"}')
    assert rows()[0].startswith("1\tLOUD")


def test_a_row_that_somebody_has_locked(mount, server, database):
    """It is waited for as long as busy-timeout says, not as long as the server would."""
    server.sql("CREATE TABLE t (id INT PRIMARY KEY, n INT); INSERT INTO t VALUES (1, 1)", database)
    folder = mount(f"crm={server.url(database)}", options="rw-live,refresh=0.1,busy-timeout=1").live()
    text = (folder / "t/1.json").read_text()
    holder = threading.Thread(target=server.sql, args=(
        "BEGIN; UPDATE t SET n = 2 WHERE id = 1; DO GET_LOCK('held', 0); DO SLEEP(15); ROLLBACK", database))
    holder.start()
    try:
        assert eventually(lambda: server.lines("SELECT IS_FREE_LOCK('held')") == ["0"])
        waits = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_waits'"
        before = server.lines(waits)
        assert (folder / "t/1.json").read_text() == text and server.lines(waits) == before, "who reads waits for nobody"
        refused(errno.EBUSY, put, folder / "t/1.json", text.replace('"n":1', '"n":3'))
        assert holder.is_alive()
    finally:
        holder.join()
    assert server.lines("SELECT n FROM t", database) == ["1"]


def test_rows_that_refer_to_one_and_are_locked(mount, server, database):
    """Whether they do, nobody knows before the lock is gone: the row stays, and they do."""
    server.sql("CREATE TABLE p (id INT PRIMARY KEY); INSERT INTO p VALUES (1), (2);"
               "CREATE TABLE c (id INT PRIMARY KEY, p INT, n INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);"
               "INSERT INTO c VALUES (1, 2, 0)", database)
    folder = mount(f"crm={server.url(database)}", options="rw-live,refresh=0.1,busy-timeout=2").live()
    holder = threading.Thread(target=server.sql, args=(
        "BEGIN; UPDATE c SET n = 1; DO GET_LOCK('held', 0); DO SLEEP(3.5); COMMIT", database))
    holder.start()
    try:
        assert eventually(lambda: server.lines("SELECT IS_FREE_LOCK('held')") == ["0"])
        refused(errno.EBUSY, (folder / "p/2.json").unlink)
    finally:
        holder.join()
    assert server.lines("SELECT * FROM c", database) == ["1\t2\t1"]


def test_a_row_that_others_of_its_table_refer_to(mount, server, database):
    """It alone would be deleted; they would go with it, or change (ON DELETE)."""
    server.sql("CREATE TABLE staff (id INT PRIMARY KEY, chief INT, FOREIGN KEY (chief) REFERENCES staff (id) ON DELETE CASCADE);"
               "INSERT INTO staff VALUES (1, 1), (2, 1), (3, 2)", database)
    top = mount(f"crm={server.url(database)}", options="rw-live,refresh=0.1")
    folder = top.live()
    refused(errno.EBUSY, (folder / "staff/2.json").unlink)
    assert 'rows of "staff" refer to this one' in top.errors()
    assert server.lines("SELECT * FROM staff ORDER BY id", database) == ["1\t1", "2\t1", "3\t2"]
    for key in 3, 2, 1:
        (folder / f"staff/{key}.json").unlink()
    assert server.lines("SELECT * FROM staff ORDER BY id", database) == []


KEYS = {  # of a row: as the server is told, as its file is called
    "FLOAT": ("1.1", "1.1"),
    "FLOAT UNSIGNED ZEROFILL": ("3.4e38", "3.4e+38"),
    "DOUBLE": ("0.1", "0.1"),
    "BIT(8)": ("55", "55"),
    "BIT(64)": ("18446744073709551615", "18446744073709551615"),
    "YEAR": ("0", "0000"),
    "DATETIME(6)": ("'2026-11-20 10:00:00.125'", "2026-11-20 10:00:00.125000"),
    "ENUM('a','1')": ("'1'", "1"),
    "BINARY(3)": ("x'610000'", "YQAA"),
    "INET6": ("'2001:db8::1'", "2001:db8::1"),
}


def test_keys_and_values_of_every_kind(mount, server, database):
    """A row is found again by its key, whatever that is, and takes another's value, and none."""
    server.sql("".join(f"""CREATE TABLE t{number} (k {kind} PRIMARY KEY, n INT, v {kind} NULL);
                           INSERT INTO t{number} VALUES ({value}, 1, NULL);"""
                       for number, (kind, (value, _)) in enumerate(KEYS.items())), database)
    folder = mount(f"crm={server.url(database)}", options="rw-live,refresh=0.1").live()
    for number, (kind, (value, name)) in enumerate(KEYS.items()):
        (file,) = (folder / f"t{number}").iterdir()
        assert file.name == f"{name}.json", kind
        key = file.read_text().partition(':')[2].partition(',"n"')[0]
        put(file, f'{{"n": 2, "v": {key}}}')
        assert file.read_text() == f'{{"k":{key},"n":2,"v":{key}}}\n', kind
        assert server.lines(f"SELECT n, v = k FROM t{number}", database) == ["2\t1"], kind
        put(file, '{"v": null}')
        assert server.lines(f"SELECT n, v FROM t{number}", database) == ["2\tNULL"], kind
        file.unlink()
        assert server.lines(f"SELECT * FROM t{number}", database) == [], kind
