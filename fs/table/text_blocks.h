/* SPDX-License-Identifier: MIT */
/*
 * text_scan for text in memory with BLOCK_SLACK readable bytes after it, inline
 * for the many short cells of a row group.
 */
#ifndef CRMFS_TABLE_TEXT_BLOCKS_H
#define CRMFS_TABLE_TEXT_BLOCKS_H

#include "fs/table/block.h"
#include "fs/table/text_scan.h"

/* The control bytes with a two-character escape in JSON: \b \t \n \f \r. */
#define JSON_SHORT_CONTROLS 0x3700u

/* Bytes that the escape of BYTE, which has one, adds. */
static inline unsigned json_escape_growth(uint8_t byte)
{
    return byte >= 0x20 || (JSON_SHORT_CONTROLS >> byte & 1) != 0 ? 1 : 5;
}

/* Adds what the bytes of a block at AT that VALID marks hold. */
static inline void text_scan_block(struct text_traits *traits, const uint8_t *at, uint32_t valid)
{
    block bytes = block_load(at);
    uint32_t escaped = block_escaped(bytes) & valid;

    traits->high |= (block_high(bytes) & valid) != 0;
    traits->csv_special |= (block_equal(bytes, ',') & valid) != 0;
    for (; escaped != 0; escaped &= escaped - 1) {
        uint8_t byte = at[__builtin_ctz(escaped)];

        traits->json_growth += json_escape_growth(byte);
        traits->quotes += byte == '"';
        traits->csv_special |= byte == '"' || byte == '\n' || byte == '\r';
    }
}

static inline void text_scan_padded(struct text_traits *traits, const uint8_t *at, size_t size)
{
    for (; size >= BLOCK_SIZE; at += BLOCK_SIZE, size -= BLOCK_SIZE)
        text_scan_block(traits, at, BLOCK_ALL);
    if (size != 0)
        text_scan_block(traits, at, block_first(size));
}

bool utf8_valid_padded(const uint8_t *at, size_t size);

#endif
