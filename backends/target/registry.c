/* SPDX-License-Identifier: MIT */
/* Which databases rows can be written to: a line each. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/source/plain_file.h"
#include "backends/source/source.h"
#include "backends/source/sql_text.h"
#include "backends/target/targets.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

/* A bare path is a database's if there is one, or nothing. */
static int check_file(const char *path, bool create, struct failure *failure)
{
    static const char magic[16] = "SQLite format 3";
    char begin[sizeof magic] = {0};
    struct stat status;
    int error;

    if (stat(path, &status) != 0)
        return errno == ENOENT && create
                   ? 0
                   : failure_set(failure, errno, SHOWN_PATH ": %s", path,
                                 errno == ENOENT ? "there is no such file" : strerror(errno));
    if (S_ISDIR(status.st_mode))
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": is a directory; rows go into a database: an SQLite file, "
                                      "mysql://… or postgresql://…",
                           path);
    /* What a program leaves that was about to make a database. */
    if (S_ISREG(status.st_mode) && status.st_size == 0)
        return 0;
    error = plain_file_check(path, failure);
    if (error == 0)
        error = plain_file_begin(path, begin, sizeof begin, failure);
    if (error == 0 && memcmp(begin, magic, sizeof magic) != 0)
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": is no SQLite database; rows go into one, or into "
                                      "mysql://… or postgresql://…",
                           path);
    return error;
}

int target_open(const char *url, const struct target_options *options, struct target **ret_target,
                struct failure *failure)
{
    const char *scheme = NULL;
    char *path = NULL;
    int error = source_take_apart(url, &scheme, &path, failure);

    if (error == 0 && (scheme == NULL || strcmp(scheme, "sqlite") == 0)) {
        error = check_file(path, options->create, failure);
        if (error == 0)
            return sqlite_target_open(path, options, ret_target, failure);
    } else if (error == 0 && (strcmp(scheme, "mysql") == 0 || strcmp(scheme, "mariadb") == 0)) {
        error = mysql_target_open(url, options, ret_target, failure);
    } else if (error == 0 && strncmp(scheme, "postgres", 8) == 0) {
        error = postgres_target_open(url, options, ret_target, failure);
    } else if (error == 0) {
        error = failure_set(failure, EINVAL,
                            SHOWN_PATH ": nothing can be written there; rows go into a database: "
                                       "an SQLite file, mysql://… or postgresql://…",
                            url);
    }
    free(path);
    return error;
}

/* The table that is shown as NAME. Letters alike: if there is just one such. */
static struct schema *find_shown(const struct target *target, const char *name)
{
    size_t count = target->class->table_count(target);
    struct schema *alike = NULL;
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        struct schema *schema = target->class->schema(target, i);

        if (strcmp(schema->name, name) == 0)
            return schema;
        if (ascii_equal(schema->name, name)) {
            alike = schema;
            found++;
        }
    }
    return found == 1 ? alike : NULL;
}

struct schema *target_find_table(const struct target *target, const char *name)
{
    struct schema *found = find_shown(target, name);
    cleanup_free char *quoted = found == NULL ? sql_name(name) : NULL;

    /* PostgreSQL's names that have a dot are shown in quotes, where other databases' are not. */
    return found != NULL || quoted == NULL ? found : find_shown(target, quoted);
}
