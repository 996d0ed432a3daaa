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
#include "tests/unit/fake_source.h"

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

#define MEMBERS (sizeof members / sizeof *members)

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
    for (size_t i = 0; i < MEMBERS; i++)
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

/* Where the members' data begin, as libarchive says. */
static void find_starts(int file, uint64_t ret_starts[MEMBERS])
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;

    lseek(file, 0, SEEK_SET);
    archive_read_support_format_zip(archive);
    assert_int_equal(archive_read_open_fd(archive, file, 4096), ARCHIVE_OK);
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_OK);
        assert_string_equal(archive_entry_pathname(entry), members[i].name);
        ret_starts[i] = (uint64_t)archive_filter_bytes(archive, 0);
    }
    archive_read_free(archive);
}

/* The directory knows the large members there, and nowhere else. */
static void check_zip(int file)
{
    struct zip_directory *directory = zip_directory_read(file);
    uint64_t starts[MEMBERS];
    struct zip_place place;

    assert_non_null(directory);
    find_starts(file, starts);
    for (size_t i = 0; i < MEMBERS; i++) {
        assert_int_equal(zip_directory_find(directory, file, starts[i], &place),
                         members[i].straight);
        if (members[i].straight)
            unfold(file, &place, members[i].size);
        assert_false(zip_directory_find(directory, file, starts[i] - 1, &place));
        assert_false(zip_directory_find(directory, file, starts[i] + 1, &place));
    }
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

/* Whether a member is known there; what is said of it can be asked for. */
static bool is_known(const struct zip_directory *directory, int file, uint64_t offset)
{
    struct zip_place place;

    if (!zip_directory_find(directory, file, offset, &place))
        return false;
    assert_int_equal(place.offset, offset);
    assert_in_range(place.bytes, 0, INT64_MAX - offset);
    return true;
}

/* How many members are known where they begin, in a directory that may say anything. */
static unsigned count_known(int file, off_t size, const uint64_t starts[MEMBERS])
{
    struct zip_directory *directory = zip_directory_read(file);
    unsigned known = 0;

    if (directory == NULL)
        return 0;
    for (size_t i = 0; i < MEMBERS; i++)
        known += is_known(directory, file, starts[i]);
    for (off_t offset = 0; offset < size; offset += 1009)
        is_known(directory, file, (uint64_t)offset);
    zip_directory_free(directory);
    return known;
}

/* Whatever byte is another, and wherever it is cut: nothing is read beside the file. */
static void test_damage(void **state)
{
    int whole = make_zip("zip:zip64", 0);
    off_t size = lseek(whole, 0, SEEK_END);
    uint8_t *bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, whole, 0);
    uint64_t starts[MEMBERS];
    unsigned known[MEMBERS + 1] = {0};

    (void)state;
    assert_true(bytes != MAP_FAILED);
    find_starts(whole, starts);
    assert_int_equal(count_known(whole, size, starts), 2);
    for (off_t at = size - 500; at < size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[at] ^= (uint8_t)(1u << bit);

            known[count_known(whole, size, starts)]++;
            bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
    assert_true(known[0] > 0 && known[1] > 0 && known[2] > 0);
    munmap(bytes, (size_t)size);
    for (off_t cut = size - 1; cut > size - 500; cut--) {
        assert_int_equal(ftruncate(whole, cut), 0);
        assert_null(zip_directory_read(whole));
    }
    close(whole);
}

/* The record of the first large member says in a ZIP64 field how many its compressed bytes are. */
static void claim_packed(uint8_t *bytes, size_t size, uint64_t packed)
{
    const uint8_t *end = bytes + size;
    uint8_t *record = memmem(bytes, size, "PK\1\2", 4);

    while (record != NULL && memcmp(record + 46, members[1].name, strlen(members[1].name)) != 0)
        record = memmem(record + 4, (size_t)(end - record - 4), "PK\1\2", 4);
    must(record != NULL);
    assert_int_equal(record[30], 20); /* bytes of what stands behind the name now */

    uint8_t *extra = record + 46 + strlen(members[1].name);

    memset(record + 20, 0xff, 4);
    memcpy(extra, "\x01\0\x10\0", 4);
    memcpy(extra + 4, &packed, sizeof packed);
}

/* More than any file holds behind the place where it begins. */
static void test_impossible_sizes(void **state)
{
    int file = make_zip("zip:!zip64", 0);
    off_t size = lseek(file, 0, SEEK_END);
    uint8_t *bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    uint64_t starts[MEMBERS];

    (void)state;
    assert_true(bytes != MAP_FAILED);
    find_starts(file, starts);

    const uint64_t impossible[] = {UINT64_MAX, INT64_MAX, INT64_MAX - starts[1] + 1};

    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        claim_packed(bytes, (size_t)size, impossible[i]);
        assert_int_equal(count_known(file, size, starts), 1);
    }
    claim_packed(bytes, (size_t)size, INT64_MAX - starts[1]);
    assert_int_equal(count_known(file, size, starts), 2);
    munmap(bytes, (size_t)size);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),          cmocka_unit_test(test_zip64),
        cmocka_unit_test(test_prefix),           cmocka_unit_test(test_damage),
        cmocka_unit_test(test_impossible_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
