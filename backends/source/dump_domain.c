/* SPDX-License-Identifier: MIT */
/* Types that a PostgreSQL dump makes: domains, and enumerations with the order of their values. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"

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

/* Behind "AS ENUM". */
static int create_enum(struct dump_reader *reader, struct sql_lexer *lexer, char *name)
{
    struct dump_domain domain = {.name = name, .labels = key_labels_create()};
    int error = domain.labels != NULL ? take_labels(lexer, domain.labels) : -ENOMEM;

    if (error == 0)
        return add(reader, domain);
    key_labels_release(domain.labels);
    free(name);
    return error;
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
    if (is_made && !is_type)
        domain.base = dump_take_type(&lexer);
    if (domain.base != NULL)
        return add(reader, domain);

    int error = domain.name == NULL ? -ENOMEM : 0;

    free(domain.name);
    return error;
}

struct key_labels *dump_labels_of(const struct dump_reader *reader, const char *type)
{
    size_t size = strlen(type);

    while (size > 2 && memcmp(type + size - 2, "[]", 2) == 0)
        size -= 2;
    for (size_t i = reader->domain_count; i-- > 0;) {
        const struct dump_domain *domain = &reader->domains[i];

        if (strlen(domain->name) == size && memcmp(domain->name, type, size) == 0)
            return domain->labels;
    }
    return NULL;
}
