/* SPDX-License-Identifier: MIT */
#include "fs/tree/directory.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/tree/text_file.h"

#define MADE_TEXT_LIMIT ((size_t)16 << 20)
#define LOOKS_KEPT 8
#define LOOK_NS NS_PER_SECOND

/* A process has looked a made file up, and may be about to open it. */
struct look {
    pid_t process;
    struct node *found; /* referenced; NULL: none */
    uint64_t looked_ns;
};

struct entry {
    char *name;
    struct node *child; /* for made files the one made last; then guarded by the lock */
    directory_write *write;
    void *context;
    uint64_t inode;     /* of a made file: listed when it cannot be made */
    struct look *looks; /* of a made file: LOOKS_KEPT of them; guarded by the lock */
    size_t next_look;   /* the oldest */
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
    pid_t process;               /* that reads it, 0 when unknown */
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

        if (old->size == text.size &&
            (text.size == 0 || memcmp(old->data, text.data, text.size) == 0))
            return 0;
    }
    if (asprintf(&path, "%s/%s", directory->node.path, entry->name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    error = text_file_create(path, &text, now, 0, &made);
    if (error != 0)
        return error;
    node_release(entry->child);
    entry->child = made;
    return 0;
}

/* What PROCESS has looked up so lately, and not opened, that it means the same; NULL: nothing. */
static struct node *find_look(const struct entry *entry, pid_t process, uint64_t now_ns)
{
    for (size_t i = 0; i < LOOKS_KEPT; i++) {
        const struct look *look = &entry->looks[i];

        if (look->found != NULL && look->process == process && now_ns - look->looked_ns < LOOK_NS)
            return text_file_was_opened(look->found, process, look->looked_ns) ? NULL : look->found;
    }
    return NULL;
}

/* One of each process; else the oldest goes. */
static void note_look(struct entry *entry, pid_t process, uint64_t now_ns)
{
    struct look *place = NULL;

    for (size_t i = 0; i < LOOKS_KEPT && place == NULL; i++) {
        if (entry->looks[i].found != NULL && entry->looks[i].process == process)
            place = &entry->looks[i];
    }
    if (place == NULL) {
        place = &entry->looks[entry->next_look];
        entry->next_look = (entry->next_look + 1) % LOOKS_KEPT;
    }
    node_release(place->found);
    *place = (struct look){process, node_reference(entry->child), now_ns};
}

/* The made file as PROCESS (0: unknown) is to see it, with a reference. The lock is held. */
static int look_up_made(struct directory *directory, struct entry *entry, pid_t process,
                        struct node **ret_node)
{
    uint64_t now_ns = clock_now_ns();
    struct node *found = process != 0 ? find_look(entry, process, now_ns) : NULL;
    int error = found == NULL ? make_file(directory, entry) : 0;

    if (error != 0)
        return error;
    if (found == NULL && process != 0)
        note_look(entry, process, now_ns);
    *ret_node = node_reference(found != NULL ? found : entry->child);
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

    (void)failure;
    if (index == NULL)
        return -ENOENT;

    struct entry *entry = &directory->entries[*index];

    if (entry->write == NULL) {
        *ret_node = node_reference(entry->child);
        *ret_valid_ns = VALID_FOR_EVER;
        return 0;
    }
    pthread_mutex_lock(&directory->lock);

    int error = look_up_made(directory, entry, caller != NULL ? caller->process : 0, ret_node);

    if (error == 0)
        *ret_valid_ns = 0;
    pthread_mutex_unlock(&directory->lock);
    return error;
}

static size_t listing_count(const struct listing *listing)
{
    return ((const struct directory_listing *)listing)->directory->count;
}

/* What stat will say of the made file. */
static uint64_t made_inode(struct directory *directory, struct entry *entry, pid_t process)
{
    uint64_t inode = entry->inode;
    struct node *found;

    pthread_mutex_lock(&directory->lock);
    if (look_up_made(directory, entry, process, &found) == 0) {
        inode = found->inode;
        node_release(found);
    }
    pthread_mutex_unlock(&directory->lock);
    return inode;
}

/* Made files are listed without a node: what they are is known when they are looked up. */
static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    const struct directory_listing *own = (const struct directory_listing *)listing;
    struct entry *entry = &own->directory->entries[index];
    struct node_attributes attributes = {.type = S_IFREG};
    bool made = entry->write != NULL;
    uint64_t valid_ns;

    if (!made)
        entry->child->class->attributes(entry->child, false, &attributes, &valid_ns, NULL);
    *ret_entry = (struct listing_entry){
        .name = entry->name,
        .type = attributes.type,
        .inode = made ? made_inode(own->directory, entry, own->process) : entry->child->inode,
        .node = made ? NULL : entry->child,
        .valid_ns = VALID_FOR_EVER,
    };
}

static void listing_close(struct listing *listing)
{
    node_release(&((struct directory_listing *)listing)->directory->node);
    free(listing);
}

static const struct listing_class directory_listing_class = {
    .count = listing_count, .entry = listing_entry, .close = listing_close};

static int directory_list(struct node *node, const struct caller *caller,
                          struct listing **ret_listing, struct failure *failure)
{
    struct directory_listing *listing = calloc(1, sizeof *listing);

    (void)failure;
    if (listing == NULL)
        return -ENOMEM;
    listing->listing.class = &directory_listing_class;
    listing->process = caller != NULL ? caller->process : 0;
    listing->directory = (struct directory *)node_reference(node);
    *ret_listing = &listing->listing;
    return 0;
}

static void release_entry(struct entry *entry)
{
    for (size_t i = 0; entry->looks != NULL && i < LOOKS_KEPT; i++)
        node_release(entry->looks[i].found);
    free(entry->looks);
    free(entry->name);
    node_release(entry->child);
}

static void directory_release(struct node *node)
{
    struct directory *directory = (struct directory *)node;

    for (size_t i = 0; i < directory->count; i++)
        release_entry(&directory->entries[i]);
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

/* Takes over what ENTRY holds, also on failure. */
static int add(struct directory *directory, struct entry *entry)
{
    bool is_whole = entry->name != NULL && (entry->write == NULL || entry->looks != NULL);
    int error = is_whole ? make_room(directory) : -ENOMEM;

    if (error == 0)
        error = name_map_add(directory->map, entry->name, directory->count);
    if (error != 0) {
        release_entry(entry);
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
    return add((struct directory *)directory,
               &(struct entry){.name = strdup(name),
                               .write = write,
                               .context = context,
                               .inode = node_next_inode(),
                               .looks = allocate_array(LOOKS_KEPT, sizeof(struct look))});
}
