/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/tree/file_name.h"

#define MOST_STEM 248 /* 255 without ".ndjson" */

/* The stems of NAMES, which end with NULL. */
static char **stems_of(const char *const *names)
{
    char **stems = NULL;
    size_t count = 0;

    while (names[count] != NULL)
        count++;
    assert_int_equal(file_stems_create(names, count, &stems), 0);
    assert_null(stems[count]);
    return stems;
}

#define STEMS(...) stems_of((const char *const[]){__VA_ARGS__, NULL})

static void assert_stem(const char *name, const char *expected)
{
    char **stems = STEMS(name);

    assert_string_equal(stems[0], expected);
    file_stems_free(stems);
}

/* '~' and the first 8 bytes of BLAKE2b-256 of SIZE bytes. */
static const char *ending_of(const void *bytes, size_t size)
{
    static char text[1 + 64 + 1];
    unsigned char hash[32];

    crypto_generichash(hash, sizeof hash, bytes, size, NULL, 0);
    text[0] = '~';
    sodium_bin2hex(text + 1, sizeof text - 1, hash, sizeof hash);
    text[17] = '\0';
    return text;
}

static void test_encoding(void **state)
{
    (void)state;
    assert_stem("contacts", "contacts");
    assert_stem("Order Details", "Order Details");
    assert_stem("a/b", "a%2Fb");
    assert_stem(".x", "%2Ex");
    assert_stem("..", "%2E.");
    assert_stem("x.y.", "x.y.");
    assert_stem("100%", "100%25");
    assert_stem("a%2Fb", "a%252Fb");
    assert_stem("\xc3\xbc"
                "ber",
                "\xc3\xbc"
                "ber");
    assert_stem("two\nlines\x7f\x01", "two%0Alines%7F%01");
    assert_stem("\xff.\xe2\x82", "%FF.%E2%82");
    /* Neither a hidden file nor another table's. */
    assert_stem("", "%");
    assert_stem("%", "%25");
    assert_stem("schema.sql", "schema.sql");
}

static void test_known_hash(void **state)
{
    (void)state;
    /* From Python's hashlib. */
    assert_stem("datapackage", "datapackage~e63af3c110cd6f1f");
}

static void test_reserved(void **state)
{
    (void)state;
    char **stems = STEMS("datapackage", "Datapackage", "datapackage.json");

    assert_memory_equal(stems[0], "datapackage", 11);
    assert_string_equal(stems[0] + 11, ending_of("datapackage", 11));
    assert_string_equal(stems[1], "Datapackage");
    assert_string_equal(stems[2], "datapackage.json");
    file_stems_free(stems);
}

static void test_longest(void **state)
{
    (void)state;
    char name[MOST_STEM + 2];
    char expected[300];

    memset(name, 'n', sizeof name);
    name[MOST_STEM] = '\0';
    assert_stem(name, name);

    name[MOST_STEM] = 'n';
    name[MOST_STEM + 1] = '\0';
    snprintf(expected, sizeof expected, "%.231s%s", name, ending_of(name, strlen(name)));
    assert_int_equal(strlen(expected), MOST_STEM);
    assert_stem(name, expected);
}

/* Neither a character nor a %XX is cut in two. */
static void test_cut_at_character(void **state)
{
    (void)state;
    static const char *const units[] = {"\xe5\xae\xa2", "\xf0\x9f\x98\x80", "/", "\xff"};

    for (size_t shift = 0; shift < 4; shift++) {
        for (size_t unit = 0; unit < 4; unit++) {
            char name[1300] = "aaa";
            char **stems;
            size_t taken = strlen(units[unit]);
            size_t shown = taken == 1 ? 3 : taken;
            size_t whole = (231 - shift) / shown;

            for (size_t times = 0; times < 300; times++)
                memcpy(name + shift + times * taken, units[unit], taken + 1);
            stems = STEMS(name);
            assert_int_equal(strlen(stems[0]), shift + whole * shown + 17);
            assert_string_equal(stems[0] + shift + whole * shown, ending_of(name, strlen(name)));
            file_stems_free(stems);
        }
    }
}

/* Names of an archive's members, which are encoded already. */
static void test_members(void **state)
{
    (void)state;
    char name[1300];
    char cut[FILE_NAME_MOST_BYTES + 1];

    memset(name, 'n', sizeof name);
    name[FILE_NAME_MOST_BYTES] = '\0';
    file_name_cut(name, cut);
    assert_string_equal(cut, name);
    file_name_cut("a%", cut);
    assert_string_equal(cut, "a%");

    name[FILE_NAME_MOST_BYTES] = 'n';
    name[FILE_NAME_MOST_BYTES + 1] = '\0';
    file_name_cut(name, cut);
    assert_int_equal(strlen(cut), FILE_NAME_MOST_BYTES);
    assert_string_equal(cut + FILE_NAME_MOST_BYTES - 17, ending_of(name, strlen(name)));

    for (size_t at = 0; at < 400; at++)
        memcpy(name + 3 * at, "%FF", 4);
    file_name_cut(name, cut);
    assert_int_equal(strlen(cut), 237 + 17);
    assert_string_equal(cut + 237, ending_of(name, strlen(name)));
}

/* Two long names that differ only behind the cut, and one that spells out another's ending. */
static void test_collisions(void **state)
{
    (void)state;
    char one[301];
    char two[301];
    char **first;
    char **second;

    memset(one, 'n', sizeof one - 1);
    one[sizeof one - 1] = '\0';
    memcpy(two, one, sizeof two);
    two[299] = 'm';
    first = STEMS(one, two);
    assert_memory_equal(first[0], first[1], 232);
    assert_string_not_equal(first[0], first[1]);

    /* The later one in order yields: here the name that looks like an ending ... */
    char literal[256];

    snprintf(literal, sizeof literal, "%s", first[0]);
    second = STEMS(one, literal);
    assert_string_equal(second[0], literal);
    assert_memory_equal(second[1], literal, 231);
    assert_string_equal(second[1] + 231, ending_of(literal, strlen(literal)));
    file_stems_free(second);

    /* ... and here the long one, whose own ending is taken. */
    char again[303];

    memcpy(again, one, 300);
    memcpy(again + 300,
           "\0"
           "2",
           2);
    second = STEMS(literal, one);
    assert_string_equal(second[0], literal);
    assert_memory_equal(second[1], literal, 231);
    assert_string_equal(second[1] + 231, ending_of(again, 302));
    file_stems_free(second);
    file_stems_free(first);
}

static void test_equal_names(void **state)
{
    (void)state;
    char **stems = STEMS("t", "t", "t");

    assert_string_equal(stems[0], "t");
    assert_memory_equal(stems[1], "t~", 2);
    assert_memory_equal(stems[2], "t~", 2);
    assert_string_not_equal(stems[1], stems[2]);
    file_stems_free(stems);
}

static void test_none(void **state)
{
    (void)state;
    char **stems = NULL;

    assert_int_equal(file_stems_create(NULL, 0, &stems), 0);
    assert_non_null(stems);
    assert_null(stems[0]);
    file_stems_free(stems);
    file_stems_free(NULL);
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* All different, and not in quadratic time, also where every name has to be cut. */
static void test_many(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    char **names = calloc(COUNT, sizeof *names);
    char **stems = NULL;
    struct timespec before;
    struct timespec after;

    assert_non_null(names);
    for (size_t index = 0; index < COUNT; index++)
        assert_true(asprintf(&names[index], "%0300d", (int)index) > 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    assert_int_equal(file_stems_create((const char *const *)names, COUNT, &stems), 0);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_true(after.tv_sec - before.tv_sec < 20);
    qsort(stems, COUNT, sizeof *stems, compare);
    for (size_t index = 1; index < COUNT; index++)
        assert_string_not_equal(stems[index - 1], stems[index]);
    file_stems_free(stems);
    for (size_t index = 0; index < COUNT; index++)
        free(names[index]);
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_known_hash),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_cut_at_character),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_collisions),
        cmocka_unit_test(test_equal_names),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
