/* SPDX-License-Identifier: MIT */
#include "fs/tree/directory.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/tree/text_file.h"

#define MADE_TEXT_LIMIT ((size_t)16 << 20)

struct entry {
    char *name;
    struct node *child; /* for made files the one made last; then guarded by the lock */
    directory_write *write;
    void *context;
    uint64_t inode; /* of a made file: shown whatever its node is */
};

struct directory {
    struct node node;
    struct timespec modified;
    size_t count;
    struct entry *entries;
    size_t capacity;
    struct name_map *map; /* names to indexes */
    pthread_mutex_t lock;
};

struct directory_listing {
    struct listing listing;
    struct directory *directory; /* referenced */
};

/* Makes the file's text; the same text is the same node. The lock is held. */
static int make_file(struct directory *directory, struct entry *entry)
{
    cleanup_buffer struct buffer text = BUFFER(MADE_TEXT_LIMIT);
    cleanup_free char *path = NULL;
    struct timespec now;
    struct node *made;
    int error = entry->write(entry->context, &text);

    if (error != 0)
        return error;
    if (entry->child != NULL) {
        const struct buffer *old = text_file_text(entry->child);

        if (old->size == text.size && memcmp(old->data, text.data, text.size) == 0)
            return 0;
    }
    if (asprintf(&path, "%s/%s", directory->node.path, entry->name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    error = text_file_create(path, &text, now, entry->inode, &made);
    if (error != 0)
        return error;
    node_release(entry->child);
    entry->child = made;
    return 0;
}

static int directory_attributes(struct node *node, bool wait,
                                struct node_attributes *ret_attributes, uint64_t *ret_valid_ns,
                                struct failure *failure)
{
    struct directory *directory = (struct directory *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){.type = S_IFDIR, .modified = directory->modified};
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int directory_lookup(struct node *node, const char *name, const struct caller *caller,
                            struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct directory *directory = (struct directory *)node;
    const size_t *index = name_map_find(directory->map, name);
    int error = 0;

    (void)caller;
    (void)failure;
    if (index == NULL)
        return -ENOENT;

    struct entry *entry = &directory->entries[*index];

    pthread_mutex_lock(&directory->lock);
    if (entry->write != NULL)
        error = make_file(directory, entry);
    if (error == 0) {
        *ret_node = node_reference(entry->child);
        *ret_valid_ns = entry->write != NULL ? 0 : VALID_FOR_EVER;
    }
    pthread_mutex_unlock(&directory->lock);
    return error;
}

static size_t listing_count(const struct listing *listing)
{
    return ((const struct directory_listing *)listing)->directory->count;
}

/* Made files are listed by name only: what they are is known when they are looked up. */
static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    struct directory *directory = ((struct directory_listing *)listing)->directory;
    struct entry *entry = &directory->entries[index];
    struct node_attributes attributes = {.type = S_IFREG};
    uint64_t valid_ns;

    if (entry->write == NULL)
        entry->child->class->attributes(entry->child, false, &attributes, &valid_ns, NULL);
    *ret_entry = (struct listing_entry){
        .name = entry->name,
        .type = attributes.type,
        .inode = entry->write == NULL ? entry->child->inode : entry->inode,
        .node = entry->write == NULL ? entry->child : NULL,
        .valid_ns = VALID_FOR_EVER,
    };
}

static void listing_close(struct listing *listing)
{
    node_release(&((struct directory_listing *)listing)->directory->node);
    free(listing);
}

static const struct listing_class directory_listing_class = {listing_count, listing_entry,
                                                             listing_close};

static int directory_list(struct node *node, const struct caller *caller,
                          struct listing **ret_listing, struct failure *failure)
{
    struct directory_listing *listing = calloc(1, sizeof *listing);

    (void)caller;
    (void)failure;
    if (listing == NULL)
        return -ENOMEM;
    listing->listing.class = &directory_listing_class;
    listing->directory = (struct directory *)node_reference(node);
    *ret_listing = &listing->listing;
    return 0;
}

static void directory_release(struct node *node)
{
    struct directory *directory = (struct directory *)node;

    for (size_t i = 0; i < directory->count; i++) {
        free(directory->entries[i].name);
        node_release(directory->entries[i].child);
    }
    free(directory->entries);
    name_map_free(directory->map);
    pthread_mutex_destroy(&directory->lock);
    free(node->path);
    free(directory);
}

static const struct node_class directory_class = {
    .attributes = directory_attributes,
    .lookup = directory_lookup,
    .list = directory_list,
    .release = directory_release,
};

int directory_create(const char *path, struct node **ret_directory)
{
    struct directory *directory = calloc(1, sizeof *directory);

    if (directory == NULL || name_map_create(&directory->map) != 0) {
        free(directory);
        return -ENOMEM;
    }
    if (node_init(&directory->node, &directory_class, path) != 0) {
        name_map_free(directory->map);
        free(directory);
        return -ENOMEM;
    }
    pthread_mutex_init(&directory->lock, NULL);
    clock_gettime(CLOCK_REALTIME, &directory->modified);
    *ret_directory = &directory->node;
    return 0;
}

static int make_room(struct directory *directory)
{
    if (directory->count < directory->capacity)
        return 0;

    size_t capacity = directory->capacity != 0 ? directory->capacity * 2 : 8;
    struct entry *entries = reallocarray(directory->entries, capacity, sizeof *entries);

    if (entries == NULL)
        return -ENOMEM;
    directory->entries = entries;
    directory->capacity = capacity;
    return 0;
}

static int add(struct directory *directory, const struct entry *entry)
{
    int error = entry->name != NULL ? make_room(directory) : -ENOMEM;

    if (error == 0)
        error = name_map_add(directory->map, entry->name, directory->count);
    if (error != 0) {
        free(entry->name);
        node_release(entry->child);
        return error;
    }
    directory->entries[directory->count++] = *entry;
    return 0;
}

int directory_add(struct node *directory, const char *name, struct node *child)
{
    return add((struct directory *)directory,
               &(struct entry){.name = strdup(name), .child = child});
}

int directory_add_made(struct node *directory, const char *name, directory_write *write,
                       void *context)
{
    return add((struct directory *)directory, &(struct entry){.name = strdup(name),
                                                              .write = write,
                                                              .context = context,
                                                              .inode = node_next_inode()});
}
