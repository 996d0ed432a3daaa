/* SPDX-License-Identifier: MIT */
#include "fs/store/json_read.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where memory lacks, jansson takes it for an error of the text, leaves a letter out and goes
 * on, or ends the process by an assertion (2.14, load.c: lex_save, lex_unget_unsave). So it asks
 * here for memory, and gets none only by being left at once; what it had is freed behind it.
 */
struct block {
    struct block *next; /* of the same load; both NULL once that is over */
    struct block *previous;
};

struct load {
    jmp_buf no_memory;
    struct block blocks; /* the ends of their ring */
};

static _Thread_local struct load *load_now; /* NULL: nothing is being loaded */

static void *block_allocate(size_t size)
{
    struct load *load = load_now;
    struct block *block = size <= SIZE_MAX - sizeof *block ? malloc(sizeof *block + size) : NULL;

    if (block == NULL) {
        if (load != NULL)
            longjmp(load->no_memory, 1);
        return NULL;
    }
    *block = (struct block){.next = NULL};
    if (load != NULL) {
        *block = (struct block){.next = load->blocks.next, .previous = &load->blocks};
        block->next->previous = block;
        block->previous->next = block;
    }
    return block + 1;
}

static void block_free(void *memory)
{
    struct block *block = memory;

    if (block-- == NULL)
        return;
    if (block->next != NULL) {
        block->next->previous = block->previous;
        block->previous->next = block->next;
    }
    free(block);
}

/* The blocks are nobody's any more: they are freed, or each by itself stays until it is. */
static void load_end(struct load *load, bool keep)
{
    struct block *block = load->blocks.next;

    load_now = NULL;
    while (block != &load->blocks) {
        struct block *next = block->next;

        if (keep)
            *block = (struct block){.next = NULL};
        else
            free(block);
        block = next;
    }
}

static void prepare_jansson(void)
{
    json_set_alloc_funcs(block_allocate, block_free);
    json_object_seed(0); /* opens a file, and leaves it open if it is left */
}

int json_read_object(const void *text, size_t size, json_t **ret_object)
{
    static pthread_once_t prepared = PTHREAD_ONCE_INIT;
    struct load load;
    json_t *value;

    pthread_once(&prepared, prepare_jansson);
    load.blocks = (struct block){.next = &load.blocks, .previous = &load.blocks};
    load_now = &load;
    if (setjmp(load.no_memory) != 0) {
        load_end(&load, false);
        return -ENOMEM;
    }
    value = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    load_end(&load, true);
    if (!json_is_object(value)) {
        json_decref(value);
        return -EBADMSG;
    }
    *ret_object = value;
    return 0;
}

bool json_has_exactly(const json_t *value, const char *const *names)
{
    size_t count = 0;

    if (!json_is_object(value))
        return false;
    for (; names[count] != NULL; count++) {
        if (json_object_get(value, names[count]) == NULL)
            return false;
    }
    return json_object_size(value) == count;
}

bool json_read_text(const json_t *object, const char *name, size_t most_bytes,
                    const char **ret_text)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value) || json_string_length(value) > most_bytes)
        return false;
    *ret_text = json_string_value(value);
    return true;
}

bool json_read_number(const json_t *object, const char *name, uint64_t most, uint64_t *ret_number)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > most)
        return false;
    *ret_number = (uint64_t)json_integer_value(value);
    return true;
}

bool json_read_flag(const json_t *object, const char *name, bool *ret_flag)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_boolean(value))
        return false;
    *ret_flag = json_is_true(value);
    return true;
}

bool json_read_array(const json_t *object, const char *name, size_t most, const json_t **ret_array)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_array(value) || json_array_size(value) > most)
        return false;
    *ret_array = value;
    return true;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool is_hex(const char *text, size_t digits)
{
    size_t count = 0;

    while (count < digits && digit_value(text[count]) >= 0)
        count++;
    return count == digits && text[count] == '\0';
}

bool json_hex_value(const json_t *value, void *bytes, size_t size)
{
    const char *text = json_string_value(value);
    uint8_t *to = bytes;

    if (text == NULL || json_string_length(value) != 2 * size || !is_hex(text, 2 * size))
        return false;
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)((unsigned)digit_value(text[2 * i]) * 16 +
                          (unsigned)digit_value(text[2 * i + 1]));
    return true;
}

bool json_read_hex(const json_t *object, const char *name, void *bytes, size_t size)
{
    return json_hex_value(json_object_get(object, name), bytes, size);
}

int json_copy_bytes(const json_t *value, char **ret_text)
{
    const json_t *encoded = json_object_get(value, "base64");
    const char *text = json_string_value(json_is_string(value) ? value : encoded);
    size_t size = text != NULL ? strlen(text) : 0;
    char *copy;

    if (text == NULL)
        return -EBADMSG;
    if (json_is_string(value)) {
        copy = strdup(text);
    } else {
        copy = calloc(1, size + 1);
        if (copy != NULL && sodium_base642bin((uint8_t *)copy, size, text, size, NULL, &size, NULL,
                                              sodium_base64_VARIANT_ORIGINAL) != 0) {
            free(copy);
            return -EBADMSG;
        }
    }
    if (copy == NULL)
        return -ENOMEM;
    *ret_text = copy;
    return 0;
}
