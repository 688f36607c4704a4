/* sync/save_impl.h - the inside of a save, for save*.c and capture.c only.
 *
 * A save knows its scopes: for each unit and reach it touches, the stream of ours that its commits go to, and how many
 * commits ("parts") it has begun there.  Rows are captured as they are first touched: key, and what stood there before.
 * What they became is read once, at commit.
 */
#ifndef SYNC_SAVE_IMPL_H
#define SYNC_SAVE_IMPL_H

#include "commit.h"
#include "row.h"
#include "save.h"

#define SAVE_ROWS_MAX		(1u << 21)
#define SAVE_PART_ROWS		(COMMIT_ROWS_MAX - 8)
#define SAVE_PART_BYTES		(COMMIT_BYTES_MAX - 20 * 1024)	/* a part is closed above this estimate */
#define SAVE_SCOPES_MAX		4096

struct save_arena {			/* memory that lives as long as the save */
	struct save_block *blocks;
	size_t left;
};

struct save_captured {
	struct table_plan *plan;
	struct span key;
	bool existed;
	uint64_t old_v;
	struct value *old;		/* every column; NULL when it did not exist */
	uint64_t forced;		/* columns to replicate even unchanged */
	bool is_forced;			/* a touch without columns: "this row stays" */
	uint64_t new_v;			/* at commit: the version it ends with */
};

struct save_scope {
	unit_id unit;
	enum reach reach;
	struct stream *stream;
	uint64_t base_seq;		/* head of the stream before this save */
	uint32_t part;			/* the one being filled, from 0 */
	size_t part_bytes, part_rows;	/* estimates */
	struct commit_cause *causes;	/* at commit: what its first commit had seen elsewhere */
	size_t causes_count;
};

struct save {
	struct engine *e;
	struct save_options o;
	char author[AUTHOR_BYTES_MAX + 1];
	unit_id unit;			/* where new rows go that do not say */
	uint64_t txn;			/* clock reading that names the save */
	uint64_t mint_hlc;		/* reading and index for minted keys */
	uint32_t mint_index;
	bool is_dead;
	enum rc hook_rc;		/* first failure inside the hook */
	struct save_arena arena;
	struct save_captured *rows;
	size_t rows_count, rows_cap;
	uint32_t *slots;		/* hash of rows: index + 1; 0 free */
	size_t slots_count;
	struct save_scope *scopes;
	size_t scopes_count, scopes_cap;
	size_t exec_scope;		/* scope that save_exec's rows went to last */
	const char *last_name;		/* table of the last captured row */
	struct table_plan *last_plan;
};

void *save_take(struct save *s, size_t n);
void save_arena_free(struct save *s);

/* capture.c: find or add the row; NULL without memory or beyond SAVE_ROWS_MAX. */
struct save_captured *save_captured(struct save *s, struct table_plan *p, struct span key, bool *is_new);
/* Find or begin a scope; sets the version that writes into it carry. */
RC_CHECK enum rc save_scope(struct save *s, unit_id u, enum reach reach, size_t *out, struct diag *d);
/* Count one more row of about @bytes into the scope; a bulk save begins a new part when it is full. */
void save_scope_count(struct save *s, size_t scope, size_t bytes);
uint64_t save_scope_version(const struct save *s, size_t scope);

/* save_write.c: turn what was captured into commits, and bring the rows that are not plain up to date. */
RC_CHECK enum rc save_write(struct save *s, struct save_result *r, bool *is_units, struct diag *d);

/* save_check.c */
RC_CHECK enum rc save_check_cells(struct save *s, const struct catalogue_table *t, const struct save_cell *cells,
    size_t count, bool is_insert, struct diag *d);
RC_CHECK enum rc save_check_unique(struct save *s, struct table_plan *p, const struct value *values, struct span key,
    struct diag *d);
/* The scope of a row about to be inserted. */
RC_CHECK enum rc save_check_scope(struct save *s, const struct catalogue_table *t, const struct value *values,
    unit_id *unit, struct diag *d);

#endif
