/* SPDX-License-Identifier: MIT */
#include "backends/source/inflate_stream.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/gzip_header.h"
#include "fs/base/memory.h"

#define BLOCK_BYTES ((size_t)256 << 10)

struct inflate_stream {
    struct byte_stream stream;
    struct byte_stream *from;
    bool from_ended;
    bool ended; /* the data have; of a .gz, no further member follows */
    bool is_gzip;
    bool in_header; /* of a member of the .gz … */
    bool further;   /* … which is not the first */
    bool in_zeros;  /* behind the last member */
    struct gzip_header header;
    struct inflate_promise promise; /* unless it is a .gz */
    uint64_t bytes;                 /* given so far */
    int broken;                     /* what ISA-L said behind them; 0 */
    bool damaged;                   /* they are not what was packed */
    bool has_rest;                  /* behind a .gz's end stands something that is none */
    struct inflate_state state;
    uint8_t buffer[BLOCK_BYTES];
};

/* The compressed data of a member begin. ISA-L's own reading of headers fails where they are cut.
 */
static void begin_member(struct inflate_stream *inflate)
{
    struct inflate_state *state = &inflate->state;
    uint8_t *next_in = state->next_in;
    uint32_t available = state->avail_in;

    isal_inflate_init(state);
    state->next_in = next_in;
    state->avail_in = available;
    /* Of a .gz it compares the checksum and the length, too. */
    state->crc_flag = inflate->is_gzip ? ISAL_GZIP_NO_HDR_VER : ISAL_GZIP_NO_HDR;
    inflate->in_header = false;
}

/* The next piece, once the last is used up. */
static int take_input(struct inflate_stream *inflate, struct failure *failure)
{
    const void *data;
    size_t size;
    int error = inflate->from->class->next(inflate->from, &data, &size, failure);

    if (error != 0)
        return error;
    if (size > UINT32_MAX)
        return -EOVERFLOW;
    inflate->from_ended = size == 0;
    inflate->state.next_in = without_const(data);
    inflate->state.avail_in = (uint32_t)size;
    return 0;
}

static int refuse_cut(struct failure *failure)
{
    return failure_set(failure, EIO, "it is cut short: it ends within compressed data");
}

/* What follows a member and is none is passed over, as gzip does, which warns, unless it is zeros
 * to the end: they are padding. LAST: the byte that showed it. */
static int refuse_header(struct inflate_stream *inflate, uint8_t last, struct failure *failure)
{
    if (!inflate->further)
        return failure_set(failure, EIO, "it is damaged: it does not begin as a .gz does");
    inflate->in_zeros = inflate->header.taken == 1 && last == 0;
    inflate->has_rest = !inflate->in_zeros;
    inflate->ended = inflate->has_rest;
    return 0;
}

/* As many of the zeros as are at hand. */
static int pass_over_zeros(struct inflate_stream *inflate, struct failure *failure)
{
    struct inflate_state *state = &inflate->state;

    while (state->avail_in != 0 && *state->next_in == 0) {
        state->avail_in--;
        state->next_in++;
    }
    inflate->has_rest = state->avail_in != 0;
    inflate->ended = inflate->has_rest || inflate->from_ended;
    return inflate->ended ? 0 : take_input(inflate, failure);
}

/* As much of a header as is at hand. */
static int take_header(struct inflate_stream *inflate, struct failure *failure)
{
    struct inflate_state *state = &inflate->state;
    int taken = 0;

    while (taken == 0 && state->avail_in != 0) {
        state->avail_in--;
        taken = gzip_header_take(&inflate->header, *state->next_in++);
    }
    if (taken < 0)
        return refuse_header(inflate, state->next_in[-1], failure);
    if (taken > 0)
        begin_member(inflate);
    else if (!inflate->from_ended)
        return take_input(inflate, failure);
    else if (!inflate->further || inflate->header.taken != 0)
        return refuse_cut(failure);
    else
        inflate->ended = true;
    return 0;
}

/* A member of a .gz is over; there may be a further one. */
static int end_gzip_member(struct inflate_stream *inflate)
{
    inflate->in_header = true;
    inflate->further = true;
    inflate->header = (struct gzip_header){.taken = 0};
    return 0;
}

static int end_promised(struct inflate_stream *inflate, struct failure *failure)
{
    inflate->ended = true;
    inflate->damaged =
        inflate->bytes != inflate->promise.bytes || inflate->state.crc != inflate->promise.crc;
    if (inflate->bytes != inflate->promise.bytes)
        return failure_set(failure, EIO, "it is damaged: it holds %llu bytes, and not %llu",
                           (unsigned long long)inflate->bytes,
                           (unsigned long long)inflate->promise.bytes);
    if (inflate->state.crc != inflate->promise.crc)
        return failure_set(failure, EIO, "it is damaged: its checksum is another");
    return 0;
}

static int refuse(int code, struct failure *failure)
{
    return failure_set(failure, EIO,
                       code == ISAL_INCORRECT_CHECKSUM
                           ? "it is damaged: its checksum is another"
                           : "it is damaged: this is nothing that deflate makes");
}

/* Unfolds as much as is at hand: how many bytes that are. */
static size_t unfold(struct inflate_stream *inflate)
{
    struct inflate_state *state = &inflate->state;

    state->next_out = inflate->buffer;
    state->avail_out = BLOCK_BYTES;

    int code = isal_inflate(state);
    size_t size = BLOCK_BYTES - state->avail_out;

    inflate->broken = code < 0 ? code : 0;
    inflate->damaged = inflate->broken != 0;
    inflate->bytes += size;
    return size;
}

/* Nothing came of what was at hand. */
static int go_on(struct inflate_stream *inflate, struct failure *failure)
{
    if (inflate->in_zeros)
        return pass_over_zeros(inflate, failure);
    if (inflate->in_header)
        return take_header(inflate, failure);
    if (inflate->broken != 0)
        return refuse(inflate->broken, failure);
    if (inflate->state.block_state == ISAL_BLOCK_FINISH)
        return inflate->is_gzip ? end_gzip_member(inflate) : end_promised(inflate, failure);
    if (inflate->state.avail_in != 0)
        return 0;
    if (inflate->from_ended)
        return refuse_cut(failure);
    return take_input(inflate, failure);
}

static int inflate_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                        struct failure *failure)
{
    struct inflate_stream *inflate = (struct inflate_stream *)stream;
    size_t size = 0;
    int error = 0;

    while (error == 0 && size == 0 && !inflate->ended) {
        if (!inflate->in_header && inflate->broken == 0 &&
            inflate->state.block_state != ISAL_BLOCK_FINISH)
            size = unfold(inflate);
        if (size == 0)
            error = go_on(inflate, failure);
    }
    if (error != 0)
        return error;
    *ret_data = inflate->buffer;
    *ret_size = size;
    return 0;
}

static const struct byte_stream_class inflate_class = {inflate_next};

static struct inflate_stream *create(struct byte_stream *from)
{
    struct inflate_stream *inflate = malloc(sizeof *inflate);

    if (inflate == NULL)
        return NULL;
    /* Not what follows: it is large, and written before it is read. */
    memset(inflate, 0, offsetof(struct inflate_stream, state));
    inflate->stream.class = &inflate_class;
    inflate->from = from;
    inflate->state.next_in = NULL;
    inflate->state.avail_in = 0;
    return inflate;
}

struct inflate_stream *inflate_stream_create(struct byte_stream *from,
                                             const struct inflate_promise *promise)
{
    struct inflate_stream *inflate = create(from);

    if (inflate == NULL)
        return NULL;
    inflate->promise = *promise;
    begin_member(inflate);
    return inflate;
}

struct inflate_stream *gzip_stream_create(struct byte_stream *from, const void *begin, size_t size)
{
    struct inflate_stream *inflate = create(from);

    if (inflate == NULL)
        return NULL;
    inflate->is_gzip = true;
    inflate->state.next_in = without_const(begin);
    inflate->state.avail_in = (uint32_t)size;
    inflate->in_header = true;
    return inflate;
}

struct byte_stream *inflate_stream_bytes(struct inflate_stream *inflate)
{
    return &inflate->stream;
}

bool inflate_stream_is_damaged(const struct inflate_stream *inflate)
{
    return inflate->damaged;
}

bool inflate_stream_has_rest(const struct inflate_stream *inflate)
{
    return inflate != NULL && inflate->has_rest;
}

void inflate_stream_free(struct inflate_stream *inflate)
{
    free(inflate);
}
