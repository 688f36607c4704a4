/* sync/control.h - judging again (TRUST.md, C4).
 *
 * What commits may do depends on control rows: credentials, revocations, releases, the tree of units.  They come in any
 * order, and some take others back.  So whenever one comes that is more than plain growth, all control commits held are
 * judged anew, from the top down (control_judge.c), and then those commits that this concerns; rows whose commits
 * changed sides are settled again.  The outcome follows from the commits held alone.
 */
#ifndef SYNC_CONTROL_H
#define SYNC_CONTROL_H

#include "quarantine.h"

#define CONTROL_TABLE_MIN 1000	/* the engine's own tables are numbered from here */

/* Does @c, of @s, say something that judgements depend on? */
bool control_touches(const struct engine *e, const struct stream *s, const struct commit *c);

/* @c was appended as @v and judged for the time being.  Plain growth takes effect at once; all else makes
 * control_follow() due. */
RC_CHECK enum rc control_written(struct engine *e, const struct stream *s, const struct commit *c, uint64_t v,
    enum verdict verdict, struct diag *d);

/* Judge again what is due, inside the open transaction and with save_guard() off; nothing when nothing is. */
RC_CHECK enum rc control_follow(struct engine *e, struct diag *d);

/* At open, by a program whose schema is newer than the one that wrote last: judge again what it now knows. */
RC_CHECK enum rc control_grow(struct engine *e, struct diag *d);

/* The versions @from to @to are no longer held. */
RC_CHECK enum rc control_forget(struct engine *e, uint64_t from, uint64_t to, struct diag *d);

/* Read what the valid control commits say into memory: origins, revocations, releases, edges of the tree.  Reader
 * too. */
RC_CHECK enum rc control_load(struct engine *e, struct diag *d);
void control_clear(struct engine *e);
/* What a valid commit of @origin says, into memory; and only the credentials in it, to be known. */
RC_CHECK enum rc control_take(struct engine *e, const uint8_t origin[ORIGIN_BYTES], const struct commit *c, uint64_t v);
RC_CHECK enum rc control_know(struct engine *e, const uint8_t origin[ORIGIN_BYTES], const struct commit *c);

/* Walk all control commits held, by version. */
typedef enum rc (*control_fn)(void *ctx, uint64_t v, const uint8_t origin[ORIGIN_BYTES], enum verdict verdict,
    struct span body);
RC_CHECK enum rc control_each(struct engine *e, control_fn fn, void *ctx, struct diag *d);

#endif
