/* SPDX-License-Identifier: MIT */
#include "fs/store/secret_heap.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/secret.h"

/* A cipher context of OpenSSL 3 takes well under SLOT_BYTES; what does not fit is refused. */
#define SLOT_BYTES ((size_t)2048)
#define SLOT_COUNT ((size_t)128) /* in an arena */
#define ARENAS_MOST 16

/* A reader has many files open, each under a key of its own: arenas are added as needed. */
struct arena {
    _Atomic(uint8_t *) slots; /* SLOT_COUNT of them, or NULL; set once */
    bool used[SLOT_COUNT];    /* guarded by the heap's lock */
};

static struct {
    pthread_once_t once;
    pthread_mutex_t lock; /* guards the arenas */
    struct arena arenas[ARENAS_MOST];
    int error;
} heap = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static __thread bool inside;

/* The arena that POINTER stands in, or NULL. Without a lock: libcrypto frees a lot. */
static struct arena *arena_of(const void *pointer)
{
    uintptr_t address = (uintptr_t)pointer;

    for (size_t i = 0; i < ARENAS_MOST; i++) {
        uintptr_t start = (uintptr_t)atomic_load(&heap.arenas[i].slots);

        if (start == 0)
            return NULL;
        if (address >= start && address < start + SLOT_BYTES * SLOT_COUNT)
            return &heap.arenas[i];
    }
    return NULL;
}

static bool arena_make(struct arena *arena)
{
    uint8_t *slots = secret_allocate(SLOT_BYTES * SLOT_COUNT);

    atomic_store(&arena->slots, slots);
    return slots != NULL;
}

/* The lock is held. */
static void *take_slot_of(struct arena *arena)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (!arena->used[i]) {
            arena->used[i] = true;
            return atomic_load(&arena->slots) + i * SLOT_BYTES;
        }
    }
    return NULL;
}

static void *take_slot(void)
{
    void *found = NULL;

    pthread_mutex_lock(&heap.lock);
    for (size_t i = 0; i < ARENAS_MOST && found == NULL; i++) {
        if (atomic_load(&heap.arenas[i].slots) == NULL && !arena_make(&heap.arenas[i]))
            break;
        found = take_slot_of(&heap.arenas[i]);
    }
    pthread_mutex_unlock(&heap.lock);
    return found;
}

static void give_slot(struct arena *arena, void *pointer)
{
    size_t slot = (size_t)((uint8_t *)pointer - atomic_load(&arena->slots)) / SLOT_BYTES;

    sodium_memzero(pointer, SLOT_BYTES);
    pthread_mutex_lock(&heap.lock);
    arena->used[slot] = false;
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
    struct arena *arena = arena_of(pointer);

    (void)file;
    (void)line;
    if (arena != NULL)
        give_slot(arena, pointer);
    else
        free(pointer);
}

static void *reallocate(void *pointer, size_t size, const char *file, int line)
{
    struct arena *arena = arena_of(pointer);

    if (arena == NULL && !(inside && pointer == NULL))
        return realloc(pointer, size);
    if (pointer == NULL)
        return allocate(size, file, line);
    if (size == 0) {
        give_slot(arena, pointer);
        return NULL;
    }
    return size <= SLOT_BYTES ? pointer : NULL;
}

static void install(void)
{
    if (!arena_make(&heap.arenas[0]))
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
