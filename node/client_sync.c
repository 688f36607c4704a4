/* sync without a daemon: the same round, on a loop that lives as long as it. */

#include "node/client.h"
#include "node/command_job.h"
#include "node/local.h"
#include "node/state_watch.h"
#include "node/store.h"
#include "node/tls.h"

struct one_round {
	uv_loop_t loop;
	struct tls *tls;
	struct http_client *http;
	struct writer *writer;
	struct reader *reader;		/* NULL: rows are not compared, as when a node is being made */
	struct sync_result result;
};

static void
parts_stop(struct one_round *o)
{
	http_client_free(o->http);
	if (o->writer != NULL)
		writer_stop(o->writer, NULL, NULL);
}

static void
on_checked(void *user, const struct state_check_result *check)
{
	struct one_round *o = user;

	state_watch_complete(&o->result, check);
	parts_stop(o);
}

static void
on_done(void *user, const struct sync_result *r)
{
	struct one_round *o = user;
	struct state_check_options c = { .http = o->http, .writer = o->writer, .reader = o->reader,
		.url = r->url, .peer = r->peer, .on_done = on_checked, .user = o };
	struct state_check *check;

	o->result = *r;
	if (!r->is_state_due || o->reader == NULL || state_check_start(&c, &check, NULL) != RC_OK)
		parts_stop(o);
}

static enum rc
parts_start(struct one_round *o, struct engine *e, const char *dir, struct diag *d)
{
	const struct http_client_options http = { .tls = o->tls };
	const struct writer_events events = { NULL, NULL, NULL, NULL };
	enum rc rc;

	if (dir != NULL && (o->reader = reader_new(&o->loop, dir)) == NULL)
		return RC_NOMEM;
	if ((rc = http_client_new(&o->loop, &http, &o->http, d)) != RC_OK)
		return rc;
	return writer_new(&o->loop, e, &events, &o->writer, d);
}

static enum rc
round_run(struct one_round *o, struct engine *e, const char *dir, struct sync_client_options *c, struct diag *d)
{
	struct sync_client *client;
	enum rc rc;

	if (uv_loop_init(&o->loop) != 0)
		return RC_NOMEM;
	if ((rc = parts_start(o, e, dir, d)) == RC_OK) {
		c->loop = &o->loop;
		c->http = o->http;
		c->writer = o->writer;
		c->on_done = on_done;
		c->user = o;
		rc = sync_client_start(c, &client, d);
	}
	if (rc != RC_OK)
		parts_stop(o);
	(void)uv_run(&o->loop, UV_RUN_DEFAULT);
	INVARIANT(uv_loop_close(&o->loop) == 0);
	reader_free(o->reader);
	return rc;
}

enum rc
client_round(struct command_env *env, const struct store *s, const char *url, bool is_compare, struct diag *d)
{
	struct engine *e = s->engine;
	struct one_round *o = mem_alloc(sizeof(*o));
	struct bytes parent;
	bool is_parent = url == NULL;
	struct sync_client_options c = { .is_parent = is_parent, .is_compare = is_compare,
		.peer = is_parent ? engine_self(e)->parent : NULL };
	enum rc rc;

	if (o == NULL)
		return RC_NOMEM;
	bytes_init(&parent);
	rc = is_parent ? local_get(engine_db(e), LOCAL_PARENT_URL, &parent, d) : RC_OK;
	if (rc == RC_OK && is_parent)
		url = parent.n == 0 ? NULL : bytes_cstr(&parent);
	if (rc == RC_OK && url == NULL)
		rc = diag_fail(d, RC_INPUT, "%s", command_message(env, MSG_PARENT_NONE));
	c.url = url;
	if (rc == RC_OK && sync_client_is_tls(url))
		rc = tls_new(s->seed, &o->tls, d);
	if (rc == RC_OK)
		rc = round_run(o, e, env->dir, &c, d);
	if (rc == RC_OK && (rc = o->result.rc) != RC_OK)
		(void)diag_fail(d, rc, "%s", o->result.diag.text);
	if (rc == RC_OK)
		rc = command_sync_show(env, &o->result, d);
	bytes_free(&parent);
	tls_free(o->tls);
	mem_free(o);
	return rc;
}

enum rc
client_sync(struct command_env *env, struct diag *d)
{
	struct store store;
	const char *url;
	bool is_compare;
	enum rc rc;

	if ((rc = command_sync_url(env, &url, &is_compare, d)) != RC_OK ||
	    (rc = store_open(&store, env->dir, true, d)) != RC_OK)
		return rc;
	if ((rc = local_create(store.db, d)) == RC_OK)
		rc = client_round(env, &store, url, is_compare, d);
	store.is_broken = rc == RC_DISK;
	store_close(&store);
	return rc;
}
