/* SPDX-License-Identifier: MIT */
/* What a stream hands over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/called_off.h"
#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/table/held_raw.h"
#include "fs/table/intake_internal.h"
#include "fs/table/row_group.h"

#define TABLES_MOST ((size_t)1 << 20)
#define ROWS_BETWEEN_LOOKS 1024

static struct intake *intake_of(struct row_taker *taker)
{
    return (struct intake *)taker;
}

/* --- tables ------------------------------------------------------------------------------- */

static int set_schema(struct intake_table *table, const struct stream_table *from)
{
    size_t count = from->term_count;
    struct key_term *terms = allocate_array(count, sizeof *terms);

    if (terms == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        terms[i] = from->terms[i];
        key_labels_reference(terms[i].labels);
    }
    schema_release(table->schema);
    intake_forget_terms(table);
    table->schema = schema_reference(from->schema);
    table->term_count = count;
    table->terms = terms;
    table->nulls_last = from->nulls_last;
    table->same_key = from->same_key;
    table->has_more_keys = from->has_more_keys;
    return 0;
}

static int grow_tables(struct intake *intake)
{
    if (intake->count < intake->capacity)
        return 0;

    size_t capacity = intake->capacity != 0 ? intake->capacity * 2 : 1;
    struct intake_table **tables =
        capacity > TABLES_MOST
            ? NULL
            : reallocarray(intake->tables, capacity, sizeof(struct intake_table *));

    if (tables == NULL)
        return -ENOMEM;
    intake->tables = tables;
    intake->capacity = capacity;
    return 0;
}

/* TABLE is the intake's from now on, or has not been added. */
static int append_table(struct intake *intake, struct intake_table *table)
{
    pthread_mutex_lock(&intake->lock);
    int error = grow_tables(intake);

    if (error == 0)
        intake->tables[intake->count++] = table;
    pthread_mutex_unlock(&intake->lock);
    return error;
}

int intake_close_writer(struct intake *intake, struct failure *failure)
{
    if (!intake->writing)
        return 0;

    int error = group_writer_flush(&intake->writer, failure);

    group_writer_end(&intake->writer);
    intake->writing = false;
    return error;
}

int intake_flush(struct intake *intake, struct failure *failure)
{
    int error = intake_close_writer(intake, failure);

    return error == 0 ? put_queue_flush(intake->queue, failure) : error;
}

static int begin_table(struct row_taker *taker, const struct stream_table *from, size_t *ret_table,
                       struct failure *failure)
{
    struct intake *intake = intake_of(taker);
    struct intake_table *table = calloc(1, sizeof *table);

    (void)failure;
    if (table == NULL)
        return -ENOMEM;
    table->last_bytes = BUFFER(KEY_BYTES_MOST + 1);

    int error = set_schema(table, from);

    if (error == 0)
        error = append_table(intake, table);
    if (error == 0) {
        *ret_table = intake->count - 1;
        return 0;
    }
    schema_release(table->schema);
    intake_forget_terms(table);
    free(table);
    return error;
}

static bool same_order(const struct intake_table *table, const struct stream_table *changed)
{
    bool same = table->term_count == changed->term_count;

    for (size_t i = 0; i < changed->term_count && same; i++)
        same = table->terms[i].column == changed->terms[i].column &&
               table->terms[i].order == changed->terms[i].order &&
               table->terms[i].descending == changed->terms[i].descending &&
               memcmp(table->terms[i].wraps, changed->terms[i].wraps, KEY_WRAPS_MOST) == 0 &&
               table->terms[i].labels == changed->terms[i].labels;
    return same;
}

/* A table that gets a key when its rows have come is looked through again for their order. */
static int change_table(struct row_taker *taker, size_t index, const struct stream_table *changed,
                        struct failure *failure)
{
    struct intake *intake = intake_of(taker);
    struct intake_table *table = intake->tables[index];
    int error =
        intake->writing && intake->current == index ? intake_close_writer(intake, failure) : 0;

    if (error == 0 && table->finished)
        error = intake_reopen(intake, table, failure);
    if (error != 0)
        return error;
    error = intake_note_era(table, changed->schema);
    if (error != 0)
        return error;
    if (!same_order(table, changed)) {
        table->unordered = table->misplaced = table->unordered || table->array.count != 0;
        table->has_last = false;
        free(table->last);
        table->last = NULL;
    }
    pthread_mutex_lock(&intake->lock);
    error = set_schema(table, changed);
    pthread_mutex_unlock(&intake->lock);
    return error;
}

static int fail_table(struct row_taker *taker, size_t index, const struct failure *why)
{
    struct intake *intake = intake_of(taker);
    struct intake_table *table = intake->tables[index];
    int error = table->finished ? intake_reopen(intake, table, NULL) : 0;

    if (error != 0)
        return error;
    if (table->failure == NULL)
        table->failure = malloc(sizeof *table->failure);
    if (table->failure == NULL)
        return -ENOMEM;
    *table->failure = *why;
    return 0;
}

static int finish_table(struct row_taker *taker, size_t index, struct failure *failure)
{
    struct intake *intake = intake_of(taker);
    int error = intake_flush(intake, failure);

    if (error != 0)
        return error;
    pthread_mutex_lock(&intake->lock);
    intake->tables[index]->finished = true;
    pthread_cond_broadcast(&intake->told);
    pthread_mutex_unlock(&intake->lock);
    return 0;
}

/* Groups that are on their way to the spool cannot be dropped: they are waited for. */
static int doubt_tables(struct row_taker *taker, size_t first, const struct failure *why)
{
    struct intake *intake = intake_of(taker);
    int error = intake_flush(intake, NULL);

    for (size_t i = first; i < intake->count && error == 0; i++) {
        error = fail_table(taker, i, why);
        if (error == 0) {
            intake_forget_eras(intake->tables[i]);
            group_array_drop(&intake->tables[i]->array, intake->options.spool);
        }
    }
    return error;
}

static size_t table_count(const struct row_taker *taker)
{
    return ((const struct intake *)taker)->count;
}

static int drop_table(struct row_taker *taker, size_t index)
{
    struct intake *intake = intake_of(taker);

    pthread_mutex_lock(&intake->lock);
    intake->tables[index]->dropped = true;
    pthread_mutex_unlock(&intake->lock);
    return 0;
}

/* --- rows --------------------------------------------------------------------------------- */

static int open_writer(struct intake *intake, size_t index, struct failure *failure)
{
    struct intake_table *table = intake->tables[index];
    int error = intake_close_writer(intake, failure);

    if (error == 0 && table->finished)
        error = intake_reopen(intake, table, failure);
    if (error != 0)
        return error;
    error = group_writer_begin(&intake->writer, intake->options.spool, ROW_GROUP_TARGET_BYTES,
                               table->schema, &table->array);
    intake->writer.queue = intake->queue;
    intake->writing = error == 0;
    intake->current = index;
    return error;
}

int intake_tell_rows(struct intake *intake)
{
    if (intake->options.rows_done != NULL)
        __atomic_add_fetch(intake->options.rows_done, intake->rows, __ATOMIC_RELAXED);
    intake->rows = 0;
    return called_off(intake->options.cancelled) ? -ECANCELED : 0;
}

static int take_row(struct row_taker *taker, size_t index, const struct cell *cells,
                    struct failure *failure)
{
    struct intake *intake = intake_of(taker);
    struct intake_table *table = intake->tables[index];
    int error = 0;

    if (table->failure != NULL || table->dropped)
        return 0;
    if (!intake->writing || intake->current != index)
        error = open_writer(intake, index, failure);
    if (error == 0 && !table->misplaced && intake_is_sortable(table))
        error = intake_note_order(intake, table, cells);

    size_t bytes = 0;

    for (size_t i = 0; i < table->schema->column_count; i++)
        bytes += (size_t)cells[i].size;
    if (bytes > table->largest_row)
        table->largest_row = bytes;
    if (error == 0)
        error = group_writer_add(&intake->writer, cells, failure);
    if (error == 0 && ++intake->rows == ROWS_BETWEEN_LOOKS)
        error = intake_tell_rows(intake);
    return error;
}

/* --- members, and what is wrong with some -------------------------------------------------- */

static int take_member(struct row_taker *taker, const struct stream_member *member,
                       struct failure *failure)
{
    struct intake *intake = intake_of(taker);

    (void)failure;
    if (intake->member_count == intake->member_capacity) {
        size_t capacity = intake->member_capacity != 0 ? intake->member_capacity * 2 : 1;
        struct intake_member *members = reallocarray(intake->members, capacity, sizeof *members);

        if (members == NULL)
            return -ENOMEM;
        intake->members = members;
        intake->member_capacity = capacity;
    }

    char *path = strdup(member->path);

    if (path == NULL)
        return -ENOMEM;

    struct intake_member *kept = &intake->members[intake->member_count++];

    *kept = (struct intake_member){.told = *member};
    kept->told.path = path;
    /* What broke off half-way is fetched again, and breaks off again. */
    if (intake->next_bytes != NULL && raw_bytes_size(intake->next_bytes) == member->bytes)
        kept->bytes = intake->next_bytes;
    else
        raw_bytes_release(intake->next_bytes);
    intake->next_bytes = NULL;
    return 0;
}

static int take_bytes(struct row_taker *taker, const void *bytes, size_t size,
                      struct failure *failure)
{
    struct intake *intake = intake_of(taker);

    if (intake->next_bytes == NULL)
        intake->next_bytes = raw_bytes_create(intake->options.spool);
    return intake->next_bytes != NULL ? raw_bytes_add(intake->next_bytes, bytes, size, failure)
                                      : -ENOMEM;
}

static int hold(struct row_taker *taker, struct held_bytes **held, const void *bytes, size_t size,
                struct failure *failure)
{
    return held_raw_add(intake_of(taker)->options.spool, held, bytes, size, failure);
}

/* Beyond the most it is counted. */
static void take_trouble(struct row_taker *taker, const struct failure *why)
{
    struct intake *intake = intake_of(taker);

    pthread_mutex_lock(&intake->lock);
    bool has_room = intake->trouble_count < INTAKE_TROUBLES_KEPT;

    pthread_mutex_unlock(&intake->lock);
    if (has_room) {
        intake_note_trouble(intake, why);
    } else {
        intake->untold++;
        intake->untold_lack = intake->untold_lack || stream_trouble_is_loss(why);
    }
    intake->has_passing_trouble = intake->has_passing_trouble || !intake_is_lasting_code(why->code);
}

static void take_kind(struct row_taker *taker, const char *kind)
{
    struct intake *intake = intake_of(taker);

    intake->many_kinds =
        intake->many_kinds || (intake->kind != NULL && strcmp(intake->kind, kind) != 0);
    intake->kind = kind;
}

static void take_moment(struct row_taker *taker, struct timespec moment)
{
    struct intake *intake = intake_of(taker);

    if (!intake->has_moment || clock_is_later(&moment, &intake->moment))
        intake->moment = moment;
    intake->has_moment = true;
}

const struct row_taker_class intake_taker_class = {
    .begin_table = begin_table,
    .change_table = change_table,
    .row = take_row,
    .fail_table = fail_table,
    .finish_table = finish_table,
    .doubt_tables = doubt_tables,
    .table_count = table_count,
    .drop_table = drop_table,
    .trouble = take_trouble,
    .moment = take_moment,
    .kind = take_kind,
    .member_bytes = take_bytes,
    .member = take_member,
    .hold = hold,
};
