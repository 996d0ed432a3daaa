/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "backends/source/inflate_stream.h"
#include "tests/fuzz/pieces.h"

#define PLAIN_BYTES ((size_t)300000)

struct bytes {
    uint8_t *data;
    size_t size;
};

/* Text that repeats itself, numbers that do not, and a run of one byte. */
static struct bytes make_plain(size_t size, unsigned seed)
{
    struct bytes plain = {malloc(size), size};

    assert_non_null(plain.data);
    for (size_t i = 0; i < size; i++) {
        seed = seed * 1664525 + 1013904223;
        if (i % 70000 < 20000)
            plain.data[i] = (uint8_t) "A line of a table.\n"[i % 19];
        else
            plain.data[i] = i % 70000 < 40000 ? (uint8_t)(seed >> 24) : 'x';
    }
    return plain;
}

/* WINDOW: 15 + 16 makes a .gz, -15 what a ZIP holds; zlib's own. */
static struct bytes pack(struct bytes plain, int level, int window)
{
    struct bytes packed = {malloc(plain.size + 1000), plain.size + 1000};
    z_stream stream = {.next_in = plain.data, .avail_in = (uInt)plain.size};

    assert_non_null(packed.data);
    assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = packed.data;
    stream.avail_out = (uInt)packed.size;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.size = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

static struct bytes join(struct bytes one, struct bytes other)
{
    struct bytes both = {malloc(one.size + other.size), one.size + other.size};

    assert_non_null(both.data);
    memcpy(both.data, one.data, one.size);
    memcpy(both.data + one.size, other.data, other.size);
    return both;
}

/* Reads to the end, STEP bytes of PACKED at a time; what comes must be how PLAIN begins. */
static int unfold(struct bytes packed, size_t step, const struct inflate_promise *promise,
                  struct bytes plain, size_t *ret_size, struct failure *failure)
{
    struct pieces pieces = {{&pieces_class}, packed.data, packed.size, step};
    struct inflate_stream *inflate = promise != NULL
                                         ? inflate_stream_create(&pieces.stream, promise)
                                         : gzip_stream_create(&pieces.stream, packed.data, 0);
    struct byte_stream *bytes = inflate_stream_bytes(inflate);
    const void *data;
    size_t size = 1;
    int error = 0;

    *ret_size = 0;
    while (error == 0 && size != 0) {
        error = bytes->class->next(bytes, &data, &size, failure);
        if (error != 0)
            break;
        assert_true(size <= plain.size - *ret_size);
        assert_memory_equal(data, plain.data + *ret_size, size);
        *ret_size += size;
    }
    inflate_stream_free(inflate);
    return error;
}

static void test_gzip(void **state)
{
    struct bytes plain = make_plain(PLAIN_BYTES, 1);
    static const size_t steps[] = {1, 2, 3, 7, 511, 4096, 65536, 1 << 20};

    (void)state;
    for (int level = 0; level <= 9; level += 3) {
        struct bytes packed = pack(plain, level, 15 + 16);

        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
            size_t size;

            assert_int_equal(unfold(packed, steps[i], NULL, plain, &size, NULL), 0);
            assert_int_equal(size, plain.size);
        }
        free(packed.data);
    }
    free(plain.data);
}

/* gzip and pigz join members; tapes and disks pad files. */
static void test_members_and_padding(void **state)
{
    struct bytes one = make_plain(1000, 1);
    struct bytes other = make_plain(2000, 2);
    struct bytes plain = join(one, other);
    struct bytes first = pack(one, 6, 15 + 16);
    struct bytes second = pack(other, 6, 15 + 16);
    struct bytes packed = join(first, second);
    static uint8_t zeros[512];
    static uint8_t mark[] = {0x1f, 0, 0};
    struct bytes padded = join(packed, (struct bytes){zeros, sizeof zeros});
    struct bytes marked = join(packed, (struct bytes){mark, sizeof mark});

    (void)state;
    for (size_t step = 1; step < packed.size + 10; step++) {
        size_t size;

        assert_int_equal(unfold(packed, step, NULL, plain, &size, NULL), 0);
        assert_int_equal(size, plain.size);
        assert_int_equal(unfold(padded, step, NULL, plain, &size, NULL), 0);
        assert_int_equal(size, plain.size);
        assert_int_equal(unfold(marked, step, NULL, plain, &size, NULL), 0);
        assert_int_equal(size, plain.size);
    }
    free(one.data);
    free(other.data);
    free(plain.data);
    free(first.data);
    free(second.data);
    free(packed.data);
    free(padded.data);
    free(marked.data);
}

/* Wherever it is cut, that is said, and all that can be unfolded has come before. */
static void test_cut(void **state)
{
    struct bytes plain = make_plain(3000, 1);
    struct bytes packed = pack(plain, 6, 15 + 16);

    (void)state;
    for (size_t cut = 0; cut < packed.size; cut++) {
        struct failure failure = {0};
        size_t size;

        assert_int_equal(unfold((struct bytes){packed.data, cut}, 13, NULL, plain, &size, &failure),
                         -EIO);
        assert_non_null(strstr(failure.text, "cut short"));
        if (cut >= packed.size - 8)
            assert_int_equal(size, plain.size);
    }
    free(plain.data);
    free(packed.data);
}

/* Stored as it is, a changed byte unfolds all the same: only the checksum tells. */
static void test_changed(void **state)
{
    struct bytes plain = make_plain(1000, 1);
    struct bytes packed = pack(plain, 0, 15 + 16);

    (void)state;
    packed.data[500] ^= 1;
    /* 10 bytes of header, 5 of the block's. */
    plain.data[500 - 15] ^= 1;
    for (size_t step = 1; step <= packed.size; step++) {
        struct failure failure = {0};
        size_t size;

        assert_int_equal(unfold(packed, step, NULL, plain, &size, &failure), -EIO);
        assert_int_equal(size, plain.size);
        assert_non_null(strstr(failure.text, "checksum"));
    }
    packed.data[500] ^= 1;
    plain.data[500 - 15] ^= 1;
    packed.data[packed.size - 1] ^= 1; /* the length says other than the data */
    for (size_t step = 1; step <= packed.size; step++) {
        size_t size;

        assert_int_equal(unfold(packed, step, NULL, plain, &size, NULL), -EIO);
    }
    free(plain.data);
    free(packed.data);
}

/* As gzip -N and others write it: extra bytes, a name, a comment, a checksum of them. */
static void test_headers(void **state)
{
    struct bytes plain = make_plain(500, 1);
    struct bytes data = pack(plain, 6, 15 + 16);

    (void)state;
    for (uint8_t flags = 0; flags < 32; flags++) {
        uint8_t header[64] = {0x1f, 0x8b, 8, flags};
        size_t size = 10;

        if ((flags & 4) != 0) {
            memcpy(header + size, flags & 1 ? "\3\0\0x\0" : "\0\0", flags & 1 ? 5 : 2);
            size += flags & 1 ? 5 : 2;
        }
        if ((flags & 8) != 0)
            size = (size_t)(stpcpy((char *)header + size, "contacts.csv") - (char *)header + 1);
        if ((flags & 16) != 0)
            size = (size_t)(stpcpy((char *)header + size, flags & 1 ? "" : "words") -
                            (char *)header + 1);
        if ((flags & 2) != 0) {
            uint32_t crc = (uint32_t)crc32(0, header, (uInt)size);

            header[size++] = (uint8_t)crc;
            header[size++] = (uint8_t)(crc >> 8);
        }

        struct bytes packed =
            join((struct bytes){header, size}, (struct bytes){data.data + 10, data.size - 10});
        struct bytes twice = join(packed, packed);
        struct bytes both = join(plain, plain);

        for (size_t step = 1; step < packed.size + 20; step++) {
            size_t got;

            assert_int_equal(unfold(twice, step, NULL, both, &got, NULL), 0);
            assert_int_equal(got, both.size);
        }
        free(packed.data);
        free(twice.data);
        free(both.data);
    }
    free(plain.data);
    free(data.data);
}

static void test_nonsense(void **state)
{
    static uint8_t wrong[] = "\x1f\x8b\x08\0\0\0\0\0\0\3\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    static uint8_t method[] = "\x1f\x8b\x07\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0";
    struct failure failure = {0};
    size_t size;

    (void)state;
    assert_int_equal(unfold((struct bytes){wrong, sizeof wrong}, 64, NULL, (struct bytes){NULL, 0},
                            &size, &failure),
                     -EIO);
    assert_non_null(strstr(failure.text, "damaged"));
    assert_int_equal(unfold((struct bytes){method, sizeof method}, 64, NULL,
                            (struct bytes){NULL, 0}, &size, &failure),
                     -EIO);
}

static void test_promise(void **state)
{
    struct bytes plain = make_plain(PLAIN_BYTES, 1);
    struct bytes packed = pack(plain, 6, -15);
    struct inflate_promise promise = {
        .bytes = plain.size,
        .crc = (uint32_t)crc32(0, plain.data, (uInt)plain.size),
    };
    struct failure failure = {0};
    size_t size;

    (void)state;
    assert_int_equal(unfold(packed, 1000, &promise, plain, &size, NULL), 0);
    assert_int_equal(size, plain.size);
    promise.crc++;
    assert_int_equal(unfold(packed, 1000, &promise, plain, &size, &failure), -EIO);
    assert_non_null(strstr(failure.text, "checksum"));
    promise.crc--;
    promise.bytes--;
    assert_int_equal(unfold(packed, 1000, &promise, plain, &size, &failure), -EIO);
    assert_non_null(strstr(failure.text, "bytes"));
    free(plain.data);
    free(packed.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip),    cmocka_unit_test(test_members_and_padding),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_changed),
        cmocka_unit_test(test_headers), cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_promise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
