/* SPDX-License-Identifier: MIT */
/*
 * Ranges of a table, by the first column of its key. Dense numbers are divided; for
 * all else the server steps through its index. A plan's starts are places in the
 * table's list of boundaries, which hold as long as the dataset.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/memory.h"

#define WORTH_ROWS 20000
#define WORTH_BYTES ((uint64_t)4 << 20)
#define DENSE 4 /* numbers a row at most, where they are divided */

static int no_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
}

static const char *lead_name(const struct mysql_table *table)
{
    return table->schema->columns[table->schema->order_key[0]].name;
}

static int write_lead(const struct mysql_table *table, const char *select, const char *after,
                      struct buffer *text)
{
    int error = buffer_append_text(text, "SELECT ");
    const char *at = select;

    /* Every '?' stands for the column. */
    for (; *at != '\0' && error == 0; at++)
        error = *at == '?' ? mysql_add_name(text, lead_name(table)) : buffer_append(text, at, 1);
    if (error == 0)
        error = buffer_append_text(text, " FROM ");
    if (error == 0)
        error = mysql_add_name(text, table->schema->name);
    if (error == 0 && after != NULL) {
        error = buffer_append_text(text, " WHERE ");
        if (error == 0)
            error = mysql_add_name(text, lead_name(table));
        if (error == 0)
            error = buffer_print(text, " > %s", after);
    }
    return error;
}

static void add_boundary(char **boundaries, size_t *count, char *literal)
{
    if (literal != NULL)
        boundaries[(*count)++] = literal;
}

/* --- dense numbers --------------------------------------------------------------------------- */

static __int128 to_number(const char *text)
{
    return text[0] == '-' ? -(__int128)strtoull(text + 1, NULL, 10)
                          : (__int128)strtoull(text, NULL, 10);
}

static char *from_number(__int128 number)
{
    char *text = NULL;
    int length = number < 0 ? asprintf(&text, "-%llu", (unsigned long long)-number)
                            : asprintf(&text, "%llu", (unsigned long long)number);

    return length < 0 ? NULL : text;
}

/* 1: done; 0: the numbers are not dense. */
static int divide(struct mysql_source *source, struct mysql_link *link,
                  const struct mysql_table *table, size_t wanted, char **boundaries, size_t *count,
                  struct failure *failure)
{
    cleanup_buffer struct buffer query = BUFFER(MYSQL_STATEMENT_LIMIT);
    cleanup_rows MYSQL_RES *rows = NULL;

    if (write_lead(table, "MIN(?), MAX(?)", NULL, &query) != 0 || buffer_append(&query, "", 1) != 0)
        return no_memory(failure);

    int error = mysql_ask(source, link, (const char *)query.data, &rows, failure);
    MYSQL_ROW row = error == 0 ? mysql_fetch_row(rows) : NULL;

    if (error != 0)
        return error;
    if (row == NULL || row[0] == NULL || row[1] == NULL)
        return 1;

    __int128 least = to_number(row[0]);
    __int128 span = to_number(row[1]) - least;

    if (span / DENSE > (__int128)table->rows)
        return 0;
    for (size_t i = 1; i < wanted && span >= (__int128)wanted; i++)
        add_boundary(boundaries, count, from_number(least + span * (__int128)i / (__int128)wanted));
    return 1;
}

/* --- all else ----------------------------------------------------------------------------------
 */

/* The value that stands STEP rows behind AFTER (NULL: the beginning), as a literal; NULL: none. */
static int step(struct mysql_source *source, struct mysql_link *link,
                const struct mysql_table *table, const char *after, uint64_t rows_on,
                char **ret_literal, struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    cleanup_rows MYSQL_RES *rows = NULL;
    enum mysql_keying keying = table->columns[table->schema->order_key[0]].keying;
    int error = write_lead(table, "?", after, &text);

    if (error == 0)
        error = buffer_append_text(&text, " ORDER BY ");
    if (error == 0)
        error = mysql_add_name(&text, lead_name(table));
    if (error == 0)
        error = buffer_print(&text, " LIMIT 1 OFFSET %llu", (unsigned long long)rows_on);
    if (error == 0)
        error = buffer_append(&text, "", 1);
    if (error != 0)
        return no_memory(failure);
    error = mysql_ask(source, link, (const char *)text.data, &rows, failure);
    if (error != 0)
        return error;

    MYSQL_ROW row = mysql_fetch_row(rows);

    *ret_literal = NULL;
    if (row == NULL || row[0] == NULL)
        return 0;
    buffer_clear(&text);
    if (keying == KEY_TEXT || keying == KEY_BYTES)
        error = mysql_add_literal(&text, row[0], mysql_fetch_lengths(rows)[0], keying == KEY_BYTES);
    else
        error = buffer_append_text(&text, row[0]);
    *ret_literal = error == 0 ? strndup((const char *)text.data, text.size) : NULL;
    return *ret_literal != NULL ? 0 : no_memory(failure);
}

static int step_through(struct mysql_source *source, struct mysql_link *link,
                        const struct mysql_table *table, size_t wanted, char **boundaries,
                        size_t *count, struct failure *failure)
{
    const char *after = NULL;

    while (*count + 1 < wanted) {
        char *literal = NULL;
        int error = step(source, link, table, after, table->rows / wanted, &literal, failure);

        if (error != 0)
            return error;
        if (literal == NULL)
            return 0;
        add_boundary(boundaries, count, literal);
        after = literal;
    }
    return 0;
}

static int find_boundaries(struct mysql_dataset *dataset, const struct mysql_table *table,
                           size_t wanted, char **boundaries, size_t *count, struct failure *failure)
{
    struct mysql_link *link;
    int error = mysql_dataset_take(dataset, &link, failure);

    if (error != 0)
        return error;
    if (table->columns[table->schema->order_key[0]].keying == KEY_INTEGER)
        error = divide(dataset->source, link, table, wanted, boundaries, count, failure);
    if (error == 0)
        error = step_through(dataset->source, link, table, wanted, boundaries, count, failure);
    mysql_dataset_give_back(dataset, link);
    return error < 0 ? error : 0;
}

static bool is_worth_it(const struct mysql_table *table)
{
    return table->schema->kind == RELATION_TABLE && table->schema->order_key_count != 0 &&
           table->columns[table->schema->order_key[0]].keying != KEY_NONE &&
           (table->rows >= WORTH_ROWS || table->bytes >= WORTH_BYTES);
}

/* Boundaries are found once; whoever plans again gets the same, or fewer of them. */
static size_t keep_boundaries(struct mysql_dataset *dataset, struct mysql_table *table,
                              char **boundaries, size_t count)
{
    pthread_mutex_lock(&dataset->lock);
    if (table->boundaries == NULL) {
        table->boundaries = boundaries;
        table->boundary_count = count;
        boundaries = NULL;
    }

    size_t kept = table->boundary_count;

    pthread_mutex_unlock(&dataset->lock);
    for (size_t i = 0; boundaries != NULL && i < count; i++)
        free(boundaries[i]);
    free(boundaries);
    return kept;
}

int mysql_plan(struct dataset *base, size_t index, size_t wanted, struct range_plan *ret_plan,
               struct failure *failure)
{
    struct mysql_dataset *dataset = (struct mysql_dataset *)base;
    struct mysql_table *table = &dataset->catalogue.tables[index];
    size_t count = 0;

    if (wanted > 1 && is_worth_it(table)) {
        char **boundaries = allocate_array(wanted, sizeof *boundaries);
        int error = boundaries != NULL
                        ? find_boundaries(dataset, table, wanted, boundaries, &count, failure)
                        : no_memory(failure);

        if (error != 0) {
            for (size_t i = 0; boundaries != NULL && i < count; i++)
                free(boundaries[i]);
            free(boundaries);
            return error;
        }
        count = keep_boundaries(dataset, table, boundaries, count);
    }

    int64_t *starts = allocate_array(count + 1, sizeof *starts);

    if (starts == NULL)
        return no_memory(failure);
    starts[0] = INT64_MIN;
    for (size_t i = 1; i <= count; i++)
        starts[i] = (int64_t)i;
    *ret_plan = (struct range_plan){.count = count + 1, .starts = starts};
    return 0;
}
