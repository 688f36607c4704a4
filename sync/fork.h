/* sync/fork.h - two different commits under one number: what happens where both histories are known (TRUST.md C9-C11).
 *
 * All but fork_each belong into the open transaction of whoever calls them.  Nothing is ever deleted: a branch that
 * yields goes from the log into sync_evidence, with its seals.
 */
#ifndef SYNC_FORK_H
#define SYNC_FORK_H

#include "stream.h"

/* The other side stands above us: our commits of @s from number @from on yield.  Their rows become what the rest of
 * the log says, and the head of @s is commit @from - 1. */
RC_CHECK enum rc fork_yield(struct engine *e, struct stream *s, uint64_t from, struct diag *d);

/* The other side does not stand above us: keep commit @seq of its branch as evidence; with @signature, its seal there,
 * or NULL. */
RC_CHECK enum rc fork_keep(struct engine *e, const struct stream *s, uint64_t seq, struct span body,
    const uint8_t *signature, struct diag *d);

/* Note that @s forks at number @from, to be told (C11): one row for each stream, the lowest number stands. */
RC_CHECK enum rc fork_note(struct engine *e, const struct stream *s, uint64_t from, bool has_yielded, struct diag *d);

/* Write what yielded of our own again, under our present incarnation (writer, a transaction of its own; C10).  Nothing
 * when there is nothing.  *@count: commits. */
RC_CHECK enum rc fork_write_again(struct engine *e, uint64_t *count, struct diag *d);

/* Everything known of forks, for people (reader too). */
struct fork {
	uint8_t origin[ORIGIN_BYTES];
	struct span unit;
	enum reach reach;
	uint64_t from;			/* the first number under which there are two commits */
	uint64_t found_ms;
	uint64_t commits_ours, commits_theirs;	/* kept as evidence: what yielded here, what did not come to stand */
	bool has_yielded;		/* our branch did */
};
typedef enum rc (*fork_fn)(void *ctx, const struct fork *f);
RC_CHECK enum rc fork_each(struct engine *e, fork_fn fn, void *ctx, struct diag *d);

/* SQL that makes its tables; static. */
const char *fork_tables_ddl(void);

#endif
