/* ocop: options that every command takes, then the command. */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/client.h"
#include "node/store.h"

static _Noreturn void
on_invariant(const char *expr, const char *file, int line)
{
	(void)fprintf(stderr, "ocop: ");
	(void)fprintf(stderr, message(MSG_BUG), file, line, expr);
	(void)fputc('\n', stderr);
	_exit(70);
}

struct options {
	const char *dir;
	const char *author;
	bool is_json, is_help;
	int argc;
	const char *argv[COMMAND_ARGS_MAX + 1];
};

/* The value of option @name at argv[*at], as --name VALUE or --name=VALUE; NULL when it stands there not. */
static const char *
value_of(const char *name, int argc, char **argv, int *at, bool *is_missing)
{
	size_t n = strlen(name);

	if (strncmp(argv[*at], name, n) != 0)
		return NULL;
	if (argv[*at][n] == '=')
		return argv[*at] + n + 1;
	if (argv[*at][n] != '\0')
		return NULL;
	*is_missing = *at + 1 >= argc;
	return *is_missing ? NULL : argv[++*at];
}

/* Take the options for all commands out, wherever before "--" they stand. */
static enum rc
options_parse(int argc, char **argv, struct options *o, struct diag *d)
{
	bool is_over = false, is_missing = false;
	const char *value;
	int i;

	for (i = 1; i < argc; i++) {
		is_over = is_over || strcmp(argv[i], "--") == 0;
		if (!is_over && (value = value_of("--data", argc, argv, &i, &is_missing)) != NULL) {
			o->dir = value;
		} else if (!is_over && !is_missing &&
		    (value = value_of("--author", argc, argv, &i, &is_missing)) != NULL) {
			o->author = value;
		} else if (is_missing) {
			return diag_fail(d, RC_INPUT, message(MSG_OPTION_NEEDS_VALUE), argv[i]);
		} else if (!is_over && strcmp(argv[i], "--json") == 0) {
			o->is_json = true;
		} else if (!is_over && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
			o->is_help = true;
		} else if (o->argc == COMMAND_ARGS_MAX) {
			return diag_fail(d, RC_INPUT, message(MSG_ARGUMENT_EXTRA), argv[i]);
		} else {
			o->argv[o->argc++] = argv[i];
		}
	}
	return RC_OK;
}

static int
usage_fail(enum rc rc, const struct diag *d)
{
	struct bytes text;

	bytes_init(&text);
	command_explain(message_language(), rc, true, NULL, d, &text);
	if (bytes_cstr(&text) != NULL)
		(void)fputs((char *)text.p, stderr);
	bytes_free(&text);
	return command_status(rc, true);
}

static int
run(struct options *o)
{
	static char default_dir[STORE_PATH_BYTES];
	static const char *help[2] = { "help", NULL };
	struct command_env env;
	const struct command *c;
	struct diag d;
	int status;

	diag_init(&d);
	c = command_find(o->argv[0]);
	if (c == NULL)
		return usage_fail(diag_fail(&d, RC_INPUT, message(MSG_COMMAND_UNKNOWN), o->argv[0]), &d);
	if (o->dir == NULL && (o->dir = getenv("OCOP_DATA")) == NULL && c->kind != COMMAND_BARE && !o->is_help) {
		if (!store_dir_default(default_dir))
			return usage_fail(diag_fail(&d, RC_INPUT, message(MSG_ARGUMENT_MISSING), "--data DIR"), &d);
		o->dir = default_dir;
	}
	command_env_init(&env);
	env.dir = o->dir == NULL ? "" : o->dir;
	env.author = span_str(o->author == NULL ? "" : o->author);
	env.is_json = o->is_json;
	env.language = message_language();
	env.argc = o->argc;
	env.argv = o->argv;
	if (o->is_help && c->kind != COMMAND_BARE) {
		help[1] = c->name;
		env.argc = 2;
		env.argv = help;
		c = command_find("help");
	}
	status = client_run(c, &env);
	command_env_fini(&env);
	return status;
}

int
main(int argc, char **argv)
{
	static struct options o;
	struct diag d;
	enum rc rc;

	message_language_set(message_language_of_environment());
	invariant_handler_set(on_invariant);
	(void)signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
	(void)signal(SIGXFSZ, SIG_IGN);	/* a file that may not grow is an error to report, not an end */
#endif
	diag_init(&d);
	if (sodium_init() < 0) {
		(void)fputs("ocop: libsodium\n", stderr);
		return 70;
	}
	if ((rc = options_parse(argc, argv, &o, &d)) != RC_OK)
		return usage_fail(rc, &d);
	if (o.argc == 0 && o.is_help)
		o.argv[o.argc++] = "help";
	if (o.argc == 0)
		return usage_fail(diag_fail(&d, RC_INPUT, "%s", message(MSG_COMMAND_MISSING)), &d);
	return run(&o);
}
