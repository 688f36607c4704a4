/* One round:  asking → sending the request piece by piece → the answer → replying piece by piece
 * → asking …
 *
 * A node that dies in the middle calls back through world_after() → link_node_dies(), which puts
 * the link to LINK_IDLE; every call into an engine is therefore followed by a look at the phase. */
#include "tests/sim/link.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/own.h"
#include "tests/sim/world.h"

#define REQUESTS_MAX 400

struct link *
link_new(struct world *w, struct node *asker, struct node *answerer)
{
	struct link *l = calloc(1, sizeof(*l));

	INVARIANT(l != NULL);
	l->world = w;
	l->index = w->links_count;
	l->asker = asker;
	l->answerer = answerer;
	bytes_init(&l->request);
	bytes_init(&l->reply);
	bytes_init(&l->ghost);
	return l;
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	link_stop(l);
	bytes_free(&l->request);
	bytes_free(&l->reply);
	bytes_free(&l->ghost);
	free(l);
}

static void
answer_drop(struct link *l)
{
	answer_free(l->answer);
	l->answer = NULL;
}

void
link_stop(struct link *l)
{
	answer_drop(l);
	ask_free(l->ask);
	l->ask = NULL;
	l->phase = LINK_IDLE;
}

bool
link_can_start(const struct link *l)
{
	return l->phase == LINK_IDLE && !l->is_down && node_is_up(l->asker) &&
	    node_is_up(l->answerer) && !l->world->has_failed;
}

/* An error that no fault explains. */
static void
rc_check(struct link *l, const struct node *n, enum rc rc, const char *what, const struct diag *d)
{
	if (rc == RC_OK || disk_is_down(n->disk) ||
	    (n->engine != NULL && engine_is_broken(n->engine)))
		return;
	if (rc == RC_NOMEM && n->is_starved)
		return;
	if (rc == RC_DISK || rc == RC_FULL || (rc == RC_DENIED && n == l->answerer))
		return;
	world_fail(l->world, "exchange", "link %zu: node %zu %s: %s: %s", l->index, n->index, what,
	    rc_name(rc), d->text);
}

static uint64_t *
changes_of(struct link *l, const struct node *n)
{
	return n == l->asker ? &l->asker_changes : &l->answerer_changes;
}

static void
call_begin(struct link *l, struct node *n, enum node_work work)
{
	if (*changes_of(l, n) != n->changes)
		l->is_alone = false;
	node_call_begin(n, work);
}

static void
call_end(struct link *l, struct node *n, enum rc rc, const char *what, const struct diag *d)
{
	node_call_end(n);
	world_trace(l->world, "link %zu: node %zu %s: %s", l->index, n->index, what, rc_name(rc));
	rc_check(l, n, rc, what, d);
	*changes_of(l, n) = ++n->changes;
	world_after(l->world, n, rc);
	n->work = NODE_IDLE;
}

/* The asking side gave an error; the round is over. */
static bool
reply_failed(struct link *l)
{
	if (l->phase != LINK_IDLE)
		link_stop(l);
	return false;
}

bool
link_start(struct link *l)
{
	struct diag d;
	const uint8_t *name;
	enum rc rc;

	if (!link_can_start(l))
		return false;
	diag_init(&d);
	call_begin(l, l->asker, NODE_ASKS);
	name = own_known_name(l->answerer, l->asker->engine);
	rc = name == NULL ? RC_NOTFOUND : ask_new(l->asker->engine, name, &l->ask, &d);
	l->requests = l->cuts = 0;
	if (rc == RC_NOTFOUND || rc == RC_DENIED) { /* we have not heard of the other one yet */
		node_call_end(l->asker);
		l->asker->work = NODE_IDLE;
		return false;
	}
	l->phase = LINK_ASKING;
	call_end(l, l->asker, rc, "ask_new", &d);
	cover_add(l->world->cover, COVER_ROUND);
	if (rc != RC_OK)
		return reply_failed(l);
	return l->phase != LINK_IDLE;
}

bool
link_is_equal(const struct link *l)
{
	const struct model *m = l->world->model;

	for (size_t i = 0; i < m->streams_count; i++) {
		const struct model_stream *s = &m->streams[i];

		if (model_holds(m, l->asker->unit, s->unit, s->reach) &&
		    model_holds(m, l->answerer->unit, s->unit, s->reach) &&
		    l->asker->held.held[i] != l->answerer->held.held[i])
			return false;
	}
	return true;
}

/* P16: a round that says "equal" is right, and one that says "different" too, when nothing else
 * happened meanwhile. */
static void
equal_check(struct link *l)
{
	const struct ask_counts *counts = ask_counts(l->ask);
	bool is_equal;

	if (counts->is_equal)
		cover_add(l->world->cover, COVER_ROUND_EQUAL);
	if (!l->is_alone || l->asker_changes != l->asker->changes ||
	    l->answerer_changes != l->answerer->changes)
		return;
	is_equal = link_is_equal(l);
	if (counts->is_equal && !is_equal)
		world_fail(l->world, "P16", "link %zu: the round ended equal, but the heads differ",
		    l->index);
	if (!counts->is_equal && is_equal)
		world_fail(l->world, "P16",
		    "link %zu: the round ended unequal, but the heads are equal", l->index);
}

static size_t
cut_choose(struct link *l, size_t n, uint64_t den)
{
	size_t cut = SIZE_MAX;

	if (world_fault(l->world, 1, den))
		cut = (size_t)prng_below(&l->world->prng, n + 1);
	if (l->budget != 0 && n > l->budget_left)
		cut = l->budget_left;
	return cut;
}

static void
budget_spend(struct link *l, size_t n)
{
	if (l->budget != 0)
		l->budget_left -= n < l->budget_left ? n : l->budget_left;
}

static bool
step_ask(struct link *l)
{
	struct diag d;
	enum rc rc;

	diag_init(&d);
	if (ask_state(l->ask) != ASK_MORE) {
		world_trace(l->world, "link %zu: round over, equal %d, %llu streams wait", l->index,
		    ask_counts(l->ask)->is_equal, (unsigned long long)ask_counts(l->ask)->held_back);
		if (ask_state(l->ask) == ASK_DONE)
			equal_check(l);
		link_stop(l);
		return false;
	}
	if (++l->requests > REQUESTS_MAX) {
		world_fail(l->world, l->budget != 0 ? "P8" : world_progress(l->world),
		    "link %zu: a round of more than %d requests", l->index, REQUESTS_MAX);
		return false;
	}
	bytes_clear(&l->request);
	l->asker_changes = l->asker->changes;
	l->answerer_changes = l->answerer->changes;
	l->is_alone = true;
	call_begin(l, l->asker, NODE_ASKS);
	rc = ask_request(l->ask, &l->request, &d);
	call_end(l, l->asker, rc, "ask_request", &d);
	if (l->phase == LINK_IDLE || rc != RC_OK)
		return reply_failed(l);
	if (!node_is_up(l->answerer)) {
		link_stop(l);
		return false;
	}
	if (l->budget_left == 0)
		l->budget_left = l->budget;
	call_begin(l, l->answerer, NODE_ANSWERS);
	rc = answer_new(l->answerer->engine, &l->answer, &d);
	call_end(l, l->answerer, rc, "answer_new", &d);
	if (l->phase == LINK_IDLE || rc != RC_OK)
		return reply_failed(l);
	world_trace(l->world, "link %zu: a request of %zu bytes", l->index, l->request.n);
	l->at = 0;
	l->cut_at = cut_choose(l, l->request.n, 8);
	l->pieces = 1 + (size_t)prng_below(&l->world->prng, l->request.n + 64);
	l->phase = LINK_SENDING;
	if (l->request.n > 0 && world_fault(l->world, 1, 10)) {
		bytes_clear(&l->ghost);
		bytes_put(&l->ghost, l->request.p, l->request.n);
		world_schedule(
		    l->world, prng_below(&l->world->prng, 60 * 60 * 1000), EVENT_GHOST, l->index);
	}
	return true;
}

/* The next piece of @b that still gets through. */
static struct span
piece_next(struct link *l, const struct bytes *b)
{
	size_t end = l->cut_at < b->n ? l->cut_at : b->n;
	size_t n = end - l->at < l->pieces ? end - l->at : l->pieces;
	struct span piece = span_of(b->p + l->at, n);

	l->at += n;
	budget_spend(l, n);
	return piece;
}

static bool
is_over(const struct link *l, const struct bytes *b)
{
	return l->at >= b->n || l->at >= l->cut_at;
}

static void
cut_mark(struct link *l, enum cover_kind kind)
{
	l->cuts++;
	l->budget_left = l->budget;
	cover_add(l->world->cover, kind);
}

/* The connection broke; the next request is a new one, if the asker has the patience. */
static bool
ask_again(struct link *l)
{
	if (l->phase == LINK_IDLE || l->world->has_failed)
		return false;
	l->phase = LINK_ASKING;
	if (l->budget == 0 && world_fault(l->world, 1, 2)) {
		link_stop(l);
		return false;
	}
	return true;
}

/* The same request a second time: whatever the answer is, nobody hears it. */
static void
request_repeat(struct link *l, const struct bytes *request, enum cover_kind kind)
{
	struct answer *again = NULL;
	struct node *n = l->answerer;
	struct bytes body;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	bytes_init(&body);
	call_begin(l, n, NODE_ANSWERS);
	rc = answer_new(n->engine, &again, &d);
	if (rc == RC_OK)
		rc = answer_bytes(again, span_bytes(request), &d);
	if (rc == RC_OK)
		rc = answer_end(again, true, &body, &d);
	answer_free(again);
	bytes_free(&body);
	cover_add(l->world->cover, kind);
	call_end(l, n, rc, "repeat", &d);
}

static bool
ask_hears_nothing(struct link *l)
{
	struct diag d;

	diag_init(&d);
	call_begin(l, l->asker, NODE_ASKS);
	ask_reply_none(l->ask);
	call_end(l, l->asker, RC_OK, "ask_reply_none", &d);
	return ask_again(l);
}

/* The answering side gave an error: its server says so, or the machine died. */
static bool
send_failed(struct link *l, enum rc rc)
{
	if (l->phase == LINK_IDLE || l->world->has_failed)
		return false;
	answer_drop(l);
	if (rc == RC_DENIED) {
		cover_add(l->world->cover, COVER_REFUSED);
		link_stop(l);
		return false;
	}
	return ask_hears_nothing(l);
}

static bool
send_end(struct link *l)
{
	bool is_complete = l->at >= l->request.n;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	bytes_clear(&l->reply);
	call_begin(l, l->answerer, NODE_ANSWERS);
	rc = answer_end(l->answer, is_complete, &l->reply, &d);
	answer_drop(l);
	call_end(l, l->answerer, rc, is_complete ? "answer_end" : "answer_end cut", &d);
	if (l->phase == LINK_IDLE || l->world->has_failed || rc != RC_OK)
		return send_failed(l, rc);
	if (is_complete && world_fault(l->world, 1, 12)) {
		request_repeat(l, &l->request, COVER_DUPLICATE);
		if (l->phase == LINK_IDLE)
			return false;
	}
	if (!is_complete)
		cut_mark(l, COVER_CUT_REQUEST);
	if (!is_complete || world_fault(l->world, 1, 12)) {
		if (is_complete)
			cut_mark(l, COVER_LOST_REPLY);
		return ask_hears_nothing(l);
	}
	world_trace(l->world, "link %zu: a reply of %zu bytes", l->index, l->reply.n);
	l->at = 0;
	l->cut_at = cut_choose(l, l->reply.n, 8);
	l->pieces = 1 + (size_t)prng_below(&l->world->prng, l->reply.n + 64);
	l->phase = LINK_REPLYING;
	return true;
}

static bool
step_send(struct link *l)
{
	struct span piece = piece_next(l, &l->request);
	struct diag d;
	enum rc rc;

	diag_init(&d);
	l->bytes_sent += piece.n;
	if (piece.n > 0) {
		call_begin(l, l->answerer, NODE_ANSWERS);
		rc = answer_bytes(l->answer, piece, &d);
		call_end(l, l->answerer, rc, "answer_bytes", &d);
		if (l->phase == LINK_IDLE || l->world->has_failed || rc != RC_OK)
			return send_failed(l, rc);
	}
	return is_over(l, &l->request) ? send_end(l) : true;
}

static bool
step_reply(struct link *l)
{
	struct span piece = piece_next(l, &l->reply);
	bool is_complete;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	l->bytes_received += piece.n;
	if (piece.n > 0) {
		call_begin(l, l->asker, NODE_ASKS);
		rc = ask_reply_bytes(l->ask, piece, &d);
		call_end(l, l->asker, rc, "ask_reply_bytes", &d);
		if (l->phase == LINK_IDLE || l->world->has_failed || rc != RC_OK)
			return reply_failed(l);
	}
	if (!is_over(l, &l->reply))
		return true;
	is_complete = l->at >= l->reply.n;
	call_begin(l, l->asker, NODE_ASKS);
	rc = ask_reply_end(l->ask, is_complete, &d);
	call_end(l, l->asker, rc, is_complete ? "ask_reply_end" : "ask_reply_end cut", &d);
	if (l->phase == LINK_IDLE || l->world->has_failed || rc != RC_OK)
		return reply_failed(l);
	l->phase = LINK_ASKING;
	if (is_complete)
		return true;
	cut_mark(l, COVER_CUT_REPLY);
	return ask_again(l);
}

bool
link_step(struct link *l)
{
	if (l->world->has_failed)
		return false;
	switch (l->phase) {
	case LINK_ASKING:
		return step_ask(l);
	case LINK_SENDING:
		return step_send(l);
	case LINK_REPLYING:
		return step_reply(l);
	default:
		return false;
	}
}

void
link_node_dies(struct link *l, const struct node *n)
{
	struct node *left = l->answer != NULL && l->answerer != n ? l->answerer : NULL;
	struct diag d;
	enum rc rc = RC_OK;

	if (l->phase == LINK_IDLE || (l->asker != n && l->answerer != n))
		return;
	diag_init(&d);
	bytes_clear(&l->reply);
	if (left != NULL) { /* the server sees its client hang up */
		left->work = NODE_ANSWERS;
		rc = answer_end(l->answer, false, &l->reply, &d);
		rc_check(l, left, rc, "answer_end of a dead client", &d);
		left->changes++;
	}
	link_stop(l);
	if (left != NULL) {
		world_after(l->world, left, rc);
		left->work = NODE_IDLE;
	}
}

void
link_ghost(struct link *l)
{
	if (!node_is_up(l->answerer) || l->ghost.n == 0 || l->world->has_failed)
		return;
	request_repeat(l, &l->ghost, COVER_GHOST);
	bytes_clear(&l->ghost);
}
