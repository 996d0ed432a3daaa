/* SPDX-License-Identifier: MIT */
/* The program that reads pg_dump's own formats, by others in its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/source/pg_restore.h"
#include "fs/base/buffer.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/recording_taker.h"

#define INPUT_BYTES ((size_t)3 << 20)

static char program[] = "/tmp/crmfs-pg_restore-XXXXXX";
static char *input;

/* The program is this script from now on. */
static void write_program(const char *script)
{
    FILE *file = fopen(program, "w");

    must(file != NULL);
    must(fprintf(file, "#!/bin/sh\n%s\n", script) > 0);
    must(fclose(file) == 0);
    must(chmod(program, 0700) == 0);
}

static int read_all(bool broken, struct buffer *text, struct failure *failure)
{
    struct memory_stream stream;
    struct pg_restore *restore;

    memory_stream_begin(&stream, input, INPUT_BYTES, 10000);
    stream.fails = broken;

    int error = pg_restore_begin(&stream.stream, NULL, PG_SCRIPT, NULL, NULL, &restore, failure);

    if (error != 0)
        return error;
    for (size_t size = 1; error == 0 && size != 0;) {
        const void *data = NULL;
        struct byte_stream *from = pg_restore_stream(restore);

        error = from->class->next(from, &data, &size, failure);
        if (error == 0)
            must(buffer_append(text, data, size) == 0);
    }
    pg_restore_end(restore);
    return error;
}

static void check(const char *script, bool broken, int expected, size_t size, const char *words)
{
    struct buffer text = BUFFER(4 * INPUT_BYTES);
    struct failure failure = {0};

    write_program(script);
    assert_int_equal(read_all(broken, &text, &failure), expected);
    assert_int_equal(text.size, size);
    if (size == INPUT_BYTES)
        assert_memory_equal(text.data, input, size);
    if (words != NULL)
        assert_non_null(strstr(failure.text, words));
    buffer_release(&text);
}

static void test_all_goes_through(void **state)
{
    (void)state;
    check("cat", false, 0, INPUT_BYTES, NULL);
    check("head -c 70000", false, 0, 70000, NULL);
    check("exec <&-; echo enough", false, 0, 7, NULL);
    check("yes | head -c 2000000; cat >/dev/null", false, 0, 2000000, NULL);
    check("test \"$*\" = '--create --file=- --' && test \"$(env | grep -c .)\" -lt 6 && echo so",
          false, 0, 3, NULL);
}

static void test_it_fails(void **state)
{
    (void)state;
    check("echo 'error: no such version' >&2; echo more >&2; exit 1", false, -EIO, 0,
          "pg_restore cannot read it: error: no such version");
    check("cat; exit 3", false, -EIO, INPUT_BYTES, "does not say why");
    check("kill -9 $$", false, -EIO, 0, "ended by signal 9");
    check("cat; yes 'a long complaint' | head -c 5000000 >&2; exit 1", false, -EIO, INPUT_BYTES,
          "a long complaint");
    check("cat", true, -EIO, INPUT_BYTES, "the stream is broken");
}

static void test_it_is_not_there(void **state)
{
    (void)state;
    struct buffer text = BUFFER(1);
    struct failure failure = {0};

    unlink(program);
    assert_int_equal(read_all(false, &text, &failure), -EILSEQ);
    assert_non_null(strstr(failure.text, "is not there: install it"));
}

static void test_it_is_given_up(void **state)
{
    (void)state;
    bool cancelled = true;
    struct memory_stream stream;
    struct pg_restore *restore;
    const void *data;
    size_t size;

    write_program("sleep 1000");
    memory_stream_begin(&stream, input, INPUT_BYTES, 10000);
    assert_int_equal(
        pg_restore_begin(&stream.stream, NULL, PG_SCRIPT, NULL, &cancelled, &restore, NULL), 0);

    struct byte_stream *from = pg_restore_stream(restore);

    assert_int_equal(from->class->next(from, &data, &size, NULL), -ECANCELED);
    pg_restore_end(restore);
}

static void test_formats(void **state)
{
    (void)state;
    char tar[PG_TAR_BEGIN] = "toc.dat";

    assert_int_equal(pg_format_of("PGDMP\1\16\0\4\10\1", 11), PG_CUSTOM);
    assert_int_equal(pg_format_of("PGDMP\1\16\0\4\10\3", 11), PG_TAR);
    assert_int_equal(pg_format_of("PGDMP\1\16\0\4\10\7", 11), PG_OTHER);
    assert_int_equal(pg_format_of("PGDMP\1\16\0\4\10", 10), PG_NONE);
    assert_int_equal(pg_format_of("PGDMX\1\16\0\4\10\1", 11), PG_NONE);
    assert_false(pg_tar_recognise(tar, sizeof tar));
    memcpy(tar + 512, "PGDMP\1\16\0\4\10\3", 11);
    assert_true(pg_tar_recognise(tar, sizeof tar));
    assert_false(pg_tar_recognise(tar, sizeof tar - 1));
}

static int begin(void **state)
{
    (void)state;
    input = malloc(INPUT_BYTES);
    must(input != NULL);
    for (size_t i = 0; i < INPUT_BYTES; i++)
        input[i] = (char)(i * 7 + i / 251);
    close(mkstemp(program));
    return setenv("CRMFS_PG_RESTORE", program, 1);
}

static int end(void **state)
{
    (void)state;
    free(input);
    unlink(program);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_goes_through), cmocka_unit_test(test_it_fails),
        cmocka_unit_test(test_it_is_given_up),   cmocka_unit_test(test_it_is_not_there),
        cmocka_unit_test(test_formats),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
