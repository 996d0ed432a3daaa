/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "backends/source/json_rows.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

/* What an export says of itself at its beginning is short. */
#define HEADER_MEMBERS 8
#define HEADER_TEXT_MOST ((size_t)1 << 10)

enum trust { TRUST_NONE, TRUST_TEXT, TRUST_NAME, TRUST_LINES };

static enum trust trust_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *file = slash != NULL ? slash + 1 : name;
    const char *dot = strrchr(file, '.');

    if (ascii_equal(file, "datapackage.json"))
        return TRUST_NONE;
    if (dot == NULL || dot == file)
        return TRUST_TEXT;
    if (ascii_equal(dot, ".ndjson") || ascii_equal(dot, ".jsonl"))
        return TRUST_LINES;
    return ascii_equal(dot, ".json")  ? TRUST_NAME
           : ascii_equal(dot, ".txt") ? TRUST_TEXT
                                      : TRUST_NONE;
}

/* Behind '{': whether an array of objects stands somewhere in it. */
static bool holds_array(struct json_scan *scan, unsigned depth)
{
    struct json_piece piece;

    if (json_accept(scan, '}'))
        return false;
    while (json_scan_key(scan, scan->at, &piece)) {
        json_skip_blank(scan);

        struct json_scan inside = *scan;

        if (json_accept(&inside, '[') && json_accept(&inside, '{'))
            return true;
        if (depth < JSON_ROWS_WRAPPERS && scan->at < scan->end && *scan->at == '{') {
            scan->at++;
            if (holds_array(scan, depth + 1))
                return true;
        } else if (!json_scan_value(scan, scan->at, &piece)) {
            return false;
        }
        if (!json_accept(scan, ','))
            break;
    }
    json_accept(scan, '}');
    return false;
}

/* Whether an object at BASE begins what phpMyAdmin exports. */
static bool is_export_header(const uint8_t *base, const struct json_member *members, size_t count)
{
    bool header = false;
    bool named = false;

    for (size_t i = 0; i < count && i < HEADER_MEMBERS; i++) {
        cleanup_free char *key =
            json_name_of(base + members[i].key.at, members[i].key.size, members[i].key.escaped);
        const struct json_piece *value = &members[i].value;

        if (key == NULL || value->kind != JSON_STRING || value->size > HEADER_TEXT_MOST)
            continue;

        cleanup_free char *text = json_name_of(base + value->at, value->size, value->escaped);

        header =
            header || (text != NULL && strcmp(key, "type") == 0 && strcmp(text, "header") == 0);
        named = named || (text != NULL && strcmp(key, "comment") == 0 &&
                          strcasestr(text, "phpMyAdmin") != NULL);
    }
    return header && named;
}

static bool find_layout(struct json_scan *scan, enum trust trust, struct json_form *form)
{
    size_t count;
    bool array = json_accept(scan, '[');
    struct json_scan object = *scan;

    object.more = false;
    if (!json_accept(&object, '{')) {
        form->unsure = object.more;
        return false;
    }
    object.at = scan->at;

    struct json_member members[HEADER_MEMBERS];
    bool whole = json_scan_object(&object, members, HEADER_MEMBERS, &count);

    if (array || trust == TRUST_LINES) {
        bool is_export = array && whole && is_export_header(scan->at, members, count);

        form->layout = is_export ? JSON_EXPORT : array ? JSON_ARRAY : JSON_LINES;
        form->unsure = object.more && trust == TRUST_TEXT;
        return whole || trust != TRUST_TEXT;
    }
    if (whole && json_accept(&object, '{')) {
        form->layout = JSON_LINES;
        return true;
    }
    form->unsure = object.more;
    if (!whole && trust == TRUST_TEXT)
        return false;
    form->layout = JSON_WRAPPED;
    return json_accept(scan, '{') && holds_array(scan, 1);
}

bool json_rows_recognise(const char *name, const uint8_t *begin, size_t size,
                         struct json_form *ret_form)
{
    enum trust trust = trust_of(name);
    struct json_form form = {.unsure = false};
    size_t mark;

    ret_form->unsure = false;
    if (trust == TRUST_NONE || size == 0)
        return false;
    form.set = text_set_detect(begin, size, &mark);

    const uint8_t *text = begin + mark;
    cleanup_free uint8_t *narrow = NULL;

    size -= mark;
    if (text_set_is_wide(form.set)) {
        narrow = malloc(size + 1);
        if (narrow == NULL)
            return false;
        size = text_set_narrow(form.set, text, size, narrow);
        text = narrow;
    }
    size = text_before_zeros(text, size);

    struct json_scan scan = {.at = text, .end = text + size};
    bool found = size != 0 && find_layout(&scan, trust, &form);

    ret_form->unsure = form.unsure;
    if (found)
        *ret_form = form;
    return found;
}
