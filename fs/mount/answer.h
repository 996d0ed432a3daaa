/* SPDX-License-Identifier: MIT */
/*
 * What all request handlers share: the state of a mount, and the tree's words
 * turned into the kernel's.
 */
#ifndef CRMFS_MOUNT_ANSWER_H
#define CRMFS_MOUNT_ANSWER_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/mount/answer_buffers.h"
#include "fs/mount/device.h"
#include "fs/mount/inode_limit.h"
#include "fs/mount/inode_table.h"
#include "fs/mount/interrupt.h"
#include "fs/mount/opened.h"
#include "fs/mount/outdated.h"
#include "fs/mount/write_out.h"
#include "fs/tree/tree.h"

/* libfuse hands it to every handler: fuse_req_userdata(). */
struct mount_state {
    struct fuse_session *fuse;
    struct tree *tree;
    struct inode_table *inodes;
    struct inode_limit *limit;   /* of what the kernel knows */
    struct write_out *write_out; /* NULL, as the next: there is no files/ */
    struct outdated *outdated;
    struct opened_set opened;
    struct long_requests long_requests;
    struct device device;
    struct answer_buffers buffers;
    uid_t uid;
    gid_t gid;
    mode_t umask;
    unsigned max_read; /* bytes; 0: what the kernel likes */
};

static inline struct mount_state *state_of(fuse_req_t request)
{
    return fuse_req_userdata(request);
}

static inline struct opened *opened_of(const struct fuse_file_info *info)
{
    // NOLINTNEXTLINE(performance-no-int-to-ptr): libfuse keeps a number for us
    return (struct opened *)(uintptr_t)info->fh;
}

static inline void release_node(struct node *const *node)
{
    node_release(*node);
}

/*
 * A reference, to be given back: an interrupted request may outlive what the
 * kernel knows. NULL when there is no such node, and that was answered.
 */
struct node *answer_node(fuse_req_t request, fuse_ino_t inode);

/* Who asks. CANCELLED: struct caller's. */
struct caller answer_caller(fuse_req_t request, const bool *cancelled);

/* How long the kernel may believe, in its seconds. */
double answer_timeout(uint64_t valid_ns);

/* What the kernel is told of what was opened. */
static inline void answer_opened(struct opened *opened, struct fuse_file_info *info)
{
    bool written = opened->handle->class->write != NULL;

    info->fh = (uintptr_t)opened;
    info->keep_cache = !written;
    info->noflush = !written;
    info->direct_io = written;
}

/* A node's attributes and how long they hold; WAIT and errors as for node_class.attributes. */
int answer_attributes(const struct mount_state *state, struct node *node, bool wait,
                      struct stat *ret_attributes, double *ret_timeout, struct failure *failure);

/*
 * Answers ERROR (negative), and reports it with its words under NODE's path,
 * and NAME in it unless NULL. That a name does not exist is no fault.
 */
void answer_error(fuse_req_t request, struct mount_state *state, const struct node *node,
                  const char *name, int error, const struct failure *failure);

#endif
