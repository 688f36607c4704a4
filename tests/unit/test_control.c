/* Revocations and releases: what counts follows from the commits held, in whatever order they came (C1 to C6). */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "office.h"
#include "sync/quarantine.h"
#include "sync/release.h"
#include "sync/revocation.h"
#include "sync/verify.h"

#define LETTERS_MAX 5

enum { PROVINCE, DISTRICT, A1, A2, READER, WATCHER };

struct world {
	struct office o;
	struct office_letter letters[LETTERS_MAX];
	size_t count;
	struct save_key key;
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	office_init(&w->o);
	assert_int_equal(office_join(&w->o, OFFICE_D), DISTRICT);
	assert_int_equal(office_join(&w->o, OFFICE_A), A1);
	assert_int_equal(office_join(&w->o, OFFICE_A), A2);
	assert_int_equal(office_join(&w->o, OFFICE_T), READER);
	assert_int_equal(office_join(&w->o, OFFICE_T), WATCHER);
	office_sync(&w->o);
	w->key = office_item(&w->o, A1, OFFICE_A, "tea");
	office_set(&w->o, A1, &w->key, office_int("score", 50));
	office_sync(&w->o);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < w->count; i++)
		office_letter_free(&w->letters[i]);
	office_fini(&w->o);
	free(w);
	return 0;
}

static void
post(struct world *w, size_t n, const char *unit, enum reach reach)
{
	assert_true(w->count < LETTERS_MAX);
	w->letters[w->count++] = office_letter(&w->o, n, unit, reach);
}

static void
revoke(struct world *w, size_t n, size_t whom)
{
	struct office *o = &w->o;

	o->now_ms += 1000;
	diag_init(&o->diag);
	if (revocation_save(o->nodes[n].engine, o->nodes[whom].origin, span_str("an"), span_str("stolen"),
	    &o->diag) != RC_OK)
		fail_msg("revoke: %s", o->diag.text);
	post(w, n, OFFICE_T, REACH_DOWN);
}

/* Number of the newest quarantined commit of @n. */
static uint64_t
waiting(struct world *w, size_t n)
{
	return (uint64_t)office_number(&w->o, n, "SELECT max(v) FROM sync_quarantine");
}

static enum rc
release(struct world *w, size_t n)
{
	struct office *o = &w->o;

	o->now_ms += 1000;
	diag_init(&o->diag);
	return release_save(o->nodes[n].engine, waiting(w, n), span_str("an"), span_str("all right"), &o->diag);
}

static void
deliver(struct world *w, size_t n, size_t i)
{
	if (office_deliver(&w->o, n, &w->letters[i]) != RC_OK)
		fail_msg("letter %zu: %s", i, w->o.diag.text);
}

static long long
quarantined(struct world *w, size_t n)
{
	return office_number(&w->o, n, "SELECT count(*) FROM sync_quarantine");
}

static const char *
shown(struct world *w, size_t n, const char *column)
{
	return office_cell(&w->o, n, "item", &w->key, column);
}

static void
verified(struct world *w, size_t n)
{
	struct verify_result r;
	struct sqlite3 *scratch;

	assert_int_equal(sqlite3_open(":memory:", &scratch), SQLITE_OK);
	diag_init(&w->o.diag);
	if (verify_replica(w->o.nodes[n].engine, scratch, &r, &w->o.diag) != RC_OK)
		fail_msg("verify: %s", w->o.diag.text);
	assert_int_equal(sqlite3_close(scratch), SQLITE_OK);
	engine_sanity(w->o.nodes[n].engine);
}

/* ---- all orders */

static bool
order_next(size_t *order, size_t n)
{
	size_t i = n, j = n, x;

	while (i > 1 && order[i - 2] > order[i - 1])
		i--;
	if (i <= 1)
		return false;
	while (order[j - 1] < order[i - 2])
		j--;
	x = order[j - 1];
	order[j - 1] = order[i - 2];
	order[i - 2] = x;
	for (j = n - 1, i--; i < j; i++, j--) {
		x = order[i];
		order[i] = order[j];
		order[j] = x;
	}
	return true;
}

/* What lacks its cause comes again after the others. */
static void
deliver_all(struct world *w, const size_t *order)
{
	bool done[LETTERS_MAX] = { false };
	size_t i, left = w->count, round;

	for (round = 0; left > 0; round++) {
		assert_true(round <= w->count);
		for (i = 0; i < w->count; i++) {
			enum rc rc;

			if (done[order[i]])
				continue;
			rc = office_deliver(&w->o, READER, &w->letters[order[i]]);
			if (rc != RC_OK && rc != RC_GAP)
				fail_msg("letter %zu: %s", order[i], w->o.diag.text);
			if (rc == RC_OK) {
				done[order[i]] = true;
				left--;
			}
		}
	}
}

/* C1, C4: to a fresh reader in every order; one outcome, which is also what the log rebuilds. */
static void
all_orders(struct world *w, long long quarantined_wanted)
{
	struct sqlite3 *base = office_copy(w->o.nodes[READER].db);
	size_t order[LETTERS_MAX] = { 0, 1, 2, 3, 4 };
	uint8_t first[HASH_BYTES], digest[HASH_BYTES];
	bool is_first = true;

	do {
		office_restore(&w->o, READER, office_copy(base));
		deliver_all(w, order);
		if (quarantined(w, READER) != quarantined_wanted)
			fail_msg("%lld quarantined, order %zu %zu %zu", quarantined(w, READER), order[0], order[1],
			    order[2]);
		office_digest(&w->o, READER, digest);
		if (is_first)
			memcpy(first, digest, HASH_BYTES);
		assert_memory_equal(first, digest, HASH_BYTES);
		verified(w, READER);
		office_reopen(&w->o, READER, office_catalogue());
		office_digest(&w->o, READER, digest);
		assert_memory_equal(first, digest, HASH_BYTES);
		is_first = false;
	} while (order_next(order, w->count));
	assert_int_equal(sqlite3_close(base), SQLITE_OK);
}

/* ---- revocation */

/* C1: what came up to the cut stays, what came later does not; so do rows that only it had made. */
static void
test_cut(void **state)
{
	struct world *w = *state;
	struct save_key later;

	revoke(w, DISTRICT, A1);
	office_set(&w->o, A1, &w->key, office_int("score", 99));
	later = office_item(&w->o, A1, OFFICE_A, "stolen goods");
	assert_int_equal(office_send(&w->o, A1, PROVINCE), RC_OK);
	assert_string_equal(shown(w, PROVINCE, "score"), "99");
	assert_int_equal(office_send(&w->o, DISTRICT, PROVINCE), RC_OK);
	assert_string_equal(shown(w, PROVINCE, "score"), "50");
	assert_string_equal(office_cell(&w->o, PROVINCE, "item", &later, "name"), "");
	assert_int_equal(quarantined(w, PROVINCE), 2);
	verified(w, PROVINCE);
	/* C6: what comes behind the news is stored and relayed all the same. */
	office_set(&w->o, A1, &w->key, office_int("score", 98));
	assert_int_equal(office_send(&w->o, A1, PROVINCE), RC_OK);
	assert_int_equal(w->o.applied.commits_new, 1);
	assert_int_equal(w->o.applied.commits_quarantined, 1);
	office_sync(&w->o);
	for (size_t n = 0; n < w->o.count; n++) {
		if (n != READER && n != WATCHER)
			assert_string_equal(shown(w, n, "score"), "50");
		verified(w, n);
	}
}

/* A node that hears of its revocation says so, and writes no more. */
static void
test_self(void **state)
{
	struct world *w = *state;
	struct save_options o = { .author = span_str("an") };
	struct save *s;

	revoke(w, DISTRICT, A1);
	office_set(&w->o, A1, &w->key, office_int("score", 99));
	office_sync(&w->o);
	assert_string_equal(shown(w, A1, "score"), "50");
	assert_int_equal(quarantined(w, A1), 1);
	diag_init(&w->o.diag);
	assert_int_equal(save_begin(w->o.nodes[A1].engine, &o, &s, &w->o.diag), RC_DENIED);
	assert_non_null(strstr(w->o.diag.text, "this node was revoked on "));
	assert_non_null(strstr(w->o.diag.text, "stolen"));
}

/* C2: of two revocations the lower number stands, whichever is newer. */
static void
test_lowest(void **state)
{
	struct world *w = *state;

	revoke(w, DISTRICT, A1);
	office_set(&w->o, A1, &w->key, office_int("score", 60));
	post(w, A1, OFFICE_A, REACH_UP);
	assert_int_equal(office_send(&w->o, A1, PROVINCE), RC_OK);
	revoke(w, PROVINCE, A1);	/* saw more of it */
	office_set(&w->o, A1, &w->key, office_int("score", 61));
	post(w, A1, OFFICE_A, REACH_UP);
	all_orders(w, 2);
	assert_string_equal(shown(w, READER, "score"), "50");
}

/* C3, C4: who is revoked from above loses what he decided after the cut: a thief with a district's key revokes
 * nobody. */
static void
test_thief_revokes(void **state)
{
	struct world *w = *state;

	revoke(w, PROVINCE, DISTRICT);
	revoke(w, DISTRICT, A1);
	office_set(&w->o, A1, &w->key, office_int("score", 60));
	post(w, A1, OFFICE_A, REACH_UP);
	office_set(&w->o, A1, &w->key, office_int("score", 61));
	post(w, A1, OFFICE_A, REACH_UP);
	all_orders(w, 1);
	assert_string_equal(shown(w, READER, "score"), "61");
}

/* C3: neither downwards up, nor beside. */
static void
test_who(void **state)
{
	struct world *w = *state;
	struct office *o = &w->o;

	assert_int_equal(revocation_save(o->nodes[A1].engine, o->nodes[DISTRICT].origin, span_str("an"),
	    span_str("x"), &o->diag), RC_DENIED);
	assert_int_equal(revocation_save(o->nodes[A1].engine, o->nodes[A2].origin, span_str("an"), span_str("x"),
	    &o->diag), RC_DENIED);
	/* At the root whoever is nearer to the root key. */
	assert_int_equal(revocation_save(o->nodes[READER].engine, o->nodes[PROVINCE].origin, span_str("an"),
	    span_str("x"), &o->diag), RC_DENIED);
	assert_int_equal(revocation_save(o->nodes[WATCHER].engine, o->nodes[READER].origin, span_str("an"),
	    span_str("x"), &o->diag), RC_DENIED);
	o->now_ms += 1000;
	assert_int_equal(revocation_save(o->nodes[PROVINCE].engine, o->nodes[READER].origin, span_str("an"),
	    span_str("x"), &o->diag), RC_OK);
	/* Itself: its last word. */
	o->now_ms += 1000;
	assert_int_equal(revocation_save(o->nodes[A1].engine, o->nodes[A1].origin, span_str("an"),
	    span_str("handed in"), &o->diag), RC_OK);
	office_sync(o);
	assert_int_equal(office_number(o, PROVINCE, "SELECT count(*) FROM node_revocation"), 2);
	assert_int_equal(office_number(o, DISTRICT, "SELECT count(*) FROM node_revocation"), 2);
	assert_int_equal(quarantined(w, PROVINCE), 0);
	verified(w, PROVINCE);
}

/* A credential that a revoked district issued after the cut takes the node with it, and its rows; C6: they are held. */
static void
test_credential_falls(void **state)
{
	struct world *w = *state;
	struct office *o = &w->o;
	struct credential c, chain[CREDENTIAL_CHAIN_MAX];
	size_t count;

	revoke(w, PROVINCE, DISTRICT);
	memset(&c, 0, sizeof(c));
	memset(c.pubkey, 7, sizeof(c.pubkey));
	(void)snprintf(c.unit, sizeof(c.unit), "%s", OFFICE_A);
	c.invitation[0] = 99;
	o->now_ms += 1000;
	assert_int_equal(credential_issue(o->nodes[DISTRICT].engine, &c, &o->diag), RC_OK);
	assert_int_equal(credential_save(o->nodes[DISTRICT].engine, &c, &o->diag), RC_OK);
	post(w, DISTRICT, OFFICE_T, REACH_DOWN);
	all_orders(w, 1);
	assert_int_equal(office_number(o, READER, "SELECT count(*) FROM node"), 6);
	assert_int_equal(credential_chain(o->nodes[READER].engine, c.origin, chain, &count, &o->diag), RC_NOTFOUND);
}

/* M13, C1: a second credential of one node takes nothing over: of equal levels the earlier counts. */
static void
test_credential_twice(void **state)
{
	struct world *w = *state;
	struct office *o = &w->o;
	struct credential c, got;

	for (size_t i = 0; i < 2; i++) {
		size_t issuer = i == 0 ? PROVINCE : WATCHER;

		memset(&c, 0, sizeof(c));
		memset(c.pubkey, 7, sizeof(c.pubkey));
		(void)snprintf(c.unit, sizeof(c.unit), "%s", i == 0 ? OFFICE_A : OFFICE_B);
		c.invitation[0] = (uint8_t)(99 + i);
		o->now_ms += 1000;
		assert_int_equal(credential_issue(o->nodes[issuer].engine, &c, &o->diag), RC_OK);
		assert_int_equal(credential_save(o->nodes[issuer].engine, &c, &o->diag), RC_OK);
		post(w, issuer, OFFICE_T, REACH_DOWN);
	}
	all_orders(w, 0);
	assert_int_equal(credential_get(o->nodes[READER].engine, c.origin, &got), RC_OK);
	assert_string_equal(got.unit, OFFICE_A);
}

/* ---- release */

/* Against a revocation: at or above the revoker; then it takes effect wherever it comes, in whatever order. */
static void
test_release_revocation(void **state)
{
	struct world *w = *state;

	revoke(w, DISTRICT, A1);
	office_set(&w->o, A1, &w->key, office_int("score", 60));
	post(w, A1, OFFICE_A, REACH_UP);
	office_set(&w->o, A1, &w->key, office_text("grade", "B"));
	post(w, A1, OFFICE_A, REACH_UP);
	deliver(w, DISTRICT, 1);
	deliver(w, DISTRICT, 2);
	assert_int_equal(quarantined(w, DISTRICT), 2);
	if (release(w, DISTRICT) != RC_OK)
		fail_msg("%s", w->o.diag.text);
	post(w, DISTRICT, OFFICE_T, REACH_DOWN);
	assert_string_equal(shown(w, DISTRICT, "grade"), "B");
	assert_string_equal(shown(w, DISTRICT, "score"), "50");
	all_orders(w, 1);
	assert_string_equal(shown(w, READER, "grade"), "B");
	assert_string_equal(shown(w, READER, "score"), "50");
}

/* Lack of a right: by a unit above that could have written it; and no longer when that one is revoked. */
static void
test_release_right(void **state)
{
	struct world *w = *state;

	office_reopen(&w->o, A1, office_catalogue_lax());
	office_set(&w->o, A1, &w->key, office_text("stamp", "mine"));
	post(w, A1, OFFICE_A, REACH_UP);
	deliver(w, DISTRICT, 0);
	assert_int_equal(quarantined(w, DISTRICT), 1);
	if (release(w, DISTRICT) != RC_OK)
		fail_msg("%s", w->o.diag.text);
	post(w, DISTRICT, OFFICE_T, REACH_DOWN);
	assert_string_equal(shown(w, DISTRICT, "stamp"), "mine");
	all_orders(w, 0);
	assert_string_equal(shown(w, READER, "stamp"), "mine");
	/* The province has not seen the release: it is beyond the cut. */
	revoke(w, PROVINCE, DISTRICT);
	deliver(w, READER, 2);
	assert_string_equal(shown(w, READER, "stamp"), "-");
	assert_int_equal(quarantined(w, READER), 2);
	verified(w, READER);
}

/* C5: what is broken is never released. */
static void
test_release_broken(void **state)
{
	static const uint8_t columns[] = { ITEM_UNIT, ITEM_NAME };
	struct world *w = *state;
	struct value values[] = { value_text(span_str(OFFICE_A)), value_text(span_of("a\0b", 3)) };
	struct commit_op op = { .table = OFFICE_ITEM, .kind = COMMIT_INSERT, .key = span_str("0123456789abcdef"),
		.columns = columns, .values = values, .columns_count = 2 };
	struct commit c = { .author = span_str("an"), .ops = &op, .ops_count = 1 };

	office_forge(&w->o, A1, OFFICE_A, REACH_UP, &c);
	post(w, A1, OFFICE_A, REACH_UP);
	deliver(w, DISTRICT, 0);
	assert_int_equal(quarantined(w, DISTRICT), 1);
	assert_int_equal(release(w, DISTRICT), RC_DENIED);
	assert_non_null(strstr(w->o.diag.text, "can never be released"));
}

/* ---- the tree grows */

/* C4: a unit's move makes right what came before it; in every order. */
static void
test_tree_grows(void **state)
{
	struct world *w = *state;
	struct save_cell parent = office_text("parent", OFFICE_D);
	struct save_key unit = office_key("xc@2020-01-01");
	struct save_cell cells[] = { parent, office_text("level", "commune") };

	if (office_put(&w->o, PROVINCE, "unit", &unit, cells, 2) != RC_OK)
		fail_msg("%s", w->o.diag.text);
	post(w, PROVINCE, OFFICE_T, REACH_DOWN);
	deliver(w, DISTRICT, 0);
	{
		static const uint8_t columns[] = { ITEM_UNIT, ITEM_NAME };
		struct value values[] = { value_text(span_str("xc@2020-01-01")), value_text(span_str("late")) };
		uint8_t key[KEY_BYTES] = { 1 };
		struct commit_op op = { .table = OFFICE_ITEM, .kind = COMMIT_INSERT, .key = span_of(key, KEY_BYTES),
			.columns = columns, .values = values, .columns_count = 2 };
		struct commit c = { .author = span_str("an"), .ops = &op, .ops_count = 1 };	/* names no cause */

		memcpy(key + KEY_BYTES - ORIGIN_SHORT_BYTES, w->o.nodes[DISTRICT].origin, ORIGIN_SHORT_BYTES);
		office_forge(&w->o, DISTRICT, "xc@2020-01-01", REACH_UP, &c);
	}
	post(w, DISTRICT, "xc@2020-01-01", REACH_UP);
	all_orders(w, 0);
	assert_int_equal(office_number(&w->o, READER, "SELECT count(*) FROM item WHERE name = 'late'"), 1);
}

/* C4: what an older program could not judge takes effect when the program has grown. */
static void
test_schema_grows(void **state)
{
	static struct catalogue grown;
	static const uint8_t columns[] = { ITEM_UNIT, ITEM_NAME };
	struct world *w = *state;
	struct value values[] = { value_text(span_str(OFFICE_A)), value_text(span_str("newer")) };
	uint8_t key[KEY_BYTES] = { 1 };
	struct commit_op op = { .table = OFFICE_ITEM, .kind = COMMIT_INSERT, .key = span_of(key, KEY_BYTES),
		.columns = columns, .values = values, .columns_count = 2 };
	struct commit c = { .author = span_str("an"), .ops = &op, .ops_count = 1, .schema = 2 };

	memcpy(key + KEY_BYTES - ORIGIN_SHORT_BYTES, w->o.nodes[A1].origin, ORIGIN_SHORT_BYTES);
	office_forge(&w->o, A1, OFFICE_A, REACH_UP, &c);
	post(w, A1, OFFICE_A, REACH_UP);
	deliver(w, READER, 0);
	assert_int_equal(office_number(&w->o, READER, "SELECT verdict FROM sync_quarantine"), VERDICT_DEFERRED);
	grown = *office_catalogue();
	grown.version = 2;
	office_reopen(&w->o, READER, &grown);
	assert_int_equal(quarantined(w, READER), 0);
	assert_int_equal(office_number(&w->o, READER, "SELECT count(*) FROM item WHERE name = 'newer'"), 1);
	verified(w, READER);
}

/* ---- bytes */

static void
test_cut_bytes(void **state)
{
	struct cut_entry e[3] = { { .unit = span_str("a"), .reach = REACH_UP, .seq = 7 },
		{ .unit = span_str("a"), .reach = REACH_DOWN, .seq = 1 }, { .unit = span_str("b"), .seq = 300 } };
	struct cut_entry out, before;
	struct bytes b;
	struct span rest;
	bool is_ok;

	(void)state;
	bytes_init(&b);
	for (size_t i = 0; i < 3; i++)
		revocation_cut_emit(&e[i], &b);
	rest = span_bytes(&b);
	for (size_t i = 0; i < 3; i++) {
		assert_true(revocation_cut_next(&rest, i == 0 ? NULL : &before, &out, &is_ok));
		assert_true(span_eq(out.unit, e[i].unit));
		assert_int_equal(out.seq, e[i].seq);
		assert_int_equal(out.reach, e[i].reach);
		before = out;
	}
	assert_false(revocation_cut_next(&rest, &before, &out, &is_ok));
	assert_true(is_ok);
	assert_true(revocation_cut_ok(span_bytes(&b)));
	for (size_t n = 1; n < b.n; n++)
		if (n != 44 && n != 88)
			assert_false(revocation_cut_ok(span_of(b.p, n)));
	bytes_clear(&b);	/* each stream once, ascending */
	revocation_cut_emit(&e[1], &b);
	revocation_cut_emit(&e[0], &b);
	assert_false(revocation_cut_ok(span_bytes(&b)));
	bytes_clear(&b);
	revocation_cut_emit(&e[0], &b);
	revocation_cut_emit(&e[0], &b);
	assert_false(revocation_cut_ok(span_bytes(&b)));
	bytes_free(&b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_cut),
		T(test_self),
		T(test_lowest),
		T(test_thief_revokes),
		T(test_who),
		T(test_credential_falls),
		T(test_credential_twice),
		T(test_release_revocation),
		T(test_release_right),
		T(test_release_broken),
		T(test_tree_grows),
		T(test_schema_grows),
		cmocka_unit_test(test_cut_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
