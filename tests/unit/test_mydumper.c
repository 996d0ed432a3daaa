/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump.h"
#include "backends/source/mydumper.h"
#include "tests/unit/recording_taker.h"

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum mydumper_file file;
        const char *database;
        const char *table;
    } cases[] = {
        {"metadata", MYDUMPER_METADATA, "", ""},
        {"a/b/metadata", MYDUMPER_METADATA, "", ""},
        {"metadata.partial", MYDUMPER_UNFINISHED, "", ""},
        {"metadata.txt", MYDUMPER_NONE, "", ""},
        {"crm.t-schema.sql", MYDUMPER_TABLE, "crm", "t"},
        {"x/crm.t-schema.sql.zst", MYDUMPER_TABLE, "crm", "t"},
        {"crm.a.b-schema.sql.gz", MYDUMPER_TABLE, "crm", "a.b"},
        {"crm-schema.sql", MYDUMPER_NONE, "", ""},
        {".t-schema.sql", MYDUMPER_NONE, "", ""},
        {"crm.v-schema-view.sql", MYDUMPER_VIEW, "crm", "v"},
        {"crm-schema-create.sql.gz", MYDUMPER_OTHER, "crm", ""},
        {"crm-schema-post.sql", MYDUMPER_OTHER, "crm", ""},
        {"crm.t-schema-triggers.sql", MYDUMPER_OTHER, "crm", "t"},
        {"crm.t.sql", MYDUMPER_ROWS, "crm", "t"},
        {"crm.t.00007.sql.gz", MYDUMPER_ROWS, "crm", "t"},
        {"crm.t.00007.123456.sql", MYDUMPER_ROWS, "crm", "t"},
        {"crm.t.007.sql", MYDUMPER_ROWS, "crm", "t.007"},
        {"crm.t.00001.dat.zst", MYDUMPER_DATA, "crm", "t"},
        {"crm.sql", MYDUMPER_NONE, "", ""},
        {"crm..sql", MYDUMPER_NONE, "", ""},
        {"crm.t.sql.gz.gz", MYDUMPER_NONE, "", ""},
        {"", MYDUMPER_NONE, "", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mydumper_name name = mydumper_name_of(cases[i].path);

        assert_int_equal(name.file, cases[i].file);
        if (name.file != MYDUMPER_NONE) {
            assert_string_equal(name.database, cases[i].database);
            assert_string_equal(name.table, cases[i].table);
        }
    }
}

static void test_long_names(void **state)
{
    (void)state;
    char path[2000];

    memset(path, 'a', sizeof path);
    memcpy(path + 1000, ".t-schema.sql", sizeof ".t-schema.sql");
    assert_int_equal(mydumper_name_of(path).file, MYDUMPER_NONE);
    memset(path, 'a', sizeof path);
    path[100] = '.';
    memcpy(path + 600, ".sql", sizeof ".sql");
    assert_int_equal(mydumper_name_of(path).file, MYDUMPER_NONE);
}

static void test_folders(void **state)
{
    (void)state;
    const unsigned table = 1u << MYDUMPER_TABLE;

    assert_true(mydumper_is_dump(table | 1u << MYDUMPER_METADATA));
    assert_true(mydumper_is_dump(table | 1u << MYDUMPER_UNFINISHED | 1u << MYDUMPER_ROWS));
    assert_false(mydumper_is_dump(table | 1u << MYDUMPER_ROWS | 1u << MYDUMPER_OTHER));
    assert_false(mydumper_is_dump(1u << MYDUMPER_METADATA | 1u << MYDUMPER_ROWS));
}

/* --- several files ------------------------------------------------------------------------- */

static void feed(struct dump_reader *reader, const char *text, const char *table, bool broken,
                 int expected)
{
    struct memory_stream stream;
    struct failure failure = {0};

    memory_stream_begin(&stream, text, strlen(text), 7);
    stream.fails = broken;
    assert_int_equal(dump_session_read(reader, &stream.stream, "a file", "crm", table, &failure),
                     expected);
}

/* MySQL's JSON is in UTF-8 whatever the table is in; MariaDB's is as any text. */
static void test_json_of_its_own(void **state)
{
    struct recording_taker recording;
    struct failure failure = {0};

    (void)state;
    recording_begin(&recording);

    struct dump_reader *reader = dump_session_create(&recording.taker, NULL);

    feed(reader,
         "CREATE TABLE `t` (`j` json, `m` longtext CHECK (json_valid(`m`)), `x` text) DEFAULT "
         "CHARSET=latin1;\n",
         NULL, false, 0);
    feed(reader,
         "/*!40101 SET NAMES binary*/;\nINSERT INTO `t` VALUES "
         "('\"\xc3\xa4\"','\"\xe4\"','\xe4');\n",
         "t", false, 0);
    assert_int_equal(dump_session_end(reader, &failure), 0);
    assert_string_equal(recording_text(&recording),
                        "table 0 t (j:json,m:json,x:text)\n"
                        "row 0 \"\"\xc3\xa4\"|\"\"\xc3\xa4\"|\"\xc3\xa4\n");
    dump_session_free(reader);
    recording_end(&recording);
}

/* Where the table does not say what its texts are in, the user may; where it does, it counts. */
static void test_wished_charset(void **state)
{
    struct recording_taker recording;
    struct failure failure = {0};

    (void)state;
    recording_begin(&recording);

    struct dump_reader *reader = dump_session_create(&recording.taker, "CP1252");

    feed(reader,
         "CREATE TABLE `t` (`a` text, `b` text CHARACTER SET cp1251, `c` text COLLATE "
         "utf8mb4_unicode_ci, `d` text CHARACTER SET unknown, `e` blob);\n",
         NULL, false, 0);
    feed(reader,
         "/*!40101 SET NAMES binary*/;\nINSERT INTO `t` VALUES "
         "('\xe4','\xe6','\xc3\xa4','\xe4','\xe4');\n",
         "t", false, 0);
    assert_int_equal(dump_session_end(reader, &failure), 0);
    assert_string_equal(recording_text(&recording),
                        "table 0 t (a:text,b:text,c:text,d:text,e:bytes)\n"
                        "row 0 \"\xc3\xa4|\"\xd0\xb6|\"\xc3\xa4|\"\xc3\xa4|xe4\n");
    dump_session_free(reader);
    recording_end(&recording);
}

static void test_session(void **state)
{
    (void)state;
    struct recording_taker recording;
    struct failure failure = {0};

    recording_begin(&recording);

    struct dump_reader *reader = dump_session_create(&recording.taker, NULL);

    feed(reader,
         "/*!40101 SET NAMES binary*/;\nCREATE TABLE `t` (`a` int, `b` varchar(9)) DEFAULT "
         "CHARSET=latin1;\n",
         NULL, false, 0);
    feed(reader,
         "CREATE TABLE `u` (`a` int, `b` varchar(9) CHARACTER SET ucs2, `c` blob) "
         "CHARSET=utf8mb4;",
         NULL, false, 0);
    feed(reader, "CREATE TABLE v (a int);", NULL, false, 0);
    feed(reader, "DROP TABLE v;", NULL, false, 0);
    feed(reader, "/*!40101 SET NAMES binary*/;\nINSERT INTO `t` VALUES\n(1,\"\xc5\"),(2,NULL);\n",
         "t", false, 0);
    feed(reader,
         "/*!40101 SET NAMES binary*/;\nINSERT INTO `u` VALUES\n(1,\"\\0a \xac\",\"\xc5\");", "u",
         false, 0);
    /* Bytes that are in no such character set stay as they are. */
    feed(reader, "/*!40101 SET NAMES binary*/;\nINSERT INTO `u` VALUES\n(2,\"a\",NULL);", "u",
         false, 0);
    feed(reader, "/*!40101 SET NAMES binary*/;\nINSERT INTO `t` VALUES\n(3,\"x\")", "t", true,
         -EIO);
    assert_int_equal(dump_session_fail_table(reader, "crm", "u", "for a reason"), 0);
    assert_int_equal(dump_session_fail_table(reader, "crm", "none", "for a reason"), 0);
    assert_int_equal(dump_session_end(reader, &failure), 0);
    assert_string_equal(recording_text(&recording),
                        "table 0 t (a:integer,b:text)\ntable 1 u (a:integer,b:text,c:bytes)\n"
                        "table 2 v (a:integer)\ndrop 2\nrow 0 #1|\"\xc3\x85\nrow 0 #2|NULL\n"
                        "row 1 #1|\"a\xe2\x82\xac|xc5\nrow 1 #2|\"a|NULL\nrow 0 #3|\"x\n"
                        "fail 0 line 3, byte 59 of a file: the stream is broken\n"
                        "fail 1 table u: for a reason\n");
    dump_session_free(reader);
    recording_end(&recording);
}

/* Bits are bytes there, and one of zeros is escaped. */
static void test_loaded_bits(void **state)
{
    static const char load[] = "LOAD DATA LOCAL INFILE 'crm.t.dat' INTO TABLE `t` FIELDS "
                               "TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' (`a`,`b`);\n";
    static const char rows[] = "\\0\t\x01\\0\n\x01\t\\N\n\\\n\t\\\\\\\t\n";
    struct recording_taker recording;
    struct memory_stream stream;
    struct failure failure = {0};

    (void)state;
    recording_begin(&recording);

    struct dump_reader *reader = dump_session_create(&recording.taker, NULL);

    feed(reader, "CREATE TABLE `t` (`a` bit(8), `b` bit(16));\n", NULL, false, 0);
    memory_stream_begin(&stream, load, strlen(load), 7);
    assert_int_equal(dump_session_read_loads(reader, &stream.stream, "a file", "crm", &failure), 0);
    memory_stream_begin(&stream, rows, strlen(rows), 3);
    assert_int_equal(dump_session_load(reader, &stream.stream, "crm.t.dat", "crm", "t", &failure),
                     0);
    assert_int_equal(dump_session_end(reader, &failure), 0);
    assert_string_equal(recording_text(&recording),
                        "table 0 t (a:integer,b:integer)\nrow 0 #0|#256\nrow 0 #1|NULL\n"
                        "row 0 #10|#23561\n");
    dump_session_free(reader);
    recording_end(&recording);
}

/* What metadata says of rows is what there has to be, or less. */
static void test_expected_rows(void **state)
{
    static const char *const tables[] = {"t", "u", "v"};
    struct recording_taker recording;
    struct failure failure = {0};

    (void)state;
    recording_begin(&recording);

    struct dump_reader *reader = dump_session_create(&recording.taker, NULL);

    for (size_t i = 0; i < 3; i++) {
        char text[100];

        snprintf(text, sizeof text, "CREATE TABLE `%s` (`a` int);\n", tables[i]);
        feed(reader, text, NULL, false, 0);
        assert_int_equal(dump_session_expect(reader, "crm", tables[i], 2), 0);
        snprintf(text, sizeof text, "INSERT INTO `%s` VALUES (1)%s;\n", tables[i],
                 i == 0   ? ",(2)"
                 : i == 1 ? ""
                          : ",(2),(3)");
        feed(reader, text, tables[i], false, 0);
    }
    assert_int_equal(dump_session_expect(reader, "other", "t", 9), 0);
    assert_int_equal(dump_session_end(reader, &failure), 0);
    assert_null(strstr(recording_text(&recording), "fail 0"));
    assert_non_null(strstr(recording_text(&recording),
                           "fail 1 table u: of 2 rows that metadata names, 1 are there\n"));
    assert_null(strstr(recording_text(&recording), "fail 2"));
    dump_session_free(reader);
    recording_end(&recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_folders),         cmocka_unit_test(test_session),
        cmocka_unit_test(test_json_of_its_own), cmocka_unit_test(test_expected_rows),
        cmocka_unit_test(test_loaded_bits),     cmocka_unit_test(test_wished_charset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
