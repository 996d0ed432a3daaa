/* SPDX-License-Identifier: MIT */
/*
 * What the server and the client library report, in words: what was tried, where, what
 * they say, and what to do. Numbers are those of both servers' manuals.
 */
#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/mysql_internal.h"

/* Only one of the two libraries names these. */
#define KILLED_BY_MARIADB 1927
#define SSL_WANTED_BY_MYSQL 3159
#define ACCOUNT_LOCKED_MYSQL 3118
#define ACCOUNT_LOCKED_MARIADB 4151
#define SERVER_SAYS_NOTHING 2055

#define HINT_GRANT "GRANT SELECT, SHOW VIEW ON `%s`.* TO '%s'@'…' lets crmfs read"
#define HINT_GRANT_WRITING                                                                        \
    "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES ON `%s`.* TO '%s'@'…' lets " \
    "crmfs write rows, and CREATE, ALTER, INDEX, DROP, REFERENCES tables"

static const char hint_password[] = "is the password right? It comes from an option file "
                                    "(~/.my.cnf, defaults-file=), from password-command, or from "
                                    "crmfs.conf(5)";
static const char hint_clear[] =
    "is the password right? It comes from an option file (~/.my.cnf, defaults-file=), from "
    "password-command, or from crmfs.conf(5). And if the account is one that has to use TLS "
    "(REQUIRE SSL), ssl-mode=REQUIRED does";
static const char hint_tls[] =
    "the certificate has to be of this host, of an authority that ssl-ca "
    "holds, and not expired";
static const char hint_name[] =
    "the certificate is of another host: the URL has to name the server as its certificate does";
static const char hint_fewer[] = "connections=1 in the URL asks for fewer";
static const char hint_hour[] =
    "ALTER USER … WITH MAX_QUERIES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 lifts the account's "
    "limits; refresh= asks the server less often";
static const char hint_definer[] =
    "the definer of the view is gone, or may not read its tables: ALTER SQL SECURITY INVOKER VIEW, "
    "or CREATE USER and GRANT";
static const char hint_schema[] = "the table is not any more as the folder shows it";

static const struct rule {
    unsigned number;
    int code;
    bool breaks; /* the link is of no more use */
    const char *hint;
} rules[] = {
    {ER_ACCESS_DENIED_ERROR, EACCES, true, hint_password},
    {1698, EACCES, true, hint_password},
    {ER_HOST_NOT_PRIVILEGED, EACCES, true, "the server lets nobody in from this machine"},
    {ER_DBACCESS_DENIED_ERROR, EACCES, true, HINT_GRANT},
    {ER_TABLEACCESS_DENIED_ERROR, EACCES, false, HINT_GRANT},
    {ER_COLUMNACCESS_DENIED_ERROR, EACCES, false, HINT_GRANT},
    {ACCOUNT_LOCKED_MYSQL, EACCES, true, "the account is locked: ALTER USER … ACCOUNT UNLOCK"},
    {ACCOUNT_LOCKED_MARIADB, EACCES, true, "the account is locked: ALTER USER … ACCOUNT UNLOCK"},
    {ER_MUST_CHANGE_PASSWORD, EACCES, true, "the password has expired: ALTER USER … IDENTIFIED BY"},
    {1862, EACCES, true, "the password has expired: ALTER USER … IDENTIFIED BY"},
    {ER_BAD_DB_ERROR, ENOENT, true, "SHOW DATABASES lists those that the user may see"},
    {ER_CON_COUNT_ERROR, EUSERS, true, "the server has no connection left: see max_connections"},
    {ER_TOO_MANY_USER_CONNECTIONS, EUSERS, true, hint_fewer},
    {ER_USER_LIMIT_REACHED, EUSERS, true, hint_fewer},
    {ER_NO_SUCH_TABLE, ESTALE, false, hint_schema},
    {ER_BAD_FIELD_ERROR, ESTALE, false, hint_schema},
    {ER_TABLE_DEF_CHANGED, ESTALE, false, hint_schema},
    {ER_OPTION_PREVENTS_STATEMENT, EROFS, false,
     "is it a replica? Rows are written to its primary"},
    {ER_LOCK_WAIT_TIMEOUT, EBUSY, false, "somebody alters or locks the table: try again"},
    {ER_VIEW_INVALID, EIO, false,
     "the view does not fit its tables any more, or its definer may "
     "not read them"},
    {ER_NO_SUCH_USER, EIO, false, hint_definer},
    {SSL_WANTED_BY_MYSQL, EPROTO, true, "ssl-mode=REQUIRED in the URL gives it"},
    {CR_SSL_CONNECTION_ERROR, EPROTO, true, hint_tls},
    {CR_CONNECTION_ERROR, ECONNREFUSED, true, "does the server run, and is that its socket?"},
    {CR_CONN_HOST_ERROR, ECONNREFUSED, true, "does the server run, and listen there?"},
    {CR_UNKNOWN_HOST, ECONNREFUSED, true, "is the host's name right?"},
    {CR_SERVER_GONE_ERROR, EIO, true, "the connection is lost; crmfs connects anew when asked"},
    {CR_SERVER_LOST, EIO, true, "the connection is lost; crmfs connects anew when asked"},
    {SERVER_SAYS_NOTHING, EIO, true, "the connection is lost; crmfs connects anew when asked"},
    {KILLED_BY_MARIADB, EIO, true,
     "an administrator ended the connection; crmfs connects anew when "
     "asked"},
    {ER_SERVER_SHUTDOWN, EIO, true, "the server is shutting down"},
    {CR_OUT_OF_MEMORY, ENOMEM, true, ""},
};

/* Errors of several causes, of which the words tell. NULL: as the rule says. */
static const char *find_closer_hint(unsigned number, const char *words)
{
    if (number == ER_USER_LIMIT_REACHED && strstr(words, "_per_hour") != NULL)
        return hint_hour;
    /* So MariaDB's library says that a certificate is good, but of another name. */
    if (number == CR_SSL_CONNECTION_ERROR &&
        strstr(words, "Validation of SSL server certificate failed") != NULL)
        return hint_name;
    return NULL;
}

static const struct rule *find_rule(unsigned number)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].number == number)
            return &rules[i];
    }
    return NULL;
}

/* What of TLS is set: one of these may be what does not fit. Whether any is. */
static bool word_tls_options(const struct mysql_source *source, char *words, size_t size)
{
    const struct mysql_settings *settings = &source->settings;
    const struct {
        const char *name;
        const char *value;
    } options[] = {
        {"ssl-ca", settings->ssl_ca},           {"ssl-capath", settings->ssl_capath},
        {"ssl-cert", settings->ssl_cert},       {"ssl-key", settings->ssl_key},
        {"ssl-crl", settings->ssl_crl},         {"ssl-cipher", settings->ssl_cipher},
        {"tls-version", settings->tls_version},
    };
    size_t length = 0;

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (options[i].value == NULL || length >= size)
            continue;
        length += (size_t)snprintf(words + length, size - length, "%s%s=%.100s",
                                   length == 0 ? "set in the URL: " : ", ", options[i].name,
                                   options[i].value);
    }
    if (length != 0 && length < size)
        snprintf(words + length, size - length, "; %s", hint_tls);
    return length != 0;
}

/* HINT_GRANT needs the database and the user; the others are as they are. */
static void word_hint(const struct mysql_source *source, const char *hint, char *words, size_t size)
{
    words[0] = '\0';
    if (hint == NULL || hint[0] == '\0')
        return;
    words[0] = ';';
    words[1] = ' ';
    if (hint == hint_password && source->settings.tls <= TLS_PREFERRED)
        hint = hint_clear;
    if (hint == hint_tls && word_tls_options(source, words + 2, size - 2))
        return;
    const char *user = source->url.user != NULL ? source->url.user : "USER";

    if (strcmp(hint, HINT_GRANT) == 0 && source->writes)
        snprintf(words + 2, size - 2, HINT_GRANT_WRITING, source->database, user);
    else if (strcmp(hint, HINT_GRANT) == 0)
        snprintf(words + 2, size - 2, HINT_GRANT, source->database, user);
    else
        snprintf(words + 2, size - 2, "%s", hint);
}

static void name_host(const struct mysql_source *source, const struct mysql_link *link, char *name,
                      size_t size)
{
    const struct server_host *host = server_hosts_get(source->hosts, link->host);
    const char *place = host->name[0] != '\0'             ? host->name
                        : source->settings.socket != NULL ? source->settings.socket
                                                          : "the default server";

    if (host->port != 0)
        snprintf(name, size, "%s:%u", place, host->port);
    else
        snprintf(name, size, "%s", place);
}

int mysql_link_failure(struct mysql_source *source, struct mysql_link *link, const char *table,
                       struct failure *failure)
{
    unsigned number = mysql_errno(link->handle);
    const struct rule *rule = find_rule(number);
    char hint[900];
    char host[200];

    /* Within a query it is the view's definer who was not let in. */
    if (table != NULL && rule != NULL && rule->hint == hint_password)
        rule = find_rule(ER_NO_SUCH_USER);
    if (rule == NULL ? number >= CR_MIN_ERROR && number <= CR_MAX_ERROR : rule->breaks)
        link->broken = true;
    if (mysql_is_cancelled(source))
        return failure_set(failure, ECANCELED, "called off");
    if ((number == ER_QUERY_INTERRUPTED || link->broken) &&
        __atomic_load_n(&link->ended, __ATOMIC_RELAXED) != 0)
        return failure_set(failure, -link->ended, "%s %s: %s", table != NULL ? "table" : "database",
                           table != NULL ? table : source->database,
                           link->ended == -ETIMEDOUT ? "it took longer than it may"
                                                     : "nobody waits for it any more");

    const char *closer = find_closer_hint(number, mysql_error(link->handle));

    word_hint(source, closer != NULL || rule == NULL ? closer : rule->hint, hint, sizeof hint);
    name_host(source, link, host, sizeof host);
    return failure_set(failure, rule != NULL ? rule->code : EIO, "%s %s on %s: %.400s (%u)%s",
                       table != NULL ? "table" : "database",
                       table != NULL ? table : source->database, host, mysql_error(link->handle),
                       number, hint);
}
