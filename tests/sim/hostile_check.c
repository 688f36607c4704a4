/* What must hold of the honest nodes in the end. */
#include "tests/sim/hostile_impl.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t
number_of(struct hostile_node *n, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	int64_t v = -1;

	if (sqlite3_prepare_v2(n->db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		v = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return v;
}

struct seeing {
	char *seen;
	size_t count;
};

static enum rc
on_history(void *ctx, const struct history_commit *c)
{
	struct seeing *s = ctx;

	for (size_t i = 0; i < c->changes_count; i++) {
		const struct value *v = &c->changes[i].to;
		char text[64];
		uint64_t token;

		if (v->type != VALUE_TEXT || v->s.n >= sizeof(text) || v->s.n < 6 || memcmp(v->s.p, "good ", 5) != 0)
			continue;
		memcpy(text, v->s.p, v->s.n);
		text[v->s.n] = '\0';
		token = strtoull(text + 5, NULL, 10);
		if (token < s->count && !c->is_quarantined)
			s->seen[token] = 1;
	}
	return RC_OK;
}

/* P5, P15: what an honest officer saved has come to the province. */
static void
values_check(struct hostile *h)
{
	struct seeing s = { calloc(h->tokens + 1, 1), h->tokens + 1 };
	struct diag d;

	diag_init(&d);
	INVARIANT(s.seen != NULL);
	if (history_all(h->nodes[PROVINCE].engine, on_history, &s, &d) != RC_OK)
		hostile_failed(h, "history: %s", d.text);
	for (uint64_t t = 1; t <= h->tokens && t < h->honest_cap && !h->has_failed; t++)
		if (h->honest[t] && !s.seen[t])
			hostile_failed(h, "P15: what was saved as 'good %" PRIu64 "' did not come to the province", t);
	free(s.seen);
}

static void
node_check(struct hostile *h, struct hostile_node *n)
{
	struct verify_result r;
	sqlite3 *scratch = NULL;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	INVARIANT(sqlite3_open(":memory:", &scratch) == SQLITE_OK);
	if (number_of(n, "SELECT count(*) FROM notice") != 0)
		hostile_failed(h, "P7: node %zu shows what nobody may write", n->index);
	if (h->nodes[h->bad_at].is_revoked && number_of(n, "SELECT count(*) FROM page WHERE title LIKE 'late %'") != 0)
		hostile_failed(h, "P7: node %zu shows what was written under a revoked key", n->index);
	if ((rc = verify_replica(n->engine, scratch, &r, &d)) != RC_OK)
		hostile_failed(h, "P3: node %zu: verify: %s: %s", n->index, rc_name(rc), d.text);
	(void)sqlite3_close(scratch);
}

/* For whoever looks into a difference: the rows, one a line. */
static enum rc
on_row(void *ctx, const struct digest_row *r)
{
	const struct hostile_node *n = ctx;
	char key[KEY_TEXT_CHARS + 1] = "";

	if (!r->table->has_text_key)
		key_format(r->key.p, key);
	printf("row of %zu: %s %s%.*s deleted %d, siblings %zu:", n->index, r->table->name, key,
	    r->table->has_text_key ? (int)r->key.n : 0, (const char *)r->key.p, r->is_deleted, r->siblings_count);
	for (size_t i = 0; !r->is_deleted && i < r->table->columns_count; i++)
		if (r->values[i].type == VALUE_TEXT)
			printf(" '%.*s'", (int)r->values[i].s.n, (const char *)r->values[i].s.p);
	printf("\n");
	return RC_OK;
}

static void
rows_tell(struct hostile_node *n, struct span unit)
{
	if (n->h->is_verbose && digest_each(n->engine, unit, on_row, n, NULL) != RC_OK)
		printf("the rows of node %zu cannot be read\n", n->index);
}

static void
pair_check(struct hostile *h, struct hostile_node *low, struct hostile_node *high)
{
	struct span unit = span_str(HOSTILE_UNITS[HOSTILE_PLACES[low->index].unit].key);
	uint8_t a[HASH_BYTES], b[HASH_BYTES];
	struct diag d;

	diag_init(&d);
	if (digest_rows(low->engine, unit, a, &d) != RC_OK || digest_rows(high->engine, unit, b, &d) != RC_OK)
		hostile_failed(h, "digest: %s", d.text);
	else if (memcmp(a, b, sizeof(a)) != 0) {
		rows_tell(low, unit);
		rows_tell(high, unit);
		hostile_failed(h, "P3: nodes %zu and %zu differ in what they hold of %s", low->index, high->index,
		    HOSTILE_UNITS[HOSTILE_PLACES[low->index].unit].key);
	}
}

void
hostile_check(struct hostile *h)
{
	for (size_t i = 0; i < NODES && !h->has_failed; i++) {
		struct hostile_node *n = &h->nodes[i];

		if (n->is_bad)
			continue;
		node_check(h, n);
		pair_check(h, n, &h->nodes[PROVINCE]);
		if (memcmp(engine_self(n->engine)->origin, engine_self(n->engine)->base, ORIGIN_BYTES) != 0)
			h->counts->renamed++;
	}
	if (!h->nodes[SECOND_PC].is_bad && !h->nodes[COMMUNE_A1].is_bad)
		pair_check(h, &h->nodes[SECOND_PC], &h->nodes[COMMUNE_A1]);
	if (!h->has_failed)
		values_check(h);
}
