/* SPDX-License-Identifier: MIT */
/* Numbers as a column's database is given them. */
#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/fit_internal.h"
#include "fs/base/number_text.h"

#define SURE_EXPONENT 30  /* floats are normal up to here, doubles farther */
#define YEAR_LEAST "1901" /* but 0 */

bool fit_is_special(const struct cell *cell)
{
    return fit_is_word(cell, "NaN") || fit_is_word(cell, "Infinity") ||
           fit_is_word(cell, "-Infinity");
}

bool fit_is_written_whole(const struct cell *cell)
{
    return memchr(cell->data, '.', cell->size) == NULL &&
           memchr(cell->data, 'e', cell->size) == NULL &&
           memchr(cell->data, 'E', cell->size) == NULL;
}

bool fit_keeps_digits(const struct cell *cell, const struct decimal *decimal, bool single)
{
    char text[FIT_NUMBER_TEXT_MOST + 1];
    char back[DOUBLE_TEXT_SIZE];
    struct decimal again;
    size_t size;

    /* So few digits come back from any number that is not among the least. */
    if (decimal->count <= (single ? FLT_DIG : DBL_DIG) && llabs(decimal->exponent) <= SURE_EXPONENT)
        return true;
    if (cell->size > FIT_NUMBER_TEXT_MOST)
        return false;
    memcpy(text, cell->data, cell->size);
    text[cell->size] = '\0';
    size = single ? float_text(strtof(text, NULL), back) : double_text(strtod(text, NULL), back);
    return decimal_parse(back, size, &again) && decimal_equal(&again, decimal);
}

/* MySQL makes a double of the text first, which a float's fewest digits may miss. */
static int write_single(struct buffer *scratch, struct fitted *fitted)
{
    size_t begin = scratch->size;
    char text[FIT_NUMBER_TEXT_MOST + 1];

    /* Few digits and many zeros: a double's text is exact for them. */
    if (fitted->cell.size > FIT_NUMBER_TEXT_MOST)
        return 0;
    memcpy(text, fitted->cell.data, fitted->cell.size);
    text[fitted->cell.size] = '\0';
    if (buffer_reserve(scratch, DOUBLE_TEXT_SIZE) != 0)
        return -ENOMEM;
    scratch->size += double_text((double)strtof(text, NULL), (char *)scratch->data + scratch->size);

    bool exact = fitted->exact;

    fit_take_scratch(scratch, begin, CELL_NUMBER, fitted);
    fitted->exact = exact;
    return 0;
}

static int fit_float(const struct fit *fit, struct buffer *scratch, struct fitted *fitted)
{
    struct decimal decimal;

    if (fit_is_special(&fitted->cell))
        return fit->engine != ENGINE_MYSQL
                   ? 0
                   : fit_refuse(fitted, "is a number that MySQL does not have");
    if (!decimal_parse(fitted->cell.data, fitted->cell.size, &decimal))
        return fit_refuse(fitted, "is not a number");
    if (!fit_keeps_digits(&fitted->cell, &decimal, fit->kind == FIT_SINGLE))
        return fit_refuse(fitted, "has more digits than the column keeps");
    if (fit->engine == ENGINE_MYSQL && fit->kind == FIT_SINGLE)
        return write_single(scratch, fitted);
    return 0;
}

/* Whether it is nothing but digits, fewer than the column's largest value has: as most are. */
static bool is_surely_in_range(const struct fit *fit, const struct cell *cell)
{
    const char *text = cell->data;
    bool negative = cell->size != 0 && text[0] == '-';
    const char *most = negative ? fit->least : fit->most;

    if (fit->year || cell->size == negative || cell->size - negative >= strlen(most))
        return false;
    for (size_t i = negative; i < cell->size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
    }
    return true;
}

static int fit_integer(const struct fit *fit, struct buffer *scratch, struct fitted *fitted)
{
    size_t begin = scratch->size;
    struct decimal decimal;

    if (is_surely_in_range(fit, &fitted->cell))
        return 0;
    if (!decimal_parse(fitted->cell.data, fitted->cell.size, &decimal))
        return fit_refuse(fitted, "is not a whole number");
    if (decimal_fraction_digits(&decimal) != 0)
        return fit_refuse(fitted, "is not a whole number, and the column holds these");
    if (decimal_compare_magnitude(&decimal, decimal.negative ? fit->least : fit->most) > 0)
        return fit_refuse(fitted, "is out of the column's range");
    /* 70 would be 1970. */
    if (fit->year && decimal.count != 0 && decimal_compare_magnitude(&decimal, YEAR_LEAST) < 0)
        return fit_refuse(fitted, "is out of the column's range");
    /* A text "0" would be 2000. */
    if (fit->year && decimal.count == 0) {
        fitted->cell = (struct cell){CELL_NUMBER, 4, "0000"};
        fitted->exact = false;
        return 0;
    }
    if (fit_is_written_whole(&fitted->cell))
        return 0;
    if (decimal_write(&decimal, scratch) != 0)
        return -ENOMEM;
    return fit_take_scratch(scratch, begin, CELL_NUMBER, fitted);
}

static int fit_decimal(const struct fit *fit, struct fitted *fitted)
{
    struct decimal decimal;

    if (fit_is_special(&fitted->cell))
        return fit->engine == ENGINE_POSTGRES &&
                       (fit->digits == 0 || fit_is_word(&fitted->cell, "NaN"))
                   ? 0
                   : fit_refuse(fitted, "is a number that the column does not have");
    if (!decimal_parse(fitted->cell.data, fitted->cell.size, &decimal))
        return fit_refuse(fitted, "is not a number");
    if (fit->least != NULL && decimal.negative)
        return fit_refuse(fitted, "is below zero, and the column is unsigned");
    if (fit->digits == 0)
        return 0;
    if (decimal_fraction_digits(&decimal) > fit->fraction)
        return fit_refuse(fitted, "has more digits behind the point than the column keeps");
    if (decimal_integer_digits(&decimal) > fit->digits - fit->fraction)
        return fit_refuse(fitted, "is out of the column's range");
    return 0;
}

void fit_count_boolean(struct fitted *fitted)
{
    struct cell *cell = &fitted->cell;
    bool is_true;

    if (cell->class != CELL_BOOLEAN)
        return;
    is_true = cell->size != 0 && strchr("tT1", *(const char *)cell->data) != NULL;
    *cell = (struct cell){CELL_NUMBER, 1, is_true ? "1" : "0"};
    fitted->exact = false;
}

int fit_number(const struct fit *fit, struct buffer *scratch, struct fitted *fitted)
{
    fit_count_boolean(fitted);
    if (fitted->cell.class != CELL_NUMBER)
        fitted->exact = false;
    fitted->cell.class = CELL_NUMBER;
    switch (fit->kind) {
    case FIT_INTEGER: return fit_integer(fit, scratch, fitted);
    case FIT_DECIMAL: return fit_decimal(fit, fitted);
    default: return fit_float(fit, scratch, fitted);
    }
}
