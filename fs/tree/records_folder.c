/* SPDX-License-Identifier: MIT */
#include "fs/tree/records_folder.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "fs/base/memory.h"
#include "fs/table/record_rows.h"
#include "fs/tree/clock.h"
#include "fs/tree/text_file.h"

#define ENDING ".json"
#define ENDING_SIZE (sizeof ENDING - 1)
#define NAME_SIZE (RECORD_NAME_MOST + ENDING_SIZE + 1)

/* As frozen_inode: far above what node_next_inode() ever reaches. */
#define INODE_MARK (UINT64_C(1) << 62)

uint64_t records_inode(uint64_t hash)
{
    return (hash & (INODE_MARK - 1)) | INODE_MARK;
}

static uint64_t shown_inode(uint64_t seed, const struct record *record)
{
    return records_inode(XXH3_64bits_withSeed(&record->digest, sizeof record->digest, seed));
}

static void leave(struct records_folder *folder, struct records_view *view)
{
    if (folder->class->leave != NULL)
        folder->class->leave(folder, view);
    image_release(view->image);
    node_release(view->rows);
}

/* ---- What was read of rows that can be written ---- */

#define SEEN_MOST 256

struct records_seen {
    pthread_mutex_t lock;
    size_t next; /* the place that is taken next */
    struct {
        uint64_t name_hash;
        uint64_t digest;
        uint64_t time_ns; /* 0: free */
    } rows[SEEN_MOST];
};

/* The row was read as it is in the generation. */
static void note_seen(struct records_folder *folder, uint64_t name_hash, uint64_t digest)
{
    struct records_seen *seen = folder->seen;

    if (seen == NULL)
        return;
    pthread_mutex_lock(&seen->lock);
    size_t place = 0;

    while (place < SEEN_MOST &&
           (seen->rows[place].time_ns == 0 || seen->rows[place].name_hash != name_hash))
        place++;
    if (place == SEEN_MOST)
        place = seen->next++ % SEEN_MOST;
    seen->rows[place].name_hash = name_hash;
    seen->rows[place].digest = digest;
    seen->rows[place].time_ns = clock_now_ns();
    pthread_mutex_unlock(&seen->lock);
}

/* As what it was last read, if that was not long ago; else OTHERWISE. */
static uint64_t find_seen(struct records_folder *folder, uint64_t name_hash, uint64_t otherwise)
{
    struct records_seen *seen = folder->seen;

    if (seen == NULL)
        return otherwise;
    pthread_mutex_lock(&seen->lock);
    for (size_t i = 0; i < SEEN_MOST; i++) {
        if (seen->rows[i].time_ns != 0 && seen->rows[i].name_hash == name_hash &&
            clock_now_ns() - seen->rows[i].time_ns < RECORDS_SEEN_NS)
            otherwise = seen->rows[i].digest;
    }
    pthread_mutex_unlock(&seen->lock);
    return otherwise;
}

/* Who has written it knows what it is. */
static void forget_seen(struct records_folder *folder, const char *stem)
{
    struct records_seen *seen = folder->seen;
    uint64_t name_hash = record_name_hash(stem, strlen(stem));

    pthread_mutex_lock(&seen->lock);
    for (size_t i = 0; i < SEEN_MOST; i++) {
        if (seen->rows[i].name_hash == name_hash)
            seen->rows[i].time_ns = 0;
    }
    pthread_mutex_unlock(&seen->lock);
}

/* ---- A row's file ---- */

struct record_file {
    struct node node;
    struct records_folder *folder; /* referenced */
    struct node *rows;             /* referenced; NULL: the row is here, in */
    struct buffer line;
    uint64_t offset; /* in it */
    uint64_t bytes;
    uint64_t digest;
    uint64_t name_hash;
    uint64_t shown_inode;
    struct timespec modified;
};

struct record_handle {
    struct handle handle;
    struct handle *rows;
    uint64_t offset;
    uint64_t bytes;
};

static int record_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    const struct record_file *file = (struct record_file *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){
        .type = S_IFREG,
        .bytes = file->bytes,
        .modified = file->modified,
        .shown_inode = file->shown_inode,
        .writable = file->folder->drafts != NULL,
    };
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int record_read(struct handle *handle, uint64_t offset, size_t size,
                       struct reading *ret_reading, struct failure *failure)
{
    const struct record_handle *record = (struct record_handle *)handle;

    if (offset >= record->bytes)
        return 0;
    if (size > record->bytes - offset)
        size = (size_t)(record->bytes - offset);
    return record->rows->class->read(record->rows, record->offset + offset, size, ret_reading,
                                     failure);
}

static void record_close(struct handle *handle)
{
    struct record_handle *record = (struct record_handle *)handle;

    record->rows->class->close(record->rows);
    free(record);
}

static const struct handle_class record_handle_class = {.read = record_read, .close = record_close};

static int record_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                       struct failure *failure)
{
    const struct record_file *file = (struct record_file *)node;

    if (file->rows == NULL) {
        note_seen(file->folder, file->name_hash, file->digest);
        return text_handle_create(file->line.data, file->line.size, node_reference(node),
                                  ret_handle);
    }

    struct record_handle *record = calloc(1, sizeof *record);

    if (record == NULL)
        return -ENOMEM;

    int error = file->folder->class->open(file->rows, caller, &record->rows, failure);

    if (error != 0) {
        free(record);
        return error;
    }
    record->handle.class = &record_handle_class;
    record->offset = file->offset;
    record->bytes = file->bytes;
    note_seen(file->folder, file->name_hash, file->digest);
    *ret_handle = &record->handle;
    return 0;
}

static int record_open_writing(struct node *node, const struct caller *caller, bool truncate,
                               struct handle **ret_handle, struct failure *failure)
{
    const struct record_file *file = (struct record_file *)node;
    struct records_folder *folder = file->folder;
    uint64_t base = find_seen(folder, file->name_hash, file->digest);
    struct handle *from = NULL;

    if (folder->drafts == NULL)
        return -EROFS;

    int error = truncate ? 0 : record_open(node, caller, &from, failure);

    if (error == 0)
        error = drafts_replace(folder->drafts, strrchr(node->path, '/') + 1, base, from, ret_handle,
                               failure);
    if (from != NULL)
        from->class->close(from);
    return error;
}

static void record_release(struct node *node)
{
    struct record_file *file = (struct record_file *)node;

    buffer_release(&file->line);
    node_release(file->rows);
    node_release(&file->folder->node);
    free(node->path);
    free(node);
}

static const struct node_class record_file_class = {
    .attributes = record_attributes,
    .open = record_open,
    .open_writing = record_open_writing,
    .release = record_release,
    .forgettable = true,
};

/* The file NAME, without what it shows. */
static int make_record(struct records_folder *folder, const char *name, const struct record *record,
                       struct record_file **ret_file)
{
    struct record_file *file = calloc(1, sizeof *file);
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/%s", folder->node.path, name) < 0)
        path = NULL;
    if (file == NULL || path == NULL || node_init(&file->node, &record_file_class, path) != 0) {
        free(file);
        return -ENOMEM;
    }
    file->folder = (struct records_folder *)node_reference(&folder->node);
    file->digest = record->digest;
    file->name_hash = record->name_hash;
    file->offset = record->offset;
    file->bytes = record->bytes;
    *ret_file = file;
    return 0;
}

static int create_record(struct records_folder *folder, const struct records_view *view,
                         const char *name, const struct record *record, struct node **ret_node,
                         struct failure *failure)
{
    struct node_attributes rows;
    struct record_file *file;
    uint64_t valid_ns;
    int error = view->rows->class->attributes(view->rows, true, &rows, &valid_ns, failure);

    if (error == 0)
        error = make_record(folder, name, record, &file);
    if (error != 0)
        return error;
    file->rows = node_reference(view->rows);
    file->shown_inode = shown_inode(view->inode_seed, record);
    file->modified = rows.modified;
    *ret_node = &file->node;
    return 0;
}

/* The row of that name, if its database alone is to be asked for it; else -EAGAIN. */
static int peek(struct records_folder *folder, const char *name, const char *stem,
                const struct caller *caller, struct record *ret_record, struct node **ret_node)
{
    cleanup_buffer struct buffer line = BUFFER(SIZE_MAX / 2);
    struct record_file *file;
    struct timespec modified;
    uint64_t seed;
    int error = folder->class->peek != NULL
                    ? folder->class->peek(folder, stem, caller, &line, &modified, &seed)
                    : -EAGAIN;

    if (error != 0)
        return error;
    *ret_record = (struct record){
        .bytes = line.size,
        .digest = XXH3_64bits(line.data, line.size),
        .name_hash = record_name_hash(stem, strlen(stem)),
    };
    if (ret_node == NULL)
        return 0;
    error = make_record(folder, name, ret_record, &file);
    if (error != 0)
        return error;
    file->line = line;
    line = BUFFER(0);
    file->shown_inode = shown_inode(seed, ret_record);
    file->modified = modified;
    *ret_node = &file->node;
    return 0;
}

/* ---- The folder ---- */

static int folder_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    int error = folder->class->attributes(folder, ret_attributes, ret_valid_ns, failure);

    (void)wait;
    if (error == 0) {
        ret_attributes->type = S_IFDIR;
        ret_attributes->writable = folder->drafts != NULL;
    }
    return error;
}

/* "42.json" → "42"; false: that is no row's file. */
static bool take_stem(const char *name, char stem[NAME_SIZE])
{
    size_t size = strlen(name);

    if (size <= ENDING_SIZE || size >= NAME_SIZE || strcmp(name + size - ENDING_SIZE, ENDING) != 0)
        return false;
    memcpy(stem, name, size - ENDING_SIZE);
    stem[size - ENDING_SIZE] = '\0';
    return true;
}

/*
 * The row of that name; with RET_NODE its file, too. What was kept of the table may turn out to be
 * lost: then there is another image of it.
 */
static int find_record(struct records_folder *folder, const char *name, const struct caller *caller,
                       struct record *ret_record, struct node **ret_node, uint64_t *ret_valid_ns,
                       struct failure *failure)
{
    char stem[NAME_SIZE];
    struct records_view view;
    int error =
        take_stem(name, stem) ? peek(folder, name, stem, caller, ret_record, ret_node) : -ENOENT;
    bool again = error == -EAGAIN;

    *ret_valid_ns = 0; /* of what was asked of its database */

    for (int i = 0; i < 2 && again; i++) {
        error = folder->class->view(folder, caller, false, &view, failure);
        if (error != 0)
            return error;
        error =
            records_find(folder->records, view.image, stem, caller->cancelled, ret_record, failure);
        if (error == 0 && ret_node != NULL)
            error = create_record(folder, &view, name, ret_record, ret_node, failure);
        if (error == 0)
            *ret_valid_ns = view.valid_ns;
        again = error == -EIO && image_is_lost(view.image);
        leave(folder, &view);
    }
    return error;
}

static int folder_lookup(struct node *node, const char *name, const struct caller *caller,
                         struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    struct record record;

    if (folder->drafts != NULL && drafts_find(folder->drafts, name, ret_node) == 0) {
        *ret_valid_ns = 0;
        return 0;
    }
    return find_record(folder, name, caller, &record, ret_node, ret_valid_ns, failure);
}

/* ---- writing ---- */

/* What a change of the row NAME is made to. */
static int find_base(struct records_folder *folder, const char *name, const struct caller *caller,
                     struct record_base *ret_base, struct failure *failure)
{
    struct record record;
    uint64_t valid_ns;
    int error = find_record(folder, name, caller, &record, NULL, &valid_ns, failure);

    *ret_base = (struct record_base){.exists = error == 0};
    if (error == 0)
        ret_base->digest = find_seen(folder, record.name_hash, record.digest);
    return error == -ENOENT ? 0 : error;
}

static bool draft_means(void *context, const char *name)
{
    char stem[NAME_SIZE];

    (void)context;
    return name[0] != '.' && take_stem(name, stem);
}

static int draft_apply(void *context, const struct draft_content *content,
                       const struct caller *caller, struct failure *failure)
{
    struct records_folder *folder = context;
    struct record_base base = {.exists = true, .digest = content->base_digest};
    char stem[NAME_SIZE];
    int error = content->based ? 0 : find_base(folder, content->name, caller, &base, failure);

    if (error != 0 || !take_stem(content->name, stem))
        return error;
    error = folder->class->write(folder, stem, content->staging, &base, caller, failure);
    if (error == 0)
        forget_seen(folder, stem);
    return error;
}

static void draft_abandoned(void *context, const char *name, const struct failure *why)
{
    (void)context;
    (void)name;
    (void)why;
}

static const struct drafts_class record_drafts_class = {
    .means = draft_means,
    .apply = draft_apply,
    .abandoned = draft_abandoned,
};

static int folder_create_file(struct node *node, const char *name, const struct caller *caller,
                              struct node **ret_node, struct handle **ret_handle,
                              struct failure *failure)
{
    const struct records_folder *folder = (struct records_folder *)node;

    (void)caller;
    return folder->drafts != NULL ? drafts_make(folder->drafts, name, ret_node, ret_handle, failure)
                                  : -EROFS;
}

static int folder_remove_file(struct node *node, const char *name, const struct caller *caller,
                              struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    struct record_base base;
    char stem[NAME_SIZE];

    if (folder->drafts == NULL)
        return -EROFS;

    int error = drafts_remove(folder->drafts, name);

    if (error != -ENOENT)
        return error;
    error = find_base(folder, name, caller, &base, failure);
    if (error != 0 || !base.exists || !take_stem(name, stem))
        return error != 0 ? error : -ENOENT;
    error = folder->class->remove(folder, stem, &base, caller, failure);
    if (error == 0)
        forget_seen(folder, stem);
    return error;
}

static int folder_rename_file(struct node *node, const char *name, const char *new_name,
                              const struct caller *caller, struct failure *failure)
{
    const struct records_folder *folder = (struct records_folder *)node;

    if (folder->drafts == NULL)
        return -EROFS;

    int error = drafts_rename(folder->drafts, name, new_name, caller, failure);

    return error == -ENOENT && failure->code == 0
               ? failure_set(failure, EPERM,
                             "a row's key is not changed: write a new row, and delete the old one")
               : error;
}

struct record_listing {
    struct listing listing;
    struct records_folder *folder; /* referenced */
    struct records_view view;
    struct record_key key;
    pid_t process;
    struct record_page *page; /* referenced; NULL: none yet */
    uint64_t first_row;       /* of the page */
    size_t row;               /* in it, the one that was prepared */
    char name[NAME_SIZE];
};

static size_t listing_count(const struct listing *listing)
{
    return (size_t)image_rows(((const struct record_listing *)listing)->view.image);
}

static int turn_page(struct record_listing *list, size_t index, struct failure *failure)
{
    uint64_t first_row;
    size_t group = image_group_of_row(list->view.image, index, &first_row);
    struct record_page *page;
    int error = records_page(list->folder->records, list->view.image, &list->key,
                             record_rows_begin(list->view.image, group), &page, failure);

    if (error != 0)
        return error;
    record_page_release(list->page);
    list->page = page;
    list->first_row = first_row;
    return 0;
}

static int listing_prepare(struct listing *listing, size_t index, struct failure *failure)
{
    struct record_listing *list = (struct record_listing *)listing;

    if (list->page == NULL || index < list->first_row ||
        index - list->first_row >= record_page_rows(list->page)) {
        int error = turn_page(list, index, failure);

        if (error != 0)
            return error;
    }
    list->row = (size_t)(index - list->first_row);
    return record_page_name(list->page, list->row) != NULL;
}

static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    struct record_listing *list = (struct record_listing *)listing;

    (void)index;
    snprintf(list->name, sizeof list->name, "%s" ENDING, record_page_name(list->page, list->row));
    *ret_entry = (struct listing_entry){
        .name = list->name,
        .type = S_IFREG,
        .inode = shown_inode(list->view.inode_seed, record_page_record(list->page, list->row)),
    };
}

static void listing_close(struct listing *listing)
{
    struct record_listing *list = (struct record_listing *)listing;
    struct records_folder *folder = list->folder;

    if (folder->class->unlisted != NULL)
        folder->class->unlisted(folder, list->process);
    record_page_release(list->page);
    leave(folder, &list->view);
    node_release(&folder->node);
    free(list);
}

static const struct listing_class record_listing_class = {
    .count = listing_count,
    .prepare = listing_prepare,
    .entry = listing_entry,
    .close = listing_close,
};

static int folder_list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                       struct failure *failure)
{
    struct records_folder *folder = (struct records_folder *)node;
    struct record_listing *list = calloc(1, sizeof *list);

    if (list == NULL)
        return -ENOMEM;

    int error = folder->class->view(folder, caller, true, &list->view, failure);

    if (error != 0) {
        free(list);
        return error;
    }
    list->listing.class = &record_listing_class;
    list->folder = (struct records_folder *)node_reference(node);
    list->process = caller->process;
    record_key_of(image_schema(list->view.image), &list->key);
    *ret_listing = &list->listing;
    return 0;
}

static void folder_release(struct node *node)
{
    struct records_folder *folder = (struct records_folder *)node;

    drafts_free(folder->drafts);
    if (folder->seen != NULL)
        pthread_mutex_destroy(&folder->seen->lock);
    free(folder->seen);
    free(node->path);
    folder->class->release(folder);
}

static const struct node_class records_folder_node_class = {
    .attributes = folder_attributes,
    .lookup = folder_lookup,
    .list = folder_list,
    .create_file = folder_create_file,
    .remove_file = folder_remove_file,
    .rename_file = folder_rename_file,
    .release = folder_release,
};

int records_folder_init(struct records_folder *folder, const struct records_folder_class *class,
                        struct records *records, const char *path)
{
    folder->class = class;
    folder->records = records;
    return node_init(&folder->node, &records_folder_node_class, path);
}

int records_folder_make_writable(struct records_folder *folder, struct spool *spool)
{
    folder->seen = calloc(1, sizeof *folder->seen);
    if (folder->seen == NULL)
        return -ENOMEM;
    pthread_mutex_init(&folder->seen->lock, NULL);
    return drafts_create(&record_drafts_class, folder, spool, folder->node.path, &folder->drafts);
}
