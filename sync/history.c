#include "history.h"

#include "engine_impl.h"
#include "merge.h"
#include "row.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	uint64_t hlc, effective, v;
	const uint8_t *origin;
};

struct entries {
	struct entry *list;
	size_t count, cap;
	const struct engine *e;
	const struct stream *s;
};

static enum rc
entry_add(void *ctx, uint64_t seq, struct span body)
{
	struct entries *en = ctx;
	struct entry *grown;

	if (en->count == en->cap) {
		size_t cap = en->cap == 0 ? 256 : en->cap * 2;

		if ((grown = mem_grow(en->list, cap, sizeof(*grown))) == NULL)
			return RC_NOMEM;
		en->list = grown;
		en->cap = cap;
	}
	en->list[en->count].v = VERSION(en->s->sid, seq);
	en->list[en->count].origin = en->s->origin;
	grown = &en->list[en->count++];
	if (commit_hlc(body, &grown->hlc) != RC_OK)
		return RC_CORRUPT;
	grown->effective = clock_effective(en->e, en->s->origin, grown->hlc);
	return RC_OK;
}

static int
entry_cmp(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	int c;

	if (a->effective != b->effective)
		return a->effective < b->effective ? -1 : 1;
	if ((c = memcmp(a->origin, b->origin, ORIGIN_BYTES)) != 0)
		return c;
	if (a->hlc != b->hlc)
		return a->hlc < b->hlc ? -1 : 1;
	return a->v < b->v ? -1 : a->v > b->v;
}

static void
commit_fill(struct engine *e, const struct stream *s, const struct commit *c, struct history_commit *out)
{
	memset(out, 0, sizeof(*out));
	commit_name(s->origin, c->txn, out->commit);
	memcpy(out->origin, s->origin, ORIGIN_BYTES);
	out->unit = s->origin_unit == UNIT_NONE ? span_str("") : unit_key(e, s->origin_unit);
	out->scope_unit = unit_key(e, s->unit);
	out->author = c->author;
	out->hlc = c->hlc;
	out->effective = clock_effective(e, s->origin, c->hlc);
}

/* --- everything ------------------------------------------------------------------------------- */

static size_t
op_changes(const struct catalogue_table *t, const struct commit_op *op, struct history_change *out)
{
	size_t i, n = 0;

	if (op->kind == COMMIT_DELETE) {
		out[n++] = (struct history_change){ .table = t, .key = op->key, .to = value_null() };
		return n;
	}
	for (i = 0; i < op->columns_count; i++) {
		int at = catalogue_column_numbered(t, op->columns[i]);

		if (at >= 0)
			out[n++] = (struct history_change){ .table = t, .key = op->key, .column = &t->columns[at],
			    .to = op->values[i], .is_delta = t->columns[at].policy == POLICY_COUNTER };
	}
	return n;
}

static enum rc
commit_report(struct engine *e, const struct entry *en, struct bytes *body, history_fn fn, void *ctx, struct diag *d)
{
	const struct stream *s = stream_at(e, VERSION_SID(en->v));
	struct history_change *changes;
	struct history_commit out;
	struct commit c;
	size_t i, n = 0;
	enum rc rc;

	bytes_clear(body);
	if ((rc = log_body(e, en->v, body, d)) != RC_OK ||
	    (rc = commit_parse(&c, span_bytes(body), s->origin, VERSION_SEQ(en->v), d)) != RC_OK)
		return rc;
	commit_fill(e, s, &c, &out);
	out.version = en->v;
	for (i = 0; i < c.ops_count; i++)
		n += c.ops[i].columns_count + 1;
	changes = mem_array(n, sizeof(*changes));
	for (i = 0, n = 0; changes != NULL && i < c.ops_count; i++) {
		const struct catalogue_table *t = catalogue_table_numbered(&e->catalogue, c.ops[i].table);

		if (t != NULL)
			n += op_changes(t, &c.ops[i], changes + n);
	}
	out.changes = changes;
	out.changes_count = n;
	rc = changes == NULL ? RC_NOMEM : merge_is_quarantined(e, en->v, &out.is_quarantined, d);
	if (rc == RC_OK)
		rc = fn(ctx, &out);
	mem_free(changes);
	commit_free(&c);
	return rc;
}

enum rc
history_all(struct engine *e, history_fn fn, void *ctx, struct diag *d)
{
	struct entries en = { .e = e };
	struct bytes body;
	uint32_t sid;
	size_t i;
	enum rc rc = RC_OK;

	bytes_init(&body);
	for (sid = 1; sid <= stream_count(e) && rc == RC_OK; sid++) {
		en.s = stream_at(e, sid);
		rc = log_each(e, sid, 1, STREAM_SEQ_MAX, entry_add, &en, d);
	}
	if (rc == RC_OK && en.count > 1)
		qsort(en.list, en.count, sizeof(*en.list), entry_cmp);
	for (i = 0; i < en.count && rc == RC_OK; i++)
		rc = commit_report(e, &en.list[i], &body, fn, ctx, d);
	mem_free(en.list);
	bytes_free(&body);
	return rc;
}

/* --- one row ---------------------------------------------------------------------------------- */

/* What stood in the cell when version @i was written: the newest that it had seen. */
static bool
value_before(const struct merge_set *s, size_t i, size_t column, struct value *out)
{
	size_t j;

	for (j = i; j-- > 0;)
		if (s->versions[j].is_valid && merge_seen(s, i, j) && merge_writes(s, j, column, out))
			return true;
	*out = value_null();
	return false;
}

/* M12.  Lost: it does not show, and a concurrent write does or did, whose author had not seen it. */
static bool
is_lost(const struct merge_set *s, const struct merge_result *m, size_t i, size_t column)
{
	struct value own, other;
	size_t j;

	if (s->t->columns[column].policy == POLICY_COUNTER)
		return false;
	(void)merge_writes(s, i, column, &own);
	if (!s->versions[i].is_valid)
		return true;
	if (value_eq(own, m->values[column]) && m->is_alive)
		return false;
	for (j = 0; j < s->count; j++)
		if (j != i && s->versions[j].is_valid && merge_writes(s, j, column, &other) && !value_eq(own, other) &&
		    !(j < i ? merge_seen(s, i, j) : merge_seen(s, j, i)))
			return true;
	return false;
}

static enum rc
version_report(struct engine *e, const struct merge_set *set, const struct merge_result *m, size_t i, history_fn fn,
    void *ctx)
{
	const struct merge_version *v = &set->versions[i];
	const struct stream *s = stream_at(e, VERSION_SID(v->v));
	struct history_change changes[COLUMNS_MAX + 1];
	struct history_commit out;
	size_t j, n = op_changes(set->t, v->op, changes);

	commit_fill(e, s, &v->commit, &out);
	out.effective = v->at;
	out.version = v->v;
	for (j = 0; j < n; j++) {
		size_t column;

		if (changes[j].column == NULL)
			continue;
		column = (size_t)(changes[j].column - set->t->columns);
		changes[j].has_from = value_before(set, i, column, &changes[j].from);
		changes[j].is_lost = is_lost(set, m, i, column);
	}
	out.is_quarantined = !v->is_valid;
	out.changes = changes;
	out.changes_count = n;
	return fn(ctx, &out);
}

/* Quarantined commits are no heads of anything: find those that wrote this row. */
static enum rc
quarantined_add(struct engine *e, const struct catalogue_table *t, struct span key, struct bytes *heads, struct diag *d)
{
	static const char sql[] = "SELECT v FROM sync_quarantine";
	sqlite3_stmt *stmt = NULL;
	struct bytes body;
	struct commit c;
	enum rc rc = RC_OK;
	int code = sqlite3_prepare_v2(e->db, sql, -1, &stmt, NULL);

	if (code != SQLITE_OK)
		return engine_sqlite_rc(e, code, "reading the quarantine", d);
	bytes_init(&body);
	while (rc == RC_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		uint64_t v = (uint64_t)sqlite3_column_int64(stmt, 0);

		bytes_clear(&body);
		if (!stream_version_ok(e, v))
			rc = diag_fail(d, RC_CORRUPT, "the quarantine names a change that is not in the log");
		if (rc != RC_OK || (rc = log_body(e, v, &body, d)) != RC_OK || (rc = commit_parse(&c, span_bytes(&body),
		    stream_at(e, VERSION_SID(v))->origin, VERSION_SEQ(v), d)) != RC_OK)
			break;
		if (commit_op_find(&c, t->number, key) != NULL)
			bytes_put(heads, &v, sizeof(v));
		commit_free(&c);
	}
	sqlite3_finalize(stmt);
	bytes_free(&body);
	return rc == RC_OK ? bytes_rc(heads) : rc;
}

static enum rc
row_heads(struct engine *e, struct table_plan *p, struct span key, struct bytes *heads, struct diag *d)
{
	struct value values[COLUMNS_MAX];
	unsigned flags;
	uint64_t v;
	enum rc rc = row_entry_get(e, p, key, heads, &flags, d);

	if (rc == RC_NOTFOUND) {
		rc = row_get(e, p, key, values, &v, d);
		if (rc == RC_OK) {
			row_get_done(p);
			bytes_put(heads, &v, sizeof(v));
		}
	}
	if (rc != RC_OK && rc != RC_NOTFOUND)
		return rc;
	if ((rc = quarantined_add(e, p->t, key, heads, d)) != RC_OK)
		return rc;
	return heads->n == 0 ? diag_fail(d, RC_NOTFOUND, "%s: there is no such row, and there never was", p->t->name)
	    : RC_OK;
}

enum rc
history_row(struct engine *e, struct span table, struct span key, history_fn fn, void *ctx, struct diag *d)
{
	const struct catalogue_table *t = catalogue_table_find(&e->catalogue, table);
	struct table_plan *p;
	struct merge_set set;
	struct merge_result m;
	struct bytes heads;
	size_t i;
	enum rc rc;

	if (t == NULL)
		return diag_fail(d, RC_INPUT, "there is no table '%.*s'", (int)(table.n > 60 ? 60 : table.n),
		    (const char *)table.p);
	bytes_init(&heads);
	if ((rc = row_plan_of(e, t, &p, d)) == RC_OK && (rc = row_heads(e, p, key, &heads, d)) == RC_OK &&
	    (rc = merge_gather(e, t, key, (const uint64_t *)(void *)heads.p, heads.n / sizeof(uint64_t), &set, d)) ==
		RC_OK) {
		if ((rc = merge_row(&set, &m)) == RC_OK) {
			for (i = 0; i < set.count && rc == RC_OK; i++)
				rc = version_report(e, &set, &m, i, fn, ctx);
			merge_result_free(&set, &m);
		}
		merge_set_free(&set);
	}
	bytes_free(&heads);
	return rc;
}
