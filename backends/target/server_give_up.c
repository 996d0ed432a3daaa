/* SPDX-License-Identifier: MIT */
#include "backends/target/server_give_up.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

#define STATEMENT_LIMIT ((size_t)16 << 20)

/* The unique indexes of a table as they are listed, a column at a time. */
struct listing {
    struct server_give_up *give_up;
    const struct server_load *load;
    bool *members; /* of the index under way */
    bool derived;  /* … of a column that is made of others */
};

/* ---- Which columns --------------------------------------------------------------------------- */

static bool is_reference(const struct schema *table, size_t column)
{
    for (size_t f = 0; f < table->foreign_key_count; f++) {
        for (size_t k = 0; k < table->foreign_keys[f].count; k++) {
            if (table->foreign_keys[f].columns[k] == column)
                return true;
        }
    }
    return false;
}

static enum giving_up way_of(const struct listing *listing, size_t index)
{
    const struct row_work *work = &listing->load->work;
    const struct column *column = &work->plan.table->columns[work->columns[index]];

    if (row_work_is_key(work, index) || column->generated)
        return KEEPS;
    /* ON UPDATE CASCADE follows from value to value; a NULL is no longer anybody's. */
    if (!column->not_null && !listing->give_up->referred[index])
        return GIVES_NULL;
    switch (work->fits[index].kind) {
    case FIT_INTEGER: return work->fits[index].year ? KEEPS : GIVES_NUMBER;
    case FIT_DECIMAL: return GIVES_NUMBER;
    case FIT_TEXT: return GIVES_TEXT;
    case FIT_UUID: return GIVES_UUID;
    default: return KEEPS;
    }
}

/* What costs least comes first; a made-up reference may not be taken. */
#define COST_OF_REFERENCE 100U
static unsigned cost_of(const struct listing *listing, size_t index)
{
    const struct row_work *work = &listing->load->work;
    enum giving_up way = way_of(listing, index);

    return way == KEEPS                                           ? UINT32_MAX
           : way == GIVES_NULL                                    ? 0
           : is_reference(work->plan.table, work->columns[index]) ? way + COST_OF_REFERENCE
                                                                  : way;
}

/* Of which columns it is made is not known: all are given up that can be. */
static void end_derived(struct listing *listing)
{
    const struct row_work *work = &listing->load->work;

    for (size_t i = 0; i < work->column_count; i++) {
        listing->give_up->unique[i] = true;
        if (cost_of(listing, i) < COST_OF_REFERENCE)
            listing->give_up->columns[i] = way_of(listing, i);
    }
    listing->derived = false;
}

/* The index under way is complete: one of its columns is given up. */
static void end_index(struct listing *listing)
{
    const struct row_work *work = &listing->load->work;
    size_t cheapest = SIZE_MAX;

    if (listing->derived)
        end_derived(listing);
    for (size_t i = 0; i < work->column_count; i++) {
        if (listing->members[i] && cost_of(listing, i) != UINT32_MAX &&
            (cheapest == SIZE_MAX || cost_of(listing, i) < cost_of(listing, cheapest)))
            cheapest = i;
    }
    for (size_t i = 0; i < work->column_count; i++) {
        listing->give_up->unique[i] |= cheapest != SIZE_MAX && listing->members[i];
        listing->members[i] = false;
    }
    if (cheapest != SIZE_MAX)
        listing->give_up->columns[cheapest] = way_of(listing, cheapest);
}

/* "1 email", "2 list": the first column of an index begins it. */
static int take_member(struct server_load *load, const char *text, struct failure *failure)
{
    struct listing *listing = load->listing;
    const struct schema *table = load->work.plan.table;
    const char *name = strchr(text, ' ');

    (void)failure;
    if (strncmp(text, "1 ", 2) == 0)
        end_index(listing);
    for (size_t i = 0; name != NULL && i < load->work.column_count; i++) {
        if (strcmp(table->columns[load->work.columns[i]].name, name + 1) == 0)
            listing->members[i] = true;
    }
    for (size_t c = 0; name != NULL && c < table->column_count; c++) {
        if (table->columns[c].generated && strcmp(table->columns[c].name, name + 1) == 0)
            listing->derived = true;
    }
    return 0;
}

static int take_referred(struct server_load *load, const char *name, struct failure *failure)
{
    const struct schema *table = load->work.plan.table;

    (void)failure;
    for (size_t i = 0; i < load->work.column_count; i++) {
        if (strcmp(table->columns[load->work.columns[i]].name, name) == 0)
            load->listing->give_up->referred[i] = true;
    }
    return 0;
}

/* Has TAKE told what the query that ADD words gives. */
static int list(struct server_load *load,
                int (*add)(const struct server_load *load, struct buffer *sql),
                server_load_take *take, struct failure *failure)
{
    struct buffer sql = BUFFER(STATEMENT_LIMIT);
    int error = add(load, &sql);

    if (error == 0)
        return load->class->ask(load, &sql, take, failure);
    buffer_release(&sql);
    return error;
}

/* 1: some are given up; 0: none can be. */
static int choose(struct server_load *load, struct server_give_up *give_up, struct failure *failure)
{
    cleanup_free bool *members = allocate_array(load->work.column_count, sizeof *members);
    struct listing listing = {.give_up = give_up, .load = load, .members = members};
    const struct server_dialect *dialect = load->class->dialect;
    int any = 0;
    int error = 0;

    if (members == NULL)
        return -ENOMEM;
    load->listing = &listing;
    if (dialect->add_referred_query != NULL)
        error = list(load, dialect->add_referred_query, take_referred, failure);
    if (error == 0)
        error = list(load, dialect->add_unique_query, take_member, failure);
    load->listing = NULL;
    end_index(&listing);
    for (size_t i = 0; i < load->work.column_count; i++)
        any |= give_up->columns[i] != KEEPS;
    return error != 0 ? error : any;
}

/* ---- The statement --------------------------------------------------------------------------- */

/* What the column number INDEX of those that are written is given up for. */
static int add_another(const struct server_load *load, size_t index, struct buffer *sql)
{
    const struct server_dialect *dialect = load->class->dialect;
    cleanup_buffer struct buffer column = BUFFER(STATEMENT_LIMIT);
    const char *name;
    int error = buffer_append_text(&column, "t.");

    if (error == 0)
        error = dialect->add_column(load, load->work.columns[index], &column);
    if (error == 0)
        error = buffer_append(&column, "", 1);
    if (error != 0)
        return error;
    name = (const char *)column.data;
    switch (load->give_up->columns[index]) {
    case GIVES_NUMBER: return buffer_print(sql, "%s + w.w%zu", name, index);
    case GIVES_UUID: return buffer_append_text(sql, dialect->new_uuid);
    case GIVES_TEXT:
        return dialect->add_new_text(name, load->give_up->salt, load->work.fits[index].most_chars,
                                     sql);
    default: return buffer_append_text(sql, "NULL");
    }
}

static int add_assignments(const struct server_load *load, struct buffer *sql)
{
    const struct server_give_up *give_up = load->give_up;
    const char *before = "";
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        if (give_up->columns[i] == KEEPS)
            continue;
        error = buffer_print(sql, "%s%s", before, load->class->dialect->assigned);
        if (error == 0)
            error = load->class->dialect->add_column(load, load->work.columns[i], sql);
        if (error == 0)
            error = buffer_append_text(sql, " = ");
        if (error == 0)
            error = add_another(load, i, sql);
        before = ", ";
    }
    return error;
}

/* ", (SELECT … AS w0 FROM table) w": each number and this is beyond all numbers, and no other's. */
static int add_widths(const struct server_load *load, struct buffer *sql)
{
    const struct server_dialect *dialect = load->class->dialect;
    bool any = false;
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        if (load->give_up->columns[i] != GIVES_NUMBER)
            continue;
        error = buffer_append_text(sql, any ? ", MAX(" : ", (SELECT MAX(");
        if (error == 0)
            error = dialect->add_column(load, load->work.columns[i], sql);
        if (error == 0)
            error = buffer_append_text(sql, ") - MIN(");
        if (error == 0)
            error = dialect->add_column(load, load->work.columns[i], sql);
        if (error == 0)
            error = buffer_print(sql, ") + 1 AS w%zu", i);
        any = true;
    }
    return error == 0 && any ? server_load_write(load, " FROM %o) w", sql) : error;
}

static int add_same_unique(const struct server_load *load, struct buffer *sql)
{
    const char *before = "";
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        if (!load->give_up->unique[i])
            continue;
        error = buffer_append_text(sql, before);
        if (error == 0)
            error = load->class->dialect->add_same_value(load, load->work.columns[i], sql);
        before = " AND ";
    }
    return error;
}

int server_give_up_add_part(const struct server_load *load, char part, struct buffer *sql)
{
    switch (part) {
    case 'g': return add_assignments(load, sql);
    case 'w': return add_widths(load, sql);
    default: return add_same_unique(load, sql);
    }
}

static int run(struct server_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(STATEMENT_LIMIT);
    struct failure said = {.code = 0};
    uint64_t ignored;
    int error = server_load_write(load, load->class->dialect->give_up, &sql);

    if (error != 0) {
        buffer_release(&sql);
        return server_load_fail(load, error, failure);
    }
    error = load->class->run(load, &sql, &ignored, &said);
    if (error == 0 || error == -ECANCELED)
        return error;
    return failure_set(failure, EEXIST,
                       "table \"%s\": rows exchange their unique values, which the server refuses "
                       "to do row by row, and it takes no value in between either: %.500s",
                       load->work.plan.table->name, failure_text(&said, error));
}

int server_give_up(struct server_load *load, struct failure *failure)
{
    struct server_give_up give_up = {
        .columns = allocate_array(load->work.column_count, sizeof *give_up.columns),
        .unique = allocate_array(load->work.column_count, sizeof *give_up.unique),
        .referred = allocate_array(load->work.column_count, sizeof *give_up.referred),
    };
    uint8_t salt[8];
    int any = -ENOMEM;

    randombytes_buf(salt, sizeof salt);
    sodium_bin2hex(give_up.salt, sizeof give_up.salt, salt, sizeof salt);
    if (give_up.columns != NULL && give_up.unique != NULL && give_up.referred != NULL)
        any = choose(load, &give_up, failure);
    load->give_up = &give_up;
    if (any == 1)
        any = run(load, failure);
    load->give_up = NULL;
    free(give_up.columns);
    free(give_up.unique);
    free(give_up.referred);
    return any;
}
