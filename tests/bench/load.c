#include "load.h"

#include <string.h>

#define CHANGES_PER_SAVE 5
#define SAVES_AT_ONCE 64
#define SEED 20181101

struct batch {
	struct rows_row rows[LOAD_ROWS_MAX];
	struct save_key keys[LOAD_ROWS_MAX];
	struct twin_write writes[LOAD_ROWS_MAX];
	size_t count;
	struct span author;
};

static struct batch *g_batches;

void
load_init(
    struct load *l, struct scene *s, struct twin *t, size_t products, size_t sheets, bool is_random)
{
	memset(l, 0, sizeof(*l));
	if (g_batches == NULL)
		g_batches = mem_array(LOAD_SAVES_MAX, sizeof(*g_batches));
	l->scene = s;
	l->twin = t;
	l->products_count = products;
	l->sheets_count = sheets;
	rows_init(&l->rows, SEED, is_random);
	l->products = mem_array(products, sizeof(*l->products));
	l->sheets = mem_array(sheets, sizeof(*l->sheets));
	l->scores = mem_array(sheets * ROWS_SCORES_PER_SHEET, sizeof(*l->scores));
	figure_check(
	    g_batches != NULL && l->products != NULL && l->sheets != NULL && l->scores != NULL,
	    "no memory");
}

void
load_fini(struct load *l)
{
	mem_free(l->products);
	mem_free(l->sheets);
	mem_free(l->scores);
}

size_t
load_steps(const struct load *l)
{
	return (l->products_count + ROWS_PRODUCTS_PER_COMMIT - 1) / ROWS_PRODUCTS_PER_COMMIT +
	    l->sheets_count;
}

/* A form every half minute or so; drawn once for each commit. */
static uint64_t
time_drawn(struct rows *r)
{
	return 1000 + rows_draw(r, 60000);
}

/* One commit of products from the @at-th on, or the @at-th sheet with its scores; as drawn from
 * @r. */
static void
batch_products(const struct load *l, struct rows *r, size_t at, struct batch *b)
{
	size_t i;

	b->author = span_str("an");
	for (i = 0; i < ROWS_PRODUCTS_PER_COMMIT && at + i < l->products_count; i++) {
		rows_product(r, SCENE_COMMUNE, &b->rows[i]);
		b->keys[i] = l->products[at + i];
	}
	b->count = i;
}

static void
batch_sheet(const struct load *l, struct rows *r, size_t at, struct batch *b)
{
	unsigned member = (unsigned)at, i;

	b->author = rows_member(member);
	rows_sheet(r, &l->council, member, &b->rows[0]);
	b->keys[0] = l->sheets[at];
	for (i = 0; i < ROWS_SCORES_PER_SHEET; i++) {
		rows_score(r, &b->keys[0], member, i, &b->rows[i + 1]);
		b->rows[i + 1].cells[0].value.s.n =
		    KEY_BYTES; /* though the sheet may get its key only with them */
		b->keys[i + 1] = l->scores[at * ROWS_SCORES_PER_SHEET + i];
	}
	b->count = ROWS_SCORES_PER_SHEET + 1;
}

static void
batch_save(struct load *l, struct batch *b, struct figure_time *ours)
{
	struct figure_time t = figure_now();

	scene_save(l->scene, 0, b->author, b->rows, b->keys, b->count, false);
	figure_add(ours, t);
}

/* The next commit; the keys that it mints are kept. */
static void
step_save(struct load *l, struct batch *b, struct figure_time *ours)
{
	bool is_products = l->products_done < l->products_count;
	size_t i;

	l->scene->now_ms += time_drawn(&l->rows);
	if (!is_products && l->council.n == 0)
		scene_council(l->scene, &l->council);
	if (is_products)
		batch_products(l, &l->rows, l->products_done, b);
	else
		batch_sheet(l, &l->rows, l->sheets_done, b);
	batch_save(l, b, ours);
	if (is_products) {
		memcpy(l->products + l->products_done, b->keys, b->count * sizeof(*b->keys));
		l->products_done += b->count;
	} else {
		l->sheets[l->sheets_done++] = b->keys[0];
		memcpy(l->scores + l->scores_count, b->keys + 1, (b->count - 1) * sizeof(*b->keys));
		l->scores_count += b->count - 1;
	}
	for (i = 0; l->csv != NULL && i < b->count; i++)
		rows_csv(&b->rows[i], &b->keys[i], l->csv);
}

static void
twin_run(struct load *l, struct batch *b, struct figure_time *twin)
{
	struct figure_time t;
	size_t i;

	if (l->twin == NULL)
		return;
	for (i = 0; i < b->count; i++)
		twin_write_make(l->twin, &b->rows[i], &b->keys[i], true, &b->writes[i]);
	t = figure_now();
	twin_save(l->twin, b->writes, b->count);
	figure_add(twin, t);
}

/* A run of saves by ours, then the same by the twin. */
void
load_run(struct load *l, size_t steps, struct figure_time *ours, struct figure_time *twin)
{
	size_t i, n;

	for (; steps > 0; steps -= n) {
		n = steps < SAVES_AT_ONCE ? steps : SAVES_AT_ONCE;
		for (i = 0; i < n; i++)
			step_save(l, &g_batches[i], ours);
		for (i = 0; i < n; i++)
			twin_run(l, &g_batches[i], twin);
	}
}

void
load_all(struct load *l)
{
	struct figure_time ours = { 0, 0 }, twin = { 0, 0 };

	load_run(l, load_steps(l), &ours, &twin);
}

/* Scores of one sheet lie together and belong to one member. */
static void
batch_change(struct load *l, struct batch *b, bool is_scores)
{
	size_t i, at, sheets = l->scores_count / ROWS_SCORES_PER_SHEET;
	bool two = rows_draw(&l->rows, 2) == 0;

	b->count = CHANGES_PER_SAVE;
	b->author = span_str("an");
	if (is_scores) {
		at = rows_draw(&l->rows, sheets);
		b->author = rows_member((unsigned)at);
		at =
		    at * ROWS_SCORES_PER_SHEET + rows_draw(&l->rows, ROWS_SCORES_PER_SHEET / 5) * 5;
		for (i = 0; i < b->count; i++) {
			rows_score_change(&l->rows, &b->rows[i]);
			b->keys[i] = l->scores[at + i];
		}
		return;
	}
	for (i = 0; i < b->count; i++) {
		rows_product_change(&l->rows, two, &b->rows[i]);
		b->keys[i] = l->products[rows_draw(&l->rows, l->products_done / 5) * 5 + i];
	}
}

void
load_change_ours(struct load *l, size_t count, bool is_scores, struct figure_time *ours)
{
	size_t i;

	figure_check(count <= LOAD_SAVES_MAX, "too many forms at once");
	for (i = 0; i < count; i++) {
		l->scene->now_ms += time_drawn(&l->rows);
		batch_change(l, &g_batches[i], is_scores);
		batch_save(l, &g_batches[i], ours);
	}
}

void
load_change_twin(struct load *l, struct twin *t, size_t count, size_t transaction_forms,
    struct figure_time *twin)
{
	struct figure_time since;
	size_t i, j;

	(void)l;
	for (i = 0; i < count; i++)
		for (j = 0; j < g_batches[i].count; j++)
			twin_write_make(t, &g_batches[i].rows[j], &g_batches[i].keys[j], false,
			    &g_batches[i].writes[j]);
	since = figure_now();
	for (i = 0; i < count; i++) {
		if (i % transaction_forms == 0)
			twin_begin(t);
		for (j = 0; j < g_batches[i].count; j++)
			twin_write_run(t, &g_batches[i].writes[j]);
		if ((i + 1) % transaction_forms == 0 || i + 1 == count)
			twin_commit(t);
	}
	figure_add(twin, since);
}

void
load_change(struct load *l, size_t count, bool is_scores, struct figure_time *ours,
    struct figure_time *twin)
{
	size_t n;

	for (; count > 0; count -= n) {
		n = count < SAVES_AT_ONCE ? count : SAVES_AT_ONCE;
		load_change_ours(l, n, is_scores, ours);
		load_change_twin(l, l->twin, n, 1, twin);
	}
}

void
load_replay(struct load *l, struct twin *t, size_t transaction_rows, struct figure_time *twin)
{
	struct batch *b = &g_batches[0];
	struct figure_time since;
	struct rows r;
	size_t i, step, steps = load_steps(l), products = steps - l->sheets_count, rows = 0;

	rows_init(&r, SEED, l->rows.is_random);
	for (step = 0; step < steps; step++) {
		(void)time_drawn(&r);
		if (step < products)
			batch_products(l, &r, step * ROWS_PRODUCTS_PER_COMMIT, b);
		else
			batch_sheet(l, &r, step - products, b);
		for (i = 0; i < b->count; i++)
			twin_write_make(t, &b->rows[i], &b->keys[i], true, &b->writes[i]);
		since = figure_now();
		for (i = 0; i < b->count; i++, rows++) {
			if (rows % transaction_rows == 0)
				twin_begin(t);
			twin_write_run(t, &b->writes[i]);
			if ((rows + 1) % transaction_rows == 0 ||
			    (step + 1 == steps && i + 1 == b->count))
				twin_commit(t);
		}
		figure_add(twin, since);
	}
}
