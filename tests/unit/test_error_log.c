/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/tree/error_log.h"

#define TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"

/* The log's text; freed by the caller. */
static char *text_of(struct error_log *log)
{
    struct buffer buffer = BUFFER(4 << 20);

    assert_int_equal(error_log_text(log, &buffer), 0);
    assert_int_equal(buffer_append(&buffer, "", 1), 0);
    return (char *)buffer.data;
}

static void assert_text_matches(struct error_log *log, const char *pattern)
{
    regex_t regex;
    char *text = text_of(log);

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&regex, text, 0, NULL, 0) != 0)
        fail_msg("\"%s\" does not match %s", text, pattern);
    regfree(&regex);
    free(text);
}

static void add(struct error_log *log, const char *path, int code, const char *words)
{
    struct failure failure;

    failure_set(&failure, code, "%s", words);
    error_log_add(log, path, &failure);
}

static struct error_log *create(size_t kept)
{
    struct error_log *log = NULL;

    assert_int_equal(error_log_create(kept, &log), 0);
    return log;
}

static void test_lines(void **state)
{
    (void)state;
    struct error_log *log = create(10);

    assert_text_matches(log, "^$");
    assert_int_equal(error_log_serial(log), 0);
    add(log, "live/crm/contacts.csv", EIO, "the database is damaged; restore it");
    assert_text_matches(log, "^" TIME " EIO live/crm/contacts.csv: the database is damaged; "
                             "restore it\n$");
    add(log, "", ENOSPC, "no room");
    assert_text_matches(log, "^[^\n]*restore it\n" TIME " ENOSPC no room\n$");
    add(log, "x", 4000, "odd");
    assert_text_matches(log, "\n" TIME " errno 4000 x: odd\n$");
    assert_int_equal(error_log_serial(log), 3);
    error_log_free(log);
    error_log_free(NULL);
}

static void test_repeats(void **state)
{
    (void)state;
    struct error_log *log = create(3);

    for (int times = 0; times < 7; times++)
        add(log, "a", EIO, "words");
    assert_text_matches(log, "^" TIME " EIO a: words \\(7 times, last " TIME "\\)\n$");
    assert_int_equal(error_log_serial(log), 7);
    /* Another code, path or wording is another line; the same one after others is the newest. */
    add(log, "a", EACCES, "words");
    add(log, "b", EACCES, "words");
    add(log, "a", EACCES, "words");
    assert_text_matches(log, "^" TIME " EIO a: words \\(7 times, last " TIME "\\)\n" TIME
                             " EACCES b: words\n" TIME " EACCES a: words \\(2 times, last " TIME
                             "\\)\n$");
    assert_int_equal(error_log_count(log), 3);
    /* The one that has not come for longest makes room. */
    add(log, "a", EIO, "words");
    add(log, "c", EIO, "words");
    assert_text_matches(log, "^[^\n]* EACCES a: [^\n]*\n[^\n]* EIO a: words \\(8 times[^\n]*\n"
                             "[^\n]* EIO c: words\n$");
    assert_int_equal(error_log_count(log), 3);
    error_log_free(log);
}

/* Many looks at many broken tables: a line each, with its count. */
static void test_looks_at_many(void **state)
{
    (void)state;
    struct error_log *log = create(200);

    for (int look = 0; look < 5; look++) {
        for (int table = 0; table < 100; table++) {
            char path[40];

            snprintf(path, sizeof path, "live/crm/t%02d.csv", table);
            add(log, path, EIO, "no such table: gone");
        }
    }
    assert_int_equal(error_log_count(log), 100);
    assert_text_matches(log, "^(" TIME " EIO live/crm/t[0-9]{2}.csv: no such table: gone "
                             "\\(5 times, last " TIME "\\)\n){100}$");
    error_log_free(log);
}

/* A table that cannot be read is one fault, whatever formats it is asked for in. */
static void test_formats_of_a_table(void **state)
{
    (void)state;
    struct error_log *log = create(100);
    static const char *const paths[] = {"live/a.b/x.csv", "live/a.b/y.csv", "live/a.b/x.json",
                                        "live/a.b/y.json", "live/a.b/x.ndjson"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        add(log, paths[i], EIO, "words");
    assert_text_matches(log,
                        "^" TIME " EIO live/a.b/y.csv: words \\(2 times, last " TIME "\\)\n" TIME
                        " EIO live/a.b/x.csv: words \\(3 times, last " TIME "\\)\n$");
    /* Other words are another fault; so are folders whose names end in one way or another. */
    add(log, "live/a.b/x.json", EIO, "other words");
    add(log, "live/a.b", EIO, "other words");
    add(log, "live/a.c/z", EIO, "words");
    add(log, "live/a.b/z", EIO, "words");

    char *text = text_of(log);
    size_t lines = 0;

    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 6);
    free(text);
    error_log_free(log);
}

static void test_ring(void **state)
{
    (void)state;
    for (size_t kept = 1; kept < 5; kept++) {
        struct error_log *log = create(kept);

        for (size_t added = 1; added <= 12; added++) {
            char path[20];
            char *text;
            char *line;

            snprintf(path, sizeof path, "%zu", added);
            add(log, path, EIO, "words");
            text = text_of(log);
            line = text;
            for (size_t at = added > kept ? added - kept + 1 : 1; at <= added; at++) {
                snprintf(path, sizeof path, " EIO %zu: ", at);
                assert_non_null(strstr(line, path));
                assert_true(strstr(line, path) < strchr(line, '\n'));
                line = strchr(line, '\n') + 1;
            }
            assert_string_equal(line, "");
            free(text);
        }
        error_log_free(log);
    }
}

static void test_hostile_names(void **state)
{
    (void)state;
    struct error_log *log = create(3);
    char path[5000];
    char words[2000];

    add(log, "a\nb\x1b[31m", EIO, "c\rd");
    assert_text_matches(log, "^" TIME " EIO a\\\\x0ab\\\\x1b\\[31m: c\\\\x0dd\n$");

    /* Not UTF-8; a control character beyond ASCII. */
    add(log, "a\xff\xc3(\xe2\x82", EIO, "\xc3\xbc\xc2\x9b!");
    assert_text_matches(log, "EIO a\\\\xff\\\\xc3\\(\\\\xe2\\\\x82: \xc3\xbc\\\\xc2\\\\x9b!\n$");

    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    add(log, path, EIO, words);

    char *text = text_of(log);
    char *line = strchr(strchr(text, '\n') + 1, '\n') + 1;

    assert_true(strlen(line) < ERROR_LOG_WORDS_SIZE + 100);
    assert_non_null(strstr(line, "p: www"));
    assert_int_equal(line[strlen(line) - 1], '\n');
    free(text);

    /* Cut between two characters, not inside one. */
    for (size_t at = 0; at + 2 < sizeof path; at += 2)
        memcpy(path + at, "\xc3\x85", 2);
    path[sizeof path - 1] = '\0';
    add(log, path, EIO, "words");
    assert_text_matches(log, "\xc3\x85: words\n$");
    error_log_free(log);
}

static void test_full_buffer(void **state)
{
    (void)state;
    struct error_log *log = create(3);
    struct buffer buffer = BUFFER(20);

    add(log, "a", EIO, "words");
    assert_int_equal(buffer_append_text(&buffer, "before"), 0);
    assert_int_equal(error_log_text(log, &buffer), -EFBIG);
    assert_int_equal(buffer.size, 6);
    buffer_release(&buffer);
    error_log_free(log);
}

static void *add_many(void *log)
{
    for (int index = 0; index < 2000; index++) {
        char path[20];

        snprintf(path, sizeof path, "p%d", index);
        add(log, path, EIO, "words");
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct error_log *log = create(100);
    pthread_t threads[4];
    uint64_t before = 0;

    for (size_t index = 0; index < 4; index++)
        assert_int_equal(pthread_create(&threads[index], NULL, add_many, log), 0);
    for (int round = 0; round < 50; round++) {
        uint64_t serial = error_log_serial(log);

        free(text_of(log));
        assert_true(serial >= before);
        before = serial;
    }
    for (size_t index = 0; index < 4; index++)
        pthread_join(threads[index], NULL);
    assert_int_equal(error_log_serial(log), 8000);
    assert_text_matches(log, "^(" TIME " EIO p[0-9]+: words[^\n]*\n){100}$");
    error_log_free(log);
}

/* Backups whose names differ in their ending are not one, as files of one table are. */
static void test_names_of_backups(void **state)
{
    (void)state;
    struct error_log *log = create(100);
    static const char *const paths[] = {"archives/crm.sql.1", "archives/crm.sql.2",
                                        "archives/s.sql.xz",  "archives/s.sql.bz2",
                                        "archives/t.csv",     "archives/t.json"};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        add(log, paths[i], EILSEQ, "words");
    assert_int_equal(error_log_count(log), sizeof paths / sizeof *paths);
    error_log_free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_looks_at_many),
        cmocka_unit_test(test_formats_of_a_table),
        cmocka_unit_test(test_names_of_backups),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_full_buffer),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
