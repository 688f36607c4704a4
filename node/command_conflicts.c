/* conflicts, quarantine: what waits for a person. */
#include <string.h>

#include "node/cell.h"
#include "node/command_row.h"
#include "node/table_print.h"
#include "node/text.h"

struct conflict_sink {
	struct command_env *env;
	const char *id;			/* only this one; NULL: all */
	struct json_write w;
	size_t count;
};

static void
sibling_json(struct conflict_sink *s, const struct conflict *c, const struct conflict_sibling *b)
{
	json_write_object(&s->w);
	json_write_key(&s->w, "value");
	if (c->column == NULL || b->is_deleted)
		json_write_null(&s->w);
	else
		cell_json(s->env->engine, c->column, b->value, &s->w);
	cell_json_unit("unit", s->env->engine, b->unit, &s->w);
	cell_json_origin("node", b->origin, &s->w);
	json_write_key(&s->w, "author");
	json_write_string(&s->w, b->author);
	cell_json_time("time", b->effective, &s->w);
	json_write_key(&s->w, "level");
	json_write_cstr(&s->w, catalogue_level_name(b->level));
	json_write_key(&s->w, "deleted");
	json_write_bool(&s->w, b->is_deleted);
	json_write_object_end(&s->w);
}

static void
conflict_json(struct conflict_sink *s, const struct conflict *c)
{
	size_t i;

	json_write_object(&s->w);
	json_write_key(&s->w, "id");
	json_write_cstr(&s->w, c->id);
	json_write_key(&s->w, "table");
	json_write_cstr(&s->w, c->table->name);
	cell_json_key("key", c->table, c->key, &s->w);
	json_write_key(&s->w, "column");
	json_write_cstr(&s->w, c->column == NULL ? NULL : c->column->name);
	json_write_key(&s->w, "shown");
	if (c->column == NULL || c->siblings_count == 0)
		json_write_null(&s->w);
	else
		cell_json(s->env->engine, c->column, c->siblings[0].value, &s->w);
	json_write_key(&s->w, "suggestion");
	json_write_bool(&s->w, c->is_suggestion);
	json_write_key(&s->w, "siblings");
	json_write_array(&s->w);
	for (i = 0; i < c->siblings_count; i++)
		sibling_json(s, c, &c->siblings[i]);
	json_write_array_end(&s->w);
	json_write_object_end(&s->w);
}

static void
conflict_show(struct conflict_sink *s, const struct conflict *c)
{
	struct bytes *out = &s->env->out, text;
	char when[TIME_TEXT_CHARS + 1];
	size_t i;

	bytes_fmt(out, "%s  %s ", c->id, c->table->name);
	cell_key_text(c->table, c->key, out);
	bytes_fmt(out, " %s%s\n", c->column == NULL ? command_message(s->env, MSG_CONFLICT_ROW) : c->column->name,
	    c->is_suggestion ? command_message(s->env, MSG_CONFLICT_SUGGESTION) : "");
	bytes_init(&text);
	for (i = 0; i < c->siblings_count; i++) {
		const struct conflict_sibling *b = &c->siblings[i];

		key_time_format(HLC_MS(b->effective), when);
		bytes_fmt(out, "  %zu%s  ", i, b->is_shown ? "*" : " ");
		bytes_clear(&text);
		if (b->is_deleted)
			bytes_str(&text, command_message(s->env, MSG_LOG_DELETED));
		else if (c->column != NULL)
			cell_text(s->env->engine, c->column, b->value, &text);
		else
			bytes_str(&text, command_message(s->env, MSG_CONFLICT_EDITED));
		text_printable(span_bytes(&text), out);
		bytes_fmt(out, "  (%s, ", when);
		cell_unit_text(s->env->engine, b->unit, out);
		bytes_str(out, b->author.n == 0 ? "" : ", ");
		text_printable(b->author, out);
		bytes_str(out, ")\n");
	}
	bytes_free(&text);
}

static enum rc
on_conflict(void *ctx, const struct conflict *c)
{
	struct conflict_sink *s = ctx;

	if (s->id != NULL && strcmp(s->id, c->id) != 0)
		return RC_OK;
	s->count++;
	if (s->env->is_json)
		conflict_json(s, c);
	else
		conflict_show(s, c);
	command_flush(s->env);
	return s->env->out.failed ? RC_NOMEM : RC_OK;
}

static enum rc
conflicts_show(struct command_env *env, const char *id, struct diag *d)
{
	struct conflict_sink s = { .env = env, .id = id };
	enum rc rc;

	json_write_init(&s.w, &env->out, false);
	if (env->is_json && id == NULL)
		json_write_array(&s.w);
	if ((rc = conflict_each(env->engine, on_conflict, &s, d)) != RC_OK)
		return rc;
	if (id != NULL && s.count == 0)
		return diag_fail(d, RC_NOTFOUND, command_message(env, MSG_CONFLICT_NOT_FOUND), id);
	if (env->is_json && id == NULL)
		json_write_array_end(&s.w);
	if (env->is_json)
		command_json_end(env, &s.w);
	else if (s.count == 0)
		bytes_fmt(&env->err, "%s\n", command_message(env, MSG_CONFLICTS_NONE));
	return RC_OK;
}

/* Finds the column of a conflict, so that --set can be read as its value. */
struct column_search {
	const char *id;
	const struct catalogue_table *table;
	const struct catalogue_column *column;
	bool is_found;
};

static enum rc
on_search(void *ctx, const struct conflict *c)
{
	struct column_search *s = ctx;

	if (strcmp(s->id, c->id) == 0) {
		s->table = c->table;
		s->column = c->column;
		s->is_found = true;
	}
	return RC_OK;
}

/* --take N or --set COLUMN=VALUE. */
static enum rc
decision_parse(struct command_env *env, const struct command_args *args, int *take, struct value *value,
    struct diag *d)
{
	struct column_search s = { .id = args->word[1] };
	const char *set = args->value[1], *equals;
	struct span text;
	int64_t n;
	enum rc rc;

	*take = -1;
	if ((args->value[0] == NULL) == (set == NULL))
		return command_usage(env, d, MSG_ARGUMENT_MISSING, "--take N | --set COLUMN=VALUE");
	if ((rc = conflict_each(env->engine, on_search, &s, d)) != RC_OK)
		return rc;
	if (!s.is_found)
		return diag_fail(d, RC_NOTFOUND, command_message(env, MSG_CONFLICT_NOT_FOUND), s.id);
	if (args->value[0] != NULL) {
		if (!text_int64(span_str(args->value[0]), &n) || n < 0 || n > INT16_MAX) {
			env->is_usage = true;
			return diag_fail(d, RC_INPUT, command_message(env, MSG_OPTION_BAD_VALUE), "--take",
			    args->value[0]);
		}
		*take = (int)n;
		return RC_OK;
	}
	equals = strchr(set, '=');
	if (equals == NULL || s.column == NULL ||
	    !span_eq(span_of(set, (size_t)(equals - set)), span_str(s.column->name)))
		return diag_fail(d, RC_INPUT, command_message(env, MSG_CONFLICT_OTHER_COLUMN),
		    s.column == NULL ? command_message(env, MSG_CONFLICT_ROW) : s.column->name);
	text = span_str(equals + 1);
	if (span_eq(text, span_str("null"))) {
		*value = value_null();
		return RC_OK;
	}
	return cell_parse(env, s.column, text, value, d);
}

static enum rc
conflict_settle(struct command_env *env, const struct command_args *args, struct diag *d)
{
	struct save_options o = { .is_bulk = false };
	struct value value = value_null();
	struct save_result r;
	struct json_write w;
	struct save *s;
	int take;
	enum rc rc;

	if ((rc = decision_parse(env, args, &take, &value, d)) != RC_OK ||
	    (rc = command_author(env, env->author, &o.author, d)) != RC_OK ||
	    (rc = save_begin(env->engine, &o, &s, d)) != RC_OK)
		return rc;
	if ((rc = conflict_resolve(s, args->word[1], take, take < 0 ? &value : NULL, d)) != RC_OK) {
		save_abandon(s);
		return rc == RC_NOTFOUND ?
		    diag_fail(d, rc, command_message(env, MSG_CONFLICT_NOT_FOUND), args->word[1]) : rc;
	}
	if ((rc = save_commit(s, &r, d)) != RC_OK)
		return rc;
	if (env->is_json) {
		json_write_init(&w, &env->out, false);
		json_write_object(&w);
		json_write_key(&w, "id");
		json_write_cstr(&w, args->word[1]);
		json_write_key(&w, "commit");
		json_write_cstr(&w, r.commit[0] == '\0' ? NULL : r.commit);
		json_write_object_end(&w);
		command_json_end(env, &w);
	} else {
		bytes_fmt(&env->out, "%s\n", command_message(env, MSG_SAVED));
	}
	return RC_OK;
}

enum rc
command_conflicts(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--take", true }, { "--set", true } };
	static const char *const words[] = { "show|resolve", "ID" };
	const struct command_shape shape = { flags, 2, 0, 2, words };
	struct command_args args;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if (args.words_count == 0)
		return conflicts_show(env, NULL, d);
	if (args.words_count == 1)
		return command_usage(env, d, MSG_ARGUMENT_MISSING, words[1]);
	if (strcmp(args.word[0], "show") == 0)
		return conflicts_show(env, args.word[1], d);
	if (strcmp(args.word[0], "resolve") == 0)
		return conflict_settle(env, &args, d);
	return command_usage(env, d, MSG_COMMAND_UNKNOWN, args.word[0]);
}

/* ---- quarantine */

struct quarantine_sink {
	struct command_env *env;
	uint64_t id;			/* only this one; 0: all */
	struct json_write w;
	struct table_print table;
	size_t count;
};

/* @holder: the node that put it into quarantine, by its receipt; NULL: we did. */
static void
quarantined_json(struct quarantine_sink *s, const uint8_t *holder, const struct quarantined *q)
{
	json_write_object(&s->w);
	json_write_key(&s->w, "id");
	json_write_uint64(&s->w, q->id);
	json_write_key(&s->w, "commit");
	json_write_cstr(&s->w, q->commit);
	cell_json_unit("unit", s->env->engine, q->unit, &s->w);
	cell_json_origin("node", q->origin, &s->w);
	json_write_key(&s->w, "author");
	json_write_string(&s->w, q->author);
	json_write_key(&s->w, "reason");
	json_write_string(&s->w, q->reason);
	cell_json_time("time", q->effective, &s->w);
	if (holder != NULL) {
		cell_json_origin("where", holder, &s->w);
	} else {
		json_write_key(&s->w, "where");
		json_write_cstr(&s->w, "here");
	}
	json_write_object_end(&s->w);
}

static enum rc
on_quarantined_above(void *ctx, const uint8_t *holder, const struct quarantined *q)
{
	struct quarantine_sink *s = ctx;
	char when[TIME_TEXT_CHARS + 1], where[2 * ORIGIN_BYTES + 1];
	struct bytes unit;

	if (s->id != 0 && (s->id != q->id || s->count != 0))	/* one of several who say so */
		return RC_OK;
	s->count++;
	if (s->env->is_json) {
		quarantined_json(s, holder, q);
		command_flush(s->env);
		return RC_OK;
	}
	key_time_format(HLC_MS(q->effective), when);
	bytes_init(&unit);
	cell_unit_text(s->env->engine, q->unit, &unit);
	table_print_int64(&s->table, (int64_t)q->id);
	table_print_cstr(&s->table, when);
	table_print_cell(&s->table, span_bytes(&unit));
	table_print_cstr(&s->table, q->commit);
	table_print_cell(&s->table, q->reason);
	if (holder != NULL)
		cell_origin_text(holder, where);
	table_print_cstr(&s->table, holder == NULL ? command_message(s->env, MSG_HELD_HERE) : where);
	bytes_free(&unit);
	return RC_OK;
}

static enum rc
on_quarantined(void *ctx, const struct quarantined *q)
{
	return on_quarantined_above(ctx, NULL, q);
}

static enum rc
quarantine_emit(struct quarantine_sink *s, struct diag *d)
{
	struct command_env *env = s->env;
	enum rc rc;

	if (env->is_json && s->id == 0)
		json_write_array(&s->w);
	if ((rc = conflict_quarantine_each(env->engine, on_quarantined, s, d)) != RC_OK)
		return rc;
	/* "show" gives one object: ours, where we have it. */
	if ((s->id == 0 || s->count == 0) &&
	    (rc = receipt_quarantine_each(env->engine, on_quarantined_above, s, d)) != RC_OK)
		return rc;
	if (s->id != 0 && s->count == 0)
		return diag_fail(d, RC_NOTFOUND, "%s", command_message(env, MSG_QUARANTINE_NOT_FOUND));
	if (env->is_json) {
		if (s->id == 0)
			json_write_array_end(&s->w);
		command_json_end(env, &s->w);
		return RC_OK;
	}
	if (s->count != 0)
		return table_print_emit(&s->table, &env->out);
	bytes_fmt(&env->err, "%s\n", command_message(env, MSG_QUARANTINE_NONE));
	return RC_OK;
}

enum rc
command_quarantine(struct command_env *env, struct diag *d)
{
	static const struct table_column columns[] = {
		{ "id", true }, { "time", false }, { "unit", false }, { "commit", false }, { "reason", false },
		{ "where", false }
	};
	static const struct command_flag flags[] = { { "--note", true } };
	static const char *const words[] = { "show|release", "ID" };
	const struct command_shape shape = { flags, 1, 0, 2, words };
	bool is_release;
	struct quarantine_sink s = { .env = env };
	struct command_args args;
	int64_t id = 0;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	is_release = args.words_count != 0 && strcmp(args.word[0], "release") == 0;
	if (args.words_count != 0 && !is_release && strcmp(args.word[0], "show") != 0)
		return command_usage(env, d, MSG_COMMAND_UNKNOWN, args.word[0]);
	if (args.value[0] != NULL && !is_release)
		return command_usage(env, d, MSG_COMMAND_UNKNOWN, "--note");
	if (args.words_count == 1)
		return command_usage(env, d, MSG_ARGUMENT_MISSING, words[1]);
	if (args.words_count == 2 && (!text_int64(span_str(args.word[1]), &id) || id <= 0))
		return diag_fail(d, RC_NOTFOUND, "%s", command_message(env, MSG_QUARANTINE_NOT_FOUND));
	if (is_release)
		return command_quarantine_release(env, (uint64_t)id, args.value[0], d);
	s.id = (uint64_t)id;
	json_write_init(&s.w, &env->out, false);
	table_print_init(&s.table, columns, sizeof(columns) / sizeof(columns[0]));
	rc = quarantine_emit(&s, d);
	table_print_fini(&s.table);
	return rc;
}
