/* P9: what a receipt says that its holder holds, the holder holds: when the receipt is seen, and again when the holder
 * comes up after a crash. */
#include <sqlite3.h>
#include <string.h>

#include "sync/cursor.h"
#include "sync/receipt.h"
#include "tests/sim/check.h"
#include "tests/sim/world.h"

/* The node of that present name: what it held under an earlier one it may have lost. */
static struct node *
holder_find(struct world *w, const uint8_t origin[ORIGIN_BYTES])
{
	for (size_t i = 0; i < w->nodes_count; i++)
		if (w->nodes[i]->is_joined && memcmp(w->nodes[i]->origin, origin, ORIGIN_BYTES) == 0)
			return w->nodes[i];
	return NULL;
}

static void
receipt_check(struct node *n, const struct receipt *r, const struct node *only)
{
	const struct model *m = n->world->model;
	const struct node *holder = holder_find(n->world, r->holder);
	int unit = model_unit_find(m, r->unit);

	if (holder == NULL || unit < 0 || (only != NULL && holder != only))
		return;
	cover_add(n->world->cover, COVER_RECEIPT);
	for (size_t i = 0; i < m->streams_count; i++) {
		const struct model_stream *s = &m->streams[i];
		const struct receipt_stream *at = receipt_stream_find(r, s->origin);

		if (s->unit != unit || s->reach != REACH_UP || at == NULL ||
		    at->seq <= holder->held.held[i])
			continue;
		world_fail(n->world, "P9",
		    "node %zu has a receipt of node %zu for %u commits of stream %zu; it holds %u",
		    n->index, holder->index, (unsigned)at->seq, i,
		    (unsigned)holder->held.held[i]);
	}
}

static void
receipts_read(struct node *n, uint64_t after, const struct node *only)
{
	static const char sql[] = "SELECT n, bytes FROM sync_receipt WHERE n > ?1 ORDER BY n";
	sqlite3_stmt *stmt = NULL;
	struct receipt r;

	if (sqlite3_prepare_v2(n->db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return; /* the engine will find out why */
	(void)sqlite3_bind_int64(stmt, 1, (sqlite3_int64)after);
	while (!n->world->has_failed && sqlite3_step(stmt) == SQLITE_ROW) {
		struct rd rd = rd_span(value_of_column(stmt, 1).s);

		receipt_read(&r, &rd);
		if (!rd_done(&rd))
			world_fail(n->world, "P9", "node %zu keeps a broken receipt", n->index);
		else
			receipt_check(n, &r, only);
		n->receipts_seen = (uint64_t)sqlite3_column_int64(stmt, 0);
	}
	(void)sqlite3_finalize(stmt);
}

void
check_receipts(struct node *n)
{
	if (n->world->nodes[n->index] == n) /* not a copy, for which nobody else is */
		receipts_read(n, n->receipts_seen, NULL);
}

void
check_receipts_of(struct node *holder)
{
	struct world *w = holder->world;

	for (size_t i = 0; i < w->nodes_count && !w->has_failed; i++)
		if (node_is_up(w->nodes[i]))
			receipts_read(w->nodes[i], 0, holder);
}
