/* init: making the provincial master.  It is there when its database gets its name. */
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/cell.h"
#include "node/client.h"
#include "node/command_row.h"
#include "node/csv.h"
#include "node/file.h"
#include "node/keyfile.h"
#include "node/local.h"
#include "node/store.h"
#include "node/text.h"
#include "schema/schema.h"

#define UNITS_BYTES_MAX ((size_t)16 << 20)

/* The key of the newest unit with that code (or that very key) in the file. */
static enum rc
root_find(struct command_env *env, const char *code, const struct command_file *file, char key[UNIT_BYTES_MAX + 1],
    struct diag *d)
{
	struct csv *csv = mem_alloc(sizeof(*csv));
	struct span best = span_of(NULL, 0), c, from;
	size_t code_at = CSV_NONE, from_at = CSV_NONE, len = strcspn(code, "@");
	bool is_row = true;
	enum rc rc;

	if (csv == NULL)
		return RC_NOMEM;
	if ((rc = csv_init(csv, file->bytes, file->name, d)) == RC_OK && (rc = csv_header(csv, NULL, 0, d)) == RC_OK &&
	    (csv_find(csv, "code", &code_at) != RC_OK || csv_find(csv, "valid_from", &from_at) != RC_OK))
		rc = diag_fail(d, RC_INPUT, command_message(env, MSG_INIT_NOT_UNITS), file->name);
	while (rc == RC_OK && is_row && (rc = csv_next(csv, &is_row, d)) == RC_OK && is_row) {
		c = text_trim(csv_field(csv, code_at));
		from = text_trim(csv_field(csv, from_at));
		if (!span_eq(c, span_of(code, len)) || !text_date(from) ||
		    (code[len] == '@' && !span_eq(from, span_str(code + len + 1))))
			continue;
		if (best.n == 0 || span_cmp(from, best) > 0)
			best = arena_copy(&env->arena, from);
	}
	if (rc == RC_OK && best.n == 0)
		rc = diag_fail(d, RC_INPUT, command_message(env, MSG_INIT_NO_UNIT), file->name, code);
	if (rc == RC_OK && snprintf(key, UNIT_BYTES_MAX + 1, "%.*s@%.*s", (int)len, code, (int)best.n,
	        (const char *)best.p) > UNIT_BYTES_MAX)
		rc = diag_fail(d, RC_INPUT, command_message(env, MSG_INIT_NO_UNIT), file->name, code);
	csv_fini(csv);
	mem_free(csv);
	return rc;
}

/* The units as the first save of the new node. */
static enum rc
units_import(struct command_env *env, sqlite3 *db, const uint8_t *seed, const struct command_file *file,
    struct diag *d)
{
	const char *const argv[] = { "import", "units", file->name };
	struct command_env import;
	struct engine *e;
	enum rc rc;

	if ((rc = engine_open(&e, db, schema_catalogue(), store_env(), seed, d)) != RC_OK)
		return rc;
	command_env_init(&import);
	import.engine = e;
	import.catalogue = engine_catalogue(e);
	import.argc = 3;
	import.argv = argv;
	import.files = file;
	import.files_count = 1;
	import.author = env->author;
	import.language = env->language;
	import.dir = env->dir;
	import.now_ms = store_now_ms();
	if ((rc = local_create(db, d)) == RC_OK)
		rc = command_import(&import, d);
	command_env_fini(&import);
	engine_close(e);
	return rc;
}

/* @root_key: where the tree's secret goes; NULL: into the directory. */
static enum rc
master_make(struct command_env *env, const struct store_build *b, const struct engine_founding *f,
    const char *root_key, const struct command_file *file, struct diag *d)
{
	sqlite3 *db = NULL;
	enum rc rc;

	if (root_key != NULL)
		rc = keyfile_write(root_key, f->root_seed, true, d);
	else
		rc = store_key_write(b->dir, STORE_ROOT_KEY, f->root_seed, d);
	if (rc != RC_OK)
		return rc;
	if ((rc = store_key_write(b->dir, STORE_NODE_KEY, f->node_seed, d)) == RC_OK &&
	    (rc = store_build_database(b, &db, d)) == RC_OK &&
	    (rc = engine_found(db, schema_catalogue(), store_env(), f, d)) == RC_OK)
		rc = units_import(env, db, f->node_seed, file, d);
	if (sqlite3_close(db) != SQLITE_OK && rc == RC_OK)
		rc = diag_fail(d, RC_BUG, "%s", rc_name(RC_BUG));
	if (rc != RC_OK && root_key != NULL)
		(void)unlink(root_key);		/* ours, and the key of nothing */
	return rc;
}

static enum rc
master_build(struct command_env *env, struct span unit, struct span name, const char *root_key,
    const struct command_file *file, struct diag *d)
{
	uint8_t seeds[2][SEED_BYTES];
	const struct engine_founding f = { seeds[0], seeds[1], unit, name };
	struct store_build b;
	enum rc rc;

	if (store_is_joining(env->dir))		/* whose key must not be lost */
		return diag_fail(d, RC_CREATE, command_message(env, MSG_STORE_JOINING), env->dir);
	if ((rc = store_build_begin(&b, env->dir, d)) != RC_OK)
		return rc;
	(void)sodium_mlock(seeds, sizeof(seeds));	/* where the system lets us */
	randombytes_buf(seeds, sizeof(seeds));
	if ((rc = store_build_clear(&b, d)) == RC_OK &&
	    (rc = master_make(env, &b, &f, root_key, file, d)) == RC_OK)
		rc = store_build_end(&b, d);
	(void)sodium_munlock(seeds, sizeof(seeds));
	if (rc == RC_OK)
		store_unlock(b.lock_fd);
	else
		store_build_abandon(&b, false);
	return rc;
}

void
client_made_show(struct command_env *env, enum message_id id, const char *unit, const char *file)
{
	struct json_write w;

	if (!env->is_json) {
		bytes_fmt(&env->out, command_message(env, id), env->dir, unit, file == NULL ? "" : file);
		bytes_byte(&env->out, '\n');
		return;
	}
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	json_write_key(&w, "dir");
	json_write_cstr(&w, env->dir);
	json_write_key(&w, "unit");
	json_write_cstr(&w, unit);
	if (file != NULL) {
		json_write_key(&w, "file");
		json_write_cstr(&w, file);
	}
	json_write_object_end(&w);
	command_json_end(env, &w);
}

enum rc
client_init(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--unit", true }, { "--units", true }, { "--name", true },
		{ "--root-key", true }, { "--passphrase-file", true } };
	const struct command_shape shape = { flags, 5, 0, 0, NULL };
	char key[UNIT_BYTES_MAX + 1];
	struct command_args args;
	struct command_file file;
	struct bytes content;
	struct span name;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if (args.value[0] == NULL || args.value[1] == NULL)
		return command_usage(env, d, MSG_ARGUMENT_MISSING,
		    args.value[0] == NULL ? "--unit CODE" : "--units FILE");
	name = span_str(args.value[2] == NULL ? args.value[0] : args.value[2]);
	if ((rc = command_author(env, name, &name, d)) != RC_OK)
		return rc;
	keyfile_passphrase_set(args.value[4]);
	bytes_init(&content);
	if ((rc = file_read(args.value[1], UNITS_BYTES_MAX, &content, d)) == RC_OK) {
		file = (struct command_file){ args.value[1], span_bytes(&content) };
		if ((rc = root_find(env, args.value[0], &file, key, d)) == RC_OK)
			rc = master_build(env, span_str(key), name, args.value[3], &file, d);
	}
	bytes_free(&content);
	if (rc == RC_OK)
		client_made_show(env, args.value[3] == NULL ? MSG_INIT_DONE : MSG_INIT_DONE_APART, key, args.value[3]);
	return rc;
}
