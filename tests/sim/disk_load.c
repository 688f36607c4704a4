#include "tests/sim/disk_load.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/prng.h"

#define COUNTERS 12
#define ENTRIES_KEPT 20
#define PAD_BYTES_MAX 1500

#define SQL_SETUP \
	"CREATE TABLE counter(id INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;" \
	"CREATE TABLE entry(step INTEGER PRIMARY KEY, pad BLOB NOT NULL) STRICT;" \
	"CREATE TABLE meta(id INTEGER PRIMARY KEY, step INTEGER NOT NULL) STRICT;" \
	"INSERT INTO meta VALUES(1, 1);" \
	"WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 11)" \
	"	INSERT INTO counter SELECT i, 0 FROM c;"
#define SQL_MOVE "UPDATE counter SET n = n + ?2 WHERE id = ?1"
#define SQL_ENTRY "INSERT INTO entry VALUES(?1, zeroblob(?2))"
#define SQL_DROP "DELETE FROM entry WHERE step <= ?1 + ?2"
#define SQL_STEP "UPDATE meta SET step = ?1 + ?2"

struct step {
	int64_t counter[6], amount[6];
	int64_t pad_bytes;
};

static struct step
step_of(uint64_t seed, int64_t number)
{
	struct prng prng;
	struct step step;

	prng_seed(&prng, seed * 1000003 + (uint64_t)number);
	for (size_t i = 0; i < 6; i += 2) {
		step.counter[i] = (int64_t)prng_below(&prng, COUNTERS);
		step.counter[i + 1] = (int64_t)prng_below(&prng, COUNTERS);
		step.amount[i] = (int64_t)prng_below(&prng, 1000);
		step.amount[i + 1] = -step.amount[i];
	}
	step.pad_bytes = (int64_t)prng_below(&prng, PAD_BYTES_MAX);
	return step;
}

static int
run(sqlite3 *db, const char *sql, int64_t a, int64_t b)
{
	sqlite3_stmt *stmt;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc != SQLITE_OK)
		return rc;
	if (sqlite3_bind_parameter_count(stmt) == 2) {
		(void)sqlite3_bind_int64(stmt, 1, a);
		(void)sqlite3_bind_int64(stmt, 2, b);
	}
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		continue;
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int64_t
disk_load_ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t answer = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		answer = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return answer;
}

int
disk_load_open(const struct disk_load_config *config, struct disk *disk, sqlite3 **db)
{
	char sql[256];
	int rc = sqlite3_open_v2(DISK_LOAD_DB, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	    disk_vfs_name(disk));

	if (rc != SQLITE_OK)
		return rc;
	(void)snprintf(sql, sizeof(sql), "PRAGMA page_size=%d; PRAGMA cache_size=8;"
	    "PRAGMA locking_mode=%s; PRAGMA journal_mode=%s; PRAGMA synchronous=%s;"
	    "PRAGMA wal_autocheckpoint=24", config->page_bytes, config->locking, config->journal,
	    config->sync);
	return sqlite3_exec(*db, sql, NULL, NULL, NULL);
}

static int
load_work(struct disk_load *load)
{
	int64_t number = load->done + 1;
	struct step step = step_of(load->seed, number);
	int rc;

	if (number == 1)
		return sqlite3_exec(load->db, SQL_SETUP, NULL, NULL, NULL);
	for (size_t i = 0; i < 6; i++)
		if ((rc = run(load->db, SQL_MOVE, step.counter[i], step.amount[i])) != SQLITE_OK)
			return rc;
	if ((rc = run(load->db, SQL_ENTRY, number, step.pad_bytes)) != SQLITE_OK)
		return rc;
	if ((rc = run(load->db, SQL_DROP, number, -ENTRIES_KEPT)) != SQLITE_OK)
		return rc;
	return run(load->db, SQL_STEP, number, 0);
}

int
disk_load_step(struct disk_load *load)
{
	int rc;

	if ((rc = sqlite3_exec(load->db, "BEGIN IMMEDIATE", NULL, NULL, NULL)) != SQLITE_OK)
		return rc;
	if ((rc = load_work(load)) == SQLITE_OK)
		rc = sqlite3_exec(load->db, "COMMIT", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		load->done++;
	else
		(void)sqlite3_exec(load->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

static bool
is_intact(sqlite3 *db)
{
	sqlite3_stmt *stmt;
	bool is_ok;

	if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) != SQLITE_OK)
		return false;
	is_ok = sqlite3_step(stmt) == SQLITE_ROW &&
	    strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
	(void)sqlite3_finalize(stmt);
	return is_ok;
}

int64_t
disk_load_found(sqlite3 *db, uint64_t seed)
{
	int64_t counter[COUNTERS] = { 0 };
	int64_t pads = 0, found, first;
	char sql[64];

	if (!is_intact(db))
		return -1;
	if (disk_load_ask(db, "SELECT count(*) FROM sqlite_schema") == 0)
		return 0;
	if ((found = disk_load_ask(db, "SELECT step FROM meta")) < 1)
		return -1;
	first = found - ENTRIES_KEPT + 1 < 2 ? 2 : found - ENTRIES_KEPT + 1;
	for (int64_t number = 2; number <= found; number++) {
		struct step step = step_of(seed, number);

		for (size_t i = 0; i < 6; i++)
			counter[step.counter[i]] += step.amount[i];
		pads += number >= first ? step.pad_bytes : 0;
	}
	for (int i = 0; i < COUNTERS; i++) {
		(void)snprintf(sql, sizeof(sql), "SELECT n FROM counter WHERE id = %d", i);
		if (disk_load_ask(db, sql) != counter[i])
			return -1;
	}
	if (disk_load_ask(db, "SELECT count(*) FROM entry") != found - first + 1)
		return -1;
	if (disk_load_ask(db, "SELECT coalesce(sum(length(pad)), 0) FROM entry") != pads)
		return -1;
	return found;
}

void
disk_load_judge(struct disk_load *load, int64_t found)
{
	load->tally.cycles++;
	if (found < 0 || found > load->done + 1)
		load->tally.broken++;
	else if (found < load->done)
		load->tally.lost++;
}

struct disk_load
disk_load_new(const struct disk_load_config *config, uint64_t seed)
{
	struct disk_load load = { .config = config, .seed = seed, .disk = disk_new(seed) };

	disk_powersafe_set(load.disk, !config->is_spoiling_neighbours);
	disk_lie_about_sync(load.disk, config->is_liar);
	return load;
}

void
disk_load_close(struct disk_load *load)
{
	INVARIANT(sqlite3_close(load->db) == SQLITE_OK);
	load->db = NULL;
}

void
disk_load_end(struct disk_load *load)
{
	disk_load_close(load);
	disk_free(load->disk);
}

void
disk_load_recover(struct disk_load *load)
{
	int64_t found;

	disk_load_close(load);
	disk_up(load->disk);
	if (disk_load_open(load->config, load->disk, &load->db) != SQLITE_OK &&
	    disk_is_down(load->disk))
		return;
	found = disk_load_found(load->db, load->seed);
	if (disk_is_down(load->disk))
		return;			/* it crashed again while recovering */
	disk_load_judge(load, found);
	if (found >= 0)
		load->done = found;
}
