/* sync/digest.h - the canonical state: what `dump` prints and `digest` hashes.  Reader too.
 *
 * A row's canonical form is the same on every node that holds the same commits: table, key, columns in catalogue order,
 * open siblings, and for a deleted row the fact that it is.  Rows come sorted by table name, then key bytes.  Local
 * bookkeeping (`_v`, local numbers) is not in it.
 */
#ifndef SYNC_DIGEST_H
#define SYNC_DIGEST_H

#include "engine.h"
#include "value.h"

struct digest_sibling {
	size_t column;			/* index into table->columns; == columns_count: delete against edit */
	struct value value;
};

struct digest_row {
	const struct catalogue_table *table;
	struct span key;		/* 16 bytes, or text when table->has_text_key */
	struct span unit;		/* key of the unit it is addressed to */
	bool is_deleted;		/* no values then */
	const struct value *values;	/* table->columns_count of them */
	const struct digest_sibling *siblings;	/* the values that lost but stand open, sorted */
	size_t siblings_count;
};

typedef enum rc (*digest_fn)(void *ctx, const struct digest_row *row);

/* Walk the rows addressed to @unit's subtree (empty: all that are held). */
RC_CHECK enum rc digest_each(struct engine *e, struct span unit, digest_fn fn, void *ctx, struct diag *d);

/* BLAKE2b-256 over the canonical bytes of all those rows. */
RC_CHECK enum rc digest_rows(struct engine *e, struct span unit, uint8_t out[HASH_BYTES], struct diag *d);

/* The canonical bytes of one row. */
void digest_row_emit(const struct digest_row *row, struct bytes *out);

/* Hash over the heads of the streams that nodes of unit @a and of unit @b both hold; 16 bytes. */
#define DIGEST_HEADS_BYTES 16
void digest_heads(struct engine *e, uint32_t unit_a, uint32_t unit_b, uint8_t out[DIGEST_HEADS_BYTES]);

#endif
