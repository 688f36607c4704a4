/* The machines: made, copied, worked at. */
#include "tests/sim/hostile_impl.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/tables.h"

static uint64_t
on_now_ms(void *ctx)
{
	const struct hostile_node *n = ctx;

	return n->h->now_ms + (uint64_t)n->skew_ms;
}

static void
on_random(void *ctx, void *p, size_t len)
{
	prng_fill(&((struct hostile_node *)ctx)->prng, p, len);
}

static const struct catalogue *
catalogue_of(const struct hostile_node *n)
{
	return n->is_bad && (n->h->bad & BAD_OVERSTEPS) != 0 ? tables_catalogue_loose() : tables_catalogue();
}

static bool
node_open(struct hostile_node *n)
{
	struct engine_env env = { n, on_now_ms, on_random };
	struct diag d;
	enum rc rc;

	diag_init(&d);
	if ((rc = engine_configure(n->db, true, &d)) == RC_OK)
		rc = engine_open(&n->engine, n->db, catalogue_of(n), &env, n->seed, &d);
	if (rc != RC_OK)
		hostile_failed(n->h, "node %zu does not open: %s: %s", n->index, rc_name(rc), d.text);
	return rc == RC_OK;
}

static sqlite3 *
db_new(void)
{
	sqlite3 *db = NULL;

	INVARIANT(sqlite3_open(":memory:", &db) == SQLITE_OK);
	return db;
}

static sqlite3 *
db_copy(sqlite3 *from)
{
	sqlite3 *to = db_new();
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");

	INVARIANT(b != NULL);
	INVARIANT(sqlite3_backup_step(b, -1) == SQLITE_DONE);
	INVARIANT(sqlite3_backup_finish(b) == SQLITE_OK);
	return to;
}

void
hostile_node_close(struct hostile_node *n)
{
	engine_close(n->engine);
	n->engine = NULL;
}

/* The other copy of the machine runs from now on. */
void
hostile_node_swap(struct hostile_node *n)
{
	sqlite3 *db = n->db;

	hostile_node_close(n);
	n->db = n->twin;
	n->twin = db;
	(void)node_open(n);
	hostile_told(n->h, "node %zu: its other copy runs", n->index);
}

void
hostile_node_copy(struct hostile_node *n)
{
	n->twin = db_copy(n->db);
	n->h->counts->copies++;
	hostile_told(n->h, "node %zu is copied", n->index);
}

bool
hostile_node_make(struct hostile *h, size_t i, const uint8_t *root_seed)
{
	struct hostile_node *n = &h->nodes[i], *parent = &h->nodes[HOSTILE_PLACES[i].parent];
	struct engine_env env = { n, on_now_ms, on_random };
	struct credential self, chain[CREDENTIAL_CHAIN_MAX];
	struct engine_founding f = { root_seed, n->seed, span_str(HOSTILE_UNITS[0].key), span_str("root") };
	struct engine_joining j = { h->root_pubkey, &self, chain, 0, span_str(HOSTILE_UNITS[0].key),
		span_of(parent->origin, ORIGIN_BYTES) };
	struct diag d;
	enum rc rc;

	diag_init(&d);
	prng_fill(&n->prng, n->seed, SEED_BYTES);
	n->db = db_new();
	rc = engine_configure(n->db, true, &d);
	if (rc == RC_OK && i == PROVINCE) {
		rc = engine_found(n->db, catalogue_of(n), &env, &f, &d);
	} else if (rc == RC_OK) {
		memset(&self, 0, sizeof(self));
		credential_keys(n->seed, self.pubkey);
		(void)snprintf(self.unit, sizeof(self.unit), "%s", HOSTILE_UNITS[HOSTILE_PLACES[i].unit].key);
		(void)snprintf(self.name, sizeof(self.name), "node %zu", i);
		prng_fill(&n->prng, self.invitation, INVITATION_BYTES);
		if ((rc = credential_issue(parent->engine, &self, &d)) == RC_OK &&
		    (rc = credential_save(parent->engine, &self, &d)) == RC_OK &&
		    (rc = credential_chain(parent->engine, self.origin, chain, &j.chain_count, &d)) == RC_OK)
			rc = engine_join(n->db, catalogue_of(n), &env, &j, &d);
	}
	if (rc != RC_OK)
		hostile_failed(h, "node %zu cannot be made: %s: %s", i, rc_name(rc), d.text);
	if (rc != RC_OK || !node_open(n))
		return false;
	memcpy(n->origin, engine_self(n->engine)->origin, ORIGIN_BYTES);
	return true;
}

void
hostile_units_save(struct hostile *h)
{
	struct save_options o = { .author = span_str("an") };
	struct save_result result;
	struct save *s;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	if ((rc = save_begin(h->nodes[PROVINCE].engine, &o, &s, &d)) == RC_OK) {
		for (size_t i = 0; i < sizeof(HOSTILE_UNITS) / sizeof(HOSTILE_UNITS[0]) && rc == RC_OK; i++) {
			struct save_cell cells[] = {
				{ .column = span_str("parent"), .value = HOSTILE_UNITS[i].parent == NULL ? value_null()
				    : value_text(span_str(HOSTILE_UNITS[i].parent)) },
				{ .column = span_str("level"), .value = value_text(span_str(HOSTILE_UNITS[i].level)) },
				{ .column = span_str("name"), .value = value_text(span_str(HOSTILE_UNITS[i].key)) },
			};

			rc = save_row(s, span_str("unit"), span_str(HOSTILE_UNITS[i].key), cells, 3, NULL, &d);
		}
		if (rc == RC_OK)
			rc = save_commit(s, &result, &d);
		else
			save_abandon(s);
	}
	if (rc != RC_OK)
		hostile_failed(h, "units: %s: %s", rc_name(rc), d.text);
}

/* --- work --- */

static void
honest_note(struct hostile *h, uint64_t token)
{
	if (token >= h->honest_cap) {
		size_t cap = h->honest_cap == 0 ? 256 : h->honest_cap * 2;

		h->honest = realloc(h->honest, cap);
		INVARIANT(h->honest != NULL);
		memset(h->honest + h->honest_cap, 0, cap - h->honest_cap);
		h->honest_cap = cap;
	}
	h->honest[token] = 1;
}

/* A page that @n may edit, or NULL. */
static struct page *
page_draw(struct hostile *h, const struct hostile_node *n)
{
	size_t first = h->pages_count == 0 ? 0 : (size_t)prng_below(&h->prng, h->pages_count);

	for (size_t i = 0; i < h->pages_count; i++) {
		struct page *p = &h->pages[(first + i) % h->pages_count];
		sqlite3_stmt *stmt = NULL;
		bool is_there = false;

		if (HOSTILE_PLACES[n->index].unit != p->unit && HOSTILE_PLACES[n->index].level == LEVEL_COMMUNE)
			continue;
		if (sqlite3_prepare_v2(n->db, "SELECT 1 FROM page WHERE id = ?1", -1, &stmt, NULL) == SQLITE_OK) {
			(void)sqlite3_bind_blob(stmt, 1, p->key.b, (int)p->key.n, SQLITE_STATIC);
			is_there = sqlite3_step(stmt) == SQLITE_ROW;
		}
		(void)sqlite3_finalize(stmt);
		if (is_there)
			return p;
	}
	return NULL;
}

/* One save of one page, its title a token that never comes twice: "<who> <number>". */
void
hostile_work(struct hostile *h, struct hostile_node *n, const char *who)
{
	struct save_options o = { .author = span_str("an") };
	uint64_t token = ++h->tokens;
	struct page *p = prng_chance(&h->prng, 1, 2) ? page_draw(h, n) : NULL;
	char title[64];
	struct save_cell cells[] = {
		{ .column = span_str("title"), .value = value_null() },
		{ .column = span_str("unit"),
		    .value = value_text(span_str(HOSTILE_UNITS[HOSTILE_PLACES[n->index].unit].key)) },
	};
	struct save_result result;
	struct save_key key;
	struct save *s;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	(void)snprintf(title, sizeof(title), "%s %" PRIu64, who, token);
	cells[0].value = value_text(span_str(title));
	if ((rc = save_begin(n->engine, &o, &s, &d)) == RC_OK) {
		rc = save_row(s, span_str("page"), p == NULL ? span_of(NULL, 0) : span_of(p->key.b, p->key.n), cells,
		    p == NULL ? 2 : 1, &key, &d);
		if (rc == RC_OK)
			rc = save_commit(s, &result, &d);
		else
			save_abandon(s);
	}
	hostile_told(h, "node %zu saves %s: %s %s", n->index, title, rc_name(rc), rc == RC_OK ? "" : d.text);
	if (rc != RC_OK) {
		if (!n->is_revoked && !n->is_bad && rc != RC_CONFLICT)
			hostile_failed(h, "node %zu cannot save: %s: %s", n->index, rc_name(rc), d.text);
		return;
	}
	h->counts->saves++;
	if (!n->is_bad)
		honest_note(h, token);
	if (p == NULL && h->pages_count < PAGES_MAX)
		h->pages[h->pages_count++] = (struct page){ key, HOSTILE_PLACES[n->index].unit };
}

/* What only the province may write. */
void
hostile_overstep(struct hostile *h, struct hostile_node *n)
{
	struct save_options o = { .author = span_str("z") };
	char text[64];
	struct save_cell cells[] = { { .column = span_str("title"), .value = value_null() } };
	struct save_result result;
	struct save *s;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	(void)snprintf(text, sizeof(text), "forbidden %" PRIu64, ++h->tokens);
	cells[0].value = value_text(span_str(text));
	cells[0].column = span_str(tables_at(TABLES_NOTICE)->columns[0].name);
	if ((rc = save_begin(n->engine, &o, &s, &d)) == RC_OK) {
		rc = save_row(s, span_str("notice"), span_of(NULL, 0), cells, 1, NULL, &d);
		if (rc == RC_OK)
			rc = save_commit(s, &result, &d);
		else
			save_abandon(s);
	}
	hostile_told(h, "node %zu oversteps: %s %s", n->index, rc_name(rc), rc == RC_OK ? "" : d.text);
}
