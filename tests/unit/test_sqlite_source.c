/* SPDX-License-Identifier: MIT */
/* What a SQLite database holds: its catalogue, its rows and their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "tests/unit/sqlite_fixture.h"

/* --- the catalogue ------------------------------------------------------------------------ */

static void test_tables(void **state)
{
    (void)state;
    struct crm crm =
        make_crm("CREATE TABLE b (x); CREATE TABLE a (x); CREATE VIEW v AS SELECT * FROM a;"
                 "CREATE TABLE counting (id INTEGER PRIMARY KEY AUTOINCREMENT);"
                 "CREATE VIRTUAL TABLE notes USING fts5 (title, body);"
                 "ANALYZE;");
    static const char *const names[] = {"a", "b", "counting", "notes", "v"};

    assert_int_equal(crm.dataset->class->table_count(crm.dataset), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(crm.dataset->class->schema(crm.dataset, i)->name, names[i]);
    assert_int_equal(table_schema(crm.dataset, "a")->kind, RELATION_TABLE);
    assert_int_equal(table_schema(crm.dataset, "v")->kind, RELATION_VIEW);
    assert_int_equal(table_schema(crm.dataset, "notes")->kind, RELATION_VIRTUAL);
    assert_int_equal(table_schema(crm.dataset, "notes")->column_count, 2);
    unmake_crm(&crm);
}

/* What SQLite takes for a shadow table by its name is left out only if a module made it. */
static void test_shadow_names(void **state)
{
    (void)state;
    struct crm crm = make_crm(
        "CREATE VIRTUAL TABLE own5 USING fts5 (a, content, columnsize = 1, tokenize = 'porter');"
        "CREATE VIRTUAL TABLE own4 USING fts4 (a TEXT, [b c], languageid=l, compress=hex,"
        "                                      uncompress=unhex, prefix='1');"
        "CREATE VIRTUAL TABLE own3 USING fts3 (content);"
        "CREATE VIRTUAL TABLE box USING rtree (id, x0, x1, +kept); ALTER TABLE box RENAME TO \"a (b\";"
        "CREATE VIRTUAL TABLE empty USING fts5 (a, content = '');"
        "CREATE TABLE outer_content (id INTEGER PRIMARY KEY, c0);"
        "CREATE VIRTUAL TABLE outer USING fts5 (c0, CON=outer_content);"
        "CREATE VIRTUAL TABLE small USING fts5 (a, columnsize = 0);"
        "CREATE TABLE Small_DocSize (id INTEGER PRIMARY KEY, sz BLOB);"
        "CREATE VIRTUAL TABLE old USING fts3 (a);"
        "CREATE TABLE old_stat (id INTEGER PRIMARY KEY, value BLOB);"
        "CREATE TABLE like_stat (id INTEGER PRIMARY KEY, value TEXT);"
        "CREATE VIRTUAL TABLE \"like\" USING fts4 (a, matchinfo='fts3');"
        "CREATE TABLE like_docsize (docid INTEGER PRIMARY KEY, size BLOB);");
    static const char *const names[] = {
        "Small_DocSize", "a (b",  "empty",         "like", "like_docsize", "like_stat", "old",
        "old_stat",      "outer", "outer_content", "own3", "own4",         "own5",      "small"};

    assert_int_equal(crm.dataset->class->table_count(crm.dataset), sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(crm.dataset->class->schema(crm.dataset, i)->name, names[i]);
    unmake_crm(&crm);
}

static void test_columns(void **state)
{
    (void)state;
    struct crm crm =
        make_crm("CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, n,"
                 "  twice GENERATED ALWAYS AS (n * 2), kept TEXT AS (name || '!') STORED);");
    const struct schema *schema = table_schema(crm.dataset, "t");

    assert_int_equal(schema->column_count, 5);
    assert_string_equal(schema->columns[1].name, "name");
    assert_string_equal(schema->columns[1].native_type, "VARCHAR(20)");
    assert_int_equal(schema->columns[1].type, COLUMN_TEXT);
    assert_true(schema->columns[1].not_null);
    assert_false(schema->columns[2].not_null);
    assert_int_equal(schema->columns[2].type, COLUMN_ANY);
    assert_string_equal(schema->columns[2].native_type, "");
    assert_false(schema->columns[2].generated);
    assert_true(schema->columns[3].generated);
    assert_true(schema->columns[4].generated);
    assert_int_equal(schema->primary_key_count, 1);
    assert_int_equal(schema->order_key_count, 1);
    assert_int_equal(schema->order_key[0], 0);
    unmake_crm(&crm);
}

static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *declared;
        enum column_type type;
    } cases[] = {
        {"", COLUMN_ANY},
        {"INTEGER", COLUMN_INTEGER},
        {"unsigned big int", COLUMN_INTEGER},
        {"tinyint(1)", COLUMN_INTEGER},
        {"Boolean", COLUMN_BOOLEAN},
        {"DECIMAL(10,2)", COLUMN_DECIMAL},
        {"numeric", COLUMN_DECIMAL},
        {"REAL", COLUMN_FLOAT},
        {"double precision", COLUMN_FLOAT},
        {"NVARCHAR (160)", COLUMN_TEXT},
        {"TEXT", COLUMN_TEXT},
        {"BLOB", COLUMN_BYTES},
        {"VARBINARY(9)", COLUMN_BYTES},
        {"DATE", COLUMN_DATE},
        {"time", COLUMN_TIME},
        {"DATETIME", COLUMN_DATETIME},
        {"timestamp with time zone", COLUMN_TIMESTAMP},
        {"json", COLUMN_JSON},
        {"UUID", COLUMN_UUID},
        {"POINT", COLUMN_ANY},
        {"whatever", COLUMN_ANY},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(column_type_name(sqlite_column_type(cases[i].declared)),
                            column_type_name(cases[i].type));
}

static void test_foreign_keys(void **state)
{
    (void)state;
    struct crm crm = make_crm("CREATE TABLE Parent (A, B, PRIMARY KEY (A, B));"
                              "CREATE TABLE child (x REFERENCES gone (id), y, z REFERENCES PARENT,"
                              "  FOREIGN KEY (z, y) REFERENCES parent (a, b));");
    const struct schema *schema = table_schema(crm.dataset, "child");
    const struct foreign_key *keys = schema->foreign_keys;

    assert_int_equal(schema->foreign_key_count, 3);
    assert_string_equal(keys[0].target_table, "gone");
    assert_string_equal(keys[0].target_columns[0], "id");
    assert_string_equal(keys[1].target_table, "Parent");
    assert_null(keys[1].target_columns);
    assert_int_equal(keys[2].count, 2);
    assert_int_equal(keys[2].columns[0], 2);
    assert_int_equal(keys[2].columns[1], 1);
    assert_string_equal(keys[2].target_columns[0], "A");
    assert_string_equal(keys[2].target_columns[1], "B");
    unmake_crm(&crm);
}

static void test_statements(void **state)
{
    (void)state;
    struct crm crm =
        make_crm("CREATE TABLE t (x); CREATE TABLE log (x);"
                 "CREATE TRIGGER added AFTER INSERT ON T BEGIN INSERT INTO log VALUES (1); END;"
                 "CREATE INDEX by_x ON t (x); CREATE VIEW v AS SELECT 1;");

    assert_string_equal(
        table_schema(crm.dataset, "t")->ddl,
        "CREATE TABLE t (x);\nCREATE INDEX by_x ON t (x);\n"
        "CREATE TRIGGER added AFTER INSERT ON T BEGIN INSERT INTO log VALUES (1); END;");
    assert_string_equal(table_schema(crm.dataset, "v")->ddl, "CREATE VIEW v AS SELECT 1;");
    unmake_crm(&crm);
}

/* --- rows --------------------------------------------------------------------------------- */

static void test_values(void **state)
{
    (void)state;
    struct crm crm =
        make_crm("CREATE TABLE t (id INTEGER PRIMARY KEY, v);"
                 "INSERT INTO t VALUES (-9223372036854775808, NULL), (2, ''), (3, x''),"
                 "  (4, 0.1), (5, 9e999), (6, -9e999), (7, 'a' || char(0) || 'b'), (8, x'00ff'),"
                 "  (9223372036854775807, 9223372036854775807);");
    char *rows = table_rows(crm.dataset, "t");

    assert_memory_equal(
        rows,
        "-9223372036854775808|~\n2|\n3|x''\n4|0.1\n5|Infinity\n6|-Infinity\n7|a\0b\n"
        "8|x'00ff'\n9223372036854775807|9223372036854775807\n",
        118);
    free(rows);
    unmake_crm(&crm);
}

static void test_utf16(void **state)
{
    (void)state;
    struct crm crm =
        make_crm("PRAGMA encoding = 'UTF-16'; CREATE TABLE ä (ö TEXT PRIMARY KEY);"
                 "INSERT INTO ä VALUES ('üb'), ('🦆'), (''), (hex(zeroblob(1000000)));");

    assert_string_equal(table_schema(crm.dataset, "ä")->columns[0].name, "ö");
    assert_rows(crm.dataset, "ä", "\n2000000:7a013d05\n🦆\nüb\n");
    unmake_crm(&crm);
}

static void test_views(void **state)
{
    (void)state;
    struct crm crm =
        make_crm("CREATE TABLE t (x); INSERT INTO t VALUES (3), (1), (2), (NULL);"
                 "CREATE VIEW small AS SELECT x, -x FROM t;"
                 "CREATE VIEW broken AS SELECT * FROM gone;"
                 "CREATE VIEW large AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1"
                 "  FROM n WHERE i < 100) SELECT -i, hex(zeroblob(40000)) FROM n;");
    struct range_plan plan = {.count = 1, .starts = &(int64_t){INT64_MIN}};
    struct failure failure = {.code = 0};
    struct cursor *cursor;

    assert_rows(crm.dataset, "small", "~|~\n1|-1\n2|-2\n3|-3\n");

    /* 8 MB are not sorted. */
    char *rows = table_rows(crm.dataset, "large");

    assert_memory_equal(rows, "-1|80000:", 9);
    free(rows);
    assert_int_equal(table_schema(crm.dataset, "broken")->column_count, 0);
    assert_int_equal(crm.dataset->class->open_cursor(crm.dataset, find_table(crm.dataset, "broken"),
                                                     &plan, 0, &cursor, &failure),
                     -EIO);
    assert_non_null(strstr(failure.text, "broken"));
    assert_non_null(strstr(failure.text, "no such table: main.gone"));
    unmake_crm(&crm);
}

static int end_at_second_look(void *looks)
{
    return ++*(unsigned *)looks < 2 ? 0 : -ETIMEDOUT;
}

/* It keeps SQLite busy for ever, with rows and without; whoever reads it can say when to end. */
static void test_endless_views(void **state)
{
    (void)state;
    struct crm crm =
        make_crm("CREATE TABLE t (x); INSERT INTO t VALUES (1);"
                 "CREATE VIEW silent AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1"
                 "  FROM n) SELECT count(*) FROM n;");
    struct range_plan plan = {.count = 1, .starts = &(int64_t){INT64_MIN}};
    struct failure failure = {.code = 0};
    struct cursor *cursor;
    unsigned looks = 0;

    crm.dataset->bound = (struct source_bound){end_at_second_look, &looks};
    assert_int_equal(crm.dataset->class->open_cursor(crm.dataset, find_table(crm.dataset, "silent"),
                                                     &plan, 0, &cursor, &failure),
                     -ETIMEDOUT);
    assert_int_equal(failure.code, ETIMEDOUT);
    assert_int_equal(looks, 2);
    crm.dataset->bound = (struct source_bound){.look = NULL};
    assert_rows(crm.dataset, "t", "1\n");
    unmake_crm(&crm);
}

/* An order that SQLite's own index serves, but for one; each is also proved not to sort. */
static void test_orders(void **state)
{
    (void)state;
    static const struct {
        const char *table;
        const char *rows;
        bool sorts;
    } cases[] = {
        {"composite", "2|a|1\n3|a|1\n1|b|0\n", false},
        {"descending", "c\nb\na\n", false},
        {"nocase", "a\nB\nc\n", false},
        {"no_rowid", "1|b\n2|a\n", false},
        {"integer_desc", "3\n2\n1\n", false},
        {"null_keys", "~|1\n~|2\na|0\n", false},
        {"unique_key", "9|1|a\n8|2|b\n", false},
        {"unique_nullable", "b\na\n", false},
        {"rowid_taken", "z\na\n", false},
        {"all_taken", "a|1|1\nz|0|0\n", true},
        {"foreign", "b\na\n", false},
    };
    struct crm crm = make_crm(
        "CREATE TABLE composite (x, b, a, PRIMARY KEY (a DESC, b, x)); "
        "INSERT INTO composite VALUES (1, 'b', 0), (3, 'a', 1), (2, 'a', 1);"
        "CREATE TABLE descending (k TEXT, PRIMARY KEY (k DESC)); INSERT INTO descending VALUES ('a'), ('c'), ('b');"
        "CREATE TABLE nocase (k, PRIMARY KEY (k COLLATE NOCASE)); INSERT INTO nocase VALUES ('c'), ('B'), ('a');"
        "CREATE TABLE no_rowid (k, v, PRIMARY KEY (v DESC, k)) WITHOUT ROWID;"
        "INSERT INTO no_rowid VALUES (2, 'a'), (1, 'b');"
        "CREATE TABLE integer_desc (k INTEGER PRIMARY KEY DESC); INSERT INTO integer_desc VALUES (2), (1), (3);"
        "CREATE TABLE null_keys (k TEXT PRIMARY KEY, v);"
        "INSERT INTO null_keys VALUES ('a', 0), (NULL, 1), (NULL, 2);"
        "CREATE TABLE unique_key (a NOT NULL, b NOT NULL, c NOT NULL UNIQUE, UNIQUE (a, b));"
        "INSERT INTO unique_key VALUES (8, 2, 'b'), (9, 1, 'a');"
        "CREATE TABLE unique_nullable (k UNIQUE); INSERT INTO unique_nullable VALUES ('b'), ('a');"
        "CREATE TABLE rowid_taken (rowid); INSERT INTO rowid_taken VALUES ('z'), ('a');"
        "CREATE TABLE all_taken (rowid, _rowid_, oid); INSERT INTO all_taken VALUES ('z', 0, 0), ('a', 1, 1);"
        "PRAGMA writable_schema = ON; CREATE TABLE \"foreign\" (k TEXT);"
        "INSERT INTO \"foreign\" VALUES ('b'), ('a');"
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE \"foreign\" (k TEXT COLLATE theirs)' WHERE name = 'foreign';");
    const struct sqlite_dataset *dataset = (const struct sqlite_dataset *)crm.dataset;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct table *table =
            &dataset->catalogue->tables[find_table(crm.dataset, cases[i].table)];
        sqlite3_stmt *statement;

        assert_rows(crm.dataset, cases[i].table, cases[i].rows);
        assert_int_equal(table->sorts, cases[i].sorts);
        if (table->sorts)
            continue;
        assert_int_equal(connection_prepare(&dataset->connections[0], &statement,
                                            "EXPLAIN QUERY PLAN SELECT * FROM %s ORDER BY %s",
                                            table->from, table->order),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        do
            assert_null(strstr((const char *)sqlite3_column_text(statement, 3), "TEMP B-TREE"));
        while (sqlite3_step(statement) == SQLITE_ROW);
        sqlite3_finalize(statement);
    }
    unmake_crm(&crm);
}

/* A comparison that only the database's own program knows must not be guessed. */
static void test_foreign_collation(void **state)
{
    (void)state;
    struct crm crm =
        make_crm("CREATE TABLE t (k TEXT); INSERT INTO t VALUES ('b'), ('a');"
                 "CREATE VIEW v AS SELECT DISTINCT k FROM t;"
                 "PRAGMA writable_schema = ON;"
                 "UPDATE sqlite_schema SET sql = 'CREATE TABLE t (k TEXT COLLATE theirs)'"
                 "  WHERE name = 't';");
    struct range_plan plan = {.count = 1, .starts = &(int64_t){INT64_MIN}};
    struct failure failure = {.code = 0};
    struct cursor *cursor;
    const struct row *row;
    size_t view = find_table(crm.dataset, "v");
    int got = crm.dataset->class->open_cursor(crm.dataset, view, &plan, 0, &cursor, &failure);

    if (got == 0) {
        while ((got = cursor->class->next(cursor, &row, &failure)) == 1)
            continue;
        cursor->class->close(cursor);
    }
    assert_int_equal(got, -EIO);
    assert_non_null(strstr(failure.text, "collation"));
    assert_rows(crm.dataset, "t", "b\na\n");
    unmake_crm(&crm);
}

static void test_catalogue_shared(void **state)
{
    (void)state;
    struct crm crm = make_crm("CREATE TABLE t (a INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT a "
                              "FROM t; INSERT INTO t VALUES (1);");
    struct schema *first = schema_reference(table_schema(crm.dataset, "t"));
    struct schema *view = schema_reference(table_schema(crm.dataset, "v"));
    struct dataset *dataset;

    /* The lock of a rollback journal would keep the writers out. */
    crm.dataset->class->finish(crm.dataset);
    crm.dataset->class->release(crm.dataset);

    /* Other rows, the same words: the same schemas, for as long as somebody has them. */
    execute(in_folder("crm.db"), "INSERT INTO t VALUES (2)");
    dataset = begin(crm.source);
    assert_ptr_equal(table_schema(dataset, "t"), first);
    assert_rows(dataset, "t", "1\n2\n");
    dataset->class->release(dataset);

    /* Another table's words may be what a view's columns come from. */
    execute(in_folder("crm.db"), "ALTER TABLE t RENAME COLUMN a TO b");
    dataset = begin(crm.source);
    assert_ptr_not_equal(table_schema(dataset, "t"), first);
    assert_string_equal(table_schema(dataset, "t")->columns[0].name, "b");
    assert_ptr_not_equal(table_schema(dataset, "v"), view);
    assert_string_equal(first->columns[0].name, "a");
    dataset->class->release(dataset);
    schema_release(first);
    schema_release(view);
    crm.source->class->close(crm.source);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, folder_create, folder_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_tables),
        TEST(test_shadow_names),
        TEST(test_columns),
        TEST(test_types),
        TEST(test_foreign_keys),
        TEST(test_statements),
        TEST(test_values),
        TEST(test_utf16),
        TEST(test_views),
        TEST(test_endless_views),
        TEST(test_orders),
        TEST(test_foreign_collation),
        TEST(test_catalogue_shared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
