/* SPDX-License-Identifier: MIT */
#include "tools/content.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/base/memory.h"
#include "tools/amount.h"

static int weigh(struct files_scale *scale, bool has_files, const struct object_reference *top,
                 struct content *content)
{
    int error = has_files ? files_weigh(scale, top, &content->files, NULL) : 0;

    content->has_files = has_files;
    content->files_known = error == 0;
    return error == -ENOMEM ? error : 0;
}

static int read_one(const struct opened_store *opened, struct files_scale *scale,
                    const struct snapshot *snapshot, struct content *content)
{
    int error = opened_store_tree(opened, snapshot, &content->tree, NULL);

    content->is_known = error == 0;
    return error == -ENOMEM ? error : weigh(scale, snapshot->has_files, &snapshot->files, content);
}

int contents_read(const struct opened_store *opened, struct contents *ret_contents)
{
    const struct log_state *state = &opened->state;
    struct files_scale *scale = NULL;
    struct contents contents = {.items =
                                    allocate_array(state->snapshot_count, sizeof *contents.items)};
    int error = contents.items != NULL ? files_scale_create(opened->reader, &scale) : -ENOMEM;

    for (; contents.count < state->snapshot_count && error == 0; contents.count++) {
        error = read_one(opened, scale, &state->snapshots[contents.count],
                         &contents.items[contents.count]);
        contents.any_files |= state->snapshots[contents.count].has_files;
    }
    if (error == 0)
        error = weigh(scale, state->has_files, &state->files, &contents.now);
    files_scale_free(scale);
    if (error != 0)
        contents_release(&contents);
    else
        *ret_contents = contents;
    return error;
}

void contents_release(struct contents *contents)
{
    for (size_t i = 0; i < contents->count; i++)
        stored_tree_release(&contents->items[i].tree);
    free(contents->items);
    *contents = (struct contents){.count = 0};
}

/* ---- As JSON ---- */

static void answer_lacking(const struct stored_tree *tree, struct answer *answer)
{
    json_open(&answer->json, '[');
    for (size_t i = 0; i < tree->source_count; i++) {
        const struct stored_source *source = &tree->sources[i];

        for (size_t j = 0; source->partial && j < source->table_count; j++) {
            if (!stored_table_is_statement(&source->tables[j]))
                continue;
            json_open(&answer->json, '{');
            answer_bytes(answer, "source", source->name);
            answer_bytes(answer, "table", source->tables[j].name);
            json_close(&answer->json, '}');
        }
    }
    json_close(&answer->json, ']');
}

void content_answer_files(const struct content *content, struct answer *answer)
{
    if (content->files_known) {
        answer_number(answer, "files", content->files.files);
        answer_number(answer, "files_bytes", content->files.bytes);
        return;
    }
    json_put_name(&answer->json, "files");
    json_put_null(&answer->json);
    json_put_name(&answer->json, "files_bytes");
    json_put_null(&answer->json);
}

void content_answer(const struct content *content, struct answer *answer)
{
    json_put_name(&answer->json, "partial");
    if (content->is_known)
        json_put_flag(&answer->json, stored_tree_is_partial(&content->tree));
    else
        json_put_null(&answer->json);
    json_put_name(&answer->json, "lacking");
    if (content->is_known)
        answer_lacking(&content->tree, answer);
    else
        json_put_null(&answer->json);
    content_answer_files(content, answer);
}

/* ---- For people ---- */

const char *content_lacking(const struct content *content, char *text, size_t size)
{
    const char *before = ": ";
    size_t used;

    if (!content->is_known || !stored_tree_is_partial(&content->tree)) {
        snprintf(text, size, "%s", content->is_known ? "" : "?");
        return text;
    }
    used = (size_t)snprintf(text, size, "(in part");
    for (size_t i = 0; i < content->tree.source_count; i++) {
        const struct stored_source *source = &content->tree.sources[i];

        for (size_t j = 0; source->partial && j < source->table_count && used < size; j++) {
            if (!stored_table_is_statement(&source->tables[j]))
                continue;
            used += (size_t)snprintf(text + used, size - used, "%s%s/%s", before, source->name,
                                     source->tables[j].name);
            before = ", ";
        }
    }
    if (used < size)
        snprintf(text + used, size - used, ")");
    return text;
}

const char *content_files(const struct content *content, char *text)
{
    if (content->has_files && content->files_known)
        return amount_bytes(content->files.bytes, text);
    return content->has_files ? "?" : "-";
}
