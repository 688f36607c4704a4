/* The answering side of a round (exchange.h, PROTOCOL.md).  It keeps nothing of a round but what `struct peer` has. */
#include "engine_impl.h"
#include "exchange_impl.h"
#include "intake.h"
#include "envelope.h"
#include "transfer.h"

#include <string.h>

struct answer {
	struct engine *e;
	struct peer *p;			/* once the request proved who sent it */
	uint8_t self[ORIGIN_BYTES];	/* which of our origins it is for */
	struct envelope_head head;
	struct request request;
	uint64_t at;			/* offset of the next byte of the upload */
	struct intake_news news;
	bool has_gap;			/* the upload does not fit what we hold */
	bool has_settled;		/* something came to its end: worth writing down */
	enum rc rc;			/* sticky */
};

enum rc
answer_new(struct engine *e, struct answer **out, struct diag *d)
{
	*out = mem_alloc(sizeof(**out));
	if (*out == NULL)
		return diag_fail(d, RC_NOMEM, "no memory for a request");
	(*out)->e = e;
	return RC_OK;
}

void
answer_free(struct answer *s)
{
	mem_free(s);
}

bool
answer_is_proved(const struct answer *s)
{
	return s->p != NULL;
}

const uint8_t *
answer_peer(const struct answer *s)
{
	return s->request.from;
}

uint64_t
answer_commits_new(const struct answer *s)
{
	return s->news.commits;
}

static void
download_drop(struct peer *p)
{
	transfer_free(p->out);
	p->out = NULL;
}

/* ---- request */

/* What the asking side holds of our transfer to it (W16). */
static enum rc
download_acknowledged(struct answer *s, struct diag *d)
{
	const struct request *q = &s->request;
	struct peer *p = s->p;
	bool is_named = (q->flags & REQUEST_HELD) != 0 && p->out != NULL &&
	    memcmp(q->held_id, p->out->id, TRANSFER_ID_BYTES) == 0;
	bool is_needless;

	if (p->out == NULL)
		return RC_OK;
	if (is_named) {
		if (!transfer_ack(p->out, &p->belief, q->held, NULL))
			return diag_fail(d, RC_PEER, "the other side holds more than was sent");
		p->out->acked = q->held;
	}
	/* That they hold its commits says nothing of receipts (W34). */
	is_needless = memcmp(q->digest, p->out->digest, DIGEST_HEADS_BYTES) == 0;
	if (is_needless) {
		transfer_ack_commits(p->out, &p->belief);
		is_needless = p->out->receipts == 0 || !is_named;
	} else if (!is_named && (p->out->acked > 0 || p->out->built_tick != s->e->change_tick)) {
		download_drop(p);	/* begun and forgotten there, or out of date: made anew from our beliefs */
		return RC_OK;
	}
	if (is_needless || p->out->acked == p->out->content.n) {
		if (!is_needless)
			p->belief.done_total = 0;	/* a vector of theirs says something new now */
		download_drop(p);
		s->has_settled = true;
	}
	return RC_OK;
}

static enum rc
request_open(struct answer *s, struct diag *d)
{
	struct span head = span_of(s->head.b, s->head.n);
	struct request *q = &s->request;
	struct peer *p;
	enum rc rc;

	if (envelope_request_parse(q, head) != RC_OK)
		return diag_fail(d, RC_PEER, "the request is broken");
	if ((rc = peer_addressed(s->e, q->to, s->self, d)) != RC_OK)
		return rc;
	if ((rc = peer_get(s->e, q->from, &p, d)) != RC_OK)
		return rc;
	if (!envelope_mac_ok(head, &(struct envelope_ends){ p->key, q->from, s->self, NULL }))
		return diag_fail(d, RC_DENIED, "the request does not prove who sent it");	/* W2 */
	if ((rc = peer_welcome(s->e, p, d)) != RC_OK)
		return rc;
	s->p = p;
	s->at = q->piece.offset;
	if ((rc = download_acknowledged(s, d)) != RC_OK || (rc = intake_load(s->e, p, d)) != RC_OK)
		return rc;
	return (q->flags & REQUEST_UPLOAD) != 0 ? intake_begin(s->e, p, &q->piece, d) : RC_OK;
}

static enum rc
upload_feed(struct answer *s, struct span piece, struct diag *d)
{
	const struct request *q = &s->request;
	struct diag why;
	enum rc rc;

	if (piece.n == 0)
		return RC_OK;
	if ((q->flags & REQUEST_UPLOAD) == 0 || piece.n > q->piece.total - s->at)
		return diag_fail(d, RC_PEER, "the request is longer than it says");	/* W4 */
	if (s->has_gap)
		return RC_OK;
	diag_init(&why);
	rc = intake_feed(s->e, s->p, &q->piece, s->at, piece, &s->news, &why);
	s->at += piece.n;
	if (rc == RC_GAP) {
		s->has_gap = true;		/* W18: they believe that we hold more than we do */
		return RC_OK;
	}
	return rc == RC_OK ? RC_OK : diag_fail(d, rc, "%s", why.text);
}

enum rc
answer_bytes(struct answer *s, struct span piece, struct diag *d)
{
	if (s->rc != RC_OK)
		return s->rc;
	if (!s->head.is_whole) {
		if (envelope_gather(&s->head, ENVELOPE_REQUEST, &piece) != RC_OK)
			s->rc = diag_fail(d, RC_PEER, "the request is no message");
		else if (s->head.is_whole)
			s->rc = request_open(s, d);
	}
	if (s->rc == RC_OK && s->head.is_whole)
		s->rc = upload_feed(s, piece, d);
	return s->rc;
}

/* ---- reply */

/* Have ready in p->out what is to be sent next.  @is_all: nothing more of an upload is to be expected (W18). */
static enum rc
download_choose(struct answer *s, bool is_all, struct reply *a, struct diag *d)
{
	struct peer *p = s->p;
	unsigned what = 0;
	enum rc rc;

	if (s->news.has_vector || s->has_gap)
		download_drop(p);
	s->has_gap = s->has_gap || s->news.has_suspects;	/* our vector, without them */
	if (!p->belief.is_known)
		a->flags |= REPLY_VECTOR;
	if (p->out != NULL)
		return RC_OK;
	if (s->has_gap || !p->belief.is_known || (s->request.flags & REQUEST_VECTOR) != 0)
		what |= TRANSFER_VECTOR;
	if (p->belief.is_known)
		what |= TRANSFER_FRAMES | TRANSFER_RECEIPTS;
	if ((rc = transfer_new(s->e, p, what, &p->out, d)) != RC_OK)
		return rc;
	if (p->out == NULL && is_all)
		return transfer_new(s->e, p, TRANSFER_VECTOR | TRANSFER_RECEIPTS, &p->out, d);
	return RC_OK;
}

/* Equal already: have ready what receipts they lack (W33). */
static enum rc
receipts_choose(struct answer *s, struct diag *d)
{
	const struct request *q = &s->request;
	struct peer *p = s->p;
	enum rc rc;

	if (p->out != NULL || !receipt_is_unsent(s->e, p))
		return RC_OK;
	if ((rc = transfer_new(s->e, p, TRANSFER_RECEIPTS, &p->out, d)) != RC_OK || p->out == NULL)
		return rc;
	/* The same one as before we forgot it: they told how far they have it. */
	if ((q->flags & REQUEST_HELD) != 0 && memcmp(q->held_id, p->out->id, TRANSFER_ID_BYTES) == 0 &&
	    transfer_ack(p->out, &p->belief, q->held, NULL) && p->out->acked == p->out->content.n)
		download_drop(p);
	return RC_OK;
}

static struct span
download_piece(const struct answer *s, struct reply *a)
{
	const struct transfer *t = s->p->out;
	uint64_t n;

	if (t == NULL)
		return span_of(NULL, 0);
	n = t->content.n - t->acked;
	if (n > s->request.want)
		n = s->request.want;
	a->flags |= REPLY_DOWNLOAD;
	memcpy(a->piece.id, t->id, TRANSFER_ID_BYTES);
	a->piece.total = t->content.n;
	a->piece.offset = t->acked;
	if (t->receipts != 0 && t->acked + n == t->content.n)
		s->p->receipts_sent = t->receipts;
	return span_of(t->content.p + t->acked, (size_t)n);
}

/* Write down, in one go, what was settled and, when they shall be sent, our receipts for what came (W33). */
static enum rc
reply_settle(struct answer *s, bool sends_receipts, struct diag *d)
{
	struct peer *p = s->p;
	bool is_due = false;
	enum rc rc;

	if (sends_receipts && (rc = receipt_is_due(s->e, p, &is_due, d)) != RC_OK)
		return rc;
	if (!is_due)
		return s->has_settled ? belief_flush(s->e, p->origin, &p->belief, d) : RC_OK;
	if ((rc = engine_begin(s->e, d)) != RC_OK)
		return rc;
	if ((rc = receipt_make(s->e, p, d)) == RC_OK && s->has_settled)
		rc = belief_put(s->e, p->origin, &p->belief, d);
	if (rc == RC_OK)
		rc = engine_commit_tx(s->e, d);
	if (rc != RC_OK) {
		engine_rollback(s->e);
		return rc == RC_FULL ? RC_OK : rc;	/* sending goes on; all of this is soft */
	}
	if (s->has_settled)
		belief_written(&p->belief);
	return RC_OK;
}

static enum rc
reply_make(struct answer *s, struct bytes *body, struct diag *d)
{
	const struct request *q = &s->request;
	struct peer *p = s->p;
	struct reply a = { .flags = 0 };
	struct span piece = span_of(NULL, 0);
	bool is_whole = true;
	enum rc rc;

	a.now_ms = engine_now_ms(s->e);
	peer_digest(s->e, p, a.digest);
	if ((q->flags & REQUEST_UPLOAD) != 0) {
		a.flags |= REPLY_UPLOAD;
		a.held = intake_held(p, q->piece.id);
		is_whole = a.held == q->piece.total;
		s->has_settled = s->has_settled || is_whole;
	}
	if (s->has_gap)
		a.flags |= REPLY_DROPPED;
	if (memcmp(a.digest, q->digest, sizeof(a.digest)) == 0) {
		peer_note_equal(s->e, p);
		s->has_settled = true;
		if ((rc = intake_drop(s->e, p, d)) != RC_OK || (rc = reply_settle(s, true, d)) != RC_OK ||
		    (rc = receipts_choose(s, d)) != RC_OK)
			return rc;
	} else {
		bool is_all = is_whole && (q->flags & REQUEST_MORE) == 0;

#ifdef BUG_P9_EARLY_RECEIPT
		is_whole = true;	/* the rest will come */
#endif

		if ((rc = reply_settle(s, is_whole && p->belief.is_known, d)) != RC_OK ||
		    (rc = download_choose(s, is_all, &a, d)) != RC_OK)
			return rc;
	}
	piece = download_piece(s, &a);
	envelope_reply_emit(&a, &(struct envelope_ends){ p->key, s->self, p->origin, q->nonce }, body);
	bytes_put(body, piece.p, piece.n);
	return bytes_rc(body);
}

enum rc
answer_end(struct answer *s, bool is_complete, struct bytes *body, struct diag *d)
{
	size_t before = body->n;

	if (s->rc == RC_OK && !s->head.is_whole && is_complete)
		s->rc = diag_fail(d, RC_PEER, "the request is too short");
	if (s->rc != RC_OK || !s->head.is_whole)
		return s->rc;
	if ((s->rc = peer_get(s->e, s->request.from, &s->p, d)) != RC_OK)
		return s->rc;
	if (is_complete)
		s->rc = reply_make(s, body, d);
	else
		s->rc = intake_save(s->e, s->p, d);
	if (s->rc != RC_OK)
		body->n = before;
	exchange_trim(exchange_of(s->e), s->p);
	return s->rc;
}
