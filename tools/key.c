/* SPDX-License-Identifier: MIT */
/*
 * crmfs key: the keys of a store, listed, added, removed, changed.
 *
 * A change takes several steps, and half of it would be a key that nobody was told of: from before
 * the first one on (stop_begin) a signal waits, until all is done and said.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/base/clock.h"
#include "fs/base/json_text.h"
#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/base/secret.h"
#include "fs/base/shell_word.h"
#include "fs/store/keys.h"
#include "fs/store/log.h"
#include "fs/store/recovery_key.h"
#include "tools/answer.h"
#include "tools/commands.h"
#include "tools/output.h"
#include "tools/stop.h"
#include "tools/store_access.h"
#include "tools/usage.h"

#define OUTPUT_LIMIT ((size_t)1 << 20)
#define SHOWN_DIGITS 8 /* of an id, for people */
#define PREFIX_LEAST 4 /* digits that somebody has to type of one */

struct key_command {
    const struct key_action *action;
    struct passphrase_options passphrase;
    struct passphrase_options new_passphrase;
    const char *label;
    bool json;
    const char *path;
    const char *id; /* as typed; NULL: none */
};

struct key_action {
    const char *name;
    const char *deed; /* "cannot …" */
    int (*run)(const struct key_command *command, struct store *store, struct failure *failure);
    int words;        /* after the action: STORE and what else there is */
    const char *done; /* what has happened though the answer was lost; NULL: nothing */
};

struct id_text {
    char digits[KEY_SLOT_NAME_DIGITS + 1];
};

static struct id_text id_text(const uint8_t id[KEY_SLOT_ID_BYTES])
{
    struct id_text text;

    sodium_bin2hex(text.digits, sizeof text.digits, id, KEY_SLOT_ID_BYTES);
    return text;
}

static const char *created_text(const struct key_info *key, char text[CLOCK_TEXT_SIZE])
{
    return clock_text(key->slot.created > INT64_MAX ? INT64_MAX : (time_t)key->slot.created, text);
}

static const char *kind_text(const struct key_info *key)
{
    if (key->damaged)
        return "damaged";
    if (key->removed)
        return "removed";
    return key->slot.kind == KEY_RECOVERY ? "recovery" : "passphrase";
}

static void list_for_people(const struct key_info *keys, size_t count)
{
    printf("  %-*s  %-10s  %-20s  %s\n", SHOWN_DIGITS, "ID", "KIND", "CREATED", "LABEL");
    for (size_t i = 0; i < count; i++) {
        const struct key_info *key = &keys[i];
        char created[CLOCK_TEXT_SIZE] = "", label[SHOWN_SIZE];

        if (!key->damaged)
            created_text(key, created);
        printf("%c %.*s  %-10s  %-20s", key->opened ? '*' : ' ', SHOWN_DIGITS,
               id_text(key->slot.id).digits, kind_text(key), created);
        if (key->slot.label[0] != '\0')
            printf("  %s", shown_text(key->slot.label, label));
        putchar('\n');
    }
}

static int append_key(struct buffer *output, const struct key_info *key)
{
    char created[CLOCK_TEXT_SIZE];
    int error =
        buffer_print(output,
                     "{\"id\":\"%s\",\"kind\":\"%s\",\"damaged\":%s,\"removed\":%s,"
                     "\"opened\":%s",
                     id_text(key->slot.id).digits, kind_text(key), key->damaged ? "true" : "false",
                     key->removed ? "true" : "false", key->opened ? "true" : "false");

    if (error == 0 && !key->damaged) {
        error = buffer_print(
            output, ",\"created\":\"%s\",\"passes\":%" PRIu64 ",\"memory\":%" PRIu64 ",\"label\":",
            created_text(key, created), key->slot.cost.passes, key->slot.cost.memory_bytes);
        if (error == 0)
            error = json_text_append(output, key->slot.label, strlen(key->slot.label));
    }
    return error != 0 ? error : buffer_append_text(output, "}");
}

static int list_as_json(const struct key_info *keys, size_t count)
{
    cleanup_buffer struct buffer output = BUFFER(OUTPUT_LIMIT);
    int error = buffer_append_text(&output, "[");

    for (size_t i = 0; i < count && error == 0; i++) {
        error = buffer_append_text(&output, i == 0 ? "\n" : ",\n");
        if (error == 0)
            error = append_key(&output, &keys[i]);
    }
    if (error == 0)
        error = buffer_append_text(&output, "\n]\n");
    if (error == 0)
        output_write(output.data, output.size);
    return error;
}

static int run_list(const struct key_command *command, struct store *store, struct failure *failure)
{
    cleanup_free struct key_info *keys = NULL;
    size_t count;
    struct log_state state = {.sequence = 0};
    int error = store_key_list(store, &keys, &count, failure);

    if (error != 0)
        return error;
    /* Keys are listed even where the log is damaged: as if none had been removed. */
    (void)!log_read(store, &state, NULL);
    store_key_note_removed(keys, count, &state);
    log_state_release(&state);
    if (command->json)
        return list_as_json(keys, count);
    list_for_people(keys, count);
    return 0;
}

/* What was done to which key. */
static void say_done(const struct key_command *command, const char *done,
                     const uint8_t id[KEY_SLOT_ID_BYTES])
{
    struct id_text text = id_text(id);

    if (command->json)
        printf("{\"id\":\"%s\"}\n", text.digits);
    else
        printf("%s key %.*s\n", done, SHOWN_DIGITS, text.digits);
}

static int run_add(const struct key_command *command, struct store *store, struct failure *failure)
{
    const struct key_options options = {.kind = KEY_PASSPHRASE, .label = command->label};
    struct passphrase passphrase = {.typed = false};
    uint8_t id[KEY_SLOT_ID_BYTES];
    int error = passphrase_get(&command->new_passphrase, PASSPHRASE_ANOTHER, command->path,
                               &passphrase, failure);

    if (error == 0) {
        stop_begin();
        error = store_key_add(store, &options, &passphrase.text, id, failure);
    }
    passphrase_release(&passphrase);
    if (error == 0)
        say_done(command, "Added", id);
    return error;
}

static int run_change(const struct key_command *command, struct store *store,
                      struct failure *failure)
{
    struct passphrase passphrase = {.typed = false};
    uint8_t id[KEY_SLOT_ID_BYTES];
    int error = passphrase_get(&command->new_passphrase, PASSPHRASE_ANOTHER, command->path,
                               &passphrase, failure);

    if (error == 0) {
        stop_begin();
        error = store_key_change(store, &passphrase.text, id, failure);
    }
    passphrase_release(&passphrase);
    if (error == 0)
        say_done(command, "The old passphrase opens the store no longer. New", id);
    return error;
}

/* The key whose id begins with what was typed. */
static int find_key(const struct key_command *command, struct store *store,
                    uint8_t ret_id[KEY_SLOT_ID_BYTES], struct failure *failure)
{
    cleanup_free struct key_info *keys = NULL;
    size_t length = strlen(command->id);
    size_t count;
    size_t found = 0;
    char word[SHELL_WORD_SIZE];
    int error = store_key_list(store, &keys, &count, failure);

    if (error != 0)
        return error;
    if (length < PREFIX_LEAST)
        return failure_set(failure, EINVAL,
                           "\"%s\" is too little of a key's id: give %d digits or more; crmfs key "
                           "list %s shows them",
                           command->id, PREFIX_LEAST, shell_word(command->path, word));
    for (size_t i = 0; i < count; i++) {
        if (strncmp(id_text(keys[i].slot.id).digits, command->id, length) == 0) {
            memcpy(ret_id, keys[i].slot.id, KEY_SLOT_ID_BYTES);
            found++;
        }
    }
    if (found == 1)
        return 0;
    if (found > 1)
        return failure_set(failure, EINVAL, "several keys' ids begin with \"%s\": give more of it",
                           command->id);
    return failure_set(failure, ENOENT,
                       "no key's id begins with \"%s\"; crmfs key list %s shows "
                       "them",
                       command->id, shell_word(command->path, word));
}

static int run_remove(const struct key_command *command, struct store *store,
                      struct failure *failure)
{
    uint8_t id[KEY_SLOT_ID_BYTES];
    int error = find_key(command, store, id, failure);

    if (error == 0) {
        stop_begin();
        error = store_key_remove(store, id, failure);
    }
    if (error == 0)
        say_done(command, "Removed", id);
    return error;
}

/* Straight from locked memory: stdio would keep a copy. */
static int write_secret(const char *secret, size_t size)
{
    if (fflush(stdout) != 0)
        return -errno;
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, secret, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        secret += written;
        size -= (size_t)written;
    }
    return 0;
}

static int show_recovery_key(const struct key_command *command, const char *text,
                             const uint8_t id[KEY_SLOT_ID_BYTES], struct failure *failure)
{
    struct id_text digits = id_text(id);

    if (command->json)
        printf("{\"id\":\"%s\",\"recovery_key\":\"", digits.digits);
    else
        printf("Recovery key %.*s of the store %s:\n\n    ", SHOWN_DIGITS, digits.digits,
               command->path);

    int error = write_secret(text, strlen(text));

    fputs(command->json ? "\"}\n"
                        : "\n\nIt opens the store as a passphrase does, and is shown only now: "
                          "print it and lock it\naway. `crmfs key remove` takes it back.\n",
          stdout);
    if (error == 0 && fflush(stdout) != 0)
        error = -errno;
    return error == 0
               ? 0
               : failure_set(failure, -error, "cannot show the recovery key: %s", strerror(-error));
}

/* A recovery key in locked memory, as text and as the passphrase of its slot. */
struct recovery {
    char text[RECOVERY_KEY_TEXT_SIZE];
    char symbols[RECOVERY_KEY_SYMBOLS];
};

static int run_recovery(const struct key_command *command, struct store *store,
                        struct failure *failure)
{
    const struct key_options options = {.kind = KEY_RECOVERY, .label = command->label};
    struct recovery *recovery = secret_allocate(sizeof *recovery);
    uint8_t id[KEY_SLOT_ID_BYTES];

    if (recovery == NULL)
        return failure_set(failure, ENOMEM, "no locked memory for a key: raise `ulimit -l`");
    stop_begin();
    recovery_key_make(recovery->text);

    int error = recovery_key_read(recovery->text, strlen(recovery->text), recovery->symbols);

    if (error == 0)
        error = store_key_add(store, &options,
                              &(struct store_passphrase){recovery->symbols, RECOVERY_KEY_SYMBOLS},
                              id, failure);
    if (error == 0) {
        error = show_recovery_key(command, recovery->text, id, failure);
        if (error != 0) /* nobody has it */
            store_key_remove(store, id, NULL);
    }
    sodium_free(recovery);
    return error;
}

static const struct key_action actions[] = {
    {"list", "list the keys", run_list, 1, NULL},
    {"add", "add a key", run_add, 1, "the key is added"},
    {"remove", "remove the key", run_remove, 2, "the key is removed"},
    {"change", "change the key", run_change, 1, "the passphrase is changed"},
    {"recovery", "make a recovery key", run_recovery, 1, NULL},
};

static const struct key_action *find_action(const char *name)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    }
    return NULL;
}

static int run(const struct key_command *command)
{
    struct failure failure = {.code = 0};
    struct store *store = NULL;
    int error = store_access_open(command->path, &command->passphrase, &store, &failure);

    if (error == 0)
        error = command->action->run(command, store, &failure);
    store_close(store);
    if (error == 0)
        return output_end(command->action->done);
    log_message(LOG_LEVEL_ERROR, "cannot %s: %s", command->action->deed,
                failure_text(&failure, error));
    return STATUS_FAILED;
}

static int complain(void)
{
    fputs("usage: crmfs key list|add|remove|change|recovery [OPTION...] STORE [ID]\n"
          "crmfs key --help says more\n",
          stderr);
    return STATUS_USAGE;
}

static bool take_option(struct key_command *command, int letter)
{
    if (passphrase_take_option(&command->passphrase, letter, optarg))
        return true;
    switch (letter) {
    case 'f': command->new_passphrase.file = optarg; return true;
    case 'c': command->new_passphrase.command = optarg; return true;
    case 'l': command->label = optarg; return true;
    case 'j': command->json = true; return true;
    default: return false;
    }
}

int command_key(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"new-passphrase-file", required_argument, NULL, 'f'},
        {"new-passphrase-command", required_argument, NULL, 'c'},
        {"label", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        PASSPHRASE_LONG_OPTIONS,
        {NULL, 0, NULL, 0}};
    struct key_command command = {.action = NULL};
    int letter;

    while ((letter = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_key);
        if (!take_option(&command, letter))
            return complain();
    }
    if (argc - optind < 1)
        return complain();
    command.action = find_action(argv[optind]);
    if (command.action == NULL) {
        log_message(LOG_LEVEL_ERROR, "unknown action \"%s\" on keys; crmfs key --help lists them",
                    argv[optind]);
        return STATUS_USAGE;
    }
    if (argc - optind - 1 != command.action->words)
        return complain();
    command.path = argv[optind + 1];
    command.id = command.action->words > 1 ? argv[optind + 2] : NULL;
    return run(&command);
}
