/* SPDX-License-Identifier: MIT */
#include "fs/restore/one_database.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/create.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/restore/table_database.h"

#define NAMES_SHOWN 5
#define NAMES_BYTES ((size_t)1 << 12)

/* ---- The dataset ----------------------------------------------------------------------------- */

struct narrowed {
    struct dataset base;
    struct dataset *whole;
    size_t count;
    size_t *tables; /* count of them: the whole's numbers */
    struct schema **schemas;
};

static struct narrowed *narrowed_of(struct dataset *base)
{
    return (struct narrowed *)base;
}

static size_t narrowed_count(const struct dataset *base)
{
    return ((const struct narrowed *)base)->count;
}

static struct schema *narrowed_schema(const struct dataset *base, size_t table)
{
    return ((const struct narrowed *)base)->schemas[table];
}

static uint64_t narrowed_csv_bytes(const struct dataset *base, size_t table)
{
    const struct narrowed *narrowed = (const struct narrowed *)base;
    const struct dataset *whole = narrowed->whole;

    return whole->class->csv_bytes != NULL ? whole->class->csv_bytes(whole, narrowed->tables[table])
                                           : 0;
}

static int narrowed_plan(struct dataset *base, size_t table, size_t wanted,
                         struct range_plan *ret_plan, struct failure *failure)
{
    struct narrowed *narrowed = narrowed_of(base);

    return narrowed->whole->class->plan(narrowed->whole, narrowed->tables[table], wanted, ret_plan,
                                        failure);
}

static int narrowed_open_cursor(struct dataset *base, size_t table, const struct range_plan *plan,
                                size_t range, struct cursor **ret_cursor, struct failure *failure)
{
    struct narrowed *narrowed = narrowed_of(base);

    return narrowed->whole->class->open_cursor(narrowed->whole, narrowed->tables[table], plan,
                                               range, ret_cursor, failure);
}

static int narrowed_verify(struct dataset *base, struct failure *failure)
{
    struct dataset *whole = narrowed_of(base)->whole;

    return whole->class->verify(whole, failure);
}

static void narrowed_finish(struct dataset *base)
{
    struct dataset *whole = narrowed_of(base)->whole;

    whole->class->finish(whole);
}

static void free_narrowed(struct narrowed *narrowed)
{
    for (size_t i = 0; i < narrowed->count; i++)
        schema_release(narrowed->schemas[i]);
    free((void *)narrowed->schemas);
    free(narrowed->tables);
    free(narrowed);
}

static void narrowed_release(struct dataset *base)
{
    struct narrowed *narrowed = narrowed_of(base);

    narrowed->whole->class->release(narrowed->whole);
    free_narrowed(narrowed);
}

static const struct dataset_class narrowed_class = {
    .table_count = narrowed_count,
    .schema = narrowed_schema,
    .csv_bytes = narrowed_csv_bytes,
    .plan = narrowed_plan,
    .open_cursor = narrowed_open_cursor,
    .verify = narrowed_verify,
    .finish = narrowed_finish,
    .release = narrowed_release,
};

/* ---- Which one ------------------------------------------------------------------------------- */

struct choosing {
    const struct dataset *dataset;
    size_t count;
    size_t *sizes; /* of each table's database in its name; 0: it is of none */
    bool any;      /* … is of one */
};

static const char *name_of(const struct choosing *choosing, size_t table)
{
    return choosing->dataset->class->schema(choosing->dataset, table)->name;
}

static const char *own_name(const struct choosing *choosing, size_t table)
{
    size_t size = choosing->sizes[table];

    return name_of(choosing, table) + (size != 0 ? size + 1 : 0);
}

/* Whether both are of one database. */
static bool are_together(const struct choosing *choosing, size_t one, size_t other)
{
    size_t size = choosing->sizes[one];

    return size == choosing->sizes[other] &&
           strncmp(name_of(choosing, one), name_of(choosing, other), size) == 0;
}

static int look_at_all(struct choosing *choosing, enum target_engine engine)
{
    int error = 0;

    for (size_t i = 0; i < choosing->count && error == 0; i++) {
        const struct schema *schema = choosing->dataset->class->schema(choosing->dataset, i);

        error = table_database(schema, engine, &choosing->sizes[i]);
        choosing->any = choosing->any || choosing->sizes[i] != 0;
    }
    return error;
}

static bool is_called(const struct choosing *choosing, size_t table, const char *word)
{
    return strcmp(name_of(choosing, table), word) == 0 ||
           (choosing->sizes[table] != 0 && strcmp(own_name(choosing, table), word) == 0);
}

static bool is_among(const struct choosing *choosing, size_t table, const char *const *words,
                     size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_called(choosing, table, words[i]))
            return true;
    }
    return false;
}

/* The databases of the tables that are meant, "crm, other and 3 more". */
static int list_databases(const struct choosing *choosing, const bool *meant, struct buffer *text)
{
    size_t count = 0;
    int error = 0;

    for (size_t i = 0; i < choosing->count && error == 0; i++) {
        size_t before = 0;

        while (before < i && (!meant[before] || !are_together(choosing, before, i)))
            before++;
        if (!meant[i] || before < i || choosing->sizes[i] == 0 || ++count > NAMES_SHOWN)
            continue;
        error = buffer_print(text, "%s%.*s", count > 1 ? ", " : "", (int)choosing->sizes[i],
                             name_of(choosing, i));
    }
    if (error == 0 && count > NAMES_SHOWN)
        error = buffer_print(text, " and %zu more", count - NAMES_SHOWN);
    return error == 0 ? buffer_append(text, "", 1) : error;
}

static int refuse_several(const struct choosing *choosing, const bool *meant,
                          struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(NAMES_BYTES);
    int error = list_databases(choosing, meant, &text);

    if (error == -ENOMEM)
        return error;
    return failure_set(failure, EINVAL,
                       "these are tables of several databases (%s), and a target is one: choose "
                       "with --database NAME",
                       error == 0 ? (const char *)text.data : "…");
}

/* Sets *ret_table to one of the database that is meant. */
static int choose(const struct choosing *choosing, const struct restore_options *options,
                  size_t *ret_table, struct failure *failure)
{
    cleanup_free bool *meant = calloc(choosing->count + 1, sizeof *meant);
    size_t first = SIZE_MAX;
    bool several = false;

    if (meant == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < choosing->count; i++) {
        meant[i] = (options->table_count == 0 ||
                    is_among(choosing, i, options->tables, options->table_count)) &&
                   !is_among(choosing, i, options->excluded, options->excluded_count);
        if (!meant[i])
            continue;
        first = first == SIZE_MAX ? i : first;
        several = several || !are_together(choosing, first, i);
    }
    *ret_table = first;
    return several ? refuse_several(choosing, meant, failure) : 0;
}

static int find_named(const struct choosing *choosing, const char *database, size_t *ret_table,
                      struct failure *failure)
{
    for (size_t i = 0; i < choosing->count; i++) {
        if (strlen(database) == choosing->sizes[i] &&
            strncmp(name_of(choosing, i), database, choosing->sizes[i]) == 0) {
            *ret_table = i;
            return 0;
        }
    }
    return choosing->any
               ? failure_set(failure, ENOENT, "there is no table of a database \"%s\"", database)
               : failure_set(failure, EINVAL,
                             "--database %s: what is restored is not of several databases",
                             database);
}

/* ---- What becomes of it ---------------------------------------------------------------------- */

/* The schema of TABLE as its own database has it. */
static struct schema *bare_schema(const struct choosing *choosing, size_t table)
{
    struct schema *schema = schema_copy(choosing->dataset->class->schema(choosing->dataset, table));
    size_t size = choosing->sizes[table] + 1;
    const char *name = name_of(choosing, table);

    if (schema == NULL)
        return NULL;
    memmove(schema->name, schema->name + size, strlen(schema->name) - size + 1);
    for (size_t i = 0; i < schema->foreign_key_count; i++) {
        char *target = schema->foreign_keys[i].target_table;

        if (strncmp(target, name, size) == 0)
            memmove(target, target + size, strlen(target) - size + 1);
    }
    return schema;
}

static int narrow(const struct choosing *choosing, struct dataset **dataset, size_t chosen)
{
    struct narrowed *narrowed = calloc(1, sizeof *narrowed);

    if (narrowed == NULL)
        return -ENOMEM;
    narrowed->base = **dataset;
    narrowed->base.class = &narrowed_class;
    narrowed->whole = *dataset;
    narrowed->tables = allocate_array(choosing->count, sizeof *narrowed->tables);
    narrowed->schemas = allocate_array(choosing->count, sizeof *narrowed->schemas);
    if (narrowed->tables == NULL || narrowed->schemas == NULL)
        goto no_memory;
    for (size_t i = 0; i < choosing->count; i++) {
        if (!are_together(choosing, i, chosen))
            continue;
        narrowed->tables[narrowed->count] = i;
        narrowed->schemas[narrowed->count] = bare_schema(choosing, i);
        if (narrowed->schemas[narrowed->count] == NULL)
            goto no_memory;
        narrowed->count++;
    }
    *dataset = &narrowed->base;
    return 0;

no_memory:
    free_narrowed(narrowed);
    return -ENOMEM;
}

/* The table that WORD is the whole name of; SIZE_MAX: of none. */
static size_t find_whole(const struct choosing *choosing, const char *word)
{
    size_t table = 0;

    while (table < choosing->count && strcmp(name_of(choosing, table), word) != 0)
        table++;
    return table < choosing->count ? table : SIZE_MAX;
}

/* Words that name tables of the chosen database have their own names from now on. DROP: those that
 * name others' go. How many are left. */
static size_t keep_words(const struct choosing *choosing, size_t chosen, bool drop,
                         const char **words, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        size_t table = find_whole(choosing, words[i]);
        bool is_own = table != SIZE_MAX && are_together(choosing, table, chosen);

        if (is_own || table == SIZE_MAX || !drop)
            words[kept++] = is_own ? words[i] + choosing->sizes[table] + 1 : words[i];
    }
    return kept;
}

int one_database(struct dataset **dataset, const char *kind, const char *database,
                 struct restore_options *options, const char **tables, const char **excluded,
                 struct failure *failure)
{
    cleanup_free size_t *sizes = NULL;
    struct choosing choosing = {
        .dataset = *dataset,
        .count = (*dataset)->class->table_count(*dataset),
    };
    enum target_engine engine = target_engine_of(kind);
    size_t chosen = SIZE_MAX;
    int error;

    choosing.sizes = sizes = allocate_array(choosing.count, sizeof *sizes);
    if (sizes == NULL)
        return -ENOMEM;
    memset(sizes, 0, choosing.count * sizeof *sizes);
    error = look_at_all(&choosing, engine);
    if (error == 0 && database != NULL)
        error = find_named(&choosing, database, &chosen, failure);
    else if (error == 0 && choosing.any)
        error = choose(&choosing, options, &chosen, failure);
    if (error != 0 || chosen == SIZE_MAX || sizes[chosen] == 0)
        return error;
    error = narrow(&choosing, dataset, chosen);
    if (error != 0)
        return error;
    options->table_count = keep_words(&choosing, chosen, false, tables, options->table_count);
    options->excluded_count =
        keep_words(&choosing, chosen, true, excluded, options->excluded_count);
    return 0;
}
