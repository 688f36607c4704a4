/* The simulated disk proves SQLite's promises, and catches a disk that breaks them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tests/sim/disk_load.h"
#include "tests/sim/prng.h"

#define CONFIG(label, mode, sync_mode, locks, page, ...)                                           \
	{ .name = label, .journal = mode, .sync = sync_mode, .locking = locks, .page_bytes = page,  \
	    __VA_ARGS__ }

static const struct disk_load_config SAFE[] = {
	CONFIG("wal", "WAL", "FULL", "EXCLUSIVE", 1024, .is_liar = false),
	CONFIG("wal-shared", "WAL", "FULL", "NORMAL", 4096, .is_liar = false),
	CONFIG("wal-spoiling", "WAL", "FULL", "EXCLUSIVE", 512, .is_spoiling_neighbours = true),
	CONFIG("rollback", "DELETE", "EXTRA", "NORMAL", 1024, .is_liar = false),
	CONFIG("rollback-spoiling", "DELETE", "EXTRA", "NORMAL", 512, .is_spoiling_neighbours = true),
	CONFIG("persist", "PERSIST", "EXTRA", "EXCLUSIVE", 1024, .is_liar = false),
};
#define SAFE_COUNT (sizeof(SAFE) / sizeof(*SAFE))

static const struct disk_load_config *const WAL = &SAFE[0];
static const struct disk_load_config *const WAL_SHARED = &SAFE[1];
static const struct disk_load_config *const WAL_SPOILING = &SAFE[2];
static const struct disk_load_config *const ROLLBACK = &SAFE[3];

static const struct disk_load_config ROLLBACK_FULL =
    CONFIG("rollback-full", "DELETE", "FULL", "NORMAL", 1024, .is_liar = false);
static const struct disk_load_config WAL_LIED_TO =
    CONFIG("wal-lied-to", "WAL", "FULL", "EXCLUSIVE", 1024, .is_liar = true);
static const struct disk_load_config ROLLBACK_LIED_TO =
    CONFIG("rollback-lied-to", "DELETE", "EXTRA", "NORMAL", 1024, .is_liar = true);
static const struct disk_load_config WAL_OFF =
    CONFIG("wal-off", "WAL", "OFF", "EXCLUSIVE", 1024, .is_liar = false);
static const struct disk_load_config ROLLBACK_OFF =
    CONFIG("rollback-off", "DELETE", "OFF", "NORMAL", 1024, .is_liar = false);

/* --- a crash at every call --- */

#define FATES 2

static void
on_call(struct disk *disk, void *ctx)
{
	struct disk_load *load = ctx;

	for (uint64_t fate = 0; fate < FATES; fate++) {
		struct disk *copy = disk_crash_copy(disk, load->seed + disk_syscalls(disk) * FATES + fate);
		sqlite3 *db;
		int64_t found = -1;

		if (disk_load_open(load->config, copy, &db) == SQLITE_OK)
			found = disk_load_found(db, load->seed);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		disk_load_judge(load, found);
		disk_free(copy);
	}
}

/* Run @steps steps and look, before each call of the disk, what a power loss would leave. */
static struct disk_load_tally
crash_everywhere(const struct disk_load_config *config, uint64_t seed, int64_t steps)
{
	struct disk_load load = disk_load_new(config, seed);
	struct timespec from, to;
	double seconds;

	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	disk_hook_set(load.disk, on_call, &load);
	assert_int_equal(disk_load_open(config, load.disk, &load.db), SQLITE_OK);
	while (load.done < steps)
		assert_int_equal(disk_load_step(&load), SQLITE_OK);
	disk_load_end(&load);
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	print_message("%-18s seed %llu: %llu crashes, %llu lost, %llu broken, %.0f a second\n",
	    config->name, (unsigned long long)seed, (unsigned long long)load.tally.cycles,
	    (unsigned long long)load.tally.lost, (unsigned long long)load.tally.broken,
	    (double)load.tally.cycles / seconds);
	return load.tally;
}

static void
every_acknowledged_commit_survives_a_crash_at_any_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAFE_COUNT; i++) {
		for (uint64_t seed = 1; seed <= 6; seed++) {
			struct disk_load_tally tally = crash_everywhere(&SAFE[i], seed,
			    seed > 1         ? 25
				: i % 3 == 0 ? 250
					     : 60);

			assert_int_equal(tally.lost, 0);
			assert_int_equal(tally.broken, 0);
		}
	}
}

/* With a deleted journal and synchronous=FULL the directory is not synced: SQLite documents that the last commit may
 * go, whole.  The model has to show that, and no more than that. */
static void
an_unsynced_journal_deletion_may_be_undone(void **state)
{
	struct disk_load_tally tally = crash_everywhere(&ROLLBACK_FULL, 1, 60);

	(void)state;
	assert_int_not_equal(tally.lost, 0);
	assert_int_equal(tally.broken, 0);
}

static void
a_disk_that_lies_about_sync_is_caught(void **state)
{
	struct disk_load_tally wal = crash_everywhere(&WAL_LIED_TO, 1, 40);
	struct disk_load_tally rollback = crash_everywhere(&ROLLBACK_LIED_TO, 1, 40);

	(void)state;
	assert_int_not_equal(wal.lost, 0);
	assert_int_not_equal(wal.broken, 0);
	assert_int_not_equal(rollback.broken, 0);
}

static void
synchronous_off_is_caught(void **state)
{
	struct disk_load_tally wal = crash_everywhere(&WAL_OFF, 1, 40);
	struct disk_load_tally rollback = crash_everywhere(&ROLLBACK_OFF, 1, 40);

	(void)state;
	assert_int_not_equal(wal.lost, 0);
	assert_int_not_equal(wal.broken, 0);
	assert_int_not_equal(rollback.broken, 0);
}

/* --- one life after another on the same disk --- */

/* @fault_at sets the next fault; it strikes in work as well as in recovery. */
static struct disk_load_tally
many_lives(const struct disk_load_config *config, uint64_t seed, uint64_t lives,
    void (*fault_at)(struct disk *, uint64_t))
{
	struct disk_load load = disk_load_new(config, seed);

	for (uint64_t life = 1; life <= lives; life++) {
		fault_at(load.disk, 1 + (life * 7 + seed) % 97);
		if (load.db == NULL)
			(void)disk_load_open(config, load.disk, &load.db);
		else
			disk_load_recover(&load);
		while (!disk_is_down(load.disk))
			(void)disk_load_step(&load);
	}
	disk_load_recover(&load);
	disk_load_end(&load);
	return load.tally;
}

/* Where torn writes spoil their neighbours SQLite pads a WAL commit to the end of the sector, but syncs in the middle
 * of the padding frame.  When that frame is lost, the first write after recovery shares a sector with the commit and
 * can take it along in the next crash: a limit of SQLite there, and no reason to excuse a torn state. */
static void
commits_survive_crash_after_crash(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		for (size_t i = 0; i < SAFE_COUNT; i++) {
			struct disk_load_tally tally = many_lives(&SAFE[i], seed, 25, disk_crash_at);

			assert_true(tally.cycles > 0);
			assert_int_equal(tally.broken, 0);
			if (&SAFE[i] != WAL_SPOILING)
				assert_int_equal(tally.lost, 0);
		}
	}
}

/* A killed process leaves the page cache, so not even synchronous=OFF loses anything. */
static void
commits_survive_kill_without_sync(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct disk_load_tally wal = many_lives(&WAL_OFF, seed, 25, disk_kill_at);
		struct disk_load_tally rollback = many_lives(&ROLLBACK_OFF, seed, 25, disk_kill_at);

		assert_int_equal(wal.lost + wal.broken, 0);
		assert_int_equal(rollback.lost + rollback.broken, 0);
	}
}

/* --- errors without a crash --- */

static void
a_full_disk_answers_full_and_keeps_the_database(void **state)
{
	(void)state;
	for (uint64_t k = 0; k < 200; k++) {
		struct disk_load load = disk_load_new(k % 2 == 0 ? WAL : ROLLBACK, k);
		int rc = SQLITE_OK;

		assert_int_equal(disk_load_open(load.config, load.disk, &load.db), SQLITE_OK);
		while (load.done < 20)
			assert_int_equal(disk_load_step(&load), SQLITE_OK);
		disk_full_set(load.disk, disk_bytes_used(load.disk) + k * 37);
		for (int i = 0; i < 200 && rc == SQLITE_OK; i++)
			rc = disk_load_step(&load);
		assert_int_equal(rc, SQLITE_FULL);
		assert_int_equal(disk_load_found(load.db, k), load.done);
		if (k % 4 < 2)
			disk_crash(load.disk);
		disk_full_set(load.disk, UINT64_MAX);
		disk_load_recover(&load);
		assert_int_equal(disk_load_step(&load), SQLITE_OK);
		assert_int_equal(load.tally.lost + load.tally.broken, 0);
		disk_load_end(&load);
	}
}

/* Write @path again as it reads and sync it: what a failed sync left clean but unwritten becomes dirty again. */
static void
file_rewrite(struct disk *disk, const char *path)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(disk_vfs_name(disk));
	sqlite3_file *file;
	struct span content;
	struct bytes copy;

	if (!disk_read_file(disk, path, &content) || content.n == 0)
		return;
	bytes_init(&copy);
	bytes_put(&copy, content.p, content.n);
	file = mem_alloc((size_t)vfs->szOsFile);
	assert_non_null(file);
	assert_int_equal(vfs->xOpen(vfs, path, file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL, NULL),
	    SQLITE_OK);
	assert_int_equal(file->pMethods->xWrite(file, copy.p, (int)copy.n, 0), SQLITE_OK);
	assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_FULL), SQLITE_OK);
	(void)file->pMethods->xClose(file);
	mem_free(file);
	bytes_free(&copy);
}

/* A call fails, the process exits at once as it must, a new one starts, saves, and the power goes. */
static struct disk_load_tally
fail_restart_crash(uint64_t position, int code, bool is_rewritten)
{
	struct disk_load load = disk_load_new(WAL, position);
	int rc = SQLITE_OK;

	assert_int_equal(disk_load_open(load.config, load.disk, &load.db), SQLITE_OK);
	assert_int_equal(disk_load_step(&load), SQLITE_OK);
	disk_fail_at(load.disk, position, code);
	while (rc == SQLITE_OK && load.done < 100)
		rc = disk_load_step(&load);
	disk_kill(load.disk);
	disk_load_close(&load);
	disk_up(load.disk);
	if (is_rewritten) {
		file_rewrite(load.disk, DISK_LOAD_DB);
		file_rewrite(load.disk, DISK_LOAD_DB "-wal");
	}
	disk_load_recover(&load);
	for (int i = 0; i < 2; i++)
		assert_int_equal(disk_load_step(&load), SQLITE_OK);
	disk_crash(load.disk);
	disk_load_recover(&load);
	disk_load_end(&load);
	return load.tally;
}

static void
an_io_error_then_a_restart_loses_nothing(void **state)
{
	uint64_t lost_without = 0;

	(void)state;
	for (uint64_t position = 1; position <= 300; position++) {
		struct disk_load_tally tally = fail_restart_crash(position, SQLITE_IOERR_WRITE, true);

		assert_int_equal(tally.lost + tally.broken, 0);
		tally = fail_restart_crash(position, SQLITE_IOERR_FSYNC, true);
		assert_int_equal(tally.lost + tally.broken, 0);
		tally = fail_restart_crash(position, SQLITE_IOERR_FSYNC, false);
		lost_without += tally.lost + tally.broken;
	}
	/* A restart alone does not heal a failed sync: the page cache still shows what the medium does not hold. */
	assert_int_not_equal(lost_without, 0);
}

/* --- several connections --- */

static void
a_reader_keeps_its_snapshot_beside_the_writer(void **state)
{
	struct disk_load load = disk_load_new(WAL_SHARED, 5);
	sqlite3 *reader;

	(void)state;
	assert_int_equal(disk_load_open(load.config, load.disk, &load.db), SQLITE_OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(disk_load_step(&load), SQLITE_OK);
	assert_int_equal(disk_load_open(load.config, load.disk, &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(disk_load_found(reader, 5), 3);
	for (int i = 0; i < 60; i++)
		assert_int_equal(disk_load_step(&load), SQLITE_OK);
	assert_int_equal(disk_load_found(reader, 5), 3);
	assert_int_equal(disk_load_ask(load.db, "PRAGMA wal_checkpoint(TRUNCATE)"), 1);	/* busy */
	assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(disk_load_found(reader, 5), 63);
	assert_int_equal(disk_load_ask(load.db, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
	assert_int_equal(sqlite3_exec(load.db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_BUSY);
	disk_crash(load.disk);
	assert_int_not_equal(sqlite3_exec(reader, "SELECT * FROM entry", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	disk_load_recover(&load);
	assert_int_equal(load.done, 63);
	disk_load_end(&load);
}

static void
rollback_locks_exclude_a_second_writer(void **state)
{
	struct disk_load load = disk_load_new(ROLLBACK, 6);
	sqlite3 *other;

	(void)state;
	assert_int_equal(disk_load_open(load.config, load.disk, &load.db), SQLITE_OK);
	assert_int_equal(disk_load_step(&load), SQLITE_OK);
	assert_int_equal(disk_load_open(load.config, load.disk, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(disk_load_step(&load), SQLITE_BUSY);
	assert_int_equal(disk_load_found(load.db, 6), 1);
	assert_int_equal(sqlite3_exec(other, "COMMIT; BEGIN; SELECT * FROM meta", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(disk_load_step(&load), SQLITE_BUSY);	/* a reader holds SHARED */
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(disk_load_step(&load), SQLITE_OK);
	disk_load_end(&load);
}

/* --- copies, corruption, clock, chance --- */

static uint64_t
digest_of_a_life(uint64_t seed)
{
	struct disk_load load = disk_load_new(WAL, seed);
	uint64_t digest;

	disk_seed_sqlite(7);
	for (uint64_t n = 20; n < 60; n += 3) {
		disk_crash_at(load.disk, n);
		if (load.db == NULL)
			(void)disk_load_open(load.config, load.disk, &load.db);
		else
			disk_load_recover(&load);
		while (!disk_is_down(load.disk))
			(void)disk_load_step(&load);
	}
	digest = disk_digest(load.disk);
	disk_load_end(&load);
	return digest;
}

static void
the_same_seed_gives_the_same_image(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++)
		assert_int_equal(digest_of_a_life(seed), digest_of_a_life(seed));
	assert_int_not_equal(digest_of_a_life(1), digest_of_a_life(2));
}

static void
a_clone_is_a_disk_of_its_own(void **state)
{
	struct disk_load load = disk_load_new(WAL, 9);
	struct disk_load copy;
	struct span content;

	(void)state;
	assert_int_equal(disk_load_open(load.config, load.disk, &load.db), SQLITE_OK);
	for (int i = 0; i < 30; i++)
		assert_int_equal(disk_load_step(&load), SQLITE_OK);
	copy = load;
	copy.disk = disk_clone(load.disk, 10);
	assert_int_equal(disk_digest(copy.disk), disk_digest(load.disk));
	disk_crash(copy.disk);			/* a clone is durable */
	copy.db = NULL;
	disk_load_recover(&copy);
	assert_int_equal(copy.done, 30);
	assert_int_equal(disk_load_step(&load), SQLITE_OK);
	assert_int_not_equal(disk_digest(copy.disk), disk_digest(load.disk));
	disk_load_end(&copy);
	disk_load_close(&load);
	assert_true(disk_read_file(load.disk, DISK_LOAD_DB, &content));
	assert_memory_equal(content.p, "SQLite format 3", 16);
	assert_false(disk_read_file(load.disk, "other.db", &content));
	assert_false(disk_flip_bit(load.disk, DISK_LOAD_DB, content.n, 0));
	for (uint64_t page = 1; page * 1024 < content.n; page++)
		assert_true(disk_flip_bit(load.disk, DISK_LOAD_DB, page * 1024, 3));
	assert_int_equal(disk_load_open(load.config, load.disk, &load.db), SQLITE_OK);
	assert_int_equal(disk_load_found(load.db, 9), -1);
	disk_load_end(&load);
}

static void
sqlite_sees_the_virtual_clock(void **state)
{
	struct disk_load load = disk_load_new(ROLLBACK, 1);

	(void)state;
	disk_set_time_ms(load.disk, INT64_C(1700000000000));
	assert_int_equal(disk_load_open(load.config, load.disk, &load.db), SQLITE_OK);
	assert_int_equal(disk_load_ask(load.db, "SELECT unixepoch()"), 1700000000);
	disk_load_end(&load);
}

/* The first outputs for seed 0, worked out apart from this code: a change here would silently change every seed. */
static void
chance_is_the_same_everywhere(void **state)
{
	struct prng prng;
	uint64_t seen = 0;
	int item[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	int sum = 0;

	(void)state;
	prng_seed(&prng, 0);
	assert_int_equal(prng.s[0], UINT64_C(0xe220a8397b1dcdaf));	/* splitmix64's published vector */
	assert_int_equal(prng.s[1], UINT64_C(0x6e789e6aa1b965f4));
	assert_int_equal(prng_next(&prng), UINT64_C(0x99ec5f36cb75f2b4));
	for (int i = 0; i < 200; i++)
		seen |= UINT64_C(1) << prng_below(&prng, 7);
	assert_int_equal(seen, 0x7f);
	assert_true(prng_chance(&prng, 1, 1));
	assert_false(prng_chance(&prng, 0, 1));
	prng_shuffle(&prng, item, 8, sizeof(*item));
	for (int i = 0; i < 8; i++)
		sum += item[i];
	assert_int_equal(sum, 28);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chance_is_the_same_everywhere),
		cmocka_unit_test(sqlite_sees_the_virtual_clock),
		cmocka_unit_test(a_reader_keeps_its_snapshot_beside_the_writer),
		cmocka_unit_test(rollback_locks_exclude_a_second_writer),
		cmocka_unit_test(a_clone_is_a_disk_of_its_own),
		cmocka_unit_test(the_same_seed_gives_the_same_image),
		cmocka_unit_test(every_acknowledged_commit_survives_a_crash_at_any_call),
		cmocka_unit_test(an_unsynced_journal_deletion_may_be_undone),
		cmocka_unit_test(a_disk_that_lies_about_sync_is_caught),
		cmocka_unit_test(synchronous_off_is_caught),
		cmocka_unit_test(commits_survive_crash_after_crash),
		cmocka_unit_test(commits_survive_kill_without_sync),
		cmocka_unit_test(a_full_disk_answers_full_and_keeps_the_database),
		cmocka_unit_test(an_io_error_then_a_restart_loses_nothing),
	};

	disk_seed_sqlite(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
