/* One received commit: causes held (W29), right to do what it does; then it goes into the log and takes effect or is
 * quarantined (W30).  The frame around it is apply.c's. */
#include "apply_impl.h"

#include "control.h"
#include "frontier.h"
#include "settle.h"

#include <string.h>

static enum rc
causes_check(const struct commit *c, struct diag *d)
{
	size_t i;

	for (i = 0; i < c->frontier_count; i++)
		if (c->frontier[i].seq == 0)
			return diag_fail(d, RC_PEER, "a commit names a cause without a number");
	return RC_OK;
}

/* The tree of units changed: read it again. */
static enum rc
units_follow(struct engine *e, const struct commit *c, struct diag *d)
{
	const struct catalogue_table *units = catalogue_table_find(&e->catalogue, span_str(e->catalogue.unit_table));
	size_t i;

	for (i = 0; i < c->ops_count; i++)
		if (c->ops[i].table == units->number)
			return unit_reload(e, d);
	return RC_OK;
}

/* Clock readings count for something else now. */
static enum rc
clocks_follow(struct engine *e, const struct commit *c, struct diag *d)
{
	size_t i;

	for (i = 0; i < c->ops_count; i++)
		if (c->ops[i].table == clock_table.number)
			return clock_follow(e, d);
	return RC_OK;
}

enum rc
apply_commit_one(struct engine *e, struct stream *s, const struct commit *c, struct span body, struct apply_result *r,
    struct diag *d)
{
	struct diag why;
	enum rc rc;
	enum verdict verdict;
	uint64_t v = VERSION(s->sid, s->head_seq + 1);

	/* Control commits that came before are judged, once, before the first commit that depends on them. */
	if (!control_touches(e, s, c) && (rc = control_follow(e, d)) != RC_OK)
		return rc;
	if ((clock_counts(e, s, VERSION_SEQ(v)) && (rc = frontier_check(e, c, d)) != RC_OK) ||
	    (rc = causes_check(c, d)) != RC_OK)
		return rc;
	if ((rc = log_append(e, s, c->hlc, body, d)) != RC_OK)
		return rc;
	diag_init(&why);
	if ((rc = quarantine_judge(e, s, c, VERSION_SEQ(v), false, &verdict, &why)) != RC_OK)
		return diag_fail(d, rc, "%s", why.text);
	if (verdict != VERDICT_VALID) {
		r->commits_quarantined++;
		rc = quarantine_put(e, v, verdict, &why, d);
		if (rc == RC_OK && verdict != VERDICT_BROKEN && verdict != VERDICT_DEFERRED &&
		    !clock_counts(e, s, VERSION_SEQ(v)))
			rc = settle_commit(e, c, v, d);	/* it may link what came before it (M2) */
	} else if ((rc = apply_rows(e, s, c, v, r, d)) == RC_OK) {
		rc = units_follow(e, c, d);
	}
	if (rc == RC_OK)
		rc = control_written(e, s, c, v, verdict, d);
	return rc == RC_OK && verdict == VERDICT_VALID ? clocks_follow(e, c, d) : rc;
}
