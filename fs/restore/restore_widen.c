/* SPDX-License-Identifier: MIT */
/*
 * Types for columns whose source does not hold its values to the types that it declares: SQLite,
 * CSV; and for those whose values may be beyond what the target's nearest type holds: whole numbers
 * of 64 bits without a sign in SQLite. All values are looked at; the first type that keeps every
 * one as it is, is taken.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/create.h"
#include "backends/target/fit.h"
#include "backends/target/notes.h"
#include "fs/base/memory.h"
#include "fs/restore/restore_internal.h"

struct choice {
    enum column_type type;
    const char *native; /* NULL: what is declared */
};

/* In the order in which they are tried: what is declared, then what is wider. */
static const struct choice integers[] = {
    {COLUMN_INTEGER, NULL}, {COLUMN_FLOAT, ""}, {COLUMN_TEXT, ""}, {COLUMN_BYTES, ""}};
static const struct choice decimals[] = {{COLUMN_DECIMAL, NULL},
                                         {COLUMN_INTEGER, ""},
                                         {COLUMN_FLOAT, ""},
                                         {COLUMN_TEXT, ""},
                                         {COLUMN_BYTES, ""}};
static const struct choice floats[] = {{COLUMN_FLOAT, NULL}, {COLUMN_TEXT, ""}, {COLUMN_BYTES, ""}};
static const struct choice booleans[] = {{COLUMN_BOOLEAN, NULL},
                                         {COLUMN_INTEGER, ""},
                                         {COLUMN_FLOAT, ""},
                                         {COLUMN_TEXT, ""},
                                         {COLUMN_BYTES, ""}};
static const struct choice dates[] = {{COLUMN_DATE, NULL},
                                      {COLUMN_DATETIME, "DATETIME(0)"},
                                      {COLUMN_DATETIME, "DATETIME(3)"},
                                      {COLUMN_DATETIME, "DATETIME(6)"},
                                      {COLUMN_INTEGER, ""},
                                      {COLUMN_FLOAT, ""},
                                      {COLUMN_TEXT, ""},
                                      {COLUMN_BYTES, ""}};
static const struct choice times[] = {{COLUMN_TIME, "TIME(0)"}, {COLUMN_TIME, "TIME(3)"},
                                      {COLUMN_TIME, "TIME(6)"}, {COLUMN_INTEGER, ""},
                                      {COLUMN_FLOAT, ""},       {COLUMN_TEXT, ""},
                                      {COLUMN_BYTES, ""}};
static const struct choice moments[] = {{COLUMN_DATETIME, "DATETIME(0)"},
                                        {COLUMN_DATETIME, "DATETIME(3)"},
                                        {COLUMN_DATETIME, "DATETIME(6)"},
                                        {COLUMN_DATE, "DATE"},
                                        {COLUMN_INTEGER, ""},
                                        {COLUMN_FLOAT, ""},
                                        {COLUMN_TEXT, ""},
                                        {COLUMN_BYTES, ""}};
static const struct choice documents[] = {
    {COLUMN_JSON, NULL}, {COLUMN_TEXT, ""}, {COLUMN_BYTES, ""}};
static const struct choice uuids[] = {{COLUMN_UUID, NULL}, {COLUMN_TEXT, ""}, {COLUMN_BYTES, ""}};
static const struct choice bytes[] = {{COLUMN_BYTES, NULL}, {COLUMN_TEXT, ""}};
static const struct choice texts[] = {
    {COLUMN_TEXT, NULL}, {COLUMN_INTEGER, ""}, {COLUMN_FLOAT, ""}, {COLUMN_BYTES, ""}};
static const struct choice anything[] = {
    {COLUMN_INTEGER, ""}, {COLUMN_FLOAT, ""}, {COLUMN_TEXT, ""}, {COLUMN_BYTES, ""}};
static const struct choice wide_integers[] = {{COLUMN_INTEGER, NULL},
                                              {COLUMN_DECIMAL, "decimal(20,0)"}};

#define CHOICES_MOST 8

/*
 * Most columns hold what the first rows of them hold. So of these all that is possible is tried; of
 * the others only what comes first. Where that does not keep a value after all, nobody knows
 * whether the next ones would have kept those before it: all rows of such columns are read once
 * more.
 */
#define ROWS_TRIED_ALL 1000

struct candidates {
    const struct choice *choices;
    size_t count;
    size_t first; /* that is still possible */
    struct fit fits[CHOICES_MOST];
    bool refuted[CHOICES_MOST];
    bool reworded[CHOICES_MOST]; /* a value keeps its meaning, and not its text */
    bool unsure;                 /* those from first on have not been tried with every row */
};

struct widening {
    struct candidates *columns;
    size_t column_count;
    uint64_t rows;
    bool again; /* all rows are read once more, for the columns that are unsure */
    struct buffer scratch;
};

#define CHOICES(list) list, sizeof(list) / sizeof *(list)

static void choose(enum column_type type, const struct choice **ret_choices, size_t *ret_count)
{
    const struct {
        const struct choice *choices;
        size_t count;
    } by_type[] = {
        [COLUMN_ANY] = {CHOICES(anything)},      [COLUMN_INTEGER] = {CHOICES(integers)},
        [COLUMN_DECIMAL] = {CHOICES(decimals)},  [COLUMN_FLOAT] = {CHOICES(floats)},
        [COLUMN_BOOLEAN] = {CHOICES(booleans)},  [COLUMN_TEXT] = {CHOICES(texts)},
        [COLUMN_BYTES] = {CHOICES(bytes)},       [COLUMN_DATE] = {CHOICES(dates)},
        [COLUMN_TIME] = {CHOICES(times)},        [COLUMN_DATETIME] = {CHOICES(moments)},
        [COLUMN_TIMESTAMP] = {CHOICES(moments)}, [COLUMN_JSON] = {CHOICES(documents)},
        [COLUMN_UUID] = {CHOICES(uuids)},
    };

    *ret_choices = by_type[type].choices;
    *ret_count = by_type[type].count;
}

/* Of a cell that comes without data: it is a text or bytes, as its class says. */
static bool keeps_large(const struct fit *fit, const struct cell *cell)
{
    return cell->class == CELL_BYTES ? fit->kind == FIT_BYTES
                                     : fit->kind == FIT_TEXT || fit->kind == FIT_JSON;
}

/* Whether the value comes back as it is: the very text, or the same number. */
static bool keeps(const struct fit *fit, const struct cell *cell, struct buffer *scratch)
{
    const struct cell empty = {.class = cell->class, .data = ""};
    struct fitted fitted;

    if (cell->data == NULL && cell->size != 0)
        return keeps_large(fit, cell);
    buffer_clear(scratch);
    if (buffer_reserve(scratch, fit_room(cell->size)) != 0 ||
        fit_cell(fit, cell->data != NULL ? cell : &empty, scratch, &fitted) != 0)
        return false;
    return fitted.exact ||
           (cell->class == CELL_NUMBER && (fit->kind == FIT_BOOLEAN || fit->kind == FIT_INTEGER));
}

/* Tries what is possible with a value: ALL, or only what comes first. */
static void try_value(struct widening *widening, struct candidates *column, const struct cell *cell,
                      bool all)
{
    size_t first = column->first;
    size_t end = all ? column->count : first + 1;

    for (size_t c = first; c < end && c < column->count; c++) {
        if (column->refuted[c])
            continue;
        column->refuted[c] = !keeps(&column->fits[c], cell, &widening->scratch);
        column->reworded[c] |= !column->refuted[c] && fit_rewords(&column->fits[c], cell);
    }
    while (column->first < column->count && column->refuted[column->first])
        column->first++;
    column->unsure = column->unsure || (!all && column->first != first);
}

static int look_at_row(void *context, const struct cell *cells, struct cursor *cursor,
                       struct failure *failure)
{
    struct widening *widening = context;
    bool all = widening->again || widening->rows++ < ROWS_TRIED_ALL;

    (void)cursor;
    (void)failure;
    for (size_t i = 0; i < widening->column_count; i++) {
        struct candidates *column = &widening->columns[i];

        if (column->unsure == widening->again && cells[i].class != CELL_NULL)
            try_value(widening, column, &cells[i], all);
    }
    return 0;
}

static bool is_unsure(const struct widening *widening)
{
    for (size_t i = 0; i < widening->column_count; i++) {
        if (widening->columns[i].unsure)
            return true;
    }
    return false;
}

/* Reads the table, and once more for columns that need it. */
static int look_at_rows(struct restore_plan *plan, const struct restore_table *table,
                        struct widening *widening, struct failure *failure)
{
    int error = restore_read(plan, table, look_at_row, widening, failure);

    if (error != 0 || !is_unsure(widening))
        return error;
    widening->again = true;
    return restore_read(plan, table, look_at_row, widening, failure);
}

/* What each choice is in the target. */
static void fit_choices(enum target_engine engine, const char *kind, const struct schema *source,
                        const struct table_extras *extras, size_t index,
                        struct candidates *candidates)
{
    const struct column *column = &source->columns[index];

    for (size_t c = 0; c < candidates->count; c++) {
        const struct choice *choice = &candidates->choices[c];
        struct column tried = *column;
        char native[CREATE_TYPE_SIZE];
        char own[CREATE_TYPE_SIZE];

        tried.type = choice->type;
        strncpy(own, choice->native != NULL ? choice->native : column->native_type, sizeof own - 1);
        own[sizeof own - 1] = '\0';
        tried.native_type = own;
        create_column_type(engine, source, kind, extras, &tried, index, native);
        tried.native_type = native;
        candidates->fits[c] = fit_of(engine, &tried);
    }
}

/* Whether a column counts by itself: no table comes to 2^63 rows. */
static bool counts(const struct schema *table, const char *kind, size_t column)
{
    struct table_extras extras;
    bool is_counting = table_extras_read(table, kind, &extras) == 0 && extras.counting == column;

    table_extras_release(&extras);
    return is_counting;
}

static size_t target_column(const struct schema *table, const struct foreign_key *key)
{
    if (key->target_columns == NULL)
        return table->primary_key_count == 1 ? table->primary_key[0] : SIZE_MAX;
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].name, key->target_columns[0]) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* Whether the column refers to one that counts by itself. */
static bool refers_to_count(const struct restore_plan *plan, const struct schema *source,
                            size_t index)
{
    for (size_t f = 0; f < source->foreign_key_count; f++) {
        const struct foreign_key *key = &source->foreign_keys[f];
        const struct restore_table *parent = restore_plan_find(plan, key->target_table);

        if (key->count == 1 && key->columns[0] == index && parent != NULL &&
            target_column(parent->source, key) != SIZE_MAX &&
            counts(parent->source, plan->kind, target_column(parent->source, key)))
            return true;
    }
    return false;
}

/* Whether values of the column may be beyond what SQLite has whole numbers for. */
static bool may_be_wide(const struct restore_plan *plan, const struct schema *source,
                        const struct table_extras *extras, size_t index)
{
    const struct column *column = &source->columns[index];
    bool is_wide = strcasestr(column->native_type, "unsigned") != NULL
                       ? strncasecmp(column->native_type, "bigint", 6) == 0
                       : strcasecmp(column->native_type, "bit(64)") == 0;

    return column->type == COLUMN_INTEGER && is_wide && extras->counting != index &&
           !refers_to_count(plan, source, index);
}

/* Whether the column's values are to be looked at. */
static bool begin_column(const struct restore_plan *plan, const struct schema *source,
                         const struct table_extras *extras, size_t index,
                         struct candidates *candidates)
{
    enum target_engine engine = target_engine_of(plan->target->class->kind);

    if (engine != ENGINE_SQLITE)
        choose(source->columns[index].type, &candidates->choices, &candidates->count);
    else if (may_be_wide(plan, source, extras, index))
        *candidates = (struct candidates){.choices = wide_integers, .count = 2};
    fit_choices(engine, plan->kind, source, extras, index, candidates);
    return candidates->count != 0;
}

/* Numbers and texts together become texts; bytes among them are bad rows, which say so. */
static size_t mixed_choice(const struct candidates *column)
{
    size_t choice = 0;

    while (choice + 1 < column->count && column->choices[choice].type != COLUMN_TEXT)
        choice++;
    return choice;
}

static int note_reworded(const struct schema *source, const struct widening *widening,
                         struct buffer *notes)
{
    int error = 0;

    for (size_t i = 0; i < source->column_count && error == 0; i++) {
        const struct candidates *column = &widening->columns[i];

        if (column->first < column->count && column->reworded[column->first])
            error = notes_add(notes,
                              "column \"%s\" keeps what its dates and times mean, but they are "
                              "written as the database does: a \"T\", a zone that is UTC and "
                              "zeros at their end are lost, or zeros are added",
                              source->columns[i].name);
    }
    return error;
}

/* A copy of the schema with the types that were found. */
static int make_like(const struct schema *source, const struct widening *widening,
                     struct schema **ret_like)
{
    struct schema *like = schema_copy(source);

    if (like == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < source->column_count; i++) {
        const struct candidates *column = &widening->columns[i];

        if (column->count == 0)
            continue;

        size_t chosen = column->first < column->count ? column->first : mixed_choice(column);
        const struct choice *choice = &column->choices[chosen];

        like->columns[i].type = choice->type;
        if (choice->native == NULL)
            continue;
        free(like->columns[i].native_type);
        like->columns[i].native_type = strdup(choice->native);
        if (like->columns[i].native_type == NULL) {
            schema_release(like);
            return -ENOMEM;
        }
    }
    *ret_like = like;
    return 0;
}

int restore_widen(struct restore_plan *plan, const struct restore_table *table,
                  struct schema **ret_like, struct buffer *notes, struct failure *failure)
{
    enum target_engine from = target_engine_of(plan->kind);
    enum target_engine engine = target_engine_of(plan->target->class->kind);
    struct widening widening = {.column_count = table->source->column_count,
                                .scratch = BUFFER((size_t)1 << 30)};
    struct table_extras extras;
    bool any = false;
    int error;

    *ret_like = NULL;
    if ((from == ENGINE_SQLITE) == (engine == ENGINE_SQLITE))
        return 0;
    error = table_extras_read(table->source, plan->kind, &extras);
    if (error != 0)
        return error;
    widening.columns = allocate_array(widening.column_count, sizeof *widening.columns);
    if (widening.columns == NULL)
        error = -ENOMEM;
    for (size_t i = 0; i < widening.column_count && error == 0; i++)
        any |= begin_column(plan, table->source, &extras, i, &widening.columns[i]);
    if (error == 0 && any)
        error = look_at_rows(plan, table, &widening, failure);
    if (error == 0 && any)
        error = note_reworded(table->source, &widening, notes);
    if (error == 0 && any)
        error = make_like(table->source, &widening, ret_like);
    table_extras_release(&extras);
    buffer_release(&widening.scratch);
    free(widening.columns);
    return error;
}
