/* SPDX-License-Identifier: MIT */
/* What the process takes from itself, and grants itself, before it begins. */
#ifndef CRMFS_TOOLS_HARDEN_H
#define CRMFS_TOOLS_HARDEN_H

/*
 * No core dumps, no other process of the user looking into this one, files
 * private by default; as many descriptors as allowed; and an allocator that
 * gives back what it no longer needs, so that the bound on memory holds.
 */
void harden_process(void);

#endif
