/* tests/bench/bench_save.c - what saving costs beside plain SQLite: load, forms, a bulk
 * statement; and the disk. */
#include "load.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define PAIRS 9

static void
load_measure(struct load *l, const char *key, const char *note)
{
	struct figure_pairs p = { .count = PAIRS };
	size_t i, done = 0, steps = load_steps(l);

	for (i = 0; i < PAIRS; i++) {
		load_run(l, steps * (i + 1) / PAIRS - done, &p.ours[i], &p.twin[i]);
		done = steps * (i + 1) / PAIRS;
	}
	figure_ratio(key, rows_variant(&l->rows), &p, note);
}

static void
forms_measure(
    struct load *l, const char *key, const char *synchronous, bool is_scores, size_t saves)
{
	struct figure_pairs p = { .count = PAIRS };
	size_t i;

	scene_synchronous(l->scene->nodes[0].db, synchronous);
	scene_synchronous(l->twin->db, synchronous);
	for (i = 0; i < p.count; i++)
		load_change(l, saves / p.count, is_scores, &p.ours[i], &p.twin[i]);
	figure_ratio(key, rows_variant(&l->rows), &p,
	    is_scores ? "5 scores of a sheet" : "5 products, 1-2 columns");
	scene_synchronous(l->scene->nodes[0].db, "NORMAL");
	scene_synchronous(l->twin->db, "NORMAL");
}

/* One UPDATE over all products. */
static void
bulk_measure(struct load *l)
{
	struct figure_pairs p = { .count = PAIRS };
	struct save_options o = {
		.author = span_str("an"), .unit = span_str(SCENE_COMMUNE), .is_bulk = true
	};
	struct scene *s = l->scene;
	const struct save_set set = { span_str("status"), "?1" };
	struct value value;
	const struct save_update q = { .table = span_str("product"),
		.sets = &set,
		.sets_count = 1,
		.args = &value,
		.args_count = 1 };
	struct save_result result;
	struct figure_time t;
	struct save *save;
	char status[32], sql[128];
	size_t i;

	for (i = 0; i < PAIRS; i++) {
		s->now_ms += 60000;
		(void)snprintf(status, sizeof(status), "đợt %zu", i);
		value = value_text(span_str(status));
		t = figure_now();
		figure_ok(save_begin(s->nodes[0].engine, &o, &save, &s->diag), &s->diag, "begin");
		figure_ok(save_update(save, &q, &s->diag), &s->diag, "bulk");
		figure_ok(save_commit(save, &result, &s->diag), &s->diag, "commit");
		figure_add(&p.ours[i], t);
		(void)snprintf(sql, sizeof(sql), "UPDATE product SET status = 'đợt %zu'", i);
		t = figure_now();
		twin_begin(l->twin);
		scene_exec(l->twin->db, sql);
		twin_commit(l->twin);
		figure_add(&p.twin[i], t);
	}
	figure_ratio(
	    "bulk", rows_variant(&l->rows), &p, "one UPDATE of one column of all products");
}

static void
begin(struct scene *s, struct twin *t, struct load *l, size_t products, size_t sheets,
    bool is_random, bool with_rules)
{
	scene_init(s, with_rules);
	twin_init(t, s, "twin.db");
	scene_synchronous(s->nodes[0].db, "NORMAL");
	scene_synchronous(t->db, "NORMAL");
	load_init(l, s, t, products, sheets, is_random);
}

static void
end(struct scene *s, struct twin *t, struct load *l)
{
	twin_compare(t, s->nodes[0].db, "product");
	twin_compare(t, s->nodes[0].db, "score");
	load_fini(l);
	twin_fini(t);
	scene_fini(s);
}

/* 30,000 rows, and forms on them. */
static void
forms(bool is_random)
{
	struct scene s;
	struct twin t;
	struct load l;

	begin(&s, &t, &l, figure_scaled(10000, 500), figure_scaled(750, 50), is_random, false);
	load_all(&l);
	forms_measure(&l, "save_normal", "NORMAL", false, figure_scaled(4500, 450));
	forms_measure(&l, "save_full", "FULL", false, figure_scaled(2250, 450));
	forms_measure(&l, "save_scores_normal", "NORMAL", true, figure_scaled(2250, 450));
	forms_measure(&l, "save_scores_full", "FULL", true, figure_scaled(1350, 450));
	bulk_measure(&l);
	end(&s, &t, &l);
}

/* The whole load, and what it takes on the disk. */
static void
load(bool is_random)
{
	struct scene s;
	struct twin t;
	struct load l;
	struct figure_time ours = { 0, 0 }, twin = { 0, 0 };

	begin(&s, &t, &l, figure_scaled(10000, 500), figure_scaled(10000, 200), is_random, false);
	load_measure(
	    &l, "load", "products by 10, sheets of 26 scores by 27 rows, synchronous=NORMAL");
	figure_share("disk_load", rows_variant(&l.rows),
	    (double)scene_file_bytes(s.nodes[0].db, s.nodes[0].path),
	    (double)scene_file_bytes(t.db, t.path), "after the load");
	load_change(&l, figure_scaled(2000, 200), false, &ours, &twin);
	load_change(&l, figure_scaled(2000, 200), true, &ours, &twin);
	figure_share("disk", rows_variant(&l.rows),
	    (double)scene_file_bytes(s.nodes[0].db, s.nodes[0].path),
	    (double)scene_file_bytes(t.db, t.path), "after the load and 4,000 forms of 5 changes");
	end(&s, &t, &l);
}

/* With the domain's rules at save, which the twin does not have. */
static void
load_with_rules(void)
{
	struct scene s;
	struct twin t;
	struct load l;

	begin(&s, &t, &l, figure_scaled(2000, 500), figure_scaled(1000, 200), false, true);
	load_measure(&l, "load_rules", "as load, with the domain's rules at save");
	end(&s, &t, &l);
}

int
main(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : "";

	for (int is_random = 0; is_random < 2; is_random++) {
		if (only[0] == '\0' || strcmp(only, "forms") == 0)
			forms(is_random == 1);
		if (only[0] == '\0' || strcmp(only, "load") == 0)
			load(is_random == 1);
	}
	if (only[0] == '\0' || strcmp(only, "rules") == 0)
		load_with_rules();
	return 0;
}
