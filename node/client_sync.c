/* sync without a daemon: the same round, on a loop that lives as long as it. */

#include "node/client.h"
#include "node/command_job.h"
#include "node/local.h"
#include "node/store.h"
#include "node/sync_client.h"

struct one_round {
	uv_loop_t loop;
	struct http_client *http;
	struct writer *writer;
	struct sync_result result;
};

static void
on_done(void *user, const struct sync_result *r)
{
	struct one_round *o = user;

	o->result = *r;
	http_client_free(o->http);
	writer_stop(o->writer, NULL, NULL);
}

static enum rc
round_run(struct one_round *o, struct engine *e, const char *url, const uint8_t *peer, bool is_parent, struct diag *d)
{
	const struct http_client_options http = { 0 };
	const struct writer_events events = { NULL, NULL, NULL };
	struct sync_client_options c = { .loop = &o->loop, .url = url, .peer = peer, .is_parent = is_parent,
		.on_done = on_done, .user = o };
	struct sync_client *client;
	enum rc rc;

	if (uv_loop_init(&o->loop) != 0)
		return RC_NOMEM;
	if ((rc = http_client_new(&o->loop, &http, &o->http, d)) == RC_OK) {
		if ((rc = writer_new(&o->loop, e, &events, &o->writer, d)) != RC_OK) {
			http_client_free(o->http);
		} else {
			c.http = o->http;
			c.writer = o->writer;
			if ((rc = sync_client_start(&c, &client, d)) != RC_OK) {
				http_client_free(o->http);
				writer_stop(o->writer, NULL, NULL);
			}
		}
	}
	(void)uv_run(&o->loop, UV_RUN_DEFAULT);
	INVARIANT(uv_loop_close(&o->loop) == 0);
	return rc;
}

enum rc
client_round(struct command_env *env, struct engine *e, const char *url, struct diag *d)
{
	struct one_round *o = mem_alloc(sizeof(*o));
	struct bytes parent;
	bool is_parent = url == NULL;
	enum rc rc;

	if (o == NULL)
		return RC_NOMEM;
	bytes_init(&parent);
	rc = is_parent ? local_get(engine_db(e), LOCAL_PARENT_URL, &parent, d) : RC_OK;
	if (rc == RC_OK && is_parent)
		url = parent.n == 0 ? NULL : bytes_cstr(&parent);
	if (rc == RC_OK && url == NULL)
		rc = diag_fail(d, RC_INPUT, "%s", command_message(env, MSG_PARENT_NONE));
	if (rc == RC_OK)
		rc = round_run(o, e, url, is_parent ? engine_self(e)->parent : NULL, is_parent, d);
	if (rc == RC_OK && (rc = o->result.rc) != RC_OK)
		(void)diag_fail(d, rc, "%s", o->result.diag.text);
	if (rc == RC_OK)
		command_sync_show(env, &o->result);
	bytes_free(&parent);
	mem_free(o);
	return rc;
}

enum rc
client_sync(struct command_env *env, struct diag *d)
{
	struct store store;
	const char *url;
	enum rc rc;

	if ((rc = command_sync_url(env, &url, d)) != RC_OK ||
	    (rc = store_open(&store, env->dir, true, d)) != RC_OK)
		return rc;
	if ((rc = local_create(store.db, d)) == RC_OK)
		rc = client_round(env, store.engine, url, d);
	store_close(&store);
	return rc;
}
