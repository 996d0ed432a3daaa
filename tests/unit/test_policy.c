/* SPDX-License-Identifier: MIT */
/*
 * Forget policies: the examples of restic's manual ("Removing snapshots according to a policy"),
 * and the edges of its rules.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fs/store/policy.h"

#define MOST 40000
#define SECOND UINT64_C(1000000000)

static struct snapshot all[MOST];
static const struct snapshot *list[MOST];
static policy_reasons reasons[MOST];
static size_t count;

static const uint64_t never = UINT64_MAX;

static void begin(void)
{
    memset(all, 0, sizeof all);
    count = 0;
}

/* A snapshot at this local time; later ones follow. */
static struct snapshot *add(const char *time)
{
    struct tm local = {.tm_isdst = -1};
    const char *end = strptime(time, "%Y-%m-%d %H:%M:%S", &local);

    assert_non_null(end);
    assert_int_equal(*end, '\0');
    all[count].time_ns = (uint64_t)mktime(&local) * SECOND + 123;
    list[count] = &all[count];
    return &all[count++];
}

static size_t apply(const struct policy *policy)
{
    size_t kept = 0;

    policy_apply(policy, list, count, never, reasons);
    for (size_t i = 0; i < count; i++)
        kept += reasons[i] != 0;
    return kept;
}

/* Which are kept, as text: 'k' or '-'. */
static void expect(const struct policy *policy, const char *wanted)
{
    char found[256] = "";

    apply(policy);
    assert_int_equal(count, strlen(wanted));
    for (size_t i = 0; i < count; i++)
        found[i] = reasons[i] != 0 ? 'k' : '-';
    assert_string_equal(found, wanted);
}

static void expect_words(size_t place, const char *wanted)
{
    cleanup_buffer struct buffer words = BUFFER(1000);

    assert_int_equal(policy_reasons_print(reasons[place], &words), 0);
    assert_int_equal(words.size, strlen(wanted));
    assert_memory_equal(words.data, wanted, words.size);
}

/* "Suppose you have only made one backup every Sunday for 12 weeks" */
static void twelve_sundays(void)
{
    static const char *const days[] = {"2019-09-01", "2019-09-08", "2019-09-15", "2019-09-22",
                                       "2019-09-29", "2019-10-06", "2019-10-13", "2019-10-20",
                                       "2019-10-27", "2019-11-03", "2019-11-10", "2019-11-17"};

    begin();
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) {
        char time[32];

        snprintf(time, sizeof time, "%s 11:00:00", days[i]);
        add(time);
    }
}

static void test_sundays(void **context)
{
    (void)context;
    twelve_sundays();
    expect(&(struct policy){.count[POLICY_DAILY] = 4}, "--------kkkk");
    expect_words(8, "daily snapshot");
    expect(&(struct policy){.count[POLICY_WEEKLY] = 2}, "----------kk");
    expect(&(struct policy){.count[POLICY_LAST] = 1}, "-----------k");
    expect(&(struct policy){.count[POLICY_HOURLY] = 100}, "kkkkkkkkkkkk");
    expect(&(struct policy){.count[POLICY_DAILY] = POLICY_UNLIMITED}, "kkkkkkkkkkkk");
}

/* The manual's other words on the same list: one of each month, one of each year. */
static void test_months(void **context)
{
    (void)context;
    twelve_sundays();
    expect(&(struct policy){.count[POLICY_MONTHLY] = 3}, "----k---k--k");
    /* Something is left of the rule: the oldest is kept too. */
    expect(&(struct policy){.count[POLICY_MONTHLY] = 4}, "k---k---k--k");
    expect_words(0, "oldest monthly snapshot");
    expect_words(4, "monthly snapshot");
    expect(&(struct policy){.count[POLICY_YEARLY] = 1}, "-----------k");
    expect(&(struct policy){.count[POLICY_YEARLY] = 2}, "k----------k");
}

/* Results are ORed: the newest is kept for every rule at once. */
static void test_several(void **context)
{
    (void)context;
    twelve_sundays();
    expect(&(struct policy){.count = {[POLICY_DAILY] = 2, [POLICY_MONTHLY] = 2}}, "--------k-kk");
    expect_words(11, "daily snapshot, monthly snapshot");
    expect_words(8, "monthly snapshot");
}

/*
 * "suppose you make one backup every day for 100 years. Then forget --keep-daily 7 --keep-weekly 5
 * --keep-monthly 12 --keep-yearly 75 would keep the most recent 7 daily snapshots and 4
 * last-day-of-the-week ones (since the 7 dailies already include 1 weekly). Additionally, 12 or 11
 * last-day-of-the-month snapshots … And finally 75 or 74 last-day-of-the-year snapshots"
 */
static void test_hundred_years(void **context)
{
    struct tm day = {.tm_year = 70, .tm_mday = 2, .tm_hour = 12};
    const struct policy policy = {
        .count = {
            [POLICY_DAILY] = 7, [POLICY_WEEKLY] = 5, [POLICY_MONTHLY] = 12, [POLICY_YEARLY] = 75}};
    size_t daily = 0;

    (void)context;
    begin();
    for (size_t i = 0; i < 36333; i++) {
        struct tm local = day;

        local.tm_mday += (int)i;
        local.tm_isdst = -1;
        all[count].time_ns = (uint64_t)mktime(&local) * SECOND;
        list[count] = &all[count];
        count++;
    }

    size_t kept = apply(&policy);

    assert_in_range(kept, 7 + 4 + 10 + 73, 7 + 4 + 12 + 75);
    for (size_t i = count - 7; i < count; i++)
        daily += reasons[i] != 0;
    assert_int_equal(daily, 7);
    assert_int_equal(reasons[0], 0);
}

static void test_hours(void **context)
{
    (void)context;
    begin();
    add("2024-02-28 22:59:59");
    add("2024-02-28 23:00:00");
    add("2024-02-28 23:59:59");
    add("2024-02-29 00:00:00");
    add("2024-02-29 00:59:59");
    expect(&(struct policy){.count[POLICY_HOURLY] = 2}, "--k-k");
    expect(&(struct policy){.count[POLICY_HOURLY] = 3}, "k-k-k");
    expect(&(struct policy){.count[POLICY_DAILY] = 2}, "--k-k");
    expect(&(struct policy){.count[POLICY_LAST] = 2}, "---kk");
    /* The same hour of another day is another hour. */
    begin();
    add("2024-02-28 10:00:00");
    add("2024-02-29 10:00:00");
    expect(&(struct policy){.count[POLICY_HOURLY] = 2}, "kk");
}

/* Weeks are Monday to Sunday, and belong to one year even where two meet. */
static void test_weeks(void **context)
{
    (void)context;
    begin();
    add("2018-12-30 12:00:00"); /* a Sunday */
    add("2018-12-31 12:00:00"); /* a Monday: week 1 of 2019 */
    add("2019-01-01 12:00:00");
    add("2019-01-06 23:59:59"); /* a Sunday */
    add("2019-01-07 00:00:00"); /* a Monday */
    expect(&(struct policy){.count[POLICY_WEEKLY] = 2}, "---kk");
    expect(&(struct policy){.count[POLICY_WEEKLY] = 3}, "k--kk");
}

/* "all snapshots made in the two years, five months, seven days and three hours before the latest"
 */
static void test_within(void **context)
{
    struct policy policy = {.count = {0}};

    (void)context;
    begin();
    add("2016-02-08 00:59:59");
    add("2016-02-08 01:00:00"); /* with these 123 ns exactly that long before: not within */
    add("2016-02-08 01:00:01");
    add("2018-07-15 04:00:00");
    assert_int_equal(policy_duration_parse("2y5m7d3h", &policy.within[POLICY_LAST]), 0);
    expect(&policy, "--kk");
    expect_words(2, "within");

    policy = (struct policy){.within[POLICY_LAST] = {.hours = 1}};
    expect(&policy, "---k");
    /* It counts from the newest snapshot, not from now. */
    policy_apply(&policy, list, count, UINT64_C(1900000000) * SECOND, reasons);
    assert_true(reasons[3] != 0 && reasons[2] == 0);
    /* And not from one that is in the future, which is kept. */
    policy_apply(&policy, list, count, list[3]->time_ns - SECOND, reasons);
    assert_true(reasons[3] != 0 && reasons[2] != 0 && reasons[1] != 0);
}

/* It was dated by a clock that was wrong: newer ones that are dated rightly do not go for it. */
static void test_ahead(void **context)
{
    static const char *const lists[] = {"odd"};
    static char odd[] = "odd";
    static char *tags[] = {odd};
    struct policy policy = {.count = {[POLICY_LAST] = 1}};

    (void)context;
    begin();
    add("2026-12-01 02:00:00");
    add("2026-12-02 02:00:00");
    add("2031-01-01 02:00:00");
    policy_apply(&policy, list, count, list[1]->time_ns + SECOND, reasons);
    assert_true(reasons[0] == 0 && reasons[1] != 0);
    assert_int_equal(reasons[2], POLICY_AHEAD);
    expect_words(1, "last snapshot");
    expect_words(2, "of a time to come");
    /* By a little, as clocks differ, it is the newest. */
    policy_apply(&policy, list, count, list[1]->time_ns - 60 * SECOND, reasons);
    assert_true(reasons[0] == 0 && policy_is_by_rule(reasons[1]) && reasons[2] == POLICY_AHEAD);
    policy_apply(&policy, list, count, list[2]->time_ns, reasons);
    assert_true(reasons[0] == 0 && reasons[1] == 0 && policy_is_by_rule(reasons[2]));
    /* A clock that is behind makes nothing go. */
    policy_apply(&policy, list, count, 0, reasons);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(reasons[i], POLICY_AHEAD);
    /* A tag says nothing of times. */
    all[2].tags = tags;
    all[2].tag_count = 1;
    policy = (struct policy){.tag_lists = lists, .tag_list_count = 1};
    policy_apply(&policy, list, count, list[1]->time_ns, reasons);
    assert_true(policy_is_by_rule(reasons[2]));
    expect_words(2, "of a time to come, has tags");
}

static void test_within_periods(void **context)
{
    (void)context;
    begin();
    add("2024-01-01 08:00:00");
    add("2024-01-09 08:00:00");
    add("2024-01-09 20:00:00");
    add("2024-01-10 08:00:00");
    add("2024-01-10 20:00:00");
    expect(&(struct policy){.within[POLICY_DAILY] = {.days = 3}}, "--k-k");
    expect_words(4, "daily within");
    expect(&(struct policy){.within[POLICY_HOURLY] = {.days = 1}}, "---kk");
    expect(&(struct policy){.within[POLICY_YEARLY] = {.years = 1}}, "k---k");
    expect_words(0, "oldest yearly within");
}

/* A month before the 31st of March is the "31st of February": calendars carry over. */
static void test_calendar(void **context)
{
    (void)context;
    begin();
    add("2023-03-02 12:00:00");
    add("2023-03-03 13:00:00");
    add("2023-03-31 12:00:00");
    expect(&(struct policy){.within[POLICY_LAST] = {.months = 1}}, "-kk");
}

static void test_tags(void **context)
{
    static char first[] = "first";
    static char second[] = "second";
    static char *both[] = {first, second};
    static const char *const one_list[] = {"second,first"};
    static const char *const two_lists[] = {"none", "first"};
    static const char *const untagged[] = {""};

    (void)context;
    begin();
    add("2024-01-01 08:00:00")->tags = both;
    all[0].tag_count = 1;
    add("2024-01-02 08:00:00")->tags = both;
    all[1].tag_count = 2;
    add("2024-01-03 08:00:00");
    expect(&(struct policy){.tag_list_count = 1, .tag_lists = one_list}, "-k-");
    expect_words(1, "has tags");
    expect(&(struct policy){.tag_list_count = 2, .tag_lists = two_lists}, "kk-");
    expect(&(struct policy){.tag_list_count = 1, .tag_lists = untagged}, "--k");
}

static void test_empty(void **context)
{
    (void)context;
    assert_true(policy_is_empty(&(struct policy){.count = {0}}));
    assert_false(policy_is_empty(&(struct policy){.count[POLICY_YEARLY] = 1}));
    assert_false(policy_is_empty(&(struct policy){.within[POLICY_LAST] = {.hours = 1}}));
    begin();
    expect(&(struct policy){.count[POLICY_LAST] = 1}, "");
    add("2024-01-01 08:00:00");
    expect(&(struct policy){.count[POLICY_MONTHLY] = 5}, "k");
}

static void test_parse(void **context)
{
    static const char *const no_durations[] = {
        "",    "1",   "1w",   "h",  "1h1d",    "1d1d", "-1d",
        "1d ", " 1d", "1.5d", "1Y", "100001d", "1y2",  "99999999999999999999d"};
    static const char *const no_counts[] = {"", "-1", "1x", "x", "Unlimited", "99999999999", " 1"};
    struct policy_duration duration;
    int number;

    (void)context;
    assert_int_equal(policy_duration_parse("2y5m7d3h", &duration), 0);
    assert_true(duration.years == 2 && duration.months == 5 && duration.days == 7 &&
                duration.hours == 3);
    assert_int_equal(policy_duration_parse("30d", &duration), 0);
    assert_true(duration.years == 0 && duration.days == 30 && duration.hours == 0);
    for (size_t i = 0; i < sizeof no_durations / sizeof *no_durations; i++)
        assert_int_equal(policy_duration_parse(no_durations[i], &duration), -EINVAL);
    assert_int_equal(policy_count_parse("12", &number), 0);
    assert_int_equal(number, 12);
    assert_int_equal(policy_count_parse("unlimited", &number), 0);
    assert_int_equal(number, POLICY_UNLIMITED);
    for (size_t i = 0; i < sizeof no_counts / sizeof *no_counts; i++)
        assert_int_equal(policy_count_parse(no_counts[i], &number), -EINVAL);
}

static int set_zone(void **context)
{
    (void)context;
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sundays),        cmocka_unit_test(test_months),
        cmocka_unit_test(test_several),        cmocka_unit_test(test_hundred_years),
        cmocka_unit_test(test_hours),          cmocka_unit_test(test_weeks),
        cmocka_unit_test(test_within),         cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_within_periods), cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_tags),           cmocka_unit_test(test_empty),
        cmocka_unit_test(test_parse),
    };

    return cmocka_run_group_tests(tests, set_zone, NULL);
}
