/* SPDX-License-Identifier: MIT */
/* What a backslash is in tables as text, and how NULL is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/delimited_reading.h"

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
        assert_int_equal(read_delimited(&reading, "t.csv", NULL), 0);
        assert_string_equal(
            recording_text(&reading.into),
            "table 0 t (a:text,b:text)\nrow 0 \"say \"hi\", you|\"1\n"
            "fail 0 line 3, byte 24 of t.csv: a backslash stands where it takes no meaning from "
            "anything, as it did before: say escape=none in the archive's URL if it never does, "
            "escape=quotes if it does before quotes only, as Spark writes it, else escape=%5C\n");
        recorded_reading_end(&reading);
    }
}

/* A backslash that is text, and has hidden the comma or quote behind it. */
static void check_hidden(void)
{
    static const char begin[] = "a,b\n\"say \\\"hi\\\", you\",1\n";

    check_delimited_late(
        begin, "\"x\"\nC:\\,2\n",
        "table 0 t (a:text,b:text)\nrow 0 \"say \"hi\", you|\"1\nrow 0 \"x|NULL\n"
        "fail 0 line 4, byte 28 of t.csv: there are fewer fields than columns, and a "
        "backslash that may have hidden some: say escape=none in the archive's URL if it "
        "never takes meaning from anything, else escape=%5C\n");
    check_delimited_late(
        begin, "\"C:\\\",\"2\"\n",
        "table 0 t (a:text,b:text)\nrow 0 \"say \"hi\", you|\"1\n"
        "fail 0 line 3, byte 24 of t.csv: there are fewer fields than columns, and a "
        "backslash that may have hidden some: say escape=none in the archive's URL if it "
        "never takes meaning from anything, else escape=%5C\n");
}

/* As MySQL's INTO OUTFILE writes it with quotes, and phpMyAdmin if asked to. */
static void test_escapes(void **state)
{
    (void)state;
    check_delimited("a,b,c\n1,\"x \\\"y\\\", z\",\"\\\\\"\n2,\"line\\\nbreak\",\\N\n"
                    "3,\"N\",\"\\\\\\\"\"\n",
                    "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|\"x \"y\", z|\"\\\n"
                    "row 0 \"2|\"line\nbreak|NULL\nrow 0 \"3|\"N|\"\\\"\n");
    /* Where a backslash before a quote makes sense as one, it is. */
    check_delimited("a,b\n\"c:\\\",1\n\"\\\"\"\",2\n",
                    "table 0 t (a:text,b:text)\nrow 0 \"c:\\|\"1\nrow 0 \"\\\"|\"2\n");
    check_delimited(
        "a,b\n\"x\" y,1\n\"p\\\"q,2\n",
        "table 0 t (a:text,b:text)\nrow 0 \"x y|\"1\n"
        "fail 0 line 3, byte 12 of a/t.csv: a backslash stands before a quote within a field: if "
        "it takes the quote's meaning, say escape=%5C in the archive's URL, else escape=none\n");
    check_odd();
    check_hidden();
    check_delimited_wish("a,b\n\"x\" y,1\n\"p\\\"q,2\n",
                         (const char *const[]){"escape", "none", NULL},
                         "table 0 t (a:text,b:text)\nrow 0 \"x y|\"1\nrow 0 \"p\\q|\"2\n");
    check_delimited_wish("a,b\n\"p^\"q\",^N\n", (const char *const[]){"escape", "^", NULL},
                         "table 0 t (a:text,b:text)\nrow 0 \"p\"q|NULL\n");
}

/* As Spark writes it: a backslash is itself but before quotes. */
static void test_before_quotes_only(void **state)
{
    (void)state;
    check_delimited_wish("a,b\n\"say \\\"hi\\\", C:\\temp\",1\n\"\\\\x\\\\\\\"y\\\\\",C:\\\n\\N,\n",
                         (const char *const[]){"escape", "quotes", NULL},
                         "table 0 t (a:text,b:text)\nrow 0 \"say \"hi\", C:\\temp|\"1\n"
                         "row 0 \"\\\\x\\\"y\\|\"C:\\\nrow 0 \"\\N|NULL\n");
}

/* As mysqldump --tab and COPY write it. */
static void test_nulls_between_tabs(void **state)
{
    static const char text[] = "1\t\\N\tsay \"hi\"\n2\ttwo\\\nlines\\\ttab\t\"\n3\tc:\\\\\t\\N\n"
                               "4\t\\n\\t\t\n";

    (void)state;
    check_delimited_wish(text, (const char *const[]){"header", "no", NULL},
                         "table 0 t (column1:text,column2:text,column3:text)\n"
                         "row 0 \"1|NULL|\"say \"hi\"\nrow 0 \"2|\"two\nlines\ttab|\"\"\n"
                         "row 0 \"3|\"c:\\|NULL\nrow 0 \"4|\"\n\t|\"\n");
    check_delimited_sized("t.txt", text, strlen(text),
                          "table 0 t (column1:text,column2:text,column3:text)\n"
                          "row 0 \"1|NULL|\"say \"hi\"\nrow 0 \"2|\"two\nlines\ttab|\"\"\n"
                          "row 0 \"3|\"c:\\|NULL\nrow 0 \"4|\"\n\t|\"\n");
    check_delimited_sized(
        "t.tsv", "a\tb\n\\N\t1\nAC\\DC\t2\n", 17,
        "table 0 t (a:text,b:text)\nrow 0 NULL|\"1\n"
        "fail 0 line 3, byte 9 of t.tsv: a backslash stands where it takes no meaning from "
        "anything, as it did before: say escape=none in the archive's URL if it never does, "
        "escape=quotes if it does before quotes only, as Spark writes it, else escape=%5C\n");
    check_delimited_late(
        "a\tb\n1\t2\n", "\"\\N\"\t2\n\\N\t2\n",
        "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"\\N|\"2\n"
        "fail 0 line 4, byte 15 of t.csv: here is the first field that is \\N: if it stands "
        "for NULL, say escape=%5C in the archive's URL, else escape=none\n");
    check_delimited_wish("a\tb\n\\N\t1\n", (const char *const[]){"escape", "none", NULL},
                         "table 0 t (a:text,b:text)\nrow 0 \"\\N|\"1\n");
}

/* Nobody writes \N for anything but NULL, whatever fields are told apart by. */
static void test_nulls_between_others(void **state)
{
    (void)state;
    check_delimited("a,b\n\\N,1\n", "table 0 t (a:text,b:text)\nrow 0 NULL|\"1\n");
    check_delimited("a,b,c\n1,\\N,x\n2,\"say \"\"hi\"\"\",\"\"\n3,,C:\\temp\n",
                    "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|NULL|\"x\n"
                    "row 0 \"2|\"say \"hi\"|\"\nrow 0 \"3|\"|\"C:\\temp\n");
    check_delimited("a;b;c\n1;\\N;\"say \\\"hi\\\"\"\n2;\"c:\\\\x\";\\N\n",
                    "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|NULL|\"say \"hi\"\n"
                    "row 0 \"2|\"c:\\x|NULL\n");
    check_delimited("'a','b'\n'x',\\N\n'y','z'\n",
                    "table 0 t (a:text,b:text)\nrow 0 \"x|NULL\nrow 0 \"y|\"z\n");
    check_delimited_late("a,b\n1,2\n", "\"\\N\",2\n\\N,2\n",
                         "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"\\N|\"2\n"
                         "fail 0 line 4, byte 15 of t.csv: here is the first field that is \\N: if "
                         "it stands for NULL, say escape=%5C in the archive's URL, else "
                         "escape=none\n");
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
        check_delimited_sized("t.tsv", text, strlen(text), expected);
    }
    check_delimited_sized("t.txt", texts[2], strlen(texts[2]),
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
    check_delimited_sized("t.txt", feeds, strlen(feeds), expected);
    snprintf(expected, sizeof expected,
             "%srow 0 \"1|NULL|\"a\r\nb\nrow 0 \"2|\"c\nd|\"e\nrow 0 \"3|\"f\rg|NULL\n", columns);
    check_delimited_sized("t.txt", both, strlen(both), expected);
    snprintf(expected, sizeof expected,
             "%srow 0 \"1|NULL|\"c\nrow 0 \"2|NULL|\"d\nrow 0 \"3|\"e|\"f\n", columns);
    check_delimited_sized("t.txt", returns, strlen(returns), expected);
    snprintf(expected, sizeof expected,
             "%srow 0 \"1|NULL|\"a\r\nrow 0 \"2|\"b|\"c\nrow 0 \"3|\"d|\"e\n", columns);
    check_delimited_sized("t.txt", last, strlen(last), expected);
    check_delimited_wish("a\tb\n1\tc\rd\n",
                         (const char *const[]){"escape", "\\", "quote", "none", NULL},
                         "table 0 t (a:text,b:text)\nrow 0 \"1|\"c\rd\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_nulls_between_tabs),
        cmocka_unit_test(test_nulls_between_others),
        cmocka_unit_test(test_quoted_nulls_between_tabs),
        cmocka_unit_test(test_line_ends_without_quotes),
        cmocka_unit_test(test_before_quotes_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
