/* SPDX-License-Identifier: MIT */
#include "fs/tree/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t last_inode;

uint64_t node_next_inode(void)
{
    return __atomic_add_fetch(&last_inode, 1, __ATOMIC_RELAXED);
}

int node_init(struct node *node, const struct node_class *class, const char *path)
{
    char *copy = strdup(path);

    if (copy == NULL)
        return -ENOMEM;
    node->class = class;
    node->references = 1;
    node->inode = node_next_inode();
    node->path = copy;
    return 0;
}

void node_release(struct node *node)
{
    if (node != NULL && __atomic_sub_fetch(&node->references, 1, __ATOMIC_ACQ_REL) == 0)
        node->class->release(node);
}

ssize_t node_give_value(const char *bytes, size_t length, char *value, size_t size)
{
    if (size == 0)
        return (ssize_t)length;
    if (length > size)
        return -ERANGE;
    memcpy(value, bytes, length);
    return (ssize_t)length;
}
