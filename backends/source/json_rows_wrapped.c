/* SPDX-License-Identifier: MIT */
/* Objects around tables: {"results":[…],"paging":{…}}. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/json_rows_internal.h"
#include "fs/base/ascii.h"

#define NAME_LIMIT 200

/* Keys that say nothing of what stands under them. */
static bool is_wrapper(const char *key)
{
    static const char *const wrappers[] = {"results", "result", "data",    "records", "record",
                                           "items",   "item",   "rows",    "row",     "value",
                                           "values",  "list",   "entries", "objects", "elements",
                                           "content", "hits",   "response"};

    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        if (ascii_equal(key, wrappers[i]))
            return true;
    }
    return false;
}

/* At a key: goes behind its ':'. NAME: the table's, if an array follows. */
static int read_key(struct json_reader *reader, char name[NAME_LIMIT + 1], struct failure *failure)
{
    struct json_piece key;

    for (;;) {
        struct json_scan scan = json_reader_scan(reader);

        if (json_scan_key(&scan, scan.at, &key)) {
            const uint8_t *at = json_reader_scan(reader).at + key.at;
            size_t size = key.size < NAME_LIMIT ? key.size : NAME_LIMIT;
            bool plain = size != 0 && !key.escaped && memchr(at, '\0', size) == NULL;

            snprintf(name, NAME_LIMIT + 1, "%.*s", plain ? (int)size : 0, (const char *)at);
            json_reader_go(reader, &scan);
            return 0;
        }

        int more = scan.more ? json_reader_look_further(reader, failure) : 0;

        if (more <= 0)
            return more < 0 && more != -EFBIG ? more : json_reader_refuse(reader, scan.at, failure);
    }
}

/* Goes behind a value that is no table. */
static int skip_value(struct json_reader *reader, struct failure *failure)
{
    for (;;) {
        struct json_scan scan = json_reader_scan(reader);
        struct json_piece piece;
        bool whole = json_scan_value(&scan, scan.at, &piece);

        if (whole) {
            json_reader_go(reader, &scan);
            return 0;
        }

        int more = scan.more ? json_reader_look_further(reader, failure) : 0;

        if (more <= 0)
            return more < 0 && more != -EFBIG ? more : json_reader_refuse(reader, scan.at, failure);
    }
}

/* At '[': whether an object stands first in it. 1, 0 or -errno. */
static int is_table(struct json_reader *reader, struct failure *failure)
{
    for (;;) {
        struct json_scan scan = json_reader_scan(reader);

        scan.at++;
        json_skip_blank(&scan);
        if (scan.at < scan.end)
            return *scan.at == '{';

        int more = json_reader_look_further(reader, failure);

        if (more <= 0)
            return more;
    }
}

static int read_member(struct json_reader *reader, const char *outer, unsigned depth,
                       bool *ret_failed, struct failure *failure)
{
    char key[NAME_LIMIT + 1] = "";
    int error = read_key(reader, key, failure);
    int sign = error == 0 ? json_reader_next_sign(reader, failure) : error;
    const char *name = error == 0 && key[0] != '\0' && !is_wrapper(key) ? key : outer;

    if (sign < 0)
        return sign;
    if (sign == '[') {
        int table = is_table(reader, failure);

        if (table < 0)
            return table;
        if (table > 0) {
            reader->window.at++;
            return json_reader_table(reader, name, JSON_WRAPPED, ret_failed, failure);
        }
    }
    if (sign == '{' && depth < JSON_ROWS_WRAPPERS)
        return json_reader_wrapped(reader, name, depth + 1, ret_failed, failure);
    return skip_value(reader, failure);
}

int json_reader_wrapped(struct json_reader *reader, const char *name, unsigned depth,
                        bool *ret_failed, struct failure *failure)
{
    bool first = true;

    reader->window.at++;
    for (;;) {
        int sign = json_reader_next_sign(reader, failure);
        int error;

        if (sign < 0)
            return sign;
        if (sign == '}' && first)
            break;
        error = read_member(reader, name, depth, ret_failed, failure);
        if (error != 0 || *ret_failed)
            return error;
        first = false;
        sign = json_reader_next_sign(reader, failure);
        if (sign < 0)
            return sign;
        if (sign != ',' && sign != '}')
            return json_reader_refuse(reader, json_reader_scan(reader).at, failure);
        if (sign == '}')
            break;
        reader->window.at++;
    }
    reader->window.at++;
    return 0;
}
