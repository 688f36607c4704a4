#include "node/clock_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "node/cell.h"
#include "node/message.h"

#define SPAN_BYTES 48

/* A length of time as people say it, by its two largest parts: "81 y 20 d", "7 h 0 min". */
static void
span_text(uint64_t ms, char out[SPAN_BYTES])
{
	static const struct {
		uint64_t s;
		const char *name;
	} units[] = { { 31557600, "y" }, { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	uint64_t s = ms / 1000;
	size_t i = 0;

	while (i < 3 && s < units[i].s)
		i++;
	(void)snprintf(out, SPAN_BYTES, "%" PRIu64 " %s %" PRIu64 " %s", s / units[i].s, units[i].name,
	    s % units[i].s / units[i + 1].s, units[i + 1].name);
}

static uint64_t
magnitude(int64_t ms)
{
	return ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
}

static const char *
say(const struct command_env *env, enum message_id id)
{
	return env != NULL ? command_message(env, id) : message(id);
}

/* @env: whose language; NULL: ours. */
static void
report_text(const struct command_env *env, struct engine *e, const struct clock_report *r, struct bytes *out)
{
	char by[SPAN_BYTES];

	span_text(magnitude(r->badge == CLOCK_UNSURE ? r->peer_ms : r->offset_ms), by);
	switch (r->badge) {
	case CLOCK_AHEAD:
		bytes_fmt(out, say(env, MSG_CLOCK_AHEAD), by);
		break;
	case CLOCK_BEHIND:
		bytes_fmt(out, say(env, command_is_new(e) ? MSG_CLOCK_NEW :
		    r->offset_ms == 0 ? MSG_CLOCK_PAST : MSG_CLOCK_BEHIND), by);
		break;
	case CLOCK_UNSURE:
		bytes_fmt(out, say(env, MSG_CLOCK_UNSURE), by);
		break;
	default:
		bytes_str(out, say(env, MSG_CLOCK_OK));
		break;
	}
}

void
clock_show_line(struct engine *e, struct bytes *out)
{
	struct clock_report r;

	if (clock_hear_report(e, &r, NULL) == RC_OK)
		report_text(NULL, e, &r, out);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static enum rc
on_waiting_json(void *ctx, const struct clock_waiting *x)
{
	struct json_write *w = ctx;

	json_write_object(w);
	cell_json_origin("node", x->origin, w);
	json_write_key(w, "ahead_ms");
	if (x->effective_ms == 0)
		json_write_null(w);	/* it depends on others that wait */
	else
		json_write_uint64(w, x->ahead_ms);
	json_write_object_end(w);
	return RC_OK;
}

enum rc
clock_show_json(struct engine *e, struct json_write *w, struct diag *d)
{
	struct clock_report r;
	enum rc rc;

	if ((rc = clock_hear_report(e, &r, d)) != RC_OK)
		return rc;
	json_write_key(w, "offset_ms");
	json_write_int64(w, r.offset_ms);
	json_write_key(w, "parent_ms");
	if (r.has_heard)
		json_write_int64(w, r.peer_ms);
	else
		json_write_null(w);
	json_write_key(w, "badge");
	json_write_cstr(w, clock_hear_badge_name(r.badge));
	json_write_key(w, "waiting");
	json_write_array(w);
	rc = clock_wait_each(e, on_waiting_json, w, d);
	json_write_array_end(w);
	return rc;
}

/* --- text ------------------------------------------------------------------------------------- */

static enum rc
on_waiting_text(void *ctx, const struct clock_waiting *x)
{
	struct command_env *env = ctx;
	char node[2 * ORIGIN_BYTES + 1], by[SPAN_BYTES];

	cell_origin_text(x->origin, node);
	span_text(x->ahead_ms, by);
	if (x->effective_ms != 0)
		bytes_fmt(&env->out, command_message(env, MSG_CLOCK_WAITS), node, by);
	else
		bytes_fmt(&env->out, command_message(env, MSG_CLOCK_DEPENDS), node);
	bytes_byte(&env->out, '\n');
	return RC_OK;
}

enum rc
clock_show_text(struct command_env *env, struct diag *d)
{
	struct clock_report r;
	enum rc rc;

	if ((rc = clock_hear_report(env->engine, &r, d)) != RC_OK)
		return rc;
	bytes_fmt(&env->out, "%s: ", command_message(env, MSG_STATUS_CLOCK));
	report_text(env, env->engine, &r, &env->out);
	bytes_byte(&env->out, '\n');
	return clock_wait_each(env->engine, on_waiting_text, env, d);
}
