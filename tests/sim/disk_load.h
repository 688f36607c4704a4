/* tests/sim/disk_load.h - the workload that judges a disk.
 *
 * Step 1 makes the tables; each later step is one transaction that moves amounts between counters (their sum stays 0),
 * adds an entry, drops an old one and writes its own number down.  Everything a step does follows from the seed and its
 * number, so the state after n steps can be computed from nothing and compared in full.
 */
#ifndef TESTS_SIM_DISK_LOAD_H
#define TESTS_SIM_DISK_LOAD_H

#include <sqlite3.h>

#include "tests/sim/disk.h"

#define DISK_LOAD_DB "node.db"

struct disk_load_config {
	const char *name, *journal, *sync, *locking;
	int page_bytes;
	bool is_spoiling_neighbours, is_liar;
};

struct disk_load_tally {
	uint64_t cycles;
	uint64_t lost;		/* a whole state, but older than `done` */
	uint64_t broken;	/* no state the workload was ever in */
};

struct disk_load {
	const struct disk_load_config *config;
	struct disk *disk;
	sqlite3 *db;			/* NULL before the first open */
	uint64_t seed;
	int64_t done;			/* steps that COMMIT acknowledged or a recovery showed */
	struct disk_load_tally tally;
};

/* A load with a new disk, nothing opened; ended by disk_load_end(), which closes and frees both. */
struct disk_load disk_load_new(const struct disk_load_config *config, uint64_t seed);
void disk_load_end(struct disk_load *load);

/* Open the database of @disk as @config says; *@db is to be closed in any case.  Returns SQLite's code. */
int disk_load_open(const struct disk_load_config *config, struct disk *disk, sqlite3 **db);
void disk_load_close(struct disk_load *load);

/* One more transaction; after an error it is rolled back.  Returns SQLite's code. */
int disk_load_step(struct disk_load *load);

/* Close what is dead, power on, open, judge, and go on from what is there.  A fault may strike again meanwhile: see
 * disk_is_down(). */
void disk_load_recover(struct disk_load *load);

/* The number of steps whose outcome, exactly, @db holds; -1 when it is in no such state. */
int64_t disk_load_found(sqlite3 *db, uint64_t seed);

/* Enter a reopened database that holds @found steps in the tally. */
void disk_load_judge(struct disk_load *load, int64_t found);

/* The first column of the first row of @sql, or -1. */
int64_t disk_load_ask(sqlite3 *db, const char *sql);

#endif
