/* sync/commit_code.h - coding of keys and values inside a commit; see the format in commit.h.  Both directions of each
 * stand in commit_code.c. */
#ifndef SYNC_COMMIT_CODE_H
#define SYNC_COMMIT_CODE_H

#include "commit.h"
#include "cursor.h"

enum commit_coding {
	CODE_NULLS = 0,
	CODE_INT,
	CODE_TEXT,
	CODE_BLOB,
	CODE_KEY,		/* blobs of 16 bytes */
	CODE_TAGGED,		/* rows × (u8 coding of the value, value) */
	CODE_CONST = 0x08,	/* flag: one value, the same in all rows (two or more) */
};

struct code_key {		/* the key before */
	uint8_t b[KEY_BYTES];
};

void commit_code_start(struct code_key *k, uint64_t hlc, const uint8_t origin[ORIGIN_BYTES]);
void commit_code_key_emit(struct code_key *last, const uint8_t key[KEY_BYTES], struct bytes *out);
/* Writes KEY_BYTES to @out. */
void commit_code_key_parse(struct code_key *last, struct rd *r, uint8_t out[KEY_BYTES]);

/* One column of a group. */
void commit_code_column_emit(struct code_key *last, const struct value *values, size_t rows, struct bytes *out);
/* Value @i of @rows goes to values[i * stride].  @keys is scratch for rows × KEY_BYTES, from which decoded keys are
 * borrowed; NULL when the coding brings none. */
void commit_code_column_parse(struct code_key *last, struct rd *r, struct value *values, size_t stride, size_t rows,
    uint8_t *keys);

#endif
