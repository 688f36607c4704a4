/* The second half of a save: drop what did not change, sort the changes by the version they carry, write
 * one commit for each, and bring the rows that are not plain up to date.
 *
 * A row carries the version that was planned when it was written.  Where the plan did not hold (a part stayed empty)
 * the row's version is set right here. */
#include "save_impl.h"

#include "control.h"
#include "frontier.h"
#include "settle.h"

#include <stdlib.h>
#include <string.h>

struct change {
	struct save_captured *row;
	struct table_plan *plan;
	size_t scope;
	uint64_t planned_v;		/* what the row carries now */
	enum commit_kind kind;
	uint8_t *columns;
	struct value *values;
	size_t columns_count;
	uint64_t *heads;		/* versions that it replaces */
	size_t heads_count;
	uint64_t mask;			/* columns written, by place in the table */
	bool is_plain;			/* before: one head, no entry */
};

struct writing {
	struct save *s;
	struct save_result *r;
	struct change *changes;
	size_t count;
};

static void *
keep(struct save *s, const void *p, size_t n)
{
	void *copy = save_take(s, n + 1);

	if (copy != NULL && n > 0)
		memcpy(copy, p, n);
	return copy;
}

/* --- what became of a row --------------------------------------------------------------------- */

/* The columns that an insertion or a change writes; a counter carries what was added. */
static enum rc
change_columns(struct save *s, struct change *c, struct diag *d)
{
	const struct catalogue_table *t = c->plan->t;
	const struct save_captured *r = c->row;
	size_t i;

	c->columns = save_take(s, r->cells_count + 1);
	c->values = save_take(s, (r->cells_count + 1) * sizeof(*c->values));
	if (c->columns == NULL || c->values == NULL)
		return RC_NOMEM;
	for (i = 0; i < r->cells_count; i++) {
		const struct save_cell_change *cell = &r->cells[i];
		struct value v = cell->now;

		if (!r->existed ? v.type == VALUE_NULL : value_eq(v, cell->old) && !cell->is_forced)
			continue;
		if (t->columns[cell->column].policy == POLICY_COUNTER && r->existed && v.type == VALUE_NULL)
			return diag_fail(d, RC_INPUT, "%s.%s counts: set it to 0 instead of emptying it", t->name,
			    t->columns[cell->column].name);
		if (t->columns[cell->column].policy == POLICY_COUNTER && r->existed)
			v = value_int((int64_t)((uint64_t)(v.type == VALUE_INT ? v.i : 0) -
			    (uint64_t)(cell->old.type == VALUE_INT ? cell->old.i : 0)));
		c->values[c->columns_count] = v;
		c->columns[c->columns_count++] = (uint8_t)t->columns[cell->column].number;
		c->mask |= UINT64_C(1) << cell->column;
	}
	return RC_OK;
}

/* Columns go on the wire by ascending number; they were written in any order. */
static void
change_sort(struct change *c)
{
	size_t i, j;

	for (i = 1; i < c->columns_count; i++)
		for (j = i; j > 0 && c->columns[j - 1] > c->columns[j]; j--) {
			uint8_t number = c->columns[j];
			struct value v = c->values[j];

			c->columns[j] = c->columns[j - 1];
			c->values[j] = c->values[j - 1];
			c->columns[j - 1] = number;
			c->values[j - 1] = v;
		}
}

static enum rc
change_heads(struct save *s, struct change *c, struct diag *d)
{
	struct bytes heads;
	unsigned flags;
	enum rc rc;

	bytes_init(&heads);
	rc = row_entry_get(s->e, c->plan, c->row->key, &heads, &flags, d);
	if (rc == RC_OK) {
		c->heads_count = heads.n / sizeof(uint64_t);
		c->heads = keep(s, heads.p, heads.n);
		rc = c->heads == NULL ? RC_NOMEM : RC_OK;
	} else if (rc == RC_NOTFOUND) {
		rc = RC_OK;
		c->is_plain = true;
		if (c->row->existed) {
			c->heads_count = 1;
			c->heads = &c->row->old_v;
		}
	}
	bytes_free(&heads);
	return rc;
}

/* Does the change touch columns that shall be unique together, and is there a row with the same values? */
static enum rc
unique_check(struct save *s, const struct change *c, struct diag *d)
{
	struct value now[COLUMNS_MAX];
	uint64_t v;
	enum rc rc;

	if ((c->plan->unique_mask & c->mask) == 0)
		return RC_OK;
	if (!c->row->existed)
		return save_unique_new(s, c->row, d);
	if ((rc = row_get(s->e, c->plan, c->row->key, now, &v, d)) != RC_OK)
		return rc;
	rc = save_check_unique(s, c->plan, now, c->row->key, d);
	row_get_done(c->plan);
	return rc;
}

/* @is_change says whether anything of the row changed at all. */
static enum rc
change_read(struct save *s, struct save_captured *r, struct change *c, bool *is_change, struct diag *d)
{
	enum rc rc = RC_OK;

	memset(c, 0, sizeof(*c));
	*is_change = false;
	c->row = r;
	c->plan = r->plan;
	if (!r->exists && !r->existed)
		return RC_OK;
	c->kind = !r->exists ? COMMIT_DELETE : r->existed ? COMMIT_UPDATE : COMMIT_INSERT;
	if (r->exists && ((rc = change_columns(s, c, d)) != RC_OK || (rc = unique_check(s, c, d)) != RC_OK))
		return rc;
	if (c->kind == COMMIT_UPDATE && c->columns_count == 0 && !r->is_touched)
		/* Nothing to tell: the row goes back to the version it had. */
		return settle_version(s->e, r->plan, r->key, r->old_v, d);
	*is_change = true;
	c->scope = r->scope;
	/* A deleted row carries no version: it goes with the last part of its scope. */
	c->planned_v = r->exists ? r->now_v : save_scope_version(s, r->scope);
	change_sort(c);
	if ((rc = change_heads(s, c, d)) == RC_OK && c->kind == COMMIT_INSERT && c->heads_count > 0)
		c->kind = COMMIT_REINSERT;
	return rc;
}

/* --- one commit ------------------------------------------------------------------------------- */

struct part {
	struct commit commit;
	uint8_t others[COMMIT_OTHERS_MAX][ORIGIN_BYTES];
	struct stream *stream;
	uint64_t seq;
};

static int
origin_cmp(const void *a, const void *b)
{
	return memcmp(a, b, ORIGIN_BYTES);
}

/* Other origins whose versions the part replaces, sorted; at most COMMIT_OTHERS_MAX. */
static enum rc
others_collect(struct engine *e, struct part *p, const struct change *changes, size_t count, struct diag *d)
{
	size_t i, j, k, n = 0;

	for (i = 0; i < count; i++) {
		for (j = 0; j < changes[i].heads_count; j++) {
			const struct stream *st = stream_at(e, VERSION_SID(changes[i].heads[j]));

			if (st == p->stream)
				continue;
			for (k = 0; k < n && memcmp(p->others[k], st->origin, ORIGIN_BYTES) != 0;)
				k++;
			if (k < n)
				continue;
			if (n == COMMIT_OTHERS_MAX)
				return diag_fail(d, RC_LIMIT, "a save that replaces values of more than %d nodes; "
				    "save it in parts", COMMIT_OTHERS_MAX);
			memcpy(p->others[n++], st->origin, ORIGIN_BYTES);
		}
	}
	if (n > 1)
		qsort(p->others, n, ORIGIN_BYTES, origin_cmp);
	p->commit.others = (const uint8_t (*)[ORIGIN_BYTES])p->others;
	p->commit.others_count = n;
	return RC_OK;
}

static enum rc
op_fill(struct save *s, const struct part *p, const struct change *c, struct commit_op *op)
{
	struct commit_ref *refs = save_take(s, (c->heads_count + 1) * sizeof(*refs));
	size_t j, k;

	if (refs == NULL)
		return RC_NOMEM;
	for (j = 0; j < c->heads_count; j++) {
		const struct stream *st = stream_at(s->e, VERSION_SID(c->heads[j]));

		refs[j].origin = 0;
		refs[j].seq = VERSION_SEQ(c->heads[j]);
		for (k = 0; st != p->stream && k < p->commit.others_count; k++)
			if (memcmp(p->others[k], st->origin, ORIGIN_BYTES) == 0)
				refs[j].origin = (uint32_t)k + 1;
	}
	*op = (struct commit_op){ c->plan->t->number, c->kind, c->plan->t->has_text_key, c->row->key, c->columns,
	    c->values, c->columns_count, refs, c->heads_count, c->row->has_owner ? &c->row->owner : NULL };
	return RC_OK;
}

/* Decode the commit again from its bytes and compare with what was captured. */
static enum rc
part_check(const struct part *p, struct span body, struct diag *d)
{
	struct commit again;
	size_t i, j;
	enum rc rc = commit_parse(&again, body, p->stream->origin, p->seq, d);

	if (rc != RC_OK)
		return diag_fail(d, rc == RC_NOMEM ? rc : RC_BUG, "a commit just made cannot be decoded");
	if (again.ops_count != p->commit.ops_count || again.hlc != p->commit.hlc)
		rc = RC_BUG;
	for (i = 0; i < again.ops_count && rc == RC_OK; i++) {
		const struct commit_op *a = &p->commit.ops[i], *b = &again.ops[i];

		if (a->table != b->table || a->kind != b->kind || !span_eq(a->key, b->key) ||
		    a->prevs_count != b->prevs_count)
			rc = RC_BUG;
		for (j = 0; j < a->columns_count && rc == RC_OK; j++) {
			const struct value *v = commit_op_value(b, a->columns[j]);

			if (v == NULL || !value_eq(*v, a->values[j]))
				rc = RC_BUG;
		}
	}
	commit_free(&again);
	return rc == RC_OK ? rc : diag_fail(d, rc, "a commit just made decodes to something else");
}

static enum rc
part_write(struct writing *w, struct part *p, const struct change *changes, size_t count, bool is_first,
    struct bytes *body, struct diag *d)
{
	struct save *s = w->s;
	struct commit *c = &p->commit;
	enum verdict verdict;
	struct diag why;
	enum rc rc;
	size_t i;

	c->schema = s->e->catalogue.version;
	c->hlc = is_first ? s->txn : engine_tick(s->e);
	c->txn = s->txn;
	c->author = s->o.author;
	if ((rc = others_collect(s->e, p, changes, count, d)) != RC_OK)
		return rc;
	if ((c->ops = save_take(s, (count + 1) * sizeof(*c->ops))) == NULL)
		return RC_NOMEM;
	for (i = 0; i < count; i++)
		if ((rc = op_fill(s, p, &changes[i], &c->ops[i])) != RC_OK)
			return rc;
	c->ops_count = count;
	bytes_clear(body);
	if ((rc = commit_emit(c, s->e->self.origin, p->seq, body, d)) != RC_OK)
		return rc;
	diag_init(&why);
	if ((rc = quarantine_judge(s->e, p->stream, c, p->seq, false, &verdict, &why)) != RC_OK ||
	    verdict != VERDICT_VALID)
		return diag_fail(d, rc != RC_OK ? rc : RC_DENIED, "%s", why.text);
	if ((rc = part_check(p, span_bytes(body), d)) != RC_OK)
		return rc;
	w->r->commits_count++;
	w->r->rows_count += count;
	if ((rc = log_append(s->e, p->stream, c->hlc, span_bytes(body), d)) != RC_OK)
		return rc;
	return control_written(s->e, p->stream, c, VERSION(p->stream->sid, p->seq), verdict, d);
}

/* --- all of it -------------------------------------------------------------------------------- */

static int
change_cmp(const void *pa, const void *pb)
{
	const struct change *a = pa, *b = pb;

	if (a->scope != b->scope)
		return a->scope < b->scope ? -1 : 1;
	if (a->planned_v != b->planned_v)
		return a->planned_v < b->planned_v ? -1 : 1;
	return 0;
}

/* After the commit stands in the log: versions, entries, rows that need the whole merge. */
static enum rc
change_settle(struct writing *w, struct change *c, uint64_t v, struct diag *d)
{
	struct engine *e = w->s->e;
	enum rc rc;

	if (c->kind != COMMIT_DELETE && c->planned_v != v &&
	    (rc = settle_version(e, c->plan, c->row->key, v, d)) != RC_OK)
		return rc;
	if (c->kind == COMMIT_DELETE)
		return row_entry_put(e, c->plan, c->row->key, &v, 1, ROW_DEAD, d);
	if (c->is_plain && (c->kind == COMMIT_INSERT || (c->mask & c->plan->rank) == 0 || e->self.level == LEVEL_MAX))
		return RC_OK;
	{
		struct settle_counts counts = { 0, 0 };

		rc = settle_row(e, c->plan, c->row->key, &v, 1, &counts, d);
		w->r->suggestions_count += counts.suggestions;
	}
	return rc;
}

/* The scope's changes, split where their planned version changes or a commit would grow too large. */
static size_t
part_length(const struct change *changes, size_t count)
{
	size_t n = 1;

	while (n < count && n < COMMIT_ROWS_MAX && changes[n].scope == changes[0].scope &&
	    changes[n].planned_v == changes[0].planned_v)
		n++;
	return n;
}

static enum rc
scope_write(struct writing *w, struct change *changes, size_t count, struct diag *d)
{
	struct save *s = w->s;
	struct save_scope *sc = &s->scopes[changes[0].scope];
	struct part *p = save_take(s, sizeof(*p));
	struct bytes body;
	size_t i, j, n;
	enum rc rc = RC_OK;

	bytes_init(&body);
	if (p == NULL)
		return RC_NOMEM;
	for (i = 0; i < count && rc == RC_OK; i += n) {
		n = s->o.is_bulk ? part_length(changes + i, count - i) : count;
#ifdef BUG_P2_SPLIT_SAVE
		n = 1;
#endif
		memset(&p->commit, 0, sizeof(p->commit));
		p->stream = sc->stream;
		p->seq = sc->stream->head_seq + 1;
		p->commit.frontier = sc->causes;
		p->commit.frontier_count = i == 0 ? sc->causes_count : 0;
		rc = part_write(w, p, changes + i, n, i == 0, &body, d);
		for (j = i; j < i + n && rc == RC_OK; j++)
			rc = change_settle(w, &changes[j], VERSION(sc->stream->sid, p->seq), d);
	}
	bytes_free(&body);
	return rc;
}

static enum rc
domain_check(struct save *s, struct diag *d)
{
	size_t i;
	enum rc rc;

	for (i = 0; i < s->rows_count; i++) {
		struct save_captured *r = &s->rows[i];

		if (r->plan->t->save_check == NULL || !r->exists)
			continue;
		if ((rc = r->plan->t->save_check(&s->e->rules, r->key, !r->existed, d)) != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc
save_write(struct save *s, struct save_result *r, bool *is_units, struct diag *d)
{
	struct writing w = { s, r, NULL, 0 };
	bool is_change;
	size_t i, n;
	enum rc rc = domain_check(s, d);

	if ((w.changes = mem_array(s->rows_count + 1, sizeof(*w.changes))) == NULL)
		return RC_NOMEM;
	for (i = 0; i < s->rows_count && rc == RC_OK; i++) {
		rc = change_read(s, &s->rows[i], &w.changes[w.count], &is_change, d);
		if (rc == RC_OK && is_change) {
			*is_units = *is_units ||
			    strcmp(s->rows[i].plan->t->name, s->e->catalogue.unit_table) == 0;
			w.count++;
		}
	}
	for (i = 1; i < w.count && change_cmp(&w.changes[i - 1], &w.changes[i]) <= 0;)
		i++;
	if (i < w.count)
		qsort(w.changes, w.count, sizeof(*w.changes), change_cmp);
	/* Causes first, for all scopes: the commits of one save are no causes of each other. */
	for (i = 0; i < w.count && rc == RC_OK; i++) {
		struct save_scope *sc = &s->scopes[w.changes[i].scope];

		if (i == 0 || w.changes[i].scope != w.changes[i - 1].scope)
			rc = frontier_collect(s->e, sc->stream, &sc->causes, &sc->causes_count, d);
	}
	for (i = 0; i < w.count && rc == RC_OK; i += n) {
		for (n = 1; i + n < w.count && w.changes[i + n].scope == w.changes[i].scope;)
			n++;
		rc = scope_write(&w, w.changes + i, n, d);
	}
	if (rc == RC_OK && w.count > 0)
		commit_name(s->e->self.origin, s->txn, r->commit);
	mem_free(w.changes);
	return rc;
}
