/* SPDX-License-Identifier: MIT */
#define POSTGRES_LIBRARY_ITSELF
#include "backends/source/postgres_library.h"

#include "backends/source/late_library.h"

/* There is nothing to be freed yet. */
static void clear_nothing(PGresult *result)
{
    (void)result;
}

static void finish_nothing(PGconn *connection)
{
    (void)connection;
}

struct postgres_library postgres_library = {.PQclear = clear_nothing, .PQfinish = finish_nothing};

#define NAME(function) #function,
static const char *const names[] = {POSTGRES_FUNCTIONS(NAME)};

static struct late_library library = {
    .file = "libpq.so.5",
    .names = names,
    .functions = (void **)&postgres_library,
    .count = sizeof names / sizeof *names,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

_Static_assert(sizeof postgres_library == sizeof names, "a pointer for every name");

int postgres_library_load(struct failure *failure)
{
    return late_library_load(&library, failure);
}
