/* SPDX-License-Identifier: MIT */
/* crmfs init: makes a store. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/log.h"
#include "fs/base/shell_word.h"
#include "fs/base/size_text.h"
#include "fs/store/header.h"
#include "fs/store/store.h"
#include "fs/table/row_group.h"
#include "tools/answer.h"
#include "tools/commands.h"
#include "tools/output.h"
#include "tools/passphrase.h"
#include "tools/stop.h"
#include "tools/usage.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

struct word {
    const char *word;
    int value;
};

static const struct word ciphers[] = {
    {"aes-256-gcm", SEAL_AES_256_GCM},
    {"xchacha20-poly1305", SEAL_XCHACHA20_POLY1305},
};

/* Levels of zstd. "auto" still keeps up with reading the database on one core. */
static const struct word compressions[] = {
    {"auto", 3},
    {"fast", 1},
    {"max", 19},
    {"none", 0},
};

struct init {
    struct store_header header;
    struct passphrase_options passphrase;
    const char *path;
};

static int find_word(const char *option, const char *value, const struct word *words, size_t count,
                     int *ret_value, struct failure *failure)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i].word, value) == 0) {
            *ret_value = words[i].value;
            return 0;
        }
    }
    return failure_set(failure, EINVAL,
                       "--%s cannot be \"%s\"; crmfs init --help lists what it can", option, value);
}

static int take_group_size(const char *value, uint32_t *ret_bytes, struct failure *failure)
{
    uint64_t bytes;

    if (size_text_bytes(value, &bytes) != 0 || bytes < STORE_GROUP_BYTES_LEAST ||
        bytes > STORE_GROUP_BYTES_MOST)
        return failure_set(failure, EINVAL, "--group-size cannot be \"%s\"; 64K to 4M can be",
                           value);
    *ret_bytes = (uint32_t)bytes;
    return 0;
}

/* -EINVAL without words: getopt has said it. */
static int take_option(struct init *init, int letter, struct failure *failure)
{
    int value = 0;
    int error;

    if (passphrase_take_option(&init->passphrase, letter, optarg))
        return 0;
    switch (letter) {
    case 'c':
        error = find_word("cipher", optarg, ciphers, COUNT_OF(ciphers), &value, failure);
        init->header.cipher = (enum seal_cipher)value;
        return error;
    case 'z':
        error =
            find_word("compression", optarg, compressions, COUNT_OF(compressions), &value, failure);
        init->header.compression_level = value;
        return error;
    case 'g': return take_group_size(optarg, &init->header.group_bytes, failure);
    default: return -EINVAL;
    }
}

static int make_and_unmake(const char *path, struct failure *failure)
{
    bool made = access(path, F_OK) != 0;
    struct storage *storage;
    int error = dir_storage_open(path, 1, &storage, failure);

    if (error != 0)
        return error;
    storage->class->close(storage);
    if (made)
        rmdir(path);
    return 0;
}

/*
 * Whether a store can be made there; a directory that is made for that does not stay, whatever
 * signal comes.
 */
static int try_place(const char *path, struct failure *failure)
{
    sigset_t before;

    stop_hold(&before);

    int error = make_and_unmake(path, failure);

    stop_let(&before);
    return error;
}

/* From here on a signal waits: the store is made in a moment, and half of one would be in the way.
 */
static int make_files(const struct init *init, const struct passphrase *passphrase,
                      struct failure *failure)
{
    bool made = access(init->path, F_OK) != 0;
    struct storage *storage;
    int error;

    stop_begin();
    error = dir_storage_open(init->path, 1, &storage, failure);
    if (error != 0)
        return error;
    error = store_init(storage, &init->header, &passphrase->text, failure);
    storage->class->close(storage);
    if (error != 0 && made)
        rmdir(init->path); /* no file is in it, or it stays */
    return error;
}

/*
 * The place is tried first: nobody is to think of a passphrase for what cannot be made. Whoever
 * gives up while it is asked for, in whatever way, leaves nothing behind.
 */
static int make_store(const struct init *init, struct failure *failure)
{
    struct passphrase passphrase = {.typed = false};
    int error = try_place(init->path, failure);

    if (error == 0)
        error =
            passphrase_get(&init->passphrase, PASSPHRASE_FIRST, init->path, &passphrase, failure);
    if (error == 0)
        error = make_files(init, &passphrase, failure);
    passphrase_release(&passphrase);
    return error;
}

static int run(const struct init *init)
{
    struct failure failure = {.code = 0};
    int error = make_store(init, &failure);

    if (error != 0) {
        log_message(LOG_LEVEL_ERROR, "cannot make a store in %s: %s", init->path,
                    failure_text(&failure, error));
        return STATUS_FAILED;
    }
    char shown[SHOWN_SIZE];
    char word[SHELL_WORD_SIZE];

    printf("Made a store in %s. Without its passphrase nobody can read it, nor can anybody help:\n"
           "`crmfs key recovery %s` makes a key to print and lock away.\n",
           shown_text(init->path, shown), shell_word(init->path, word));
    return output_end("the store is made");
}

static int complain(const struct failure *failure)
{
    if (failure->code != 0)
        log_message(LOG_LEVEL_ERROR, "%s", failure->text);
    else
        fputs("usage: crmfs init [OPTION...] STORE\ncrmfs init --help says more\n", stderr);
    return STATUS_USAGE;
}

int command_init(int argc, char **argv)
{
    static const struct option long_options[] = {{"cipher", required_argument, NULL, 'c'},
                                                 {"compression", required_argument, NULL, 'z'},
                                                 {"group-size", required_argument, NULL, 'g'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct failure failure = {.code = 0};
    struct init init = {
        .header = {.cipher = seal_best_cipher(),
                   .group_bytes = ROW_GROUP_TARGET_BYTES,
                   .compression_level = compressions[0].value},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_init);
        if (take_option(&init, letter, &failure) != 0)
            return complain(&failure);
    }
    if (argc - optind != 1)
        return complain(&failure);
    init.path = argv[optind];
    return run(&init);
}
