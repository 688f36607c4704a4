/* The exchange's own state, the waiting request, the backlog. */
#include "engine_impl.h"
#include "exchange_impl.h"
#include "intake.h"
#include "envelope.h"
#include "transfer.h"

#include <string.h>

const char *
exchange_tables_ddl(void)
{
	return "CREATE TABLE sync_belief(\n"
	    "\tpeer BLOB NOT NULL,       -- origin of another node\n"
	    "\tsid INTEGER NOT NULL,     -- local number of a stream; 0: the other rows mean something\n"
	    "\tseq INTEGER NOT NULL,     -- it holds that stream up to here, as far as we know\n"
	    "\tPRIMARY KEY(peer, sid)\n"
	    ") STRICT, WITHOUT ROWID;\n"
	    "CREATE TABLE sync_link(\n"
	    "\tpeer BLOB NOT NULL PRIMARY KEY, -- origin of a node that an upload to was cut\n"
	    "\ttransfer BLOB NOT NULL,         -- name of the upload\n"
	    "\tacked INTEGER NOT NULL,         -- it holds so many bytes of it\n"
	    "\tbounds BLOB NOT NULL,           -- where it ends: pairs of stream and commit numbers\n"
	    "\tis_uncertain INTEGER NOT NULL,  -- or more\n"
	    "\tpiece_bytes INTEGER NOT NULL,   -- how much goes through at once, there\n"
	    "\twant_bytes INTEGER NOT NULL     -- and back\n"
	    ") STRICT, WITHOUT ROWID;\n"
	    "CREATE TABLE sync_partial(\n"
	    "\tpeer BLOB NOT NULL,       -- origin of the node that sends\n"
	    "\tstart INTEGER NOT NULL,   -- offset of bytes in the transfer\n"
	    "\ttransfer BLOB NOT NULL,   -- its name\n"
	    "\ttotal INTEGER NOT NULL,   -- its size\n"
	    "\tcame_ms INTEGER NOT NULL, -- when the bytes came, by our clock\n"
	    "\tbytes BLOB NOT NULL,\n"
	    "\tPRIMARY KEY(peer, start)\n"
	    ") STRICT;\n";
}

static void
exchange_free(void *at)
{
	struct exchange *x = at;
	size_t i;

	if (x == NULL)
		return;
	for (i = 0; i < x->count; i++)
		peer_free(x->peers[i]);
	mem_free(x->peers);
	mem_free(x->order);
	receipt_state_free(&x->receipts);
	mem_free(x);
}

/* A transaction was rolled back: streams it made are gone, and their numbers will be given to others. */
static void
exchange_reset(void *at)
{
	struct exchange *x = at;
	size_t i;

	for (i = 0; i < x->count; i++) {
		belief_trim(&x->peers[i]->belief, stream_count(x->e));
		suspect_trim(&x->peers[i]->suspects, stream_count(x->e));
		x->peers[i]->is_equal = false;
		x->peers[i]->receipts_tick = 0;
	}
	x->order_count = 0;
	receipt_state_forget(&x->receipts);
}

struct exchange *
exchange_of(struct engine *e)
{
	struct exchange *x = engine_exchange_slot_get(e);

	if (x != NULL)
		return x;
	if ((x = mem_alloc(sizeof(*x))) == NULL)
		return NULL;
	x->e = e;
	engine_exchange_slot_set(e, x, exchange_free, exchange_reset);
	return x;
}

/* ---- streams by name */

static int
stream_name_cmp(const struct engine *e, const struct stream *a, const struct stream *b)
{
	int c = memcmp(a->origin, b->origin, ORIGIN_BYTES);

	if (c == 0)
		c = span_cmp(unit_key(e, a->unit), unit_key(e, b->unit));
	return c != 0 ? c : (int)a->reach - (int)b->reach;
}

static void
order_insert(struct exchange *x, uint32_t sid)
{
	size_t low = 0, high = x->order_count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (stream_name_cmp(x->e, stream_at(x->e, x->order[middle]), stream_at(x->e, sid)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	memmove(&x->order[low + 1], &x->order[low], (x->order_count - low) * sizeof(*x->order));
	x->order[low] = sid;
	x->order_count++;
}

const uint32_t *
exchange_order(struct engine *e)
{
	struct exchange *x = exchange_of(e);
	size_t count = stream_count(e);
	uint32_t *order;

	if (x == NULL)
		return NULL;
	if (x->order_count > count)
		x->order_count = 0;
	if (x->order == NULL || x->order_count < count) {
		if ((order = mem_grow(x->order, count + 1, sizeof(*order))) == NULL)
			return NULL;
		x->order = order;
	}
	while (x->order_count < count)
		order_insert(x, (uint32_t)x->order_count + 1);
	return x->order;
}

/* ---- limits */

static size_t
peer_bytes(const struct peer *p)
{
	return intake_bytes(p->in) + (p->out == NULL ? 0 : p->out->content.cap);
}

void
exchange_trim(struct exchange *x, const struct peer *keep)
{
	struct peer *oldest;
	size_t i, total;

	for (;;) {
		oldest = NULL;
		total = 0;
		for (i = 0; i < x->count; i++) {
			struct peer *p = x->peers[i];

			total += peer_bytes(p);
			if (p != keep && peer_bytes(p) > 0 && (oldest == NULL || p->used < oldest->used))
				oldest = p;
		}
		if (total <= EXCHANGE_BYTES_MAX || oldest == NULL)
			return;
		/* What came is worth keeping when the disk takes it; that which does not costs only bytes. */
		if (oldest->in != NULL && intake_save(x->e, oldest, NULL) == RC_OK)
			oldest->is_intake_loaded = false;
		intake_free(oldest->in);
		oldest->in = NULL;
		transfer_free(oldest->out);
		oldest->out = NULL;
	}
}

void
exchange_sweep(struct engine *e, uint64_t age_ms)
{
	static const char sql[] = "DELETE FROM sync_partial WHERE peer IN "
	    "(SELECT peer FROM sync_partial GROUP BY peer HAVING max(came_ms) < ?1)";
	struct exchange *x = exchange_of(e);
	uint64_t now = engine_env_ms(e), limit = now > age_ms ? now - age_ms : 0;
	sqlite3_stmt *stmt;
	size_t i;

	for (i = 0; x != NULL && i < x->count; i++) {
		struct peer *p = x->peers[i];

		if (p->in != NULL && intake_came_ms(p->in) < limit) {
			intake_free(p->in);
			p->in = NULL;
		}
	}
	if (engine_begin(e, NULL) != RC_OK)
		return;
	if (engine_stmt(e, sql, &stmt, NULL) == RC_OK) {
		(void)sqlite3_bind_int64(stmt, 1, (int64_t)limit);
		if (engine_run(e, stmt, "dropping old transfers", NULL) == RC_OK &&
		    engine_commit_tx(e, NULL) == RC_OK)
			return;
	}
	engine_rollback(e);
}

/* ---- the waiting request (W20) */

enum rc
exchange_wait_request(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct bytes *out, struct diag *d)
{
	struct waiting w;
	struct peer *p;
	enum rc rc;

	if ((rc = peer_get(e, peer, &p, d)) != RC_OK)
		return rc;
	memcpy(w.from, peer_self(e, p), ORIGIN_BYTES);
	memcpy(w.to, p->origin, ENVELOPE_TO_BYTES);
	w.now_ms = engine_now_ms(e);
	peer_digest(e, p, w.digest);
	envelope_waiting_emit(&w, &(struct envelope_ends){ p->key, w.from, p->origin, NULL }, out);
	return bytes_rc(out);
}

enum rc
exchange_wait_open(struct engine *e, struct span body, struct exchange_waiting *out, struct diag *d)
{
	uint8_t self[ORIGIN_BYTES], digest[DIGEST_HEADS_BYTES];
	struct waiting w;
	struct peer *p;
	enum rc rc;

	if (envelope_waiting_parse(&w, body) != RC_OK)
		return diag_fail(d, RC_PEER, "broken waiting request");
	if ((rc = peer_addressed(e, w.to, self, d)) != RC_OK || (rc = peer_get(e, w.from, &p, d)) != RC_OK)
		return rc;
	if (!envelope_mac_ok(body, &(struct envelope_ends){ p->key, w.from, self, NULL }))
		return diag_fail(d, RC_DENIED, "the request does not prove who sent it");
	if ((rc = peer_welcome(e, p, d)) != RC_OK)
		return rc;
	memcpy(out->peer, w.from, ORIGIN_BYTES);
	memcpy(out->digest, w.digest, DIGEST_HEADS_BYTES);
	peer_digest(e, p, digest);
	if (memcmp(digest, w.digest, sizeof(digest)) != 0)
		return RC_OK;
	peer_note_equal(e, p);
	return belief_flush(e, p->origin, &p->belief, d);
}

#define DIFFERENCE_TOLD_MAX 8

/* Is @p's name one of several of its node?  Then others went by it, too, and what we believe of it is what they hold
 * together (C7). */
static bool
has_copies(const struct engine *e, const struct peer *p)
{
	size_t i;

	for (i = 0; i < e->origins_count; i++)
		if (memcmp(e->origins[i].pubkey, p->pubkey, PUBKEY_BYTES) == 0 &&
		    memcmp(e->origins[i].origin, p->origin, ORIGIN_BYTES) != 0)
			return true;
	return false;
}

/* A difference for which we believe to have nothing to send: told a few times, since it may be one that stays. */
static bool
difference_tell(struct peer *p, const uint8_t ours[DIGEST_HEADS_BYTES], const uint8_t theirs[DIGEST_HEADS_BYTES])
{
	if (memcmp(p->told, ours, DIGEST_HEADS_BYTES) == 0 &&
	    memcmp(p->told + DIGEST_HEADS_BYTES, theirs, DIGEST_HEADS_BYTES) == 0)
		return p->told_count++ < DIFFERENCE_TOLD_MAX;
	p->told_count = 1;
	memcpy(p->told, ours, DIGEST_HEADS_BYTES);
	memcpy(p->told + DIGEST_HEADS_BYTES, theirs, DIGEST_HEADS_BYTES);
	return true;
}

bool
exchange_has_news(struct engine *e, const struct exchange_waiting *w)
{
	uint8_t digest[DIGEST_HEADS_BYTES];
	struct peer *p;

	if (peer_get(e, w->peer, &p, NULL) != RC_OK)
		return true;		/* let it ask, and be told why */
	peer_digest(e, p, digest);
	if (receipt_waits(e, p))
		return true;
	/* A difference that we have nothing to send for is no news: their own unsent changes, or a fork. */
	return memcmp(digest, w->digest, sizeof(digest)) != 0 &&
	    (peer_lacks(e, p) || (has_copies(e, p) && difference_tell(p, digest, w->digest)));
}

/* ---- the backlog */

enum rc
exchange_to_send(struct engine *e, const uint8_t peer[ORIGIN_BYTES], struct exchange_backlog *out, struct diag *d)
{
	static const char sql[] = "SELECT sum(length(body)) FROM sync_log WHERE v BETWEEN ?1 AND ?2";
	sqlite3_stmt *stmt;
	struct peer *p;
	uint32_t sid;
	enum rc rc;
	int code;

	memset(out, 0, sizeof(*out));
	rc = peer_get(e, peer, &p, d);
	for (sid = 1; rc == RC_OK && sid <= stream_count(e); sid++) {
		const struct stream *s = stream_at(e, sid);
		uint64_t held = belief_get(&p->belief, sid);

		if (s->head_seq <= held || !peer_shares(e, p, s))
			continue;
		if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
			break;
		(void)sqlite3_bind_int64(stmt, 1, (int64_t)VERSION(sid, held + 1));
		(void)sqlite3_bind_int64(stmt, 2, (int64_t)VERSION(sid, s->head_seq));
		if ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
			out->commits += s->head_seq - held;
			out->bytes += (uint64_t)sqlite3_column_int64(stmt, 0);
		} else {
			rc = engine_sqlite_rc(e, code, "measuring what is to be sent", d);
		}
		engine_done(stmt);
	}
	return rc;
}
