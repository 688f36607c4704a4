#include "office.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXTS 8
#define TEXT_BYTES 256

static void
office_ok(const struct office *o, enum rc rc, const char *what)
{
	if (rc != RC_OK)
		fail_msg("%s: %s: %s", what, rc_name(rc), o->diag.text);
}

/* One of a few buffers in turn, so that two answers may stand in one expression. */
static char *
text_take(void)
{
	static char texts[TEXTS][TEXT_BYTES];
	static size_t at;

	at = (at + 1) % TEXTS;
	texts[at][0] = '\0';
	return texts[at];
}

/* ---- nodes */

static uint64_t
on_now_ms(void *ctx)
{
	const struct office_node *n = ctx;

	return n->office->now_ms + (uint64_t)n->skew_ms;
}

static void
on_random(void *ctx, void *p, size_t n)
{
	struct office_node *node = ctx;
	uint8_t *at = p;

	for (; n > 0; n--) {
		node->random = node->random * 6364136223846793005u + 1442695040888963407u;
		*at++ = (uint8_t)(node->random >> 56);
	}
}

static struct engine_env
node_env(struct office_node *n)
{
	return (struct engine_env){ n, on_now_ms, on_random };
}

static struct office_node *
node_new(struct office *o)
{
	struct office_node *n = &o->nodes[o->count];

	assert_true(o->count < OFFICE_NODES_MAX);
	n->office = o;
	n->random = ++o->count;
	on_random(n, n->seed, SEED_BYTES);
	assert_int_equal(sqlite3_open(":memory:", &n->db), SQLITE_OK);
	office_ok(o, engine_configure(n->db, true, &o->diag), "configure");
	return n;
}

static void
node_open(struct office *o, struct office_node *n, const struct catalogue *c)
{
	struct engine_env env = node_env(n);

	diag_init(&o->diag);
	office_ok(o, engine_open(&n->engine, n->db, c, &env, n->seed, &o->diag), "open");
	memcpy(n->origin, engine_self(n->engine)->origin, ORIGIN_BYTES);
}

void
office_reopen(struct office *o, size_t n, const struct catalogue *c)
{
	engine_close(o->nodes[n].engine);
	node_open(o, &o->nodes[n], c);
}

struct sqlite3 *
office_copy(struct sqlite3 *db)
{
	sqlite3_backup *backup;
	struct sqlite3 *copy;

	assert_int_equal(sqlite3_open(":memory:", &copy), SQLITE_OK);
	assert_non_null(backup = sqlite3_backup_init(copy, "main", db, "main"));
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
	return copy;
}

void
office_restore(struct office *o, size_t n, struct sqlite3 *copy)
{
	struct office_node *node = &o->nodes[n];

	engine_close(node->engine);
	assert_int_equal(sqlite3_close(node->db), SQLITE_OK);
	node->db = copy;
	office_ok(o, engine_configure(copy, true, &o->diag), "configure");
	node_open(o, node, office_catalogue());
}

static void
unit_put(struct office *o, const char *unit, const char *parent, const char *level)
{
	struct save_cell cells[] = { office_text("parent", parent), office_text("level", level) };
	struct save_key key = office_key(unit);

	if (parent == NULL)
		cells[0] = office_null("parent");
	office_ok(o, office_put(o, 0, "unit", &key, cells, 2), "unit");
}

void
office_init(struct office *o)
{
	struct engine_founding f = { .unit = span_str(OFFICE_T), .name = span_str("t") };
	uint8_t root_seed[SEED_BYTES] = { 1 };
	struct engine_env env;
	struct office_node *n;

	memset(o, 0, sizeof(*o));
	o->now_ms = 1541000000000;
	n = node_new(o);
	env = node_env(n);
	f.root_seed = root_seed;
	f.node_seed = n->seed;
	credential_keys(root_seed, o->root_pubkey);
	office_ok(o, engine_found(n->db, office_catalogue(), &env, &f, &o->diag), "found");
	node_open(o, n, office_catalogue());
	unit_put(o, OFFICE_T, NULL, "province");
	unit_put(o, OFFICE_D, OFFICE_T, "district");
	unit_put(o, OFFICE_A, OFFICE_D, "commune");
	unit_put(o, OFFICE_B, OFFICE_D, "commune");
}

void
office_fini(struct office *o)
{
	for (size_t i = 0; i < o->count; i++) {
		engine_close(o->nodes[i].engine);
		assert_int_equal(sqlite3_close(o->nodes[i].db), SQLITE_OK);
	}
}

size_t
office_join(struct office *o, const char *unit)
{
	struct office_node *n = node_new(o), *root = &o->nodes[0];
	struct engine_env env = node_env(n);
	struct credential self, chain[CREDENTIAL_CHAIN_MAX];
	struct engine_joining j = { .root_pubkey = o->root_pubkey,
		.self = &self,
		.chain = chain,
		.root_unit = span_str(OFFICE_T),
		.parent_origin = span_of(root->origin, ORIGIN_BYTES) };

	memset(&self, 0, sizeof(self));
	credential_keys(n->seed, self.pubkey);
	(void)snprintf(self.unit, sizeof(self.unit), "%s", unit);
	(void)snprintf(self.name, sizeof(self.name), "node %zu", o->count - 1);
	self.invitation[0] = (uint8_t)o->count;
	o->now_ms += 1000;
	office_ok(o, credential_issue(root->engine, &self, &o->diag), "issue");
	office_ok(o, credential_save(root->engine, &self, &o->diag), "credential");
	office_ok(o, credential_chain(root->engine, self.origin, chain, &j.chain_count, &o->diag),
	    "chain");
	office_ok(o, engine_join(n->db, office_catalogue(), &env, &j, &o->diag), "join");
	node_open(o, n, office_catalogue());
	office_ok(o, office_send(o, 0, o->count - 1), "first frame");
	return o->count - 1;
}

/* ---- saves */

struct save *
office_begin(struct office *o, size_t n, const char *author)
{
	struct save_options options = { .author = span_str(author) };
	struct save *s;

	o->now_ms += 1000;
	diag_init(&o->diag);
	office_ok(o, save_begin(o->nodes[n].engine, &options, &s, &o->diag), "begin");
	return s;
}

static enum rc
save_finish(struct office *o, struct save *s, enum rc rc)
{
	if (rc == RC_OK)
		return save_commit(s, &o->result, &o->diag);
	save_abandon(s);
	return rc;
}

enum rc
office_put_as(struct office *o, size_t n, const char *author, const char *table,
    struct save_key *key, const struct save_cell *cells, size_t count)
{
	struct save *s = office_begin(o, n, author);

	return save_finish(
	    o, s, save_row(s, span_str(table), office_span(key), cells, count, key, &o->diag));
}

enum rc
office_put(struct office *o, size_t n, const char *table, struct save_key *key,
    const struct save_cell *cells, size_t count)
{
	return office_put_as(o, n, "an", table, key, cells, count);
}

enum rc
office_drop(struct office *o, size_t n, const char *table, const struct save_key *key)
{
	struct save *s = office_begin(o, n, "an");

	return save_finish(o, s, save_delete(s, span_str(table), office_span(key), &o->diag));
}

enum rc
office_update(struct office *o, size_t n, bool is_bulk, const char *column, const char *expr,
    const char *where)
{
	struct save_options options = { .author = span_str("an"), .is_bulk = is_bulk };
	const struct save_set set = { span_str(column), expr };
	const struct save_update q = { .table = span_str("item"),
		.sets = &set,
		.sets_count = 1,
		.where = where };
	struct save *s;

	o->now_ms += 1000;
	diag_init(&o->diag);
	office_ok(o, save_begin(o->nodes[n].engine, &options, &s, &o->diag), "begin");
	return save_finish(o, s, save_update(s, &q, &o->diag));
}

struct save_cell
office_text(const char *column, const char *text)
{
	return (struct save_cell){ .column = span_str(column),
		.value = text == NULL ? value_null() : value_text(span_str(text)) };
}

struct save_cell
office_int(const char *column, int64_t i)
{
	return (struct save_cell){ .column = span_str(column), .value = value_int(i) };
}

struct save_cell
office_delta(const char *column, int64_t i)
{
	return (struct save_cell){
		.column = span_str(column), .value = value_int(i), .is_delta = true
	};
}

struct save_cell
office_null(const char *column)
{
	return (struct save_cell){ .column = span_str(column), .value = value_null() };
}

struct save_cell
office_blob(const char *column, const void *p, size_t n)
{
	return (struct save_cell){ .column = span_str(column), .value = value_blob(span_of(p, n)) };
}

struct save_cell
office_forced(struct save_cell cell)
{
	cell.is_forced = true;
	return cell;
}

struct save_key
office_item(struct office *o, size_t n, const char *unit, const char *name)
{
	struct save_cell cells[] = { office_text("unit", unit), office_text("name", name) };
	struct save_key key = { .n = 0 };

	office_ok(o, office_put(o, n, "item", &key, cells, 2), "item");
	return key;
}

void
office_set(struct office *o, size_t n, const struct save_key *key, struct save_cell cell)
{
	struct save_key copy = *key;

	office_ok(o, office_put(o, n, "item", &copy, &cell, 1), "set");
}

struct save_key
office_key(const char *text)
{
	struct save_key key = { .n = strlen(text) };

	memcpy(key.b, text, key.n);
	return key;
}

struct span
office_span(const struct save_key *key)
{
	return span_of(key->b, key->n);
}

/* ---- reading */

const char *
office_cell(
    struct office *o, size_t n, const char *table, const struct save_key *key, const char *column)
{
	const struct catalogue_table *t = catalogue_table_find(office_catalogue(), span_str(table));
	char sql[200], *text = text_take();
	sqlite3_stmt *stmt;

	(void)snprintf(sql, sizeof(sql),
	    "SELECT CASE WHEN \"%s\" IS NULL THEN '-' ELSE CAST(\"%s\" AS TEXT) END "
	    "FROM \"%s\" WHERE CAST(\"%s\" AS BLOB) = ?1",
	    column, column, table, t->key_column);
	assert_int_equal(sqlite3_prepare_v2(o->nodes[n].db, sql, -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_blob(stmt, 1, key->b, (int)key->n, SQLITE_STATIC);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		(void)snprintf(text, TEXT_BYTES, "%s", (const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return text;
}

struct open_search {
	const struct save_key *key;
	const char *column;
	char *text;
};

static void
text_add(char *text, struct value v)
{
	size_t at = strlen(text);

	if (v.type == VALUE_INT)
		(void)snprintf(text + at, TEXT_BYTES - at, "%lld", (long long)v.i);
	else
		(void)snprintf(text + at, TEXT_BYTES - at, "%.*s",
		    v.type == VALUE_NULL ? 1 : (int)v.s.n,
		    v.type == VALUE_NULL ? "-" : (const char *)v.s.p);
}

static enum rc
open_step(void *ctx, const struct conflict *c)
{
	struct open_search *x = ctx;

	if (!span_eq(c->key, office_span(x->key)) || (c->column == NULL) != (x->column == NULL) ||
	    (c->column != NULL && strcmp(c->column->name, x->column) != 0))
		return RC_OK;
	for (size_t i = 0; i < c->siblings_count; i++) {
		size_t at = strlen(x->text);

		assert_int_equal(c->siblings[i].is_shown, i == 0);
		(void)snprintf(x->text + at, TEXT_BYTES - at, "%s", i == 0 ? "" : "|");
		if (c->column != NULL)
			text_add(x->text, c->siblings[i].value);
		else
			text_add(x->text,
			    value_text(span_str(c->siblings[i].is_deleted ? "x" : "edit")));
	}
	if (c->is_suggestion)
		text_add(x->text, value_text(span_str("?")));
	return RC_OK;
}

const char *
office_open(struct office *o, size_t n, const struct save_key *key, const char *column)
{
	struct open_search x = { key, column, text_take() };

	office_ok(o, conflict_each(o->nodes[n].engine, open_step, &x, &o->diag), "conflicts");
	return x.text;
}

long long
office_number(struct office *o, size_t n, const char *sql)
{
	sqlite3_stmt *stmt;
	long long number;

	assert_int_equal(sqlite3_prepare_v2(o->nodes[n].db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	number = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return number;
}

void
office_digest(struct office *o, size_t n, uint8_t out[HASH_BYTES])
{
	office_ok(o, digest_rows(o->nodes[n].engine, span_of(NULL, 0), out, &o->diag), "digest");
}

void
office_assert_equal(struct office *o, size_t a, size_t b)
{
	const char *unit = engine_self(o->nodes[b].engine)->unit;
	uint8_t here[HASH_BYTES], there[HASH_BYTES];

	office_ok(o, digest_rows(o->nodes[a].engine, span_str(unit), here, &o->diag), "digest");
	office_ok(o, digest_rows(o->nodes[b].engine, span_str(unit), there, &o->diag), "digest");
	assert_memory_equal(here, there, HASH_BYTES);
}
