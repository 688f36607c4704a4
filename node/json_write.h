/* node/json_write.h - writing JSON, value by value, onto bytes.
 *
 * Commas and colons are put where they belong.  Writing what cannot stand there (a value without a key in an object,
 * a second document) is a bug and stops the program.  Memory failure is sticky in the bytes; json_write_end() tells.
 * Whole numbers beyond 10^15 lose digits in many readers: 64-bit ids and clocks go out as strings.
 * Limits: JSON_WRITE_DEPTH_MAX arrays and objects within each other.
 */
#ifndef NODE_JSON_WRITE_H
#define NODE_JSON_WRITE_H

#include "sync/mem.h"

#define JSON_WRITE_DEPTH_MAX 32
#define JSON_WRITE_DECIMALS_MAX 18

struct json_write {
	struct bytes *out;
	unsigned depth;
	bool is_pretty;
	bool has_key; /* a member name was written, its value not yet */
	struct {
		bool is_object;
		bool has_items;
	} level[JSON_WRITE_DEPTH_MAX + 1]; /* by depth; 0 is the document */
};

/* Begin a document at the end of @out, which is borrowed.  @is_pretty: a line for each item, two blanks a level. */
void json_write_init(struct json_write *w, struct bytes *out, bool is_pretty);

/* End the document: everything must be closed.  RC_OK or RC_NOMEM.  No line feed is added. */
RC_CHECK enum rc json_write_end(struct json_write *w);

void json_write_object(struct json_write *w);
void json_write_object_end(struct json_write *w);
void json_write_array(struct json_write *w);
void json_write_array_end(struct json_write *w);
void json_write_key(struct json_write *w, const char *name);
void json_write_key_span(struct json_write *w, struct span name);

/* Bytes that are not UTF-8 become U+FFFD. */
void json_write_string(struct json_write *w, struct span text);
void json_write_cstr(struct json_write *w, const char *text); /* NULL writes null */

void json_write_int64(struct json_write *w, int64_t v);
void json_write_uint64(struct json_write *w, uint64_t v);

/* @v as a decimal with the last @decimals digits after the point: (-1234, 2) is -12.34. */
void json_write_fixed(struct json_write *w, int64_t v, unsigned decimals);
void json_write_bool(struct json_write *w, bool v);
void json_write_null(struct json_write *w);

/* @json is put as it is: the caller answers for its being one valid value. */
void json_write_raw(struct json_write *w, struct span json);

#endif
