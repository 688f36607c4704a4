/* Comparing the rows of two nodes whose heads are equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "sync/envelope.h"
#include "tests/unit/rig.h"

struct talk {
	struct rig r;
	size_t a;			/* a node of unit A below node 0 */
	struct engine *root, *mine;
	struct bytes request, reply;
	struct exchange_state state;
	struct exchange_state_asking asking;
	struct exchange_state_asked asked;
};

static void
talk_init(struct talk *t)
{
	rig_init(&t->r);
	t->a = rig_join(&t->r, RIG_UNIT_A);
	rig_items(&t->r, 0, RIG_UNIT_A, 20, NULL);
	rig_items(&t->r, 0, RIG_UNIT_B, 20, NULL);	/* of no concern to A */
	assert_true(rig_round(&t->r, t->a, 0));
	assert_true(rig_round(&t->r, t->a, 0));
	rig_assert_equal(&t->r, t->a, 0);
	t->root = t->r.nodes[0].engine;
	t->mine = t->r.nodes[t->a].engine;
	bytes_init(&t->request);
	bytes_init(&t->reply);
}

static void
talk_fini(struct talk *t)
{
	bytes_free(&t->request);
	bytes_free(&t->reply);
	rig_fini(&t->r);
}

/* The rows of one side change behind the back of its engine. */
static void
tamper(struct talk *t, size_t n)
{
	struct sqlite3 *copy = rig_copy(&t->r, n);

	assert_int_equal(sqlite3_exec(copy, "PRAGMA ignore_check_constraints=ON; UPDATE item SET name = 'forged' "
	    "WHERE id = (SELECT min(id) FROM item); PRAGMA ignore_check_constraints=OFF", NULL, NULL, NULL), SQLITE_OK);
	rig_restore(&t->r, n, copy);
	t->root = t->r.nodes[0].engine;
	t->mine = t->r.nodes[t->a].engine;
}

static void
ask(struct talk *t)
{
	struct diag *d = &t->r.diag;

	bytes_clear(&t->request);
	assert_int_equal(exchange_state_look(t->mine, t->r.nodes[0].origin, &t->state, d), RC_OK);
	assert_int_equal(exchange_state_request(t->mine, t->r.nodes[0].origin, &t->state, &t->asking, &t->request, d),
	    RC_OK);
}

static enum exchange_verdict
answer(struct talk *t)
{
	enum exchange_verdict verdict = EXCHANGE_VERDICT_NONE;
	struct diag *d = &t->r.diag;

	bytes_clear(&t->reply);
	assert_int_equal(exchange_state_open(t->root, span_bytes(&t->request), &t->asked, d), RC_OK);
	if (t->asked.verdict == EXCHANGE_VERDICT_NONE)
		assert_int_equal(exchange_state_compare(t->root, &t->asked, d), RC_OK);
	assert_int_equal(exchange_state_reply(&t->asked, &t->reply), RC_OK);
	assert_int_equal(exchange_state_verdict(&t->asking, span_bytes(&t->reply), &verdict, d), RC_OK);
	return verdict;
}

/* W23: the subtree of the asking side alone counts; W24: same, and differs whoever's rows changed. */
static void
test_same_and_differs(void **state)
{
	struct talk t;
	size_t side;

	(void)state;
	for (side = 0; side < 2; side++) {
		talk_init(&t);
		ask(&t);
		assert_int_equal(answer(&t), EXCHANGE_SAME);
		assert_true(t.request.n + t.reply.n < 120);
		tamper(&t, side == 0 ? 0 : t.a);
		ask(&t);
		assert_int_equal(answer(&t), EXCHANGE_DIFFERS);
		talk_fini(&t);
	}
}

/* W24: rows are compared at equal heads and of the same schema version only. */
static void
test_other_heads_and_schema(void **state)
{
	struct talk t;

	(void)state;
	talk_init(&t);
	rig_items(&t.r, 0, RIG_UNIT_A, 1, NULL);
	ask(&t);
	assert_int_equal(answer(&t), EXCHANGE_OTHER_HEADS);
	assert_true(rig_round(&t.r, t.a, 0));
	ask(&t);
	/* Something comes between the first look and the comparison. */
	assert_int_equal(exchange_state_open(t.root, span_bytes(&t.request), &t.asked, &t.r.diag), RC_OK);
	assert_int_equal(t.asked.verdict, EXCHANGE_VERDICT_NONE);
	rig_items(&t.r, 0, RIG_UNIT_A, 1, NULL);
	assert_int_equal(exchange_state_compare(t.root, &t.asked, &t.r.diag), RC_OK);
	assert_int_equal(t.asked.verdict, EXCHANGE_OTHER_HEADS);

	t.state.schema++;
	bytes_clear(&t.request);
	assert_int_equal(exchange_state_request(t.mine, t.r.nodes[0].origin, &t.state, &t.asking, &t.request,
	    &t.r.diag), RC_OK);
	assert_int_equal(answer(&t), EXCHANGE_OTHER_SCHEMA);
	talk_fini(&t);
}

/* W1, W2, W23: what is broken, forged or for another node is refused; so is who does not stand below. */
static void
test_refused(void **state)
{
	enum exchange_verdict verdict = EXCHANGE_VERDICT_NONE;
	struct exchange_state_asking asking;
	struct talk t;
	size_t i;
	enum rc rc;

	(void)state;
	talk_init(&t);
	ask(&t);
	for (i = 0; i < t.request.n; i++) {
		t.request.p[i] ^= 1;
		rc = exchange_state_open(t.root, span_bytes(&t.request), &t.asked, &t.r.diag);
		assert_true(rc == RC_PEER || rc == RC_DENIED);
		t.request.p[i] ^= 1;
		rc = exchange_state_open(t.root, span_of(t.request.p, i), &t.asked, &t.r.diag);
		assert_int_equal(rc, RC_PEER);
	}
	asking = t.asking;
	assert_int_equal(answer(&t), EXCHANGE_SAME);
	for (i = 0; i < t.reply.n; i++) {
		t.asking = asking;
		t.reply.p[i] ^= 1;
		rc = exchange_state_verdict(&t.asking, span_bytes(&t.reply), &verdict, &t.r.diag);
		assert_int_equal(rc, RC_PEER);
		t.reply.p[i] ^= 1;
	}
	/* An answer to an earlier request. */
	ask(&t);
	rc = exchange_state_verdict(&t.asking, span_bytes(&t.reply), &verdict, &t.r.diag);
	assert_int_equal(rc, RC_PEER);
	assert_int_equal(verdict, EXCHANGE_VERDICT_NONE);

	rc = exchange_state_heads(t.root, t.r.nodes[t.a].origin, t.state.heads, &t.r.diag);
	assert_int_equal(rc, RC_DENIED);
	bytes_clear(&t.request);
	assert_int_equal(exchange_state_request(t.root, t.r.nodes[t.a].origin, &t.state, &t.asking, &t.request,
	    &t.r.diag), RC_OK);
	rc = exchange_state_open(t.mine, span_bytes(&t.request), &t.asked, &t.r.diag);
	assert_int_equal(rc, RC_DENIED);
	talk_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_and_differs),
		cmocka_unit_test(test_other_heads_and_schema),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
