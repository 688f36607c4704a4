/* Judging again, in three steps:
 *   1. control commits, from nothing: rank by rank, the highest first (C3), each rank until nothing more becomes valid.
 *      So whoever is revoked from above loses what he decided before it is looked at, and nobody keeps himself alive;
 *   2. other commits whose circumstances are not those under which they were judged;
 *   3. rows of all commits that changed sides, settled from their versions.
 * Nothing in it depends on the order in which commits came. */
#include "control_judge.h"

#include "control.h"
#include "merge.h"
#include "rank.h"
#include "release.h"
#include "revocation.h"
#include "settle.h"

#include <stdlib.h>
#include <string.h>

struct item {
	uint64_t v;
	struct stream *s;
	struct commit c;
	enum verdict was, now;
	bool is_formed;			/* its form was found good */
	bool is_told;			/* its revocation of itself is taken already */
	struct diag why;
};

/* What judgements of other commits were made under. */
struct circumstances {
	struct origin_entry *origins;
	size_t origins_count;
	unit_id (*edges)[2];
	size_t edges_count;
	uint64_t *released;		/* versions */
	size_t released_count;
};

struct judging {
	struct engine *e;
	struct diag *d;
	struct item *items;
	size_t count, cap;
	uint64_t *controls;		/* their versions, ascending */
	struct circumstances before;
	uint64_t *flips;		/* versions that changed sides */
	size_t flips_count, flips_cap;
	bool is_all;			/* an edge of the tree is gone: everything is judged again */
};

/* --- what was ------------------------------------------------------------------------------------------- */

static enum rc
circumstances_note(struct engine *e, struct circumstances *b)
{
	size_t i, j, edges = 0;

	for (i = 0; i < e->units_count; i++)
		edges += e->units[i].parents_count;
	b->origins = mem_array(e->origins_count + 1, sizeof(*b->origins));
	b->edges = mem_array(edges + 1, sizeof(*b->edges));
	b->released = mem_array(e->releases_count + 1, sizeof(*b->released));
	if (b->origins == NULL || b->edges == NULL || b->released == NULL)
		return RC_NOMEM;
	if (e->origins_count > 0)
		memcpy(b->origins, e->origins, e->origins_count * sizeof(*b->origins));
	b->origins_count = e->origins_count;
	for (i = 0; i < e->units_count; i++)
		for (j = 0; j < e->units[i].parents_count; j++) {
			b->edges[b->edges_count][0] = (unit_id)i;
			b->edges[b->edges_count++][1] = e->units[i].parents[j];
		}
	for (i = 0; i < e->releases_count; i++)
		b->released[b->released_count++] = release_version(e, &e->releases[i]);
	return RC_OK;
}

static void
circumstances_free(struct circumstances *b)
{
	mem_free(b->origins);
	mem_free(b->edges);
	mem_free(b->released);
}

static bool
is_edge_gone(const struct engine *e, const struct circumstances *b)
{
	size_t i;

	for (i = 0; i < b->edges_count; i++)
		if (!unit_edge_is(e, b->edges[i][0], b->edges[i][1]))
			return true;
	return false;
}

/* Does the author of @s serve another unit or level than before? */
static bool
is_author_changed(const struct engine *e, const struct circumstances *b, const struct stream *s)
{
	const struct origin_entry *now = origin_find(e, s->origin);
	size_t i;

	for (i = 0; i < b->origins_count; i++)
		if (memcmp(b->origins[i].origin, s->origin, ORIGIN_BYTES) == 0)
			return now == NULL || now->unit != b->origins[i].unit || now->level != b->origins[i].level;
	return false;
}

/* --- step 1 ------------------------------------------------------------------------------------------------ */

static enum rc
item_step(void *ctx, uint64_t v, const uint8_t *origin, enum verdict verdict, struct span body)
{
	struct judging *j = ctx;
	struct item *grown, *it;
	enum rc rc;

	if (verdict == VERDICT_BROKEN)
		return RC_OK;		/* for good (C5) */
	if (j->count == j->cap) {
		size_t cap = j->cap == 0 ? 64 : j->cap * 2;

		if ((grown = mem_grow(j->items, cap, sizeof(*grown))) == NULL)
			return RC_NOMEM;
		j->items = grown;
		j->cap = cap;
	}
	it = &j->items[j->count];
	memset(it, 0, sizeof(*it));
	it->v = v;
	it->s = stream_at(j->e, VERSION_SID(v));
	it->was = it->now = verdict;
	it->is_formed = verdict != VERDICT_DEFERRED && verdict != VERDICT_STRANGER;
	if ((rc = commit_parse_copy(&it->c, body, origin, VERSION_SEQ(v), j->d)) != RC_OK)
		return rc == RC_PEER ? RC_CORRUPT : rc;
	j->count++;
	return RC_OK;
}

static int
item_cmp(const void *pa, const void *pb)
{
	const struct item *a = pa, *b = pb;

	if (a->c.hlc != b->c.hlc)
		return a->c.hlc < b->c.hlc ? -1 : 1;
	return memcmp(a->s->origin, b->s->origin, ORIGIN_BYTES);
}

static enum rc
item_judge(struct judging *j, struct item *it)
{
	diag_init(&it->why);
	return quarantine_judge(j->e, it->s, &it->c, VERSION_SEQ(it->v), it->is_formed, &it->now, &it->why);
}

/* Whose credentials are proved, whatever they are worth: the order of ranks stands on them. */
static enum rc
forms_find(struct judging *j)
{
	bool is_moving = true, *is_known = mem_array(j->count + 1, sizeof(*is_known));
	size_t i, round;
	enum rc rc = is_known == NULL ? RC_NOMEM : RC_OK;

	/* One round more than it takes, because what a claim is worth shows when its author is known. */
	for (round = 0; rc == RC_OK && (is_moving || round < 2); round++) {
		is_moving = false;
		for (i = 0; i < j->count && rc == RC_OK; i++) {
			struct item *it = &j->items[i];

			if (!it->is_formed && (rc = item_judge(j, it)) != RC_OK)
				break;
			it->is_formed = it->is_formed || (it->now != VERDICT_STRANGER && it->now != VERDICT_BROKEN &&
			    it->now != VERDICT_DEFERRED);
			if (!it->is_formed)
				continue;
			is_moving = is_moving || !is_known[i];
			is_known[i] = true;
			rc = control_know(j->e, it->s->origin, &it->c);
		}
	}
	mem_free(is_known);
	rank_refresh(j->e);
	return rc;
}

static unsigned
item_rank(const struct judging *j, const struct item *it)
{
	const struct origin_entry *by = origin_find(j->e, it->s->origin);

	return by == NULL ? 0 : by->rank;
}

/* A node that revokes itself: before anything else of its rank, because its own other commits depend on it. */
static enum rc
selves_take(struct judging *j, unsigned rank)
{
	bool is_lifted;
	size_t i, k;
	enum rc rc = RC_OK;

	for (i = 0; i < j->count; i++) {
		struct item *it = &j->items[i];

		if (!it->is_formed || item_rank(j, it) != rank)
			continue;
		for (k = 0; k < it->c.ops_count && rc == RC_OK; k++) {
			if (!revocation_is_own(&it->c.ops[k], origin_find(j->e, it->s->origin)))
				continue;
			if (revocation_cut(j->e, it->s, false, NULL) < VERSION_SEQ(it->v) &&
			    ((rc = release_lifts_revocation(j->e, it->s, VERSION_SEQ(it->v), false, &is_lifted,
			    j->d)) != RC_OK || !is_lifted))
				break;
			rc = revocation_take(j->e, &it->c.ops[k], it->s->origin, it->v, it->c.hlc);
		}
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc
rank_judge(struct judging *j, unsigned rank)
{
	bool is_moving = true;
	size_t i;
	enum rc rc = selves_take(j, rank);

	while (rc == RC_OK && is_moving) {
		is_moving = false;
		for (i = 0; i < j->count && rc == RC_OK; i++) {
			struct item *it = &j->items[i];

			if (!it->is_formed || it->is_told || item_rank(j, it) < rank ||
			    (rc = item_judge(j, it)) != RC_OK || it->now != VERDICT_VALID)
				continue;
			it->is_told = is_moving = true;
			rc = control_take(j->e, it->s->origin, &it->c, it->v);
		}
	}
	return rc;
}

static enum rc
ranks_judge(struct judging *j)
{
	unsigned rank = UINT32_MAX, next;
	size_t i;
	bool is_any;
	enum rc rc;

	for (;;) {
		is_any = false;
		next = 0;
		for (i = 0; i < j->count; i++) {
			unsigned r = item_rank(j, &j->items[i]);

			if (r < rank && (!is_any || r > next)) {
				next = r;
				is_any = true;
			}
		}
		if (!is_any)
			return RC_OK;
		rank = next;
		if ((rc = rank_judge(j, rank)) != RC_OK)
			return rc;
	}
}

static enum rc
flip(struct judging *j, uint64_t v)
{
	uint64_t *grown;

	if (j->flips_count == j->flips_cap) {
		size_t cap = j->flips_cap == 0 ? 64 : j->flips_cap * 2;

		if ((grown = mem_grow(j->flips, cap, sizeof(*grown))) == NULL)
			return RC_NOMEM;
		j->flips = grown;
		j->flips_cap = cap;
	}
	j->flips[j->flips_count++] = v;
	return RC_OK;
}

static enum rc
verdict_store(struct judging *j, uint64_t v, enum verdict was, enum verdict now, const struct diag *why)
{
	enum rc rc;

	if (was == now)
		return RC_OK;
	if ((rc = quarantine_put(j->e, v, now, why, j->d)) != RC_OK)
		return rc;
	return was == VERDICT_VALID || now == VERDICT_VALID ? flip(j, v) : RC_OK;
}

static enum rc
control_step(struct judging *j)
{
	size_t i;
	enum rc rc;

	if ((rc = control_each(j->e, item_step, j, j->d)) != RC_OK)
		return rc;
	if ((j->controls = mem_array(j->count + 1, sizeof(*j->controls))) == NULL)
		return RC_NOMEM;
	for (i = 0; i < j->count; i++)
		j->controls[i] = j->items[i].v;
	if (j->count > 1)
		qsort(j->items, j->count, sizeof(*j->items), item_cmp);
	control_clear(j->e);
	if ((rc = origin_clear(j->e, j->d)) != RC_OK || (rc = forms_find(j)) != RC_OK || (rc = ranks_judge(j)) != RC_OK)
		return rc;
	for (i = 0; i < j->count && rc == RC_OK; i++)
		rc = verdict_store(j, j->items[i].v, j->items[i].was, j->items[i].now, &j->items[i].why);
	return rc == RC_OK ? control_load(j->e, j->d) : rc;
}

/* --- step 2 ------------------------------------------------------------------------------------------------ */

static int
version_cmp(const void *a, const void *b)
{
	return *(const uint64_t *)a < *(const uint64_t *)b ? -1 : *(const uint64_t *)a > *(const uint64_t *)b;
}

static bool
is_control(const struct judging *j, uint64_t v)
{
	return j->count > 0 && bsearch(&v, j->controls, j->count, sizeof(v), version_cmp) != NULL;
}

static enum rc
again(struct judging *j, uint64_t v)
{
	struct stream *s = stream_at(j->e, VERSION_SID(v));
	struct quarantine_entry was;
	enum verdict now = VERDICT_VALID;
	struct bytes body;
	struct commit c;
	struct diag why;
	enum rc rc = quarantine_get(j->e, v, &was, j->d);

	if ((rc != RC_OK && rc != RC_NOTFOUND) || was.verdict == VERDICT_BROKEN || is_control(j, v))
		return rc == RC_NOTFOUND ? RC_OK : rc;
	bytes_init(&body);
	diag_init(&why);
	if ((rc = log_body(j->e, v, &body, j->d)) == RC_OK &&
	    (rc = commit_parse(&c, span_bytes(&body), s->origin, VERSION_SEQ(v), j->d)) == RC_OK) {
		rc = quarantine_judge(j->e, s, &c, VERSION_SEQ(v),
		    was.verdict != VERDICT_DEFERRED && was.verdict != VERDICT_STRANGER, &now, &why);
		if (rc == RC_OK)
			rc = verdict_store(j, v, was.verdict, now, &why);
		commit_free(&c);
	}
	bytes_free(&body);
	return rc;
}

static enum rc
versions_list(struct engine *e, uint64_t from, uint64_t to, uint64_t **out, size_t *count, struct diag *d)
{
	static const char sql[] = "SELECT v FROM sync_quarantine WHERE v BETWEEN ?1 AND ?2 ORDER BY v";
	uint64_t *list = NULL, *grown;
	sqlite3_stmt *stmt;
	size_t n = 0, cap = 0;
	enum rc rc = engine_stmt(e, sql, &stmt, d);
	int code = SQLITE_DONE;

	if (rc != RC_OK)
		return rc;
	(void)sqlite3_bind_int64(stmt, 1, (int64_t)from);
	(void)sqlite3_bind_int64(stmt, 2, (int64_t)to);
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (n == cap) {
			cap = cap == 0 ? 64 : cap * 2;
			if ((grown = mem_grow(list, cap, sizeof(*grown))) == NULL) {
				rc = RC_NOMEM;
				break;
			}
			list = grown;
		}
		list[n++] = (uint64_t)sqlite3_column_int64(stmt, 0);
	}
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = engine_sqlite_rc(e, code, "reading the quarantine", d);
	engine_done(stmt);
	*out = list;
	*count = n;
	return rc;
}

/* From which number on may commits of @s be on the wrong side?  (Those in quarantine are looked at anyway.) */
static uint64_t
suspect_from(const struct judging *j, const struct stream *s)
{
	const struct origin_entry *author = origin_find(j->e, s->origin);
	uint64_t cut;

	if (j->is_all || is_author_changed(j->e, &j->before, s) || author == NULL || !author->is_in_force)
		return 1;
	cut = revocation_cut(j->e, s, true, NULL);
	return cut == REVOCATION_NONE ? s->head_seq + 1 : cut + 1;
}

static enum rc
stream_again(struct judging *j, const struct stream *s)
{
	uint64_t *list = NULL, v, from = suspect_from(j, s);
	size_t i, n = 0;
	enum rc rc = versions_list(j->e, VERSION(s->sid, 1), VERSION(s->sid, STREAM_SEQ_MAX), &list, &n, j->d);

	for (i = 0; i < n && rc == RC_OK; i++)
		rc = again(j, list[i]);
	/* In order, so that those just looked at are passed over by one look at the list. */
	for (v = VERSION(s->sid, from), i = 0; v <= VERSION(s->sid, s->head_seq) && rc == RC_OK; v++) {
		while (i < n && list[i] < v)
			i++;
		if (i == n || list[i] != v)
			rc = again(j, v);
	}
	mem_free(list);
	return rc;
}

static enum rc
others_step(struct judging *j)
{
	uint32_t sid;
	size_t i;
	enum rc rc = RC_OK;

	j->is_all = is_edge_gone(j->e, &j->before);
	for (sid = 1; sid <= stream_count(j->e) && rc == RC_OK; sid++)
		rc = stream_again(j, stream_at(j->e, sid));
	for (i = 0; i < j->before.released_count && rc == RC_OK; i++)
		if (j->before.released[i] != 0)
			rc = again(j, j->before.released[i]);
	return rc;
}

/* --- step 3 ------------------------------------------------------------------------------------------------ */

/* The heads so far and @v lead to every version that plays a part: what is invalid and led to by none shows nowhere and
 * links nothing (M2, M17). */
static enum rc
rows_settle(struct judging *j, uint64_t v)
{
	struct engine *e = j->e;
	struct bytes body;
	struct commit c;
	enum rc rc;

	bytes_init(&body);
	if ((rc = log_body(e, v, &body, j->d)) == RC_OK &&
	    (rc = commit_parse(&c, span_bytes(&body), stream_at(e, VERSION_SID(v))->origin, VERSION_SEQ(v),
	    j->d)) == RC_OK) {
		rc = settle_commit(e, &c, v, j->d);
		commit_free(&c);
	}
	bytes_free(&body);
	return rc;
}

/* Rows of authors whose level changed: what shows depends on it (M3). */
static enum rc
levels_flip(struct judging *j)
{
	uint32_t sid;
	uint64_t seq;
	enum rc rc = RC_OK;

	for (sid = 1; sid <= stream_count(j->e); sid++) {
		const struct stream *s = stream_at(j->e, sid);

		for (seq = 1; is_author_changed(j->e, &j->before, s) && seq <= s->head_seq && rc == RC_OK; seq++)
			rc = flip(j, VERSION(sid, seq));
	}
	return rc;
}

static enum rc
judge_run(struct judging *j)
{
	size_t i;
	enum rc rc;

	if ((rc = circumstances_note(j->e, &j->before)) != RC_OK || (rc = control_step(j)) != RC_OK ||
	    (rc = others_step(j)) != RC_OK || (rc = levels_flip(j)) != RC_OK)
		return rc;
	for (i = 0; i < j->flips_count && rc == RC_OK; i++)
		rc = rows_settle(j, j->flips[i]);
	if (rc == RC_OK && j->flips_count > 0)
		rc = unit_reload(j->e, j->d);
	return rc == RC_OK ? clock_follow(j->e, j->d) : rc;
}

enum rc
control_judge_all(struct engine *e, struct diag *d)
{
	struct judging j = { .e = e, .d = d };
	enum rc rc = judge_run(&j);
	size_t i;

	for (i = 0; i < j.count; i++)
		commit_free(&j.items[i].c);
	mem_free(j.items);
	mem_free(j.controls);
	mem_free(j.flips);
	circumstances_free(&j.before);
	return rc;
}
