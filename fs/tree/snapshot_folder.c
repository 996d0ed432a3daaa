/* SPDX-License-Identifier: MIT */
#include "fs/tree/snapshot_folder.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/store/tables.h"
#include "fs/tree/files_folder.h"
#include "fs/tree/take.h"

#define TAGS_LIMIT ((size_t)SNAPSHOT_TAGS_LIMIT * (SNAPSHOT_TAG_LIMIT + 1))
#define NUMBER_SIZE 24

struct entry {
    char *name;
    struct node *folder; /* referenced */
};

struct snapshot_folder {
    struct node node;
    struct frozen_context context;
    struct snapshot_owner *owner;
    uint8_t id[SNAPSHOT_ID_BYTES];
    char *name;
    char *host;
    char *tags; /* with commas between them */
    uint64_t time_ns;
    uint64_t raw_bytes;
    uint64_t stored_bytes;
    struct object_reference tree;
    bool has_files;
    struct object_reference files;

    pthread_mutex_t lock; /* guards all below; what is made stays as it is */
    bool read;            /* the tree is */
    size_t count;
    struct entry *entries; /* in the order of their names */
};

struct folder_listing {
    struct listing listing;
    struct snapshot_folder *folder; /* referenced */
};

/* Older stores may have a source by the name that files/ has: "files%", as no other folder is. */
static char *shown_name(const struct snapshot_folder *folder, const char *source)
{
    char *name;

    if (!folder->has_files || strcmp(source, SNAPSHOT_FILES) != 0)
        return strdup(source);
    return asprintf(&name, "%s%%", source) >= 0 ? name : NULL;
}

static int make_entry(struct snapshot_folder *folder, const struct stored_source *source,
                      struct entry *entry)
{
    struct frozen_snapshot snapshot = {.name = folder->name, .tree = folder->tree};
    cleanup_free char *path = NULL;
    cleanup_free char *name = shown_name(folder, source->name);

    if (name == NULL || asprintf(&path, "%s/%s", folder->node.path, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    memcpy(snapshot.id, folder->id, sizeof snapshot.id);

    int error = frozen_create(&folder->context, &snapshot, path, source, &entry->folder);

    if (error == 0)
        entry->name = steal_pointer(&name);
    return error;
}

static int make_files(struct snapshot_folder *folder, struct entry *entry)
{
    cleanup_free char *path = NULL;
    cleanup_free char *name = strdup(SNAPSHOT_FILES);

    if (name == NULL || asprintf(&path, "%s/%s", folder->node.path, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }

    int error = files_folder_create(folder->context.files, path, &folder->files, &entry->folder);

    if (error == 0)
        entry->name = steal_pointer(&name);
    /* cppcheck-suppress memleak ; its attribute frees it */
    return error;
}

static void drop_entries(struct snapshot_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        free(folder->entries[i].name);
        node_release(folder->entries[i].folder);
    }
    free(folder->entries);
    folder->entries = NULL;
    folder->count = 0;
}

static int make_entries(struct snapshot_folder *folder, const struct stored_tree *tree)
{
    int error = 0;

    folder->entries = allocate_array(tree->source_count + 1, sizeof *folder->entries);
    if (folder->entries == NULL)
        return -ENOMEM;
    while (error == 0 && folder->count < tree->source_count) {
        error = make_entry(folder, &tree->sources[folder->count], &folder->entries[folder->count]);
        folder->count += error == 0;
    }
    if (error == 0 && folder->has_files)
        error = make_files(folder, &folder->entries[folder->count++]);
    if (error != 0)
        drop_entries(folder);
    return error;
}

static int read_tree(struct snapshot_folder *folder, struct failure *failure)
{
    struct stored_tree tree = {.source_count = 0};
    int error = frozen_read_tree(&folder->context, &folder->tree, &tree, failure);

    if (error == 0)
        error = make_entries(folder, &tree);
    stored_tree_release(&tree);
    return error;
}

/* Afterwards the entries may be read without the lock. */
static int prepare(struct snapshot_folder *folder, struct failure *failure)
{
    int error = 0;

    pthread_mutex_lock(&folder->lock);
    if (!folder->read)
        error = read_tree(folder, failure);
    if (error == 0)
        folder->read = true;
    pthread_mutex_unlock(&folder->lock);
    return error;
}

static int folder_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    struct snapshot_folder *folder = (struct snapshot_folder *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){.type = S_IFDIR,
                                               .modified = clock_timespec(folder->time_ns),
                                               .shown_inode = frozen_inode(folder->id, NULL, NULL)};
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int folder_lookup(struct node *node, const char *name, const struct caller *caller,
                         struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct snapshot_folder *folder = (struct snapshot_folder *)node;
    int error = prepare(folder, failure);

    (void)caller;
    if (error != 0)
        return error;
    for (size_t i = 0; i < folder->count; i++) {
        if (strcmp(folder->entries[i].name, name) == 0) {
            *ret_node = node_reference(folder->entries[i].folder);
            *ret_valid_ns = VALID_FOR_EVER;
            return 0;
        }
    }
    return -ENOENT;
}

static size_t listing_count(const struct listing *listing)
{
    return ((const struct folder_listing *)listing)->folder->count;
}

static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    struct snapshot_folder *folder = ((struct folder_listing *)listing)->folder;
    const struct entry *entry = &folder->entries[index];

    *ret_entry = (struct listing_entry){
        .name = entry->name,
        .type = S_IFDIR,
        .inode = files_has_number(entry->folder->inode)
                     ? entry->folder->inode
                     : frozen_inode(folder->id, entry->name, NULL),
        .node = entry->folder,
        .valid_ns = VALID_FOR_EVER,
    };
}

static void listing_close(struct listing *listing)
{
    node_release(&((struct folder_listing *)listing)->folder->node);
    free(listing);
}

static const struct listing_class folder_listing_class = {
    .count = listing_count, .entry = listing_entry, .close = listing_close};

static int folder_list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                       struct failure *failure)
{
    int error = prepare((struct snapshot_folder *)node, failure);
    struct folder_listing *listing;

    (void)caller;
    if (error != 0)
        return error;
    listing = calloc(1, sizeof *listing);
    if (listing == NULL)
        return -ENOMEM;
    listing->listing.class = &folder_listing_class;
    listing->folder = (struct snapshot_folder *)node_reference(node);
    *ret_listing = &listing->listing;
    return 0;
}

static const char xattr_names[] = "user.crmfs.id\0user.crmfs.snapshot\0user.crmfs.host\0"
                                  "user.crmfs.tags\0user.crmfs.raw\0user.crmfs.stored\0"
                                  "user.crmfs.partial";

/*
 * What could not be read, a line each, files/ by its name alone, which no source has; of a source
 * of which tables were left out on purpose, or may be missing that nobody knows, its name alone.
 * Nothing of a snapshot that is whole.
 */
static ssize_t give_partial(const struct snapshot_folder *folder, char *value, size_t size,
                            struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(OBJECT_DATA_LIMIT);
    struct stored_tree tree = {.source_count = 0};
    int error = frozen_read_tree(&folder->context, &folder->tree, &tree, failure);

    if (error == 0 && tree.lacks_files)
        error = buffer_append_text(&text, SNAPSHOT_FILES "\n");
    for (size_t i = 0; i < tree.source_count && error == 0; i++) {
        const struct stored_source *source = &tree.sources[i];
        const char *lacking;
        size_t place = 0;

        while (error == 0 && (lacking = stored_source_next_lacking(source, &place)) != NULL)
            error = buffer_print(&text, "%s/%s\n", source->name, lacking);
        if (error == 0 && stored_source_lacks_more(source))
            error = buffer_print(&text, "%s\n", source->name);
    }
    stored_tree_release(&tree);
    return error != 0 ? error : node_give_value((const char *)text.data, text.size, value, size);
}

static ssize_t folder_xattr(struct node *node, const char *name, char *value, size_t size,
                            struct failure *failure)
{
    const struct snapshot_folder *folder = (struct snapshot_folder *)node;
    char made[2 * SNAPSHOT_ID_BYTES + 1 + NUMBER_SIZE];
    const char *text = made;

    if (name == NULL)
        return node_give_value(xattr_names, sizeof xattr_names, value, size);
    if (strcmp(name, "user.crmfs.partial") == 0)
        return give_partial(folder, value, size, failure);
    if (strcmp(name, "user.crmfs.id") == 0)
        sodium_bin2hex(made, sizeof made, folder->id, sizeof folder->id);
    else if (strcmp(name, "user.crmfs.snapshot") == 0)
        text = folder->name;
    else if (strcmp(name, "user.crmfs.host") == 0)
        text = folder->host;
    else if (strcmp(name, "user.crmfs.tags") == 0)
        text = folder->tags;
    else if (strcmp(name, "user.crmfs.raw") == 0)
        snprintf(made, sizeof made, "%" PRIu64, folder->raw_bytes);
    else if (strcmp(name, "user.crmfs.stored") == 0)
        snprintf(made, sizeof made, "%" PRIu64, folder->stored_bytes);
    else
        return -ENODATA;
    return node_give_value(text, strlen(text), value, size);
}

static void free_folder(struct snapshot_folder *folder)
{
    drop_entries(folder);
    free(folder->name);
    free(folder->host);
    free(folder->tags);
    free(folder->node.path);
    free(folder);
}

static void folder_release(struct node *node)
{
    struct snapshot_folder *folder = (struct snapshot_folder *)node;

    folder->owner->released(folder->owner, node);
    pthread_mutex_destroy(&folder->lock);
    free_folder(folder);
}

static const struct node_class snapshot_folder_class = {
    .attributes = folder_attributes,
    .lookup = folder_lookup,
    .list = folder_list,
    .xattr = folder_xattr,
    .unchanging = frozen_unchanging,
    .release = folder_release,
};

/* The caller's to free; NULL: no memory. */
static char *join_tags(const struct snapshot *snapshot)
{
    cleanup_buffer struct buffer text = BUFFER(TAGS_LIMIT + 1);
    int error = 0;

    for (size_t i = 0; i < snapshot->tag_count && error == 0; i++)
        error = buffer_print(&text, "%s%s", i == 0 ? "" : ",", snapshot->tags[i]);
    if (error == 0)
        error = buffer_append(&text, "", 1);
    return error == 0 ? strdup((const char *)text.data) : NULL;
}

int snapshot_folder_create(const struct frozen_context *context, const struct snapshot *snapshot,
                           struct snapshot_owner *owner, struct node **ret_folder)
{
    struct snapshot_folder *folder = calloc(1, sizeof *folder);
    cleanup_free char *path = NULL;

    if (asprintf(&path, "snapshots/%s", snapshot->name) < 0)
        path = NULL;
    if (folder == NULL || path == NULL) {
        free(folder);
        return -ENOMEM;
    }
    folder->name = strdup(snapshot->name);
    folder->host = strdup(snapshot->host != NULL ? snapshot->host : "");
    folder->tags = join_tags(snapshot);
    if (folder->name == NULL || folder->host == NULL || folder->tags == NULL ||
        node_init(&folder->node, &snapshot_folder_class, path) != 0) {
        free_folder(folder);
        return -ENOMEM;
    }
    pthread_mutex_init(&folder->lock, NULL);
    folder->context = *context;
    folder->owner = owner;
    memcpy(folder->id, snapshot->id, SNAPSHOT_ID_BYTES);
    folder->time_ns = snapshot->time_ns;
    folder->raw_bytes = snapshot->raw_bytes;
    folder->stored_bytes = snapshot->stored_bytes;
    folder->tree = snapshot->tree;
    folder->has_files = snapshot->has_files && context->files != NULL;
    folder->files = snapshot->files;
    *ret_folder = &folder->node;
    return 0;
}

const uint8_t *snapshot_folder_id(const struct node *folder)
{
    return ((const struct snapshot_folder *)folder)->id;
}

const char *snapshot_folder_name(const struct node *folder)
{
    return ((const struct snapshot_folder *)folder)->name;
}
