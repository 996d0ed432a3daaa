/* SPDX-License-Identifier: MIT */
/*
 * One database out of a source that has tables of several, as a dump of a whole server does: there
 * a table is called "crm.contacts", and its own statements, which a target is to understand, call
 * it "contacts". By both names is known which database it is of.
 */
#ifndef CRMFS_RESTORE_ONE_DATABASE_H
#define CRMFS_RESTORE_ONE_DATABASE_H

#include "fs/restore/restore.h"

/*
 * *DATASET, of a source of KIND, becomes one of the tables of a single database under their own
 * names, if it has several databases: DATABASE, or (NULL) the one that all tables are of that
 * OPTIONS mean. It takes over what it is made of. Of OPTIONS, tables and excluded are changed
 * accordingly, in place; they may have either name.
 * -ENOENT, -EINVAL in words: there is none of that name, or several are meant; nothing is changed.
 */
int one_database(struct dataset **dataset, const char *kind, const char *database,
                 struct restore_options *options, const char **tables, const char **excluded,
                 struct failure *failure);

#endif
