/* sync: what it is asked and what it says.  The round itself is sync_client.c. */

#include "node/cell.h"
#include "node/command_job.h"
#include "node/sync_client.h"

enum rc
command_sync_url(struct command_env *env, const char **url, struct diag *d)
{
	static const struct command_flag flags[] = { { "--peer", true } };
	const struct command_shape shape = { flags, 1, 0, 0, NULL };
	struct command_args args;
	enum rc rc;

	*url = NULL;
	if ((rc = command_args(env, &shape, &args, d)) == RC_OK)
		*url = args.value[0];
	return rc;
}

void
command_sync_show(struct command_env *env, const struct sync_result *r)
{
	struct json_write w;

	if (!env->is_json) {
		bytes_fmt(&env->out, command_message(env, MSG_SYNCED), (size_t)r->counts.commits_up,
		    (size_t)r->counts.commits_down, (size_t)r->requests, (size_t)r->bytes_up, (size_t)r->bytes_down);
		bytes_fmt(&env->out, "\n%s\n",
		    command_message(env, r->counts.is_equal ? MSG_EQUAL : MSG_NOT_EQUAL));
		return;
	}
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	cell_json_origin("peer", r->peer, &w);
	json_write_key(&w, "url");
	json_write_cstr(&w, r->url);
	json_write_key(&w, "equal");
	json_write_bool(&w, r->counts.is_equal);
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
	json_write_key(&w, "seconds");
	json_write_fixed(&w, (int64_t)r->ms, 3);
	json_write_object_end(&w);
	command_json_end(env, &w);
}
