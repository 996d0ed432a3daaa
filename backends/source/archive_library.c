/* SPDX-License-Identifier: MIT */
#define ARCHIVE_LIBRARY_ITSELF
#include "backends/source/archive_library.h"

#include "backends/source/late_library.h"

/* There is nothing to be freed yet. */
static int free_nothing(struct archive *archive)
{
    (void)archive;
    return ARCHIVE_OK;
}

struct archive_library archive_library = {.archive_read_free = free_nothing};

#define NAME(function) #function,
static const char *const names[] = {ARCHIVE_FUNCTIONS(NAME)};

static struct late_library library = {
    .file = "libarchive.so.13",
    .names = names,
    .functions = (void **)&archive_library,
    .count = sizeof names / sizeof *names,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

_Static_assert(sizeof archive_library == sizeof names, "a pointer for every name");

int archive_library_load(struct failure *failure)
{
    return late_library_load(&library, failure);
}
