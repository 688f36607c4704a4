/* revoke: no later commit of a node counts.  quarantine release: a commit takes effect after all. */
#include <stdio.h>
#include <string.h>

#include "node/cell.h"
#include "node/command_row.h"
#include "node/text.h"
#include "sync/credential.h"
#include "sync/release.h"
#include "sync/revocation.h"

struct node_search {
	const char *name;
	size_t name_n;
	struct credential found;
	bool is_found, is_by_name, is_several;
};

/* By the beginning of its number, else by its name; the incarnations of one key are one node. */
static enum rc
on_node(void *ctx, const struct credential *c)
{
	struct node_search *s = ctx;
	char origin[2 * ORIGIN_BYTES + 1];
	bool is_name;

	cell_origin_text(c->origin, origin);
	is_name = strcmp(c->name, s->name) == 0;
	if (!is_name && (s->name_n > 2 * ORIGIN_BYTES || memcmp(origin, s->name, s->name_n) != 0))
		return RC_OK;
	if (s->is_found && memcmp(s->found.pubkey, c->pubkey, PUBKEY_BYTES) != 0) {
		if (s->is_by_name == is_name)
			s->is_several = true;
		if (!s->is_by_name || is_name)
			return RC_OK;
		s->is_several = false;		/* a number before a name */
	}
	s->found = *c;
	s->is_found = true;
	s->is_by_name = is_name;
	return RC_OK;
}

enum rc
command_revoke(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--reason", true } };
	static const char *const words[] = { "NODE" };
	const struct command_shape shape = { flags, 1, 1, 1, words };
	struct node_search s = { .is_found = false };
	struct command_args args;
	struct span author;
	struct json_write w;
	char origin[2 * ORIGIN_BYTES + 1];
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if (args.value[0] == NULL || args.value[0][0] == '\0')
		return command_usage(env, d, MSG_ARGUMENT_MISSING, "--reason TEXT");
	s.name = args.word[0];
	s.name_n = strlen(s.name);
	if (s.name_n == 0 || (rc = credential_each(env->engine, on_node, &s)) != RC_OK)
		return rc != RC_OK ? rc : command_usage(env, d, MSG_ARGUMENT_MISSING, words[0]);
	if (!s.is_found)
		return diag_fail(d, RC_NOTFOUND, command_message(env, MSG_REVOKE_UNKNOWN), s.name);
	if (s.is_several)
		return diag_fail(d, RC_INPUT, command_message(env, MSG_REVOKE_SEVERAL), s.name);
	cell_origin_text(s.found.origin, origin);
	if (revocation_of(env->engine, s.found.pubkey) != NULL)
		return diag_fail(d, RC_CONFLICT, command_message(env, MSG_REVOKE_AGAIN), origin);
	if ((rc = command_author(env, env->author, &author, d)) != RC_OK ||
	    (rc = revocation_save(env->engine, s.found.origin, author, span_str(args.value[0]), d)) != RC_OK)
		return rc;
	if (!env->is_json) {
		bytes_fmt(&env->out, command_message(env, MSG_REVOKED), origin);
		bytes_str(&env->out, "\n");
		return RC_OK;
	}
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	json_write_key(&w, "node");
	json_write_cstr(&w, origin);
	json_write_object_end(&w);
	command_json_end(env, &w);
	return RC_OK;
}

enum rc
command_quarantine_release(struct command_env *env, uint64_t id, const char *note, struct diag *d)
{
	struct json_write w;
	struct span author;
	enum rc rc;

	if ((rc = command_author(env, env->author, &author, d)) != RC_OK)
		return rc;
	rc = release_save(env->engine, id, author, span_str(note == NULL ? "" : note), d);
	if (rc != RC_OK)
		return rc;
	if (!env->is_json) {
		bytes_fmt(&env->out, "%s\n", command_message(env, MSG_RELEASED));
		return RC_OK;
	}
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	json_write_key(&w, "id");
	json_write_uint64(&w, id);
	json_write_object_end(&w);
	command_json_end(env, &w);
	return RC_OK;
}
