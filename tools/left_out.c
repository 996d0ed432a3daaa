/* SPDX-License-Identifier: MIT */
#include "tools/left_out.h"

#include <stdlib.h>
#include <string.h>

#include "fs/base/log.h"
#include "fs/tree/take.h"
#include "tools/commands.h"
#include "tools/output.h"

static bool is_same(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool is_noted(const struct left_out *list, const char *source, const char *table,
                     const char *why)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct left_out_item *item = &list->items[i];

        if (is_same(item->source, source) && is_same(item->table, table) &&
            (table != NULL || strcmp(item->why, why) == 0))
            return true;
    }
    return false;
}

static bool copy(const char *text, char **ret_copy)
{
    *ret_copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret_copy != NULL;
}

static void release(struct left_out_item *item)
{
    free(item->source);
    free(item->table);
    free(item->why);
}

void left_out_add(struct left_out *list, const char *source, const char *table, const char *why)
{
    struct left_out_item item = {.source = NULL};
    struct left_out_item *items;

    if (is_noted(list, source, table, why))
        return;
    items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (items != NULL)
        list->items = items;
    if (items != NULL && copy(source, &item.source) && copy(table, &item.table) &&
        copy(why, &item.why)) {
        items[list->count++] = item;
        return;
    }
    release(&item);
    list->forgot = true;
}

static const char unread[] = "it could not be read when the snapshot was taken";

void left_out_tell_unread_files(struct left_out *list)
{
    log_message(LOG_LEVEL_WARNING, SNAPSHOT_FILES "/ is left out: %s", unread);
    left_out_add(list, SNAPSHOT_FILES, NULL, unread);
}

void left_out_tell_unread(struct left_out *list, const char *source, const char *table)
{
    log_message(LOG_LEVEL_WARNING, "%s, table %s is left out: %s", source, table, unread);
    left_out_add(list, source, table, unread);
}

bool left_out_any(const struct left_out *list)
{
    return list->count != 0 || list->forgot;
}

void left_out_clear(struct left_out *list)
{
    for (size_t i = 0; i < list->count; i++)
        release(&list->items[i]);
    free(list->items);
    *list = (struct left_out){.items = NULL};
}

void left_out_answer(const struct left_out *left_out, struct answer *answer)
{
    json_put_name(&answer->json, "left_out");
    json_open(&answer->json, '[');
    for (size_t i = 0; i < left_out->count; i++) {
        const struct left_out_item *item = &left_out->items[i];

        json_open(&answer->json, '{');
        if (item->source != NULL)
            answer_bytes(answer, "source", item->source);
        if (item->table != NULL)
            answer_bytes(answer, "table", item->table);
        answer_text(answer, "why", item->why);
        json_close(&answer->json, '}');
    }
    json_close(&answer->json, ']');
}

int left_out_end(bool is_lacking, const char *done, const char *sentence)
{
    int status = output_end(sentence);

    if (status != 0 || !is_lacking)
        return status;
    log_message(LOG_LEVEL_WARNING, "%s without what is left out or is wrong, therefore status %d",
                done, STATUS_INCOMPLETE);
    return STATUS_INCOMPLETE;
}
