/* SPDX-License-Identifier: MIT */
/*
 * The foreign keys that lead to a table, as the server has them: also those of partitions alone,
 * and of tables and columns that the user may not read. Each with the condition that a row refers
 * to another, by the operators and the collation that the server itself compares with.
 */
#include "backends/target/postgres_target.h"

#include <stdlib.h>
#include <string.h>

/* Of the table with an oid, and its partitions. */
#define PARTS                                                                              \
    "WITH RECURSIVE part AS (SELECT %u::pg_catalog.oid AS oid UNION ALL "                  \
    "SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid " \
    "JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition) "

/* Behind a column that is compared: the type that the operator takes. */
#define CAST(type, schema)                                                          \
    "CASE WHEN " type ".typtype <> 'p' THEN pg_catalog.format('::%%I.%%I', " schema \
    ".nspname, " type ".typname) END"

/* With the parent's name for a row, the child's, and the parent's oid. */
static const char question[] = PARTS
    "SELECT o.conrelid, pg_catalog.array_to_string(o.conkey, ' '), o.confrelid, "
    "o.confdeltype IN ('c', 'n', 'd'), pg_catalog.row_security_active(o.conrelid), "
    "pg_catalog.format('%%s%%I.%%I', "
    "CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, n.nspname, c.relname), c.relname, "
    "(SELECT pg_catalog.string_agg(pg_catalog.format('%s.%%I%%s%%s OPERATOR(%%I.%%s) %s.%%I%%s', "
    "p.attname, " CAST(
        "pt",
        "pn") ", CASE WHEN p.attcollation <> 0 "
              "AND (pt.typtype = 'p' OR pt.typcollation <> 0) "
              "THEN pg_catalog.format(' COLLATE %%I.%%I', ln.nspname, l.collname) END, "
              "en.nspname, e.oprname, f.attname, " CAST(
                  "ft",
                  "fn") "), ' AND ' ORDER BY u.place) "
                        "FROM ROWS FROM (pg_catalog.unnest(o.conkey), pg_catalog.unnest(o.confkey), "
                        "pg_catalog.unnest(o.conpfeqop)) WITH ORDINALITY AS u (child, parent, operator, place) "
                        "JOIN pg_catalog.pg_attribute f ON f.attrelid = o.conrelid AND f.attnum = u.child "
                        "JOIN pg_catalog.pg_attribute p ON p.attrelid = o.confrelid AND p.attnum = u.parent "
                        "JOIN pg_catalog.pg_operator e ON e.oid = u.operator "
                        "JOIN pg_catalog.pg_namespace en ON en.oid = e.oprnamespace "
                        "JOIN pg_catalog.pg_type pt ON pt.oid = e.oprleft "
                        "JOIN pg_catalog.pg_namespace pn ON pn.oid = pt.typnamespace "
                        "JOIN pg_catalog.pg_type ft ON ft.oid = e.oprright "
                        "JOIN pg_catalog.pg_namespace fn ON fn.oid = ft.typnamespace "
                        "LEFT JOIN pg_catalog.pg_collation l ON l.oid = p.attcollation "
                        "LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace) "
                        "FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid "
                        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                        "WHERE o.contype = 'f' AND o.conparentid = 0 AND o.confrelid IN (SELECT oid FROM part) "
                        "ORDER BY o.oid";

int postgres_ask_references(struct postgres_target *target, const struct table *parent,
                            const char *parent_row, const char *child_row, PGresult **ret_rows,
                            struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_print(&sql, question, parent->oid, parent_row, child_row);

    return error == 0 ? postgres_target_run(target, &sql, ret_rows, failure) : error;
}

int postgres_add_referred_query(struct buffer *sql, const struct table *parent)
{
    return buffer_print(sql,
                        PARTS "SELECT DISTINCT a.attname FROM pg_catalog.pg_constraint o "
                              "JOIN pg_catalog.pg_attribute a ON a.attrelid = o.confrelid "
                              "AND a.attnum = ANY (o.confkey) "
                              "WHERE o.contype = 'f' AND o.confrelid IN (SELECT oid FROM part)",
                        parent->oid);
}

/* Whether NUMBERS, "1 2", are those of the columns of KEY. */
static bool are_columns(const char *numbers, const struct table *child,
                        const struct foreign_key *key)
{
    char *end = NULL;

    for (size_t i = 0; i < key->count; i++, numbers = end) {
        if (strtol(numbers, &end, 10) != child->columns[key->columns[i]].number || end == numbers)
            return false;
    }
    return *numbers == '\0';
}

static bool is_reference(const PGresult *rows, int row, const struct table *child,
                         const struct table *parent, const struct foreign_key *key)
{
    return strtoul(PQgetvalue(rows, row, REFERENCE_CHILD), NULL, 10) == child->oid &&
           strtoul(PQgetvalue(rows, row, REFERENCE_PARENT), NULL, 10) == parent->oid &&
           are_columns(PQgetvalue(rows, row, REFERENCE_COLUMNS), child, key);
}

const char *postgres_reference_match(const PGresult *rows, const struct table *child,
                                     const struct table *parent, const struct foreign_key *key)
{
    for (int i = 0; i < PQntuples(rows); i++) {
        if (is_reference(rows, i, child, parent, key))
            return PQgetvalue(rows, i, REFERENCE_MATCH);
    }
    return NULL;
}

bool postgres_reference_is_known(const struct postgres_target *target, const PGresult *rows,
                                 int row, const struct table *parent)
{
    for (size_t i = 0; i < target->place_count; i++) {
        const struct table *child = target->places[i]->table;

        for (size_t f = 0; f < child->schema->foreign_key_count; f++) {
            if (is_reference(rows, row, child, parent, &child->schema->foreign_keys[f]))
                return true;
        }
    }
    return false;
}
