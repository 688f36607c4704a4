/* list: rows of a table, all of them or those that match.
 *
 * COLUMN=VALUE on a searchable column finds whole words without case and marks; on any other, and with ==, the value
 * itself; COLUMN=null the rows without one. */
#include <sqlite3.h>
#include <string.h>

#include "node/cell.h"
#include "node/command_row.h"
#include "node/record.h"
#include "node/table_print.h"
#include "node/text.h"

#define SHOWN_COLUMNS_MAX 6	/* for people; --json has all */

struct words_filter {
	size_t column;
	struct span folded;
};

struct list {
	const struct catalogue_table *table;
	struct words_filter words[COLUMNS_MAX];
	size_t words_count;
	struct value exact[COLUMNS_MAX];	/* in order of the parameters */
	size_t exact_count;
	int64_t limit;				/* of rows; 0: all */
	struct bytes tail;			/* of the SELECT */
};

static enum rc
fold(struct command_env *env, struct span text, struct span *out)
{
	struct bytes b;
	enum rc rc;

	bytes_init(&b);
	if ((rc = text_fold(text, &b)) == RC_OK && (rc = bytes_rc(&b)) == RC_OK) {
		*out = arena_copy(&env->arena, span_bytes(&b));
		rc = env->arena.failed ? RC_NOMEM : RC_OK;
	}
	bytes_free(&b);
	return rc;
}

static enum rc
filter_add(struct command_env *env, struct list *l, const char *word, struct diag *d)
{
	const struct catalogue_table *t = l->table;
	const char *equals = strchr(word, '=');
	const struct catalogue_column *c;
	bool is_exact;
	struct span name, text;
	int at;

	if (equals == NULL)
		return command_usage(env, d, MSG_ASSIGNMENT_BAD, word);
	is_exact = equals[1] == '=';
	name = span_of(word, (size_t)(equals - word));
	text = span_str(equals + (is_exact ? 2 : 1));
	if ((at = catalogue_column_find(t, name)) < 0) {
		return diag_fail(d, RC_INPUT, command_message(env, MSG_COLUMN_UNKNOWN_NEXT), t->name,
		    (int)name.n, word);
	}
	if (l->words_count + l->exact_count == COLUMNS_MAX)
		return command_usage(env, d, MSG_ARGUMENT_EXTRA, word);
	c = &t->columns[at];
	bytes_str(&l->tail, l->tail.n == 0 ? "WHERE " : " AND ");
	if (span_eq(text, span_str("null")) && !is_exact) {
		bytes_fmt(&l->tail, "\"%s\" IS NULL", c->name);
		return RC_OK;
	}
	if (c->type == COLUMN_TEXT && c->searchable && !is_exact) {
		bytes_fmt(&l->tail, "\"%s\" IS NOT NULL", c->name);
		l->words[l->words_count].column = (size_t)at;
		if (fold(env, text, &l->words[l->words_count].folded) != RC_OK)
			return diag_fail(d, RC_INPUT, command_message(env, MSG_VALUE_NOT_TEXT), c->name);
		l->words_count++;
		return RC_OK;
	}
	bytes_fmt(&l->tail, "\"%s\" = ?%zu", c->name, l->exact_count + 1);
	return cell_parse(env, c, text, &l->exact[l->exact_count++], d);
}

static enum rc
is_match(const struct list *l, const struct record *row, struct bytes *scratch, bool *out)
{
	size_t i;

	*out = true;
	for (i = 0; i < l->words_count && *out; i++) {
		bytes_clear(scratch);
		if (text_fold(row->values[l->words[i].column].s, scratch) != RC_OK || scratch->failed)
			return scratch->failed ? RC_NOMEM : RC_CORRUPT;
		*out = text_has_words(span_bytes(scratch), l->words[i].folded);
	}
	return RC_OK;
}

/* The columns that people see: what is searched or asked for first, then the others in order. */
static size_t
columns_choose(const struct catalogue_table *t, size_t chosen[SHOWN_COLUMNS_MAX])
{
	size_t count = 0, i;
	int round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < t->columns_count && count < SHOWN_COLUMNS_MAX; i++) {
			bool is_first = t->columns[i].required || t->columns[i].type == COLUMN_UNIT ||
			    strcmp(t->columns[i].name, "name") == 0;

			if (is_first == (round == 0))
				chosen[count++] = i;
		}
	}
	return count;
}

struct sink {
	struct command_env *env;
	struct json_write w;
	struct table_print table;
	struct table_column titles[SHOWN_COLUMNS_MAX + 1];
	size_t chosen[SHOWN_COLUMNS_MAX];
	size_t chosen_count;
	uint64_t rows_count;
	struct bytes scratch;
};

static void
sink_init(struct sink *s, struct command_env *env, const struct catalogue_table *t)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	s->env = env;
	bytes_init(&s->scratch);
	if (env->is_json) {
		json_write_init(&s->w, &env->out, false);
		json_write_array(&s->w);
		return;
	}
	s->chosen_count = columns_choose(t, s->chosen);
	s->titles[0].title = t->key_column;
	for (i = 0; i < s->chosen_count; i++) {
		const struct catalogue_column *c = &t->columns[s->chosen[i]];

		s->titles[i + 1] = (struct table_column){ c->name, c->type == COLUMN_INTEGER };
	}
	table_print_init(&s->table, s->titles, s->chosen_count + 1);
}

static void
sink_row(struct sink *s, const struct record *row)
{
	const struct catalogue_table *t = row->table;
	size_t i;

	s->rows_count++;
	if (s->env->is_json) {
		record_json(s->env->engine, row, &s->w);
		command_flush(s->env);
		return;
	}
	bytes_clear(&s->scratch);
	cell_key_text(t, row->key, &s->scratch);
	table_print_cell(&s->table, span_bytes(&s->scratch));
	for (i = 0; i < s->chosen_count; i++) {
		bytes_clear(&s->scratch);
		cell_text(s->env->engine, &t->columns[s->chosen[i]], row->values[s->chosen[i]], &s->scratch);
		table_print_cell(&s->table, span_bytes(&s->scratch));
	}
}

static enum rc
sink_end(struct sink *s, enum rc rc)
{
	struct command_env *env = s->env;

	if (rc == RC_OK && env->is_json) {
		json_write_array_end(&s->w);
		command_json_end(env, &s->w);
	} else if (rc == RC_OK && s->rows_count == 0) {
		bytes_fmt(&env->err, "%s\n", command_message(env, MSG_NOTHING_FOUND));
	} else if (rc == RC_OK) {
		rc = table_print_emit(&s->table, &env->out);
	}
	if (!env->is_json)
		table_print_fini(&s->table);
	bytes_free(&s->scratch);
	return rc;
}

static enum rc
rows_list(struct command_env *env, struct list *l, struct diag *d)
{
	sqlite3_stmt *stmt = NULL;
	struct sink sink;
	struct bytes folded;
	struct record row;
	bool is_row = true, is_wanted;
	size_t i;
	enum rc rc;

	bytes_fmt(&l->tail, " ORDER BY \"%s\"", l->table->key_column);
	if (bytes_cstr(&l->tail) == NULL)
		return RC_NOMEM;
	rc = record_prepare(env->engine, l->table, (char *)l->tail.p, &stmt, d);
	for (i = 0; i < l->exact_count && rc == RC_OK; i++)
		rc = record_sqlite_rc(env->engine, value_bind(stmt, (int)i + 1, l->exact[i]), d);
	sink_init(&sink, env, l->table);
	bytes_init(&folded);
	while (rc == RC_OK && is_row && (l->limit == 0 || sink.rows_count < (uint64_t)l->limit)) {
		rc = record_next(env->engine, l->table, stmt, &row, &is_row, d);
		if (rc != RC_OK || !is_row)
			break;
		if ((rc = is_match(l, &row, &folded, &is_wanted)) == RC_OK && is_wanted)
			sink_row(&sink, &row);
	}
	bytes_free(&folded);
	sqlite3_finalize(stmt);
	return sink_end(&sink, rc);
}

enum rc
command_list(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--limit", true } };
	static const char *const words[] = { "TABLE" };
	const struct command_shape shape = { flags, 1, 1, 1 + COLUMNS_MAX, words };
	struct command_args args;
	struct list l;
	size_t i;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	memset(&l, 0, sizeof(l));
	if (args.value[0] != NULL && (!text_int64(span_str(args.value[0]), &l.limit) || l.limit <= 0)) {
		env->is_usage = true;
		return diag_fail(d, RC_INPUT, command_message(env, MSG_OPTION_BAD_VALUE), "--limit", args.value[0]);
	}
	bytes_init(&l.tail);
	rc = command_table(env, span_str(args.word[0]), &l.table, d);
	for (i = 1; i < args.words_count && rc == RC_OK; i++)
		rc = filter_add(env, &l, args.word[i], d);
	if (rc == RC_OK)
		rc = rows_list(env, &l, d);
	bytes_free(&l.tail);
	return rc;
}
