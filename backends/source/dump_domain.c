/* SPDX-License-Identifier: MIT */
/*
 * Types that a PostgreSQL dump makes: domains, enumerations with the order of their values, and
 * ranges with what they consist of. MySQL's enumerations are each a column's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

#define DOMAINS_LIMIT 4096

/* Takes DOMAIN over. One too many is not known then, as types are of which nothing is said. */
static int add(struct dump_reader *reader, struct dump_domain domain)
{
    bool enough = reader->domain_count == DOMAINS_LIMIT;
    struct dump_domain *domains =
        enough ? NULL : reallocarray(reader->domains, reader->domain_count + 1, sizeof *domains);

    if (domains == NULL) {
        free(domain.name);
        free(domain.base);
        free(domain.collation);
        key_labels_release(domain.labels);
        return enough ? 0 : -ENOMEM;
    }
    reader->domains = domains;
    domains[reader->domain_count++] = domain;
    return 0;
}

/* "('a', 'b')". 0 or -ENOMEM; what is not so is passed over. */
static int take_labels(struct sql_lexer *lexer, struct key_labels *labels)
{
    struct sql_token token;
    int error = 0;

    while (error == 0 && (token = sql_next(lexer)).type != SQL_END) {
        char *text = token.type == SQL_STRING ? sql_text(lexer, &token) : NULL;

        if (token.type == SQL_STRING)
            error = text != NULL ? key_labels_add(labels, text) : -ENOMEM;
    }
    key_labels_end(labels);
    return error;
}

/* A value that MySQL took for none of them is the empty one, and stands before all. */
static int add_none(struct sql_lexer lexer, struct key_labels *labels)
{
    struct sql_token token;
    char *none;

    while ((token = sql_next(&lexer)).type != SQL_END) {
        if (token.type == SQL_STRING && token.size == 2)
            return 0;
    }
    none = strdup("");
    return none != NULL ? key_labels_add(labels, none) : -ENOMEM;
}

/* Behind "ENUM". Takes NAME over. */
static int create_enum(struct dump_reader *reader, struct sql_lexer *lexer, char *name)
{
    struct dump_domain domain = {.name = name, .labels = key_labels_create()};
    int error = domain.labels != NULL ? 0 : -ENOMEM;

    if (error == 0 && lexer->dialect == SQL_MYSQL)
        error = add_none(*lexer, domain.labels);
    if (error == 0)
        error = take_labels(lexer, domain.labels);
    if (error == 0)
        return add(reader, domain);
    key_labels_release(domain.labels);
    free(name);
    return error;
}

/* Adds ONE, whose name is taken over, as a range of what RANGE says. Without a name it is none. */
static int add_range(struct dump_reader *reader, const struct dump_domain *range,
                     struct dump_domain one)
{
    if (one.name == NULL)
        return 0;
    one.is_range = true;
    one.base = strdup(range->base);
    one.collation = range->collation != NULL ? strdup(range->collation) : NULL;
    if (one.base != NULL && (one.collation != NULL || range->collation == NULL))
        return add(reader, one);
    free(one.name);
    free(one.base);
    free(one.collation);
    return -ENOMEM;
}

/* One "word = something". *ret_known: nothing is said that gives it another order. */
static int take_range_word(struct sql_lexer *lexer, struct dump_domain *range, char **multirange,
                           bool *ret_known)
{
    struct sql_token word = sql_next(lexer);
    cleanup_free char *schema = NULL;

    if (!sql_accept(lexer, "="))
        return 0;
    if (sql_is(&word, "SUBTYPE") && range->base == NULL)
        return (range->base = dump_take_type(lexer)) != NULL ? 0 : -ENOMEM;
    if (sql_is(&word, "MULTIRANGE_TYPE_NAME") && *multirange == NULL)
        return (*multirange = dump_take_type(lexer)) != NULL ? 0 : -ENOMEM;
    if (sql_is(&word, "COLLATION") && range->collation == NULL)
        return dump_take_name(lexer, &schema, &range->collation) == -ENOMEM ? -ENOMEM : 0;
    *ret_known = *ret_known && !sql_is(&word, "SUBTYPE_OPCLASS");
    return 0;
}

/* Behind "AS RANGE". Takes the name of OWN over. */
static int create_range(struct dump_reader *reader, struct sql_lexer *lexer, struct dump_domain own)
{
    struct dump_domain range = {.name = NULL};
    struct dump_domain multirange = {.name = NULL};
    struct sql_token token = sql_next(lexer);
    bool known = true;
    int error = 0;

    while (error == 0 && (sql_is(&token, "(") || sql_is(&token, ","))) {
        error = take_range_word(lexer, &range, &multirange.name, &known);
        dump_skip_item(lexer);
        token = sql_next(lexer);
    }
    if (error == 0 && known && range.base != NULL) {
        error = add_range(reader, &range, multirange);
        multirange.name = NULL;
        if (error == 0) {
            error = add_range(reader, &range, own);
            own.name = NULL;
        }
    }
    free(own.name);
    free(multirange.name);
    free(range.base);
    free(range.collation);
    return error;
}

static bool is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80)
        text++;
    return *text == '\0';
}

/* Where its values may be written otherwise in the rows, their order stays that of the rows. */
static int label_column(struct dump_reader *reader, struct dump_column *column)
{
    const char *native = column->native;
    struct sql_lexer lexer = dump_lexer(reader, native, strlen(native));
    int error = 0;

    if (column->type.order != KEY_UNKNOWN || !sql_accept(&lexer, "ENUM") || !is_ascii(native))
        return 0;
    if (dump_base_of(reader, native, NULL).labels == NULL) {
        char *name = strdup(native);

        error = name != NULL ? create_enum(reader, &lexer, name) : -ENOMEM;
    }
    column->type.labels = dump_base_of(reader, native, NULL).labels;
    if (column->type.labels != NULL)
        column->type.order = KEY_LABELS;
    return error;
}

int dump_label_columns(struct dump_reader *reader, struct dump_table *table)
{
    int error = 0;

    for (size_t i = 0; i < table->column_count && reader->dialect == SQL_MYSQL && error == 0; i++)
        error = label_column(reader, &table->columns[i]);
    return error;
}

/* Behind the type. What is no name is passed over. */
static int take_collation(struct sql_lexer *lexer, struct dump_domain *domain)
{
    cleanup_free char *schema = NULL;

    return sql_accept(lexer, "COLLATE") &&
                   dump_take_name(lexer, &schema, &domain->collation) == -ENOMEM
               ? -ENOMEM
               : 0;
}

int dump_create_domain(struct dump_reader *reader)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);

    sql_next(&lexer);

    bool is_type = sql_accept(&lexer, "TYPE");

    if (!is_type)
        sql_next(&lexer);

    struct dump_domain domain = {.name = dump_take_type(&lexer)};
    bool is_made = domain.name != NULL && sql_accept(&lexer, "AS");

    if (is_made && is_type && sql_accept(&lexer, "ENUM"))
        return create_enum(reader, &lexer, domain.name);
    if (is_made && is_type && sql_accept(&lexer, "RANGE"))
        return create_range(reader, &lexer, domain);
    if (is_made && !is_type)
        domain.base = dump_take_type(&lexer);

    int error = domain.base != NULL ? take_collation(&lexer, &domain) : 0;

    if (domain.name == NULL)
        error = -ENOMEM;
    if (error == 0 && domain.base != NULL)
        return add(reader, domain);
    free(domain.name);
    free(domain.base);
    return error;
}

/* What the type is behind is in one of those. Deeper ones count alone. */
static void wrap(struct dump_base *base, enum key_wrap how)
{
    if (base->wrap_count < KEY_WRAPS_MOST)
        base->wraps[base->wrap_count] = (uint8_t)how;
    base->wrap_count++;
}

/* Takes the brackets of an array off. */
static void open_array(struct dump_base *base)
{
    size_t whole = base->size;

    while (base->size > 2 && memcmp(base->name + base->size - 2, "[]", 2) == 0)
        base->size -= 2;
    if (base->size != whole)
        wrap(base, KEY_ARRAY);
}

/* Domains stand before what uses them, and so before other domains. */
struct dump_base dump_base_of(const struct dump_reader *reader, const char *type,
                              const char *collation)
{
    struct dump_base base = {.name = type, .size = strlen(type), .collation = collation};

    open_array(&base);
    for (size_t i = reader->domain_count; i-- > 0;) {
        const struct dump_domain *domain = &reader->domains[i];

        if (strlen(domain->name) != base.size || memcmp(domain->name, base.name, base.size) != 0)
            continue;
        base.labels = domain->labels;
        if (domain->base == NULL)
            break;
        if (domain->is_range)
            wrap(&base, KEY_RANGE);
        base.name = domain->base;
        base.size = strlen(domain->base);
        base.collation = base.collation != NULL ? base.collation : domain->collation;
        open_array(&base);
    }
    return base;
}
