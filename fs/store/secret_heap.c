/* SPDX-License-Identifier: MIT */
#include "fs/store/secret_heap.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A cipher context of OpenSSL 3 takes well under SLOT_BYTES; what does not fit is refused. */
#define SLOT_BYTES ((size_t)2048)
#define SLOT_COUNT ((size_t)128)

static struct {
    pthread_once_t once;
    pthread_mutex_t lock; /* guards used */
    uint8_t *arena;       /* SLOT_COUNT slots; set once */
    bool used[SLOT_COUNT];
    int error;
} heap = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static __thread bool inside;

static bool in_arena(const void *pointer)
{
    uintptr_t address = (uintptr_t)pointer;
    uintptr_t start = (uintptr_t)heap.arena;

    return heap.arena != NULL && address >= start && address < start + SLOT_BYTES * SLOT_COUNT;
}

static void *take_slot(void)
{
    void *found = NULL;

    pthread_mutex_lock(&heap.lock);
    for (size_t i = 0; i < SLOT_COUNT && found == NULL; i++) {
        if (!heap.used[i]) {
            heap.used[i] = true;
            found = heap.arena + i * SLOT_BYTES;
        }
    }
    pthread_mutex_unlock(&heap.lock);
    return found;
}

static void give_slot(void *pointer)
{
    size_t slot = (size_t)((uint8_t *)pointer - heap.arena) / SLOT_BYTES;

    sodium_memzero(pointer, SLOT_BYTES);
    pthread_mutex_lock(&heap.lock);
    heap.used[slot] = false;
    pthread_mutex_unlock(&heap.lock);
}

static void *allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (inside)
        return size <= SLOT_BYTES ? take_slot() : NULL;
    return malloc(size);
}

static void release(void *pointer, const char *file, int line)
{
    (void)file;
    (void)line;
    if (in_arena(pointer))
        give_slot(pointer);
    else
        free(pointer);
}

static void *reallocate(void *pointer, size_t size, const char *file, int line)
{
    if (!in_arena(pointer) && !(inside && pointer == NULL))
        return realloc(pointer, size);
    if (pointer == NULL)
        return allocate(size, file, line);
    if (size == 0) {
        give_slot(pointer);
        return NULL;
    }
    return size <= SLOT_BYTES ? pointer : NULL;
}

static void install(void)
{
    if (sodium_init() < 0) {
        heap.error = -ENOMEM;
        return;
    }
    heap.arena = sodium_malloc(SLOT_BYTES * SLOT_COUNT);
    if (heap.arena == NULL)
        heap.error = -ENOMEM;
    else if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        heap.error = -EALREADY;
}

int secret_heap_install(void)
{
    pthread_once(&heap.once, install);
    return heap.error;
}

void secret_heap_enter(void)
{
    inside = true;
}

void secret_heap_leave(void)
{
    inside = false;
}
