/* SPDX-License-Identifier: MIT */
/* What the files that read rules share: rules_read (statements), rules_check (conditions). */
#ifndef CRMFS_TARGET_RULES_INTERNAL_H
#define CRMFS_TARGET_RULES_INTERNAL_H

#include "backends/source/sql_lexer.h"
#include "backends/target/rules.h"

struct rules_reader {
    const struct schema *schema;
    enum target_engine engine;
    struct sql_lexer lexer;
    struct table_rules rules;
};

/* The column that TOKEN names, in letters of either case; SIZE_MAX: none. */
size_t rules_find_column(const struct rules_reader *reader, const struct sql_token *token);

/* Behind CHECK: takes its parentheses. 0, -ENOMEM. */
int rules_take_check(struct rules_reader *reader);
void rules_release_check(struct check_rule *check);

#endif
