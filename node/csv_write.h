/* node/csv_write.h - writing comma-separated values.
 *
 * A spreadsheet takes a cell that begins with = + - @ TAB or CR for a formula.  Guarded writing puts an apostrophe
 * before such text, unless it is a number, and before text that begins with apostrophes and one of these, so that
 * csv_unguard() can tell.  Memory failure is sticky in the bytes.
 */
#ifndef NODE_CSV_WRITE_H
#define NODE_CSV_WRITE_H

#include "sync/mem.h"

struct csv_write_options {
	char separator; /* ',' or ';' */
	bool has_bom; /* Excel reads UTF-8 only after a byte order mark */
	bool is_guarded;
};

struct csv_write {
	struct bytes *out;
	struct csv_write_options options;
	size_t field_count; /* of the row so far */
	bool has_text; /* the row is more than empty fields */
};

/* Begin at the end of @out, which is borrowed. */
void
csv_write_init(struct csv_write *w, struct bytes *out, const struct csv_write_options *options);
void csv_write_field(struct csv_write *w, struct span text);
void csv_write_cstr(struct csv_write *w, const char *text); /* NULL: an empty field */
void csv_write_row_end(struct csv_write *w); /* at least one field was written */

/* @text as it was before guarded writing; borrowed from @text. */
struct span csv_unguard(struct span text);

#endif
