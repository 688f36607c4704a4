/* backup, restore: a whole node into one file and back. */
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "node/backup.h"
#include "node/cell.h"
#include "node/client.h"
#include "node/command_row.h"

static uint64_t
monotonic_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static enum rc
file_argument(struct command_env *env, const char **file, struct diag *d)
{
	static const char *const words[] = { "FILE" };
	const struct command_shape shape = { NULL, 0, 1, 1, words };
	struct command_args args;
	enum rc rc = command_args(env, &shape, &args, d);

	*file = args.word[0];
	return rc;
}

enum rc
client_backup(struct command_env *env, struct diag *d)
{
	uint64_t bytes = 0, began_ms = monotonic_ms(), ms;
	char root_key[STORE_PATH_BYTES];
	struct json_write w;
	const char *file;
	enum rc rc;

	if ((rc = file_argument(env, &file, d)) != RC_OK)
		return rc;
	if (!store_exists(env->dir))
		return store_missing(env->dir, d);
	if ((rc = backup_write(env->dir, file, &bytes, d)) != RC_OK)
		return rc;
	ms = monotonic_ms() - began_ms;
	if (!env->is_json) {
		bytes_fmt(&env->out, command_message(env, MSG_BACKUP_DONE), file, (size_t)bytes,
		    (unsigned)(ms / 1000), (unsigned)(ms % 1000));
		bytes_byte(&env->out, '\n');
		if (store_path(env->dir, STORE_ROOT_KEY, root_key) && access(root_key, F_OK) == 0)
			bytes_fmt(&env->out, "%s\n", command_message(env, MSG_BACKUP_NO_ROOT));
		return RC_OK;
	}
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	json_write_key(&w, "file");
	json_write_cstr(&w, file);
	json_write_key(&w, "bytes");
	json_write_uint64(&w, bytes);
	json_write_key(&w, "seconds");
	json_write_fixed(&w, (int64_t)ms, 3);
	json_write_object_end(&w);
	command_json_end(env, &w);
	return RC_OK;
}

static void
restored_show(struct command_env *env, const char *file, const struct backup_facts *facts)
{
	char made[TIME_TEXT_CHARS + 1];
	struct json_write w;

	key_time_format(facts->made_ms, made);
	if (!env->is_json) {
		bytes_fmt(&env->out, command_message(env, MSG_RESTORE_DONE), env->dir, facts->unit, file, made);
		bytes_byte(&env->out, '\n');
		return;
	}
	json_write_init(&w, &env->out, false);
	json_write_object(&w);
	json_write_key(&w, "dir");
	json_write_cstr(&w, env->dir);
	json_write_key(&w, "unit");
	json_write_cstr(&w, facts->unit);
	cell_json_origin("node", facts->origin, &w);
	json_write_key(&w, "made");
	json_write_cstr(&w, made);
	json_write_object_end(&w);
	command_json_end(env, &w);
}

enum rc
client_restore(struct command_env *env, struct diag *d)
{
	struct backup_facts facts;
	struct store_build b;
	const char *file;
	enum rc rc;

	if ((rc = file_argument(env, &file, d)) != RC_OK)
		return rc;
	if (store_is_joining(env->dir))		/* whose key must not be lost */
		return diag_fail(d, RC_CREATE, command_message(env, MSG_STORE_JOINING), env->dir);
	if ((rc = store_build_begin(&b, env->dir, d)) != RC_OK)
		return rc;
	if ((rc = store_build_clear(&b, d)) == RC_OK && (rc = backup_restore(&b, file, &facts, d)) == RC_OK)
		rc = store_build_end(&b, d);
	if (rc != RC_OK) {
		store_build_abandon(&b, false);
		return rc;
	}
	store_unlock(b.lock_fd);
	restored_show(env, file, &facts);
	return RC_OK;
}
