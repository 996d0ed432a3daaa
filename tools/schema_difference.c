/* SPDX-License-Identifier: MIT */
#include "tools/schema_difference.h"

#include <string.h>

#include "fs/base/ascii.h"
#include "tools/ddl_difference.h"

static const char *text_of(const char *text)
{
    return text != NULL ? text : "";
}

/* ---- Types, as they are called ---- */

/* Behind white space and comments, the next character, or 0. */
static char next_sign(const char **at)
{
    for (;;) {
        const char *end = strncmp(*at, "/*", 2) == 0 ? strstr(*at, "*/") : NULL;

        if (end != NULL)
            *at = end + 2;
        else if (**at == ' ')
            ++*at;
        else
            return ascii_lower(**at);
    }
}

/* "varchar(80)" and "VARCHAR (80)", whatever comments say: the same, as what is not told is. */
static bool types_equal(const char *left, const char *right)
{
    if (*left == '\0' || *right == '\0')
        return true;
    while (next_sign(&left) == next_sign(&right) && *left != '\0') {
        left++;
        right++;
    }
    return *left == *right;
}

static bool columns_equal(const struct column *left, const struct column *right)
{
    return strcmp(left->name, right->name) == 0 && left->type == right->type &&
           types_equal(text_of(left->native_type), text_of(right->native_type)) &&
           left->not_null == right->not_null && left->generated == right->generated;
}

/* ---- Keys ---- */

/* Names that only one of them has are those of the target's primary key. */
static bool foreign_keys_equal(const struct foreign_key *left, const struct foreign_key *right)
{
    if (!schema_indexes_equal(left->columns, left->count, right->columns, right->count) ||
        strcmp(text_of(left->target_table), text_of(right->target_table)) != 0)
        return false;
    for (size_t i = 0;
         left->target_columns != NULL && right->target_columns != NULL && i < left->count; i++) {
        if (strcmp(left->target_columns[i], right->target_columns[i]) != 0)
            return false;
    }
    return true;
}

/* In any order: ALTER TABLE adds them in another than they stood in. */
static bool has_foreign_keys_of(const struct schema *schema, const struct schema *other)
{
    for (size_t i = 0; i < other->foreign_key_count; i++) {
        bool found = false;

        for (size_t j = 0; j < schema->foreign_key_count && !found; j++)
            found = foreign_keys_equal(&schema->foreign_keys[j], &other->foreign_keys[i]);
        if (!found)
            return false;
    }
    return true;
}

static bool keys_equal(const struct schema *left, const struct schema *right)
{
    return schema_keys_equal(left, right) && has_foreign_keys_of(left, right) &&
           has_foreign_keys_of(right, left);
}

/* ---- All of it ---- */

static bool parts_differ(const struct schema *from, const struct schema *to)
{
    if (from->column_count != to->column_count || !keys_equal(from, to))
        return true;
    for (size_t i = 0; i < from->column_count; i++) {
        if (!columns_equal(&from->columns[i], &to->columns[i]))
            return true;
    }
    return false;
}

int schema_differs(const struct schema *from, const struct schema *to, const char *kind,
                   bool *ret_differs)
{
    bool statement = from->is_statement || to->is_statement;
    bool one_sided = from->is_statement != to->is_statement;

    if (from->kind != to->kind || (!statement && parts_differ(from, to))) {
        *ret_differs = true;
        return 0;
    }
    if (kind == NULL || one_sided) {
        *ret_differs = false;
        return 0;
    }
    if (from->kind != RELATION_TABLE) {
        *ret_differs = strcmp(text_of(from->ddl), text_of(to->ddl)) != 0;
        return 0;
    }
    return ddl_differs(kind, text_of(from->ddl), text_of(to->ddl), ret_differs);
}
