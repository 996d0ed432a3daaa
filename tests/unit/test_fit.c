/* SPDX-License-Identifier: MIT */
/* What columns of each database hold, and which values are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/target/decimal.h"
#include "backends/target/fit.h"
#include "backends/target/fit_moment.h"
#include "backends/target/row_sum.h"

#define TEXT_LIMIT ((size_t)1 << 20)
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void test_decimals_have_one_form(void **state)
{
    static const struct {
        const char *form;
        const char *same[4];
    } cases[] = {
        {"0", {"0", "-0", "0.000", "0e9"}},
        {"1200", {"1200", "1.2e3", "+1200.00", "012E2"}},
        {"-5e-1", {"-0.05", "-5e-2", "-00.0500", "-.05"}},
        {"18446744073709551615",
         {"18446744073709551615", "18446744073709551615.0", "1844674407370955161.5e1",
          "018446744073709551615"}},
        {"1e21", {"100000000000000000000", "1e20", "0.1E21", "+10e19"}},
    };
    static const char *const none[] = {"",   "-",  ".",     "1e",  "1e+",         "0x1",
                                       "1 ", " 1", "1.2.3", "NaN", "1e9999999999"};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *const *same = cases[i].same;

        for (size_t j = 0; j < COUNT_OF(cases[i].same); j++) {
            struct buffer text = BUFFER(TEXT_LIMIT);
            struct decimal one, two;

            assert_true(decimal_parse(same[0], strlen(same[0]), &one));
            assert_true(decimal_parse(same[j], strlen(same[j]), &two));
            assert_true(decimal_equal(&one, &two));
            assert_int_equal(decimal_write(&two, &text), 0);
            assert_int_equal(text.size, strlen(cases[i].form));
            assert_memory_equal(text.data, cases[i].form, text.size);
            buffer_release(&text);
        }
    }
    for (size_t i = 0; i < COUNT_OF(none); i++) {
        struct decimal decimal;

        assert_false(decimal_parse(none[i], strlen(none[i]), &decimal));
    }
}

static void test_decimals_know_their_digits(void **state)
{
    struct decimal decimal;

    (void)state;
    assert_true(decimal_parse("-120.450", 8, &decimal));
    assert_int_equal(decimal_integer_digits(&decimal), 3);
    assert_int_equal(decimal_fraction_digits(&decimal), 2);
    assert_true(decimal_parse("9223372036854775808", 19, &decimal));
    assert_true(decimal_compare_magnitude(&decimal, "9223372036854775807") > 0);
    assert_int_equal(decimal_compare_magnitude(&decimal, "9223372036854775808"), 0);
    assert_true(decimal_parse("12e17", 5, &decimal));
    assert_true(decimal_compare_magnitude(&decimal, "9223372036854775807") < 0);
}

struct fit_case {
    enum target_engine engine;
    enum column_type type;
    const char *native;
    enum cell_class class;
    const char *value;
    const char *fitted; /* NULL: refused */
};

static struct cell text_cell(enum cell_class class, const char *text)
{
    return (struct cell){class, strlen(text), text};
}

static const struct fit_case fit_cases[] = {
    {ENGINE_MYSQL, COLUMN_INTEGER, "tinyint(4)", CELL_NUMBER, "-128", "-128"},
    {ENGINE_MYSQL, COLUMN_INTEGER, "tinyint(4)", CELL_NUMBER, "128", NULL},
    {ENGINE_MYSQL, COLUMN_INTEGER, "bigint(20) unsigned", CELL_NUMBER, "-1", NULL},
    {ENGINE_MYSQL, COLUMN_INTEGER, "bigint(20) unsigned", CELL_NUMBER, "18446744073709551615",
     "18446744073709551615"},
    {ENGINE_MYSQL, COLUMN_INTEGER, "int(11)", CELL_NUMBER, "3.0", "3"},
    {ENGINE_MYSQL, COLUMN_INTEGER, "int(11)", CELL_NUMBER, "3.5", NULL},
    {ENGINE_MYSQL, COLUMN_INTEGER, "tinyint(1)", CELL_BOOLEAN, "t", "1"},
    {ENGINE_MYSQL, COLUMN_INTEGER, "year(4)", CELL_NUMBER, "0", "0000"},
    {ENGINE_MYSQL, COLUMN_INTEGER, "year(4)", CELL_NUMBER, "70", NULL},
    {ENGINE_MYSQL, COLUMN_INTEGER, "year(4)", CELL_NUMBER, "1900", NULL},
    {ENGINE_MYSQL, COLUMN_INTEGER, "year(4)", CELL_NUMBER, "1901", "1901"},
    {ENGINE_MYSQL, COLUMN_INTEGER, "year(4)", CELL_NUMBER, "2155", "2155"},
    {ENGINE_MYSQL, COLUMN_DECIMAL, "decimal(5,2)", CELL_NUMBER, "123.450", "123.450"},
    {ENGINE_MYSQL, COLUMN_DECIMAL, "decimal(5,2)", CELL_NUMBER, "123.451", NULL},
    {ENGINE_MYSQL, COLUMN_DECIMAL, "decimal(5,2)", CELL_NUMBER, "1234", NULL},
    {ENGINE_MYSQL, COLUMN_FLOAT, "double", CELL_NUMBER, "0.1", "0.1"},
    {ENGINE_MYSQL, COLUMN_FLOAT, "double", CELL_NUMBER, "0.12345678901234567890", NULL},
    {ENGINE_MYSQL, COLUMN_FLOAT, "float", CELL_NUMBER, "3.4028235e+38", "3.4028234663852886e+38"},
    {ENGINE_MYSQL, COLUMN_FLOAT, "float", CELL_NUMBER, "0.123456789", NULL},
    {ENGINE_MYSQL, COLUMN_FLOAT, "float", CELL_NUMBER, "999999", "999999.0"},
    {ENGINE_MYSQL, COLUMN_FLOAT, "float", CELL_NUMBER, "16777217", NULL},
    {ENGINE_MYSQL, COLUMN_FLOAT, "float", CELL_NUMBER, "1e39", NULL},
    {ENGINE_MYSQL, COLUMN_FLOAT, "float", CELL_NUMBER, "123456e-47", NULL},
    {ENGINE_MYSQL, COLUMN_FLOAT, "double", CELL_NUMBER, "999999999999999.0", "999999999999999.0"},
    {ENGINE_MYSQL, COLUMN_FLOAT, "double", CELL_NUMBER, "9007199254740993", NULL},
    {ENGINE_MYSQL, COLUMN_FLOAT, "double", CELL_NUMBER, "1e400", NULL},
    {ENGINE_MYSQL, COLUMN_FLOAT, "double", CELL_NUMBER, "123456789e-325", NULL},
    {ENGINE_MYSQL, COLUMN_TEXT, "varchar(3)", CELL_TEXT, "äöü", "äöü"},
    {ENGINE_MYSQL, COLUMN_TEXT, "varchar(3)", CELL_TEXT, "abcd", NULL},
    {ENGINE_MYSQL, COLUMN_TEXT, "varchar(17)", CELL_TEXT, "12345678äbcdefghi", "12345678äbcdefghi"},
    {ENGINE_MYSQL, COLUMN_TEXT, "varchar(16)", CELL_TEXT, "12345678äbcdefghi", NULL},
    {ENGINE_MYSQL, COLUMN_TEXT, "varchar(16)", CELL_TEXT, "1234567812345678", "1234567812345678"},
    {ENGINE_MYSQL, COLUMN_TEXT, "longtext", CELL_TEXT, "12345678\xff", NULL},
    {ENGINE_MYSQL, COLUMN_TEXT, "char(9)", CELL_TEXT, "ab ", NULL},
    {ENGINE_MYSQL, COLUMN_TEXT, "longtext", CELL_TEXT, "a\xff", NULL},
    {ENGINE_MYSQL, COLUMN_BYTES, "binary(4)", CELL_BYTES, "abc", NULL},
    {ENGINE_MYSQL, COLUMN_TEXT, "longtext", CELL_BYTES, "abc", NULL},
    {ENGINE_MYSQL, COLUMN_DATE, "date", CELL_TEXT, "0000-00-00", "0000-00-00"},
    {ENGINE_MYSQL, COLUMN_DATE, "date", CELL_TEXT, "2026-02-29", NULL},
    {ENGINE_MYSQL, COLUMN_DATE, "date", CELL_TEXT, "2024-02-29", "2024-02-29"},
    {ENGINE_MYSQL, COLUMN_DATE, "date", CELL_TEXT, "0044-03-15 BC", NULL},
    {ENGINE_MYSQL, COLUMN_DATETIME, "datetime(3)", CELL_TEXT, "2026-11-20 10:11:12.1230",
     "2026-11-20 10:11:12.1230"},
    {ENGINE_MYSQL, COLUMN_DATETIME, "datetime(3)", CELL_TEXT, "2026-11-20 10:11:12.1234", NULL},
    {ENGINE_MYSQL, COLUMN_DATETIME, "datetime", CELL_TEXT, "2026-11-20 10:11:12+00",
     "2026-11-20 10:11:12"},
    {ENGINE_MYSQL, COLUMN_DATETIME, "datetime", CELL_TEXT, "2026-11-20 10:11:12+02", NULL},
    {ENGINE_MYSQL, COLUMN_TIME, "time", CELL_TEXT, "839:00:00", NULL},
    {ENGINE_POSTGRES, COLUMN_DATE, "date", CELL_TEXT, "0000-00-00", NULL},
    {ENGINE_POSTGRES, COLUMN_DATE, "date", CELL_TEXT, "0044-03-15 BC", "0044-03-15 BC"},
    {ENGINE_POSTGRES, COLUMN_DATE, "date", CELL_TEXT, "infinity", "infinity"},
    {ENGINE_POSTGRES, COLUMN_TIME, "time without time zone", CELL_TEXT, "-01:00:00", NULL},
    {ENGINE_POSTGRES, COLUMN_BOOLEAN, "boolean", CELL_NUMBER, "1", "t"},
    {ENGINE_POSTGRES, COLUMN_BOOLEAN, "boolean", CELL_NUMBER, "2", NULL},
    {ENGINE_POSTGRES, COLUMN_DECIMAL, "numeric", CELL_NUMBER, "NaN", "NaN"},
    {ENGINE_POSTGRES, COLUMN_DECIMAL, "numeric(5,2)", CELL_NUMBER, "Infinity", NULL},
    {ENGINE_POSTGRES, COLUMN_UUID, "uuid", CELL_TEXT, "123e4567-e89b-12d3-a456-426655440000",
     "123e4567-e89b-12d3-a456-426655440000"},
    {ENGINE_POSTGRES, COLUMN_UUID, "uuid", CELL_TEXT, "123e4567", NULL},
    {ENGINE_POSTGRES, COLUMN_JSON, "jsonb", CELL_TEXT, "{\"a\":1,\"b\":{\"c\":1,\"\\u0063\":2}}",
     NULL},
    {ENGINE_POSTGRES, COLUMN_JSON, "jsonb", CELL_TEXT, "{\"a\":1,\"b\":{\"a\":1}}",
     "{\"a\":1,\"b\":{\"a\":1}}"},
    {ENGINE_POSTGRES, COLUMN_JSON, "json", CELL_TEXT, "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
    {ENGINE_POSTGRES, COLUMN_JSON, "jsonb", CELL_TEXT, "[0.1000000000000000000001]",
     "[0.1000000000000000000001]"},
    {ENGINE_POSTGRES, COLUMN_JSON, "jsonb", CELL_TEXT, "none, for the server to say",
     "none, for the server to say"},
    {ENGINE_MYSQL, COLUMN_JSON, "json", CELL_TEXT, "{\"a\":1,\"a\":2}", NULL},
    {ENGINE_MYSQL, COLUMN_JSON, "json", CELL_TEXT, "[0.1000000000000000000001]", NULL},
    {ENGINE_MYSQL, COLUMN_JSON, "json", CELL_TEXT, "18446744073709551616", NULL},
    {ENGINE_MYSQL, COLUMN_JSON, "json", CELL_TEXT, "[18446744073709551615, 0.1, 1e2]",
     "[18446744073709551615, 0.1, 1e2]"},
    {ENGINE_SQLITE, COLUMN_INTEGER, "INTEGER", CELL_TEXT, "012", NULL},
    {ENGINE_SQLITE, COLUMN_INTEGER, "INTEGER", CELL_TEXT, "12", "12"},
    {ENGINE_SQLITE, COLUMN_INTEGER, "INTEGER", CELL_TEXT, "twelve", "twelve"},
    {ENGINE_SQLITE, COLUMN_INTEGER, "INTEGER", CELL_NUMBER, "18446744073709551615", NULL},
    {ENGINE_SQLITE, COLUMN_INTEGER, "INTEGER", CELL_NUMBER, "10000000000000000000", NULL},
    {ENGINE_SQLITE, COLUMN_INTEGER, "INTEGER", CELL_NUMBER, "1.0e+19", "1.0e+19"},
    {ENGINE_SQLITE, COLUMN_INTEGER, "INTEGER", CELL_NUMBER, "-9223372036854775808",
     "-9223372036854775808"},
    {ENGINE_SQLITE, COLUMN_ANY, "", CELL_NUMBER, "10000000000000000000", NULL},
    {ENGINE_SQLITE, COLUMN_FLOAT, "REAL", CELL_NUMBER, "10000000000000000000",
     "10000000000000000000"},
    {ENGINE_SQLITE, COLUMN_FLOAT, "REAL", CELL_NUMBER, "9007199254740992", "9007199254740992"},
    {ENGINE_SQLITE, COLUMN_FLOAT, "REAL", CELL_NUMBER, "9007199254740993", NULL},
    {ENGINE_SQLITE, COLUMN_DECIMAL, "NUMERIC", CELL_NUMBER, "9007199254740993", "9007199254740993"},
    {ENGINE_SQLITE, COLUMN_DECIMAL, "NUMERIC", CELL_NUMBER, "9007199254740993.00", NULL},
    {ENGINE_SQLITE, COLUMN_ANY, "", CELL_NUMBER, "9007199254740993.00", NULL},
    {ENGINE_SQLITE, COLUMN_ANY, "", CELL_NUMBER, "9007199254740992.00", "9007199254740992.00"},
    {ENGINE_SQLITE, COLUMN_DECIMAL, "DECIMAL TEXT", CELL_NUMBER, "18446744073709551615.10",
     "18446744073709551615.10"},
    {ENGINE_SQLITE, COLUMN_FLOAT, "REAL", CELL_NUMBER, "NaN", NULL},
    {ENGINE_SQLITE, COLUMN_BOOLEAN, "BOOLEAN", CELL_BOOLEAN, "t", "1"},
};

static void test_what_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(fit_cases); i++) {
        char native[64];
        const struct column column = {.type = fit_cases[i].type, .native_type = native};

        snprintf(native, sizeof native, "%s", fit_cases[i].native);

        const struct fit fit = fit_of(fit_cases[i].engine, &column);
        const struct cell cell = text_cell(fit_cases[i].class, fit_cases[i].value);
        struct buffer scratch = BUFFER(TEXT_LIMIT);
        struct fitted fitted;

        assert_int_equal(buffer_reserve(&scratch, fit_room(cell.size)), 0);

        int error = fit_cell(&fit, &cell, &scratch, &fitted);

        if (fit_cases[i].fitted == NULL) {
            if (error != -EINVAL || fitted.reason == NULL)
                fail_msg("%s takes %s", fit_cases[i].native, fit_cases[i].value);
        } else {
            if (error != 0)
                fail_msg("%s refuses %s: it %s", fit_cases[i].native, fit_cases[i].value,
                         fitted.reason);
            assert_int_equal(fitted.cell.size, strlen(fit_cases[i].fitted));
            assert_memory_equal(fitted.cell.data, fit_cases[i].fitted, fitted.cell.size);
        }
        buffer_release(&scratch);
    }
}

/* Few digits, and many zeros behind them: as long as a cell may be. */
static void test_a_long_number_fits_a_float(void **state)
{
    static char text[5000] = "1.5";
    char native[] = "float";
    const struct column column = {.type = COLUMN_FLOAT, .native_type = native};
    const struct fit fit = fit_of(ENGINE_MYSQL, &column);
    struct buffer scratch = BUFFER(TEXT_LIMIT);
    struct fitted fitted;

    (void)state;
    memset(text + 3, '0', sizeof text - 4);

    const struct cell cell = text_cell(CELL_NUMBER, text);

    assert_int_equal(buffer_reserve(&scratch, fit_room(cell.size)), 0);
    assert_int_equal(fit_cell(&fit, &cell, &scratch, &fitted), 0);
    assert_int_equal(fitted.cell.size, cell.size);
    buffer_release(&scratch);
}

/* Of few digits, and nothing but zeros: refused where they are bound through a text of a fixed
 * size. */
static void test_numbers_that_are_written_at_length(void **state)
{
    static const struct {
        enum target_engine engine;
        enum column_type type;
        const char *native;
        bool fits;
    } cases[] = {
        {ENGINE_SQLITE, COLUMN_FLOAT, "REAL", false},
        {ENGINE_SQLITE, COLUMN_INTEGER, "INTEGER", false},
        {ENGINE_SQLITE, COLUMN_DECIMAL, "DECIMAL TEXT", true},
        {ENGINE_POSTGRES, COLUMN_DECIMAL, "numeric", true},
    };
    char numbers[2][701];

    (void)state;
    memset(numbers, '0', sizeof numbers);
    memcpy(numbers[0], "1.", 2);
    numbers[1][699] = '1';
    numbers[0][700] = numbers[1][700] = '\0';
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t j = 0; j < 2; j++) {
            char native[64];
            const struct column column = {.type = cases[i].type, .native_type = native};
            struct buffer scratch = BUFFER(TEXT_LIMIT);
            const struct cell cell = text_cell(CELL_NUMBER, numbers[j]);
            struct fitted fitted;

            snprintf(native, sizeof native, "%s", cases[i].native);

            const struct fit fit = fit_of(cases[i].engine, &column);

            assert_int_equal(buffer_reserve(&scratch, fit_room(cell.size)), 0);
            if (fit_cell(&fit, &cell, &scratch, &fitted) != (cases[i].fits ? 0 : -EINVAL))
                fail_msg("%s: %.9s…", native, numbers[j]);
            buffer_release(&scratch);
        }
    }
}

/* Whether the two read as the same value of such a column. */
static bool is_same(const struct column *column, enum target_engine engine, const char *one,
                    const char *other, enum cell_class class)
{
    const struct fit fit = fit_of(engine, column);
    const struct cell cells[2] = {text_cell(class, one), text_cell(class, other)};
    struct buffer scratch = BUFFER(TEXT_LIMIT);
    struct row_sum sums[2] = {{0}, {0}};

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(row_sum_add(&sums[i], &fit, &cells[i], 1, &scratch), 0);
    buffer_release(&scratch);
    return row_sum_equal(&sums[0], &sums[1]);
}

static void test_which_values_are_the_same(void **state)
{
    static char json_type[] = "jsonb", text_type[] = "text",
                moment_type[] = "timestamp with time zone", decimal_type[] = "decimal(10,2)",
                char_type[] = "character(5)";
    const struct column document = {.type = COLUMN_JSON, .native_type = json_type};
    const struct column text = {.type = COLUMN_TEXT, .native_type = text_type};
    const struct column moment = {.type = COLUMN_TIMESTAMP, .native_type = moment_type};
    const struct column decimal = {.type = COLUMN_DECIMAL, .native_type = decimal_type};
    const struct column padded = {.type = COLUMN_TEXT, .native_type = char_type};

    (void)state;
    assert_true(is_same(&document, ENGINE_POSTGRES, "{\"b\":1, \"a\":[1,2]}",
                        "{\"a\":[1,2],\"b\":1}", CELL_TEXT));
    assert_true(is_same(&document, ENGINE_POSTGRES, "{\"a\": 1e2, \"\\u0062\": -0.0}",
                        "{\"b\": 0.0, \"a\": 100}", CELL_TEXT));
    assert_true(is_same(&document, ENGINE_POSTGRES, " [ {\"b\":{},\"a\":[]} , \"\\/\" , true ]",
                        "[{\"a\":[],\"b\":{}},\"/\",true]", CELL_TEXT));
    assert_true(is_same(&document, ENGINE_POSTGRES, "1E3", "1000", CELL_TEXT));
    assert_false(
        is_same(&document, ENGINE_POSTGRES, "[0.1000000000000000000001]", "[0.1]", CELL_TEXT));
    assert_false(is_same(&document, ENGINE_POSTGRES, "{\"a\":{\"b\":1},\"c\":2}",
                         "{\"a\":{\"b\":1,\"c\":2}}", CELL_TEXT));
    assert_false(is_same(&document, ENGINE_POSTGRES, "[1,2]", "[2,1]", CELL_TEXT));
    assert_false(is_same(&document, ENGINE_POSTGRES, "[1,2]", "[1,2,]", CELL_TEXT));
    assert_false(is_same(&document, ENGINE_POSTGRES, "[1", "[1]", CELL_TEXT));
    assert_false(is_same(&text, ENGINE_POSTGRES, "a", "a ", CELL_TEXT));
    assert_true(is_same(&padded, ENGINE_POSTGRES, "a", "a    ", CELL_TEXT));
    assert_true(is_same(&moment, ENGINE_POSTGRES, "2026-11-20T10:11:12.500Z",
                        "2026-11-20 10:11:12.5+00", CELL_TEXT));
    assert_false(
        is_same(&moment, ENGINE_POSTGRES, "2026-11-20 10:11:12", "2026-11-20 10:11:13", CELL_TEXT));
    assert_true(is_same(&decimal, ENGINE_MYSQL, "1.5", "1.50", CELL_NUMBER));
    assert_false(is_same(&decimal, ENGINE_MYSQL, "1.5", "1.51", CELL_NUMBER));
}

/* The order of rows is nothing, their number and what they hold is all. */
static void test_sums_of_rows(void **state)
{
    static char native[] = "bigint(20)";
    const struct column column = {.type = COLUMN_INTEGER, .native_type = native};
    const struct fit fits[2] = {fit_of(ENGINE_MYSQL, &column), fit_of(ENGINE_MYSQL, &column)};
    const struct cell rows[3][2] = {
        {text_cell(CELL_NUMBER, "1"), text_cell(CELL_NUMBER, "23")},
        {text_cell(CELL_NUMBER, "12"), text_cell(CELL_NUMBER, "3")},
        {text_cell(CELL_NUMBER, "123"), {.class = CELL_NULL}},
    };
    struct buffer scratch = BUFFER(TEXT_LIMIT);
    struct row_sum forth = {0}, back = {0}, twice = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(row_sum_add(&forth, fits, rows[i], 2, &scratch), 0);
        assert_int_equal(row_sum_add(&back, fits, rows[2 - i], 2, &scratch), 0);
        assert_int_equal(row_sum_add(&twice, fits, rows[i == 2 ? 1 : i], 2, &scratch), 0);
    }
    assert_true(row_sum_equal(&forth, &back));
    assert_false(row_sum_equal(&forth, &twice));
    assert_int_equal(row_sum_add(&back, fits, rows[0], 2, &scratch), 0);
    assert_false(row_sum_equal(&forth, &back));
    buffer_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimals_have_one_form),
        cmocka_unit_test(test_decimals_know_their_digits),
        cmocka_unit_test(test_what_fits),
        cmocka_unit_test(test_a_long_number_fits_a_float),
        cmocka_unit_test(test_numbers_that_are_written_at_length),
        cmocka_unit_test(test_which_values_are_the_same),
        cmocka_unit_test(test_sums_of_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
