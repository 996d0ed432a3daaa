/* SPDX-License-Identifier: MIT */
/*
 * Large cells, over a connection of their own: the one of the cursor is busy with
 * its rows. The server takes the value out of storage once and sends it in pieces, in order;
 * who goes back in a cell has it begun again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "backends/source/sql_text.h"

#define PIECE_BYTES ((uint64_t)1 << 20)

struct large_cell {
    struct postgres_dataset *dataset;
    struct link link;
    PGresult *piece; /* NULL: nothing is under way */
    size_t column;   /* of the cell under way */
    uint64_t begin;  /* where the piece is in the cell */
};

int postgres_large_cell_create(struct postgres_dataset *dataset, struct large_cell **ret_large,
                               struct failure *failure)
{
    struct large_cell *large = calloc(1, sizeof *large);

    if (large == NULL)
        return postgres_no_memory(failure, &dataset->keeper);
    large->dataset = dataset;

    int error = postgres_dataset_connect(dataset, &large->link, failure);

    if (error != 0) {
        free(large);
        return error;
    }
    *ret_large = large;
    return 0;
}

/* Pieces that nobody wants are read and thrown away, so that the connection can be used again. */
static int drain(struct large_cell *large, struct failure *failure)
{
    int error = 0;

    while (large->piece != NULL && error == 0) {
        PQclear(large->piece);
        large->piece = NULL;
        error = postgres_link_rows_next(&large->link, &large->piece, failure);
    }
    return error;
}

/* A value as the bytes that it is shown as, taken out of storage once. */
static int write_query(const struct large_cell *large, const struct table *table,
                       const struct row_place *place, size_t column, uint64_t cell_bytes,
                       struct buffer *sql)
{
    const struct table_column *own = &table->columns[column];
    bool bytes = own->value.form == VALUE_BYTES;
    cleanup_free char *name = sql_name(own->raw_name);
    int error = name == NULL ? -ENOMEM : 0;

    if (error == 0)
        error = buffer_print(sql,
                             "SELECT pg_catalog.substr(v.value, 1 OPERATOR(pg_catalog.+)"
                             " (n.number OPERATOR(pg_catalog.*) %llu), %llu) FROM (SELECT ",
                             (unsigned long long)PIECE_BYTES, (unsigned long long)PIECE_BYTES);
    if (error == 0 && bytes)
        error = buffer_print(sql, "%s::pg_catalog.bytea OPERATOR(pg_catalog.||) ''", name);
    else if (error == 0)
        error = buffer_print(sql, "pg_catalog.convert_to(pg_catalog.concat(%s), '%s')", name,
                             large->link.client_encoding);
    if (error == 0)
        error = buffer_print(sql,
                             " AS value FROM %s WHERE tableoid OPERATOR(pg_catalog.=) %s"
                             " AND ctid OPERATOR(pg_catalog.=) '%s' OFFSET 0) v,"
                             " pg_catalog.generate_series(0, %llu) n (number)",
                             table->from, place->table, place->ctid,
                             (unsigned long long)((cell_bytes - 1) / PIECE_BYTES));
    return error == 0 ? buffer_append(sql, "", 1) : error;
}

static int begin(struct large_cell *large, const struct table *table, const struct row_place *place,
                 size_t column, uint64_t cell_bytes, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = drain(large, failure);

    if (error != 0)
        return error;
    if (write_query(large, table, place, column, cell_bytes, &sql) != 0)
        return postgres_no_memory(failure, &large->link);
    large->column = column;
    large->begin = 0;
    error = postgres_link_rows_begin(&large->link, (const char *)sql.data, failure);
    return error == 0 ? postgres_link_rows_next(&large->link, &large->piece, failure) : error;
}

static size_t piece_size(const struct large_cell *large)
{
    return large->piece != NULL ? (size_t)PQgetlength(large->piece, 0, 0) : 0;
}

int postgres_large_cell_read(struct large_cell *large, const struct table *table,
                             const struct row_place *place, size_t column, uint64_t cell_bytes,
                             uint64_t offset, void *buffer, size_t size, struct failure *failure)
{
    uint8_t *to = buffer;
    int error = 0;

    if (large->piece == NULL || large->column != column || offset < large->begin)
        error = begin(large, table, place, column, cell_bytes, failure);
    while (error == 0 && size > 0) {
        size_t length = piece_size(large);

        if (length == 0)
            return failure_set(failure, EIO, "%s: a large value came to an end too early",
                               large->link.place);
        if (offset >= large->begin + length) {
            large->begin += length;
            PQclear(large->piece);
            large->piece = NULL;
            error = postgres_link_rows_next(&large->link, &large->piece, failure);
            continue;
        }

        size_t inside = (size_t)(offset - large->begin);
        size_t step = length - inside < size ? length - inside : size;

        memcpy(to, PQgetvalue(large->piece, 0, 0) + inside, step);
        to += step;
        offset += step;
        size -= step;
    }
    return error;
}

void postgres_large_cell_row_ends(struct large_cell *large)
{
    large->column = SIZE_MAX;
}

void postgres_large_cell_free(struct large_cell *large)
{
    if (large == NULL)
        return;
    PQclear(large->piece);
    postgres_link_close(&large->link);
    free(large);
}
