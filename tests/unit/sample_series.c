/* SPDX-License-Identifier: MIT */
#include "tests/unit/sample_series.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "fs/store/pack.h"
#include "fs/store/tables.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define GROUP_BYTES ((size_t)20 << 10)
#define ACCOUNT_SEED 1000
#define ACCOUNTS 3
#define PAGE_GROUPS 5

/* How often a group of contacts has changed until DAY. */
static unsigned version_of(unsigned group, unsigned day)
{
    unsigned version = 0;

    for (unsigned i = 1; i <= day; i++)
        version += (group + i) % 3 == 0;
    return version;
}

/* A snapshot that is being written. */
struct writing {
    struct object_writer *writer;
    struct failure *failure;
    int error; /* the first; nothing is written after it */
};

static struct object_reference put(struct writing *writing, enum object_type type, const void *data,
                                   size_t size, const struct object_reference *parent)
{
    struct object_put put = {.stored_bytes = 0};
    struct object_parent against = {.phase = 0};

    if (parent != NULL)
        against.reference = *parent;
    if (writing->error == 0)
        writing->error = object_put(writing->writer, type, data, size,
                                    parent != NULL ? &against : NULL, &put, writing->failure);
    return put.reference;
}

static struct object_reference put_buffer(struct writing *writing, enum object_type type, int error,
                                          const struct buffer *bytes)
{
    assert_int_equal(error, 0);
    return put(writing, type, bytes->data, bytes->size, NULL);
}

static struct object_reference put_schema(struct writing *writing, const char *table)
{
    struct schema *schema = schema_create(table, 1);
    cleanup_buffer struct buffer bytes = BUFFER(OBJECT_DATA_LIMIT);

    assert_non_null(schema);
    schema->columns[0] = (struct column){.name = strdup("id"), .native_type = strdup("INTEGER")};
    schema->ddl = strdup("");

    struct object_reference reference =
        put_buffer(writing, OBJECT_SCHEMA, schema_encode(schema, &bytes), &bytes);

    schema_release(schema);
    return reference;
}

static struct stored_table put_table(struct writing *writing, char *name,
                                     const struct stored_group *groups, size_t count)
{
    struct object_reference pages[8];
    struct stored_image image = {.pages = pages};
    cleanup_buffer struct buffer bytes = BUFFER(OBJECT_DATA_LIMIT);

    for (size_t i = 0; i < count; i += PAGE_GROUPS) {
        size_t length = count - i < PAGE_GROUPS ? count - i : PAGE_GROUPS;

        pages[image.page_count++] =
            put_buffer(writing, OBJECT_PAGE, page_encode(groups + i, length, &bytes), &bytes);
        for (size_t j = i; j < i + length; j++) {
            image.rows += groups[j].rows;
            image.csv_bytes += groups[j].csv_bytes;
            image.ndjson_bytes += groups[j].ndjson_bytes;
        }
    }
    image.schema = put_schema(writing, name);

    return (struct stored_table){
        .name = name,
        .image = put_buffer(writing, OBJECT_IMAGE, stored_image_encode(&image, &bytes), &bytes),
        .rows = image.rows,
        .csv_bytes = image.csv_bytes + 3,
        .ndjson_bytes = image.ndjson_bytes};
}

static struct stored_group put_group(struct writing *writing, uint64_t seed, unsigned version,
                                     const struct object_reference *parent)
{
    uint8_t *data = sample_data(seed, version, GROUP_BYTES);
    struct stored_group group = {.reference =
                                     put(writing, OBJECT_ROW_GROUP, data, GROUP_BYTES, parent),
                                 .first_key = seed * 64 + 1,
                                 .rows = SERIES_GROUP_ROWS,
                                 .csv_bytes = GROUP_BYTES,
                                 .ndjson_bytes = 2 * GROUP_BYTES};

    free(data);
    return group;
}

static struct object_reference put_tree(struct writing *writing, struct sample_series *series,
                                        unsigned day)
{
    static char names[][10] = {"contacts", "accounts", "empty", "crm", "sqlite"};
    struct stored_group contacts[SERIES_GROUPS];
    struct stored_group accounts[ACCOUNTS];
    struct stored_table tables[3];
    struct stored_source source = {
        .name = names[3], .kind = names[4], .time_ns = day, .table_count = 3, .tables = tables};
    const struct stored_tree tree = {.source_count = 1, .sources = &source};
    cleanup_buffer struct buffer bytes = BUFFER(OBJECT_DATA_LIMIT);

    for (unsigned i = 0; i < SERIES_GROUPS; i++)
        contacts[i] = put_group(writing, i + 1, version_of(i, day),
                                series->has_last ? &series->last[i] : NULL);
    for (unsigned i = 0; i < ACCOUNTS; i++)
        accounts[i] = put_group(writing, ACCOUNT_SEED + i, 0, NULL);
    tables[0] = put_table(writing, names[0], contacts, SERIES_GROUPS);
    tables[1] = put_table(writing, names[1], accounts, ACCOUNTS);
    tables[2] = put_table(writing, names[2], NULL, 0);
    if (writing->error == 0) {
        for (unsigned i = 0; i < SERIES_GROUPS; i++)
            series->last[i] = contacts[i].reference;
        series->has_last = true;
    }
    return put_buffer(writing, OBJECT_TREE, stored_tree_encode(&tree, &bytes), &bytes);
}

/* Packs that are to be removed count as absent. */
static int avoid_marked(struct sample_series *series, struct object_batch *batch)
{
    const char **names = calloc(series->state.mark_count + 1, sizeof *names);

    assert_non_null(names);
    for (size_t i = 0; i < series->state.mark_count; i++)
        names[i] = series->state.marks[i].pack;

    int error = object_batch_avoid(batch, names, series->state.mark_count);

    free((void *)names);
    return error;
}

/* The marked pack with this hint that the batch relied on. */
static const struct log_mark *relied_mark(const struct log_state *state,
                                          const struct object_batch *batch)
{
    const uint64_t *hints;
    size_t count;

    object_batch_relied(batch, &hints, &count);
    for (size_t i = 0; i < state->mark_count; i++) {
        uint8_t salt[STORE_SALT_BYTES];

        assert_true(pack_salt(state->marks[i].pack, salt));
        for (size_t j = 0; j < count; j++) {
            if (hints[j] == pack_hint(salt))
                return &state->marks[i];
        }
    }
    return NULL;
}

/* Commits what the batch wrote; what it relied on and has been marked is unmarked before. */
static int commit(struct sample_series *series, struct object_batch *batch,
                  const struct snapshot *snapshot, const char *const *packs, size_t count,
                  struct failure *why)
{
    for (;;) {
        const struct log_mark *mark = relied_mark(&series->state, batch);
        int error;

        if (mark == NULL) {
            error = log_take(series->store, &series->state, snapshot, packs, count, why);
        } else if (mark->removed) {
            return failure_set(why, ESTALE, "a pack was removed meanwhile");
        } else {
            char *name = strdup(mark->pack);
            const char *const names[] = {name};

            error = log_unmark_packs(series->store, &series->state, names, 1, why);
            free(name);
            if (error == 0)
                continue;
        }
        if (error != -EAGAIN)
            return error;
    }
}

int series_try_take(struct sample_series *series, unsigned day, struct failure *why)
{
    struct writing writing = {.failure = why};
    struct object_batch *batch = NULL;
    const char *const *packs;
    size_t count = 0;
    uint64_t stored = 0;
    char name[32];
    int error = log_read(series->store, &series->state, why);

    if (error == 0)
        error = object_batch_create(series->store, series->reader, &batch, why);
    if (error == 0)
        error = avoid_marked(series, batch);
    if (error == 0)
        error = object_writer_create(batch, &writing.writer, why);
    if (error != 0) {
        object_batch_free(batch);
        return error;
    }
    snprintf(name, sizeof name, "day-%u", day);

    struct snapshot snapshot = {.name = name,
                                .time_ns = UINT64_C(86400000000000) * day,
                                .host = name,
                                .raw_bytes = (SERIES_GROUPS + ACCOUNTS) * GROUP_BYTES};

    randombytes_buf(snapshot.id, sizeof snapshot.id);
    snapshot.tree = put_tree(&writing, series, day);
    error = writing.error;
    if (error == 0)
        error = object_writer_finish(writing.writer);
    object_writer_free(writing.writer);
    if (error == 0)
        error = object_batch_finish(batch, &packs, &count, &stored, why);
    snapshot.stored_bytes = stored;
    if (error == 0)
        error = commit(series, batch, &snapshot, packs, count, why);
    object_batch_free(batch);
    return error;
}

void series_take(struct sample_series *series, unsigned day)
{
    succeed(series_try_take(series, day, &failure));
}

void series_begin(struct sample_series *series, struct store *store)
{
    *series = (struct sample_series){.store = store, .reader = sample_reader(store)};
    succeed(log_read(store, &series->state, &failure));
}

void series_end(struct sample_series *series)
{
    object_reader_free(series->reader);
    log_state_release(&series->state);
}

void series_take_days(struct store *store, unsigned days)
{
    struct sample_series series;

    series_begin(&series, store);
    for (unsigned day = 1; day <= days; day++)
        series_take(&series, day);
    series_end(&series);
}

struct store *series_store(unsigned days)
{
    struct store *store = sample_store();

    series_take_days(store, days);
    return store;
}

void series_forget(struct sample_series *series, unsigned day)
{
    char name[32];
    int error = -EAGAIN;

    snprintf(name, sizeof name, "day-%u", day);
    while (error == -EAGAIN) {
        const struct snapshot *snapshot = log_find(&series->state, name);

        error = log_forget(series->store, &series->state, &snapshot, 1, &failure);
    }
    succeed(error);
}

void series_forget_day(struct store *store, unsigned day)
{
    struct sample_series series;

    series_begin(&series, store);
    series_forget(&series, day);
    series_end(&series);
}

void series_take_anew(struct sample_series *series, unsigned day, const char *pack)
{
    series_forget(series, day);
    succeed(log_mark_packs(series->store, &series->state, &pack, 1, &failure));
    series_take(series, day);
}

/* ---- Reading ---- */

static int read_groups(struct object_reader *reader, const struct stored_image *image,
                       bool contacts, unsigned day)
{
    cleanup_buffer struct buffer bytes = BUFFER(OBJECT_DATA_LIMIT);
    unsigned number = 0;

    for (size_t i = 0; i < image->page_count; i++) {
        struct stored_group *groups;
        size_t count;
        int error = object_read(reader, &image->pages[i], OBJECT_PAGE, false, &bytes, &failure);

        if (error != 0)
            return error;
        assert_int_equal(page_decode(bytes.data, bytes.size, &groups, &count), 0);
        for (size_t j = 0; j < count && error == 0; j++, number++) {
            uint8_t *wanted = contacts
                                  ? sample_data(number + 1, version_of(number, day), GROUP_BYTES)
                                  : sample_data(ACCOUNT_SEED + number, 0, GROUP_BYTES);

            error = object_read(reader, &groups[j].reference, OBJECT_ROW_GROUP, false, &bytes,
                                &failure);
            if (error == 0) {
                assert_int_equal(bytes.size, GROUP_BYTES);
                assert_memory_equal(bytes.data, wanted, GROUP_BYTES);
            }
            free(wanted);
        }
        free(groups);
        if (error != 0)
            return error;
    }
    assert_true(number == SERIES_GROUPS || number == ACCOUNTS || number == 0);
    return 0;
}

static int read_table(struct object_reader *reader, const struct stored_table *table, unsigned day)
{
    cleanup_buffer struct buffer bytes = BUFFER(OBJECT_DATA_LIMIT);
    struct stored_image image;
    struct schema *schema;
    int error = object_read(reader, &table->image, OBJECT_IMAGE, false, &bytes, &failure);

    if (error != 0)
        return error;
    assert_int_equal(stored_image_decode(bytes.data, bytes.size, &image), 0);
    error = object_read(reader, &image.schema, OBJECT_SCHEMA, false, &bytes, &failure);
    if (error == 0) {
        assert_int_equal(schema_decode(bytes.data, bytes.size, &schema), 0);
        assert_string_equal(schema->name, table->name);
        schema_release(schema);
        error = read_groups(reader, &image, strcmp(table->name, "contacts") == 0, day);
    }
    stored_image_release(&image);
    return error;
}

int series_read(struct store *store, const struct log_state *state, unsigned day)
{
    struct object_reader *reader = sample_reader(store);
    cleanup_buffer struct buffer bytes = BUFFER(OBJECT_DATA_LIMIT);
    struct stored_tree tree;
    char name[32];

    snprintf(name, sizeof name, "day-%u", day);

    const struct snapshot *snapshot = log_find(state, name);

    assert_non_null(snapshot);
    int error = object_read(reader, &snapshot->tree, OBJECT_TREE, false, &bytes, &failure);

    if (error == 0) {
        assert_int_equal(stored_tree_decode(bytes.data, bytes.size, &tree), 0);
        assert_int_equal(tree.sources[0].table_count, 3);
        for (size_t i = 0; i < 3 && error == 0; i++)
            error = read_table(reader, &tree.sources[0].tables[i], day);
        stored_tree_release(&tree);
    }
    object_reader_free(reader);
    return error;
}

size_t series_read_all(struct store *store)
{
    struct log_state state = {.sequence = 0};

    succeed(log_read(store, &state, &failure));
    for (size_t i = 0; i < state.snapshot_count; i++)
        succeed(
            series_read(store, &state, (unsigned)strtoul(state.snapshots[i].name + 4, NULL, 10)));

    size_t count = state.snapshot_count;

    log_state_release(&state);
    return count;
}
