/* SPDX-License-Identifier: MIT */
/*
 * Ownership by attribute: what a scope owns it gives back when it is left, and
 * steal_…() hands it on. Counts and sizes from outside are multiplied with
 * overflow checks only (allocate_array).
 */
#ifndef CRMFS_BASE_MEMORY_H
#define CRMFS_BASE_MEMORY_H

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define cleanup(function) __attribute__((__cleanup__(function)))

static inline void free_pointer(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

static inline void close_descriptor(const int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
}

#define cleanup_free cleanup(free_pointer)
#define cleanup_fd cleanup(close_descriptor)

#define steal_pointer(place)                   \
    __extension__({                            \
        __typeof__(place) place_ = (place);    \
        __typeof__(*place_) stolen_ = *place_; \
        *place_ = NULL;                        \
        stolen_;                               \
    })

static inline int steal_fd(int *place)
{
    int descriptor = *place;

    *place = -1;
    return descriptor;
}

/* POINTER for an interface that has no const but changes nothing. */
static inline void *without_const(const void *pointer)
{
    void *same;

    memcpy(&same, &pointer, sizeof same);
    return same;
}

#define MEMORY_WORTH_TRIMMING ((size_t)4 << 20) /* bytes */

/*
 * BYTES, about, were freed in many small pieces: they lie scattered, and each thread that allocates
 * next may find none of them. Gives them back to the system where they are many.
 */
static inline void memory_trim(size_t bytes)
{
    if (bytes >= MEMORY_WORTH_TRIMMING)
        malloc_trim(0);
}

/* COUNT zeroed elements of SIZE bytes; NULL when there is no memory or the product overflows. */
static inline void *allocate_array(size_t count, size_t size)
{
    return calloc(count != 0 ? count : 1, size != 0 ? size : 1);
}

#endif
