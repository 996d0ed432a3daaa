/* SPDX-License-Identifier: MIT */
#include "tests/unit/sample_table.h"

#include <stdlib.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define MOST_NOTE 1200

uint64_t sample_random(uint64_t *state)
{
    uint64_t number = (*state += UINT64_C(0x9e3779b97f4a7c15));

    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

static struct cell any_name(uint64_t random)
{
    static const char *const names[] = {
        "Åsa Öberg",  "Jürgen \"Jo\" Groß", "李小龍",       "",       "O'Brien, Pat",    "مريم",
        "plain name", "base64:QQ==",        "text;base64:", "a\rb\n", "👩‍💻 Ada", ",",
    };

    return random % 9 == 0 ? cell_null() : cell_text(names[random / 9 % COUNT_OF(names)]);
}

static struct cell any_document(uint64_t random)
{
    static const char *const documents[] = {
        "{\"a\":[1,2,{\"b\":null}]}",
        "[]",
        "{\n  \"c\": \"d\"\r\n}",
        "12.50",
        "\"text\"",
        "{\"$ref\":1}",
        "{a}",
        "",
        "true",
        "[1,]",
    };

    return random % 7 == 0 ? cell_null() : cell_text(documents[random / 7 % COUNT_OF(documents)]);
}

static struct cell any_value(uint64_t random)
{
    static const struct cell values[] = {
        {CELL_NULL, 0, NULL},
        {CELL_NUMBER, 1, "0"},
        {CELL_NUMBER, 8, "Infinity"},
        {CELL_NUMBER, 9, "-Infinity"},
        {CELL_NUMBER, 3, "NaN"},
        {CELL_NUMBER, 20, "-9223372036854775808"},
        {CELL_NUMBER, 7, "1.0e+15"},
        {CELL_TEXT, 3, "a\0b"},
        {CELL_TEXT, 2, "\xc3("},
        {CELL_TEXT, 4, "\xed\xa0\x80x"},
        {CELL_BYTES, 3, "\x00\xff\x01"},
        {CELL_BYTES, 0, NULL},
        {CELL_BOOLEAN, 1, "t"},
        {CELL_BOOLEAN, 1, "f"},
        {CELL_TEXT, 6, "\x01\x1f\x7f\"\\,"},
        {CELL_TEXT, 1, "x"},
    };

    return values[random % COUNT_OF(values)];
}

/* Words, some punctuation and line breaks; TEXT holds SIZE bytes. */
static void fill_note(char *text, size_t size, uint64_t *random)
{
    static const char letters[] = "etaoinshrdlucmfwypvbgkjqxz      ,.\"\n";

    for (size_t i = 0; i < size;) {
        uint64_t bits = sample_random(random);

        for (int j = 0; j < 8 && i < size; j++, bits >>= 8)
            text[i++] = letters[(bits & 0xff) % (sizeof letters - 1)];
    }
}

struct fake_table *sample_contacts(const char *name, size_t rows, uint64_t seed)
{
    static const struct fake_column columns[] = {
        {"id", COLUMN_INTEGER, true},  {"full \"name\"", COLUMN_TEXT, false},
        {"note", COLUMN_TEXT, false},  {"photo", COLUMN_BYTES, false},
        {"extra", COLUMN_JSON, false}, {"any, Größe", COLUMN_ANY, false},
    };
    struct fake_table *table = fake_table_create(name, columns, COUNT_OF(columns));
    uint64_t random = seed;
    int64_t id = -(int64_t)(rows / 3);

    for (size_t i = 0; i < rows; i++) {
        char number[24];
        char note[MOST_NOTE];
        uint64_t choice = sample_random(&random);
        size_t size = choice % 50 == 0 ? 0 : choice / 50 % 600 + choice / 30000 % 600;

        fill_note(note, size, &random);
        id += 1 + (int64_t)(sample_random(&random) % 5);

        const struct cell cells[] = {
            cell_integer(id, number),
            any_name(sample_random(&random)),
            cell_of(CELL_TEXT, note, size),
            choice % 4 != 0 ? any_value(choice >> 20) : cell_of(CELL_BYTES, note, size / 5),
            any_document(sample_random(&random)),
            any_value(sample_random(&random)),
        };

        fake_table_add(table, cells);
    }
    return table;
}

struct fake_table *sample_notes(const char *name, size_t rows, size_t text_size, uint64_t seed)
{
    static const struct fake_column columns[] = {
        {"id", COLUMN_INTEGER, true},
        {"note", COLUMN_TEXT, false},
    };
    struct fake_table *table = fake_table_create(name, columns, COUNT_OF(columns));
    char *note = malloc(text_size + 1);
    uint64_t random = seed;

    must(note != NULL);
    for (size_t i = 0; i < rows; i++) {
        char number[24];

        fill_note(note, text_size, &random);

        const struct cell cells[] = {
            cell_integer((int64_t)(1000000 + i), number),
            cell_of(CELL_TEXT, note, text_size),
        };

        fake_table_add(table, cells);
    }
    free(note);
    return table;
}
