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
#include <sys/mman.h>
#include <unistd.h>

#include "backends/source/file_stream.h"
#include "backends/source/zip_directory.h"

#define LARGE_BYTES ((size_t)200000)

static const struct {
    const char *name;
    size_t size;
    int (*compress)(struct archive *archive);
    bool straight;
} members[] = {
    {"a/small.csv", 1000, archive_write_zip_set_compression_deflate, false},
    {"a/large.csv", LARGE_BYTES, archive_write_zip_set_compression_deflate, true},
    {"stored.csv", LARGE_BYTES, archive_write_zip_set_compression_store, false},
    {"another.csv", LARGE_BYTES + 1, archive_write_zip_set_compression_deflate, true},
};

static char byte_of(size_t at, size_t size)
{
    return (char)('a' + (at * at + size) % 23);
}

static void write_member(struct archive *archive, size_t index)
{
    struct archive_entry *entry = archive_entry_new();
    char *bytes = malloc(members[index].size);

    assert_non_null(bytes);
    for (size_t i = 0; i < members[index].size; i++)
        bytes[i] = byte_of(i, members[index].size);
    assert_int_equal(members[index].compress(archive), ARCHIVE_OK);
    archive_entry_set_pathname(entry, members[index].name);
    archive_entry_set_size(entry, (la_int64_t)members[index].size);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, bytes, members[index].size), members[index].size);
    archive_entry_free(entry);
    free(bytes);
}

/* A ZIP in memory, behind PREFIX bytes of something else. */
static int make_zip(const char *options, size_t prefix)
{
    int file = memfd_create("zip", MFD_CLOEXEC);
    struct archive *archive = archive_write_new();

    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, (off_t)prefix), 0);
    assert_int_equal(lseek(file, 0, SEEK_END), prefix);
    assert_int_equal(archive_write_set_format_zip(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_set_options(archive, options), ARCHIVE_OK);
    assert_int_equal(archive_write_open_fd(archive, file), ARCHIVE_OK);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        write_member(archive, i);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    return file;
}

static void unfold(int file, const struct zip_place *place, size_t expected)
{
    char path[64];
    struct file_stream bytes;
    struct inflate_stream *inflate;
    const void *data;
    size_t total = 0;
    size_t size = 1;

    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    assert_int_equal(file_stream_open(&bytes, path, NULL), 0);
    file_stream_seek(&bytes, place->offset, place->bytes);
    inflate = inflate_stream_create(&bytes.stream, &place->promise);
    while (size != 0) {
        struct byte_stream *stream = inflate_stream_bytes(inflate);

        assert_int_equal(stream->class->next(stream, &data, &size, NULL), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(((const char *)data)[i], byte_of(total + i, expected));
        total += size;
    }
    assert_int_equal(total, expected);
    inflate_stream_free(inflate);
    file_stream_close(&bytes);
}

/* libarchive says where a member's data begin; the directory knows the large ones there. */
static void check_zip(int file)
{
    struct zip_directory *directory = zip_directory_read(file);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    struct zip_place place;

    assert_non_null(directory);
    lseek(file, 0, SEEK_SET);
    archive_read_support_format_zip(archive);
    assert_int_equal(archive_read_open_fd(archive, file, 4096), ARCHIVE_OK);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_OK);
        assert_string_equal(archive_entry_pathname(entry), members[i].name);

        uint64_t offset = (uint64_t)archive_filter_bytes(archive, 0);

        assert_int_equal(zip_directory_find(directory, file, offset, &place), members[i].straight);
        if (members[i].straight)
            unfold(file, &place, members[i].size);
        assert_false(zip_directory_find(directory, file, offset - 1, &place));
        assert_false(zip_directory_find(directory, file, offset + 1, &place));
    }
    archive_read_free(archive);
    zip_directory_free(directory);
}

static void test_members(void **state)
{
    int file = make_zip("zip:!zip64", 0);

    (void)state;
    check_zip(file);
    close(file);
}

static void test_zip64(void **state)
{
    int file = make_zip("zip:zip64", 0);

    (void)state;
    check_zip(file);
    close(file);
}

/* Offsets then count from elsewhere: it is left to libarchive. */
static void test_prefix(void **state)
{
    int file = make_zip("zip:!zip64", 777);
    struct zip_directory *directory = zip_directory_read(file);
    struct zip_place place;

    (void)state;
    for (uint64_t offset = 0; offset < 5000; offset++)
        assert_false(directory != NULL && zip_directory_find(directory, file, offset, &place));
    zip_directory_free(directory);
    close(file);
}

/* Whatever byte is another, and wherever it is cut: nothing is read beside the file. */
static void test_damage(void **state)
{
    int whole = make_zip("zip:zip64", 0);
    off_t size = lseek(whole, 0, SEEK_END);
    uint8_t *bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, whole, 0);

    (void)state;
    assert_true(bytes != MAP_FAILED);
    for (off_t at = size - 500; at < size; at++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            struct zip_directory *directory;
            struct zip_place place;

            bytes[at] ^= (uint8_t)(1u << bit);
            directory = zip_directory_read(whole);
            for (uint64_t offset = 0; directory != NULL && offset < (uint64_t)size;
                 offset += 1009) {
                if (zip_directory_find(directory, whole, offset, &place))
                    assert_true(place.bytes <= INT64_MAX - place.offset);
            }
            zip_directory_free(directory);
            bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
    munmap(bytes, (size_t)size);
    for (off_t cut = size - 1; cut > size - 500; cut--) {
        assert_int_equal(ftruncate(whole, cut), 0);
        assert_null(zip_directory_read(whole));
    }
    close(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_zip64),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
