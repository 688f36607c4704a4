/* node/json_read.h - strict reading of one JSON document.
 *
 * Refused: text that is not UTF-8, a byte order mark, anything RFC 8259 does not allow, U+0000, half surrogate pairs, a
 * member name twice in one object, more than one document.  Every error names line and column, counted in characters
 * from 1.
 *
 * Numbers are never read as floating point: json_int64() takes those that every JSON reader holds exactly,
 * json_number_text() gives any number as it was written.
 *
 * A value is a borrowed pointer into its document.  Every getter takes NULL (as json_member() answers for a member
 * that is not there) and says no.  No getter is O(n) unless it says so.
 * Limits: the caller's size, JSON_DEPTH_MAX arrays and objects within each other, JSON_NODES_MAX values and
 * JSON_NUMBER_BYTES_MAX bytes for a number.
 */
#ifndef NODE_JSON_READ_H
#define NODE_JSON_READ_H

#include "sync/mem.h"

#define JSON_DEPTH_MAX 32
#define JSON_NODES_MAX ((size_t)1 << 18)
#define JSON_NUMBER_BYTES_MAX 60
#define JSON_INT_MAX INT64_C(1000000000000000) /* 10^15 */

struct cJSON;

struct json {
	struct cJSON *root; /* NULL: nothing was read */
	char *text; /* our copy, NUL-terminated; the tree's numbers point into it */
	/* Invariants:
	 * J1. the valuestring of a number of the tree is the start of its text in @text, and only a number's is.
	 * J2. no string of the tree holds U+0000, so that strlen() is its length.
	 * J3. no two members of an object have one name. */
};

enum json_kind {
	JSON_NONE, /* no value at all */
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* Read @text, of at most @bytes_max bytes, into @json, which is initialised here and which the caller ends with
 * json_fini(), failure or not.  @text is copied.  RC_INPUT: not JSON as above; RC_LIMIT: a limit was met; RC_NOMEM. */
RC_CHECK enum rc json_read(struct json *json, struct span text, size_t bytes_max, struct diag *d);
void json_fini(struct json *json);

enum json_kind json_kind(const struct cJSON *value);
bool json_is_null(const struct cJSON *value);
RC_CHECK bool json_bool(const struct cJSON *value, bool *out);
RC_CHECK bool
json_string(const struct cJSON *value, struct span *out); /* borrowed, NUL-terminated */

/* A number written without fraction and exponent, at most JSON_INT_MAX either way. */
RC_CHECK bool json_int64(const struct cJSON *value, int64_t *out);

/* The source text of a number, borrowed. */
RC_CHECK bool json_number_text(const struct cJSON *value, struct span *out);

/* The member @name, compared byte for byte; NULL when there is none or @object is none.  O(members). */
const struct cJSON *json_member(const struct cJSON *object, const char *name);

/* The name of the first member of @object that is not among the @count @names; NULL when all are.  O(members). */
const char *json_unknown_member(const struct cJSON *object, const char *const *names, size_t count);

/* Members or items in order: for (v = json_first(list); v != NULL; v = json_next(v)). */
const struct cJSON *json_first(const struct cJSON *list);
const struct cJSON *json_next(const struct cJSON *value);
const char *json_name(const struct cJSON *member); /* NULL for what is no member */

size_t json_count(const struct cJSON *list); /* O(n); 0 for what is no array or object */
const struct cJSON *json_item(const struct cJSON *array, size_t at); /* O(at) */

#endif
