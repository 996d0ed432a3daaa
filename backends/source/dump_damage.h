/* SPDX-License-Identifier: MIT */
/*
 * What shows that a dump, or a table in it, is not whole. The rest of the reader is in
 * dump_internal.h.
 */
#ifndef CRMFS_SOURCE_DUMP_DAMAGE_H
#define CRMFS_SOURCE_DUMP_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/dump_internal.h"

/* --- dump_doubt --------------------------------------------------------------------------- */

/*
 * Whether there are zeros as a crash leaves them of what was not written: programs that are known
 * write none, into values neither; in what others write a few may be a value's.
 */
bool dump_has_hole(const struct dump_reader *reader, const void *bytes, size_t size);

/* … in a row of the table: it fails. */
int dump_fail_hole(struct dump_reader *reader, struct dump_table *table);

/* … where a statement could stand, or in one: so does the table that they begin in. Behind the
 * dump's end they are padding. */
int dump_note_hole(struct dump_reader *reader);

/* … in what made the reader's table FIRST, and any behind it. */
int dump_fail_made(struct dump_reader *reader, size_t first);

/* What stands here cannot be made out, though the dump's program is known: told once. Nor can what
 * was read as a statement: the table that it may have had rows of fails as well. */
void dump_doubt(struct dump_reader *reader);
int dump_note_senseless(struct dump_reader *reader);

/* Whether rows of TABLE, of which none were heard so far, may come at any place of the dump. */
bool dump_is_awaited(const struct dump_reader *reader, const struct dump_table *table);

/* All is read: tables whose rows may have stood in what could not be made out fail. */
int dump_fail_doubted(struct dump_reader *reader);

/* --- dump_announce ------------------------------------------------------------------------ */

/* The dump says that rows of TABLE, or none, follow. */
void dump_announce(struct dump_reader *reader, struct dump_table *table);

/* Rows of TABLE follow: if that was not said, nothing comes of what is said of others. */
void dump_note_unannounced(struct dump_reader *reader, const struct dump_table *table);

/* At a comment: if it says so. 0 or -errno. */
int dump_take_data_mark(struct dump_reader *reader, struct failure *failure);

/* All is read: tables of which it was not said, as of others, have nothing to be read. */
int dump_leave_out_rows(struct dump_reader *reader);

/* --- dump_broken -------------------------------------------------------------------------- */

/* The statement, whose first WORD LEXER is behind, locks tables for their rows, or shows that a
 * lock has ended: the table of one that has without UNLOCK TABLES fails. */
int dump_note_lock(struct dump_reader *reader, const struct sql_token *word,
                   struct sql_lexer lexer);

/* So does what ends here. */
int dump_lock_broken(struct dump_reader *reader);

/* Whether a line of the dump program's own stands here, which it said on standard error. */
bool dump_at_program_line(const struct dump_reader *reader);

/* Takes it: an error is told, and the table that it names fails. */
int dump_take_program_line(struct dump_reader *reader, struct failure *failure);

#endif
