/* SPDX-License-Identifier: MIT */
/* How hard it is tried to make objects small: by the store's level, and by who waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "fs/base/memory.h"
#include "fs/store/object_compress.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"

#define SIZE ((size_t)100000)
#define ROOM ((size_t)200000)

/* Sentences of few words, as there are in notes. */
static uint8_t *sentences(void)
{
    static const char *const words[] = {"contract", "call",   "decision", "office", "answer",
                                        "discount", "server", "delivery", "open",   "team",
                                        "budget",   "review", "licence",  "closed", "training"};
    uint8_t *text = malloc(SIZE + 16);
    uint64_t number = 1;

    assert_non_null(text);
    for (size_t at = 0; at < SIZE;) {
        number = number * UINT64_C(6364136223846793005) + 1442695040888963407;
        at += (size_t)snprintf((char *)text + at, 16, "%s%c", words[(number >> 33) % 15],
                               number >> 62 == 0 ? '\n' : ' ');
    }
    return text;
}

static size_t compressed(int level, bool hurries)
{
    cleanup_free uint8_t *data = sentences();
    cleanup_free uint8_t *back = malloc(SIZE);
    cleanup_buffer struct buffer frame = BUFFER(ROOM);
    struct object_compressor *compressor = object_compressor_create(level);

    assert_non_null(data);
    assert_non_null(back);
    assert_non_null(compressor);
    object_compressor_hurry(compressor, hurries);
    assert_int_equal(object_compress(compressor, data, SIZE, NULL, ROOM, &frame), 0);
    assert_int_equal(ZSTD_decompress(back, SIZE, frame.data, frame.size), SIZE);
    assert_memory_equal(back, data, SIZE);
    object_compressor_free(compressor);
    return frame.size;
}

static void test_who_waits_gets_the_usual_level_faster(void **state)
{
    (void)state;
    assert_true(compressed(3, true) > compressed(3, false));
    /* Not much is given away for it. */
    assert_true(compressed(3, true) < compressed(3, false) / 10 * 12);
}

static void test_a_level_that_was_chosen_is_kept(void **state)
{
    (void)state;
    assert_int_equal(compressed(1, true), compressed(1, false));
    assert_int_equal(compressed(19, true), compressed(19, false));
    assert_true(compressed(19, true) < compressed(3, false));
}

static void test_nobody_is_hurried_for_ever(void **state)
{
    cleanup_free uint8_t *data = sentences();
    cleanup_buffer struct buffer frame = BUFFER(ROOM);
    struct object_compressor *compressor = object_compressor_create(3);

    (void)state;
    assert_non_null(data);
    assert_non_null(compressor);
    object_compressor_hurry(compressor, true);
    assert_int_equal(object_compress(compressor, data, SIZE, NULL, ROOM, &frame), 0);
    assert_int_equal(frame.size, compressed(3, true));
    buffer_clear(&frame);
    object_compressor_hurry(compressor, false);
    assert_int_equal(object_compress(compressor, data, SIZE, NULL, ROOM, &frame), 0);
    assert_int_equal(frame.size, compressed(3, false));
    object_compressor_free(compressor);
}

static uint64_t stored(struct object_writer *writer, enum object_type type)
{
    struct sample sample = sample_put(writer, type, sentences(), SIZE, NULL);

    sample_release(&sample);
    return sample.stored_bytes;
}

static void test_who_waits_is_who_writes_a_file(void **state)
{
    struct store *store = sample_store_of_level(3);
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    uint64_t page = stored(writer, OBJECT_PAGE);

    (void)state;
    assert_int_equal(stored(writer, OBJECT_ROW_GROUP), page);
    assert_true(stored(writer, OBJECT_CONTENT) > page);
    assert_true(stored(writer, OBJECT_NODE) > page);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    object_reader_free(reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_waits_gets_the_usual_level_faster),
        cmocka_unit_test(test_a_level_that_was_chosen_is_kept),
        cmocka_unit_test(test_nobody_is_hurried_for_ever),
        cmocka_unit_test(test_who_waits_is_who_writes_a_file),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
