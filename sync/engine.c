/* Opening: read who we are, the credentials, the units, the streams; recompute the heads from the log.  Failure of any
 * of it leaves nothing open. */
#include "engine_impl.h"

#include "control.h"
#include "clock_hear.h"
#include "credential.h"
#include "exchange_impl.h"
#include "fork.h"
#include "incarnation.h"
#include "release.h"
#include "revocation.h"
#include "row.h"

#include <sodium.h>
#include <string.h>


/* The engine's own replicated tables, behind the user's. */
static const struct catalogue_table *const g_own_tables[] = { &credential_table, &revocation_table,
	&release_table, &clock_table };

enum rc
engine_configure(sqlite3 *db, bool is_writer, struct diag *d)
{
	const char *sql = is_writer
	    ? "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
#ifdef BUG_P1_ACK_BEFORE_COMMIT
	      "PRAGMA synchronous=OFF;"
#endif
	      "PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON; PRAGMA cache_size=-8192;"
	      "PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=67108864;"
	    : "PRAGMA query_only=ON; PRAGMA cache_size=-4096; PRAGMA temp_store=MEMORY;";
	char *message = NULL;
	int code;

	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_busy_timeout(db, 5000);
	(void)sqlite3_extended_result_codes(db, 1);
	code = sqlite3_exec(db, sql, NULL, NULL, &message);
	if (code != SQLITE_OK)
		(void)diag_fail(d, RC_DISK, "cannot prepare the database: %s", message != NULL ? message : "?");
	sqlite3_free(message);
	if (code == SQLITE_OK)
		return RC_OK;
	switch (code & 0xFF) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return RC_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return RC_BUSY;
	case SQLITE_FULL:
		return RC_FULL;
	default:
		return RC_DISK;
	}
}

static enum rc
pragma_int(sqlite3 *db, const char *sql, int64_t *out, struct diag *d)
{
	sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	if (code == SQLITE_ROW)
		return RC_OK;
	code &= 0xFF;
	return diag_fail(d, code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? RC_CORRUPT : RC_DISK,
	    "cannot read the database: %s", sqlite3_errmsg(db));
}

enum rc
engine_probe(sqlite3 *db, const struct catalogue *c, bool *out, struct diag *d)
{
	int64_t tables, id, version;
	enum rc rc;

	if ((rc = pragma_int(db, "SELECT count(*) FROM sqlite_schema", &tables, d)) != RC_OK ||
	    (rc = pragma_int(db, "PRAGMA application_id", &id, d)) != RC_OK ||
	    (rc = pragma_int(db, "PRAGMA user_version", &version, d)) != RC_OK)
		return rc;
	*out = id == ENGINE_APPLICATION_ID;
	if (!*out && tables > 0)
		return diag_fail(d, RC_INPUT, "the database holds something else: it was not made by this program");
	if (*out && version > (int64_t)c->version)
		return diag_fail(d, RC_CONFLICT, "the database has schema version %lld, this program knows %u: "
		    "install the newer program", (long long)version, c->version);
	return RC_OK;
}

/* --- clock, randomness, small values ------------------------------------------------------------------------------ */

uint64_t
engine_now_ms(struct engine *e)
{
	return clock_now_ms(e);
}

uint64_t
engine_env_ms(struct engine *e)
{
	return e->env.now_ms(e->env.ctx);
}

void
engine_random(struct engine *e, void *p, size_t n)
{
	e->env.random(e->env.ctx, p, n);
}

uint64_t
engine_tick(struct engine *e)
{
	return clock_tick(e);
}

enum rc
engine_meta_get(struct engine *e, const char *name, struct bytes *out, struct diag *d)
{
	static const char sql[] = "SELECT value FROM sync_meta WHERE name = ?1";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	code = sqlite3_step(stmt);
	if (code == SQLITE_ROW) {
		struct value v = value_of_column(stmt, 0);

		bytes_put(out, v.s.p, v.s.n);
		rc = bytes_rc(out);
	} else {
		rc = code == SQLITE_DONE ? RC_NOTFOUND : engine_sqlite_rc(e, code, "reading sync_meta", d);
	}
	engine_done(stmt);
	return rc;
}

enum rc
engine_meta_set(struct engine *e, const char *name, struct span value, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_meta(name, value) VALUES(?1, ?2) "
	    "ON CONFLICT(name) DO UPDATE SET value = excluded.value";
	sqlite3_stmt *stmt;
	enum rc rc;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	(void)sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (value_bind(stmt, 2, value_blob(value)) != SQLITE_OK)
		return diag_fail(d, RC_NOMEM, "no memory to save %s", name);
	return engine_run(e, stmt, "writing sync_meta", d);
}

static enum rc
meta_fixed(struct engine *e, const char *name, void *out, size_t n, struct diag *d)
{
	struct bytes b;
	enum rc rc;

	bytes_init(&b);
	rc = engine_meta_get(e, name, &b, d);
	if (rc == RC_NOTFOUND || (rc == RC_OK && b.n != n))
		rc = diag_fail(d, RC_CORRUPT, "the database says nothing of its %s", name);
	if (rc == RC_OK)
		memcpy(out, b.p, n);
	bytes_free(&b);
	return rc;
}

static enum rc
meta_text(struct engine *e, const char *name, char *out, size_t cap, struct diag *d)
{
	struct bytes b;
	enum rc rc;

	bytes_init(&b);
	rc = engine_meta_get(e, name, &b, d);
	if (rc == RC_NOTFOUND || (rc == RC_OK && b.n >= cap))
		rc = diag_fail(d, RC_CORRUPT, "the database says nothing of its %s", name);
	if (rc == RC_OK) {
		memcpy(out, b.p, b.n);
		out[b.n] = '\0';
	}
	bytes_free(&b);
	return rc;
}

/* --- open and close --------------------------------------------------------------------------- */

/* The first credential of our key: later incarnations name it as their issuer. */
static enum rc
base_load(struct engine *e, struct diag *d)
{
	struct engine_identity *self = &e->self;
	const struct origin_entry *issuer;
	struct bytes due;
	struct credential own;
	enum rc rc = credential_own(e, self->origin, &own);

	if (rc != RC_OK)
		return diag_fail(d, rc == RC_NOTFOUND ? RC_CORRUPT : rc,
		    "the database does not hold its own credential");
	issuer = origin_find(e, own.issuer);
	memcpy(self->base, issuer != NULL && memcmp(issuer->pubkey, self->pubkey, PUBKEY_BYTES) == 0 ? own.issuer :
	    self->origin, ORIGIN_BYTES);
	bytes_init(&due);
	rc = engine_meta_get(e, "incarnation_due", &due, d);
	e->is_incarnation_due = rc == RC_OK && due.n > 0 && due.p[0] == '1';
	bytes_free(&due);
	return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc
identity_load(struct engine *e, const uint8_t *node_seed, struct diag *d)
{
	struct engine_identity *self = &e->self;
	const struct origin_entry *own;
	enum rc rc;

	if ((rc = meta_fixed(e, "origin", self->origin, ORIGIN_BYTES, d)) != RC_OK ||
	    (rc = meta_fixed(e, "root_key", self->root_pubkey, PUBKEY_BYTES, d)) != RC_OK ||
	    (rc = meta_fixed(e, "parent", self->parent, ORIGIN_BYTES, d)) != RC_OK ||
	    (rc = meta_text(e, "unit", self->unit, sizeof(self->unit), d)) != RC_OK ||
	    (rc = meta_text(e, "root_unit", self->root_unit, sizeof(self->root_unit), d)) != RC_OK)
		return rc;
	e->self_unit = unit_intern(e, span_str(self->unit));
	e->root_unit = unit_intern(e, span_str(self->root_unit));
	if (e->self_unit == UNIT_NONE || e->root_unit == UNIT_NONE)
		return RC_NOMEM;
	if ((rc = origin_reload(e, d)) != RC_OK)
		return rc;
	if ((own = origin_find(e, self->origin)) == NULL)
		return diag_fail(d, RC_CORRUPT, "the database does not hold its own credential");
	memcpy(self->pubkey, own->pubkey, PUBKEY_BYTES);
	self->level = own->level;
	if ((rc = base_load(e, d)) != RC_OK)
		return rc;
	if (node_seed == NULL)
		return RC_OK;
	{
		uint8_t pubkey[PUBKEY_BYTES];

		(void)crypto_sign_seed_keypair(pubkey, e->sign_key, node_seed);
		if (memcmp(pubkey, self->pubkey, PUBKEY_BYTES) != 0)
			return diag_fail(d, RC_DENIED, "the node's key does not belong to this database: "
			    "bring back the key file that was made with it");
	}
	return RC_OK;
}

static void
engine_free(struct engine *e)
{
	size_t i;

	save_spare_free(e->save_spare);
	statements_fini(&e->rules);
	if (e->exchange_free != NULL)
		e->exchange_free(e->exchange);
	for (i = 0; i < e->stmts_count; i++)
		sqlite3_finalize(e->stmts[i].stmt);
	for (i = 0; i < e->catalogue.tables_count; i++)
		row_plan_free(e->plans[i]);
	for (i = 0; i < e->units_count; i++) {
		mem_free((void *)(uintptr_t)e->units[i].key.p);
		mem_free(e->units[i].parents);
	}
	for (i = 0; i < e->streams_count; i++)
		mem_free(e->streams[i]);
	mem_free(e->units);
	mem_free(e->streams);
	mem_free(e->stream_slots);
	mem_free(e->origins);
	revocation_clear(e);
	release_clear(e);
	clock_free(e);
	sodium_memzero(e->sign_key, sizeof(e->sign_key));
	mem_free(e);
}

static struct engine *
engine_alloc(sqlite3 *db, const struct catalogue *c, const struct engine_env *env)
{
	struct engine *e = mem_alloc(sizeof(*e));
	size_t i;

	if (e == NULL)
		return NULL;
	e->db = db;
	statements_init(&e->rules, db);
	e->env = *env;
	e->catalogue = *c;
	e->catalogue.tables = e->tables;
	for (i = 0; i < c->tables_count; i++)
		e->tables[i] = c->tables[i];
	for (i = 0; i < sizeof(g_own_tables) / sizeof(g_own_tables[0]); i++)
		e->tables[e->catalogue.tables_count++] = g_own_tables[i];
	e->self_unit = e->root_unit = UNIT_NONE;
	return e;
}

static enum rc
exceptions_count(struct engine *e, struct diag *d)
{
	int64_t n = 0;
	enum rc rc = pragma_int(e->db, "SELECT EXISTS(SELECT 1 FROM sync_row)", &n, d);

	e->exceptions = (uint64_t)n;
	return rc;
}

/* What a killed process left in the WAL was perhaps never synced, and after a failed sync the system may have
 * forgotten it: before anybody builds on it or hears of it, it goes to the disk.  The write then begins a new WAL,
 * synced, because the old one may stand on the medium without its last frames, and would hide what is newer in the
 * database.  (It has to change something: SQLite does not write what is the same.)  On a full disk all that waits:
 * the WAL at least is synced. */
static enum rc
wal_to_disk(struct engine *e, struct diag *d)
{
	static const char sql[] = "INSERT INTO sync_meta(name, value) VALUES('wal', x'00') ON CONFLICT(name) "
	    "DO UPDATE SET value = CASE value WHEN x'00' THEN x'01' ELSE x'00' END";
	int code;

#ifdef BUG_P1_TRUST_WAL
	return RC_OK;
#endif
	code = sqlite3_wal_checkpoint_v2(e->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_exec(e->db, sql, NULL, NULL, NULL);
	if ((code & 0xFF) == SQLITE_FULL || (code & 0xFF) == SQLITE_BUSY)
		return RC_OK;
	return engine_sqlite_rc(e, code, "recovering the database", d);
}

enum rc
engine_open(struct engine **out, sqlite3 *db, const struct catalogue *c, const struct engine_env *env,
    const uint8_t *node_seed, struct diag *d)
{
	struct engine *e;
	enum rc rc;
	bool is_node = false;

	*out = NULL;
	if (sodium_init() < 0)
		return diag_fail(d, RC_BUG, "libsodium does not start");
	if ((rc = engine_probe(db, c, &is_node, d)) != RC_OK)
		return rc;
	if (!is_node)
		return diag_fail(d, RC_NOTFOUND, "there is no node in this database: use init or join first");
	if ((e = engine_alloc(db, c, env)) == NULL)
		return RC_NOMEM;
	e->is_writer = node_seed != NULL;
	if ((e->is_writer && (rc = wal_to_disk(e, d)) != RC_OK) ||
	    (rc = engine_functions(e, d)) != RC_OK ||
	    (rc = identity_load(e, node_seed, d)) != RC_OK ||
	    (rc = unit_reload(e, d)) != RC_OK ||
	    (rc = stream_reload(e, d)) != RC_OK ||
	    (rc = clock_load(e, d)) != RC_OK ||
	    (rc = exceptions_count(e, d)) != RC_OK)
		goto err0;
	if (e->is_writer && ((rc = control_grow(e, d)) != RC_OK || (rc = credential_save_own(e, d)) != RC_OK ||
	    (e->is_incarnation_due && (rc = incarnation_take(e, d)) != RC_OK) ||
	    (rc = clock_hear_nobody(e, d)) != RC_OK))
		goto err0;
	*out = e;
	return RC_OK;

err0:
	engine_close(e);
	return rc;
}

void
engine_close(struct engine *e)
{
	if (e == NULL)
		return;
	engine_rollback(e);
	(void)sqlite3_preupdate_hook(e->db, NULL, NULL);
	(void)sqlite3_commit_hook(e->db, NULL, NULL);
	engine_free(e);
}

/* --- making a node ---------------------------------------------------------------------------- */

static enum rc
tables_create(struct engine *e, struct diag *d)
{
	struct bytes sql;
	size_t i;
	enum rc rc;

	bytes_init(&sql);
	bytes_str(&sql, engine_ddl());
	bytes_str(&sql, exchange_tables_ddl());
	bytes_str(&sql, receipt_tables_ddl());
	bytes_str(&sql, fork_tables_ddl());
	bytes_str(&sql, clock_tables_ddl());
	for (i = 0; i < e->catalogue.tables_count; i++)
		catalogue_ddl(e->tables[i], &sql);
	for (i = 0; e->catalogue.ddl_extra != NULL && e->catalogue.ddl_extra[i] != NULL; i++)
		bytes_fmt(&sql, "%s;\n", e->catalogue.ddl_extra[i]);
	bytes_fmt(&sql, "PRAGMA application_id=%d; PRAGMA user_version=%u;", ENGINE_APPLICATION_ID,
	    e->catalogue.version);
	rc = bytes_cstr(&sql) == NULL ? RC_NOMEM : engine_exec(e, (char *)sql.p, d);
	bytes_free(&sql);
	return rc;
}

/* What makes a database a node: tables, identity, and the credentials needed to trust the first frames. */
struct making {
	const uint8_t *root_pubkey;
	const struct credential *self;
	const struct credential *chain;
	size_t chain_count;
	struct span root_unit;
	const uint8_t *parent;
};

static enum rc
node_make(sqlite3 *db, const struct catalogue *c, const struct engine_env *env, const struct making *m, struct diag *d)
{
	struct engine *e;
	struct bytes chain;
	bool is_node = false;
	enum rc rc;
	size_t i;

	if ((rc = catalogue_sanity(c, d)) != RC_OK || (rc = engine_probe(db, c, &is_node, d)) != RC_OK)
		return rc;
	if (is_node)
		return diag_fail(d, RC_CONFLICT, "this database holds a node already");
	if ((e = engine_alloc(db, c, env)) == NULL)
		return RC_NOMEM;
	bytes_init(&chain);
	credential_emit(m->self, &chain);
	for (i = 0; i < m->chain_count; i++)
		credential_emit(&m->chain[i], &chain);
	e->is_writer = true;
	if ((rc = bytes_rc(&chain)) == RC_OK && (rc = engine_functions(e, d)) == RC_OK &&
	    (rc = engine_begin(e, d)) == RC_OK &&
	    (rc = tables_create(e, d)) == RC_OK &&
	    (rc = engine_meta_set(e, "origin", span_of(m->self->origin, ORIGIN_BYTES), d)) == RC_OK &&
	    (rc = engine_meta_set(e, "root_key", span_of(m->root_pubkey, PUBKEY_BYTES), d)) == RC_OK &&
	    (rc = engine_meta_set(e, "parent", span_of(m->parent, ORIGIN_BYTES), d)) == RC_OK &&
	    (rc = engine_meta_set(e, "unit", span_str(m->self->unit), d)) == RC_OK &&
	    (rc = engine_meta_set(e, "root_unit", m->root_unit, d)) == RC_OK &&
	    (rc = engine_meta_set(e, "chain", span_bytes(&chain), d)) == RC_OK)
		rc = engine_commit_tx(e, d);
	if (rc != RC_OK && e->is_in_tx) {
		e->is_in_tx = false;	/* nothing to reload: there is no node */
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	}
	bytes_free(&chain);
	engine_close(e);
	return rc;
}

enum rc
engine_found(sqlite3 *db, const struct catalogue *c, const struct engine_env *env, const struct engine_founding *f,
    struct diag *d)
{
	static const uint8_t no_parent[ORIGIN_BYTES];
	struct credential self;
	uint8_t root_pubkey[PUBKEY_BYTES];
	struct making m = { root_pubkey, &self, NULL, 0, f->unit, no_parent };

	if (sodium_init() < 0)
		return diag_fail(d, RC_BUG, "libsodium does not start");
	if (f->unit.n == 0 || f->unit.n > UNIT_BYTES_MAX || f->name.n > AUTHOR_BYTES_MAX)
		return diag_fail(d, RC_INPUT, "the unit or the node's name is too long");
	credential_root(f, root_pubkey, &self);
	return node_make(db, c, env, &m, d);
}

enum rc
engine_join(sqlite3 *db, const struct catalogue *c, const struct engine_env *env, const struct engine_joining *j,
    struct diag *d)
{
	struct making m = { j->root_pubkey, j->self, j->chain, j->chain_count, j->root_unit, j->parent_origin.p };
	enum rc rc;

	if (sodium_init() < 0)
		return diag_fail(d, RC_BUG, "libsodium does not start");
	if (j->parent_origin.n != ORIGIN_BYTES || j->root_unit.n == 0 || j->root_unit.n > UNIT_BYTES_MAX)
		return diag_fail(d, RC_INPUT, "the invitation names no parent or no root unit");
	if ((rc = credential_chain_check(j->self, j->chain, j->chain_count, j->root_pubkey, d)) != RC_OK)
		return rc;
	return node_make(db, c, env, &m, d);
}

/* --- a scratch replica ------------------------------------------------------------------------ */

enum rc
engine_open_scratch(struct engine **out, const struct engine *from, sqlite3 *db, struct diag *d)
{
	static const char *const names[] = { "origin", "root_key", "parent", "unit", "root_unit", "chain" };
	struct catalogue user = from->catalogue;
	struct bytes value;
	struct engine *e;
	size_t i;
	enum rc rc;

	*out = NULL;
	user.tables_count -= sizeof(g_own_tables) / sizeof(g_own_tables[0]);	/* engine_alloc adds them */
	if ((e = engine_alloc(db, &user, &from->env)) == NULL)
		return RC_NOMEM;
	bytes_init(&value);
	e->is_writer = true;
	if ((rc = engine_functions(e, d)) == RC_OK && (rc = engine_begin(e, d)) == RC_OK) {
		rc = tables_create(e, d);
		for (i = 0; i < sizeof(names) / sizeof(names[0]) && rc == RC_OK; i++) {
			bytes_clear(&value);
			rc = engine_meta_get((struct engine *)(uintptr_t)from, names[i], &value, d);
			if (rc == RC_OK)
				rc = engine_meta_set(e, names[i], span_bytes(&value), d);
		}
		if (rc == RC_OK)
			rc = engine_commit_tx(e, d);
		e->is_in_tx = false;
	}
	bytes_free(&value);
	if (rc == RC_OK && (rc = identity_load(e, NULL, d)) == RC_OK)
		rc = unit_reload(e, d);
	if (rc == RC_OK)
		*out = e;
	else
		engine_close(e);
	return rc;
}

/* --- small accessors -------------------------------------------------------------------------- */

bool
engine_is_broken(const struct engine *e)
{
	return e->is_broken;
}

const struct engine_identity *
engine_self(const struct engine *e)
{
	return &e->self;
}

sqlite3 *
engine_db(const struct engine *e)
{
	return e->db;
}

const struct catalogue *
engine_catalogue(const struct engine *e)
{
	return &e->catalogue;
}

void *
engine_exchange_slot_get(struct engine *e)
{
	return e->exchange;
}

void
engine_exchange_slot_set(struct engine *e, void *p, void (*free_fn)(void *), void (*reset_fn)(void *))
{
	e->exchange = p;
	e->exchange_free = free_fn;
	e->exchange_reset = reset_fn;
}
