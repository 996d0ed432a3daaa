/* SPDX-License-Identifier: MIT */
/*
 * Keeps tables that were read through for the next mount, in the image cache of the store, and
 * finds what earlier mounts kept. Keeping is done by a thread of its own: nobody waits for it, and
 * whatever becomes of it, what is read now is not concerned. Safe from several threads at once.
 */
#ifndef CRMFS_TREE_KEEPER_H
#define CRMFS_TREE_KEEPER_H

#include "backends/source/source.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/store/image_cache.h"
#include "fs/table/image.h"

struct keeper;

struct keeper_options {
    struct image_cache *cache; /* outlives the keeper, and every image found by it */
    /* Told, with the path of a file in the mount, that something kept was of no use. */
    void (*report)(void *context, const char *path, const struct failure *failure);
    void *context;
};

/* Starts a thread. 0, -ENOMEM, -EAGAIN. */
int keeper_create(const struct keeper_options *options, struct keeper **ret_keeper);

/*
 * What is kept of a table, which PATH shows. -ENOENT: nothing that can be used, and the table is
 * to be read; damage is reported. -ENOMEM.
 */
int keeper_find(struct keeper *keeper, const struct source_identity *identity,
                struct schema *schema, const char *path, struct image **ret_image);

/* IMAGE (referenced) will be kept, soon or never. */
void keeper_keep(struct keeper *keeper, const struct source_identity *identity,
                 struct image *image);

/* What an archive holds (index_catalogue.h), whose images were given before it, will be kept.
 * ENCODED is taken over, and empty afterwards. */
void keeper_keep_catalogue(struct keeper *keeper, const struct source_identity *identity,
                           struct buffer *encoded);

/* Until all that was given is kept, or could not be. */
void keeper_await(struct keeper *keeper);

/* What it keeps them in, borrowed. */
struct image_cache *keeper_cache(const struct keeper *keeper);

/* Tells that IMAGE, found here, was of no use after all. */
void keeper_report(struct keeper *keeper, const char *path, const struct failure *failure);

/* Appends ,"kept":… as a member of a JSON object. */
int keeper_status(struct keeper *keeper, struct buffer *text);

/* Keeps what it was given first. NULL is allowed. */
void keeper_free(struct keeper *keeper);

#endif
