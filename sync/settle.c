#include "settle.h"

#include "merge.h"

#include <string.h>

enum rc
settle_version(struct engine *e, struct table_plan *p, struct span key, uint64_t v, struct diag *d)
{
	bool done;
	enum rc rc = row_update(e, p, key, 0, NULL, v, 0, &done, d);

	return rc == RC_OK && !done ? diag_fail(d, RC_BUG, "%s: a row vanished while it was saved", p->t->name) : rc;
}

/* The heads known so far, then @more. */
static enum rc
heads_collect(struct engine *e, struct table_plan *p, struct span key, const uint64_t *more, size_t more_count,
    struct bytes *heads, unsigned *flags, bool *exists, struct diag *d)
{
	struct value values[COLUMNS_MAX];
	uint64_t v;
	enum rc rc;

	*flags = 0;
	rc = row_get(e, p, key, values, &v, d);
	*exists = rc == RC_OK;
	if (rc == RC_OK)
		row_get_done(p);
	else if (rc != RC_NOTFOUND)
		return rc;
	rc = row_entry_get(e, p, key, heads, flags, d);
	if (rc == RC_NOTFOUND) {
		rc = RC_OK;
		if (*exists)
			bytes_put(heads, &v, sizeof(v));
	}
	bytes_put(heads, more, more_count * sizeof(*more));
	return rc != RC_OK ? rc : bytes_rc(heads);
}

static enum rc
row_store(struct engine *e, struct table_plan *p, struct span key, const struct merge_result *m, bool exists,
    struct diag *d)
{
	uint64_t v = m->heads_count > 0 ? m->heads[m->heads_count - 1] : 0;
	bool done = true;
	enum rc rc = RC_OK;

	if (!m->is_alive) {
		if (exists)
			rc = row_delete(e, p, key, &done, d);
	} else if (exists) {
		rc = row_update(e, p, key, p->all, m->values, v, 0, &done, d);
	} else {
		rc = row_insert(e, p, key, m->values, v, &done, d);
	}
	if (rc == RC_OK && !done)
		rc = diag_fail(d, RC_BUG, "%s: a merged row could not be written", p->t->name);
	if (rc != RC_OK)
		return rc;
	/* No valid version at all: the row never was. */
	if (m->heads_count == 0)
		return row_entry_drop(e, p, key, d);
	if (m->is_alive && m->heads_count == 1 && m->flags == 0)
		return row_entry_drop(e, p, key, d);
	return row_entry_put(e, p, key, m->heads, m->heads_count, m->flags, d);
}

static uint64_t
suggestions_count(const struct merge_set *set, const struct merge_result *m, const uint64_t *more, size_t more_count)
{
	uint64_t n = 0;
	size_t i, j, k;

	for (i = 0; i < set->t->columns_count; i++)
		for (j = 1; j < m->cells[i].candidates_count; j++)
			for (k = 0; k < more_count; k++)
				if (set->t->columns[i].policy == POLICY_RANK &&
				    set->versions[m->cells[i].candidates[j]].v == more[k])
					n++;
	return n;
}

enum rc
settle_row(struct engine *e, struct table_plan *p, struct span key, const uint64_t *more, size_t more_count,
    struct settle_counts *counts, struct diag *d)
{
	struct merge_set set;
	struct merge_result m;
	struct bytes heads;
	unsigned before;
	bool exists;
	enum rc rc;

	bytes_init(&heads);
	rc = heads_collect(e, p, key, more, more_count, &heads, &before, &exists, d);
	if (rc == RC_OK && (rc = merge_gather(e, p->t, key, (const uint64_t *)(void *)heads.p,
	    heads.n / sizeof(uint64_t), &set, d)) == RC_OK) {
		if ((rc = merge_row(&set, &m)) == RC_OK) {
			rc = row_store(e, p, key, &m, exists, d);
			counts->suggestions += suggestions_count(&set, &m, more, more_count);
			if ((m.flags & ROW_OPEN) != 0 && (before & ROW_OPEN) == 0)
				counts->opened++;
			merge_result_free(&set, &m);
		}
		merge_set_free(&set);
	}
	bytes_free(&heads);
	return rc;
}

enum rc
settle_commit(struct engine *e, const struct commit *c, uint64_t v, struct diag *d)
{
	struct settle_counts counts = { 0, 0 };
	const struct catalogue_table *t;
	struct table_plan *p;
	enum rc rc = RC_OK;
	size_t i;

	for (i = 0; i < c->ops_count && rc == RC_OK; i++) {
		t = catalogue_table_numbered(&e->catalogue, c->ops[i].table);
		if (t == NULL || t->has_text_key != c->ops[i].has_text_key)
			continue;	/* it never took effect */
		if ((rc = row_plan_of(e, t, &p, d)) == RC_OK)
			rc = settle_row(e, p, c->ops[i].key, &v, v == 0 ? 0 : 1, &counts, d);
	}
	return rc;
}
