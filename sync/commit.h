/* sync/commit.h - the bytes of a commit: what is hashed, stored verbatim, and relayed.
 *
 * Format (numbers are varints unless said otherwise; W rules in PROTOCOL.md):
 *
 *   commit   := u8 format (1) · schema · u64 hlc · hlc - txn · blob author
 *               · count(others) · others × origin (8 bytes, ascending)
 *               · count(frontier) · frontier × entry
 *               · count(groups) · groups × group
 *   entry    := u8 flags (1: reach down, 2: unit as in the entry before) · origin (8) · [blob unit] · seq
 *   group    := table · u8 kind (| 0x10: text keys) · count(rows) · [columns] · keys · [prevs] · values
 *   columns  := count · first number · differences - 1        not for deletions
 *   keys     := rows × (text keys: blob; else key)
 *   prevs    := u8 1 · ref                       every row of the group replaces that one version
 *             | u8 0 · rows × (count · refs)     not for first insertions
 *   ref      := origin (0: this stream, n: others[n-1]) · (0: own seq - seq; n: seq)
 *   values   := columns × (u8 coding · values)    codings below; CODE_CONST: one value for all rows
 *   key      := u8 0 (the key before, counter + 1) | u8 1 · signed Δms · signed Δcounter (same origin)
 *             | u8 2 · 16 bytes | u8 3 (the key before again)
 *
 * "The key before" is the last key coded in this commit, of rows or of values; before the first one it is
 * (hlc's ms, hlc's counter << 16 - 1, short origin), which makes the first key a save mints cost one byte.
 * Groups come sorted by (table, kind, columns), rows in a group by key; all insertions into one table are one group,
 * whose columns are those not NULL in some row.  The author's stream, number and previous hash are not in the body: the
 * hash chain covers them.  A body has exactly one form: what commit_emit writes (commit_check_canonical).
 */
#ifndef SYNC_COMMIT_H
#define SYNC_COMMIT_H

#include "save.h"
#include "value.h"

#define COMMIT_ROWS_MAX		2048
#define COMMIT_OTHERS_MAX	255	/* other origins of the same scope that one commit refers to */
#define COMMIT_FRONTIER_MAX	512
#define COMMIT_PREVS_MAX	1024	/* heads of one row */
#define COLUMN_NUMBER_MAX	255

enum commit_kind {
	COMMIT_INSERT = 1,
	COMMIT_UPDATE = 2,	/* without columns: "this row stays", against a deletion */
	COMMIT_DELETE = 3,
	COMMIT_REINSERT = 4,	/* insertion over versions it saw: everything before is superseded */
};

struct commit_ref {
	uint32_t origin;	/* 0: the commit's own stream; n: others[n - 1] in the same scope */
	uint64_t seq;
};

struct commit_op {
	uint16_t table;			/* number in the catalogue */
	enum commit_kind kind;
	bool has_text_key;
	struct span key;
	const uint8_t *columns;		/* numbers, ascending */
	const struct value *values;	/* one for each column; NULL for deletions */
	size_t columns_count;
	const struct commit_ref *prevs;	/* versions of the row that were its heads at the author's */
	size_t prevs_count;
	const struct span *owner;	/* at save: whom the row names as its owner, if known; no part of the commit */
};

struct commit_cause {
	uint8_t origin[ORIGIN_BYTES];
	struct span unit;
	enum reach reach;
	uint64_t seq;
};

struct commit {
	uint64_t schema;
	uint64_t hlc;
	uint64_t txn;			/* clock reading that names the whole save */
	struct span author;
	const uint8_t (*others)[ORIGIN_BYTES];
	size_t others_count;
	struct commit_cause *frontier;
	size_t frontier_count;
	struct commit_op *ops;
	size_t ops_count;
	struct commit_memory *memory;	/* what parse allocated; commit_free */
};

/* Sort @c->ops into canonical order and append the body to @out.  @origin and @seq are the commit's own.  RC_LIMIT
 * when it would exceed COMMIT_BYTES_MAX, COMMIT_ROWS_MAX or another limit above. */
RC_CHECK enum rc commit_emit(struct commit *c, const uint8_t origin[ORIGIN_BYTES], uint64_t seq, struct bytes *out,
    struct diag *d);

/* Decode @body; everything in *@c borrows from @body or is freed by commit_free.  RC_PEER when it is not a commit;
 * *@c is then empty.  Needs no catalogue: unknown tables and columns are decoded like any. */
RC_CHECK enum rc commit_parse(struct commit *c, struct span body, const uint8_t origin[ORIGIN_BYTES], uint64_t seq,
    struct diag *d);
/* The same, but *@c keeps a copy of the bytes and borrows from that. */
RC_CHECK enum rc commit_parse_copy(struct commit *c, struct span body, const uint8_t origin[ORIGIN_BYTES], uint64_t seq,
    struct diag *d);
void commit_free(struct commit *c);
/* Would commit_emit write exactly @body, and does no row stand in it twice in one group?  RC_PEER: no.  Asked once of
 * every received commit. */
RC_CHECK enum rc commit_check_canonical(struct commit *c, struct span body, const uint8_t origin[ORIGIN_BYTES],
    uint64_t seq);

/* Only the clock reading; RC_PEER when @body is too short. */
RC_CHECK enum rc commit_hlc(struct span body, uint64_t *hlc);

/* "origin-hlc" in hex: how people and scripts name a save. */
void commit_name(const uint8_t origin[ORIGIN_BYTES], uint64_t txn, char out[COMMIT_NAME_CHARS + 1]);

/* The op on (@table, @key), or NULL. */
const struct commit_op *commit_op_find(const struct commit *c, uint16_t table, struct span key);
/* The value that @op writes to column @number, or NULL.  (An insertion writes every column: NULL those it does not
 * name.) */
const struct value *commit_op_value(const struct commit_op *op, unsigned number);

#endif
