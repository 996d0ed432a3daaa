/* SPDX-License-Identifier: MIT */
#include "tools/finding.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/shell_word.h"
#include "fs/files/paths.h"
#include "fs/store/log.h"
#include "fs/store/object.h"

#define UNKNOWN_ROW UINT64_MAX
#define LINE_SIZE (PATH_MAX + 512)
#define NAMED_MOST 100 /* files */

static const char *const kinds[] = {
    [CHECK_KEY] = "key",     [CHECK_LOG] = "log",   [CHECK_CHECKPOINT] = "checkpoint",
    [CHECK_INDEX] = "index", [CHECK_PACK] = "pack", [CHECK_SNAPSHOT] = "snapshot",
};

/* To look for it takes as long as to list all of files/. */
static void look_for_path(struct findings *findings, const struct walk_place *place,
                          char path[PATH_MAX])
{
    struct log_state state = {.sequence = 0};
    struct object_reader *reader = NULL;
    const struct object_reference *tree = NULL;

    if (findings->store == NULL || findings->named++ >= NAMED_MOST)
        return;
    if (place->snapshot != NULL)
        tree = &place->snapshot->files;
    else if (log_read(findings->store, &state, NULL) == 0 && state.has_files)
        tree = &state.files;
    if (tree != NULL && object_reader_create(findings->store, 0, &reader, NULL) == 0)
        (void)file_path_find(reader, tree, place->inode, path, PATH_MAX);
    object_reader_free(reader);
    log_state_release(&state);
}

/* A file's path, borrowed; "": none is known. */
static const char *find_path(struct findings *findings, const struct walk_place *place)
{
    if (place == NULL || place->inode == 0)
        return "";
    if (findings->last.inode != place->inode || findings->last.snapshot != place->snapshot) {
        findings->last.inode = place->inode;
        findings->last.snapshot = place->snapshot;
        findings->last.path[0] = '\0';
        findings->last.text[0] = '\0';
        look_for_path(findings, place, findings->last.path);
    }
    return findings->last.path;
}

/* Whether the same was said just now, of another piece of the same file. */
static bool is_said(struct findings *findings, const struct check_finding *finding)
{
    if (finding->place == NULL || finding->place->inode == 0)
        return false;
    if (strcmp(findings->last.text, finding->text) == 0)
        return true;
    snprintf(findings->last.text, sizeof findings->last.text, "%s", finding->text);
    return false;
}

/*
 * "snapshot a, crm/contacts, rows 1 to 200", "files/a.csv"; rows are counted from 1. PATH: in
 * files/;
 * "": it is not known.
 */
static void describe(const struct walk_place *place, const char *path, char *text, size_t size)
{
    size_t used = place->snapshot != NULL
                      ? (size_t)snprintf(text, size, "snapshot %s", place->snapshot->name)
                      : 0;

    if (place->files && used < size)
        used += (size_t)snprintf(text + used, size - used, "%sfiles", used != 0 ? ", " : "");
    if (path[0] != '\0' && used < size)
        used += (size_t)snprintf(text + used, size - used, "/%s", path);
    else if (place->inode != 0 && used < size)
        used += (size_t)snprintf(text + used, size - used, ", inode %" PRIu64, place->inode);

    if (place->table != NULL && used < size)
        used += (size_t)snprintf(text + used, size - used, ", %s/%s", place->source, place->table);
    if (used >= size)
        return;
    if (place->rows == 1 && place->first_row != UNKNOWN_ROW)
        snprintf(text + used, size - used, ", row %" PRIu64, place->first_row + 1);
    else if (place->rows != 0 && place->first_row != UNKNOWN_ROW)
        snprintf(text + used, size - used, ", rows %" PRIu64 " to %" PRIu64, place->first_row + 1,
                 place->first_row + place->rows);
    else if (place->rows != 0)
        snprintf(text + used, size - used, ", %" PRIu64 " row%s of part %zu of %zu", place->rows,
                 place->rows == 1 ? "" : "s", place->page, place->page_count);
    else if (place->page != 0)
        snprintf(text + used, size - used, ", part %zu of %zu", place->page, place->page_count);
}

static void answer_place(struct answer *answer, const struct walk_place *place, const char *path)
{
    if (place->snapshot != NULL)
        answer_text(answer, "snapshot", place->snapshot->name);
    if (place->files) {
        json_put_name(&answer->json, "files");
        json_put_flag(&answer->json, true);
    }
    if (place->inode != 0)
        answer_number(answer, "inode", place->inode);
    if (path[0] != '\0')
        answer_bytes(answer, "path", path);
    if (place->table == NULL)
        return;
    answer_bytes(answer, "source", place->source);
    answer_bytes(answer, "table", place->table);
    if (place->page != 0) {
        answer_number(answer, "part", place->page);
        answer_number(answer, "parts", place->page_count);
    }
    if (place->rows == 0)
        return;
    answer_number(answer, "rows", place->rows);
    if (place->first_row != UNKNOWN_ROW)
        answer_number(answer, "first_row", place->first_row + 1);
}

static void say_as_json(struct answer *answer, const struct check_finding *finding,
                        const char *path)
{
    json_open(&answer->json, '{');
    answer_text(answer, "kind", kinds[finding->kind]);
    if (finding->file != NULL)
        answer_text(answer, "file", finding->file);
    if (finding->place != NULL)
        answer_place(answer, finding->place, path);
    answer_flag(answer, "harmless", finding->harmless);
    answer_text(answer, "text", finding->text);
    json_close(&answer->json, '}');
}

/* Files say themselves in most texts. */
static void say_to_people(const struct check_finding *finding, const char *path)
{
    char line[LINE_SIZE];
    char shown[LINE_SIZE + 4];

    if (finding->place != NULL)
        describe(finding->place, path, line, sizeof line);
    else
        snprintf(line, sizeof line, "%s", finding->file != NULL ? finding->file : "the store");
    printable_copy(shown, sizeof shown, line);
    if (finding->file != NULL && strncmp(finding->text, finding->file, strlen(finding->file)) == 0)
        printf("%s\n", finding->text);
    else
        printf("%s: %s\n", shown, finding->text);
}

void finding_say(void *context, const struct check_finding *finding)
{
    struct findings *findings = context;

    if (finding->kind == CHECK_INDEX || finding->kind == CHECK_CHECKPOINT ||
        (finding->kind == CHECK_PACK && finding->harmless))
        findings->repairable++;
    findings->records += finding->kind == CHECK_LOG;
    findings->losses += finding->kind == CHECK_SNAPSHOT;
    findings->unread += finding->unread != 0;
    if (finding->kind == CHECK_SNAPSHOT && finding->place != NULL && finding->place->files &&
        finding->place->snapshot == NULL) {
        findings->lost_files += finding->place->inode != 0;
        findings->lost_trees += finding->place->inode == 0;
    }
    findings->lost_kept += finding->kind == CHECK_SNAPSHOT && finding->place != NULL &&
                           finding->place->files && finding->place->snapshot != NULL;

    const char *path = find_path(findings, finding->place);

    progress_line_clear(findings->line);
    if (findings->answer != NULL)
        say_as_json(findings->answer, finding, path);
    else if (!is_said(findings, finding))
        say_to_people(finding, path);
}

/* A copy of the store is always the better remedy. */
void findings_say_losses(const struct findings *findings, const char *store, bool read_data)
{
    char word[SHELL_WORD_SIZE];
    const char *path = shell_word(store, word);
    const char *option = read_data ? " --read-data" : "";

    if (findings->unread > 0)
        printf("What the storage could not read may be whole: look at the disk, its cable or its "
               "network, and\nlook again, before anything is given up.\n");
    if (findings->losses > 0)
        printf("What is lost, only a copy of the store can give back: put back the files that are "
               "damaged or gone.\n");
    if (findings->losses > findings->lost_files + findings->lost_trees + findings->lost_kept)
        printf("`crmfs repair --forget-damaged%s %s` forgets the snapshots whose tables lost "
               "something.\n",
               option, path);
    if (findings->lost_kept > 0)
        printf("A snapshot of which files/ alone lost something has whole tables: it stays, unless "
               "`crmfs repair\n--forget-damaged=files%s %s` forgets it.\n",
               option, path);
    if (findings->lost_trees > 0)
        printf("`crmfs repair --forget-damaged%s %s` sets files/ back to the newest whole tree of "
               "it,\na snapshot's or an earlier one, or to an empty one.\n",
               option, path);
    else if (findings->lost_files > 0)
        printf("What is damaged of files/ can be removed in a mount, or copied back from "
               "snapshots/.\n");
}

static int parse_number(const char **text, unsigned *ret_number)
{
    char *end;
    unsigned long number = strtoul(*text, &end, 10);

    if (**text < '1' || **text > '9' || number > 1000000)
        return -EINVAL;
    *text = end;
    *ret_number = (unsigned)number;
    return 0;
}

int subset_parse(const char *text, unsigned *ret_part, unsigned *ret_parts)
{
    unsigned part;
    unsigned parts;

    if (parse_number(&text, &part) != 0 || *text++ != '/' || parse_number(&text, &parts) != 0 ||
        *text != '\0' || part > parts)
        return -EINVAL;
    *ret_part = part;
    *ret_parts = parts;
    return 0;
}
