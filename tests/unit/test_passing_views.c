/* SPDX-License-Identifier: MIT */
/* Which views may show something else although nobody wrote anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/tree/passing_views.h"

static bool is_passing(const char *kind, const char *name, const char *query)
{
    struct schema *schema = schema_create(name, 0);
    bool passing;

    schema->kind = RELATION_VIEW;
    schema->ddl = strdup(query);
    passing_views_find(kind, &schema, 1, &passing);
    schema_release(schema);
    return passing;
}

static void test_lasting(void **state)
{
    static const char *const views[][2] = {
        {"sqlite", "CREATE VIEW v (a, b) AS SELECT upper(a), 'now then', date(b), strftime('%Y', b)"
                   " FROM t WHERE a IN (1, 2) -- datetime('now')\n AND b > /* random() */ 0;\n"
                   "CREATE TRIGGER g INSTEAD OF INSERT ON v BEGIN SELECT datetime('now'); END;"},
        {"sqlite",
         "create view v as with w as (select count(*) over (partition by user) from main.t),"
         " x as materialized (select row_number() over () from w) select * from x"},
        {"mysql",
         "CREATE ALGORITHM=UNDEFINED DEFINER=`r`@`%` SQL SECURITY DEFINER VIEW `v` AS select"
         " concat(`t`.`a`,'it\\'s') AS `user`,cast(`t`.`b` as char(3) charset utf8mb4) AS `b`"
         " from (`t` join `u` on(`t`.`id` = `u`.`id`)) where `t`.`d` + interval 1 day > 0"},
        {"postgresql",
         "CREATE VIEW v WITH (security_barrier=true) AS\n SELECT sum(t.n)::numeric(10,2),"
         " COALESCE(t.\"user\", 'x'::character varying(20)), EXTRACT(year FROM t.d)\n"
         " FROM crm.t GROUP BY t.d;"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        if (is_passing(views[i][0], "v", views[i][1]))
            fail_msg("%s", views[i][1]);
    }
}

static void test_passing(void **state)
{
    static const char *const views[][2] = {
        {"sqlite", "datetime('now')"},
        {"sqlite", "date(\"NOW\", '+1 day')"},
        {"sqlite", "julianday ( )"},
        {"sqlite", "strftime('%s')"},
        {"sqlite", "CURRENT_TIMESTAMP"},
        {"sqlite", "random() /* it's */ % 2"},
        {"sqlite", "own_function(1)"},
        {"sqlite", "\"own function\"(1)"},
        {"sqlite", "1 /* it's */, date() -- it's"},
        {"mysql", "now(6)"},
        {"mysql", "@@hostname"},
        {"mysql", "`crm`.`f`(1)"},
        {"mysql", "'\\'', rand()"},
        {"mysql", "1 from (`other`.`t` join `u`)"},
        {"mysql", "1 from (`t` join `other`.`u`)"},
        {"mysql", "user()"},
        {"postgresql", "CURRENT_USER"},
        {"postgresql", "USER"},
        {"postgresql", "('now'::text)::date"},
        {"postgresql", "nextval('s'::regclass)"},
        {"postgresql", "1 FROM pg_stat_activity"},
        {"postgresql", "1 FROM information_schema.tables"},
        {"postgresql", "crm.f(1)"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        char query[200];

        snprintf(query, sizeof query, "CREATE VIEW v AS SELECT %s", views[i][1]);
        if (!is_passing(views[i][0], "v", query))
            fail_msg("%s", query);
    }
    assert_true(is_passing("sqlite", "v", ""));
}

/* What uses a passing view passes, at any distance; a table never does. */
static void test_used(void **state)
{
    static const struct {
        const char *name, *ddl;
        enum relation_kind kind;
        bool passing;
    } relations[] = {
        {"top", "CREATE VIEW top AS SELECT * FROM \"Middle\"", RELATION_VIEW, true},
        {"middle", "CREATE VIEW middle AS SELECT * FROM crm.bottom", RELATION_VIEW, true},
        {"crm.bottom", "CREATE VIEW bottom AS SELECT now()", RELATION_VIEW, true},
        {"beside", "CREATE VIEW beside AS SELECT * FROM t", RELATION_VIEW, false},
        {"t", "CREATE TABLE t (bottom DEFAULT (now()))", RELATION_TABLE, false},
        {"m", "CREATE MATERIALIZED VIEW m AS SELECT now()", RELATION_STORED_VIEW, false},
    };
    enum { COUNT = sizeof relations / sizeof *relations };
    struct schema *schemas[COUNT];
    bool passing[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        schemas[i] = schema_create(relations[i].name, 0);
        schemas[i]->kind = relations[i].kind;
        schemas[i]->ddl = strdup(relations[i].ddl);
    }
    passing_views_find("postgresql", schemas, COUNT, passing);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(passing[i], relations[i].passing);
        schema_release(schemas[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lasting),
        cmocka_unit_test(test_passing),
        cmocka_unit_test(test_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
