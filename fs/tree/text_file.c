/* SPDX-License-Identifier: MIT */
#include "fs/tree/text_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"

struct text_file {
    struct node node;
    struct buffer text;
    struct timespec modified;
    uint64_t shown_inode;
    pid_t opener;       /* the last; atomic */
    uint64_t opened_ns; /* atomic */
};

struct text_handle {
    struct handle handle;
    const uint8_t *data;
    size_t size;
    struct node *owner;
};

static int text_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                           uint64_t *ret_valid_ns, struct failure *failure)
{
    struct text_file *file = (struct text_file *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){.type = S_IFREG,
                                               .bytes = file->text.size,
                                               .modified = file->modified,
                                               .shown_inode = file->shown_inode};
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int text_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                     struct failure *failure)
{
    struct text_file *file = (struct text_file *)node;

    (void)failure;
    if (caller != NULL) {
        __atomic_store_n(&file->opened_ns, clock_now_ns(), __ATOMIC_RELAXED);
        __atomic_store_n(&file->opener, caller->process, __ATOMIC_RELEASE);
    }
    return text_handle_create(file->text.data, file->text.size, node_reference(node), ret_handle);
}

static void text_release(struct node *node)
{
    struct text_file *file = (struct text_file *)node;

    buffer_release(&file->text);
    free(node->path);
    free(file);
}

static const struct node_class text_file_class = {
    .attributes = text_attributes,
    .open = text_open,
    .release = text_release,
};

int text_file_create(const char *path, struct buffer *text, struct timespec modified,
                     uint64_t shown_inode, struct node **ret_node)
{
    struct text_file *file = calloc(1, sizeof *file);

    if (file == NULL || node_init(&file->node, &text_file_class, path) != 0) {
        free(file);
        return -ENOMEM;
    }
    file->text = *text;
    file->modified = modified;
    file->shown_inode = shown_inode;
    *text = BUFFER(text->limit);
    *ret_node = &file->node;
    return 0;
}

const struct buffer *text_file_text(const struct node *node)
{
    return &((const struct text_file *)node)->text;
}

bool text_file_was_opened(const struct node *node, pid_t process, uint64_t since_ns)
{
    const struct text_file *file = (const struct text_file *)node;

    return __atomic_load_n(&file->opener, __ATOMIC_ACQUIRE) == process &&
           __atomic_load_n(&file->opened_ns, __ATOMIC_RELAXED) >= since_ns;
}

static int text_read(struct handle *handle, uint64_t offset, size_t size,
                     struct reading *ret_reading, struct failure *failure)
{
    struct text_handle *open_file = (struct text_handle *)handle;

    (void)failure;
    *ret_reading = (struct reading){0};
    if (offset >= open_file->size)
        return 0;
    if (size > open_file->size - offset)
        size = open_file->size - (size_t)offset;
    ret_reading->pieces[0] = (struct iovec){without_const(open_file->data + offset), size};
    ret_reading->count = 1;
    return 0;
}

static void text_close(struct handle *handle)
{
    struct text_handle *open_file = (struct text_handle *)handle;

    node_release(open_file->owner);
    free(open_file);
}

static const struct handle_class text_handle_class = {.read = text_read, .close = text_close};

int text_handle_create(const void *data, size_t size, struct node *owner,
                       struct handle **ret_handle)
{
    struct text_handle *handle = calloc(1, sizeof *handle);

    if (handle == NULL) {
        node_release(owner);
        return -ENOMEM;
    }
    *handle = (struct text_handle){{&text_handle_class}, data, size, owner};
    *ret_handle = &handle->handle;
    return 0;
}
