/* import: what is imported, from which files, and the report. */
#include <string.h>
#include <zstd.h>

#include "node/command_row.h"
#include "node/import.h"
#include "schema/criteria.h"
#include "schema/embed.h"

#define EMBED_BYTES_MAX ((size_t)16 << 20)

static enum rc
embedded_file(struct command_env *env, const char *name, struct command_file *out)
{
	uint8_t *room;
	size_t i;

	for (i = 0; i < schema_embed_count; i++) {
		const struct embed_file *f = &schema_embed[i];

		if (strcmp(f->name, name) != 0)
			continue;
		if (f->raw_n > EMBED_BYTES_MAX)
			return RC_BUG;
		if ((room = arena_alloc(&env->arena, f->raw_n + 1)) == NULL)
			return RC_NOMEM;
		if (ZSTD_decompress(room, f->raw_n, f->p, f->n) != f->raw_n)
			return RC_BUG;
		*out = (struct command_file){ f->name, span_of(room, f->raw_n) };
		return RC_OK;
	}
	return RC_BUG;
}

/* A file of criteria names its table by its first column, the table's key. */
static enum rc
criteria_table(struct import *im, struct diag *d)
{
	const struct criteria_file *known;
	struct csv csv;
	size_t count, i, at;
	enum rc rc;

	if ((rc = csv_init(&csv, im->file->bytes, im->file->name, d)) != RC_OK)
		return rc;
	rc = csv_header(&csv, NULL, 0, d);
	known = criteria_files(&count);
	for (i = 0; rc == RC_OK && i < count; i++) {
		const struct catalogue_table *t =
		    catalogue_table_find(im->env->catalogue, span_str(known[i].table));

		INVARIANT(t != NULL);
		if (csv_find(&csv, t->key_column, &at) == RC_OK && at == 0) {
			csv_fini(&csv);
			return command_import_table(im, t);
		}
	}
	csv_fini(&csv);
	return rc != RC_OK ? rc : diag_fail(d, RC_INPUT, command_message(im->env, MSG_IMPORT_NOT_CRITERIA),
	    im->file->name);
}

static void
report(struct import *im, struct json_write *w)
{
	struct command_env *env = im->env;
	size_t i;

	for (i = 0; i < im->bad_count; i++)
		bytes_fmt(&env->err, "%s\n", im->bad[i].why);
	if (!env->is_json) {
		bytes_fmt(&env->out, command_message(env, MSG_IMPORTED), im->rows_count, im->file->name,
		    im->result.rows_count);
		bytes_byte(&env->out, '\n');
		if (im->bad_count != 0) {
			bytes_fmt(&env->out, command_message(env, MSG_IMPORT_SKIPPED), im->bad_count);
			bytes_byte(&env->out, '\n');
		}
		return;
	}
	json_write_object(w);
	json_write_key(w, "file");
	json_write_cstr(w, im->file->name);
	json_write_key(w, "lines");
	json_write_uint64(w, im->rows_count);
	json_write_key(w, "rows");
	json_write_uint64(w, im->result.rows_count);
	json_write_key(w, "skipped");
	json_write_uint64(w, im->bad_count);
	json_write_key(w, "commits");
	json_write_uint64(w, im->result.commits_count);
	json_write_key(w, "commit");
	json_write_cstr(w, im->result.commit[0] == '\0' ? NULL : im->result.commit);
	json_write_object_end(w);
}

static enum rc
kind_choose(struct import *im, const char *what, struct diag *d)
{
	const struct catalogue_table *t;
	enum rc rc;

	if (strcmp(what, "units") == 0 || strcmp(what, "unit") == 0)
		return command_import_units(im);
	if (strcmp(what, "products") == 0)
		return command_import_products(im);
	if (strcmp(what, "criteria") == 0)
		return criteria_table(im, d);
	if (strcmp(what, "producers") == 0)
		what = "producer";
	if ((rc = command_table(im->env, span_str(what), &t, d)) != RC_OK)
		return rc;
	return command_import_table(im, t);
}

/* One file as one save. */
static enum rc
file_import(struct command_env *env, const char *what, const struct command_file *file, bool is_skip_bad,
    struct json_write *w, struct diag *d)
{
	struct import *im = mem_alloc(sizeof(*im));
	enum rc rc;

	if (im == NULL)
		return RC_NOMEM;
	im->env = env;
	im->file = file;
	im->is_skip_bad = is_skip_bad;
	if ((rc = kind_choose(im, what, d)) == RC_OK && (rc = import_run(im, d)) == RC_OK)
		report(im, w);
	mem_free(im);
	return rc;
}

enum rc
command_import(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--skip-bad", false } };
	static const char *const words[] = { "products|units|criteria|TABLE", "FILE" };
	const struct command_shape shape = { flags, 1, 1, 1 + COMMAND_FILES_MAX, words };
	const struct criteria_file *known;
	struct command_file files[COMMAND_FILES_MAX];
	struct command_args args;
	struct json_write w;
	const char *what;
	size_t count = 0, known_count, i;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	what = args.word[0];
	if (args.words_count == 1 && strcmp(what, "criteria") != 0)
		return command_usage(env, d, MSG_ARGUMENT_MISSING, words[1]);
	for (i = 1; i < args.words_count; i++, count++) {
		files[count].name = args.word[i];
		if ((rc = command_file(env, args.word[i], &files[count].bytes, d)) != RC_OK)
			return rc;
	}
	known = criteria_files(&known_count);
	INVARIANT(known_count <= COMMAND_FILES_MAX);
	for (i = 0; args.words_count == 1 && i < known_count; i++, count++) {
		if ((rc = embedded_file(env, known[i].name, &files[count])) != RC_OK)
			return rc;
	}
	json_write_init(&w, &env->out, false);
	if (env->is_json)
		json_write_array(&w);
	for (i = 0; i < count && rc == RC_OK; i++) {
		rc = file_import(env, what, &files[i], args.value[0] != NULL, &w, d);
		env->is_partial = rc != RC_OK && i != 0;
	}
	if (!env->is_json)
		return rc;
	if (rc != RC_OK) {
		bytes_clear(&env->out);
		return rc;
	}
	json_write_array_end(&w);
	command_json_end(env, &w);
	return rc;
}
