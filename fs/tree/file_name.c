/* SPDX-License-Identifier: MIT */
#include "fs/tree/file_name.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/base/utf8.h"

#define LONGEST_EXTENSION ".ndjson"
#define MOST_STEM (FILE_NAME_MOST_BYTES - (sizeof LONGEST_EXTENSION - 1))
#define HASH_BYTES 8
#define ENDING_SIZE (1 + 2 * (size_t)HASH_BYTES)

/* A piece of a name as it stands in a file name: a character, or a byte as %XX. */
struct piece {
    char text[4];
    size_t size;
    size_t taken; /* bytes of the name */
};

static struct piece encode_piece(const char *name, size_t size, bool first)
{
    uint8_t byte = (uint8_t)*name;
    size_t character = utf8_character(name, size);
    struct piece piece;

    if (character == 0 || byte < 0x20 || byte == 0x7f || byte == '/' || byte == '%' ||
        (first && byte == '.')) {
        static const char digits[] = "0123456789ABCDEF";

        piece = (struct piece){.text = {'%', digits[byte >> 4], digits[byte & 15]}};
        piece.size = 3;
        piece.taken = 1;
    } else {
        piece.size = character;
        piece.taken = character;
        memcpy(piece.text, name, character);
    }
    return piece;
}

/* As much of NAME's encoding as fits, cut at a character; whether that is all of it. */
static bool encode(const char *name, size_t most, char *stem)
{
    size_t size = strlen(name);
    size_t used = 0;

    /* Of no other name: a '%' has two digits behind it everywhere else. */
    if (size == 0) {
        memcpy(stem, "%", sizeof "%");
        return true;
    }
    for (size_t at = 0; at < size;) {
        struct piece piece = encode_piece(name + at, size - at, at == 0);

        if (piece.size > most - used) {
            stem[used] = '\0';
            return false;
        }
        memcpy(stem + used, piece.text, piece.size);
        used += piece.size;
        at += piece.taken;
    }
    stem[used] = '\0';
    return true;
}

/* '~' and a hash of the name; of the name, a NUL and the attempt where that one was taken too. */
static void append_ending(const char *name, unsigned attempt, char *stem)
{
    crypto_generichash_state state;
    uint8_t hash[crypto_generichash_BYTES];
    size_t used = strlen(stem);

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const uint8_t *)name, strlen(name));
    if (attempt > 1) {
        char suffix[16] = {0};
        int length = snprintf(suffix + 1, sizeof suffix - 1, "%u", attempt);

        crypto_generichash_update(&state, (const uint8_t *)suffix, (size_t)length + 1);
    }
    crypto_generichash_final(&state, hash, sizeof hash);
    stem[used] = '~';
    sodium_bin2hex(stem + used + 1, ENDING_SIZE, hash, HASH_BYTES);
}

/* Attempt 0 is the name itself; false when it is too long. */
static bool make_stem(const char *name, unsigned attempt, char stem[MOST_STEM + 1])
{
    if (attempt == 0)
        return encode(name, MOST_STEM, stem);
    encode(name, MOST_STEM - ENDING_SIZE, stem);
    append_ending(name, attempt, stem);
    return true;
}

static int add_stem(struct name_map *taken, const char *name, char **ret_stem)
{
    char text[MOST_STEM + 1];
    unsigned attempt = 0;

    while (!make_stem(name, attempt, text) || name_map_find(taken, text) != NULL)
        attempt++;

    cleanup_free char *stem = strdup(text);

    if (stem == NULL)
        return -ENOMEM;

    int error = name_map_add(taken, stem, 0);

    if (error == 0)
        *ret_stem = steal_pointer(&stem);
    return error;
}

int file_stems_create(const char *const *table_names, size_t count, char ***ret_stems)
{
    cleanup_name_map struct name_map *taken = NULL;
    char **stems = allocate_array(count + 1, sizeof *stems);
    int error = stems != NULL ? name_map_create(&taken) : -ENOMEM;

    /* Of the folder's own files only this one has a table's extension: schema.sql has none. */
    if (error == 0)
        error = name_map_add(taken, "datapackage", 0);
    for (size_t index = 0; error == 0 && index < count; index++)
        error = add_stem(taken, table_names[index], &stems[index]);
    if (error != 0) {
        file_stems_free(stems);
        return error;
    }
    *ret_stems = stems;
    return 0;
}

void file_stems_free(char **stems)
{
    if (stems == NULL)
        return;
    for (char **stem = stems; *stem != NULL; stem++)
        free(*stem);
    free(stems);
}

void file_name_cut(const char *name, char cut[FILE_NAME_MOST_BYTES + 1])
{
    size_t most = FILE_NAME_MOST_BYTES - ENDING_SIZE;
    size_t size = strlen(name);
    size_t used = 0;

    if (size <= FILE_NAME_MOST_BYTES) {
        memcpy(cut, name, size + 1);
        return;
    }
    while (used < most) {
        size_t character = name[used] == '%' ? 3 : utf8_character(name + used, size - used);

        if (character > most - used)
            break;
        used += character != 0 ? character : 1;
    }
    memcpy(cut, name, used);
    cut[used] = '\0';
    append_ending(name, 1, cut);
}
