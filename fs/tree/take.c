/* SPDX-License-Identifier: MIT */
/*
 * One attempt goes: bases, batch and sink; every source scanned into the sink;
 * the tree; packs and index durable; the log's record. An attempt that ends in
 * -EAGAIN met somebody else's change of the store that takes away what it relied
 * on (a pack removed by prune) and is made anew from the start; the last ones rely on
 * nothing that others could remove.
 */
#include "fs/tree/take.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/store/pack.h"
#include "fs/store/tables.h"
#include "fs/table/cutter.h"
#include "fs/table/scan.h"
#include "fs/table/store_sink.h"
#include "fs/table/stored_table.h"
#include "fs/tree/clock.h"
#include "fs/tree/take_base.h"
#include "fs/tree/view_bounds.h"

#define ATTEMPTS 5
#define ATTEMPTS_ON_OTHERS 3 /* then nothing is relied on that a prune could remove */
#define COMMIT_ATTEMPTS 100
#define SOURCE_ATTEMPTS 5
#define HOST_SIZE 256

struct attempt {
    const struct take_options *options;
    bool anew; /* what the store has is written again */
    struct log_state *state;
    struct take_bases bases;
    struct object_batch *batch;
    struct store_sink *sink;
    struct stored_tree tree;
    uint64_t time_ns; /* the oldest of its sources' moments */
    uint64_t raw_bytes;
    bool *excluded_met; /* one a word of options->excluded */
    struct failure *failure;
};

static uint64_t time_ns(const struct timespec *time)
{
    return time->tv_sec < 0 ? 0 : (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return time_ns(&now);
}

static bool is_cancelled(const struct take_options *options)
{
    return options->cancelled != NULL && __atomic_load_n(options->cancelled, __ATOMIC_RELAXED);
}

/* Which of COUNT words means the table: "table" or "source.table"; COUNT: none does. */
static size_t find_word(const char *const *words, size_t count, const char *source,
                        const char *table)
{
    size_t length = strlen(source);

    for (size_t i = 0; i < count; i++) {
        const char *word = words[i];

        if (strcmp(word, table) == 0 ||
            (strncmp(word, source, length) == 0 && word[length] == '.' &&
             strcmp(word + length + 1, table) == 0))
            return i;
    }
    return count;
}

/* Whether the options ask for the table. Words that leave tables out are noted when they do. */
static bool is_wanted(struct attempt *attempt, const char *source, const char *table)
{
    const struct take_options *options = attempt->options;
    bool excluded = false;

    if (options->tables != NULL &&
        find_word(options->tables, options->table_count, source, table) == options->table_count)
        return false;
    for (size_t i = 0; i < options->excluded_count; i++) {
        if (find_word(&options->excluded[i], 1, source, table) == 0)
            attempt->excluded_met[i] = excluded = true;
    }
    return !excluded;
}

static void note_progress(struct attempt *attempt, const struct stored_table *table)
{
    struct take_progress *progress = attempt->options->progress;

    attempt->raw_bytes += table->csv_bytes;
    if (progress == NULL)
        return;
    __atomic_add_fetch(&progress->tables_done, 1, __ATOMIC_RELAXED);
}

/* Has the sink compress the next table against its last image. What cannot be read is no base. */
static int choose_base(struct attempt *attempt, const char *source, const char *table,
                       struct image_group **ret_groups)
{
    const struct object_reference *image = take_bases_find(&attempt->bases, source, table);
    size_t count = 0;

    *ret_groups = NULL;
    if (image != NULL) {
        int error = stored_table_groups(attempt->options->reader, image, ret_groups, &count, NULL);

        if (error == -ENOMEM)
            return error;
    }
    return store_sink_begin_table(attempt->sink, *ret_groups, count);
}

static int scan_table(struct attempt *attempt, struct dataset *dataset, size_t index,
                      const char *source, struct stored_table *ret_table)
{
    const struct take_options *options = attempt->options;
    struct schema *schema = dataset->class->schema(dataset, index);
    struct view_deadline deadline = {clock_now_ns() + options->view_timeout_ns};
    bool bounded = schema->kind == RELATION_VIEW && options->view_timeout_ns != 0;
    struct scan_options scan = {
        .threads = options->threads,
        .cut_key = store_key(options->store, STORE_BOUNDARIES),
        .group_bytes = store_header(options->store)->group_bytes,
        .cancelled = options->cancelled,
        .bound = {bounded ? view_deadline_look : NULL, &deadline},
        .rows_done = options->progress != NULL ? &options->progress->rows : NULL,
    };
    cleanup_free struct image_group *base = NULL;
    cleanup_free struct image_group *groups = NULL;
    size_t count;
    int error = choose_base(attempt, source, schema->name, &base);

    if (error == 0)
        error = table_scan(dataset, index, store_sink_base(attempt->sink), &scan, &groups, &count,
                           attempt->failure);
    if (error == -ETIMEDOUT && bounded)
        failure_set(attempt->failure, ETIMEDOUT,
                    "it takes longer than %g s to read; allow views more time (view-timeout)",
                    (double)options->view_timeout_ns / NS_PER_SECOND);
    if (error == 0)
        error =
            stored_table_write(attempt->sink, schema, groups, count, ret_table, attempt->failure);
    store_sink_begin_table(attempt->sink, NULL, 0);
    if (error != 0)
        return error;
    ret_table->name = strdup(schema->name);
    return ret_table->name != NULL ? 0 : -ENOMEM;
}

/*
 * A view that its own database cannot show, or not in time, is no reason to have no
 * backup: it is left out with a warning; likewise what holds nothing that could be read.
 * Whatever else cannot be read is.
 */
static bool may_be_left_out(struct dataset *dataset, size_t index, int error)
{
    return error == -ENODATA || (dataset->class->schema(dataset, index)->kind == RELATION_VIEW &&
                                 (error == -EIO || error == -ETIMEDOUT));
}

static int scan_tables(struct attempt *attempt, struct dataset *dataset, const char *source,
                       struct stored_source *stored)
{
    const struct take_options *options = attempt->options;
    size_t count = dataset->class->table_count(dataset);

    stored->tables = allocate_array(count, sizeof *stored->tables);
    if (stored->tables == NULL)
        return -ENOMEM;
    if (options->progress != NULL)
        __atomic_add_fetch(&options->progress->tables, count, __ATOMIC_RELAXED);
    for (size_t i = 0; i < count; i++) {
        const char *name = dataset->class->schema(dataset, i)->name;
        struct stored_table *table = &stored->tables[stored->table_count];

        if (!is_wanted(attempt, source, name)) {
            stored->partial = true;
            continue;
        }

        int error = scan_table(attempt, dataset, i, source, table);

        if (is_cancelled(options)) {
            free(table->name);
            return failure_set(attempt->failure, ECANCELED, "taking the snapshot was called off");
        }
        if (error != 0 && may_be_left_out(dataset, i, error)) {
            if (options->warn != NULL)
                options->warn(options->warn_context, source, name, attempt->failure);
            *attempt->failure = (struct failure){0};
            *table = (struct stored_table){0};
            stored->partial = true;
            continue;
        }
        if (error != 0)
            return failure_prefix(attempt->failure, -error, "%s, table %s", source, name);
        stored->table_count++;
        note_progress(attempt, table);
    }
    return 0;
}

static void release_source(struct stored_source *stored)
{
    for (size_t i = 0; i < stored->table_count; i++)
        free(stored->tables[i].name);
    free(stored->tables);
    free(stored->name);
    free(stored->kind);
    *stored = (struct stored_source){0};
}

static int scan_source_once(struct attempt *attempt, const struct take_source *place,
                            struct stored_source *stored)
{
    struct source_version version;
    struct dataset *dataset;
    uint64_t before = attempt->raw_bytes;
    int error = place->source->class->begin(place->source, &dataset, &version, attempt->failure);

    if (error != 0)
        return failure_prefix(attempt->failure, -error, "%s", place->name);
    stored->time_ns = attempt->options->as_of_sources ? time_ns(&dataset->changed) : now_ns();
    if (stored->time_ns < attempt->time_ns)
        attempt->time_ns = stored->time_ns;
    stored->name = strdup(place->name);
    stored->kind = strdup(place->source->class->kind);
    error = stored->name == NULL || stored->kind == NULL
                ? -ENOMEM
                : scan_tables(attempt, dataset, place->name, stored);
    if (error == 0)
        error = dataset->class->verify(dataset, attempt->failure);
    dataset->class->finish(dataset);
    dataset->class->release(dataset);
    if (error != 0) {
        release_source(stored);
        attempt->raw_bytes = before;
    }
    return error;
}

/* A source that cannot be locked may change underneath; then it is read again. */
static int scan_source(struct attempt *attempt, const struct take_source *place,
                       struct stored_source *stored)
{
    int error = -ESTALE;

    for (int i = 0; i < SOURCE_ATTEMPTS && error == -ESTALE; i++)
        error = scan_source_once(attempt, place, stored);
    if (error == -ESTALE)
        return failure_set(attempt->failure, EBUSY,
                           "%s changes faster than it can be read through: try again when fewer "
                           "programs %s",
                           place->name,
                           place->source->class->remote ? "alter its tables"
                                                        : "write to it, or put it into WAL mode");
    return error;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct stored_source *)left)->name,
                  ((const struct stored_source *)right)->name);
}

static int check_tables_found(const struct attempt *attempt)
{
    const struct take_options *options = attempt->options;

    for (size_t i = 0; options->tables != NULL && i < options->table_count; i++) {
        bool found = false;

        for (size_t j = 0; j < attempt->tree.source_count && !found; j++) {
            const struct stored_source *source = &attempt->tree.sources[j];

            for (size_t k = 0; k < source->table_count && !found; k++)
                found =
                    find_word(&options->tables[i], 1, source->name, source->tables[k].name) == 0;
        }
        if (!found)
            return failure_set(attempt->failure, EINVAL, "no source has a table %s",
                               options->tables[i]);
    }
    for (size_t i = 0; i < options->excluded_count; i++) {
        if (!attempt->excluded_met[i])
            return failure_set(attempt->failure, EINVAL, "no source has a table %s to leave out",
                               options->excluded[i]);
    }
    return 0;
}

static int scan_sources(struct attempt *attempt)
{
    const struct take_options *options = attempt->options;

    attempt->tree.sources = allocate_array(options->source_count, sizeof *attempt->tree.sources);
    attempt->excluded_met = allocate_array(options->excluded_count, sizeof(bool));
    if (attempt->tree.sources == NULL || attempt->excluded_met == NULL)
        return -ENOMEM;
    attempt->time_ns = now_ns();
    for (size_t i = 0; i < options->source_count; i++) {
        int error = scan_source(attempt, &options->sources[i], &attempt->tree.sources[i]);

        if (error != 0)
            return error;
        attempt->tree.source_count = i + 1;
    }
    qsort(attempt->tree.sources, attempt->tree.source_count, sizeof *attempt->tree.sources,
          by_name);
    return check_tables_found(attempt);
}

static int put_tree(struct attempt *attempt, struct object_reference *ret_tree)
{
    cleanup_buffer struct buffer encoded = BUFFER(OBJECT_DATA_LIMIT);
    int error = stored_tree_encode(&attempt->tree, &encoded);

    return error != 0 ? error
                      : store_sink_put(attempt->sink, OBJECT_TREE, encoded.data, encoded.size,
                                       ret_tree, attempt->failure);
}

/* Whether the snapshot needs the pack: it relied on it, or wrote it. */
static bool needs_pack(const struct attempt *attempt, const char *const *packs, size_t pack_count,
                       const char *pack)
{
    const uint64_t *hints;
    size_t count;
    uint8_t salt[STORE_SALT_BYTES];
    bool needed = false;

    for (size_t i = 0; i < pack_count && !needed; i++)
        needed = strcmp(packs[i], pack) == 0;
    object_batch_relied(attempt->batch, &hints, &count);
    for (size_t i = 0; i < count && !needed; i++)
        needed = pack_salt(pack, salt) && hints[i] == pack_hint(salt);
    return needed;
}

/*
 * Packs that the snapshot needs may have been marked meanwhile, its own if it took longer than
 * prune waits: they are unmarked, which takes a record. A removed one is gone: -EAGAIN, all anew.
 */
static int keep_packs(struct attempt *attempt, const char *const *packs, size_t pack_count)
{
    for (size_t i = 0; i < attempt->state->mark_count; i++) {
        const struct log_mark *mark = &attempt->state->marks[i];

        if (!needs_pack(attempt, packs, pack_count, mark->pack))
            continue;
        if (mark->removed)
            return -EAGAIN;

        const char *pack = mark->pack;
        int error =
            log_unmark_packs(attempt->options->store, attempt->state, &pack, 1, attempt->failure);

        if (error != 0)
            return error == -EAGAIN ? 0 : error; /* the caller looks at the marks again */
        i = SIZE_MAX;                            /* the marks have changed: from the start */
    }
    return 0;
}

static int commit(struct attempt *attempt, struct snapshot *snapshot, const char *const *packs,
                  size_t pack_count)
{
    struct store *store = attempt->options->store;
    int error = -EAGAIN;

    for (int i = 0; i < COMMIT_ATTEMPTS && error == -EAGAIN; i++) {
        if (log_find(attempt->state, snapshot->name) != NULL)
            return failure_set(attempt->failure, EEXIST, "there is a snapshot %s already",
                               snapshot->name);
        error = keep_packs(attempt, packs, pack_count);
        if (error != 0)
            return error;
        snapshot->has_files = attempt->state->has_files;
        snapshot->files = attempt->state->files;
        error = log_take(store, attempt->state, snapshot, packs, pack_count, attempt->failure);
    }
    return error == -EAGAIN ? failure_set(attempt->failure, EBUSY,
                                          "others change the store all the time: try again")
                            : error;
}

static int finish(struct attempt *attempt, const struct object_reference *tree,
                  uint8_t ret_id[SNAPSHOT_ID_BYTES])
{
    const struct take_options *options = attempt->options;
    const char *const *packs;
    size_t pack_count;
    char host[HOST_SIZE] = "";
    int error = store_sink_finish(attempt->sink);
    struct snapshot snapshot = {
        .name = without_const(options->name),
        .time_ns = attempt->time_ns,
        .tag_count = options->tag_count,
        .tags = without_const(options->tags),
        .tree = *tree,
        .raw_bytes = attempt->raw_bytes,
    };

    if (error == 0)
        error = object_batch_finish(attempt->batch, &packs, &pack_count, &snapshot.stored_bytes,
                                    attempt->failure);
    if (error != 0)
        return error;
    if (options->host == NULL && gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    snapshot.host = options->host != NULL ? (char *)without_const(options->host) : host;
    randombytes_buf(snapshot.id, sizeof snapshot.id);
    if (options->files != NULL)
        error = files_sync(options->files, attempt->failure);
    if (error == 0)
        error = log_read(options->store, attempt->state, attempt->failure);
    if (error != 0)
        return error;
    error = commit(attempt, &snapshot, packs, pack_count);
    if (error == 0 && ret_id != NULL)
        memcpy(ret_id, snapshot.id, SNAPSHOT_ID_BYTES);
    return error;
}

/* Packs that are marked for removal count as absent. */
static int avoid_marked(struct attempt *attempt)
{
    cleanup_free const char **packs =
        allocate_array(attempt->state->mark_count, sizeof(const char *));

    if (packs == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < attempt->state->mark_count; i++)
        packs[i] = attempt->state->marks[i].pack;
    return object_batch_avoid(attempt->batch, packs, attempt->state->mark_count);
}

static int prepare(struct attempt *attempt)
{
    const struct take_options *options = attempt->options;
    int error = take_bases_read(options->reader, attempt->state, &attempt->bases);

    if (error == 0)
        error =
            object_batch_create(options->store, options->reader, &attempt->batch, attempt->failure);
    if (error == 0)
        error = avoid_marked(attempt);
    if (error != 0)
        return error;
    if (attempt->anew)
        object_batch_write_anew(attempt->batch);
    attempt->sink = store_sink_create(attempt->batch);
    if (attempt->sink == NULL)
        return -ENOMEM;
    if (options->progress != NULL)
        store_sink_count(attempt->sink, &options->progress->raw_bytes,
                         &options->progress->stored_bytes);
    return 0;
}

static void clean_up(struct attempt *attempt)
{
    for (size_t i = 0; i < attempt->tree.source_count; i++)
        release_source(&attempt->tree.sources[i]);
    free(attempt->tree.sources);
    free(attempt->excluded_met);
    store_sink_free(attempt->sink);
    object_batch_free(attempt->batch);
    take_bases_release(&attempt->bases);
}

static int take_once(const struct take_options *options, bool anew, struct log_state *state,
                     uint8_t ret_id[SNAPSHOT_ID_BYTES], struct failure *failure)
{
    struct attempt attempt = {.options = options, .anew = anew, .state = state, .failure = failure};
    struct object_reference tree;
    int error = prepare(&attempt);

    if (error == 0)
        error = scan_sources(&attempt);
    if (error == 0)
        error = put_tree(&attempt, &tree);
    if (error == 0)
        error = finish(&attempt, &tree, ret_id);
    clean_up(&attempt);
    return error;
}

int snapshot_take(const struct take_options *options, struct log_state *state,
                  uint8_t ret_id[SNAPSHOT_ID_BYTES], struct failure *failure)
{
    struct failure own = {0};
    int error = snapshot_name_check(options->name, &own);

    if (error == 0)
        error = log_read(options->store, state, &own);
    if (error == 0 && log_find(state, options->name) != NULL)
        error = failure_set(&own, EEXIST, "there is a snapshot %s already", options->name);
    if (error == 0) {
        error = -EAGAIN;
        for (int i = 0; i < ATTEMPTS && error == -EAGAIN; i++)
            error = take_once(options, i >= ATTEMPTS_ON_OTHERS, state, ret_id, &own);
        if (error == -EAGAIN)
            error = failure_set(&own, EBUSY,
                                "prune and others change the store all the time: try again");
    }
    if (error != 0 && own.code != -error) /* words of something that did not matter */
        failure_set(&own, -error, "cannot take the snapshot: %s", strerror(-error));
    if (error != 0 && failure != NULL)
        *failure = own;
    return error;
}
