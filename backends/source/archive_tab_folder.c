/* SPDX-License-Identifier: MIT */
/* Whether a folder of files is what mysqldump --tab wrote. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/plain_file.h"
#include "fs/base/memory.h"

/* The beginning of a file, unpacked; fewer bytes than SIZE: that is all. 0: it cannot be read. */
static size_t read_beginning(const char *path, char *text, size_t size)
{
    struct archive_file file;
    struct archive_entry *about;
    const void *block = NULL;
    size_t done = 0;
    size_t some = 0;
    la_int64_t place;

    if (archive_file_open_unpacked(path, &file, NULL) != 0)
        return 0;
    if (archive_read_next_header(file.archive, &about) == ARCHIVE_OK) {
        while (done < size &&
               archive_read_data_block(file.archive, &block, &some, &place) == ARCHIVE_OK) {
            some = some < size - done ? some : size - done;
            memcpy(text + done, block, some);
            done += some;
        }
    }
    archive_file_close(&file);
    return done;
}

static bool is_file(const char *folder, const char *name, const char *ending)
{
    cleanup_free char *path = NULL;
    struct stat about;

    if (asprintf(&path, "%s/%s%s", folder, name, ending) < 0) {
        path = NULL;
        return false;
    }
    return lstat(path, &about) == 0 && S_ISREG(about.st_mode);
}

/* Whether rows of the table STEM stand in FOLDER. */
static bool has_rows(const char *folder, const char *stem)
{
    static const char *const endings[] = {".txt",     ".txt.gz",  ".txt.zst", ".txt.xz",
                                          ".txt.bz2", ".txt.lz4", ".txt.lzma"};
    bool found = false;

    for (size_t i = 0; i < sizeof endings / sizeof *endings && !found; i++)
        found = is_file(folder, stem, endings[i]);
    return found;
}

/* Whether NAME, in the folder PATH, makes a table, and its rows stand beside it. */
static bool is_tab(const char *path, const char *name)
{
    cleanup_free char *makes = NULL;
    cleanup_free char *stem = archive_tab_stem(name);
    cleanup_free char *text = malloc(ARCHIVE_TAB_SCHEMA_MOST);
    size_t size;

    if (stem == NULL || text == NULL || asprintf(&makes, "%s/%s", path, name) < 0) {
        makes = NULL;
        return false;
    }
    if (!has_rows(path, stem) || !is_file(path, name, ""))
        return false;
    size = read_beginning(makes, text, ARCHIVE_TAB_SCHEMA_MOST);
    return size > 0 && size < ARCHIVE_TAB_SCHEMA_MOST && archive_tab_is_schema(text, size, stem);
}

/* Whether TEXT has rows, or is more than what makes a table. */
static bool is_dump(const char *text, size_t size)
{
    return size == ARCHIVE_TAB_SCHEMA_MOST || memmem(text, size, "INSERT INTO ", 12) != NULL ||
           memmem(text, size, "\nCOPY ", 6) != NULL;
}

/*
 * Whether NAME, in the folder PATH, is a backup by itself: not one of two files of one name, nor
 * what makes a view, which has no rows.
 */
static bool is_backup(const char *path, const char *name)
{
    cleanup_free char *full = NULL;
    cleanup_free char *stem = archive_tab_stem(name);
    cleanup_free char *text = calloc(1, ARCHIVE_TAB_SCHEMA_MOST);
    bool archive;
    size_t size;

    if (text == NULL || asprintf(&full, "%s/%s", path, name) < 0) {
        full = NULL;
        return false;
    }
    if (name[0] == '.' || !is_file(path, name, "") || archive_tab_is_called(name, ".txt"))
        return false;
    if (stem == NULL)
        return plain_file_begin(full, text, ARCHIVE_BEGIN_BYTES, NULL) == 0 &&
               (memcmp(text, "SQLite format 3", 16) == 0 ||
                (archive_recognise(full, text, &archive, NULL) == 0 && archive));
    size = has_rows(path, stem) ? 0 : read_beginning(full, text, ARCHIVE_TAB_SCHEMA_MOST);
    return is_dump(text, size);
}

bool archive_tab_is_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool found = false;
    bool others = false;

    if (folder == NULL)
        return false;
    while (!others && (entry = readdir(folder)) != NULL) {
        found =
            found || (archive_tab_is_called(entry->d_name, ".sql") && is_tab(path, entry->d_name));
        others = is_backup(path, entry->d_name);
    }
    closedir(folder);
    return found && !others;
}
