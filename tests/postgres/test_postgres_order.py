# SPDX-License-Identifier: MIT
"""The order of rows by keys of all types in pg_dump's files, as in the live database where the dump says what it is."""
import pytest

from test_postgres_dump import assert_same, dump, table_files

WORDS = ["a", "B", "b", "C", "_x", "Z", "ä", "Ä", "a b", "a-b", "A", "0", "~"]
TABLES = "".join(f"""
CREATE TABLE {name} (k {declared} PRIMARY KEY, v integer);
INSERT INTO {name} SELECT w, 1 FROM unnest(ARRAY[{", ".join(f"'{word}'" for word in WORDS)}]) AS w;
""" for name, declared in [("t", "text"), ("v", "character varying(9)"), ("c", "character(9)"), ("d", "words"),
                           ("o", 'text COLLATE "C"'), ("p", 'text COLLATE "POSIX"')])
FORMS = {"plain": ["-C"], "clean": ["-C", "--clean"], "inserts": ["-C", "--inserts"], "custom": ["-Fc"], "tape": ["-Ft"]}


@pytest.mark.parametrize("options", ["LOCALE 'C'", "LOCALE 'POSIX'", "LOCALE 'C.UTF-8'",
                                     "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"])
def test_bytes(mount, postgres, database, work, options):
    name = database("CREATE DOMAIN words AS text;" + TABLES, f"TEMPLATE template0 ENCODING 'UTF8' {options}")
    for form, words in FORMS.items():
        (work / f"{form}.dump").write_bytes(dump(postgres, name, *words))
    dump(postgres, name, "-Fd", "-f", work / "folder")
    names = [f"{form}.dump" for form in FORMS] + ["folder"]
    top = mount(f"crm={postgres.url(name)}", *(work / one for one in names))
    for one in names:
        assert_same(top.path("live/crm"), top.path(f"archives/{one}"))


def test_unknown(mount, postgres, database, work):
    """Of a dump that does not say so, rows are as words are; those of COLLATE "C" are as live."""
    name = database("CREATE DOMAIN words AS text;" + TABLES)
    (work / "x.sql").write_bytes(dump(postgres, name))
    top = mount(f"crm={postgres.url(name)}", work / "x.sql")
    live, archive = top.path("live/crm"), top.path("archives/x.sql")
    assert table_files(live) == table_files(archive)
    for table in "op":
        assert (live / f"{table}.csv").read_bytes() == (archive / f"{table}.csv").read_bytes()
    keys = [line.split(",")[0] for line in (archive / "t.csv").read_text().splitlines()[1:]]
    assert keys.index("a") < keys.index("B") < keys.index("C")


def test_icu(mount, postgres, database, work):
    """A database's ICU locale counts, not the C beside it."""
    name = database(TABLES.replace(" words ", " text "), "TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'")
    (work / "x.dump").write_bytes(dump(postgres, name, "-Fc"))
    top = mount(work / "x.dump")
    keys = [line.split(",")[0] for line in top.path("archives/x.dump/t.csv").read_text().splitlines()[1:]]
    assert keys.index("a") < keys.index("B") < keys.index("C")


# Column type → values whose order is not that of their texts, or not everywhere.
VALUES = {
    "date": ["12024-01-01", "2024-01-01", "5874897-12-31", "0044-03-15 BC", "0044-03-14 BC", "0045-12-31 BC", "0001-01-01", "infinity", "-infinity"],
    "timestamp": ["12024-01-01 10:00:00.5", "12024-01-01 10:00:00", "9999-12-31 23:59:59.999999", "0044-03-15 10:00:00 BC",
                  "0044-03-15 10:00:00.25 BC", "4713-01-01 00:00:00 BC", "infinity", "-infinity"],
    "timestamptz": ["12024-01-01 10:00:00+01", "9999-12-31 23:59:59+00", "0044-03-15 10:00:00+00 BC", "infinity", "-infinity"],
    "timetz": ["10:00:00+00:00:30", "10:00:00+00", "10:00:00-00:00:30", "11:00:00+01", "09:00:00-01", "24:00:00-15", "00:00:00+15", "10:00:00.5+00"],
    "interval": ["1 day", "25:00:00", "-1 year 2 mons", "1 mon -30 days +00:00:01", "178000000 years", "-178000000 years", "-00:00:00.5",
                 "00:00:00", "-1 days +24:00:00.000001", "1 mon", "31 days", "9 days"],
    '"char"': ["b", "B", "", "_", "z", "\\", "0"],
    "money": ["10", "9", "-9.50", "-10", "1234567.89", "999", "-92233720368547758.08"],
    "pg_lsn": ["16/B374D848", "2/FF", "2/100", "A/0", "FFFFFFFF/0", "0/0"],
    "bit varying": ["", "1", "10", "01", "0", "11"],
    "macaddr": ["08:00:2b:01:02:03", "ff:00:00:00:00:00", "0a:00:00:00:00:00"],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "0aeebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "text": ["b", "B", "_", "NULL", "a b", "", "a\"b", "a\\b", "{", "~", "\u00e4"],
    "varchar(9)": ["b", "B", "_"],
    "char(3)": ["a", "a\t", "b", "B", "a!"],
    "name": ["b", "B", "_"],
    "jsonb": ["null", '"a"', '"B"', '"b"', '""', "1", "2", "10", "1.5", "-3", "true", "false", "[]", "[1]", "[1, 2]", "[3]", "[[]]", "[{}]", "[[1]]",
              '[["b", 1], 1]', '[["a", 1, 2], 1]', '[["b", 1], 1, 1]', "{}", '{"a": 1}', '{"b": 0}', '{"aa": 0}', '{"a": [9, 10]}', '{"a": [10, 9]}', '{"a": [1], "b": 2}',
              '{"a": {"x": 1}, "b": 1}', '{"a": {"y": 0}, "b": 1}', '{"a": "tab\\tand \\"quote\\" \\\\ \\u0001"}', '"\\t"', '"\\u0001"', '" "', '"a,]"', '["a,]", 1]'],
    "words": ["b", "B", "_"],
    "d2": ["10", "9", "-3"],
    "list": ["{10}", "{9}", "{9,NULL}", "{}"],
    "ctext": ["b", "B", "a"],
    "mood": ["z", "it's", "a"],
    "int4range": ["[9,10)", "[10,11)", "empty", "(,)", "(,5)", "[1,)", "[9,20)", "[-3,1)"],
    "numrange": ["[1.5,2]", "(1.5,2]", "[1.5,2)", "(1.50,)", "[10,11]", "[9,11]"],
    "daterange": ["[12024-01-01,)", "[2024-01-01,2025-01-01)", "[0044-03-15 BC,2025-01-01)", "[-infinity,)", "(,)"],
    "tstzrange": ["[2024-01-01 00:00:00+00,2025-01-01 00:00:00+00)", "(2024-01-01 00:00:00+00,2025-01-01 00:00:00+00)", "(,2025-01-01 00:00:00+00)"],
    "int4multirange": ["{[9,10)}", "{[10,11)}", "{}", "{[9,10),[20,21)}", "{(,)}", "{[1,3),[10,20)}", "{[1,3),[9,20)}"],
}
TYPES = """CREATE DOMAIN words AS text; CREATE DOMAIN di AS bigint; CREATE DOMAIN d2 AS di; CREATE DOMAIN list AS d2[];
CREATE DOMAIN ctext AS text COLLATE "C"; CREATE TYPE mood AS ENUM ('z', 'it''s', 'a');"""


def of_all_types():
    """A table of each type, and of its arrays, that has it for its key; and one that is sorted by it without a key."""
    statements = [TYPES]
    for number, (declared, values) in enumerate(VALUES.items()):
        rows = ", ".join("('" + value.replace("'", "''") + "')" for value in values)
        element = """'"' || replace(replace(k::text, '\\', '\\\\'), '"', '\\"') || '"'"""
        statements.append(f"""CREATE TABLE t{number} (k {declared} PRIMARY KEY); INSERT INTO t{number} VALUES {rows};
            CREATE TABLE a{number} (k {declared}[], n integer, PRIMARY KEY (n, k));
            INSERT INTO a{number} SELECT ('{{' || e || '}}')::{declared}[], 1 FROM (SELECT {element} FROM t{number}) AS t (e);
            INSERT INTO a{number} SELECT ('{{' || e || ',NULL,' || e || '}}')::{declared}[], 1 FROM (SELECT {element} FROM t{number}) AS t (e);
            INSERT INTO a{number} VALUES ('{{}}', 0), ('{{NULL}}', 1);
            CREATE TABLE p{number} (n integer, k {declared}) PARTITION BY HASH (n); CREATE TABLE q{number} PARTITION OF p{number} FOR VALUES WITH (MODULUS 1, REMAINDER 0);
            INSERT INTO p{number} SELECT 1, k FROM t{number} ORDER BY md5(k::text); INSERT INTO p{number} VALUES (1, NULL);""")
    return "\n".join(statements)


def test_types(mount, postgres, database, work):
    """As the database compares them, whatever that is of their texts."""
    name = database(of_all_types(), "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
    (work / "x.dump").write_bytes(dump(postgres, name, *FORMS["custom"]))
    top = mount(f"crm={postgres.url(name)}", work / "x.dump")
    live, archive = top.path("live/crm"), top.path("archives/x.dump")
    names = [each for each in table_files(live) if each.endswith(".csv")]
    assert names == [each for each in table_files(archive) if each.endswith(".csv")]
    kinds = list(VALUES)
    assert [f"{each[0]} {kinds[int(each[1:-4])]}" for each in names if (live / each).read_bytes() != (archive / each).read_bytes()] == []
    assert top.errors() == ""
