/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL's own types by their oids, which never change (src/include/catalog/pg_type.dat).
 * What is not here (arrays, ranges, composite types, those of extensions) is shown in its text
 * form, and has no order that we rely on.
 */
#include "backends/source/postgres_internal.h"

static const struct {
    Oid oid;
    struct value_type value;
} known[] = {
    {16 /* boolean */, {COLUMN_BOOLEAN, VALUE_BOOLEAN, true, false}},
    {17 /* bytea */, {COLUMN_BYTES, VALUE_BYTES, true, true}},
    {18 /* "char" */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {19 /* name */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {20 /* bigint */, {COLUMN_INTEGER, VALUE_NUMBER, true, false}},
    {21 /* smallint */, {COLUMN_INTEGER, VALUE_NUMBER, true, false}},
    {23 /* integer */, {COLUMN_INTEGER, VALUE_NUMBER, true, false}},
    {25 /* text */, {COLUMN_TEXT, VALUE_TEXT, true, true}},
    {26 /* oid */, {COLUMN_INTEGER, VALUE_NUMBER, true, false}},
    {114 /* json */, {COLUMN_JSON, VALUE_TEXT, false, false}},
    {650 /* cidr */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {700 /* real */, {COLUMN_FLOAT, VALUE_SINGLE, true, false}},
    {701 /* double precision */, {COLUMN_FLOAT, VALUE_FLOAT, true, false}},
    {774 /* macaddr8 */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {790 /* money */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {829 /* macaddr */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {869 /* inet */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {1042 /* character */, {COLUMN_TEXT, VALUE_TEXT, true, true}},
    {1043 /* character varying */, {COLUMN_TEXT, VALUE_TEXT, true, true}},
    {1082 /* date */, {COLUMN_DATE, VALUE_TEXT, true, false}},
    {1083 /* time */, {COLUMN_TIME, VALUE_TEXT, true, false}},
    {1114 /* timestamp */, {COLUMN_DATETIME, VALUE_TEXT, true, false}},
    {1184 /* timestamp with time zone */, {COLUMN_TIMESTAMP, VALUE_TEXT, true, false}},
    {1186 /* interval */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {1266 /* time with time zone */, {COLUMN_TIME, VALUE_TEXT, true, false}},
    {1560 /* bit */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {1562 /* bit varying */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {1700 /* numeric */, {COLUMN_DECIMAL, VALUE_NUMBER, true, false}},
    {2950 /* uuid */, {COLUMN_UUID, VALUE_TEXT, true, false}},
    {3220 /* pg_lsn */, {COLUMN_TEXT, VALUE_TEXT, true, false}},
    {3802 /* jsonb */, {COLUMN_JSON, VALUE_TEXT, true, false}},
};

struct value_type postgres_value_type(Oid origin, char kind)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].oid == origin)
            return known[i].value;
    }
    /* An enumeration is ordered as its values were declared. */
    return (struct value_type){COLUMN_TEXT, VALUE_TEXT, kind == 'e', false};
}
