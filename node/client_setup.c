/* init and join: making the data directory of a node.  Until the rename at the end there is nothing at its place. */
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/cell.h"
#include "node/client.h"
#include "node/command_row.h"
#include "node/csv.h"
#include "node/file.h"
#include "node/http_call.h"
#include "node/invitation.h"
#include "node/local.h"
#include "node/store.h"
#include "node/sync_client.h"
#include "node/text.h"
#include "schema/schema.h"

#define UNITS_BYTES_MAX ((size_t)16 << 20)
#define JOIN_TRIES 5
#define JOIN_TIMEOUT_MS 60000

/* ---- init */

/* The key of the newest unit with that code (or that very key) in the file. */
static enum rc
root_find(struct command_env *env, const char *code, const struct command_file *file, char key[UNIT_BYTES_MAX + 1],
    struct diag *d)
{
	struct csv *csv = mem_alloc(sizeof(*csv));
	struct span best = span_of(NULL, 0), c, from;
	size_t code_at = CSV_NONE, from_at = CSV_NONE, len = strcspn(code, "@");
	bool is_row = true;
	enum rc rc;

	if (csv == NULL)
		return RC_NOMEM;
	if ((rc = csv_init(csv, file->bytes, file->name, d)) == RC_OK && (rc = csv_header(csv, NULL, 0, d)) == RC_OK &&
	    (csv_find(csv, "code", &code_at) != RC_OK || csv_find(csv, "valid_from", &from_at) != RC_OK))
		rc = diag_fail(d, RC_INPUT, command_message(env, MSG_INIT_NOT_UNITS), file->name);
	while (rc == RC_OK && is_row && (rc = csv_next(csv, &is_row, d)) == RC_OK && is_row) {
		c = text_trim(csv_field(csv, code_at));
		from = text_trim(csv_field(csv, from_at));
		if (!span_eq(c, span_of(code, len)) || !text_date(from) ||
		    (code[len] == '@' && !span_eq(from, span_str(code + len + 1))))
			continue;
		if (best.n == 0 || span_cmp(from, best) > 0)
			best = arena_copy(&env->arena, from);
	}
	if (rc == RC_OK && best.n == 0)
		rc = diag_fail(d, RC_INPUT, command_message(env, MSG_INIT_NO_UNIT), file->name, code);
	if (rc == RC_OK && snprintf(key, UNIT_BYTES_MAX + 1, "%.*s@%.*s", (int)len, code, (int)best.n,
	        (const char *)best.p) > UNIT_BYTES_MAX)
		rc = diag_fail(d, RC_INPUT, command_message(env, MSG_INIT_NO_UNIT), file->name, code);
	csv_fini(csv);
	mem_free(csv);
	return rc;
}

/* The units as the first save of the new node. */
static enum rc
units_import(struct command_env *env, sqlite3 *db, const uint8_t *seed, const struct command_file *file,
    struct diag *d)
{
	const char *const argv[] = { "import", "units", file->name };
	struct command_env import;
	struct engine *e;
	enum rc rc;

	if ((rc = engine_open(&e, db, schema_catalogue(), store_env(), seed, d)) != RC_OK)
		return rc;
	command_env_init(&import);
	import.engine = e;
	import.catalogue = engine_catalogue(e);
	import.argc = 3;
	import.argv = argv;
	import.files = file;
	import.files_count = 1;
	import.author = env->author;
	import.language = env->language;
	import.dir = env->dir;
	import.now_ms = store_now_ms();
	if ((rc = local_create(db, d)) == RC_OK)
		rc = command_import(&import, d);
	command_env_fini(&import);
	engine_close(e);
	return rc;
}

static enum rc
master_make(struct command_env *env, const struct store_build *b, struct span unit, struct span name,
    const struct command_file *file, struct diag *d)
{
	uint8_t root_seed[SEED_BYTES], node_seed[SEED_BYTES];
	struct engine_founding f = { root_seed, node_seed, unit, name };
	sqlite3 *db = NULL;
	enum rc rc;

	randombytes_buf(root_seed, sizeof(root_seed));
	randombytes_buf(node_seed, sizeof(node_seed));
	if ((rc = store_key_write(b->temp, STORE_ROOT_KEY, root_seed, d)) == RC_OK &&
	    (rc = store_key_write(b->temp, STORE_NODE_KEY, node_seed, d)) == RC_OK &&
	    (rc = store_build_database(b, &db, d)) == RC_OK &&
	    (rc = engine_found(db, schema_catalogue(), store_env(), &f, d)) == RC_OK)
		rc = units_import(env, db, node_seed, file, d);
	if (sqlite3_close(db) != SQLITE_OK && rc == RC_OK)
		rc = diag_fail(d, RC_BUG, "%s", rc_name(RC_BUG));
	sodium_memzero(root_seed, sizeof(root_seed));
	sodium_memzero(node_seed, sizeof(node_seed));
	return rc;
}

static void
made_show(struct command_env *env, enum message_id id, const char *unit)
{
	struct json_write w;

	if (!env->is_json) {
		bytes_fmt(&env->out, command_message(env, id), env->dir, unit);
		bytes_byte(&env->out, '\n');
		return;
	}
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	json_write_key(&w, "dir");
	json_write_cstr(&w, env->dir);
	json_write_key(&w, "unit");
	json_write_cstr(&w, unit);
	json_write_object_end(&w);
	command_json_end(env, &w);
}

enum rc
client_init(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--unit", true }, { "--units", true }, { "--name", true } };
	const struct command_shape shape = { flags, 3, 0, 0, NULL };
	char key[UNIT_BYTES_MAX + 1];
	struct command_args args;
	struct command_file file;
	struct store_build b;
	struct span name;
	struct bytes content;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if (args.value[0] == NULL || args.value[1] == NULL)
		return command_usage(env, d, MSG_ARGUMENT_MISSING,
		    args.value[0] == NULL ? "--unit CODE" : "--units FILE");
	name = span_str(args.value[2] == NULL ? args.value[0] : args.value[2]);
	if ((rc = command_author(env, name, &name, d)) != RC_OK)
		return rc;
	bytes_init(&content);
	if ((rc = file_read(args.value[1], UNITS_BYTES_MAX, &content, d)) != RC_OK)
		goto err0;
	file = (struct command_file){ args.value[1], span_bytes(&content) };
	if ((rc = root_find(env, args.value[0], &file, key, d)) != RC_OK)
		goto err0;
	if ((rc = store_build_begin(&b, env->dir, d)) != RC_OK)
		goto err1;
	if ((rc = store_build_clear(&b, d)) != RC_OK ||
	    (rc = master_make(env, &b, span_str(key), name, &file, d)) != RC_OK ||
	    (rc = store_build_end(&b, d)) != RC_OK)
		goto err1;
	store_unlock(b.lock_fd);
	bytes_free(&content);
	made_show(env, MSG_INIT_DONE, key);
	return RC_OK;

err1:
	store_build_abandon(&b, false);
err0:
	bytes_free(&content);
	return rc;
}

/* ---- join */

/* Our key: that of an interrupted attempt with the same invitation, because the parent may have admitted it already;
 * else a new one. */
static enum rc
seed_make(struct store_build *b, struct span invitation, uint8_t seed[SEED_BYTES], struct diag *d)
{
	char path[STORE_PATH_BYTES];
	struct bytes before;
	bool is_same;
	enum rc rc;

	if (!store_path(b->temp, STORE_INVITATION, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), b->temp);
	bytes_init(&before);
	is_same = access(path, F_OK) == 0 && file_read(path, INVITATION_TEXT_BYTES_MAX, &before, NULL) == RC_OK &&
	    span_eq(span_bytes(&before), invitation) && store_key_read(b->temp, STORE_NODE_KEY, seed, NULL) == RC_OK;
	bytes_free(&before);
	if (is_same)
		return RC_OK;
	randombytes_buf(seed, SEED_BYTES);
	if ((rc = store_build_clear(b, d)) == RC_OK &&
	    (rc = store_key_write(b->temp, STORE_NODE_KEY, seed, d)) == RC_OK)
		rc = file_write(path, invitation, 0600, d);
	return rc;
}

/* Ask @url to let us in.  A link that fails is tried again a few times: the answer is the same each time. */
static enum rc
admission_ask(const char *url, struct span request, struct bytes *answer, struct diag *d)
{
	struct http_call_options o = { .method = "POST", .body = request, .total_timeout_ms = JOIN_TIMEOUT_MS,
		.reply_bytes_max = INVITATION_REQUEST_BYTES_MAX };
	char full[STORE_PATH_BYTES];
	struct diag why;
	int status = 0, tries = 0;
	enum rc rc;

	if (!sync_client_url(url, "/sync/v1/join", full, sizeof(full)))
		return diag_fail(d, RC_INPUT, "%s", message(MSG_URL_BAD));
	o.url = full;
	do {
		diag_init(&why);
		bytes_clear(answer);
		rc = http_call_blocking(&o, answer, &status, &why);
	} while (rc == RC_LINK && ++tries < JOIN_TRIES);
	if (rc == RC_OK && status == 200)
		return RC_OK;
	if (rc != RC_OK)
		return diag_fail(d, rc, message(MSG_NOT_REACHABLE), url, why.text);
	bytes_byte(answer, 0);
	if (answer->failed || !text_utf8_check(span_bytes(answer), NULL))
		return diag_fail(d, RC_PEER, message(MSG_PEER_BROKE), url, "?");
	rc = status == 403 ? RC_DENIED : status == 503 ? RC_UNREACHABLE : RC_PEER;
	return diag_fail(d, rc, message(MSG_SYNC_REFUSED), url, status, (const char *)answer->p);
}

static enum rc
joined_make(const struct store_build *b, const struct invitation *i, const struct credential *chain, size_t count,
    const char *url, struct diag *d)
{
	struct engine_joining j = { i->root_pubkey, chain, chain + 1, count - 1, span_str(i->root_unit),
		span_of(chain[1].origin, ORIGIN_BYTES) };
	char path[STORE_PATH_BYTES];
	sqlite3 *db = NULL;
	enum rc rc;

	if ((rc = store_build_database(b, &db, d)) == RC_OK &&
	    (rc = engine_join(db, schema_catalogue(), store_env(), &j, d)) == RC_OK &&
	    (rc = local_create(db, d)) == RC_OK)
		rc = local_set(db, LOCAL_PARENT_URL, url, d);
	if (sqlite3_close(db) != SQLITE_OK && rc == RC_OK)
		rc = diag_fail(d, RC_BUG, "%s", rc_name(RC_BUG));
	if (rc == RC_OK && store_path(b->temp, STORE_INVITATION, path))
		(void)unlink(path);
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
		rc = client_round(&round, store.engine, NULL, false, &d);
		store.is_broken = rc == RC_DISK;
		command_env_fini(&round);
		store_close(&store);
	}
	if (rc != RC_OK) {
		bytes_fmt(&env->err, command_message(env, MSG_JOIN_NO_SYNC), d.text);
		bytes_byte(&env->err, '\n');
	}
}

static enum rc
join_build(struct store_build *b, const struct invitation *i, struct span text, struct span name, const char *url,
    struct diag *d)
{
	struct credential chain[CREDENTIAL_CHAIN_MAX + 1];
	uint8_t seed[SEED_BYTES];
	struct bytes request, answer;
	size_t count = 0;
	enum rc rc;

	bytes_init(&request);
	bytes_init(&answer);
	if ((rc = seed_make(b, text, seed, d)) == RC_OK &&
	    (rc = invitation_request(i, seed, name, &request)) == RC_OK &&
	    (rc = admission_ask(url, span_bytes(&request), &answer, d)) == RC_OK &&
	    (rc = invitation_answer(i, seed, span_bytes(&answer), chain, &count, d)) == RC_OK &&
	    (rc = joined_make(b, i, chain, count, url, d)) == RC_OK)
		rc = store_build_end(b, d);
	sodium_memzero(seed, sizeof(seed));
	bytes_free(&answer);
	bytes_free(&request);
	return rc;
}

enum rc
client_join(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--parent", true }, { "--name", true } };
	static const char *const words[] = { "FILE" };
	const struct command_shape shape = { flags, 2, 1, 1, words };
	struct invitation *i = arena_alloc(&env->arena, sizeof(*i));
	struct command_args args;
	struct store_build b;
	struct bytes content;
	struct span name;
	const char *url;
	enum rc rc;

	if (i == NULL)
		return RC_NOMEM;
	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	bytes_init(&content);
	if ((rc = file_read(args.word[0], INVITATION_TEXT_BYTES_MAX, &content, d)) != RC_OK ||
	    (rc = invitation_read(i, span_bytes(&content), d)) != RC_OK)
		goto err0;
	name = span_str(args.value[1] == NULL ? i->unit : args.value[1]);
	url = args.value[0] == NULL ? i->url : args.value[0];
	if (url[0] == '\0')
		rc = command_usage(env, d, MSG_ARGUMENT_MISSING, "--parent URL");
	else if (strlen(url) > INVITATION_URL_BYTES_MAX)
		rc = diag_fail(d, RC_INPUT, "%s", command_message(env, MSG_URL_BAD));
	else if (store_now_ms() > i->expires_ms)
		rc = diag_fail(d, RC_DENIED, "%s", command_message(env, MSG_INVITATION_EXPIRED));
	else
		rc = command_author(env, name, &name, d);
	if (rc != RC_OK)
		goto err0;
	if ((rc = store_build_begin(&b, env->dir, d)) == RC_OK)
		rc = join_build(&b, i, span_bytes(&content), name, url, d);
	if (rc != RC_OK) {
		/* After a failed link the parent may have taken our key in: keep it for the next attempt. */
		store_build_abandon(&b, rc == RC_LINK || rc == RC_UNREACHABLE);
		goto err0;
	}
	first_round(env);
	store_unlock(b.lock_fd);
	made_show(env, MSG_JOIN_DONE, i->unit);

err0:
	bytes_free(&content);
	return rc;
}
