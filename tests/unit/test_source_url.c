/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/source.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void assert_parsed(const char *text, const char *name, const char *url)
{
    struct failure failure = {0};
    char *got_name = NULL;
    char *got_url = NULL;

    if (source_parse(text, &got_name, &got_url, &failure) != 0)
        fail_msg("%s: %s", text, failure.text);
    if (strcmp(got_name, name) != 0 || strcmp(got_url, url) != 0)
        fail_msg("%s is \"%s\" at \"%s\"", text, got_name, got_url);
    free(got_name);
    free(got_url);
}

static void assert_malformed(const char *text, int code, const char *word)
{
    char *const untouched = (char *)"untouched";
    struct failure failure = {0};
    char *name = untouched;
    char *url = untouched;
    int error = source_parse(text, &name, &url, &failure);

    if (error != -code || failure.code != code)
        fail_msg("%s: %d, %s", text, error, failure.text);
    if (strstr(failure.text, word) == NULL)
        fail_msg("%s: nothing of \"%s\" in: %s", text, word, failure.text);
    assert_ptr_equal(name, untouched);
    assert_ptr_equal(url, untouched);
    assert_int_equal(source_parse(text, &name, &url, NULL), -code);
}

static void test_default_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"crm.db", "crm"},
        {"/srv/crm.db", "crm"},
        {"./crm.sqlite", "crm"},
        {"../crm.sqlite3", "crm"},
        {"crm.dat", "crm.dat"},
        {"crm", "crm"},
        {"crm.DB", "crm"},
        {"a.b.db", "a.b"},
        {"Crm.SQLite3/", "Crm"},
        {".SQLITE", ".SQLITE"},
        {"a.db.db", "a.db"},
        {"Mein CRM.db", "Mein CRM"},
        {"\xc3\xbc"
         "ber.db",
         "\xc3\xbc"
         "ber"},
        {".hidden.db", ".hidden"},
        {".db", ".db"},
        {"..db", "..db"},
        {"...db", "...db"},
        {".sqlite3", ".sqlite3"},
        {"/srv/crm.db/", "crm"},
        {"/srv/crm.d//", "crm.d"},
        {"sqlite:crm.db", "crm"},
        {"SQLite:crm.db", "crm"},
        {"sqlite:/srv/100%.db", "100%"},
        {"sqlite:/srv/%41.db", "%41"},
        {"sqlite:/srv/a?b#c.db", "a?b#c"},
        {"sqlite:///srv/crm.db", "crm"},
        {"sqlite:///srv/%41%c3%85%2fA%20b.db", "A b"},
        {"sqlite:////srv/100%25.db", "100%"},
        {"/srv/%41.db", "%41"},
        {"/srv/a?mode=rw.db", "a?mode=rw"},
        {"/srv/a:b.db", "a:b"},
        {"./sqlite:a.db", "sqlite:a"},
        {"2024:a.db", "2024:a"},
        {"caf\xe9.db", "caf\xe9"},
        {"archive:///srv/a%3F%20b.csv?delimiter=%3B&header=no", "a? b.csv"},
        {"archive:/srv/a?b.csv", "a?b.csv"},
        {"mysql://u@h:3306/crm", "crm"},
        {"MARIADB:///c%20m?socket=/run/s&compress=yes", "c m"},
        {"mysql:///?dbname=crm", "crm"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_parsed(cases[i][0], cases[i][1], cases[i][0]);
}

static void test_names(void **state)
{
    (void)state;
    assert_parsed("crm=live.db", "crm", "live.db");
    assert_parsed("crm=sqlite:live.db", "crm", "sqlite:live.db");
    assert_parsed("crm=sqlite:///srv/live.db", "crm", "sqlite:///srv/live.db");
    assert_parsed("odd one=/srv/odd.db", "odd one", "/srv/odd.db");
    assert_parsed("x=/srv/a=b/crm.db", "x", "/srv/a=b/crm.db");
    assert_parsed("x=y=z.db", "x", "y=z.db");
    assert_parsed(".x=crm.db", ".x", "crm.db");
    assert_parsed("...=crm.db", "...", "crm.db");
    assert_parsed("crm.db=crm.db", "crm.db", "crm.db");
    assert_parsed("2024: old=crm.db", "2024: old", "crm.db");
    assert_parsed("crm=mysql://u@h/db?x=y", "crm", "mysql://u@h/db?x=y");
    assert_parsed("x=mysql:///?host=a,b", "x", "mysql:///?host=a,b");
}

/* An equals sign in what is no name belongs to the path. */
static void test_equals_signs(void **state)
{
    (void)state;
    assert_parsed("./a=b.db", "a=b", "./a=b.db");
    assert_parsed("/srv/a=b/crm.db", "crm", "/srv/a=b/crm.db");
    assert_parsed("a/b=c.db", "b=c", "a/b=c.db");
    assert_parsed("./=.db", "=", "./=.db");
    assert_parsed("sqlite:a=b.db", "a=b", "sqlite:a=b.db");
    assert_parsed("sqlite:///srv/a=b.db", "a=b", "sqlite:///srv/a=b.db");
}

static void test_malformed(void **state)
{
    (void)state;
    assert_malformed("", EINVAL, "missing");
    assert_malformed("=crm.db", EINVAL, "./=");
    assert_malformed("crm=", EINVAL, "no path");
    assert_malformed(".=crm.db", EINVAL, "\".\"");
    assert_malformed("..=crm.db", EINVAL, "\"..\"");
    assert_malformed(".", EINVAL, "\".\"");
    assert_malformed("/srv/..", EINVAL, "\"..\"");
    assert_malformed("/", EISDIR, "directory");
    assert_malformed("a\nb=crm.db", EINVAL, "control");
    assert_malformed("a\x7f=crm.db", EINVAL, "control");
    assert_malformed("/srv/a\nb.db", EINVAL, "NAME=PATH");
    assert_malformed("oracle://host/db", EINVAL, "\"oracle:\"");
    assert_malformed("oracle://me:s3cret@host/db", EINVAL, "oracle://…@host/db");
    assert_malformed("mysql:me:s3cret@host/db", EINVAL, "mysql:…@host/db: a server's");
    assert_malformed("oracle://host/db", EINVAL, "sqlite:PATH");
    assert_malformed("x=oracle://host/db", EINVAL, "sqlite:PATH");
    assert_malformed("sqlite3:crm.db", EINVAL, "\"sqlite3:\"");
    assert_malformed("sqlit:crm.db", EINVAL, "\"sqlit:\"");
    assert_malformed("a:b.db", EINVAL, "./a:b.db");
    assert_malformed("a:b=c.db", EINVAL, "./a:b=c.db");
    assert_malformed("sqlite:", EINVAL, "no path");
    assert_malformed("x=sqlite:", EINVAL, "no path");
    assert_malformed("sqlite://", EINVAL, "sqlite:///srv/crm.db");
    assert_malformed("sqlite://crm.db", EINVAL, "sqlite:///srv/crm.db");
    assert_malformed("sqlite://host/crm.db", EINVAL, "host");
    assert_malformed("sqlite:///srv/100%.db", EINVAL, "%25");
    assert_malformed("sqlite:///srv/crm%2", EINVAL, "%25");
    assert_malformed("sqlite:///srv/crm%", EINVAL, "%25");
    assert_malformed("sqlite:///srv/%g0.db", EINVAL, "%25");
    assert_malformed("sqlite:///srv/%00.db", EINVAL, "not 00");
    assert_malformed("sqlite:///srv/crm.db?mode=ro", EINVAL, "%3F");
    assert_malformed("sqlite:///srv/crm.db#x", EINVAL, "%23");
    assert_malformed("sqlite:///srv/%0a.db", EINVAL, "control");
    assert_malformed("mysql:crm", EINVAL, "mysql://USER@HOST/DATABASE");
    assert_malformed("mysql:///", EINVAL, "NAME=mysql:///");
    assert_malformed("mysql://h/a%2Fb", EINVAL, "NAME=");
    assert_malformed("mysql://u:p@h/db", EINVAL, "password");
}

static void test_shown(void **state)
{
    (void)state;
    static const char *const shown[][2] = {
        {"mysql://u:p@h/db", "mysql://…@h/db"},
        {"mysql://u:p@x?y@h/db?pass=p@q&port=1&flag&", "mysql://…@q&port=1&flag&"},
        {"mysql://h/db?pass=p&port=1&flag&a", "mysql://h/db?pass=…&port=…&flag&a"},
        {"mysql:///db?=&a=", "mysql:///db?=…&a=…"},
        {"mysql:u:p@h", "mysql:…@h"},
        {"mysql:u:p://@h", "mysql:…@h"},
        {"sqlite://u:p@h/db", "sqlite://…@h/db"},
        {"a:", "a:"},
        {"x=mysql://u:p@h/db?a=b", "x=mysql://…@h/db?a=…"},
        {"x=mysql:u:p@h", "x=mysql:…@h"},
        {"my_sql://u:p@h", "my_sql://…@h"},
        {"?b=://p@h", "?b=://…@h"},
        {"sqlite:///srv/a@b.db?key=p", "sqlite:///srv/a@b.db?key=…"},
        {"sqlite:a@b?c=d", "sqlite:a@b?c=d"},
        {"archive:///srv/a@b.csv?header=no", "archive:///srv/a@b.csv?header=…"},
        {"./mysql://u@h", "./mysql://u@h"},
        {"a@b?c=d:e", "a@b?c=d:e"},
        {"a=b@c.db", "a=b@c.db"},
        {"://", "://"},
        {"=", "="},
        {"a=:", "a=:"},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        char *text = source_shown(shown[i][0]);

        assert_string_equal(text, shown[i][1]);
        free(text);
    }
}

static void test_too_long(void **state)
{
    (void)state;
    static char text[100000];
    char *name = NULL;
    char *url = NULL;

    memset(text, 'x', sizeof text - 1);
    text[0] = '/';
    assert_malformed(text, ENAMETOOLONG, "99999 bytes");
    text[PATH_MAX] = '\0';
    text[2000] = '/';
    text[4000] = '/';
    assert_malformed(text, ENAMETOOLONG, "4096 bytes");
    text[PATH_MAX - 1] = '\0';
    assert_int_equal(source_parse(text, &name, &url, NULL), 0);
    assert_int_equal(strlen(name), PATH_MAX - 1 - 4001);
    free(name);
    free(url);

    memset(text, 'x', 300);
    memcpy(text + 300, "=crm.db", sizeof "=crm.db");
    assert_malformed(text, ENAMETOOLONG, "300 bytes");
    memcpy(text + 255, "=crm.db", sizeof "=crm.db");
    assert_int_equal(source_parse(text, &name, &url, NULL), 0);
    free(name);
    free(url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_names), cmocka_unit_test(test_names),
        cmocka_unit_test(test_equals_signs),  cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_shown),         cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
