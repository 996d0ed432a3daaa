/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL's jsonb, compared as it does: by what kind of value it is; objects and arrays first by
 * how much is in them, then one thing after the other, a key before its value. As it is written,
 * keys stand in the order in which it compares them.
 *
 * How much is in them is known at their ends only. So both texts are gone through until they
 * differ; then, from the inside out, what is left of each container is counted, and the outermost
 * in which there is more of it in one decides.
 */
#include <string.h>

#include "fs/base/ascii.h"
#include "fs/table/key_parts.h"

struct reading {
    const char *at;
    const char *end;
};

/* In the order in which they compare. */
enum kind { KIND_NULL, KIND_TEXT, KIND_NUMBER, KIND_BOOLEAN, KIND_ARRAY, KIND_OBJECT, KIND_NONE };

/* What stands next, which is not a space; '\0': the end. */
static char next(struct reading *reading)
{
    while (reading->at < reading->end && *reading->at == ' ')
        reading->at++;
    return reading->at < reading->end ? *reading->at : '\0';
}

static bool closes(char byte)
{
    return byte == ']' || byte == '}' || byte == '\0';
}

static enum kind kind_of(char byte)
{
    switch (byte) {
    case 'n': return KIND_NULL;
    case '"': return KIND_TEXT;
    case 't':
    case 'f': return KIND_BOOLEAN;
    case '[': return KIND_ARRAY;
    case '{': return KIND_OBJECT;
    default: return closes(byte) ? KIND_NONE : KIND_NUMBER;
    }
}

/* A text without its quotes, escapes and all. */
static struct cell take_text(struct reading *reading)
{
    const char *begin = ++reading->at;
    const char *end;

    while (reading->at < reading->end && *reading->at != '"')
        reading->at += *reading->at == '\\' && reading->at + 1 < reading->end ? 2 : 1;
    end = reading->at;
    reading->at += reading->at < reading->end;
    return (struct cell){CELL_TEXT, (uint64_t)(end - begin), begin};
}

static struct cell take_word(struct reading *reading, enum cell_class class)
{
    const char *begin = reading->at;

    while (reading->at < reading->end && strchr(",]}: ", *reading->at) == NULL)
        reading->at++;
    /* A byte that nothing begins with, not to stay there. */
    reading->at += reading->at == begin;
    return (struct cell){class, (uint64_t)(reading->at - begin), begin};
}

/* The next byte of a text, of which control characters stand as "\\n" and "\\u0001"; -1: its end.
 */
static int take_byte(struct reading *text)
{
    static const char escapes[] = "b\bf\fn\nr\rt\t";
    const char *found;
    char byte;
    int code = 0;

    if (text->at == text->end)
        return -1;
    byte = *text->at++;
    if (byte != '\\' || text->at == text->end)
        return (unsigned char)byte;
    byte = *text->at++;
    if (byte == 'u') {
        for (int i = 0; i < 4 && text->at < text->end && ascii_hex_digit(*text->at) >= 0; i++)
            code = code * 16 + ascii_hex_digit(*text->at++);
        return code;
    }
    found = byte != '\0' ? strchr(escapes, byte) : NULL;
    return found != NULL ? found[1] : (unsigned char)byte;
}

static int compare_bytes(const struct cell *left, const struct cell *right)
{
    struct reading texts[2] = {{left->data, (const char *)left->data + left->size},
                               {right->data, (const char *)right->data + right->size}};
    int one;
    int other;

    do {
        one = take_byte(&texts[0]);
        other = take_byte(&texts[1]);
    } while (one == other && one >= 0);
    return (one > other) - (one < other);
}

/* Of one kind, no containers; goes on behind them. */
static int compare_scalars(enum kind kind, enum key_order order, struct reading sides[2],
                           bool *sure)
{
    const struct key_term term = {.order = order};
    struct cell cells[2];

    for (int i = 0; i < 2; i++)
        cells[i] = kind == KIND_TEXT
                       ? take_text(&sides[i])
                       : take_word(&sides[i], kind == KIND_NUMBER ? CELL_NUMBER : CELL_TEXT);
    if (kind == KIND_TEXT && order == KEY_BYTES)
        return compare_bytes(&cells[0], &cells[1]);
    /* "false" stands before "true". */
    return key_compare_cells(&term, false, &cells[0], &cells[1], sure);
}

/* How much follows in the container, behind whose end it goes on. */
static size_t count_rest(struct reading *reading)
{
    size_t depth = 0;
    size_t count = 0;

    for (char byte; (byte = next(reading)) != '\0';) {
        if (byte == '"') {
            take_text(reading);
            continue;
        }
        reading->at++;
        count += byte == ',' && depth == 0;
        if (closes(byte) && depth-- == 0)
            break;
        depth += byte == '[' || byte == '{';
    }
    return count;
}

/* The difference ORDER was found within so many containers. */
static int weigh(struct reading sides[2], size_t depth, int order)
{
    for (; depth > 0; depth--) {
        size_t one = count_rest(&sides[0]);
        size_t other = count_rest(&sides[1]);

        if (one != other)
            order = one < other ? -1 : 1;
    }
    return order;
}

/*
 * A value by itself is an array of one to PostgreSQL, before others of one: so it stands behind the
 * empty array. 0: they are not such.
 */
static int compare_lone(struct reading sides[2])
{
    int order = 0;

    for (int i = 0; i < 2; i++) {
        struct reading array = sides[i];
        enum kind other = kind_of(next(&sides[1 - i]));

        if (kind_of(next(&array)) != KIND_ARRAY || other >= KIND_ARRAY)
            continue;
        array.at++;
        order = closes(next(&array)) ? -1 : 1;
        return i == 0 ? order : -order;
    }
    return order;
}

/* Behind a value, or a key. 0: both go on; 1: that was all; -1: one goes on. */
static int go_on(struct reading sides[2], size_t *depth)
{
    while (*depth > 0) {
        char one = next(&sides[0]);
        char other = next(&sides[1]);

        if (closes(one) != closes(other))
            return -1;
        for (int i = 0; i < 2; i++)
            sides[i].at += sides[i].at < sides[i].end;
        if (!closes(one))
            return 0;
        (*depth)--;
    }
    return 1;
}

int key_compare_json(enum key_order texts, const struct cell *left, const struct cell *right,
                     bool *sure)
{
    struct reading sides[2] = {{left->data, (const char *)left->data + left->size},
                               {right->data, (const char *)right->data + right->size}};
    int order = compare_lone(sides);
    size_t depth = 0;
    int on = 0;

    while (order == 0 && on == 0) {
        enum kind one = kind_of(next(&sides[0]));
        enum kind other = kind_of(next(&sides[1]));

        /* What is at its end has less in it. */
        if (one != other)
            order = one == KIND_NONE || (other != KIND_NONE && one < other) ? -1 : 1;
        else if (one == KIND_ARRAY || one == KIND_OBJECT) {
            for (int i = 0; i < 2; i++)
                sides[i].at++;
            depth++;
            continue;
        } else if (one != KIND_NONE)
            order = compare_scalars(one, texts, sides, sure);
        if (order == 0 && (on = go_on(sides, &depth)) < 0)
            order = closes(next(&sides[0])) ? -1 : 1;
    }
    return weigh(sides, depth, order);
}
