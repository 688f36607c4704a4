/* status, peers: this node and those it knows. */
#include <stdio.h>
#include <string.h>

#include "node/cell.h"
#include "node/clock_show.h"
#include "node/command_held.h"
#include "node/command_row.h"
#include "node/fork_show.h"
#include "node/local.h"
#include "node/state_record.h"
#include "node/store.h"
#include "node/table_print.h"
#include "sync/revocation.h"

/* What `status` tells, gathered once for both forms of output. */
struct report {
	char node[2 * ORIGIN_BYTES + 1];
	char parent[2 * ORIGIN_BYTES + 1];
	struct bytes unit, url, error;
	char contact[TIME_TEXT_CHARS + 1];	/* "" never */
	char now[TIME_TEXT_CHARS + 1];
	bool has_parent, has_backlog;
	bool is_restored;			/* and not reconciled since */
	struct exchange_backlog to_send;
	uint64_t conflicts, quarantine;
	struct state_record state;		/* compared with the parent */
	char compared[TIME_TEXT_CHARS + 1];	/* "" never */
};

static enum rc
report_fill(struct command_env *env, struct report *r, struct diag *d)
{
	static const uint8_t none[ORIGIN_BYTES];
	const struct engine_identity *self = engine_self(env->engine);
	struct sqlite3 *db = engine_db(env->engine);
	uint64_t contact_ms = local_get_ms(db, LOCAL_CONTACT_MS);
	enum rc rc;

	cell_origin_text(self->origin, r->node);
	cell_unit_text(env->engine, span_str(self->unit), &r->unit);
	r->has_parent = memcmp(self->parent, none, ORIGIN_BYTES) != 0;
	if (r->has_parent)
		cell_origin_text(self->parent, r->parent);
	if ((rc = local_get(db, LOCAL_PARENT_URL, &r->url, d)) != RC_OK ||
	    (rc = local_get(db, LOCAL_ERROR, &r->error, d)) != RC_OK)
		return rc;
	if (contact_ms != 0)
		key_time_format(contact_ms, r->contact);
	if (r->has_parent)
		state_record_get(db, self->parent, &r->state);
	if (r->state.ms != 0 && r->state.verdict != EXCHANGE_VERDICT_NONE)
		key_time_format(r->state.ms, r->compared);
	key_time_format(env->now_ms, r->now);
	/* Before the first round with it the parent may not be known well enough to say. */
	if (r->has_parent)
		r->has_backlog = exchange_to_send(env->engine, self->parent, &r->to_send, NULL) == RC_OK;
	r->is_restored = local_get_ms(db, LOCAL_RESTORED_MS) != 0;
	r->conflicts = conflict_count(env->engine);
	r->quarantine = conflict_quarantine_count(env->engine);
	return RC_OK;
}

static void
text_json(struct json_write *w, const char *name, const struct bytes *text)
{
	json_write_key(w, name);
	if (text->n == 0)
		json_write_null(w);
	else
		json_write_string(w, span_bytes(text));
}

static enum rc
report_json(struct command_env *env, const struct report *r, struct diag *d)
{
	const struct engine_identity *self = engine_self(env->engine);
	struct json_write w;
	enum rc rc;

	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	json_write_key(&w, "node");
	json_write_cstr(&w, r->node);
	text_json(&w, "unit", &r->unit);
	json_write_key(&w, "level");
	json_write_cstr(&w, catalogue_level_name(self->level));
	json_write_key(&w, "parent");
	if (r->has_parent) {
		json_write_object(&w);
		json_write_key(&w, "node");
		json_write_cstr(&w, r->parent);
		text_json(&w, "url", &r->url);
		json_write_object_end(&w);
	} else {
		json_write_null(&w);
	}
	json_write_key(&w, "state");
	json_write_cstr(&w, state_record_word(r->state.verdict));
	json_write_key(&w, "state_time");
	json_write_cstr(&w, r->compared[0] == '\0' ? NULL : r->compared);
	json_write_key(&w, "last_contact");
	json_write_cstr(&w, r->contact[0] == '\0' ? NULL : r->contact);
	text_json(&w, "last_error", &r->error);
	json_write_key(&w, "to_send");
	if (r->has_backlog) {
		json_write_object(&w);
		json_write_key(&w, "commits");
		json_write_uint64(&w, r->to_send.commits);
		json_write_key(&w, "bytes");
		json_write_uint64(&w, r->to_send.bytes);
		json_write_object_end(&w);
	} else {
		json_write_null(&w);
	}
	if ((rc = command_held_report_json(env, &w, d)) != RC_OK)
		return rc;
	json_write_key(&w, "conflicts");
	json_write_uint64(&w, r->conflicts);
	json_write_key(&w, "quarantine");
	json_write_uint64(&w, r->quarantine);
	json_write_key(&w, "restored");
	json_write_bool(&w, r->is_restored);
	json_write_key(&w, "forks");
	if ((rc = fork_show_json(env->engine, &w, d)) != RC_OK)
		return rc;
	json_write_key(&w, "clock");
	json_write_object(&w);
	json_write_key(&w, "now");
	json_write_cstr(&w, r->now);
	if ((rc = clock_show_json(env->engine, &w, d)) != RC_OK)
		return rc;
	json_write_object_end(&w);
	json_write_key(&w, "disk");
	json_write_object(&w);
	json_write_key(&w, "free_bytes");
	json_write_uint64(&w, env->disk_free_bytes);
	json_write_key(&w, "reserve_bytes");	/* with less, nothing is saved */
	json_write_uint64(&w, STORE_RESERVE_BYTES);
	json_write_object_end(&w);
	json_write_key(&w, "daemon");
	json_write_bool(&w, env->is_daemon);
	json_write_object_end(&w);
	command_json_end(env, &w);
	return RC_OK;
}

static void
line(struct command_env *env, enum message_id title, const char *text)
{
	bytes_fmt(&env->out, "%s: %s\n", command_message(env, title), text[0] == '\0' ? "-" : text);
}

static enum rc
report_show(struct command_env *env, struct report *r, struct diag *d)
{
	char number[64], state[TIME_TEXT_CHARS + 32];
	uint64_t forks;
	enum rc rc;

	line(env, MSG_STATUS_NODE, r->node);
	line(env, MSG_STATUS_UNIT, bytes_cstr(&r->unit) == NULL ? "" : (char *)r->unit.p);
	line(env, MSG_STATUS_PARENT, bytes_cstr(&r->url) == NULL ? "" : r->url.n == 0 ? r->parent : (char *)r->url.p);
	line(env, MSG_STATUS_CONTACT, r->contact);
	if (r->is_restored)
		bytes_fmt(&env->out, "%s\n", command_message(env, MSG_STATUS_RESTORED));
	if (r->has_parent) {
		(void)snprintf(state, sizeof(state), "%s%s%s", command_message(env,
		    r->state.verdict == EXCHANGE_SAME ? MSG_STATE_EQUAL :
		    r->state.verdict == EXCHANGE_DIFFERS ? MSG_STATE_DIFFERENT : MSG_STATE_UNKNOWN),
		    r->compared[0] == '\0' ? "" : " ", r->compared);
		line(env, MSG_STATUS_STATE, state);
	}
	if (r->error.n != 0)
		line(env, MSG_STATUS_ERROR, bytes_cstr(&r->error) == NULL ? "" : (char *)r->error.p);
	if (r->has_backlog) {
		(void)snprintf(number, sizeof(number), "%llu (%llu B)", (unsigned long long)r->to_send.commits,
		    (unsigned long long)r->to_send.bytes);
		line(env, MSG_STATUS_TO_SEND, number);
	}
	if ((rc = command_held_report_show(env, d)) != RC_OK)
		return rc;
	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)r->conflicts);
	line(env, MSG_STATUS_CONFLICTS, number);
	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)r->quarantine);
	line(env, MSG_STATUS_QUARANTINE, number);
	if ((forks = fork_show_count(env->engine)) != 0) {
		(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)forks);
		line(env, MSG_STATUS_FORKS, number);
		if ((rc = fork_show_text(env->engine, command_message(env, MSG_STATUS_FORK), &env->out, d)) != RC_OK)
			return rc;
	}
	if ((rc = clock_show_text(env, d)) != RC_OK)
		return rc;
	(void)snprintf(number, sizeof(number), "%llu MB", (unsigned long long)(env->disk_free_bytes >> 20));
	line(env, MSG_STATUS_DISK, number);
	return RC_OK;
}

enum rc
command_report(struct command_env *env, struct diag *d)
{
	const struct command_shape shape = { NULL, 0, 0, 0, NULL };
	struct command_args args;
	struct report r;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	memset(&r, 0, sizeof(r));
	bytes_init(&r.unit);
	bytes_init(&r.url);
	bytes_init(&r.error);
	if ((rc = report_fill(env, &r, d)) == RC_OK)
		rc = env->is_json ? report_json(env, &r, d) : report_show(env, &r, d);
	if (rc != RC_OK)
		bytes_clear(&env->out);
	bytes_free(&r.error);
	bytes_free(&r.url);
	bytes_free(&r.unit);
	return rc;
}

struct peers {
	struct command_env *env;
	struct json_write w;
	struct table_print table;
};

static enum rc
on_peer(void *ctx, const struct credential *c)
{
	struct peers *p = ctx;
	struct sqlite3 *db = engine_db(p->env->engine);
	const struct engine_identity *self = engine_self(p->env->engine);
	char name[64], origin[2 * ORIGIN_BYTES + 1], when[TIME_TEXT_CHARS + 1] = "";
	bool is_self = memcmp(c->origin, self->origin, ORIGIN_BYTES) == 0;
	bool is_parent = memcmp(c->origin, self->parent, ORIGIN_BYTES) == 0;
	bool is_forked = fork_show_is_forked(p->env->engine, c->origin);
	bool is_revoked = revocation_of(p->env->engine, c->pubkey) != NULL;
	const char *relation = is_self ? "self" : is_parent ? "parent" :
	    memcmp(c->pubkey, self->pubkey, PUBKEY_BYTES) == 0 ? "earlier self" : "";
	struct bytes url, unit;
	uint64_t ms;
	enum rc rc;

	cell_origin_text(c->origin, origin);
	bytes_init(&url);
	bytes_init(&unit);
	(void)snprintf(name, sizeof(name), "%s%s", LOCAL_PEER_PREFIX, origin);
	rc = local_get(db, is_parent ? LOCAL_PARENT_URL : name, &url, NULL);
	(void)snprintf(name, sizeof(name), "%s%s", LOCAL_PEER_MS_PREFIX, origin);
	if ((ms = local_get_ms(db, is_parent ? LOCAL_CONTACT_MS : name)) != 0)
		key_time_format(ms, when);
	cell_unit_text(p->env->engine, span_str(c->unit), &unit);
	if (p->env->is_json) {
		json_write_object(&p->w);
		json_write_key(&p->w, "node");
		json_write_cstr(&p->w, origin);
		text_json(&p->w, "unit", &unit);
		json_write_key(&p->w, "name");
		json_write_cstr(&p->w, c->name);
		json_write_key(&p->w, "level");
		json_write_cstr(&p->w, catalogue_level_name(c->level));
		json_write_key(&p->w, "relation");
		json_write_cstr(&p->w, relation[0] == '\0' ? NULL : relation);
		json_write_key(&p->w, "revoked");
		json_write_bool(&p->w, is_revoked);
		json_write_key(&p->w, "forked");
		json_write_bool(&p->w, is_forked);
		text_json(&p->w, "url", &url);
		json_write_key(&p->w, "last_contact");
		json_write_cstr(&p->w, when[0] == '\0' ? NULL : when);
		json_write_object_end(&p->w);
	} else {
		table_print_cstr(&p->table, origin);
		table_print_cell(&p->table, span_bytes(&unit));
		table_print_cstr(&p->table, c->name);
		table_print_cstr(&p->table, is_revoked ? command_message(p->env, MSG_PEER_REVOKED) :
		    is_self ? command_message(p->env, MSG_PEER_SELF) :
		    is_parent ? command_message(p->env, MSG_PEER_PARENT) :
		    relation[0] != '\0' ? command_message(p->env, MSG_PEER_EARLIER) : "");
		table_print_cstr(&p->table, is_forked ? command_message(p->env, MSG_PEER_FORKED) : "");
		table_print_cell(&p->table, span_bytes(&url));
		table_print_cstr(&p->table, when);
	}
	bytes_free(&unit);
	bytes_free(&url);
	return rc;
}

enum rc
command_peers(struct command_env *env, struct diag *d)
{
	static const struct table_column columns[] = {
		{ "node", false }, { "unit", false }, { "name", false }, { "relation", false }, { "forked", false },
		{ "address", false }, { "last contact", false }
	};
	const struct command_shape shape = { NULL, 0, 0, 0, NULL };
	struct peers p = { .env = env };
	struct command_args args;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	table_print_init(&p.table, columns, sizeof(columns) / sizeof(columns[0]));
	json_write_init(&p.w, &env->out, false);
	if (env->is_json)
		json_write_array(&p.w);
	rc = credential_each(env->engine, on_peer, &p);
	if (rc == RC_OK && env->is_json) {
		json_write_array_end(&p.w);
		command_json_end(env, &p.w);
	} else if (rc == RC_OK) {
		rc = table_print_emit(&p.table, &env->out);
	}
	table_print_fini(&p.table);
	return rc;
}
