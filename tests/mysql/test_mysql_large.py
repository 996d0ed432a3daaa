# SPDX-License-Identifier: MIT
"""Cells of many megabytes, and many tables, in bounded memory."""
import base64
import hashlib
import json

import pytest

import strict

MIB = 1 << 20


def digest_of_cell(path, skip_rows, column):
    """SHA-256 of a cell of an NDJSON row, decoded."""
    with open(path, "rb") as file:
        for _ in range(skip_rows):
            file.readline()
        value = json.loads(file.readline())[column]
    raw = base64.b64decode(value["encoded"]) if isinstance(value, dict) else value.encode()
    return hashlib.sha256(raw).hexdigest(), len(raw)


def test_cells_larger_than_the_memory(mount, server, database):
    """In pieces, found again by the key: 64 MiB of memory are enough."""
    server.sql("CREATE TABLE files (id VARCHAR(20), part INT, body LONGBLOB, words LONGTEXT CHARACTER SET latin1,"
               " PRIMARY KEY (id, part)) CHARACTER SET utf8mb4;"
               "INSERT INTO files VALUES ('a', 1, 'small', 'klein'), ('b', 1, REPEAT(x'00ff10', 24 << 20), 'x'),"
               " ('b', 2, x'', REPEAT(_utf8mb4 'Åsa ', 3000000)), ('c', 1, REPEAT('y', 1100000), REPEAT('z', 1048577)),"
               " ('d', 1, NULL, NULL)", database)
    top = mount(server.url(database))
    path = top.live() / "files.ndjson"
    for row, column, name in ((1, "body", "body"), (2, "words", "CONVERT(words USING utf8mb4)"), (3, "body", "body"),
                              (3, "words", "CONVERT(words USING utf8mb4)")):
        digest, size = server.lines(
            f"SELECT SHA2({name}, 256), LENGTH({name}) FROM files ORDER BY id, part LIMIT 1 OFFSET {row}",
            database)[0].split("\t")
        assert digest_of_cell(path, row, column) == (digest, int(size))
    assert path.stat().st_size == len(path.read_bytes())
    assert top.high_water() <= 64 * MIB


@pytest.mark.parametrize("rows", [1, 40])
def test_large_cells_among_small_ones(mount, server, database, rows):
    """Every third row has a cell that comes in pieces; none is lost or doubled at the seams."""
    server.sql("CREATE TABLE mixed (id INT PRIMARY KEY, body LONGTEXT);"
               "INSERT INTO mixed SELECT seq, IF(seq % 3 = 0, REPEAT(CHAR(97 + seq % 26), 1048570 + seq), seq) "
               f"FROM seq_1_to_{rows}", database)
    top = mount(server.url(database))
    with open(top.live() / "mixed.csv", "rb") as file:
        header, *records = strict.read_csv(file.read())
    assert header == [b"id", b"body"] and len(records) == rows
    for number, (key, body) in enumerate(records, 1):
        assert key == b"%d" % number
        assert body == (bytes([97 + number % 26]) * (1048570 + number) if number % 3 == 0 else key)


def test_cells_above_what_the_server_sends_at_once(mount, own_server):
    """max_allowed_packet bounds a packet, and what many a function makes; a cell may have been written when it was more."""
    server = own_server()
    server.sql("CREATE DATABASE crm; USE crm;"
               "CREATE TABLE files (id INT PRIMARY KEY, body LONGBLOB, words LONGTEXT CHARACTER SET latin1);"
               "INSERT INTO files VALUES (1, REPEAT(x'00ff', 9000000), REPEAT(_utf8mb4 'å', 9000000));"
               "SET GLOBAL max_allowed_packet = 16 << 20")
    with open(mount(server.url()).live() / "files.csv", "rb") as file:
        (header, row) = strict.read_csv(file.read())
    assert header == [b"id", b"body", b"words"]
    assert base64.b64decode(row[1]) == b"\0\xff" * 9000000 and row[2].decode() == "å" * 9000000


def test_two_thousand_tables(mount, server, database):
    # One file for all of them: a file each is what takes a server its time.
    server.sql("SET GLOBAL innodb_file_per_table = OFF;"
               + "".join(f"CREATE TABLE t{n:04} (id INT PRIMARY KEY, v INT);" for n in range(2000))
               + "SET GLOBAL innodb_file_per_table = ON", database)
    top = mount(server.url(database))
    assert len(list(top.live().iterdir())) == 2000 * 3 + 2
    assert (top.live() / "t1999.csv").read_bytes() == b"id,v\n"
    assert top.high_water() <= 64 * MIB
