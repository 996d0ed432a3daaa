/* SPDX-License-Identifier: MIT */
#include "tests/unit/memory_storage.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/storage/storage_name.h"

struct file {
    char *name;
    uint8_t *bytes;
    size_t size;
    time_t modified;
};

struct memory_storage {
    struct storage base;
    pthread_mutex_t lock; /* guards all below */
    struct file *files;   /* by name */
    size_t count;
    size_t room;
};

struct memory_writer {
    struct storage_writer base;
    char *name;
    uint8_t *bytes;
    size_t size;
    size_t room;
};

static struct memory_storage *memory_of(struct storage *storage)
{
    return (struct memory_storage *)storage;
}

static void *need(void *pointer)
{
    if (pointer == NULL)
        abort();
    return pointer;
}

/* Of a size that is never 0, so that an overrun is seen and NULL is not met. */
static uint8_t *duplicate(const void *bytes, size_t size)
{
    uint8_t *copy = need(malloc(size + (size == 0)));

    if (size != 0)
        memcpy(copy, bytes, size);
    return copy;
}

/* Where NAME stands or would stand. The lock is held. */
static size_t place_of(const struct memory_storage *memory, const char *name)
{
    size_t low = 0;
    size_t high = memory->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(memory->files[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct file *find(const struct memory_storage *memory, const char *name)
{
    size_t place = place_of(memory, name);

    return place < memory->count && strcmp(memory->files[place].name, name) == 0
               ? &memory->files[place]
               : NULL;
}

/* BYTES becomes the storage's. The lock is held. */
static int insert(struct memory_storage *memory, const char *name, uint8_t *bytes, size_t size)
{
    size_t place = place_of(memory, name);

    if (find(memory, name) != NULL) {
        free(bytes);
        return -EEXIST;
    }
    if (memory->count == memory->room) {
        memory->room = memory->room * 2 + 16;
        memory->files = need(reallocarray(memory->files, memory->room, sizeof *memory->files));
    }
    memmove(&memory->files[place + 1], &memory->files[place],
            (memory->count - place) * sizeof *memory->files);
    memory->files[place] = (struct file){need(strdup(name)), bytes, size, time(NULL)};
    memory->count++;
    return 0;
}

static void drop(struct memory_storage *memory, struct file *file)
{
    size_t place = (size_t)(file - memory->files);

    free(file->name);
    free(file->bytes);
    memory->count--;
    memmove(file, file + 1, (memory->count - place) * sizeof *file);
}

static int answer(int error, const char *tried, const char *name, struct failure *failure)
{
    return error == 0 ? 0
                      : failure_set(failure, -error, "cannot %s %s in memory: %s", tried, name,
                                    strerror(-error));
}

static int check(const char *name)
{
    return storage_name_valid(name) ? 0 : -EINVAL;
}

static int memory_put(struct storage *storage, const char *name, const void *bytes, size_t size,
                      struct failure *failure)
{
    struct memory_storage *memory = memory_of(storage);
    int error = check(name);

    pthread_mutex_lock(&memory->lock);
    if (error == 0)
        error = insert(memory, name, duplicate(bytes, size), size);
    pthread_mutex_unlock(&memory->lock);
    return answer(error, "put", name, failure);
}

static int memory_create(struct storage *storage, const char *name,
                         struct storage_writer **ret_writer, struct failure *failure)
{
    int error = check(name);

    if (error != 0)
        return answer(error, "create", name, failure);

    struct memory_writer *writer = need(calloc(1, sizeof *writer));

    writer->base.storage = storage;
    writer->name = need(strdup(name));
    *ret_writer = &writer->base;
    return 0;
}

static int memory_append(struct storage_writer *base, const void *bytes, size_t size,
                         struct failure *failure)
{
    struct memory_writer *writer = (struct memory_writer *)base;

    (void)failure;
    if (writer->room - writer->size < size) {
        writer->room = (writer->size + size) * 2;
        writer->bytes = need(realloc(writer->bytes, writer->room));
    }
    if (size != 0)
        memcpy(writer->bytes + writer->size, bytes, size);
    writer->size += size;
    return 0;
}

static void memory_abort(struct storage_writer *base)
{
    struct memory_writer *writer = (struct memory_writer *)base;

    if (writer == NULL)
        return;
    free(writer->name);
    free(writer->bytes);
    free(writer);
}

static int memory_commit(struct storage_writer *base, struct failure *failure)
{
    const struct memory_writer *writer = (struct memory_writer *)base;
    int error = memory_put(base->storage, writer->name, writer->bytes, writer->size, failure);

    memory_abort(base);
    return error;
}

static int memory_sync(struct storage *storage, struct failure *failure)
{
    (void)storage;
    (void)failure;
    return 0;
}

static int memory_read(struct storage *storage, const char *name, uint64_t offset, void *bytes,
                       size_t size, struct failure *failure)
{
    struct memory_storage *memory = memory_of(storage);
    int error = check(name);

    pthread_mutex_lock(&memory->lock);

    const struct file *file = find(memory, name);

    if (error == 0 && file == NULL)
        error = -ENOENT;
    else if (error == 0 && (offset > file->size || size > file->size - offset))
        error = -ENODATA;
    else if (error == 0 && size != 0)
        memcpy(bytes, file->bytes + offset, size);
    pthread_mutex_unlock(&memory->lock);
    return answer(error, "read", name, failure);
}

static int memory_size(struct storage *storage, const char *name, uint64_t *ret_size,
                       struct failure *failure)
{
    struct memory_storage *memory = memory_of(storage);
    int error = 0;

    pthread_mutex_lock(&memory->lock);

    const struct file *file = find(memory, name);

    if (file != NULL)
        *ret_size = file->size;
    else
        error = -ENOENT;
    pthread_mutex_unlock(&memory->lock);
    return answer(error, "look at", name, failure);
}

/* From a copy of the names, so that the visitor may use the storage. */
static int memory_list(struct storage *storage, const char *folder, storage_visit *visit,
                       void *context, struct failure *failure)
{
    struct memory_storage *memory = memory_of(storage);
    size_t length = strlen(folder);
    int error = check(folder);

    if (error != 0)
        return answer(error, "list", folder, failure);
    pthread_mutex_lock(&memory->lock);

    size_t count = memory->count;
    struct file *files = need(calloc(count + 1, sizeof *files));

    for (size_t i = 0; i < count; i++) {
        files[i] = memory->files[i];
        files[i].name = need(strdup(memory->files[i].name));
    }
    pthread_mutex_unlock(&memory->lock);
    for (size_t i = 0; i < count; i++) {
        const struct file *file = &files[i];

        if (error == 0 && strncmp(file->name, folder, length) == 0 && file->name[length] == '/')
            error = visit(context, file->name + length + 1, file->size, file->modified);
        free(files[i].name);
    }
    free(files);
    return error;
}

static int memory_remove(struct storage *storage, const char *name, struct failure *failure)
{
    struct memory_storage *memory = memory_of(storage);

    pthread_mutex_lock(&memory->lock);

    struct file *file = find(memory, name);

    if (file != NULL)
        drop(memory, file);
    pthread_mutex_unlock(&memory->lock);
    return answer(file != NULL ? 0 : -ENOENT, "remove", name, failure);
}

static int memory_sweep(struct storage *storage, time_t modified_before, struct failure *failure)
{
    (void)storage;
    (void)modified_before;
    (void)failure;
    return 0;
}

static void memory_close(struct storage *storage)
{
    struct memory_storage *memory = memory_of(storage);

    if (memory == NULL)
        return;
    for (size_t i = 0; i < memory->count; i++) {
        free(memory->files[i].name);
        free(memory->files[i].bytes);
    }
    free(memory->files);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static const struct storage_class memory_class = {
    .put_exclusive = memory_put,
    .create = memory_create,
    .append = memory_append,
    .commit = memory_commit,
    .abort = memory_abort,
    .sync = memory_sync,
    .read = memory_read,
    .size = memory_size,
    .list = memory_list,
    .remove = memory_remove,
    .sweep = memory_sweep,
    .close = memory_close,
};

struct storage *memory_storage_new(void)
{
    struct memory_storage *memory = need(calloc(1, sizeof *memory));

    memory->base.class = &memory_class;
    pthread_mutex_init(&memory->lock, NULL);
    return &memory->base;
}

void memory_storage_assign(struct storage *storage, struct storage *from)
{
    struct memory_storage *memory = memory_of(storage);
    const struct memory_storage *other = memory_of(from);

    while (memory->count > 0)
        drop(memory, &memory->files[memory->count - 1]);
    for (size_t i = 0; i < other->count; i++) {
        const struct file *file = &other->files[i];

        insert(memory, file->name, duplicate(file->bytes, file->size), file->size);
        memory->files[i].modified = file->modified;
    }
}

struct storage *memory_storage_copy(struct storage *storage)
{
    struct storage *copy = memory_storage_new();

    memory_storage_assign(copy, storage);
    return copy;
}

void memory_storage_restore(struct storage *storage, struct storage *saved)
{
    struct memory_storage *memory = memory_of(storage);
    const struct memory_storage *from = memory_of(saved);

    while (memory->count > 0)
        drop(memory, &memory->files[memory->count - 1]);
    for (size_t i = 0; i < from->count; i++) {
        memory_storage_set(storage, from->files[i].name, from->files[i].bytes, from->files[i].size);
        memory_storage_set_time(storage, from->files[i].name, from->files[i].modified);
    }
}

size_t memory_storage_count(struct storage *storage)
{
    return memory_of(storage)->count;
}

const char *memory_storage_name(struct storage *storage, size_t index)
{
    return memory_of(storage)->files[index].name;
}

uint8_t *memory_storage_bytes(struct storage *storage, const char *name, size_t *ret_size)
{
    struct file *file = find(memory_of(storage), name);

    if (file == NULL)
        return NULL;
    *ret_size = file->size;
    return file->bytes;
}

void memory_storage_set(struct storage *storage, const char *name, const void *bytes, size_t size)
{
    struct memory_storage *memory = memory_of(storage);
    uint8_t *copy = duplicate(bytes, size); /* BYTES may be those of the file itself */
    struct file *file = find(memory, name);

    if (file != NULL)
        drop(memory, file);
    insert(memory, name, copy, size);
}

void memory_storage_set_time(struct storage *storage, const char *name, time_t modified)
{
    struct file *file = find(memory_of(storage), name);

    if (file != NULL)
        file->modified = modified;
}
