/* SPDX-License-Identifier: MIT */
/* Defaults, checks and what foreign keys do, in the statements of each kind of database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/rules.h"

#define COLUMNS 4

/* id, name, day, parent */
static struct schema *make_schema(const char *ddl)
{
    static const char *const names[COLUMNS] = {"id", "name", "day", "parent"};
    static const enum column_type types[COLUMNS] = {COLUMN_INTEGER, COLUMN_TEXT, COLUMN_DATETIME,
                                                    COLUMN_INTEGER};
    struct schema *schema = schema_create("t", COLUMNS);

    assert_non_null(schema);
    for (size_t i = 0; i < COLUMNS; i++) {
        schema->columns[i].name = strdup(names[i]);
        schema->columns[i].native_type = strdup("");
        schema->columns[i].type = types[i];
    }
    schema->ddl = strdup(ddl);
    return schema;
}

static const struct default_case {
    const char *kind;
    const char *words; /* behind DEFAULT */
    enum default_kind said;
    const char *text;
} defaults[] = {
    {"sqlite", "5", DEFAULT_NUMBER, "5"},
    {"sqlite", "(-1.50)", DEFAULT_NUMBER, "-1.50"},
    {"sqlite", "'it''s, ( \"x'", DEFAULT_TEXT, "it's, ( \"x"},
    {"sqlite", "(1 + 2)", DEFAULT_OTHER, NULL},
    {"sqlite", "(abs(-5)) CHECK (id > 0)", DEFAULT_OTHER, NULL},
    {"sqlite", "NULL", DEFAULT_NONE, NULL},
    {"sqlite", "CURRENT_TIMESTAMP NOT NULL", DEFAULT_NOW, NULL},
    {"mysql", "'it\\'s' COMMENT 'x, DEFAULT 7'", DEFAULT_TEXT, "it's"},
    {"mysql", "current_timestamp(3) ON UPDATE current_timestamp(3)", DEFAULT_NOW, NULL},
    {"mysql", "(uuid())", DEFAULT_OTHER, NULL},
    {"mysql", "b'101'", DEFAULT_OTHER, NULL},
    {"postgresql", "'-1'::integer NOT NULL", DEFAULT_TEXT, "-1"},
    {"postgresql", "'x'::character varying(20)", DEFAULT_TEXT, "x"},
    {"postgresql", "true", DEFAULT_TRUTH, "1"},
    {"postgresql", "now()", DEFAULT_NOW, NULL},
    {"postgresql", "nextval('t_id_seq'::regclass)", DEFAULT_OTHER, NULL},
    {"postgresql", "('a'::text || 'b'::text)", DEFAULT_OTHER, NULL},
    {"postgresql", "(now() + '1 day'::interval)", DEFAULT_OTHER, NULL},
    {"archive", "5", DEFAULT_NONE, NULL},
};

static void test_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        char ddl[200];
        struct table_rules rules;
        struct schema *schema;

        snprintf(ddl, sizeof ddl, "CREATE TABLE t (id INTEGER DEFAULT %s, name TEXT);",
                 defaults[i].words);
        schema = make_schema(ddl);
        assert_int_equal(table_rules_read(schema, defaults[i].kind, &rules), 0);
        if (rules.defaults[0].kind != defaults[i].said)
            fail_msg("%s is taken for %d", defaults[i].words, (int)rules.defaults[0].kind);
        if (defaults[i].text != NULL)
            assert_string_equal(rules.defaults[0].text, defaults[i].text);
        assert_int_equal(rules.defaults[1].kind, DEFAULT_NONE);
        assert_int_equal(rules.defaults[0].renewed, strstr(ddl, "ON UPDATE") != NULL);
        table_rules_release(&rules);
        schema_release(schema);
    }
}

static const struct check_case {
    const char *kind;
    const char *words;
    const char *said; /* in PostgreSQL's words; NULL: it is left out */
} checks[] = {
    {"sqlite", "id >= -5 AND NOT (parent <> 7)", "id >= - 5 AND NOT ( parent <> 7 )"},
    {"sqlite", "\"name\" IN ('a''b', 'c') OR name IS NULL",
     "name IN ( 'a''b' , 'c' ) OR name IS NULL"},
    {"sqlite", "length(name) < 5", NULL},
    {"sqlite", "id / 2 = 1", NULL},
    {"sqlite", "name > 5", NULL},
    {"sqlite", "day > '2026'", NULL},
    {"sqlite", "nobody > 5", NULL},
    {"mysql", "`id` between 1 and 9", "id between 1 and 9"},
    {"mysql", "`name` = 'A'", NULL},
    {"postgresql", "((id >= '-10'::integer) AND (id <> (7)::numeric))",
     "( ( id >= -10 ) and ( id <> ( 7 ) ) )"},
    {"postgresql", "((name)::text = ANY (ARRAY['a'::text]))", NULL},
};

static void test_checks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        struct buffer sql = BUFFER((size_t)1 << 16);
        struct buffer notes = BUFFER((size_t)1 << 16);
        char ddl[200], wanted[200], said[200];
        struct table_rules rules;
        struct schema *schema;
        size_t used = 0;

        snprintf(ddl, sizeof ddl, "CREATE TABLE t (id INTEGER, name TEXT, CHECK (%s));",
                 checks[i].words);
        schema = make_schema(ddl);
        assert_int_equal(table_rules_read(schema, checks[i].kind, &rules), 0);
        assert_int_equal(rules_add_checks(ENGINE_POSTGRES, &rules, schema, &sql, &notes), 0);
        for (size_t at = 0; at < sql.size; at++) {
            if (sql.data[at] != '"')
                said[used++] = (char)sql.data[at];
        }
        said[used] = '\0';
        if (checks[i].said != NULL)
            snprintf(wanted, sizeof wanted, ",\n  CHECK (%s)", checks[i].said);
        else
            wanted[0] = '\0';
        assert_string_equal(said, wanted);
        assert_int_equal(notes.size != 0, checks[i].said == NULL);
        buffer_release(&sql);
        buffer_release(&notes);
        table_rules_release(&rules);
        schema_release(schema);
    }
}

static const struct key_case {
    const char *kind;
    const char *ddl;
    const char *said;
} keys[] = {
    {"sqlite", "CREATE TABLE t (id INTEGER, parent INTEGER REFERENCES p (id) ON DELETE CASCADE);",
     " ON DELETE CASCADE"},
    {"sqlite",
     "CREATE TABLE t (id, parent, FOREIGN KEY (parent) REFERENCES p ON UPDATE SET DEFAULT "
     "ON DELETE RESTRICT DEFERRABLE, UNIQUE (id))",
     " ON UPDATE SET DEFAULT"},
    {"mysql",
     "CREATE TABLE `t` (\n `parent` int,\n CONSTRAINT `f` FOREIGN KEY (`parent`) REFERENCES `p` "
     "(`id`) ON DELETE SET NULL ON UPDATE CASCADE\n);",
     " ON DELETE SET NULL ON UPDATE CASCADE"},
    {"postgresql",
     "CREATE TABLE t (parent integer);\nALTER TABLE public.other ADD CONSTRAINT x FOREIGN KEY "
     "(parent) REFERENCES t(id) ON DELETE SET NULL;\nALTER TABLE public.t ADD CONSTRAINT f FOREIGN "
     "KEY (parent) REFERENCES p(id) ON DELETE CASCADE;",
     " ON DELETE CASCADE"},
};

static void test_keys(void **state)
{
    size_t parent[1] = {3};
    const struct foreign_key key = {.count = 1, .columns = parent, .target_table = "p"};

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct buffer sql = BUFFER((size_t)1 << 16);
        struct buffer notes = BUFFER((size_t)1 << 16);
        struct schema *schema = make_schema(keys[i].ddl);
        struct table_rules rules;

        assert_int_equal(table_rules_read(schema, keys[i].kind, &rules), 0);
        assert_int_equal(rules_add_acts(ENGINE_POSTGRES, &rules, schema, &key, &sql, &notes), 0);
        assert_int_equal(buffer_append(&sql, "", 1), 0);
        assert_string_equal((const char *)sql.data, keys[i].said);
        assert_int_equal(notes.size, 0);
        buffer_release(&sql);
        buffer_release(&notes);
        table_rules_release(&rules);
        schema_release(schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
