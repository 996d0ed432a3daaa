/* SPDX-License-Identifier: MIT */
/* Where content is cut: beside the rule as it is defined, a byte at a time; and what moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/cut.h"

#define BYTES ((size_t)4 << 20)
#define HASHED 64 /* bytes that a place depends on */
#define USUAL ((size_t)64 << 10)

struct scene {
    uint64_t gear[CUT_GEAR_ENTRIES];
    uint8_t *bytes;
};

static int set_up(void **state)
{
    static const uint8_t key[16] = "where it is cut";
    struct scene *scene = malloc(sizeof *scene);
    uint64_t number = 1;

    assert_non_null(scene);
    scene->bytes = malloc(BYTES);
    assert_non_null(scene->bytes);
    cut_prepare(key, scene->gear);
    for (size_t i = 0; i < BYTES; i++) {
        number = number * UINT64_C(6364136223846793005) + 1442695040888963407;
        scene->bytes[i] = (uint8_t)(number >> 56);
    }
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    free(scene->bytes);
    free(scene);
    return 0;
}

/* Whether a piece may end with the byte at AT: 17 bits of the hash are 0, or 15 later on. */
static bool may_end(const struct scene *scene, const uint8_t *bytes, size_t at)
{
    uint64_t hash = 0;

    for (size_t i = at + 1 - HASHED; i <= at; i++)
        hash = 2 * hash + scene->gear[bytes[i]];
    return hash >> (at < USUAL ? 47 : 49) == 0;
}

static size_t cut_by_rule(const struct scene *scene, const uint8_t *bytes, size_t size)
{
    size_t most = size < CUT_MOST ? size : CUT_MOST;

    for (size_t at = CUT_LEAST; at < most; at++) {
        if (may_end(scene, bytes, at))
            return at + 1;
    }
    return most;
}

static void test_pieces_end_where_the_rule_says(void **state)
{
    const struct scene *scene = *state;
    size_t before = 0;
    size_t after = 0;

    for (size_t at = 0; at < BYTES;) {
        size_t piece = cut_find(scene->gear, scene->bytes + at, BYTES - at);

        assert_int_equal(piece, cut_by_rule(scene, scene->bytes + at, BYTES - at));
        before += piece <= USUAL;
        after += piece > USUAL;
        at += piece;
    }
    /* Both masks had their turn. */
    assert_true(before > 3 && after > 3);
}

static void test_every_length(void **state)
{
    const struct scene *scene = *state;

    for (size_t size = CUT_LEAST - 2; size < CUT_LEAST + 2000; size++)
        assert_int_equal(cut_find(scene->gear, scene->bytes, size),
                         cut_by_rule(scene, scene->bytes, size));
    for (size_t size = USUAL - 9; size < USUAL + 9; size++)
        assert_int_equal(cut_find(scene->gear, scene->bytes, size),
                         cut_by_rule(scene, scene->bytes, size));
}

static void test_a_place_at_every_step(void **state)
{
    const struct scene *scene = *state;
    size_t first = cut_find(scene->gear, scene->bytes, BYTES);

    assert_true(first > CUT_LEAST + HASHED && first < USUAL);
    for (size_t gone = 1; gone <= HASHED; gone++)
        assert_int_equal(cut_find(scene->gear, scene->bytes + gone, BYTES - gone), first - gone);
}

static void test_what_has_no_place_is_cut_at_the_most(void **state)
{
    const struct scene *scene = *state;
    uint8_t *same = calloc(1, 2 * CUT_MOST);

    assert_non_null(same);
    assert_int_equal(cut_find(scene->gear, same, 2 * CUT_MOST),
                     cut_by_rule(scene, same, 2 * CUT_MOST));
    assert_int_equal(cut_find(scene->gear, same, 2 * CUT_MOST), CUT_MOST);
    free(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pieces_end_where_the_rule_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_length, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_place_at_every_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_has_no_place_is_cut_at_the_most, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
