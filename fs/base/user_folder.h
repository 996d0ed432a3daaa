/* SPDX-License-Identifier: MIT */
/* Folders of the user's own, as the XDG base directory specification has them. */
#ifndef CRMFS_BASE_USER_FOLDER_H
#define CRMFS_BASE_USER_FOLDER_H

/*
 * crmfs's folder below $VARIABLE, else below $HOME/BELOW_HOME; the caller's to free.
 * NULL: neither is an absolute path, or no memory.
 */
char *user_folder(const char *variable, const char *below_home);

/* Makes PATH and the folders above it, for the user alone. Whether it worked, its use will show. */
void user_folder_make(char *path);

#endif
