/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/archive_packages.h"
#include "backends/source/archive_postgres.h"
#include "fs/base/memory.h"

int archive_plan_create(struct archive_plan *plan)
{
    *plan = (struct archive_plan){.dump_count = 0};

    int error = name_map_create(&plan->folders);

    if (error == 0)
        error = archive_packages_create(&plan->packages);
    if (error == 0)
        error = archive_tabs_create(&plan->tabs);
    if (error != 0)
        archive_plan_release(plan);
    return error;
}

void archive_plan_release(struct archive_plan *plan)
{
    for (size_t i = 0; i < plan->dump_count; i++) {
        free(plan->dumps[i].folder);
        dump_session_free(plan->dumps[i].reader);
        pg_folder_free(plan->dumps[i].postgres);
    }
    free(plan->dumps);
    name_map_free(plan->folders);
    archive_packages_free(plan->packages);
    archive_tabs_free(plan->tabs);
    *plan = (struct archive_plan){.dump_count = 0};
}

/* What stands before the last part of the name; NULL: no memory. */
static char *folder_of(const char *name)
{
    const char *slash = strrchr(name, '/');

    return strndup(name, slash != NULL ? (size_t)(slash - name) : 0);
}

/* FOLDER is taken over. */
static int add_dump(struct archive_plan *plan, char *folder, unsigned kinds)
{
    struct archive_dump *dumps =
        plan->dump_count < ARCHIVE_MEMBERS_MOST
            ? reallocarray(plan->dumps, plan->dump_count + 1, sizeof *dumps)
            : NULL;
    int error = dumps != NULL ? name_map_add(plan->folders, folder, plan->dump_count) : -ENOMEM;

    if (dumps != NULL)
        plan->dumps = dumps;
    if (error != 0) {
        free(folder);
        return error;
    }
    dumps[plan->dump_count++] = (struct archive_dump){.folder = folder, .kinds = kinds};
    return 0;
}

int archive_plan_note(struct archive_plan *plan, const char *name)
{
    enum mydumper_file file = mydumper_name_of(name).file;
    unsigned kind = file != MYDUMPER_NONE ? 1u << file : pg_folder_kind(name);
    cleanup_free char *folder = NULL;
    size_t *known;
    int error = archive_tabs_note(plan->tabs, name);

    plan->lists = plan->lists || archive_is_list(name);
    plan->listed = plan->listed || archive_is_listed(name);

    if (error != 0 || kind == 0)
        return error;
    folder = folder_of(name);
    if (folder == NULL)
        return -ENOMEM;
    known = name_map_find(plan->folders, folder);
    if (known == NULL)
        return add_dump(plan, steal_pointer(&folder), kind);
    plan->dumps[*known].kinds |= kind;
    return 0;
}

static bool is_postgres(unsigned kinds)
{
    return (kinds & PG_FOLDER_CONTENTS) != 0 && (kinds & PG_FOLDER_SCRIPT) == 0;
}

int archive_plan_decide(struct archive_plan *plan, const char *charset, struct row_taker *taker)
{
    for (size_t i = 0; i < plan->dump_count; i++) {
        struct archive_dump *dump = &plan->dumps[i];

        if (is_postgres(dump->kinds) && taker->class->hold != NULL) {
            dump->postgres = pg_folder_create();
            if (dump->postgres == NULL)
                return -ENOMEM;
        }
        if (!mydumper_is_dump(dump->kinds))
            continue;
        dump->reader = dump_session_create(taker, charset);
        if (dump->reader == NULL)
            return -ENOMEM;
        plan->dumped = true;
        plan->loaded = plan->loaded || (dump->kinds & 1u << MYDUMPER_DATA) != 0;
    }
    return 0;
}

static struct archive_dump *find_folder(struct archive_plan *plan, const char *name)
{
    cleanup_free char *folder = folder_of(name);
    const size_t *known = folder != NULL ? name_map_find(plan->folders, folder) : NULL;

    return known != NULL ? &plan->dumps[*known] : NULL;
}

struct archive_dump *archive_plan_dump(struct archive_plan *plan, const char *name)
{
    struct archive_dump *dump =
        plan != NULL && plan->dumped && mydumper_name_of(name).file != MYDUMPER_NONE
            ? find_folder(plan, name)
            : NULL;

    return dump != NULL && dump->reader != NULL ? dump : NULL;
}

struct pg_folder *archive_plan_postgres(struct archive_plan *plan, const char *name)
{
    struct archive_dump *dump =
        plan != NULL && (pg_folder_kind(name) & (PG_FOLDER_CONTENTS | PG_FOLDER_DATA)) != 0
            ? find_folder(plan, name)
            : NULL;

    return dump != NULL ? dump->postgres : NULL;
}

int archive_plan_end(struct archive_plan *plan, struct row_taker *taker, struct failure *failure)
{
    static const char unfinished[] = "mydumper did not finish this dump: there is a "
                                     "metadata.partial, and rows may be missing";
    int error = archive_packages_end(plan->packages, taker, failure);

    if (error == 0)
        error = archive_tabs_end(plan->tabs, failure);
    for (size_t i = 0; i < plan->dump_count && error == 0; i++) {
        const struct archive_dump *dump = &plan->dumps[i];

        if (dump->reader == NULL)
            continue;
        error = dump_session_end(dump->reader, failure);
        if (error == 0 && (dump->kinds & 1u << MYDUMPER_METADATA) == 0) {
            struct failure why;

            failure_set(&why, EIO, "%.300s: %s", dump->folder, unfinished);
            taker->class->trouble(taker, &why);
            error = dump_session_fail(dump->reader, unfinished);
        }
    }
    return error;
}
