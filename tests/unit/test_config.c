/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/config.h"

struct parsed {
    struct mount_settings settings;
    struct source_list sources;
};

static int set_up(void **state)
{
    static struct parsed parsed;

    mount_settings_init(&parsed.settings);
    parsed.sources = (struct source_list){0};
    *state = &parsed;
    return 0;
}

static int tear_down(void **state)
{
    struct parsed *parsed = *state;

    mount_settings_release(&parsed->settings);
    source_list_release(&parsed->sources);
    return 0;
}

static int parse(struct parsed *parsed, const char *text, size_t size, struct failure *failure)
{
    return config_parse("c.conf", "/etc/crm", text, size, &parsed->settings, &parsed->sources,
                        failure);
}

static void accept(struct parsed *parsed, const char *text)
{
    struct failure failure = {0};

    if (parse(parsed, text, strlen(text), &failure) != 0)
        fail_msg("%s", failure.text);
}

/* TEXT is refused in words that begin with BEGINNING. */
static void refuse(struct parsed *parsed, const char *text, const char *beginning)
{
    struct failure failure = {0};

    assert_int_equal(parse(parsed, text, strlen(text), &failure), -EINVAL);
    if (strncmp(failure.text, beginning, strlen(beginning)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", failure.text, beginning);
}

static void test_store(void **state)
{
    struct parsed *parsed = *state;

    accept(parsed, "[mount]\nstore = crm.store\npassphrase_file = p\nro = yes\n");
    assert_string_equal(parsed->settings.store, "/etc/crm/crm.store");
    assert_string_equal(parsed->settings.passphrase_file, "/etc/crm/p");
    assert_true(parsed->settings.read_only);
    accept(parsed, "[mount]\nspool = sp\n");
    assert_string_equal(parsed->settings.spool_directory, "/etc/crm/sp");
    accept(parsed, "[mount]\nspool = /var/sp\n");
    assert_string_equal(parsed->settings.spool_directory, "/var/sp");
    accept(parsed, "[mount]\nstore = /srv/crm.store\n");
    assert_string_equal(parsed->settings.store, "/srv/crm.store");
}

static void test_all_of_it(void **state)
{
    struct parsed *parsed = *state;

    accept(parsed, "\xef\xbb\xbf# a comment\n"
                   "[mount]\r\n"
                   "refresh = 10\n"
                   "  max-memory: 48M\n"
                   "allow_other = yes\n"
                   "; another\n"
                   "umask = 027\n"
                   "\n"
                   "[source crm]\n"
                   "url = sqlite:/srv/crm.db\n"
                   "[source support desk]\n"
                   "url = support # 1; old.sqlite3");
    assert_int_equal(parsed->settings.refresh_ns, 10000000000);
    assert_int_equal(parsed->settings.max_memory_bytes, 48 << 20);
    assert_true(parsed->settings.allow_other);
    assert_int_equal(parsed->settings.umask, 027);
    assert_int_equal(parsed->sources.count, 2);
    assert_string_equal(parsed->sources.items[0].name, "crm");
    assert_string_equal(parsed->sources.items[0].url, "sqlite:/srv/crm.db");
    assert_string_equal(parsed->sources.items[1].name, "support desk");
    assert_string_equal(parsed->sources.items[1].url, "/etc/crm/support # 1; old.sqlite3");
}

static void test_empty(void **state)
{
    accept(*state, "");
    accept(*state, "\n\n");
    accept(*state, "[mount]");
}

static void test_relative_urls(void **state)
{
    struct parsed *parsed = *state;

    accept(parsed, "[source a]\nurl=sqlite:a.db\n[source b]\nurl=./x:y.db\n"
                   "[source c]\nurl=sqlite:///c%20d.db\n");
    assert_string_equal(parsed->sources.items[0].url, "sqlite:/etc/crm/a.db");
    assert_string_equal(parsed->sources.items[1].url, "/etc/crm/./x:y.db");
    assert_string_equal(parsed->sources.items[2].url, "sqlite:///c%20d.db");
}

static void test_unknown(void **state)
{
    refuse(*state, "[mount]\nrefesh = 1\n", "c.conf:2: unknown key \"refesh\"; did you mean");
    refuse(*state, "[mount]\nconfig = x\n",
           "c.conf:2: unknown key \"config\"; a configuration names no other one");
    refuse(*state, "[mount]\n\n\nwurst=\n", "c.conf:4: unknown key \"wurst\"");
    refuse(*state, "[source a]\nurl = x\npath = y\n", "c.conf:3: unknown key \"path\"");
    refuse(*state, "[mounts]\n", "c.conf:1: unknown section [mounts]");
    refuse(*state, "\n [Source a]\nurl=b\n", "c.conf:2: unknown section [Source a]");
    refuse(*state, "refresh = 1\n", "c.conf:1: \"refresh\" stands before the first section");
}

static void test_wrong(void **state)
{
    refuse(*state, "[mount]\numask = 9\n", "c.conf:2: option umask: \"9\"");
    refuse(*state, "[mount]\nrefresh = \"2\"\n", "c.conf:2: refresh: values are written without");
    refuse(*state, "[source a]\nurl = 'a.db'\n", "c.conf:2: url: values are written without");
    refuse(*state, "[mount]\nallow_other\n", "c.conf:2: neither a [section] nor a key = value");
    refuse(*state, "[mount\nrefresh = x\n", "c.conf:1: neither");
    refuse(*state, "[source a]\n\n[mount]\n", "c.conf:1: the section [source a] lacks its key");
    refuse(*state, "[mount]\n[source b]", "c.conf:2: the section [source b] lacks its key");
    refuse(*state, "[source c]\nurl = a\nurl = b\n", "c.conf:3: \"url\" is given twice");
    refuse(*state, "[source d]\nurl = a\n[source d]\nurl = b\n", "c.conf:4: two sources are named");
}

static void test_wrong_sources(void **state)
{
    refuse(*state, "[source ]\nurl = a\n", "c.conf:2: ");
    refuse(*state, "[source ..]\nurl = a\n", "c.conf:2: ");
    refuse(*state, "[source a/b]\nurl = a\n", "c.conf:2: ");
    refuse(*state, "[source a=b]\nurl = c\n", "c.conf:2: ");
    refuse(*state, "[source a]\nurl =\n", "c.conf:2: ");
    refuse(*state, "[source b]\nurl = http://x\n", "c.conf:2: ");
}

static void test_twice(void **state)
{
    refuse(*state, "[mount]\nmax-memory = 48M\nmax_memory = 48M\n",
           "c.conf:3: \"max_memory\" is given twice");
    refuse(*state, "[mount]\nro = yes\n[mount]\nro = no\n", "c.conf:4: \"ro\" is given twice");
    accept(*state, "[mount] ; one\nrefresh = 1\n[mount] # two\nro = no\n");
}

/* Words of the file, not of the command line. */
static void test_wrong_names(void **state)
{
    refuse(*state, "[source a]b]\nurl = x\n", "c.conf:1: \"b]\" stands behind");
    refuse(*state, "[source ..]\nurl = x\n", "c.conf:2: [source ..]: \"..\" cannot be the name");
    refuse(*state, "[source ]\nurl = x\n", "c.conf:2: [source ]: \"\" cannot be the name");
    refuse(*state, "[source a]\nurl =\n", "c.conf:2: \"url\" is empty");
    refuse(*state, "[source a]\nurl = ~/x\n", "c.conf:2: ~/x: only a shell");
    accept(*state, "[source a]\nurl = ./~/x\n");
}

static void test_limits(void **state)
{
    char text[CONFIG_LINE_LIMIT + 100];
    struct failure failure = {0};

    refuse(*state, "[source aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\nurl=x\n",
           "c.conf:1: the name of the section is too long");
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    refuse(*state, text, "c.conf:1: the line is too long");
    assert_int_equal(parse(*state, "[mount]\nspool=\0x\n", 18, &failure), -EINVAL);
    assert_string_equal(failure.text, "c.conf:2: the line holds a NUL byte");
}

/* A long value arrives whole. */
static void test_long_value(void **state)
{
    struct parsed *parsed = *state;
    char text[6000] = "[mount]\nspool = /";
    size_t before = strlen(text);

    memset(text + before, 'd', 4999);
    accept(parsed, text);
    assert_int_equal(strlen(parsed->settings.spool_directory), 5000);
}

static void test_files(void **state)
{
    struct parsed *parsed = *state;
    struct failure failure = {0};
    char folder[] = "/tmp/test_config.XXXXXX";
    char path[60], url[60];

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/c.conf", folder);
    assert_int_equal(config_read(path, &parsed->settings, &parsed->sources, &failure), -ENOENT);
    assert_non_null(strstr(failure.text, path));
    assert_int_equal(config_read(folder, &parsed->settings, &parsed->sources, &failure), -EISDIR);

    int file = open(path, O_WRONLY | O_CREAT, 0600);

    assert_true(file >= 0);
    assert_true(write(file, "[source a]\nurl = a.db\n", 22) == 22);
    assert_int_equal(config_read(path, &parsed->settings, &parsed->sources, &failure), 0);
    snprintf(url, sizeof url, "%s/a.db", folder);
    assert_string_equal(parsed->sources.items[0].url, url);

    assert_int_equal(ftruncate(file, (off_t)CONFIG_LIMIT + 1), 0);
    assert_int_equal(config_read(path, &parsed->settings, &parsed->sources, &failure), -EINVAL);
    assert_non_null(strstr(failure.text, "too large"));
    close(file);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_relative_urls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_sources, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
