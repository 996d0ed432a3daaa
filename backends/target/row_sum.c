/* SPDX-License-Identifier: MIT */
#include "backends/target/row_sum.h"

#include <string.h>
#include <xxhash.h>

/* Each value behind its class and length, so that no two rows read the same. */
struct value_head {
    uint32_t class;
    uint32_t size;
};

/* Only SQLite has several classes in a column; a database with types has its own. */
static uint32_t class_of(const struct fit *fit, const struct cell *cell)
{
    if (cell->class == CELL_NULL)
        return 0;
    return fit->engine == ENGINE_SQLITE ? 1 + (uint32_t)cell->class : 1;
}

int row_sum_add(struct row_sum *sum, const struct fit *fits, const struct cell *cells, size_t count,
                struct buffer *scratch)
{
    buffer_clear(scratch);
    for (size_t i = 0; i < count; i++) {
        struct value_head head = {class_of(&fits[i], &cells[i]), 0};
        size_t begin = scratch->size;
        int error = buffer_append(scratch, &head, sizeof head);

        if (error == 0 && cells[i].class != CELL_NULL)
            error = fit_value(&fits[i], &cells[i], scratch);
        if (error != 0)
            return error;
        head.size = (uint32_t)(scratch->size - begin - sizeof head);
        memcpy(scratch->data + begin, &head, sizeof head);
    }

    XXH128_hash_t digest = XXH3_128bits(scratch->data, scratch->size);

    sum->rows++;
    sum->low += digest.low64;
    sum->high += digest.high64 + (sum->low < digest.low64);
    return 0;
}

void row_sum_append(struct row_sum *sum, const struct row_sum *other)
{
    sum->rows += other->rows;
    sum->low += other->low;
    sum->high += other->high + (sum->low < other->low);
}

void row_sum_subtract(struct row_sum *sum, const struct row_sum *other)
{
    uint64_t borrow = sum->low < other->low;

    sum->rows -= other->rows;
    sum->low -= other->low;
    sum->high -= other->high + borrow;
}

bool row_sum_equal(const struct row_sum *left, const struct row_sum *right)
{
    return left->rows == right->rows && left->high == right->high && left->low == right->low;
}
