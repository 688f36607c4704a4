/* tests/sim/tables.h - the catalogue the simulator replicates: a table for every policy, scope
 * rule and right.
 *
 * It knows no word of the domain.  Rows are addressed by their `unit` column, by the row of
 * `page` they hang on, or to the root; the table tells which of the two reaches.
 */
#ifndef TESTS_SIM_TABLES_H
#define TESTS_SIM_TABLES_H

#include "sync/catalogue.h"

enum tables_number {
	TABLES_UNIT, /* the tree */
	TABLES_PAGE, /* review */
	TABLES_FACT, /* rank */
	TABLES_TAG, /* lww, text key */
	TABLES_SHEET, /* owner: the unit */
	TABLES_DIARY, /* owner: a person */
	TABLES_EVENT, /* append, hangs on a page and cites its title */
	TABLES_STAMP, /* counter */
	TABLES_NOTE, /* review, hangs on a page */
	TABLES_NOTICE, /* review, root, down, province only */
	TABLES_ORDER, /* one column of each policy, down from any unit, text key */
	TABLES_COUNT,
};

#define TABLES_PAGE_TITLE 1 /* index of the column that events cite */

/* What honest nodes run. */
const struct catalogue *tables_catalogue(void);

/* What a lying node runs: the same tables without the rights. */
const struct catalogue *tables_catalogue_loose(void);

/* Table @n of the honest catalogue. */
const struct catalogue_table *tables_at(enum tables_number n);

/* Which of them @t is (by its number); TABLES_COUNT for a table of the engine's own. */
enum tables_number tables_of(const struct catalogue_table *t);

#endif
