/* sync/save.h - one save: an officer's form, an import, a command.  All of it or none of it.
 *
 *   save_begin → save_row / save_delete / save_exec … → save_commit
 *
 * Between begin and commit the writing connection holds one transaction.  What changed is captured as it is
 * written (of save_exec's SQL through SQLite's preupdate hook) and becomes one hash-chained commit for each scope
 * touched (one more for every COMMIT_BYTES_MAX when is_bulk), stored in the same transaction; when save_commit answers
 * RC_OK all of it is durable.
 * A save that changed nothing makes no commit and is not an error.
 *
 * Failure: after any error of save_row, save_delete or save_exec the save is dead: only save_abandon is allowed.
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

/* Delete one row.  RC_NOTFOUND when there is none. */
RC_CHECK enum rc save_delete(struct save *s, struct span table, struct span key, struct diag *d);

/* Run @sql (UPDATE, INSERT or DELETE on catalogue tables) inside the save.  An UPDATE or INSERT must set
 * `_v = sync_v()`.  For bulk statements of programs that embed the engine. */
RC_CHECK enum rc save_exec(struct save *s, const char *sql, struct diag *d);

struct engine *save_engine(const struct save *s);

/* End the save; frees @s in every case.  On failure nothing of it remains. */
RC_CHECK enum rc save_commit(struct save *s, struct save_result *r, struct diag *d);
void save_abandon(struct save *s);

#endif
