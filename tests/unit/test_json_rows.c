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

#include "backends/source/json_rows.h"
#include "fs/base/memory.h"
#include "tests/unit/recording_taker.h"

/* Reads on with what was begun; what json_rows_read gives. */
static int read_recognised(struct recorded_reading *reading, const char *name)
{
    struct json_form form;

    assert_true(
        json_rows_recognise(name, (const uint8_t *)reading->from.bytes, reading->from.size, &form));
    return json_rows_read(&reading->from.stream, &form, name, &reading->into.taker,
                          &reading->failure);
}

static void check_sized(const char *name, const char *text, size_t size, int expected_error,
                        const char *expected)
{
    static const size_t steps[] = {1, 3, 1 << 20};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct recorded_reading reading;

        recorded_reading_begin(&reading, text, size, steps[i]);
        assert_int_equal(read_recognised(&reading, name), expected_error);
        assert_string_equal(recording_text(&reading.into), expected);
        recorded_reading_end(&reading);
    }
}

static void check(const char *text, const char *expected)
{
    check_sized("a/t.json", text, strlen(text), 0, expected);
}

static void test_layouts(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:integer)\nrow 0 #1\nrow 0 #2\n";

    check("[{\"a\":1},{\"a\":2}]", expected);
    check(" [\r\n{ \"a\" : 1 } ,\t{\"a\":2}\n]\n", expected);
    check("\xef\xbb\xbf[{\"a\":1},{\"a\":2}]", expected);
    check("{\"a\":1}\n{\"a\":2}\n", expected);
    check("{\"a\":1}\n\n{\n\"a\":\n2}", expected);
    check_sized("t.ndjson", "{\"a\":1}", 7, 0, "table 0 t (a:integer)\nrow 0 #1\n");
    check_sized("t.jsonl", "{\"data\":[{}]}", 13, 0, "table 0 t (data:json)\nrow 0 \"[{}]\n");
    check_sized("t", "[{\"a\":1},{\"a\":2}]", 17, 0, expected);
    check_sized("t.json",
                "\xff\xfe[\0{\0\"\0\xe4\0\"\0:\0"
                "1\0}\0]\0",
                20, 0, "table 0 t (\xc3\xa4:integer)\nrow 0 #1\n");
}

static void test_wrapped(void **state)
{
    (void)state;
    check("{\"results\":[{\"a\":1},{\"a\":2}],\"paging\":{\"next\":[1,{}]}}",
          "table 0 t (a:integer)\nrow 0 #1\nrow 0 #2\n");
    check(
        "{\"meta\":null,\"data\":{\"contacts\":[{\"a\":1}],\"deals\":[{\"b\":true}],\"none\":[]}}",
        "table 0 contacts (a:integer)\nrow 0 #1\ntable 1 deals (b:boolean)\nrow 1 ?true\n");
    check("{\"contacts\":{\"items\":[{\"a\":1}]},\"n\":\"]\"}",
          "table 0 contacts (a:integer)\nrow 0 #1\n");
}

/* As what fetches page after page writes them one behind another. */
static void test_arrays_in_turn(void **state)
{
    (void)state;
    check("[{\"a\":1}]\n[{\"a\":2},{\"b\":3}][]\n[ ]",
          "table 0 t (a:integer)\nrow 0 #1\nchange 0 t (a:integer,b:integer)\nrow 0 #2|NULL\n"
          "row 0 NULL|#3\n");
    check("[{\"a\":1}][2]", "table 0 t (a:integer)\nrow 0 #1\nfail 0 line 1, byte 10 of a/t.json: "
                            "here should stand an object\n");
    check("[{\"a\":1}][{\"a\":", "table 0 t (a:integer)\nrow 0 #1\nfail 0 line 1, byte 15 of "
                                 "a/t.json: the text ends within an object: it was cut short\n");
    check("[{\"a\":1}][",
          "table 0 t (a:integer)\nrow 0 #1\nfail 0 line 1, byte 10 of a/t.json: the "
          "text ends within the array: it was cut short\n");
}

/* What says that it is not all. */
static void test_pages(void **state)
{
    static const char *const more[] = {
        "\"done\":false",
        "\"nextRecordsUrl\":\"/services/data\"",
        "\"paging\":{\"next\":{\"after\":\"100\"}}",
        "\"info\":{\"more_records\":true}",
        "\"@odata.nextLink\":\"https://x\",\"done\":false",
        "\"next\":\"http://x/?page=2\"",
        "\"links\":{\"self\":\"/a\",\"next\":\"\\/a?page=2\"}",
        "\"_links\":{\"next\":{\"href\":\"/a?page=2\"}}",
    };
    static const char *const whole[] = {
        "\"done\":true",
        "\"nextRecordsUrl\":null",
        "\"paging\":{\"next\":null},\"after\":\"x\"",
        "\"info\":{\"more_records\":false}",
        "\"nextPageToken\":\"\"",
        "\"next\":null",
        "\"next\":\"step\"",
        "\"links\":{\"self\":\"/a\",\"next\":null}",
    };

    (void)state;
    for (size_t i = 0; i < 16; i++) {
        char text[200];
        struct recorded_reading reading;
        int size = snprintf(text, sizeof text, "{\"records\":[{\"a\":1}],%s}",
                            i < 8 ? more[i] : whole[i - 8]);
        const char *found;

        recorded_reading_begin(&reading, text, (size_t)size, 3);
        assert_int_equal(read_recognised(&reading, "t.json"), 0);
        found = strstr(recording_text(&reading.into), "says that there is more");
        assert_int_equal(found != NULL, i < 8);
        assert_true(found == NULL || strstr(found + 1, "says that there is more") == NULL);
        recorded_reading_end(&reading);
    }
}

static void test_no_tables(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
    } cases[] = {
        {"t.json", ""},
        {"t.json", "[]"},
        {"t.json", "[1,2]"},
        {"t.json", "3"},
        {"t.json", "{\"a\":1}"},
        {"t.json", "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":[{}]}}}}}"},
        {"t.json", "{}"},
        {"t.json", "{\"a\":[]}"},
        {"datapackage.json", "{\"resources\":[{\"name\":\"x\"}]}"},
        {"t.c", "[{\"a\":1}]"},
        {"t", "[{\"a\":1"},
        {"t", "{a:1}\n{a:2}"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_form form;

        assert_false(json_rows_recognise(cases[i].name, (const uint8_t *)cases[i].text,
                                         strlen(cases[i].text), &form));
    }
}

/* Where the text seen is too little to tell, the rest may. */
static void test_unsure(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        bool unsure;
    } cases[] = {
        {"t", "[{\"a\":1", true},
        {"t", "{\"a\":1", true},
        {"t.txt", " [ ", true},
        {"t", "[{\"a\":1}", false},
        {"t", "one", false},
        {"t.c", "[{\"a\":1", false},
        {"t.json", "[{\"a\":1", false},
        {"t.json", "{\"a\":[{}]", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_form form;

        json_rows_recognise(cases[i].name, (const uint8_t *)cases[i].text, strlen(cases[i].text),
                            &form);
        assert_int_equal(form.unsure, cases[i].unsure);
    }
}

static void test_values(void **state)
{
    (void)state;
    check("[{\"i\":-0,\"d\":1.50,\"e\":1E+400,\"s\":\"\",\"t\":true,\"f\":false,\"n\":null,"
          "\"o\":{\"x\" : [1, \"]\"]}}]",
          "table 0 t (i:integer,d:decimal,e:decimal,s:text,t:boolean,f:boolean,n:any,o:json)\n"
          "row 0 #-0|#1.50|#1E+400|\"|?true|?false|NULL|\"{\"x\" : [1, \"]\"]}\n");
    check("[{\"i\":123456789012345678901234567890}]",
          "table 0 t (i:integer)\nrow 0 #123456789012345678901234567890\n");
    check("[{\"m\":1},{\"m\":\"x\"},{\"m\":null}]",
          "table 0 t (m:any)\nrow 0 #1\nrow 0 \"x\nrow 0 NULL\n");
    check("[{\"m\":[]},{\"m\":\"a\\\"\"},{\"m\":1},{\"m\":true}]",
          "table 0 t (m:json)\nrow 0 \"[]\nrow 0 \"\"a\\\"\"\nrow 0 #1\nrow 0 ?true\n");
}

static void test_strings(void **state)
{
    (void)state;
    check("[{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u20AC\\ud83d\\ude00\"}]",
          "table 0 t (s:text)\nrow 0 \"\"\\/\b\f\n\r\tA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n");
    /* Half a pair, and bytes that are no UTF-8: as they are. */
    check("[{\"s\":\"\\ud83d\"},{\"s\":\"\\ud83d\\u0041\"},{\"s\":\"\\ude00\"},{\"s\":\"\xff\"}]",
          "table 0 t (s:text)\nrow 0 \"\xed\xa0\xbd\nrow 0 \"\xed\xa0\xbd"
          "A\nrow 0 \"\xed\xb8\x80\nrow 0 \"\xff\n");
}

static void test_keys(void **state)
{
    (void)state;
    check("[{\"a\":1,\"a\":2,\"\\u0061\":3},{\"\":1},{\"x\\u0000y\":1,\"\xff\":2},{}]",
          "table 0 t (a:integer,a (2):integer,a (3):integer,:integer,x\xef\xbf\xbdy:integer,"
          "\xef\xbf\xbd:integer)\n"
          "row 0 #1|#2|#3|NULL|NULL|NULL\nrow 0 NULL|NULL|NULL|#1|NULL|NULL\n"
          "row 0 NULL|NULL|NULL|NULL|#1|#2\nrow 0 NULL|NULL|NULL|NULL|NULL|NULL\n");
    check("[{},{}]", "table 0 t (column1:any)\nrow 0 NULL\nrow 0 NULL\n");
    check("[{\"b\":1,\"a\":2},{\"a\":3,\"b\":4,\"c\":5}]",
          "table 0 t (b:integer,a:integer,c:integer)\nrow 0 #1|#2|NULL\nrow 0 #4|#3|#5\n");
}

/* Keys and types that come when rows were handed over already. */
static void test_late_columns(void **state)
{
    (void)state;
    const size_t filler = (size_t)300 << 10;
    cleanup_free char *text = malloc(filler + 1000);
    struct json_form form;
    struct recorded_reading reading;
    size_t size = (size_t)sprintf(text, "[{\"a\":\"x\"},");

    memset(text + size, ' ', filler);
    size += filler;
    size += (size_t)sprintf(text + size, "{\"b\":1,\"a\":[]},{\"b\":1.5}]");
    assert_true(json_rows_recognise("t.json", (uint8_t *)text, 4096, &form));
    recorded_reading_begin(&reading, text, size, 1000);
    assert_int_equal(read_recognised(&reading, "t.json"), 0);
    assert_string_equal(recording_text(&reading.into),
                        "table 0 t (a:text)\nrow 0 \"x\n"
                        "change 0 t (a:json,b:integer)\nrow 0 \"[]|#1\n"
                        "change 0 t (a:json,b:decimal)\nrow 0 NULL|#1.5\n");
    recorded_reading_end(&reading);
}

/* What is no JSON, each as the second row of a table: after the points of RFC 8259's test suites.
 */
static void test_refused(void **state)
{
    (void)state;
    static const char *const values[] = {
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "1.e1",
        "0x1",
        "1_000",
        "NaN",
        "Infinity",
        "-01",
        "1 2",
        "nul",
        "True",
        "tru",
        "'a'",
        "\"\t\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\\"",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1",
        "[}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:2}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{\"a\"::1}",
        "{,}",
        "/**/1",
        "1/*x*/",
        "",
        "@",
        ("\xef\xbb\xbf"
         "1"),
        "]",
        "[\"a\x00\"]",
    };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[200];
        struct recorded_reading reading;
        int size = sprintf(text, "[{\"a\":0},\n{\"a\":%s}]", values[i]);

        recorded_reading_begin(&reading, text, (size_t)size, 2);
        assert_int_equal(read_recognised(&reading, "t.json"), 0);
        assert_memory_equal(recording_text(&reading.into),
                            "table 0 t (a:integer)\nrow 0 #0\nfail 0 line ", 43);
        recorded_reading_end(&reading);
    }
}

static void test_refused_around(void **state)
{
    (void)state;
    check("[{\"a\":1},]", "table 0 t (a:integer)\nrow 0 #1\n"
                          "fail 0 line 1, byte 9 of a/t.json: here should stand an object\n");
    check("[{\"a\":1} {\"a\":2}]",
          "table 0 t (a:integer)\nrow 0 #1\n"
          "fail 0 line 1, byte 9 of a/t.json: here should stand a comma or the array's end\n");
    check("[{\"a\":1},\n2]", "table 0 t (a:integer)\nrow 0 #1\n"
                             "fail 0 line 2, byte 10 of a/t.json: here should stand an object\n");
    check("[{\"a\":1}", "table 0 t (a:integer)\nrow 0 #1\nfail 0 line 1, byte 8 of a/t.json: the "
                        "text ends within the array: it was cut short\n");
    check("{\"a\":1}\n{\"a\":2",
          "table 0 t (a:integer)\nrow 0 #1\nfail 0 line 2, byte 14 of a/t.json: "
          "the text ends within an object: it was cut short\n");
    check("{\"a\":1}\n{\"a\":2}\n3",
          "table 0 t (a:integer)\nrow 0 #1\nrow 0 #2\n"
          "fail 0 line 3, byte 16 of a/t.json: here should stand an object\n");
    /* The table is whole; what is behind it is not. */
    check_sized("t.json", "[{\"a\":1}] x", 11, -EIO, "table 0 t (a:integer)\nrow 0 #1\n");
    check_sized("t.json", "{\"results\":[{\"a\":1}],\"paging\":{", 31, -EIO,
                "table 0 t (a:integer)\nrow 0 #1\n");
}

static void test_depth(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        size_t depth = JSON_ROWS_DEPTH + (size_t)over;
        cleanup_free char *text = malloc(2 * depth + 100);
        struct recorded_reading reading;
        char *to = stpcpy(text, "[{\"a\":");

        memset(to, '[', depth);
        memset(to + depth, ']', depth);
        memcpy(to + 2 * depth, "}]", sizeof "}]");
        recorded_reading_begin(&reading, text, strlen(text), 100);
        assert_int_equal(read_recognised(&reading, "t.json"), 0);
        assert_int_equal(strstr(recording_text(&reading.into), "fail") != NULL, over);
        assert_int_equal(strstr(recording_text(&reading.into), "deeper than the 512") != NULL,
                         over);
        recorded_reading_end(&reading);
    }
}

static void test_many_keys(void **state)
{
    (void)state;
    cleanup_free char *text = malloc(JSON_ROWS_COLUMNS * 20);
    struct recorded_reading reading;
    size_t size = 0;

    for (size_t i = 0; i < JSON_ROWS_COLUMNS; i++)
        size += (size_t)sprintf(text + size, "%s\"k%zu\":%zu", i == 0 ? "{" : ",", i, i);
    size += (size_t)sprintf(text + size, "}\n{\"k7\":7}\n{\"one more\":1}\n");
    recorded_reading_begin(&reading, text, size, 1000);
    assert_int_equal(read_recognised(&reading, "t.json"), 0);
    assert_int_equal(reading.into.rows, 2);
    assert_non_null(strstr(recording_text(&reading.into),
                           "of t.json: there are more than 4096 different keys"));
    recorded_reading_end(&reading);
}

static void test_broken_stream(void **state)
{
    (void)state;
    const char *text = "[{\"a\":1},{\"a\":";
    struct recorded_reading reading;

    recorded_reading_begin(&reading, text, strlen(text), 4);
    reading.from.fails = true;
    assert_int_equal(read_recognised(&reading, "t.json"), -EIO);
    assert_string_equal(reading.failure.text, "the stream is broken");
    assert_non_null(strstr(recording_text(&reading.into), "the stream is broken"));
    recorded_reading_end(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),        cmocka_unit_test(test_wrapped),
        cmocka_unit_test(test_no_tables),      cmocka_unit_test(test_values),
        cmocka_unit_test(test_strings),        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_late_columns),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_around), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_many_keys),      cmocka_unit_test(test_broken_stream),
        cmocka_unit_test(test_arrays_in_turn), cmocka_unit_test(test_pages),
        cmocka_unit_test(test_unsure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
