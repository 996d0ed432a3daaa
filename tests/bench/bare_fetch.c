/* SPDX-License-Identifier: MIT */
/*
 * usage: bare_fetch SOCKET DATABASE TABLE
 * The least that reading a table from a server takes: fetches its rows with
 * mysql_use_result and copies every cell to memory. What crmfs needs beyond is its
 * own doing.
 */
#include <mysql.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)4 << 20)

static char buffer[BUFFER_BYTES];

static uint64_t fetch(MYSQL_RES *rows)
{
    uint64_t total = 0;
    unsigned columns = mysql_num_fields(rows);
    MYSQL_ROW row;

    while ((row = mysql_fetch_row(rows)) != NULL) {
        unsigned long *lengths = mysql_fetch_lengths(rows);

        for (unsigned i = 0; i < columns; i++) {
            size_t place = total % (BUFFER_BYTES / 2);

            if (row[i] != NULL && lengths[i] < BUFFER_BYTES / 2)
                memcpy(buffer + place, row[i], lengths[i]);
            total += lengths[i];
        }
    }
    return total;
}

int main(int argc, char **argv)
{
    MYSQL *server = mysql_init(NULL);
    MYSQL_RES *rows = NULL;
    char query[200];

    if (argc != 4 || server == NULL) {
        fprintf(stderr, "usage: bare_fetch SOCKET DATABASE TABLE\n");
        return 2;
    }
    snprintf(query, sizeof query, "SELECT * FROM `%s`", argv[3]);
    if (mysql_real_connect(server, NULL, "root", NULL, argv[2], 0, argv[1], 0) != NULL &&
        mysql_set_character_set(server, "utf8mb4") == 0 && mysql_query(server, query) == 0)
        rows = mysql_use_result(server);
    if (rows != NULL) {
        printf("%llu\n", (unsigned long long)fetch(rows));
        mysql_free_result(rows);
    }
    if (rows == NULL || mysql_errno(server) != 0) {
        fprintf(stderr, "bare_fetch: %s\n", mysql_error(server));
        return 1;
    }
    mysql_close(server);
    return 0;
}
