/* log: who changed what, when, where, from what to what. */
#include "node/cell.h"
#include "node/command_held.h"
#include "node/command_row.h"
#include "node/text.h"

#define SHOWN_CHANGES_MAX 12	/* of a commit, for people; --json has all */

struct log_sink {
	struct command_env *env;
	struct json_write w;
	bool is_one_row;
	uint64_t commits_count;
	struct diag *d;
};

/* A change of the whole row has no column: null from and to stand for "not there". */
static void
value_json(struct log_sink *s, const char *name, const struct history_change *c, struct value v)
{
	json_write_key(&s->w, name);
	if (c->column == NULL)
		json_write_null(&s->w);
	else
		cell_json(s->env->engine, c->column, v, &s->w);
}

static void
change_json(struct log_sink *s, const struct history_change *c)
{
	json_write_object(&s->w);
	json_write_key(&s->w, "table");
	json_write_cstr(&s->w, c->table->name);
	cell_json_key("key", c->table, c->key, &s->w);
	json_write_key(&s->w, "column");
	json_write_cstr(&s->w, c->column == NULL ? NULL : c->column->name);
	value_json(s, "from", c, c->has_from ? c->from : value_null());
	value_json(s, "to", c, c->to);
	json_write_key(&s->w, "lost");
	json_write_bool(&s->w, c->is_lost);
	if (c->is_delta) {
		json_write_key(&s->w, "delta");
		json_write_bool(&s->w, true);
	}
	if (c->column == NULL) {
		json_write_key(&s->w, "deleted");
		json_write_bool(&s->w, c->to.type == VALUE_NULL);
	}
	json_write_object_end(&s->w);
}

static enum rc
commit_json(struct log_sink *s, const struct history_commit *c)
{
	enum rc rc = RC_OK;
	size_t i;

	json_write_object(&s->w);
	json_write_key(&s->w, "commit");
	json_write_cstr(&s->w, c->commit);
	cell_json_time("time", c->effective, &s->w);
	cell_json_unit("unit", s->env->engine, c->unit, &s->w);
	cell_json_origin("node", c->origin, &s->w);
	json_write_key(&s->w, "author");
	json_write_string(&s->w, c->author);
	cell_json_unit("scope", s->env->engine, c->scope_unit, &s->w);
	json_write_key(&s->w, "quarantined");
	json_write_bool(&s->w, c->is_quarantined);
	json_write_key(&s->w, "changes");
	json_write_array(&s->w);
	for (i = 0; i < c->changes_count; i++)
		change_json(s, &c->changes[i]);
	json_write_array_end(&s->w);
	if (s->is_one_row)	/* of the whole log it would take long */
		rc = command_held_json(s->env, c->version, &s->w, s->d);
	json_write_object_end(&s->w);
	return rc;
}

static void
value_show(struct log_sink *s, const struct history_change *c, struct value v)
{
	struct bytes text, *out = &s->env->out;

	if (v.type == VALUE_NULL) {
		bytes_byte(out, '-');
		return;
	}
	bytes_init(&text);
	cell_text(s->env->engine, c->column, v, &text);
	bytes_byte(out, '"');
	text_printable(text_cut(span_bytes(&text), 60), out);
	bytes_byte(out, '"');
	bytes_free(&text);
}

static void
change_show(struct log_sink *s, const struct history_change *c)
{
	struct bytes *out = &s->env->out;

	bytes_fmt(out, "    %s ", c->table->name);
	if (!s->is_one_row) {
		cell_key_text(c->table, c->key, out);
		bytes_byte(out, ' ');
	}
	if (c->column == NULL) {
		bytes_str(out, command_message(s->env, c->to.type == VALUE_NULL ? MSG_LOG_DELETED : MSG_LOG_INSERTED));
	} else {
		bytes_fmt(out, "%s: ", c->column->name);
		if (c->has_from) {
			value_show(s, c, c->from);
			bytes_str(out, " -> ");
		}
		if (c->is_delta)
			bytes_byte(out, '+');
		value_show(s, c, c->to);
	}
	if (c->is_lost)
		bytes_fmt(out, "  (%s)", command_message(s->env, MSG_LOG_LOST));
	bytes_byte(out, '\n');
}

static enum rc
commit_show(struct log_sink *s, const struct history_commit *c)
{
	enum rc rc = RC_OK;
	struct bytes *out = &s->env->out;
	char text[TIME_TEXT_CHARS + 1];
	size_t i;

	key_time_format(HLC_MS(c->effective), text);
	bytes_fmt(out, "%s  %s  ", c->commit, text);
	cell_unit_text(s->env->engine, c->unit, out);
	if (c->author.n != 0) {
		bytes_str(out, "  ");
		text_printable(c->author, out);
	}
	if (c->is_quarantined)
		bytes_fmt(out, "  [%s]", command_message(s->env, MSG_LOG_QUARANTINED));
	bytes_byte(out, '\n');
	for (i = 0; i < c->changes_count && (s->is_one_row || i < SHOWN_CHANGES_MAX); i++)
		change_show(s, &c->changes[i]);
	if (i < c->changes_count) {
		bytes_fmt(out, command_message(s->env, MSG_LOG_MORE), c->changes_count - i);
		bytes_byte(out, '\n');
	}
	if (s->is_one_row) {
		bytes_fmt(out, "    (%s: ", command_message(s->env, MSG_HELD));
		rc = command_held_show(s->env, c->version, out, s->d);
		bytes_str(out, ")\n");
	}
	return rc;
}

static enum rc
on_commit(void *ctx, const struct history_commit *c)
{
	struct log_sink *s = ctx;
	enum rc rc;

	s->commits_count++;
	rc = s->env->is_json ? commit_json(s, c) : commit_show(s, c);
	command_flush(s->env);
	return rc == RC_OK && s->env->out.failed ? RC_NOMEM : rc;
}

enum rc
command_log(struct command_env *env, struct diag *d)
{
	static const char *const words[] = { "TABLE", "KEY" };
	const struct command_shape shape = { NULL, 0, 0, 2, words };
	struct log_sink s = { .env = env, .d = d };
	const struct catalogue_table *t;
	struct command_args args;
	struct span key;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if (args.words_count == 1)
		return command_usage(env, d, MSG_ARGUMENT_MISSING, words[1]);
	json_write_init(&s.w, &env->out, false);
	if (env->is_json)
		json_write_array(&s.w);
	s.is_one_row = args.words_count == 2;
	if (!s.is_one_row) {
		rc = history_all(env->engine, on_commit, &s, d);
	} else if ((rc = command_table(env, span_str(args.word[0]), &t, d)) == RC_OK &&
	    (rc = cell_key_parse(env, t, span_str(args.word[1]), &key, d)) == RC_OK) {
		rc = history_row(env->engine, span_str(t->name), key, on_commit, &s, d);
		if (rc == RC_OK && s.commits_count == 0)
			rc = diag_fail(d, RC_NOTFOUND, command_message(env, MSG_ROW_NOT_FOUND), t->name, args.word[1]);
	}
	if (rc != RC_OK) {
		bytes_clear(&env->out);
		return rc;
	}
	if (env->is_json) {
		json_write_array_end(&s.w);
		command_json_end(env, &s.w);
	}
	return RC_OK;
}
