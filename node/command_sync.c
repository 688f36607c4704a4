/* sync: what it is asked and what it says.  The round itself is sync_client.c. */

#include "node/cell.h"
#include "node/command_job.h"
#include "node/sync_client.h"

enum rc
command_sync_url(struct command_env *env, const char **url, bool *is_compare, struct diag *d)
{
	static const struct command_flag flags[] = { { "--peer", true }, { "--compare", false } };
	const struct command_shape shape = { flags, 2, 0, 0, NULL };
	struct command_args args;
	enum rc rc;

	*url = NULL;
	*is_compare = false;
	if ((rc = command_args(env, &shape, &args, d)) == RC_OK) {
		*url = args.value[0];
		*is_compare = args.value[1] != NULL;
	}
	return rc;
}

static void
show_text(struct command_env *env, const struct sync_result *r)
{
	bytes_fmt(&env->out, command_message(env, MSG_SYNCED), (size_t)r->counts.commits_up,
	    (size_t)r->counts.commits_down, (size_t)r->requests, (size_t)r->bytes_up, (size_t)r->bytes_down);
	bytes_byte(&env->out, '\n');
	if (r->state != EXCHANGE_DIFFERS)
		bytes_fmt(&env->out, "%s\n",
		    command_message(env, r->counts.is_equal ? MSG_EQUAL : MSG_NOT_EQUAL));
}

static void
show_json(struct command_env *env, const struct sync_result *r)
{
	struct json_write w;

	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	cell_json_origin("peer", r->peer, &w);
	json_write_key(&w, "url");
	json_write_cstr(&w, r->url);
	json_write_key(&w, "equal");
	json_write_bool(&w, r->counts.is_equal && r->state != EXCHANGE_DIFFERS);
	json_write_key(&w, "state_equal");
	if (r->state == EXCHANGE_SAME || r->state == EXCHANGE_DIFFERS)
		json_write_bool(&w, r->state == EXCHANGE_SAME);
	else
		json_write_null(&w);
	json_write_key(&w, "held_back");	/* streams that came and wait: a clock is wrong */
	json_write_uint64(&w, r->counts.held_back);
	json_write_key(&w, "requests");
	json_write_uint64(&w, r->requests);
	json_write_key(&w, "bytes_up");
	json_write_uint64(&w, r->bytes_up);
	json_write_key(&w, "bytes_down");
	json_write_uint64(&w, r->bytes_down);
	json_write_key(&w, "commits_up");
	json_write_uint64(&w, r->counts.commits_up);
	json_write_key(&w, "commits_down");
	json_write_uint64(&w, r->counts.commits_down);
	json_write_key(&w, "quarantined");
	json_write_uint64(&w, r->counts.quarantined);
	json_write_key(&w, "conflicts");
	json_write_uint64(&w, r->counts.conflicts);
	json_write_key(&w, "state_requests");	/* beside the round's */
	json_write_uint64(&w, r->state_requests);
	json_write_key(&w, "state_bytes");
	json_write_uint64(&w, r->state_bytes_up + r->state_bytes_down);
	json_write_key(&w, "seconds");
	json_write_fixed(&w, (int64_t)r->ms, 3);
	json_write_object_end(&w);
	command_json_end(env, &w);
}

enum rc
command_sync_show(struct command_env *env, const struct sync_result *r, struct diag *d)
{
	if (env->is_json)
		show_json(env, r);
	else
		show_text(env, r);
	if (r->state != EXCHANGE_DIFFERS)
		return RC_OK;
	return diag_fail(d, RC_DIFFER, command_message(env, MSG_STATE_DIFFERS), r->url);
}
