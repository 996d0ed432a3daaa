/* SPDX-License-Identifier: MIT */
#include "fs/mount/inode_table.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* uthash ends the process when there is no memory unless told otherwise. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

/* Requests on different inodes seldom meet at one lock. */
#define SHARDS 16

struct entry {
    uint64_t inode;
    uint64_t parent;
    uint64_t lookups;
    struct node *node;
    UT_hash_handle hh;
    /* Of those that may be forgotten, in the order of the queue: */
    struct entry *prev, *next;
    bool queued;
    bool used; /* since it was looked at last */
};

struct shard {
    pthread_mutex_t lock; /* guards the shard's entries */
    struct entry *entries;
    struct entry *queue; /* the next to be looked at comes first */
};

struct inode_table {
    struct node *root;
    size_t count;      /* atomic; without the root */
    size_t next_shard; /* atomic: where inode_table_idle goes on */
    struct shard shards[SHARDS];
};

static struct shard *shard_of(struct inode_table *table, uint64_t inode)
{
    return &table->shards[inode % SHARDS];
}

static struct entry *find(struct shard *shard, uint64_t inode)
{
    struct entry *entry = NULL;

    HASH_FIND(hh, shard->entries, &inode, sizeof inode, entry);
    return entry;
}

static void free_entry(struct entry *entry)
{
    node_release(entry->node);
    free(entry);
}

struct inode_table *inode_table_create(struct node *root)
{
    struct inode_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&table->shards[i].lock, NULL);
    table->root = node_reference(root);
    return table;
}

void inode_table_free(struct inode_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &table->shards[i];
        struct entry *entry, *next;

        HASH_ITER (hh, shard->entries, entry, next) {
            HASH_DEL(shard->entries, entry);
            free_entry(entry);
        }
        pthread_mutex_destroy(&shard->lock);
    }
    node_release(table->root);
    free(table);
}

/* With the shard's lock held. */
static void enqueue(struct shard *shard, struct entry *entry)
{
    DL_APPEND(shard->queue, entry);
    entry->queued = true;
    entry->used = true;
}

/* With the shard's lock held. */
static void dequeue(struct shard *shard, struct entry *entry)
{
    if (entry->queued)
        DL_DELETE(shard->queue, entry);
    entry->queued = false;
}

/* With the shard's lock held. */
static int add_first(struct shard *shard, struct node *node, uint64_t parent)
{
    struct entry *entry = calloc(1, sizeof *entry);

    if (entry == NULL)
        return -ENOMEM;
    entry->inode = node->inode;
    entry->parent = parent;
    entry->lookups = 1;
    HASH_ADD(hh, shard->entries, inode, sizeof entry->inode, entry);
    if (entry->hh.tbl == NULL) { /* how uthash says that there was no memory */
        free(entry);
        return -ENOMEM;
    }
    entry->node = node_reference(node);
    if (node->class->forgettable)
        enqueue(shard, entry);
    return 0;
}

int inode_table_add(struct inode_table *table, struct node *node, uint64_t parent)
{
    int error = 0;

    if (node == table->root)
        return 0;

    struct shard *shard = shard_of(table, node->inode);

    pthread_mutex_lock(&shard->lock);

    struct entry *entry = find(shard, node->inode);

    if (entry == NULL) {
        error = add_first(shard, node, parent);
        if (error == 0)
            __atomic_add_fetch(&table->count, 1, __ATOMIC_RELAXED);
    } else {
        entry->lookups++;
        entry->used = true;
        if (node->class->forgettable && !entry->queued)
            enqueue(shard, entry);
    }
    pthread_mutex_unlock(&shard->lock);
    return error;
}

struct node *inode_table_find(struct inode_table *table, uint64_t inode, uint64_t *ret_parent)
{
    struct node *node = NULL;
    uint64_t parent = table->root->inode;

    if (inode == table->root->inode) {
        node = node_reference(table->root);
    } else {
        struct shard *shard = shard_of(table, inode);

        pthread_mutex_lock(&shard->lock);

        struct entry *entry = find(shard, inode);

        if (entry != NULL) {
            entry->used = true;
            node = node_reference(entry->node);
            parent = entry->parent;
        }
        pthread_mutex_unlock(&shard->lock);
    }
    if (node != NULL && ret_parent != NULL)
        *ret_parent = parent;
    return node;
}

void inode_table_forget(struct inode_table *table, uint64_t inode, uint64_t count)
{
    struct shard *shard = shard_of(table, inode);

    pthread_mutex_lock(&shard->lock);

    struct entry *entry = find(shard, inode);

    if (entry != NULL) {
        entry->lookups -= count < entry->lookups ? count : entry->lookups;
        if (entry->lookups == 0) {
            dequeue(shard, entry);
            HASH_DEL(shard->entries, entry);
            __atomic_sub_fetch(&table->count, 1, __ATOMIC_RELAXED);
        } else {
            entry = NULL;
        }
    }
    pthread_mutex_unlock(&shard->lock);
    /* Outside the lock: the last reference may take much with it. */
    if (entry != NULL)
        free_entry(entry);
}

size_t inode_table_count(struct inode_table *table)
{
    return 1 + __atomic_load_n(&table->count, __ATOMIC_RELAXED);
}

static void describe(const struct entry *entry, struct idle_inode *ret_idle)
{
    const char *slash = strrchr(entry->node->path, '/');

    ret_idle->parent = entry->parent;
    snprintf(ret_idle->name, sizeof ret_idle->name, "%s",
             slash != NULL ? slash + 1 : entry->node->path);
}

/* With the shard's lock held. Each is looked at once. */
static size_t idle_in(struct shard *shard, struct idle_inode *ret_idle, size_t most)
{
    const struct entry *last = shard->queue != NULL ? shard->queue->prev : NULL;
    struct entry *entry = NULL;
    size_t found = 0;

    while (shard->queue != NULL && entry != last && found < most) {
        entry = shard->queue;
        dequeue(shard, entry);
        if (entry->used) {
            enqueue(shard, entry);
            entry->used = false;
        } else {
            describe(entry, &ret_idle[found++]);
        }
    }
    return found;
}

size_t inode_table_idle(struct inode_table *table, struct idle_inode *ret_idle, size_t most)
{
    size_t found = 0;

    /* Round twice: the first may only take chances away. */
    for (size_t i = 0; i < (size_t)2 * SHARDS && found < most; i++) {
        size_t number = __atomic_fetch_add(&table->next_shard, 1, __ATOMIC_RELAXED);
        struct shard *shard = &table->shards[number % SHARDS];

        pthread_mutex_lock(&shard->lock);
        found += idle_in(shard, ret_idle + found, most - found);
        pthread_mutex_unlock(&shard->lock);
    }
    return found;
}
