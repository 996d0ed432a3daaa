/* SPDX-License-Identifier: MIT */
#include "fs/store/lineage.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "fs/base/memory.h"
#include "fs/store/pack.h"

#define PACKS_NOTED 64
#define LINKS_KEPT ((size_t)1 << 16) /* of all packs together: 1.5 MiB */
#define IN_ORDER_BYTES 32768         /* from one read to the next, several threads reading */
#define READS_BEFORE 1               /* of a pack, elsewhere than the last, before its directory */
#define STALE_CALLS 4096             /* what was not asked for in so many may be forgotten */

/* One delta of a pack. */
struct link {
    uint64_t parent_hint;
    uint32_t offset; /* both in units of 8 bytes */
    uint32_t parent_offset;
    uint32_t parent_size;
};

/* Those of one pack, by offset. */
struct link_list {
    struct link *links;
    size_t count;
};

struct noted_pack {
    uint64_t hint;
    uint64_t used;        /* when, in calls; 0: the place is free */
    uint64_t last_offset; /* of what was asked for last */
    unsigned reads;       /* that were not in order */
    bool asked;           /* its directory was read, or is being read */
    struct link_list known;
};

struct lineage {
    struct store *store;
    struct file_keys *keys;
    struct pack_list *packs;
    pthread_mutex_t lock; /* guards all below */
    uint64_t calls;
    size_t link_count; /* of all packs */
    struct noted_pack noted[PACKS_NOTED];
};

struct lineage *lineage_create(struct store *store, struct file_keys *keys, struct pack_list *packs)
{
    struct lineage *lineage = calloc(1, sizeof *lineage);

    if (lineage != NULL) {
        lineage->store = store;
        lineage->keys = keys;
        lineage->packs = packs;
        pthread_mutex_init(&lineage->lock, NULL);
    }
    return lineage;
}

/* ---- Which packs are read from. The lock is held in all of this. ---- */

static struct noted_pack *find_pack(struct lineage *lineage, uint64_t hint)
{
    for (size_t i = 0; i < PACKS_NOTED; i++) {
        struct noted_pack *pack = &lineage->noted[i];

        if (pack->used != 0 && pack->hint == hint)
            return pack;
    }
    return NULL;
}

static bool is_stale(const struct lineage *lineage, const struct noted_pack *pack)
{
    return lineage->calls - pack->used > STALE_CALLS;
}

static void forget_links(struct lineage *lineage, struct noted_pack *pack)
{
    lineage->link_count -= pack->known.count;
    free(pack->known.links);
    pack->known = (struct link_list){.count = 0};
}

/* The pack's place, or that of the one unused for longest; NULL: all others are of use. */
static struct noted_pack *note_pack(struct lineage *lineage, uint64_t hint)
{
    struct noted_pack *pack = find_pack(lineage, hint);

    for (size_t i = 0; i < PACKS_NOTED && pack == NULL; i++) {
        if (lineage->noted[i].used == 0)
            pack = &lineage->noted[i];
    }
    for (size_t i = 0; i < PACKS_NOTED && (pack == NULL || pack->hint != hint); i++) {
        struct noted_pack *other = &lineage->noted[i];

        if (other->known.count > 0 && !is_stale(lineage, other))
            continue;
        if (pack == NULL || other->used < pack->used)
            pack = other;
    }
    if (pack == NULL)
        return NULL;
    if (pack->used == 0 || pack->hint != hint) {
        forget_links(lineage, pack);
        *pack = (struct noted_pack){.hint = hint};
    }
    pack->used = ++lineage->calls;
    return pack;
}

/* Whether the read goes on about where the last one of the pack was. */
static bool is_in_order(const struct noted_pack *pack, uint64_t offset)
{
    uint64_t distance =
        offset > pack->last_offset ? offset - pack->last_offset : pack->last_offset - offset;

    return distance < IN_ORDER_BYTES;
}

static bool find_parent(const struct link_list *list, uint64_t offset,
                        struct object_reference *ret_parent)
{
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (list->links[middle].offset < offset / 8)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == list->count || list->links[low].offset != offset / 8)
        return false;
    *ret_parent = (struct object_reference){
        .pack_hint = list->links[low].parent_hint,
        .offset = (uint64_t)list->links[low].parent_offset * 8,
        .sealed_size = list->links[low].parent_size,
    };
    return true;
}

static bool make_room(struct lineage *lineage, size_t wanted)
{
    for (size_t i = 0; i < PACKS_NOTED && lineage->link_count + wanted > LINKS_KEPT; i++) {
        if (is_stale(lineage, &lineage->noted[i]))
            forget_links(lineage, &lineage->noted[i]);
    }
    return lineage->link_count + wanted <= LINKS_KEPT;
}

/* ---- What a directory says ---- */

/* A pack_visit. */
static int note_link(void *context, const struct pack_entry *entry)
{
    struct link_list *list = context;

    if (entry->encoding != OBJECT_ZSTD_PARENT)
        return 0;
    if (list->links != NULL)
        list->links[list->count] = (struct link){
            .parent_hint = entry->parent.pack_hint,
            .offset = (uint32_t)(entry->reference.offset / 8),
            .parent_offset = (uint32_t)(entry->parent.offset / 8),
            .parent_size = entry->parent.sealed_size,
        };
    list->count++;
    return 0;
}

static int read_directory(struct lineage *lineage, uint64_t hint, struct buffer *plain,
                          uint64_t *ret_end)
{
    uint8_t salt[1][STORE_SALT_BYTES];
    char path[PACK_PATH_SIZE];
    struct sealer *sealer;

    if (pack_list_find(lineage->packs, hint, 1, salt, NULL) != 1)
        return -ENOENT;
    pack_path(salt[0], path);

    int error = file_keys_take(lineage->keys, STORE_PACKS, salt[0], path, &sealer, NULL);

    if (error != 0)
        return error;
    error =
        pack_directory_read(store_storage(lineage->store), sealer, salt[0], plain, ret_end, NULL);
    file_keys_give(lineage->keys, sealer);
    return error;
}

/* Its deltas, those of the pack that HINT stands for, in the order of their offsets. */
static int read_links(struct lineage *lineage, uint64_t hint, struct link_list *ret_list)
{
    cleanup_buffer struct buffer plain = BUFFER(PACK_DIRECTORY_LIMIT);
    struct link_list list = {.count = 0};
    uint64_t end;
    int error = read_directory(lineage, hint, &plain, &end);

    if (error == 0)
        error = pack_directory_decode(plain.data, plain.size, hint, end, note_link, &list);
    if (error != 0 || list.count == 0)
        return error;
    list.links = allocate_array(list.count, sizeof *list.links);
    if (list.links == NULL)
        return -ENOMEM;
    list.count = 0;
    error = pack_directory_decode(plain.data, plain.size, hint, end, note_link, &list);
    if (error == 0)
        *ret_list = list;
    else
        free(list.links);
    return error;
}

/* Remembers LINKS, which become the pack's, unless there is no room. The lock is held. */
static bool keep_links(struct lineage *lineage, struct noted_pack *pack,
                       const struct link_list *list)
{
    if (pack == NULL || list->count == 0 || pack->known.count > 0 ||
        !make_room(lineage, list->count))
        return false;
    pack->known = *list;
    lineage->link_count += list->count;
    return true;
}

/* Reads the directory of the pack that PLACE is in, without the lock, and looks there. */
static bool learn(struct lineage *lineage, const struct object_reference *place,
                  struct object_reference *ret_parent)
{
    struct link_list list = {.count = 0};

    if (read_links(lineage, place->pack_hint, &list) != 0)
        return false;

    bool found = find_parent(&list, place->offset, ret_parent);

    pthread_mutex_lock(&lineage->lock);
    bool kept = keep_links(lineage, find_pack(lineage, place->pack_hint), &list);
    pthread_mutex_unlock(&lineage->lock);
    if (!kept)
        free(list.links);
    return found;
}

/* Whether its directory is to be read now. */
static bool is_to_learn(struct noted_pack *pack)
{
    if (pack->asked)
        return false;
    if (pack->reads < READS_BEFORE) {
        pack->reads++;
        return false;
    }
    pack->asked = true;
    return true;
}

bool lineage_known(struct lineage *lineage, const struct object_reference *place,
                   struct object_reference *ret_parent)
{
    pthread_mutex_lock(&lineage->lock);
    struct noted_pack *pack = find_pack(lineage, place->pack_hint);
    bool found = pack != NULL && !is_in_order(pack, place->offset) &&
                 find_parent(&pack->known, place->offset, ret_parent);

    if (found) {
        pack->used = ++lineage->calls;
        pack->last_offset = place->offset;
    }
    pthread_mutex_unlock(&lineage->lock);
    return found;
}

bool lineage_parent(struct lineage *lineage, const struct object_reference *place,
                    struct object_reference *ret_parent)
{
    bool found = false;
    bool wanted = false;

    pthread_mutex_lock(&lineage->lock);
    struct noted_pack *pack = note_pack(lineage, place->pack_hint);

    if (pack != NULL && !is_in_order(pack, place->offset)) {
        found = find_parent(&pack->known, place->offset, ret_parent);
        wanted = is_to_learn(pack);
    }
    if (pack != NULL)
        pack->last_offset = place->offset;
    pthread_mutex_unlock(&lineage->lock);
    return wanted ? learn(lineage, place, ret_parent) : found;
}

void lineage_free(struct lineage *lineage)
{
    if (lineage == NULL)
        return;
    for (size_t i = 0; i < PACKS_NOTED; i++)
        free(lineage->noted[i].known.links);
    pthread_mutex_destroy(&lineage->lock);
    free(lineage);
}
