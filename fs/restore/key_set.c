/* SPDX-License-Identifier: MIT */
#include "fs/restore/key_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/decimal.h"
#include "fs/base/buffer.h"
#include "fs/base/hash.h"

#define KEY_LIMIT ((size_t)1 << 20)

struct key {
    UT_hash_handle hh;
    bool refused;
    uint8_t bytes[]; /* hh.keylen of them */
};

struct key_set {
    struct key *keys;
    struct buffer text; /* of the key that is looked for */
};

struct key_set *key_set_create(void)
{
    struct key_set *set = calloc(1, sizeof *set);

    if (set != NULL)
        set->text = BUFFER(KEY_LIMIT);
    return set;
}

void key_set_free(struct key_set *set)
{
    struct key *key, *next;

    if (set == NULL)
        return;
    HASH_ITER (hh, set->keys, key, next) {
        HASH_DEL(set->keys, key);
        free(key);
    }
    buffer_release(&set->text);
    free(set);
}

/* One value behind its length. 1; 0: it is NULL; -errno. */
static int append_value(struct buffer *text, const struct cell *cell)
{
    struct decimal decimal;
    size_t begin = text->size;
    uint32_t size = 0;
    int error = buffer_append(text, &size, sizeof size);

    if (cell->class == CELL_NULL)
        return 0;
    if (cell->data == NULL && cell->size != 0)
        return -EFBIG;
    if (error == 0)
        error = cell->class == CELL_NUMBER && decimal_parse(cell->data, cell->size, &decimal)
                    ? decimal_write(&decimal, text)
                    : buffer_append(text, cell->data, cell->size);
    if (error != 0)
        return error;
    size = (uint32_t)(text->size - begin - sizeof size);
    memcpy(text->data + begin, &size, sizeof size);
    return 1;
}

static int write_key(struct key_set *set, const struct cell *cells, const size_t *columns,
                     size_t count)
{
    int whole = 1;

    buffer_clear(&set->text);
    for (size_t i = 0; i < count && whole == 1; i++)
        whole = append_value(&set->text, &cells[columns[i]]);
    return whole;
}

static struct key *find(const struct key_set *set)
{
    struct key *key;

    HASH_FIND(hh, set->keys, set->text.data, set->text.size, key);
    return key;
}

int key_set_add(struct key_set *set, const struct cell *cells, const size_t *columns, size_t count)
{
    int whole = write_key(set, cells, columns, count);
    struct key *key;

    if (whole != 1 || find(set) != NULL)
        return whole == 1 ? 0 : whole;
    key = malloc(sizeof *key + set->text.size);
    if (key == NULL)
        return -ENOMEM;
    key->refused = false;
    memcpy(key->bytes, set->text.data, set->text.size);
    HASH_ADD(hh, set->keys, bytes, set->text.size, key);
    if (key->refused) {
        free(key);
        return -ENOMEM;
    }
    return 1;
}

int key_set_has(struct key_set *set, const struct cell *cells, const size_t *columns, size_t count)
{
    int whole = write_key(set, cells, columns, count);

    return whole == 1 ? find(set) != NULL : whole;
}

size_t key_set_count(const struct key_set *set)
{
    return HASH_COUNT(set->keys);
}
