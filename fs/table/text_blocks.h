/* SPDX-License-Identifier: MIT */
/*
 * text_scan for the many cells of a row group: of text in memory with
 * BLOCK_SLACK readable bytes after it, of a few bytes inline, and while copying.
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

/* Adds the first SIZE of BYTES, at most BLOCK_SIZE. */
static inline void text_scan_block(struct text_traits *traits, block bytes, size_t size)
{
    uint32_t valid = size < BLOCK_SIZE ? block_first(size) : BLOCK_ALL;
    uint32_t escaped = block_escaped(bytes) & valid;

    traits->high |= (block_high(bytes) & valid) != 0;
    traits->csv_special |= (block_equal(bytes, ',') & valid) != 0;
    if (escaped == 0)
        return;

    uint8_t text[BLOCK_SIZE];

    block_store(text, bytes);
    for (; escaped != 0; escaped &= escaped - 1) {
        uint8_t byte = text[__builtin_ctz(escaped)];

        traits->json_growth += json_escape_growth(byte);
        traits->quotes += byte == '"';
        traits->csv_special |= byte == '"' || byte == '\n' || byte == '\r';
    }
}

/* Adds SIZE bytes and copies them to TO, which has BLOCK_SLACK more; AT needs none. */
void text_copy_scan(struct text_traits *traits, uint8_t *to, const uint8_t *at, size_t size);

bool utf8_valid_padded(const uint8_t *at, size_t size);

#endif
