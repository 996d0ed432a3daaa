/* SPDX-License-Identifier: MIT */
#include "fs/tree/met_names.h"

#include <stdlib.h>
#include <string.h>

#include "fs/base/hash.h"

struct met_name {
    UT_hash_handle hh;
    unsigned times_opened;
    bool refused;
    char name[];
};

static struct met_name *find(const struct met_name *names, const char *name)
{
    struct met_name *met;

    HASH_FIND_STR(names, name, met);
    return met;
}

/* NULL: no memory. */
static struct met_name *add(struct met_name **names, const char *name)
{
    size_t size = strlen(name) + 1;
    struct met_name *met = calloc(1, sizeof *met + size);

    if (met == NULL)
        return NULL;
    memcpy(met->name, name, size);
    HASH_ADD_KEYPTR(hh, *names, met->name, size - 1, met);
    if (met->refused) {
        free(met);
        return NULL;
    }
    return met;
}

bool met_names_note(struct met_name **names, const char *name)
{
    if (find(*names, name) != NULL)
        return false;
    add(names, name);
    return true;
}

void met_names_count_opening(struct met_name **names, const char *name)
{
    struct met_name *met = find(*names, name);

    if (met == NULL)
        met = add(names, name);
    if (met != NULL)
        met->times_opened++;
}

unsigned met_names_times_opened(const struct met_name *names, const char *name)
{
    const struct met_name *met = find(names, name);

    return met != NULL ? met->times_opened : 0;
}

void met_names_forget(struct met_name **names)
{
    struct met_name *met, *next;

    HASH_ITER (hh, *names, met, next) {
        HASH_DEL(*names, met);
        free(met);
    }
}
