/* SPDX-License-Identifier: MIT */
/* Runs of bytes that wait, beside a plain array that the same is done to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/runs.h"

#define SPAN 20000 /* bytes of the file that is modelled */
#define STEPS 4000
#define HELD_MOST 50

struct random {
    uint64_t state;
};

static uint64_t next(struct random *random, uint64_t limit)
{
    uint64_t number = random->state += UINT64_C(0x9e3779b97f4a7c15);

    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return (number ^ number >> 31) % limit;
}

struct model {
    uint8_t bytes[SPAN];
    bool there[SPAN];
};

/* A run that is being stored, and what it was when that began. */
struct held {
    struct run run;
    uint8_t bytes[SPAN];
};

static bool is_first_of_block(const struct runs *runs, size_t place)
{
    for (size_t i = 0; i < place; i++) {
        if (runs->runs[i].block == runs->runs[place].block)
            return false;
    }
    return true;
}

static void compare(const struct runs *runs, const struct model *model)
{
    uint64_t at = 0;
    size_t bytes = 0;
    size_t held = 0;
    size_t taken = 0;
    size_t taken_count = 0;

    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = &runs->runs[i];

        assert_true(run->offset >= at && run->size > 0 && run->block->refs > 0);
        for (; at < run->offset; at++)
            assert_false(model->there[at]);
        for (size_t j = 0; j < run->size; j++, at++) {
            assert_true(model->there[at]);
            assert_int_equal(model->bytes[at], run->bytes[j]);
        }
        bytes += run->size;
        held += is_first_of_block(runs, i) ? run->block->used : 0;
        taken += run->taken ? run->size : 0;
        taken_count += run->taken;
    }
    for (; at < SPAN; at++)
        assert_false(model->there[at]);
    assert_int_equal(bytes, runs->bytes);
    assert_int_equal(held, runs->held);
    for (size_t i = 0; i < runs->untaken_from; i++)
        assert_true(runs->runs[i].taken);
    assert_int_equal(taken, runs->taken);
    assert_int_equal(taken_count, runs->taken_count);
}

static void write_some(struct runs *runs, struct model *model, struct random *random)
{
    static uint64_t end; /* of the last one: writes often go on there */
    uint64_t offset = next(random, 2) == 0 && end < SPAN - 1 ? end : next(random, SPAN - 1);
    size_t size = 1 + next(random, next(random, 4) == 0 ? SPAN - offset : 100);
    uint8_t bytes[SPAN];

    if (size > SPAN - offset)
        size = SPAN - offset;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)next(random, 256);
    assert_int_equal(runs_write(runs, offset, bytes, size), 0);
    memcpy(model->bytes + offset, bytes, size);
    memset(model->there + offset, true, size);
    end = offset + size;
}

static void cut_some(struct runs *runs, struct model *model, struct random *random)
{
    uint64_t from = next(random, SPAN - 1);
    uint64_t end = from + 1 + next(random, SPAN - from);

    if (end > SPAN)
        end = SPAN;
    assert_int_equal(runs_cut(runs, from, next(random, 10) == 0 && end == SPAN ? UINT64_MAX : end),
                     0);
    memset(model->there + from, false, (size_t)(end - from));
}

/* What is held does not change, whatever is written or cut. */
static void take_some(struct runs *runs, struct held *held, size_t *count, struct random *random)
{
    if (runs->count == 0 || *count == HELD_MOST)
        return;

    size_t place =
        next(random, 2) == 0 ? runs_first_untaken(runs) : (size_t)next(random, runs->count);

    if (place == runs->count)
        return;
    assert_int_equal(runs_split(runs, place, 1 + (size_t)next(random, runs->runs[place].size)), 0);
    if (runs->runs[place].taken)
        return;
    runs_take(runs, place, true);
    held[*count].run = runs->runs[place];
    held[*count].run.block->refs++;
    memcpy(held[*count].bytes, runs->runs[place].bytes, runs->runs[place].size);
    ++*count;
}

static void let_go(struct held *held, size_t *count, size_t kept)
{
    while (*count > kept) {
        struct held *last = &held[--*count];

        assert_memory_equal(last->run.bytes, last->bytes, last->run.size);
        run_block_drop(last->run.block);
    }
}

static void as_a_plain_file(void **context)
{
    static struct model model;
    static struct held held[HELD_MOST];
    struct run_pool pool = {.count = 0};
    struct runs runs = {.pool = &pool};
    struct random random = {11};
    size_t count = 0;

    (void)context;
    for (unsigned i = 0; i < STEPS; i++) {
        switch (next(&random, 8)) {
        case 0: cut_some(&runs, &model, &random); break;
        case 1:
        case 2: take_some(&runs, held, &count, &random); break;
        case 3: let_go(held, &count, (size_t)next(&random, count + 1)); break;
        default: write_some(&runs, &model, &random);
        }
        compare(&runs, &model);
    }
    let_go(held, &count, 0);
    runs_release(&runs);
    assert_int_equal(runs.bytes, 0);
    run_pool_release(&pool);
}

/* Bytes that somebody stores stay where they are; others are written over in place. */
static void what_is_taken_is_not_written_over(void **context)
{
    struct runs runs = {.count = 0};
    uint8_t *stood;

    (void)context;
    assert_int_equal(runs_write(&runs, 0, "abcd", 4), 0);
    stood = runs.runs[0].bytes;
    assert_int_equal(runs_write(&runs, 1, "BC", 2), 0);
    assert_ptr_equal(runs.runs[0].bytes, stood);
    assert_memory_equal(stood, "aBCd", 4);
    runs_take(&runs, 0, true);
    assert_int_equal(runs_write(&runs, 1, "bc", 2), 0);
    assert_memory_equal(stood, "aBCd", 4);
    assert_int_equal(runs.count, 3);
    assert_int_equal(runs_write(&runs, 4, "e", 1), 0);
    assert_int_equal(runs.count, 4); /* not behind what is taken */
    runs_release(&runs);
}

/* What is left keeps no more memory than it counts, wherever it was cut. */
static void what_is_cut_off_takes_no_memory(void **context)
{
    static const struct {
        uint64_t from, end;
        size_t count;
    } cuts[] = {{1, UINT64_MAX, 1}, {0, RUN_BYTES_MOST - 1, 1}, {1, RUN_BYTES_MOST - 1, 2}};
    uint8_t *bytes = calloc(1, RUN_BYTES_MOST);

    (void)context;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct runs runs = {.count = 0};

        assert_int_equal(runs_write(&runs, 0, bytes, RUN_BYTES_MOST), 0);
        assert_true(runs_memory(&runs) >= RUN_BYTES_MOST);
        assert_int_equal(runs_cut(&runs, cuts[i].from, cuts[i].end), 0);
        assert_int_equal(runs.count, cuts[i].count);
        assert_int_equal(runs.bytes, cuts[i].count);
        for (size_t j = 0; j < runs.count; j++)
            assert_in_range(runs.runs[j].block->room, 1, RUN_BESIDE_BYTES);
        runs_release(&runs);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_plain_file),
        cmocka_unit_test(what_is_taken_is_not_written_over),
        cmocka_unit_test(what_is_cut_off_takes_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
