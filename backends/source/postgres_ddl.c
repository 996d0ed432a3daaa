/* SPDX-License-Identifier: MIT */
/*
 * The statements that make each table, from the catalogue, much as pg_dump writes
 * them. The server puts them together, which knows best how to quote and to deparse;
 * each comes as a row: whose table it is of, and the text. So that all tables'
 * statements can be run one after the other, what several tables need (a schema, a type, a
 * sequence) stands with the first of them, and what ties two together (a foreign key,
 * inheritance) with the later. Only views may be in need of what comes later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"

#define STATEMENTS_LIMIT ((size_t)64 << 20) /* of one table */

/* Relations that are shown, with their place in the order of names. */
#define SHOWN_RELATIONS                                                                        \
    "shown AS (SELECT c.oid, c.relkind, c.relname, n.nspname, c.reloptions, c.relpersistence," \
    " c.relrowsecurity, c.relforcerowsecurity, n.nspname = 'public' AS public,"                \
    " format('%I.%I', n.nspname, c.relname) AS name,"                                          \
    " (CASE WHEN n.nspname = 'public' THEN c.relname::text"                                    \
    " ELSE n.nspname || '.' || c.relname END) COLLATE \"C\" AS place"                          \
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                           \
    " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition"                   \
    " AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%')"

/* The multirange of the range r, which PostgreSQL has from 14 on. */
#define MULTIRANGE "(to_jsonb(r) ->> 'rngmultitypid')::oid"

/* Types that tables use, with all that these are made of. */
#define USED_TYPES                                                                     \
    " used (relation, type) AS ("                                                      \
    " SELECT s.oid, a.atttypid FROM shown s JOIN pg_attribute a ON a.attrelid = s.oid" \
    " WHERE s.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped"      \
    " AND a.atttypid >= 16384"                                                         \
    " UNION SELECT u.relation, m.type FROM used u JOIN pg_type t ON t.oid = u.type,"   \
    " LATERAL (SELECT t.typelem AS type WHERE t.typelem <> 0"                          \
    " UNION ALL SELECT t.typbasetype WHERE t.typbasetype <> 0"                         \
    " UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid"          \
    " UNION ALL SELECT r.rngtypid FROM pg_range r WHERE " MULTIRANGE " = t.oid"        \
    " UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = t.typrelid"   \
    " AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped) m"                  \
    " WHERE m.type >= 16384)"

/*
 * All that makes a range what it is. A function that makes its values canonical cannot be made with
 * it: PostgreSQL says so then. What only indexes are faster by is left out, unless it is
 * PostgreSQL's own.
 */
#define RANGE_TYPE                                                                               \
    "(SELECT format('CREATE TYPE %s AS RANGE (SUBTYPE = %s%s%s%s%s%s);', f.type::regtype,"       \
    " r.rngsubtype::regtype, (SELECT ', SUBTYPE_OPCLASS = ' || format('%I.%I', n.nspname,"       \
    " p.opcname) FROM pg_opclass p JOIN pg_namespace n ON n.oid = p.opcnamespace"                \
    " WHERE p.oid = r.rngsubopc AND NOT p.opcdefault),"                                          \
    " (SELECT ', COLLATION = ' || r.rngcollation::regcollation FROM pg_type s"                   \
    " WHERE s.oid = r.rngsubtype AND r.rngcollation <> 0 AND r.rngcollation <> s.typcollation)," \
    " CASE WHEN r.rngcanonical::oid <> 0 THEN ', CANONICAL = ' || r.rngcanonical END,"           \
    " (SELECT ', SUBTYPE_DIFF = ' || r.rngsubdiff FROM pg_proc o WHERE o.oid = r.rngsubdiff"     \
    " AND o.pronamespace = 'pg_catalog'::regnamespace),"                                         \
    " (SELECT ', MULTIRANGE_TYPE_NAME = ' || m.oid::regtype FROM pg_type m"                      \
    " WHERE m.oid = " MULTIRANGE " AND (m.typnamespace <> t.typnamespace OR m.typname <>"        \
    " CASE WHEN strpos(t.typname, 'range') > 0"                                                  \
    " THEN overlay(t.typname::text placing 'multirange' from strpos(t.typname, 'range') for 5)"  \
    " ELSE t.typname || '_multirange' END))) FROM pg_range r WHERE r.rngtypid = t.oid)"

/* … and the first table that does. */
static const char type_query[] =
    "WITH RECURSIVE " SHOWN_RELATIONS "," USED_TYPES ","
    " firsts AS (SELECT u.type, (array_agg(u.relation ORDER BY s.place))[1] AS relation"
    " FROM used u JOIN shown s ON s.oid = u.relation GROUP BY u.type)"
    "SELECT f.relation, CASE WHEN x.extname IS NOT NULL THEN"
    " format('CREATE EXTENSION IF NOT EXISTS %I;', x.extname)"
    " WHEN t.typtype = 'e' THEN format('CREATE TYPE %s AS ENUM (%s);', f.type::regtype,"
    " (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)"
    " FROM pg_enum e WHERE e.enumtypid = t.oid))"
    " WHEN t.typtype = 'd' THEN format('CREATE DOMAIN %s AS %s%s%s%s;', f.type::regtype,"
    " format_type(t.typbasetype, t.typtypmod), ' DEFAULT ' || t.typdefault,"
    " CASE WHEN t.typnotnull THEN ' NOT NULL' END,"
    " (SELECT string_agg(format(' CONSTRAINT %I %s', o.conname, pg_get_constraintdef(o.oid)), ''"
    " ORDER BY o.conname) FROM pg_constraint o WHERE o.contypid = t.oid AND o.contype = 'c'))"
    " WHEN t.typtype = 'r' THEN " RANGE_TYPE
    " ELSE format('CREATE TYPE %s AS (%s);', f.type::regtype,"
    " (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '"
    " ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0"
    " AND NOT a.attisdropped)) END"
    " FROM firsts f JOIN pg_type t ON t.oid = f.type"
    " LEFT JOIN pg_class c ON c.oid = t.typrelid"
    " LEFT JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid"
    " AND d.deptype = 'e' LEFT JOIN pg_extension x ON x.oid = d.refobjid"
    " WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')"
    " OR (x.oid IS NOT NULL AND t.typcategory <> 'A'))"
    " ORDER BY x.oid IS NULL, f.type";

/* Sequences that defaults ask, with the first table that does; identity columns have their own. */
#define SEQUENCES                                                                              \
    " sequences AS (SELECT d.refobjid AS sequence,"                                            \
    " (array_agg(s.oid ORDER BY s.place))[1] AS relation"                                      \
    " FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid JOIN shown s ON s.oid = f.adrelid" \
    " JOIN pg_class q ON q.oid = d.refobjid AND q.relkind = 'S'"                               \
    " WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass"        \
    " GROUP BY d.refobjid)"

/* Of tables, and of what these need: their partitions, types and sequences. */
static const char schema_query[] =
    "WITH RECURSIVE " SHOWN_RELATIONS "," USED_TYPES "," SEQUENCES ","
    " needed (relation, schema) AS ("
    " SELECT s.oid, c.relnamespace FROM shown s JOIN pg_class c ON c.oid = s.oid"
    " UNION ALL SELECT s.oid, c.relnamespace FROM shown s, pg_partition_tree(s.oid) p"
    " JOIN pg_class c ON c.oid = p.relid WHERE s.relkind = 'p'"
    " UNION ALL SELECT u.relation, t.typnamespace FROM used u JOIN pg_type t ON t.oid = u.type"
    " WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass"
    " AND d.objid = t.oid AND d.deptype = 'e')"
    " UNION ALL SELECT e.relation, c.relnamespace FROM sequences e"
    " JOIN pg_class c ON c.oid = e.sequence)"
    "SELECT (array_agg(s.oid ORDER BY s.place))[1], format('CREATE SCHEMA %I;', n.nspname)"
    " FROM needed d JOIN shown s ON s.oid = d.relation JOIN pg_namespace n ON n.oid = d.schema"
    " WHERE n.nspname <> 'public' AND n.nspname NOT LIKE 'pg\\_%'"
    " AND n.nspname <> 'information_schema' GROUP BY n.nspname";

static const char sequence_query[] =
    "WITH " SHOWN_RELATIONS "," SEQUENCES
    "SELECT e.relation, format('CREATE SEQUENCE %s AS %s START WITH %s INCREMENT BY %s"
    " MINVALUE %s MAXVALUE %s CACHE %s%s;', e.sequence::regclass, q.seqtypid::regtype,"
    " q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache,"
    " CASE WHEN q.seqcycle THEN ' CYCLE' END)"
    " FROM sequences e JOIN pg_sequence q ON q.seqrelid = e.sequence ORDER BY e.sequence";

/* How an identity column counts, where that is not from 1 by one. */
#define IDENTITY_OPTIONS                                                                    \
    "(SELECT format(' (START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s)'," \
    " q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache,"                          \
    " CASE WHEN q.seqcycle THEN ' CYCLE' END) FROM pg_depend d"                             \
    " JOIN pg_sequence q ON q.seqrelid = d.objid WHERE d.classid = 'pg_class'::regclass"    \
    " AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid"                  \
    " AND d.refobjsubid = a.attnum AND d.deptype = 'i' AND (q.seqcycle OR"                  \
    " (q.seqstart, q.seqincrement, q.seqmin, q.seqcache) <> (1, 1, 1, 1) OR q.seqmax <>"    \
    " CASE q.seqtypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647" \
    " ELSE 9223372036854775807 END))"

#define COLUMN_LINES                                                                          \
    "(SELECT string_agg(format('    %I %s', a.attname, format_type(a.atttypid, a.atttypmod))" \
    " || CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation"                  \
    " THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END"                           \
    " || CASE WHEN a.attgenerated = 's'"                                                      \
    " THEN ' GENERATED ALWAYS AS (' || pg_get_expr(f.adbin, f.adrelid) || ') STORED'"         \
    " WHEN a.attgenerated <> ''"                                                              \
    " THEN ' GENERATED ALWAYS AS (' || pg_get_expr(f.adbin, f.adrelid) || ')'"                \
    " WHEN a.attidentity <> '' THEN concat(' GENERATED ', CASE a.attidentity"                 \
    " WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, ' AS IDENTITY', " IDENTITY_OPTIONS ")"    \
    " WHEN f.oid IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(f.adbin, f.adrelid) ELSE '' END" \
    " || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END, E',\\n' ORDER BY a.attnum)"     \
    " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"                               \
    " LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum"                \
    " WHERE a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped)"

static const char table_query[] =
    "WITH " SHOWN_RELATIONS "SELECT s.oid, CASE WHEN s.relkind = 'v' THEN"
    " format(E'CREATE VIEW %s%s AS\\n%s', s.name,"
    " ' WITH (' || array_to_string(s.reloptions, ', ') || ')', pg_get_viewdef(s.oid))"
    " WHEN s.relkind = 'm' THEN"
    " format(E'CREATE MATERIALIZED VIEW %s AS\\n%s', s.name, pg_get_viewdef(s.oid))"
    " ELSE format(E'CREATE %sTABLE %s (\\n%s\\n)%s%s%s;',"
    " CASE WHEN s.relkind = 'f' THEN 'FOREIGN ' WHEN s.relpersistence = 'u' THEN 'UNLOGGED ' END,"
    " s.name, concat_ws(E',\\n', " COLUMN_LINES ","
    " (SELECT string_agg(format('    CONSTRAINT %I %s', o.conname, pg_get_constraintdef(o.oid)),"
    " E',\\n' ORDER BY o.contype <> 'p', o.conname) FROM pg_constraint o"
    " WHERE o.conrelid = s.oid AND o.contype IN ('p', 'u', 'x', 'c'))),"
    " E'\\nPARTITION BY ' || (SELECT pg_get_partkeydef(s.oid) WHERE s.relkind = 'p'),"
    " (SELECT E'\\nSERVER ' || quote_ident(v.srvname)"
    " || coalesce(' OPTIONS (' || (SELECT string_agg(quote_ident(o.option_name) || ' '"
    " || quote_literal(o.option_value), ', ') FROM pg_options_to_table(f.ftoptions) o) || ')', '')"
    " FROM pg_foreign_table f JOIN pg_foreign_server v ON v.oid = f.ftserver"
    " WHERE f.ftrelid = s.oid), E'\\nWITH (' || array_to_string(s.reloptions, ', ') || ')') END"
    " FROM shown s";

#define PARTITIONS                                                                       \
    " tree (root, relation, parent, depth) AS (SELECT s.oid, i.inhrelid, i.inhparent, 1" \
    " FROM shown s JOIN pg_inherits i ON i.inhparent = s.oid WHERE s.relkind = 'p'"      \
    " UNION ALL SELECT t.root, i.inhrelid, i.inhparent, t.depth + 1"                     \
    " FROM tree t JOIN pg_inherits i ON i.inhparent = t.relation)"

static const char partition_query[] =
    "WITH RECURSIVE " SHOWN_RELATIONS "," PARTITIONS
    "SELECT t.root, format('CREATE TABLE %s PARTITION OF %s %s%s;', t.relation::regclass,"
    " t.parent::regclass, pg_get_expr(c.relpartbound, c.oid),"
    " ' PARTITION BY ' || (SELECT pg_get_partkeydef(c.oid) WHERE c.relkind = 'p'))"
    " FROM tree t JOIN pg_class c ON c.oid = t.relation ORDER BY t.depth, c.relname";

static const char owned_query[] =
    "WITH " SHOWN_RELATIONS "," SEQUENCES
    "SELECT e.relation, format('ALTER SEQUENCE %s OWNED BY %s.%I;', e.sequence::regclass,"
    " d.refobjid::regclass, a.attname)"
    " FROM sequences e JOIN pg_depend d ON d.classid = 'pg_class'::regclass"
    " AND d.objid = e.sequence AND d.deptype = 'a' AND d.refobjid = e.relation"
    " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
    " ORDER BY e.sequence";

/*
 * Of a table with partitions the server says ON ONLY, as pg_dump wants it, which gives each
 * partition its own afterwards; here these are made with it.
 */
static const char index_query[] =
    "SELECT i.indrelid, CASE WHEN c.relkind = 'I' AND starts_with(d.text, b.text || 'ONLY ')"
    " THEN b.text || substr(d.text, length(b.text || 'ONLY ') + 1) ELSE d.text END || ';'"
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid,"
    " LATERAL (SELECT pg_get_indexdef(i.indexrelid) AS text) d,"
    " LATERAL (SELECT format('CREATE %sINDEX %I ON ',"
    " CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname) AS text) b"
    " WHERE i.indrelid >= 16384 AND NOT EXISTS (SELECT FROM pg_constraint o"
    " WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x')) ORDER BY c.relname";

static const char reference_query[] =
    "WITH " SHOWN_RELATIONS "SELECT CASE WHEN t.place > s.place THEN t.oid ELSE s.oid END,"
    " format('ALTER TABLE %s ADD CONSTRAINT %I %s;', s.name, o.conname, pg_get_constraintdef(o.oid))"
    " FROM pg_constraint o JOIN shown s ON s.oid = o.conrelid"
    " LEFT JOIN shown t ON t.oid = o.confrelid WHERE o.contype = 'f' AND o.conparentid = 0"
    " ORDER BY s.place, o.conname";

static const char inherit_query[] =
    "WITH " SHOWN_RELATIONS "SELECT CASE WHEN p.place > s.place THEN p.oid ELSE s.oid END,"
    " format('ALTER TABLE %s INHERIT %s;', s.name, p.name) FROM pg_inherits i"
    " JOIN shown s ON s.oid = i.inhrelid JOIN shown p ON p.oid = i.inhparent"
    " ORDER BY s.place, i.inhseqno";

/* What a partition has that the table above it has not: it could take other rows otherwise. */
static const char own_parts_query[] =
    "WITH RECURSIVE " SHOWN_RELATIONS "," PARTITIONS
    "SELECT t.root, p.text FROM tree t JOIN pg_class c ON c.oid = t.relation, LATERAL ("
    "SELECT 1 AS rank, a.attnum::text AS name,"
    " format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL;', t.relation::regclass, a.attname) AS text"
    " FROM pg_attribute a JOIN pg_attribute b ON b.attrelid = t.parent AND b.attname = a.attname"
    " WHERE a.attrelid = t.relation AND a.attnum > 0 AND a.attnotnull AND NOT b.attnotnull"
    " UNION ALL SELECT 2, a.attnum::text, format('ALTER TABLE %s ALTER COLUMN %I %s;',"
    " t.relation::regclass, a.attname,"
    " coalesce('SET DEFAULT ' || pg_get_expr(f.adbin, f.adrelid), 'DROP DEFAULT'))"
    " FROM pg_attribute a JOIN pg_attribute b ON b.attrelid = t.parent AND b.attname = a.attname"
    " LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum"
    " LEFT JOIN pg_attrdef g ON g.adrelid = b.attrelid AND g.adnum = b.attnum"
    " WHERE a.attrelid = t.relation AND a.attnum > 0 AND a.attgenerated = ''"
    " AND pg_get_expr(f.adbin, f.adrelid) IS DISTINCT FROM pg_get_expr(g.adbin, g.adrelid)"
    " UNION ALL SELECT 3, o.conname, format('ALTER TABLE %s ADD CONSTRAINT %I %s;',"
    " t.relation::regclass, o.conname, pg_get_constraintdef(o.oid)) FROM pg_constraint o"
    " WHERE o.conrelid = t.relation AND o.conparentid = 0 AND o.coninhcount = 0"
    " AND o.contype IN ('p', 'u', 'x', 'c', 'f')"
    " UNION ALL SELECT 4, d.relname, pg_get_indexdef(i.indexrelid) || ';' FROM pg_index i"
    " JOIN pg_class d ON d.oid = i.indexrelid WHERE i.indrelid = t.relation"
    " AND NOT d.relispartition AND NOT EXISTS (SELECT FROM pg_constraint o"
    " WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))) p"
    " ORDER BY t.depth, c.relname, p.rank, p.name";

static const char trigger_query[] =
    "SELECT t.tgrelid, pg_get_triggerdef(t.oid) || ';' FROM pg_trigger t"
    " WHERE NOT t.tgisinternal ORDER BY t.tgname";

static const char policy_query[] =
    "WITH " SHOWN_RELATIONS
    "SELECT s.oid, format('ALTER TABLE %s %s ROW LEVEL SECURITY;', s.name, w.word)"
    " FROM shown s, LATERAL (SELECT 'ENABLE' AS word WHERE s.relrowsecurity"
    " UNION ALL SELECT 'FORCE' WHERE s.relforcerowsecurity) w"
    " UNION ALL (SELECT s.oid, format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s;',"
    " p.policyname, s.name, p.permissive, p.cmd,"
    " (SELECT string_agg(quote_ident(r), ', ') FROM unnest(p.roles) r),"
    " ' USING (' || p.qual || ')', ' WITH CHECK (' || p.with_check || ')')"
    " FROM pg_policies p JOIN shown s ON s.nspname = p.schemaname AND s.relname = p.tablename"
    " ORDER BY p.policyname)";

static const char comment_query[] =
    "WITH " SHOWN_RELATIONS
    "SELECT s.oid, CASE WHEN d.objsubid = 0 THEN format('COMMENT ON %s %s IS %L;',"
    " CASE s.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'"
    " WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, s.name, d.description)"
    " ELSE format('COMMENT ON COLUMN %s.%I IS %L;', s.name, a.attname, d.description) END"
    " FROM pg_description d JOIN shown s ON s.oid = d.objoid"
    " LEFT JOIN pg_attribute a ON a.attrelid = s.oid AND a.attnum = d.objsubid"
    " WHERE d.classoid = 'pg_class'::regclass ORDER BY d.objsubid";

/* Adds what a query gives to the tables' statements, of which there is one buffer each. */
static int gather(struct link *link, const struct catalogue *catalogue, const char *query,
                  struct buffer *statements, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    int error = postgres_link_run(link, query, &result, failure);

    for (int i = 0; error == 0 && i < PQntuples(result); i++) {
        const struct table *table = postgres_catalogue_find(catalogue, PQgetvalue(result, i, 0));

        if (table == NULL || PQgetisnull(result, i, 1))
            continue;

        struct buffer *text = &statements[table - catalogue->tables];

        if (buffer_print(text, "%s%s", text->size != 0 ? "\n" : "", PQgetvalue(result, i, 1)) != 0)
            error = postgres_no_memory(failure, link);
    }
    return error;
}

int postgres_catalogue_read_ddl(struct link *link, const struct catalogue *catalogue,
                                struct failure *failure)
{
    static const char *const queries[] = {
        schema_query,  type_query,    sequence_query, table_query,     partition_query,
        owned_query,   inherit_query, index_query,    reference_query, own_parts_query,
        trigger_query, policy_query,  comment_query,
    };
    struct buffer *statements = allocate_array(catalogue->count, sizeof *statements);
    int error = 0;

    if (statements == NULL)
        return postgres_no_memory(failure, link);
    for (size_t i = 0; i < catalogue->count; i++)
        statements[i] = BUFFER(STATEMENTS_LIMIT);
    for (size_t i = 0; i < sizeof queries / sizeof *queries && error == 0; i++)
        error = gather(link, catalogue, queries[i], statements, failure);
    for (size_t i = 0; i < catalogue->count; i++) {
        const char *text = statements[i].size != 0 ? (const char *)statements[i].data : "";

        if (error == 0)
            catalogue->tables[i].schema->ddl = strndup(text, statements[i].size);
        if (error == 0 && catalogue->tables[i].schema->ddl == NULL)
            error = postgres_no_memory(failure, link);
        buffer_release(&statements[i]);
    }
    free(statements);
    return error;
}
