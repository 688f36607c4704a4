#include "link.h"

#include <string.h>

void
link_reset(struct link *l)
{
	struct link kept = { .scene = l->scene,
		.cut_bytes = l->cut_bytes,
		.way_ms = l->way_ms,
		.bytes_per_s = l->bytes_per_s };

	*l = kept;
}

static size_t
carry(struct link *l, size_t *left, size_t n, uint64_t *counter)
{
	if (n > *left)
		n = *left;
	*left -= n;
	*counter += n;
	if (l->bytes_per_s > 0)
		l->time_us += n * 1000000 / l->bytes_per_s;
	return n;
}

static bool
request_deliver(
    struct link *l, size_t to, struct span request, bool is_complete, struct bytes *reply)
{
	struct figure_time since = figure_now();
	struct answer *answer;
	struct diag *d = &l->scene->diag;
	size_t at, n;

	figure_ok(answer_new(l->scene->nodes[to].engine, &answer, d), d, "answer");
	for (at = 0; at < request.n; at += n) {
		n = request.n - at < LINK_PIECE_BYTES ? request.n - at : LINK_PIECE_BYTES;
		figure_ok(answer_bytes(answer, span_of(request.p + at, n), d), d, "request");
	}
	figure_ok(answer_end(answer, is_complete, reply, d), d, "request");
	answer_free(answer);
	figure_add(&l->answering, since);
	return is_complete;
}

static void
reply_deliver(struct link *l, struct ask *a, struct span reply, bool is_complete)
{
	struct figure_time since = figure_now();
	struct diag *d = &l->scene->diag;
	size_t at, n;

	for (at = 0; at < reply.n; at += n) {
		n = reply.n - at < LINK_PIECE_BYTES ? reply.n - at : LINK_PIECE_BYTES;
		figure_ok(ask_reply_bytes(a, span_of(reply.p + at, n), d), d, "reply");
	}
	figure_ok(ask_reply_end(a, is_complete, d), d, "reply");
	figure_add(&l->asking, since);
}

static void
connect_once(struct link *l, struct ask *a, size_t to)
{
	struct bytes request, reply;
	struct figure_time since = figure_now();
	size_t left = l->cut_bytes == 0 ? SIZE_MAX : l->cut_bytes, n;
	bool is_answered;

	bytes_init(&request);
	bytes_init(&reply);
	figure_ok(ask_request(a, &request, &l->scene->diag), &l->scene->diag, "request");
	figure_add(&l->asking, since);
	l->scene->now_ms += 10;
	/* One way to and fro opens the connection; it stays open for the requests that follow,
	 * if nothing cuts it. */
	l->time_us += l->way_ms * 1000 * (l->connections == 0 || l->cut_bytes > 0 ? 4 : 2);
	l->connections++;
	(void)carry(l, &left, LINK_REQUEST_HEAD, &l->up_bytes);
	n = carry(l, &left, request.n, &l->up_bytes);
	is_answered = request_deliver(l, to, span_of(request.p, n), n == request.n, &reply);
	if (is_answered && carry(l, &left, LINK_REPLY_HEAD, &l->down_bytes) == LINK_REPLY_HEAD) {
		n = carry(l, &left, reply.n, &l->down_bytes);
		reply_deliver(l, a, span_of(reply.p, n), n == reply.n);
	} else {
		ask_reply_none(a);
	}
	bytes_free(&request);
	bytes_free(&reply);
}

void
link_round(struct link *l, size_t from, size_t to)
{
	struct scene *s = l->scene;
	struct figure_time since = figure_now();
	struct ask *a;

	figure_ok(
	    ask_new(s->nodes[from].engine, s->nodes[to].origin, &a, &s->diag), &s->diag, "ask");
	figure_add(&l->asking, since);
	while (ask_state(a) == ASK_MORE)
		connect_once(l, a, to);
	figure_check(ask_state(a) == ASK_DONE, "a round failed");
	l->counts = *ask_counts(a);
	ask_free(a);
}

void
link_settle(struct link *l, size_t from, size_t to, size_t rounds_max)
{
	size_t i;

	for (i = 0; i < rounds_max; i++) {
		link_round(l, from, to);
		if (l->counts.is_equal)
			return;
	}
	figure_fail("two nodes are not equal after %zu rounds", rounds_max);
}
