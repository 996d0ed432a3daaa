/* SPDX-License-Identifier: MIT */
/*
 * Many independent tries, spread over children: one a processor. They share nothing but the
 * numbers that they add up; one that ends otherwise than well fails the whole. To be called while
 * the process has one thread.
 */
#ifndef CRMFS_TESTS_FAULT_SPREAD_H
#define CRMFS_TESTS_FAULT_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/sanitized.h"

/* Under a sanitizer everything takes ten times as long: only every so manieth number is tried. */
#define SPREAD_STRIDE (SANITIZED ? (size_t)29 : (size_t)1)
#define SPREAD_TRIES(count) (((count) + SPREAD_STRIDE - 1) / SPREAD_STRIDE)

#define TALLY_NUMBERS 16

/* Numbers that all children add to. */
struct tally {
    uint64_t numbers[TALLY_NUMBERS];
};

/* What a child works with, made in it and freed in it. */
typedef void *spread_begin(void *context);
typedef void spread_try(void *own, size_t number, struct tally *tally);
typedef void spread_end(void *own);

struct spread {
    spread_begin *begin; /* its result is OWN */
    spread_try *attempt;
    spread_end *end;
    void *context;
};

/* Tries the numbers below COUNT, SPREAD_TRIES(COUNT) of them. False: a child failed. */
bool spread_over(const struct spread *spread, size_t count, struct tally *ret_tally);

#endif
