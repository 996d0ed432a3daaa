/* SPDX-License-Identifier: MIT */
#include "fs/store/policy.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/clock.h"

#define DURATION_MOST 100000 /* of each unit: no date leaves its range */

/* The bits: one a period and cause, one for tags. */
enum cause { COUNTED, OLDEST, WITHIN, OLDEST_WITHIN };
#define REASON(cause, period) ((policy_reasons)1 << ((unsigned)(cause)*8 + (unsigned)(period)))
#define REASON_TAGS ((policy_reasons)1 << 7)

_Static_assert(POLICY_PERIODS <= 6, "the bits of POLICY_DAMAGED and POLICY_AHEAD are no period's");

static const char *const period_names[POLICY_PERIODS] = {
    [POLICY_LAST] = "last",     [POLICY_HOURLY] = "hourly",   [POLICY_DAILY] = "daily",
    [POLICY_WEEKLY] = "weekly", [POLICY_MONTHLY] = "monthly", [POLICY_YEARLY] = "yearly",
};

static bool is_zero(const struct policy_duration *duration)
{
    return duration->years == 0 && duration->months == 0 && duration->days == 0 &&
           duration->hours == 0;
}

bool policy_is_empty(const struct policy *policy)
{
    for (unsigned period = 0; period < POLICY_PERIODS; period++) {
        if (policy->count[period] != 0 || !is_zero(&policy->within[period]))
            return false;
    }
    return policy->tag_list_count == 0;
}

static int parse_number(const char **text, int most, int *ret_number)
{
    const char *at = *text;
    int number = 0;

    for (; *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (*at - '0');
        if (number > most)
            return -EINVAL;
    }
    if (at == *text)
        return -EINVAL;
    *text = at;
    *ret_number = number;
    return 0;
}

int policy_count_parse(const char *text, int *ret_count)
{
    int count;

    if (strcmp(text, "unlimited") == 0) {
        *ret_count = POLICY_UNLIMITED;
        return 0;
    }
    if (parse_number(&text, INT_MAX / 16, &count) != 0 || *text != '\0')
        return -EINVAL;
    *ret_count = count;
    return 0;
}

int policy_duration_parse(const char *text, struct policy_duration *ret_duration)
{
    static const char units[] = "ymdh";
    struct policy_duration duration = {.years = 0};
    int *const parts[] = {&duration.years, &duration.months, &duration.days, &duration.hours};
    size_t next = 0;

    do {
        int number;

        if (parse_number(&text, DURATION_MOST, &number) != 0)
            return -EINVAL;
        while (next < strlen(units) && units[next] != *text)
            next++;
        if (next == strlen(units))
            return -EINVAL;
        *parts[next++] = number;
        text++;
    } while (*text != '\0');
    *ret_duration = duration;
    return 0;
}

static struct tm local_time(uint64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / NS_PER_SECOND);
    struct tm local = {.tm_mday = 1};

    localtime_r(&seconds, &local);
    return local;
}

/* ISO 8601's week and the year that it counts to, as one number. */
static long week_number(const struct tm *local)
{
    char text[32];

    return strftime(text, sizeof text, "%G%V", local) != 0 ? strtol(text, NULL, 10) : 0;
}

/* What snapshots of one hour, day … have in common; PLACE makes each different. */
static long bucket(enum policy_period period, const struct tm *local, size_t place)
{
    long year = local->tm_year + 1900L;
    long month = year * 100 + local->tm_mon + 1;
    long day = month * 100 + local->tm_mday;

    switch (period) {
    case POLICY_LAST: return (long)place;
    case POLICY_HOURLY: return day * 100 + local->tm_hour;
    case POLICY_DAILY: return day;
    case POLICY_WEEKLY: return week_number(local);
    case POLICY_MONTHLY: return month;
    case POLICY_YEARLY: return year;
    case POLICY_PERIODS: break;
    }
    return 0;
}

/* The calendar's years, months and days before, then hours; 0 when that is before 1970. */
static uint64_t time_before(uint64_t time_ns, const struct policy_duration *duration)
{
    struct tm local = local_time(time_ns);

    local.tm_year -= duration->years;
    local.tm_mon -= duration->months;
    local.tm_mday -= duration->days;
    local.tm_isdst = -1;

    int64_t seconds = (int64_t)mktime(&local) - (int64_t)duration->hours * 3600;

    return seconds < 0 ? 0 : (uint64_t)seconds * NS_PER_SECOND + time_ns % NS_PER_SECOND;
}

static bool has_tag(const struct snapshot *snapshot, const char *tag, size_t size)
{
    for (size_t i = 0; i < snapshot->tag_count; i++) {
        if (strlen(snapshot->tags[i]) == size && memcmp(snapshot->tags[i], tag, size) == 0)
            return true;
    }
    return false;
}

bool snapshot_has_tags(const struct snapshot *snapshot, const char *list)
{
    if (list[0] == '\0')
        return snapshot->tag_count == 0;
    for (;;) {
        size_t size = strcspn(list, ",");

        if (!has_tag(snapshot, list, size))
            return false;
        if (list[size] == '\0')
            return true;
        list += size + 1;
    }
}

/* A policy at work: how much is left of each rule. */
struct judge {
    const struct policy *policy;
    int left[POLICY_PERIODS];
    long last[POLICY_PERIODS];         /* bucket of the last one that was kept */
    uint64_t since_ns[POLICY_PERIODS]; /* of "within" */
    long last_within[POLICY_PERIODS];
};

static policy_reasons judge_period(struct judge *judge, enum policy_period period,
                                   const struct snapshot *snapshot, const struct tm *local,
                                   size_t place, bool oldest)
{
    long value = bucket(period, local, place);
    policy_reasons reasons = 0;

    /* The oldest one is kept while a rule has something left: history reaches back the longer. */
    if (judge->left[period] != 0 && (value != judge->last[period] || oldest)) {
        reasons |= REASON(value != judge->last[period] ? COUNTED : OLDEST, period);
        judge->last[period] = value;
        if (judge->left[period] > 0)
            judge->left[period]--;
    }
    if (is_zero(&judge->policy->within[period]) || snapshot->time_ns <= judge->since_ns[period])
        return reasons;
    if (value != judge->last_within[period] || oldest) {
        reasons |= REASON(value != judge->last_within[period] ? WITHIN : OLDEST_WITHIN, period);
        judge->last_within[period] = value;
    }
    return reasons;
}

static policy_reasons judge_tags(const struct policy *policy, const struct snapshot *snapshot)
{
    policy_reasons reasons = 0;

    for (size_t i = 0; i < policy->tag_list_count; i++) {
        if (snapshot_has_tags(snapshot, policy->tag_lists[i]))
            reasons |= REASON_TAGS;
    }
    return reasons;
}

static policy_reasons judge_snapshot(struct judge *judge, const struct snapshot *snapshot,
                                     size_t place, bool oldest)
{
    struct tm local = local_time(snapshot->time_ns);
    policy_reasons reasons = judge_tags(judge->policy, snapshot);

    for (unsigned period = 0; period < POLICY_PERIODS; period++)
        reasons |= judge_period(judge, period, snapshot, &local, place, oldest);
    return reasons;
}

static uint64_t newest_time(const struct snapshot *const *snapshots, size_t count, uint64_t now_ns)
{
    while (count > 0 && snapshots[count - 1]->time_ns >= now_ns)
        count--;
    return count > 0 ? snapshots[count - 1]->time_ns : 0;
}

static bool is_ahead(const struct snapshot *snapshot, uint64_t now_ns)
{
    return snapshot->time_ns > now_ns && snapshot->time_ns - now_ns > CLOCKS_DIFFER_NS;
}

void policy_apply(const struct policy *policy, const struct snapshot *const *snapshots,
                  size_t count, uint64_t now_ns, policy_reasons *ret_reasons)
{
    struct judge judge = {.policy = policy};
    uint64_t newest = newest_time(snapshots, count, now_ns);

    for (unsigned period = 0; period < POLICY_PERIODS; period++) {
        judge.left[period] = policy->count[period];
        judge.last[period] = -1;
        judge.last_within[period] = -1;
        judge.since_ns[period] = time_before(newest, &policy->within[period]);
    }
    for (; count > 0 && is_ahead(snapshots[count - 1], now_ns); count--)
        ret_reasons[count - 1] = judge_tags(policy, snapshots[count - 1]) | POLICY_AHEAD;
    for (size_t place = 0; place < count; place++) {
        size_t index = count - 1 - place;

        ret_reasons[index] = judge_snapshot(&judge, snapshots[index], place, index == 0);
    }
}

static const char *const cause_words[] = {
    [COUNTED] = "%s%s snapshot",
    [OLDEST] = "%soldest %s snapshot",
    [WITHIN] = "%s%s within",
    [OLDEST_WITHIN] = "%soldest %s within",
};

int policy_reasons_print(policy_reasons reasons, struct buffer *output)
{
    const char *separator = "";
    int error = 0;

    if (reasons == POLICY_DAMAGED)
        return buffer_append_text(output, "damaged");
    if ((reasons & POLICY_AHEAD) != 0) {
        error = buffer_append_text(output, "of a time to come");
        separator = ", ";
    }
    if ((reasons & REASON_TAGS) != 0 && error == 0) {
        error = buffer_print(output, "%shas tags", separator);
        separator = ", ";
    }
    for (unsigned cause = COUNTED; cause <= OLDEST_WITHIN; cause++) {
        for (unsigned period = 0; period < POLICY_PERIODS && error == 0; period++) {
            if ((reasons & REASON(cause, period)) == 0)
                continue;
            if (cause == WITHIN && period == POLICY_LAST)
                error = buffer_print(output, "%swithin", separator);
            else
                // NOLINTNEXTLINE(clang-diagnostic-format-nonliteral)
                error = buffer_print(output, cause_words[cause], separator, period_names[period]);
            separator = ", ";
        }
    }
    return error;
}
