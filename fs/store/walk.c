/* SPDX-License-Identifier: MIT */
#include "fs/store/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/file_node.h"
#include "fs/store/tables.h"

#define UNKNOWN_ROW UINT64_MAX

struct walker {
    const struct walk *walk;
    struct walk_place place;
    struct failure *failure;
};

/*
 * The data of an object, verified. 1: it is left out, or was reported; negative: the
 * walk ends.
 */
static int enter(struct walker *walker, const struct object_reference *reference,
                 enum object_type type, struct buffer *data)
{
    const struct walk *walk = walker->walk;
    struct failure words = {.code = 0};
    int error = walk->object(walk->context, reference, type, &walker->place);

    if (error != 0)
        return error;
    error = object_read(walk->reader, reference, type, true, data, &words);
    if (error == -ENOMEM)
        return failure_set(walker->failure, ENOMEM, "%s", strerror(ENOMEM));
    if (error == 0)
        return 0;
    error = walk->failed(walk->context, reference, type, &walker->place, &words);
    return error != 0 ? error : 1;
}

/* What a decoder said of an object's data: as enter(). */
static int judge(struct walker *walker, const struct object_reference *reference,
                 enum object_type type, int error)
{
    static const char *const names[] = {[OBJECT_PAGE] = "page",
                                        [OBJECT_IMAGE] = "image of a table",
                                        [OBJECT_SCHEMA] = "schema",
                                        [OBJECT_TREE] = "list of tables",
                                        [OBJECT_NODE] = "part of files/"};
    const struct walk *walk = walker->walk;
    struct failure words;

    if (error == 0)
        return 0;
    if (error == -ENOMEM)
        return failure_set(walker->failure, ENOMEM, "%s", strerror(ENOMEM));
    failure_set(&words, EIO, "an object holds no %s, although nothing in it was changed",
                names[type]);
    error = walk->failed(walk->context, reference, type, &walker->place, &words);
    return error != 0 ? error : 1;
}

static int walk_groups(struct walker *walker, const struct stored_group *groups, size_t count)
{
    const struct walk *walk = walker->walk;
    struct walk_place *place = &walker->place;
    int error = 0;

    for (size_t i = 0; i < count && error >= 0; i++) {
        place->rows = groups[i].rows;
        error = walk->object(walk->context, &groups[i].reference, OBJECT_ROW_GROUP, place);
        if (place->first_row != UNKNOWN_ROW)
            place->first_row += groups[i].rows;
    }
    place->rows = 0;
    return error < 0 ? error : 0;
}

static int walk_page(struct walker *walker, const struct object_reference *reference)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    cleanup_free struct stored_group *groups = NULL;
    size_t count = 0;
    int error = enter(walker, reference, OBJECT_PAGE, &data);

    if (error == 0)
        error = judge(walker, reference, OBJECT_PAGE,
                      page_decode(data.data, data.size, &groups, &count));
    if (error == 0)
        return walk_groups(walker, groups, count);
    walker->place.first_row = UNKNOWN_ROW;
    return error < 0 ? error : 0;
}

static int walk_schema(struct walker *walker, const struct object_reference *reference)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    struct schema *schema = NULL;
    int error = enter(walker, reference, OBJECT_SCHEMA, &data);

    if (error == 0)
        error =
            judge(walker, reference, OBJECT_SCHEMA, schema_decode(data.data, data.size, &schema));
    schema_release(schema);
    return error < 0 ? error : 0;
}

static int walk_image(struct walker *walker, const struct object_reference *reference)
{
    struct walk_place *place = &walker->place;
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    struct stored_image image = {.page_count = 0};
    int error = enter(walker, reference, OBJECT_IMAGE, &data);

    if (error == 0)
        error = judge(walker, reference, OBJECT_IMAGE,
                      stored_image_decode(data.data, data.size, &image));
    if (error != 0)
        return error < 0 ? error : 0;
    error = walk_schema(walker, &image.schema);
    place->page_count = image.page_count;
    place->first_row = 0;
    for (size_t i = 0; i < image.page_count && error == 0; i++) {
        place->page = i + 1;
        error = walk_page(walker, &image.pages[i]);
    }
    place->page = 0;
    place->page_count = 0;
    place->first_row = 0;
    stored_image_release(&image);
    return error;
}

static int walk_tree(struct walker *walker, const struct stored_tree *tree)
{
    int error = 0;

    for (size_t i = 0; i < tree->source_count && error == 0; i++) {
        const struct stored_source *source = &tree->sources[i];

        walker->place.source = source->name;
        for (size_t j = 0; j < source->table_count && error == 0; j++) {
            walker->place.table = source->tables[j].name;
            error = walk_image(walker, &source->tables[j].image);
        }
    }
    return error;
}

static int walk_tables(struct walker *walker, const struct snapshot *snapshot)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    struct stored_tree tree = {.source_count = 0};
    int error = enter(walker, &snapshot->tree, OBJECT_TREE, &data);

    if (error == 0)
        error = judge(walker, &snapshot->tree, OBJECT_TREE,
                      stored_tree_decode(data.data, data.size, &tree));
    if (error != 0)
        return error < 0 ? error : 0;
    buffer_release(&data);
    error = walk_tree(walker, &tree);
    stored_tree_release(&tree);
    return error;
}

/* ---- Files ---- */

#define ANY_LEVEL (-1)

struct walking_node {
    struct walker *walker;
    int error;
};

static int walk_node(struct walker *walker, const struct object_reference *reference, int level);

/* A file_item_visit. */
static int walk_item(void *context, unsigned level, const struct file_item *item)
{
    struct walking_node *walking = context;
    struct walker *walker = walking->walker;
    struct file_extent extent;

    if (level > 0) {
        const struct object_reference below = object_reference_decode(item->value);

        walking->error = walk_node(walker, &below, (int)level - 1);
    } else if (item->key.kind == FILE_EXTENT) {
        if (file_extent_decode(item, &extent) != 0)
            return -EBADMSG;
        walker->place.inode = item->key.inode;
        walking->error = walker->walk->object(walker->walk->context, &extent.content,
                                              OBJECT_CONTENT, &walker->place);
        walker->place.inode = 0;
    }
    return walking->error < 0 ? 1 : 0;
}

static int walk_node(struct walker *walker, const struct object_reference *reference, int level)
{
    cleanup_buffer struct buffer data = BUFFER(FILE_NODE_LIMIT);
    struct walking_node walking = {.walker = walker};
    unsigned found;
    int error = enter(walker, reference, OBJECT_NODE, &data);

    if (error != 0)
        return error < 0 ? error : 0;
    error = file_node_visit(data.data, data.size, level == ANY_LEVEL, &found, NULL, NULL);
    if (error == 0 && level != ANY_LEVEL && found != (unsigned)level)
        error = -EBADMSG;
    if (error == 0)
        error =
            file_node_visit(data.data, data.size, level == ANY_LEVEL, &found, walk_item, &walking);
    if (walking.error < 0)
        return walking.error;
    error = judge(walker, reference, OBJECT_NODE, error < 0 ? error : 0);
    return error < 0 ? error : 0;
}

int walk_files(const struct walk *walk, const struct object_reference *top, struct failure *failure)
{
    struct walker walker = {.walk = walk, .place = {.files = true}, .failure = failure};

    return walk_node(&walker, top, ANY_LEVEL);
}

static int walk_snapshot_files(struct walker *walker, const struct snapshot *snapshot)
{
    walker->place = (struct walk_place){.snapshot = snapshot, .files = true};
    return walk_node(walker, &snapshot->files, ANY_LEVEL);
}

int walk_snapshot(const struct walk *walk, const struct snapshot *snapshot, struct failure *failure)
{
    struct walker walker = {.walk = walk, .place = {.snapshot = snapshot}, .failure = failure};
    int error = walk_tables(&walker, snapshot);

    return error == 0 && snapshot->has_files ? walk_snapshot_files(&walker, snapshot) : error;
}
