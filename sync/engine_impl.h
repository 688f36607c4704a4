/* sync/engine_impl.h - the inside of `struct engine`, for the engine's own files only.
 *
 * What is kept in memory is a copy of what the database holds, filled at open and kept up to date by the code that
 * writes; after a rollback engine_rollback() reloads what the transaction may have touched.
 */
#ifndef SYNC_ENGINE_IMPL_H
#define SYNC_ENGINE_IMPL_H

#include "clock.h"
#include "engine.h"
#include "origin.h"
#include "statements.h"
#include "stream.h"
#include "unit.h"
#include "value.h"

#ifndef SQLITE_ENABLE_PREUPDATE_HOOK
#define SQLITE_ENABLE_PREUPDATE_HOOK
#endif
#include <sqlite3.h>

#define STMT_CACHE_MAX	320

struct unit {
	struct span key;	/* owned */
	unit_id parent;
	unit_id *parents;	/* owned: every parent it ever had, the present one included */
	size_t parents_count;
	enum level level;
	bool is_known;
};

struct stmt_entry {
	const char *sql;	/* compared by pointer: always a static string */
	sqlite3_stmt *stmt;
};

struct table_plan;		/* row.h: prepared access to one catalogue table */

struct engine {
	sqlite3 *db;
	struct catalogue catalogue;			/* the user's tables and the engine's own */
	const struct catalogue_table *tables[TABLES_MAX];
	struct table_plan *plans[TABLES_MAX];		/* by index in tables; made when first needed */
	struct engine_env env;
	struct engine_identity self;
	unit_id self_unit, root_unit;
	bool is_writer, is_broken;
	bool is_in_tx;					/* between engine_begin and its end */
	bool is_stray;					/* a catalogue table was written outside a save */
	uint8_t sign_key[64];				/* libsodium's Ed25519 secret key; zero in a reader */

	struct unit *units;
	size_t units_count, units_cap;
	size_t units_begun;				/* how many there were when the transaction began */

	struct stream **streams;			/* by sid - 1; each allocated once, so pointers stay */
	size_t streams_count, streams_cap;
	uint32_t *stream_slots;				/* open-addressed hash of streams; 0 = free */
	size_t stream_slots_count;			/* a power of two */

	struct origin_entry *origins;			/* sorted by origin */
	size_t origins_count, origins_cap;

	struct revocation *revocations;			/* those that count */
	size_t revocations_count;
	struct release *releases;
	size_t releases_count;
	bool is_rank_due;				/* credentials came to be known: rank_refresh */
	bool is_control_due;				/* control rows came that are not judged yet: control_follow */

	bool is_lenient;				/* causes that are gone are not asked for (verify) */
	bool is_incarnation_due;			/* the next save begins with a new incarnation */
	bool is_enrolled;				/* our own credential stands in the log held here */
	uint64_t hlc;					/* highest reading given out, and that those seen count for */
	struct clock_state clock;			/* clock.c */
	uint64_t unsealed_bytes;			/* of all own streams */
	uint32_t unsealed_streams;			/* own streams with commits after their seal */
	uint64_t change_tick;				/* counts appended commits, for stream->changed */
	uint64_t exceptions;				/* rows of sync_row, to skip the look-up while 0 */
	uint64_t v_now;					/* what sync_v() answers: the version being written */
	struct save *save;				/* under way, or NULL */
	struct save *save_spare;			/* memory of an ended one */
	struct row_sweep *sweep;			/* under way, or NULL */
	struct statements rules;				/* statements of the domain's rules at save */

	struct stmt_entry stmts[STMT_CACHE_MAX];
	size_t stmts_count;
	void *exchange;					/* the exchange's own state */
	void (*exchange_free)(void *);
	void (*exchange_reset)(void *);			/* after a rollback: reload what was cached; or NULL */
};

/* The engine's clock (clock.h), and the machine's: that for how long something takes. */
uint64_t engine_now_ms(struct engine *e);
uint64_t engine_env_ms(struct engine *e);
void engine_random(struct engine *e, void *p, size_t n);
/* A new clock reading above all given out or seen before. */
uint64_t engine_tick(struct engine *e);

/* One transaction; never nested. */
RC_CHECK enum rc engine_begin(struct engine *e, struct diag *d);
RC_CHECK enum rc engine_commit_tx(struct engine *e, struct diag *d);
void engine_rollback(struct engine *e);

/* The prepared statement for @sql (a static string), reset and without bindings; owned by the engine.  A caller resets
 * it after use (engine_done), so that no read stays open. */
RC_CHECK enum rc engine_stmt(struct engine *e, const char *sql, sqlite3_stmt **out, struct diag *d);
void engine_done(sqlite3_stmt *stmt);
/* Map an SQLite code to ours, with a text that names @what; marks the engine broken where writing must stop. */
RC_CHECK enum rc engine_sqlite_rc(struct engine *e, int code, const char *what, struct diag *d);
RC_CHECK enum rc engine_exec(struct engine *e, const char *sql, struct diag *d);
/* Step a statement that gives no rows, and reset it. */
RC_CHECK enum rc engine_run(struct engine *e, sqlite3_stmt *stmt, const char *what, struct diag *d);

void *engine_exchange_slot_get(struct engine *e);
void engine_exchange_slot_set(struct engine *e, void *p, void (*free_fn)(void *), void (*reset_fn)(void *));

/* Small named values kept in sync_meta (writer for set). */
RC_CHECK enum rc engine_meta_get(struct engine *e, const char *name, struct bytes *out, struct diag *d);
RC_CHECK enum rc engine_meta_set(struct engine *e, const char *name, struct span value, struct diag *d);

/* The engine's own tables and the SQL of its bookkeeping. */
const char *engine_ddl(void);
RC_CHECK enum rc engine_functions(struct engine *e, struct diag *d);	/* sync_v, sync_check, the hooks */
/* The guard against writes of catalogue tables outside a save; off while the engine itself writes rows. */
void save_guard(struct engine *e, bool is_on);
void save_spare_free(struct save *s);

/* A second replica in the empty database @db, with the identity of @from but without its keys: what `verify`
 * rebuilds. */
RC_CHECK enum rc engine_open_scratch(struct engine **out, const struct engine *from, sqlite3 *db, struct diag *d);

RC_CHECK enum rc stream_reload(struct engine *e, struct diag *d);	/* after a rollback, at open */

#endif
