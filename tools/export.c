/* SPDX-License-Identifier: MIT */
/* crmfs export: a snapshot's tables as files, without a mount. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/table/reader.h"
#include "fs/tree/file_set.h"
#include "tools/commands.h"
#include "tools/export_table.h"
#include "tools/left_out.h"
#include "tools/opened_store.h"
#include "tools/path.h"
#include "tools/processors.h"
#include "tools/stop.h"
#include "tools/usage.h"

#define CACHE_BYTES ((size_t)16 << 20)
#define THREADS_MOST 8

struct export_command {
    struct passphrase_options passphrase;
    const char *store;
    const char *snapshot;
    const char *table;  /* NULL: all */
    const char *output; /* a directory; NULL: standard output */
    enum table_format format;
};

struct export
{
    const struct export_command *command;
    struct opened_store opened;
    struct stored_tree tree;
    struct export_means means;
    struct left_out left_out; /* of all tables, where all are wanted */
};

/* ---- Folders ---- */

static int refuse_folder(const char *path, int code, struct failure *failure)
{
    return failure_set(failure, code, "cannot make the directory %s: %s", path, strerror(code));
}

/* Makes PATH, seen from PARENT, to stay; *ret_made: it was not there. 0 or -errno. */
static int make_folder(int parent, const char *path, bool *ret_made, struct failure *failure)
{
    *ret_made = mkdirat(parent, path, 0777) == 0;

    int error = *ret_made ? path_make_durable(parent, path) : -errno;

    return error == 0 ? 0 : refuse_folder(path, -error, failure);
}

/* Opens NAME in PARENT, and makes it where it is missing. A descriptor or -errno. */
static int open_folder(int parent, const char *name, struct failure *failure)
{
    bool made;
    int error = make_folder(parent, name, &made, failure);

    if (error != 0 && error != -EEXIST)
        return error;

    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return folder >= 0 ? folder
                       : failure_set(failure, errno, "cannot open the directory %s: %s", name,
                                     strerror(errno));
}

/* Makes the directories that PATH goes through, where they are missing; PATH stays what it is. */
static int make_folders_above(char *path, struct failure *failure)
{
    struct stat status;
    char *name = path + strspn(path, "/");
    bool made;

    for (char *end = strchr(name, '/'); end != NULL; end = strchr(name, '/')) {
        size_t blank = strspn(end, "/");

        if (end[blank] == '\0')
            break;
        *end = '\0';
        int error = make_folder(AT_FDCWD, path, &made, failure);

        /* Which error tells that it is there, depends on where. */
        if (error != 0 && (made || stat(path, &status) != 0 || !S_ISDIR(status.st_mode)))
            return error == -EEXIST ? refuse_folder(path, ENOTDIR, failure) : error;
        *end = '/';
        name = end + blank;
    }
    return 0;
}

static int open_output(const char *path, struct failure *failure)
{
    cleanup_free char *copy = strdup(path);

    if (copy == NULL)
        return -ENOMEM;

    int error = make_folders_above(copy, failure);

    return error == 0 ? open_folder(AT_FDCWD, path, failure) : error;
}

static int sync_folder(int folder, const char *name, struct failure *failure)
{
    if (fsync(folder) == 0 || errno == EINVAL)
        return 0;
    return failure_set(failure, errno, "cannot write the directory %s: %s", name, strerror(errno));
}

/* datapackage.json speaks of the CSV files: without them it would be wrong. */
static bool is_exported(const struct export *export, const struct file_set *set, size_t index)
{
    enum table_format format = export->command->format;

    if (file_is_table(set, index))
        return file_format(index) == format;
    return export->command->table == NULL &&
           (format == FORMAT_CSV || !file_is_extra(set, index, FILE_PACKAGE));
}

static int export_one(struct export *export, const struct stored_source *source,
                      const struct file_set *set, size_t index, int folder, struct failure *failure)
{
    struct export_file file;
    int error = export_file_create(folder, set->names[index], &file, failure);

    if (error != 0)
        return error;
    return file_is_table(set, index)
               ? export_table(&export->means, source, &source->tables[file_table(index)], &file,
                              failure)
               : export_extra(&export->means, source, set, index, &file, failure);
}

/* ONLY: the table to export; NULL: all. */
static int export_source(struct export *export, const struct stored_source *source,
                         const struct stored_table *only, int output, struct failure *failure)
{
    struct file_set set = {.count = 0};
    int error = file_set_of_stored(source, &set);
    cleanup_fd int folder = error == 0 ? open_folder(output, source->name, failure) : -1;

    if (error == 0 && folder < 0)
        error = folder;
    for (size_t i = 0; i < set.count && error == 0; i++) {
        if (is_exported(export, &set, i) && file_is_shown(&set, i) &&
            (only == NULL || &source->tables[file_table(i)] == only))
            error = export_one(export, source, &set, i, folder, failure);
        if (error != 0)
            error = failure_prefix(failure, -error, "%s/%s", source->name, set.names[i]);
    }
    if (error == 0)
        error = sync_folder(folder, source->name, failure);
    file_set_release(&set);
    return error;
}

/* ---- Which ---- */

/* "table" or "source/table"; a name may hold a "/" itself. */
static bool is_called(const struct stored_source *source, const char *table, const char *name)
{
    size_t length = strlen(source->name);

    return strcmp(table, name) == 0 ||
           (strncmp(source->name, name, length) == 0 && name[length] == '/' &&
            strcmp(table, name + length + 1) == 0);
}

static int refuse_table(const struct export *export, struct failure *failure)
{
    const struct export_command *command = export->command;

    for (size_t i = 0; i < export->tree.source_count; i++) {
        const struct stored_source *source = &export->tree.sources[i];
        const char *lacking;
        size_t place = 0;

        while ((lacking = stored_source_next_lacking(source, &place)) != NULL) {
            if (is_called(source, lacking, command->table))
                return failure_set(failure, ENODATA,
                                   "\"%s\" could not be read when the snapshot was taken",
                                   command->table);
        }
    }
    return failure_set(failure, ENOENT, "there is no table \"%s\" in snapshot %s", command->table,
                       command->snapshot);
}

static int find_table(const struct export *export, const struct stored_source **ret_source,
                      const struct stored_table **ret_table, struct failure *failure)
{
    const struct export_command *command = export->command;
    size_t found = 0;

    for (size_t i = 0; i < export->tree.source_count; i++) {
        const struct stored_source *source = &export->tree.sources[i];

        for (size_t j = 0; j < source->table_count; j++) {
            if (!is_called(source, source->tables[j].name, command->table))
                continue;
            *ret_source = source;
            *ret_table = &source->tables[j];
            found++;
        }
    }
    if (found == 1 && stored_table_is_statement(*ret_table))
        return failure_set(failure, ENODATA,
                           "\"%s\" is a view, of which the snapshot has the statement alone: it is "
                           "in schema.sql",
                           command->table);
    if (found == 1)
        return 0;
    if (found > 1)
        return failure_set(failure, EINVAL,
                           "more than one source has a table \"%s\": say which, SOURCE/%s",
                           command->table, command->table);
    return refuse_table(export, failure);
}

/* Of views, too, whose statements a snapshot has: an export makes no database of them. */
static void tell_lacking(struct export *export)
{
    static const char why[] = "nobody was told of all tables when the snapshot was taken";

    if (export->tree.lacks_files)
        left_out_tell_unread_files(&export->left_out);
    for (size_t i = 0; i < export->tree.source_count; i++) {
        const struct stored_source *source = &export->tree.sources[i];
        const char *name;
        size_t place = 0;

        while ((name = stored_source_next_lacking(source, &place)) != NULL)
            left_out_tell_unread(&export->left_out, source->name, name);
        if (!source->unseen)
            continue;
        log_message(LOG_LEVEL_WARNING, "%s: there may be more tables: %s", source->name, why);
        left_out_add(&export->left_out, source->name, NULL, why);
    }
}

static int export_to_folder(struct export *export, const struct stored_source *only_source,
                            const struct stored_table *only, struct failure *failure)
{
    const struct stored_tree *tree = &export->tree;
    int output = open_output(export->command->output, failure);
    int error = output < 0 ? output : 0;

    for (size_t i = 0; i < tree->source_count && error == 0; i++) {
        if (only == NULL || only_source == &tree->sources[i])
            error = export_source(export, &tree->sources[i], only, output, failure);
    }
    if (error == 0)
        error = sync_folder(output, export->command->output, failure);
    if (output >= 0)
        close(output);
    return error;
}

static int export_all(struct export *export, struct failure *failure)
{
    const struct export_command *command = export->command;
    const struct stored_source *source = NULL;
    const struct stored_table *table = NULL;
    const struct snapshot *snapshot;
    struct export_file file;
    int error = opened_store_find(&export->opened, command->snapshot, &snapshot, failure);

    if (error == 0)
        error = opened_store_tree(&export->opened, snapshot, &export->tree, failure);
    if (error == 0 && command->table != NULL)
        error = find_table(export, &source, &table, failure);
    if (error != 0)
        return error;
    if (export->tree.source_count == 0)
        return failure_set(failure, ENODATA, "it has no tables%s",
                           snapshot->has_files ? ", only files/, which is copied out of a mount"
                                               : "");
    if (table == NULL)
        tell_lacking(export);
    if (command->output != NULL)
        return export_to_folder(export, source, table, failure);
    if (table == NULL)
        return -EINVAL; /* take_words() asks for one */
    export_file_standard(&file);
    error = export_table(&export->means, source, table, &file, failure);
    return error == 0 ? 0 : failure_prefix(failure, -error, "%s/%s", source->name, table->name);
}

static int run(const struct export_command *command)
{
    struct export export = {.command = command};
    struct failure failure = {.code = 0};
    int error = opened_store_open(command->store, &command->passphrase, &export.opened, &failure);

    if (error == 0) {
        export.means.reader = export.opened.reader;
        export.means.format = command->format;
        export.means.stopped = stop_begin();
        export.means.cache = render_cache_create(CACHE_BYTES, processors(THREADS_MOST));
        error = export.means.cache != NULL ? export_all(&export, &failure) : -ENOMEM;
    }
    if (export.means.cache != NULL)
        render_cache_free(export.means.cache);
    stored_tree_release(&export.tree);
    opened_store_release(&export.opened);

    bool lacking = left_out_any(&export.left_out);

    left_out_clear(&export.left_out);
    if (error == 0)
        return left_out_end(lacking, "exported", NULL);
    if (error == -EPIPE)
        stop_unheard();
    log_message(LOG_LEVEL_ERROR, "cannot export %s: %s", command->snapshot,
                failure_text(&failure, error));
    return stop_status(error);
}

/* ---- The command line ---- */

static int take_format(const char *word, enum table_format *ret_format, struct failure *failure)
{
    for (int format = 0; format < FORMAT_COUNT; format++) {
        if (strcmp(word, table_format_extension((enum table_format)format)) == 0) {
            *ret_format = (enum table_format)format;
            return 0;
        }
    }
    return failure_set(failure, EINVAL, "--format cannot be \"%s\"; csv, json and ndjson can be",
                       word);
}

/* -EINVAL without words: getopt has said it. */
static int take_option(struct export_command *command, int letter, struct failure *failure)
{
    if (passphrase_take_option(&command->passphrase, letter, optarg))
        return 0;
    switch (letter) {
    case 'f': return take_format(optarg, &command->format, failure);
    case 'o': command->output = strcmp(optarg, "-") == 0 ? NULL : optarg; return 0;
    default: return -EINVAL;
    }
}

static int take_words(struct export_command *command, char **words, int count,
                      struct failure *failure)
{
    if (count < 2 || count > 3)
        return -EINVAL;
    command->store = words[0];
    command->snapshot = words[1];
    command->table = count > 2 ? words[2] : NULL;
    if (command->table == NULL && command->output == NULL)
        return failure_set(failure, EINVAL,
                           "standard output takes one table: name it, or give --output DIRECTORY "
                           "for all; crmfs export --help says more");
    return 0;
}

static int complain(const struct failure *failure)
{
    if (failure->code != 0)
        log_message(LOG_LEVEL_ERROR, "%s", failure->text);
    else
        fputs("usage: crmfs export [OPTION...] STORE SNAPSHOT [TABLE]\n"
              "crmfs export --help says more\n",
              stderr);
    return STATUS_USAGE;
}

int command_export(int argc, char **argv)
{
    static const struct option long_options[] = {{"format", required_argument, NULL, 'f'},
                                                 {"output", required_argument, NULL, 'o'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct export_command command = {.format = FORMAT_CSV};
    struct failure failure = {.code = 0};
    int letter;

    while ((letter = getopt_long(argc, argv, "f:ho:", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_export);
        if (take_option(&command, letter, &failure) != 0)
            return complain(&failure);
    }
    if (take_words(&command, argv + optind, argc - optind, &failure) != 0)
        return complain(&failure);
    return run(&command);
}
