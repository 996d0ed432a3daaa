/* SPDX-License-Identifier: MIT */
#include "tools/diff_lack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/store/json_write.h"

#define SHOWN_MOST 5 /* names in one line */
#define NAMES_LIMIT ((size_t)64 << 10)

/* ---- Whether, and why ---- */

static const struct stored_source *find_source(const struct stored_tree *tree, const char *name)
{
    for (size_t i = 0; i < tree->source_count; i++) {
        if (strcmp(tree->sources[i].name, name) == 0)
            return &tree->sources[i];
    }
    return NULL;
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(left, *(char *const *)right);
}

static bool has_name(const struct stored_names *names, const char *name)
{
    return names->count != 0 && bsearch(name, (const void *)names->names, names->count,
                                        sizeof *names->names, compare_texts) != NULL;
}

static const struct stored_table *find_table(const struct stored_source *source, const char *name)
{
    for (size_t i = 0; i < source->table_count; i++) {
        if (strcmp(source->tables[i].name, name) == 0)
            return &source->tables[i];
    }
    return NULL;
}

static bool says_what(const struct stored_source *source)
{
    return source->has_only || source->without.count != 0 || source->lacking.count != 0 ||
           source->unseen;
}

enum lack lack_of(const struct stored_tree *tree, const char *source_name, const char *table_name)
{
    const struct stored_source *source = find_source(tree, source_name);
    const struct stored_table *table;

    if (source == NULL || !source->partial)
        return LACK_NOTHING;
    if (has_name(&source->lacking, table_name))
        return LACK_UNREAD;
    if (source->has_only ? !has_name(&source->only, table_name)
                         : has_name(&source->without, table_name))
        return LACK_ON_PURPOSE;
    if (says_what(source))
        return LACK_NOTHING;
    table = find_table(source, table_name);
    if (table == NULL)
        return LACK_UNKNOWN;
    return stored_table_is_statement(table) ? LACK_UNREAD : LACK_NOTHING;
}

bool lack_is_unseen(const struct stored_tree *tree, const char *source_name)
{
    const struct stored_source *source = find_source(tree, source_name);

    return source != NULL && source->unseen;
}

/* ---- All of it ---- */

int lackings_add(struct lackings *list, const struct lacking *item)
{
    struct lacking *items = list->items;

    if ((list->count & (list->count - 1)) == 0) {
        items = reallocarray(items, list->count != 0 ? 2 * list->count : 1, sizeof *items);
        if (items == NULL)
            return -ENOMEM;
        list->items = items;
    }
    items[list->count++] = *item;
    return 0;
}

int lackings_add_once(struct lackings *list, const struct lacking *item)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct lacking *known = &list->items[i];

        if (known->table == NULL && known->snapshot == item->snapshot &&
            strcmp(known->source, item->source) == 0)
            return 0;
    }
    return lackings_add(list, item);
}

int lackings_add_unread(struct lackings *list, const char *snapshot, const struct stored_tree *tree)
{
    int error = 0;

    for (size_t i = 0; i < tree->source_count && error == 0; i++) {
        struct lacking item = {
            .snapshot = snapshot, .source = tree->sources[i].name, .why = LACK_UNREAD};
        size_t place = 0;

        while (error == 0 &&
               (item.table = stored_source_next_lacking(&tree->sources[i], &place)) != NULL)
            error = lackings_add(list, &item);
    }
    return error;
}

static bool are_told_together(const struct lacking *one, const struct lacking *other)
{
    return one->why == other->why && one->table != NULL && other->table != NULL &&
           one->snapshot == other->snapshot && strcmp(one->source, other->source) == 0;
}

/* Tables that were not asked for may be hundreds. FIRST is the first of its kind. */
static void tell_together(const struct lackings *list, size_t first)
{
    const struct lacking *item = &list->items[first];
    cleanup_buffer struct buffer names = BUFFER(NAMES_LIMIT);
    size_t count = 0;
    int error = 0;

    for (size_t i = first; i < list->count && error == 0; i++) {
        if (!are_told_together(item, &list->items[i]))
            continue;
        if (count++ < SHOWN_MOST)
            error = buffer_print(&names, "%s%s/%s", count == 1 ? "" : ", ", item->source,
                                 list->items[i].table);
    }
    if (error == 0 && count > SHOWN_MOST)
        error = buffer_print(&names, " and %zu more", count - SHOWN_MOST);
    log_message(LOG_LEVEL_WARNING, "%s lacks %.*s, which %s: %s not compared", item->snapshot,
                error == 0 ? (int)names.size : 0, (const char *)names.data,
                item->why != LACK_ON_PURPOSE ? "may have been left out"
                : count == 1                 ? "was left out on purpose"
                                             : "were left out on purpose",
                count == 1 ? "it is" : "they are");
}

static void tell_one(const struct lacking *item)
{
    if (item->table == NULL)
        log_message(LOG_LEVEL_WARNING,
                    "%s may lack tables of %s of which nobody was told when it was taken: what is "
                    "said to be added or removed may be such",
                    item->snapshot, item->source);
    else
        log_message(LOG_LEVEL_WARNING,
                    "%s lacks the rows of %s/%s, which could not be read when it was taken: they "
                    "are not compared",
                    item->snapshot, item->source, item->table);
}

void lackings_tell(const struct lackings *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct lacking *item = &list->items[i];
        bool told = false;

        if (item->table == NULL || item->why == LACK_UNREAD) {
            tell_one(item);
            continue;
        }
        for (size_t j = 0; j < i && !told; j++)
            told = are_told_together(&list->items[j], item);
        if (!told)
            tell_together(list, i);
    }
}

/* ---- As JSON ---- */

/* "lacking" and "on_purpose", as crmfs snapshots --json has it. */
static const char *const why_words[] = {
    [LACK_NOTHING] = "unseen",
    [LACK_UNREAD] = "lacking",
    [LACK_ON_PURPOSE] = "on_purpose",
    [LACK_UNKNOWN] = "unknown",
};

static void put(struct json_writer *json, const char *name, const char *value)
{
    json_put_name(json, name);
    json_put_bytes(json, value);
}

static void put_list(struct json_writer *json, const struct lackings *list, bool tables)
{
    json_open(json, '[');
    for (size_t i = 0; i < list->count; i++) {
        const struct lacking *item = &list->items[i];

        if ((item->table != NULL) != tables)
            continue;
        json_open(json, '{');
        put(json, "snapshot", item->snapshot);
        put(json, "source", item->source);
        if (tables) {
            put(json, "table", item->table);
            put(json, "why", why_words[item->why]);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

int lackings_answer(const struct lackings *list, struct buffer *output)
{
    struct json_writer json = {.output = output, .first = true};

    json_put_name(&json, "not_compared");
    put_list(&json, list, true);
    json_put_name(&json, "unseen");
    put_list(&json, list, false);
    return json.error;
}
