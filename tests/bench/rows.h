/* tests/bench/rows.h - the workload: rows of products and of councils' score sheets.
 *
 * Two variants.  Repetitive: names, makers and groups from the list of real products, texts put
 * together from a few phrases, few distinct comments.  Random: every text is drawn from 64
 * letters and compresses as badly as text can. The same seed gives the same rows, so that ours
 * and the twin write the same ones without keeping them.
 */
#ifndef TESTS_BENCH_ROWS_H
#define TESTS_BENCH_ROWS_H

#include "sync/save.h"

#define ROWS_CELLS_MAX 9
#define ROWS_TEXT_BYTES 1024
#define ROWS_PRODUCTS_PER_COMMIT 10
#define ROWS_SCORES_PER_SHEET 26
#define ROWS_MEMBERS 10

struct rows {
	uint64_t state;
	bool is_random;
};

/* One row, or the change of one: borrows from its own text and from static data. */
struct rows_row {
	const char *table;
	struct save_cell cells[ROWS_CELLS_MAX];
	size_t count;
	char text[ROWS_TEXT_BYTES];
	size_t text_n;
};

void rows_init(struct rows *r, uint64_t seed, bool is_random);
uint64_t rows_draw(struct rows *r, uint64_t below);
const char *rows_variant(const struct rows *r);

/* A new product of @unit, about 250 bytes. */
void rows_product(struct rows *r, const char *unit, struct rows_row *out);
/* A new sheet of @member, one for each dossier, and one of its scores; the keys are borrowed. */
void
rows_sheet(struct rows *r, const struct save_key *council, unsigned member, struct rows_row *out);
void rows_score(struct rows *r, const struct save_key *sheet, unsigned member, unsigned criterion,
    struct rows_row *out);
/* One or two (exactly two: @two) columns of a product, or of a score. */
void rows_product_change(struct rows *r, bool two, struct rows_row *out);
void rows_score_change(struct rows *r, struct rows_row *out);

/* "hv1" … : who scores. */
struct span rows_member(unsigned member);

/* Append the row as a line of CSV, its key first. */
void rows_csv(const struct rows_row *row, const struct save_key *key, struct bytes *out);

#endif
