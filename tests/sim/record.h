/* tests/sim/record.h - one save as its author sees it: rows before and after, from which the
 * model learns its ops.
 *
 *   record_new → { record_touch → [change the row] } → record_look → [save_commit]
 *     → record_done or record_undone
 *
 * When the machine dies between record_look and the answer, the record waits in n->record, and
 * record_settle decides after the restart: all of it is there, or nothing.
 */
#ifndef TESTS_SIM_RECORD_H
#define TESTS_SIM_RECORD_H

#include "tests/sim/node.h"

struct record_row {
	uint32_t row; /* index into model->rows */
	bool was_there, is_there;
	bool is_kept; /* decided: it stays, against a deletion */
	struct value before[MODEL_COLUMNS_MAX], after[MODEL_COLUMNS_MAX];
	bool is_forced[MODEL_COLUMNS_MAX];
};

struct record {
	char author[AUTHOR_BYTES_MAX + 1];
	bool is_bulk;
	bool is_looked;
	struct model_vector seen;
	struct record_row *rows;
	size_t rows_count, rows_cap;
};

struct record *record_new(struct node *n, const char *author, bool is_bulk);
void record_free(struct record *r);

/* @row is about to change: remember what it is.  Answers its record, borrowed until the next
 * one. */
struct record_row *record_touch(struct node *n, struct record *r, uint32_t row);

/* All changes are made: remember what the rows are now, before the commit. */
void record_look(struct node *n, struct record *r);

/* The save was answered: tell the model.  @name is the answered name; "" after a crash. */
void record_done(struct node *n, struct record *r, const char *name);

/* The save was refused or given up: check that nothing of it remains. */
void record_undone(struct node *n, struct record *r);

/* After a restart: find out which it was, if a record waits. */
void record_settle(struct node *n);

/* The engine saved something by itself (a credential): its commits have no rows of ours. */
void record_own(struct node *n);

#endif
