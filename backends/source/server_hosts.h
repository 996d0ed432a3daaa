/* SPDX-License-Identifier: MIT */
/*
 * Several servers that hold the same data, and which of them is to be asked next.
 * A source stays with the host that it is connected to for as long as that works;
 * the order below says where to begin and where to go on:
 *
 *   order        as they are listed: replicas first, the primary last
 *   round-robin  begins at any of them, then goes round
 *   weighted     begins at any of them, in proportion to their weights
 *
 * A host that failed is left alone for a while, which doubles each time, from
 * HOST_PAUSE_NS to HOST_PAUSE_MOST_NS. Several threads may use it at once.
 */
#ifndef CRMFS_SOURCE_SERVER_HOSTS_H
#define CRMFS_SOURCE_SERVER_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/server_url.h"
#include "fs/base/failure.h"

#define HOST_PAUSE_NS (UINT64_C(1000000000) / 4)
#define HOST_PAUSE_MOST_NS (UINT64_C(8) * 1000000000)

struct server_hosts;

/* The URL's options that are for this file, for server_url_check. */
#define SERVER_HOSTS_OPTIONS "balance", "weights", "max-lag"

/*
 * The hosts of URL (one without a name, if it has none), which must outlive the
 * result, and its options balance, weights=3,1 and max-lag. DICE: any number.
 * -EINVAL in words.
 */
int server_hosts_create(const struct server_url *url, uint64_t dice,
                        struct server_hosts **ret_hosts, struct failure *failure);
void server_hosts_free(struct server_hosts *hosts); /* NULL is allowed */

size_t server_hosts_count(const struct server_hosts *hosts);
const struct server_host *server_hosts_get(const struct server_hosts *hosts, size_t index);

/* How far a replica may be behind, in nanoseconds; UINT64_MAX: it does not matter. */
uint64_t server_hosts_max_lag(const struct server_hosts *hosts);

/*
 * The hosts that may be tried at NOW_NS (CLOCK_MONOTONIC), best first, into ret_order, which
 * has room for all; how many. 0: each has failed lately, and *ret_wait_ns says for how long
 * yet they are left alone.
 */
size_t server_hosts_order(struct server_hosts *hosts, uint64_t now_ns, size_t *ret_order,
                          uint64_t *ret_wait_ns);

/* What became of a host that was tried. One that works is the one to stay with. */
void server_hosts_failed(struct server_hosts *hosts, size_t index, uint64_t now_ns);
void server_hosts_worked(struct server_hosts *hosts, size_t index);

/* Adds what one host refused to ALL (code 0: nothing so far), which says what each did. */
void server_hosts_add_failure(struct failure *all, const struct failure *one);

#endif
