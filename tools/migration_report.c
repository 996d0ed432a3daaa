/* SPDX-License-Identifier: MIT */
#include "tools/migration_report.h"

#include <stdio.h>
#include <string.h>

#include "tools/amount.h"
#include "tools/answer.h"

static bool is_among(const struct words *words, const char *name)
{
    bool found = false;

    for (size_t i = 0; i < words->count; i++)
        found |= strcmp(words->items[i], name) == 0;
    return found;
}

int migration_report_as_json(const struct migration_journal *journal, char *const *names,
                             size_t count, bool resumed, const struct words *outdated,
                             const struct left_out *left_out, struct failure *failure)
{
    struct answer answer;

    answer_begin(&answer);
    json_open(&answer.json, '{');
    answer_flag(&answer, "resumed", resumed);
    json_put_name(&answer.json, "tables");
    json_open(&answer.json, '[');
    for (size_t i = 0; i < count; i++) {
        const struct journal_table *noted = migration_journal_find(journal, names[i]);
        char digest[40];

        json_open(&answer.json, '{');
        answer_bytes(&answer, "name", noted->name);
        answer_number(&answer, "rows", noted->counts.inserted);
        snprintf(digest, sizeof digest, "%016llx%016llx",
                 (unsigned long long)noted->counts.digest[0],
                 (unsigned long long)noted->counts.digest[1]);
        answer_text(&answer, "digest", digest);
        answer_flag(&answer, "outdated", is_among(outdated, names[i]));
        json_close(&answer.json, '}');
    }
    json_close(&answer.json, ']');
    left_out_answer(left_out, &answer);
    json_close(&answer.json, '}');
    return answer_end(&answer, failure);
}

void migration_report_to_people(const struct migration_journal *journal, char *const *names,
                                size_t count, bool resumed)
{
    uint64_t rows = 0;
    char text[AMOUNT_SIZE];

    for (size_t i = 0; i < count; i++)
        rows += migration_journal_find(journal, names[i])->counts.inserted;
    printf("Migrated %s row%s in %zu table%s; all read back as they were written.\n",
           amount_count(rows, text), rows == 1 ? "" : "s", count, count == 1 ? "" : "s");
    if (resumed)
        puts(
            "It went on where it had been interrupted; the source still has what had been copied.");
}
