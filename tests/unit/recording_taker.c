/* SPDX-License-Identifier: MIT */
#include "tests/unit/recording_taker.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/fake_source.h"

static struct recording_taker *recording_of(struct row_taker *taker)
{
    return (struct recording_taker *)taker;
}

static void put_table(struct recording_taker *recording, const char *event, size_t number,
                      const struct stream_table *table)
{
    const struct schema *schema = table->schema;
    struct buffer *text = &recording->text;

    must(buffer_print(text, "%s %zu %s (", event, number, schema->name) == 0);
    for (size_t i = 0; i < schema->column_count; i++)
        must(buffer_print(text, "%s%s:%s%s", i > 0 ? "," : "", schema->columns[i].name,
                          column_type_name(schema->columns[i].type),
                          schema->columns[i].not_null ? "!" : "") == 0);
    must(buffer_print(text, ")") == 0);
    if (schema->kind != RELATION_TABLE)
        must(buffer_print(text, " by %s", schema->ddl) == 0);
    for (size_t i = 0; i < schema->primary_key_count; i++)
        must(buffer_print(text, "%s%s", i > 0 ? "," : " key ",
                          schema->columns[schema->primary_key[i]].name) == 0);
    for (size_t i = 0; i < table->term_count && schema->order_key_count != 0; i++)
        must(buffer_print(text, "%s%s%s", i > 0 ? "," : " order ",
                          schema->columns[table->terms[i].column].name,
                          table->terms[i].descending ? "-" : "") == 0);
    if (table->same_key == SAME_KEY_LAST || table->same_key == SAME_KEY_FIRST)
        must(buffer_print(text, "%s",
                          table->same_key == SAME_KEY_LAST ? " the last" : " the first") == 0);
    for (size_t i = 0; i < schema->foreign_key_count; i++)
        must(buffer_print(text, " to %s", schema->foreign_keys[i].target_table) == 0);
    must(buffer_print(text, "\n") == 0);
}

static int begin_table(struct row_taker *taker, const struct stream_table *table, size_t *ret_table,
                       struct failure *failure)
{
    struct recording_taker *recording = recording_of(taker);

    (void)failure;
    must(recording->tables < RECORDING_TABLES);
    recording->columns[recording->tables] = table->schema->column_count;
    put_table(recording, "table", recording->tables, table);
    *ret_table = recording->tables++;
    return 0;
}

static int change_table(struct row_taker *taker, size_t table, const struct stream_table *changed,
                        struct failure *failure)
{
    (void)failure;
    recording_of(taker)->columns[table] = changed->schema->column_count;
    put_table(recording_of(taker), "change", table, changed);
    return 0;
}

#define BYTES_RECORDED ((uint64_t)1 << 20) /* of longer ones only how long they are */

static void put_cell(struct buffer *text, const struct cell *cell)
{
    static const char *const marks[] = {
        [CELL_NUMBER] = "#", [CELL_TEXT] = "\"", [CELL_BYTES] = "x", [CELL_BOOLEAN] = "?"};

    if (cell->class == CELL_NULL) {
        must(buffer_print(text, "NULL") == 0);
        return;
    }
    must(buffer_append_text(text, marks[cell->class]) == 0);
    if (cell->class == CELL_BYTES && cell->size > BYTES_RECORDED) {
        must(buffer_print(text, "(%llu)", (unsigned long long)cell->size) == 0);
        return;
    }
    for (size_t i = 0; i < cell->size && cell->class == CELL_BYTES; i++)
        must(buffer_print(text, "%02x", ((const uint8_t *)cell->data)[i]) == 0);
    if (cell->class != CELL_BYTES)
        must(buffer_append(text, cell->data, (size_t)cell->size) == 0);
}

static int take_row(struct row_taker *taker, size_t table, const struct cell *cells,
                    struct failure *failure)
{
    struct recording_taker *recording = recording_of(taker);
    struct buffer *text = &recording->text;
    size_t columns = recording->columns[table];

    (void)failure;
    must(buffer_print(text, "row %zu ", table) == 0);
    for (size_t i = 0; i < columns; i++) {
        must(buffer_append_text(text, i > 0 ? "|" : "") == 0);
        put_cell(text, &cells[i]);
    }
    must(buffer_append_text(text, "\n") == 0);
    recording->rows++;
    return recording->error;
}

static int fail_table(struct row_taker *taker, size_t table, const struct failure *why)
{
    must(buffer_print(&recording_of(taker)->text, "fail %zu %s\n", table, why->text) == 0);
    return 0;
}

static int drop_table(struct row_taker *taker, size_t table)
{
    must(buffer_print(&recording_of(taker)->text, "drop %zu\n", table) == 0);
    return 0;
}

static void take_trouble(struct row_taker *taker, const struct failure *why)
{
    must(buffer_print(&recording_of(taker)->text, "trouble %s\n", why->text) == 0);
}

static void take_moment(struct row_taker *taker, struct timespec moment)
{
    must(buffer_print(&recording_of(taker)->text, "moment %lld\n", (long long)moment.tv_sec) == 0);
}

static int take_member(struct row_taker *taker, const struct stream_member *member,
                       struct failure *failure)
{
    (void)failure;
    must(buffer_print(&recording_of(taker)->text, "member %s %llu\n", member->path,
                      (unsigned long long)member->bytes) == 0);
    return 0;
}

static int take_bytes(struct row_taker *taker, const void *bytes, size_t size,
                      struct failure *failure)
{
    (void)taker;
    (void)bytes;
    (void)size;
    (void)failure;
    return 0;
}

static const struct row_taker_class recording_class = {
    .begin_table = begin_table,
    .change_table = change_table,
    .row = take_row,
    .fail_table = fail_table,
    .drop_table = drop_table,
    .trouble = take_trouble,
    .moment = take_moment,
    .member_bytes = take_bytes,
    .member = take_member,
};

void recording_begin(struct recording_taker *recording)
{
    *recording =
        (struct recording_taker){.taker = {&recording_class}, .text = BUFFER((size_t)64 << 20)};
}

const char *recording_text(struct recording_taker *recording)
{
    must(buffer_reserve(&recording->text, 1) == 0);
    recording->text.data[recording->text.size] = '\0';
    return (const char *)recording->text.data;
}

void recording_end(struct recording_taker *recording)
{
    buffer_release(&recording->text);
}

static int memory_next(struct byte_stream *base, const void **ret_data, size_t *ret_size,
                       struct failure *failure)
{
    struct memory_stream *stream = (struct memory_stream *)base;
    size_t step = stream->size < stream->step ? stream->size : stream->step;

    if (step == 0 && stream->fails)
        return failure_set(failure, EIO, "the stream is broken");
    *ret_data = stream->bytes;
    *ret_size = step;
    stream->bytes += step;
    stream->size -= step;
    return 0;
}

static const struct byte_stream_class memory_class = {memory_next};

void memory_stream_begin(struct memory_stream *stream, const void *bytes, size_t size, size_t step)
{
    *stream = (struct memory_stream){
        .stream = {&memory_class}, .bytes = bytes, .size = size, .step = step};
}

void recorded_reading_begin(struct recorded_reading *reading, const void *bytes, size_t size,
                            size_t step)
{
    reading->failure = (struct failure){0};
    reading->charset = NULL;
    memory_stream_begin(&reading->from, bytes, size, step);
    recording_begin(&reading->into);
}

void recorded_reading_end(struct recorded_reading *reading)
{
    recording_end(&reading->into);
}
