/* SPDX-License-Identifier: MIT */
/*
 * A directory whose names never change. An entry is a node, or a file made anew
 * whenever it is looked up (the status): its node stays the same for as long as
 * its text does. A process that looks such a file up and then opens it opens the
 * text that it looked up, so that what it was told of its size holds; after that,
 * and after a second, it is made anew for that process too.
 */
#ifndef CRMFS_TREE_DIRECTORY_H
#define CRMFS_TREE_DIRECTORY_H

#include "fs/base/buffer.h"
#include "fs/tree/node.h"

/* Writes the file's text as it is now. 0 or -errno. */
typedef int directory_write(void *context, struct buffer *text);

/* An empty directory. 0 or -ENOMEM. */
int directory_create(const char *path, struct node **ret_directory);

/* Before the directory is shared: adds CHILD (its reference is taken over, also on failure).
 * -EEXIST: the name is taken. */
int directory_add(struct node *directory, const char *name, struct node *child);

/* Before the directory is shared: adds a file that WRITE makes. */
int directory_add_made(struct node *directory, const char *name, directory_write *write,
                       void *context);

#endif
