/* apply: JSON Lines, one save a line.  All of a line or none of it; the lines before a bad one stay saved. */
#include <string.h>

#include "node/cell.h"
#include "node/command_row.h"
#include "node/json_read.h"

#define APPLY_LINE_BYTES_MAX ((size_t)4 << 20)
#define APPLY_LINES_PER_TURN 64		/* then others may write */
#define APPLY_CHANGES_MAX 20000		/* of one line */
#define APPLY_ROWS_MAX 64		/* handed to the engine at once */
#define APPLY_CELLS_MAX (8 * COLUMNS_MAX)

struct apply {
	const char *name;		/* of the file */
	struct span file;
	size_t at;			/* offset of the next line */
	size_t line;			/* number of the line under way */
	struct json_write w;
	/* rows that are read, and not yet written */
	struct save_change rows[APPLY_ROWS_MAX];
	struct save_cell cells[APPLY_CELLS_MAX];
	struct save_key keys[APPLY_ROWS_MAX];
	const struct catalogue_table *tables[APPLY_ROWS_MAX];
	size_t rows_count, cells_count;
};

/* Something in the line is not as it should be: the member @what. */
static enum rc
change_fail(struct command_env *env, struct diag *d, enum message_id id, const char *what)
{
	return diag_fail(d, RC_INPUT, command_message(env, id), what);
}

static enum rc
cells_parse(struct command_env *env, const struct catalogue_table *t, const struct cJSON *set,
    struct save_cell *cells, size_t *count, struct diag *d)
{
	const struct cJSON *member;
	int column;
	enum rc rc;

	if (json_kind(set) != JSON_OBJECT)
		return change_fail(env, d, MSG_APPLY_MEMBER, "set");
	*count = 0;
	for (member = json_first(set); member != NULL; member = json_next(member)) {
		column = catalogue_column_find(t, span_str(json_name(member)));
		if (column < 0) {
			return diag_fail(d, RC_INPUT, command_message(env, MSG_COLUMN_UNKNOWN_NEXT), t->name,
			    (int)strlen(json_name(member)), json_name(member));
		}
		memset(&cells[*count], 0, sizeof(cells[*count]));
		cells[*count].column = span_str(t->columns[column].name);
		cells[*count].is_delta = t->columns[column].policy == POLICY_COUNTER;
		rc = cell_parse_json(env, &t->columns[column], member, &cells[*count].value, d);
		if (rc != RC_OK)
			return rc;
		++*count;	/* no more than there are columns: names stand once */
	}
	return RC_OK;
}

static void
key_put(struct command_env *env, struct apply *a, const struct catalogue_table *t, struct span key)
{
	struct bytes text;

	bytes_init(&text);
	cell_key_text(t, key, &text);
	if (env->is_json) {
		json_write_string(&a->w, span_bytes(&text));
	} else {
		bytes_put(&env->out, text.p, text.n);
		bytes_byte(&env->out, ' ');
	}
	bytes_free(&text);
}

/* Write the rows that were read.  Their keys go to env->out, each with a blank behind it. */
static enum rc
rows_write(struct command_env *env, struct apply *a, struct save *s, struct diag *d)
{
	size_t i, failed;
	enum rc rc;

	if ((rc = save_rows(s, a->rows, a->rows_count, a->keys, &failed, d)) != RC_OK)
		return rc;
	for (i = 0; i < a->rows_count; i++)
		key_put(env, a, a->tables[i], span_of(a->keys[i].b, a->keys[i].n));
	a->rows_count = 0;
	a->cells_count = 0;
	return RC_OK;
}

static enum rc
row_add(struct command_env *env, struct apply *a, struct save *s, const struct catalogue_table *t, struct span key,
    const struct cJSON *set, struct diag *d)
{
	struct save_cell *cells;
	size_t count = 0;
	enum rc rc;

	if ((a->rows_count == APPLY_ROWS_MAX || APPLY_CELLS_MAX - a->cells_count < COLUMNS_MAX) &&
	    (rc = rows_write(env, a, s, d)) != RC_OK)
		return rc;
	cells = a->cells + a->cells_count;
	if ((rc = cells_parse(env, t, set, cells, &count, d)) != RC_OK)
		return rc;
	a->rows[a->rows_count] = (struct save_change){ span_str(t->name), key, cells, count };
	a->tables[a->rows_count++] = t;
	a->cells_count += count;
	return RC_OK;
}

/* One of the line's changes. */
static enum rc
change_run(struct command_env *env, struct apply *a, struct save *s, const struct cJSON *change, struct diag *d)
{
	static const char *const names[] = { "table", "key", "set", "delete" };
	const struct catalogue_table *t;
	struct span text, key = span_of(NULL, 0);
	const char *unknown;
	bool is_delete = false;
	enum rc rc;

	if (json_kind(change) != JSON_OBJECT)
		return change_fail(env, d, MSG_APPLY_MEMBER, "changes");
	if ((unknown = json_unknown_member(change, names, 4)) != NULL)
		return change_fail(env, d, MSG_APPLY_MEMBER, unknown);
	if (!json_string(json_member(change, "table"), &text))
		return change_fail(env, d, MSG_APPLY_MEMBER, "table");
	if ((rc = command_table(env, text, &t, d)) != RC_OK)
		return rc;
	if (!json_string(json_member(change, "key"), &text))
		return change_fail(env, d, MSG_APPLY_MEMBER, "key");
	if ((t->has_text_key || !span_eq(text, span_str("new"))) &&
	    (rc = cell_key_parse(env, t, text, &key, d)) != RC_OK)
		return rc;
	if (json_member(change, "delete") != NULL &&
	    (!json_bool(json_member(change, "delete"), &is_delete) || !is_delete || json_member(change, "set") != NULL))
		return change_fail(env, d, MSG_APPLY_MEMBER, "delete");
	if (!is_delete)
		return row_add(env, a, s, t, key, json_member(change, "set"), d);
	if ((rc = rows_write(env, a, s, d)) != RC_OK)
		return rc;
	if ((rc = save_delete(s, span_str(t->name), key, d)) == RC_NOTFOUND)
		rc = diag_fail(d, rc, command_message(env, MSG_ROW_NOT_FOUND), t->name, (const char *)text.p);
	if (rc == RC_OK)
		key_put(env, a, t, key);
	return rc;
}

static enum rc
options_parse(struct command_env *env, const struct cJSON *root, struct save_options *o, struct diag *d)
{
	static const char *const names[] = { "unit", "author", "changes" };
	const char *unknown;
	struct span text;
	enum rc rc;

	memset(o, 0, sizeof(*o));
	if (json_kind(root) != JSON_OBJECT)
		return change_fail(env, d, MSG_APPLY_MEMBER, "changes");
	if ((unknown = json_unknown_member(root, names, 3)) != NULL)
		return change_fail(env, d, MSG_APPLY_MEMBER, unknown);
	text = env->author;
	if (json_member(root, "author") != NULL && !json_string(json_member(root, "author"), &text))
		return change_fail(env, d, MSG_APPLY_MEMBER, "author");
	if ((rc = command_author(env, text, &o->author, d)) != RC_OK)
		return rc;
	if (json_member(root, "unit") == NULL)
		return RC_OK;
	if (!json_string(json_member(root, "unit"), &text))
		return change_fail(env, d, MSG_APPLY_MEMBER, "unit");
	return command_unit(env, text, &o->unit, d);
}

/* All the changes of one line in one save. */
static enum rc
save_run(struct command_env *env, struct apply *a, const struct cJSON *root, struct diag *d)
{
	const struct cJSON *changes = json_member(root, "changes"), *change;
	struct save_options o;
	struct save_result r;
	struct save *s;
	size_t out_n = env->out.n;
	struct json_write w = a->w;	/* to take back what a line that fails wrote */
	enum rc rc;

	if ((rc = options_parse(env, root, &o, d)) != RC_OK)
		return rc;
	if (json_kind(changes) != JSON_ARRAY || json_count(changes) == 0 || json_count(changes) > APPLY_CHANGES_MAX)
		return change_fail(env, d, MSG_APPLY_MEMBER, "changes");
	if ((rc = save_begin(env->engine, &o, &s, d)) != RC_OK)
		return rc;
	if (env->is_json) {
		json_write_object(&a->w);
		json_write_key(&a->w, "keys");
		json_write_array(&a->w);
	}
	a->rows_count = 0;
	a->cells_count = 0;
	for (change = json_first(changes); change != NULL && rc == RC_OK; change = json_next(change))
		rc = change_run(env, a, s, change, d);
	if (rc == RC_OK)
		rc = rows_write(env, a, s, d);
	if (rc == RC_OK)
		rc = save_commit(s, &r, d);
	else
		save_abandon(s);
	if (rc != RC_OK) {
		env->out.n = out_n;
		a->w = w;
		return rc;
	}
	if (env->is_json) {
		json_write_array_end(&a->w);
		json_write_key(&a->w, "commit");
		json_write_cstr(&a->w, r.commit[0] == '\0' ? NULL : r.commit);
		json_write_object_end(&a->w);
	} else if (env->out.n != 0) {
		env->out.p[env->out.n - 1] = '\n';	/* in place of the last blank */
	}
	return RC_OK;
}

static enum rc
line_run(struct command_env *env, struct apply *a, struct span line, struct diag *d)
{
	struct json json;
	struct diag why;
	enum rc rc;

	diag_init(&why);
	rc = json_read(&json, line, APPLY_LINE_BYTES_MAX, &why);
	if (rc == RC_OK)
		rc = save_run(env, a, json.root, &why);
	json_fini(&json);
	if (rc == RC_OK || rc == RC_NOMEM)
		return rc;
	env->is_partial = a->line > 1;
	if (rc == RC_LIMIT)
		rc = RC_INPUT;
	return diag_fail(d, rc, command_message(env, MSG_APPLY_LINE), a->name, a->line, why.text);
}

static enum rc
apply_begin(struct command_env *env, struct apply **out, struct diag *d)
{
	static const char *const words[] = { "FILE" };
	const struct command_shape shape = { NULL, 0, 1, 1, words };
	struct command_args args;
	struct apply *a;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if ((a = arena_alloc(&env->arena, sizeof(*a))) == NULL)
		return RC_NOMEM;
	a->name = args.word[0];
	if ((rc = command_file(env, a->name, &a->file, d)) != RC_OK)
		return rc;
	if (env->is_json) {
		json_write_init(&a->w, &env->out, false);
		json_write_array(&a->w);
	}
	*out = a;
	return RC_OK;
}

enum rc
command_apply(struct command_env *env, struct diag *d)
{
	struct apply *a = env->resume;
	const uint8_t *end;
	struct span line;
	size_t n;
	enum rc rc = RC_OK;

	if (a == NULL && (rc = apply_begin(env, &a, d)) != RC_OK)
		return rc;
	env->resume = a;
	for (n = 0; n < APPLY_LINES_PER_TURN && a->at < a->file.n; n++) {
		line = span_of(a->file.p + a->at, a->file.n - a->at);
		if ((end = memchr(line.p, '\n', line.n)) != NULL)
			line.n = (size_t)(end - line.p);
		a->at += line.n + 1;
		a->line++;
		if (line.n != 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n != 0 && (rc = line_run(env, a, line, d)) != RC_OK)
			break;
	}
	env->resume_at = rc == RC_OK && a->at < a->file.n ? a->at : 0;
	if (env->resume_at == 0 && env->is_json) {
		json_write_array_end(&a->w);
		command_json_end(env, &a->w);
	}
	if (env->flush != NULL)
		env->flush(env);
	return rc;
}
