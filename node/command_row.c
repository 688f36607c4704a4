/* put, delete, get: one row. */
#include "node/command_row.h"

#include <string.h>

#include "node/cell.h"
#include "node/command_held.h"
#include "node/record.h"
#include "node/text.h"

/* COLUMN=VALUE, COLUMN=@FILE, COLUMN=null. */
static enum rc
assignment_parse(struct command_env *env, const struct catalogue_table *t, const char *word,
    struct save_cell *cell, struct diag *d)
{
	const char *equals = strchr(word, '=');
	const struct catalogue_column *c;
	struct span text;
	int column;
	enum rc rc;

	if (equals == NULL)
		return command_usage(env, d, MSG_ASSIGNMENT_BAD, word);
	cell->column = span_of(word, (size_t)(equals - word));
	column = catalogue_column_find(t, cell->column);
	if (column < 0) {
		return diag_fail(d, RC_INPUT, command_message(env, MSG_COLUMN_UNKNOWN_NEXT), t->name,
		    (int)cell->column.n, word);
	}
	c = &t->columns[column];
	text = span_str(equals + 1);
	cell->is_delta = c->policy == POLICY_COUNTER;
	if (span_eq(text, span_str("null"))) {
		cell->value = value_null();
		return RC_OK;
	}
	if (text.n > 1 && text.p[0] == '@') {
		if ((rc = command_file(env, equals + 2, &text, d)) != RC_OK)
			return rc;
		if (c->type == COLUMN_BLOB) {
			cell->value = value_blob(text);
			return RC_OK;
		}
	}
	return cell_parse(env, c, text, &cell->value, d);
}

/* Options of a save that the command line can say. */
static enum rc
options_make(struct command_env *env, const char *unit, struct save_options *o, struct diag *d)
{
	enum rc rc;

	memset(o, 0, sizeof(*o));
	if ((rc = command_author(env, env->author, &o->author, d)) != RC_OK)
		return rc;
	return unit == NULL ? RC_OK : command_unit(env, span_str(unit), &o->unit, d);
}

static void
saved_show(struct command_env *env, const struct catalogue_table *t, struct span key, const struct save_result *r)
{
	struct json_write w;

	if (env->is_json) {
		json_write_init(&w, &env->out, false);
		json_write_object(&w);
		cell_json_key("key", t, key, &w);
		json_write_key(&w, "commit");
		json_write_cstr(&w, r->commit[0] == '\0' ? NULL : r->commit);
		json_write_key(&w, "suggestions");
		json_write_uint64(&w, r->suggestions_count);
		json_write_object_end(&w);
		command_json_end(env, &w);
		return;
	}
	cell_key_text(t, key, &env->out);
	bytes_byte(&env->out, '\n');
	if (r->suggestions_count != 0) {
		bytes_fmt(&env->err, command_message(env, MSG_SAVED_AS_SUGGESTION), r->suggestions_count);
		bytes_byte(&env->err, '\n');
	}
}

enum rc
command_put(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--unit", true } };
	static const char *const words[] = { "TABLE", "KEY", "COLUMN=VALUE" };
	const struct command_shape shape = { flags, 1, 3, 2 + COLUMNS_MAX, words };
	const struct catalogue_table *t;
	struct save_cell cells[COLUMNS_MAX];
	struct span key = span_of(NULL, 0);
	struct save_options o;
	struct save_result r;
	struct command_args args;
	struct save_key key_out;
	struct save *s;
	size_t i;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK ||
	    (rc = command_table(env, span_str(args.word[0]), &t, d)) != RC_OK)
		return rc;
	if (strcmp(args.word[1], "new") != 0 || t->has_text_key) {
		if ((rc = cell_key_parse(env, t, span_str(args.word[1]), &key, d)) != RC_OK)
			return rc;
	}
	memset(cells, 0, sizeof(cells));
	for (i = 2; i < args.words_count; i++) {
		if ((rc = assignment_parse(env, t, args.word[i], &cells[i - 2], d)) != RC_OK)
			return rc;
	}
	if ((rc = options_make(env, args.value[0], &o, d)) != RC_OK ||
	    (rc = save_begin(env->engine, &o, &s, d)) != RC_OK)
		return rc;
	rc = save_row(s, span_str(t->name), key, cells, args.words_count - 2, &key_out, d);
	if (rc != RC_OK) {
		save_abandon(s);
		return rc;
	}
	if ((rc = save_commit(s, &r, d)) == RC_OK)
		saved_show(env, t, span_of(key_out.b, key_out.n), &r);
	return rc;
}

enum rc
command_delete(struct command_env *env, struct diag *d)
{
	static const char *const words[] = { "TABLE", "KEY" };
	const struct command_shape shape = { NULL, 0, 2, 2, words };
	const struct catalogue_table *t;
	struct save_options o;
	struct save_result r;
	struct command_args args;
	struct span key;
	struct save *s;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK ||
	    (rc = command_table(env, span_str(args.word[0]), &t, d)) != RC_OK ||
	    (rc = cell_key_parse(env, t, span_str(args.word[1]), &key, d)) != RC_OK ||
	    (rc = options_make(env, NULL, &o, d)) != RC_OK ||
	    (rc = save_begin(env->engine, &o, &s, d)) != RC_OK)
		return rc;
	if ((rc = save_delete(s, span_str(t->name), key, d)) != RC_OK) {
		save_abandon(s);
		if (rc == RC_NOTFOUND)
			rc = diag_fail(d, rc, command_message(env, MSG_ROW_NOT_FOUND), t->name, args.word[1]);
		return rc;
	}
	if ((rc = save_commit(s, &r, d)) == RC_OK)
		saved_show(env, t, key, &r);
	return rc;
}

/* For people: a line for each column that has a value. */
static enum rc
row_show(struct command_env *env, const struct record *row, struct diag *d)
{
	const struct catalogue_table *t = row->table;
	struct bytes *out = &env->out, text;
	const char *held = command_message(env, MSG_HELD);
	size_t width = strlen(t->key_column), i;
	enum rc rc;

	for (i = 0; i < t->columns_count; i++)
		width = strlen(t->columns[i].name) > width ? strlen(t->columns[i].name) : width;
	bytes_fmt(out, "%-*s  ", (int)width, t->key_column);
	cell_key_text(t, row->key, out);
	bytes_byte(out, '\n');
	bytes_init(&text);
	for (i = 0; i < t->columns_count; i++) {
		if (row->values[i].type == VALUE_NULL)
			continue;
		bytes_clear(&text);
		cell_text(env->engine, &t->columns[i], row->values[i], &text);
		bytes_fmt(out, "%-*s  ", (int)width, t->columns[i].name);
		text_printable(span_bytes(&text), out);
		bytes_byte(out, '\n');
	}
	bytes_free(&text);
	bytes_fmt(out, "(%s: ", held);
	if ((rc = command_held_show(env, row->version, out, d)) == RC_OK)
		bytes_str(out, ")\n");
	return rc;
}

enum rc
command_get(struct command_env *env, struct diag *d)
{
	static const char *const words[] = { "TABLE", "KEY" };
	const struct command_shape shape = { NULL, 0, 2, 2, words };
	const struct catalogue_table *t;
	struct command_args args;
	struct json_write w;
	struct span key;
	struct record row;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK ||
	    (rc = command_table(env, span_str(args.word[0]), &t, d)) != RC_OK ||
	    (rc = cell_key_parse(env, t, span_str(args.word[1]), &key, d)) != RC_OK ||
	    (rc = record_get(env, t, key, &row, d)) != RC_OK)
		return rc;
	if (!env->is_json)
		return row_show(env, &row, d);
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	record_json_members(env->engine, &row, &w);
	if ((rc = command_held_json(env, row.version, &w, d)) != RC_OK) {
		bytes_clear(&env->out);
		return rc;
	}
	json_write_object_end(&w);
	command_json_end(env, &w);
	return RC_OK;
}
