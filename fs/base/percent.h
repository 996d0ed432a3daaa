/* SPDX-License-Identifier: MIT */
/* Percent-encoding as URLs have it (RFC 3986, 2.1). */
#ifndef CRMFS_BASE_PERCENT_H
#define CRMFS_BASE_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Decodes TEXT in place, which never makes it longer. False, and TEXT undefined, when
 * a '%' is not followed by two hexadecimal digits, or they are 00.
 */
bool percent_decode(char *text);

/* A copy of SIZE bytes of TEXT, decoded, or as they are where that cannot be. NULL: no memory. */
char *percent_decoded(const char *text, size_t size);

/*
 * A copy of TEXT, the caller's, with everything encoded but letters, digits, '-', '.', '_', '~' and
 * '/'. NULL: no memory.
 */
char *percent_encode(const char *text);

#endif
