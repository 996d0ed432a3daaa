/* SPDX-License-Identifier: MIT */
#include "fs/mount/directories.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/mount/answer.h"
#include "fs/mount/file_answer.h"
#include "fs/mount/interrupt.h"

/* An answer's size; the kernel may ask for more at a time, which only takes memory. */
#define LARGEST_ANSWER ((size_t)64 << 10)

/* An entry with attributes takes over 128 bytes, so that an answer has fewer entries. */
#define MOST_ENTRIES (LARGEST_ANSWER / 128)

/* "." and ".." come first; the offset of an entry is the number of those up to it. */
#define DOT_ENTRIES 2

/* One answer in the making. The kernel reads one open directory by one thread at a time. */
struct page {
    fuse_req_t request;
    struct mount_state *state;
    struct opened *opened;
    uint64_t parent;
    bool plus; /* entries with attributes */
    char *data;
    size_t size;
    size_t used;
    uint64_t given[MOST_ENTRIES]; /* inodes that the kernel is told of */
    size_t given_count;
};

static int list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                struct failure *failure)
{
    if (node->class->list == NULL)
        return -ENOTDIR;
    return node->class->list(node, caller, ret_listing, failure);
}

void answer_opendir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    if (files_has_number(inode)) {
        file_opendir(request, inode, info);
        return;
    }

    struct mount_state *state = state_of(request);
    cleanup(release_node) struct node *node = answer_node(request, inode);
    struct failure failure = {0};
    struct long_request waiting;

    if (node == NULL)
        return;

    struct caller caller = answer_caller(request, &waiting.cancelled);
    struct opened *opened = opened_create(node);

    long_request_begin(&waiting, request);

    int error = opened != NULL ? list(node, &caller, &opened->listing, &failure) : -ENOMEM;
    bool ours = long_request_end(&waiting);

    if (error != 0 || !ours) {
        opened_release(opened);
        if (ours)
            answer_error(request, state, node, NULL, error, &failure);
        return;
    }
    opened_set_add(&state->opened, opened);
    info->fh = (uintptr_t)opened;
    if (fuse_reply_open(request, info) != 0)
        opened_set_close(&state->opened, opened);
}

/*
 * An entry as the kernel wants it. A node whose size is not known yet is named
 * without being given, so that plain listing has no table read through.
 */
static void describe(struct page *page, size_t index, const char **ret_name, struct node **ret_node,
                     struct fuse_entry_param *ret_entry)
{
    struct listing *listing = page->opened->listing;
    struct listing_entry entry = {.type = S_IFDIR};

    *ret_entry = (struct fuse_entry_param){0};
    *ret_node = NULL;
    if (index == 0) {
        entry.name = ".";
        entry.inode = page->opened->node->inode;
    } else if (index == 1) {
        entry.name = "..";
        entry.inode = page->parent;
    } else {
        listing->class->entry(listing, index - DOT_ENTRIES, &entry);
    }
    *ret_name = entry.name;
    if (page->plus && entry.node != NULL &&
        answer_attributes(page->state, entry.node, false, &ret_entry->attr,
                          &ret_entry->attr_timeout, NULL) == 0) {
        *ret_node = entry.node;
        ret_entry->ino = entry.node->inode;
        ret_entry->entry_timeout = answer_timeout(entry.valid_ns);
    } else {
        ret_entry->attr = (struct stat){.st_ino = entry.inode, .st_mode = entry.type};
    }
}

static size_t put(struct page *page, const char *name, const struct fuse_entry_param *entry,
                  size_t index)
{
    char *place = page->data + page->used;
    size_t left = page->size - page->used;
    off_t next = (off_t)index + 1;

    if (page->plus)
        return fuse_add_direntry_plus(page->request, place, left, name, entry, next);
    return fuse_add_direntry(page->request, place, left, name, &entry->attr, next);
}

/* Whether the entry had room. */
static bool add_entry(struct page *page, size_t index)
{
    struct fuse_entry_param entry;
    struct node *node;
    const char *name;

    describe(page, index, &name, &node, &entry);
    if (node != NULL && (page->given_count == MOST_ENTRIES ||
                         inode_table_add(page->state->inodes, node, page->opened->node->inode))) {
        node = NULL;
        entry.ino = 0;
    }

    size_t size = put(page, name, &entry, index);

    if (size > page->size - page->used) {
        if (node != NULL)
            inode_table_forget(page->state->inodes, node->inode, 1);
        return false;
    }
    page->used += size;
    if (node != NULL)
        page->given[page->given_count++] = node->inode;
    return true;
}

/* A directory read from its beginning again shows what is there then. */
static int refresh(struct page *page, struct failure *failure)
{
    struct opened *opened = page->opened;
    struct caller caller = answer_caller(page->request, NULL);
    struct listing *listing;
    int error = list(opened->node, &caller, &listing, failure);

    if (error != 0)
        return error;
    opened->listing->class->close(opened->listing);
    opened->listing = listing;
    return 0;
}

/* As listing_class.prepare. */
static int prepare(struct listing *listing, size_t index, struct failure *failure)
{
    if (index < DOT_ENTRIES || listing->class->prepare == NULL)
        return 1;
    return listing->class->prepare(listing, index - DOT_ENTRIES, failure);
}

static int fill(struct page *page, size_t index, struct failure *failure)
{
    const struct opened *opened = page->opened;

    if (index == 0 && opened->begun) {
        int error = refresh(page, failure);

        if (error != 0)
            return error;
    }
    page->opened->begun = true;

    size_t count = opened->listing->class->count(opened->listing) + DOT_ENTRIES;
    bool room = true;

    for (; index < count && room; index += room) {
        int there = prepare(opened->listing, index, failure);

        /* What has been found so far is given first: it is asked for the rest again. */
        if (there < 0)
            return page->used != 0 ? 0 : there;
        if (there == 0 && failure->code != 0)
            tree_report(page->state->tree, opened->node->path, failure);
        failure->code = 0;
        room = there == 0 || add_entry(page, index);
    }
    return 0;
}

static void read_directory(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                           const struct fuse_file_info *info, bool plus)
{
    struct mount_state *state = state_of(request);
    struct failure failure = {0};
    struct page page = {.request = request,
                        .state = state,
                        .opened = opened_of(info),
                        .plus = plus,
                        .parent = FUSE_ROOT_ID,
                        .size = size < LARGEST_ANSWER ? size : LARGEST_ANSWER};
    cleanup_free char *data = malloc(page.size);

    page.data = data;
    node_release(inode_table_find(state->inodes, inode, &page.parent));

    int error = data != NULL ? fill(&page, (size_t)offset, &failure) : -ENOMEM;

    if (error != 0) {
        answer_error(request, state, page.opened->node, NULL, error, &failure);
    } else if (fuse_reply_buf(request, data, page.used) != 0) {
        for (size_t i = 0; i < page.given_count; i++)
            inode_table_forget(state->inodes, page.given[i], 1);
    }
    inode_limit_notice(state->limit);
}

void answer_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                    struct fuse_file_info *info)
{
    if (files_has_number(inode)) {
        file_readdir(request, inode, size, offset, false);
        return;
    }

    read_directory(request, inode, size, offset, info, false);
}

void answer_readdirplus(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                        struct fuse_file_info *info)
{
    if (files_has_number(inode)) {
        file_readdir(request, inode, size, offset, true);
        return;
    }

    read_directory(request, inode, size, offset, info, true);
}

void answer_releasedir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    if (files_has_number(inode)) {
        fuse_reply_err(request, 0);
        return;
    }

    (void)inode;
    opened_set_close(&state_of(request)->opened, opened_of(info));
    fuse_reply_err(request, 0);
}
