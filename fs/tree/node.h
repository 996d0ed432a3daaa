/* SPDX-License-Identifier: MIT */
/*
 * A node: what a name in the mount stands for. Its content never changes while
 * it lives (a changed file is a new node under the same name); only directories
 * may list other nodes from one moment to the next. Nodes are counted
 * references; the mount keeps one for as long as the kernel knows the inode.
 *
 * All functions may be called from several threads at once, and may block while
 * a table is read through.
 */
#ifndef CRMFS_TREE_NODE_H
#define CRMFS_TREE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "fs/base/failure.h"
#include "fs/table/reading.h"

/* Who asks: a process keeps seeing the generation that it began to walk (fs/tree/live.h). */
struct caller {
    pid_t process;         /* thread group, 0 when unknown */
    bool hidden;           /* whether it is ending cannot be seen; only said of who closes */
    const bool *cancelled; /* atomic: it waits for the answer no more; NULL: it always does */
};

struct node_attributes {
    mode_t type;    /* S_IFDIR, S_IFREG or S_IFLNK */
    uint64_t bytes; /* exact */
    struct timespec modified;
    uint64_t shown_inode; /* what stat shows; 0: the node's own */
    bool writable;        /* its owner may make and remove things in it, or write it */
};

#define VALID_FOR_EVER UINT64_MAX

struct node;
struct handle;
struct listing;

struct node_class {
    /*
     * Exact attributes. WAIT false: only if they are known already, else
     * -EAGAIN. ret_valid_ns: how long the kernel may believe them.
     */
    int (*attributes)(struct node *node, bool wait, struct node_attributes *ret_attributes,
                      uint64_t *ret_valid_ns, struct failure *failure);
    /*
     * Directories: the node under NAME, with a reference, and how long the
     * kernel may believe that the name means it. -ENOENT when there is none.
     */
    int (*lookup)(struct node *directory, const char *name, const struct caller *caller,
                  struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure);
    /* Directories: the names as they are now; they stay so for this listing. */
    int (*list)(struct node *directory, const struct caller *caller, struct listing **ret_listing,
                struct failure *failure);
    /* Files. */
    int (*open)(struct node *node, const struct caller *caller, struct handle **ret_handle,
                struct failure *failure);
    /* Symbolic links: the target, borrowed from the node. */
    const char *(*target)(const struct node *node);
    /*
     * Extended attributes: the value of NAME as text in VALUE (SIZE bytes), its
     * length returned; with SIZE 0 only that. -ENODATA when there is none,
     * -ERANGE. NAME NULL: the names, each ended by NUL. A NULL function: none
     * at all.
     */
    ssize_t (*xattr)(struct node *node, const char *name, char *value, size_t size,
                     struct failure *failure);
    /*
     * Directories in them, all three NULL where nothing can be changed (-EROFS).
     * make_directory ends early, with -ECANCELED, when *CANCELLED (atomic) turns true.
     */
    int (*make_directory)(struct node *directory, const char *name, bool *cancelled,
                          struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure);
    int (*remove_directory)(struct node *directory, const char *name, struct failure *failure);
    /* Within one directory; -EEXIST when there is NEW_NAME already. */
    int (*rename)(struct node *directory, const char *name, const char *new_name,
                  struct failure *failure);
    /*
     * Files that can be written (fs/tree/drafts.h), all NULL where none can be (-EROFS). A file
     * that is made stays open with *ret_handle. -ENOENT: the directory has no such file.
     */
    int (*create_file)(struct node *directory, const char *name, const struct caller *caller,
                       struct node **ret_node, struct handle **ret_handle, struct failure *failure);
    int (*remove_file)(struct node *directory, const char *name, const struct caller *caller,
                       struct failure *failure);
    int (*rename_file)(struct node *directory, const char *name, const char *new_name,
                       const struct caller *caller, struct failure *failure);
    /* Of a file: to be written anew (TRUNCATE), or on from what it holds. */
    int (*open_writing)(struct node *node, const struct caller *caller, bool truncate,
                        struct handle **ret_handle, struct failure *failure);
    void (*release)(struct node *node); /* the last reference is gone */
    /*
     * A file that the kernel may be asked to forget when it knows too many: it is had again at
     * once, and nobody ever waits long for anything in its directory.
     */
    bool forgettable;
    /* Where somebody may well try to change something, and why nothing can be. */
    const char *unchanging;
};

struct node {
    const struct node_class *class;
    unsigned references; /* atomic */
    unsigned
        asked_mode; /* atomic; of a directory that was made here: the mode it should have, + 1 */
    uint64_t inode; /* unique in the life of the mount, never 0 or reused; the root's is 1 */
    char *path;     /* below the mountpoint, for messages; "" for the root; owned */
};

/* A file opened. */
struct handle_class {
    /* Fills ret_reading with up to SIZE bytes at OFFSET, fewer only at the end of the file. */
    int (*read)(struct handle *handle, uint64_t offset, size_t size, struct reading *ret_reading,
                struct failure *failure);
    void (*close)(struct handle *handle);
    /* Of a file opened for writing, else all NULL. */
    int (*write)(struct handle *handle, const struct caller *caller, uint64_t offset,
                 const void *bytes, size_t size, struct failure *failure);
    int (*resize)(struct handle *handle, const struct caller *caller, uint64_t size,
                  struct failure *failure);
    /* A descriptor of it is closed, by a process that goes on. */
    int (*flush)(struct handle *handle, const struct caller *caller, struct failure *failure);
};
struct handle {
    const struct handle_class *class;
};

/* A directory opened. Entries 0 … count-1 do not include "." and "..". */
struct listing_entry {
    const char *name; /* borrowed from the listing */
    mode_t type;
    uint64_t inode;
    struct node *node; /* borrowed from the listing */
    uint64_t valid_ns; /* as for lookup, counted from now */
};
struct listing_class {
    size_t (*count)(const struct listing *listing);
    /*
     * Before an entry is asked for: 1, or 0 if there is none after all, or -errno. NULL: 1. Why
     * there is none may be said, for .crmfs/errors.
     */
    int (*prepare)(struct listing *listing, size_t index, struct failure *failure);
    void (*entry)(struct listing *listing, size_t index, struct listing_entry *ret_entry);
    void (*close)(struct listing *listing);
};
struct listing {
    const struct listing_class *class;
};

static inline struct node *node_reference(struct node *node)
{
    __atomic_add_fetch(&node->references, 1, __ATOMIC_RELAXED);
    return node;
}

/* A reference, unless the last one is gone already: for whoever keeps nodes without owning them. */
static inline bool node_reference_if_alive(struct node *node)
{
    unsigned references = __atomic_load_n(&node->references, __ATOMIC_RELAXED);

    while (references != 0) {
        if (__atomic_compare_exchange_n(&node->references, &references, references + 1, true,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

static inline void node_ask_mode(struct node *node, mode_t mode)
{
    __atomic_store_n(&node->asked_mode, (mode & 07777U) + 1, __ATOMIC_RELAXED);
}

/* Whether who made it has asked for the same mode. */
static inline bool node_asked_mode(const struct node *node, mode_t mode)
{
    return __atomic_load_n(&node->asked_mode, __ATOMIC_RELAXED) == (mode & 07777U) + 1;
}

void node_release(struct node *node); /* NULL is allowed */

/* Answers node_class.xattr with LENGTH bytes. */
ssize_t node_give_value(const char *bytes, size_t length, char *value, size_t size);

/* An inode number that no node has. */
uint64_t node_next_inode(void);

/* Fills in the common part: one reference, a fresh inode number, PATH copied. 0 or -ENOMEM. */
int node_init(struct node *node, const struct node_class *class, const char *path);

#endif
