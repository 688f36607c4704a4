/* export: rows of a table as CSV.  `products` is the table `product` with the producer by name, as import takes it. */
#include <sqlite3.h>
#include <string.h>

#include "node/cell.h"
#include "node/command_row.h"
#include "node/csv_write.h"
#include "node/record.h"

struct export {
	struct command_env *env;
	const struct catalogue_table *table;
	int producer;		/* column that is written as a name; -1: none */
	struct csv_write w;
	uint64_t rows_count;
};

static enum rc
producer_name(struct export *x, struct value v, struct bytes *out, struct diag *d)
{
	const struct catalogue_table *t = catalogue_table_find(x->env->catalogue, span_str("producer"));
	struct record row;
	enum rc rc;

	if (v.type == VALUE_NULL)
		return RC_OK;
	INVARIANT(t != NULL);
	rc = record_get(x->env, t, v.s, &row, NULL);
	if (rc == RC_NOTFOUND) {	/* not here: its key then, which import takes as well */
		cell_text(x->env->engine, &x->table->columns[x->producer], v, out);
		return RC_OK;
	}
	if (rc != RC_OK)
		return diag_fail(d, rc, "%s", rc_name(rc));
	bytes_put(out, row.values[catalogue_column_find(t, span_str("name"))].s.p,
	    row.values[catalogue_column_find(t, span_str("name"))].s.n);
	return RC_OK;
}

static enum rc
row_export(struct export *x, const struct record *row, struct bytes *text, struct diag *d)
{
	const struct catalogue_table *t = x->table;
	enum rc rc = RC_OK;
	size_t i;

	bytes_clear(text);
	cell_key_text(t, row->key, text);
	csv_write_field(&x->w, span_bytes(text));
	for (i = 0; i < t->columns_count && rc == RC_OK; i++) {
		bytes_clear(text);
		if ((int)i == x->producer)
			rc = producer_name(x, row->values[i], text, d);
		else
			cell_text(x->env->engine, &t->columns[i], row->values[i], text);
		csv_write_field(&x->w, span_bytes(text));
	}
	csv_write_row_end(&x->w);
	x->rows_count++;
	return rc;
}

static enum rc
rows_export(struct export *x, struct diag *d)
{
	const struct catalogue_table *t = x->table;
	sqlite3_stmt *stmt = NULL;
	struct bytes text;
	struct record row;
	bool is_row = true;
	size_t i;
	enum rc rc;

	csv_write_cstr(&x->w, t->key_column);
	for (i = 0; i < t->columns_count; i++)
		csv_write_cstr(&x->w, t->columns[i].name);
	csv_write_row_end(&x->w);
	bytes_init(&text);
	bytes_fmt(&text, "ORDER BY \"%s\"", t->key_column);
	rc = bytes_cstr(&text) == NULL ? RC_NOMEM : record_prepare(x->env->engine, t, (char *)text.p, &stmt, d);
	while (rc == RC_OK && is_row) {
		rc = record_next(x->env->engine, t, stmt, &row, &is_row, d);
		if (rc == RC_OK && is_row)
			rc = row_export(x, &row, &text, d);
	}
	bytes_free(&text);
	sqlite3_finalize(stmt);
	return rc;
}

enum rc
command_export(struct command_env *env, struct diag *d)
{
	static const char *const words[] = { "products|TABLE", "FILE" };
	static const struct csv_write_options options = { ',', true, true };
	const struct command_shape shape = { NULL, 0, 2, 2, words };
	struct export x = { .env = env, .producer = -1 };
	struct command_args args;
	struct json_write w;
	const char *name;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	name = args.word[0];
	if (strcmp(name, "products") == 0)
		name = "product";
	if ((rc = command_table(env, span_str(name), &x.table, d)) != RC_OK)
		return rc;
	if (name != args.word[0])
		x.producer = catalogue_column_find(x.table, span_str("producer"));
	csv_write_init(&x.w, &env->output, &options);
	if ((rc = rows_export(&x, d)) != RC_OK)
		return rc;
	env->output_name = args.word[1];
	if (env->is_json) {
		json_write_init(&w, &env->out, false);
		json_write_object(&w);
		json_write_key(&w, "file");
		json_write_cstr(&w, env->output_name);
		json_write_key(&w, "rows");
		json_write_uint64(&w, x.rows_count);
		json_write_object_end(&w);
		command_json_end(env, &w);
	} else {
		bytes_fmt(&env->out, command_message(env, MSG_EXPORTED), x.rows_count, env->output_name);
		bytes_byte(&env->out, '\n');
	}
	return RC_OK;
}
