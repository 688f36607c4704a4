/* POST /sync/v1/state: does the same of ours stand at the heads that both sides hold?
 *
 * The request is opened on the writer thread, which takes no time; comparing reads every row and so is a reading job,
 * one at a time: the local user is served before peers.  The rest wait in a list, newest first, up to their shares
 * (share.h). */
#include "node/logline.h"
#include "node/sync_server_impl.h"
#include "sync/exchange_state.h"

#define STATE_BODY_BYTES_MAX 1024

struct state_answer {
	struct state_answer *next;
	struct sync_server *server;
	struct http_exchange *x;	/* without an abort function: it and its body stay until the reply */
	struct span body;
	struct writer_job open;
	struct reader_job compare;
	struct exchange_state_asked asked;
	struct sync_server_key key;
	struct diag diag;
	enum rc rc;
	uint64_t who;			/* 0: has no share */
};

static void next_compare(struct sync_server *s);

static void
reply(struct state_answer *a)
{
	struct http_reply ok = { .status = 200 };
	struct sync_server *s = a->server;
	struct bytes body;

	bytes_init(&body);
	if (a->who != 0)
		share_give(&s->shares, a->who, SHARE_STATE);
	if (a->rc == RC_OK)
		a->rc = exchange_state_reply(&a->asked, &body);
	if (a->rc == RC_OK) {
		s->counts.states++;
		if (a->asked.verdict == EXCHANGE_DIFFERS) {
			s->counts.states_different++;
			logline(LOGLINE_ERROR, "state_differs_below", "peer=%02x%02x%02x%02x", a->asked.peer[0],
			    a->asked.peer[1], a->asked.peer[2], a->asked.peer[3]);
		}
		http_exchange_reply_take(a->x, &ok, &body);
	} else {
		sync_server_refuse(s, a->x, a->rc, a->diag.text);
	}
	bytes_free(&body);
	mem_free(a);
}

static void
compare_run(struct reader_job *job, struct engine *e)
{
	struct state_answer *a = (struct state_answer *)((char *)job - offsetof(struct state_answer, compare));

	a->rc = exchange_state_compare(e, &a->asked, &a->diag);
}

static void
compare_done(struct reader_job *job)
{
	struct state_answer *a = (struct state_answer *)((char *)job - offsetof(struct state_answer, compare));
	struct sync_server *s = a->server;

	if (job->rc != RC_OK) {
		a->rc = job->rc;
		a->diag = job->diag;
	}
	s->is_comparing = false;
	reply(a);
	next_compare(s);
}

static void
next_compare(struct sync_server *s)
{
	struct state_answer *a, **at;

	while (!s->is_comparing && s->states != NULL) {
		for (at = &s->states; (*at)->next != NULL; at = &(*at)->next)
			continue;
		a = *at;
		*at = NULL;
		a->compare.run = compare_run;
		a->compare.done = compare_done;
		a->rc = s->is_stopping ? RC_BUSY : reader_submit(s->node->reader, &a->compare);
		if (a->rc == RC_OK)
			s->is_comparing = true;
		else
			reply(a);
	}
}

static void
open_run(struct writer_job *job, struct engine *e)
{
	struct state_answer *a = (struct state_answer *)((char *)job - offsetof(struct state_answer, open));

	a->rc = exchange_state_open(e, a->body, &a->asked, &a->diag);
	if (a->rc == RC_OK)
		a->rc = sync_server_key_check(&a->key, e, a->asked.peer, &a->diag);
}

static void
open_done(struct writer_job *job, bool is_cancelled)
{
	struct state_answer *a = (struct state_answer *)((char *)job - offsetof(struct state_answer, open));
	struct sync_server *s = a->server;

	if (is_cancelled)
		a->rc = RC_BUSY;
	if (a->rc == RC_OK) {
		uint64_t who = sync_server_who(a->asked.peer);

		http_exchange_prove(a->x, who);
		if (share_take(&s->shares, who, SHARE_STATE) == SHARE_OK)
			a->who = who;
		else
			a->rc = RC_BUSY;
	}
	if (a->rc != RC_OK || a->asked.verdict != EXCHANGE_VERDICT_NONE) {
		reply(a);
		return;
	}
	a->next = s->states;
	s->states = a;
	next_compare(s);
}

static void
on_body(void *user, struct http_exchange *x, struct span body)
{
	struct sync_server *s = user;
	struct state_answer *a;

	if (writer_is_full(s->node->writer, WRITER_PEER)) {
		sync_server_refuse(s, x, RC_BUSY, "");
		return;
	}
	if ((a = mem_alloc(sizeof(*a))) == NULL) {
		sync_server_refuse(s, x, RC_NOMEM, "");
		return;
	}
	a->server = s;
	a->x = x;
	sync_server_key_take(&a->key, x);
	a->body = body;
	diag_init(&a->diag);
	a->open.source = WRITER_PEER;
	a->open.lane = http_exchange_proved(x);
	a->open.run = open_run;
	a->open.done = open_done;
	writer_submit(s->node->writer, &a->open);
}

void
sync_server_state(struct sync_server *s, struct http_exchange *x)
{
	if (!http_exchange_want_body(x, STATE_BODY_BYTES_MAX, on_body, s))
		s->counts.refusals++;
}
