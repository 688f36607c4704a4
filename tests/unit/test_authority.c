/* Every rule of who may write what: refused at the save, and quarantined where a node that
 * skipped the check sends it; what follows in that stream goes on (P7). */
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

enum { PROVINCE, COMMUNE, DISTRICT };

static int
setup(void **state)
{
	struct office *o = calloc(1, sizeof(*o));

	office_init(o);
	assert_int_equal(office_join(o, OFFICE_A), COMMUNE);
	assert_int_equal(office_join(o, OFFICE_D), DISTRICT);
	office_sync(o);
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

struct reasons {
	char text[DIAG_BYTES_MAX];
	size_t count;
};

static enum rc
reason_step(void *ctx, const struct quarantined *q)
{
	struct reasons *r = ctx;

	(void)snprintf(
	    r->text, sizeof(r->text), "%.*s", (int)q->reason.n, (const char *)q->reason.p);
	assert_int_equal(strlen(q->commit), COMMIT_NAME_CHARS);
	r->count++;
	return RC_OK;
}

/* Exactly one commit is quarantined at the province, for that reason; the commune's next commit
 * takes effect. */
static void
quarantined(struct office *o, size_t writer, const char *why)
{
	struct reasons r = { "", 0 };
	struct save_key key;

	assert_int_equal(office_send(o, writer, PROVINCE), RC_OK);
	assert_int_equal(o->applied.commits_quarantined, 1);
	assert_int_equal(
	    conflict_quarantine_each(o->nodes[PROVINCE].engine, reason_step, &r, &o->diag), RC_OK);
	assert_int_equal(r.count, 1);
	assert_int_equal(conflict_quarantine_count(o->nodes[PROVINCE].engine), 1);
	if (strstr(r.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", r.text, why);
	key = office_item(o, writer, writer == DISTRICT ? OFFICE_D : OFFICE_A, "next");
	assert_int_equal(office_send(o, writer, PROVINCE), RC_OK);
	assert_string_equal(office_cell(o, PROVINCE, "item", &key, "name"), "next");
	engine_sanity(o->nodes[PROVINCE].engine);
}

/* The change is refused by an engine that checks, and gets past one that does not. */
static void
refused_and_quarantined(struct office *o, size_t writer, const char *author, const char *table,
    const struct save_key *key, const struct save_cell *cells, size_t count, const char *why)
{
	struct save_key k = *key;

	assert_int_equal(office_put_as(o, writer, author, table, &k, cells, count), RC_DENIED);
	if (strstr(o->diag.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", o->diag.text, why);
	office_reopen(o, writer, office_catalogue_lax());
	k = *key;
	assert_int_equal(office_put_as(o, writer, author, table, &k, cells, count), RC_OK);
	quarantined(o, writer, why);
}

static void
test_table_level(void **state)
{
	struct save_key none = { .n = 0 };
	struct save_cell cell = office_text("text", "x");

	refused_and_quarantined(*state, COMMUNE, "an", "ruling", &none, &cell, 1,
	    "ruling is written by the district or above");
	assert_int_equal(office_number(*state, PROVINCE, "SELECT count(*) FROM ruling"), 0);
}

static void
test_column_level(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");
	struct save_cell cell = office_text("stamp", "mine");

	refused_and_quarantined(
	    o, COMMUNE, "an", "item", &key, &cell, 1, "item.stamp is written by the district");
	assert_string_equal(office_cell(o, PROVINCE, "item", &key, "stamp"), "-");
}

/* The level that a column asks for is enough. */
static void
test_column_level_enough(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");

	office_sync(o);
	office_set(o, DISTRICT, &key, office_text("stamp", "ours"));
	office_sync(o);
	assert_string_equal(office_cell(o, COMMUNE, "item", &key, "stamp"), "ours");
	assert_int_equal(conflict_quarantine_count(o->nodes[PROVINCE].engine), 0);
}

static void
test_insert_only_update(void **state)
{
	struct office *o = *state;
	struct save_key key = { .n = 0 };
	struct save_cell cell = office_text("text", "one"), other = office_text("text", "two");

	assert_int_equal(office_put(o, COMMUNE, "event", &key, &cell, 1), RC_OK);
	refused_and_quarantined(
	    o, COMMUNE, "an", "event", &key, &other, 1, "never changed once they stand");
	assert_string_equal(office_cell(o, PROVINCE, "event", &key, "text"), "one");
}

static void
test_insert_only_delete(void **state)
{
	struct office *o = *state;
	struct save_key key = { .n = 0 };
	struct save_cell cell = office_text("text", "one");

	assert_int_equal(office_put(o, COMMUNE, "event", &key, &cell, 1), RC_OK);
	assert_int_equal(office_drop(o, COMMUNE, "event", &key), RC_DENIED);
	office_reopen(o, COMMUNE, office_catalogue_lax());
	assert_int_equal(office_drop(o, COMMUNE, "event", &key), RC_OK);
	quarantined(o, COMMUNE, "never changed once they stand");
	assert_string_equal(office_cell(o, PROVINCE, "event", &key, "text"), "one");
}

/* M13: what is appended stands. */
static void
test_append_column(void **state)
{
	struct office *o = *state;
	struct save_key key = office_item(o, COMMUNE, OFFICE_A, "tea");
	struct save_cell cell = office_text("birth", "2018");

	refused_and_quarantined(
	    o, COMMUNE, "an", "item", &key, &cell, 1, "item.birth is never changed");
	assert_string_equal(office_cell(o, PROVINCE, "item", &key, "birth"), "-");
}

/* M14: a unit's own rows are written by its own nodes only, not by those above. */
static void
test_owner_unit(void **state)
{
	struct office *o = *state;
	struct save_key key = { .n = 0 };
	struct save_cell cell = office_text("text", "one"), other = office_text("text", "two");

	assert_int_equal(office_put(o, COMMUNE, "report", &key, &cell, 1), RC_OK);
	office_sync(o);
	refused_and_quarantined(
	    o, DISTRICT, "an", "report", &key, &other, 1, "itself may write its rows");
	assert_string_equal(office_cell(o, PROVINCE, "report", &key, "text"), "one");
}

/* M14: a person's rows are written by that person. */
static void
test_owner_author(void **state)
{
	struct office *o = *state;
	struct save_key key = { .n = 0 };
	struct save_cell cell = office_int("points", 9), other = office_int("points", 1);
	struct save_cell remark = office_text("remark", "r");

	assert_int_equal(office_put_as(o, COMMUNE, "binh", "sheet", &key, &cell, 1), RC_OK);
	assert_int_equal(office_put_as(o, COMMUNE, "an", "sheet", &key, &remark, 1), RC_OK);
	refused_and_quarantined(
	    o, COMMUNE, "an", "sheet", &key, &other, 1, "only the person named as member");
	assert_string_equal(office_cell(o, PROVINCE, "sheet", &key, "points"), "9");
	assert_string_equal(office_cell(o, PROVINCE, "sheet", &key, "remark"), "r");
}

/* M14: nor may another person take the row away, or make one in somebody's name. */
static void
test_owner_author_delete_and_insert(void **state)
{
	struct office *o = *state;
	struct save_key key = { .n = 0 }, none = { .n = 0 };
	struct save_cell cell = office_int("points", 9);
	struct save_cell forged[] = { office_text("member", "binh"), office_int("points", 1) };

	assert_int_equal(office_put_as(o, COMMUNE, "binh", "sheet", &key, &cell, 1), RC_OK);
	assert_int_equal(office_drop(o, COMMUNE, "sheet", &key), RC_DENIED);
	refused_and_quarantined(
	    o, COMMUNE, "an", "sheet", &none, forged, 2, "only the person named as member");
}

/* ---- forged commits: what no catalogue would let through */

static struct commit_op
forged_op(uint16_t table, const char *key, const uint8_t *columns, const struct value *values,
    size_t count)
{
	return (struct commit_op){ .table = table,
		.kind = COMMIT_INSERT,
		.has_text_key = strlen(key) != KEY_BYTES,
		.key = span_str(key),
		.columns = columns,
		.values = values,
		.columns_count = count };
}

static void
forge(struct office *o, size_t n, const char *unit, enum reach reach, struct commit_op *op)
{
	struct commit c = { .author = span_str("an"), .ops = op, .ops_count = 1 };

	office_forge(o, n, unit, reach, &c);
}

static const uint8_t g_item_columns[] = { ITEM_UNIT, ITEM_NAME };

/* A unit beside the writer's own. */
static void
test_scope_not_below(void **state)
{
	struct office *o = *state;
	struct value values[] = { value_text(span_str(OFFICE_B)), value_text(span_str("x")) };
	uint8_t mine[KEY_BYTES] = { 1 };
	struct commit_op op = forged_op(OFFICE_ITEM, "0123456789abcdef", g_item_columns, values, 2);
	struct save_cell cells[] = { office_text("unit", OFFICE_B), office_text("name", "x") };
	struct save_key none = { .n = 0 };

	memcpy(mine + KEY_BYTES - ORIGIN_SHORT_BYTES, o->nodes[COMMUNE].origin, ORIGIN_SHORT_BYTES);
	op.key = span_of(mine, KEY_BYTES);
	assert_int_equal(office_put(o, COMMUNE, "item", &none, cells, 2), RC_DENIED);
	forge(o, COMMUNE, OFFICE_B, REACH_UP, &op);
	quarantined(o, COMMUNE, "is not below the unit of the node that wrote");
	assert_int_equal(
	    office_number(o, PROVINCE, "SELECT count(*) FROM item WHERE name = 'x'"), 0);
}

/* A row that says it is of one unit, in the stream of another. */
static void
test_scope_column_lies(void **state)
{
	struct value values[] = { value_text(span_str(OFFICE_B)), value_text(span_str("x")) };
	struct commit_op op = forged_op(OFFICE_ITEM, "0123456789abcdef", g_item_columns, values, 2);

	forge(*state, COMMUNE, OFFICE_A, REACH_UP, &op);
	quarantined(*state, COMMUNE, "addressed to one unit for good");
}

static void
test_wrong_reach(void **state)
{
	struct value values[] = { value_text(span_str(OFFICE_A)), value_text(span_str("x")) };
	struct commit_op op = forged_op(OFFICE_ITEM, "0123456789abcdef", g_item_columns, values, 2);

	forge(*state, COMMUNE, OFFICE_A, REACH_DOWN, &op);
	quarantined(*state, COMMUNE, "in a stream of the wrong kind");
}

static void
test_wrong_key(void **state)
{
	struct value values[] = { value_text(span_str(OFFICE_A)), value_text(span_str("x")) };
	struct commit_op op = forged_op(OFFICE_ITEM, "named", g_item_columns, values, 2);

	forge(*state, COMMUNE, OFFICE_A, REACH_UP, &op);
	quarantined(*state, COMMUNE, "in a stream of the wrong kind");
}

static void
test_not_at_the_root(void **state)
{
	static const uint8_t columns[] = { 1 };
	struct value values[] = { value_text(span_str("x")) };
	struct commit_op op = forged_op(OFFICE_NOTICE, "N1", columns, values, 1);

	forge(*state, COMMUNE, OFFICE_A, REACH_DOWN, &op);
	quarantined(*state, COMMUNE, "addressed to the root");
}

static void
test_wrong_type(void **state)
{
	struct value values[] = { value_text(span_str(OFFICE_A)), value_int(5) };
	struct commit_op op = forged_op(OFFICE_ITEM, "0123456789abcdef", g_item_columns, values, 2);

	forge(*state, COMMUNE, OFFICE_A, REACH_UP, &op);
	quarantined(*state, COMMUNE, "item.name has a value of the wrong type");
}

/* A minted key ends in the short origin of the node that minted it; what oversteps is kept without effect (W30). */
static void
test_key_of_another(void **state)
{
	struct value values[] = { value_text(span_str(OFFICE_A)), value_text(span_str("x")) };
	struct commit_op op = forged_op(OFFICE_ITEM, "0123456789abcdef", g_item_columns, values, 2);

	forge(*state, COMMUNE, OFFICE_A, REACH_UP, &op);
	quarantined(*state, COMMUNE, "has a key that another node minted");
}

/* C5: texts and keys that are no text. */
static void
test_no_text(void **state)
{
	static const uint8_t column[] = { 2 };
	struct value values[] = { value_text(span_str("a\xC3")) };
	struct commit_op op = { .table = OFFICE_LABEL, .kind = COMMIT_INSERT, .has_text_key = true,
		.key = span_str("k"), .columns = column, .values = values, .columns_count = 1 };

	forge(*state, COMMUNE, OFFICE_A, REACH_UP, &op);
	quarantined(*state, COMMUNE, "label.text has a text that is not valid UTF-8");
	assert_int_equal(office_number(*state, PROVINCE, "SELECT verdict FROM sync_quarantine"), 4);
}

static void
test_no_text_key(void **state)
{
	static const uint8_t column[] = { 2 };
	struct value values[] = { value_text(span_str("a")) };
	struct commit_op op = { .table = OFFICE_LABEL, .kind = COMMIT_INSERT, .has_text_key = true,
		.key = span_of("k\0l", 3), .columns = column, .values = values, .columns_count = 1 };

	forge(*state, COMMUNE, OFFICE_A, REACH_UP, &op);
	quarantined(*state, COMMUNE, "a key of label is not valid UTF-8");
}

/* What a newer schema brings is kept, and waits. */
static void
test_newer_schema(void **state)
{
	static const uint8_t columns[] = { 200 };
	struct value values[] = { value_text(span_str("x")) };
	struct commit_op op = forged_op(OFFICE_ITEM, "0123456789abcdef", columns, values, 1);
	struct commit c = { .author = span_str("an"), .ops = &op, .ops_count = 1, .schema = 2 };

	office_forge(*state, COMMUNE, OFFICE_A, REACH_UP, &c);
	quarantined(*state, COMMUNE, "newer than this program");
	assert_int_equal(
	    office_number(*state, PROVINCE, "SELECT verdict FROM sync_quarantine"), 5);
}

static void
test_unknown_column(void **state)
{
	static const uint8_t columns[] = { 200 };
	struct value values[] = { value_text(span_str("x")) };
	struct commit_op op = forged_op(OFFICE_ITEM, "0123456789abcdef", columns, values, 1);

	forge(*state, COMMUNE, OFFICE_A, REACH_UP, &op);
	quarantined(*state, COMMUNE, "column 200 of item is not known");
}

static void
test_unknown_table(void **state)
{
	static const uint8_t columns[] = { 1 };
	struct value values[] = { value_text(span_str("x")) };
	struct commit_op op = forged_op(99, "0123456789abcdef", columns, values, 1);

	forge(*state, COMMUNE, OFFICE_A, REACH_UP, &op);
	quarantined(*state, COMMUNE, "table 99 is not known");
}

/* ---- credentials */

/* A credential by the commune for @unit at @level, its proof made by the seed of node @signer. */
static void
credential_forge(struct office *o, size_t signer, const char *unit, enum level level)
{
	static const uint8_t columns[] = { 1, 2 };
	uint8_t seed[SEED_BYTES] = { 9 };
	struct credential c;
	struct bytes whole;
	struct value values[2];
	struct commit_op op;
	char hex[2 * ORIGIN_BYTES + 1];

	memset(&c, 0, sizeof(c));
	credential_keys(seed, c.pubkey);
	(void)snprintf(
	    c.unit, sizeof(c.unit), "%s", o->nodes[signer].engine == NULL ? "" : OFFICE_A);
	if (signer != COMMUNE)
		(void)snprintf(c.unit, sizeof(c.unit), "%s", unit);
	assert_int_equal(credential_issue(o->nodes[signer].engine, &c, &o->diag), RC_OK);
	/* What is written differs from what was signed. */
	(void)snprintf(c.unit, sizeof(c.unit), "%s", unit);
	c.level = level;
	bytes_init(&whole);
	credential_emit(&c, &whole);
	for (size_t i = 0; i < ORIGIN_BYTES; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", c.origin[i]);
	values[0] = value_blob(span_bytes(&whole));
	values[1] = value_text(span_str(unit));
	op = forged_op(1000, hex, columns, values, 2);
	op.has_text_key = true;
	forge(o, COMMUNE, OFFICE_T, REACH_DOWN, &op);
	bytes_free(&whole);
}

/* The commune signed one thing and wrote another. */
static void
test_credential_altered(void **state)
{
	credential_forge(*state, COMMUNE, OFFICE_T, LEVEL_PROVINCE);
	quarantined(*state, COMMUNE, "not signed by the node that saved it");
	assert_int_equal(office_number(*state, PROVINCE, "SELECT count(*) FROM node"), 3);
}

/* A credential that another node signed cannot be saved in one's own stream. */
static void
test_credential_of_another(void **state)
{
	credential_forge(*state, DISTRICT, OFFICE_B, LEVEL_COMMUNE);
	quarantined(*state, COMMUNE, "not signed by the node that saved it");
}

/* Signed by the commune itself, for a unit that it is not above. */
static void
test_credential_too_high(void **state)
{
	struct office *o = *state;
	struct credential c;

	memset(&c, 0, sizeof(c));
	(void)snprintf(c.unit, sizeof(c.unit), "%s", OFFICE_B);
	assert_int_equal(credential_issue(o->nodes[COMMUNE].engine, &c, &o->diag), RC_DENIED);
	assert_non_null(strstr(o->diag.text, "is not below"));
}

static void
test_credential_malformed(void **state)
{
	static const uint8_t columns[] = { 1, 2 };
	struct value values[] = { value_blob(span_str("no credential")),
		value_text(span_str(OFFICE_A)) };
	struct commit_op op = forged_op(1000, "00112233445566aa", columns, values, 2);

	op.has_text_key = true;
	forge(*state, COMMUNE, OFFICE_T, REACH_DOWN, &op);
	quarantined(*state, COMMUNE, "a credential is malformed");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_table_level),
		TEST(test_column_level),
		TEST(test_column_level_enough),
		TEST(test_insert_only_update),
		TEST(test_insert_only_delete),
		TEST(test_append_column),
		TEST(test_owner_unit),
		TEST(test_owner_author),
		TEST(test_owner_author_delete_and_insert),
		TEST(test_scope_not_below),
		TEST(test_scope_column_lies),
		TEST(test_wrong_reach),
		TEST(test_wrong_key),
		TEST(test_not_at_the_root),
		TEST(test_wrong_type),
		TEST(test_key_of_another),
		TEST(test_no_text),
		TEST(test_no_text_key),
		TEST(test_newer_schema),
		TEST(test_unknown_column),
		TEST(test_unknown_table),
		TEST(test_credential_altered),
		TEST(test_credential_of_another),
		TEST(test_credential_too_high),
		TEST(test_credential_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
