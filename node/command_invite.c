/* invite: a text with which one new node of a unit may join.  admit: letting in who asks on it by file. */
#include <sodium.h>
#include <string.h>

#include "node/cell.h"
#include "node/command_row.h"
#include "node/invitation.h"
#include "node/qr.h"
#include "node/sync_client.h"
#include "node/text.h"

#define DAY_MS UINT64_C(86400000)
#define EXPIRES_DAYS_DEFAULT 14
#define EXPIRES_DAYS_MAX 366

/* "14d", "12h", "30m" */
static bool
duration_parse(const char *text, uint64_t *ms)
{
	size_t n = strlen(text);
	uint64_t unit_ms;
	int64_t v;

	if (n < 2)
		return false;
	unit_ms = text[n - 1] == 'd' ? DAY_MS : text[n - 1] == 'h' ? 3600000 : text[n - 1] == 'm' ? 60000 :
	    text[n - 1] == 's' ? 1000 : 0;
	if (unit_ms == 0 || !text_int64(span_of(text, n - 1), &v) || v <= 0 || v > (int64_t)(EXPIRES_DAYS_MAX * DAY_MS))
		return false;
	*ms = (uint64_t)v * unit_ms;
	return *ms <= EXPIRES_DAYS_MAX * DAY_MS;
}

static enum rc
invitation_fill(struct command_env *env, const struct command_args *args, struct invitation *i, struct diag *d)
{
	struct engine *e = env->engine;
	uint64_t for_ms = EXPIRES_DAYS_DEFAULT * DAY_MS, expires_s;
	unit_id unit, own;
	enum rc rc;
	struct span key;

	memset(i, 0, sizeof(*i));
	if (args->value[2] != NULL && !duration_parse(args->value[2], &for_ms)) {
		env->is_usage = true;
		return diag_fail(d, RC_INPUT, command_message(env, MSG_OPTION_BAD_VALUE), "--expires", args->value[2]);
	}
	if ((rc = command_unit(env, span_str(args->value[0]), &key, d)) != RC_OK)
		return rc;
	unit = unit_find(e, key);
	own = unit_find(e, span_str(engine_self(e)->unit));
	if (own == UNIT_NONE || !unit_is_within(e, unit, own))
		return diag_fail(d, RC_DENIED, command_message(env, MSG_INVITE_NOT_BELOW), args->value[0]);
	INVARIANT(key.n <= UNIT_BYTES_MAX);
	memcpy(i->unit, key.p, key.n);
	expires_s = (env->now_ms + for_ms) / 1000;
	i->expires_s = expires_s > UINT32_MAX ? UINT32_MAX : (uint32_t)expires_s;
	randombytes_buf(i->id, sizeof(i->id));
	if (args->value[3] != NULL) {
		if (strlen(args->value[3]) > INVITATION_URL_BYTES_MAX)
			return diag_fail(d, RC_INPUT, command_message(env, MSG_VALUE_TOO_LONG), "--parent",
			    (size_t)INVITATION_URL_BYTES_MAX);
		if ((rc = sync_client_url_check(args->value[3], d)) != RC_OK)
			return rc;
		memcpy(i->url, args->value[3], strlen(args->value[3]));
	}
	return RC_OK;
}

/* The text of @i in one line, and the same in lines. */
static enum rc
invitation_texts(const struct invitation *i, struct bytes *line, struct bytes *lines)
{
	struct bytes b;
	enum rc rc;

	bytes_init(&b);
	invitation_emit(i, &b);
	invitation_text_write(INVITATION_INVITATION, span_bytes(&b), false, line);
	invitation_text_write(INVITATION_INVITATION, span_bytes(&b), true, lines);
	rc = b.failed || lines->failed || bytes_cstr(line) == NULL ? RC_NOMEM : RC_OK;
	bytes_free(&b);
	return rc;
}

static enum rc
invited_show(struct command_env *env, const struct invitation *i, const struct bytes *line, const struct bytes *lines,
    bool is_drawn, struct diag *d)
{
	char when[TIME_TEXT_CHARS + 1];
	struct json_write w;
	enum rc rc;

	key_time_format(invitation_expires_ms(i), when);
	if (env->is_json) {
		json_write_init(&w, &env->out, false);
		json_write_object(&w);
		cell_json_unit("unit", env->engine, span_str(i->unit), &w);
		json_write_key(&w, "expires");
		json_write_cstr(&w, when);
		json_write_key(&w, "file");
		json_write_cstr(&w, env->output_name);
		json_write_key(&w, "invitation");
		json_write_string(&w, span_bytes(line));
		json_write_object_end(&w);
		command_json_end(env, &w);
		return RC_OK;
	}
	if (is_drawn) {
		if ((rc = qr_draw((const char *)line->p, &env->out, NULL)) == RC_LIMIT)
			return diag_fail(d, rc, "%s", command_message(env, MSG_QR_LONG));
		if (rc != RC_OK)
			return rc;
		bytes_fmt(&env->out, command_message(env, MSG_INVITED_SHOWN), i->unit, when);
		bytes_byte(&env->out, '\n');
	}
	if (env->output_name == NULL) {
		bytes_put(&env->out, lines->p, lines->n);
	} else {
		bytes_fmt(&env->out, command_message(env, MSG_INVITED), env->output_name, i->unit, when);
		bytes_byte(&env->out, '\n');
	}
	return RC_OK;
}

enum rc
command_invite(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = {
		{ "--unit", true }, { "--out", true }, { "--expires", true }, { "--parent", true }, { "--qr", false }
	};
	const struct command_shape shape = { flags, 5, 0, 0, NULL };
	struct command_args args;
	struct bytes line, lines;
	struct invitation i;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if (args.value[0] == NULL)
		return command_usage(env, d, MSG_ARGUMENT_MISSING, "--unit CODE");
	bytes_init(&line);
	bytes_init(&lines);
	env->output_name = args.value[1];
	if ((rc = invitation_fill(env, &args, &i, d)) == RC_OK &&
	    (rc = invitation_issue(env->engine, &i)) == RC_OK && (rc = invitation_texts(&i, &line, &lines)) == RC_OK)
		rc = invited_show(env, &i, &line, &lines, args.value[4] != NULL, d);
	if (rc == RC_OK && env->output_name != NULL)
		bytes_put(&env->output, lines.p, lines.n);
	sodium_memzero(i.secret, sizeof(i.secret));
	bytes_free(&lines);
	bytes_free(&line);
	return rc;
}

/* ---- admit */

static void
admitted_show(struct command_env *env, const struct credential *self, const struct bytes *line)
{
	struct json_write w;

	if (env->is_json) {
		json_write_init(&w, &env->out, false);
		json_write_object(&w);
		cell_json_origin("node", self->origin, &w);
		cell_json_unit("unit", env->engine, span_str(self->unit), &w);
		json_write_key(&w, "name");
		json_write_cstr(&w, self->name);
		json_write_key(&w, "file");
		json_write_cstr(&w, env->output_name);
		json_write_key(&w, "answer");
		json_write_string(&w, span_bytes(line));
		json_write_object_end(&w);
		command_json_end(env, &w);
	} else if (env->output_name != NULL) {
		bytes_fmt(&env->out, command_message(env, MSG_ADMITTED), env->output_name, self->unit);
		bytes_byte(&env->out, '\n');
	} else {
		bytes_put(&env->out, env->output.p, env->output.n);
	}
}

enum rc
command_admit(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--out", true } };
	static const char *const words[] = { "REQUEST" };
	const struct command_shape shape = { flags, 1, 1, 1, words };
	struct bytes request, answer, line;
	struct command_args args;
	struct credential self;
	struct span text;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK ||
	    (rc = command_file(env, args.word[0], &text, d)) != RC_OK)
		return rc;
	if (text.n > INVITATION_TEXT_BYTES_MAX)
		return diag_fail(d, RC_INPUT, "%s", command_message(env, MSG_JOIN_REQUEST_BAD));
	bytes_init(&request);
	bytes_init(&answer);
	bytes_init(&line);
	if ((rc = invitation_text_read(INVITATION_REQUEST, text, &request, d)) == RC_OK &&
	    (rc = invitation_admit(env->engine, span_bytes(&request), env->now_ms, &answer, &self, d)) == RC_OK) {
		env->output_name = args.value[0];
		invitation_text_write(INVITATION_ANSWER, span_bytes(&answer), true, &env->output);
		invitation_text_write(INVITATION_ANSWER, span_bytes(&answer), false, &line);
		if ((rc = bytes_rc(&line)) == RC_OK)
			admitted_show(env, &self, &line);
	}
	bytes_free(&line);
	bytes_free(&answer);
	bytes_free(&request);
	return rc;
}
