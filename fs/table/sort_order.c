/* SPDX-License-Identifier: MIT */
#include "fs/table/sort_order.h"

struct keys {
    struct cell left[KEY_COLUMNS_MOST];
    struct cell right[KEY_COLUMNS_MOST];
};

static void take_keys(const struct group_sort *sort, const struct cell *left,
                      const struct cell *right, struct keys *keys)
{
    for (size_t i = 0; i < sort->rule->count; i++) {
        keys->left[i] = left[sort->rule->terms[i].column];
        keys->right[i] = right[sort->rule->terms[i].column];
    }
}

static bool makes_one(const struct group_sort *sort)
{
    return sort->same_key == SAME_KEY_LAST || sort->same_key == SAME_KEY_FIRST;
}

int sort_order_compare(const struct group_sort *sort, const struct cell *left,
                       const struct cell *right)
{
    struct keys keys;

    take_keys(sort, left, right, &keys);
    return makes_one(sort) ? key_compare_exactly(sort->rule, keys.left, keys.right)
                           : key_compare(sort->rule, keys.left, keys.right, NULL);
}

bool sort_order_are_one(const struct group_sort *sort, const struct cell *left,
                        const struct cell *right, struct group_twins *twins)
{
    struct keys keys;

    if (sort->same_key == SAME_KEY_ROWS)
        return false;
    take_keys(sort, left, right, &keys);
    if (key_is_same(sort->rule, keys.left, keys.right)) {
        *(makes_one(sort) ? &twins->taken_out : &twins->kept) = true;
        return makes_one(sort);
    }
    if (makes_one(sort) && key_compare(sort->rule, keys.left, keys.right, NULL) == 0)
        twins->alike = true;
    return false;
}
