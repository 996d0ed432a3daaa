/* SPDX-License-Identifier: MIT */
#include "fs/store/secret_keys.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>

#include "fs/base/secret.h"

#define KEYS_A_PAGE 128

/* Pages are kept once they were made: as many keys will be wanted again. */
struct page {
    struct page *next;
    uint8_t *keys;
    unsigned used_count;
    bool used[KEYS_A_PAGE];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct page *pages; /* guarded by lock */

static struct page *make_page(void)
{
    struct page *page = calloc(1, sizeof *page);
    size_t size = (size_t)KEYS_A_PAGE * SECRET_KEY_BYTES;

    if (page == NULL)
        return NULL;
    page->keys = secret_allocate(size);
    if (page->keys == NULL) {
        free(page);
        return NULL;
    }
    page->next = pages;
    pages = page;
    return page;
}

uint8_t *secret_key_take(void)
{
    uint8_t *key = NULL;

    pthread_mutex_lock(&lock);
    struct page *page = pages;

    while (page != NULL && page->used_count == KEYS_A_PAGE)
        page = page->next;
    if (page == NULL)
        page = make_page();
    for (size_t i = 0; page != NULL && key == NULL; i++) {
        if (page->used[i])
            continue;
        page->used[i] = true;
        page->used_count++;
        key = page->keys + i * SECRET_KEY_BYTES;
    }
    pthread_mutex_unlock(&lock);
    return key;
}

/* The lock is held. */
static struct page *page_of(const uint8_t *key)
{
    struct page *page = pages;

    while ((uintptr_t)key - (uintptr_t)page->keys >= (uintptr_t)KEYS_A_PAGE * SECRET_KEY_BYTES)
        page = page->next;
    return page;
}

void secret_key_give(uint8_t *key)
{
    if (key == NULL)
        return;
    sodium_memzero(key, SECRET_KEY_BYTES);
    pthread_mutex_lock(&lock);
    struct page *page = page_of(key);

    page->used[(size_t)(key - page->keys) / SECRET_KEY_BYTES] = false;
    page->used_count--;
    pthread_mutex_unlock(&lock);
}
