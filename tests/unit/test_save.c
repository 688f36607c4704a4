/* Saves: what becomes a commit, what is refused and why, and that a refusal leaves nothing. */
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

enum { PROVINCE, COMMUNE };

static int
setup(void **state)
{
	struct office *o = calloc(1, sizeof(*o));

	office_init(o);
	(void)office_join(o, OFFICE_A);
	*state = o;
	return 0;
}

static int
teardown(void **state)
{
	office_fini(*state);
	free(*state);
	return 0;
}

static long long
commits(struct office *o, size_t n)
{
	return office_number(o, n, "SELECT count(*) FROM sync_log");
}

/* The save answers @rc, says @why, and leaves nothing. */
static void
refused(struct office *o, enum rc rc, enum rc expected, const char *why, long long commits_before)
{
	assert_int_equal(rc, expected);
	if (strstr(o->diag.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", o->diag.text, why);
	assert_int_equal(commits(o, COMMUNE), commits_before);
	assert_int_equal(
	    office_number(o, COMMUNE, "SELECT count(*) FROM item WHERE name = 'bad'"), 0);
	engine_sanity(o->nodes[COMMUNE].engine);
}

/* ---- kinds of change */

static void
test_insert(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");

	assert_int_equal(key.n, KEY_BYTES);
	assert_int_equal(o->result.commits_count, 1);
	assert_int_equal(o->result.rows_count, 1);
	assert_int_equal(strlen(o->result.commit), COMMIT_NAME_CHARS);
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "name"), "tea");
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "unit"), OFFICE_A);
}

/* A new row that does not name its unit goes to the node's own. */
static void
test_insert_default_unit(void **state)
{
	struct office *o = *state;
	struct save_cell cell = office_text("name", "tea");
	struct save_key key = { .n = 0 };

	assert_int_equal(office_put(o, COMMUNE, "item", &key, &cell, 1), RC_OK);
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "unit"), OFFICE_A);
}

static void
test_update(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");

	office_set(o, COMMUNE, &key, office_int("score", 7));
	assert_int_equal(o->result.rows_count, 1);
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "score"), "7");
}

/* The same value again is no change: no commit, and the row keeps its version. */
static void
test_no_op(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");
	long long before = commits(o, COMMUNE),
		  v = office_number(o, COMMUNE, "SELECT _v FROM item");

	office_set(o, COMMUNE, &key, office_text("name", "tea"));
	assert_int_equal(o->result.commits_count, 0);
	assert_string_equal(o->result.commit, "");
	assert_int_equal(commits(o, COMMUNE), before);
	assert_int_equal(office_number(o, COMMUNE, "SELECT _v FROM item"), v);
}

/* A value that goes and comes back within one save is no change either. */
static void
test_there_and_back(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");
	long long v = office_number(o, COMMUNE, "SELECT _v FROM item");
	struct save_cell away = office_text("name", "x"), back = office_text("name", "tea");
	struct save *s = office_begin(o, COMMUNE, "an");

	assert_int_equal(
	    save_row(s, span_str("item"), office_span(&key), &away, 1, NULL, &o->diag), RC_OK);
	assert_int_equal(
	    save_row(s, span_str("item"), office_span(&key), &back, 1, NULL, &o->diag), RC_OK);
	assert_int_equal(save_commit(s, &o->result, &o->diag), RC_OK);
	assert_int_equal(o->result.commits_count, 0);
	assert_int_equal(office_number(o, COMMUNE, "SELECT _v FROM item"), v);
}

static void
test_forced(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");

	office_set(o, COMMUNE, &key, office_forced(office_text("name", "tea")));
	assert_int_equal(o->result.commits_count, 1);
}

static void
test_delete_and_reinsert(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");
	struct save_cell cells[] = { office_text("name", "tea 2") };

	assert_int_equal(office_drop(o, COMMUNE, "item", &key), RC_OK);
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "name"), "");
	assert_int_equal(office_drop(o, COMMUNE, "item", &key), RC_NOTFOUND);
	assert_int_equal(office_put(o, COMMUNE, "item", &key, cells, 1), RC_OK);
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "name"), "tea 2");
}

/* Deleted and inserted anew within one save is one change of what differs. */
static void
test_replace_in_one_save(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");
	struct save_cell cell = office_text("name", "tea 2");
	struct save *s = office_begin(o, COMMUNE, "an");

	assert_int_equal(save_delete(s, span_str("item"), office_span(&key), &o->diag), RC_OK);
	/* The key is minted: only a row that was there may come back, and its deletion is not
	 * yet written. */
	assert_int_equal(save_row(s, span_str("item"), office_span(&key), &cell, 1, NULL, &o->diag),
	    RC_NOTFOUND);
	save_abandon(s);
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "name"), "tea");
}

static void
test_delta(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");
	struct save_cell huge = office_delta("stock", INT64_MAX);
	long long before;

	office_set(o, COMMUNE, &key, office_delta("stock", 5));
	office_set(o, COMMUNE, &key, office_delta("stock", -2));
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "stock"), "3");
	before = commits(o, COMMUNE);
	refused(o, office_put(o, COMMUNE, "item", &key, &huge, 1), RC_INPUT, "the sum is too large",
	    before);
}

/* A counter that counts cannot be emptied: what would be added? */
static void
test_counter_is_never_emptied(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");
	struct save_cell cell = office_null("stock");
	long long before;

	office_set(o, COMMUNE, &key, office_int("stock", 5));
	before = commits(o, COMMUNE);
	refused(o, office_put(o, COMMUNE, "item", &key, &cell, 1), RC_INPUT, "item.stock", before);
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "stock"), "5");
}

/* One commit for each scope, all under one name. */
static void
test_scopes(void **state)
{
	struct office *o = *state;
	struct save_cell a[] = { office_text("unit", OFFICE_A), office_text("name", "a") };
	struct save_cell b[] = { office_text("unit", OFFICE_B), office_text("name", "b") };
	struct save_cell notice = office_text("text", "n");
	struct save *s = office_begin(o, PROVINCE, "an");

	assert_int_equal(
	    save_row(s, span_str("item"), span_of(NULL, 0), a, 2, NULL, &o->diag), RC_OK);
	assert_int_equal(
	    save_row(s, span_str("item"), span_of(NULL, 0), b, 2, NULL, &o->diag), RC_OK);
	assert_int_equal(
	    save_row(s, span_str("item"), span_of(NULL, 0), a, 2, NULL, &o->diag), RC_OK);
	assert_int_equal(
	    save_row(s, span_str("notice"), span_str("N1"), &notice, 1, NULL, &o->diag), RC_OK);
	assert_int_equal(save_commit(s, &o->result, &o->diag), RC_OK);
	assert_int_equal(o->result.commits_count, 3);
	assert_int_equal(o->result.rows_count, 4);
	engine_sanity(o->nodes[PROVINCE].engine);
}

/* ---- sizes */

static enum rc
many_save(struct office *o, bool is_bulk, size_t rows, size_t name_bytes)
{
	struct save_options options = { .author = span_str("an"), .is_bulk = is_bulk };
	char name[40];
	struct save_cell cells[2] = { office_text("unit", OFFICE_A) };
	struct save *s;
	enum rc rc = RC_OK;

	diag_init(&o->diag);
	assert_int_equal(save_begin(o->nodes[COMMUNE].engine, &options, &s, &o->diag), RC_OK);
	for (size_t i = 0; i < rows && rc == RC_OK; i++) {
		/* Not to be shortened: every name is another. */
		for (size_t j = 0; j < name_bytes; j++)
			name[j] = (char)('a' + (i * 7 + j * (i % 11 + 1)) % 26);
		cells[1] = (struct save_cell){ .column = span_str("name"),
			.value = value_text(span_of(name, name_bytes)) };
		rc = save_row(s, span_str("item"), span_of(NULL, 0), cells, 2, NULL, &o->diag);
	}
	assert_int_equal(rc, RC_OK);
	return save_commit(s, &o->result, &o->diag);
}

static void
test_too_large(void **state)
{
	struct office *o = *state;
	long long before = commits(o, COMMUNE);

	refused(o, many_save(o, false, 2049, 1), RC_LIMIT, "save it in parts", before);
	refused(o, many_save(o, false, 2000, 40), RC_LIMIT, "save it in parts", before);
	assert_int_equal(office_number(o, COMMUNE, "SELECT count(*) FROM item"), 0);
}

/* A bulk save becomes several commits, each row in the one that its version names. */
static void
test_bulk(void **state)
{
	struct office *o = *state;

	assert_int_equal(many_save(o, true, 5000, 30), RC_OK);
	assert_true(o->result.commits_count >= 3);
	assert_int_equal(o->result.rows_count, 5000);
	assert_int_equal(office_number(o, COMMUNE, "SELECT count(DISTINCT _v) FROM item"),
	    (long long)o->result.commits_count);
	engine_sanity(o->nodes[COMMUNE].engine);
	assert_int_equal(office_send(o, COMMUNE, PROVINCE), RC_OK);
	office_assert_equal(o, PROVINCE, COMMUNE);
}

/* ---- save_update */

static void
test_statement(void **state)
{
	struct office *o = *state;
	struct save_key a = office_item(o, COMMUNE, OFFICE_A, "a");
	struct save_key b = office_item(o, COMMUNE, OFFICE_A, "b");

	(void)office_item(o, COMMUNE, OFFICE_A, "c");
	assert_int_equal(office_update(o, COMMUNE, false, "score", "5", NULL), RC_OK);
	assert_int_equal(o->result.rows_count, 3);
	assert_int_equal(
	    office_update(o, COMMUNE, false, "score", "score + length(name)", "name <> 'b'"), RC_OK);
	assert_int_equal(o->result.rows_count, 2);
	/* What stays the same is not told. */
	assert_int_equal(office_update(o, COMMUNE, false, "score", "6", NULL), RC_OK);
	assert_int_equal(o->result.rows_count, 1);
	assert_int_equal(office_update(o, COMMUNE, false, "score", "6", NULL), RC_OK);
	assert_int_equal(o->result.commits_count, 0);
	assert_int_equal(office_update(o, COMMUNE, false, "score", "7", "name = 'a'"), RC_OK);
	assert_int_equal(office_send(o, COMMUNE, PROVINCE), RC_OK);
	assert_string_equal(office_cell(o, PROVINCE, "item", &a, "score"), "7");
	assert_string_equal(office_cell(o, PROVINCE, "item", &b, "score"), "6");
	office_assert_equal(o, PROVINCE, COMMUNE);
	engine_sanity(o->nodes[COMMUNE].engine);
}

/* A statement that reaches into two scopes becomes two commits. */
static void
test_statement_scopes(void **state)
{
	struct office *o = *state;

	for (int i = 0; i < 6; i++)
		(void)office_item(o, PROVINCE, i % 2 == 0 ? OFFICE_A : OFFICE_B, "x");
	assert_int_equal(office_update(o, PROVINCE, true, "score", "5", NULL), RC_OK);
	assert_int_equal(o->result.commits_count, 2);
	assert_int_equal(office_number(o, PROVINCE, "SELECT count(DISTINCT _v) FROM item"), 2);
	assert_int_equal(office_send(o, PROVINCE, COMMUNE), RC_OK);
	office_assert_equal(o, PROVINCE, COMMUNE);
}

/* A statement that is refused or fails halfway leaves nothing. */
static void
test_statement_refused(void **state)
{
	static const struct {
		const char *column, *expr, *where;
		enum rc rc;
		const char *why;
	} bad[] = {
		{ "score", "CASE name WHEN 'b' THEN 101 ELSE 1 END", NULL, RC_INPUT,
		    "101 is outside 0 to 100" },
		{ "score", "CASE name WHEN 'b' THEN 'x' ELSE 1 END", NULL, RC_INPUT,
		    "must be a whole number" },
		{ "score", "CASE name WHEN 'b' THEN 0.5 ELSE 1 END", NULL, RC_INPUT, "fraction" },
		{ "name", "CASE name WHEN 'b' THEN NULL ELSE 'c' END", NULL, RC_INPUT,
		    "must not be empty" },
		{ "name", "'x' || CAST(x'ff' AS TEXT)", NULL, RC_INPUT, "not valid UTF-8" },
		{ "name", "'c'", "nothing = 1", RC_INPUT, "nothing" },
		{ "name", "'d'", "EXISTS (SELECT 1 FROM item o WHERE o.name < item.name)", RC_INPUT,
		    "look up their keys" },
		{ "unit", "'" OFFICE_B "'", NULL, RC_INPUT, "stays with the unit" },
		{ "id", "zeroblob(16)", NULL, RC_INPUT, "no column 'id'" },
		{ "colour", "1", NULL, RC_INPUT, "no column 'colour'" },
	};
	struct office *o = *state;
	long long before;

	(void)office_item(o, COMMUNE, OFFICE_A, "a");
	(void)office_item(o, COMMUNE, OFFICE_A, "b");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		before = commits(o, COMMUNE);
		refused(o,
		    office_update(o, COMMUNE, false, bad[i].column, bad[i].expr, bad[i].where),
		    bad[i].rc, bad[i].why, before);
	}
	office_assert_equal(o, COMMUNE, COMMUNE);
	engine_sanity(o->nodes[COMMUNE].engine);
}

/* ---- save_rows */

#define FORM_ROWS 40

/* Rows in no order, of several shapes, new and old, one of them twice: as one by one. */
static void
test_rows(void **state)
{
	struct office *o = *state;
	struct save_key keys[FORM_ROWS], one;
	struct save_cell cells[FORM_ROWS][2];
	struct save_change changes[FORM_ROWS];
	struct save *s;
	size_t failed;

	for (int i = 0; i < FORM_ROWS - 4; i++)
		keys[i] = office_item(o, COMMUNE, OFFICE_A, "old");
	one = keys[0];
	keys[0] = keys[FORM_ROWS - 5];
	keys[FORM_ROWS - 5] = one;
	keys[FORM_ROWS - 4] = keys[3];
	for (int i = FORM_ROWS - 3; i < FORM_ROWS; i++)
		keys[i].n = 0;
	for (int i = 0; i < FORM_ROWS; i++) {
		cells[i][0] = office_text("name", i == 5 ? "old" : "new");
		cells[i][1] = i % 20 == 19 ? office_text("memo", "m") : office_int("score", i);
		changes[i] = (struct save_change){ span_str("item"),
			span_of(keys[i].b, keys[i].n), cells[i], i == 5 ? 1 : 2 };
	}
	s = office_begin(o, COMMUNE, "an");
	assert_int_equal(save_rows(s, changes, FORM_ROWS, keys, &failed, &o->diag), RC_OK);
	assert_int_equal(save_commit(s, &o->result, &o->diag), RC_OK);
	assert_int_equal(o->result.rows_count, FORM_ROWS - 2);
	assert_int_equal(o->result.commits_count, 1);
	assert_int_equal(
	    office_number(o, COMMUNE, "SELECT count(DISTINCT _v) FROM item WHERE name = 'new'"), 1);
	for (int i = 0; i < FORM_ROWS; i++) {
		char text[16];

		assert_int_equal(keys[i].n, KEY_BYTES);
		(void)snprintf(text, sizeof(text), "%d", i == 3 ? FORM_ROWS - 4 : i);
		if (i == 5)
			assert_string_equal(office_cell(o, COMMUNE, "item", &keys[i], "name"), "old");
		else
			assert_string_equal(office_cell(o, COMMUNE, "item", &keys[i],
						i % 20 == 19 ? "memo" : "score"),
			    i % 20 == 19 ? "m" : text);
	}
	assert_int_equal(office_send(o, COMMUNE, PROVINCE), RC_OK);
	office_assert_equal(o, PROVINCE, COMMUNE);
	engine_sanity(o->nodes[COMMUNE].engine);
}

/* Rows made together lie together: what stands between those of a form stays as it is. */
static void
test_rows_between(void **state)
{
	struct office *o = *state;
	struct save_key keys[24], some[8];
	struct save_cell cells[2] = { office_text("name", "old"), office_text("name", "new") };
	struct save_change changes[24];
	struct save *s;
	size_t failed;

	for (int i = 0; i < 24; i++) {
		keys[i].n = 0;
		changes[i] =
		    (struct save_change){ span_str("item"), span_of(NULL, 0), &cells[0], 1 };
	}
	s = office_begin(o, COMMUNE, "an");
	assert_int_equal(save_rows(s, changes, 24, keys, &failed, &o->diag), RC_OK);
	assert_int_equal(save_commit(s, &o->result, &o->diag), RC_OK);
	for (int i = 0; i < 8; i++) {
		some[i] = keys[i * 3 + 1];
		changes[i] =
		    (struct save_change){ span_str("item"), office_span(&some[i]), &cells[1], 1 };
	}
	s = office_begin(o, COMMUNE, "an");
	assert_int_equal(save_rows(s, changes, 8, some, &failed, &o->diag), RC_OK);
	assert_int_equal(save_commit(s, &o->result, &o->diag), RC_OK);
	assert_int_equal(o->result.rows_count, 8);
	assert_int_equal(office_number(o, COMMUNE, "SELECT count(DISTINCT _v) FROM item"), 2);
	for (int i = 0; i < 24; i++)
		assert_string_equal(office_cell(o, COMMUNE, "item", &keys[i], "name"),
		    i % 3 == 1 ? "new" : "old");
	assert_int_equal(office_send(o, COMMUNE, PROVINCE), RC_OK);
	office_assert_equal(o, PROVINCE, COMMUNE);
	engine_sanity(o->nodes[COMMUNE].engine);
}

/* The row that is at fault is told, wherever it stands and however it is found out. */
static void
test_rows_at_fault(void **state)
{
	struct office *o = *state;
	struct save_key keys[8], given[8];
	struct save_cell cells[8];
	struct save_change changes[8];
	long long before;
	struct save *s;
	size_t failed;

	for (int i = 0; i < 8; i++)
		keys[i] = office_item(o, COMMUNE, OFFICE_A, "old");
	before = commits(o, COMMUNE);
	for (int kind = 0; kind < 3; kind++) {
		for (int at = 0; at < 8; at++) {
			memcpy(given, keys, sizeof(given));
			for (int i = 0; i < 8; i++)
				cells[i] = office_delta("stock", 1);
			if (kind == 0) /* before the statement */
				cells[at] = office_text("stock", "x");
			else if (kind == 1) /* as it stands on the row */
				cells[at] = office_delta("stock", INT64_MAX);
			else /* after it */
				given[at].b[0] ^= 1;
			for (int i = 0; i < 8; i++)
				changes[i] = (struct save_change){ span_str("item"),
					span_of(given[i].b, given[i].n), &cells[i], 1 };
			if (kind == 1)
				assert_int_equal(
				    office_put(o, COMMUNE, "item", &keys[at],
					&(struct save_cell){ .column = span_str("stock"),
					    .value = value_int(5) },
					1),
				    RC_OK);
			before = commits(o, COMMUNE);
			s = office_begin(o, COMMUNE, "an");
			diag_init(&o->diag);
			assert_int_not_equal(
			    save_rows(s, changes, 8, given, &failed, &o->diag), RC_OK);
			assert_int_equal(failed, at);
			assert_string_not_equal(o->diag.text, "");
			save_abandon(s);
			assert_int_equal(commits(o, COMMUNE), before);
		}
	}
	office_assert_equal(o, COMMUNE, COMMUNE);
}

/* ---- values */

struct bad_cell {
	struct save_cell cell;
	enum rc rc;
	const char *why;
};

static void
test_bad_values(void **state)
{
	struct office *o = *state;
	static const uint8_t photo[65];
	const struct bad_cell bad[] = {
		{ office_int("name", 1), RC_INPUT, "item.name must be text" },
		{ office_null("name"), RC_INPUT, "item.name must not be empty" },
		{ office_text("score", "7"), RC_INPUT, "item.score must be a whole number" },
		{ office_int("score", 101), RC_INPUT, "101 is outside 0 to 100" },
		{ office_int("score", -1), RC_INPUT, "-1 is outside" },
		{ office_text("photo", "x"), RC_INPUT, "item.photo must be bytes" },
		{ office_blob("photo", photo, 65), RC_INPUT, "65 bytes, at most 64" },
		{ office_text("kind", "fish"), RC_INPUT, "'fish' is not one of: food, craft" },
		{ office_text("memo", "a\xffz"), RC_INPUT, "not valid UTF-8" },
		{ office_text("memo", "\xc0\x80"), RC_INPUT, "not valid UTF-8" },
		{ office_text("memo", "\xed\xa0\x80"), RC_INPUT, "not valid UTF-8" },
		{ office_text("memo", "\xf4\x90\x80\x80"), RC_INPUT, "not valid UTF-8" },
		{ office_text("memo", "\xe1\xba"), RC_INPUT, "not valid UTF-8" },
		{ { .column = span_str("memo"), .value = value_text(span_of("a\0b", 3)) }, RC_INPUT,
		    "holds a NUL" },
		{ office_text("name", "12345678901234567890123456789012345678901"), RC_INPUT,
		    "41 bytes, at most 40" },
		{ office_text("colour", "x"), RC_INPUT, "no column 'colour'" },
		{ office_text("unit", OFFICE_B), RC_INPUT, "stays with the unit it was made for" },
		{ office_blob("before", photo, 16), RC_INPUT, "there is no such item" },
		{ office_blob("before", photo, 15), RC_INPUT, "must be a row's key" },
		{ office_text("birth", "2018"), RC_DENIED, "item.birth is never changed" },
	};
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");
	long long before = commits(o, COMMUNE);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(o, office_put(o, COMMUNE, "item", &key, &bad[i].cell, 1), bad[i].rc,
		    bad[i].why, before);
}

static void
test_bad_rows(void **state)
{
	struct office *o = *state;
	struct save_cell cells[] = { office_text("name", "bad"), office_text("name", "bad") };
	struct save_cell unit = office_text("unit", OFFICE_A);
	struct save_cell elsewhere[] = { office_text("name", "bad"),
		office_text("unit", OFFICE_B) };
	struct save_cell nowhere[] = { office_text("name", "bad"),
		office_text("unit", "zz@2010-01-01") };
	struct save_key none = { .n = 0 }, unknown = { .b = { 1 }, .n = KEY_BYTES },
			short_key = { .n = 5 };
	long long before = commits(o, COMMUNE);

	refused(o, office_put(o, COMMUNE, "thing", &none, cells, 1), RC_INPUT, "no table 'thing'",
	    before);
	none.n = 0;
	refused(o, office_put(o, COMMUNE, "item", &none, cells, 2), RC_INPUT,
	    "item.name is given twice", before);
	none.n = 0;
	refused(o, office_put(o, COMMUNE, "item", &none, &unit, 1), RC_INPUT,
	    "item.name must be given", before);
	none.n = 0;
	refused(o, office_put(o, COMMUNE, "item", &none, elsewhere, 2), RC_DENIED, "is not below",
	    before);
	none.n = 0;
	refused(o, office_put(o, COMMUNE, "item", &none, nowhere, 2), RC_INPUT,
	    "there is no unit 'zz@2010-01-01'", before);
	refused(o, office_put(o, COMMUNE, "item", &unknown, cells, 1), RC_NOTFOUND,
	    "there is no row", before);
	refused(o, office_put(o, COMMUNE, "item", &short_key, cells, 1), RC_INPUT,
	    "the key is not one", before);
}

/* Keys that the domain names are text: UTF-8 without NUL, of bounded length. */
static void
test_bad_text_keys(void **state)
{
	struct office *o = *state;
	struct save_cell cell = office_text("text", "bad");
	struct save_key none = { .n = 0 }, nul = { .b = "a\0b", .n = 3 },
			wild = office_key("a\xff");
	long long before = commits(o, COMMUNE);

	refused(
	    o, office_put(o, COMMUNE, "label", &none, &cell, 1), RC_INPUT, "must be given", before);
	refused(o, office_put(o, COMMUNE, "label", &nul, &cell, 1), RC_INPUT, "the key is not one",
	    before);
	refused(o, office_put(o, COMMUNE, "label", &wild, &cell, 1), RC_INPUT, "the key is not one",
	    before);
	assert_int_equal(office_number(o, COMMUNE, "SELECT count(*) FROM label"), 0);
}

static void
test_parent_scope(void **state)
{
	struct office *o = *state;
	struct save_key item = office_item(o, PROVINCE, OFFICE_A, "tea"), part = { .n = 0 };
	struct save_cell cells[] = { office_blob("item", item.b, item.n),
		office_text("text", "leaf") };
	long long before;

	assert_int_equal(office_put(o, PROVINCE, "part", &part, cells, 2), RC_OK);
	assert_int_equal(office_send(o, PROVINCE, COMMUNE), RC_OK);
	assert_string_equal(office_cell(o, COMMUNE, "part", &part, "text"), "leaf");
	before = commits(o, COMMUNE);
	part.n = 0;
	refused(o, office_put(o, COMMUNE, "part", &part, cells + 1, 1), RC_INPUT, "must be given",
	    before);
}

static void
test_unique(void **state)
{
	struct office *o = *state;
	struct save_cell cell = office_text("text", "one");
	struct save_key a = office_key("L1"), b = office_key("L2");
	long long before;

	assert_int_equal(office_put(o, COMMUNE, "label", &a, &cell, 1), RC_OK);
	before = commits(o, COMMUNE);
	refused(o, office_put(o, COMMUNE, "label", &b, &cell, 1), RC_CONFLICT,
	    "the same unit, text", before);
}

/* A row that belongs to a person belongs to whoever saves it. */
static void
test_owner_default(void **state)
{
	struct office *o = *state;
	struct save_cell cell = office_int("points", 9);
	struct save_key key = { .n = 0 };

	assert_int_equal(office_put_as(o, COMMUNE, "binh", "sheet", &key, &cell, 1), RC_OK);
	assert_string_equal(office_cell(o, COMMUNE, "sheet", &key, "member"), "binh");
}

static void
test_author_too_long(void **state)
{
	struct office *o = *state;
	char author[AUTHOR_BYTES_MAX + 2];
	struct save_options options;
	struct save *s;

	memset(author, 'a', sizeof(author));
	options = (struct save_options){ .author = span_of(author, AUTHOR_BYTES_MAX + 1) };
	assert_int_equal(save_begin(o->nodes[COMMUNE].engine, &options, &s, &o->diag), RC_INPUT);
	assert_null(s);
	options = (struct save_options){ .unit = span_str(OFFICE_B) };
	assert_int_equal(save_begin(o->nodes[COMMUNE].engine, &options, &s, &o->diag), RC_DENIED);
	engine_sanity(o->nodes[COMMUNE].engine);
}

static void
test_abandon(void **state)
{
	struct office *o = *state;
	struct save_cell cell = office_text("name", "bad");
	long long before = commits(o, COMMUNE);
	struct save *s = office_begin(o, COMMUNE, "an");

	assert_int_equal(
	    save_row(s, span_str("item"), span_of(NULL, 0), &cell, 1, NULL, &o->diag), RC_OK);
	save_abandon(s);
	refused(o, RC_OK, RC_OK, "", before);
}

/* A save that touches the tree of units is followed at once. */
static void
test_units_follow(void **state)
{
	struct office *o = *state;
	struct save_cell cells[] = { office_text("parent", OFFICE_D),
		office_text("level", "commune") };
	struct save_key key = office_key("xc@2020-01-01");

	assert_int_equal(office_put(o, PROVINCE, "unit", &key, cells, 2), RC_OK);
	(void)office_item(o, PROVINCE, "xc@2020-01-01", "new");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_insert),
		TEST(test_insert_default_unit),
		TEST(test_update),
		TEST(test_no_op),
		TEST(test_there_and_back),
		TEST(test_forced),
		TEST(test_delete_and_reinsert),
		TEST(test_replace_in_one_save),
		TEST(test_delta),
		TEST(test_counter_is_never_emptied),
		TEST(test_scopes),
		TEST(test_too_large),
		TEST(test_bulk),
		TEST(test_statement),
		TEST(test_statement_scopes),
		TEST(test_statement_refused),
		TEST(test_rows),
		TEST(test_rows_between),
		TEST(test_rows_at_fault),
		TEST(test_bad_values),
		TEST(test_bad_rows),
		TEST(test_bad_text_keys),
		TEST(test_parent_scope),
		TEST(test_unique),
		TEST(test_owner_default),
		TEST(test_author_too_long),
		TEST(test_abandon),
		TEST(test_units_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
