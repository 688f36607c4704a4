#include "node/client.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "node/file.h"
#include "node/local.h"
#include "node/local_call.h"
#include "node/serve.h"
#include "node/store.h"

#define LOCK_STEP_MS 25

static uint64_t
monotonic_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
pause_ms(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	(void)nanosleep(&t, NULL);
}

bool
client_output(struct command_env *env)
{
	bool is_ok = file_put(STDOUT_FILENO, span_bytes(&env->out));

	(void)!file_put(STDERR_FILENO, span_bytes(&env->err));
	bytes_clear(&env->out);
	bytes_clear(&env->err);
	return is_ok;
}

static void
on_flush(struct command_env *env)
{
	if (!file_put(STDOUT_FILENO, span_bytes(&env->out)))
		env->flush = NULL;	/* nobody listens; the end of the command says so */
	bytes_clear(&env->out);
}

enum rc
client_lock_wait(const char *dir, const char *what, int *fd, struct diag *d)
{
	uint64_t end_ms = monotonic_ms() + CLIENT_LOCK_WAIT_MS;
	struct diag why;
	enum rc rc;

	for (;;) {
		diag_init(&why);
		if ((rc = store_lock(dir, what, fd, &why)) != RC_BUSY)
			break;
		if (monotonic_ms() >= end_ms)
			break;
		pause_ms(LOCK_STEP_MS);
	}
	return rc == RC_OK ? rc : diag_fail(d, rc, "%s", why.text);
}

/* ---- input files */

static enum rc
file_add(struct command_env *env, struct command_file *files, const char *name, size_t *left, struct diag *d)
{
	struct bytes content;
	size_t i;
	enum rc rc;

	for (i = 0; i < env->files_count; i++) {
		if (strcmp(files[i].name, name) == 0)
			return RC_OK;
	}
	if (env->files_count == COMMAND_FILES_MAX)
		return command_usage(env, d, MSG_ARGUMENT_EXTRA, name);
	bytes_init(&content);
	if ((rc = file_read(name, *left, &content, d)) == RC_OK) {
		*left -= content.n;
		files[env->files_count].name = name;
		files[env->files_count].bytes = arena_copy(&env->arena, span_bytes(&content));
		env->files_count++;
		rc = env->arena.failed ? RC_NOMEM : RC_OK;
	}
	bytes_free(&content);
	return rc;
}

static enum rc
files_read(const struct command *c, struct command_env *env, struct command_file *files, struct diag *d)
{
	int first = c->files == COMMAND_FILES_FROM_1 ? 1 : 2, i;
	size_t left = COMMAND_INPUT_BYTES_MAX;
	const char *equals;
	enum rc rc = RC_OK;

	env->files = files;
	for (i = 1; i < env->argc && c->files != COMMAND_FILES_NONE && rc == RC_OK; i++) {
		if (strcmp(env->argv[i], "--out") == 0) {
			first += 2;
			i++;		/* the only option of these commands that has a value */
			continue;
		}
		if (strncmp(env->argv[i], "--", 2) == 0) {
			first++;
			continue;
		}
		if (c->files == COMMAND_FILES_CELLS) {
			equals = strchr(env->argv[i], '=');
			if (equals != NULL && equals[1] == '@' && equals[2] != '\0')
				rc = file_add(env, files, equals + 2, &left, d);
		} else if (i >= first) {
			rc = file_add(env, files, env->argv[i], &left, d);
		}
	}
	return rc;
}

/* ---- who runs it */

static enum rc
run_on(const struct command *c, struct command_env *env, bool is_writer, struct diag *d)
{
	struct store store;
	enum rc rc;

	if ((rc = store_open(&store, env->dir, is_writer, d)) != RC_OK)
		return rc;
	env->engine = store.engine;
	env->catalogue = engine_catalogue(store.engine);
	env->now_ms = store_now_ms();
	env->disk_free_bytes = store_free_bytes(env->dir);
	env->flush = on_flush;
	rc = is_writer && command_is_saving(c, env->argc, env->argv) ?
	    store_reserve_check(env->dir, store.db, d) : RC_OK;
	if (rc == RC_OK && is_writer)
		rc = local_create(store.db, d);
	if (rc == RC_OK)
		rc = command_run(c, env, d);
	store.is_broken = rc == RC_DISK;
	store_close(&store);
	return rc;
}

/* Write what the command left for a file; when that fails, nothing of what it said came true. */
static enum rc
output_write(struct command_env *env, const char *name, struct span bytes, struct diag *d)
{
	enum rc rc = file_write(name, bytes, 0666, d);

	if (rc != RC_OK)
		bytes_clear(&env->out);
	return rc;
}

/* The daemon's outcome is ours. */
static enum rc
outcome_take(struct command_env *env, const struct local_outcome *o, int *status, struct diag *d)
{
	const char *name;

	bytes_put(&env->out, o->out.p, o->out.n);
	bytes_put(&env->err, o->err.p, o->err.n);
	*status = (int)o->status;
	if (o->output_name.n == 0)
		return RC_OK;
	if ((name = arena_text(&env->arena, o->output_name)) == NULL)
		return RC_NOMEM;
	return output_write(env, name, o->output, d);
}

static enum rc
ask_daemon(struct command_env *env, int *status, struct diag *d)
{
	struct local_call *call = mem_alloc(sizeof(*call));
	struct local_outcome o;
	struct bytes reply;
	enum rc rc;
	int i;

	if (call == NULL)
		return RC_NOMEM;
	call->is_json = env->is_json;
	call->language = env->language;
	call->author = env->author;
	for (i = 0; i < env->argc; i++)
		call->argv[i] = env->argv[i];
	call->argc = env->argc;
	call->files_count = env->files_count;
	if (env->files_count != 0)
		memcpy(call->files, env->files, env->files_count * sizeof(env->files[0]));
	bytes_init(&reply);
	if ((rc = local_call_send(env->dir, call, &reply, &o, d)) == RC_OK)
		rc = outcome_take(env, &o, status, d);
	bytes_free(&reply);
	mem_free(call);
	return rc;
}

/* A writing command: by the daemon while one holds the lock, else here.  Between the two a little patience, for a
 * daemon that is starting, or another command that is about to end. */
static enum rc
write_run(const struct command *c, struct command_env *env, enum command_kind kind, int *status, struct diag *d)
{
	uint64_t end_ms = monotonic_ms() + CLIENT_LOCK_WAIT_MS;
	struct diag why;
	int fd;
	enum rc rc;

	for (;;) {
		diag_init(&why);
		if ((rc = store_lock(env->dir, c->name, &fd, &why)) == RC_OK) {
			rc = kind == COMMAND_SYNC ? client_sync(env, d) : run_on(c, env, true, d);
			store_unlock(fd);
			return rc;
		}
		if (rc != RC_BUSY)
			break;
		diag_init(d);
		if ((rc = ask_daemon(env, status, d)) != RC_UNREACHABLE)
			return rc;
		rc = RC_BUSY;
		if (monotonic_ms() >= end_ms)
			break;
		pause_ms(LOCK_STEP_MS);
	}
	diag_init(d);
	return diag_fail(d, rc, "%s", why.text);
}

static bool
daemon_runs(const char *dir)
{
	char path[STORE_PATH_BYTES];

	return store_path(dir, STORE_SOCKET, path) && access(path, F_OK) == 0;
}

static enum rc
setup_run(const char *name, struct command_env *env, struct diag *d)
{
	if (strcmp(name, "init") == 0)
		return client_init(env, d);
	if (strcmp(name, "join") == 0)
		return client_join(env, d);
	if (strcmp(name, "passphrase") == 0)
		return client_passphrase(env, d);
	return strcmp(name, "backup") == 0 ? client_backup(env, d) : client_restore(env, d);
}

static enum rc
kind_run(const struct command *c, struct command_env *env, int *status, struct diag *d)
{
	enum command_kind kind = command_kind(c, env->argc, env->argv);

	switch (kind) {
	case COMMAND_BARE:
		return command_run(c, env, d);
	case COMMAND_SETUP:
		return setup_run(c->name, env, d);
	case COMMAND_SERVE:
		*status = serve_run(env);
		return RC_OK;
	case COMMAND_READ:
	case COMMAND_WRITE:
	case COMMAND_SYNC:
		break;
	}
	if (!store_exists(env->dir))
		return store_missing(env->dir, d);
	env->is_daemon = daemon_runs(env->dir);
	if (kind == COMMAND_READ)
		return run_on(c, env, false, d);
	return write_run(c, env, kind, status, d);
}

int
client_run(const struct command *c, struct command_env *env)
{
	struct command_file *files = mem_array(COMMAND_FILES_MAX, sizeof(*files));
	struct diag d;
	int status = 0;
	enum rc rc;

	diag_init(&d);
	rc = files == NULL ? RC_NOMEM : files_read(c, env, files, &d);
	if (rc == RC_OK)
		rc = kind_run(c, env, &status, &d);
	if (rc == RC_OK && env->output_name != NULL)
		rc = output_write(env, env->output_name, span_bytes(&env->output), &d);
	if (rc != RC_OK) {
		status = command_status(rc, env->is_usage);
		command_fail(env, c->name, rc, &d);
	}
	if (!client_output(env) && status == 0)
		status = command_status(RC_DISK, false);
	mem_free(files);
	return status;
}
