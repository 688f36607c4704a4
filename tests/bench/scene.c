#include "scene.h"

#include "figure.h"
#include "schema/schema.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the environment */

static uint64_t
on_now_ms(void *ctx)
{
	return ((struct scene_node *)ctx)->scene->now_ms;
}

static void
on_random(void *ctx, void *p, size_t n)
{
	struct scene_node *node = ctx;
	uint8_t *at = p;

	for (; n > 0; n--) {
		node->random = node->random * 6364136223846793005u + 1442695040888963407u;
		*at++ = (uint8_t)(node->random >> 56);
	}
}

static const struct catalogue *
catalogue_make(bool with_rules)
{
	static struct catalogue_table tables[TABLES_MAX];
	static const struct catalogue_table *pointers[TABLES_MAX];
	static struct catalogue c;
	size_t i;

	c = *schema_catalogue();
	if (with_rules)
		return schema_catalogue();
	for (i = 0; i < c.tables_count; i++) {
		tables[i] = *c.tables[i];
		tables[i].save_check = NULL;
		pointers[i] = &tables[i];
	}
	c.tables = pointers;
	return &c;
}

/* ---- databases */

void
scene_exec(struct sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		figure_fail("%s: %s", sql, sqlite3_errmsg(db));
}

long long
scene_int(struct sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	long long n;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_ROW)
		figure_fail("%s: %s", sql, sqlite3_errmsg(db));
	n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

void
scene_synchronous(struct sqlite3 *db, const char *how)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "PRAGMA synchronous=%s", how);
	scene_exec(db, sql);
}

static void
files_remove(const char *path)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	char name[520];
	size_t i;

	for (i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		(void)unlink(name);
	}
}

struct sqlite3 *
scene_open(struct scene *s, const char *path)
{
	struct sqlite3 *db;

	files_remove(path);
	/* As the daemon opens them: no mutex, for one thread has the connection to itself. */
	if (sqlite3_open_v2(path, &db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_EXRESCODE,
		NULL) != SQLITE_OK)
		figure_fail("cannot open %s", path);
	figure_ok(engine_configure(db, true, &s->diag), &s->diag, "configure");
	return db;
}

long long
scene_file_bytes(struct sqlite3 *db, const char *path)
{
	struct stat st;

	scene_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	if (stat(path, &st) != 0)
		figure_fail("cannot look at %s", path);
	return (long long)st.st_size;
}

void
scene_path(const struct scene *s, const char *name, char out[512])
{
	if (snprintf(out, 512, "%s/bench-%d-%s", s->directory, (int)getpid(), name) >= 512)
		figure_fail("the name of the directory for files is too long");
}

/* ---- nodes */

static struct scene_node *
node_new(struct scene *s, bool in_memory)
{
	struct scene_node *n = &s->nodes[s->count];
	char name[32];

	figure_check(s->count < SCENE_NODES_MAX, "too many nodes");
	memset(n, 0, sizeof(*n));
	n->scene = s;
	s->count++;
	n->random = ++s->made;
	on_random(n, n->seed, SEED_BYTES);
	(void)snprintf(name, sizeof(name), "node-%zu.db", s->count - 1);
	if (in_memory)
		(void)snprintf(n->path, sizeof(n->path), ":memory:");
	else
		scene_path(s, name, n->path);
	n->db = scene_open(s, n->path);
	return n;
}

static void
node_open(struct scene *s, struct scene_node *n)
{
	struct engine_env env = { n, on_now_ms, on_random };

	figure_ok(engine_open(&n->engine, n->db, s->catalogue, &env, n->seed, &s->diag), &s->diag,
	    "open");
	memcpy(n->origin, engine_self(n->engine)->origin, ORIGIN_BYTES);
}

static void
unit_save(struct scene *s, const char *key, const char *parent, const char *level)
{
	struct save_cell cells[] = {
		{ .column = span_str("code"), .value = value_text(span_str(key)) },
		{ .column = span_str("level"), .value = value_text(span_str(level)) },
		{ .column = span_str("name"), .value = value_text(span_str(key)) },
		{ .column = span_str("valid_from"), .value = value_text(span_str("2018-01-01")) },
		{ .column = span_str("parent"), .value = value_text(span_str(parent)) },
	};
	struct save_options o = { .author = span_str("an") };
	struct save_result result;
	struct save *save;

	cells[0].value.s.n = strcspn(key, "@");
	s->now_ms += 1000;
	figure_ok(save_begin(s->nodes[0].engine, &o, &save, &s->diag), &s->diag, "begin");
	figure_ok(save_row(save, span_str("unit"), span_str(key), cells, parent[0] == '\0' ? 4 : 5,
		      NULL, &s->diag),
	    &s->diag, "unit");
	figure_ok(save_commit(save, &result, &s->diag), &s->diag, "commit");
}

void
scene_init(struct scene *s, bool with_rules)
{
	struct engine_founding f = { .unit = span_str(SCENE_PROVINCE), .name = span_str("tỉnh") };
	uint8_t root_seed[SEED_BYTES] = { 1 };
	struct scene_node *n;
	struct engine_env env;

	memset(s, 0, sizeof(*s));
	s->nodes = mem_array(SCENE_NODES_MAX, sizeof(*s->nodes));
	figure_check(s->nodes != NULL, "no memory");
	s->directory = getenv("TMPDIR");
	if (s->directory == NULL || s->directory[0] == '\0')
		s->directory = "build";
	s->catalogue = catalogue_make(with_rules);
	s->now_ms = 1541000000000;
	n = node_new(s, false);
	env = (struct engine_env){ n, on_now_ms, on_random };
	f.root_seed = root_seed;
	f.node_seed = n->seed;
	credential_keys(root_seed, s->root_pubkey);
	figure_ok(engine_found(n->db, s->catalogue, &env, &f, &s->diag), &s->diag, "found");
	node_open(s, n);
	unit_save(s, SCENE_PROVINCE, "", "province");
	unit_save(s, SCENE_COMMUNE, SCENE_PROVINCE, "commune");
}

void
scene_leave(struct scene *s)
{
	struct scene_node *n = &s->nodes[--s->count];

	engine_close(n->engine);
	figure_check(sqlite3_close(n->db) == SQLITE_OK, "a connection cannot be closed");
	if (n->path[0] != ':')
		files_remove(n->path);
}

void
scene_fini(struct scene *s)
{
	while (s->count > 0)
		scene_leave(s);
	mem_free(s->nodes);
}

size_t
scene_join(struct scene *s, const char *unit, bool in_memory)
{
	struct scene_node *n = node_new(s, in_memory), *root = &s->nodes[0];
	struct engine_env env = { n, on_now_ms, on_random };
	struct credential self, chain[CREDENTIAL_CHAIN_MAX];
	struct engine_joining j = { .root_pubkey = s->root_pubkey,
		.self = &self,
		.chain = chain,
		.root_unit = span_str(SCENE_PROVINCE),
		.parent_origin = span_of(root->origin, ORIGIN_BYTES) };
	struct diag *d = &s->diag;

	memset(&self, 0, sizeof(self));
	credential_keys(n->seed, self.pubkey);
	credential_origin(self.pubkey, 0, self.origin);
	(void)snprintf(self.unit, sizeof(self.unit), "%s", unit);
	(void)snprintf(self.name, sizeof(self.name), "%s", unit);
	self.level = strcmp(unit, SCENE_PROVINCE) == 0 ? LEVEL_PROVINCE : LEVEL_COMMUNE;
	memcpy(self.invitation, &s->made, sizeof(s->made));
	s->now_ms += 3000;
	figure_ok(credential_issue(root->engine, &self, d), d, "issue");
	figure_ok(credential_save(root->engine, &self, d), d, "credential");
	figure_ok(
	    credential_chain(root->engine, self.origin, chain, &j.chain_count, d), d, "chain");
	figure_ok(engine_join(n->db, s->catalogue, &env, &j, d), d, "join");
	node_open(s, n);
	return s->count - 1;
}

/* ---- rows */

void
scene_save(struct scene *s, size_t n, struct span author, const struct rows_row *rows,
    struct save_key *keys, size_t count, bool is_bulk)
{
	struct save_options o = { .author = author, .is_bulk = is_bulk };
	struct save_change changes[SCENE_ROWS_MAX];
	struct save_result result;
	struct save *save;
	size_t i, failed;

	figure_check(count <= SCENE_ROWS_MAX, "too many rows in one save");
	for (i = 0; i < count; i++)
		changes[i] = (struct save_change){ span_str(rows[i].table),
			span_of(keys[i].b, keys[i].n), rows[i].cells, rows[i].count };

	figure_ok(save_begin(s->nodes[n].engine, &o, &save, &s->diag), &s->diag, "begin");
	figure_ok(save_rows(save, changes, count, keys, &failed, &s->diag), &s->diag, "rows");
	figure_ok(save_commit(save, &result, &s->diag), &s->diag, "commit");
}

void
scene_council(struct scene *s, struct save_key *key)
{
	struct rows_row row = { .table = "council", .count = 2 };

	row.cells[0] = (struct save_cell){ .column = span_str("unit"),
		.value = value_text(span_str(SCENE_PROVINCE)) };
	row.cells[1] = (struct save_cell){ .column = span_str("name"),
		.value = value_text(span_str("Hội đồng")) };
	key->n = 0;
	s->now_ms += 1000;
	scene_save(s, 0, span_str("an"), &row, key, 1, false);
}
