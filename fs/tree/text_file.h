/* SPDX-License-Identifier: MIT */
/* A file whose whole content is a text in memory, fixed when the node is made. */
#ifndef CRMFS_TREE_TEXT_FILE_H
#define CRMFS_TREE_TEXT_FILE_H

#include "fs/base/buffer.h"
#include "fs/tree/node.h"

/*
 * Takes the buffer's memory over on success. SHOWN_INODE: what stat shows, 0 for the
 * node's own. 0 or -ENOMEM.
 */
int text_file_create(const char *path, struct buffer *text, struct timespec modified,
                     uint64_t shown_inode, struct node **ret_node);

/* The text, borrowed. */
const struct buffer *text_file_text(const struct node *node);

/* Whether PROCESS was the last to open the file, SINCE_NS (by clock_now_ns) or later. */
bool text_file_was_opened(const struct node *node, pid_t process, uint64_t since_ns);

/* An open file of SIZE bytes at DATA; OWNER is released (if not NULL) when it is closed. 0 or
 * -ENOMEM. */
int text_handle_create(const void *data, size_t size, struct node *owner,
                       struct handle **ret_handle);

#endif
