#include "tests/sim/node.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/own.h"
#include "tests/sim/world.h"

#define PATH "ocop.db"
#define STARVED_ONE_IN 100
#define ALLOCATIONS 60 /* of a call, the one that fails is among the first so many */

static uint64_t
on_now_ms(void *ctx)
{
	const struct node *n = ctx;

	uint64_t now = n->world->now_ms;

	return n->skew_ms < 0 && (uint64_t)-n->skew_ms > now ? 0 : now + (uint64_t)n->skew_ms;
}

static void
on_random(void *ctx, void *p, size_t len)
{
	prng_fill(&((struct node *)ctx)->prng, p, len);
}

static struct engine_env
env_of(struct node *n)
{
	return (struct engine_env){ n, on_now_ms, on_random };
}

static const struct catalogue *
catalogue_of(const struct node *n)
{
	return n->is_liar ? tables_catalogue_loose() : tables_catalogue();
}

struct node *
node_new(struct world *w, int unit, int64_t skew_ms)
{
	struct node *n = calloc(1, sizeof(*n));

	INVARIANT(n != NULL);
	n->world = w;
	n->index = w->nodes_count;
	n->unit = unit;
	n->skew_ms = skew_ms;
	n->disk = disk_new(prng_next(&w->prng));
	prng_seed(&n->prng, prng_next(&w->prng));
	prng_fill(&n->prng, n->seed, SEED_BYTES);
	return n;
}

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	node_stop(n);
	disk_free(n->disk);
	free(n->scratch);
	free(n);
}

bool
node_is_up(const struct node *n)
{
	return n->engine != NULL;
}

void
node_call_begin(struct node *n, enum node_work work)
{
	n->work = work;
	n->is_starved = world_fault(n->world, 1, STARVED_ONE_IN);
	if (n->is_starved)
		mem_fault_set(1 + prng_below(&n->world->prng, ALLOCATIONS));
}

void
node_call_end(struct node *n)
{
	(void)n;
	mem_fault_set(0);
}

bool
node_is_welcome(const struct node *n)
{
	return n->held.held[n->welcome_stream] >= n->welcome_seq;
}

/* --- coming up and going down --- */

static enum rc
db_open(struct node *n, struct diag *d)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_open_v2(PATH, &n->db, flags, disk_vfs_name(n->disk)) != SQLITE_OK)
		return diag_fail(d, RC_DISK, "cannot open the database");
	return engine_configure(n->db, true, d);
}

void
node_stop(struct node *n)
{
	for (size_t i = 0; i < TABLES_COUNT; i++) {
		(void)sqlite3_finalize(n->select[i]);
		n->select[i] = NULL;
	}
	engine_close(n->engine);
	n->engine = NULL;
	if (sqlite3_close(n->db) != SQLITE_OK)
		world_fail(
		    n->world, "close", "node %zu: the engine left a statement open", n->index);
	n->db = NULL;
}

static enum rc
selects_prepare(struct node *n, struct diag *d)
{
	for (unsigned i = 0; i < TABLES_COUNT; i++) {
		const struct catalogue_table *t = tables_at((enum tables_number)i);
		char sql[1024];
		int len = snprintf(sql, sizeof(sql), "SELECT ");

		for (size_t c = 0; c < t->columns_count; c++)
			len += snprintf(sql + len, sizeof(sql) - (size_t)len, "%s%s",
			    c == 0 ? "" : ", ", t->columns[c].name);
		len += snprintf(sql + len, sizeof(sql) - (size_t)len, " FROM %s WHERE %s = ?",
		    t->name, t->key_column);
		INVARIANT(len < (int)sizeof(sql));
		if (sqlite3_prepare_v2(n->db, sql, -1, &n->select[i], NULL) != SQLITE_OK)
			return diag_fail(
			    d, RC_DISK, "preparing %s: %s", sql, sqlite3_errmsg(n->db));
	}
	return RC_OK;
}

enum rc
node_start(struct node *n, struct diag *d)
{
	struct engine_env env = env_of(n);
	enum rc rc;

	INVARIANT(n->engine == NULL);
	if ((rc = db_open(n, d)) != RC_OK)
		goto err0;
	if ((rc = engine_open(&n->engine, n->db, catalogue_of(n), &env, n->seed, d)) != RC_OK)
		goto err0;
	if ((rc = selects_prepare(n, d)) != RC_OK)
		goto err0;
	if (n->names_count == 0) {
		memcpy(n->origin, engine_self(n->engine)->origin, ORIGIN_BYTES);
		memcpy(n->names[n->names_count++], n->origin, ORIGIN_BYTES);
	}
	n->is_joined = true;
	return RC_OK;
err0:
	node_stop(n);
	return rc;
}

enum rc
node_found(struct node *n, const uint8_t root_seed[SEED_BYTES], struct diag *d)
{
	struct engine_env env = env_of(n);
	struct engine_founding f = {
		.root_seed = root_seed,
		.node_seed = n->seed,
		.unit = span_str(n->world->model->units[n->unit].key),
		.name = span_str("root"),
	};
	enum rc rc;

	if ((rc = db_open(n, d)) == RC_OK)
		rc = engine_found(n->db, catalogue_of(n), &env, &f, d);
	node_stop(n);
	return rc == RC_OK ? node_start(n, d) : rc;
}

static enum rc
credential_make(struct node *n, struct node *parent, struct credential *c, struct diag *d)
{
	const struct model_unit *u = &n->world->model->units[n->unit];
	enum rc rc;

	memset(c, 0, sizeof(*c));
	credential_keys(n->seed, c->pubkey);
	credential_origin(c->pubkey, c->incarnation, c->origin);
	memcpy(c->unit, u->key, strlen(u->key) + 1);
	c->level = u->level;
	prng_fill(&n->prng, c->invitation, INVITATION_BYTES);
	(void)snprintf(c->name, sizeof(c->name), "node %zu", n->index);
	if ((rc = credential_issue(parent->engine, c, d)) != RC_OK)
		return rc;
	return credential_save(parent->engine, c, d);
}

enum rc
node_join(struct node *n, struct node *parent, struct diag *d)
{
	struct engine_env env = env_of(n);
	struct credential self, chain[CREDENTIAL_CHAIN_MAX];
	struct engine_joining j = {
		.root_pubkey = n->world->root_pubkey,
		.self = &self,
		.chain = chain,
		.root_unit = span_str(n->world->model->units[0].key),
		.parent_origin = span_of(parent->origin, ORIGIN_BYTES),
	};
	enum rc rc;

	if ((rc = credential_make(n, parent, &self, d)) != RC_OK)
		return rc;
	if ((rc = credential_chain(parent->engine, self.origin, chain, &j.chain_count, d)) != RC_OK)
		return rc;
	if ((rc = db_open(n, d)) == RC_OK)
		rc = engine_join(n->db, catalogue_of(n), &env, &j, d);
	node_stop(n);
	return rc == RC_OK ? node_start(n, d) : rc;
}

/* --- looking in --- */

static int
unit_of_origin(struct node *n, const struct stream *s)
{
	for (size_t i = 0; i < n->world->nodes_count; i++) {
		const struct node *other = n->world->nodes[i];

		if (other->is_joined && own_is_name(other, s->origin))
			return other->unit;
	}
	return -1;
}

void
node_observe(struct node *n, struct model_vector *v, node_on_new on_new)
{
	struct model *m = n->world->model;

	memset(v, 0, sizeof(*v));
	for (uint32_t sid = 1; sid <= stream_count(n->engine); sid++) {
		const struct stream *s = stream_at(n->engine, sid);
		int unit = model_unit_find(m, unit_key(n->engine, s->unit));
		int origin_unit = unit_of_origin(n, s);
		uint32_t stream;

		if (unit < 0 || origin_unit < 0) {
			if (s->head_seq > 0)
				world_fail(
				    n->world, "P6", "node %zu holds commits of nobody", n->index);
			continue;
		}
		stream = model_stream_of(m, s->origin, origin_unit, unit, s->reach);
		while (m->streams[stream].commits_count < s->head_seq)
			if (!on_new(n, s, stream, (uint32_t)m->streams[stream].commits_count + 1))
				return;
		v->held[stream] = (uint32_t)s->head_seq;
	}
}

/* A copy of @v in n->scratch, @*at bytes from its start. */
static struct value
scratch_keep(struct node *n, struct value v, size_t *at)
{
	if (v.s.n == 0)
		return v;
	memcpy(n->scratch + *at, v.s.p, v.s.n);
	v.s.p = n->scratch + *at;
	*at += v.s.n;
	return v;
}

bool
node_row(struct node *n, enum tables_number table, struct value key, struct value *values)
{
	sqlite3_stmt *stmt = n->select[table];
	size_t count = tables_at(table)->columns_count;
	size_t need = 1, at = 0;
	int code;

	if (value_bind(stmt, 1, key) != SQLITE_OK)
		abort();
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		for (size_t c = 0; c < count; c++)
			need += (size_t)sqlite3_column_bytes(stmt, (int)c);
		n->scratch = realloc(n->scratch, need);
		INVARIANT(n->scratch != NULL);
		for (size_t c = 0; c < count; c++)
			values[c] = scratch_keep(n, value_of_column(stmt, (int)c), &at);
	}
	(void)sqlite3_reset(stmt);
	(void)sqlite3_clear_bindings(stmt);
	return code == SQLITE_ROW;
}
