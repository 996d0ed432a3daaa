/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/server_hosts.h"
#include "backends/source/server_password.h"
#include "backends/source/server_url.h"
#include "fs/base/memory.h"

#define SECOND_NS UINT64_C(1000000000)
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static struct server_url parse(const char *text)
{
    struct failure failure = {0};
    struct server_url url = {.host_count = 0};

    if (server_url_parse(text, &url, &failure) != 0)
        fail_msg("%s: %s", text, failure.text);
    return url;
}

static void refuse(const char *text, const char *word)
{
    struct failure failure = {0};
    struct server_url url = {.host_count = 7};

    assert_int_equal(server_url_parse(text, &url, &failure), -EINVAL);
    if (strstr(failure.text, word) == NULL)
        fail_msg("%s: nothing of \"%s\" in: %s", text, word, failure.text);
    assert_int_equal(url.host_count, 7);
    assert_int_equal(server_url_parse(text, &url, NULL), -EINVAL);
}

static void test_parts(void **state)
{
    (void)state;
    struct server_url url = parse("MySQL://a%40b@db1:3307,[2001:db8::1]:1,db3/c%2Fm?x=1%262&y=");

    assert_string_equal(url.scheme, "mysql");
    assert_string_equal(url.user, "a@b");
    assert_string_equal(url.database, "c/m");
    assert_int_equal(url.host_count, 3);
    assert_string_equal(url.hosts[0].name, "db1");
    assert_int_equal(url.hosts[0].port, 3307);
    assert_string_equal(url.hosts[1].name, "2001:db8::1");
    assert_int_equal(url.hosts[1].port, 1);
    assert_int_equal(url.hosts[2].port, 0);
    assert_int_equal(url.option_count, 2);
    assert_string_equal(server_url_option(&url, "x"), "1&2");
    assert_string_equal(server_url_option(&url, "y"), "");
    assert_null(server_url_option(&url, "z"));
    server_url_release(&url);
}

static void test_options_that_are_parts(void **state)
{
    (void)state;
    struct server_url url =
        parse("postgresql:///?host=%2Frun%2Fs,db&port=5&user=u&dbname=d&password-command=pass%20x");

    assert_int_equal(url.host_count, 2);
    assert_string_equal(url.hosts[0].name, "/run/s");
    assert_int_equal(url.hosts[1].port, 5);
    assert_string_equal(url.user, "u");
    assert_string_equal(url.database, "d");
    assert_string_equal(url.password_command, "pass x");
    assert_int_equal(url.option_count, 0);
    server_url_release(&url);

    url = parse("mysql://");
    assert_int_equal(url.host_count, 0);
    assert_null(url.user);
    assert_null(url.database);
    server_url_release(&url);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("mysql://root:secret@/crm", "password");
    refuse("mysql:///crm?password=secret", "password");
    refuse("mysql://h:0/crm", "port");
    refuse("mysql://h:65536/crm", "port");
    refuse("mysql://h:1x/crm", "port");
    refuse("mysql://[::1/crm", "bracket");
    refuse("mysql://[::1]x/crm", "bracket");
    refuse("mysql:///cr%zzm", "%25");
    refuse("mysql:///cr%00m", "%25");
    refuse("mysql:///crm/t", "%2F");
    refuse("mysql:///crm#t", "%23");
    refuse("mysql:///crm?compress", "compress=");
    refuse("mysql:///crm?a=1&a=2", "twice");
    refuse("mysql://u@/crm?user=v", "twice");
    refuse("mysql://h/crm?host=i", "twice");
    refuse("crm", "USER@HOST");
}

/* Of a password that has what parts a URL, no part is told either. */
static void test_refusals_keep_secrets(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "mysql://root:s3cret@/crm",       "mysql:///crm?password=s3cret",
        "mysql://root:s3cret/s3cret@h/c", "mysql://root:s3cret?s3cret@h/c",
        "mysql://root:s3cret#s3cret@h/c", "mysql://root:12/s3cret@h/c",
        "mysql://root:12?s3cret@h/c",     "mysql://root:12/s3cret@h",
        "mysql://root:/s3cret@h/c",       "mysql://root:/?s3cret@h/c",
        "mysql://root:s3cret/crm",        "mysql://root:s3cret,h:1/crm",
        "mysql:///crm?port=s3cret",
    };

    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct failure failure = {0};
        struct server_url url = {.host_count = 0};

        assert_int_equal(server_url_parse(urls[i], &url, &failure), -EINVAL);
        if (strstr(failure.text, "s3cret") != NULL)
            fail_msg("%s: %s", urls[i], failure.text);
    }
}

static void test_an_at_sign_in_an_option_is_no_passwords(void **state)
{
    (void)state;
    struct server_url url = parse("mysql://h:3306/crm?user=me@corp");

    assert_string_equal(url.user, "me@corp");
    assert_int_equal(url.hosts[0].port, 3306);
    server_url_release(&url);
    url = parse("mysql://h:3306?user=me@corp&dbname=crm");
    assert_string_equal(url.database, "crm");
    server_url_release(&url);
}

static void test_values(void **state)
{
    (void)state;
    static const char *const choices[] = {"one", "two", NULL};
    static const char *const known[] = {"n", "t", "c", "p", NULL};
    struct server_url url = parse("mysql:///crm?n=12&t=0.5&c=TWO&p=/x");
    struct failure failure = {0};
    uint64_t number = 1;
    uint64_t time = 1;
    size_t choice = 0;
    const char *path = NULL;

    assert_int_equal(server_url_check(&url, known, &failure), 0);
    assert_int_equal(server_url_check(&url, choices, &failure), -EINVAL);
    assert_non_null(strstr(failure.text, "\"n\""));
    assert_int_equal(server_url_number(&url, "n", 1, 12, &number, &failure), 0);
    assert_int_equal(number, 12);
    assert_int_equal(server_url_number(&url, "n", 1, 11, &number, &failure), -EINVAL);
    assert_int_equal(server_url_number(&url, "none", 1, 11, &number, &failure), 0);
    assert_int_equal(number, 12);
    assert_int_equal(server_url_duration(&url, "t", &time, &failure), 0);
    assert_int_equal(time, SECOND_NS / 2);
    assert_int_equal(server_url_duration(&url, "c", &time, &failure), -EINVAL);
    assert_int_equal(server_url_choice(&url, "c", choices, &choice, &failure), 0);
    assert_int_equal(choice, 1);
    assert_int_equal(server_url_choice(&url, "n", choices, &choice, &failure), -EINVAL);
    assert_non_null(strstr(failure.text, "one, two"));
    assert_int_equal(server_url_path(&url, "p", &path, &failure), 0);
    assert_string_equal(path, "/x");
    assert_int_equal(server_url_path(&url, "c", &path, &failure), -EINVAL);
    server_url_release(&url);
}

/* --- hosts ------------------------------------------------------------------------------------ */

static struct server_hosts *hosts_of(const struct server_url *url, uint64_t dice)
{
    struct server_hosts *hosts = NULL;

    assert_int_equal(server_hosts_create(url, dice, &hosts, NULL), 0);
    return hosts;
}

static void assert_order(struct server_hosts *hosts, uint64_t now_ns, const char *expected)
{
    size_t order[SERVER_HOSTS_LIMIT];
    char got[SERVER_HOSTS_LIMIT + 1] = "";
    uint64_t wait_ns;
    size_t count = server_hosts_order(hosts, now_ns, order, &wait_ns);

    for (size_t i = 0; i < count; i++)
        got[i] = server_hosts_get(hosts, order[i])->name[0];
    assert_string_equal(got, expected);
}

static void test_order(void **state)
{
    (void)state;
    struct server_url url = parse("mysql://a,b,c/crm?max-lag=2");
    struct server_hosts *hosts = hosts_of(&url, 1);

    assert_int_equal(server_hosts_max_lag(hosts), 2 * SECOND_NS);
    assert_order(hosts, 1, "abc");
    server_hosts_failed(hosts, 0, 1);
    assert_order(hosts, 1, "bc");
    server_hosts_worked(hosts, 1);
    assert_order(hosts, 1 + HOST_PAUSE_NS, "abc");
    server_hosts_free(hosts);
    server_url_release(&url);
}

static void test_pauses_double(void **state)
{
    (void)state;
    struct server_url url = parse("mysql://a/crm");
    struct server_hosts *hosts = hosts_of(&url, 0);
    uint64_t now_ns = 1;
    uint64_t pause_ns = HOST_PAUSE_NS;
    size_t order[SERVER_HOSTS_LIMIT];

    for (int i = 0; i < 12; i++) {
        uint64_t wait_ns = 0;

        server_hosts_failed(hosts, 0, now_ns);
        assert_int_equal(server_hosts_order(hosts, now_ns, order, &wait_ns), 0);
        assert_int_equal(wait_ns, pause_ns);
        now_ns += wait_ns;
        assert_int_equal(server_hosts_order(hosts, now_ns, order, &wait_ns), 1);
        pause_ns = pause_ns * 2 < HOST_PAUSE_MOST_NS ? pause_ns * 2 : HOST_PAUSE_MOST_NS;
    }
    server_hosts_worked(hosts, 0);
    server_hosts_failed(hosts, 0, now_ns);
    assert_order(hosts, now_ns + HOST_PAUSE_NS, "a");
    server_hosts_free(hosts);
    server_url_release(&url);
}

static void test_round_robin(void **state)
{
    (void)state;
    struct server_url url = parse("mysql://a,b,c/crm?balance=round-robin");
    struct server_hosts *hosts = hosts_of(&url, 4);

    assert_order(hosts, 1, "bca");
    server_hosts_failed(hosts, 1, 1);
    assert_order(hosts, 1 + HOST_PAUSE_NS, "cab");
    server_hosts_worked(hosts, 0);
    assert_order(hosts, 1 + HOST_PAUSE_NS, "abc");
    server_hosts_free(hosts);
    server_url_release(&url);
}

/* Three of four begin at the first, one at the third, none at the second. */
static void test_weights(void **state)
{
    (void)state;
    struct server_url url = parse("mysql://a,b,c/crm?balance=weighted&weights=3,0,1");
    static const char *const expected[] = {"abc", "abc", "abc", "cab"};

    for (uint64_t dice = 0; dice < 8; dice++) {
        struct server_hosts *hosts = hosts_of(&url, dice);

        assert_order(hosts, 1, expected[dice % 4]);
        server_hosts_free(hosts);
    }
    server_url_release(&url);
}

static void test_wrong_balance(void **state)
{
    (void)state;
    static const char *const wrong[] = {"balance=best", "weights=1,2,3", "weights=1",
                                        "weights=1,2x", "weights=,",     "weights=-1,2",
                                        "max-lag=long"};

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        char text[100];
        struct server_hosts *hosts = NULL;
        struct failure failure = {0};
        struct server_url url;

        snprintf(text, sizeof text, "mysql://a,b/crm?%s", wrong[i]);
        url = parse(text);

        assert_int_equal(server_hosts_create(&url, 0, &hosts, &failure), -EINVAL);
        assert_null(hosts);
        server_url_release(&url);
    }
}

/* --- passwords -------------------------------------------------------------------------------- */

static void assert_secret(const char *text, const struct source_options *options,
                          const char *expected)
{
    struct server_url url = parse(text);
    struct server_password *password = NULL;
    char *secret = NULL;

    assert_int_equal(server_password_create(&url, options, &password, NULL), 0);
    assert_int_equal(server_password_get(password, &secret, NULL), 0);
    if (expected == NULL)
        assert_null(secret);
    else
        assert_string_equal(secret, expected);
    server_password_forget(secret);
    server_password_free(password);
    server_url_release(&url);
}

static void test_passwords(void **state)
{
    (void)state;
    struct server_url url = parse("mysql:///crm?password-command=false");
    const struct source_options both = {.password = "a", .password_command = "echo b"};
    struct server_password *password = NULL;
    struct failure failure = {0};
    char *secret = NULL;

    assert_secret("mysql:///crm", &(struct source_options){.parallel = 1}, NULL);
    assert_secret("mysql:///crm", &(struct source_options){.password = "a"}, "a");
    assert_secret("mysql:///crm", &(struct source_options){.password_command = "echo b"}, "b");
    assert_secret("mysql:///crm?password-command=printf%20'c%20d'", &(struct source_options){0},
                  "c d");
    assert_int_equal(server_password_create(&url, &both, &password, &failure), -EINVAL);
    assert_int_equal(server_password_create(&url, &(struct source_options){0}, &password, NULL), 0);
    assert_int_equal(server_password_get(password, &secret, &failure), -EIO);
    assert_non_null(strstr(failure.text, "the password command failed with status 1"));
    assert_null(secret);
    server_password_free(password);
    server_url_release(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_options_that_are_parts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refusals_keep_secrets),
        cmocka_unit_test(test_an_at_sign_in_an_option_is_no_passwords),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_pauses_double),
        cmocka_unit_test(test_round_robin),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_wrong_balance),
        cmocka_unit_test(test_passwords),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
