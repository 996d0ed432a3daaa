/* SPDX-License-Identifier: MIT */
/* Rows as lines and back, and batches of them that a thread sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/target/batch_sender.h"
#include "backends/target/field_lines.h"

#define LINES_LIMIT ((size_t)1 << 24)
#define COLUMNS 3
#define CELL_MOST 40
#define ROWS 500
#define BATCHES 50
#define NO_ROW UINT64_MAX

/* ---- Lines ----------------------------------------------------------------------------------- */

static struct cell random_cell(bool bytes, char *data)
{
    static const char tricky[] = "\\N\t\n\r\b\0xé\"'a";
    size_t size = (size_t)rand() % CELL_MOST;
    bool is_rare = rand() % 2 == 0;

    for (size_t i = 0; i < size; i++) {
        data[i] = bytes ? (char)rand() : tricky[(size_t)rand() % sizeof tricky];
        if (!bytes && is_rare && rand() % 16 != 0)
            data[i] = 'a';
    }
    if (rand() % 5 == 0)
        return (struct cell){.class = CELL_NULL};
    return (struct cell){bytes ? CELL_BYTES : CELL_TEXT, size, data};
}

static void assert_same_cell(const struct cell *one, const struct cell *other)
{
    assert_int_equal(one->class, other->class);
    assert_int_equal(one->size, other->size);
    if (one->size != 0)
        assert_memory_equal(one->data, other->data, one->size);
}

static void test_lines_are_taken_apart_again(void **state)
{
    static const bool is_bytes[COLUMNS] = {false, true, false};
    static char data[ROWS][COLUMNS][CELL_MOST];
    static struct cell cells[ROWS][COLUMNS];
    struct buffer lines = BUFFER(LINES_LIMIT), values = BUFFER(LINES_LIMIT);
    const uint8_t *at;

    (void)state;
    srand(7);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < COLUMNS; i++)
            cells[row][i] = random_cell(is_bytes[i], data[row][i]);
        assert_int_equal(field_lines_add(&lines, cells[row], COLUMNS, false), 0);
    }
    /* Tabs and line feeds stand between; nothing else that the servers read in another way. */
    for (const char *raw = "\b\r"; *raw != '\0'; raw++)
        assert_null(memchr(lines.data, *raw, lines.size));
    assert_null(memchr(lines.data, '\0', lines.size));
    assert_int_equal(buffer_reserve(&values, lines.size), 0);
    at = lines.data;
    for (size_t row = 0; row < ROWS; row++) {
        struct cell back[COLUMNS];

        at = field_lines_take(at, COLUMNS, is_bytes, &values, back);
        for (size_t i = 0; i < COLUMNS; i++)
            assert_same_cell(&cells[row][i], &back[i]);
    }
    assert_ptr_equal(at, lines.data + lines.size);
    buffer_release(&lines);
    buffer_release(&values);
}

/* ---- Batches --------------------------------------------------------------------------------- */

/* What was sent, and what is refused. */
struct receiver {
    struct buffer lines;
    uint64_t refused; /* the batch with this row */
    uint64_t broken;  /* … fails altogether */
    pthread_t sender;
};

static int receive(void *context, struct row_batch *batch, struct failure *failure)
{
    struct receiver *receiver = context;
    size_t size;
    const uint8_t *lines = row_batch_lines(batch, 0, batch->count, &size);

    receiver->sender = pthread_self();
    usleep(500);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->rows[i].number == receiver->refused)
            return 0;
        if (batch->rows[i].number == receiver->broken)
            return failure_set(failure, EIO, "row %llu", (unsigned long long)receiver->broken);
    }
    assert_int_equal(buffer_append(&receiver->lines, lines, size), 0);
    return 1;
}

/* A row of one cell, its number. */
static void add_row(struct batch_sender *sender, uint64_t number, struct buffer *lines)
{
    char text[24];
    struct cell cell = {CELL_NUMBER, (size_t)snprintf(text, sizeof text, "%d", (int)number), text};
    struct load_counts counts = {.put = number};
    struct row_work work = {.counts = &counts, .column_count = 1, .cells = &cell};
    const struct row_sum sum = {.rows = 1, .low = number};

    assert_int_equal(row_batch_add(batch_sender_filling(sender), &work, &cell, &sum, false), 0);
    assert_int_equal(field_lines_add(lines, &cell, 1, false), 0);
}

/* Gives batches of a few rows until one does not go in: what await says of that; else 1. */
static int give_all(struct batch_sender *sender, struct buffer *lines, struct failure *failure)
{
    uint64_t number = 0;

    for (size_t i = 0; i < BATCHES; i++) {
        int sent;

        for (size_t row = 0; row <= i % 7; row++)
            add_row(sender, ++number, lines);
        sent = batch_sender_await(sender, failure);
        if (sent != 1)
            return sent;
        batch_sender_give(sender);
        assert_int_equal(batch_sender_filling(sender)->count, 0);
        assert_int_equal(batch_sender_given(sender)->count, i % 7 + 1);
    }
    return batch_sender_await(sender, failure);
}

static void test_batches_are_sent_in_order(void **state)
{
    struct receiver receiver = {.lines = BUFFER(LINES_LIMIT), .refused = NO_ROW, .broken = NO_ROW};
    struct buffer lines = BUFFER(LINES_LIMIT);
    struct batch_sender sender;

    (void)state;
    assert_int_equal(batch_sender_create(&sender, 1, receive, &receiver), 0);
    assert_int_equal(batch_sender_await(&sender, NULL), 1);
    assert_int_equal(give_all(&sender, &lines, NULL), 1);
    assert_int_equal(batch_sender_await(&sender, NULL), 1);
    assert_int_equal(receiver.lines.size, lines.size);
    assert_memory_equal(receiver.lines.data, lines.data, lines.size);
    assert_false(pthread_equal(receiver.sender, pthread_self()));
    batch_sender_release(&sender);
    buffer_release(&receiver.lines);
    buffer_release(&lines);
}

/* The batch that was refused can be looked at, as can the one that was filled meanwhile. */
static void test_a_refused_batch_is_at_hand(void **state)
{
    struct receiver receiver = {.lines = BUFFER(LINES_LIMIT), .refused = 30, .broken = NO_ROW};
    struct buffer lines = BUFFER(LINES_LIMIT);
    struct batch_sender sender;
    const struct row_batch *given;

    (void)state;
    assert_int_equal(batch_sender_create(&sender, 1, receive, &receiver), 0);
    assert_int_equal(give_all(&sender, &lines, NULL), 0);
    given = batch_sender_given(&sender);
    assert_true(given->rows[0].number <= 30 && given->rows[given->count - 1].number >= 30);
    assert_int_equal(batch_sender_filling(&sender)->rows[0].number,
                     given->rows[given->count - 1].number + 1);
    batch_sender_release(&sender);
    buffer_release(&receiver.lines);
    buffer_release(&lines);
}

static void test_a_failure_keeps_its_words(void **state)
{
    struct receiver receiver = {.lines = BUFFER(LINES_LIMIT), .refused = NO_ROW, .broken = 11};
    struct buffer lines = BUFFER(LINES_LIMIT);
    struct failure failure = {.code = 0};
    struct batch_sender sender;

    (void)state;
    assert_int_equal(batch_sender_create(&sender, 1, receive, &receiver), 0);
    assert_int_equal(give_all(&sender, &lines, &failure), -EIO);
    assert_string_equal(failure.text, "row 11");
    batch_sender_release(&sender);
    buffer_release(&receiver.lines);
    buffer_release(&lines);
}

/* A load that is given up: what is being sent goes to its end, what is filled is not sent. */
static void test_release_waits(void **state)
{
    struct receiver receiver = {.lines = BUFFER(LINES_LIMIT), .refused = NO_ROW, .broken = NO_ROW};
    struct buffer lines = BUFFER(LINES_LIMIT);
    struct batch_sender sender;

    (void)state;
    assert_int_equal(batch_sender_create(&sender, 1, receive, &receiver), 0);
    add_row(&sender, 1, &lines);
    batch_sender_give(&sender);
    add_row(&sender, 2, &lines);
    batch_sender_release(&sender);
    assert_true(receiver.lines.size == 0 ||
                (receiver.lines.size == 2 && memcmp(receiver.lines.data, "1\n", 2) == 0));
    buffer_release(&receiver.lines);
    buffer_release(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_are_taken_apart_again),
        cmocka_unit_test(test_batches_are_sent_in_order),
        cmocka_unit_test(test_a_refused_batch_is_at_hand),
        cmocka_unit_test(test_a_failure_keeps_its_words),
        cmocka_unit_test(test_release_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
