/* SPDX-License-Identifier: MIT */
/* crmfs diff: which tables differ between two snapshots, and by how much; whether files/ does. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/store/json_write.h"
#include "tools/amount.h"
#include "tools/commands.h"
#include "tools/diff_lack.h"
#include "tools/diff_pairs.h"
#include "tools/diff_sequence.h"
#include "tools/opened_store.h"
#include "tools/output.h"
#include "tools/table_difference.h"
#include "tools/usage.h"

/* As those of diff(1). */
#define STATUS_DIFFER 1
#define STATUS_TROUBLE 2

#define OUTPUT_LIMIT ((size_t)1 << 30)

struct diff_command {
    struct passphrase_options passphrase;
    const char *store;
    const char *names[2];
    bool json;
};

struct diff {
    const struct diff_command *command;
    struct opened_store opened;
    const struct snapshot *snapshots[2];
    struct stored_tree trees[2];
    struct diff_pairs pairs;
    struct lackings lackings;
    struct buffer output;
    uint64_t same;
    uint64_t differing;
};

/* ---- What is said ---- */

static const char *change_of(const struct diff_pair *pair)
{
    if (pair->from == NULL)
        return "added";
    return pair->to == NULL ? "removed" : "changed";
}

static int print_one_sided(struct buffer *output, const struct stored_table *table)
{
    char rows[AMOUNT_SIZE], bytes[AMOUNT_SIZE];

    return buffer_print(output, "%s row%s, %s\n", amount_count(table->rows, rows),
                        table->rows == 1 ? "" : "s", amount_bytes(table->csv_bytes, bytes));
}

static int print_changed(struct buffer *output, const struct diff_pair *pair,
                         const struct table_difference *difference)
{
    char from[AMOUNT_SIZE], to[AMOUNT_SIZE], old[AMOUNT_SIZE], new[AMOUNT_SIZE];
    char gone[AMOUNT_SIZE], added[AMOUNT_SIZE];

    if (!difference->rows)
        return buffer_print(output, "%s row%s, the same; other %s\n",
                            amount_count(pair->to->rows, to), pair->to->rows == 1 ? "" : "s",
                            pair->kind != NULL ? "columns, keys or DDL" : "columns or keys");
    return buffer_print(output, "%s -> %s row%s; row groups: %s (%s) replaced by %s (%s)%s\n",
                        amount_count(pair->from->rows, from), amount_count(pair->to->rows, to),
                        pair->to->rows == 1 ? "" : "s", amount_count(difference->groups_gone, gone),
                        amount_bytes(difference->bytes_gone, old),
                        amount_count(difference->groups_new, added),
                        amount_bytes(difference->bytes_new, new),
                        !difference->schema  ? ""
                        : pair->kind != NULL ? "; other columns, keys or DDL"
                                             : "; other columns or keys");
}

static int print(struct diff *diff, const struct diff_pair *pair,
                 const struct table_difference *difference)
{
    char source[NAME_MAX + 1], table[1024];
    int error;

    printable_copy(source, sizeof source, pair->source);
    printable_copy(table, sizeof table, pair->table);
    error = buffer_print(&diff->output, "%-7s  %s/%s  ", change_of(pair), source, table);
    if (error != 0)
        return error;
    if (pair->from == NULL || pair->to == NULL)
        return print_one_sided(&diff->output, pair->from != NULL ? pair->from : pair->to);
    return print_changed(&diff->output, pair, difference);
}

/* "null" where the table is not there. */
static int append_rows(struct buffer *output, const char *name, const struct stored_table *table)
{
    return table == NULL ? buffer_print(output, ",\"%s\":null", name)
                         : buffer_print(output, ",\"%s\":%" PRIu64, name, table->rows);
}

/* Databases have names that are no UTF-8. */
static int append_name(struct buffer *output, const char *name, const char *value)
{
    struct json_writer json = {.output = output, .first = true};

    json_put_name(&json, name);
    json_put_bytes(&json, value);
    return json.error;
}

static int print_json(struct diff *diff, const struct diff_pair *pair,
                      const struct table_difference *difference)
{
    struct buffer *output = &diff->output;
    int error = buffer_print(output, "%s{\"change\":\"%s\",", diff->differing == 1 ? "\n " : ",\n ",
                             change_of(pair));

    if (error == 0)
        error = append_name(output, "source", pair->source);
    if (error == 0)
        error = buffer_append_text(output, ",");
    if (error == 0)
        error = append_name(output, "table", pair->table);
    if (error == 0)
        error = append_rows(output, "rows_from", pair->from);
    if (error == 0)
        error = append_rows(output, "rows_to", pair->to);
    if (error == 0 && pair->from != NULL && pair->to != NULL)
        error = buffer_print(output,
                             ",\"rows_changed\":%s,\"schema_changed\":%s,\"groups_gone\":%" PRIu64
                             ",\"groups_new\":%" PRIu64 ",\"bytes_gone\":%" PRIu64
                             ",\"bytes_new\":%" PRIu64,
                             difference->rows ? "true" : "false",
                             difference->schema ? "true" : "false", difference->groups_gone,
                             difference->groups_new, difference->bytes_gone, difference->bytes_new);
    return error != 0 ? error : buffer_append_text(output, "}");
}

static int begin_json(struct diff *diff)
{
    struct buffer *output = &diff->output;
    int error = buffer_append_text(output, "{");

    if (error == 0)
        error = append_name(output, "from", diff->snapshots[0]->name);
    if (error == 0)
        error = buffer_append_text(output, ",");
    if (error == 0)
        error = append_name(output, "to", diff->snapshots[1]->name);
    return error != 0 ? error : buffer_append_text(output, ",\"tables\":[");
}

/* ---- Comparing ---- */

static int compare(struct diff *diff, const struct diff_pair *pair, struct failure *failure)
{
    struct table_difference difference = {.rows = false};
    int error = 0;

    if (pair->from != NULL && pair->to != NULL) {
        error = table_difference(diff->opened.reader, pair->from, pair->to, pair->kind, &difference,
                                 failure);
        if (error != 0)
            return failure_prefix(failure, -error, "%s/%s", pair->source, pair->table);
        if (!difference.rows && !difference.schema) {
            diff->same++;
            return 0;
        }
    }
    diff->differing++;
    return diff->command->json ? print_json(diff, pair, &difference)
                               : print(diff, pair, &difference);
}

/* What one of them lacks was neither removed nor added, whatever the other has. */
static int note_lack(struct diff *diff, const struct diff_pair *pair, bool *ret_lacking)
{
    int error = 0;

    *ret_lacking = false;
    for (int i = 0; i < 2 && error == 0; i++) {
        const struct stored_tree *tree = &diff->trees[i];
        struct lacking item = {.snapshot = diff->snapshots[i]->name,
                               .source = pair->source,
                               .table = pair->table,
                               .why = lack_of(tree, pair->source, pair->table)};

        *ret_lacking |= item.why != LACK_NOTHING;
        /* All that could not be read is noted already, also what neither of them has. */
        if (item.why == LACK_ON_PURPOSE || item.why == LACK_UNKNOWN)
            error = lackings_add(&diff->lackings, &item);
    }
    return error;
}

/* A sequence that one of them alone has may be there in the database that the other is a dump of.
 */
static int note_sequence(struct diff *diff, const struct diff_pair *pair, bool *ret_untold,
                         struct failure *failure)
{
    int without = pair->from == NULL ? 0 : 1;
    const struct lacking item = {.snapshot = diff->snapshots[without]->name,
                                 .source = pair->source,
                                 .table = pair->table,
                                 .why = LACK_UNKNOWN};
    int error = diff_is_untold_sequence(diff->opened.reader, pair, &diff->trees[without],
                                        ret_untold, failure);

    return error == 0 && *ret_untold ? lackings_add(&diff->lackings, &item) : error;
}

/* Of a table that one of them alone has, the other may not have been told. */
static int note_unseen(struct diff *diff, const struct diff_pair *pair)
{
    int without = pair->from == NULL ? 0 : 1;
    const struct lacking item = {.snapshot = diff->snapshots[without]->name,
                                 .source = pair->source};

    if (pair->from != NULL && pair->to != NULL)
        return 0;
    if (!lack_is_unseen(&diff->trees[without], pair->source))
        return 0;
    return lackings_add_once(&diff->lackings, &item);
}

static int compare_pair(struct diff *diff, const struct diff_pair *pair, struct failure *failure)
{
    bool lacking;
    int error = note_lack(diff, pair, &lacking);

    if (error == 0 && !lacking)
        error = note_sequence(diff, pair, &lacking, failure);
    if (error != 0 || lacking)
        return error;
    error = note_unseen(diff, pair);
    return error == 0 ? compare(diff, pair, failure) : error;
}

static const char files_lacking[] = "lacking";

/* files/, whose content a snapshot names as one tree: it differs, or it does not. */
static const char *compare_files(const struct diff *diff)
{
    const struct snapshot *from = diff->snapshots[0];
    const struct snapshot *to = diff->snapshots[1];

    if (diff->trees[0].lacks_files || diff->trees[1].lacks_files)
        return files_lacking;
    if (from->has_files != to->has_files)
        return from->has_files ? "removed" : "added";
    if (!from->has_files || memcmp(from->files.id, to->files.id, sizeof from->files.id) == 0)
        return NULL;
    return "changed";
}

static int say_files(struct diff *diff)
{
    const char *change = compare_files(diff);

    for (int i = diff->snapshots[0] == diff->snapshots[1]; i < 2; i++) {
        if (diff->trees[i].lacks_files)
            log_message(LOG_LEVEL_WARNING,
                        "%s lacks files/, which could not be read when it was taken: it is not "
                        "compared",
                        diff->snapshots[i]->name);
    }
    if (change == files_lacking && !diff->command->json)
        return 0;
    if (change != NULL && change != files_lacking)
        diff->differing++;
    if (diff->command->json)
        return change == NULL ? buffer_append_text(&diff->output, ",\n \"files\":null")
                              : buffer_print(&diff->output, ",\n \"files\":\"%s\"", change);
    return change == NULL
               ? 0
               : buffer_print(&diff->output, "%-7s  files/  diff -r of both in a mount says what\n",
                              change);
}

static int read_trees(struct diff *diff, struct failure *failure)
{
    int error = 0;

    for (int i = 0; i < 2 && error == 0; i++) {
        error =
            opened_store_find(&diff->opened, diff->command->names[i], &diff->snapshots[i], failure);
        if (error == 0)
            error = opened_store_tree(&diff->opened, diff->snapshots[i], &diff->trees[i], failure);
    }
    return error;
}

static int compare_all(struct diff *diff, struct failure *failure)
{
    bool json = diff->command->json;
    int error = read_trees(diff, failure);

    /* Of one that is compared with itself, once. */
    for (int i = diff->snapshots[0] == diff->snapshots[1]; i < 2 && error == 0; i++)
        error = lackings_add_unread(&diff->lackings, diff->snapshots[i]->name, &diff->trees[i]);
    if (error == 0)
        error = diff_pairs_make(diff->trees, &diff->pairs);
    if (error == 0 && json)
        error = begin_json(diff);
    for (size_t i = 0; i < diff->pairs.count && error == 0; i++)
        error = compare_pair(diff, &diff->pairs.items[i], failure);
    if (error == 0 && json)
        error = buffer_print(&diff->output, "],\n \"same\":%" PRIu64 ",\n ", diff->same);
    if (error == 0 && json)
        error = lackings_answer(&diff->lackings, &diff->output);
    if (error == 0)
        error = say_files(diff);
    return error == 0 && json ? buffer_append_text(&diff->output, "}\n") : error;
}

static int run(const struct diff_command *command)
{
    struct diff diff = {.command = command, .output = BUFFER(OUTPUT_LIMIT)};
    struct failure failure = {.code = 0};
    int error = opened_store_open(command->store, &command->passphrase, &diff.opened, &failure);
    int status = STATUS_TROUBLE;

    if (error == 0)
        error = compare_all(&diff, &failure);
    if (error == 0) {
        lackings_tell(&diff.lackings);
        output_write(diff.output.data, diff.output.size);
        if (output_end(NULL) == 0)
            status = diff.differing != 0 ? STATUS_DIFFER : 0;
    } else {
        log_message(LOG_LEVEL_ERROR, "cannot compare %s with %s: %s", command->names[0],
                    command->names[1], failure_text(&failure, error));
    }
    buffer_release(&diff.output);
    free(diff.pairs.items);
    free(diff.lackings.items);
    stored_tree_release(&diff.trees[0]);
    stored_tree_release(&diff.trees[1]);
    opened_store_release(&diff.opened);
    return status;
}

static int complain(void)
{
    fputs("usage: crmfs diff [OPTION...] STORE SNAPSHOT SNAPSHOT\ncrmfs diff --help says more\n",
          stderr);
    return STATUS_USAGE;
}

int command_diff(int argc, char **argv)
{
    static const struct option long_options[] = {{"json", no_argument, NULL, 'j'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct diff_command command = {.json = false};
    int letter;

    while ((letter = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_diff);
        if (letter == 'j')
            command.json = true;
        else if (!passphrase_take_option(&command.passphrase, letter, optarg))
            return complain();
    }
    if (argc - optind != 3)
        return complain();
    command.store = argv[optind];
    command.names[0] = argv[optind + 1];
    command.names[1] = argv[optind + 2];
    return run(&command);
}
