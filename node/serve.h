/* node/serve.h - `ocop serve`: the daemon of one data directory, from its first breath to its last. */
#ifndef NODE_SERVE_H
#define NODE_SERVE_H

#include "node/command.h"

/* Serve until SIGTERM or SIGINT; returns the exit status.  What goes wrong is told on standard error. */
int serve_run(struct command_env *env);

#endif
