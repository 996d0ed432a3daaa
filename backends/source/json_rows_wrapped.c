/* SPDX-License-Identifier: MIT */
/* Objects, and tables in them: {"results":[…],"paging":{…}}. */
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

/* A text that says where something is. */
static bool is_address(const uint8_t *base, const struct json_piece *value)
{
    static const char *const begins[] = {"http://", "https://", "/",
                                         "\\/",     "http:\\/", "https:\\/"};

    if (base == NULL || value->kind != JSON_STRING)
        return false;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        size_t size = strlen(begins[i]);

        if (value->size > size && memcmp(base + value->at, begins[i], size) == 0)
            return true;
    }
    return false;
}

/* How interfaces that answer page by page say that there is another. */
static bool says_more(const char *outer, const char *key, const uint8_t *base,
                      const struct json_piece *value)
{
    static const struct {
        const char *key;
        enum json_kind kind;
    } marks[] = {
        {"done", JSON_FALSE},
        {"nextRecordsUrl", JSON_STRING},
        {"has_more", JSON_TRUE},
        {"hasMore", JSON_TRUE},
        {"more_records", JSON_TRUE},
        {"more_items_in_collection", JSON_TRUE},
        {"@odata.nextLink", JSON_STRING},
        {"nextPageToken", JSON_STRING},
        {"next_cursor", JSON_STRING},
    };

    if (strcmp(outer, "next") == 0 && strcmp(key, "after") == 0)
        return value->kind == JSON_STRING;
    /* Django's, JSON:API's and HAL's. */
    if (strcmp(key, "next") == 0 || (strcmp(outer, "next") == 0 && strcmp(key, "href") == 0))
        return is_address(base, value);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (strcmp(key, marks[i].key) == 0)
            return value->kind == marks[i].kind && value->size != 0;
    }
    return false;
}

static void note_page(struct json_reader *reader, const char *outer, const char *key,
                      const uint8_t *base, const struct json_piece *value)
{
    struct failure why;

    if (reader->page_told || !says_more(outer, key, base, value))
        return;
    reader->page_told = true;
    failure_set(&why, EILSEQ,
                "line %llu of %.300s: \"%s\" says that there is more: this is one page of several, "
                "and what it holds lacks the rows of the others",
                (unsigned long long)byte_window_line(&reader->window), reader->path, key);
    reader->taker->class->trouble(reader->taker, &why);
}

int json_reader_value(struct json_reader *reader, const uint8_t **ret_base,
                      struct json_piece *ret_value, struct failure *failure)
{
    for (;;) {
        struct json_scan scan = json_reader_scan(reader);
        const uint8_t *base = scan.at;

        if (json_scan_value(&scan, base, ret_value)) {
            *ret_base = base;
            json_reader_go(reader, &scan);
            return 0;
        }

        int more = scan.more ? json_reader_look_further(reader, failure) : 0;

        if (more <= 0)
            return more < 0 && more != -EFBIG ? more : json_reader_refuse(reader, scan.at, failure);
    }
}

/* Goes behind the value of KEY that is no table. */
static int skip_value(struct json_reader *reader, const char *outer, const char *key,
                      struct failure *failure)
{
    struct json_piece value;
    const uint8_t *base = NULL;
    int error = json_reader_value(reader, &base, &value, failure);

    if (error == 0)
        note_page(reader, outer, key, base, &value);
    return error;
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

/* An object around tables. */
struct wrapper {
    const char *name; /* of those that have none of their own */
    unsigned depth;
};

static int read_member(struct json_reader *reader, void *context, const char *key, bool *ret_failed,
                       struct failure *failure)
{
    const struct wrapper *wrapper = context;
    const char *name = key[0] != '\0' && !is_wrapper(key) ? key : wrapper->name;
    int sign = json_reader_next_sign(reader, failure);

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
    if (sign == '{' && wrapper->depth < JSON_ROWS_WRAPPERS)
        return json_reader_wrapped(reader, name, wrapper->depth + 1, ret_failed, failure);
    return skip_value(reader, wrapper->name, key, failure);
}

int json_reader_members(struct json_reader *reader, json_member_reader *read, void *context,
                        bool *ret_failed, struct failure *failure)
{
    bool first = true;

    reader->window.at++;
    for (;;) {
        char key[NAME_LIMIT + 1] = "";
        int sign = json_reader_next_sign(reader, failure);
        int error;

        if (sign < 0)
            return sign;
        if (sign == '}' && first)
            break;
        error = read_key(reader, key, failure);
        if (error == 0)
            error = read(reader, context, key, ret_failed, failure);
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

int json_reader_wrapped(struct json_reader *reader, const char *name, unsigned depth,
                        bool *ret_failed, struct failure *failure)
{
    struct wrapper wrapper = {.name = name, .depth = depth};

    return json_reader_members(reader, read_member, &wrapper, ret_failed, failure);
}
