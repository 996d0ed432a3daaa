/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/chain.h"
#include "fs/store/object_reader.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define KIB ((size_t)1 << 10)
#define VERSIONS 100

/* ---- The format ---- */

static const struct object_reference some_reference = {
    .id = {1, 2, 3, [31] = 32},
    .pack_hint = 0x8877665544332211,
    .offset = 0x0102030405 * 8,
    .sealed_size = 0x0a0b0c0d,
};

/* clang-format off */
static const uint8_t some_reference_bytes[OBJECT_REFERENCE_BYTES] = {
    1, 2, 3, [31] = 32,
    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
    0x05, 0x04, 0x03, 0x02,
    0x0d, 0x0c, 0x0b, 0x0a,
};
/* clang-format on */

static void references_have_their_bytes(void **state)
{
    struct object_reference reference = some_reference;
    uint8_t bytes[OBJECT_REFERENCE_BYTES];

    (void)state;
    reference.offset &= 0xffffffffu * (uint64_t)8;
    object_reference_encode(&reference, bytes);
    assert_memory_equal(bytes, some_reference_bytes, sizeof bytes);

    struct object_reference again = object_reference_decode(bytes);

    assert_memory_equal(again.id, reference.id, sizeof again.id);
    assert_true(again.pack_hint == reference.pack_hint);
    assert_true(again.offset == reference.offset);
    assert_int_equal(again.sealed_size, reference.sealed_size);
}

static void heads_have_their_bytes(void **state)
{
    static const uint8_t alone[] = {1, 3, 0, 0, 0x40, 0x30, 0x20, 0x00};
    static const uint8_t with_parent[] = {2, 1, 5, 2, 0x40, 0x30, 0x20, 0x00};
    struct object_head head = {
        .encoding = OBJECT_ZSTD, .type = OBJECT_IMAGE, .data_size = 0x00203040};
    uint8_t bytes[OBJECT_HEAD_MOST];

    (void)state;
    assert_int_equal(object_head_encode(&head, bytes), sizeof alone);
    assert_memory_equal(bytes, alone, sizeof alone);
    head = (struct object_head){.encoding = OBJECT_ZSTD_PARENT,
                                .type = OBJECT_ROW_GROUP,
                                .place = {5, 2},
                                .data_size = 0x00203040,
                                .parent = object_reference_decode(some_reference_bytes)};
    assert_int_equal(object_head_encode(&head, bytes), sizeof bytes);
    assert_memory_equal(bytes, with_parent, sizeof with_parent);
    assert_memory_equal(bytes + 8, some_reference_bytes, sizeof some_reference_bytes);
}

/* What a head may not be, and the nearest that it may. */
static void impossible_heads_are_refused(void **state)
{
    static const struct {
        uint8_t bytes[8];
        size_t size; /* of the body */
        bool possible;
    } heads[] = {
        {{0, 1, 0, 0, 0, 0, 0, 0}, 8, true},
        {{0, 1, 0, 0, 0, 0, 0, 0}, 0, false},
        {{0, 1, 0, 0, 0, 0, 0, 0}, 9, false},
        {{1, 5, 0, 0, 0, 0, 0, 1}, 16, true},
        {{1, 5, 0, 0, 1, 0, 0, 1}, 16, false}, /* more than 16 MiB */
        {{1, 1, 0, 0, 0, 0, 0x80, 0}, 16, true},
        {{1, 1, 0, 0, 1, 0, 0x80, 0}, 16, false}, /* more than 8 MiB */
        {{1, 0, 0, 0, 1, 0, 0, 0}, 16, false},    /* type */
        {{1, 8, 0, 0, 1, 0, 0, 0}, 16, false},
        {{3, 1, 1, 0, 1, 0, 0, 0}, 64, false}, /* encoding */
        {{1, 1, 1, 0, 1, 0, 0, 0}, 16, false}, /* depth without a parent */
        {{1, 1, 0, 1, 1, 0, 0, 0}, 16, false}, /* anchor without a parent */
        {{2, 1, 0, 0, 1, 0, 0, 0}, 64, false}, /* no depth with one */
        {{2, 1, 1, 0, 1, 0, 0, 0}, 56, true},
        {{2, 1, 1, 0, 1, 0, 0, 0}, 48, false}, /* no room for a reference */
        {{2, 1, 8, 8, 1, 0, 0, 0}, 64, true},
        {{2, 1, 9, 0, 1, 0, 0, 0}, 64, false}, /* too deep */
        {{2, 1, 3, 4, 1, 0, 0, 0}, 64, false}, /* anchor above depth */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        uint8_t body[64] = {0};
        struct object_head head;

        memcpy(body, heads[i].bytes, sizeof heads[i].bytes);
        assert_int_equal(object_head_decode(body, heads[i].size, &head) > 0, heads[i].possible);
    }
}

/* A body that is right, and what it must not become. */
static void impossible_bodies_are_refused(void **state)
{
    uint8_t body[OBJECT_HEAD_BYTES + 64] = {1, 2, 0, 0, 40, 0, 0, 0};
    uint8_t data[40];
    struct buffer output = BUFFER(OBJECT_DATA_LIMIT);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    struct object_head head;

    (void)state;
    memset(data, 'x', sizeof data);

    size_t frame = ZSTD_compress(body + 8, 64, data, sizeof data, 1);
    size_t size = (8 + frame + 7) / 8 * 8;

    memset(body + 8 + frame, 0, sizeof body - 8 - frame);
    assert_true(object_head_decode(body, size, &head) == 8);
    assert_int_equal(object_body_unpack(&head, body, size, NULL, context, &output), 0);
    assert_int_equal(output.size, sizeof data);
    assert_memory_equal(output.data, data, sizeof data);

    /* 8 bytes of padding or more; less than the frame; another length; another frame after it */
    assert_int_equal(object_body_unpack(&head, body, size + 8, NULL, context, &output), -EBADMSG);
    assert_int_equal(object_body_unpack(&head, body, size - 8, NULL, context, &output), -EBADMSG);
    head.data_size++;
    assert_int_equal(object_body_unpack(&head, body, size, NULL, context, &output), -EBADMSG);
    head.data_size--;
    memcpy(body + 8 + frame, body + 8, frame);
    assert_int_equal(object_body_unpack(&head, body, 8 + 2 * frame, NULL, context, &output),
                     -EBADMSG);
    /* a parent that it does not want, and none where it wants one */
    assert_int_equal(object_body_unpack(&head, body, size, &output, context, &output), -EBADMSG);
    head.encoding = OBJECT_ZSTD_PARENT;
    assert_int_equal(object_body_unpack(&head, body, size, NULL, context, &output), -EBADMSG);
    assert_int_equal(output.size, sizeof data);
    ZSTD_freeDCtx(context);
    buffer_release(&output);
}

/* A window of 2^27 bytes is the largest that a frame may want. */
static void large_windows_are_refused(void **state)
{
    /* zstd -1 --no-check of no bytes, with a window descriptor and a content size of 4 bytes */
    uint8_t body[24] = {1,    1,       0, 0, 0, 0, 0, 0, 0x28, 0xb5, 0x2f, 0xfd,
                        0x80, 17 << 3, 0, 0, 0, 0, 1, 0, 0,    0,    0,    0};
    struct buffer output = BUFFER(OBJECT_DATA_LIMIT);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    struct object_head head;

    (void)state;
    assert_true(object_head_decode(body, sizeof body, &head) == 8);
    assert_int_equal(object_body_unpack(&head, body, sizeof body, NULL, context, &output), 0);
    body[13] = 17 << 3 | 1;
    assert_int_equal(object_body_unpack(&head, body, sizeof body, NULL, context, &output),
                     -EBADMSG);
    body[13] = 18 << 3;
    assert_int_equal(object_body_unpack(&head, body, sizeof body, NULL, context, &output),
                     -EBADMSG);
    ZSTD_freeDCtx(context);
    buffer_release(&output);
}

static void ids_are_what_the_format_says(void **state)
{
    struct store *store = sample_store();
    uint8_t named[1 + 32] = {OBJECT_SCHEMA};
    uint8_t expected[OBJECT_ID_BYTES];
    uint8_t id[OBJECT_ID_BYTES];

    (void)state;
    crypto_hash_sha256(named + 1, (const uint8_t *)"abc", 3);
    crypto_generichash(expected, sizeof expected, named, sizeof named,
                       store_key(store, STORE_OBJECT_NAMES), 32);
    assert_int_equal(object_identify(store, OBJECT_SCHEMA, "abc", 3, id), 0);
    assert_memory_equal(id, expected, sizeof id);
    store_close(store);
}

/* ---- Chains ---- */

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

/* ---- Objects come and go ---- */

static void put_a_few(struct store *store, struct object_reader *reader, struct sample *samples,
                      size_t count, size_t size)
{
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);

    for (size_t i = 0; i < count; i++)
        samples[i] =
            sample_put(writer, (enum object_type)(1 + i % 5), sample_data(i, 0, size), size, NULL);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
}

static void release_all(struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sample_release(&samples[i]);
}

static void assert_same_place(const struct object_reference *left,
                              const struct object_reference *right)
{
    uint8_t bytes[2][OBJECT_REFERENCE_BYTES];

    object_reference_encode(left, bytes[0]);
    object_reference_encode(right, bytes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);
}

static void what_is_there_is_not_written_again(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample samples[20];
    struct object_batch *batch;
    const uint64_t *hints;
    size_t count;

    (void)state;
    put_a_few(store, reader, samples, COUNT_OF(samples), 5000);
    assert_int_equal(sample_count_files(store_storage(store), "packs"), 1);
    for (int other = 0; other < 2; other++) {
        batch = sample_batch(store, reader);

        struct object_writer *writer = sample_writer(batch);

        for (size_t i = 0; i < COUNT_OF(samples); i++) {
            struct sample again = sample_put(writer, samples[i].type, sample_data(i, 0, 5000), 5000,
                                             other ? &samples[i] : NULL);

            assert_int_equal(again.stored_bytes, 0);
            assert_same_place(&again.reference, &samples[i].reference);
            sample_release(&again);
        }
        object_batch_relied(batch, &hints, &count);
        assert_int_equal(count, 1);
        assert_true(hints[0] == samples[0].reference.pack_hint);
        sample_writer_finish(writer);
        sample_batch_finish(batch, NULL);
    }
    assert_int_equal(sample_count_files(store_storage(store), "packs"), 1);
    assert_int_equal(sample_count_files(store_storage(store), "index"), 1);

    /* The same data of another type is another object. */
    batch = sample_batch(store, reader);

    struct object_writer *writer = sample_writer(batch);
    struct sample page = sample_put(writer, OBJECT_PAGE, sample_data(0, 0, 5000), 5000, NULL);
    struct sample twice = sample_put(writer, OBJECT_PAGE, sample_data(0, 0, 5000), 5000, NULL);

    assert_true(page.stored_bytes > 0);
    assert_int_equal(twice.stored_bytes, 0);
    assert_same_place(&page.reference, &twice.reference);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    sample_release(&page);
    sample_release(&twice);
    release_all(samples, COUNT_OF(samples));
    object_reader_free(reader);
    store_close(store);
}

static void avoided_packs_count_as_absent(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample first;
    struct sample second;
    const char *name = NULL;
    char avoided[PACK_NAME_SIZE];

    (void)state;
    put_a_few(store, reader, &first, 1, 9000);
    name = strrchr(sample_only_file(store_storage(store), "packs"), '/') + 1;
    memcpy(avoided, name, sizeof avoided);
    for (int with_parent = 0; with_parent < 2; with_parent++) {
        const char *names[] = {avoided};
        const char *wrong[] = {"3f"};
        char pack[PACK_NAME_SIZE];
        struct object_batch *batch = sample_batch(store, reader);

        assert_int_equal(object_batch_avoid(batch, wrong, 1), -EINVAL);
        assert_int_equal(object_batch_avoid(batch, names, 1), 0);

        struct object_writer *writer = sample_writer(batch);

        second = sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 0, 9000), 9000,
                            with_parent ? &first : NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, pack);
        /* The second time it is found in the pack that was written the first time. */
        assert_int_equal(second.stored_bytes > 0, !with_parent);
        assert_true(second.reference.pack_hint != first.reference.pack_hint);
        sample_release(&second);
    }
    sample_release(&first);
    object_reader_free(reader);
    store_close(store);
}

/* An object whose ancestors are in a pack that must not be relied on is written again. */
static void ancestors_count_too(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample versions[4];
    char packs[4][PACK_NAME_SIZE];
    const uint64_t *hints;
    size_t count;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(versions); i++) {
        struct object_batch *batch = sample_batch(store, reader);
        struct object_writer *writer = sample_writer(batch);

        versions[i] = sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, i, 50000), 50000,
                                 i > 0 ? &versions[i - 1] : NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, packs[i]);
    }
    for (unsigned avoided = 0; avoided <= COUNT_OF(versions); avoided++) {
        struct object_batch *batch = sample_batch(store, reader);
        const char *names[] = {packs[avoided % COUNT_OF(versions)]};

        if (avoided < COUNT_OF(versions))
            assert_int_equal(object_batch_avoid(batch, names, 1), 0);

        struct object_writer *writer = sample_writer(batch);
        struct sample again =
            sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, 3, 50000), 50000, NULL);

        assert_int_equal(again.stored_bytes > 0, avoided < COUNT_OF(versions));
        object_batch_relied(batch, &hints, &count);
        assert_int_equal(count, avoided < COUNT_OF(versions) ? 0 : COUNT_OF(versions));
        sample_release(&again);
        object_writer_free(writer); /* unfinished: nothing comes of it */
        object_batch_free(batch);
    }
    assert_int_equal(sample_count_files(store_storage(store), "packs"), COUNT_OF(versions));
    release_all(versions, COUNT_OF(versions));
    object_reader_free(reader);
    store_close(store);
}

static void an_unfinished_writer_fails_the_batch(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample sample = sample_put(writer, OBJECT_TREE, sample_data(1, 0, 100), 100, NULL);
    const char *const *packs;
    size_t count;
    uint64_t bytes;

    (void)state;
    object_writer_free(writer);
    assert_int_equal(object_batch_finish(batch, &packs, &count, &bytes, NULL), -ECANCELED);
    object_batch_free(batch);
    assert_int_equal(sample_count_files(store_storage(store), "packs"), 0);
    assert_int_equal(sample_count_files(store_storage(store), "index"), 0);
    sample_release(&sample);
    object_reader_free(reader);
    store_close(store);
}

static void too_large_an_object_is_refused(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    uint8_t *data = calloc(1, OBJECT_DATA_LIMIT + 1);
    struct object_put put;

    (void)state;
    assert_non_null(data);
    assert_int_equal(
        object_put(writer, OBJECT_ROW_GROUP, data, ROW_GROUP_DATA_LIMIT + 1, NULL, &put, NULL),
        -EFBIG);
    assert_int_equal(object_put(writer, OBJECT_TREE, data, OBJECT_DATA_LIMIT + 1, NULL, &put, NULL),
                     -EFBIG);

    struct sample zeros = sample_put(writer, OBJECT_TREE, data, OBJECT_DATA_LIMIT, NULL);
    uint8_t *noise = malloc(OBJECT_DATA_LIMIT);

    assert_non_null(noise);
    randombytes_buf(noise, OBJECT_DATA_LIMIT);

    struct sample plain = sample_put(writer, OBJECT_PAGE, noise, OBJECT_DATA_LIMIT, &zeros);

    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(sample_read(reader, &zeros), 0);
    assert_int_equal(sample_read(reader, &plain), 0);

    /* Into a buffer that may not hold it. */
    struct buffer small = BUFFER(1000);

    assert_int_equal(object_read(reader, &zeros.reference, OBJECT_TREE, false, &small, NULL),
                     -EFBIG);
    buffer_release(&small);
    sample_release(&zeros);
    sample_release(&plain);
    object_reader_free(reader);
    store_close(store);
}

static void another_type_is_an_error(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample sample;

    (void)state;
    put_a_few(store, reader, &sample, 1, 1000);
    sample.type = OBJECT_TREE;
    assert_int_equal(sample_read(reader, &sample), -EIO);
    sample_release(&sample);
    object_reader_free(reader);
    store_close(store);
}

/* ---- Moved and lost ---- */

/* Moves all into a new pack and removes the old one, as prune does. */
static void move_all(struct store *store, struct object_reader *reader, struct sample *samples,
                     size_t count)
{
    struct storage *storage = store_storage(store);
    char *old = strdup(sample_only_file(storage, "packs"));
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);

    assert_non_null(old);
    for (size_t i = 0; i < count; i++) {
        struct object_put put;

        assert_int_equal(object_move(writer, &samples[i].reference, &put, NULL), 0);
        assert_true(put.stored_bytes > 0);
        assert_memory_equal(put.reference.id, samples[i].reference.id, OBJECT_ID_BYTES);
    }
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(storage->class->remove(storage, old, NULL), 0);
    free(old);
}

static void moved_objects_are_found(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample samples[12];

    (void)state;
    put_a_few(store, reader, samples, COUNT_OF(samples) - 1, 3000);

    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);

    /* one with a parent, in the same pack as all when moved */
    samples[11] = sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 1, 3000), 3000, &samples[0]);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(sample_head(reader, &samples[11]).place.depth, 1);

    struct object_reader *fresh = sample_reader(store);

    for (int how = 0; how < 3; how++) {
        if (how == 0) {
            /* the two packs become one: remove the first by hand */
            struct storage *storage = store_storage(store);
            char *names[2] = {NULL, NULL};
            size_t count = 0;

            for (size_t i = 0; i < memory_storage_count(storage); i++) {
                if (strncmp(memory_storage_name(storage, i), "packs/", 6) == 0)
                    names[count++] = strdup(memory_storage_name(storage, i));
            }
            batch = sample_batch(store, reader);
            writer = sample_writer(batch);
            for (size_t i = 0; i < COUNT_OF(samples); i++) {
                struct object_put put;

                assert_int_equal(object_move(writer, &samples[i].reference, &put, NULL), 0);
            }
            sample_writer_finish(writer);
            sample_batch_finish(batch, NULL);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(storage->class->remove(storage, names[i], NULL), 0);
                free(names[i]);
            }
        } else if (how == 1) {
            move_all(store, reader, samples, COUNT_OF(samples));
        } else {
            sample_remove_indexes(store_storage(store));
        }
        for (size_t i = 0; i < COUNT_OF(samples); i++) {
            assert_int_equal(sample_read(reader, &samples[i]), 0);
            assert_int_equal(sample_read(fresh, &samples[i]), 0);
        }
        object_reader_free(fresh);
        fresh = sample_reader(store);
    }

    /* Not anywhere any more: an error, soon, and again. */
    struct storage *storage = store_storage(store);

    assert_int_equal(storage->class->remove(storage, sample_only_file(storage, "packs"), NULL), 0);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        assert_int_equal(sample_read(fresh, &samples[i]), -EIO);
        assert_int_equal(sample_read(fresh, &samples[i]), -EIO);
    }
    object_reader_free(fresh);
    release_all(samples, COUNT_OF(samples));
    object_reader_free(reader);
    store_close(store);
}

/* A chain that prune has moved apart is still followed by its new versions. */
static void moved_predecessors_are_followed(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample first;

    (void)state;
    put_a_few(store, reader, &first, 1, 30000);
    move_all(store, reader, &first, 1);

    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample same =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 0, 30000), 30000, &first);
    struct sample next =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 1, 30000), 30000, &first);

    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(same.stored_bytes, 0);
    assert_true(same.reference.pack_hint != first.reference.pack_hint);

    struct object_head head = sample_head(reader, &next);

    assert_int_equal(head.place.depth, 1);
    assert_true(head.parent.pack_hint == same.reference.pack_hint);
    assert_int_equal(sample_read(reader, &first), 0);
    assert_int_equal(sample_read(reader, &same), 0);
    assert_int_equal(sample_read(reader, &next), 0);
    sample_release(&first);
    sample_release(&same);
    sample_release(&next);
    object_reader_free(reader);
    store_close(store);
}

static void remove_pack(struct storage *storage, const char *name)
{
    char path[PACK_PATH_SIZE];
    uint8_t salt[STORE_SALT_BYTES];

    assert_true(pack_salt(name, salt));
    pack_path(salt, path);
    assert_int_equal(storage->class->remove(storage, path, NULL), 0);
}

/*
 * B hangs from A. Somebody who does not know of A yet puts it again, as a successor of B, and it is
 * written against that: two copies of A, one of them of no use to B.
 */
static void a_parent_is_the_copy_of_its_depth(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct object_reader *unaware = sample_reader(store);
    struct object_batch *early = sample_batch(store, unaware);
    struct sample samples[3];
    char packs[3][PACK_NAME_SIZE];

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(samples); i++) {
        struct object_batch *batch = i == 2 ? early : sample_batch(store, reader);
        struct object_writer *writer = sample_writer(batch);

        samples[i] = sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, i % 2, 30000), 30000,
                                i > 0 ? &samples[i - 1] : NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, packs[i]);
        assert_int_equal(sample_head(reader, &samples[i]).place.depth, i);
    }
    assert_memory_equal(samples[0].reference.id, samples[2].reference.id, OBJECT_ID_BYTES);

    /* The first copy moves: both are found by their id alone. */
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct object_put put;

    assert_int_equal(object_move(writer, &samples[0].reference, &put, NULL), 0);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    remove_pack(storage, packs[0]);
    for (int with_index = 1; with_index >= 0; with_index--) {
        struct object_reader *cold = sample_reader(store);

        for (size_t i = 0; i < COUNT_OF(samples); i++)
            assert_int_equal(sample_read(cold, &samples[i]), 0);
        object_reader_free(cold);
        sample_remove_indexes(storage);
    }
    release_all(samples, COUNT_OF(samples));
    object_reader_free(unaware);
    object_reader_free(reader);
    store_close(store);
}

static void an_unreadable_predecessor_is_none(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct storage *storage = store_storage(store);
    struct sample first;
    size_t size;

    (void)state;
    put_a_few(store, reader, &first, 1, 30000);
    memory_storage_bytes(storage, sample_only_file(storage, "packs"), &size)[100] ^= 1;

    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample next =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 1, 30000), 30000, &first);

    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(sample_head(reader, &next).encoding, OBJECT_ZSTD);
    assert_int_equal(sample_read(reader, &next), 0);
    assert_int_equal(sample_read(reader, &first), -EIO);
    sample_release(&first);
    sample_release(&next);
    object_reader_free(reader);
    store_close(store);
}

/* ---- Faults ---- */

static void read_every_one(struct object_reader *reader, const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sample_read(reader, &samples[i]), 0);
}

/* One try: two objects, one of them against a predecessor. What object_batch_finish says, or the
 * first error before it. */
static int try_batch(struct store *store, struct object_reader *reader, const struct sample *before,
                     struct sample *samples)
{
    struct object_batch *batch = NULL;
    struct object_writer *writer = NULL;
    struct object_parent parent = {.reference = before->reference};
    const char *const *packs;
    size_t pack_count;
    uint64_t bytes;
    int error = object_batch_create(store, reader, &batch, NULL);

    if (error == 0)
        error = object_writer_create(batch, &writer, NULL);
    for (unsigned i = 0; i < 2 && error == 0; i++) {
        struct object_put put;

        error = object_put(writer, OBJECT_ROW_GROUP, samples[i].data, samples[i].size,
                           i == 0 ? &parent : NULL, &put, NULL);
        if (error == 0)
            samples[i].reference = put.reference;
    }
    if (error == 0)
        error = object_writer_finish(writer);
    object_writer_free(writer);
    if (error == 0)
        error = object_batch_finish(batch, &packs, &pack_count, &bytes, NULL);
    object_batch_free(batch);
    return error;
}

#define BEFORE 3 /* batches; the next one's index is merged with theirs */

struct faulty {
    struct storage *inner;
    struct storage *saved;
    struct storage *storage;
    struct store *store;
    struct sample before[BEFORE];
};

static void faulty_begin(struct faulty *faulty)
{
    faulty->inner = memory_storage_new();
    faulty->storage = recording_storage_new(faulty->inner);
    assert_non_null(faulty->storage);
    sample_store_make(faulty->storage);
    faulty->store = sample_store_open(faulty->storage);

    struct object_reader *reader = sample_reader(faulty->store);

    for (unsigned i = 0; i < BEFORE; i++) {
        struct object_batch *batch = sample_batch(faulty->store, reader);
        struct object_writer *writer = sample_writer(batch);

        faulty->before[i] =
            sample_put(writer, OBJECT_ROW_GROUP, sample_data(i, 0, 20000), 20000, NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, NULL);
    }
    object_reader_free(reader);
    faulty->saved = memory_storage_copy(faulty->inner);
}

/* Whether the fault came at all. */
static bool try_fault(struct faulty *faulty, const struct storage_fault *fault)
{
    struct object_reader *reader = sample_reader(faulty->store);
    struct sample samples[2] = {
        {.type = OBJECT_ROW_GROUP, .size = 20000, .data = sample_data(0, 1, 20000)},
        {.type = OBJECT_ROW_GROUP, .size = 7000, .data = sample_data(1000, 0, 7000)},
    };

    memory_storage_restore(faulty->inner, faulty->saved);
    recording_storage_set_fault(faulty->storage, fault);

    int error = try_batch(faulty->store, reader, &faulty->before[0], samples);
    bool failed = recording_storage_failed(faulty->storage) > 0;

    recording_storage_set_fault(faulty->storage, NULL);
    recording_storage_forget(faulty->storage);
    object_reader_free(reader);
    reader = sample_reader(faulty->store);
    if (error != 0) {
        assert_true(failed);
        assert_true(error == -EIO || error == -ENOSPC);
        assert_int_equal(try_batch(faulty->store, reader, &faulty->before[0], samples), 0);
    }
    read_every_one(reader, samples, 2);
    read_every_one(reader, faulty->before, BEFORE);
    object_reader_free(reader);
    release_all(samples, 2);
    return failed;
}

static void every_operation_may_fail(void **state)
{
    static const int codes[] = {EIO, ENOSPC};
    static const enum fault_effect effects[] = {FAULT_NOTHING_DONE, FAULT_PARTLY_DONE,
                                                FAULT_ALL_DONE};
    struct faulty faulty;
    unsigned tried = 0;

    (void)state;
    faulty_begin(&faulty);
    for (size_t variant = 0; variant < COUNT_OF(codes) * COUNT_OF(effects) * 2; variant++) {
        struct storage_fault fault = {
            .operations = STORAGE_ALL,
            .nth = 1,
            .for_ever = variant % 2 == 1,
            .code = codes[variant / 2 % 2],
            .effect = effects[variant / 4],
        };

        while (try_fault(&faulty, &fault)) {
            fault.nth++;
            tried++;
        }
    }
    assert_true(tried >= 12 * 15);
    release_all(faulty.before, BEFORE);
    faulty.saved->class->close(faulty.saved);
    store_close(faulty.store);
}

/* ---- Many threads ---- */

#define THREADS ((size_t)4)
#define EACH ((size_t)60)

struct crowd {
    struct object_batch *batch;
    struct object_reader *reader;
    pthread_barrier_t barrier;
    struct sample samples[THREADS][EACH];
};

struct member {
    struct crowd *crowd;
    size_t number;
};

/* Half of what a thread writes others write too. */
static void *write_some(void *context)
{
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    struct object_writer *writer = sample_writer(crowd->batch);

    for (size_t i = 0; i < EACH; i++) {
        uint64_t seed = i % 2 == 0 ? i : 1000 * (member->number + 1) + i;

        crowd->samples[member->number][i] =
            sample_put(writer, OBJECT_ROW_GROUP, sample_data(seed, 0, 20000), 20000, NULL);
    }
    sample_writer_finish(writer);
    return NULL;
}

static void *read_some(void *context)
{
    struct member *member = context;
    struct crowd *crowd = member->crowd;

    for (size_t i = 0; i < THREADS * EACH; i++) {
        size_t at = (i * 7 + member->number * 31) % (THREADS * EACH);

        assert_int_equal(sample_read(crowd->reader, &crowd->samples[at / EACH][at % EACH]), 0);
    }
    return NULL;
}

static void run(struct crowd *crowd, void *(*what)(void *))
{
    pthread_t threads[THREADS];
    struct member members[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        members[i] = (struct member){crowd, i};
        assert_int_equal(pthread_create(&threads[i], NULL, what, &members[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void threads_share_a_batch_and_a_reader(void **state)
{
    struct store *store = sample_store();
    static struct crowd crowd;

    (void)state;
    crowd.reader = sample_reader(store);
    crowd.batch = sample_batch(store, crowd.reader);
    run(&crowd, write_some);
    sample_batch_finish(crowd.batch, NULL);
    run(&crowd, read_some);
    for (size_t i = 0; i < THREADS; i++)
        release_all(crowd.samples[i], EACH);
    object_reader_free(crowd.reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_have_their_bytes),
        cmocka_unit_test(heads_have_their_bytes),
        cmocka_unit_test(impossible_heads_are_refused),
        cmocka_unit_test(impossible_bodies_are_refused),
        cmocka_unit_test(large_windows_are_refused),
        cmocka_unit_test(ids_are_what_the_format_says),
        cmocka_unit_test(chains_go_as_the_format_says),
        cmocka_unit_test(a_hundred_versions_make_chains),
        cmocka_unit_test(what_is_no_gain_is_stored_whole),
        cmocka_unit_test(what_is_there_is_not_written_again),
        cmocka_unit_test(avoided_packs_count_as_absent),
        cmocka_unit_test(ancestors_count_too),
        cmocka_unit_test(an_unfinished_writer_fails_the_batch),
        cmocka_unit_test(too_large_an_object_is_refused),
        cmocka_unit_test(another_type_is_an_error),
        cmocka_unit_test(moved_objects_are_found),
        cmocka_unit_test(moved_predecessors_are_followed),
        cmocka_unit_test(a_parent_is_the_copy_of_its_depth),
        cmocka_unit_test(an_unreadable_predecessor_is_none),
        cmocka_unit_test(every_operation_may_fail),
        cmocka_unit_test(threads_share_a_batch_and_a_reader),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
