/* SPDX-License-Identifier: MIT */
/* Character sets by the names that dumps give them, and text out of them. */
#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/latin.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/utf8.h"

const char dump_latin1[] = "ISO-8859-1";
const char dump_windows[] = "CP1252";

#define NAME_SIZE 32 /* no name that is known is as long */

struct known_charset {
    const char *name;
    const char *charset; /* iconv's, or one of ours */
};

/* Those in which a byte below 0x80 may be part of a character are further down. */
static const struct known_charset dump_charsets[] = {
    {"latin1", dump_windows},
    {"latin2", "ISO-8859-2"},
    {"latin5", "ISO-8859-9"},
    {"latin7", "ISO-8859-13"},
    {"greek", "ISO-8859-7"},
    {"hebrew", "ISO-8859-8"},
    {"cp1250", "CP1250"},
    {"cp1251", "CP1251"},
    {"cp1256", "CP1256"},
    {"cp1257", "CP1257"},
    {"cp850", "CP850"},
    {"cp852", "CP852"},
    {"cp866", "CP866"},
    {"koi8r", "KOI8-R"},
    {"koi8u", "KOI8-U"},
    {"ujis", "EUC-JP"},
    {"eucjpms", "EUC-JP-MS"},
    {"gb2312", "GB2312"},
    {"euckr", "EUC-KR"},
    {"tis620", "TIS-620"},
    {"macroman", "MACINTOSH"},
    {"latin3", "ISO-8859-3"},
    {"latin4", "ISO-8859-4"},
    {"latin6", "ISO-8859-10"},
    {"latin8", "ISO-8859-14"},
    {"latin9", "ISO-8859-15"},
    {"latin10", "ISO-8859-16"},
    {"iso88591", dump_latin1},
    {"iso88595", "ISO-8859-5"},
    {"iso88596", "ISO-8859-6"},
    {"iso88597", "ISO-8859-7"},
    {"iso88598", "ISO-8859-8"},
    {"win1250", "CP1250"},
    {"win1251", "CP1251"},
    {"win1252", dump_windows},
    {"win1253", "CP1253"},
    {"win1254", "CP1254"},
    {"win1255", "CP1255"},
    {"win1256", "CP1256"},
    {"win1257", "CP1257"},
    {"win1258", "CP1258"},
    {"win866", "CP866"},
    {"win874", "CP874"},
    {"euccn", "EUC-CN"},
    {"euctw", "EUC-TW"},
    {"eucjp", "EUC-JP"},
    {"eucjis2004", "EUC-JISX0213"},
    {"cp1252", dump_windows},
    {"macce", "MAC-CENTRALEUROPE"},
    {"armscii8", "ARMSCII-8"},
    {"dec8", "DEC-MCS"},
    {"hp8", "HP-ROMAN8"},
};

/* No dump is in one of these, but columns may be, where it has their own bytes. */
static const struct known_charset column_charsets[] = {
    {"ucs2", "UCS-2BE"},
    {"utf16", "UTF-16BE"},
    {"utf16le", "UTF-16LE"},
    {"utf32", "UTF-32BE"},
};

static const struct paired_charset {
    struct known_charset known;
    enum sql_pairs pairs;
} paired_charsets[] = {
    {{"gbk", "GBK"}, SQL_PAIRS_GBK},
    {{"gb18030", "GB18030"}, SQL_PAIRS_GBK},
    {{"big5", "BIG5"}, SQL_PAIRS_BIG5},
    {{"uhc", "UHC"}, SQL_PAIRS_GBK},
    {{"johab", "JOHAB"}, SQL_PAIRS_GBK},
    {{"sjis", "SHIFT-JIS"}, SQL_PAIRS_SJIS},
    {{"cp932", "CP932"}, SQL_PAIRS_SJIS},
    {{"shiftjis2004", "SHIFT_JISX0213"}, SQL_PAIRS_SJIS},
    {{"shiftjis", "SHIFT-JIS"}, SQL_PAIRS_SJIS},
};

static const char *find(const struct known_charset *charsets, size_t count, const char *name,
                        size_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(charsets[i].name) == size && strncasecmp(charsets[i].name, name, size) == 0)
            return charsets[i].charset;
    }
    return NULL;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct paired_charset *find_paired(const char *name, size_t size)
{
    for (size_t i = 0; i < COUNT(paired_charsets); i++) {
        if (find(&paired_charsets[i].known, 1, name, size) != NULL)
            return &paired_charsets[i];
    }
    return NULL;
}

/* Of a dump's texts. */
static const char *find_any(const char *name, size_t size)
{
    const struct paired_charset *paired = find_paired(name, size);

    return paired != NULL ? paired->known.charset
                          : find(dump_charsets, COUNT(dump_charsets), name, size);
}

/* EUC_KR, or iconv's EUC-KR, as euckr; how long that is. */
static size_t plain_name(const char *name, char plain[NAME_SIZE])
{
    size_t size = 0;

    for (; *name != '\0' && size < NAME_SIZE - 1; name++) {
        if (*name != '_' && *name != '-')
            plain[size++] = *name;
    }
    plain[size] = '\0';
    return size;
}

const char *dump_charset_find(enum sql_dialect dialect, const char *name)
{
    char plain[NAME_SIZE];
    size_t size = plain_name(name, plain);

    if (dialect == SQL_POSTGRES && ascii_equal(plain, "latin1"))
        return dump_latin1;
    if (dialect == SQL_POSTGRES && ascii_equal(plain, "latin5"))
        return "ISO-8859-9";
    return find_any(plain, size);
}

bool dump_charset_is_utf8(const char *name)
{
    char plain[NAME_SIZE];

    plain_name(name, plain);
    return strncasecmp(plain, "utf8", 4) == 0 || ascii_equal(plain, "unicode");
}

enum sql_pairs dump_charset_pairs(const char *name)
{
    char plain[NAME_SIZE];
    size_t size = plain_name(name, plain);
    const struct paired_charset *paired = find_paired(plain, size);

    return paired != NULL ? paired->pairs : SQL_PAIRS_NONE;
}

const char *dump_charset_of_column(const char *charset, const char *collation)
{
    const char *given = charset != NULL ? charset : collation;
    const char *name = given != NULL ? given : "";
    size_t size = strcspn(name, charset != NULL ? "" : "_");
    const char *found = find_any(name, size);

    return found != NULL ? found : find(column_charsets, COUNT(column_charsets), name, size);
}

/* Whether what is ASCII may stand for something else. */
static bool is_wide(const char *charset)
{
    return strncmp(charset, "UTF-", 4) == 0 || strncmp(charset, "UCS-", 4) == 0;
}

bool dump_has_high_byte(const uint8_t *bytes, size_t size)
{
    uint8_t all = 0;

    for (size_t i = 0; i < size; i++)
        all |= bytes[i];
    return all >= 0x80;
}

/* How many bytes were written to TO; 0: FROM is not in that character set. */
static size_t by_iconv(struct dump_reader *reader, const char *charset, const void *from,
                       size_t size, uint8_t *to)
{
    char *in = without_const(from);
    char *out = (char *)to;
    size_t room = 3 * size;

    if (reader->converter_of != charset) {
        if (reader->converter_of != NULL)
            iconv_close(reader->converter);
        reader->converter = iconv_open("UTF-8", charset);
        // NOLINTNEXTLINE(performance-no-int-to-ptr): POSIX says so
        reader->converter_of = reader->converter == (iconv_t)-1 ? NULL : charset;
    }
    if (reader->converter_of == NULL)
        return 0;
    iconv(reader->converter, NULL, NULL, NULL, NULL);
    /* The second call: some hold the last character back, for marks that may follow it. */
    if (iconv(reader->converter, &in, &size, &out, &room) == (size_t)-1 ||
        iconv(reader->converter, NULL, NULL, &out, &room) == (size_t)-1)
        return 0;
    return (size_t)((uint8_t *)out - to);
}

void dump_convert(struct dump_reader *reader, const char *charset, struct cell *cell)
{
    uint8_t *start = reader->scratch.data + reader->scratch.size;
    size_t size = (size_t)cell->size;

    if (size == 0 || (!is_wide(charset) && !dump_has_high_byte(cell->data, size)))
        return;
    if (charset == dump_windows || charset == dump_latin1)
        size = latin_to_utf8(charset == dump_windows, cell->data, size, start);
    else
        size = by_iconv(reader, charset, cell->data, size, start);
    if (size == 0)
        return; /* as it is */
    cell->data = start;
    cell->size = size;
    reader->scratch.size += size;
}

void dump_set_charset(struct dump_reader *reader, const char *name)
{
    const char *found = dump_charset_find(reader->dialect, name);
    bool binary = reader->dialect == SQL_MYSQL && ascii_equal(name, "binary");
    bool known = found != NULL || binary || dump_charset_is_utf8(name);

    if (!known && reader->wish != NULL)
        name = reader->wish;
    reader->charset = known ? found : dump_charset_wished(reader);
    reader->pairs = dump_charset_pairs(name);
    reader->own_bytes = binary;
}

const char *dump_charset_wished(const struct dump_reader *reader)
{
    const char *found =
        reader->wish != NULL ? dump_charset_find(reader->dialect, reader->wish) : NULL;

    /* SQLite's dumps do not say it, for they are in UTF-8. */
    if (reader->dialect == SQL_SQLITE || reader->wish == NULL || dump_charset_is_utf8(reader->wish))
        return NULL;
    return found != NULL ? found : reader->wish;
}

bool dump_is_garbled(const struct dump_reader *reader, const struct cell *cell)
{
    return cell->class == CELL_TEXT && !reader->garbled_told && reader->dialect != SQL_SQLITE &&
           dump_has_high_byte(cell->data, (size_t)cell->size) &&
           !utf8_whole(cell->data, (size_t)cell->size);
}

void dump_tell_garbled(struct dump_reader *reader, const struct dump_table *table)
{

    reader->garbled_told = true;
    dump_tell(reader, EILSEQ,
              "text in table %.300s is neither UTF-8 nor in a character set "
              "that the dump says and crmfs knows, and shows as base64; say which it is in: "
              "archive://PATH?charset=latin1, windows-1250 …",
              table->name);
}

bool dump_seems_utf8(const struct dump_reader *reader, const char *charset, const struct cell *cell)
{
    return reader->guesses_set && !reader->utf8_told && !is_wide(charset) &&
           dump_has_high_byte(cell->data, (size_t)cell->size) &&
           utf8_whole(cell->data, (size_t)cell->size);
}

void dump_tell_utf8(struct dump_reader *reader, const struct dump_table *table)
{
    reader->utf8_told = true;
    dump_tell(reader, ENOTUNIQ,
              "text in table %.300s is UTF-8 by the look of it, and shows as if it were in its "
              "column's character set, as mysqldump --tab writes it where it is not told another: "
              "if it was, say archive://PATH?charset=utf-8",
              table->name);
}
