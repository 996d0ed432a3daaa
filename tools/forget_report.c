/* SPDX-License-Identifier: MIT */
#include "tools/forget_report.h"

#include <stdio.h>
#include <string.h>

#include "tools/amount.h"

#define REASONS_SHOWN 512
#define LABEL_SHOWN 4096

void forget_report_begin(struct forget_report *report, bool json, bool dry_run, bool prune)
{
    *report = (struct forget_report){.json = json, .dry_run = dry_run, .prune = prune};
    if (json)
        answer_begin(&report->answer);
}

/* ---- By rule ---- */

static void say_kept(struct columns *columns, const struct snapshot *snapshot,
                     policy_reasons reasons)
{
    cleanup_buffer struct buffer words = BUFFER(REASONS_SHOWN);
    char time[AMOUNT_SIZE];

    if (reasons != 0 && policy_reasons_print(reasons, &words) != 0)
        buffer_clear(&words);
    columns_print(columns, "  %s\t%s\t%s\t%.*s\n", reasons != 0 ? "keep" : "forget", snapshot->name,
                  amount_utc(snapshot->time_ns, time), (int)words.size,
                  words.size != 0 ? (const char *)words.data : "");
}

/* It may hold names of any kind: a table of one cell escapes them. */
static int say_label(const char *label)
{
    struct columns columns;

    if (label[0] == '\0')
        return 0;
    columns_begin(&columns, "");
    columns_print(&columns, "Snapshots of %.*s:\n", LABEL_SHOWN, label);
    return columns_end(&columns);
}

static int groups_to_people(const struct snapshot_groups *groups, bool dry_run)
{
    size_t gone = 0;

    for (size_t i = 0; i < groups->count; i++) {
        const struct snapshot_group *group = &groups->groups[i];
        struct columns columns;
        int error;

        error = say_label(group->label);
        if (error != 0)
            return error;
        columns_begin(&columns, "");
        for (size_t j = 0; j < group->count; j++) {
            say_kept(&columns, group->snapshots[j], group->reasons[j]);
            gone += group->reasons[j] == 0;
        }
        error = columns_end(&columns);
        if (error != 0)
            return error;
    }
    printf(dry_run ? "%zu snapshot%s would be forgotten\n" : "%zu snapshot%s forgotten\n", gone,
           gone == 1 ? "" : "s");
    return 0;
}

static void answer_reasons(struct answer *answer, policy_reasons reasons)
{
    cleanup_buffer struct buffer words = BUFFER(REASONS_SHOWN);

    json_put_name(&answer->json, "reasons");
    json_open(&answer->json, '[');
    if (policy_reasons_print(reasons, &words) == 0 && buffer_append(&words, "", 1) == 0) {
        char *rest = NULL;

        for (char *reason = strtok_r((char *)words.data, ",", &rest); reason != NULL;
             reason = strtok_r(NULL, ",", &rest))
            json_put_text(&answer->json, reason + (reason[0] == ' '));
    }
    json_close(&answer->json, ']');
}

static void answer_groups(struct answer *answer, const struct snapshot_groups *groups)
{
    json_open(&answer->json, '[');
    for (size_t i = 0; i < groups->count; i++) {
        const struct snapshot_group *group = &groups->groups[i];

        json_open(&answer->json, '{');
        answer_text(answer, "group", group->label);
        for (int kept = 1; kept >= 0; kept--) {
            json_put_name(&answer->json, kept != 0 ? "keep" : "forget");
            json_open(&answer->json, '[');
            for (size_t j = 0; j < group->count; j++) {
                if ((group->reasons[j] != 0) != (kept != 0))
                    continue;
                answer_snapshot(answer, group->snapshots[j]);
                if (kept != 0)
                    answer_reasons(answer, group->reasons[j]);
                json_close(&answer->json, '}');
            }
            json_close(&answer->json, ']');
        }
        json_close(&answer->json, '}');
    }
    json_close(&answer->json, ']');
}

int forget_report_groups(struct forget_report *report, const struct snapshot_groups *groups)
{
    if (!report->json)
        return groups_to_people(groups, report->dry_run);
    report->begun = true;
    if (report->prune) {
        json_open(&report->answer.json, '{');
        json_put_name(&report->answer.json, "groups");
    }
    answer_groups(&report->answer, groups);
    return 0;
}

/* ---- By name ---- */

static void names_to_people(char **names, size_t count, bool dry_run)
{
    char shown[SHOWN_SIZE];

    for (size_t i = 0; i < count; i++)
        printf(dry_run ? "%s would be forgotten\n" : "%s is forgotten\n",
               shown_text(names[i], shown));
}

void forget_report_names(struct forget_report *report, char **names, size_t count)
{
    struct json_writer *json = &report->answer.json;

    if (!report->json) {
        names_to_people(names, count, report->dry_run);
        return;
    }
    report->begun = true;
    json_open(json, '{');
    json_put_name(json, "forget");
    json_open(json, '[');
    for (size_t i = 0; i < count; i++)
        json_put_text(json, names[i]);
    json_close(json, ']');
    if (!report->prune)
        json_close(json, '}');
}

/* ---- The prune, and the end ---- */

void forget_report_prune(struct forget_report *report, const struct prune_result *result,
                         const struct prune_options *options)
{
    if (report->json) {
        json_put_name(&report->answer.json, "prune");
        if (result != NULL)
            prune_answer(&report->answer, result, options->dry_run);
        else
            json_put_null(&report->answer.json);
        json_close(&report->answer.json, '}');
    } else if (result != NULL) {
        prune_say(result, options);
    }
}

int forget_report_end(struct forget_report *report, struct failure *failure)
{
    if (!report->json)
        return 0;
    if (report->begun)
        return answer_end(&report->answer, failure);
    buffer_release(&report->answer.text);
    return 0;
}
