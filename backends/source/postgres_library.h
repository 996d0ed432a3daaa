/* SPDX-License-Identifier: MIT */
/*
 * libpq, loaded when a PostgreSQL server is first spoken to: it brings some twenty other libraries
 * with it, which no other command should wait for. Its functions are called by their own names.
 */
#ifndef CRMFS_SOURCE_POSTGRES_LIBRARY_H
#define CRMFS_SOURCE_POSTGRES_LIBRARY_H

#include <libpq-fe.h>

#include "fs/base/failure.h"

/* All that is used of it. */
#define POSTGRES_FUNCTIONS(X) \
    X(PQclear)                \
    X(PQcmdStatus)            \
    X(PQcmdTuples)            \
    X(PQconnectPoll)          \
    X(PQconnectStartParams)   \
    X(PQconsumeInput)         \
    X(PQdb)                   \
    X(PQerrorMessage)         \
    X(PQexecParams)           \
    X(PQfinish)               \
    X(PQflush)                \
    X(PQfmod)                 \
    X(PQfreemem)              \
    X(PQftable)               \
    X(PQftablecol)            \
    X(PQftype)                \
    X(PQgetCopyData)          \
    X(PQgetResult)            \
    X(PQgetisnull)            \
    X(PQgetlength)            \
    X(PQgetvalue)             \
    X(PQhost)                 \
    X(PQisBusy)               \
    X(PQnfields)              \
    X(PQntuples)              \
    X(PQparameterStatus)      \
    X(PQport)                 \
    X(PQputCopyData)          \
    X(PQputCopyEnd)           \
    X(PQresultErrorField)     \
    X(PQresultErrorMessage)   \
    X(PQresultStatus)         \
    X(PQsendQuery)            \
    X(PQsendQueryParams)      \
    X(PQserverVersion)        \
    X(PQsetErrorVerbosity)    \
    X(PQsetNoticeReceiver)    \
    X(PQsetSingleRowMode)     \
    X(PQsetnonblocking)       \
    X(PQsocket)               \
    X(PQsslInUse)             \
    X(PQsslStruct)            \
    X(PQstatus)               \
    X(PQtransactionStatus)    \
    X(PQuser)

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a member stands bare */
#define POSTGRES_MEMBER(name) __typeof__(name) *name;
struct postgres_library {
    POSTGRES_FUNCTIONS(POSTGRES_MEMBER)
};

extern struct postgres_library postgres_library;

/* Before the first call that makes something; what frees may be called at any time, with NULL.
 * 0, -ENOMEM, or -ENOTSUP in words. */
int postgres_library_load(struct failure *failure);

#ifndef POSTGRES_LIBRARY_ITSELF
#define PQclear postgres_library.PQclear
#define PQcmdStatus postgres_library.PQcmdStatus
#define PQcmdTuples postgres_library.PQcmdTuples
#define PQconnectPoll postgres_library.PQconnectPoll
#define PQconnectStartParams postgres_library.PQconnectStartParams
#define PQconsumeInput postgres_library.PQconsumeInput
#define PQdb postgres_library.PQdb
#define PQerrorMessage postgres_library.PQerrorMessage
#define PQexecParams postgres_library.PQexecParams
#define PQfinish postgres_library.PQfinish
#define PQflush postgres_library.PQflush
#define PQfmod postgres_library.PQfmod
#define PQfreemem postgres_library.PQfreemem
#define PQftable postgres_library.PQftable
#define PQftablecol postgres_library.PQftablecol
#define PQftype postgres_library.PQftype
#define PQgetCopyData postgres_library.PQgetCopyData
#define PQgetResult postgres_library.PQgetResult
#define PQgetisnull postgres_library.PQgetisnull
#define PQgetlength postgres_library.PQgetlength
#define PQgetvalue postgres_library.PQgetvalue
#define PQhost postgres_library.PQhost
#define PQisBusy postgres_library.PQisBusy
#define PQnfields postgres_library.PQnfields
#define PQntuples postgres_library.PQntuples
#define PQparameterStatus postgres_library.PQparameterStatus
#define PQport postgres_library.PQport
#define PQputCopyData postgres_library.PQputCopyData
#define PQputCopyEnd postgres_library.PQputCopyEnd
#define PQresultErrorField postgres_library.PQresultErrorField
#define PQresultErrorMessage postgres_library.PQresultErrorMessage
#define PQresultStatus postgres_library.PQresultStatus
#define PQsendQuery postgres_library.PQsendQuery
#define PQsendQueryParams postgres_library.PQsendQueryParams
#define PQserverVersion postgres_library.PQserverVersion
#define PQsetErrorVerbosity postgres_library.PQsetErrorVerbosity
#define PQsetNoticeReceiver postgres_library.PQsetNoticeReceiver
#define PQsetSingleRowMode postgres_library.PQsetSingleRowMode
#define PQsetnonblocking postgres_library.PQsetnonblocking
#define PQsocket postgres_library.PQsocket
#define PQsslInUse postgres_library.PQsslInUse
#define PQsslStruct postgres_library.PQsslStruct
#define PQstatus postgres_library.PQstatus
#define PQtransactionStatus postgres_library.PQtransactionStatus
#define PQuser postgres_library.PQuser
#endif

#endif
