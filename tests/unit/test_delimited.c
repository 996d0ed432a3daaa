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

#include "backends/source/delimited.h"
#include "fs/base/memory.h"
#include "tests/unit/recording_taker.h"

/* Reads on with what was begun; what delimited_read gives. */
static int read_recognised(struct recorded_reading *reading, const char *name,
                           const struct dialect_wish *wish)
{
    struct dialect dialect;

    assert_true(delimited_recognise(name, (const uint8_t *)reading->from.bytes, reading->from.size,
                                    true, wish, &dialect));
    return delimited_read(&reading->from.stream, &dialect, name, &reading->into.taker, NULL,
                          &reading->failure);
}

static void check_sized(const char *name, const char *text, size_t size, const char *expected)
{
    static const size_t steps[] = {1, 3, 1 << 20};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct recorded_reading reading;

        recorded_reading_begin(&reading, text, size, steps[i]);
        assert_int_equal(read_recognised(&reading, name, NULL), 0);
        assert_string_equal(recording_text(&reading.into), expected);
        recorded_reading_end(&reading);
    }
}

static void check(const char *text, const char *expected)
{
    check_sized("a/t.csv", text, strlen(text), expected);
}

static void test_quotes_and_nulls(void **state)
{
    (void)state;
    check("a,b,c\n1,\"x \"\"y\"\", z\n\",\n\"\",,3\n",
          "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|\"x \"y\", z\n|NULL\nrow 0 \"|NULL|\"3\n");
    check("a\n\nx\n\"\"", "table 0 t (a:text)\nrow 0 NULL\nrow 0 \"x\nrow 0 \"\n");
}

static void test_line_ends(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3|\"4\n";

    check("a,b\n1,2\n3,4\n", expected);
    check("a,b\n1,2\n3,4", expected);
    check("a,b\r\n1,2\r\n3,4\r\n", expected);
    check("a,b\r1,2\r3,4\r", expected);
    check("a,b\n1,2\n\n3,4\n\n", expected);
}

static void test_delimiters(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,b:text)\nrow 0 \"1,5|\"x\nrow 0 \"2,5|\"y\n";

    check("a;b\n1,5;x\n2,5;y\n", expected);
    check("a\tb\n1,5\tx\n2,5\ty\n", expected);
    check("a|b\n1,5|x\n2,5|y\n", expected);
    check("a,b\n\"1,5\",x\n\"2,5\",y\n", expected);
}

static void test_character_sets(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,\xc3\xa4:text)\nrow 0 \"1|\"\xe2\x82\xac\n";
    static const char little[] = "a\0,\0\xe4\0\n\0"
                                 "1\0,\0\xac\x20\n";
    static const char big[] = "\xfe\xff\0a\0,\0\xe4\0\n\0"
                              "1\0,\x20\xac\0\n";

    check("a,\xc3\xa4\n1,\xe2\x82\xac\n", expected);
    check("\xef\xbb\xbf"
          "a,\xc3\xa4\n1,\xe2\x82\xac\n",
          expected);
    check("a,\xe4\n1,\x80\n", expected);
    check_sized("t.csv", little, sizeof little, expected);
    check_sized("t.csv", big, sizeof big - 1, expected);
    /* A pair of surrogates, and half of one. */
    check_sized("t.csv",
                "\xff\xfe"
                "a\0,\0b\0\n\0\x3d\xd8\x00\xde,\0\x3d\xd8\n",
                19, "table 0 t (a:text,b:text)\nrow 0 \"\xf0\x9f\x98\x80|\"\xef\xbf\xbd\n");
}

/* Text behind a closing quote is the field's, as other programs have it; nothing is lost. */
static void test_behind_quotes(void **state)
{
    (void)state;
    check("a,b\n\"x\" y,1\n\"p\"\"q\"r\"s\",2\n",
          "table 0 t (a:text,b:text)\nrow 0 \"x y|\"1\nrow 0 \"p\"qr\"s\"|\"2\n");
}

static void test_single_quotes(void **state)
{
    (void)state;
    check("'a','b'\n'x, y','it''s'\n'1\n2',3\n",
          "table 0 t (a:text,b:text)\nrow 0 \"x, y|\"it's\nrow 0 \"1\n2|\"3\n");
    /* Where they are apostrophes they stay. */
    check("a,b\n'tis,x\nO'Neil,y\n",
          "table 0 t (a:text,b:text)\nrow 0 \"'tis|\"x\nrow 0 \"O'Neil|\"y\n");
    check("a,b\n'x',\"y\"\n", "table 0 t (a:text,b:text)\nrow 0 \"'x'|\"y\n");
}

static void test_said_delimiter(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,b:text)\nrow 0 \"1,5|\"2,5\n";

    check("sep=;\r\na;b\r\n1,5;2,5\r\n", expected);
    check("sep=;\na;b\n1,5;2,5\n", expected);
    check("sep=^\na^b\n1,5^2,5\n", expected);
    check("sep=,b\n1,2\n", "table 0 t (sep=:text,b:text)\nrow 0 \"1|\"2\n");
}

static void check_wish(const char *text, const char *const *options, const char *expected)
{
    struct dialect_wish wish = {.quote_given = false};
    struct recorded_reading reading;

    for (; *options != NULL; options += 2)
        assert_int_equal(delimited_option(&wish, options[0], options[1], NULL), 1);
    recorded_reading_begin(&reading, text, strlen(text), 2);
    assert_int_equal(read_recognised(&reading, "t.csv", &wish), 0);
    assert_string_equal(recording_text(&reading.into), expected);
    recorded_reading_end(&reading);
}

/* What is not in the character set that was said, or breaks off within a character, fails. */
static void test_wrong_charset(void **state)
{
    (void)state;
    static const char *const texts[] = {"a\n1\n\xff\xff\n2\n", "a\n1\n\xd5"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct dialect_wish wish = {.delimiter_given = false};
        struct recorded_reading reading;

        assert_int_equal(delimited_option(&wish, "charset", "gbk", NULL), 1);
        recorded_reading_begin(&reading, texts[i], strlen(texts[i]), 100);
        assert_int_equal(read_recognised(&reading, "t.csv", &wish), -EIO);
        assert_string_equal(
            recording_text(&reading.into),
            "table 0 t (a:text)\nrow 0 \"1\n"
            "fail 0 line 3, byte 4 of t.csv: what comes next is not in the character "
            "set gbk\n");
        recorded_reading_end(&reading);
    }
}

/* REST is not there yet when it is detected how BEGIN is written. */
static void check_late(const char *begin, const char *rest, const char *expected)
{
    struct recorded_reading reading;
    struct dialect dialect;
    char text[200];

    snprintf(text, sizeof text, "%s%s", begin, rest);
    recorded_reading_begin(&reading, text, strlen(text), 7);
    assert_true(
        delimited_recognise("t.csv", (const uint8_t *)begin, strlen(begin), false, NULL, &dialect));
    assert_int_equal(delimited_read(&reading.from.stream, &dialect, "t.csv", &reading.into.taker,
                                    NULL, &reading.failure),
                     0);
    assert_string_equal(recording_text(&reading.into), expected);
    recorded_reading_end(&reading);
}

/* Letters that stand behind a backslash, which takes the meaning of quotes only. */
static void check_odd(void)
{
    static const char *const fields[] = {"C:\\temp", "C:\\new", "\"C:\\temp\"", "\"x\\Ny\"",
                                         "\"\\N\""};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char text[100];
        struct recorded_reading reading;

        snprintf(text, sizeof text, "a,b\n\"say \\\"hi\\\", you\",1\n%s,2\n", fields[i]);
        recorded_reading_begin(&reading, text, strlen(text), 7);
        assert_int_equal(read_recognised(&reading, "t.csv", NULL), 0);
        assert_string_equal(
            recording_text(&reading.into),
            "table 0 t (a:text,b:text)\nrow 0 \"say \"hi\", you|\"1\n"
            "fail 0 line 3, byte 24 of t.csv: a backslash stands where it takes no meaning from "
            "anything, as it did before: say escape=none in the archive's URL if it never does, "
            "else escape=%5C\n");
        recorded_reading_end(&reading);
    }
}

/* A backslash that is text, and has hidden the comma or quote behind it. */
static void check_hidden(void)
{
    static const char begin[] = "a,b\n\"say \\\"hi\\\", you\",1\n";

    check_late(begin, "x\nC:\\,2\n",
               "table 0 t (a:text,b:text)\nrow 0 \"say \"hi\", you|\"1\nrow 0 \"x|NULL\n"
               "fail 0 line 4, byte 26 of t.csv: there are fewer fields than columns, and a "
               "backslash that may have hidden some: say escape=none in the archive's URL if it "
               "never takes meaning from anything, else escape=%5C\n");
    check_late(begin, "\"C:\\\",\"2\"\n",
               "table 0 t (a:text,b:text)\nrow 0 \"say \"hi\", you|\"1\n"
               "fail 0 line 3, byte 24 of t.csv: there are fewer fields than columns, and a "
               "backslash that may have hidden some: say escape=none in the archive's URL if it "
               "never takes meaning from anything, else escape=%5C\n");
}

/* As MySQL's INTO OUTFILE writes it with quotes, and phpMyAdmin if asked to. */
static void test_escapes(void **state)
{
    (void)state;
    check("a,b,c\n1,\"x \\\"y\\\", z\",\"\\\\\"\n2,\"line\\\nbreak\",\\N\n"
          "3,\"N\",\"\\\\\\\"\"\n",
          "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|\"x \"y\", z|\"\\\n"
          "row 0 \"2|\"line\nbreak|NULL\nrow 0 \"3|\"N|\"\\\"\n");
    /* Where a backslash before a quote makes sense as one, it is. */
    check("a,b\n\"c:\\\",1\n\"\\\"\"\",2\n",
          "table 0 t (a:text,b:text)\nrow 0 \"c:\\|\"1\nrow 0 \"\\\"|\"2\n");
    check("a,b\n\"x\" y,1\n\"p\\\"q,2\n",
          "table 0 t (a:text,b:text)\nrow 0 \"x y|\"1\n"
          "fail 0 line 3, byte 12 of a/t.csv: a backslash stands before a quote within a field: if "
          "it takes the quote's meaning, say escape=%5C in the archive's URL, else escape=none\n");
    check_odd();
    check_hidden();
    check_wish("a,b\n\"x\" y,1\n\"p\\\"q,2\n", (const char *const[]){"escape", "none", NULL},
               "table 0 t (a:text,b:text)\nrow 0 \"x y|\"1\nrow 0 \"p\\q|\"2\n");
    check_wish("a,b\n\"p^\"q\",^N\n", (const char *const[]){"escape", "^", NULL},
               "table 0 t (a:text,b:text)\nrow 0 \"p\"q|NULL\n");
}

/* As mysqldump --tab and COPY write it. */
static void test_nulls_between_tabs(void **state)
{
    static const char text[] = "1\t\\N\tsay \"hi\"\n2\ttwo\\\nlines\\\ttab\t\"\n3\tc:\\\\\t\\N\n"
                               "4\t\\n\\t\t\n";

    (void)state;
    check_wish(text, (const char *const[]){"header", "no", NULL},
               "table 0 t (column1:text,column2:text,column3:text)\n"
               "row 0 \"1|NULL|\"say \"hi\"\nrow 0 \"2|\"two\nlines\ttab|\"\"\n"
               "row 0 \"3|\"c:\\|NULL\nrow 0 \"4|\"\n\t|\"\n");
    check_sized("t.txt", text, strlen(text),
                "table 0 t (column1:text,column2:text,column3:text)\n"
                "row 0 \"1|NULL|\"say \"hi\"\nrow 0 \"2|\"two\nlines\ttab|\"\"\n"
                "row 0 \"3|\"c:\\|NULL\nrow 0 \"4|\"\n\t|\"\n");
    check_sized(
        "t.tsv", "a\tb\n\\N\t1\nAC\\DC\t2\n", 17,
        "table 0 t (a:text,b:text)\nrow 0 NULL|\"1\n"
        "fail 0 line 3, byte 9 of t.tsv: a backslash stands where it takes no meaning from "
        "anything, as it did before: say escape=none in the archive's URL if it never does, "
        "else escape=%5C\n");
    check_late("a\tb\n1\t2\n", "\"\\N\"\t2\n\\N\t2\n",
               "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"\\N|\"2\n"
               "fail 0 line 4, byte 15 of t.csv: here is the first field that is \\N: if it stands "
               "for NULL, say escape=%5C in the archive's URL, else escape=none\n");
    check("a,b\n\\N,1\n", "table 0 t (a:text,b:text)\nrow 0 \"\\N|\"1\n");
    check_wish("a\tb\n\\N\t1\n", (const char *const[]){"escape", "none", NULL},
               "table 0 t (a:text,b:text)\nrow 0 \"\\N|\"1\n");
}

/* As INTO OUTFILE … ENCLOSED BY writes it, and COPY … (FORMAT csv, NULL '\N'). */
static void test_quoted_nulls_between_tabs(void **state)
{
    static const char *const texts[] = {
        "1\t\\N\t\"say \"\"hi\"\"\"\n2\tc:\\temp\t\"\"\n3\t\tx\n",
        "1\t\\N\t\"two\nlines\"\n2\t\"a\tb\"\t\"\\N\"\n3\tc:\\\\x\t\\N\n",
        "1\t\\N\t\"say \\\"hi\\\"\"\n2\t\"c:\\\\\"\t\"two\\\nlines\ttab\"\n3\t\"\"\t\"\"\n",
        "\"1\"\t\\N\t\"x\"\n\"2\"\t\"c:\\\\\"\t\"\"\n\"3\"\t\\N\t\"N\"\n",
        /* Texts that begin with a quote, without there being quotes. */
        "1\t\\N\t\"Bo\"\n2\ta\t\"\n3\tb\tc\n",
        "1\t\\N\t\"Bo\"\n2\t\"Bob\" Ek\tx\n3\tb\tc\n",
        "1\t\\N\t\"Bo\"\n2\t\"Bob\"\tx\n3\tb\t\"c\"\n",
    };
    static const char *const rows[] = {
        "row 0 \"1|NULL|\"say \"hi\"\nrow 0 \"2|\"c:\\temp|\"\nrow 0 \"3|\"|\"x\n",
        "row 0 \"1|NULL|\"two\nlines\nrow 0 \"2|\"a\tb|\"\\N\nrow 0 \"3|\"c:\\\\x|NULL\n",
        "row 0 \"1|NULL|\"say \"hi\"\nrow 0 \"2|\"c:\\|\"two\nlines\ttab\nrow 0 \"3|\"|\"\n",
        "row 0 \"1|NULL|\"x\nrow 0 \"2|\"c:\\|\"\nrow 0 \"3|NULL|\"N\n",
        "row 0 \"1|NULL|\"\"Bo\"\nrow 0 \"2|\"a|\"\"\nrow 0 \"3|\"b|\"c\n",
        "row 0 \"1|NULL|\"\"Bo\"\nrow 0 \"2|\"\"Bob\" Ek|\"x\nrow 0 \"3|\"b|\"c\n",
        "row 0 \"1|NULL|\"\"Bo\"\nrow 0 \"2|\"\"Bob\"|\"x\nrow 0 \"3|\"b|\"\"c\"\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[200];
        char expected[300];

        snprintf(text, sizeof text, "a\tb\tc\n%s", texts[i]);
        snprintf(expected, sizeof expected, "table 0 t (a:text,b:text,c:text)\n%s", rows[i]);
        check_sized("t.tsv", text, strlen(text), expected);
    }
    check_sized("t.txt", texts[2], strlen(texts[2]),
                "table 0 t (column1:text,column2:text,column3:text)\n"
                "row 0 \"1|NULL|\"say \"hi\"\nrow 0 \"2|\"c:\\|\"two\nlines\ttab\n"
                "row 0 \"3|\"|\"\n");
}

/* Of a text's returns and line feeds MySQL escapes what its lines begin to end with, no more. */
static void test_line_ends_without_quotes(void **state)
{
    static const char feeds[] = "1\t\\N\ta\r\\\nb\n2\tc\rd\te\r\n3\tf\t\\N\n";
    static const char both[] = "1\t\\N\ta\\\r\nb\r\n2\tc\nd\te\r\n3\tf\\\rg\t\\N\r\n";
    static const char returns[] = "1\t\\N\tc\r2\t\\N\td\r3\te\tf\r";
    static const char last[] = "1\t\\N\ta\r\n2\tb\tc\n3\td\te\n";
    const char *columns = "table 0 t (column1:text,column2:text,column3:text)\n";
    char expected[300];

    (void)state;
    snprintf(expected, sizeof expected,
             "%srow 0 \"1|NULL|\"a\r\nb\nrow 0 \"2|\"c\rd|\"e\r\nrow 0 \"3|\"f|NULL\n", columns);
    check_sized("t.txt", feeds, strlen(feeds), expected);
    snprintf(expected, sizeof expected,
             "%srow 0 \"1|NULL|\"a\r\nb\nrow 0 \"2|\"c\nd|\"e\nrow 0 \"3|\"f\rg|NULL\n", columns);
    check_sized("t.txt", both, strlen(both), expected);
    snprintf(expected, sizeof expected,
             "%srow 0 \"1|NULL|\"c\nrow 0 \"2|NULL|\"d\nrow 0 \"3|\"e|\"f\n", columns);
    check_sized("t.txt", returns, strlen(returns), expected);
    snprintf(expected, sizeof expected,
             "%srow 0 \"1|NULL|\"a\r\nrow 0 \"2|\"b|\"c\nrow 0 \"3|\"d|\"e\n", columns);
    check_sized("t.txt", last, strlen(last), expected);
    check_wish("a\tb\n1\tc\rd\n", (const char *const[]){"escape", "\\", "quote", "none", NULL},
               "table 0 t (a:text,b:text)\nrow 0 \"1|\"c\rd\n");
}

static void test_wishes(void **state)
{
    (void)state;
    check_wish("a,b;c\n1,2;3\n", (const char *const[]){"delimiter", ";", NULL},
               "table 0 t (a,b:text,c:text)\nrow 0 \"1,2|\"3\n");
    check_wish("a b\n1 2\n", (const char *const[]){"delimiter", "space", NULL},
               "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n");
    check_wish("a\tb,c\n1\t2\n", (const char *const[]){"delimiter", "tab", NULL},
               "table 0 t (a:text,b,c:text)\nrow 0 \"1|\"2\n");
    check_wish("a,b\n\"x,y\n", (const char *const[]){"quote", "none", NULL},
               "table 0 t (a:text,b:text)\nrow 0 \"\"x|\"y\n");
    check_wish("a,b\n^x,y^,z\n", (const char *const[]){"quote", "^", NULL},
               "table 0 t (a:text,b:text)\nrow 0 \"x,y|\"z\n");
    check_wish("1,2\n3,4\n", (const char *const[]){"header", "no", NULL},
               "table 0 t (column1:text,column2:text)\nrow 0 \"1|\"2\nrow 0 \"3|\"4\n");
    check_wish("a\n\xc3\xa4\n", (const char *const[]){"charset", "latin1", NULL},
               "table 0 t (a:text)\nrow 0 \"\xc3\x83\xc2\xa4\n");
    check_wish("a\n\x80\n", (const char *const[]){"charset", "latin1", NULL},
               "table 0 t (a:text)\nrow 0 \"\xc2\x80\n");
    check_wish("a\n\x80\n", (const char *const[]){"charset", "cp1252", NULL},
               "table 0 t (a:text)\nrow 0 \"\xe2\x82\xac\n");
    check_wish("a\n\xe4\n", (const char *const[]){"charset", "utf-8", NULL},
               "table 0 t (a:text)\nrow 0 \"\xe4\n");

    /* Second halves of characters that are signs by themselves. */
    check_wish("a|\xd5\xc5\n\x81\x7c|2\n",
               (const char *const[]){"charset", "gbk", "delimiter", "|", NULL},
               "table 0 t (a:text,\xe5\xbc\xa0:text)\nrow 0 \"\xe4\xba\x85|\"2\n");
    check_wish("a\n\x83\x5c\n", (const char *const[]){"charset", "CP932", NULL},
               "table 0 t (a:text)\nrow 0 \"\xe3\x82\xbd\n");
    check_wish("a\n\xd7\n", (const char *const[]){"charset", "cp1251", NULL},
               "table 0 t (a:text)\nrow 0 \"\xd0\xa7\n");

    /* Marks may follow a letter: it is told only when what comes next is known, or the end. */
    check_wish("a\nba", (const char *const[]){"charset", "cp1258", NULL},
               "table 0 t (a:text)\nrow 0 \"ba\n");
    check_wish("a\nba\xcc\n", (const char *const[]){"charset", "cp1258", NULL},
               "table 0 t (a:text)\nrow 0 \"b\xc3\xa0\n");

    static const char *const bad[][2] = {
        {"charset", "utf-16"}, {"charset", "EBCDIC-US"},
        {"charset", ""},       {"charset", "gbk//IGNORE"},
        {"delimiter", ""},     {"delimiter", ";;"},
        {"delimiter", "\n"},   {"quote", ""},
        {"quote", "ab"},       {"charset", "x"},
        {"header", "perhaps"}, {"escape", ""},
        {"escape", "\n"},      {"escape", "ab"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct dialect_wish wish = {.quote_given = false};
        struct failure failure = {0};

        assert_int_equal(delimited_option(&wish, bad[i][0], bad[i][1], &failure), -EINVAL);
        assert_non_null(strstr(failure.text, bad[i][0]));
    }
    assert_int_equal(delimited_option(&(struct dialect_wish){0}, "colour", "red", NULL), 0);
}

/* --- parts -------------------------------------------------------------------------------- */

struct part {
    const char *name;
    const char *text;
};

static void check_parts(const struct part *members, size_t count, bool series, const char *expected)
{
    struct recording_taker recording;

    recording_begin(&recording);

    struct delimited_parts *parts = delimited_parts_create(&recording.taker, series);

    for (size_t i = 0; i < count; i++) {
        struct memory_stream stream;
        struct dialect dialect;
        size_t size = strlen(members[i].text);
        struct failure failure = {0};

        assert_true(delimited_recognise(members[i].name, (const uint8_t *)members[i].text, size,
                                        true, NULL, &dialect));
        memory_stream_begin(&stream, members[i].text, size, 3);
        assert_int_equal(delimited_read(&stream.stream, &dialect, members[i].name, &recording.taker,
                                        parts, &failure),
                         0);
    }
    assert_int_equal(delimited_parts_end(parts), 0);
    assert_string_equal(recording_text(&recording), expected);
    delimited_parts_free(parts);
    recording_end(&recording);
}

#define CHECK_PARTS(series, expected, ...)                                            \
    do {                                                                              \
        const struct part members[] = {__VA_ARGS__};                                  \
        check_parts(members, sizeof members / sizeof *members, (series), (expected)); \
    } while (0)

static void test_numbered_parts(void **state)
{
    (void)state;
    CHECK_PARTS(false,
                "table 0 Contacts (a:text,b:text)\nrow 0 \"1|\"2\nchange 0 Contacts "
                "(a:text,b:text,c:text)\nrow 0 \"5|\"4|\"3\nrow 0 \"6|NULL|NULL\n",
                {"Data/Contacts_001.csv", "a,b\n1,2\n"},
                {"Data/Contacts_002.csv", "c,b,a\n3,4,5\n"}, {"Data/Contacts_003.csv", "a\n6\n"});
    CHECK_PARTS(false, "table 0 x-1 (a:text)\nrow 0 \"1\nchange 0 x (a:text)\nrow 0 \"2\n",
                {"x-1.csv", "a\n1\n"}, {"x-2.csv", "a\n2\n"});
    CHECK_PARTS(false,
                "table 0 hubspot-crm-exports-all-contacts-2024-01-15-1 (a:text)\nrow 0 \"1\n"
                "change 0 all-contacts (a:text)\nrow 0 \"2\n",
                {"hubspot-crm-exports-all-contacts-2024-01-15-1.csv", "a\n1\n"},
                {"hubspot-crm-exports-all-contacts-2024-01-15-2.csv", "a\n2\n"});
    CHECK_PARTS(false, "table 0 Deals (a:text)\nrow 0 \"1\n", {"Deals_001.csv", "a\n1\n"});
}

/* Other columns, other folders, years, months and dates make other tables. */
static void test_no_parts(void **state)
{
    (void)state;
    const char *apart = "table 0 %s (a:text)\nrow 0 \"1\ntable 1 %s (a:text)\nrow 1 \"2\n";
    static const char *const pairs[][2] = {
        {"r_2019.csv", "r_2020.csv"},
        {"r-2019-01.csv", "r-2019-02.csv"},
        {"r-2019-01-01.csv", "r-2019-01-02.csv"},
        {"v1.csv", "v2.csv"},
        {"1.csv", "2.csv"},
        {"x.csv", "x_1.csv"},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char expected[300];
        char one[50];
        char other[50];

        snprintf(one, sizeof one, "%.*s", (int)strcspn(pairs[i][0], "."), pairs[i][0]);
        snprintf(other, sizeof other, "%.*s", (int)strcspn(pairs[i][1], "."), pairs[i][1]);
        snprintf(expected, sizeof expected, apart, one, other);
        CHECK_PARTS(false, expected, {pairs[i][0], "a\n1\n"}, {pairs[i][1], "a\n2\n"});
    }
    CHECK_PARTS(false, "table 0 x_1 (a:text)\nrow 0 \"1\ntable 1 x_2 (a:text)\nrow 1 \"2\n",
                {"p/x_1.csv", "a\n1\n"}, {"q/x_2.csv", "a\n2\n"});
    CHECK_PARTS(false,
                "table 0 x_1 (a:text,b:text)\nrow 0 \"1|\"2\n"
                "table 1 x_2 (a:text,c:text)\nrow 1 \"3|\"4\n",
                {"x_1.csv", "a,b\n1,2\n"}, {"x_2.csv", "a,c\n3,4\n"});
}

static void test_series(void **state)
{
    (void)state;
    CHECK_PARTS(true,
                "table 0 Account (Id:text,Name:text)\nrow 0 \"1|\"A\ntable 1 Case_1 (Id:text)\n"
                "row 1 \"7\nchange 0 Account (Id:text,Name:text,City:text)\nrow 0 \"2|NULL|\"B\n",
                {"Account.csv", "Id,Name\n1,A\n"}, {"Case_1.csv", "Id\n7\n"},
                {"Account.csv", "Id,City\n2,B\n"});
}

static void test_missing_parts(void **state)
{
    (void)state;
    struct recording_taker recording;
    struct failure why = {0};
    struct memory_stream stream;
    struct dialect dialect;

    recording_begin(&recording);

    struct delimited_parts *parts = delimited_parts_create(&recording.taker, false);

    delimited_recognise("x_001.csv", (const uint8_t *)"a\n1\n", 4, true, NULL, &dialect);
    memory_stream_begin(&stream, "a\n1\n", 4, 3);
    assert_int_equal(
        delimited_read(&stream.stream, &dialect, "x_001.csv", &recording.taker, parts, NULL), 0);
    failure_set(&why, EIO, "damaged");
    assert_int_equal(delimited_parts_fail(parts, "y_001.csv", &why), 0);
    assert_int_equal(delimited_parts_fail(parts, "x_002.csv", &why), 0);
    failure_set(&why, EIO, "a part is missing");
    assert_int_equal(delimited_parts_fail(parts, NULL, &why), 0);
    assert_int_equal(delimited_parts_end(parts), 0);
    assert_string_equal(recording_text(&recording),
                        "table 0 x (a:text)\nrow 0 \"1\nfail 0 damaged\n"
                        "fail 0 a part is missing\n");
    delimited_parts_free(parts);
    recording_end(&recording);
}

static void test_names(void **state)
{
    (void)state;
    check("a,,a,a (2)\n1,2,3,4\n",
          "table 0 t (a:text,column2:text,a (2):text,a (2) (2):text)\nrow 0 \"1|\"2|\"3|\"4\n");
}

static void test_ragged(void **state)
{
    (void)state;
    check("a,b\n1\n2,3,\n4,5,,\n",
          "table 0 t (a:text,b:text)\nrow 0 \"1|NULL\nrow 0 \"2|\"3\nrow 0 \"4|\"5\n");
    check(
        "a,b\n1,2\n3,4,5\n6,7\n",
        "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n"
        "fail 0 line 3, byte 8 of a/t.csv: there are more fields than columns in the first line\n");
    check("a,b\n1,\"2\n3,4\n",
          "table 0 t (a:text,b:text)\n"
          "fail 0 line 2, byte 4 of a/t.csv: the text ends within quotes: it was cut short, or a "
          "quote is missing from here on\n");
}

/* Without the stream being broken: how the file ends says it. */
static void test_cut(void **state)
{
    static const char zeros[] = "a,b\n1,2\n\0\0\0\0\0\0\0\0\n3,4\n";

    (void)state;
    check("a,b\n1,2\n3",
          "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n"
          "fail 0 line 3, byte 8 of a/t.csv: the text ends within a row: it was cut short\n");
    check("a,b\n1,2\n3\n", "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3|NULL\n");
    check("a,b\n1,2\n3,4", "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3|\"4\n");
    check("a,b\n1\n2,3\n4", "table 0 t (a:text,b:text)\nrow 0 \"1|NULL\nrow 0 \"2|\"3\n"
                            "row 0 \"4|NULL\n");
    check_sized("t.csv", zeros, sizeof zeros - 1,
                "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n"
                "fail 0 line 3, byte 8 of t.csv: here are zeros instead of rows: the file was not "
                "written whole\n");
}

static void test_broken(void **state)
{
    (void)state;
    struct recorded_reading reading;

    recorded_reading_begin(&reading, "a,b\n1,2\n", 8, 2);
    reading.from.fails = true;
    assert_int_equal(read_recognised(&reading, "t.csv", NULL), -EIO);
    assert_non_null(strstr(recording_text(&reading.into),
                           "fail 0 line 3, byte 8 of t.csv: the stream is broken"));
    recorded_reading_end(&reading);
}

static void test_not_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
    } others[] = {
        {"readme.txt", "Hello, this is\na text, with commas, and\nmore\n"},
        {"x.html", "a,b\n1,2\n3,4\n"},
        {"two", "a,b\n1,2\n"},
        {"t.csv", ""},
        {"t", "one\ntwo\nthree\nfour\n"},
    };
    struct dialect dialect;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(delimited_recognise(others[i].name, (const uint8_t *)others[i].text,
                                         strlen(others[i].text), true, NULL, &dialect));
    assert_false(delimited_recognise("t.csv", (const uint8_t *)"a,b\n\0\1\2,\3\n", 10, true, NULL,
                                     &dialect));
    assert_true(
        delimited_recognise("t.txt", (const uint8_t *)"a,b\n1,2\n3,4\n", 12, true, NULL, &dialect));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes_and_nulls),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_delimiters),
        cmocka_unit_test(test_character_sets),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_ragged),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_not_recognised),
        cmocka_unit_test(test_behind_quotes),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_nulls_between_tabs),
        cmocka_unit_test(test_quoted_nulls_between_tabs),
        cmocka_unit_test(test_line_ends_without_quotes),
        cmocka_unit_test(test_single_quotes),
        cmocka_unit_test(test_said_delimiter),
        cmocka_unit_test(test_wishes),
        cmocka_unit_test(test_wrong_charset),
        cmocka_unit_test(test_numbered_parts),
        cmocka_unit_test(test_no_parts),
        cmocka_unit_test(test_series),
        cmocka_unit_test(test_missing_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
