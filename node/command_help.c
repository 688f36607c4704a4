/* The table of commands, and help. */
#include <stdio.h>
#include <string.h>

#include "node/command_row.h"

#define HELP(name) MSG_USAGE_##name, MSG_SUMMARY_##name, MSG_DETAILS_##name

static const struct command g_commands[] = {
	{ "init", COMMAND_SETUP, COMMAND_FILES_NONE, NULL, HELP(INIT) },
	{ "invite", COMMAND_WRITE, COMMAND_FILES_NONE, command_invite, HELP(INVITE) },
	{ "admit", COMMAND_WRITE, COMMAND_FILES_FROM_1, command_admit, HELP(ADMIT) },
	{ "join", COMMAND_SETUP, COMMAND_FILES_NONE, NULL, HELP(JOIN) },
	{ "backup", COMMAND_SETUP, COMMAND_FILES_NONE, NULL, HELP(BACKUP) },
	{ "restore", COMMAND_SETUP, COMMAND_FILES_NONE, NULL, HELP(RESTORE) },
	{ "passphrase", COMMAND_SETUP, COMMAND_FILES_NONE, NULL, HELP(PASSPHRASE) },
	{ "revoke", COMMAND_WRITE, COMMAND_FILES_NONE, command_revoke, HELP(REVOKE) },
	{ "peers", COMMAND_READ, COMMAND_FILES_NONE, command_peers, HELP(PEERS) },
	{ "serve", COMMAND_SERVE, COMMAND_FILES_NONE, NULL, HELP(SERVE) },
	{ "put", COMMAND_WRITE, COMMAND_FILES_CELLS, command_put, HELP(PUT) },
	{ "delete", COMMAND_WRITE, COMMAND_FILES_NONE, command_delete, HELP(DELETE) },
	{ "get", COMMAND_READ, COMMAND_FILES_NONE, command_get, HELP(GET) },
	{ "list", COMMAND_READ, COMMAND_FILES_NONE, command_list, HELP(LIST) },
	{ "apply", COMMAND_WRITE, COMMAND_FILES_FROM_1, command_apply, HELP(APPLY) },
	{ "import", COMMAND_WRITE, COMMAND_FILES_FROM_2, command_import, HELP(IMPORT) },
	{ "export", COMMAND_READ, COMMAND_FILES_NONE, command_export, HELP(EXPORT) },
	{ "log", COMMAND_READ, COMMAND_FILES_NONE, command_log, HELP(LOG) },
	{ "conflicts", COMMAND_READ, COMMAND_FILES_NONE, command_conflicts, HELP(CONFLICTS) },
	{ "quarantine", COMMAND_READ, COMMAND_FILES_NONE, command_quarantine, HELP(QUARANTINE) },
	{ "sync", COMMAND_SYNC, COMMAND_FILES_NONE, NULL, HELP(SYNC) },
	{ "status", COMMAND_WRITE, COMMAND_FILES_NONE, command_report, HELP(STATUS) },
	{ "digest", COMMAND_READ, COMMAND_FILES_NONE, command_digest, HELP(DIGEST) },
	{ "dump", COMMAND_READ, COMMAND_FILES_NONE, command_dump, HELP(DUMP) },
	{ "verify", COMMAND_READ, COMMAND_FILES_NONE, command_verify, HELP(VERIFY) },
	{ "help", COMMAND_BARE, COMMAND_FILES_NONE, command_help, HELP(HELP) },
};
#define COMMANDS_COUNT (sizeof(g_commands) / sizeof(g_commands[0]))

const struct command *
command_find(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS_COUNT; i++) {
		if (strcmp(g_commands[i].name, name) == 0)
			return &g_commands[i];
	}
	return NULL;
}

const struct command *
command_at(size_t index)
{
	return index < COMMANDS_COUNT ? &g_commands[index] : NULL;
}

enum command_kind
command_kind(const struct command *c, int argc, const char *const *argv)
{
	const char *word = c->run == command_conflicts ? "resolve" : c->run == command_quarantine ? "release" : NULL;
	int i;

	for (i = 1; i < argc && word != NULL; i++) {
		if (strcmp(argv[i], word) == 0)
			return COMMAND_WRITE;
	}
	return c->kind;
}

bool
command_is_saving(const struct command *c, int argc, const char *const *argv)
{
	return command_kind(c, argc, argv) == COMMAND_WRITE && c->run != command_report;
}

static void
overview(struct command_env *env)
{
	struct bytes *out = &env->out;
	char line[160];
	size_t i;

	bytes_fmt(out, command_message(env, MSG_USAGE), "ocop [--data DIR] [--json] [--author NAME] COMMAND …");
	bytes_str(out, "\n\n");
	for (i = 0; i < COMMANDS_COUNT; i++) {
		(void)snprintf(line, sizeof(line), "  %-11s", g_commands[i].name);
		bytes_fmt(out, "%s %s\n", line, command_message(env, g_commands[i].summary));
	}
	bytes_fmt(out, "\n%s\n", command_message(env, MSG_HELP_MORE));
}

enum rc
command_help(struct command_env *env, struct diag *d)
{
	const struct command_shape shape = { NULL, 0, 0, 1, NULL };
	const struct command *c;
	struct command_args args;
	char usage[256];
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if (args.words_count == 0) {
		overview(env);
		return RC_OK;
	}
	if ((c = command_find(args.word[0])) == NULL)
		return command_usage(env, d, MSG_COMMAND_UNKNOWN, args.word[0]);
	(void)snprintf(usage, sizeof(usage), "ocop %s %s", c->name, command_message(env, c->usage));
	bytes_fmt(&env->out, command_message(env, MSG_USAGE), usage);
	bytes_fmt(&env->out, "\n\n%s\n%s\n", command_message(env, c->summary), command_message(env, c->details));
	return RC_OK;
}
