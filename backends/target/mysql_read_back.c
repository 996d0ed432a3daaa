/* SPDX-License-Identifier: MIT */
#include "backends/target/mysql_read_back.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/base/memory.h"

int mysql_read_back_create(struct mysql_read_back *back, const struct mysql_load *load,
                           const struct mysql_table *table, struct mysql_link *link)
{
    size_t count = table->schema->column_count;

    *back = (struct mysql_read_back){
        .load = load,
        .table = table,
        .link = link,
        .row = allocate_array(count, sizeof *back->row),
        .written = allocate_array(load->base.work.column_count, sizeof *back->written),
        .numbers = allocate_array(count, sizeof *back->numbers),
        .value = BUFFER((size_t)1 << 31),
    };
    return back->row != NULL && back->written != NULL && back->numbers != NULL ? 0 : -ENOMEM;
}

void mysql_read_back_release(struct mysql_read_back *back)
{
    free(back->row);
    free(back->written);
    free(back->numbers);
    buffer_release(&back->value);
}

static int add_row(struct mysql_read_back *back, MYSQL_ROW row, const unsigned long *lengths)
{
    const struct row_work *work = &back->load->base.work;
    struct mysql_cursor cursor = {
        .table = back->table, .cells = back->row, .numbers = back->numbers};

    mysql_fill_cells(&cursor, row, lengths);
    for (size_t i = 0; i < work->column_count; i++)
        back->written[i] = back->row[work->columns[i]];
    return row_sum_add(&back->sum, work->fits, back->written, work->column_count, &back->value);
}

static int add_rows(struct mysql_read_back *back, MYSQL_RES *rows, uint64_t limit,
                    struct buffer *last)
{
    MYSQL_ROW row;
    uint64_t count = 0;
    int error = 0;

    while (error == 0 && (row = mysql_link_fetch(back->link, rows)) != NULL) {
        const unsigned long *lengths = mysql_fetch_lengths(rows);

        error = add_row(back, row, lengths);
        if (error == 0 && last != NULL && ++count == limit)
            error = mysql_key_copy(back->table, (const char *const *)row, lengths, last);
    }
    return error == 0 && last != NULL && count != limit ? -ENODATA : error;
}

int mysql_read_back_part(struct mysql_read_back *back, const struct mysql_part *part,
                         struct buffer *last, struct failure *failure)
{
    const struct mysql_load *load = back->load;
    MYSQL *handle = back->link->handle;
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = mysql_write_query(back->table, false, part, &text);

    if (error != 0)
        return error;
    mysql_link_wait_begins(back->link);
    if (mysql_real_query(handle, (const char *)text.data, text.size) == 0)
        rows = mysql_use_result(handle);
    mysql_link_wait_ends(back->link);
    if (rows != NULL)
        error = add_rows(back, rows, part->limit, last);
    /* Also a lost connection ends a result; only that has an error. */
    if ((error == 0 || error == -ENODATA) && mysql_errno(handle) != 0)
        error = mysql_link_failure(load->target->source, back->link, load->place->schema->name,
                                   failure);
    return error;
}
