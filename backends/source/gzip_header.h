/* SPDX-License-Identifier: MIT */
/* What a member of a .gz begins with (RFC 1952, 2.3), byte by byte. */
#ifndef CRMFS_SOURCE_GZIP_HEADER_H
#define CRMFS_SOURCE_GZIP_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gzip_header {
    uint64_t taken; /* bytes so far; 0: it is all zeros, and nothing was */
    uint8_t flags;  /* those fields that have not ended yet, after the fixed ones */
    uint16_t field; /* bytes of the field under way so far … */
    uint16_t size;  /* … of the extra field as it says */
};

/* Whether what begins so is a .gz. */
bool gzip_recognise(const void *begin, size_t size);

/* 1: the header ends with BYTE; 0: it goes on; -EILSEQ: this is none. */
int gzip_header_take(struct gzip_header *header, uint8_t byte);

#endif
