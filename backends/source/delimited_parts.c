/* SPDX-License-Identifier: MIT */
/*
 * Tables whose rows stand in several members of an archive:
 *
 * - Salesforce's weekly exports: an object's rows go on in the next ZIP, under the same name.
 * - numbered parts, as HubSpot and Zoho write them: contacts-1.csv, contacts-2.csv …,
 *   Contacts_001.csv … are one table "contacts" when they stand in one folder and the columns of
 *   one are all among those of the other. A number of three digits or more that begins with a
 *   zero is one of a part in any case; others are when there is a second part, and are below
 *   1000, for years are none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/base/percent.h"

#define PARTS_LIMIT ((size_t)1 << 16)   /* tables */
#define NUMBERS_LIMIT ((size_t)1 << 10) /* of parts: a gap beyond is not seen */

struct part_table {
    char *key; /* folder and name, without the number */
    struct schema *schema;
    size_t number;                        /* the taker's */
    bool surely;                          /* a part by its name */
    bool joined;                          /* there is more than one part */
    uint64_t numbers[NUMBERS_LIMIT / 64]; /* a bit for each part that is there */
};

struct delimited_parts {
    struct row_taker *taker;
    bool series;
    struct part_table *tables;
    size_t count;
    struct name_map *keys; /* to tables */
    bool failed;           /* some part is missing: all tables fail */
    struct failure why;
    size_t guesses; /* of character sets */
};

struct delimited_parts *delimited_parts_create(struct row_taker *taker, bool series)
{
    struct delimited_parts *parts = calloc(1, sizeof *parts);

    if (parts == NULL)
        return NULL;
    parts->taker = taker;
    parts->series = series;
    if (name_map_create(&parts->keys) != 0) {
        free(parts);
        return NULL;
    }
    return parts;
}

void delimited_parts_free(struct delimited_parts *parts)
{
    if (parts == NULL)
        return;
    name_map_free(parts->keys);
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->tables[i].key);
        schema_release(parts->tables[i].schema);
    }
    free(parts->tables);
    free(parts);
}

/* --- names -------------------------------------------------------------------------------- */

/* A member's name without ending and number. */
struct part_name {
    size_t key_size;
    size_t number;
    bool surely; /* it is a part, if it is the only one */
};

/* HubSpot's exports are dated: "hubspot-crm-exports-all-contacts-2024-01-15". */
static size_t without_date(const char *name, size_t size)
{
    static const char form[] = "-dddd-dd-dd";
    size_t length = sizeof form - 1;

    if (size <= length)
        return size;
    for (size_t i = 0; i < length; i++) {
        char each = name[size - length + i];

        if (form[i] == 'd' ? each < '0' || each > '9' : each != form[i])
            return size;
    }
    return size - length;
}

/* "report-2024-" without the year. */
static size_t without_year(const char *name, size_t size)
{
    size_t digits = 0;

    while (digits + 1 < size && name[size - digits - 2] >= '0' && name[size - digits - 2] <= '9')
        digits++;
    return digits == 4 ? size - digits - 1 : size;
}

/* False: it is no part of anything. */
static bool take_name(const struct delimited_parts *parts, const char *name, struct part_name *ret)
{
    const char *slash = strrchr(name, '/');
    const char *file = slash != NULL ? slash + 1 : name;
    const char *dot = strrchr(file, '.');
    size_t size = dot != NULL && dot != file ? (size_t)(dot - name) : strlen(name);
    size_t begin = (size_t)(file - name);
    size_t digits = 0;

    *ret = (struct part_name){.key_size = size, .surely = true};
    if (parts->series)
        return true;
    while (size - digits > begin && name[size - digits - 1] >= '0' &&
           name[size - digits - 1] <= '9')
        digits++;
    if (digits == 0 || size - digits < begin + 2 || without_date(name, size) != size)
        return false;

    /* A month, perhaps: report-2024-03. */
    if (digits == 2 && without_year(name + begin, size - begin - digits) != size - begin - digits)
        return false;

    char sign = name[size - digits - 1];

    ret->key_size = size - digits - 1;
    ret->number = strtoul(name + size - digits, NULL, 10);
    ret->surely = digits >= 3 && name[size - digits] == '0';
    return (sign == '_' || sign == '-' || sign == ' ') && (ret->surely || digits <= 3);
}

/* What the table is called: the key without folders, and what HubSpot puts around it. */
static char *table_name(const char *key)
{
    static const char hubspot[] = "hubspot-crm-exports-";
    const char *slash = strrchr(key, '/');
    const char *name = slash != NULL ? slash + 1 : key;
    size_t size = strlen(name);

    if (strncmp(name, hubspot, sizeof hubspot - 1) == 0 && size > sizeof hubspot) {
        name += sizeof hubspot - 1;
        size = without_date(name, strlen(name));
    }
    return percent_decoded(name, size);
}

/* --- columns ------------------------------------------------------------------------------ */

static ssize_t column_of(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        if (strcmp(schema->columns[i].name, name) == 0)
            return (ssize_t)i;
    }
    return -1;
}

/* How many of ONE's columns are not among OTHER's. */
static size_t count_missing(const struct schema *one, const struct schema *other)
{
    size_t missing = 0;

    for (size_t i = 0; i < one->column_count; i++)
        missing += column_of(other, one->columns[i].name) < 0;
    return missing;
}

static int copy_column(struct column *to, const struct column *from)
{
    to->name = strdup(from->name);
    to->native_type = strdup(from->native_type);
    to->type = from->type;
    return to->name != NULL && to->native_type != NULL ? 0 : -ENOMEM;
}

/* BEFORE under another name, with the columns of MORE that it has not. NULL: no memory. */
static struct schema *widen(const struct schema *before, const struct schema *more,
                            const char *name)
{
    struct schema *schema = schema_create(name, before->column_count + count_missing(more, before));
    size_t count = before->column_count;
    int error = schema != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; i < count && error == 0; i++)
        error = copy_column(&schema->columns[i], &before->columns[i]);
    for (size_t i = 0; i < more->column_count && error == 0; i++) {
        if (column_of(before, more->columns[i].name) < 0)
            error = copy_column(&schema->columns[count++], &more->columns[i]);
    }
    if (error == 0)
        schema->ddl = strdup("");
    if (error == 0 && schema->ddl != NULL)
        return schema;
    schema_release(schema);
    return NULL;
}

static int set_place(const struct schema *part, const struct part_table *table, bool goes_on,
                     struct delimited_place *ret_place)
{
    struct delimited_place place = {
        .table = table->number,
        .columns = table->schema->column_count,
        .places = allocate_array(part->column_count, sizeof *place.places),
        .goes_on = goes_on,
    };

    if (place.places == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < part->column_count; i++)
        place.places[i] = (size_t)column_of(table->schema, part->columns[i].name);
    *ret_place = place;
    return 0;
}

/* --- tables ------------------------------------------------------------------------------- */

static int add_table(struct delimited_parts *parts, const char *key, bool surely,
                     struct schema *schema, size_t number)
{
    struct part_table *tables = parts->count < PARTS_LIMIT
                                    ? reallocarray(parts->tables, parts->count + 1, sizeof *tables)
                                    : NULL;
    char *own_key = tables != NULL ? strdup(key) : NULL;
    int error = -ENOMEM;

    if (tables != NULL)
        parts->tables = tables;
    if (own_key != NULL)
        error = name_map_add(parts->keys, own_key, parts->count);
    if (error != 0) {
        free(own_key);
        return error;
    }
    tables[parts->count++] = (struct part_table){
        .key = own_key,
        .schema = schema_reference(schema),
        .number = number,
        .surely = surely,
    };
    return 0;
}

static void note_number(struct part_table *table, size_t number)
{
    if (number < NUMBERS_LIMIT)
        table->numbers[number / 64] |= (uint64_t)1 << number % 64;
}

/* The first part, or no part: KEY is NULL. */
static int begin(struct delimited_parts *parts, const char *key, const struct part_name *part,
                 struct schema *schema, struct delimited_place *ret_place, struct failure *failure)
{
    struct part_table table = {.schema = schema};

    if (key != NULL && part->surely) {
        char *name = table_name(key);

        if (name == NULL)
            return -ENOMEM;
        free(schema->name);
        schema->name = name;
    }

    int error = parts->taker->class->begin_table(
        parts->taker, &(struct stream_table){.schema = schema}, &table.number, failure);

    if (error == 0 && key != NULL)
        error = add_table(parts, key, part->surely, schema, table.number);
    if (error == 0 && key != NULL)
        note_number(&parts->tables[parts->count - 1], part->number);
    return error != 0 ? error : set_place(schema, &table, key != NULL, ret_place);
}

static int join(struct delimited_parts *parts, struct part_table *table,
                const struct schema *schema, struct delimited_place *ret_place,
                struct failure *failure)
{
    cleanup_free char *name = table_name(table->key);
    int error = name != NULL ? 0 : -ENOMEM;

    if (error == 0 && (!table->joined || count_missing(schema, table->schema) != 0)) {
        struct schema *wider = widen(table->schema, schema, name);

        error =
            wider == NULL ? -ENOMEM
            : wider->column_count > DELIMITED_COLUMNS_LIMIT
                ? failure_set(failure, EILSEQ, "table %.200s: its parts have more than %zu columns",
                              name, DELIMITED_COLUMNS_LIMIT)
                : parts->taker->class->change_table(parts->taker, table->number,
                                                    &(struct stream_table){.schema = wider},
                                                    failure);
        if (error != 0) {
            schema_release(wider);
            return error;
        }
        schema_release(table->schema);
        table->schema = wider;
        table->joined = true;
    }
    return error != 0 ? error : set_place(schema, table, true, ret_place);
}

int delimited_parts_place(struct delimited_parts *parts, const char *name, struct schema *schema,
                          struct delimited_place *ret_place, struct failure *failure)
{
    struct part_name part;

    if (!take_name(parts, name, &part))
        return begin(parts, NULL, NULL, schema, ret_place, failure);

    cleanup_free char *key = strndup(name, part.key_size);
    const size_t *known = key != NULL ? name_map_find(parts->keys, key) : NULL;

    if (key == NULL)
        return -ENOMEM;
    if (known == NULL)
        return begin(parts, key, &part, schema, ret_place, failure);

    struct part_table *table = &parts->tables[*known];

    note_number(table, part.number);
    if (!parts->series && count_missing(schema, table->schema) != 0 &&
        count_missing(table->schema, schema) != 0)
        return begin(parts, NULL, NULL, schema, ret_place, failure);
    return join(parts, table, schema, ret_place, failure);
}

/* --- what is missing ----------------------------------------------------------------------- */

int delimited_parts_fail(struct delimited_parts *parts, const char *name, const struct failure *why)
{
    struct part_name part;

    if (name == NULL || parts->series) {
        if (!parts->failed)
            parts->why = *why;
        parts->failed = true;
        return 0;
    }
    if (!take_name(parts, name, &part))
        return 0;

    cleanup_free char *key = strndup(name, part.key_size);
    const size_t *known = key != NULL ? name_map_find(parts->keys, key) : NULL;

    if (key == NULL)
        return -ENOMEM;
    return known != NULL
               ? parts->taker->class->fail_table(parts->taker, parts->tables[*known].number, why)
               : 0;
}

static bool is_there(const struct part_table *table, size_t number)
{
    return (table->numbers[number / 64] >> number % 64 & 1) != 0;
}

/* A part has a number beyond one that no part has. They begin with 0 or 1; where only more than one
 * makes it a table in parts, what the first is called is not known. */
static void tell_gap(struct delimited_parts *parts, const struct part_table *table)
{
    cleanup_free char *name = table_name(table->key);
    size_t last = NUMBERS_LIMIT;
    size_t number = 1;
    struct failure why;

    while (last > 0 && !is_there(table, last - 1))
        last--;
    while (!table->surely && number < last && !is_there(table, number))
        number++;
    while (number < last && is_there(table, number))
        number++;
    if (number >= last || name == NULL)
        return;
    failure_set(&why, ENOENT,
                "table %.200s: its part %zu is not there, though a later one is: rows may be "
                "missing",
                name, number);
    parts->taker->class->trouble(parts->taker, &why);
}

bool delimited_parts_note_guess(struct delimited_parts *parts)
{
    return parts->guesses++ == 0;
}

static void tell_guesses(struct delimited_parts *parts)
{
    struct failure why;

    if (parts->guesses < 2)
        return;
    failure_set(
        &why, ENOTUNIQ,
        "%zu more tables as text in it are not UTF-8, and taken for Windows-1252: if letters "
        "are wrong, say in the archive's URL what they are in, as in charset=cp850",
        parts->guesses - 1);
    parts->taker->class->trouble(parts->taker, &why);
}

int delimited_parts_end(struct delimited_parts *parts)
{
    int error = 0;

    tell_guesses(parts);
    for (size_t i = 0; i < parts->count && !parts->series; i++) {
        if (parts->tables[i].surely || parts->tables[i].joined)
            tell_gap(parts, &parts->tables[i]);
    }

    for (size_t i = 0; i < parts->count && error == 0 && parts->failed; i++) {
        const struct part_table *table = &parts->tables[i];

        if (table->surely || table->joined)
            error = parts->taker->class->fail_table(parts->taker, table->number, &parts->why);
    }
    return error;
}
