#include "release.h"

#include "authority.h"
#include "quarantine.h"
#include "revocation.h"
#include "save.h"

#include <string.h>

enum { RELEASE_ORIGIN = 1, RELEASE_UNIT, RELEASE_REACH, RELEASE_SEQ, RELEASE_HASH, RELEASE_LIFTS, RELEASE_NOTE };

static const char *const g_lifts[] = { "right", "revocation", NULL };

static const struct catalogue_column g_columns[] = {
	{ .number = RELEASE_ORIGIN, .name = "origin", .type = COLUMN_BLOB, .policy = POLICY_APPEND, .max = ORIGIN_BYTES,
	  .required = true, .note = "author of the stream" },
	{ .number = RELEASE_UNIT, .name = "unit", .type = COLUMN_TEXT, .policy = POLICY_APPEND, .max = UNIT_BYTES_MAX,
	  .required = true, .note = "whom the stream is addressed to" },
	{ .number = RELEASE_REACH, .name = "reach", .type = COLUMN_INTEGER, .policy = POLICY_APPEND, .min = REACH_UP,
	  .max = REACH_DOWN, .required = true, .note = "0 up, 1 down" },
	{ .number = RELEASE_SEQ, .name = "seq", .type = COLUMN_INTEGER, .policy = POLICY_APPEND, .min = 1,
	  .max = STREAM_SEQ_MAX, .required = true, .note = "number of the commit" },
	{ .number = RELEASE_HASH, .name = "hash", .type = COLUMN_BLOB, .policy = POLICY_APPEND, .max = HASH_BYTES,
	  .required = true, .note = "of the chain there" },
	{ .number = RELEASE_LIFTS, .name = "lifts", .type = COLUMN_TEXT, .policy = POLICY_APPEND, .choices = g_lifts,
	  .required = true, .note = "what is lifted" },
	{ .number = RELEASE_NOTE, .name = "note", .type = COLUMN_TEXT, .policy = POLICY_APPEND, .max = RELEASE_NOTE_MAX,
	  .note = "for people" },
};

const struct catalogue_table release_table = {
	.number = 1002,
	.name = "commit_release",
	.key_column = "id",
	.scope = SCOPE_ROOT,
	.reach = REACH_DOWN,
	.is_insert_only = true,
	.columns = g_columns,
	.columns_count = sizeof(g_columns) / sizeof(g_columns[0]),
	.note = "quarantined commits that take effect after all",
};

/* --- what a row says ------------------------------------------------------------------------------ */

/* Everything but the text of `unit`, which borrows from @op. */
static bool
op_read(const struct commit_op *op, struct release *out, struct span *unit)
{
	const struct value *v[RELEASE_NOTE + 1] = { NULL };
	unsigned i;

	memset(out, 0, sizeof(*out));
	if (op->kind != COMMIT_INSERT)
		return false;
	for (i = RELEASE_ORIGIN; i <= RELEASE_LIFTS; i++)
		if ((v[i] = commit_op_value(op, i)) == NULL)
			return false;
	if (v[RELEASE_ORIGIN]->type != VALUE_BLOB || v[RELEASE_ORIGIN]->s.n != ORIGIN_BYTES ||
	    v[RELEASE_UNIT]->type != VALUE_TEXT || v[RELEASE_UNIT]->s.n == 0 || v[RELEASE_UNIT]->s.n > UNIT_BYTES_MAX ||
	    v[RELEASE_REACH]->type != VALUE_INT || v[RELEASE_REACH]->i < 0 || v[RELEASE_REACH]->i > REACH_DOWN ||
	    v[RELEASE_SEQ]->type != VALUE_INT || v[RELEASE_SEQ]->i < 1 || v[RELEASE_SEQ]->i > (int64_t)STREAM_SEQ_MAX ||
	    v[RELEASE_HASH]->type != VALUE_BLOB || v[RELEASE_HASH]->s.n != HASH_BYTES ||
	    v[RELEASE_LIFTS]->type != VALUE_TEXT)
		return false;
	memcpy(out->origin, v[RELEASE_ORIGIN]->s.p, ORIGIN_BYTES);
	memcpy(out->hash, v[RELEASE_HASH]->s.p, HASH_BYTES);
	out->reach = (enum reach)v[RELEASE_REACH]->i;
	out->seq = (uint64_t)v[RELEASE_SEQ]->i;
	out->lifts = span_eq(v[RELEASE_LIFTS]->s, span_str(g_lifts[0])) ? RELEASE_RIGHT : RELEASE_REVOCATION;
	*unit = v[RELEASE_UNIT]->s;
	return out->lifts == RELEASE_RIGHT || span_eq(v[RELEASE_LIFTS]->s, span_str(g_lifts[1]));
}

enum rc
release_form(const struct commit_op *op, struct diag *why)
{
	struct release r;
	struct span unit;

	return op_read(op, &r, &unit) ? RC_OK : diag_fail(why, RC_DENIED, "a release is malformed");
}

/* Of the root's unit, or of one strictly above the author's. */
static bool
may_decide(const struct engine *e, const struct origin_entry *by, const struct origin_entry *of)
{
	if (by == NULL || of == NULL)
		return false;
	return by->unit == e->root_unit || (by->unit != of->unit && unit_was_within(e, of->unit, by->unit));
}

enum rc
release_check(struct engine *e, const struct stream *s, const struct commit_op *op, struct diag *why)
{
	struct release r;
	struct span unit;

	if (!op_read(op, &r, &unit))
		return RC_BUG;
	return may_decide(e, origin_find(e, s->origin), origin_find(e, r.origin)) ? RC_OK
	    : diag_fail(why, RC_DENIED, "a commit is released by a node of a unit above its author's");
}

enum rc
release_take(struct engine *e, const struct commit_op *op, const uint8_t by[ORIGIN_BYTES])
{
	struct release *r, *grown = mem_grow(e->releases, e->releases_count + 1, sizeof(*grown));
	struct span unit;

	if (grown == NULL)
		return RC_NOMEM;
	e->releases = grown;
	r = &grown[e->releases_count];
	if (!op_read(op, r, &unit))
		return RC_BUG;
	e->releases_count++;
	memcpy(r->by, by, ORIGIN_BYTES);
	bytes_init(&r->unit);
	bytes_put(&r->unit, unit.p, unit.n);
	return bytes_rc(&r->unit);
}

void
release_clear(struct engine *e)
{
	size_t i;

	for (i = 0; i < e->releases_count; i++)
		bytes_free(&e->releases[i].unit);
	mem_free(e->releases);
	e->releases = NULL;
	e->releases_count = 0;
}

bool
release_eq(const struct release *a, const struct release *b)
{
	return memcmp(a->by, b->by, ORIGIN_BYTES) == 0 && memcmp(a->origin, b->origin, ORIGIN_BYTES) == 0 &&
	    memcmp(a->hash, b->hash, HASH_BYTES) == 0 && a->lifts == b->lifts && a->seq == b->seq &&
	    a->reach == b->reach && span_eq(span_bytes(&a->unit), span_bytes(&b->unit));
}

uint64_t
release_version(struct engine *e, const struct release *r)
{
	unit_id u = unit_find(e, span_bytes(&r->unit));
	const struct stream *s = u == UNIT_NONE ? NULL : stream_find(e, r->origin, u, r->reach);

	return s == NULL || r->seq > s->head_seq ? 0 : VERSION(s->sid, r->seq);
}

/* --- does one count for a commit? --------------------------------------------------------------------- */

static enum rc
is_meant(struct engine *e, const struct release *r, const struct stream *s, uint64_t seq, enum release_lifts lifts,
    bool *out, struct diag *d)
{
	uint8_t hash[HASH_BYTES];
	enum rc rc;

	*out = false;
	if (r->seq != seq || r->lifts != lifts || r->reach != s->reach || seq > s->head_seq ||
	    memcmp(r->origin, s->origin, ORIGIN_BYTES) != 0 || !span_eq(span_bytes(&r->unit), unit_key(e, s->unit)) ||
	    !may_decide(e, origin_find(e, r->by), origin_find(e, s->origin)))
		return RC_OK;
	rc = stream_hash_at(e, s, seq, hash, d);
	*out = rc == RC_OK && memcmp(hash, r->hash, HASH_BYTES) == 0;
	return rc;
}

enum rc
release_lifts_right(struct engine *e, const struct stream *s, const struct commit *c, uint64_t seq, bool *out,
    struct diag *d)
{
	const struct origin_entry *by;
	struct stream as;
	struct diag why;
	size_t i;
	enum rc rc = RC_OK;

	*out = false;
	for (i = 0; i < e->releases_count && rc == RC_OK && !*out; i++) {
		if ((rc = is_meant(e, &e->releases[i], s, seq, RELEASE_RIGHT, out, d)) != RC_OK || !*out)
			continue;
		by = origin_find(e, e->releases[i].by);
		if (by->unit == e->root_unit)
			break;
		/* Whoever releases could have written it himself. */
		as = *s;
		as.level = by->level;
		as.origin_unit = by->unit;
		diag_init(&why);
		rc = authority_check(e, &as, c, &why);
		*out = rc == RC_OK;
		if (rc == RC_DENIED)
			rc = RC_OK;
	}
	return rc;
}

/* Does the author of @r stand at or above that of @v? */
static bool
stands_over(const struct engine *e, const struct release *r, const struct revocation *v)
{
	const struct origin_entry *by = origin_find(e, r->by), *of = origin_find(e, v->origin);

	return by != NULL && of != NULL && (by->unit == e->root_unit || unit_was_within(e, of->unit, by->unit));
}

enum rc
release_lifts_revocation(struct engine *e, const struct stream *s, uint64_t seq, bool is_self, bool *out,
    struct diag *d)
{
	const struct origin_entry *entry = origin_find(e, s->origin);
	bool is_lifted = false;
	size_t i, j;
	enum rc rc = RC_OK;

	*out = false;
	for (i = 0; i < e->revocations_count && entry != NULL && e->releases_count > 0; i++) {
		const struct revocation *v = &e->revocations[i];

		if (!revocation_binds(e, v, entry, is_self) || revocation_limit(e, v, s) >= seq)
			continue;
		is_lifted = false;
		for (j = 0; j < e->releases_count && !is_lifted; j++)
			if (stands_over(e, &e->releases[j], v) &&
			    (rc = is_meant(e, &e->releases[j], s, seq, RELEASE_REVOCATION, &is_lifted, d)) != RC_OK)
				return rc;
		if (!is_lifted)
			return RC_OK;
	}
	*out = is_lifted;
	return rc;
}

/* --- saving one ------------------------------------------------------------------------------------------- */

/* What has to be lifted; RC_NOTFOUND, RC_DENIED as told in release.h. */
static enum rc
lifts_of(struct engine *e, uint64_t v, enum release_lifts *out, struct diag *d)
{
	struct quarantine_entry q;
	enum rc rc = RC_NOTFOUND;

	if (VERSION_SID(v) != 0 && VERSION_SID(v) <= stream_count(e))
		rc = quarantine_get(e, v, &q, d);

	if (rc == RC_NOTFOUND)
		return diag_fail(d, rc, "nothing of number %llu waits in the quarantine", (unsigned long long)v);
	if (rc != RC_OK)
		return rc;
	*out = q.verdict == VERDICT_REVOKED ? RELEASE_REVOCATION : RELEASE_RIGHT;
	switch (q.verdict) {
	case VERDICT_RIGHT:
	case VERDICT_REVOKED:
		return RC_OK;
	case VERDICT_DEFERRED:
		return diag_fail(d, RC_DENIED, "that commit needs a newer program, not a release: install it");
	case VERDICT_NO_CREDENTIAL:
		return diag_fail(d, RC_DENIED, "that commit's author has no credential that counts: release the commit "
		    "with its credential first");
	default:
		return diag_fail(d, RC_DENIED, "that commit is broken and can never be released");	/* C5 */
	}
}

enum rc
release_save(struct engine *e, uint64_t v, struct span author, struct span note, struct diag *d)
{
	struct save_options o = { .author = author };
	struct save_cell cells[] = { { .column = span_str("origin") }, { .column = span_str("unit") },
		{ .column = span_str("reach") }, { .column = span_str("seq") }, { .column = span_str("hash") },
		{ .column = span_str("lifts") }, { .column = span_str("note"), .value = value_text(note) } };
	struct save_result result;
	uint8_t hash[HASH_BYTES];
	const struct stream *st;
	enum release_lifts lifts = RELEASE_RIGHT;
	struct save *s;
	bool waits;
	enum rc rc;

	if ((rc = lifts_of(e, v, &lifts, d)) != RC_OK)
		return rc;
	st = stream_at(e, VERSION_SID(v));
	if ((rc = stream_hash_at(e, st, VERSION_SEQ(v), hash, d)) != RC_OK || (rc = save_begin(e, &o, &s, d)) != RC_OK)
		return rc;
	cells[0].value = value_blob(span_of(st->origin, ORIGIN_BYTES));
	cells[1].value = value_text(unit_key(e, st->unit));
	cells[2].value = value_int((int64_t)st->reach);
	cells[3].value = value_int((int64_t)VERSION_SEQ(v));
	cells[4].value = value_blob(span_of(hash, HASH_BYTES));
	cells[5].value = value_text(span_str(g_lifts[lifts - RELEASE_RIGHT]));
	if ((rc = save_row(s, span_str("commit_release"), span_of(NULL, 0), cells, 7, NULL, d)) != RC_OK) {
		save_abandon(s);
		return rc;
	}
	if ((rc = save_commit(s, &result, d)) != RC_OK || (rc = quarantine_has(e, v, &waits, d)) != RC_OK)
		return rc;
	return !waits ? RC_OK : diag_fail(d, RC_DENIED, "the release was saved, but does not suffice: a unit further "
	    "up must decide");
}
