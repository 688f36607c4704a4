/* tests/bench/bench_apply.c - what taking received changes costs beside writing the same rows by
 * plain SQLite.
 *
 * Ours is all that the receiving side does: requests, unpacking, signatures, hash chains,
 * rights, merge, log, rows. The twin writes the rows from memory, by one prepared statement
 * each, in as many transactions as ours took.
 */
#include "load.h"
#include "link.h"

#include <sqlite3.h>
#include <string.h>

#define PAIRS 5

/* How many transactions a node made is what its WAL saw. */
struct counted {
	size_t transactions;
};

static int
on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct counted *c = ctx;

	c->transactions++;
	if (pages >= 1000)
		(void)sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

/* A province's second node takes all of it. */
static void
whole(struct scene *s, struct load *l)
{
	struct figure_pairs p = { .count = PAIRS };
	struct link link = { .scene = s };
	struct counted counted;
	struct twin t;
	size_t i, n, rows = l->products_done + l->scores_count + l->sheets_done;

	for (i = 0; i < PAIRS; i++) {
		n = scene_join(s, SCENE_PROVINCE, false);
		scene_synchronous(s->nodes[n].db, "NORMAL");
		counted.transactions = 0;
		(void)sqlite3_wal_hook(s->nodes[n].db, on_wal, &counted);
		link_reset(&link);
		link_settle(&link, n, 0, 100);
		p.ours[i] = link.asking;
		twin_init(&t, s, "whole.db");
		scene_synchronous(t.db, "NORMAL");
		load_replay(
		    l, &t, (rows + counted.transactions - 1) / counted.transactions, &p.twin[i]);
		twin_compare(&t, s->nodes[n].db, "product");
		twin_compare(&t, s->nodes[n].db, "score");
		twin_fini(&t);
		scene_leave(s);
	}
	figure_ratio("apply_whole", rows_variant(&l->rows), &p,
	    "280,000 rows, the receiving side alone, "
	    "synchronous=NORMAL");
}

/* Forms of five changes each, @at_once of them in one round. */
static void
forms(struct scene *s, struct load *l, size_t node, struct twin *t, bool is_scores, size_t at_once,
    size_t count, const char *key, const char *note)
{
	struct figure_pairs p = { .count = PAIRS * 2 - 1 };
	struct figure_time ignored = { 0, 0 };
	struct link link = { .scene = s };
	struct counted counted;
	size_t i, j;

	(void)sqlite3_wal_hook(s->nodes[node].db, on_wal, &counted);
	for (i = 0; i < p.count; i++) {
		for (j = 0; j < count; j += at_once) {
			load_change_ours(l, at_once, is_scores, &ignored);
			counted.transactions = 0;
			link_reset(&link);
			link_settle(&link, node, 0, 10);
			p.ours[i].wall_us += link.asking.wall_us;
			p.ours[i].cpu_us += link.asking.cpu_us;
			load_change_twin(l, t, at_once,
			    (at_once + counted.transactions - 1) / counted.transactions,
			    &p.twin[i]);
		}
	}
	figure_ratio(key, rows_variant(&l->rows), &p, note);
}

static void
measure(bool is_random)
{
	struct scene s;
	struct load l;
	struct twin t;
	struct link link = { .scene = &s };
	struct figure_time ignored = { 0, 0 };
	size_t node, many = figure_scaled(400, 50), single = figure_scaled(100, 20);

	scene_init(&s, false);
	scene_synchronous(s.nodes[0].db, "OFF"); /* the sender is not measured */
	load_init(&l, &s, NULL, figure_scaled(10000, 500), figure_scaled(10000, 200), is_random);
	load_all(&l);
	whole(&s, &l);
	node = scene_join(&s, SCENE_PROVINCE, false);
	scene_synchronous(s.nodes[node].db, "NORMAL");
	link_settle(&link, node, 0, 100);
	twin_init(&t, &s, "forms.db");
	scene_synchronous(t.db, "NORMAL");
	load_replay(&l, &t, 100, &ignored);
	forms(&s, &l, node, &t, false, many, many, "apply_saves",
	    "400 forms of 5 products in one round");
	forms(&s, &l, node, &t, true, many, many, "apply_saves_scores",
	    "400 forms of 5 scores in one round");
	forms(&s, &l, node, &t, false, 1, single, "apply_single",
	    "a round for every form of 5 products");
	twin_compare(&t, s.nodes[node].db, "product");
	twin_compare(&t, s.nodes[node].db, "score");
	twin_fini(&t);
	load_fini(&l);
	scene_fini(&s);
}

int
main(void)
{
	measure(false);
	measure(true);
	return 0;
}
