#include "node/command.h"

#include <string.h>

#include "node/text.h"

void
command_env_init(struct command_env *env)
{
	memset(env, 0, sizeof(*env));
	arena_init(&env->arena);
	bytes_init(&env->out);
	bytes_init(&env->err);
	bytes_init(&env->output);
}

void
command_env_fini(struct command_env *env)
{
	bytes_free(&env->output);
	bytes_free(&env->err);
	bytes_free(&env->out);
	arena_fini(&env->arena);
}

enum rc
command_run(const struct command *c, struct command_env *env, struct diag *d)
{
	enum rc rc;

	INVARIANT(c->run != NULL);
	do {
		rc = c->run(env, d);
	} while (rc == RC_OK && env->resume_at != 0);
	if (rc == RC_OK && (env->out.failed || env->output.failed || env->arena.failed))
		rc = RC_NOMEM;
	return rc;
}

int
command_status(enum rc rc, bool is_usage)
{
	if (is_usage)
		return 64;
	switch (rc) {
	case RC_OK:
		return 0;
	case RC_DIFFER:
		return 1;
	case RC_INPUT:
	case RC_NOTFOUND:
	case RC_CONFLICT:
	case RC_LIMIT:
		return 65;
	case RC_UNREACHABLE:
		return 69;
	case RC_CREATE:
		return 73;
	case RC_DISK:
	case RC_FULL:
	case RC_CORRUPT:
		return 74;
	case RC_BUSY:
	case RC_LINK:
	case RC_GAP:
		return 75;
	case RC_PEER:
		return 76;
	case RC_DENIED:
		return 77;
	case RC_NOMEM:
	case RC_BUG:
		break;
	}
	return 70;
}

/* What to do next, where the text of the failure does not say it. */
static enum message_id
next_step(enum rc rc)
{
	switch (rc) {
	case RC_FULL:
		return MSG_NEXT_SPACE;
	case RC_DISK:
	case RC_CORRUPT:
		return MSG_NEXT_RESTORE;
	case RC_UNREACHABLE:
		return MSG_NEXT_LINK;
	case RC_LINK:
	case RC_GAP:
		return MSG_NEXT_RETRY;
	case RC_BUSY:
		return MSG_NEXT_BUSY;
	case RC_PEER:
		return MSG_NEXT_PEER;
	case RC_DENIED:
		return MSG_NEXT_DENIED;
	default:
		return MSG_COUNT;
	}
}

void
command_explain(enum message_language language, enum rc rc, bool is_usage, const char *command,
    const struct diag *d, struct bytes *out)
{
	const char *what = d->text;

	if (what[0] == '\0')
		what = rc == RC_NOMEM ? message_in(language, MSG_OUT_OF_MEMORY) : rc_name(rc);
	bytes_fmt(out, "ocop: %s\n", what);
	if (is_usage) {
		bytes_str(out, "ocop: ");
		if (command == NULL)
			bytes_str(out, message_in(language, MSG_NEXT_HELP));
		else
			bytes_fmt(out, message_in(language, MSG_NEXT_HELP_COMMAND), command);
		bytes_byte(out, '\n');
	} else if (next_step(rc) != MSG_COUNT) {
		bytes_fmt(out, "ocop: %s\n", message_in(language, next_step(rc)));
	}
}

void
command_fail(struct command_env *env, const char *command, enum rc rc, const struct diag *d)
{
	command_explain(env->language, rc, env->is_usage, command, d, &env->err);
	if (env->is_partial)
		bytes_fmt(&env->err, "ocop: %s\n", command_message(env, MSG_PARTIAL));
}

const char *
command_message(const struct command_env *env, enum message_id id)
{
	return message_in(env->language, id);
}

void
command_flush(struct command_env *env)
{
	if (env->flush != NULL && env->out.n >= COMMAND_FLUSH_BYTES)
		env->flush(env);
}

enum rc
command_file(const struct command_env *env, const char *name, struct span *out, struct diag *d)
{
	size_t i;

	for (i = 0; i < env->files_count; i++) {
		if (strcmp(env->files[i].name, name) == 0) {
			*out = env->files[i].bytes;
			return RC_OK;
		}
	}
	return diag_fail(d, RC_BUG, command_message(env, MSG_FILE_NOT_SENT), name);
}

enum rc
command_usage(struct command_env *env, struct diag *d, enum message_id id, const char *what)
{
	env->is_usage = true;
	return diag_fail(d, RC_INPUT, command_message(env, id), what);
}

/* Is @arg the flag @f, alone or as --flag=value?  *@value is what stands after the '='. */
static bool
is_flag(const char *arg, const struct command_flag *f, const char **value)
{
	size_t n = strlen(f->name);

	*value = NULL;
	if (strncmp(arg, f->name, n) != 0)
		return false;
	if (arg[n] == '=' && f->has_value)
		*value = arg + n + 1;
	return arg[n] == '\0' || *value != NULL;
}

static enum rc
option_take(struct command_env *env, const struct command_shape *shape, struct command_args *out, int *at,
    struct diag *d)
{
	const char *arg = env->argv[*at], *value;
	size_t i;

	for (i = 0; i < shape->flags_count; i++) {
		if (!is_flag(arg, &shape->flags[i], &value))
			continue;
		if (shape->flags[i].has_value && value == NULL) {
			if (*at + 1 >= env->argc)
				return command_usage(env, d, MSG_OPTION_NEEDS_VALUE, arg);
			value = env->argv[++*at];
		}
		out->value[i] = value == NULL ? "" : value;
		return RC_OK;
	}
	return command_usage(env, d, MSG_OPTION_UNKNOWN, arg);
}

enum rc
command_args(struct command_env *env, const struct command_shape *shape, struct command_args *out, struct diag *d)
{
	bool is_over = false;
	enum rc rc;
	int i;

	memset(out, 0, sizeof(*out));
	INVARIANT(shape->flags_count <= sizeof(out->value) / sizeof(out->value[0]));
	for (i = 1; i < env->argc; i++) {
		if (!is_over && strcmp(env->argv[i], "--") == 0) {
			is_over = true;
		} else if (!is_over && strncmp(env->argv[i], "--", 2) == 0) {
			if ((rc = option_take(env, shape, out, &i, d)) != RC_OK)
				return rc;
		} else {
			if (out->words_count == shape->words_max || out->words_count == COMMAND_ARGS_MAX)
				return command_usage(env, d, MSG_ARGUMENT_EXTRA, env->argv[i]);
			out->word[out->words_count++] = env->argv[i];
		}
	}
	if (out->words_count < shape->words_min)
		return command_usage(env, d, MSG_ARGUMENT_MISSING, shape->words[out->words_count]);
	return RC_OK;
}

enum rc
command_table(const struct command_env *env, struct span name, const struct catalogue_table **out, struct diag *d)
{
	*out = catalogue_table_find(env->catalogue, name);
	if (*out != NULL)
		return RC_OK;
	return diag_fail(d, RC_INPUT, command_message(env, MSG_TABLE_UNKNOWN_NEXT), (int)name.n,
	    (const char *)name.p);
}

bool
command_is_new(struct engine *e)
{
	unit_id u = unit_find(e, span_str(engine_self(e)->unit));

	return u == UNIT_NONE || !unit_is_known(e, u);
}

enum rc
command_unit(const struct command_env *env, struct span text, struct span *key, struct diag *d)
{
	unit_id u = text.n == 0 ? UNIT_NONE : unit_resolve(env->engine, text);

	if (u == UNIT_NONE && command_is_new(env->engine))
		return diag_fail(d, RC_INPUT, "%s", command_message(env, MSG_JOIN_SYNC_NEXT));
	if (u == UNIT_NONE) {
		return diag_fail(d, RC_INPUT, command_message(env, MSG_UNIT_UNKNOWN_NEXT), (int)text.n,
		    (const char *)text.p);
	}
	*key = unit_key(env->engine, u);
	return RC_OK;
}

enum rc
command_nfc(struct command_env *env, struct span text, struct span *out)
{
	struct bytes b;
	enum rc rc;

	bytes_init(&b);
	rc = text_nfc(text, &b);
	if (rc == RC_OK && (rc = bytes_rc(&b)) == RC_OK) {
		*out = arena_copy(&env->arena, span_bytes(&b));
		if (env->arena.failed)
			rc = RC_NOMEM;
	}
	bytes_free(&b);
	return rc;
}

enum rc
command_author(struct command_env *env, struct span text, struct span *out, struct diag *d)
{
	enum rc rc = command_nfc(env, text, out);

	if (rc == RC_INPUT)
		return diag_fail(d, rc, "%s", command_message(env, MSG_AUTHOR_BAD));
	if (rc == RC_OK && out->n > AUTHOR_BYTES_MAX)
		return diag_fail(d, RC_INPUT, command_message(env, MSG_AUTHOR_LONG), AUTHOR_BYTES_MAX);
	return rc;
}

void
command_json_end(struct command_env *env, struct json_write *w)
{
	if (json_write_end(w) != RC_OK)
		env->out.failed = true;
	bytes_byte(&env->out, '\n');
}
