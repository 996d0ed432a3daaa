/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "backends/source/latin.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/base/utf8.h"

#define NAMES_TRIED 10000

struct delimited {
    struct byte_window window;
    struct row_taker *taker;
    struct delimited_parts *parts; /* NULL */
    const char *name;
    struct delimited_signs signs;
    enum text_set set;
    bool escape_known;
    bool quote_known;
    bool headless;
    size_t columns; /* of the first record */
    struct delimited_field *fields;
    struct delimited_place place;
    struct cell *cells; /* place.columns of them */
    struct buffer scratch;
    bool plain;  /* nothing in the record under way needs converting */
    bool full;   /* there are rows with all columns … */
    bool ragged; /* … and some without */
    bool failed;
};

static int fail(struct delimited *reader, const char *words)
{
    struct failure why;

    failure_set(&why, EIO, "line %llu, byte %llu of %.300s: %s",
                (unsigned long long)byte_window_line(&reader->window),
                (unsigned long long)byte_window_byte(&reader->window), reader->name, words);
    reader->failed = true;
    return reader->taker->class->fail_table(reader->taker, reader->place.table, &why);
}

/*
 * The next record at the window's place. 1 and its fields; 0: the end; -EFBIG, or as the window.
 * *ret_open: the text ends within quotes.
 */
static int next_record(struct delimited *reader, size_t most, size_t *ret_count,
                       const uint8_t **ret_end, bool *ret_open, struct failure *failure)
{
    struct byte_window *window = &reader->window;

    for (;;) {
        const uint8_t *at = window->data + window->at;
        const uint8_t *end = window->data + window->end;

        *ret_open = false;
        if (window->at < window->end) {
            const uint8_t *behind = delimited_record(reader->signs, at, end, window->ended,
                                                     reader->fields, most, ret_count, ret_open);

            if (behind != NULL) {
                *ret_end = behind;
                return 1;
            }
        }
        if (window->ended)
            return 0;

        int more = byte_window_more(window, failure);

        if (more < 0)
            return more;
    }
}

/* --- cells -------------------------------------------------------------------------------- */

static bool is_ascii(const uint8_t *bytes, size_t size)
{
    uint8_t all = 0;

    for (size_t i = 0; i < size; i++)
        all |= bytes[i];
    return all < 0x80;
}

static uint8_t *scratch_end(struct delimited *reader)
{
    return reader->scratch.data + reader->scratch.size;
}

/* The first text that is not ASCII decides what the rest is taken for. */
static void convert(struct delimited *reader, struct cell *cell)
{
    const uint8_t *bytes = cell->data;
    size_t size = (size_t)cell->size;

    if (reader->plain || is_ascii(bytes, size))
        return;
    if (reader->set == TEXT_UNDECIDED)
        reader->set = utf8_whole(bytes, size) ? TEXT_UTF8 : TEXT_WINDOWS;
    if (reader->set != TEXT_WINDOWS && reader->set != TEXT_LATIN1)
        return;

    uint8_t *to = scratch_end(reader);

    cell->size = latin_to_utf8(reader->set == TEXT_WINDOWS, bytes, size, to);
    cell->data = to;
    reader->scratch.size += (size_t)cell->size;
}

/* Of two quotes in a row one. Returns the end of what was copied. */
static uint8_t *copy_quoted(uint8_t *to, const uint8_t *from, size_t size, uint8_t quote)
{
    const uint8_t *end = from + size;

    while (from < end) {
        const uint8_t *found = memchr(from, quote, (size_t)(end - from));
        size_t some = (size_t)((found != NULL ? found + 1 : end) - from);

        memcpy(to, from, some);
        to += some;
        from += some + (found != NULL);
    }
    return to;
}

/* \N, or nothing, unless that is the empty text: where \N was seen, or is all that NULL can be. */
static bool is_null(const struct delimited *reader, const struct delimited_field *field,
                    const uint8_t *at)
{
    struct delimited_signs signs = reader->signs;
    uint8_t before = signs.escape == 0 && signs.nulls ? '\\' : signs.escape;

    if (field->quoted)
        return false;
    if (field->size == 0)
        return !signs.nulls && (signs.escape == 0 || signs.quote != 0);
    return field->size == 2 && before != 0 && at[0] == before && at[1] == 'N';
}

/* In scratch there is room for four times the record. */
static void make_cell(struct delimited *reader, const uint8_t *base,
                      const struct delimited_field *field, struct cell *ret_cell)
{
    const uint8_t *at = base + field->at;
    uint8_t escape = reader->signs.escape;
    bool escaped = escape != 0 && field->size != 0 && memchr(at, escape, field->size) != NULL;

    if (is_null(reader, field, at)) {
        *ret_cell = (struct cell){.class = CELL_NULL};
        return;
    }
    *ret_cell = (struct cell){CELL_TEXT, field->size, at};
    if (escaped || field->doubled || field->tail_size != 0) {
        uint8_t *to = scratch_end(reader);
        uint8_t *start = to;

        to = escaped ? delimited_unescape(to, at, field->size, reader->signs, field->quoted)
                     : copy_quoted(to, at, field->size, reader->signs.quote);
        memcpy(to, base + field->tail_at, field->tail_size);
        to += field->tail_size;
        ret_cell->data = start;
        ret_cell->size = (uint64_t)(to - start);
        reader->scratch.size += (size_t)ret_cell->size;
    }
    convert(reader, ret_cell);
}

/* A record of SIZE bytes at BASE is about to become cells. */
static int begin_cells(struct delimited *reader, const uint8_t *base, size_t size)
{
    reader->plain = reader->set == TEXT_UTF8 || is_ascii(base, size);
    buffer_clear(&reader->scratch);
    return buffer_reserve(&reader->scratch, 4 * size + 16);
}

/* --- the header --------------------------------------------------------------------------- */

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
            make_cell(reader, base, &reader->fields[i], &cell);
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

    return dot != NULL && dot != file ? strndup(file, (size_t)(dot - file)) : strdup(file);
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

static int read_header(struct delimited *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    const uint8_t *end;
    bool open;
    int got = next_record(reader, DELIMITED_COLUMNS_LIMIT, &reader->columns, &end, &open, failure);

    if (got <= 0)
        return got != 0 ? got : -EILSEQ;
    if (reader->columns > DELIMITED_COLUMNS_LIMIT)
        return failure_set(failure, EILSEQ, "%.300s: more than %zu columns", reader->name,
                           DELIMITED_COLUMNS_LIMIT);

    const uint8_t *base = window->data + window->at;
    int error = begin_cells(reader, base, (size_t)(end - base));

    if (error == 0)
        error = begin_table(reader, base, failure);
    if (!reader->headless)
        window->at = (size_t)(end - window->data);
    return error;
}

/* --- rows --------------------------------------------------------------------------------- */

/* An empty line among several columns is no row. */
static bool is_empty_line(const struct delimited *reader, size_t count)
{
    return count == 1 && reader->columns > 1 && reader->fields[0].size == 0 &&
           !reader->fields[0].quoted;
}

static bool has_more_values(const struct delimited *reader, size_t count)
{
    for (size_t i = reader->columns; i < count && i < DELIMITED_COLUMNS_LIMIT; i++) {
        if (reader->fields[i].size != 0)
            return true;
    }
    return false;
}

/* The last row of a text that has no line end has less than every row before. */
static bool is_cut(const struct delimited *reader, const uint8_t *end, size_t count)
{
    const struct byte_window *window = &reader->window;

    return count < reader->columns && reader->full && !reader->ragged && window->ended &&
           end == window->data + window->end && end[-1] != '\n' && end[-1] != '\r';
}

/* In words: why what a quote or a backslash means is not as it was detected. NULL: it is, or the
 * user says it. */
static const char *doubt_of(const struct delimited *reader, const uint8_t *base, size_t known,
                            size_t count)
{
    const struct delimited_field *fields = reader->fields;
    struct delimited_signs signs = reader->signs;

    if (!reader->quote_known && !delimited_lacks_escape(signs, base, fields, known) &&
        delimited_has_stray_quote(signs, base, fields, known))
        return "a field goes on behind its quotes: if they are text as any other, say quote=none in "
               "the archive's URL; if not, and nothing is missing, quote=%22";
    if (reader->escape_known)
        return NULL;
    if (delimited_lacks_escape(signs, base, fields, known))
        return "a backslash stands before a quote within a field: if it takes the quote's meaning, "
               "say escape=%5C in the archive's URL, else escape=none";
    if (delimited_has_late_null(signs, base, fields, known))
        return "here is the first field that is \\N: if it stands for NULL, say escape=%5C in the "
               "archive's URL, else escape=none";
    if (delimited_has_odd_escape(signs, base, fields, known))
        return "a backslash stands where it takes no meaning from anything, as it did before: say "
               "escape=none in the archive's URL if it never does, else escape=%5C";
    if (count < reader->columns && delimited_hides_sign(signs, base, fields, known))
        return "there are fewer fields than columns, and a backslash that may have hidden some: "
               "say escape=none in the archive's URL if it never takes meaning from anything, else "
               "escape=%5C";
    return NULL;
}

static int give_record(struct delimited *reader, const uint8_t *base, size_t size, size_t count,
                       struct failure *failure)
{
    size_t known = count < DELIMITED_COLUMNS_LIMIT ? count : DELIMITED_COLUMNS_LIMIT;
    int error;

    if (is_empty_line(reader, count))
        return 0;
    if (base[0] == '\0')
        return fail(reader, "here are zeros instead of rows: the file was not written whole");
    if (is_cut(reader, base + size, count))
        return fail(reader, "the text ends within a row: it was cut short");
    reader->full = reader->full || count >= reader->columns;
    reader->ragged = reader->ragged || count < reader->columns;

    const char *doubt = doubt_of(reader, base, known, count);

    if (doubt != NULL)
        return fail(reader, doubt);
    if (has_more_values(reader, count))
        return fail(reader, "there are more fields than columns in the first line");
    error = begin_cells(reader, base, size);
    if (error != 0)
        return error;
    if (count < reader->place.columns)
        memset(reader->cells, 0, reader->place.columns * sizeof *reader->cells);
    for (size_t i = 0; i < reader->columns && i < count; i++)
        make_cell(reader, base, &reader->fields[i], &reader->cells[reader->place.places[i]]);
    return reader->taker->class->row(reader->taker, reader->place.table, reader->cells, failure);
}

static int read_rows(struct delimited *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;

    while (!reader->failed) {
        const uint8_t *end;
        size_t count;
        bool open;
        int got = next_record(reader, DELIMITED_COLUMNS_LIMIT, &count, &end, &open, failure);

        if (got == 0 && reader->window.error != 0) {
            int told = fail(reader, reader->window.failure.text);

            return told != 0 ? told
                             : failure_set(failure, -reader->window.error, "%s",
                                           reader->window.failure.text);
        }
        if (got == 0 && open)
            return fail(reader, "the text ends within quotes: it was cut short, or a quote is "
                                "missing from here on");
        if (got == -EFBIG && failure->code == 0)
            return fail(reader, "a record is larger than crmfs takes, or a quote is missing");
        if (got <= 0)
            return got;

        const uint8_t *base = window->data + window->at;
        int error = give_record(reader, base, (size_t)(end - base), count, failure);

        if (error != 0)
            return error;
        window->at = (size_t)(end - window->data);
    }
    return 0;
}

/* Excel's "sep=;" is no record. */
static int skip_said(struct delimited *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    int error = byte_window_want(window, 8, failure);
    const uint8_t *at = window->data + window->at;

    if (error == 0 && window->end - window->at >= 6 && memcmp(at, "sep=", 4) == 0 &&
        at[4] == reader->signs.delimiter && (at[5] == '\n' || at[5] == '\r'))
        window->at += at[5] == '\r' && at[6] == '\n' ? 7 : 6;
    return error;
}

int delimited_read(struct byte_stream *stream, const struct dialect *dialect, const char *name,
                   struct row_taker *taker, struct delimited_parts *parts, struct failure *failure)
{
    struct failure own = {0};
    struct delimited_text text;
    int error = delimited_text_begin(&text, stream, dialect);
    struct delimited reader = {
        .window = BYTE_WINDOW(text.stream, STREAM_ROW_LIMIT),
        .taker = taker,
        .parts = parts,
        .name = name,
        .signs = dialect->signs,
        .escape_known = dialect->escape_known,
        .quote_known = dialect->quote_known,
        .headless = dialect->headless,
        .set = text.set,
        .fields = allocate_array(DELIMITED_COLUMNS_LIMIT, sizeof(struct delimited_field)),
        .scratch = BUFFER(5 * STREAM_ROW_LIMIT),
    };

    if (error == 0)
        error = reader.fields != NULL ? byte_window_want(&reader.window, 4, &own) : -ENOMEM;
    if (error == 0 && reader.window.end >= 3 && memcmp(reader.window.data, "\xef\xbb\xbf", 3) == 0)
        reader.window.at = 3;
    if (error == 0)
        error = skip_said(&reader, &own);
    if (error == 0)
        error = read_header(&reader, &own);
    if (error == 0)
        error = read_rows(&reader, &own);
    if (error == 0 && !reader.failed && !reader.place.goes_on && taker->class->finish_table != NULL)
        error = taker->class->finish_table(taker, reader.place.table, &own);
    free(reader.fields);
    free(reader.place.places);
    free(reader.cells);
    buffer_release(&reader.scratch);
    byte_window_release(&reader.window);
    delimited_text_end(&text);
    if (error != 0 && own.code != 0 && failure != NULL)
        *failure = own;
    return error;
}
