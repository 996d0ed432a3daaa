/* SPDX-License-Identifier: MIT */
/* What a version is compressed against: chains as FORMAT.md has them, and what is no gain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/chain.h"
#include "fs/store/object_reader.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"

#define KIB ((size_t)1 << 10)
#define VERSIONS 100

/* FORMAT.md, "Chains", written down: every place of one whole round. */
static void check_round(uint64_t phase)
{
    struct chain_place place = {0, 0};
    unsigned versions = 1;

    for (unsigned anchor = 0; anchor < OBJECT_DEPTH_MOST; anchor++) {
        unsigned last = anchor > 0 ? OBJECT_DEPTH_MOST : OBJECT_DEPTH_MOST - phase % 8;

        for (unsigned depth = anchor > 0 ? anchor : 1; depth <= last; depth++) {
            struct chain_step step;
            bool folds = anchor > 0 && depth == anchor;

            assert_true(chain_next(&place, phase, &step));
            assert_int_equal(step.place.depth, depth);
            assert_int_equal(step.place.anchor, anchor);
            assert_int_equal(step.parent_depth, folds ? anchor - 1 : depth - 1);
            place = step.place;
            versions++;
        }
    }

    struct chain_step step;

    assert_false(chain_next(&place, phase, &step));
    assert_int_equal(versions, 44 - phase % 8);
}

static void chains_go_as_the_format_says(void **state)
{
    (void)state;
    for (unsigned phase = 0; phase < 20; phase++)
        check_round(phase);
}

/* The parent of each version must be the one that a slow reckoning over all of them gives. */
static size_t expected_parent(const struct sample *versions, const struct object_head *heads,
                              size_t version)
{
    const struct object_head *before = &heads[version - 1];
    size_t parent = version - 1;

    (void)versions;
    if (before->place.depth < 8)
        return parent;
    if (before->place.anchor == 7)
        return SIZE_MAX;
    while (heads[parent].place.depth > before->place.anchor) {
        size_t up = 0;

        while (memcmp(versions[up].reference.id, heads[parent].parent.id, OBJECT_ID_BYTES) != 0)
            up++;
        parent = up;
    }
    return parent;
}

static void a_hundred_versions_make_chains(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample versions[VERSIONS];
    struct object_head heads[VERSIONS];
    size_t size = 200 * KIB;
    uint64_t deltas = 0;

    (void)state;
    for (unsigned i = 0; i < VERSIONS; i++) {
        struct object_batch *batch = sample_batch(store, reader);
        struct object_writer *writer = sample_writer(batch);

        versions[i] = sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, i, size), size,
                                 i > 0 ? &versions[i - 1] : NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, NULL);
        heads[i] = sample_head(reader, &versions[i]);

        size_t parent = i > 0 ? expected_parent(versions, heads, i) : SIZE_MAX;

        if (parent == SIZE_MAX) {
            assert_int_equal(i % 44, 0);
            assert_int_equal(heads[i].encoding, OBJECT_ZSTD);
            continue;
        }
        assert_int_equal(heads[i].encoding, OBJECT_ZSTD_PARENT);
        assert_memory_equal(heads[i].parent.id, versions[parent].reference.id, OBJECT_ID_BYTES);
        assert_int_equal(heads[i].place.depth, heads[parent].place.depth + 1);
        deltas += versions[i].stored_bytes;
    }
    assert_true(deltas / (VERSIONS - 3) < versions[0].stored_bytes / 10);

    struct object_reader *cold = sample_reader(store);

    for (size_t i = VERSIONS; i-- > 0;) {
        assert_int_equal(sample_read(i % 2 == 0 ? cold : reader, &versions[i]), 0);
        sample_release(&versions[i]);
    }
    object_reader_free(cold);
    object_reader_free(reader);
    store_close(store);
}

static void what_is_no_gain_is_stored_whole(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    uint8_t *noise = malloc(64 * KIB);

    (void)state;
    assert_non_null(noise);
    randombytes_buf(noise, 64 * KIB);

    struct sample first =
        sample_put(writer, OBJECT_PAGE, sample_data(1, 0, 64 * KIB), 64 * KIB, NULL);
    struct sample other = sample_put(writer, OBJECT_PAGE, noise, 64 * KIB, &first);
    struct sample empty = sample_put(writer, OBJECT_PAGE, sample_data(1, 0, 0), 0, &first);
    struct sample tiny = sample_put(writer, OBJECT_PAGE, sample_data(3, 0, 1), 1, &empty);

    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(sample_head(reader, &other).encoding, OBJECT_PLAIN);
    assert_int_equal(sample_head(reader, &empty).encoding, OBJECT_PLAIN);
    assert_int_equal(sample_head(reader, &tiny).encoding, OBJECT_PLAIN);
    assert_int_equal(sample_read(reader, &first), 0);
    assert_int_equal(sample_read(reader, &other), 0);
    assert_int_equal(sample_read(reader, &empty), 0);
    assert_int_equal(sample_read(reader, &tiny), 0);
    sample_release(&first);
    sample_release(&other);
    sample_release(&empty);
    sample_release(&tiny);
    object_reader_free(reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_go_as_the_format_says),
        cmocka_unit_test(a_hundred_versions_make_chains),
        cmocka_unit_test(what_is_no_gain_is_stored_whole),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
