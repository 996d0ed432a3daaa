/* SPDX-License-Identifier: MIT */
/*
 * POSIX ACLs as Linux has them in extended attributes (linux/posix_acl_xattr.h): what they do to
 * a file's mode, and it to them, and what a new file inherits. The rules are the kernel's
 * (fs/posix_acl.c there), and acl(5)'s. Values come from the kernel, which has checked them.
 */
#ifndef CRMFS_FILES_ACL_H
#define CRMFS_FILES_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ACL_ACCESS "system.posix_acl_access"
#define ACL_DEFAULT "system.posix_acl_default"

/* Whether an extended attribute of that name is an ACL. */
bool acl_is_name(const char *name);

/* Whether VALUE can be an ACL at all. */
bool acl_is_valid(const uint8_t *value, size_t size);

/* The mode of a file of MODE that gets this access ACL; whether it says no more than that mode. */
mode_t acl_mode(const uint8_t *value, size_t size, mode_t mode, bool *ret_minimal);

/* Changes an access ACL as chmod() does. */
void acl_change_mode(uint8_t *value, size_t size, mode_t mode);

/*
 * Makes a default ACL the access ACL of a new file that is asked for with MODE; the mode that it
 * gets; whether the ACL says no more than that.
 */
mode_t acl_inherit(uint8_t *value, size_t size, mode_t mode, bool *ret_minimal);

#endif
