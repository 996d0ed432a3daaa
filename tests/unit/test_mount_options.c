/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tools/mount_options.h"

static int set_up(void **state)
{
    static struct mount_settings settings;

    mount_settings_init(&settings);
    *state = &settings;
    return 0;
}

static int tear_down(void **state)
{
    mount_settings_release(*state);
    return 0;
}

static void accept(struct mount_settings *settings, const char *list)
{
    struct failure failure = {0};

    if (mount_settings_parse(settings, list, false, &failure) != 0)
        fail_msg("%s: %s", list, failure.text);
}

/* LIST is refused in words in which WORD occurs. */
static void refuse(struct mount_settings *settings, const char *list, const char *word)
{
    struct failure failure = {0};

    assert_int_equal(mount_settings_parse(settings, list, false, &failure), -EINVAL);
    assert_int_equal(failure.code, EINVAL);
    if (strstr(failure.text, word) == NULL)
        fail_msg("%s: \"%s\" is not in \"%s\"", list, word, failure.text);
}

static void test_defaults(void **state)
{
    const struct mount_settings *settings = *state;

    assert_int_equal(settings->max_memory_bytes, 64 << 20);
    assert_int_equal(settings->refresh_ns, 2000000000);
    assert_int_equal(settings->busy_timeout_ns, 5000000000);
    assert_int_equal(settings->spool_bytes, 0);
    assert_int_equal(settings->uid, getuid());
    assert_int_equal(settings->gid, getgid());
    assert_int_equal(settings->umask, 0);
    assert_true(settings->auto_unmount);
    assert_false(settings->allow_other);
    assert_null(settings->spool_directory);
}

static void test_values(void **state)
{
    struct mount_settings *settings = *state;

    accept(settings, "max-memory=128M,refresh=0.5,spool=/var/spool/x,spool-size=2G,"
                     "busy-timeout=250ms,uid=7,gid=0,umask=027,max_read=128K,allow_other");
    assert_int_equal(settings->max_memory_bytes, 128 << 20);
    assert_int_equal(settings->refresh_ns, 500000000);
    assert_string_equal(settings->spool_directory, "/var/spool/x");
    assert_int_equal(settings->spool_bytes, UINT64_C(2) << 30);
    assert_int_equal(settings->busy_timeout_ns, 250000000);
    assert_int_equal(settings->uid, 7);
    assert_int_equal(settings->gid, 0);
    assert_int_equal(settings->umask, 027);
    assert_int_equal(settings->max_read, 131072);
    assert_true(settings->allow_other);
}

static void test_names_of_owners(void **state)
{
    struct mount_settings *settings = *state;

    settings->uid = settings->gid = 77;
    accept(settings, "uid=root,gid=root");
    assert_int_equal(settings->uid, 0);
    assert_int_equal(settings->gid, 0);
    refuse(settings, "uid=nobody-has-this-name", "no user");
    refuse(settings, "gid=nobody-has-this-name", "no group");
    refuse(settings, "uid=4294967295", "too much");
    refuse(settings, "uid=-1", "no user");
}

static void test_flags(void **state)
{
    struct mount_settings *settings = *state;

    accept(settings, "noauto_unmount,allow_other,allow-root,debug=yes");
    assert_false(settings->auto_unmount);
    assert_true(settings->allow_other && settings->allow_root && settings->debug);
    assert_int_equal(mount_settings_check(settings, NULL), -EINVAL);
    accept(settings, "auto_unmount,noallow_other,allow_root=Off,debug=0");
    assert_true(settings->auto_unmount);
    assert_false(settings->allow_other || settings->allow_root || settings->debug);
    assert_int_equal(mount_settings_check(settings, NULL), 0);
    refuse(settings, "allow_other=perhaps", "neither yes nor no");
}

static void test_later_ones_count(void **state)
{
    struct mount_settings *settings = *state;

    accept(settings, "refresh=1,fsname=a,refresh=3,fsname=b");
    assert_int_equal(settings->refresh_ns, 3000000000);
    assert_string_equal(settings->fsname, "b");
}

static void test_what_mount_handles(void **state)
{
    accept(*state, "");
    accept(*state, ",,rw,,");
    accept(*state, "defaults,ro,noauto,auto,nofail,_netdev,user,user=bob,users,nouser,owner,group,"
                   "suid,nosuid,dev,nodev,exec,noexec,sync,async,dirsync,atime,noatime,diratime,"
                   "nodiratime,relatime,strictatime,lazytime,comment=hello,x-systemd.automount,"
                   "x-initrd.mount,X-mount.mkdir=0755,default_permissions,kernel_cache,silent");
}

static void test_unknown(void **state)
{
    struct mount_settings *settings = *state;

    refuse(settings, "wurst", "unknown option \"wurst\"");
    refuse(settings, "refesh=1", "did you mean \"refresh\"");
    refuse(settings, "max-memroy=1G", "did you mean \"max-memory\"");
    refuse(settings, "ro,alow_other", "did you mean \"allow_other\"");
    refuse(settings, "norefresh", "\"norefresh\"");
    refuse(settings, "nouid", "\"nouid\"");
    refuse(settings, "=3", "\"\"");
    refuse(settings, "a\x1b[31m", "\\x1b");
    assert_int_equal(mount_settings_parse(settings, "wurst,refresh=9,kaese=1", true, NULL), 0);
    assert_int_equal(settings->refresh_ns, 9000000000);
}

static void test_wrong_values(void **state)
{
    static const char *const lists[] = {
        "refresh=",   "refresh=-1",   "refresh=2x", "refresh=400d",  "umask=8",
        "umask=1000", "umask=-1",     "umask= 7",   "max-memory=1M", "max-memory=64Q",
        "spool=",     "spool-size=1", "max_read=1", "max_read=2G",   "busy-timeout=99999999",
        "fsname=",    "uid=",         "gid=12x",
    };

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        refuse(*state, lists[i], "option ");
    refuse(*state, "refresh", "needs a value: refresh=");
    refuse(*state, "max-memory=23M", "\"23M\" is too little; the least is 24M");
    refuse(*state, "spool-size=1k", "\"1k\" is too little; the least is 1M");
    refuse(*state, "max_read=1", "\"1\" is too little; the least is 4K");
    refuse(*state, "max_read=2G", "\"2G\" is too much; the most is 1G");
    refuse(*state, "busy-timeout=2d", "\"2d\" is too much; the most is 86400 seconds");
    refuse(*state, "umask=1000", "\"1000\" is too much; the most is 0777");
    refuse(*state, "remount,ro", "unmount it, and mount it again");
}

static const char *composed(const struct mount_settings *settings, struct buffer *list)
{
    buffer_clear(list);
    assert_int_equal(mount_settings_fuse_options(settings, "crm.db", list), 0);
    return (const char *)list->data;
}

static void test_what_libfuse_is_told(void **state)
{
    struct mount_settings *settings = *state;
    cleanup_buffer struct buffer list = BUFFER(4096);

    assert_string_equal(composed(settings, &list), "ro,fsname=crm.db,subtype=crmfs");
    accept(settings, "fsname=a\\,b\\\\c,subtype=x,allow_other,noexec,context=s:t:c1\\,c2");
    assert_string_equal(settings->fsname, "a,b\\c");
    assert_string_equal(composed(settings, &list),
                        "ro,fsname=a\\,b\\\\c,subtype=x,allow_other,noexec,context=s:t:c1\\,c2");
}

/* Only a mount with a store is ever writable, and the last of ro and rw counts. */
static void test_read_only(void **state)
{
    struct mount_settings *settings = *state;
    cleanup_buffer struct buffer list = BUFFER(4096);

    accept(settings, "rw");
    assert_string_equal(composed(settings, &list), "ro,fsname=crm.db,subtype=crmfs");
    accept(settings, "store=/srv/crm.store");
    assert_string_equal(composed(settings, &list), "rw,fsname=crm.db,subtype=crmfs");
    accept(settings, "rw,ro");
    assert_true(settings->read_only);
    assert_string_equal(composed(settings, &list), "ro,fsname=crm.db,subtype=crmfs");
    accept(settings, "rw");
    assert_false(settings->read_only);
    accept(settings, "passphrase-file=/etc/p,passphrase-command=pass a\\,b");
    assert_string_equal(settings->passphrase_file, "/etc/p");
    assert_string_equal(settings->passphrase_command, "pass a,b");
}

static void test_too_long(void **state)
{
    static char list[MOUNT_OPTIONS_LIMIT + 10];

    memset(list, ',', sizeof list - 1);
    refuse(*state, list, "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_of_owners, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_later_ones_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_mount_handles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_libfuse_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_long, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
