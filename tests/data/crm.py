#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes a CRM in SQLite: accounts, contacts, opportunities, activities; the same for the same size.

usage: crm.py FILE [ACTIVITIES]
"""
import random
import sqlite3
import sys

SCHEMA = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, country CHAR(2), revenue DECIMAL(15,2),
    parent_id INTEGER REFERENCES accounts (id), settings JSON, logo BLOB, created_at DATETIME NOT NULL);
CREATE TABLE contacts (
    id INTEGER PRIMARY KEY, account_id INTEGER REFERENCES accounts (id), first_name TEXT, last_name TEXT NOT NULL,
    email TEXT UNIQUE, phone TEXT, birthday DATE, subscribed BOOLEAN NOT NULL DEFAULT 0);
CREATE TABLE opportunities (
    id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL REFERENCES accounts (id),
    contact_id INTEGER REFERENCES contacts (id), title TEXT, stage TEXT, amount REAL, probability REAL,
    closes_on DATE);
CREATE TABLE activities (
    id INTEGER PRIMARY KEY, account_id INTEGER, contact_id INTEGER, kind TEXT, subject TEXT, body TEXT,
    due DATE, minutes REAL, done BOOLEAN, created_at DATETIME);
CREATE INDEX contacts_by_account ON contacts (account_id);
CREATE VIEW pipeline AS
    SELECT stage, count(*) AS deals, sum(amount) AS amount FROM opportunities GROUP BY stage ORDER BY stage;
"""
FIRST = ["Åsa", "Olga", "Ольга", "李", "Zoë", "José", "אבי", "محمد", "Nguyễn", "Anna", 'Bo "Bob"', "D'Arcy", None]
LAST = ["Lindström", "Smith", "Иванова", "小龍", "O'Neil", "García", "כהן", "Müller-Lüdenscheidt", "Van, der Berg"]
WORDS = ("call offer contract meeting renewal discount invoice support delivery price quarter decision budget "
         "follow-up question answer demo training licence server office team next open closed agreed waiting").split()
STAGES = ["new", "qualified", "proposal", "won", "lost"]
KINDS = ["call", "mail", "meeting", "note", "task"]


def day(number):
    return f"20{20 + number % 7:02}-{1 + number % 12:02}-{1 + number % 28:02}"


def sentences(count=512):
    """Bodies' pieces: with commas, quotes and line breaks in some."""
    source = random.Random(1)
    ends = [". ", ". ", ", and ", '. "Yes", they said. ', ".\n", ".\n\n— "]
    return [" ".join(source.choices(WORDS, k=source.randint(4, 12))).capitalize() + source.choice(ends)
            for _ in range(count)]


def activities(count, accounts, contacts, seed=3):
    """Rows for the activities table, one after another."""
    source, pieces = random.Random(seed), sentences()
    number = source.random
    for key in range(1, count + 1):
        bits = source.getrandbits(64)
        parts = [pieces[bits >> shift & 511] for shift in (0, 9, 18, 27)][: 1 + (bits >> 36 & 3)]
        yield (key, 1 + int(number() * accounts), 1 + int(number() * contacts) if bits & 7 << 40 else None,
               KINDS[bits % 5], pieces[bits >> 45 & 511].rstrip()[:40], "".join(parts), day(bits >> 54),
               (bits >> 50 & 1023) / 4, bits >> 62 & 1, f"{day(key)} {key % 24:02}:{key % 60:02}:00")


def make(path, activity_count=20000):
    """A CRM of ACTIVITY_COUNT activities, and a tenth as many of the others."""
    others = max(activity_count // 10, 20)
    source = random.Random(activity_count)
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA synchronous = OFF")
    conn.executescript(SCHEMA)
    conn.execute("BEGIN")
    conn.executemany("INSERT INTO accounts VALUES (?,?,?,?,?,?,?,?)", (
        (n, f"{source.choice(LAST)} & Co, {n}", source.choice(["SE", "DE", "US", "", None]),
         source.choice([None, n * 1000, n + 0.25, 1e12 / n]), source.choice([None, max(n // 2, 1)]),
         source.choice([None, '{"tags":["a","b"],\n "vip":true}', "{}", "not json"]),
         source.choice([None, b"", source.randbytes(40)]), f"{day(n)} 09:00:00")
        for n in range(1, others + 1)))
    conn.executemany("INSERT INTO contacts VALUES (?,?,?,?,?,?,?,?)", (
        (n, source.randint(1, others), source.choice(FIRST), source.choice(LAST), f"c{n}@example.org",
         source.choice([None, "", "+46 8 123 45"]), day(n) if n % 3 else "0000-00-00", n % 2)
        for n in range(1, others + 1)))
    conn.executemany("INSERT INTO opportunities VALUES (?,?,?,?,?,?,?,?)", (
        (n, source.randint(1, others), source.randint(1, others), f"Deal {n}: {source.choice(WORDS)}",
         source.choice(STAGES), source.random() * 1e6, source.choice([0.1, 0.25, 1 / 3, 1.0]), day(n))
        for n in range(1, others + 1)))
    conn.executemany("INSERT INTO activities VALUES (?,?,?,?,?,?,?,?,?,?)",
                     activities(activity_count, others, others))
    conn.execute("COMMIT")
    conn.close()


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20000)
