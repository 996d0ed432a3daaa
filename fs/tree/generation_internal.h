/* SPDX-License-Identifier: MIT */
/*
 * The inside of a generation, shared by its tables (generation.c), its files (generation_file.c)
 * and those of them that are open (generation_open.c).
 */
#ifndef CRMFS_TREE_GENERATION_INTERNAL_H
#define CRMFS_TREE_GENERATION_INTERNAL_H

#include <pthread.h>

#include "fs/table/format.h"
#include "fs/table/image.h"
#include "fs/tree/extra_text.h"
#include "fs/tree/file_set.h"
#include "fs/tree/generation.h"

struct generation_table {
    struct schema *schema; /* referenced */
    struct image *image;   /* NULL: not read, or given back; not known: not yet to be told of */
    bool known;            /* bytes, rows and modified are, for ever */
    struct source_identity identity; /* of the dataset that the image was read from */
    bool kept;                       /* it was found kept, or is given to be */
    uint64_t bytes[FORMAT_COUNT];
    uint64_t rows;
    uint64_t read_ns; /* when it had been read through, and how long that took */
    uint64_t took_ns;
    /*
     * Of an archive's table that is cut or damaged: the image has what came before, and each file
     * ends in a byte more, which cannot be read. NULL: it is whole. Owned; set before it is known.
     */
    struct failure *cut;
    struct timespec modified;
    struct failure *failure; /* the last attempt's, NULL: none; owned */
    uint64_t failed_ns;
};

/* A request that wants a table: on the stack of its thread, and listed while it is there. */
struct waiter {
    size_t table;
    const bool *cancelled; /* atomic; NULL: never */
    struct waiter *next;
};

struct generation_file {
    struct node
        node; /* references count from 0: the generation is referenced while they are not 0 */
    struct generation *generation;
    struct extra_text *text; /* extra files: made when first asked for */
    struct timespec modified;
};

struct generation {
    unsigned references; /* atomic */
    struct generation_options options;
    char *source_name;
    char *path;
    struct source_version version;
    uint64_t begun_ns;
    struct source_identity identity; /* of its first dataset */
    struct timespec changed;
    struct timespec names_changed;
    size_t schema_bytes; /* of memory, reserved in the render cache */
    bool *passing;       /* one a table; NULL: not found out. Of generation_has_passed alone */
    struct file_set set;
    struct generation_file *files; /* set.count of them */
    struct node *raw;              /* an archive's raw/, referenced; NULL: there is none */

    pthread_mutex_t lock; /* guards all below, and the tables' and files' changing fields */
    pthread_cond_t scanned;
    struct dataset *dataset; /* released when RETIRED */
    bool open;               /* the dataset's transaction is */
    bool scanning;           /* a thread reads tables through, without the lock */
    struct waiter *waiters;  /* the thread's own among them */
    const char *read_now;    /* the table that is being read, borrowed; NULL: none is */
    uint64_t read_since_ns;
    uint64_t rows_now;      /* atomic: of it, read so far */
    struct failure refusal; /* the source's last, of which all tables suffer; scanning thread's */
    uint64_t refused_until_ns; /* until when it need not be asked again; the same thread's */
    bool archive_kept;         /* all of the archive is given to be kept */
    bool superseded;
    bool ended;
    struct failure ending; /* why; code 0: unknown */
    bool retired;
    unsigned users;
    unsigned pins; /* of the users */
    uint64_t last_used_ns;
    uint64_t last_read_ns; /* atomic */
    size_t table_count;    /* does not change */
    struct generation_table *tables;
};

/*
 * Has the table read through if it is not; the lock is held, and let go meanwhile. 0, or as
 * generation_prepare.
 */
int generation_read_table(struct generation *generation, size_t index, const bool *cancelled,
                          struct failure *failure);

/*
 * The table's image has been lost (image_is_lost) with LOST, of which somebody still needs rows:
 * an image of the same rows, with a reference; the table is read again if nobody has done so. The
 * lock is not held, the generation has a user. -EIO: the source has gone on, or refuses.
 */
int generation_replace_image(struct generation *generation, size_t index, const struct image *lost,
                             struct image **ret_image, struct failure *failure);

/*
 * Takes over what BEFORE has read, but for views that pass, if nothing was written since. Before
 * anyone else knows the generation.
 */
void generation_inherit(struct generation *generation, struct generation *before);

/* Whether the datasets of both are of the same tables, by the same numbers. */
bool generation_has_tables(const struct generation *generation, const struct dataset *dataset);

/* Uses what was kept of the table: then it is known. -ENOENT: it is to be read. As a scan. */
int generation_find_kept(struct generation *generation, size_t index);

/*
 * Sees that the dataset is open, if need be by asking the source for the generation's moment
 * again (-ESTALE: it has gone by); reads a table of it another time, of which nothing is noted;
 * gives the dataset's transaction back. Without the lock; only the scanning thread.
 */
int generation_reopen(struct generation *generation, struct failure *failure);
int generation_scan_again(struct generation *generation, size_t index, struct image **ret_image,
                          struct failure *failure);
void generation_finish(struct generation *generation);

/* Gives everything back if that is due (fs/tree/generation.h, RETIRED). The lock is held. */
void generation_retire_if_due(struct generation *generation);

/*
 * Reads all tables of an open dataset through, before anyone else knows the
 * generation. -ESTALE when it was not one moment. What single tables refuse they keep.
 */
int generation_read_all(struct generation *generation, struct failure *failure);

/*
 * Reads one table through, or a view, which may run out of its time; -ETIMEDOUT then, also
 * while it is given up. Without the lock; the result is noted under it. In a hurry it becomes
 * known only when the source has confirmed that all that was read is one moment.
 */
int generation_scan_table(struct generation *generation, size_t index, struct failure *failure);
int generation_scan_view(struct generation *generation, size_t index, struct failure *failure);

/*
 * The same for a view that nobody asked for, until DEADLINE_NS: one that takes longer is not
 * tried again so soon.
 */
int generation_try_view(struct generation *generation, size_t index, uint64_t deadline_ns);

/* The table's image can be told of: from now on its sizes are known. The lock is held. */
void generation_note_known(struct generation *generation, size_t index);
void generation_note_failure(struct generation_table *table, const struct failure *failure);

/* Whether the table's last attempt failed so lately that another is not worth making. */
bool generation_failed_lately(const struct generation_table *table);

/*
 * Notes, before the table is known, whether it is cut: as the dataset says, which is an archive's
 * or any other. 0 or -ENOMEM.
 */
int generation_note_cut(struct generation *generation, size_t index);

/* Where of a table that is cut the file in FORMAT ends, bytes. */
uint64_t generation_cut_offset(const struct image *image, enum table_format format);

extern const struct node_class generation_file_class;

/* Which of its generation's files it is. */
static inline size_t generation_file_index(const struct generation_file *file)
{
    return (size_t)(file - file->generation->files);
}

/* A node_class's. */
int generation_file_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                         struct failure *failure);

#endif
