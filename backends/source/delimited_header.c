/* SPDX-License-Identifier: MIT */
/* The first record of a table as text, which names its columns. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited_internal.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/base/percent.h"
#include "fs/base/utf8.h"

#define NAMES_TRIED 10000

/* A name of the column's own. */
static int name_column(struct name_map *names, struct schema *schema, size_t index,
                       const struct cell *cell)
{
    cleanup_free char *plain = NULL;
    int length = cell->size != 0
                     ? asprintf(&plain, "%.*s", (int)cell->size, (const char *)cell->data)
                     : asprintf(&plain, "column%zu", index + 1);

    if (length < 0) {
        plain = NULL;
        return -ENOMEM;
    }
    /* A NUL ends it, bytes that are not UTF-8 are replaced. */
    for (char *at = plain; *at != '\0';) {
        size_t step = utf8_character(at, strlen(at));

        if (step == 0)
            *at = '?';
        at += step != 0 ? step : 1;
    }

    char *name = strdup(plain);
    int error = name != NULL ? name_map_add(names, name, index) : -ENOMEM;

    for (int i = 2; error == -EEXIST && i < NAMES_TRIED; i++) {
        free(name);
        if (asprintf(&name, "%s (%d)", plain, i) < 0)
            return -ENOMEM;
        error = name_map_add(names, name, index);
    }
    if (error != 0) {
        free(name);
        return error == -EEXIST ? -EILSEQ : error;
    }
    schema->columns[index].name = name;
    return 0;
}

static int fill_schema(struct delimited *reader, struct schema *schema, const uint8_t *base)
{
    cleanup_name_map struct name_map *names = NULL;
    int error = name_map_create(&names);

    for (size_t i = 0; i < reader->columns && error == 0; i++) {
        struct cell cell = {.class = CELL_NULL};

        if (!reader->headless)
            delimited_make_cell(reader, base, &reader->fields[i], &cell);
        schema->columns[i].type = COLUMN_TEXT;
        schema->columns[i].native_type = strdup("");
        error =
            schema->columns[i].native_type != NULL ? name_column(names, schema, i, &cell) : -ENOMEM;
    }
    schema->ddl = strdup("");
    return error == 0 && schema->ddl == NULL ? -ENOMEM : error;
}

/* The table's name: the file's without folders and ending. */
static char *table_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(file, '.');

    return percent_decoded(file, dot != NULL && dot != file ? (size_t)(dot - file) : strlen(file));
}

/* A table of its own: its columns are those of the file. */
static int place_alone(struct delimited *reader, struct schema *schema, struct failure *failure)
{
    struct delimited_place *place = &reader->place;

    place->columns = reader->columns;
    place->places = allocate_array(reader->columns, sizeof *place->places);
    for (size_t i = 0; place->places != NULL && i < reader->columns; i++)
        place->places[i] = i;
    return place->places == NULL
               ? -ENOMEM
               : reader->taker->class->begin_table(reader->taker,
                                                   &(struct stream_table){.schema = schema},
                                                   &place->table, failure);
}

static int begin_table(struct delimited *reader, const uint8_t *base, struct failure *failure)
{
    cleanup_free char *name = table_name(reader->name);
    struct schema *schema = name != NULL ? schema_create(name, reader->columns) : NULL;
    int error = schema != NULL ? fill_schema(reader, schema, base) : -ENOMEM;

    if (error == 0)
        error = reader->parts != NULL ? delimited_parts_place(reader->parts, reader->name, schema,
                                                              &reader->place, failure)
                                      : place_alone(reader, schema, failure);
    if (error == 0) {
        reader->cells = allocate_array(reader->place.columns, sizeof *reader->cells);
        error = reader->cells != NULL ? 0 : -ENOMEM;
    }
    schema_release(schema);
    return error;
}

/* A number, or an address: hardly what a column is called. */
static bool is_value(const uint8_t *text, size_t size)
{
    bool digits = false;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '@' && i != 0 && i + 1 < size)
            return true;
    }
    for (size_t i = 0; i < size; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';

        if (!digit && strchr("+-.,:/ ", text[i]) == NULL)
            return false;
        digits = digits || digit;
    }
    return digits;
}

/* Tells if the first record may be a row. */
static void note_header(const struct delimited *reader, const uint8_t *base)
{
    const struct delimited_field *field = reader->fields;
    const struct delimited_field *end = field + reader->columns;
    struct failure why;

    while (field < end && !is_value(base + field->at, field->size))
        field++;
    if (field == end || reader->headless || reader->header_known)
        return;
    failure_set(
        &why, ENOTUNIQ,
        "%.300s: its first line is taken for the names of columns, though \"%.*s\" in it may "
        "be a value: if that is a row, say header=no in the archive's URL",
        reader->name, (int)(field->size < 40 ? field->size : 40), (const char *)base + field->at);
    reader->taker->class->trouble(reader->taker, &why);
}

/* In words, and as a user writes it in an URL. */
struct delimiter_words {
    const char *words;
    const char *value;
};

static struct delimiter_words words_of(uint8_t delimiter)
{
    switch (delimiter) {
    case '\t': return (struct delimiter_words){"tabs", "tab"};
    case ';': return (struct delimiter_words){"semicolons", "%3B"};
    case '|': return (struct delimiter_words){"bars", "%7C"};
    default: return (struct delimiter_words){"commas", "%2C"};
    }
}

/* Tells if fields may have been told apart by another delimiter. */
static void note_rival(const struct delimited *reader)
{
    struct delimiter_words chosen = words_of(reader->signs.delimiter);
    struct delimiter_words rival = words_of(reader->rival);
    struct failure why;

    if (reader->rival == 0)
        return;
    failure_set(&why, ENOTUNIQ,
                "%.300s: its fields may be told apart by %s or by %s, and are taken to be by %s: "
                "say delimiter=%s in the archive's URL, or delimiter=%s",
                reader->name, chosen.words, rival.words, chosen.words, chosen.value, rival.value);
    reader->taker->class->trouble(reader->taker, &why);
}

int delimited_read_header(struct delimited *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    const uint8_t *end;
    bool open;
    int got = delimited_next_record(reader, DELIMITED_COLUMNS_LIMIT, &reader->columns, &end, &open,
                                    failure);

    if (got <= 0)
        return got != 0 ? got : -EILSEQ;
    if (reader->columns > DELIMITED_COLUMNS_LIMIT)
        return failure_set(failure, EILSEQ, "%.300s: more than %zu columns", reader->name,
                           DELIMITED_COLUMNS_LIMIT);

    const uint8_t *base = window->data + window->at;
    int error = delimited_begin_cells(reader, base, (size_t)(end - base));

    if (error == 0)
        error = begin_table(reader, base, failure);
    if (error == 0) {
        note_rival(reader);
        note_header(reader, base);
    }
    if (!reader->headless)
        window->at = (size_t)(end - window->data);
    return error;
}
