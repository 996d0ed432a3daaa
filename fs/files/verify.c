/* SPDX-License-Identifier: MIT */
/*
 * Goes through a tree's items in their order, which is file by file. That files have as many names
 * as they say is found by two sums that must be equal: over all names, a keyed hash of the inode
 * that they mean; over all files, that of their own, as often as they say.
 */
#include "fs/files/verify.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/files/attributes.h"
#include "fs/files/catalogue.h"
#include "fs/files/files_internal.h"
#include "fs/store/log.h"

#define NODES_MOST 256
#define FINDINGS_MOST 100 /* of a tree: after that it is not gone on with */

struct verifying {
    struct catalogue *tree;
    struct walk_place place;
    check_report *report;
    void *context;
    uint64_t findings;
    uint64_t before; /* of them, of other trees */
    uint8_t key[crypto_shorthash_KEYBYTES];
    uint64_t named;
    uint64_t linked;
    uint64_t next_inode;

    /* Of the file whose items are gone through. */
    uint64_t inode;
    struct attributes attributes;
    uint64_t directories; /* among its entries */
    uint64_t content_bytes;
    uint64_t end; /* of its last extent */
};

static void find(struct verifying *verifying, uint64_t inode, const char *text)
{
    verifying->place.inode = inode;

    const struct check_finding finding = {
        .kind = CHECK_SNAPSHOT, .place = &verifying->place, .text = text};

    verifying->findings++;
    verifying->report(verifying->context, &finding);
}

static uint64_t hash(const struct verifying *verifying, uint64_t inode)
{
    uint8_t bytes[8];
    uint8_t value[crypto_shorthash_BYTES];

    put_u64(bytes, inode);
    crypto_shorthash(value, bytes, sizeof bytes, verifying->key);
    return get_u64(value);
}

/* ---- One file ---- */

static void end_file(struct verifying *verifying)
{
    const struct attributes *attributes = &verifying->attributes;
    bool directory = S_ISDIR(attributes->mode);
    uint64_t inode = verifying->inode;

    if (inode == 0)
        return;
    if (directory && attributes->links != 0 && attributes->links != 2 + verifying->directories)
        find(verifying, inode, "a directory has another number of directories than it says");
    if (verifying->content_bytes != attributes->content_bytes)
        find(verifying, inode, "a file has another length of content than it says");
    if (verifying->end > attributes->size && S_ISREG(attributes->mode))
        find(verifying, inode, "a file has content beyond its end");
    if (directory && inode != TOP_INODE && attributes->links != 0)
        verifying->linked += hash(verifying, inode);
    else if (!directory)
        verifying->linked += attributes->links * hash(verifying, inode);
    verifying->inode = 0;
}

static void begin_file(struct verifying *verifying, const struct file_item *item)
{
    end_file(verifying);
    verifying->directories = 0;
    verifying->content_bytes = 0;
    verifying->end = 0;
    if (item->key.kind != FILE_ATTRIBUTES || attributes_decode(item, &verifying->attributes) != 0) {
        find(verifying, item->key.inode, "something is there of a file that is not there");
        return;
    }
    verifying->inode = item->key.inode;
    if (item->key.inode >= verifying->next_inode)
        find(verifying, item->key.inode, "a file has a number that was not given yet");
}

static int verify_entry(struct verifying *verifying, const struct file_item *item)
{
    uint64_t directory = item->key.inode;
    uint64_t inode = item->size > ENTRY_HEAD_BYTES ? get_u64(item->value) & INODE_MASK : 0;
    uint8_t type = item->size > ENTRY_HEAD_BYTES ? item->value[ENTRY_HEAD_BYTES - 1] : 0;
    struct attributes attributes;
    int error = inode_get(verifying->tree, inode, &attributes, NULL);

    if (error == -ESTALE) {
        find(verifying, directory, "a name in this directory has no file");
        return 0;
    }
    if (error != 0)
        return error;
    verifying->named += hash(verifying, inode);
    if (type != IFTODT(attributes.mode))
        find(verifying, inode, "a file is of another kind than its name says");
    if (!S_ISDIR(attributes.mode))
        return 0;
    verifying->directories++;
    if (attributes.parent != directory)
        find(verifying, inode, "a directory does not stand where it says");
    return 0;
}

static void verify_extent(struct verifying *verifying, const struct file_item *item)
{
    struct file_extent extent;

    if (file_extent_decode(item, &extent) != 0 || item->key.number < verifying->end) {
        find(verifying, item->key.inode, "a file has two contents in one place");
        return;
    }
    verifying->content_bytes += extent.length;
    verifying->end = item->key.number + extent.length;
}

static int verify_orphan(struct verifying *verifying, const struct file_item *item)
{
    struct attributes attributes;
    int error = inode_get(verifying->tree, item->key.number, &attributes, NULL);

    if (error == -ESTALE || (error == 0 && attributes.links != 0))
        find(verifying, item->key.number, "a file is noted as one without a name, and is none");
    return error == -ESTALE ? 0 : error;
}

static int verify_item(struct verifying *verifying, const struct file_item *item)
{
    bool directory = S_ISDIR(verifying->attributes.mode);

    if (item->key.kind == FILE_ROOT) {
        verifying->next_inode = item->size >= 8 ? get_u64(item->value) : 0;
        return 0;
    }
    if (item->key.kind == FILE_ORPHAN)
        return verify_orphan(verifying, item);
    if (item->key.inode != verifying->inode)
        begin_file(verifying, item);
    if (verifying->inode == 0)
        return 0;
    switch (item->key.kind) {
    case FILE_ENTRY:
        if (!directory)
            find(verifying, item->key.inode, "what is no directory has names in it");
        return verify_entry(verifying, item);
    case FILE_EXTENT: verify_extent(verifying, item); break;
    case FILE_TARGET:
        if (!S_ISLNK(verifying->attributes.mode) || item->size != verifying->attributes.size)
            find(verifying, item->key.inode, "a symbolic link is not what it says");
        break;
    default: break;
    }
    return 0;
}

/* ---- One tree ---- */

/* What VALUE the item has may go from memory when others are looked at. */
static int next_item(struct verifying *verifying, struct file_key *key, struct buffer *value,
                     struct file_item *ret_item)
{
    int error = catalogue_next(verifying->tree, key, ret_item, NULL);

    if (error != 0)
        return error;
    buffer_clear(value);
    error = buffer_append(value, ret_item->value, ret_item->size);
    ret_item->value = value->data;
    *key = ret_item->key;
    if (++key->number == 0 && ++key->kind == 0)
        key->inode++;
    return error;
}

/* What cannot be read is told by who reads everything. */
static int verify_tree(struct verifying *verifying)
{
    cleanup_buffer struct buffer value = BUFFER(FILE_NODE_LIMIT);
    struct file_key key = {.inode = 0};
    struct file_item item;
    int error = 0;

    verifying->before = verifying->findings;
    verifying->named = 0;
    verifying->linked = 0;
    verifying->inode = 0;
    while (error == 0 && verifying->findings - verifying->before < FINDINGS_MOST) {
        catalogue_trim(verifying->tree->cache);
        error = next_item(verifying, &key, &value, &item);
        if (error == 0)
            error = verify_item(verifying, &item);
    }
    if (error != -ENOENT)
        return error == -EIO ? 0 : error;
    end_file(verifying);
    if (verifying->named != verifying->linked)
        find(verifying, 0, "files have another number of names than they say");
    return 0;
}

static int verify_top(struct verifying *verifying, struct object_reader *reader,
                      const struct object_reference *top)
{
    struct catalogue_cache cache;
    struct catalogue tree;

    catalogue_cache_init(&cache, reader, NODES_MOST);

    int error = catalogue_open(&tree, &cache, top);

    /* cppcheck-suppress autoVariables ; not looked at afterwards */
    verifying->tree = &tree;
    verifying->place.inode = 0;
    if (error == 0)
        error = verify_tree(verifying);
    verifying->tree = NULL;
    catalogue_cache_release(&cache);
    return error;
}

static bool is_known(const struct log_state *state, size_t count,
                     const struct object_reference *top)
{
    for (size_t i = 0; i < count; i++) {
        if (state->snapshots[i].has_files &&
            memcmp(state->snapshots[i].files.id, top->id, OBJECT_ID_BYTES) == 0)
            return true;
    }
    return false;
}

static int verify_all(struct verifying *verifying, struct object_reader *reader,
                      const struct log_state *state)
{
    int error = 0;

    for (size_t i = 0; i < state->snapshot_count && error == 0; i++) {
        const struct snapshot *snapshot = &state->snapshots[i];

        if (!snapshot->has_files || is_known(state, i, &snapshot->files))
            continue;
        verifying->place = (struct walk_place){.snapshot = snapshot, .files = true};
        error = verify_top(verifying, reader, &snapshot->files);
    }
    if (error == 0 && state->has_files && !is_known(state, state->snapshot_count, &state->files)) {
        verifying->place = (struct walk_place){.files = true};
        error = verify_top(verifying, reader, &state->files);
    }
    return error;
}

int files_verify(struct store *store, check_report *report, void *context, uint64_t *ret_findings,
                 struct failure *failure)
{
    struct verifying verifying = {.report = report, .context = context};
    struct object_reader *reader = NULL;
    struct log_state state = {.sequence = 0};
    int error = log_read(store, &state, failure);

    randombytes_buf(verifying.key, sizeof verifying.key);
    if (error == 0)
        error = object_reader_create(store, 0, &reader, failure);
    if (error == 0)
        error = verify_all(&verifying, reader, &state);
    object_reader_free(reader);
    log_state_release(&state);
    if (error == -ENOMEM)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    if (error == 0)
        *ret_findings = verifying.findings;
    return error;
}
