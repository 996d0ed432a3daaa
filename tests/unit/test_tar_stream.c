/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/tar_stream.h"
#include "fs/base/buffer.h"

/* Bytes that are where they stand. */
static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 31 + offset / 997);
}

static int read_counted(struct held_bytes *held, uint64_t offset, void *buffer, size_t size,
                        struct failure *failure)
{
    uint8_t *to = buffer;

    (void)failure;
    assert_true(offset + size <= held->size);
    for (size_t i = 0; i < size; i++)
        to[i] = byte_at(offset + i);
    return 0;
}

static const struct held_bytes_class counted = {.read = read_counted};

static int read_broken(struct held_bytes *held, uint64_t offset, void *buffer, size_t size,
                       struct failure *failure)
{
    (void)held;
    (void)offset;
    (void)buffer;
    (void)size;
    return failure_set(failure, EIO, "the spool is gone");
}

static const struct held_bytes_class broken = {.read = read_broken};

/* What libarchive reads of it is what was put in, of every size beside a block's. */
static void test_members(void **state)
{
    static const uint64_t sizes[] = {0, 1, 511, 512, 513, 262143, 262144, 262145, 1000000};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    struct held_bytes held[COUNT];
    struct tar_member members[COUNT];
    struct buffer text = BUFFER(10 << 20);
    struct tar_stream tar;
    const void *data;
    size_t size = 1;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        held[i] = (struct held_bytes){&counted, sizes[i]};
        members[i] = (struct tar_member){.held = i != 0 ? &held[i] : NULL};
        snprintf(members[i].name, sizeof members[i].name, "%zu.dat", i);
    }
    assert_int_equal(tar_stream_begin(&tar, members, COUNT), 0);
    while (size != 0) {
        assert_int_equal(tar.stream.class->next(&tar.stream, &data, &size, NULL), 0);
        assert_int_equal(size % TAR_BLOCK_BYTES, 0);
        assert_int_equal(buffer_append(&text, data, size), 0);
    }
    tar_stream_end(&tar);

    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    uint8_t *bytes = malloc(1000001);

    archive_read_support_format_tar(archive);
    assert_int_equal(archive_read_open_memory(archive, text.data, text.size), ARCHIVE_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_OK);
        assert_string_equal(archive_entry_pathname(entry), members[i].name);
        assert_int_equal(archive_entry_size(entry), sizes[i]);
        assert_int_equal(archive_read_data(archive, bytes, 1000001), sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(bytes[j], byte_at(j));
    }
    assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_EOF);
    archive_read_free(archive);
    buffer_release(&text);
    free(bytes);
}

/* Above 8 GiB eleven octal digits are not enough. */
static void test_large(void **state)
{
    static const uint64_t sizes[] = {(UINT64_C(1) << 33) - 1, UINT64_C(1) << 33, UINT64_C(5) << 40};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct held_bytes held = {&counted, sizes[i]};
        struct tar_member member = {.name = "1.dat", .held = &held};
        struct archive *archive = archive_read_new();
        struct archive_entry *entry;
        struct tar_stream tar;
        const void *data;
        size_t size;

        assert_int_equal(tar_stream_begin(&tar, &member, 1), 0);
        assert_int_equal(tar.stream.class->next(&tar.stream, &data, &size, NULL), 0);
        archive_read_support_format_tar(archive);
        assert_int_equal(archive_read_open_memory(archive, data, size), ARCHIVE_OK);
        assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_OK);
        assert_int_equal(archive_entry_size(entry), sizes[i]);
        archive_read_free(archive);
        tar_stream_end(&tar);
    }
}

static void test_fails(void **state)
{
    struct held_bytes held = {&broken, 1000};
    struct tar_member member = {.name = "1.dat", .held = &held};
    struct failure failure = {0};
    struct tar_stream tar;
    const void *data;
    size_t size;

    (void)state;
    assert_int_equal(tar_stream_begin(&tar, &member, 1), 0);
    assert_int_equal(tar.stream.class->next(&tar.stream, &data, &size, &failure), 0);
    assert_int_equal(tar.stream.class->next(&tar.stream, &data, &size, &failure), -EIO);
    assert_string_equal(failure.text, "the spool is gone");
    tar_stream_end(&tar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
