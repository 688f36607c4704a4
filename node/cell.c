#include "node/cell.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/json_read.h"
#include "node/text.h"
#include "sync/stream.h"

#define SHOWN_BYTES_MAX 80	/* of a bad value in a message */

void
cell_key_text(const struct catalogue_table *t, struct span key, struct bytes *out)
{
	char text[KEY_TEXT_CHARS + 1];

	if (t->has_text_key || key.n != KEY_BYTES) {
		bytes_put(out, key.p, key.n);
		return;
	}
	key_format(key.p, text);
	bytes_str(out, text);
}

/* As much of @text as a message should show. */
static int
shown(struct span text)
{
	return (int)text_cut(text, SHOWN_BYTES_MAX).n;
}

enum rc
cell_key_parse(struct command_env *env, const struct catalogue_table *t, struct span text, struct span *key,
    struct diag *d)
{
	struct key minted;
	enum rc rc;

	if (!t->has_text_key) {
		if (!key_parse(text, &minted)) {
			return diag_fail(d, RC_INPUT, command_message(env, MSG_KEY_BAD), shown(text),
			    (const char *)text.p);
		}
		*key = arena_copy(&env->arena, span_of(minted.b, KEY_BYTES));
		return env->arena.failed ? RC_NOMEM : RC_OK;
	}
	if (strcmp(t->name, env->catalogue->unit_table) == 0 && unit_resolve(env->engine, text) != UNIT_NONE) {
		*key = unit_key(env->engine, unit_resolve(env->engine, text));
		return RC_OK;
	}
	rc = command_nfc(env, text, key);
	if (rc == RC_INPUT || (rc == RC_OK && (key->n == 0 || key->n > KEY_TEXT_BYTES_MAX))) {
		return diag_fail(d, RC_INPUT, command_message(env, MSG_KEY_BAD), shown(text),
		    (const char *)text.p);
	}
	return rc;
}

void
cell_unit_text(struct engine *e, struct span key, struct bytes *out)
{
	const uint8_t *at = key.n == 0 ? NULL : memchr(key.p, '@', key.n);
	struct span code;
	unit_id u;

	if (at != NULL) {
		code = span_of(key.p, (size_t)(at - key.p));
		u = unit_resolve(e, code);
		if (u != UNIT_NONE && span_eq(unit_key(e, u), key))
			key = code;
	}
	bytes_put(out, key.p, key.n);
}

static void
base64_put(struct span s, struct bytes *out)
{
	size_t n = sodium_base64_ENCODED_LEN(s.n, sodium_base64_VARIANT_ORIGINAL);
	uint8_t *room = bytes_room(out, n);

	if (room == NULL)
		return;
	sodium_bin2base64((char *)room, n, s.p, s.n, sodium_base64_VARIANT_ORIGINAL);
	out->n += n - 1;	/* without the NUL */
}

void
cell_text(struct engine *e, const struct catalogue_column *c, struct value v, struct bytes *out)
{
	char text[KEY_TEXT_CHARS + 1];

	switch (v.type) {
	case VALUE_NULL:
		break;
	case VALUE_INT:
		bytes_fmt(out, "%" PRId64, v.i);
		break;
	case VALUE_TEXT:
		if (c->type == COLUMN_UNIT)
			cell_unit_text(e, v.s, out);
		else
			bytes_put(out, v.s.p, v.s.n);
		break;
	case VALUE_BLOB:
		if (c->type == COLUMN_KEY && v.s.n == KEY_BYTES) {
			key_format(v.s.p, text);
			bytes_str(out, text);
		} else {
			base64_put(v.s, out);
		}
		break;
	}
}

void
cell_json(struct engine *e, const struct catalogue_column *c, struct value v, struct json_write *w)
{
	struct bytes text;

	if (v.type == VALUE_NULL) {
		json_write_null(w);
		return;
	}
	if (v.type == VALUE_INT && v.i >= -JSON_INT_MAX && v.i <= JSON_INT_MAX) {
		json_write_int64(w, v.i);
		return;
	}
	bytes_init(&text);
	cell_text(e, c, v, &text);
	json_write_string(w, span_bytes(&text));
	if (text.failed)
		w->out->failed = true;
	bytes_free(&text);
}

static enum rc
value_fail(const struct command_env *env, enum message_id id, const struct catalogue_column *c, struct span text,
    struct diag *d)
{
	return diag_fail(d, RC_INPUT, command_message(env, id), c->name, shown(text), (const char *)text.p);
}

static enum rc
blob_parse(struct command_env *env, const struct catalogue_column *c, struct span text, struct value *out,
    struct diag *d)
{
	uint8_t *room = arena_alloc(&env->arena, text.n + 1);
	const char *end = NULL;
	size_t n = 0;

	if (room == NULL)
		return RC_NOMEM;
	if (sodium_base642bin(room, text.n + 1, (const char *)text.p, text.n, NULL, &n, &end,
	        sodium_base64_VARIANT_ORIGINAL) != 0 || end != (const char *)text.p + text.n)
		return value_fail(env, MSG_VALUE_NOT_BASE64, c, text, d);
	*out = value_blob(span_of(room, n));
	return RC_OK;
}

static enum rc
key_value_parse(struct command_env *env, const struct catalogue_column *c, struct span text, struct value *out,
    struct diag *d)
{
	struct key minted;

	if (!key_parse(text, &minted))
		return value_fail(env, MSG_VALUE_NOT_KEY, c, text, d);
	*out = value_blob(arena_copy(&env->arena, span_of(minted.b, KEY_BYTES)));
	return env->arena.failed ? RC_NOMEM : RC_OK;
}

enum rc
cell_parse(struct command_env *env, const struct catalogue_column *c, struct span text, struct value *out,
    struct diag *d)
{
	struct span s;
	enum rc rc;

	switch (c->type) {
	case COLUMN_INTEGER:
		*out = value_int(0);
		if (c->policy == POLICY_COUNTER && text.n > 1 && text.p[0] == '+')
			text = span_of(text.p + 1, text.n - 1);
		if (!text_int64(text, &out->i))
			return value_fail(env, MSG_VALUE_NOT_NUMBER_HERE, c, text, d);
		return RC_OK;
	case COLUMN_BLOB:
		return blob_parse(env, c, text, out, d);
	case COLUMN_KEY:
		return key_value_parse(env, c, text, out, d);
	case COLUMN_UNIT:
		if ((rc = command_unit(env, text, &s, d)) == RC_OK)
			*out = value_text(s);
		return rc;
	case COLUMN_TEXT:
		break;
	}
	rc = command_nfc(env, text, &s);
	if (rc == RC_INPUT)
		return diag_fail(d, rc, command_message(env, MSG_VALUE_NOT_TEXT), c->name);
	if (rc == RC_LIMIT)
		return diag_fail(d, RC_INPUT, command_message(env, MSG_VALUE_TOO_LONG), c->name, TEXT_BYTES_MAX);
	*out = value_text(s);
	return rc;
}

enum rc
cell_parse_json(struct command_env *env, const struct catalogue_column *c, const struct cJSON *json,
    struct value *out, struct diag *d)
{
	struct span text;

	if (json_is_null(json)) {
		*out = value_null();
		return RC_OK;
	}
	if (json_string(json, &text))
		return cell_parse(env, c, text, out, d);
	if (c->type == COLUMN_INTEGER && json_number_text(json, &text))
		return cell_parse(env, c, text, out, d);
	return diag_fail(d, RC_INPUT, command_message(env, MSG_VALUE_WRONG_TYPE), c->name);
}

struct span
cell_version_unit(const struct engine *e, int64_t version)
{
	uint32_t sid = VERSION_SID((uint64_t)version);

	if (sid == 0 || sid > stream_count(e))
		return span_of(NULL, 0);
	return unit_key(e, stream_at(e, sid)->unit);
}

void
cell_json_key(const char *name, const struct catalogue_table *t, struct span key, struct json_write *w)
{
	char text[KEY_TEXT_CHARS + 1];

	json_write_key(w, name);
	if (t->has_text_key || key.n != KEY_BYTES) {
		json_write_string(w, key);
		return;
	}
	key_format(key.p, text);
	json_write_cstr(w, text);
}

void
cell_json_unit(const char *name, struct engine *e, struct span key, struct json_write *w)
{
	struct bytes text;

	json_write_key(w, name);
	if (key.n == 0) {
		json_write_null(w);
		return;
	}
	bytes_init(&text);
	cell_unit_text(e, key, &text);
	json_write_string(w, span_bytes(&text));
	bytes_free(&text);
}

void
cell_json_time(const char *name, uint64_t hlc, struct json_write *w)
{
	char text[TIME_TEXT_CHARS + 1];

	key_time_format(HLC_MS(hlc), text);
	json_write_key(w, name);
	json_write_cstr(w, text);
}

void
cell_origin_text(const uint8_t origin[ORIGIN_BYTES], char out[2 * ORIGIN_BYTES + 1])
{
	sodium_bin2hex(out, 2 * ORIGIN_BYTES + 1, origin, ORIGIN_BYTES);
}

void
cell_json_origin(const char *name, const uint8_t origin[ORIGIN_BYTES], struct json_write *w)
{
	char text[2 * ORIGIN_BYTES + 1];

	cell_origin_text(origin, text);
	json_write_key(w, name);
	json_write_cstr(w, text);
}
