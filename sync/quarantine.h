/* sync/quarantine.h - what was made of a commit (TRUST.md: C1, C5, C6): in force, or quarantined, and why. */
#ifndef SYNC_QUARANTINE_H
#define SYNC_QUARANTINE_H

#include "commit.h"
#include "engine_impl.h"

enum verdict {			/* stored: numbers stay */
	VERDICT_VALID = 0,
	VERDICT_RIGHT = 1,		/* its author lacks the right; may be released */
	VERDICT_REVOKED = 2,		/* beyond the cut of a revocation; may be released */
	VERDICT_NO_CREDENTIAL = 3,	/* its author's credential is not in force */
	VERDICT_BROKEN = 4,		/* for good (C5) */
	VERDICT_DEFERRED = 5,		/* needs a newer schema */
	VERDICT_STRANGER = 6,		/* its author's credential is not known at all */
	VERDICT_OVERREACH = 7,		/* lacks the right to decide over others: never released (C5) */
};

/* The one judgement (C1), of a commit received, saved, judged again or rebuilt: RC_OK and *@out; @why tells a person
 * why it is not in force.  @is_formed: its form was found good before.  Anything else is an error of ours. */
RC_CHECK enum rc quarantine_judge(struct engine *e, const struct stream *s, const struct commit *c, uint64_t seq,
    bool is_formed, enum verdict *out, struct diag *why);

struct quarantine_entry {
	uint64_t v;
	enum verdict verdict;
};
/* RC_NOTFOUND: @v is in force, or not held. */
RC_CHECK enum rc quarantine_get(struct engine *e, uint64_t v, struct quarantine_entry *out, struct diag *d);
RC_CHECK enum rc quarantine_has(struct engine *e, uint64_t v, bool *out, struct diag *d);
RC_CHECK enum rc quarantine_is_empty(struct engine *e, bool *out, struct diag *d);
/* VERDICT_VALID takes it out. */
RC_CHECK enum rc quarantine_put(struct engine *e, uint64_t v, enum verdict verdict, const struct diag *why,
    struct diag *d);

#endif
