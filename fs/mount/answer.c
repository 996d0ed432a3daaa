/* SPDX-License-Identifier: MIT */
#include "fs/mount/answer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/process.h"
#include "fs/files/files.h"

/* For ever, but within what the kernel can count in. */
#define LONGEST_TIMEOUT_SECONDS (30.0 * 24 * 3600)

struct node *answer_node(fuse_req_t request, fuse_ino_t inode)
{
    struct node *node = inode_table_find(state_of(request)->inodes, inode, NULL);

    if (node == NULL)
        fuse_reply_err(request, ESTALE);
    return node;
}

struct caller answer_caller(fuse_req_t request, const bool *cancelled)
{
    return (struct caller){.process = process_of_thread(fuse_req_ctx(request)->pid),
                           .cancelled = cancelled};
}

double answer_timeout(uint64_t valid_ns)
{
    double seconds = (double)valid_ns / 1e9;

    return seconds < LONGEST_TIMEOUT_SECONDS ? seconds : LONGEST_TIMEOUT_SECONDS;
}

/* Mode bits of a node of TYPE; WRITABLE: by its owner. */
static mode_t mode_of(const struct mount_state *state, mode_t type, bool writable)
{
    mode_t mode = S_ISDIR(type) ? 0555 : 0444;

    if (S_ISLNK(type))
        return type | 0777;
    return type | ((writable ? mode | 0200 : mode) & ~state->umask);
}

int answer_attributes(const struct mount_state *state, struct node *node, bool wait,
                      struct stat *ret_attributes, double *ret_timeout, struct failure *failure)
{
    struct node_attributes attributes;
    uint64_t valid_ns;

    if (files_has_number(node->inode)) {
        struct files *files = tree_files(state->tree);

        *ret_timeout = answer_timeout(files_valid_ns(files, node->inode));
        return files_stat(files, node->inode, ret_attributes, failure);
    }

    int error = node->class->attributes(node, wait, &attributes, &valid_ns, failure);

    if (error != 0)
        return error;
    *ret_attributes = (struct stat){
        .st_ino = attributes.shown_inode != 0 ? attributes.shown_inode : node->inode,
        .st_mode = mode_of(state, attributes.type, attributes.writable),
        .st_nlink = S_ISDIR(attributes.type) ? 2 : 1,
        .st_uid = state->uid,
        .st_gid = state->gid,
        .st_size = (off_t)attributes.bytes,
        .st_blocks = (blkcnt_t)(attributes.bytes / 512 + (attributes.bytes % 512 != 0)),
        .st_atim = attributes.modified,
        .st_mtim = attributes.modified,
        .st_ctim = attributes.modified,
    };
    *ret_timeout = answer_timeout(valid_ns);
    return 0;
}

/* The kernel takes ENOSYS for "never ask this again" and refuses what is no errno. */
static int errno_of(int error)
{
    int code = -error;

    return code > 0 && code < 512 && code != ENOSYS ? code : EIO;
}

void answer_error(fuse_req_t request, struct mount_state *state, const struct node *node,
                  const char *name, int error, const struct failure *failure)
{
    char path[PATH_MAX];
    struct failure words;

    if (error != -ENOENT && error != -EINTR) {
        if (failure->code == 0) {
            failure_set(&words, errno_of(error), "%s", strerror(errno_of(error)));
            failure = &words;
        }
        snprintf(path, sizeof path, "%s%s%s", node->path,
                 name != NULL && node->path[0] != '\0' ? "/" : "", name != NULL ? name : "");
        tree_report(state->tree, path, failure);
    }
    fuse_reply_err(request, errno_of(error));
}
