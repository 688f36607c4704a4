/* join: making a node from an invitation, by a link to the parent or by files.
 *
 *   join FILE                     asks over the link and finishes
 *   join FILE --request OUT       writes the request; the directory then waits for its credential
 *   join --credential FILE        finishes with the answer that `admit` wrote
 *
 * Each step may be cut anywhere and be repeated: the key and the request stand in the directory before anybody sees
 * them, the parent answers the same request alike, and the node is there when its database gets its name. */
#include <sodium.h>
#include <sqlite3.h>
#include <string.h>

#include "node/client.h"
#include "node/command_row.h"
#include "node/file.h"
#include "node/http_call.h"
#include "node/joining.h"
#include "node/keyfile.h"
#include "node/local.h"
#include "node/store.h"
#include "node/sync_client.h"
#include "node/text.h"
#include "node/tls.h"
#include "schema/schema.h"

#define JOIN_TRIES 5
#define JOIN_TIMEOUT_MS 60000

struct join {
	struct command_env *env;
	const char *file;		/* the invitation's, or NULL */
	const char *request;		/* --request */
	const char *credential;		/* --credential */
	const char *url;		/* --parent, or NULL */
	struct span name;		/* --name; "": the unit */
	struct invitation invitation;	/* with a file */
	struct joining joining;
	struct store_build build;
	bool is_fresh;			/* nobody has seen the request but this process */
	uint8_t seed[SEED_BYTES];
	struct credential chain[CREDENTIAL_CHAIN_MAX + 1];
	size_t chain_count;
};

/* ---- files */

/* The bytes that the text in file @path stands for. */
static enum rc
text_load(const char *path, enum invitation_kind kind, struct bytes *out, struct diag *d)
{
	struct bytes text;
	enum rc rc;

	bytes_init(&text);
	if ((rc = file_read(path, INVITATION_TEXT_BYTES_MAX, &text, d)) == RC_OK)
		rc = invitation_text_read(kind, span_bytes(&text), out, d);
	bytes_free(&text);
	return rc;
}

static enum rc
invitation_load(struct join *j, struct diag *d)
{
	char when[TIME_TEXT_CHARS + 1];
	struct bytes b;
	enum rc rc;

	bytes_init(&b);
	if ((rc = text_load(j->file, INVITATION_INVITATION, &b, d)) == RC_OK)
		rc = invitation_parse(&j->invitation, span_bytes(&b), d);
	if (b.p != NULL)
		sodium_memzero(b.p, b.cap);
	bytes_free(&b);
	if (rc == RC_OK && store_now_ms() > invitation_expires_ms(&j->invitation)) {
		/* Only the inviter's clock counts. */
		key_time_format(invitation_expires_ms(&j->invitation), when);
		bytes_fmt(&j->env->err, command_message(j->env, MSG_JOIN_LATE), when);
		bytes_byte(&j->env->err, '\n');
	}
	return rc;
}

/* ---- the request */

/* Our key, and the request in its file. */
static enum rc
request_make(struct join *j, bool is_key_kept, struct diag *d)
{
	const struct invitation *i = &j->invitation;
	enum rc rc;

	if (is_key_kept) {
		rc = store_key_read(j->build.dir, STORE_NODE_KEY, j->seed, d);
	} else if ((rc = store_build_clear(&j->build, d)) == RC_OK) {
		randombytes_buf(j->seed, SEED_BYTES);
		rc = store_key_write(j->build.dir, STORE_NODE_KEY, j->seed, d);
		j->is_fresh = true;
	}
	if (rc != RC_OK)
		return rc;
	bytes_clear(&j->joining.request);
	memcpy(j->joining.url, i->url, sizeof(i->url));
	if ((rc = invitation_request(i, j->seed, j->name, &j->joining.request)) != RC_OK)
		return rc;
	return joining_write(j->build.dir, &j->joining, d);
}

/* The request on the invitation: the same as before when there was one.  On a new invitation for the same place the key
 * stays: the old request may be on its way. */
static enum rc
request_have(struct join *j, struct diag *d)
{
	const struct invitation *i = &j->invitation, *before = &j->joining.q.body;
	enum rc rc = joining_read(j->build.dir, &j->joining, d);

	if (rc == RC_NOTFOUND)
		rc = request_make(j, false, d);
	else if (rc == RC_OK && (strcmp(i->unit, before->unit) != 0 ||
	    memcmp(i->root_pubkey, before->root_pubkey, PUBKEY_BYTES) != 0))
		rc = diag_fail(d, RC_CREATE, command_message(j->env, MSG_JOIN_OTHER), j->build.dir, before->unit,
		    j->build.dir);
	else if (rc == RC_OK && memcmp(i->id, before->id, INVITATION_BYTES) != 0)
		rc = request_make(j, true, d);
	if (rc == RC_OK && j->url != NULL && strcmp(j->url, j->joining.url) != 0) {
		memcpy(j->joining.url, j->url, strlen(j->url) + 1);
		rc = joining_write(j->build.dir, &j->joining, d);
	}
	return rc;
}

/* ---- the answer */

/* Ask the parent to let us in.  A link that fails is tried again a few times: the answer is the same each time. */
static enum rc
admission_ask(const struct join *j, struct bytes *answer, struct diag *d)
{
	struct http_call_options o = { .method = "POST", .body = span_bytes(&j->joining.request),
		.total_timeout_ms = JOIN_TIMEOUT_MS, .reply_bytes_max = INVITATION_ANSWER_BYTES_MAX,
		.tls_keys = span_of(j->joining.q.body.inviter_pubkey, PUBKEY_BYTES) };
	const char *url = j->joining.url;
	char full[STORE_PATH_BYTES];
	struct diag why;
	struct tls *tls = NULL;
	int status = 0, tries = 0;
	enum rc rc;

	if (!sync_client_url(url, "/sync/v1/join", full, sizeof(full)))
		return diag_fail(d, RC_INPUT, "%s", message(MSG_URL_BAD));
	if ((rc = sync_client_url_check(url, d)) != RC_OK ||
	    (sync_client_is_tls(url) && (rc = tls_new(j->seed, &tls, d)) != RC_OK))
		return rc;
	o.url = full;
	o.tls = tls;
	do {
		diag_init(&why);
		bytes_clear(answer);
		rc = http_call_blocking(&o, answer, &status, &why);
	} while (rc == RC_LINK && ++tries < JOIN_TRIES);
	tls_free(tls);
	if (rc == RC_OK && status == 200)
		return RC_OK;
	if (rc == RC_PEER)
		return diag_fail(d, rc, "%s", why.text);
	if (rc != RC_OK)
		return diag_fail(d, rc, message(MSG_NOT_REACHABLE), url, why.text);
	bytes_byte(answer, 0);
	if (answer->failed || !text_utf8_check(span_bytes(answer), NULL))
		return diag_fail(d, RC_PEER, message(MSG_PEER_BROKE), url, "?");
	rc = status == 403 ? RC_DENIED : status == 503 ? RC_UNREACHABLE : RC_PEER;
	return diag_fail(d, rc, message(MSG_SYNC_REFUSED), url, status, (const char *)answer->p);
}

static enum rc
answer_have(struct join *j, struct diag *d)
{
	uint8_t pubkey[PUBKEY_BYTES];
	struct bytes answer;
	enum rc rc;

	bytes_init(&answer);
	if ((rc = store_key_read(j->build.dir, STORE_NODE_KEY, j->seed, d)) != RC_OK)
		return rc;
	if (j->credential != NULL)
		rc = text_load(j->credential, INVITATION_ANSWER, &answer, d);
	else
		rc = admission_ask(j, &answer, d);
	if (rc == RC_OK)
		rc = invitation_answer(&j->joining.q, span_bytes(&answer), j->chain, &j->chain_count, d);
	bytes_free(&answer);
	if (rc != RC_OK)
		return rc;
	credential_keys(j->seed, pubkey);
	if (memcmp(pubkey, j->joining.q.pubkey, PUBKEY_BYTES) != 0)
		return diag_fail(d, RC_CORRUPT, message(MSG_STORE_DAMAGED), j->build.dir);
	return RC_OK;
}

/* ---- the node */

static enum rc
node_make(struct join *j, struct diag *d)
{
	const struct credential *chain = j->chain;
	struct engine_joining e = { j->joining.q.body.root_pubkey, chain, chain + 1, j->chain_count - 1,
		span_str(chain[j->chain_count - 1].unit), span_of(chain[1].origin, ORIGIN_BYTES) };
	sqlite3 *db = NULL;
	enum rc rc;

	if ((rc = store_build_database(&j->build, &db, d)) == RC_OK &&
	    (rc = engine_join(db, schema_catalogue(), store_env(), &e, d)) == RC_OK &&
	    (rc = local_create(db, d)) == RC_OK)
		rc = local_set(db, LOCAL_PARENT_URL, j->url != NULL ? j->url : j->joining.url, d);
	if (sqlite3_close(db) != SQLITE_OK && rc == RC_OK)
		rc = diag_fail(d, RC_BUG, "%s", rc_name(RC_BUG));
	if (rc == RC_OK && (rc = store_build_end(&j->build, d)) == RC_OK)
		rc = store_build_joined(&j->build, d);
	return rc;
}

/* What the node is to hold comes with the first round; that this fails undoes nothing. */
static void
first_round(struct command_env *env)
{
	struct command_env round;
	struct store store;
	struct diag d;
	enum rc rc;

	diag_init(&d);
	if ((rc = store_open(&store, env->dir, true, &d)) == RC_OK) {
		command_env_init(&round);
		round.language = env->language;
		rc = client_round(&round, &store, NULL, false, &d);
		store.is_broken = rc == RC_DISK;
		command_env_fini(&round);
		store_close(&store);
	}
	if (rc != RC_OK) {
		bytes_fmt(&env->err, command_message(env, MSG_JOIN_NO_SYNC), d.text);
		bytes_byte(&env->err, '\n');
	}
}

/* ---- the command */

static void
made_show(struct join *j)
{
	const char *unit = j->joining.q.body.unit;

	client_made_show(j->env, j->request != NULL ? MSG_JOIN_ASKED : MSG_JOIN_DONE, unit, j->request);
	if (j->credential != NULL && !j->env->is_json) {
		bytes_str(&j->env->out, command_message(j->env, MSG_JOIN_SYNC_NEXT));
		bytes_byte(&j->env->out, '\n');
	}
}

/* The node is there already.  When it was made by this very command, which did not come to its end, that end is now. */
static enum rc
resume(struct join *j, struct diag *d)
{
	enum rc rc;

	if ((rc = joining_read(j->env->dir, &j->joining, d)) == RC_OK && j->file != NULL &&
	    memcmp(j->invitation.id, j->joining.q.body.id, INVITATION_BYTES) != 0)
		rc = RC_NOTFOUND;
	if (rc != RC_OK || j->request != NULL)
		return diag_fail(d, RC_CREATE, command_message(j->env, MSG_DATABASE_HELD), j->env->dir);
	memcpy(j->build.dir, j->env->dir, strlen(j->env->dir) + 1);
	if ((rc = store_lock(j->env->dir, "join", &j->build.lock_fd, d)) == RC_OK)
		rc = store_build_joined(&j->build, d);
	return rc;
}

static enum rc
request_write(struct join *j, struct diag *d)
{
	struct bytes text;
	enum rc rc;

	bytes_init(&text);
	invitation_text_write(INVITATION_REQUEST, span_bytes(&j->joining.request), true, &text);
	if ((rc = bytes_rc(&text)) == RC_OK)
		rc = file_write(j->request, span_bytes(&text), 0666, d);
	bytes_free(&text);
	return rc;
}

/* Everything between the lock and its end. */
static enum rc
steps(struct join *j, struct diag *d)
{
	enum rc rc;

	if (j->file != NULL) {
		rc = request_have(j, d);
	} else if ((rc = joining_read(j->build.dir, &j->joining, d)) == RC_NOTFOUND) {
		rc = diag_fail(d, rc, command_message(j->env, MSG_JOIN_NOT_ASKED), j->build.dir);
	}
	if (rc == RC_OK && j->request != NULL)
		return request_write(j, d);
	if (rc == RC_OK && j->credential == NULL && j->joining.url[0] == '\0')
		rc = command_usage(j->env, d, MSG_ARGUMENT_MISSING, "--parent URL");
	if (rc == RC_OK && (rc = answer_have(j, d)) == RC_OK)
		rc = node_make(j, d);
	return rc;
}

static enum rc
join(struct join *j, struct diag *d)
{
	enum rc rc;

	if (j->file != NULL && (rc = invitation_load(j, d)) != RC_OK)
		return rc;
	if (j->file != NULL && j->name.n == 0)
		j->name = span_str(j->invitation.unit);
	if ((rc = command_author(j->env, j->name, &j->name, d)) != RC_OK)
		return rc;
	if (store_exists(j->env->dir)) {
		rc = resume(j, d);
	} else if ((rc = store_build_begin(&j->build, j->env->dir, d)) == RC_OK && (rc = steps(j, d)) != RC_OK) {
		/* After a link failed the parent may have taken our key in: keep it for the next attempt. */
		store_build_abandon(&j->build, !j->is_fresh || rc == RC_LINK || rc == RC_UNREACHABLE);
	}
	if (rc != RC_OK)
		return rc;
	if (j->file != NULL && j->request == NULL)
		first_round(j->env);
	made_show(j);
	return RC_OK;
}

static enum rc
arguments(struct join *j, struct diag *d)
{
	static const struct command_flag flags[] = { { "--parent", true }, { "--name", true }, { "--request", true },
		{ "--credential", true }, { "--passphrase-file", true } };
	static const char *const words[] = { "FILE" };
	const struct command_shape shape = { flags, 5, 0, 1, words };
	struct command_args args;
	enum rc rc;

	if ((rc = command_args(j->env, &shape, &args, d)) != RC_OK)
		return rc;
	j->file = args.words_count == 0 ? NULL : args.word[0];
	j->url = args.value[0];
	j->name = span_str(args.value[1] == NULL ? "" : args.value[1]);
	j->request = args.value[2];
	j->credential = args.value[3];
	if (j->credential != NULL && (j->file != NULL || j->request != NULL))
		return command_usage(j->env, d, MSG_ARGUMENT_EXTRA, j->file != NULL ? j->file : "--request");
	if (j->credential == NULL && j->file == NULL)
		return command_usage(j->env, d, MSG_ARGUMENT_MISSING, "FILE");
	if (j->url != NULL && strlen(j->url) > INVITATION_URL_BYTES_MAX)
		return diag_fail(d, RC_INPUT, "%s", command_message(j->env, MSG_URL_BAD));
	keyfile_passphrase_set(args.value[4]);
	return RC_OK;
}

enum rc
client_join(struct command_env *env, struct diag *d)
{
	struct join *j = mem_alloc(sizeof(*j));
	enum rc rc;

	if (j == NULL)
		return RC_NOMEM;
	j->env = env;
	j->build.lock_fd = -1;
	joining_init(&j->joining);
	(void)sodium_mlock(j->seed, sizeof(j->seed));	/* where the system lets us */
	if ((rc = arguments(j, d)) == RC_OK)
		rc = join(j, d);
	(void)sodium_munlock(j->seed, sizeof(j->seed));
	sodium_memzero(j->invitation.secret, sizeof(j->invitation.secret));
	store_unlock(j->build.lock_fd);
	joining_fini(&j->joining);
	mem_free(j);
	return rc;
}
