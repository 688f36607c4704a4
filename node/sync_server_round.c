/* Rounds asked of us.
 *
 * Happy path:  head → pieces of the body, each a job on the writer thread, one at a time: the client is held back while
 *              it is worked on → the end, another job → the answer.
 * Who asks:    the first job takes no more than a message's head: it proves who asks, or nothing more is taken.  It
 *              stands in the lane of strangers; the rest in the peer's own.  A connection that proved itself once is in
 *              its peer's lane from the start.
 * Shares:      a peer that begins more than its share loses the oldest of its rounds that still wait for bytes: it
 *              has given that up, on a link that does not say so.
 * Failure:     what is complete is durable even when the request is cut.  A request that fails is answered at once, and
 *              the rest of its body is not taken. */
#include <string.h>

#include "node/local.h"
#include "node/sync_server_impl.h"
#include "sync/envelope.h"

struct piece {
	struct writer_job job;
	struct round *round;
	size_t at;		/* of the bytes: the next one for the engine */
	size_t n;
	uint8_t bytes[];
};

struct round {
	struct round *next, *prev;
	struct sync_server *server;
	struct http_exchange *x;	/* NULL: they went away */
	uint64_t who;			/* 0: not proved yet */
	struct sync_server_key key;
	bool has_share;
	bool is_worked_on;		/* a piece is with the writer thread */
	bool is_ended;			/* no further piece is taken */
	bool is_complete;
	bool is_short;			/* memory ran out for a piece */
	bool is_crowded_out;
	struct writer_job end;

	/* The writer thread's, and the loop's while no job is there. */
	struct answer *answer;
	enum rc rc;			/* the first failure */
	struct diag diag;
	struct bytes body;
	uint64_t commits_new;
};

static void
piece_run(struct writer_job *job, struct engine *e)
{
	struct piece *p = (struct piece *)job;
	struct round *r = p->round;
	struct span left = span_of(p->bytes + p->at, p->n - p->at);
	bool is_proved;

	if (r->rc == RC_OK && r->answer == NULL)
		r->rc = answer_new(e, &r->answer, &r->diag);
	if (r->rc != RC_OK)
		return;
	if (!answer_is_proved(r->answer) && left.n > ENVELOPE_BYTES_MAX)
		left.n = ENVELOPE_BYTES_MAX;
	is_proved = answer_is_proved(r->answer);
	r->rc = answer_bytes(r->answer, left, &r->diag);
	if (r->rc == RC_OK && !is_proved && answer_is_proved(r->answer))
		r->rc = sync_server_key_check(&r->key, e, answer_peer(r->answer), &r->diag);
	p->at += left.n;
}

/* The first that meets the root after it was restored: it has no parent to reconcile with. */
static void
met_note(struct sync_server *s, struct engine *e)
{
	static const uint8_t none[ORIGIN_BYTES];

	if (s->is_met || memcmp(engine_self(e)->parent, none, ORIGIN_BYTES) != 0)
		return;
	s->is_met = local_get_ms(engine_db(e), LOCAL_RESTORED_MS) == 0 ||
	    local_set(engine_db(e), LOCAL_RESTORED_MS, "0", NULL) == RC_OK;
}

static void
end_run(struct writer_job *job, struct engine *e)
{
	struct round *r = (struct round *)((char *)job - offsetof(struct round, end));

	if (r->rc == RC_OK && r->answer == NULL)
		r->rc = answer_new(e, &r->answer, &r->diag);
	if (r->answer != NULL) {
		struct diag d;
		enum rc rc;

		diag_init(&d);
		rc = answer_end(r->answer, r->is_complete && r->rc == RC_OK, &r->body, &d);
		if (r->rc == RC_OK) {
			r->rc = rc;
			r->diag = d;
		}
		r->commits_new = answer_commits_new(r->answer);
		answer_free(r->answer);
		r->answer = NULL;
	}
	if (r->rc == RC_OK)
		r->rc = r->is_short ? RC_NOMEM : bytes_rc(&r->body);
	if (r->rc == RC_OK)
		met_note(r->server, e);
}

static void
round_remove(struct round *r)
{
	struct sync_server *s = r->server;

	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		s->rounds = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	if (r->has_share)
		share_give(&s->shares, r->who, SHARE_ROUND);
	bytes_free(&r->body);
	mem_free(r);
}

static void
end_done(struct writer_job *job, bool is_cancelled)
{
	struct round *r = (struct round *)((char *)job - offsetof(struct round, end));
	struct sync_server *s = r->server;
	struct http_reply reply = { .status = 200 };

	if (is_cancelled) {
		answer_free(r->answer);		/* the writer thread is gone: the engine is ours */
		r->rc = RC_BUSY;
	}
	if (r->is_crowded_out && r->rc == RC_OK)
		r->rc = RC_BUSY;
	s->counts.rounds++;
	s->counts.commits_in += r->commits_new;
	if (r->x != NULL && r->rc != RC_OK)
		sync_server_refuse(s, r->x, r->rc, r->diag.text);
	else if (r->x != NULL)
		http_exchange_reply_take(r->x, &reply, &r->body);
	round_remove(r);
}

/* Nothing more is taken of it. */
static void
round_end(struct round *r, bool is_complete)
{
	r->is_ended = true;
	r->is_complete = is_complete && !r->is_short;
	if (r->is_worked_on)
		return;			/* the piece's end goes on */
	r->end.source = WRITER_PEER;
	r->end.lane = r->who;
	r->end.run = end_run;
	r->end.done = end_done;
	writer_submit(r->server->node->writer, &r->end);
}

/* Room for @r among what its peer has under way; false when there is none, and then the request is to be refused. */
static bool
has_share(struct round *r)
{
	struct sync_server *s = r->server;
	struct round *other, *oldest = NULL;

	switch (share_take(&s->shares, r->who, SHARE_ROUND)) {
	case SHARE_OK:
		r->has_share = true;
		return true;
	case SHARE_ALL_FULL:
		return false;
	case SHARE_FULL:
		break;
	}
	for (other = s->rounds; other != NULL; other = other->next) {
		if (other->who == r->who && other->has_share && !other->is_ended)
			oldest = other;		/* the newest stand first */
	}
	if (oldest == NULL)
		return false;
	share_give(&s->shares, r->who, SHARE_ROUND);
	oldest->has_share = false;
	oldest->is_crowded_out = true;
	round_end(oldest, false);
	r->has_share = share_take(&s->shares, r->who, SHARE_ROUND) == SHARE_OK;
	return r->has_share;
}

/* The head has been looked at, with success. */
static void
round_prove(struct round *r)
{
	r->who = sync_server_who(answer_peer(r->answer));
	if (r->x != NULL)
		http_exchange_prove(r->x, r->who);
	if (!has_share(r))
		r->rc = RC_BUSY;
}

static void
piece_done(struct writer_job *job, bool is_cancelled)
{
	struct piece *p = (struct piece *)job;
	struct round *r = p->round;

	if (r->rc == RC_OK && !is_cancelled && !r->has_share && !r->is_crowded_out && answer_is_proved(r->answer))
		round_prove(r);
	if (r->rc == RC_OK && !is_cancelled && p->at < p->n) {
		p->job.lane = r->who;
		writer_submit(r->server->node->writer, &p->job);
		return;
	}
	r->is_worked_on = false;
	mem_free(p);
	if (r->is_ended)
		round_end(r, r->is_complete);
	else if (r->rc != RC_OK || is_cancelled)
		round_end(r, false);
	else
		http_exchange_resume(r->x);
}

static void
on_piece(void *user, struct http_exchange *x, struct span bytes)
{
	struct round *r = user;
	struct piece *p;

	if (r->is_ended)
		return;
	if (r->is_short || (p = mem_alloc(sizeof(*p) + bytes.n)) == NULL) {
		r->is_short = true;
		return;
	}
	p->job.source = WRITER_PEER;
	p->job.lane = r->who;
	p->job.run = piece_run;
	p->job.done = piece_done;
	p->round = r;
	p->n = bytes.n;
	memcpy(p->bytes, bytes.p, bytes.n);
	r->is_worked_on = true;
	http_exchange_pause(x);
	writer_submit(r->server->node->writer, &p->job);
}

static void
on_abort(void *user, struct http_exchange *x)
{
	struct round *r = user;

	(void)x;
	r->x = NULL;
}

static void
on_end(void *user, struct http_exchange *x, bool is_complete)
{
	struct round *r = user;

	if (is_complete)
		http_exchange_on_abort(x, on_abort, r);
	else
		r->x = NULL;
	if (!r->is_ended)
		round_end(r, is_complete);
}

void
sync_server_round(struct sync_server *s, struct http_exchange *x)
{
	struct round *r;

	if (writer_is_full(s->node->writer, WRITER_PEER) || sweep_is_log_full(&s->node->sweep)) {
		sync_server_refuse(s, x, RC_BUSY, "");
		return;
	}
	if ((r = mem_alloc(sizeof(*r))) == NULL) {
		sync_server_refuse(s, x, RC_NOMEM, "");
		return;
	}
	r->server = s;
	r->x = x;
	diag_init(&r->diag);
	bytes_init(&r->body);
	sync_server_key_take(&r->key, x);
	r->who = http_exchange_proved(x);
	if (!http_exchange_stream_body(x, REQUEST_BODY_BYTES_MAX, on_piece, on_end, r)) {
		s->counts.refusals++;
		mem_free(r);
		return;
	}
	r->next = s->rounds;
	if (r->next != NULL)
		r->next->prev = r;
	s->rounds = r;
}
