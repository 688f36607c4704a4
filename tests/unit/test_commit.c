/* The bytes of a commit: whatever is written reads back, whatever is not canonical is refused
 * (W-rules of PROTOCOL.md). Commits are drawn from a string of bytes, so that a failure is
 * repeated by its seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/commit.h"

#define OPS_MAX 24
#define SEQ 90
#define HLC ((UINT64_C(1541000000000) << 16) + 3)

static const uint8_t g_origin[ORIGIN_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* A commit and all it borrows from. */
struct draw {
	uint64_t seed;
	struct commit commit;
	struct commit_op ops[OPS_MAX];
	uint8_t keys[OPS_MAX][32];
	uint8_t columns[OPS_MAX][4];
	struct value values[OPS_MAX][4];
	uint8_t texts[OPS_MAX][4][20];
	struct commit_ref refs[OPS_MAX][3];
	uint8_t others[3][ORIGIN_BYTES];
	struct commit_cause causes[3];
};

static uint32_t
chance(struct draw *d, uint32_t n)
{
	d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(d->seed >> 33) % n;
}

static void
key_draw(struct draw *d, uint8_t out[KEY_BYTES])
{
	struct key k;
	uint8_t other[ORIGIN_SHORT_BYTES] = { 9, 9 };

	key_make(&k, HLC_MS(HLC) - chance(d, 3), (3u << 16) + chance(d, 8),
	    chance(d, 4) == 0 ? other : g_origin);
	memcpy(out, k.b, KEY_BYTES);
}

static struct value
value_draw(struct draw *d, uint8_t *at)
{
	size_t n = chance(d, 18);

	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)('a' + chance(d, 26));
	switch (chance(d, 6)) {
	case 0:
		return value_null();
	case 1:
		return value_int((int64_t)chance(d, 7) - 3);
	case 2:
		return value_int(chance(d, 2) == 0 ? INT64_MIN : INT64_MAX);
	case 3:
		key_draw(d, at);
		return value_blob(span_of(at, KEY_BYTES));
	case 4:
		return value_blob(span_of(at, n));
	default:
		return value_text(span_of(at, n));
	}
}

static void
op_draw(struct draw *d, size_t i)
{
	struct commit_op *op = &d->ops[i];
	size_t j;

	op->table = (uint16_t)(1 + chance(d, 3));
	op->kind = (enum commit_kind)(1 + chance(d, 4));
	op->has_text_key = op->table == 2;
	if (op->has_text_key) {
		op->key = span_of(d->keys[i],
		    (size_t)snprintf((char *)d->keys[i], 32, "K%u-%zu", chance(d, 9), i));
	} else {
		key_draw(d, d->keys[i]);
		d->keys[i][9] = (uint8_t)i; /* no two rows alike */
		op->key = span_of(d->keys[i], KEY_BYTES);
	}
	op->columns = d->columns[i];
	op->values = d->values[i];
	op->columns_count = op->kind == COMMIT_DELETE ? 0 : chance(d, 5);
	for (j = 0; j < op->columns_count; j++) {
		d->columns[i][j] = (uint8_t)(1 + j * 60 + chance(d, 3) * 30 / (j + 1) / 10);
		d->values[i][j] = value_draw(d, d->texts[i][j]);
	}
	op->prevs = d->refs[i];
	op->prevs_count = op->kind == COMMIT_INSERT ? 0 : 1 + chance(d, 3) / 2;
	for (j = 0; j < op->prevs_count; j++)
		d->refs[i][j] =
		    (struct commit_ref){ chance(d, (uint32_t)d->commit.others_count + 1),
			    1 + chance(d, 80) };
}

static void
commit_draw(struct draw *d, uint64_t seed)
{
	struct commit *c = &d->commit;
	size_t i;

	memset(d, 0, sizeof(*d));
	d->seed = seed;
	c->schema = chance(d, 300);
	c->hlc = HLC;
	c->txn = HLC - chance(d, 4);
	c->author = span_of("nguyen van an", chance(d, 14));
	c->others_count = chance(d, 4);
	for (i = 0; i < c->others_count; i++)
		d->others[i][0] = (uint8_t)(50 + i);
	c->others = (const uint8_t(*)[ORIGIN_BYTES])d->others;
	c->frontier = d->causes;
	c->frontier_count = chance(d, 4);
	for (i = 0; i < c->frontier_count; i++)
		d->causes[i] = (struct commit_cause){ { (uint8_t)i },
			span_str(chance(d, 2) == 0 ? "u1" : "u22"),
			chance(d, 2) == 0 ? REACH_UP : REACH_DOWN, chance(d, 1000) };
	c->ops = d->ops;
	c->ops_count = chance(d, OPS_MAX + 1);
	for (i = 0; i < c->ops_count; i++)
		op_draw(d, i);
}

static void
draw_emit(struct draw *d, struct bytes *out)
{
	bytes_init(out);
	assert_int_equal(commit_emit(&d->commit, g_origin, SEQ, out, NULL), RC_OK);
}

static void
op_equal(const struct commit_op *a, const struct commit_op *b)
{
	assert_int_equal(a->table, b->table);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->has_text_key, b->has_text_key);
	assert_true(span_eq(a->key, b->key));
	assert_int_equal(a->prevs_count, b->prevs_count);
	for (size_t i = 0; i < a->prevs_count; i++) {
		assert_int_equal(a->prevs[i].origin, b->prevs[i].origin);
		assert_int_equal(a->prevs[i].seq, b->prevs[i].seq);
	}
	for (size_t i = 0; i < a->columns_count; i++) {
		const struct value *v = commit_op_value(b, a->columns[i]);

		/* An insertion writes every column: a NULL need not be named. */
		if (v == NULL)
			assert_int_equal(a->values[i].type, VALUE_NULL);
		else
			assert_true(value_eq(a->values[i], *v));
	}
}

static void
test_round_trip(void **state)
{
	struct draw d;
	struct commit c;
	struct bytes body;
	uint64_t hlc;

	(void)state;
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		commit_draw(&d, seed);
		draw_emit(&d, &body);
		assert_int_equal(commit_parse(&c, span_bytes(&body), g_origin, SEQ, NULL), RC_OK);
		assert_int_equal(c.schema, d.commit.schema);
		assert_int_equal(c.hlc, d.commit.hlc);
		assert_int_equal(c.txn, d.commit.txn);
		assert_true(span_eq(c.author, d.commit.author));
		assert_int_equal(c.others_count, d.commit.others_count);
		assert_int_equal(c.frontier_count, d.commit.frontier_count);
		for (size_t i = 0; i < c.frontier_count; i++) {
			assert_true(span_eq(c.frontier[i].unit, d.causes[i].unit));
			assert_int_equal(c.frontier[i].reach, d.causes[i].reach);
			assert_int_equal(c.frontier[i].seq, d.causes[i].seq);
		}
		assert_int_equal(c.ops_count, d.commit.ops_count);
		for (size_t i = 0; i < c.ops_count; i++)
			op_equal(&d.ops[i], &c.ops[i]);
		assert_int_equal(
		    commit_check_canonical(&c, span_bytes(&body), g_origin, SEQ), RC_OK);
		assert_int_equal(commit_hlc(span_bytes(&body), &hlc), RC_OK);
		assert_int_equal(hlc, HLC);
		commit_free(&c);
		bytes_free(&body);
	}
}

/* The order in which ops are given plays no part. */
static void
test_order_of_ops(void **state)
{
	struct draw d;
	struct bytes a, b;

	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		commit_draw(&d, seed);
		draw_emit(&d, &a);
		for (size_t i = 0; i < d.commit.ops_count / 2; i++) {
			struct commit_op op = d.ops[i];

			d.ops[i] = d.ops[d.commit.ops_count - 1 - i];
			d.ops[d.commit.ops_count - 1 - i] = op;
		}
		draw_emit(&d, &b);
		assert_true(span_eq(span_bytes(&a), span_bytes(&b)));
		bytes_free(&a);
		bytes_free(&b);
	}
}

/* What is accepted must be what emit writes; everything else is refused, with nothing left. */
static void
accepted_is_canonical(struct span body)
{
	struct commit c;
	struct bytes again;

	if (commit_parse(&c, body, g_origin, SEQ, NULL) != RC_OK) {
		assert_null(c.ops);
		assert_int_equal(c.ops_count, 0);
		return;
	}
	bytes_init(&again);
	if (commit_check_canonical(&c, body, g_origin, SEQ) == RC_OK) {
		assert_int_equal(commit_emit(&c, g_origin, SEQ, &again, NULL), RC_OK);
		assert_true(span_eq(span_bytes(&again), body));
	}
	bytes_free(&again);
	commit_free(&c);
}

static void
test_truncations(void **state)
{
	struct draw d;
	struct commit c;
	struct bytes body;

	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		commit_draw(&d, seed);
		draw_emit(&d, &body);
		for (size_t n = 0; n < body.n; n++)
			assert_int_equal(
			    commit_parse(&c, span_of(body.p, n), g_origin, SEQ, NULL), RC_PEER);
		bytes_byte(&body, 0);
		assert_int_equal(commit_parse(&c, span_bytes(&body), g_origin, SEQ, NULL), RC_PEER);
		bytes_free(&body);
	}
}

static void
test_bit_flips(void **state)
{
	struct draw d;
	struct bytes body;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		commit_draw(&d, seed);
		draw_emit(&d, &body);
		for (size_t i = 0; i < body.n * 8; i++) {
			body.p[i / 8] ^= (uint8_t)(1u << (i % 8));
			accepted_is_canonical(span_bytes(&body));
			body.p[i / 8] ^= (uint8_t)(1u << (i % 8));
		}
		bytes_free(&body);
	}
}

/* ---- limits */

static enum rc
rows_emit(size_t rows, size_t value_bytes, struct bytes *out, struct diag *diag)
{
	static const uint8_t column[] = { 1 };
	struct commit_op *ops = calloc(rows, sizeof(*ops));
	struct value *values = calloc(rows, sizeof(*values));
	uint8_t(*keys)[KEY_BYTES] = calloc(rows, sizeof(*keys));
	uint8_t *text = calloc(1, value_bytes + rows + 1);
	struct commit c = { .hlc = HLC, .txn = HLC, .ops = ops, .ops_count = rows };
	enum rc rc;

	assert_true(ops != NULL && values != NULL && keys != NULL && text != NULL);
	for (size_t i = 0; i < rows; i++) {
		struct key k;

		key_make(&k, HLC_MS(HLC), (3u << 16) + (uint32_t)i, g_origin);
		memcpy(keys[i], k.b, KEY_BYTES);
		text[i] = (uint8_t)i;
		values[i] = value_blob(span_of(text + i, value_bytes));
		ops[i] = (struct commit_op){ .table = 1,
			.kind = COMMIT_INSERT,
			.key = span_of(keys[i], KEY_BYTES),
			.columns = column,
			.values = &values[i],
			.columns_count = 1 };
	}
	diag_init(diag);
	rc = commit_emit(&c, g_origin, SEQ, out, diag);
	free(ops);
	free(values);
	free(keys);
	free(text);
	return rc;
}

static void
test_limits(void **state)
{
	struct bytes out;
	struct commit c;
	struct diag d;

	(void)state;
	bytes_init(&out);
	assert_int_equal(rows_emit(COMMIT_ROWS_MAX, 2, &out, &d), RC_OK);
	assert_int_equal(commit_parse(&c, span_bytes(&out), g_origin, SEQ, NULL), RC_OK);
	assert_int_equal(c.ops_count, COMMIT_ROWS_MAX);
	commit_free(&c);
	bytes_clear(&out);
	assert_int_equal(rows_emit(COMMIT_ROWS_MAX + 1, 2, &out, &d), RC_LIMIT);
	assert_non_null(strstr(d.text, "save it in parts"));
	bytes_clear(&out);
	assert_int_equal(rows_emit(1, COMMIT_BYTES_MAX - 100, &out, &d), RC_OK);
	bytes_clear(&out);
	assert_int_equal(rows_emit(1, COMMIT_BYTES_MAX, &out, &d), RC_LIMIT);
	assert_non_null(strstr(d.text, "save it in parts"));
	bytes_free(&out);
}

static void
test_too_long_to_parse(void **state)
{
	uint8_t *zeros = calloc(1, COMMIT_BYTES_MAX + 1);
	struct commit c;
	struct diag d;

	(void)state;
	assert_non_null(zeros);
	diag_init(&d);
	assert_int_equal(
	    commit_parse(&c, span_of(zeros, COMMIT_BYTES_MAX + 1), g_origin, SEQ, &d), RC_PEER);
	assert_non_null(strstr(d.text, "exceeds"));
	free(zeros);
}

/* Other origins stand in ascending order, each once. */
static void
test_others_ascend(void **state)
{
	struct draw d;
	struct commit c;
	struct bytes body;

	(void)state;
	commit_draw(&d, 1);
	d.commit.ops_count = 0;
	d.commit.others_count = 2;
	d.others[0][0] = 51;
	d.others[1][0] = 51;
	draw_emit(&d, &body);
	assert_int_equal(commit_parse(&c, span_bytes(&body), g_origin, SEQ, NULL), RC_PEER);
	bytes_free(&body);
	d.others[0][0] = 50;
	draw_emit(&d, &body);
	assert_int_equal(commit_parse(&c, span_bytes(&body), g_origin, SEQ, NULL), RC_OK);
	commit_free(&c);
	bytes_free(&body);
}

static void
test_name(void **state)
{
	char name[COMMIT_NAME_CHARS + 1];

	(void)state;
	commit_name(g_origin, 0x123456789abcdef0, name);
	assert_string_equal(name, "0102030405060708-123456789abcdef0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_order_of_ops),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_bit_flips),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_long_to_parse),
		cmocka_unit_test(test_others_ascend),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
