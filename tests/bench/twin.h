/* tests/bench/twin.h - plain SQLite with the same tables: what ours is measured against.
 *
 * The tables and indexes of the catalogue without the version column and without guards, the
 * engine's pragmas, the same keys, one prepared statement for each kind of write, one
 * transaction for each save of ours.
 */
#ifndef TESTS_BENCH_TWIN_H
#define TESTS_BENCH_TWIN_H

#include "scene.h"

#define TWIN_STATEMENTS_MAX 16

struct sqlite3_stmt;

struct twin_statement {
	const char *table;
	uint64_t columns; /* given, by index in the catalogue's table */
	bool is_insert;
	struct sqlite3_stmt *stmt;
};

struct twin {
	const struct catalogue *catalogue;
	struct sqlite3 *db;
	char path[512];
	struct sqlite3_stmt *begin, *commit;
	struct twin_statement statements[TWIN_STATEMENTS_MAX];
	size_t count;
};

void twin_init(struct twin *t, struct scene *s, const char *name);
void twin_fini(struct twin *t);

void twin_begin(struct twin *t);
void twin_commit(struct twin *t);
/* One write, made ready outside of the time measured: borrows the row's values. */
struct twin_write {
	struct sqlite3_stmt *stmt;
	struct save_key key;
	uint64_t columns;
	size_t columns_count;
	struct value values[COLUMNS_MAX];
};
void twin_write_make(struct twin *t, const struct rows_row *row, const struct save_key *key,
    bool is_insert, struct twin_write *w);
void twin_write_run(struct twin *t, const struct twin_write *w);

/* One transaction of all of them. */
void twin_save(struct twin *t, const struct twin_write *writes, size_t count);

/* Do both hold the same rows of @table? */
void twin_compare(struct twin *t, struct sqlite3 *ours, const char *table);

#endif
