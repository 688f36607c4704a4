#include "save_impl.h"

#include "control.h"
#include "incarnation.h"
#include "revocation.h"

#include <string.h>

#define SPARE_ROWS_MAX 256	/* a larger save gives its memory back */

void
save_spare_free(struct save *s)
{
	if (s == NULL)
		return;
	save_arena_free(s);
	mem_free(s->rows);
	mem_free(s->slots);
	mem_free(s->scopes);
	mem_free(s);
}

/* A save in the memory of the one before, if that was a small one: forms come one after the other. */
static struct save *
save_alloc(struct engine *e)
{
	struct save *s = e->save_spare, kept;

	if (s == NULL)
		return mem_alloc(sizeof(*s));
	e->save_spare = NULL;
	kept = *s;
	memset(s, 0, sizeof(*s));
	s->arena = kept.arena;
	s->rows = kept.rows;
	s->rows_cap = kept.rows_cap;
	s->slots = kept.slots;
	s->slots_count = kept.slots_count;
	if (s->slots != NULL)
		memset(s->slots, 0, s->slots_count * sizeof(*s->slots));
	s->scopes = kept.scopes;
	s->scopes_cap = kept.scopes_cap;
	return s;
}

enum rc
save_begin(struct engine *e, const struct save_options *o, struct save **out, struct diag *d)
{
	static const uint8_t no_parent[ORIGIN_BYTES];
	const struct revocation *by;
	struct diag told;
	struct save *s;
	enum rc rc;

	*out = NULL;
	INVARIANT(e->save == NULL);
	if (e->is_incarnation_due && (rc = incarnation_take(e, d)) != RC_OK)
		return rc;
	if (o->author.n > AUTHOR_BYTES_MAX)
		return diag_fail(d, RC_INPUT, "the author's name has %zu bytes, at most %d are allowed", o->author.n,
		    AUTHOR_BYTES_MAX);
	if ((s = save_alloc(e)) == NULL)
		return RC_NOMEM;
	s->e = e;
	s->o = *o;
	if (o->author.n > 0)
		memcpy(s->author, o->author.p, o->author.n);
	s->o.author = span_of(s->author, o->author.n);
	s->unit = o->unit.n == 0 ? e->self_unit : unit_find(e, o->unit);
	if (s->unit == UNIT_NONE) {
		rc = diag_fail(d, RC_INPUT, "there is no unit '%.*s' in the list of units",
		    (int)(o->unit.n > 40 ? 40 : o->unit.n), (const char *)o->unit.p);
		goto err0;
	}
	if (!unit_is_within(e, s->unit, e->self_unit)) {
		rc = diag_fail(d, RC_DENIED, "unit %.*s is not below this node's unit %s", (int)o->unit.n,
		    (const char *)o->unit.p, e->self.unit);
		goto err0;
	}
	if ((by = revocation_of(e, e->self.pubkey)) != NULL) {
		revocation_tell(by, &told);
		rc = diag_fail(d, RC_DENIED, "this node was %s", told.text);
		goto err0;
	}
	/* A node's first commit must come after its credential, in clock and in cause. */
	if (!e->is_enrolled && memcmp(e->self.parent, no_parent, ORIGIN_BYTES) != 0) {
		rc = diag_fail(d, RC_CONFLICT, "this node has not yet received its own credential: reconcile with its "
		    "parent once before saving");
		goto err0;
	}
	if ((rc = engine_begin(e, d)) != RC_OK)
		goto err0;
	if (o->prelude != NULL && (rc = o->prelude(e, o->prelude_ctx, d)) != RC_OK) {
		engine_rollback(e);
		goto err0;
	}
	s->txn = s->mint_hlc = engine_tick(e);
	e->save = s;
	save_guard(e, false);
	*out = s;
	return RC_OK;

err0:
	save_spare_free(s);
	return rc;
}

static void
save_free(struct save *s)
{
	struct engine *e = s->e;
	size_t i;

	e->save = NULL;
	e->v_now = 0;
	save_guard(e, true);
	for (i = 0; i < s->scopes_count; i++)
		mem_free(s->scopes[i].causes);
	if (e->save_spare != NULL || s->rows_cap > SPARE_ROWS_MAX || s->scopes_cap > SPARE_ROWS_MAX) {
		save_spare_free(s);
		return;
	}
	save_arena_trim(s);
	e->save_spare = s;
}

struct engine *
save_engine(const struct save *s)
{
	return s->e;
}

void
save_abandon(struct save *s)
{
	struct engine *e = s->e;

	save_free(s);
	engine_rollback(e);
}

static bool
saves_rows_of(const struct save *s, const struct catalogue_table *t)
{
	size_t i;

	for (i = 0; i < s->rows_count; i++)
		if (s->rows[i].plan->t == t)
			return true;
	return false;
}

enum rc
save_commit(struct save *s, struct save_result *r, struct diag *d)
{
	struct engine *e = s->e;
	bool is_units = false, is_clocks;
	enum rc rc;

	memset(r, 0, sizeof(*r));
	rc = s->is_dead ? diag_fail(d, RC_BUG, "a save that failed was committed") : save_write(s, r, &is_units, d);
	is_clocks = rc == RC_OK && saves_rows_of(s, &clock_table);
	save_free(s);
	/* What is kept in memory follows first: once the save is durable, nothing may fail any more. */
	if (rc == RC_OK && is_units && (rc = unit_reload(e, d)) == RC_OK)
		rc = unit_check_tree(e, d);
	if (rc == RC_OK) {
		save_guard(e, false);
		rc = control_follow(e, d);
		if (rc == RC_OK && is_clocks)
			rc = clock_follow(e, d);
		save_guard(e, true);
		e->v_now = 0;
	}
	if (rc == RC_OK && r->commits_count > 0)
		rc = engine_commit_tx(e, d);
	else
		engine_rollback(e);
	return rc;
}
