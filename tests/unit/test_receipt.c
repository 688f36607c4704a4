/* C18, C19: Receipts: their bytes, who makes them of what, who believes whom, and how they come down the tree. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "rig.h"
#include "sync/cursor.h"
#include "sync/exchange_impl.h"
#include "sync/intake.h"
#include "sync/receipt_impl.h"
#include "sync/revocation.h"
#include "sync/stream.h"
#include "sync/transfer.h"

#define UNIT_H	"h@2010-01-01"
#define UNIT_C	"xc@2010-01-01"

#ifdef TEST_LIMITS
enum { COST = 40 };		/* tiny pieces cost many requests: sizes are not judged */
#else
enum { COST = 1 };
#endif

static uint64_t
number_of(struct rig *r, size_t n, const char *sql)
{
	sqlite3_stmt *stmt;
	uint64_t number;

	assert_int_equal(sqlite3_prepare_v2(r->nodes[n].db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	number = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return number;
}

/* The receipt of @holder for @unit that @n keeps. */
static bool
receipt_of(struct rig *r, size_t n, size_t holder, const char *unit, struct bytes *bytes, struct receipt *out)
{
	sqlite3_stmt *stmt;
	struct rd rd;

	assert_int_equal(sqlite3_prepare_v2(r->nodes[n].db, "SELECT bytes FROM sync_receipt WHERE holder = ?1 AND "
	    "unit = ?2", -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_blob(stmt, 1, r->nodes[holder].origin, ORIGIN_BYTES, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, unit, -1, SQLITE_STATIC);
	bytes_clear(bytes);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		bytes_put(bytes, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
	sqlite3_finalize(stmt);
	if (bytes->n == 0)
		return false;
	rd = rd_over(bytes->p, bytes->n);
	receipt_read(out, &rd);
	assert_true(rd_done(&rd));
	return true;
}

/* The newest commit of node @author to @unit, as @n numbers it. */
static uint64_t
newest(struct rig *r, size_t n, size_t author, const char *unit)
{
	struct engine *e = r->nodes[n].engine;
	const struct stream *s = stream_find(e, r->nodes[author].origin, unit_find(e, span_str(unit)), REACH_UP);

	assert_non_null(s);
	return VERSION(s->sid, s->head_seq);
}

static struct receipt_times
times_of(struct rig *r, size_t n, uint64_t version)
{
	struct receipt_times t;

	assert_int_equal(receipt_times(r->nodes[n].engine, version, &t, &r->diag), RC_OK);
	return t;
}

/* Root, district, commune; everybody knows everybody. */
struct tiers {
	struct rig r;
	size_t d, c;
};

static void
tiers_make(struct tiers *t)
{
	rig_init(&t->r);
	rig_unit(&t->r, UNIT_H, RIG_UNIT_ROOT, "district");
	rig_unit(&t->r, UNIT_C, UNIT_H, "commune");
	t->d = rig_join(&t->r, UNIT_H);
	t->c = rig_join_below(&t->r, UNIT_C, t->d);
	assert_true(rig_round(&t->r, t->c, 0));
	assert_true(rig_round(&t->r, t->d, 0));
	assert_true(rig_round(&t->r, t->c, t->d));
	assert_true(rig_round(&t->r, t->c, t->d));
	memset(&t->r.link, 0, sizeof(t->r.link));
	t->r.link.piece_bytes = 1000;
}

/* ---- bytes */

static void
sample_make(const struct rig *r, struct receipt *out)
{
	memset(out, 0, sizeof(*out));
	memcpy(out->holder, r->nodes[0].origin, ORIGIN_BYTES);
	out->unit = span_str(RIG_UNIT_A);
	out->ms = 1541000123456;
	out->streams_count = 2;
	out->streams[0] = (struct receipt_stream){ { 1 }, 7, { 9, 8, 7 } };
	out->streams[1] = (struct receipt_stream){ { 2 }, 300, { 6 } };
	out->quarantined_count = 2;
	out->quarantined[0] = (struct receipt_quarantined){ 0, 7, span_str("no right") };
	out->quarantined[1] = (struct receipt_quarantined){ 1, 4, span_str("") };
}

static bool
is_readable(struct span s)
{
	struct rd rd = rd_span(s);
	struct receipt r;

	receipt_read(&r, &rd);
	return rd_done(&rd);
}

/* W31: what is written is read back the same; one that breaks the form in any way is refused. */
static void
test_format(void **state)
{
	struct receipt r, back;
	struct bytes b, again;
	struct rig rig;
	struct rd rd;
	size_t i;

	(void)state;
	rig_init(&rig);
	bytes_init(&b);
	bytes_init(&again);
	sample_make(&rig, &r);
	receipt_write(rig.nodes[0].engine, &r, &b);
	assert_false(b.failed);
	rd = rd_over(b.p, b.n);
	receipt_read(&back, &rd);
	assert_true(rd_done(&rd));
	assert_memory_equal(back.holder, r.holder, ORIGIN_BYTES);
	assert_true(span_eq(back.unit, r.unit));
	assert_int_equal(back.ms, r.ms);
	assert_int_equal(back.streams_count, 2);
	assert_int_equal(back.streams[1].seq, 300);
	assert_true(span_eq(back.quarantined[0].reason, span_str("no right")));
	assert_true(span_eq(back.whole, span_bytes(&b)));
	assert_ptr_equal(receipt_stream_find(&back, r.streams[1].origin), &back.streams[1]);
	assert_null(receipt_stream_find(&back, rig.nodes[0].origin));
	receipt_write(rig.nodes[0].engine, &r, &again);
	assert_true(span_eq(span_bytes(&b), span_bytes(&again)));
	/* Cut anywhere, it is none; changed anywhere, it is not signed. */
	assert_true(receipt_is_signed(&back, engine_self(rig.nodes[0].engine)->pubkey));
	for (i = 0; i < b.n; i++) {
		assert_false(is_readable(span_of(b.p, i)));
		b.p[i] ^= 1;
		rd = rd_over(b.p, b.n);
		receipt_read(&back, &rd);
		assert_false(rd_done(&rd) && receipt_is_signed(&back, engine_self(rig.nodes[0].engine)->pubkey));
		b.p[i] ^= 1;
	}
	bytes_free(&again);
	bytes_free(&b);
	rig_fini(&rig);
}

static void
test_format_refused(void **state)
{
	struct receipt r;
	struct rig rig;
	struct bytes b;
	int i;

	(void)state;
	rig_init(&rig);
	bytes_init(&b);
	for (i = 0; i < 9; i++) {
		sample_make(&rig, &r);
		switch (i) {
		case 0: r.unit = span_str(""); break;
		case 1: r.streams_count = r.quarantined_count = 0; break;
		case 2: r.streams[0].seq = 0; break;
		case 3: r.streams[1].seq = STREAM_SEQ_MAX + 1; break;
		case 4: r.streams[0].origin[0] = 2; break;		/* twice the same */
		case 5: r.streams[0].origin[0] = 3; break;		/* out of order */
		case 6: r.quarantined[1].place = 2; break;
		case 7: r.quarantined[0].seq = 8; break;		/* beyond what is held */
		case 8: r.quarantined[1] = r.quarantined[0]; break;
		}
		bytes_clear(&b);
		receipt_write(rig.nodes[0].engine, &r, &b);
		assert_false(is_readable(span_bytes(&b)));
	}
	bytes_free(&b);
	rig_fini(&rig);
}

/* ---- made and taken */

/* W33: the reply to an upload brings the receipt for it, in the same round trip; a round with nothing to do brings
 * nothing and costs what it did. */
static void
test_held(void **state)
{
	struct receipt_times t;
	struct receipt receipt;
	struct bytes bytes;
	struct rig r;
	uint64_t v, silent;
	size_t a;

	(void)state;
	rig_init(&r);
	bytes_init(&bytes);
	a = rig_join(&r, RIG_UNIT_A);
	rig_items(&r, 0, RIG_UNIT_A, 200, NULL);
	assert_true(rig_round(&r, a, 0));
	assert_true(rig_round(&r, a, 0));
	assert_int_equal(number_of(&r, a, "SELECT count(*) FROM sync_receipt"), 0);	/* nobody else wrote */
	r.link.up_bytes = r.link.down_bytes = 0;
	assert_true(rig_round(&r, a, 0));
	silent = r.link.up_bytes + r.link.down_bytes;
	assert_in_range(silent, 1, 400);

	rig_change(&r, a, 7, 1, 1);
	v = newest(&r, a, a, RIG_UNIT_A);
	t = times_of(&r, a, v);
	assert_int_equal(t.here_ms, r.now_ms);
	assert_int_equal(t.parent_ms, 0);
	assert_int_equal(t.root_ms, 0);
	r.link.up_bytes = r.link.down_bytes = 0;
	assert_true(rig_round(&r, a, 0));
	rig_assert_equal(&r, a, 0);
	print_message("one row and its receipt: %llu bytes\n",
	    (unsigned long long)(r.link.up_bytes + r.link.down_bytes));
	assert_in_range(r.counts.requests, 1, COST);
	assert_in_range(r.link.up_bytes + r.link.down_bytes, 1, 600 * COST);
	assert_int_equal(r.counts.receipts, 1);
	t = times_of(&r, a, v);
	assert_int_equal(t.root_ms, r.now_ms);
	assert_int_equal(t.parent_ms, r.now_ms);
	assert_true(receipt_of(&r, a, 0, RIG_UNIT_A, &bytes, &receipt));
	assert_int_equal(receipt.streams_count, 1);	/* who writes, holds: not named */

	/* Told once that it came; then silence again. */
	assert_true(rig_round(&r, a, 0));
	assert_int_equal(r.counts.requests, 1);
	r.link.up_bytes = r.link.down_bytes = 0;
	assert_true(rig_round(&r, a, 0));
	assert_int_equal(r.link.up_bytes + r.link.down_bytes, silent);
	assert_int_equal(r.counts.receipts, 0);
	t = times_of(&r, 0, newest(&r, 0, a, RIG_UNIT_A));
	assert_int_equal(t.here_ms, receipt.ms);
	assert_int_equal(t.root_ms, receipt.ms);
	/* What they wrote they hold. */
	rig_change(&r, 0, 8, 1, 1);
	v = r.now_ms;
	assert_true(rig_round(&r, a, 0));
	assert_int_equal(times_of(&r, a, newest(&r, a, 0, RIG_UNIT_A)).root_ms, v);
	bytes_free(&bytes);
	rig_fini(&r);
}

/* Hand @content to node @n as a record of receipts; how many it kept. */
static uint64_t
given(struct rig *r, size_t n, struct span content, uint64_t *forks)
{
	uint64_t count = 0;
	enum rc rc = receipt_take(r->nodes[n].engine, content, &count, forks, &r->diag);

	assert_true(rc == RC_OK || rc == RC_PEER);
	return count;
}

/* Node @holder's receipt @r, signed, given to @n. */
static uint64_t
made_and_given(struct rig *rig, size_t holder, size_t n, const struct receipt *r, uint64_t *forks)
{
	uint64_t count;
	struct bytes b;

	bytes_init(&b);
	receipt_write(rig->nodes[holder].engine, r, &b);
	count = given(rig, n, span_bytes(&b), forks);
	bytes_free(&b);
	return count;
}

/* W31: signed by a node that is known, that stands above the unit, of a unit that we hold; all else is passed over. */
static void
test_forged(void **state)
{
	uint8_t nobody[ORIGIN_BYTES] = { 9 };
	struct receipt kept, r;
	struct bytes was, b;
	struct rig rig;
	uint64_t forks = 0;
	size_t a, other, i;

	(void)state;
	rig_init(&rig);
	bytes_init(&was);
	bytes_init(&b);
	a = rig_join(&rig, RIG_UNIT_A);
	other = rig_join(&rig, RIG_UNIT_B);
	assert_true(rig_round(&rig, other, 0));
	assert_true(rig_round(&rig, a, 0));
	rig_items(&rig, a, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&rig, a, 0));
	assert_true(receipt_of(&rig, a, 0, RIG_UNIT_A, &was, &kept));

	/* Every bit of a newer one; the newer one itself is taken. */
	r = kept;
	r.ms += 1000;
	receipt_write(rig.nodes[0].engine, &r, &b);
	for (i = 0; i < b.n; i++) {
		b.p[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(given(&rig, a, span_bytes(&b), &forks), 0);
		b.p[i] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(given(&rig, a, span_bytes(&b), &forks), 1);
	assert_int_equal(given(&rig, a, span_bytes(&b), &forks), 0);
	/* An older one changes nothing, unless it names more. */
	assert_int_equal(given(&rig, a, span_bytes(&was), &forks), 0);
	r.ms = 5;
	r.streams[0].seq += 3;
	assert_int_equal(made_and_given(&rig, 0, a, &r, &forks), 1);
	assert_int_equal(made_and_given(&rig, 0, a, &kept, &forks), 1);	/* less, but later */

	/* By a node beside us, of a unit that is not ours, by one nobody knows. */
	r = kept;
	r.ms += 5000;
	memcpy(r.holder, rig.nodes[other].origin, ORIGIN_BYTES);
	assert_int_equal(made_and_given(&rig, other, a, &r, &forks), 0);
	memcpy(r.holder, rig.nodes[0].origin, ORIGIN_BYTES);
	r.unit = span_str(RIG_UNIT_B);
	assert_int_equal(made_and_given(&rig, 0, a, &r, &forks), 0);
	bytes_clear(&b);
	memcpy(kept.holder, nobody, ORIGIN_BYTES);
	receipt_emit(&kept, &b);
	bytes_put(&b, was.p, SIGNATURE_BYTES);
	assert_int_equal(given(&rig, a, span_bytes(&b), &forks), 0);
	assert_int_equal(receipt_take(rig.nodes[a].engine, span_of("x", 1), &forks, &forks, &rig.diag), RC_PEER);
	assert_int_equal(receipt_take(rig.nodes[a].engine, span_of("", 0), &forks, &forks, &rig.diag), RC_PEER);
	assert_int_equal(forks, 0);
	assert_int_equal(number_of(&rig, a, "SELECT count(*) FROM sync_receipt"), 1);
	bytes_free(&b);
	bytes_free(&was);
	rig_fini(&rig);
}

/* Another hash at a number of ours is a fork: told, kept, and covers nothing. */
static void
test_fork(void **state)
{
	struct receipt_times t;
	struct receipt r;
	struct bytes was;
	struct rig rig;
	uint64_t forks = 0;
	size_t a, i;

	(void)state;
	rig_init(&rig);
	bytes_init(&was);
	a = rig_join(&rig, RIG_UNIT_A);
	assert_true(rig_round(&rig, a, 0));
	rig_items(&rig, a, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&rig, a, 0));
	rig_items(&rig, a, RIG_UNIT_A, 1, NULL);
	assert_true(receipt_of(&rig, a, 0, RIG_UNIT_A, &was, &r));
	for (i = 0; i < r.streams_count; i++)
		r.streams[i].seq += memcmp(r.streams[i].origin, rig.nodes[a].origin, ORIGIN_BYTES) == 0;
	assert_int_equal(made_and_given(&rig, 0, a, &r, &forks), 1);
	assert_int_equal(forks, 1);
	assert_int_equal(number_of(&rig, a, "SELECT is_fork FROM sync_receipt"), 1);
	t = times_of(&rig, a, newest(&rig, a, a, RIG_UNIT_A));
	assert_int_equal(t.root_ms, 0);
	bytes_free(&was);
	rig_fini(&rig);
}

/* W33, W20: two tiers up, and back without the commune changing anything. */
static void
test_relayed(void **state)
{
	struct exchange_waiting w;
	struct receipt_times t;
	struct tiers x;
	struct bytes body;
	uint64_t v, held_ms;

	(void)state;
	tiers_make(&x);
	rig_items(&x.r, x.c, UNIT_C, 3, NULL);
	v = newest(&x.r, x.c, x.c, UNIT_C);
	assert_true(rig_round(&x.r, x.c, x.d));
	rig_assert_equal(&x.r, x.c, x.d);
	t = times_of(&x.r, x.c, v);
	assert_int_equal(t.parent_ms, x.r.now_ms);
	assert_int_equal(t.root_ms, 0);
	assert_true(rig_round(&x.r, x.c, x.d));

	bytes_init(&body);
	assert_int_equal(exchange_wait_request(x.r.nodes[x.c].engine, x.r.nodes[x.d].origin, &body, &x.r.diag), RC_OK);
	assert_int_equal(exchange_wait_open(x.r.nodes[x.d].engine, span_bytes(&body), &w, &x.r.diag), RC_OK);
	assert_false(exchange_has_news(x.r.nodes[x.d].engine, &w));
	assert_true(rig_round(&x.r, x.d, 0));
	rig_assert_equal(&x.r, x.d, 0);
	held_ms = x.r.now_ms;
	assert_true(exchange_has_news(x.r.nodes[x.d].engine, &w));

	x.r.link.up_bytes = x.r.link.down_bytes = 0;
	assert_true(rig_round(&x.r, x.c, x.d));
	rig_assert_equal(&x.r, x.c, x.d);
	print_message("a receipt from above alone: %llu bytes\n",
	    (unsigned long long)(x.r.link.up_bytes + x.r.link.down_bytes));
	assert_int_equal(x.r.counts.requests, 1);
	assert_int_equal(x.r.counts.commits_down, 0);
	assert_int_equal(x.r.counts.receipts, 1);
	assert_false(exchange_has_news(x.r.nodes[x.d].engine, &w));	/* sent is enough not to wake them again */
	t = times_of(&x.r, x.c, v);
	assert_int_equal(t.root_ms, held_ms);
	assert_true(t.parent_ms < held_ms);
	t = times_of(&x.r, x.d, newest(&x.r, x.d, x.c, UNIT_C));
	assert_int_equal(t.root_ms, held_ms);
	assert_int_equal(t.parent_ms, held_ms);
	/* Nothing of it goes up, or to whom it does not concern. */
	assert_int_equal(number_of(&x.r, 0, "SELECT count(*) FROM sync_receipt WHERE n > 0"), 1);
	assert_int_equal(number_of(&x.r, x.c, "SELECT count(*) FROM sync_receipt"), 2);
	bytes_free(&body);
	rig_fini(&x.r);
}

/* What a node says whose key is revoked counts no longer, and is not taken. */
static void
test_revoked(void **state)
{
	struct receipt_times t;
	struct receipt r;
	struct bytes was;
	uint64_t v, forks = 0;
	struct tiers x;

	(void)state;
	tiers_make(&x);
	bytes_init(&was);
	rig_items(&x.r, x.c, UNIT_C, 3, NULL);
	v = newest(&x.r, x.c, x.c, UNIT_C);
	assert_true(rig_round(&x.r, x.c, x.d));
	assert_true(rig_round(&x.r, x.c, 0));
	t = times_of(&x.r, x.c, v);
	assert_true(t.parent_ms != 0);
	assert_true(t.root_ms > t.parent_ms);
	x.r.now_ms += 1000;
	assert_int_equal(revocation_save(x.r.nodes[0].engine, x.r.nodes[x.d].origin, span_str("an"), span_str("lost"),
	    &x.r.diag), RC_OK);
	assert_true(rig_round(&x.r, x.c, 0));
	assert_int_equal(times_of(&x.r, x.c, v).parent_ms, 0);
	assert_int_equal(times_of(&x.r, x.c, v).root_ms, t.root_ms);
	assert_true(receipt_of(&x.r, x.c, x.d, UNIT_C, &was, &r));
	r.ms += 1000;
	assert_int_equal(made_and_given(&x.r, x.d, x.c, &r, &forks), 0);
	bytes_free(&was);
	rig_fini(&x.r);
}

/* A receipt that was sent and did not come, is sent again; a restart on either side costs no more than that. */
static void
test_lost(void **state)
{
	struct tiers x;

	(void)state;
	tiers_make(&x);
	rig_items(&x.r, x.c, UNIT_C, 3, NULL);
	assert_true(rig_round(&x.r, x.c, x.d));
	assert_true(rig_round(&x.r, x.d, 0));
	for (int i = 0; i < 2; i++) {
		struct ask *ask;

		assert_int_equal(ask_new(x.r.nodes[x.c].engine, x.r.nodes[x.d].origin, &ask, &x.r.diag), RC_OK);
		x.r.link.is_deaf = true;
		rig_connect(&x.r, ask, x.d);
		ask_free(ask);
		x.r.link.is_deaf = false;
		if (i == 1)
			rig_restart(&x.r, x.d);
	}
	assert_true(rig_round(&x.r, x.c, x.d));
	assert_int_equal(x.r.counts.receipts, 1);
	/* Got whole, and the one who sent it forgot that: told by its name, it sends nothing. */
	rig_restart(&x.r, x.d);
	x.r.link.up_bytes = x.r.link.down_bytes = 0;
	assert_true(rig_round(&x.r, x.c, x.d));
	assert_int_equal(x.r.counts.requests, 1);
	assert_int_equal(x.r.counts.receipts, 0);
	assert_in_range(x.r.link.up_bytes + x.r.link.down_bytes, 1, 250);
	rig_fini(&x.r);
}

static struct sqlite3 *
copy_of(struct sqlite3 *db)
{
	sqlite3_backup *backup;
	struct sqlite3 *copy;

	assert_int_equal(sqlite3_open(":memory:", &copy), SQLITE_OK);
	assert_non_null(backup = sqlite3_backup_init(copy, "main", db, "main"));
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
	return copy;
}

/* W34: cut at every byte, in memory and over a restart: the receipts come whole, the round ends equal, nothing is left
 * lying about. */
static void
test_cut(void **state)
{
	struct sqlite3 *commune, *district;
	uint64_t whole, now_ms;
	struct tiers x;
	size_t cut;

	(void)state;
	tiers_make(&x);
	rig_items(&x.r, x.c, UNIT_C, 3, NULL);
	assert_true(rig_round(&x.r, x.c, x.d));
	assert_true(rig_round(&x.r, x.d, 0));
	rig_items(&x.r, x.d, UNIT_C, 1, NULL);
	rig_items(&x.r, x.c, UNIT_C, 1, NULL);
	commune = rig_copy(&x.r, x.c);
	district = rig_copy(&x.r, x.d);
	now_ms = x.r.now_ms;
	x.r.link.up_bytes = x.r.link.down_bytes = 0;
	assert_true(rig_round(&x.r, x.c, x.d));
	assert_int_equal(x.r.counts.receipts, 2);
	whole = x.r.link.up_bytes + x.r.link.down_bytes;
	for (cut = 1; cut <= whole; cut++) {
		struct ask *ask;

		rig_restore(&x.r, x.c, copy_of(commune));
		rig_restore(&x.r, x.d, copy_of(district));
		x.r.now_ms = now_ms;
		memset(&x.r.link, 0, sizeof(x.r.link));
		x.r.link.cut_bytes = cut;
		x.r.link.cut_only = 1;
		x.r.link.piece_bytes = 1 + cut % 97;
		assert_int_equal(ask_new(x.r.nodes[x.c].engine, x.r.nodes[x.d].origin, &ask, &x.r.diag), RC_OK);
		rig_connect(&x.r, ask, x.d);
		ask_free(ask);
		if (cut % 2 == 0)
			rig_restart(&x.r, x.c);
		if (cut % 3 == 0)
			rig_restart(&x.r, x.d);
		assert_true(rig_round(&x.r, x.c, x.d));
		rig_assert_equal(&x.r, x.c, x.d);
		assert_in_range(x.r.counts.requests, 1, 3 * COST);
		assert_int_equal(number_of(&x.r, x.c, "SELECT count(*) FROM sync_partial"), 0);
#ifndef TEST_LIMITS	/* there the rest of an older one may take the place in the last reply */
		assert_true(times_of(&x.r, x.c, newest(&x.r, x.c, x.c, UNIT_C)).parent_ms != 0);
#endif
		assert_true(rig_round(&x.r, x.c, x.d));
		assert_in_range(x.r.counts.requests, 1, COST);
		assert_true(times_of(&x.r, x.c, newest(&x.r, x.c, x.c, UNIT_C)).parent_ms != 0);
		assert_int_equal(number_of(&x.r, x.c, "SELECT count(*) FROM sync_receipt"), 2);
	}
	sqlite3_close(commune);
	sqlite3_close(district);
	rig_fini(&x.r);
}

/* W32: receipts are the last record. */
static void
test_last_record(void **state)
{
	struct intake_piece piece = { .offset = 0 };
	struct intake_news news = { 0 };
	struct bytes was, raw, content;
	struct receipt r;
	struct peer *p;
	struct rig rig;
	size_t a, n;
	int i;

	(void)state;
	rig_init(&rig);
	bytes_init(&was);
	bytes_init(&raw);
	bytes_init(&content);
	a = rig_join(&rig, RIG_UNIT_A);
	assert_true(rig_round(&rig, a, 0));
	rig_items(&rig, a, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&rig, a, 0));
	assert_true(receipt_of(&rig, a, 0, RIG_UNIT_A, &was, &r));
	assert_int_equal(peer_get(rig.nodes[a].engine, rig.nodes[0].origin, &p, &rig.diag), RC_OK);
	for (i = 1; i <= 2; i++) {
		wr_varint(&raw, was.n + 1);
		wr_u8(&raw, RECORD_RECEIPTS);
		bytes_put(&raw, was.p, was.n);
		bytes_clear(&content);
		wr_u8(&content, 0);
		n = ZSTD_compress(bytes_room(&content, ZSTD_compressBound(raw.n)), ZSTD_compressBound(raw.n), raw.p,
		    raw.n, 3);
		assert_false(ZSTD_isError(n));
		content.n += n;
		transfer_id(span_bytes(&content), piece.id);
		piece.total = content.n;
		assert_int_equal(intake_begin(rig.nodes[a].engine, p, &piece, &rig.diag), RC_OK);
		assert_int_equal(intake_feed(rig.nodes[a].engine, p, &piece, 0, span_bytes(&content), &news,
		    &rig.diag), i == 1 ? RC_OK : RC_PEER);
	}
	bytes_free(&content);
	bytes_free(&raw);
	bytes_free(&was);
	rig_fini(&rig);
}

/* ---- what is told */

struct told {
	size_t count;
	char reason[200];
	uint8_t holder[ORIGIN_BYTES];
	uint64_t id;
};

static enum rc
on_told(void *ctx, const uint8_t *holder, const struct quarantined *q)
{
	struct told *t = ctx;

	t->count++;
	t->id = q->id;
	memcpy(t->holder, holder, ORIGIN_BYTES);
	(void)snprintf(t->reason, sizeof(t->reason), "%.*s", (int)q->reason.n, (const char *)q->reason.p);
	return RC_OK;
}

/* What the holder put into quarantine is told to the author's node, with the reason; and that it was let go, too. */
static void
test_quarantined(void **state)
{
	struct told t = { 0 };
	struct sqlite3 *copy;
	struct rig r;
	char sql[200];
	size_t a;

	(void)state;
	rig_init(&r);
	a = rig_join(&r, RIG_UNIT_A);
	assert_true(rig_round(&r, a, 0));
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&r, a, 0));
	(void)snprintf(sql, sizeof(sql), "INSERT INTO sync_quarantine(v, reason, verdict) "
	    "VALUES(%llu, 'không có quyền', 1)", (unsigned long long)newest(&r, 0, a, RIG_UNIT_A));
	copy = rig_copy(&r, 0);
	assert_int_equal(sqlite3_exec(copy, sql, NULL, NULL, NULL), SQLITE_OK);
	rig_restore(&r, 0, copy);
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&r, a, 0));
	assert_int_equal(receipt_quarantine_each(r.nodes[a].engine, on_told, &t, &r.diag), RC_OK);
	assert_int_equal(t.count, 1);
	assert_string_equal(t.reason, "không có quyền");
	assert_memory_equal(t.holder, r.nodes[0].origin, ORIGIN_BYTES);
	assert_int_equal(t.id, newest(&r, a, a, RIG_UNIT_A) - 1);

	/* Let go; any commit that comes is reason to look. */
	assert_int_equal(sqlite3_exec(r.nodes[0].db, "DELETE FROM sync_quarantine", NULL, NULL, NULL), SQLITE_OK);
	rig_items(&r, 0, RIG_UNIT_B, 1, NULL);
	assert_true(rig_round(&r, a, 0));
	t.count = 0;
	assert_int_equal(receipt_quarantine_each(r.nodes[a].engine, on_told, &t, &r.diag), RC_OK);
	assert_int_equal(t.count, 0);
	rig_fini(&r);
}

static enum rc
on_line(void *ctx, const struct receipt_line *line)
{
	struct receipt_line *out = ctx;

	*out = *line;
	return RC_OK;
}

/* How much of ours they hold, and of theirs we lack. */
static void
test_lines(void **state)
{
	struct receipt_line line = { .receipt = NULL };
	uint64_t missing = 9;
	bool is_known = true;
	struct rig r;
	size_t a, b;

	(void)state;
	rig_init(&r);
	a = rig_join(&r, RIG_UNIT_A);
	b = rig_join(&r, RIG_UNIT_A);
	assert_true(rig_round(&r, b, 0));
	assert_true(rig_round(&r, a, 0));
	assert_int_equal(receipt_each(r.nodes[a].engine, on_line, &line, &r.diag), RC_OK);
	assert_null(line.receipt);
	assert_int_equal(receipt_to_receive(r.nodes[a].engine, &missing, &is_known, &r.diag), RC_OK);
	assert_false(is_known);
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&r, a, 0));
	assert_int_equal(receipt_each(r.nodes[a].engine, on_line, &line, &r.diag), RC_OK);
	assert_true(line.is_complete);
	assert_false(line.is_fork);
	assert_true(span_eq(line.holder_unit, span_str(RIG_UNIT_ROOT)));
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	assert_int_equal(receipt_each(r.nodes[a].engine, on_line, &line, &r.diag), RC_OK);
	assert_false(line.is_complete);
	assert_int_equal(receipt_to_receive(r.nodes[a].engine, &missing, &is_known, &r.diag), RC_OK);
	assert_true(is_known);
	assert_int_equal(missing, 0);
	rig_fini(&r);
}

/* Since when: the first receipt that covered it, whatever came later; of long ago perhaps a little late, never early;
 * and the room for it is bounded. */
static void
test_since(void **state)
{
	uint64_t held_ms[2 * RECEIPT_MARKS_MAX];
	struct rig r;
	uint64_t v;
	size_t a, i;

	(void)state;
	rig_init(&r);
	a = rig_join(&r, RIG_UNIT_A);
	assert_true(rig_round(&r, a, 0));
	for (i = 0; i < 2 * RECEIPT_MARKS_MAX; i++) {
		rig_items(&r, a, RIG_UNIT_A, 1, NULL);
		r.now_ms += i * 1000;
		assert_true(rig_round(&r, a, 0));
		held_ms[i] = times_of(&r, a, newest(&r, a, a, RIG_UNIT_A)).root_ms;
		assert_true(held_ms[i] != 0);
		if (i == RECEIPT_MARKS_MAX - 1)
			assert_int_equal(times_of(&r, a, newest(&r, a, a, RIG_UNIT_A) - i).root_ms, held_ms[0]);
	}
	assert_int_equal(number_of(&r, a, "SELECT count(*) FROM sync_receipt_mark"), RECEIPT_MARKS_MAX);
	v = newest(&r, a, a, RIG_UNIT_A) - (2 * RECEIPT_MARKS_MAX - 1);
	for (i = 0; i < 2 * RECEIPT_MARKS_MAX; i++) {
		uint64_t since = times_of(&r, a, v + i).root_ms;

		assert_in_range(since, held_ms[i], held_ms[2 * RECEIPT_MARKS_MAX - 1]);
	}
	rig_fini(&r);
}

/* A unit of more streams than a receipt names: those written to last; and none is made for nothing. */
static void
test_many_streams(void **state)
{
	struct receipt receipt;
	struct bytes bytes;
	struct rig r;
	size_t a, b, c;

	(void)state;
	rig_init(&r);
	bytes_init(&bytes);
	a = rig_join(&r, RIG_UNIT_A);
	b = rig_join(&r, RIG_UNIT_A);
	c = rig_join(&r, RIG_UNIT_A);
	rig_items(&r, 0, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&r, a, 0));
	assert_true(rig_round(&r, b, 0));
	assert_true(rig_round(&r, c, 0));
	rig_items(&r, c, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&r, c, 0));
	rig_items(&r, b, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&r, b, 0));
	rig_items(&r, a, RIG_UNIT_A, 1, NULL);
	assert_true(rig_round(&r, a, 0));
	assert_true(receipt_of(&r, a, 0, RIG_UNIT_A, &bytes, &receipt));
	assert_int_equal(receipt.streams_count, 3);
	assert_non_null(receipt_stream_find(&receipt, r.nodes[a].origin));
	assert_non_null(receipt_stream_find(&receipt, r.nodes[c].origin));
	assert_true(rig_round(&r, a, 0));
	assert_true(rig_round(&r, a, 0));
	assert_int_equal(r.counts.receipts, 0);
	assert_true(times_of(&r, c, newest(&r, c, c, RIG_UNIT_A)).root_ms != 0);
	bytes_free(&bytes);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_format_refused),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_relayed),
		cmocka_unit_test(test_revoked),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_last_record),
		cmocka_unit_test(test_quarantined),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_since),
		cmocka_unit_test(test_many_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
