/* SPDX-License-Identifier: MIT */
/*
 * usage: bare_scan DATABASE TABLE
 * The least that reading a table takes: steps over its rows in key order and
 * copies every cell to memory. What crmfs needs beyond is its own doing.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)4 << 20)

struct copier {
    char *buffer;
    size_t used;
    uint64_t total;
};

static void copy(struct copier *copier, const void *bytes, size_t size)
{
    copier->total += size;
    while (size > 0) {
        size_t room = BUFFER_BYTES - copier->used;
        size_t part = size < room ? size : room;
        memcpy(copier->buffer + copier->used, bytes, part);
        copier->used = (copier->used + part) % BUFFER_BYTES;
        bytes = (const char *)bytes + part;
        size -= part;
    }
}

static void copy_cell(struct copier *copier, sqlite3_stmt *statement, int column)
{
    int64_t integer = 0;
    double number = 0;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        integer = sqlite3_column_int64(statement, column);
        copy(copier, &integer, sizeof(integer));
        break;
    case SQLITE_FLOAT:
        number = sqlite3_column_double(statement, column);
        copy(copier, &number, sizeof(number));
        break;
    case SQLITE_NULL: break;
    default: {
        const void *bytes = sqlite3_column_blob(statement, column);
        copy(copier, bytes, (size_t)sqlite3_column_bytes(statement, column));
    }
    }
}

static int scan(sqlite3 *database, const char *table, struct copier *copier)
{
    char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", table);
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    sqlite3_free(sql);
    if (result != SQLITE_OK)
        return result;

    int columns = sqlite3_column_count(statement);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int column = 0; column < columns; column++)
            copy_cell(copier, statement, column);
    }
    sqlite3_finalize(statement);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bare_scan DATABASE TABLE\n");
        return 2;
    }
    sqlite3 *database = NULL;
    struct copier copier = {.buffer = malloc(BUFFER_BYTES)};
    int result = SQLITE_NOMEM;
    if (copier.buffer)
        result = sqlite3_open_v2(argv[1], &database, SQLITE_OPEN_READONLY, NULL);
    if (result == SQLITE_OK)
        result = scan(database, argv[2], &copier);
    if (result != SQLITE_DONE)
        fprintf(stderr, "bare_scan: %s\n", sqlite3_errmsg(database));
    else
        printf("%llu\n", (unsigned long long)copier.total);
    sqlite3_close(database);
    free(copier.buffer);
    return result == SQLITE_DONE ? 0 : 1;
}
