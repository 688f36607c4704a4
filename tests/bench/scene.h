/* tests/bench/scene.h - nodes in one process over files on a disk, with the tables of the real
 * catalogue.
 *
 * Node 0 is the province; the others join below it, or beside it.  The domain's rules at save
 * (save_check) are left out unless asked for: they look up what the catalogue does not tell, and
 * the twin has none, so they would hide the engine's own cost.  Keys, columns, indexes,
 * policies, scopes, owners, references and uniqueness are the catalogue's.
 */
#ifndef TESTS_BENCH_SCENE_H
#define TESTS_BENCH_SCENE_H

#include "rows.h"
#include "sync/sync.h"

#define SCENE_ROWS_MAX 64 /* of one save */
#define SCENE_NODES_MAX 320
#define SCENE_PROVINCE "42@2018-01-01"
#define SCENE_COMMUNE "18550@2018-01-01"

struct sqlite3;

struct scene_node {
	struct scene *scene;
	struct sqlite3 *db;
	struct engine *engine;
	char path[512];
	uint8_t seed[SEED_BYTES];
	uint8_t origin[ORIGIN_BYTES];
	uint64_t random;
};

struct scene {
	const char *directory;
	const struct catalogue *catalogue;
	struct scene_node *nodes;
	size_t count;
	uint64_t made; /* nodes ever: each has a key of its own */
	uint64_t now_ms;
	uint8_t root_pubkey[PUBKEY_BYTES];
	struct diag diag;
};

/* The province alone, with one commune and a council.  Files go below $TMPDIR, or below build/. */
void scene_init(struct scene *s, bool with_rules);
void scene_fini(struct scene *s);

/* A new node of @unit, joined below node 0; its number.  @in_memory: without a file. */
size_t scene_join(struct scene *s, const char *unit, bool in_memory);
/* Close and remove the newest node. */
void scene_leave(struct scene *s);

/* What all connections of the benches share: the engine's pragmas, and @synchronous (NORMAL,
 * FULL). */
struct sqlite3 *scene_open(struct scene *s, const char *path);
void scene_synchronous(struct sqlite3 *db, const char *how);
void scene_exec(struct sqlite3 *db, const char *sql);
long long scene_int(struct sqlite3 *db, const char *sql);
/* Bytes of the file of @db once its WAL is in it. */
long long scene_file_bytes(struct sqlite3 *db, const char *path);
void scene_path(const struct scene *s, const char *name, char out[512]);

/* One save of @count rows on node @n by @author: keys[i] of length 0 is minted and put there. */
void scene_save(struct scene *s, size_t n, struct span author, const struct rows_row *rows,
    struct save_key *keys, size_t count, bool is_bulk);

/* Another council at the province. */
void scene_council(struct scene *s, struct save_key *key);

#endif
