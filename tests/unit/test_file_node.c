/* SPDX-License-Identifier: MIT */
/* Nodes of the tree of files/: their bytes, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "fs/store/file_node.h"

/* Level 0, two items: inode 5's entry at 0x80 with three bytes, and inode 6's orphan. */
static const uint8_t sample[] = {
    0, 0, 2, 0,                                                                /* head */
    5, 0, 0, 0, 0, 0, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 3, 0, 'a', 'b', 'c', /* item */
    6, 0, 0, 0, 0, 0, 0, 0, 6, 9,    0, 0, 0, 0, 0, 0, 0, 0, 0,                /* item */
};

static int count_item(void *context, unsigned level, const struct file_item *item)
{
    assert_int_equal(level, 0);
    assert_true(item->size == 3 || item->size == 0);
    ++*(unsigned *)context;
    return 0;
}

static int visit(const uint8_t *bytes, size_t size, bool top)
{
    unsigned level;

    return file_node_visit(bytes, size, top, &level, NULL, NULL);
}

static void nodes_are_laid_out_as_the_format_says(void **context)
{
    const struct file_key key = {.inode = 5, .number = 0x80, .kind = FILE_ENTRY};
    uint8_t head[FILE_NODE_HEAD_BYTES];
    uint8_t item[FILE_ITEM_HEAD_BYTES];
    unsigned count = 0;
    unsigned level = 9;

    (void)context;
    file_node_head_encode(0, 2, head);
    assert_memory_equal(head, sample, sizeof head);
    file_item_head_encode(&key, 3, item);
    assert_memory_equal(item, sample + 4, sizeof item);
    assert_int_equal(file_node_visit(sample, sizeof sample, false, &level, count_item, &count), 0);
    assert_int_equal(level, 0);
    assert_int_equal(count, 2);
}

static void impossible_nodes_are_refused(void **context)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {0, 1},  {0, 16}, {1, 1},  {2, 1},  {2, 3},  {3, 1},
        {12, 7}, {21, 2}, {21, 4}, {22, 1}, {26, 4}, {26, 0},
    };
    static const uint8_t empty[4] = {0};
    uint8_t bytes[sizeof sample];

    (void)context;
    for (size_t size = 0; size < sizeof sample; size++)
        assert_int_equal(visit(sample, size, false), -EBADMSG);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        memcpy(bytes, sample, sizeof bytes);
        bytes[changes[i].at] = changes[i].value;
        assert_int_equal(visit(bytes, sizeof bytes, false), -EBADMSG);
    }
    assert_int_equal(visit(empty, sizeof empty, false), -EBADMSG);
    assert_int_equal(visit(empty, sizeof empty, true), 0);
}

static void extents_are_bounded(void **context)
{
    struct file_extent extent = {.from = 5, .length = 7};
    struct file_extent found;
    uint8_t bytes[FILE_EXTENT_BYTES];
    struct file_item item = {.value = bytes, .size = sizeof bytes};

    (void)context;
    file_extent_encode(&extent, bytes);
    assert_int_equal(file_extent_decode(&item, &found), 0);
    assert_true(found.from == 5 && found.length == 7);
    extent.length = 0;
    file_extent_encode(&extent, bytes);
    assert_int_equal(file_extent_decode(&item, &found), -EBADMSG);
    extent.length = FILE_CONTENT_LIMIT - 4;
    file_extent_encode(&extent, bytes);
    assert_int_equal(file_extent_decode(&item, &found), -EBADMSG);
    item.size--;
    assert_int_equal(file_extent_decode(&item, &found), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_laid_out_as_the_format_says),
        cmocka_unit_test(impossible_nodes_are_refused),
        cmocka_unit_test(extents_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
