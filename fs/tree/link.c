/* SPDX-License-Identifier: MIT */
#include "fs/tree/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct link {
    struct node node;
    char *target;
    struct timespec modified;
    uint64_t shown_inode;
};

static int link_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                           uint64_t *ret_valid_ns, struct failure *failure)
{
    struct link *link = (struct link *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){.type = S_IFLNK,
                                               .bytes = strlen(link->target),
                                               .modified = link->modified,
                                               .shown_inode = link->shown_inode};
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static const char *link_target(const struct node *node)
{
    return ((const struct link *)node)->target;
}

static void link_release(struct node *node)
{
    struct link *link = (struct link *)node;

    free(link->target);
    free(node->path);
    free(link);
}

static const struct node_class link_class = {
    .attributes = link_attributes,
    .target = link_target,
    .release = link_release,
};

int link_create(const char *path, const char *target, struct timespec modified,
                uint64_t shown_inode, struct node **ret_link)
{
    struct link *link = calloc(1, sizeof *link);

    if (link == NULL)
        return -ENOMEM;
    link->target = strdup(target);
    if (link->target == NULL || node_init(&link->node, &link_class, path) != 0) {
        free(link->target);
        free(link);
        return -ENOMEM;
    }
    link->modified = modified;
    link->shown_inode = shown_inode;
    *ret_link = &link->node;
    return 0;
}

bool link_is(const struct node *node, const char *target, struct timespec modified)
{
    const struct link *link = (const struct link *)node;

    return strcmp(link->target, target) == 0 && link->modified.tv_sec == modified.tv_sec &&
           link->modified.tv_nsec == modified.tv_nsec;
}
