/* Covers json_read() with json_scan(), all getters, json_write_*().
 * A document that is taken, written and read again must be written the same, with every number as it stood. */
#include <string.h>

#include "node/json_read.h"
#include "node/json_write.h"
#include "node/text.h"

#define INPUT_BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_scalar(struct json_write *w, const struct cJSON *v)
{
	struct span s;
	int64_t number;
	bool b;

	switch (json_kind(v)) {
	case JSON_NULL:
		INVARIANT(json_is_null(v));
		json_write_null(w);
		return;
	case JSON_BOOL:
		INVARIANT(json_bool(v, &b));
		json_write_bool(w, b);
		return;
	case JSON_NUMBER:
		INVARIANT(json_number_text(v, &s));
		INVARIANT(s.n != 0);
		if (json_int64(v, &number))
			json_write_int64(w, number);
		else
			json_write_raw(w, s);
		return;
	case JSON_STRING:
		INVARIANT(json_string(v, &s));
		INVARIANT(text_utf8_check(s, NULL));
		json_write_string(w, s);
		return;
	default:
		INVARIANT(json_kind(v) != JSON_NONE);
	}
}

/* Depth is bounded by the reader. */
static void
write_value(struct json_write *w, const struct cJSON *v)
{
	enum json_kind kind = json_kind(v);
	const struct cJSON *item;
	size_t count = 0;

	if (kind != JSON_ARRAY && kind != JSON_OBJECT) {
		write_scalar(w, v);
		return;
	}
	if (kind == JSON_ARRAY)
		json_write_array(w);
	else
		json_write_object(w);
	for (item = json_first(v); item != NULL; item = json_next(item)) {
		count++;
		if (kind == JSON_OBJECT)
			json_write_key(w, json_name(item));
		if (kind == JSON_OBJECT && count <= 8)
			INVARIANT(json_member(v, json_name(item)) == item);
		write_value(w, item);
	}
	INVARIANT(json_count(v) == count);
	if (kind == JSON_ARRAY)
		json_write_array_end(w);
	else
		json_write_object_end(w);
}

/* The document as written; @again is empty when it is not taken. */
static enum rc
rewrite(struct span text, bool is_pretty, struct bytes *again)
{
	struct json json;
	struct json_write w;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	bytes_clear(again);
	if ((rc = json_read(&json, text, INPUT_BYTES_MAX * 8, &d)) == RC_OK) {
		json_write_init(&w, again, is_pretty);
		write_value(&w, json.root);
		INVARIANT(json_write_end(&w) == RC_OK);
	} else {
		INVARIANT(rc == RC_INPUT || rc == RC_LIMIT);
		INVARIANT(d.text[0] != '\0');
	}
	json_fini(&json);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes once, pretty, twice;

	if (size > INPUT_BYTES_MAX)
		return 0;
	bytes_init(&once);
	bytes_init(&pretty);
	bytes_init(&twice);
	if (rewrite(span_of(data, size), false, &once) == RC_OK) {
		INVARIANT(rewrite(span_bytes(&once), true, &pretty) == RC_OK);
		INVARIANT(rewrite(span_bytes(&pretty), false, &twice) == RC_OK);
		INVARIANT(span_eq(span_bytes(&once), span_bytes(&twice)));
	}
	bytes_free(&once);
	bytes_free(&pretty);
	bytes_free(&twice);
	return 0;
}
