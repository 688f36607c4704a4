/* tests/bench/bench_wire.c - bytes, requests and time of reconciling two nodes over a counted
 * link (link.h). */
#include "link.h"
#include "load.h"

#include <stdio.h>
#include <string.h>
#include <zstd.h>

#define ZSTD_LEVEL 19

struct wire {
	struct scene s;
	struct load l;
	struct link link;
	struct bytes csv;
	size_t node; /* the child */
	const char *variant;
};

static void
begin(struct wire *w, size_t products, size_t sheets, bool is_random)
{
	memset(w, 0, sizeof(*w));
	scene_init(&w->s, false);
	scene_synchronous(w->s.nodes[0].db, "OFF"); /* making the rows is not measured */
	bytes_init(&w->csv);
	load_init(&w->l, &w->s, NULL, products, sheets, is_random);
	w->l.csv = &w->csv;
	load_all(&w->l);
	scene_synchronous(w->s.nodes[0].db, "FULL");
	w->link.scene = &w->s;
	w->variant = rows_variant(&w->l.rows);
}

static void
end(struct wire *w)
{
	load_fini(&w->l);
	bytes_free(&w->csv);
	scene_fini(&w->s);
}

static uint64_t
bytes_both(const struct wire *w)
{
	return w->link.up_bytes + w->link.down_bytes;
}

/* Bytes and requests of what the link just carried. */
static void
exchange_print(const struct wire *w, const char *key, const char *note)
{
	char name[64], more[160];

	(void)snprintf(more, sizeof(more), "%llu up, %llu down; %s",
	    (unsigned long long)w->link.up_bytes, (unsigned long long)w->link.down_bytes, note);
	figure_value(key, w->variant, (double)bytes_both(w), "B", more);
	(void)snprintf(name, sizeof(name), "%s_requests", key);
	figure_value(name, w->variant, (double)w->link.connections, "requests", note);
}

static size_t
zstd_bytes(const struct bytes *b)
{
	size_t n, cap = ZSTD_compressBound(b->n);
	void *out = mem_alloc(cap);

	figure_check(out != NULL, "no memory");
	n = ZSTD_compress(out, cap, b->p, b->n, ZSTD_LEVEL);
	figure_check(!ZSTD_isError(n), "zstd failed");
	mem_free(out);
	return n;
}

static void
same_check(struct wire *w, const char *table, size_t rows)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM \"%s\"", table);
	if ((size_t)scene_int(w->s.nodes[w->node].db, sql) != rows)
		figure_fail("%s: not all rows arrived", table);
}

/* ---- small things */

static void
small(bool is_random)
{
	struct figure_time ignored = { 0, 0 };
	struct wire w;
	size_t i;

	begin(&w, figure_scaled(10000, 500), 0, is_random);
	w.node = scene_join(&w.s, SCENE_COMMUNE, false);
	link_settle(&w.link, w.node, 0, 20);
	link_round(&w.link, w.node, 0);
	link_reset(&w.link);
	link_settle(&w.link, w.node, 0, 1);
	exchange_print(&w, "nothing", "10,000 products held by both");
	load_change_ours(&w.l, 1, false, &ignored);
	link_reset(&w.link);
	link_settle(&w.link, w.node, 0, 1);
	exchange_print(&w, "form", "one form of 5 products, from the parent");
	for (i = 0; i < 2; i++) { /* one row, from the parent and from the child */
		struct rows_row row;
		struct save_key key = w.l.products[77 + i];

		rows_product_change(&w.l.rows, false, &row);
		w.s.now_ms += 60000;
		scene_save(&w.s, i == 0 ? 0 : w.node, span_str("an"), &row, &key, 1, false);
		link_reset(&w.link);
		link_settle(&w.link, w.node, 0, 1);
		exchange_print(&w, i == 0 ? "row_down" : "row_up",
		    i == 0 ? "from the parent" : "from the child");
	}
	for (i = 0; i < 40; i++) {
		struct rows_row rows[5];
		struct save_key keys[5];
		size_t j;

		for (j = 0; j < 5; j++) {
			rows_product_change(&w.l.rows, true, &rows[j]);
			keys[j] = w.l.products[(i * 5 + j) * 2 % w.l.products_done];
		}
		w.s.now_ms += 61234;
		scene_save(&w.s, i < 20 ? 0 : w.node, span_str("an"), rows, keys, 5, false);
		if (i % 20 < 19)
			continue;
		link_reset(&w.link);
		link_settle(&w.link, w.node, 0, 1);
		exchange_print(
		    &w, i < 20 ? "saves_down" : "saves_up", "100 rows x 2 columns in 20 saves");
	}
	end(&w);
}

/* ---- a new node */

/* The province's products: bytes beside zstd, time beside a plain load of the same rows. */
static void
new_node(bool is_random)
{
	struct figure_pairs p = { .count = 5 };
	struct wire w;
	struct twin t;
	size_t i;

	begin(&w, figure_scaled(10000, 500), 0, is_random);
	for (i = 0; i < p.count; i++) {
		struct figure_time since;

		w.node = scene_join(&w.s, SCENE_COMMUNE, false);
		link_reset(&w.link);
		since = figure_now();
		link_settle(&w.link, w.node, 0, 20);
		figure_add(&p.ours[i], since);
		same_check(&w, "product", w.l.products_done);
		twin_init(&t, &w.s, "new.db");
		load_replay(&w.l, &t, SIZE_MAX / 2, &p.twin[i]);
		twin_fini(&t);
		if (i + 1 < p.count)
			scene_leave(&w.s);
	}
	exchange_print(&w, "new_node", "10,000 products, both ways, heads included");
	figure_share("new_node_zstd", w.variant, (double)bytes_both(&w), (double)zstd_bytes(&w.csv),
	    "against zstd-19 of the same rows as CSV");
	figure_ratio("new_node_load", w.variant, &p,
	    "both sides' work, against a plain load in one transaction, FULL");
	figure_value("new_node_s", w.variant, (double)p.ours[p.count - 1].wall_us / 1e6, "s",
	    "both sides in one thread, no network");
	end(&w);
}

/* 2,000 rows over a link that dies again and again. */
static void
cuts(bool is_random)
{
	static const size_t cut[] = { 0, 4096, 32768 };
	static const char *const keys[] = { "uncut", "cut_4k", "cut_32k" };
	uint64_t uncut = 1;
	struct wire w;
	char note[160];
	size_t i;

	begin(&w, 2000, 0, is_random);
	for (i = 0; i < 3; i++) {
		w.node = scene_join(&w.s, SCENE_COMMUNE, false);
		link_reset(&w.link);
		w.link.cut_bytes = cut[i];
		link_settle(&w.link, w.node, 0, 10);
		same_check(&w, "product", w.l.products_done);
		if (i == 0)
			uncut = bytes_both(&w);
		(void)snprintf(
		    note, sizeof(note), "2,000 of 2,000 rows, %zu connections", w.link.connections);
		if (i == 0)
			exchange_print(&w, keys[i], note);
		else
			figure_share(
			    keys[i], w.variant, (double)bytes_both(&w), (double)uncut, note);
		scene_leave(&w.s);
	}
	end(&w);
}

/* A second node of the province: products and score sheets. */
static void
new_province(bool is_random)
{
	struct figure_time since, ours = { 0, 0 }, twin = { 0, 0 };
	struct wire w;
	struct twin t;

	begin(&w, figure_scaled(10000, 500), figure_scaled(10851, 200), is_random);
	w.node = scene_join(&w.s, SCENE_PROVINCE, false);
	since = figure_now();
	link_settle(&w.link, w.node, 0, 100);
	figure_add(&ours, since);
	same_check(&w, "score", w.l.scores_count);
	exchange_print(&w, "province", "10,000 products, 10,851 sheets, 282,126 scores");
	figure_share("province_zstd", w.variant, (double)bytes_both(&w), (double)zstd_bytes(&w.csv),
	    "against zstd-19 of the same rows as CSV");
	twin_init(&t, &w.s, "province.db");
	load_replay(&w.l, &t, SIZE_MAX / 2, &twin);
	twin_fini(&t);
	figure_share("province_load", w.variant, (double)ours.wall_us, (double)twin.wall_us,
	    "both sides' time (us) against a plain load in one transaction, FULL; one pair");
	end(&w);
}

/* 300 ms each way and 64 kbit/s: the time that the link alone would need, and what ours needs. */
static void
slow(bool is_random)
{
	struct wire w;
	double floor_us;

	begin(&w, 114, 108, is_random);
	w.node = scene_join(&w.s, SCENE_PROVINCE, false);
	w.link.way_ms = 300;
	w.link.bytes_per_s = 8000;
	link_settle(&w.link, w.node, 0, 20);
	same_check(&w, "score", w.l.scores_count);
	floor_us = (double)bytes_both(&w) * 1e6 / 8000 + 2 * 600e3;
	figure_share("slow", w.variant,
	    (double)w.link.time_us + (double)w.link.asking.wall_us +
		(double)w.link.answering.wall_us,
	    floor_us,
	    "us against bytes / rate + 2 round trips; one round trip opens the connection; both "
	    "sides' work counted");
	exchange_print(&w, "slow_bytes", "3,030 rows");
	end(&w);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(bool is_random);
	} parts[] = {
		{ "small", small },
		{ "new", new_node },
		{ "cuts", cuts },
		{ "slow", slow },
		{ "province", new_province },
	};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (argc > 1 && strcmp(argv[1], parts[i].name) != 0)
			continue;
		parts[i].run(false);
		parts[i].run(true);
	}
	return 0;
}
