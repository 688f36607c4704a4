/* tests/bench/load.h - the workload, written into ours and the twin in turns, with the time of
 * each.
 *
 * The load is a row of steps: one save of ours, one transaction of the twin, of the same rows.
 */
#ifndef TESTS_BENCH_LOAD_H
#define TESTS_BENCH_LOAD_H

#include "figure.h"
#include "twin.h"

#define LOAD_ROWS_MAX (ROWS_SCORES_PER_SHEET + 1)
#define LOAD_SAVES_MAX 512 /* forms that are kept for the twin at once */

struct load {
	struct scene *scene;
	struct twin *twin; /* NULL: ours alone */
	struct rows rows;
	struct save_key council;
	size_t products_count, sheets_count; /* to write */
	size_t products_done, sheets_done;
	struct save_key *products; /* keys, in order */
	struct save_key *sheets, *scores;
	size_t scores_count;
	struct bytes *csv; /* NULL, or where the rows go as CSV too */
};

void load_init(struct load *l, struct scene *s, struct twin *t, size_t products, size_t sheets,
    bool is_random);
void load_fini(struct load *l);

/* Commits that the whole load makes, and the next @steps of them; times are added. */
size_t load_steps(const struct load *l);
void load_run(struct load *l, size_t steps, struct figure_time *ours, struct figure_time *twin);
/* All of it in one go. */
void load_all(struct load *l);

/* Write the whole load, as it was made, into an empty twin, that many rows to a transaction. */
void load_replay(struct load *l, struct twin *t, size_t transaction_rows, struct figure_time *twin);

/* @count forms of five changed rows each: of products, or of scores of one member.  Ours, then
 * the twin. */
void load_change(struct load *l, size_t count, bool is_scores, struct figure_time *ours,
    struct figure_time *twin);

/* The two halves of it, at most LOAD_SAVES_MAX forms: the twin takes that many forms into one
 * transaction. */
void load_change_ours(struct load *l, size_t count, bool is_scores, struct figure_time *ours);
void load_change_twin(struct load *l, struct twin *t, size_t count, size_t transaction_forms,
    struct figure_time *twin);

#endif
