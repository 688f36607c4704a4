/* digest, dump, verify: the canonical state and its proof. */
#include <sodium.h>
#include <sqlite3.h>
#include <string.h>

#include "node/cell.h"
#include "node/command_row.h"

static enum rc
unit_option(struct command_env *env, struct span *unit, struct diag *d)
{
	static const struct command_flag flags[] = { { "--unit", true } };
	const struct command_shape shape = { flags, 1, 0, 0, NULL };
	struct command_args args;
	enum rc rc;

	*unit = span_of(NULL, 0);
	if ((rc = command_args(env, &shape, &args, d)) != RC_OK || args.value[0] == NULL)
		return rc;
	return command_unit(env, span_str(args.value[0]), unit, d);
}

enum rc
command_digest(struct command_env *env, struct diag *d)
{
	uint8_t hash[HASH_BYTES];
	char hex[2 * HASH_BYTES + 1];
	struct json_write w;
	struct span unit;
	enum rc rc;

	if ((rc = unit_option(env, &unit, d)) != RC_OK || (rc = digest_rows(env->engine, unit, hash, d)) != RC_OK)
		return rc;
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	if (!env->is_json) {
		bytes_fmt(&env->out, "%s\n", hex);
		return RC_OK;
	}
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	json_write_key(&w, "digest");
	json_write_cstr(&w, hex);
	json_write_object_end(&w);
	command_json_end(env, &w);
	return RC_OK;
}

struct dump_sink {
	struct command_env *env;
	struct json_write array;	/* --json is one document */
};

/* Canonical: units by their whole key, whatever other units this node knows. */
static void
canonical_json(struct command_env *env, const struct catalogue_column *c, struct value v, struct json_write *w)
{
	if (c->type == COLUMN_UNIT && v.type == VALUE_TEXT)
		json_write_string(w, v.s);
	else
		cell_json(env->engine, c, v, w);
}

static void
siblings_json(struct command_env *env, const struct digest_row *row, struct json_write *w)
{
	const struct catalogue_table *t = row->table;
	size_t i;

	json_write_key(w, "siblings");
	json_write_array(w);
	for (i = 0; i < row->siblings_count; i++) {
		const struct digest_sibling *b = &row->siblings[i];

		json_write_object(w);
		json_write_key(w, "column");
		json_write_cstr(w, b->column == t->columns_count ? NULL : t->columns[b->column].name);
		json_write_key(w, "value");
		if (b->column == t->columns_count)
			json_write_null(w);
		else
			canonical_json(env, &t->columns[b->column], b->value, w);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void
row_write(struct command_env *env, const struct digest_row *row, struct json_write *w)
{
	const struct catalogue_table *t = row->table;
	size_t i;

	json_write_object(w);
	json_write_key(w, "table");
	json_write_cstr(w, t->name);
	cell_json_key("key", t, row->key, w);
	json_write_key(w, "unit");
	json_write_string(w, row->unit);
	if (row->is_deleted) {
		json_write_key(w, "deleted");
		json_write_bool(w, true);
	} else {
		json_write_key(w, "columns");
		json_write_object(w);
		for (i = 0; i < t->columns_count; i++) {
			if (row->values[i].type == VALUE_NULL)
				continue;
			json_write_key(w, t->columns[i].name);
			canonical_json(env, &t->columns[i], row->values[i], w);
		}
		json_write_object_end(w);
	}
	if (row->siblings_count != 0)
		siblings_json(env, row, w);
	json_write_object_end(w);
}

static enum rc
on_row(void *ctx, const struct digest_row *row)
{
	struct dump_sink *s = ctx;
	struct json_write line;

	if (s->env->is_json) {
		row_write(s->env, row, &s->array);
	} else {
		json_write_init(&line, &s->env->out, false);
		row_write(s->env, row, &line);
		command_json_end(s->env, &line);
	}
	command_flush(s->env);
	return s->env->out.failed ? RC_NOMEM : RC_OK;
}

enum rc
command_dump(struct command_env *env, struct diag *d)
{
	struct dump_sink s = { .env = env };
	struct span unit;
	enum rc rc;

	if ((rc = unit_option(env, &unit, d)) != RC_OK)
		return rc;
	json_write_init(&s.array, &env->out, false);
	if (env->is_json)
		json_write_array(&s.array);
	if ((rc = digest_each(env->engine, unit, on_row, &s, d)) != RC_OK)
		return rc;
	if (env->is_json) {
		json_write_array_end(&s.array);
		command_json_end(env, &s.array);
	}
	return RC_OK;
}

static void
verified_show(struct command_env *env, enum rc rc, const struct verify_result *r, const struct diag *d)
{
	struct json_write w;

	if (!env->is_json) {
		if (rc == RC_OK) {
			bytes_fmt(&env->out, command_message(env, MSG_VERIFIED), (size_t)r->streams,
			    (size_t)r->commits, (size_t)r->seals, (size_t)r->rows);
			bytes_byte(&env->out, '\n');
		}
		return;
	}
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	json_write_key(&w, "ok");
	json_write_bool(&w, rc == RC_OK);
	json_write_key(&w, "difference");
	json_write_cstr(&w, rc == RC_OK ? NULL : d->text);
	json_write_key(&w, "streams");
	json_write_uint64(&w, r->streams);
	json_write_key(&w, "commits");
	json_write_uint64(&w, r->commits);
	json_write_key(&w, "seals");
	json_write_uint64(&w, r->seals);
	json_write_key(&w, "rows");
	json_write_uint64(&w, r->rows);
	json_write_object_end(&w);
	command_json_end(env, &w);
}

enum rc
command_verify(struct command_env *env, struct diag *d)
{
	const struct command_shape shape = { NULL, 0, 0, 0, NULL };
	struct verify_result r;
	struct command_args args;
	sqlite3 *scratch = NULL;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	memset(&r, 0, sizeof(r));
	/* An empty name: a database of SQLite's own that spills to a temporary file when it grows. */
	if (sqlite3_open_v2("", &scratch, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK) {
		sqlite3_close(scratch);
		return diag_fail(d, RC_DISK, "%s", command_message(env, MSG_SCRATCH));
	}
	rc = verify_replica(env->engine, scratch, &r, d);
	sqlite3_close(scratch);
	if (rc == RC_OK || rc == RC_DIFFER)
		verified_show(env, rc, &r, d);
	return rc;
}
