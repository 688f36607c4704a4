/* sync/save_impl.h - the inside of a save, for save*.c only.
 *
 * A save knows its scopes: for each unit and reach it touches, the stream of ours that its commits go to, and how many
 * commits ("parts") it has begun there.  Whatever writes a row captures what it was and what it becomes.
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

/* One column of a captured row: what stood there before the save, and what stands there now. */
struct save_cell_change {
	uint8_t column;			/* index in the table's columns */
	bool is_forced;			/* replicate even when unchanged */
	struct value old, now;		/* in the save's arena */
};

struct save_captured {
	struct table_plan *plan;
	struct span key;
	bool existed;			/* before the save */
	bool exists;			/* now */
	bool is_minted;			/* its key was made for it */
	bool is_touched;		/* replicate even without columns: "this row stays" */
	uint64_t old_v;			/* when it existed */
	uint64_t now_v;			/* what it carries now: a planned version, or the one it had */
	size_t scope;			/* in the save's scopes */
	struct save_cell_change *cells;	/* columns written; of a new row those not NULL; each once */
	size_t cells_count, cells_cap;
	struct span owner;		/* of a row that existed: whom it names as its owner, in the arena */
	bool has_owner;
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
	struct save_arena arena;
	struct save_captured *rows;
	size_t rows_count, rows_cap;
	uint32_t *slots;		/* hash of rows: index + 1; 0 free */
	size_t slots_count;
	struct save_scope *scopes;
	size_t scopes_count, scopes_cap;
	struct table_plan *plan;	/* of the table written last: rows of one form mostly go to one */
	uint32_t *unique;		/* save_unique.c: hash of new rows by what shall be unique: index + 1; 0 free */
	size_t unique_count;
	const struct table_plan *parent_plan;	/* the parent row looked up last: rows of one form share it */
	struct save_key parent_key;
	unit_id parent_unit;
};

void *save_take(struct save *s, size_t n);
void save_arena_free(struct save *s);
/* Empty it, keeping its first block for the next save. */
void save_arena_trim(struct save *s);

/* capture.c: find or add the row; NULL without memory or beyond SAVE_ROWS_MAX. */
struct save_captured *save_captured(struct save *s, struct table_plan *p, struct span key, bool *is_new);
/* The row when it is captured, or NULL. */
struct save_captured *save_captured_find(struct save *s, const struct catalogue_table *t, struct span key);
/* Make room for that many columns at once. */
bool save_captured_room(struct save *s, struct save_captured *r, size_t columns);
bool save_value_copy(struct save *s, struct value v, struct value *out);
/* Note that a column became @now; @old counts when the column was not noted before.  Values are copied. */
RC_CHECK enum rc save_captured_cell(struct save *s, struct save_captured *r, size_t column, struct value old,
    struct value now, bool is_forced);
/* Note whom the row names as its owner. */
RC_CHECK enum rc save_captured_owner(struct save *s, struct save_captured *r, struct value owner);

/* Find or begin a scope; sets the version that writes into it carry. */
RC_CHECK enum rc save_scope(struct save *s, unit_id u, enum reach reach, size_t *out, struct diag *d);
/* Count one more row of about @bytes into the scope; a bulk save begins a new part when it is full. */
void save_scope_count(struct save *s, size_t scope, size_t bytes);
uint64_t save_scope_version(const struct save *s, size_t scope);

/* save_rows.c: the columns that rows name, in the caller's order. */
struct save_shape {
	struct table_plan *plan;
	uint64_t set;			/* the same as a mask by place in the table */
	size_t count;
	uint8_t at[COLUMNS_MAX];	/* place in the table */
};
/* A sweep stands on a row: capture the change that @cells make of it, and answer.  @now is room for the values. */
struct row_sweep;
struct row_found;
RC_CHECK enum rc save_change_found(struct save *s, const struct row_sweep *w, const struct save_shape *sh,
    const struct save_cell *cells, struct value *now, struct row_found *f, struct diag *d);
/* The columns that a sweep reads when it sets these. */
uint64_t save_change_reads(const struct table_plan *p, uint64_t set);

/* save_write.c: turn what was captured into commits, and bring the rows that are not plain up to date. */
RC_CHECK enum rc save_write(struct save *s, struct save_result *r, bool *is_units, struct diag *d);

/* save_check.c */
RC_CHECK enum rc save_check_cell(struct save *s, const struct table_plan *p, size_t column, struct value v,
    struct diag *d);
RC_CHECK enum rc save_check_cells(struct save *s, const struct save_shape *sh, const struct save_cell *cells,
    bool is_insert, struct diag *d);
RC_CHECK enum rc save_check_unique(struct save *s, struct table_plan *p, const struct value *values, struct span key,
    struct diag *d);
RC_CHECK enum rc save_check_double(const struct table_plan *p, struct diag *d);	/* says that there is one */
/* The same for a row that this save made. */
RC_CHECK enum rc save_unique_new(struct save *s, const struct save_captured *r, struct diag *d);
/* The scope of a row about to be inserted. */
RC_CHECK enum rc save_check_scope(struct save *s, const struct table_plan *p, const struct value *values,
    unit_id *unit, struct diag *d);

#endif
