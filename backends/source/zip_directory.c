/* SPDX-License-Identifier: MIT */
#include "backends/source/zip_directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/memory.h"

#define END_BYTES 22u /* of the directory's end … */
#define COMMENT_MOST 65535u
#define LOCATOR_BYTES 20u /* … before it, in a ZIP64 … */
#define END64_BYTES 56u   /* … and where that leads */
#define RECORD_BYTES 46u
#define HEADER_BYTES 30u
#define DIRECTORY_MOST ((uint64_t)8 << 20)
#define MEMBERS_MOST ((size_t)64 << 10)
#define DEFLATED 8
#define ENCRYPTED 1u
#define ELSEWHERE UINT32_MAX /* a number that stands in the record's ZIP64 field */

struct member {
    uint64_t header; /* where its local header stands */
    uint64_t packed;
    struct inflate_promise promise;
};

struct zip_directory {
    struct member *members; /* in the order of their headers */
    size_t count;
    size_t capacity;
};

static uint64_t number_at(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;

    for (size_t i = size; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

static bool read_at(int file, uint64_t offset, void *bytes, size_t size)
{
    return offset <= INT64_MAX && pread(file, bytes, size, (off_t)offset) == (ssize_t)size;
}

/* --- where the directory stands ------------------------------------------------------------ */

struct extent {
    uint64_t offset;
    uint64_t bytes;
};

/* The ZIP64's own end, which its locator before END leads to. */
static bool find_in_zip64(int file, uint64_t end, struct extent *ret_extent)
{
    uint8_t locator[LOCATOR_BYTES];
    uint8_t bytes[END64_BYTES];

    if (end < sizeof locator || !read_at(file, end - sizeof locator, locator, sizeof locator) ||
        memcmp(locator, "PK\x06\x07", 4) != 0 ||
        !read_at(file, number_at(locator + 8, 8), bytes, sizeof bytes) ||
        memcmp(bytes, "PK\x06\x06", 4) != 0)
        return false;
    ret_extent->bytes = number_at(bytes + 40, 8);
    ret_extent->offset = number_at(bytes + 48, 8);
    return true;
}

/* Behind the end stands nothing but a comment, of the length that it says. */
static bool find_directory(int file, struct extent *ret_extent)
{
    struct stat about;
    size_t size = END_BYTES + COMMENT_MOST;

    if (fstat(file, &about) != 0 || about.st_size < (off_t)END_BYTES)
        return false;
    if ((uint64_t)about.st_size < size)
        size = (size_t)about.st_size;

    uint64_t start = (uint64_t)about.st_size - size;
    cleanup_free uint8_t *bytes = malloc(size);

    if (bytes == NULL || !read_at(file, start, bytes, size))
        return false;
    for (size_t at = size - END_BYTES + 1; at-- > 0;) {
        const uint8_t *end = bytes + at;

        if (memcmp(end, "PK\x05\x06", 4) != 0 || number_at(end + 20, 2) != size - END_BYTES - at)
            continue;
        ret_extent->bytes = number_at(end + 12, 4);
        ret_extent->offset = number_at(end + 16, 4);
        if (ret_extent->bytes == ELSEWHERE || ret_extent->offset == ELSEWHERE)
            return find_in_zip64(file, start + at, ret_extent);
        return true;
    }
    return false;
}

/* --- what it says -------------------------------------------------------------------------- */

/* Numbers that had no room in the record stand in its ZIP64 field, in this order. */
static bool take_zip64(const uint8_t *extra, size_t size, struct member *member)
{
    uint64_t *const numbers[] = {&member->promise.bytes, &member->packed, &member->header};
    const uint8_t *field = NULL;
    size_t left = 0;

    for (size_t at = 0; field == NULL && size - at >= 4;) {
        size_t length = (size_t)number_at(extra + at + 2, 2);

        if (length > size - at - 4)
            return false;
        if (number_at(extra + at, 2) == 1) {
            field = extra + at + 4;
            left = length;
        }
        at += 4 + length;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (*numbers[i] != ELSEWHERE)
            continue;
        if (left < 8)
            return false;
        *numbers[i] = number_at(field, 8);
        field += 8;
        left -= 8;
    }
    return true;
}

static int add(struct zip_directory *directory, const struct member *member)
{
    if (directory->count == directory->capacity) {
        size_t capacity = directory->capacity != 0 ? directory->capacity * 2 : 16;
        struct member *members = capacity > MEMBERS_MOST
                                     ? NULL
                                     : reallocarray(directory->members, capacity, sizeof *members);

        if (members == NULL)
            return -ENOMEM;
        directory->members = members;
        directory->capacity = capacity;
    }
    directory->members[directory->count++] = *member;
    return 0;
}

/* The record at BYTES; its size, 0: none stands here. */
static size_t take_record(struct zip_directory *directory, const uint8_t *bytes, size_t size)
{
    if (size < RECORD_BYTES || memcmp(bytes, "PK\x01\x02", 4) != 0)
        return 0;

    size_t name = (size_t)number_at(bytes + 28, 2);
    size_t extra = (size_t)number_at(bytes + 30, 2);
    size_t whole = RECORD_BYTES + name + extra + (size_t)number_at(bytes + 32, 2);
    struct member member = {
        .header = number_at(bytes + 42, 4),
        .packed = number_at(bytes + 20, 4),
        .promise = {.bytes = number_at(bytes + 24, 4), .crc = (uint32_t)number_at(bytes + 16, 4)},
    };

    if (whole > size)
        return 0;
    if ((number_at(bytes + 8, 2) & ENCRYPTED) == 0 && number_at(bytes + 10, 2) == DEFLATED &&
        take_zip64(bytes + RECORD_BYTES + name, extra, &member) &&
        member.promise.bytes >= ZIP_LARGE_BYTES && add(directory, &member) != 0)
        return 0;
    return whole;
}

static bool take_records(struct zip_directory *directory, const uint8_t *bytes, size_t size)
{
    size_t taken = 1;

    for (size_t at = 0; at < size && taken != 0; at += taken)
        taken = take_record(directory, bytes + at, size - at);
    return taken != 0;
}

static int by_header(const void *left, const void *right)
{
    uint64_t one = ((const struct member *)left)->header;
    uint64_t other = ((const struct member *)right)->header;

    return (one > other) - (one < other);
}

struct zip_directory *zip_directory_read(int file)
{
    struct extent extent;

    if (!find_directory(file, &extent) || extent.bytes > DIRECTORY_MOST)
        return NULL;

    struct zip_directory *directory = calloc(1, sizeof *directory);
    cleanup_free uint8_t *bytes = malloc(extent.bytes + 1);

    if (directory == NULL || bytes == NULL ||
        !read_at(file, extent.offset, bytes, (size_t)extent.bytes) ||
        !take_records(directory, bytes, (size_t)extent.bytes)) {
        zip_directory_free(directory);
        return NULL;
    }
    if (directory->count != 0)
        qsort(directory->members, directory->count, sizeof *directory->members, by_header);
    return directory;
}

void zip_directory_free(struct zip_directory *directory)
{
    if (directory == NULL)
        return;
    free(directory->members);
    free(directory);
}

/* The last member whose header stands before OFFSET. */
static const struct member *find_before(const struct zip_directory *directory, uint64_t offset)
{
    size_t low = 0;
    size_t high = directory->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (directory->members[middle].header < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low != 0 ? &directory->members[low - 1] : NULL;
}

bool zip_directory_find(const struct zip_directory *directory, int file, uint64_t offset,
                        struct zip_place *ret_place)
{
    const struct member *member = find_before(directory, offset);
    uint8_t header[HEADER_BYTES];

    if (member == NULL || !read_at(file, member->header, header, sizeof header) ||
        memcmp(header, "PK\x03\x04", 4) != 0 || number_at(header + 8, 2) != DEFLATED ||
        (number_at(header + 6, 2) & ENCRYPTED) != 0 ||
        member->header + HEADER_BYTES + number_at(header + 26, 2) + number_at(header + 28, 2) !=
            offset ||
        member->packed > INT64_MAX - offset)
        return false;
    *ret_place = (struct zip_place){
        .offset = offset,
        .bytes = member->packed,
        .promise = member->promise,
    };
    return true;
}
