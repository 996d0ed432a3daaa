/* SPDX-License-Identifier: MIT */
/*
 * Values of a dump, as its rows are sorted by them: whatever three texts they are, each two compare
 * either way alike; and those that are one value each have one order, which no sort can be led
 * astray by. (A number with an exponent equals every one that rounds to it; of what consists of
 * others, texts that no server writes are compared as far as they can be read.)
 */
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/key_compare.h"
#include "tests/fuzz/target.h"

#define CELLS 3

static const enum key_order orders[] = {
    KEY_NUMBER,    KEY_BYTES,      KEY_LETTERS,    KEY_NOCASE,   KEY_TRIMMED,
    KEY_ADDRESS,   KEY_MOMENT,     KEY_MONEY,      KEY_INTERVAL, KEY_JSON,
    KEY_LOG_PLACE, KEY_JSON_BYTES, KEY_ZONED_TIME,
};

/* How the texts compare, and what they are in: a byte each. */
static struct key_term term_of(const uint8_t bytes[2])
{
    struct key_term term = {.order = orders[bytes[0] % (sizeof orders / sizeof *orders)]};
    unsigned wraps = bytes[1];

    for (size_t i = 0; i < KEY_WRAPS_MOST && wraps % 3 != KEY_PLAIN; i++, wraps /= 3)
        term.wraps[i] = (uint8_t)(wraps % 3);
    return term;
}

static bool is_one_value(const struct key_term *term)
{
    return term->wraps[0] == KEY_PLAIN && term->order != KEY_NUMBER && term->order != KEY_JSON &&
           term->order != KEY_JSON_BYTES;
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;

    const struct key_term term = term_of(data);
    const struct key_rule rule = {.count = 1, .terms = &term, .nulls_last = true};
    char *texts[CELLS];
    struct cell cells[CELLS];
    int orders_of[CELLS][CELLS];

    data += 2;
    size -= 2;
    /* Memory of its own, so that a read beyond it shows. */
    for (size_t i = 0; i < CELLS; i++) {
        const uint8_t *end = i + 1 < CELLS ? memchr(data, '\n', size) : NULL;
        size_t length = end != NULL ? (size_t)(end - data) : size;

        texts[i] = malloc(length + (length == 0));
        require(texts[i] != NULL);
        memcpy(texts[i], data, length);
        cells[i] = (struct cell){CELL_TEXT, length, texts[i]};
        length += end != NULL;
        data += length;
        size -= length;
    }
    for (size_t i = 0; i < CELLS; i++) {
        for (size_t j = 0; j < CELLS; j++)
            orders_of[i][j] = sign(key_compare(&rule, &cells[i], &cells[j], NULL));
    }
    for (size_t i = 0; i < CELLS; i++) {
        size_t next = (i + 1) % CELLS;
        size_t last = (i + 2) % CELLS;

        require(orders_of[i][i] == 0);
        require(orders_of[i][next] == -orders_of[next][i]);
        if (is_one_value(&term) && orders_of[i][next] == orders_of[next][last])
            require(orders_of[i][last] == orders_of[i][next]);
    }
    for (size_t i = 0; i < CELLS; i++)
        free(texts[i]);
    return 0;
}
