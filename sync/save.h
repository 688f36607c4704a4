/* sync/save.h - one save: an officer's form, an import, a command.  All of it or none of it.
 *
 *   save_begin → save_rows / save_row / save_delete / save_update … → save_commit
 *
 * Between begin and commit the writing connection holds one transaction.  What changed is captured as it is written
 * and becomes one hash-chained commit for each scope touched (one more for every COMMIT_BYTES_MAX when is_bulk), stored
 * in the same transaction; when save_commit answers RC_OK all of it is durable.
 * A save that changed nothing makes no commit and is not an error.
 *
 * Failure: after any error of save_rows, save_row, save_delete or save_update the save is dead: only save_abandon is
 * allowed.
 */
#ifndef SYNC_SAVE_H
#define SYNC_SAVE_H

#include "engine.h"
#include "value.h"

#define COMMIT_BYTES_MAX	(64 * 1024)
#define COMMIT_NAME_CHARS	33	/* origin in hex, '-', clock reading in hex */

struct save;

struct save_options {
	struct span author;	/* who; at most AUTHOR_BYTES_MAX, may be empty */
	struct span unit; /* key of the unit that new rows are addressed to when they do not say; empty = our own */
	bool is_bulk;		/* may become several commits of one scope */
	/* Called in the save's transaction before anything else of it, or NULL: for the engine's own saves. */
	enum rc (*prelude)(struct engine *e, void *ctx, struct diag *d);
	void *prelude_ctx;
};

struct save_cell {
	struct span column;
	struct value value;
	bool is_forced;		/* replicate even when the value stays the same: it settles a conflict */
	bool is_delta;		/* counter columns: value is added to what stands there */
};

struct save_result {
	char commit[COMMIT_NAME_CHARS + 1];	/* "" when nothing changed */
	size_t commits_count;
	size_t rows_count;
	size_t suggestions_count;	/* cells where a higher level's value goes on standing (POLICY_RANK) */
};

RC_CHECK enum rc save_begin(struct engine *e, const struct save_options *o, struct save **out, struct diag *d);

/* Insert or change the row @key of @table.  An empty @key mints one; *@key_out (may be NULL) receives the key's bytes,
 * at most KEY_TEXT_BYTES_MAX, its length in @key_out_n.  Values are checked against the catalogue. */
struct save_key {
	uint8_t b[KEY_TEXT_BYTES_MAX];
	size_t n;
};
RC_CHECK enum rc save_row(struct save *s, struct span table, struct span key, const struct save_cell *cells,
    size_t cells_count, struct save_key *key_out, struct diag *d);

/* The rows of a form, in order; rows of one table with the same columns that follow each other cost less together than
 * one by one.  @keys has room for @count keys and receives them; a value may lie in the key that an earlier row of the
 * same call gets.  On failure *@failed is the place of the row that was refused. */
struct save_change {
	struct span table;
	struct span key;		/* empty: a new row */
	const struct save_cell *cells;
	size_t cells_count;
};
RC_CHECK enum rc save_rows(struct save *s, const struct save_change *changes, size_t count, struct save_key *keys,
    size_t *failed, struct diag *d);

/* Delete one row.  RC_NOTFOUND when there is none. */
RC_CHECK enum rc save_delete(struct save *s, struct span table, struct span key, struct diag *d);

/* Change all rows of @table that meet @where, SQL over the row's own columns without a subquery (NULL: all rows): each
 * column becomes its expression.  @args are ?1, ?2 … in both.  For bulk changes of programs that embed the engine; the
 * texts are the program's own, what people typed comes as @args. */
struct save_set {
	struct span column;
	const char *expr;
};
struct save_update {
	struct span table;
	const struct save_set *sets;	/* at most one for each column */
	size_t sets_count;
	const char *where;
	const struct value *args;
	size_t args_count;
};
RC_CHECK enum rc save_update(struct save *s, const struct save_update *q, struct diag *d);

struct engine *save_engine(const struct save *s);

/* End the save; frees @s in every case.  On failure nothing of it remains. */
RC_CHECK enum rc save_commit(struct save *s, struct save_result *r, struct diag *d);
void save_abandon(struct save *s);

#endif
