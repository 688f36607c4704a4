/* The asking side of a round (exchange.h, PROTOCOL.md).
 *
 * Happy path: one request with what we believe they lack, one reply with what they believe we lack, equal digests.
 * Cut: what came is kept, the next request goes on.  Beliefs wrong: vectors are exchanged, at most VECTORS_MAX times,
 * and the round goes on; when that moves nothing more either, it ends unequal.
 */
#include "clock_hear.h"
#include "clock_wait.h"
#include "engine_impl.h"
#include "exchange_impl.h"
#include "intake.h"
#include "envelope.h"
#include "transfer.h"

#include <string.h>

enum {
	VECTORS_MAX = 2,	/* of ours in one round (W18) */
	GAPS_MAX = 3,		/* downloads of one round that did not fit what we hold */
	TAKEN_MAX = 4,		/* of theirs that count as progress */
	VAIN_MS = 3600 * 1000,	/* so long an upload that they did not take is not sent again as it was */
	SUSPICIONS_MAX = 3,	/* vectors beyond these, to compare what seems forked */
};

struct ask {
	struct engine *e;
	struct peer *p;
	enum ask_state state;
	enum rc rc;
	struct ask_counts counts;
	unsigned vectors, taken, gaps, suspicions;
	bool is_vector_due;
	uint8_t done_up[TRANSFER_ID_BYTES];	/* the last upload that got there whole */
	bool is_stuck; /* the next one would be the same again: they hold something else under its numbers */

	/* Of the request under way, and its reply. */
	uint8_t nonce[ENVELOPE_NONCE_BYTES];
	uint8_t from[ORIGIN_BYTES];	/* by which they know us */
	bool is_open;
	bool has_sent_done;		/* it told them that we hold their last transfer whole */
	bool is_query;			/* it asks how far the upload got */
	uint64_t sent;			/* bytes of the upload in it */
	uint8_t sent_id[TRANSFER_ID_BYTES];
	struct envelope_head head;
	struct reply reply;
	uint64_t at;			/* offset of the next byte of the download */
	uint64_t came;			/* bytes of the download in the reply */
	bool has_moved;			/* something got through, either way */
	bool is_ignored;		/* the rest of the reply is of no use */
	struct intake_news news;
};

enum rc
ask_new(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct ask **out, struct diag *d)
{
	struct ask *a;
	struct peer *p;
	enum rc rc;

	*out = NULL;
	if ((rc = peer_get(e, peer, &p, d)) != RC_OK || (rc = peer_welcome(e, p, d)) != RC_OK)
		return rc;
	if ((a = mem_alloc(sizeof(*a))) == NULL)
		return RC_NOMEM;
	a->e = e;
	a->p = p;
	*out = a;
	return RC_OK;
}

void
ask_free(struct ask *a)
{
	mem_free(a);
}

enum ask_state
ask_state(const struct ask *a)
{
	return a->state;
}

enum rc
ask_rc(const struct ask *a)
{
	return a->rc;
}

const struct ask_counts *
ask_counts(const struct ask *a)
{
	return &a->counts;
}

static enum rc
ask_fail(struct ask *a, enum rc rc, struct diag *d)
{
	a->state = ASK_FAILED;
	a->rc = rc;
	return diag_fail(d, rc, "the round failed: %s", rc_name(rc));
}

/* ---- request */

static void
upload_drop(struct ask *a)
{
	transfer_free(a->p->out);
	a->p->out = NULL;
	a->p->is_uncertain = false;
}

/* Have ready in p->out what is to be sent next; nothing when there is nothing. */
static enum rc
upload_choose(struct ask *a, struct diag *d)
{
	struct peer *p = a->p;
	bool is_due = (a->is_vector_due || !p->belief.is_known) && a->vectors < VECTORS_MAX;
	unsigned what = 0;
	enum rc rc;

	/* Nothing of it got there, and there is more by now: make it anew.  A vector goes in front of all. */
	if (p->out != NULL && (a->is_vector_due ||
	    (p->out->acked == 0 && !p->is_uncertain && p->out->built_tick != a->e->change_tick)))
		upload_drop(a);
	if (p->out != NULL)
		return RC_OK;
	if (is_due)
		what |= TRANSFER_VECTOR;
	if (p->belief.is_known)
		what |= TRANSFER_FRAMES;
	a->is_vector_due = false;
	a->vectors += is_due;
	a->is_stuck = false;		/* what was sent in vain goes again behind a vector */
	rc = transfer_new(a->e, p, what, &p->out, d);
	if (rc != RC_OK || p->out == NULL)
		return rc;
	if (memcmp(p->out->id, a->done_up, TRANSFER_ID_BYTES) == 0) {
		if (!is_due) {
			memcpy(p->vain_id, a->done_up, TRANSFER_ID_BYTES);
			p->vain_ms = engine_env_ms(a->e);
		}
		a->is_stuck = true;
	} else if (!is_due && p->vain_ms != 0 && memcmp(p->out->id, p->vain_id, TRANSFER_ID_BYTES) == 0) {
		a->is_stuck = engine_env_ms(a->e) - p->vain_ms < VAIN_MS;
	}
	if (a->is_stuck)
		upload_drop(a);
	return RC_OK;
}

/* Describe the piece of p->out that this request carries. */
static struct span
upload_piece(struct ask *a, struct request *q)
{
	struct peer *p = a->p;
	struct transfer *t = p->out;
	uint64_t left, n;

	if (t == NULL)
		return span_of(NULL, 0);
	left = t->content.n - t->acked;
	n = left < p->piece_bytes ? left : p->piece_bytes;
	/* W21: after a cut ask first, unless sending it all again is as cheap. */
	a->is_query = p->is_uncertain && left > PIECE_BYTES_MIN;
	if (a->is_query)
		n = 0;
	q->flags |= REQUEST_UPLOAD;
	if (t->is_short || t->built_tick != a->e->change_tick || !p->belief.is_known)
		q->flags |= REQUEST_MORE;
	memcpy(q->piece.id, t->id, TRANSFER_ID_BYTES);
	memcpy(a->sent_id, t->id, TRANSFER_ID_BYTES);
	q->piece.total = t->content.n;
	q->piece.offset = t->acked;
	a->sent = n;
	return span_of(t->content.p + t->acked, (size_t)n);
}

static void
request_fill(struct ask *a, struct request *q)
{
	struct peer *p = a->p;

	memcpy(a->from, peer_self(a->e, p), ORIGIN_BYTES);
	memcpy(q->from, a->from, ORIGIN_BYTES);
	memcpy(q->to, p->origin, ENVELOPE_TO_BYTES);
	engine_random(a->e, a->nonce, sizeof(a->nonce));
	memcpy(q->nonce, a->nonce, ENVELOPE_NONCE_BYTES);
	q->now_ms = engine_now_ms(a->e);
	a->counts.asked_ms = q->now_ms;
	peer_digest(a->e, p, q->digest);
	if (!p->belief.is_known)
		q->flags |= REQUEST_VECTOR;
	q->want = p->want_bytes;
	if (intake_state(p, q->held_id, &q->held)) {
		q->flags |= REQUEST_HELD;
		a->has_sent_done = p->in == NULL;
	}
}

enum rc
ask_request(struct ask *a, struct bytes *out, struct diag *d)
{
	struct request q = { .flags = 0 };
	struct span piece;
	enum rc rc;

	INVARIANT(a->state == ASK_MORE);
	if (a->counts.requests >= ASK_REQUESTS_MAX)
		return ask_fail(a, RC_LIMIT, d);
	if ((rc = peer_get(a->e, a->p->origin, &a->p, d)) != RC_OK ||
	    (rc = intake_load(a->e, a->p, d)) != RC_OK || (rc = peer_link_load(a->e, a->p, d)) != RC_OK ||
	    (rc = upload_choose(a, d)) != RC_OK)
		return ask_fail(a, rc, d);
	a->counts.requests++;
	a->is_open = true;
	a->has_sent_done = a->is_query = a->has_moved = a->is_ignored = false;
	a->sent = a->at = a->came = 0;
	memset(&a->head, 0, sizeof(a->head));
	memset(&a->reply, 0, sizeof(a->reply));
	memset(&a->news, 0, sizeof(a->news));
	request_fill(a, &q);
	piece = upload_piece(a, &q);
	envelope_request_emit(&q, &(struct envelope_ends){ a->p->key, q.from, a->p->origin, NULL }, out);
	bytes_put(out, piece.p, piece.n);
	exchange_trim(exchange_of(a->e), a->p);
	return out->failed ? ask_fail(a, RC_NOMEM, d) : RC_OK;
}

/* ---- reply */

/* What the reply says of our upload (W16, W21). */
static enum rc
upload_acknowledged(struct ask *a, struct diag *d)
{
	struct peer *p = a->p;
	struct transfer *t = p->out;
	uint64_t before;

	if (t == NULL || memcmp(t->id, a->sent_id, TRANSFER_ID_BYTES) != 0)
		return RC_OK;		/* settled by another conversation meanwhile */
	before = t->acked;
	if (!transfer_ack(t, &p->belief, a->reply.held, &a->counts.commits_up))
		return diag_fail(d, RC_PEER, "the other side holds more than was sent");
	t->acked = a->reply.held;	/* less than before: it lost what it had, and gets it again */
	if (a->reply.held > before) {
		a->has_moved = true;
		if (a->sent == p->piece_bytes && a->reply.held - before >= a->sent)
			peer_piece_grow(&p->piece_bytes);
	}
	if (a->is_query)
		peer_piece_cut(&p->piece_bytes, a->reply.held > before ? a->reply.held - before : 0);
	p->is_uncertain = false;
	if (t->acked == t->content.n) {
		memcpy(a->done_up, t->id, TRANSFER_ID_BYTES);
		p->belief.done_total = 0;	/* a vector of theirs says something new now, of whatever bytes */
		upload_drop(a);
	}
	return RC_OK;
}

static enum rc
reply_open(struct ask *a, struct diag *d)
{
	struct span s = span_of(a->head.b, a->head.n);
	struct peer *p = a->p;
	struct envelope_ends ends = { p->key, p->origin, a->from, a->nonce };
	enum rc rc;

	if (!envelope_mac_ok(s, &ends))
		return diag_fail(d, RC_PEER, "the reply does not prove who sent it");	/* W2 */
	if (envelope_reply_parse(&a->reply, s) != RC_OK)
		return diag_fail(d, RC_PEER, "the reply is broken");
	a->counts.peer_ms = a->reply.now_ms;
	if (a->has_sent_done && p->in == NULL)
		p->belief.done_total = 0;	/* they know now */
	if ((a->reply.flags & REPLY_UPLOAD) != 0 && (rc = upload_acknowledged(a, d)) != RC_OK)
		return rc;
	if ((a->reply.flags & REPLY_DROPPED) != 0)
		upload_drop(a);		/* W18: their vector follows */
	/* One that is on its way in several pieces goes on. */
	if ((a->reply.flags & REPLY_VECTOR) != 0 && (p->out == NULL || !p->out->has_vector))
		a->is_vector_due = true;
	a->at = a->reply.piece.offset;
	return (a->reply.flags & REPLY_DOWNLOAD) != 0 ? intake_begin(a->e, p, &a->reply.piece, d) : RC_OK;
}

static enum rc
download_feed(struct ask *a, struct span s, struct diag *d)
{
	struct diag gap;
	enum rc rc;

	if ((a->reply.flags & REPLY_DOWNLOAD) == 0 || s.n > a->reply.piece.total - a->at)
		return diag_fail(d, RC_PEER, "the reply is longer than it says");	/* W4 */
	diag_init(&gap);
	rc = intake_feed(a->e, a->p, &a->reply.piece, a->at, s, &a->news, &gap);
	a->at += s.n;
	a->came += s.n;
	if (rc == RC_GAP && ++a->gaps <= GAPS_MAX) {
		a->is_ignored = true;		/* W18: they believe that we hold more than we do */
		a->is_vector_due = true;
		return peer_get(a->e, a->p->origin, &a->p, d);
	}
	return rc == RC_OK ? RC_OK : diag_fail(d, rc, "%s", gap.text);
}

enum rc
ask_reply_bytes(struct ask *a, struct span piece, struct diag *d)
{
	enum rc rc;

	INVARIANT(a->is_open);
	if (a->state != ASK_MORE)
		return a->rc;
	if (!a->head.is_whole) {
		if (envelope_gather(&a->head, ENVELOPE_REPLY, &piece) != RC_OK) {
			(void)diag_fail(d, RC_PEER, "the reply is no message");
			return ask_fail(a, RC_PEER, d);
		}
		if (!a->head.is_whole)
			return RC_OK;
		if ((rc = reply_open(a, d)) != RC_OK)
			return ask_fail(a, rc, d);
	}
	if (piece.n == 0 || a->is_ignored)
		return RC_OK;
	rc = download_feed(a, piece, d);
	return rc == RC_OK ? RC_OK : ask_fail(a, rc, d);
}

/* ---- end */

static void
news_count(struct ask *a)
{
	a->counts.commits_down += a->news.commits;
	a->counts.quarantined += a->news.quarantined;
	a->counts.conflicts += a->news.conflicts;
	a->counts.receipts += a->news.receipts;
	if (a->news.forks > a->counts.forks)
		a->counts.forks = a->news.forks;
	/* A vector that comes again and again moves nothing. */
	if (a->news.bytes > 0 && (!a->news.has_vector || a->news.commits > 0 || ++a->taken <= TAKEN_MAX))
		a->has_moved = true;
}

/* Is all that they hold and we do not here already, waiting for a correction or for time to go on (C16)? */
static bool
all_waits(struct ask *a)
{
	struct peer *p = a->p;
	bool is_over = true;

	if (a->news.has_vector) {
		p->has_waits = a->news.waits && !a->news.we_lack && !a->news.has_suspects;
		memcpy(p->waits_digest, a->reply.digest, sizeof(p->waits_digest));
	}
	return p->has_waits && memcmp(p->waits_digest, a->reply.digest, sizeof(p->waits_digest)) == 0 &&
	    clock_wait_is_over(a->e, &is_over, NULL) == RC_OK && !is_over;
}

static enum rc
waiting_count(void *ctx, const struct clock_waiting *w)
{
	(void)w;
	++*(uint64_t *)ctx;
	return RC_OK;
}

/* Is there reason for another request?  Sets what it needs (W18, W19). */
static bool
more_wanted(struct ask *a)
{
	struct peer *p = a->p;
	bool is_unsent = a->sent == 0 && (p->out != NULL || (p->belief.is_known && peer_lacks(a->e, p)));

	if (!is_unsent && !a->is_query && a->news.commits == 0 && p->in == NULL && all_waits(a))
		return false;
	/* They told what they hold, and it is more than we hold: tell them what we hold. */
	if (a->news.has_vector && a->news.we_lack && a->vectors == 0)
		a->is_vector_due = true;
	/* C9: what seems forked is left out of our vector, so that they send it whole. */
	if (a->news.has_suspects) {
		a->is_vector_due = true;
		a->vectors -= a->vectors > 0 && a->suspicions++ < SUSPICIONS_MAX ? 1 : 0;
	}
	if (a->is_vector_due && a->vectors < VECTORS_MAX)
		return true;
	if (a->is_stuck)
		return false;
	if (a->has_moved || is_unsent || a->is_query)
		return true;
	a->is_vector_due = a->vectors < VECTORS_MAX;
	return a->is_vector_due;
}

/* What a new process would need to go on from here (W22).  Beliefs wait until no upload is under way: it is made again
 * from those that it was made from. */
static enum rc
progress_keep(struct ask *a, struct diag *d)
{
	struct peer *p = a->p;
	enum rc rc = intake_save(a->e, p, d);

	if (rc == RC_OK && p->out == NULL)
		rc = belief_flush(a->e, p->origin, &p->belief, d);
	return rc == RC_OK ? peer_link_save(a->e, p, d) : rc;
}

static void
reply_was_cut(struct ask *a)
{
	struct peer *p = a->p;

	if (!a->head.is_whole)
		p->is_uncertain = p->out != NULL;
	else if ((a->reply.flags & REPLY_DOWNLOAD) != 0) {
		p->want_bytes = a->came * 2 < PIECE_BYTES_MIN ? PIECE_BYTES_MIN : a->came * 2;
		if (p->want_bytes > PIECE_BYTES_MAX)
			p->want_bytes = PIECE_BYTES_MAX;
	}
}

enum rc
ask_reply_end(struct ask *a, bool is_complete, struct diag *d)
{
	uint8_t digest[DIGEST_HEADS_BYTES];
	enum rc rc;

	INVARIANT(a->is_open);
	a->is_open = false;
	news_count(a);
	if (a->state != ASK_MORE)
		return a->rc;
	if ((rc = peer_get(a->e, a->p->origin, &a->p, d)) != RC_OK)
		return ask_fail(a, rc, d);
	if (!is_complete) {
		reply_was_cut(a);
#ifdef BUG_P8_RESTART_TRANSFER
		if ((rc = intake_drop(a->e, a->p, d)) != RC_OK)
			return ask_fail(a, rc, d);
#endif
		rc = progress_keep(a, d);
		return rc == RC_OK ? RC_OK : ask_fail(a, rc, d);
	}
	if (!a->head.is_whole) {
		(void)diag_fail(d, RC_PEER, "the reply is too short");
		return ask_fail(a, RC_PEER, d);
	}
	if (a->came >= a->p->want_bytes)
		peer_piece_grow(&a->p->want_bytes);
	rc = clock_hear(a->e, a->p->origin, a->counts.asked_ms, engine_now_ms(a->e), a->counts.peer_ms, d);
	if ((rc != RC_OK && rc != RC_FULL) || (rc = peer_get(a->e, a->p->origin, &a->p, d)) != RC_OK)
		return ask_fail(a, rc, d);
	peer_digest(a->e, a->p, digest);
	a->counts.is_equal = memcmp(digest, a->reply.digest, sizeof(digest)) == 0;
#ifdef BUG_P16_TRUST_BELIEF
	a->counts.is_equal = a->p->belief.is_known && !peer_lacks(a->e, a->p);
#endif
	if (a->counts.is_equal) {
		peer_note_equal(a->e, a->p);
		/* W34: receipts that came in part: the rest, before the round is over. */
		if (a->p->in != NULL && a->news.bytes > 0) {
			rc = progress_keep(a, d);
			return rc == RC_OK ? RC_OK : ask_fail(a, rc, d);
		}
		if ((rc = intake_drop(a->e, a->p, d)) != RC_OK)
			return ask_fail(a, rc, d);
	} else if (more_wanted(a)) {
		rc = progress_keep(a, d);
		return rc == RC_OK ? RC_OK : ask_fail(a, rc, d);
	}
	if ((rc = progress_keep(a, d)) != RC_OK || (!a->counts.is_equal && a->e->clock.waiting > 0 &&
	    (rc = clock_wait_each(a->e, waiting_count, &a->counts.held_back, d)) != RC_OK))
		return ask_fail(a, rc, d);
	a->state = ASK_DONE;
	return RC_OK;
}

void
ask_reply_none(struct ask *a)
{
	a->is_open = false;
	a->p->is_uncertain = a->p->out != NULL;
	if (peer_link_save(a->e, a->p, NULL) != RC_OK)
		a->p->kept.is_there = true;	/* soft: perhaps an old row stands, which is dropped later */
}
