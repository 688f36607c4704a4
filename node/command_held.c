#include "node/command_held.h"

#include <sqlite3.h>
#include <string.h>

#include "node/cell.h"
#include "node/record.h"

#define SHOWN_RECEIPTS_MAX 12	/* for people */

static const char DOSSIER[] = "dossier";

/* ---- one commit */

static void
time_json(struct json_write *w, const char *name, uint64_t ms)
{
	char text[TIME_TEXT_CHARS + 1];

	json_write_key(w, name);
	if (ms == 0) {
		json_write_null(w);
		return;
	}
	key_time_format(ms, text);
	json_write_cstr(w, text);
}

static void
times_json(struct json_write *w, const struct receipt_times *t)
{
	time_json(w, "here", t->here_ms);
	time_json(w, "parent", t->parent_ms);
	time_json(w, "province", t->root_ms);
}

enum rc
command_held_json(struct command_env *env, uint64_t version, struct json_write *w, struct diag *d)
{
	struct receipt_times t;
	enum rc rc = receipt_times(env->engine, version, &t, d);

	if (rc != RC_OK)
		return rc;
	json_write_key(w, "held");
	json_write_object(w);
	times_json(w, &t);
	json_write_object_end(w);
	return RC_OK;
}

enum rc
command_held_show(struct command_env *env, uint64_t version, struct bytes *out, struct diag *d)
{
	static const enum message_id titles[] = { MSG_HELD_HERE, MSG_HELD_PARENT, MSG_HELD_PROVINCE };
	struct receipt_times t;
	enum rc rc = receipt_times(env->engine, version, &t, d);
	const uint64_t ms[] = { t.here_ms, t.parent_ms, t.root_ms };
	char text[TIME_TEXT_CHARS + 1];
	size_t i;

	for (i = 0; rc == RC_OK && i < sizeof(ms) / sizeof(ms[0]); i++) {
		text[0] = '-';
		text[1] = '\0';
		if (ms[i] != 0)
			key_time_format(ms[i], text);
		bytes_fmt(out, "%s%s %s", i == 0 ? "" : "; ", command_message(env, titles[i]), text);
	}
	return rc;
}

/* ---- dossiers */

struct dossier {
	uint8_t key[KEY_BYTES];
	size_t key_bytes;
	struct span unit;
	struct receipt_times times;
};

struct dossiers {
	struct dossier *lacking, *held;		/* in the arena, HELD_DOSSIERS_MAX each */
	size_t lacking_count, held_count;
	uint64_t lacking_all;			/* those not kept, too */
};

static void
dossier_add(struct dossiers *all, const struct record *row, const struct receipt_times *times)
{
	bool is_lacking = times->root_ms == 0;
	size_t *count = is_lacking ? &all->lacking_count : &all->held_count;
	struct dossier *at = is_lacking ? all->lacking : all->held;

	all->lacking_all += is_lacking;
	if (*count == HELD_DOSSIERS_MAX || row->key.n > KEY_BYTES)
		return;
	at = &at[(*count)++];
	memcpy(at->key, row->key.p, row->key.n);
	at->key_bytes = row->key.n;
	at->unit = row->unit;		/* of the engine's tree, which lives as long */
	at->times = *times;
}

/* Newest first.  Where all is held by the province, because it is the province, only those that are shown. */
static enum rc
dossiers_gather(struct command_env *env, const struct catalogue_table *t, struct dossiers *all, struct diag *d)
{
	const struct engine_identity *self = engine_self(env->engine);
	bool is_root = strcmp(self->unit, self->root_unit) == 0, is_row = true;
	struct receipt_times times;
	sqlite3_stmt *stmt = NULL;
	struct record row;
	enum rc rc;

	memset(all, 0, sizeof(*all));
	all->lacking = arena_alloc(&env->arena, HELD_DOSSIERS_MAX * sizeof(*all->lacking));
	all->held = arena_alloc(&env->arena, HELD_DOSSIERS_MAX * sizeof(*all->held));
	if (all->lacking == NULL || all->held == NULL)
		return RC_NOMEM;
	rc = record_prepare(env->engine, t, "ORDER BY 1 DESC", &stmt, d);
	while (rc == RC_OK && !(is_root && all->held_count == HELD_DOSSIERS_MAX)) {
		if ((rc = record_next(env->engine, t, stmt, &row, &is_row, d)) != RC_OK || !is_row)
			break;
		if ((rc = receipt_times(env->engine, row.version, &times, d)) == RC_OK)
			dossier_add(all, &row, &times);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static void
dossier_json(struct command_env *env, const struct catalogue_table *t, const struct dossier *at, struct json_write *w)
{
	json_write_object(w);
	cell_json_key("key", t, span_of(at->key, at->key_bytes), w);
	cell_json_unit("unit", env->engine, at->unit, w);
	times_json(w, &at->times);
	json_write_object_end(w);
}

static enum rc
dossiers_json(struct command_env *env, struct json_write *w, struct diag *d)
{
	const struct catalogue_table *t = catalogue_table_find(engine_catalogue(env->engine), span_str(DOSSIER));
	struct dossiers all;
	size_t i;
	enum rc rc;

	if (t == NULL)
		return RC_OK;
	if ((rc = dossiers_gather(env, t, &all, d)) != RC_OK)
		return rc;
	json_write_key(w, "dossiers");
	json_write_array(w);
	for (i = 0; i < all.lacking_count; i++)
		dossier_json(env, t, &all.lacking[i], w);
	for (i = 0; i < all.held_count && all.lacking_count + i < HELD_DOSSIERS_MAX; i++)
		dossier_json(env, t, &all.held[i], w);
	json_write_array_end(w);
	return RC_OK;
}

/* ---- receipts */

struct receipts {
	struct command_env *env;
	struct json_write *w;		/* NULL: lines */
	size_t count;
};

static void
line_json(struct receipts *s, const struct receipt_line *line)
{
	const struct receipt *r = line->receipt;
	struct json_write *w = s->w;
	size_t i;

	json_write_object(w);
	cell_json_unit("unit", s->env->engine, r->unit, w);
	cell_json_origin("holder", r->holder, w);
	cell_json_unit("holder_unit", s->env->engine, line->holder_unit, w);
	time_json(w, "time", r->ms);
	json_write_key(w, "streams");
	json_write_array(w);
	for (i = 0; i < r->streams_count; i++) {
		json_write_object(w);
		cell_json_origin("node", r->streams[i].origin, w);
		json_write_key(w, "held");
		json_write_uint64(w, r->streams[i].seq);
		json_write_key(w, "of");
		json_write_uint64(w, line->of[i]);
		json_write_object_end(w);
	}
	json_write_array_end(w);
	json_write_key(w, "complete");
	json_write_bool(w, line->is_complete && !line->is_fork);
	json_write_key(w, "fork");
	json_write_bool(w, line->is_fork);
	json_write_object_end(w);
}

static void
line_show(struct receipts *s, const struct receipt_line *line)
{
	enum message_id id = line->is_fork ? MSG_RECEIPT_FORK : line->is_complete ? MSG_RECEIPT_ALL : MSG_RECEIPT_PART;
	struct bytes holder, unit, *out = &s->env->out;
	char when[TIME_TEXT_CHARS + 1];

	key_time_format(line->receipt->ms, when);
	bytes_init(&holder);
	bytes_init(&unit);
	cell_unit_text(s->env->engine, line->holder_unit, &holder);
	cell_unit_text(s->env->engine, line->receipt->unit, &unit);
	bytes_fmt(out, "%s: ", command_message(s->env, MSG_STATUS_RECEIPT));
	bytes_fmt(out, command_message(s->env, id), bytes_cstr(&holder), bytes_cstr(&unit), when);
	bytes_byte(out, '\n');
	bytes_free(&unit);
	bytes_free(&holder);
}

static enum rc
on_line(void *ctx, const struct receipt_line *line)
{
	struct receipts *s = ctx;

	if (s->count++ >= (s->w != NULL ? HELD_RECEIPTS_MAX : SHOWN_RECEIPTS_MAX))
		return RC_OK;
	if (s->w != NULL)
		line_json(s, line);
	else
		line_show(s, line);
	return s->env->out.failed ? RC_NOMEM : RC_OK;
}

static enum rc
on_above(void *ctx, const uint8_t *holder, const struct quarantined *q)
{
	(void)holder;
	(void)q;
	++*(uint64_t *)ctx;
	return RC_OK;
}

enum rc
command_held_report_json(struct command_env *env, struct json_write *w, struct diag *d)
{
	struct receipts s = { env, w, 0 };
	uint64_t missing, above = 0;
	bool is_known;
	enum rc rc;

	if ((rc = receipt_to_receive(env->engine, &missing, &is_known, d)) != RC_OK ||
	    (rc = receipt_quarantine_each(env->engine, on_above, &above, d)) != RC_OK)
		return rc;
	json_write_key(w, "to_receive");	/* as far as the parent's receipts tell */
	if (is_known) {
		json_write_object(w);
		json_write_key(w, "commits");
		json_write_uint64(w, missing);
		json_write_object_end(w);
	} else {
		json_write_null(w);
	}
	json_write_key(w, "receipts");
	json_write_array(w);
	if ((rc = receipt_each(env->engine, on_line, &s, d)) != RC_OK)
		return rc;
	json_write_array_end(w);
	json_write_key(w, "quarantine_above");
	json_write_uint64(w, above);
	return dossiers_json(env, w, d);
}

enum rc
command_held_report_show(struct command_env *env, struct diag *d)
{
	const struct catalogue_table *t = catalogue_table_find(engine_catalogue(env->engine), span_str(DOSSIER));
	struct receipts s = { env, NULL, 0 };
	uint64_t missing, above = 0;
	struct dossiers all;
	bool is_known;
	enum rc rc;

	if ((rc = receipt_to_receive(env->engine, &missing, &is_known, d)) != RC_OK ||
	    (rc = receipt_each(env->engine, on_line, &s, d)) != RC_OK ||
	    (rc = receipt_quarantine_each(env->engine, on_above, &above, d)) != RC_OK)
		return rc;
	if (is_known)
		bytes_fmt(&env->out, "%s: %llu\n", command_message(env, MSG_STATUS_TO_RECEIVE),
		    (unsigned long long)missing);
	if (t != NULL) {
		if ((rc = dossiers_gather(env, t, &all, d)) != RC_OK)
			return rc;
		bytes_fmt(&env->out, "%s: %llu\n", command_message(env, MSG_STATUS_DOSSIERS),
		    (unsigned long long)all.lacking_all);
	}
	if (above != 0)
		bytes_fmt(&env->out, "%s: %llu\n", command_message(env, MSG_STATUS_QUARANTINE_ABOVE),
		    (unsigned long long)above);
	return RC_OK;
}
