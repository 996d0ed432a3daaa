/* SPDX-License-Identifier: MIT */
#include "fs/table/intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/table/group_sort.h"
#include "fs/table/intake_internal.h"

/* Those of the stream, how many more there were, and what is found when tables are sorted. */
#define TROUBLES_MOST ((size_t)2 * INTAKE_TROUBLES_KEPT)

struct intake *intake_create(const struct intake_options *options)
{
    struct intake *intake = calloc(1, sizeof *intake);

    if (intake == NULL)
        return NULL;
    intake->queue = put_queue_create(options->spool);
    if (intake->queue == NULL) {
        free(intake);
        return NULL;
    }
    intake->taker.class = &intake_taker_class;
    intake->options = *options;
    pthread_mutex_init(&intake->lock, NULL);
    pthread_mutex_init(&intake->settling, NULL);
    pthread_cond_init(&intake->told, NULL);
    return intake;
}

struct row_taker *intake_taker(struct intake *intake)
{
    return &intake->taker;
}

void intake_free(struct intake *intake)
{
    if (intake == NULL)
        return;
    put_queue_free(intake->queue);
    if (intake->writing)
        group_writer_end(&intake->writer);
    for (size_t i = 0; i < intake->count; i++) {
        struct intake_table *table = intake->tables[i];

        group_array_drop(&table->array, intake->options.spool);
        image_release(table->image);
        free(table->groups);
        schema_release(table->schema);
        intake_forget_eras(table);
        intake_forget_terms(table);
        free(table->failure);
        buffer_release(&table->last_bytes);
        free(table->last);
        free(table);
    }
    for (size_t i = 0; i < intake->member_count; i++) {
        free((char *)intake->members[i].told.path);
        raw_bytes_release(intake->members[i].bytes);
    }
    raw_bytes_release(intake->next_bytes);
    free(intake->members);
    free(intake->troubles);
    free((void *)intake->tables);
    free(intake->shown);
    pthread_cond_destroy(&intake->told);
    pthread_mutex_destroy(&intake->settling);
    pthread_mutex_destroy(&intake->lock);
    free(intake);
}

static int by_name(const void *left, const void *right, void *context)
{
    const struct intake *intake = context;
    size_t one = *(const size_t *)left;
    size_t other = *(const size_t *)right;
    int order = strcmp(intake->tables[one]->schema->name, intake->tables[other]->schema->name);

    return order != 0 ? order : (one > other) - (one < other);
}

/*
 * Two dumps in one archive may have tables of one name: the second becomes "name (2)". Nobody
 * but the intake has its schema yet: only the first is shown early.
 */
static int name_apart(struct intake *intake)
{
    size_t same = 1;

    for (size_t i = 1; i < intake->shown_count; i++) {
        struct schema *before = intake->tables[intake->shown[i - same]]->schema;
        struct schema *schema = intake->tables[intake->shown[i]]->schema;
        char *name;

        same = strcmp(before->name, schema->name) == 0 ? same + 1 : 1;
        if (same == 1)
            continue;
        if (asprintf(&name, "%s (%zu)", schema->name, same) < 0)
            return -ENOMEM;
        free(schema->name);
        schema->name = name;
    }
    return 0;
}

/* What is too much to be told one by one. */
static void tell_rest(struct intake *intake)
{
    struct failure why;

    if (intake->untold == 0)
        return;
    failure_set(&why, intake->untold_lack ? EILSEQ : ENOTUNIQ,
                "and %zu more parts of it, for such reasons", intake->untold);
    intake_note_trouble(intake, &why);
}

int intake_end(struct intake *intake, struct failure *failure)
{
    int error = intake_flush(intake, failure);

    tell_rest(intake);
    if (error != 0)
        return error;
    put_queue_free(intake->queue);
    intake->queue = NULL;
    intake_tell_rows(intake);
    intake->shown = allocate_array(intake->count, sizeof *intake->shown);
    if (intake->shown == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < intake->count; i++) {
        buffer_release(&intake->tables[i]->last_bytes);
        free(intake->tables[i]->last);
        intake->tables[i]->last = NULL;
        if (!intake->tables[i]->dropped)
            intake->shown[intake->shown_count++] = i;
        else
            group_array_drop(&intake->tables[i]->array, intake->options.spool);
    }
    qsort_r(intake->shown, intake->shown_count, sizeof *intake->shown, by_name, intake);
    pthread_mutex_lock(&intake->lock);
    error = name_apart(intake);
    pthread_mutex_unlock(&intake->lock);
    return error;
}

/* Tables without statements that made them are of files that are no database's. */
const char *intake_kind(const struct intake *intake)
{
    bool one = !intake->many_kinds;

    for (size_t i = 0; i < intake->shown_count && one; i++)
        one = intake->tables[intake->shown[i]]->schema->ddl[0] != '\0';
    return one ? intake->kind : NULL;
}

/* As the data say, else as their newest member's time is. */
bool intake_moment(const struct intake *intake, struct timespec *ret_moment)
{
    bool found = intake->has_moment;
    struct timespec moment = intake->moment;

    for (size_t i = 0; i < intake->member_count && !intake->has_moment; i++) {
        if (!found || clock_is_later(&intake->members[i].told.modified, &moment))
            moment = intake->members[i].told.modified;
        found = true;
    }
    if (found)
        *ret_moment = moment;
    return found;
}

size_t intake_table_count(const struct intake *intake)
{
    return intake->shown_count;
}

struct schema *intake_schema(const struct intake *intake, size_t index)
{
    return intake->tables[intake->shown[index]]->schema;
}

const struct failure *intake_failure(const struct intake *intake, size_t index)
{
    return intake->tables[intake->shown[index]]->failure;
}

/* Rows came that stand for one; where that could be by other keys as well, nobody has looked. */
static void tell_taken_out(struct intake *intake, const struct intake_table *table,
                           const struct group_twins *twins)
{
    struct failure why;

    if (twins->taken_out && table->has_more_keys) {
        failure_set(
            &why, EILSEQ,
            "table %.300s: rows took the place of others of the same key, or were left out "
            "for them, as the dump says; where they would for another unique key, both show",
            table->schema->name);
        intake_note_trouble(intake, &why);
    }
    if (!twins->alike)
        return;
    failure_set(&why, EILSEQ,
                "table %.300s: keys differ in capital letters alone: where these are the same to "
                "the database, a row would have taken another's place there; both show",
                table->schema->name);
    intake_note_trouble(intake, &why);
}

static int sort(struct intake *intake, struct intake_table *table, struct failure *failure)
{
    struct key_rule rule = intake_rule(table);
    struct group_twins twins = {.kept = false};
    struct group_sort sort = {
        .spool = intake->options.spool,
        .schema = table->schema,
        .rule = &rule,
        .cancelled = intake->options.cancelled,
        .largest_row = table->largest_row,
        .same_key = table->same_key,
        .only_twins = !table->misplaced,
    };
    int error = group_sort(&sort, &table->array, &twins, failure);

    if (error != 0)
        return error;
    if (twins.kept)
        intake_tell_twins(intake, table);
    tell_taken_out(intake, table, &twins);
    return 0;
}

/* Settling is held. */
static int settle(struct intake *intake, struct intake_table *table, struct failure *failure)
{
    int error = intake_reshape(intake, table, failure);

    if (error == 0 && table->unordered && intake_is_sortable(table))
        error = sort(intake, table, failure);
    if (error != 0)
        return error;
    table->groups = table->array.groups;
    table->group_count = table->array.count;
    table->array = (struct group_array){.count = 0};
    error = image_create(table->schema, intake->options.spool, table->groups, table->group_count,
                         &table->image);
    table->settled = true;
    return error;
}

static int settled_image(struct intake *intake, struct intake_table *table,
                         struct image **ret_image, struct failure *failure)
{
    int error = table->settled ? 0 : settle(intake, table, failure);

    if (error == 0 && table->image == NULL)
        error = -ENOMEM;
    if (error == 0)
        *ret_image = image_reference(table->image);
    return error;
}

int intake_table_image(struct intake *intake, struct intake_table *table, struct image **ret_image,
                       struct failure *failure)
{
    if (table->failure == NULL)
        return settled_image(intake, table, ret_image, failure);
    if (failure != NULL)
        *failure = *table->failure;
    return -table->failure->code;
}

int intake_begun_image(struct intake *intake, size_t index, struct image **ret_image,
                       struct failure *failure)
{
    pthread_mutex_lock(&intake->settling);
    int error = settled_image(intake, intake->tables[intake->shown[index]], ret_image, failure);

    pthread_mutex_unlock(&intake->settling);
    return error;
}

int intake_image(struct intake *intake, size_t index, struct image **ret_image,
                 struct failure *failure)
{
    pthread_mutex_lock(&intake->settling);
    int error =
        intake_table_image(intake, intake->tables[intake->shown[index]], ret_image, failure);

    pthread_mutex_unlock(&intake->settling);
    return error;
}

void intake_groups(const struct intake *intake, size_t index, const struct image_group **ret_groups,
                   size_t *ret_count)
{
    const struct intake_table *table = intake->tables[intake->shown[index]];

    *ret_groups = table->groups;
    *ret_count = table->group_count;
}

size_t intake_member_count(const struct intake *intake)
{
    return intake->member_count;
}

const struct stream_member *intake_member(const struct intake *intake, size_t index)
{
    return &intake->members[index].told;
}

struct raw_bytes *intake_member_bytes(const struct intake *intake, size_t index)
{
    return intake->members[index].bytes;
}

const struct failure *intake_troubles(const struct intake *intake, size_t *ret_count)
{
    *ret_count = intake->trouble_count;
    return intake->troubles;
}

bool intake_lacks(struct intake *intake)
{
    bool lacks = false;

    pthread_mutex_lock(&intake->lock);
    for (size_t i = 0; i < intake->trouble_count; i++)
        lacks |= stream_trouble_is_loss(&intake->troubles[i]);
    pthread_mutex_unlock(&intake->lock);
    return lacks;
}

bool intake_is_lasting_code(int code)
{
    return code == EIO || code == EILSEQ || code == EFBIG || code == ENODATA || code == ENOEXEC ||
           code == ENOTUNIQ;
}

bool intake_is_lasting(const struct intake *intake)
{
    if (intake->has_passing_trouble)
        return false;
    for (size_t i = 0; i < intake->count; i++) {
        const struct failure *failure = intake->tables[i]->failure;

        if (failure != NULL && !intake_is_lasting_code(failure->code))
            return false;
    }
    return true;
}

void intake_note_trouble(struct intake *intake, const struct failure *why)
{
    pthread_mutex_lock(&intake->lock);
    bool is_enough = intake->trouble_count == TROUBLES_MOST;
    struct failure *troubles =
        is_enough ? NULL
                  : reallocarray(intake->troubles, intake->trouble_count + 1, sizeof *troubles);

    intake->has_passing_trouble = intake->has_passing_trouble || (troubles == NULL && !is_enough);
    if (troubles != NULL) {
        intake->troubles = troubles;
        troubles[intake->trouble_count++] = *why;
    }
    pthread_mutex_unlock(&intake->lock);
    if (intake->options.report != NULL && !is_enough)
        intake->options.report(intake->options.report_context, why);
}
