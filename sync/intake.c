#include "intake.h"

#include "cursor.h"
#include "dictionary.h"
#include "engine_impl.h"
#include "fork.h"
#include "frame.h"
#include "incarnation.h"
#include "transfer.h"
#include "vector.h"

#include <sodium.h>
#include <string.h>
#include <zstd.h>

#define CHUNK_BYTES (16 * 1024)

struct intake {
	uint8_t id[TRANSFER_ID_BYTES];
	uint64_t total;
	struct bytes prefix;		/* what came, from offset 0 */
	size_t saved;			/* bytes of it in the database */
	uint64_t came_ms;
	ZSTD_DCtx *zstd;
	bool is_begun;			/* the first byte, which names the dictionary, came */
	bool is_ended;			/* the compressed stream ended */
	bool is_over;			/* the last record came */
	struct bytes raw;		/* decompressed, not yet a whole record */
	uint64_t unpacked;		/* bytes decompressed so far (W10) */
	struct frame_names names;
	uint64_t records;
	/* Invariants (by construction):
	 * I1. prefix.n <= total, and saved <= prefix.n.
	 * I2. every whole record within prefix was taken: applied, or believed. */
};

void
intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	ZSTD_freeDCtx(in->zstd);
	bytes_free(&in->prefix);
	bytes_free(&in->raw);
	frame_names_fini(&in->names);
	mem_free(in);
}

size_t
intake_bytes(const struct intake *in)
{
	return in == NULL ? 0 : in->prefix.cap + in->raw.cap + ZSTD_sizeof_DCtx(in->zstd);
}

uint64_t
intake_came_ms(const struct intake *in)
{
	return in->came_ms;
}

/* Is @id the name of their newest transfer that we hold whole? */
static bool
is_done(const struct peer *p, const uint8_t id[TRANSFER_ID_BYTES])
{
	uint64_t number;

	_Static_assert(sizeof(number) == TRANSFER_ID_BYTES, "a name is kept as a number");
	memcpy(&number, id, sizeof(number));
	return p->belief.done_total != 0 && p->belief.done_id == number;
}

uint64_t
intake_held(const struct peer *p, const uint8_t id[TRANSFER_ID_BYTES])
{
	if (p->in != NULL && memcmp(p->in->id, id, TRANSFER_ID_BYTES) == 0)
		return p->in->prefix.n;
	if (is_done(p, id))
		return p->belief.done_total;
	return 0;
}

bool
intake_state(const struct peer *p, uint8_t id[TRANSFER_ID_BYTES], uint64_t *held)
{
	if (p->in == NULL && p->belief.done_total == 0)
		return false;
	if (p->in != NULL)
		memcpy(id, p->in->id, TRANSFER_ID_BYTES);
	else
		memcpy(id, &p->belief.done_id, TRANSFER_ID_BYTES);
	*held = intake_held(p, id);
	return true;
}

static struct intake *
intake_new(struct engine *e, const struct intake_piece *piece)
{
	struct intake *in = mem_alloc(sizeof(*in));

	if (in == NULL)
		return NULL;
	memcpy(in->id, piece->id, TRANSFER_ID_BYTES);
	in->total = piece->total;
	in->came_ms = engine_env_ms(e);
	if ((in->zstd = ZSTD_createDCtx()) == NULL ||
	    ZSTD_isError(ZSTD_DCtx_setParameter(in->zstd, ZSTD_d_windowLogMax, TRANSFER_WINDOW_LOG))) {
		intake_free(in);
		return NULL;
	}
	return in;
}

/* ---- records */

static struct stream *
stream_named(struct engine *e, const struct apply_stream *s)
{
	unit_id u = unit_find(e, s->unit);

	return u == UNIT_NONE ? NULL : stream_find(e, s->origin, u, s->reach);
}

/* Of a stream that we hold at least as far as the frame goes: is its last commit there the one that we hold? */
static enum rc
last_compare(struct engine *e, const struct apply_frame *f, size_t i, const struct stream *held, bool *is_same,
    struct diag *d)
{
	struct span last = span_of(NULL, 0);
	struct bytes ours;
	size_t j;
	enum rc rc;

	for (j = 0; j < f->commits_count; j++)
		if (f->commits[j].stream == i)
			last = f->commits[j].body;
	bytes_init(&ours);
	if ((rc = log_body(e, VERSION(held->sid, f->streams[i].last_seq), &ours, d)) == RC_OK)
		*is_same = span_eq(span_bytes(&ours), last);
	bytes_free(&ours);
	return rc;
}

/* Do we hold everything in @f already?  Streams that are compared are looked at all the same.  RC_GAP: one of them goes
 * another way here (C9); its verdict says so. */
static enum rc
frame_is_held(struct engine *e, struct peer *p, struct apply_frame *f, bool *is_held, struct diag *d)
{
	bool is_unfit = false, is_same = true;
	size_t i;
	enum rc rc;

	*is_held = true;

	for (i = 0; i < f->streams_count; i++) {
		struct apply_stream *s = &f->streams[i];
		const struct stream *held = stream_named(e, s);

		s->suspect = held == NULL ? NULL : suspect_find(&p->suspects, held->sid);
		s->verdict = APPLY_FITS;
		if (held == NULL || held->head_seq < s->last_seq || s->suspect != NULL) {
			*is_held = false;
			continue;
		}
		if ((rc = last_compare(e, f, i, held, &is_same, d)) != RC_OK)
			return rc;
		if (!is_same && !suspect_is_forked(&p->suspects, held->sid)) {
			s->verdict = APPLY_UNFIT;
			is_unfit = true;
		}
	}
	return !is_unfit ? RC_OK : diag_fail(d, RC_GAP, "a stream does not follow on what is held here");
}

/* They hold what they sent (W16). */
static void
frame_believe(struct engine *e, struct peer *p, const struct apply_frame *f)
{
	size_t i;

	for (i = 0; i < f->streams_count; i++) {
		const struct stream *held = stream_named(e, &f->streams[i]);

		/* What they hold of another branch says nothing of ours. */
		if (held != NULL && !suspect_is_forked(&p->suspects, held->sid))
			belief_raise(&p->belief, held->sid, f->streams[i].last_seq);
	}
}

/* What a frame showed of streams whose branches differ, or may (C9, W35). */
static void
suspects_follow(struct engine *e, struct peer *p, const struct apply_frame *f, enum rc rc)
{
	size_t i;

	for (i = 0; i < f->streams_count; i++) {
		const struct apply_stream *s = &f->streams[i];
		const struct stream *held = stream_named(e, s);

		if (held == NULL)
			continue;
		if (rc == RC_GAP && s->verdict == APPLY_UNFIT) {
			(void)suspect_add(e, &p->suspects, held);
		} else if (rc == RC_OK && s->verdict == APPLY_FORKED) {
			suspect_drop(&p->suspects, held->sid);
			if (!f->is_from_above)
				suspect_fork_add(&p->suspects, held->sid);
		} else if (rc == RC_OK && s->suspect != NULL && s->suspect->seq >= held->head_seq) {
			suspect_drop(&p->suspects, held->sid);	/* all common */
		}
	}
}

/* Apply it; when it shows that our own name goes on elsewhere, under a new one (C7, C8), and write again what yielded
 * (C10). */
static enum rc
frame_apply(struct engine *e, struct peer *p, struct apply_frame *f, struct apply_result *result, struct diag *d)
{
	uint64_t again;
	enum rc rc;

	f->is_from_above = peer_is_above(e, p);
	if ((rc = apply_frame(e, f, result, d)) == RC_CONFLICT && (rc = incarnation_take(e, d)) == RC_OK)
		rc = apply_frame(e, f, result, d);
	suspects_follow(e, p, f, rc);
	return rc == RC_OK && result->forks > 0 ? fork_write_again(e, &again, d) : rc;
}

static enum rc
frame_take(struct engine *e, struct peer *p, struct span s, struct intake_news *news, struct diag *d)
{
	struct apply_result result;
	struct frame frame;
	bool is_held;
	enum rc rc;

	memset(&result, 0, sizeof(result));
	if ((rc = frame_parse(&p->in->names, s, &frame, d)) != RC_OK)
		return rc;
	if ((rc = frame_is_held(e, p, &frame.f, &is_held, d)) == RC_GAP)
		suspects_follow(e, p, &frame.f, rc);
	else if (rc == RC_OK && !is_held)
		rc = frame_apply(e, p, &frame.f, &result, d);
	if (rc == RC_OK)
		rc = belief_load(e, p->origin, &p->belief, d);
	if (rc == RC_OK)
		frame_believe(e, p, &frame.f);
	frame_fini(&frame);
	news->commits += result.commits_new;
	news->quarantined += result.commits_quarantined;
	news->conflicts += result.conflicts_opened;
	news->forks += result.forks;
	news->held_back += result.held_back;
	return rc;
}

static enum rc
record_take(struct engine *e, struct peer *p, struct span s, struct intake_news *news, struct diag *d)
{
	struct rd r = rd_span(s);
	uint8_t kind = rd_u8(&r);
	struct span content = rd_fixed(&r, rd_left(&r));
	struct vector_news vector = { 0 };
	enum rc rc;

	if (p->in->is_over)
		return diag_fail(d, RC_PEER, "the other side sent a record behind its receipts");	/* W32 */
	if (kind == RECORD_RECEIPTS) {
		p->in->is_over = true;
		return receipt_take(e, content, &news->receipts, &news->forks, d);
	}
	if (kind == RECORD_FRAME)
		return frame_take(e, p, content, news, d);
	if (kind != RECORD_VECTOR || p->in->records != 0)
		return diag_fail(d, RC_PEER, "the other side sent an unknown record");
	rc = vector_take(e, p, content, &vector, d);
	news->has_vector = true;
	news->we_lack = news->we_lack || vector.we_lack;
	news->waits = news->waits || vector.waits;
	news->forks += vector.forks;
	news->has_suspects = news->has_suspects || vector.has_suspects;
	return rc;
}

/* Take the whole records in @in->raw.  The length of one is read, and bounded, before its bytes are waited for. */
static enum rc
records_take(struct engine *e, struct peer *p, struct intake_news *news, struct diag *d)
{
	struct intake *in = p->in;
	enum rc rc = RC_OK;
	size_t at = 0;

	while (rc == RC_OK && at < in->raw.n) {
		struct rd r = rd_over(in->raw.p + at, in->raw.n - at);
		uint64_t n = rd_varint(&r);

		if (!rd_ok(&r) && in->raw.n - at < VARINT_BYTES_MAX && in->raw.p[in->raw.n - 1] >= 0x80)
			break;		/* the length itself is not all there */
		if (!rd_ok(&r) || n == 0 || n > RECORD_BYTES_MAX)
			return diag_fail(d, RC_PEER, "the other side sent a broken record");
		if (n > rd_left(&r))
			break;
		rc = record_take(e, p, rd_fixed(&r, (size_t)n), news, d);
		in->records++;
		at = (size_t)(r.p - in->raw.p);
	}
	memmove(in->raw.p, in->raw.p + at, in->raw.n - at);
	in->raw.n -= at;
	return rc;
}

/* The first byte of a transfer (W10). */
static enum rc
dictionary_take(struct intake *in, uint8_t number, struct diag *d)
{
	struct span dictionary = dictionary_bytes();

	in->is_begun = true;
	if (number == 0)
		return RC_OK;
	if (number != TRANSFER_DICTIONARY || dictionary.n == 0)
		return diag_fail(d, RC_PEER, "a transfer uses a dictionary that is not known here");
	return ZSTD_isError(ZSTD_DCtx_loadDictionary(in->zstd, dictionary.p, dictionary.n)) ? RC_NOMEM : RC_OK;
}

/* Put @s through the decompressor and take what becomes whole. */
static enum rc
bytes_take(struct engine *e, struct peer *p, struct span s, struct intake_news *news, struct diag *d)
{
	struct intake *in = p->in;
	size_t first = in->is_begun ? 0 : 1, left;
	ZSTD_inBuffer input = { s.p + first, s.n - first, 0 };
	ZSTD_outBuffer output;
	enum rc rc = RC_OK;
	uint8_t *at;

	if (!in->is_begun && ((rc = dictionary_take(in, s.p[0], d)) != RC_OK || s.n == 1))
		return rc;
	do {
		if (in->is_ended)
			return diag_fail(d, RC_PEER, "a transfer goes on after its end");	/* W10 */
		if ((at = bytes_room(&in->raw, CHUNK_BYTES)) == NULL)
			return RC_NOMEM;
		output = (ZSTD_outBuffer){ at, CHUNK_BYTES, 0 };
		left = ZSTD_decompressStream(in->zstd, &output, &input);
		if (ZSTD_isError(left))
			return diag_fail(d, RC_PEER, "a transfer cannot be unpacked");
		in->raw.n += output.pos;
		in->unpacked += output.pos;
		if (in->unpacked > TRANSFER_UNPACKED_BYTES_MAX)
			return diag_fail(d, RC_PEER, "a transfer unpacks to too much");	/* W10 */
		in->is_ended = left == 0;
		if (output.pos > 0)
			rc = records_take(e, p, news, d);
	} while (rc == RC_OK && (input.pos < input.size || (output.pos == output.size && !in->is_ended)));
	return rc;
}

/* The last byte came: the whole must be what its name says (W11). */
static enum rc
whole_check(struct peer *p, struct diag *d)
{
	uint8_t id[TRANSFER_ID_BYTES];

	transfer_id(span_bytes(&p->in->prefix), id);
	if (!p->in->is_ended || p->in->raw.n != 0 || p->in->records == 0 ||
	    memcmp(id, p->in->id, TRANSFER_ID_BYTES) != 0)
		return diag_fail(d, RC_PEER, "a transfer is not what its name says");
	memcpy(&p->belief.done_id, p->in->id, TRANSFER_ID_BYTES);
	p->belief.done_total = p->in->total;
	return RC_OK;
}

enum rc
intake_begin(struct engine *e, struct peer *p, const struct intake_piece *piece, struct diag *d)
{
	enum rc rc;

	if ((rc = intake_load(e, p, d)) != RC_OK)
		return rc;
	if (is_done(p, piece->id))
		return piece->total == p->belief.done_total ? RC_OK :
		    diag_fail(d, RC_PEER, "a transfer changed its size");
	if (p->in != NULL && memcmp(p->in->id, piece->id, TRANSFER_ID_BYTES) == 0)
		return piece->total == p->in->total ? RC_OK :
		    diag_fail(d, RC_PEER, "a transfer changed its size");
	if ((rc = intake_drop(e, p, d)) != RC_OK)
		return rc;
	p->belief.done_total = 0;
	p->in = intake_new(e, piece);
	return p->in == NULL ? RC_NOMEM : RC_OK;
}

enum rc
intake_feed(struct engine *e, struct peer *p, const struct intake_piece *piece, uint64_t at, struct span bytes,
    struct intake_news *news, struct diag *d)
{
	struct intake *in = p->in;
	uint64_t skip;
	enum rc rc;

	if (in == NULL || memcmp(in->id, piece->id, TRANSFER_ID_BYTES) != 0)
		return RC_OK;		/* held whole, or another conversation began a newer one */
	if (at > in->prefix.n || bytes.n <= (skip = in->prefix.n - at))
		return RC_OK;		/* W13 */
	bytes = span_of(bytes.p + skip, bytes.n - (size_t)skip);
	if (bytes.n > in->total - in->prefix.n)
		return diag_fail(d, RC_PEER, "a piece goes beyond its transfer");	/* W4 */
	bytes_put(&in->prefix, bytes.p, bytes.n);
	in->came_ms = engine_env_ms(e);
	news->bytes += bytes.n;
	if ((rc = bytes_rc(&in->prefix)) == RC_OK)
		rc = bytes_take(e, p, bytes, news, d);
	if (rc == RC_OK && in->prefix.n == in->total)
		rc = whole_check(p, d);
	else if (rc == RC_OK)
		return RC_OK;
	if (rc == RC_OK)
		return intake_drop(e, p, d);
	if (intake_drop(e, p, NULL) != RC_OK)
		return RC_DISK;
	return rc;
}

/* ---- what a new process needs */

enum rc
intake_drop(struct engine *e, struct peer *p, struct diag *d)
{
	static const char sql[] = "DELETE FROM sync_partial WHERE peer = ?1";
	bool is_saved = p->in != NULL && p->in->saved > 0;
	sqlite3_stmt *stmt;
	enum rc rc;

	intake_free(p->in);
	p->in = NULL;
	if (!is_saved)
		return RC_OK;
	if ((rc = engine_begin(e, d)) != RC_OK)
		return rc;
	if ((rc = engine_stmt(e, sql, &stmt, d)) == RC_OK) {
		rc = value_bind(stmt, 1, value_blob(span_of(p->origin, ORIGIN_BYTES))) != SQLITE_OK ? RC_NOMEM :
		    engine_run(e, stmt, "dropping an unfinished transfer", d);
	}
	if (rc == RC_OK)
		rc = engine_commit_tx(e, d);
	if (rc != RC_OK)
		engine_rollback(e);
	return rc;
}

enum rc
intake_save(struct engine *e, struct peer *p, struct diag *d)
{
	static const char sql[] = "INSERT OR REPLACE INTO sync_partial(peer, start, transfer, total, came_ms, bytes) "
	    "VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
	struct intake *in = p->in;
	sqlite3_stmt *stmt;
	enum rc rc;

	/* Less is not worth a row: a link that dies so soon would leave thousands. */
	if (in == NULL || in->prefix.n - in->saved < PIECE_BYTES_MIN)
		return RC_OK;
	if ((rc = engine_begin(e, d)) != RC_OK)
		return rc;
	if ((rc = engine_stmt(e, sql, &stmt, d)) == RC_OK) {
		(void)sqlite3_bind_int64(stmt, 2, (int64_t)in->saved);
		(void)sqlite3_bind_int64(stmt, 4, (int64_t)in->total);
		(void)sqlite3_bind_int64(stmt, 5, (int64_t)in->came_ms);
		if (value_bind(stmt, 1, value_blob(span_of(p->origin, ORIGIN_BYTES))) != SQLITE_OK ||
		    value_bind(stmt, 3, value_blob(span_of(in->id, TRANSFER_ID_BYTES))) != SQLITE_OK ||
		    value_bind(stmt, 6, value_blob(span_of(in->prefix.p + in->saved,
		    in->prefix.n - in->saved))) != SQLITE_OK)
			rc = RC_NOMEM;
		else
			rc = engine_run(e, stmt, "keeping an unfinished transfer", d);
	}
	if (rc == RC_OK)
		rc = engine_commit_tx(e, d);
	if (rc != RC_OK) {
		engine_rollback(e);
		return rc;
	}
	in->saved = in->prefix.n;
	return RC_OK;
}

/* Collect the saved pieces into @piece and @prefix; they must follow on one another. */
static enum rc
partial_read(struct engine *e, struct peer *p, struct intake_piece *piece, struct bytes *prefix, struct diag *d)
{
	static const char sql[] = "SELECT start, transfer, total, bytes FROM sync_partial WHERE peer = ?1 "
	    "ORDER BY start";
	sqlite3_stmt *stmt;
	enum rc rc;
	int code;

	if ((rc = engine_stmt(e, sql, &stmt, d)) != RC_OK)
		return rc;
	if (value_bind(stmt, 1, value_blob(span_of(p->origin, ORIGIN_BYTES))) != SQLITE_OK)
		return RC_NOMEM;
	while (rc == RC_OK && (code = sqlite3_step(stmt)) != SQLITE_DONE) {
		struct value id, bytes;

		if (code != SQLITE_ROW) {
			rc = engine_sqlite_rc(e, code, "reading an unfinished transfer", d);
			break;
		}
		id = value_of_column(stmt, 1);
		bytes = value_of_column(stmt, 3);
		if (sqlite3_column_int64(stmt, 0) != (int64_t)prefix->n || id.s.n != TRANSFER_ID_BYTES) {
			bytes_clear(prefix);
			break;
		}
		memcpy(piece->id, id.s.p, TRANSFER_ID_BYTES);
		piece->total = (uint64_t)sqlite3_column_int64(stmt, 2);
		bytes_put(prefix, bytes.s.p, bytes.s.n);
		rc = bytes_rc(prefix);
	}
	engine_done(stmt);
	return rc;
}

enum rc
intake_load(struct engine *e, struct peer *p, struct diag *d)
{
	struct intake_piece piece = { .offset = 0 };
	struct intake_news news = { 0 };
	struct bytes prefix;
	enum rc rc;

	if (p->is_intake_loaded || p->in != NULL)
		return RC_OK;
	bytes_init(&prefix);
	rc = partial_read(e, p, &piece, &prefix, d);
	p->is_intake_loaded = rc == RC_OK;
	if (rc == RC_OK && prefix.n > 0 && (p->in = intake_new(e, &piece)) == NULL)
		rc = RC_NOMEM;
	if (rc == RC_OK && prefix.n > 0) {
		p->in->saved = prefix.n;
		rc = intake_feed(e, p, &piece, 0, span_bytes(&prefix), &news, d);
		if (rc == RC_PEER || rc == RC_GAP)
			rc = RC_OK;	/* dropped: it comes again from its beginning */
	}
	bytes_free(&prefix);
	return rc;
}
