/* tests/sim/workload_row.h - single changes of rows inside a save. */
#ifndef TESTS_SIM_WORKLOAD_ROW_H
#define TESTS_SIM_WORKLOAD_ROW_H

#include "tests/sim/record.h"

/* One save being put together.  After an error, rc says so and nothing more is done. */
struct job {
	struct save *save;
	struct record *record;
	int unit; /* that rows are addressed to when they do not say */
	bool is_forbidden; /* something in it is against the catalogue's rights or checks */
	bool has_child; /* a row was hung on a page, which must stay then */
	enum rc rc;
	struct diag d;
};

/* A table, by chance; one that @n may write, mostly. */
enum tables_number workload_row_table(struct node *n);
/* A row of @table that @n holds and that is there (or is not, any more); MODEL_NONE when there
 * is none. */
uint32_t workload_row_pick(struct node *n, enum tables_number table, bool is_there);
/* Has anybody at @n the right to change any column of @row? */
bool workload_row_is_writable(struct node *n, uint32_t row);
const char *workload_row_author(struct node *n);

void workload_row_insert(struct node *n, struct job *job, enum tables_number table);
void workload_row_insert_at(struct node *n, struct job *job, enum tables_number table, int unit);
void workload_row_insert_large(struct node *n, struct job *job);
void workload_row_update(struct node *n, struct job *job, uint32_t row);
void workload_row_delete(struct node *n, struct job *job, uint32_t row);
void workload_row_reinsert(struct node *n, struct job *job, uint32_t row);
void workload_row_unit(struct node *n, struct job *job, size_t unit);
/* All rows of @table may be about to change. */
void workload_row_touch_all(struct node *n, struct job *job, enum tables_number table);

#endif
