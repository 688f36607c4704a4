/* node/client.h - the process that the user started: reads input files, finds who runs the command, writes the output.
 *
 * Reading commands read the replica themselves.  Writing ones go to the daemon when one runs, else take the lock and
 * open the replica for the time of the command.
 */
#ifndef NODE_CLIENT_H
#define NODE_CLIENT_H

#include "node/command.h"

#define CLIENT_LOCK_WAIT_MS 5000

/* Run @c with env's argv, dir, author, language, is_json; returns the exit status.  Output has been written. */
int client_run(const struct command *c, struct command_env *env);

/* Take the lock of @dir, waiting a little for who holds it. */
RC_CHECK enum rc client_lock_wait(const char *dir, const char *what, int *fd, struct diag *d);

/* Write out what is in env->out and env->err; false when standard output does not take it. */
RC_CHECK bool client_output(struct command_env *env);

/* ---- client_sync.c: a round without a daemon, in this process.  The lock is held. */
RC_CHECK enum rc client_sync(struct command_env *env, struct diag *d);
/* The same over an open replica: with @url, or the parent's when NULL. */
struct store;
RC_CHECK enum rc client_round(struct command_env *env, const struct store *s, const char *url, bool is_compare,
    struct diag *d);

/* ---- client_setup.c, client_join.c: init and join make a data directory */
RC_CHECK enum rc client_init(struct command_env *env, struct diag *d);
RC_CHECK enum rc client_join(struct command_env *env, struct diag *d);
/* Tell what was made: the text @id about env->dir, @unit and, when it is not NULL, @file. */
void client_made_show(struct command_env *env, enum message_id id, const char *unit, const char *file);

/* ---- client_passphrase.c */
RC_CHECK enum rc client_passphrase(struct command_env *env, struct diag *d);

/* ---- client_backup.c */
RC_CHECK enum rc client_backup(struct command_env *env, struct diag *d);
RC_CHECK enum rc client_restore(struct command_env *env, struct diag *d);

#endif
