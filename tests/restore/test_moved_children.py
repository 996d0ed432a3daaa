# SPDX-License-Identifier: MIT
"""
Replace deletes a row that others refer to now, and will not when they are as they were: they are
neither in its way nor go with it, whatever their foreign keys do (ON DELETE …).
"""
import sqlite3

import pytest

TABLES = ["accounts", "contacts", "staff"]
SCHEMA = """
CREATE TABLE accounts (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(40));
CREATE TABLE contacts (id INTEGER NOT NULL PRIMARY KEY, account_id INTEGER NOT NULL, note VARCHAR(40),
                       FOREIGN KEY (account_id) REFERENCES accounts (id) {action});
CREATE TABLE staff (id INTEGER NOT NULL PRIMARY KEY, chief INTEGER, note VARCHAR(40),
                    FOREIGN KEY (chief) REFERENCES staff (id) {action});
CREATE TABLE calls (id INTEGER NOT NULL PRIMARY KEY, contact_id INTEGER NOT NULL, staff_id INTEGER NOT NULL,
                    FOREIGN KEY (contact_id) REFERENCES contacts (id) {action},
                    FOREIGN KEY (staff_id) REFERENCES staff (id) {action});
"""
ROWS = """
INSERT INTO accounts VALUES (1, 'one'), (2, 'two');
INSERT INTO contacts VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 2, 'c');
INSERT INTO staff VALUES (1, NULL, 'chief');
INSERT INTO staff VALUES (2, 1, 'second');
INSERT INTO staff VALUES (3, 2, 'third');
"""
CALLS = "INSERT INTO calls VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3);"
# Everything hangs on what is new, and goes on from it.
MOVED = """
INSERT INTO accounts VALUES (9, 'new');
UPDATE contacts SET account_id = 9 WHERE id > 1;
INSERT INTO staff VALUES (9, 1, 'new');
UPDATE staff SET chief = 9 WHERE id = 3;
"""
ACTIONS = ["", "ON DELETE CASCADE"]


@pytest.fixture(params=ACTIONS)
def action(request):
    return request.param


@pytest.fixture
def source(work, action):
    path = work / "source.db"
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA.format(action=action) + ROWS)
    database.close()
    return path


def everything(place):
    return [place.sql(f"SELECT * FROM {table} ORDER BY id") for table in [*TABLES, "calls"]]


@pytest.fixture
def target(kind, place, action):
    one = place(kind)
    one.sql(SCHEMA.format(action=action) + ROWS + CALLS)
    return one


def replace(crmfs, target, source, **how):
    return crmfs("restore", "--mode", "replace", "--table", ",".join(TABLES), "--to", target.url, source, **how)


def test_moved_to_a_row_that_is_new(target, crmfs, source):
    before = everything(target)
    target.sql(MOVED)
    replace(crmfs, target, source)
    assert everything(target) == before, "the table that was not restored among them"


def test_moved_and_then_the_old_one_went(target, crmfs, source, action):
    """What they are to refer to comes back by the same restore; else it is refused, and nothing changes."""
    before = everything(target)
    target.sql(MOVED + "DELETE FROM accounts WHERE id = 2")
    moved = everything(target)
    done = replace(crmfs, target, source, status=None)
    if target.kind == "postgresql" and action:
        assert done.returncode == 1 and "contacts" in done.stderr
        assert everything(target) == moved
    else:
        assert done.returncode == 0, done.stderr
        assert everything(target) == before
    if target.kind == "postgresql":
        assert target.value("SELECT count(*) FROM pg_constraint WHERE condeferrable") == "0", "keys are as they were"


def test_moved_within_their_table_and_then_the_old_one_went(target, crmfs, source, action):
    """The chief of one comes back by the same restore, and the one it has now goes."""
    target.sql("DELETE FROM calls")
    before = everything(target)
    target.sql("INSERT INTO staff VALUES (9, 1, 'new'); UPDATE staff SET chief = 9 WHERE id = 3; DELETE FROM staff WHERE id = 2")
    moved = everything(target)
    done = replace(crmfs, target, source, status=None)
    if target.kind == "postgresql" and action:
        assert done.returncode == 1 and "rows of it that stay" in done.stderr
        assert everything(target) == moved
    else:
        assert done.returncode == 0, done.stderr
        assert everything(target) == before
