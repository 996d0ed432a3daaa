/* SPDX-License-Identifier: MIT */
/*
 * Sizes and durations as people write them in options, read exactly: no double
 * is involved, and a number that does not fit is refused instead of wrapped.
 */
#ifndef CRMFS_BASE_SIZE_TEXT_H
#define CRMFS_BASE_SIZE_TEXT_H

#include <stdint.h>

/*
 * "65536", "64M", "1.5G", "2GiB", "64MB", "512B"; letters of either case. K, M, G, T, P and
 * KiB … PiB are powers of 1024, KB … PB powers of 1000. A fraction needs a unit; what is left
 * of a byte is dropped. 0, -EINVAL when it is no size, -ERANGE above 2^64-1.
 */
int size_text_bytes(const char *text, uint64_t *ret_bytes);

/*
 * "2", "0.5" (seconds), "500ms", "30s", "1m", "2h", "1d", also "us" and "ns"; lower case only.
 * What is left of a nanosecond is dropped. 0, -EINVAL when it is no duration, -ERANGE above
 * 2^64-1 nanoseconds.
 */
int size_text_duration(const char *text, uint64_t *ret_ns);

#endif
