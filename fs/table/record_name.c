/* SPDX-License-Identifier: MIT */
#include "fs/table/record_name.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/base/percent.h"
#include "fs/table/csv.h"

#define HASH_BYTES 8
#define ENDING_SIZE (1 + 2 * (size_t)HASH_BYTES) /* '~' and the hash */

/* Behind '%' stand two digits everywhere else. */
#define EMPTY_NAME "%"

bool record_key_of(const struct schema *schema, struct record_key *ret_key)
{
    if (schema->primary_key_count != 0)
        *ret_key = (struct record_key){schema->primary_key_count, schema->primary_key};
    else if (schema->order_key_count != 0)
        *ret_key = (struct record_key){schema->order_key_count, schema->order_key};
    else
        return false;
    return true;
}

static bool stands_encoded(uint8_t byte, bool first)
{
    return byte < 0x20 || byte == 0x7f || byte == '/' || byte == '%' || byte == ',' ||
           (first && byte == '.');
}

/* BEGIN: where the whole name begins. */
static int append_encoded(struct buffer *name, size_t begin, const uint8_t *text, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    int error = buffer_reserve(name, 3 * size);

    if (error != 0)
        return error;
    for (size_t i = 0; i < size; i++) {
        if (stands_encoded(text[i], name->size == begin)) {
            name->data[name->size++] = '%';
            name->data[name->size++] = (uint8_t)digits[text[i] >> 4];
            name->data[name->size++] = (uint8_t)digits[text[i] & 15];
        } else {
            name->data[name->size++] = text[i];
        }
    }
    return 0;
}

static int append_base64(struct buffer *name, size_t begin, const struct cell_view *cell)
{
    cleanup_free uint8_t *text = malloc((size_t)base64_size(cell->size) + 1);

    if (text == NULL)
        return -ENOMEM;
    base64_write(text, cell->data, cell->size);
    return append_encoded(name, begin, text, (size_t)base64_size(cell->size));
}

/* As it stands in CSV, without quotes. */
static int append_cell(struct buffer *name, size_t begin, bool bytes_column,
                       const struct cell_view *cell)
{
    const struct csv_form *form = csv_form_of(bytes_column, cell->kind, cell->data, cell->size);

    if (form->body == CSV_NOTHING)
        return -ENODATA;

    int error = append_encoded(name, begin, (const uint8_t *)form->prefix, form->prefix_size);

    if (error != 0)
        return error;
    return form->body == CSV_BASE64 ? append_base64(name, begin, cell)
                                    : append_encoded(name, begin, cell->data, cell->size);
}

/* The first characters of a name that is too long, and a hash of all of it. */
static void cut(struct buffer *name, size_t begin)
{
    uint8_t *text = name->data + begin;
    uint8_t hash[crypto_generichash_BYTES];
    char ending[ENDING_SIZE + 1] = "~";
    size_t size = RECORD_NAME_MOST - ENDING_SIZE;

    crypto_generichash(hash, sizeof hash, text, name->size - begin, NULL, 0);
    sodium_bin2hex(ending + 1, sizeof ending - 1, hash, HASH_BYTES);
    while ((text[size] & 0xc0) == 0x80)
        size--;
    if (text[size - 1] == '%')
        size--;
    else if (text[size - 2] == '%')
        size -= 2;
    memcpy(text + size, ending, ENDING_SIZE);
    name->size = begin + size + ENDING_SIZE;
}

int record_name_append(const struct schema *schema, const struct record_key *key,
                       const struct cell_view *cells, struct buffer *name)
{
    size_t begin = name->size;
    int error = 0;

    for (size_t i = 0; i < key->count && error == 0; i++) {
        bool bytes = schema->columns[key->columns[i]].type == COLUMN_BYTES;

        if (i != 0)
            error = buffer_append(name, ",", 1);
        if (error == 0)
            error = append_cell(name, begin, bytes, &cells[i]);
    }
    if (error == 0 && name->size == begin)
        error = buffer_append_text(name, EMPTY_NAME);
    if (error == 0 && name->size - begin > RECORD_NAME_MOST)
        cut(name, begin);
    if (error != 0)
        name->size = begin;
    return error;
}

/* ---- and back ---- */

/* cut() takes up to three bytes of a character away, or two of what is percent-encoded. */
#define CUT_LEAST (RECORD_NAME_MOST - 3)

bool record_name_is_cut(const char *name)
{
    size_t size = strlen(name);
    const char *ending = name + size - ENDING_SIZE;

    return size >= CUT_LEAST && size <= RECORD_NAME_MOST && ending[0] == '~' &&
           strspn(ending + 1, "0123456789abcdef") == ENDING_SIZE - 1;
}

/* Digits, a sign, a point, an exponent: enough to be looked for among numbers. */
static bool looks_numeric(const char *text)
{
    const char *digits = text + (*text == '-');

    return *digits >= '0' && *digits <= '9' && strspn(digits, "0123456789.eE+-") == strlen(digits);
}

bool record_name_may_be_taken(const struct schema *schema, const struct record_key *key,
                              const struct cell_view *cells)
{
    static const char first[] = "-0123456789IN"; /* of digits, Infinity and NaN */

    for (size_t i = 0; i < key->count; i++) {
        if (schema->columns[key->columns[i]].type == COLUMN_ANY && cells[i].kind == KIND_TEXT &&
            cells[i].size != 0 && memchr(first, *(const char *)cells[i].data, sizeof first - 1))
            return true;
    }
    return false;
}

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Decodes base64 in place. */
static int decode(char *text, size_t *ret_size)
{
    size_t size = strlen(text);

    if (sodium_base642bin((unsigned char *)text, size, text, size, NULL, ret_size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return -EINVAL;
    return 0;
}

/* TEXT, a part of a name without its percent signs, becomes the cell's data. */
static int take_cell(bool bytes_column, char *text, struct cell *ret_cell)
{
    static const char *const words[] = {"text;base64:", "base64:", "number:", "text:"};
    enum cell_class class = bytes_column ? CELL_BYTES : CELL_TEXT;
    bool base64 = bytes_column;
    size_t word = 0;

    while (word < 4 && !begins_with(text, words[word]))
        word++;
    if (word < (bytes_column ? 4 : 2)) {
        static const enum cell_class classes[] = {CELL_TEXT, CELL_BYTES, CELL_NUMBER, CELL_TEXT};

        text += strlen(words[word]);
        base64 = word < 2;
        class = classes[word];
    } else if (!bytes_column && looks_numeric(text)) {
        class = CELL_NUMBER;
    }

    size_t size = strlen(text);
    int error = base64 ? decode(text, &size) : 0;

    *ret_cell = (struct cell){.class = class, .size = size, .data = text};
    return error;
}

int record_name_parse(const struct schema *schema, const struct record_key *key, const char *name,
                      struct buffer *memory, struct cell *ret_cells)
{
    if (record_name_is_cut(name))
        return -EINVAL;
    if (strcmp(name, EMPTY_NAME) == 0)
        name = "";
    buffer_clear(memory);

    int error = buffer_append(memory, name, strlen(name) + 1);

    if (error != 0)
        return error;

    char *next = (char *)memory->data;

    for (size_t i = 0; i < key->count; i++) {
        char *part = next;

        if (part == NULL)
            return -EINVAL;
        next = strchr(part, ',');
        if (next != NULL)
            *next++ = '\0';
        if (!percent_decode(part))
            return -EINVAL;
        error =
            take_cell(schema->columns[key->columns[i]].type == COLUMN_BYTES, part, &ret_cells[i]);
        if (error != 0)
            return error;
    }
    return next == NULL ? 0 : -EINVAL;
}
