/* SPDX-License-Identifier: MIT */
/* PostgreSQL's arrays, ranges and multiranges, compared as it does by what is in them. */
#include <limits.h>
#include <string.h>

#include "fs/base/ascii.h"
#include "fs/table/key_parts.h"

/* An element, or a bound, whose escapes are taken out is no longer. */
#define ROOM 1024

/* The order of what is in the outermost of TERM's wraps. */
static int compare_inner(const struct key_term *term, const struct cell *left,
                         const struct cell *right, bool *sure)
{
    struct key_term inner = {.order = term->order, .labels = term->labels};
    struct cell cells[2] = {*left, *right};

    memcpy(inner.wraps, term->wraps + 1, KEY_WRAPS_MOST - 1);
    for (int i = 0; i < 2 && inner.wraps[0] == KEY_PLAIN && inner.order == KEY_NUMBER; i++)
        cells[i].class = cells[i].class == CELL_TEXT ? CELL_NUMBER : cells[i].class;
    return key_compare_cells(&inner, true, &cells[0], &cells[1], sure);
}

/* --- arrays ------------------------------------------------------------------------------- */

/* An array's elements, one after the other whatever its dimensions: {1,NULL,"a b",{…}}. */
struct array {
    const char *at;
    const char *end;
    long first;      /* the number of the first one, 1 if nothing else is said */
    struct cell gap; /* what stood before the element that was given last, or at the end */
};

static void array_begin(struct array *array, const struct cell *cell)
{
    const char *at = cell->data;

    *array = (struct array){.at = at, .end = at + cell->size, .first = 1};
    if (cell->size == 0 || *at != '[')
        return;

    /* "[2:3]={…}" */
    const char *equals = memchr(at, '=', (size_t)cell->size);
    bool negative = cell->size > 1 && at[1] == '-';

    array->first = 0;
    for (at += negative ? 2 : 1; at < array->end && *at >= '0' && *at <= '9'; at++)
        array->first =
            array->first < LONG_MAX / 100 ? array->first * 10 + (*at - '0') : array->first;
    array->first = negative ? -array->first : array->first;
    array->at = equals != NULL ? equals + 1 : array->end;
}

/* What stands in quotes; AT is behind the first one. */
static struct cell take_quoted(struct array *array, char room[ROOM])
{
    const char *begin = array->at;
    bool escaped = false;
    size_t size = 0;

    while (array->at < array->end && *array->at != '"') {
        bool pair = *array->at == '\\' && array->at + 1 < array->end;

        escaped |= pair;
        array->at += pair;
        if (size < ROOM)
            room[size++] = *array->at;
        array->at++;
    }

    const char *end = array->at;

    array->at += array->at < array->end;
    if (escaped && size < ROOM)
        return (struct cell){CELL_TEXT, size, room};
    return (struct cell){CELL_TEXT, (uint64_t)(end - begin), begin};
}

static bool is_null(const char *text, size_t size)
{
    static const char null[] = "null";

    for (size_t i = 0; i < sizeof null - 1 && size == sizeof null - 1; i++) {
        if (ascii_lower(text[i]) != null[i])
            return false;
    }
    return size == sizeof null - 1;
}

/*
 * The next element, as text or NULL. Its backslashes are taken out in ROOM; of an element that has
 * some and is longer, they stay. False: there are no more.
 */
static bool array_next(struct array *array, char room[ROOM], struct cell *ret_cell)
{
    const char *begin = array->at;

    while (array->at < array->end && strchr("{},", *array->at) != NULL && *array->at != '\0')
        array->at++;
    array->gap = (struct cell){CELL_TEXT, (uint64_t)(array->at - begin), begin};
    if (array->at == array->end)
        return false;
    begin = array->at;
    if (*begin == '"') {
        array->at++;
        *ret_cell = take_quoted(array, room);
        return true;
    }
    while (array->at < array->end && *array->at != ',' && *array->at != '}')
        array->at++;

    size_t size = (size_t)(array->at - begin);

    *ret_cell = (struct cell){CELL_TEXT, size, begin};
    if (is_null(begin, size))
        ret_cell->class = CELL_NULL;
    return true;
}

static int compare_gaps(const struct array *left, const struct array *right)
{
    const struct key_term bytes = {.order = KEY_BYTES};

    return key_compare_cells(&bytes, true, &left->gap, &right->gap, NULL);
}

/*
 * Element by element, of which NULL is the last; what has fewer stands before what it begins. Of
 * the same elements, fewer dimensions come first, then what is shorter in the first one: where the
 * gaps between elements differ, it has a comma, or no further brace.
 */
static int compare_arrays(const struct key_term *term, const struct cell *left,
                          const struct cell *right, bool *sure)
{
    struct array arrays[2];
    struct cell cells[2];
    char rooms[2][ROOM];
    int order = 0;
    int shape = 0;

    array_begin(&arrays[0], left);
    array_begin(&arrays[1], right);
    while (order == 0) {
        bool more[2];

        for (int i = 0; i < 2; i++)
            more[i] = array_next(&arrays[i], rooms[i], &cells[i]);
        if (shape == 0)
            shape = compare_gaps(&arrays[0], &arrays[1]);
        if (!more[0] || !more[1]) {
            order = more[0] - more[1];
            break;
        }
        order = compare_inner(term, &cells[0], &cells[1], sure);
    }
    if (order == 0)
        order = shape;
    if (order == 0)
        order = (arrays[0].first > arrays[1].first) - (arrays[0].first < arrays[1].first);
    return order;
}

/* --- ranges ------------------------------------------------------------------------------- */

struct bound {
    struct cell value; /* NULL: there is none */
    bool closed;       /* the value is in the range */
    char room[ROOM];
};

/* What stands in quotes, in which quotes are doubled, too; *AT is behind the first one. */
static void take_quoted_bound(const char **at, const char *end, struct bound *bound)
{
    size_t size = 0;

    for (; *at < end; (*at)++) {
        bool quote = **at == '"';

        if (quote && (*at + 1 == end || (*at)[1] != '"'))
            break;
        if ((quote || **at == '\\') && *at + 1 < end)
            (*at)++;
        if (size < ROOM)
            bound->room[size++] = **at;
    }
    *at += *at < end;
    bound->value = (struct cell){CELL_TEXT, size, bound->room};
}

static void take_bound(const char **at, const char *end, struct bound *bound)
{
    const char *begin = *at;

    if (*at < end && **at == '"') {
        (*at)++;
        take_quoted_bound(at, end, bound);
        return;
    }
    while (*at < end && **at != ',' && **at != ')' && **at != ']')
        (*at)++;
    bound->value =
        (struct cell){*at > begin ? CELL_TEXT : CELL_NULL, (uint64_t)(*at - begin), begin};
}

/* "[1,5)", and goes on behind it. False: no range stands here, as in "empty". */
static bool take_range(const char **at, const char *end, struct bound bounds[2])
{
    if (*at == end || (**at != '[' && **at != '('))
        return false;
    bounds[0].closed = *(*at)++ == '[';
    take_bound(at, end, &bounds[0]);
    *at += *at < end;
    take_bound(at, end, &bounds[1]);
    bounds[1].closed = *at < end && **at == ']';
    *at += *at < end;
    return true;
}

/* Lower ones (WHICH is 0), or upper ones: what has no bound there is the least, or the greatest. */
static int compare_bounds(const struct key_term *term, int which, const struct bound *left,
                          const struct bound *right, bool *sure)
{
    int outward = which == 0 ? -1 : 1;
    bool endless = left->value.class == CELL_NULL;
    bool other_endless = right->value.class == CELL_NULL;

    if (endless || other_endless)
        return (endless - other_endless) * outward;

    int order = compare_inner(term, &left->value, &right->value, sure);

    return order != 0 ? order : (left->closed - right->closed) * outward;
}

/* Range by range, each by its lower bound first; the empty one, and what has fewer, before others.
 */
static int compare_ranges(const struct key_term *term, const struct cell *left,
                          const struct cell *right, bool *sure)
{
    const char *at[2] = {left->data, right->data};
    const char *const ends[2] = {at[0] + left->size, at[1] + right->size};
    int order = 0;

    while (order == 0) {
        struct bound bounds[2][2];
        bool more[2];

        for (int i = 0; i < 2; i++) {
            at[i] += at[i] < ends[i] && (*at[i] == '{' || *at[i] == ',');
            more[i] = take_range(&at[i], ends[i], bounds[i]);
        }
        if (!more[0] || !more[1])
            return more[0] - more[1];
        for (int which = 0; which < 2 && order == 0; which++)
            order = compare_bounds(term, which, &bounds[0][which], &bounds[1][which], sure);
    }
    return order;
}

int key_compare_wrapped(const struct key_term *term, const struct cell *left,
                        const struct cell *right, bool *sure)
{
    return term->wraps[0] == KEY_ARRAY ? compare_arrays(term, left, right, sure)
                                       : compare_ranges(term, left, right, sure);
}
