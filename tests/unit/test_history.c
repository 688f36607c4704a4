/* Who changed what, from what to what; and M12: a value that lost stays to be found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "office.h"

#define TEXT_BYTES 2048

enum { PROVINCE, A1, A2 };

struct story {
	struct office o;
	struct save_key key;
	const char *column; /* that the text is about; NULL: the row itself */
	char text[TEXT_BYTES];
	size_t commits;
	uint64_t hlc;
};

static int
setup(void **state)
{
	struct story *x = calloc(1, sizeof(*x));

	office_init(&x->o);
	(void)office_join(&x->o, OFFICE_A);
	(void)office_join(&x->o, OFFICE_A);
	x->key = office_item(&x->o, A1, OFFICE_A, "tea");
	office_sync(&x->o);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct story *x = *state;

	office_fini(&x->o);
	free(x);
	return 0;
}

static void
value_put(char *out, size_t n, struct value v)
{
	if (v.type == VALUE_INT)
		(void)snprintf(out, n, "%lld", (long long)v.i);
	else
		(void)snprintf(out, n, "%.*s", v.type == VALUE_NULL ? 1 : (int)v.s.n,
		    v.type == VALUE_NULL ? "-" : (const char *)v.s.p);
}

/* "from>to" of each change of the column; "!" lost, "+" a counter's, "q" quarantined. */
static enum rc
story_step(void *ctx, const struct history_commit *c)
{
	struct story *x = ctx;

	assert_true(c->hlc >= x->hlc);
	x->hlc = c->hlc;
	x->commits++;
	for (size_t i = 0; i < c->changes_count; i++) {
		const struct history_change *h = &c->changes[i];
		size_t at = strlen(x->text);
		char from[64] = "", to[64];

		if ((h->column == NULL) != (x->column == NULL) ||
		    (h->column != NULL && strcmp(h->column->name, x->column) != 0))
			continue;
		if (h->has_from)
			value_put(from, sizeof(from), h->from);
		value_put(to, sizeof(to), h->to);
		(void)snprintf(x->text + at, TEXT_BYTES - at, "%s%s>%s%s%s%s", at == 0 ? "" : " ",
		    from, to, h->is_lost ? "!" : "", h->is_delta ? "+" : "",
		    c->is_quarantined ? "q" : "");
	}
	return RC_OK;
}

static const char *
story(struct story *x, size_t n, const char *column)
{
	x->column = column;
	x->text[0] = '\0';
	x->commits = 0;
	x->hlc = 0;
	diag_init(&x->o.diag);
	if (history_row(x->o.nodes[n].engine, span_str("item"), office_span(&x->key), story_step, x,
		&x->o.diag) != RC_OK)
		fail_msg("%s", x->o.diag.text);
	return x->text;
}

static void
test_from_and_to(void **state)
{
	struct story *x = *state;

	office_set(&x->o, A1, &x->key, office_int("score", 50));
	office_set(&x->o, A1, &x->key, office_int("score", 60));
	assert_string_equal(story(x, A1, "score"), "->50 50>60");
	assert_string_equal(story(x, A1, "name"), ">tea");
	assert_int_equal(x->commits, 3);
}

/* M12: what lost against a concurrent write is marked, on every node alike. */
static void
test_lost(void **state)
{
	struct story *x = *state;

	office_set(&x->o, A1, &x->key, office_text("memo", "first"));
	office_set(&x->o, A2, &x->key, office_text("memo", "second"));
	office_sync(&x->o);
	for (size_t n = 0; n < 3; n++)
		assert_string_equal(story(x, n, "memo"), "->first! ->second");
}

/* M12: still after somebody decided otherwise. */
static void
test_lost_after_decision(void **state)
{
	struct story *x = *state;

	office_set(&x->o, A1, &x->key, office_int("score", 90));
	office_set(&x->o, A2, &x->key, office_int("score", 70));
	office_sync(&x->o);
	office_set(&x->o, PROVINCE, &x->key, office_forced(office_int("score", 70)));
	office_sync(&x->o);
	assert_string_equal(story(x, A1, "score"), "->90! ->70 70>70");
}

/* What an author had seen and replaced is not lost. */
static void
test_replaced_is_not_lost(void **state)
{
	struct story *x = *state;

	office_set(&x->o, A1, &x->key, office_text("memo", "first"));
	office_sync(&x->o);
	office_set(&x->o, A2, &x->key, office_text("memo", "second"));
	office_sync(&x->o);
	assert_string_equal(story(x, A1, "memo"), "->first first>second");
}

static void
test_counter(void **state)
{
	struct story *x = *state;

	office_set(&x->o, A1, &x->key, office_int("stock", 5));
	office_set(&x->o, A1, &x->key, office_delta("stock", -2));
	assert_string_equal(story(x, A1, "stock"), "->5+ 5>-2+");
}

static void
test_deletion(void **state)
{
	struct story *x = *state;

	assert_int_equal(office_drop(&x->o, A1, "item", &x->key), RC_OK);
	assert_string_equal(story(x, A1, NULL), ">-");
	assert_int_equal(x->commits, 2);
}

static void
test_quarantined(void **state)
{
	struct story *x = *state;

	office_reopen(&x->o, A1, office_catalogue_lax());
	office_set(&x->o, A1, &x->key, office_text("stamp", "mine"));
	office_sync(&x->o);
	assert_string_equal(story(x, PROVINCE, "stamp"), "->mine!q");
}

static void
test_unknown(void **state)
{
	struct story *x = *state;

	assert_int_equal(history_row(x->o.nodes[A1].engine, span_str("thing"), office_span(&x->key),
			     story_step, x, &x->o.diag),
	    RC_INPUT);
	x->key.b[0] ^= 1;
	assert_int_equal(history_row(x->o.nodes[A1].engine, span_str("item"), office_span(&x->key),
			     story_step, x, &x->o.diag),
	    RC_NOTFOUND);
}

static void
test_all(void **state)
{
	struct story *x = *state;

	office_set(&x->o, A1, &x->key, office_int("score", 50));
	x->column = "score";
	assert_int_equal(history_all(x->o.nodes[A1].engine, story_step, x, &x->o.diag), RC_OK);
	assert_int_equal(x->commits, office_number(&x->o, A1, "SELECT count(*) FROM sync_log"));
	assert_string_equal(x->text, ">50");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_from_and_to),
		TEST(test_lost),
		TEST(test_lost_after_decision),
		TEST(test_replaced_is_not_lost),
		TEST(test_counter),
		TEST(test_deletion),
		TEST(test_quarantined),
		TEST(test_unknown),
		TEST(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
