/* SPDX-License-Identifier: MIT */
#include "tools/content.h"

#include <errno.h>
#include <stdarg.h>
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
        const char *name;
        size_t place = 0;

        while ((name = stored_source_next_lacking(&tree->sources[i], &place)) != NULL) {
            json_open(&answer->json, '{');
            answer_bytes(answer, "source", tree->sources[i].name);
            answer_bytes(answer, "table", name);
            json_close(&answer->json, '}');
        }
    }
    json_close(&answer->json, ']');
}

/* The sources that may have had tables of which nobody knows. */
static void answer_unseen(const struct stored_tree *tree, struct answer *answer)
{
    json_open(&answer->json, '[');
    for (size_t i = 0; i < tree->source_count; i++) {
        if (tree->sources[i].unseen)
            json_put_bytes(&answer->json, tree->sources[i].name);
    }
    json_close(&answer->json, ']');
}

/* Of each source of which less was asked for, which tables alone were, or which were not. */
static void answer_on_purpose(const struct stored_tree *tree, struct answer *answer)
{
    json_open(&answer->json, '[');
    for (size_t i = 0; i < tree->source_count; i++) {
        const struct stored_source *source = &tree->sources[i];
        const struct stored_names *names = source->has_only ? &source->only : &source->without;

        if (!source->has_only && names->count == 0)
            continue;
        json_open(&answer->json, '{');
        answer_bytes(answer, "source", source->name);
        json_put_name(&answer->json, source->has_only ? "only" : "without");
        json_open(&answer->json, '[');
        for (size_t j = 0; j < names->count; j++)
            json_put_bytes(&answer->json, names->names[j]);
        json_close(&answer->json, ']');
        json_close(&answer->json, '}');
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
    json_put_name(&answer->json, "lacks_files");
    if (content->is_known)
        json_put_flag(&answer->json, content->tree.lacks_files);
    else
        json_put_null(&answer->json);
    json_put_name(&answer->json, "lacking");
    if (content->is_known)
        answer_lacking(&content->tree, answer);
    else
        json_put_null(&answer->json);
    json_put_name(&answer->json, "unseen");
    if (content->is_known)
        answer_unseen(&content->tree, answer);
    else
        json_put_null(&answer->json);
    json_put_name(&answer->json, "on_purpose");
    if (content->is_known)
        answer_on_purpose(&content->tree, answer);
    else
        json_put_null(&answer->json);
    content_answer_files(content, answer);
}

/* ---- For people ---- */

/* A text that is cut off where its room ends. */
struct line {
    char *text;
    size_t size;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void append(struct line *line, const char *format, ...)
{
    va_list values;

    if (line->used >= line->size)
        return;
    va_start(values, format);
    line->used +=
        (size_t)vsnprintf(line->text + line->used, line->size - line->used, format, values);
    va_end(values);
}

static void append_lacking(struct line *line, const struct stored_tree *tree, const char **before)
{
    if (tree->lacks_files) {
        append(line, "%sfiles/", *before);
        *before = ", ";
    }
    for (size_t i = 0; i < tree->source_count; i++) {
        const char *name;
        size_t place = 0;

        while ((name = stored_source_next_lacking(&tree->sources[i], &place)) != NULL) {
            append(line, "%s%s/%s", *before, tree->sources[i].name, name);
            *before = ", ";
        }
    }
    if ((*before)[0] == ',')
        *before = "; ";
}

static void append_unseen(struct line *line, const struct stored_tree *tree)
{
    for (size_t i = 0; i < tree->source_count; i++) {
        if (tree->sources[i].unseen)
            append(line, ", perhaps without others of %s", tree->sources[i].name);
    }
}

static void append_on_purpose(struct line *line, const struct stored_tree *tree, const char *before)
{
    for (size_t i = 0; i < tree->source_count; i++) {
        const struct stored_source *source = &tree->sources[i];
        const struct stored_names *names = source->has_only ? &source->only : &source->without;

        if (!source->partial || (!source->has_only && names->count == 0))
            continue;
        append(line, source->has_only ? "%sof %s only" : "%s%s without", before, source->name);
        for (size_t j = 0; j < names->count; j++)
            append(line, "%s%s", j == 0 ? " " : ", ", names->names[j]);
        if (names->count == 0)
            append(line, " no table");
        before = "; ";
    }
}

const char *content_lacking(const struct content *content, char *text, size_t size)
{
    struct line line = {.text = text, .size = size};
    const char *before = ": ";

    if (!content->is_known || !stored_tree_is_partial(&content->tree)) {
        snprintf(text, size, "%s", content->is_known ? "" : "?");
        return text;
    }
    append(&line, "(in part");
    append_lacking(&line, &content->tree, &before);
    append_on_purpose(&line, &content->tree, before);
    append_unseen(&line, &content->tree);
    append(&line, ")");
    return text;
}

const char *content_files(const struct content *content, char *text)
{
    if (content->has_files && content->files_known)
        return amount_bytes(content->files.bytes, text);
    return content->has_files ? "?" : "-";
}
