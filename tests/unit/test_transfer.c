/* Transfers: what they hold and in which order, and what is refused of one coming in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "rig.h"
#include "sync/cursor.h"
#include "sync/intake.h"
#include "sync/transfer.h"
#include "sync/vector.h"

struct pair {
	struct rig r;
	size_t a;
	struct peer *at_root, *at_a;	/* each as the other sees it */
};

static void
pair_make(struct pair *p)
{
	rig_init(&p->r);
	p->a = rig_join(&p->r, RIG_UNIT_A);
	assert_true(rig_round(&p->r, p->a, 0));
	rig_items(&p->r, 0, RIG_UNIT_A, 20, NULL);
	rig_items(&p->r, 0, RIG_UNIT_A, 20, NULL);
	(void)rig_join(&p->r, RIG_UNIT_A);
	rig_items(&p->r, p->a, RIG_UNIT_A, 3, NULL);
	assert_int_equal(peer_get(p->r.nodes[0].engine, p->r.nodes[p->a].origin, &p->at_root, &p->r.diag), RC_OK);
	assert_int_equal(peer_get(p->r.nodes[p->a].engine, p->r.nodes[0].origin, &p->at_a, &p->r.diag), RC_OK);
}

static void
unpack(struct span s, struct bytes *out)
{
	ZSTD_inBuffer in = { s.p, s.n, 1 };
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	size_t left;

	assert_int_equal(s.p[0], 0);		/* of more than one frame: no dictionary */
	do {
		ZSTD_outBuffer to = { bytes_room(out, 4096), 4096, 0 };

		left = ZSTD_decompressStream(zstd, &to, &in);
		assert_false(ZSTD_isError(left));
		out->n += to.pos;
	} while (left != 0);
	assert_int_equal(in.pos, s.n);
	ZSTD_freeDCtx(zstd);
}

/* W10, W14, W15: records follow on one another; every stream ends at a seal; what is for everyone comes first. */
static void
test_order(void **state)
{
	struct frame_names names = { 0 };
	struct transfer *t;
	struct pair p;
	struct bytes raw;
	struct frame f;
	struct rd r;
	bool was_other = false;
	size_t i, frames = 0;

	(void)state;
	pair_make(&p);
	bytes_init(&raw);
	assert_int_equal(transfer_new(p.r.nodes[0].engine, p.at_root, TRANSFER_FRAMES, &t, &p.r.diag), RC_OK);
	assert_non_null(t);
	transfer_sanity(t);
	unpack(span_bytes(&t->content), &raw);
	for (r = rd_span(span_bytes(&raw)); rd_left(&r) > 0; frames++) {
		struct span record = rd_blob(&r, RECORD_BYTES_MAX);

		assert_int_equal(record.p[0], RECORD_FRAME);
		assert_int_equal(frame_parse(&names, span_of(record.p + 1, record.n - 1), &f, &p.r.diag), RC_OK);
		for (i = 0; i < f.f.streams_count; i++) {
			bool is_for_all = f.f.streams[i].reach == REACH_DOWN;
			uint8_t zero[SIGNATURE_BYTES] = { 0 };

			assert_false(is_for_all && was_other);
			was_other = was_other || !is_for_all;
			assert_memory_not_equal(f.f.streams[i].signature, zero, SIGNATURE_BYTES);
		}
		frame_fini(&f);
	}
	assert_true(rd_done(&r));
	assert_true(was_other);
	assert_true(frames >= 2);
	frame_names_fini(&names);
	bytes_free(&raw);
	transfer_free(t);
	rig_fini(&p.r);
}

/* W11: the same beliefs make the same transfer; W16: an acknowledgement of part of it counts for the frames in it. */
static void
test_same_and_acknowledged(void **state)
{
	struct transfer *t, *again;
	struct engine *root;
	uint64_t commits = 0;
	struct pair p;

	(void)state;
	pair_make(&p);
	root = p.r.nodes[0].engine;
	assert_int_equal(transfer_new(root, p.at_root, TRANSFER_FRAMES, &t, &p.r.diag), RC_OK);
	rig_items(&p.r, 0, RIG_UNIT_A, 1, NULL);
	assert_int_equal(transfer_again(root, p.at_root, span_bytes(&t->bounds), t->id, &again, &p.r.diag), RC_OK);
	assert_non_null(again);
	assert_true(span_eq(span_bytes(&t->content), span_bytes(&again->content)));
	transfer_free(again);
	assert_true(t->marks_count >= 2);
	assert_false(transfer_ack(t, &p.at_root->belief, t->content.n + 1, &commits));
	assert_true(transfer_ack(t, &p.at_root->belief, t->marks[0].end, &commits));
	assert_int_equal(commits, t->marks[0].commits);
	assert_int_equal(belief_get(&p.at_root->belief, t->marks[0].sid), t->marks[0].seq);
	assert_true(transfer_ack(t, &p.at_root->belief, t->content.n, &commits));
	assert_true(peer_lacks(root, p.at_root));	/* what was saved since */
	transfer_free(t);
	rig_fini(&p.r);
}

static enum rc
feed_all(struct pair *p, const struct intake_piece *piece, struct span s, size_t step)
{
	struct engine *e = p->r.nodes[p->a].engine;
	struct intake_news news = { 0 };
	enum rc rc;
	size_t at, n;

	diag_init(&p->r.diag);
	assert_int_equal(intake_begin(e, p->at_a, piece, &p->r.diag), RC_OK);
	for (at = 0, rc = RC_OK; rc == RC_OK && at < s.n; at += n) {
		n = s.n - at < step ? s.n - at : step;
		rc = intake_feed(e, p->at_a, piece, at, span_of(s.p + at, n), &news, &p->r.diag);
	}
	if (rc != RC_OK)
		assert_null(p->at_a->in);
	assert_int_equal(peer_get(e, p->r.nodes[0].origin, &p->at_a, &p->r.diag), RC_OK);
	return rc;
}

/* Feed @raw, compressed with that window, under its right name. */
static enum rc
feed_raw_by(struct pair *p, const struct bytes *raw, int window_log, size_t junk, uint8_t dictionary)
{
	struct intake_piece piece = { .offset = 0 };
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	uint8_t packed[4096];
	enum rc rc;
	size_t n;

	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log)));
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0)));
	ZSTD_inBuffer in = { raw->p, raw->n, 0 };
	ZSTD_outBuffer out = { packed, sizeof(packed), 1 };
	packed[0] = dictionary;
	assert_false(ZSTD_isError(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_flush)));
	assert_int_equal(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end), 0);
	ZSTD_freeCCtx(zstd);
	n = out.pos;
	memset(packed + n, 0, junk);
	n += junk;
	piece.total = n;
	transfer_id(span_of(packed, n), piece.id);
	rc = feed_all(p, &piece, span_of(packed, n), 100);
	assert_int_equal(feed_all(p, &piece, span_of(packed, n), 1), rc);
	return rc;
}

static enum rc
feed_raw(struct pair *p, const struct bytes *raw, int window_log, size_t junk)
{
	return feed_raw_by(p, raw, window_log, junk, 0);
}

/* W4, W10, W11, W12: what is not one transfer of known records, under its own name, is dropped. */
static void
test_broken_is_dropped(void **state)
{
	struct intake_piece piece = { .offset = 0 };
	struct transfer *t;
	struct bytes raw;
	struct pair p;

	(void)state;
	pair_make(&p);
	bytes_init(&raw);
	bytes_put(&raw, "\2\2\0", 3);		/* an empty vector */
	assert_int_equal(feed_raw(&p, &raw, 10, 0), RC_OK);
	assert_int_equal(feed_raw(&p, &raw, 10, 1), RC_PEER);
	assert_int_equal(feed_raw(&p, &raw, TRANSFER_WINDOW_LOG, 0), RC_OK);
	assert_int_equal(feed_raw(&p, &raw, TRANSFER_WINDOW_LOG + 1, 0), RC_PEER);
	assert_int_equal(feed_raw_by(&p, &raw, 10, 0, TRANSFER_DICTIONARY + 1), RC_PEER);
	bytes_put(&raw, "\2\2\0", 3);		/* a second vector */
	assert_int_equal(feed_raw(&p, &raw, 10, 0), RC_PEER);
	bytes_clear(&raw);
	bytes_put(&raw, "\1\3", 2);		/* no such kind */
	assert_int_equal(feed_raw(&p, &raw, 10, 0), RC_PEER);
	bytes_clear(&raw);
	bytes_put(&raw, "\2\2", 2);		/* ends within a record */
	assert_int_equal(feed_raw(&p, &raw, 10, 0), RC_PEER);
	bytes_clear(&raw);
	bytes_put(&raw, "\0", 1);		/* a record without a kind */
	assert_int_equal(feed_raw(&p, &raw, 10, 0), RC_PEER);
	bytes_clear(&raw);
	wr_varint(&raw, RECORD_BYTES_MAX + 1);	/* refused by its length alone */
	assert_int_equal(feed_raw(&p, &raw, 10, 0), RC_PEER);
	bytes_clear(&raw);
	bytes_put(&raw, "\x81\0\2\0", 4);	/* a length that is not in its shortest form */
	assert_int_equal(feed_raw(&p, &raw, 10, 0), RC_PEER);

	assert_int_equal(transfer_new(p.r.nodes[0].engine, p.at_root, TRANSFER_FRAMES, &t, &p.r.diag), RC_OK);
	piece.total = t->content.n;
	memset(piece.id, 1, sizeof(piece.id));	/* not its name: found at the end, when all in it was proved by seals */
	assert_int_equal(feed_all(&p, &piece, span_bytes(&t->content), 50), RC_PEER);
	transfer_free(t);
	bytes_free(&raw);
	rig_fini(&p.r);
}

/* W17: a vector has one form. */
static void
test_vector(void **state)
{
	struct vector_news news = { 0 };
	struct engine *mine;
	struct bytes out;
	struct pair p;
	size_t i;

	(void)state;
	pair_make(&p);
	bytes_init(&out);
	mine = p.r.nodes[p.a].engine;
	assert_int_equal(vector_emit(p.r.nodes[0].engine, p.at_root, &out), RC_OK);
	assert_int_equal(vector_take(mine, p.at_a, span_bytes(&out), &news, &p.r.diag), RC_OK);
	assert_true(news.we_lack);
	assert_int_equal(news.forks, 0);
	assert_true(peer_lacks(mine, p.at_a));
	for (i = 0; i < out.n; i++)
		assert_int_equal(vector_take(mine, p.at_a, span_of(out.p, i), &news, &p.r.diag), RC_PEER);
	bytes_byte(&out, 0);
	assert_int_equal(vector_take(mine, p.at_a, span_bytes(&out), &news, &p.r.diag), RC_PEER);
	/* Twice the same stream; a stream with nothing in it. */
	bytes_clear(&out);
	bytes_put(&out, "\2aaaaaaaa\1hhhhaaaaaaaa\1hhhh", 27);
	assert_int_equal(vector_take(mine, p.at_a, span_bytes(&out), &news, &p.r.diag), RC_PEER);
	bytes_clear(&out);
	bytes_put(&out, "\1aaaaaaaa\0hhhh", 14);
	assert_int_equal(vector_take(mine, p.at_a, span_bytes(&out), &news, &p.r.diag), RC_PEER);
	bytes_free(&out);
	rig_fini(&p.r);
}

/* W17: one number, two hashes: a fork is noticed; so is a copy of ours that went on. */
static void
test_vector_shows_forks(void **state)
{
	struct vector_news news = { 0 };
	struct engine *mine;
	struct bytes out;
	struct pair p;

	(void)state;
	pair_make(&p);
	bytes_init(&out);
	mine = p.r.nodes[p.a].engine;
	assert_int_equal(vector_emit(mine, p.at_a, &out), RC_OK);
	out.p[out.n - 1] ^= 1;
	assert_int_equal(vector_take(mine, p.at_a, span_bytes(&out), &news, &p.r.diag), RC_OK);
	assert_int_equal(news.forks, 1);
	assert_true(news.has_suspects);
	assert_int_equal(p.at_a->suspects.count, 1);
	bytes_clear(&out);
	assert_int_equal(vector_emit(mine, p.at_a, &out), RC_OK);
	for (size_t at = 1; at < out.n; at += VECTOR_NAME_BYTES + 1 + VECTOR_HASH_BYTES)
		out.p[at + VECTOR_NAME_BYTES]++;	/* every number, ours among them */
	assert_int_equal(vector_take(mine, p.at_a, span_bytes(&out), &news, &p.r.diag), RC_OK);
	assert_true(news.we_lack);
	bytes_free(&out);
	rig_fini(&p.r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_same_and_acknowledged),
		cmocka_unit_test(test_broken_is_dropped),
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_vector_shows_forks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
