#include "transfer.h"

#include "cursor.h"
#include "dictionary.h"
#include "engine_impl.h"
#include "plan.h"
#include "vector.h"

#include <sodium.h>
#include <string.h>
#include <zstd.h>

void
transfer_free(struct transfer *t)
{
	if (t == NULL)
		return;
	bytes_free(&t->content);
	bytes_free(&t->bounds);
	mem_free(t->marks);
	mem_free(t);
}

void
transfer_id(struct span content, uint8_t out[TRANSFER_ID_BYTES])
{
	uint8_t hash[HASH_BYTES];

	(void)crypto_generichash(hash, sizeof(hash), content.p, content.n, NULL, 0);
	memcpy(out, hash, TRANSFER_ID_BYTES);
}

void
transfer_sanity(const struct transfer *t)
{
	size_t i;

	for (i = 1; i < t->marks_count; i++)
		INVARIANT(t->marks[i - 1].end <= t->marks[i].end);				/* X1 */
	INVARIANT(t->marks_count == 0 || t->marks[t->marks_count - 1].end <= t->content.n);	/* X1 */
	INVARIANT(t->acked <= t->content.n);							/* X2 */
}

bool
transfer_ack(struct transfer *t, struct belief *b, uint64_t n, uint64_t *commits)
{
	if (n > t->content.n)
		return false;
	if (n > t->acked)
		t->acked = n;
	for (; t->marks_done < t->marks_count && t->marks[t->marks_done].end <= t->acked; t->marks_done++) {
		const struct transfer_mark *m = &t->marks[t->marks_done];

		belief_raise(b, m->sid, m->seq);
		if (commits != NULL)
			*commits += m->commits;
	}
	if (t->acked == t->content.n)
		belief_receipts(b, t->receipts);
	return true;
}

void
transfer_ack_commits(const struct transfer *t, struct belief *b)
{
	size_t i;

	for (i = 0; i < t->marks_count; i++)
		belief_raise(b, t->marks[i].sid, t->marks[i].seq);
}

/* ---- building */

struct build {
	struct engine *e;
	struct peer *p;
	struct transfer *t;
	struct plan *plan;		/* NULL: no frames */
	struct frame_names names;
	ZSTD_CCtx *zstd;
	struct bytes now, next;		/* records to be compressed, and those after them */
	struct bytes scratch;
	struct bytes receipts;		/* content of the last record; empty: none, or added */
	uint64_t receipts_upto;
};

/* Append a record of @kind with the content gathered in @b->scratch. */
static enum rc
record_add(struct build *b, uint8_t kind, struct bytes *out)
{
	wr_varint(out, b->scratch.n + 1);
	wr_u8(out, kind);
	bytes_put(out, b->scratch.p, b->scratch.n);
	return b->scratch.failed ? RC_NOMEM : bytes_rc(out);
}

static enum rc
mark_add(struct transfer *t, uint32_t sid, const struct apply_stream *s)
{
	struct transfer_mark *marks;
	size_t cap;

	if (t->marks_count == t->marks_cap) {
		cap = t->marks_cap == 0 ? 4 : t->marks_cap * 2;
		if ((marks = mem_grow(t->marks, cap, sizeof(*marks))) == NULL)
			return RC_NOMEM;
		t->marks = marks;
		t->marks_cap = cap;
	}
	t->marks[t->marks_count++] = (struct transfer_mark){ UINT64_MAX, s->last_seq, sid,
		(uint32_t)(s->last_seq - s->first_seq + 1) };
	return RC_OK;
}

/* Append the plan's next frame to @out; nothing when there is none.  Its marks get their end when it is compressed. */
static enum rc
frame_add(struct build *b, struct bytes *out, struct diag *d)
{
	struct apply_frame *f;
	enum rc rc;
	size_t i;

	if (b->plan == NULL)
		return RC_OK;
	if ((rc = plan_frame(b->plan, &f, d)) != RC_OK)
		return rc;
	if (f == NULL) {
		plan_free(b->plan);
		b->plan = NULL;
		return RC_OK;
	}
	for (i = 0; rc == RC_OK && i < f->streams_count; i++)
		rc = mark_add(b->t, plan_frame_sid(b->plan, i), &f->streams[i]);
	bytes_clear(&b->scratch);
	if (rc == RC_OK && (rc = frame_sort(&b->names, f, d)) == RC_OK &&
	    (rc = frame_emit(&b->names, f, &b->scratch, d)) == RC_OK)
		rc = record_add(b, RECORD_FRAME, out);
	return rc;
}

/* Append the receipts, if there are any, as the last record (W32). */
static enum rc
receipts_add(struct build *b, struct bytes *out)
{
	if (b->receipts.n == 0)
		return RC_OK;
	bytes_clear(&b->scratch);
	bytes_put(&b->scratch, b->receipts.p, b->receipts.n);
	bytes_clear(&b->receipts);
	b->t->receipts = b->receipts_upto;
	return record_add(b, RECORD_RECEIPTS, out);
}

/* Compress @b->now; @is_last ends the stream. */
static enum rc
build_compress(struct build *b, bool is_last)
{
	ZSTD_inBuffer in = { b->now.p, b->now.n, 0 };
	ZSTD_outBuffer out;
	uint8_t *at;
	size_t left;

	do {
		if ((at = bytes_room(&b->t->content, ZSTD_CStreamOutSize())) == NULL)
			return RC_NOMEM;
		out = (ZSTD_outBuffer){ at, ZSTD_CStreamOutSize(), 0 };
		left = ZSTD_compressStream2(b->zstd, &out, &in, is_last ? ZSTD_e_end : ZSTD_e_flush);
		if (ZSTD_isError(left))
			return RC_NOMEM;		/* nothing else can go wrong */
		b->t->content.n += out.pos;
	} while (left != 0);
	return RC_OK;
}

static enum rc
build_start(struct build *b, unsigned what, struct span bounds, struct diag *d)
{
	enum rc rc;

	if ((what & TRANSFER_VECTOR) != 0) {
		bytes_clear(&b->scratch);
		if ((rc = vector_emit(b->e, b->p, &b->scratch)) != RC_OK ||
		    (rc = record_add(b, RECORD_VECTOR, &b->now)) != RC_OK)
			return rc;
		b->t->has_vector = true;
	}
	if ((what & TRANSFER_FRAMES) != 0 && (rc = plan_new(b->e, b->p, bounds, &b->plan, d)) != RC_OK)
		return rc;
	if (b->plan != NULL)
		plan_bounds(b->plan, &b->t->bounds);
	if ((rc = frame_add(b, &b->now, d)) != RC_OK)
		return rc;
	if ((what & TRANSFER_RECEIPTS) != 0 && (b->now.n > 0 || what == TRANSFER_RECEIPTS) &&
	    (rc = receipt_gather(b->e, b->p, &b->receipts, &b->receipts_upto, d)) != RC_OK)
		return rc;
	if ((b->now.n == 0 && (rc = receipts_add(b, &b->now)) != RC_OK) || b->now.n == 0)
		return rc;
	if ((b->zstd = ZSTD_createCCtx()) == NULL ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_compressionLevel, TRANSFER_LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_windowLog, TRANSFER_WINDOW_LOG)) ||
	    /* Not said, these tables are made for any size of input: 48 MB. */
	    ZSTD_isError(ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_hashLog, TRANSFER_WINDOW_LOG)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_chainLog, TRANSFER_WINDOW_LOG)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_dictIDFlag, 0)))
		return RC_NOMEM;
	return RC_OK;
}

/* Write the first byte of the transfer; @is_only: b->now is all of it. */
static enum rc
dictionary_choose(struct build *b, bool is_only)
{
	struct span dictionary = dictionary_bytes();
	bool is_used = is_only && dictionary.n > 0;

	wr_u8(&b->t->content, is_used ? TRANSFER_DICTIONARY : 0);
	if (is_only && ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(b->zstd, b->now.n)))
		return RC_NOMEM;
	if (is_used && ZSTD_isError(ZSTD_CCtx_loadDictionary(b->zstd, dictionary.p, dictionary.n)))
		return RC_NOMEM;
	return bytes_rc(&b->t->content);
}

/* Compress frame by frame, one looked ahead, so that the last is known for the last. */
static enum rc
build_run(struct build *b, struct diag *d)
{
	struct transfer *t = b->t;
	size_t marks, first_mark = 0, unpacked = 0;
	bool is_last;
	struct bytes swap;
	enum rc rc;

	while (b->now.n > 0) {
		marks = t->marks_count;
		bytes_clear(&b->next);
		unpacked += b->now.n;
		if (t->content.n < TRANSFER_TARGET_BYTES && unpacked < TRANSFER_UNPACKED_TARGET_BYTES) {
			if ((rc = frame_add(b, &b->next, d)) != RC_OK)
				return rc;
		} else {
			t->is_short = b->plan != NULL;
		}
		is_last = b->next.n == 0;
		if (is_last && !t->is_short && (rc = receipts_add(b, &b->now)) != RC_OK)
			return rc;
		if ((t->content.n == 0 && (rc = dictionary_choose(b, is_last)) != RC_OK) ||
		    (rc = build_compress(b, is_last)) != RC_OK)
			return rc;
		for (; first_mark < marks; first_mark++)
			t->marks[first_mark].end = t->content.n;
		swap = b->now;
		b->now = b->next;
		b->next = swap;
	}
	return RC_OK;
}

static enum rc
transfer_build(struct engine *e, struct peer *p, unsigned what, struct span bounds, struct transfer **out,
    struct diag *d)
{
	struct build b;
	enum rc rc;

	*out = NULL;
	memset(&b, 0, sizeof(b));
	b.e = e;
	b.p = p;
	if ((b.t = mem_alloc(sizeof(*b.t))) == NULL)
		return RC_NOMEM;
	if ((rc = build_start(&b, what, bounds, d)) == RC_OK && b.now.n > 0)
		rc = build_run(&b, d);
	if (rc == RC_OK)
		rc = bytes_rc(&b.t->bounds);
	if (rc == RC_OK && b.t->content.n > 0) {
		transfer_id(span_bytes(&b.t->content), b.t->id);
		b.t->built_tick = e->change_tick;
		peer_digest(e, p, b.t->digest);
		transfer_sanity(b.t);
		*out = b.t;
	} else {
		transfer_free(b.t);
	}
	ZSTD_freeCCtx(b.zstd);
	plan_free(b.plan);
	frame_names_fini(&b.names);
	bytes_free(&b.now);
	bytes_free(&b.next);
	bytes_free(&b.scratch);
	bytes_free(&b.receipts);
	return rc == RC_OK ? RC_OK : diag_fail(d, rc, "cannot gather what the other node lacks");
}

enum rc
transfer_new(struct engine *e, struct peer *p, unsigned what, struct transfer **out, struct diag *d)
{
	return transfer_build(e, p, what, span_of(NULL, 0), out, d);
}

enum rc
transfer_again(struct engine *e, struct peer *p, struct span bounds, const uint8_t id[TRANSFER_ID_BYTES],
    struct transfer **out, struct diag *d)
{
	enum rc rc;

	*out = NULL;
	if (bounds.n == 0 || (rc = transfer_build(e, p, TRANSFER_FRAMES, bounds, out, d)) == RC_OK) {
		if (*out != NULL && memcmp((*out)->id, id, TRANSFER_ID_BYTES) != 0) {
			transfer_free(*out);
			*out = NULL;
		}
		if (*out != NULL)
			(*out)->built_tick = 0;		/* there may be more by now */
		return RC_OK;
	}
	return rc;
}
