/* SPDX-License-Identifier: MIT */
#include "fs/tree/image_shelf.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/stored_table.h"

struct place {
    uint8_t id[OBJECT_ID_BYTES];
    struct image *image; /* referenced */
};

struct image_shelf {
    struct object_reader *reader;
    size_t limit_bytes;

    pthread_mutex_t lock; /* guards all below */
    size_t bytes;
    size_t count;
    struct place places[IMAGE_SHELF_MOST]; /* the one used last comes first */
};

int image_shelf_create(struct object_reader *reader, size_t limit_bytes,
                       struct image_shelf **ret_shelf)
{
    struct image_shelf *shelf = calloc(1, sizeof *shelf);

    if (shelf == NULL)
        return -ENOMEM;
    shelf->reader = reader;
    shelf->limit_bytes = limit_bytes;
    pthread_mutex_init(&shelf->lock, NULL);
    *ret_shelf = shelf;
    return 0;
}

/* The image with a reference, moved to the front; NULL: it is not there. The lock is held. */
static struct image *take(struct image_shelf *shelf, const uint8_t id[OBJECT_ID_BYTES])
{
    for (size_t i = 0; i < shelf->count; i++) {
        struct place found = shelf->places[i];

        if (memcmp(found.id, id, OBJECT_ID_BYTES) != 0)
            continue;
        memmove(&shelf->places[1], &shelf->places[0], i * sizeof found);
        shelf->places[0] = found;
        return image_reference(found.image);
    }
    return NULL;
}

/* The lock is held. */
static void drop_last(struct image_shelf *shelf)
{
    struct image *image = shelf->places[--shelf->count].image;

    shelf->bytes -= image_memory_bytes(image);
    image_release(image);
}

/* The lock is held. */
static void put(struct image_shelf *shelf, const uint8_t id[OBJECT_ID_BYTES], struct image *image)
{
    size_t bytes = image_memory_bytes(image);

    while (shelf->count != 0 &&
           (shelf->count == IMAGE_SHELF_MOST || shelf->bytes + bytes > shelf->limit_bytes))
        drop_last(shelf);
    if (bytes > shelf->limit_bytes)
        return;
    memmove(&shelf->places[1], &shelf->places[0], shelf->count * sizeof shelf->places[0]);
    memcpy(shelf->places[0].id, id, OBJECT_ID_BYTES);
    shelf->places[0].image = image_reference(image);
    shelf->count++;
    shelf->bytes += bytes;
}

int image_shelf_open(struct image_shelf *shelf, const struct object_reference *reference,
                     struct image **ret_image, struct failure *failure)
{
    pthread_mutex_lock(&shelf->lock);
    struct image *image = take(shelf, reference->id);

    pthread_mutex_unlock(&shelf->lock);
    if (image != NULL) {
        *ret_image = image;
        return 0;
    }

    struct image *opened;
    int error = stored_table_open(shelf->reader, reference, &opened, failure);

    if (error != 0)
        return error;
    pthread_mutex_lock(&shelf->lock);
    image = take(shelf, reference->id); /* another thread was faster */
    if (image == NULL)
        put(shelf, reference->id, opened);
    pthread_mutex_unlock(&shelf->lock);
    if (image != NULL) {
        image_release(opened);
        opened = image;
    }
    *ret_image = opened;
    return 0;
}

void image_shelf_free(struct image_shelf *shelf)
{
    if (shelf == NULL)
        return;
    while (shelf->count != 0)
        drop_last(shelf);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}
