/* invite: a file with which one new node of a unit may join. */
#include <sodium.h>
#include <string.h>

#include "node/cell.h"
#include "node/command_row.h"
#include "node/invitation.h"
#include "node/local.h"
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
	uint64_t for_ms = EXPIRES_DAYS_DEFAULT * DAY_MS;
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
	i->expires_ms = env->now_ms + for_ms;
	randombytes_buf(i->id, sizeof(i->id));
	if (args->value[3] != NULL) {
		if (strlen(args->value[3]) > INVITATION_URL_BYTES_MAX)
			return diag_fail(d, RC_INPUT, command_message(env, MSG_VALUE_TOO_LONG), "--parent",
			    (size_t)INVITATION_URL_BYTES_MAX);
		memcpy(i->url, args->value[3], strlen(args->value[3]));
	}
	return RC_OK;
}

enum rc
command_invite(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = {
		{ "--unit", true }, { "--out", true }, { "--expires", true }, { "--parent", true }
	};
	const struct command_shape shape = { flags, 4, 0, 0, NULL };
	char when[TIME_TEXT_CHARS + 1];
	struct command_args args;
	struct bytes text;
	struct invitation i;
	struct json_write w;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if (args.value[0] == NULL)
		return command_usage(env, d, MSG_ARGUMENT_MISSING, "--unit CODE");
	bytes_init(&text);
	if ((rc = invitation_fill(env, &args, &i, d)) == RC_OK)
		rc = invitation_issue(env->engine, &i, &text, d);
	if (rc != RC_OK) {
		bytes_free(&text);
		return rc;
	}
	key_time_format(i.expires_ms, when);
	env->output_name = args.value[1];
	if (env->output_name != NULL)
		bytes_put(&env->output, text.p, text.n);
	if (env->is_json) {
		json_write_init(&w, &env->out, false);
		json_write_object(&w);
		cell_json_unit("unit", env->engine, span_str(i.unit), &w);
		json_write_key(&w, "expires");
		json_write_cstr(&w, when);
		json_write_key(&w, "file");
		json_write_cstr(&w, env->output_name);
		json_write_key(&w, "invitation");
		json_write_string(&w, text_trim(span_bytes(&text)));
		json_write_object_end(&w);
		command_json_end(env, &w);
	} else if (env->output_name != NULL) {
		bytes_fmt(&env->out, command_message(env, MSG_INVITED), env->output_name, i.unit, when);
		bytes_byte(&env->out, '\n');
	} else {
		bytes_put(&env->out, text.p, text.n);
	}
	if (text.failed)
		rc = RC_NOMEM;
	bytes_free(&text);
	return rc;
}
