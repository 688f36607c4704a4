#include "rig.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const LEVELS[] = { "commune", "district", "province", NULL };

static const struct catalogue_column UNIT_COLUMNS[] = {
	{ .number = 1, .name = "parent", .type = COLUMN_UNIT, .policy = POLICY_REVIEW },
	{ .number = 2, .name = "level", .type = COLUMN_TEXT, .policy = POLICY_REVIEW, .choices = LEVELS },
	{ .number = 3, .name = "name", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
};
static const struct catalogue_column ITEM_COLUMNS[] = {
	{ .number = 1, .name = "unit", .type = COLUMN_UNIT, .policy = POLICY_APPEND, .required = true },
	{ .number = 2, .name = "name", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
	{ .number = 3, .name = "maker", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
	{ .number = 4, .name = "note", .type = COLUMN_TEXT, .policy = POLICY_REVIEW },
	{ .number = 5, .name = "score", .type = COLUMN_INTEGER, .policy = POLICY_REVIEW },
};
static const struct catalogue_table UNIT_TABLE = { .number = 1, .name = "unit", .key_column = "id",
	.has_text_key = true, .scope = SCOPE_ROOT, .reach = REACH_DOWN, .columns = UNIT_COLUMNS, .columns_count = 3 };
static const struct catalogue_table ITEM_TABLE = { .number = 2, .name = "item", .key_column = "id",
	.scope = SCOPE_COLUMN, .scope_column = "unit", .reach = REACH_UP, .columns = ITEM_COLUMNS,
	.columns_count = 5 };
static const struct catalogue_table *const TABLES[] = { &UNIT_TABLE, &ITEM_TABLE };
static const struct catalogue CATALOGUE = { .version = 1, .tables = TABLES, .tables_count = 2,
	.unit_table = "unit", .unit_parent_column = "parent", .unit_level_column = "level" };

static void
rig_ok(const struct rig *r, enum rc rc, const char *what)
{
	if (rc != RC_OK)
		fail_msg("%s: %s: %s", what, rc_name(rc), r->diag.text);
}

/* ---- the environment */

static uint64_t
on_now_ms(void *ctx)
{
	return ((struct rig_node *)ctx)->rig->now_ms;
}

static void
on_random(void *ctx, void *p, size_t n)
{
	struct rig_node *node = ctx;
	uint8_t *at = p;

	for (; n > 0; n--) {
		node->random = node->random * 6364136223846793005u + 1442695040888963407u;
		*at++ = (uint8_t)(node->random >> 56);
	}
}

static struct sqlite3 *
db_open(struct rig *r)
{
	struct sqlite3 *db;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	rig_ok(r, engine_configure(db, true, &r->diag), "configure");
	return db;
}

static struct rig_node *
node_new(struct rig *r)
{
	struct rig_node *n = &r->nodes[r->count];

	assert_true(r->count < RIG_NODES_MAX);
	n->rig = r;
	n->random = ++r->count;
	on_random(n, n->seed, SEED_BYTES);
	n->db = db_open(r);
	return n;
}

static void
node_open(struct rig *r, struct rig_node *n)
{
	struct engine_env env = { n, on_now_ms, on_random };

	rig_ok(r, engine_open(&n->engine, n->db, &CATALOGUE, &env, n->seed, &r->diag), "open");
	memcpy(n->origin, engine_self(n->engine)->origin, ORIGIN_BYTES);
}

void
rig_restart(struct rig *r, size_t n)
{
	engine_close(r->nodes[n].engine);
	node_open(r, &r->nodes[n]);
}

struct sqlite3 *
rig_copy(const struct rig *r, size_t n)
{
	sqlite3_backup *backup;
	struct sqlite3 *copy;

	assert_int_equal(sqlite3_open(":memory:", &copy), SQLITE_OK);
	assert_non_null(backup = sqlite3_backup_init(copy, "main", r->nodes[n].db, "main"));
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
	return copy;
}

void
rig_restore(struct rig *r, size_t n, struct sqlite3 *copy)
{
	struct rig_node *node = &r->nodes[n];

	engine_close(node->engine);
	assert_int_equal(sqlite3_close(node->db), SQLITE_OK);
	node->db = copy;
	rig_ok(r, engine_configure(copy, true, &r->diag), "configure");
	node_open(r, node);
}

/* ---- rows */

void
rig_unit(struct rig *r, const char *key, const char *parent, const char *level)
{
	struct save_options o = { .author = span_str("an") };
	struct save_cell cells[] = {
		{ .column = span_str("parent"), .value = value_text(span_str(parent)) },
		{ .column = span_str("level"), .value = value_text(span_str(level)) },
		{ .column = span_str("name"), .value = value_text(span_str(key)) },
	};
	struct save_result result;
	struct save *s;

	if (parent[0] == '\0')
		cells[0].value = value_null();
	r->now_ms += 1000;
	rig_ok(r, save_begin(r->nodes[0].engine, &o, &s, &r->diag), "begin");
	rig_ok(r, save_row(s, span_str("unit"), span_str(key), cells, 3, NULL, &r->diag), "unit");
	rig_ok(r, save_commit(s, &result, &r->diag), "commit");
}

void
rig_init(struct rig *r)
{
	struct engine_founding f = { .unit = span_str(RIG_UNIT_ROOT), .name = span_str("root") };
	uint8_t root_seed[SEED_BYTES] = { 1 };
	struct rig_node *n;
	struct engine_env env;

	memset(r, 0, sizeof(*r));
	r->now_ms = 1541000000000;
	r->link.piece_bytes = 1000;
	n = node_new(r);
	env = (struct engine_env){ n, on_now_ms, on_random };
	f.root_seed = root_seed;
	f.node_seed = n->seed;
	credential_keys(root_seed, r->root_pubkey);
	rig_ok(r, engine_found(n->db, &CATALOGUE, &env, &f, &r->diag), "found");
	node_open(r, n);
	rig_unit(r, RIG_UNIT_ROOT, "", "province");
	rig_unit(r, RIG_UNIT_A, RIG_UNIT_ROOT, "commune");
	rig_unit(r, RIG_UNIT_B, RIG_UNIT_ROOT, "commune");
}

void
rig_fini(struct rig *r)
{
	for (size_t i = 0; i < r->count; i++) {
		engine_close(r->nodes[i].engine);
		assert_int_equal(sqlite3_close(r->nodes[i].db), SQLITE_OK);
	}
}

size_t
rig_join(struct rig *r, const char *unit)
{
	return rig_join_below(r, unit, 0);
}

size_t
rig_join_below(struct rig *r, const char *unit, size_t parent)
{
	struct rig_node *n = node_new(r), *root = &r->nodes[0];
	struct engine_env env = { n, on_now_ms, on_random };
	struct credential self, chain[CREDENTIAL_CHAIN_MAX];
	struct engine_joining j = { .root_pubkey = r->root_pubkey, .self = &self, .chain = chain,
		.root_unit = span_str(RIG_UNIT_ROOT), .parent_origin = span_of(r->nodes[parent].origin, ORIGIN_BYTES) };

	memset(&self, 0, sizeof(self));
	credential_keys(n->seed, self.pubkey);
	credential_origin(self.pubkey, 0, self.origin);
	(void)snprintf(self.unit, sizeof(self.unit), "%s", unit);
	(void)snprintf(self.name, sizeof(self.name), "%s", unit);
	self.level = strcmp(unit, RIG_UNIT_ROOT) == 0 ? LEVEL_PROVINCE : LEVEL_COMMUNE;
	self.invitation[0] = (uint8_t)r->count;
	r->now_ms += 1000;
	rig_ok(r, credential_issue(root->engine, &self, &r->diag), "issue");
	rig_ok(r, credential_save(root->engine, &self, &r->diag), "credential");
	rig_ok(r, credential_chain(root->engine, self.origin, chain, &j.chain_count, &r->diag), "chain");
	rig_ok(r, engine_join(n->db, &CATALOGUE, &env, &j, &r->diag), "join");
	node_open(r, n);
	return r->count - 1;
}

static void
item_save(struct rig *r, size_t n, const char *unit, struct save *s, struct save_key *key)
{
	static const char *const names[] = { "Kẹo lạc", "Nước mắm", "Bưởi Phúc Trạch", "Cam Khe Mây", "Mật ong" };
	char maker[64], note[128];
	uint32_t at;

	on_random(&r->nodes[n], &at, sizeof(at));
	(void)snprintf(maker, sizeof(maker), "Hợp tác xã số %u", at % 977);
	(void)snprintf(note, sizeof(note), "Đã nộp hồ sơ lần %u, còn thiếu giấy %x", at % 5, at);
	struct save_cell cells[] = {
		{ .column = span_str("unit"), .value = value_text(span_str(unit)) },
		{ .column = span_str("name"), .value = value_text(span_str(names[at % 5])) },
		{ .column = span_str("maker"), .value = value_text(span_str(maker)) },
		{ .column = span_str("note"), .value = value_text(span_str(note)) },
		{ .column = span_str("score"), .value = value_int(at % 100) },
	};

	rig_ok(r, save_row(s, span_str("item"), span_of(NULL, 0), cells, 5, key, &r->diag), "item");
}

void
rig_items(struct rig *r, size_t n, const char *unit, size_t count, struct save_key *key)
{
	struct save_options o = { .author = span_str("an"), .is_bulk = true };
	struct save_result result;
	struct save *s;

	r->now_ms += 60000;
	rig_ok(r, save_begin(r->nodes[n].engine, &o, &s, &r->diag), "begin");
	for (size_t i = 0; i < count; i++)
		item_save(r, n, unit, s, i == 0 ? key : NULL);
	rig_ok(r, save_commit(s, &result, &r->diag), "commit");
}

static void
items_change(struct rig *r, size_t n, size_t from, size_t count)
{
	struct save_options o = { .author = span_str("an") };
	char keys[100][KEY_BYTES];
	struct save_result result;
	sqlite3_stmt *stmt;
	struct save *s;
	size_t i;

	assert_true(count <= 100);
	assert_int_equal(sqlite3_prepare_v2(r->nodes[n].db, "SELECT id FROM item ORDER BY id LIMIT ?1 OFFSET ?2", -1,
	    &stmt, NULL), SQLITE_OK);
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)count);
	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)from);
	for (i = 0; i < count && sqlite3_step(stmt) == SQLITE_ROW; i++)
		memcpy(keys[i], sqlite3_column_blob(stmt, 0), KEY_BYTES);
	assert_int_equal(i, count);
	sqlite3_finalize(stmt);
	r->now_ms += 61234;
	rig_ok(r, save_begin(r->nodes[n].engine, &o, &s, &r->diag), "begin");
	for (i = 0; i < count; i++) {
		uint32_t at;
		char note[64];

		on_random(&r->nodes[n], &at, sizeof(at));
		(void)snprintf(note, sizeof(note), "Đạt %u sao", at % 5 + 1);
		struct save_cell cells[] = {
			{ .column = span_str("note"), .value = value_text(span_str(note)) },
			{ .column = span_str("score"), .value = value_int(at % 100 + 100) },
		};
		rig_ok(r, save_row(s, span_str("item"), span_of(keys[i], KEY_BYTES), cells, 2, NULL, &r->diag),
		    "change");
	}
	rig_ok(r, save_commit(s, &result, &r->diag), "commit");
}

void
rig_change(struct rig *r, size_t n, size_t from, size_t count, size_t saves)
{
	for (size_t i = 0; i < saves; i++)
		items_change(r, n, from + i * (count / saves), count / saves);
}

/* ---- the link */

/* How many of @n bytes the connection still carries. */
static size_t
link_carry(struct rig_link *l, size_t *left, size_t n, uint64_t *counter)
{
	if (n > *left)
		n = *left;
	*left -= n;
	*counter += n;
	(void)l;
	return n;
}

static void
link_flip(struct bytes *b, size_t number)
{
	if (number > 0 && number <= b->n)
		b->p[number - 1] ^= 0x10;
}

/* The answering side: true with the reply in @reply when one is given. */
static bool
request_deliver(struct rig *r, size_t to, struct span request, bool is_complete, struct bytes *reply)
{
	struct answer *answer;
	struct diag d;
	enum rc rc = RC_OK;
	size_t at, n;

	diag_init(&d);
	rig_ok(r, answer_new(r->nodes[to].engine, &answer, &d), "answer");
	for (at = 0; rc == RC_OK && at < request.n; at += n) {
		n = request.n - at < r->link.piece_bytes ? request.n - at : r->link.piece_bytes;
		rc = answer_bytes(answer, span_of(request.p + at, n), &d);
	}
	rc = answer_end(answer, is_complete, reply, &d);
	if (rc != RC_OK) {
		r->diag = d;
		r->round_rc = rc;
		assert_int_equal(reply->n, 0);
		assert_true(rc == RC_PEER || rc == RC_DENIED);
	}
	answer_free(answer);
	return rc == RC_OK && is_complete;
}

static void
reply_deliver(struct rig *r, struct ask *a, struct span reply, bool is_complete)
{
	enum rc rc = RC_OK;
	size_t at, n;

	for (at = 0; rc == RC_OK && at < reply.n; at += n) {
		n = reply.n - at < r->link.piece_bytes ? reply.n - at : r->link.piece_bytes;
		rc = ask_reply_bytes(a, span_of(reply.p + at, n), &r->diag);
	}
	if (rc == RC_OK)
		rc = ask_reply_end(a, is_complete, &r->diag);
	if (rc != RC_OK)
		r->round_rc = rc;
}

void
rig_connect(struct rig *r, struct ask *a, size_t to)
{
	struct rig_link *l = &r->link;
	struct bytes request, reply;
	size_t left, n;
	bool is_answered;

	bytes_init(&request);
	bytes_init(&reply);
	rig_ok(r, ask_request(a, &request, &r->diag), "request");
	r->now_ms += 10;
	l->connections++;
	left = l->cut_bytes == 0 || (l->cut_only != 0 && l->cut_only != l->connections) ? SIZE_MAX : l->cut_bytes;
	if (l->tap != NULL)
		l->tap(l->tap_ctx, true, span_bytes(&request));
	link_flip(&request, l->flip_request);
	(void)link_carry(l, &left, RIG_REQUEST_HEAD, &l->up_bytes);
	n = link_carry(l, &left, request.n, &l->up_bytes);
	is_answered = request_deliver(r, to, span_of(request.p, n), n == request.n, &reply);
	if (is_answered && l->tap != NULL)
		l->tap(l->tap_ctx, false, span_bytes(&reply));
	link_flip(&reply, l->flip_reply);
	if (is_answered && !l->is_deaf && link_carry(l, &left, RIG_REPLY_HEAD, &l->down_bytes) == RIG_REPLY_HEAD) {
		n = link_carry(l, &left, reply.n, &l->down_bytes);
		reply_deliver(r, a, span_of(reply.p, n), n == reply.n);
	} else {
		ask_reply_none(a);
	}
	bytes_free(&request);
	bytes_free(&reply);
}

bool
rig_round(struct rig *r, size_t from, size_t to)
{
	struct ask *a;

	diag_init(&r->diag);
	r->round_rc = RC_OK;
	rig_ok(r, ask_new(r->nodes[from].engine, r->nodes[to].origin, &a, &r->diag), "ask");
	while (ask_state(a) == ASK_MORE && r->round_rc == RC_OK)
		rig_connect(r, a, to);
	r->counts = *ask_counts(a);
	if (ask_state(a) == ASK_FAILED)
		assert_int_equal(ask_rc(a), r->round_rc);
	ask_free(a);
	engine_sanity(r->nodes[from].engine);
	engine_sanity(r->nodes[to].engine);
	return r->round_rc == RC_OK;
}

bool
rig_equal(struct rig *r, size_t a, size_t b)
{
	const char *unit = engine_self(r->nodes[a].engine)->unit;
	uint8_t here[HASH_BYTES], there[HASH_BYTES];

	if (strcmp(unit, RIG_UNIT_ROOT) == 0)
		unit = engine_self(r->nodes[b].engine)->unit;
	rig_ok(r, digest_rows(r->nodes[a].engine, span_str(unit), here, &r->diag), "digest");
	rig_ok(r, digest_rows(r->nodes[b].engine, span_str(unit), there, &r->diag), "digest");
	return memcmp(here, there, HASH_BYTES) == 0;
}

void
rig_assert_equal(struct rig *r, size_t a, size_t b)
{
	assert_true(r->counts.is_equal);
	assert_true(rig_equal(r, a, b));
}
