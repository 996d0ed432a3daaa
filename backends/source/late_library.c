/* SPDX-License-Identifier: MIT */
#include "backends/source/late_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

static int refuse(const struct late_library *library, struct failure *failure)
{
    const char *words = dlerror();

    return failure_set(failure, ENOTSUP, "the library %s is needed for that: %s", library->file,
                       words != NULL ? words : "it cannot be loaded");
}

/* All functions or none are taken. */
static int load(struct late_library *library, struct failure *failure)
{
    cleanup_free void **functions = allocate_array(library->count, sizeof *functions);
    void *handle = functions != NULL ? dlopen(library->file, RTLD_NOW | RTLD_LOCAL) : NULL;

    if (functions == NULL)
        return -ENOMEM;
    if (handle == NULL)
        return refuse(library, failure);
    for (size_t i = 0; i < library->count; i++) {
        functions[i] = dlsym(handle, library->names[i]);
        if (functions[i] == NULL) {
            int error = refuse(library, failure);

            dlclose(handle);
            return error;
        }
    }
    memcpy(library->functions, functions, library->count * sizeof *functions);
    library->loaded = true;
    return 0;
}

int late_library_load(struct late_library *library, struct failure *failure)
{
    pthread_mutex_lock(&library->lock);
    int error = library->loaded ? 0 : load(library, failure);
    pthread_mutex_unlock(&library->lock);
    return error;
}
