/* node/command.h - one command: what comes in, what goes out.
 *
 * A command is a function over `struct command_env`.  It touches no file, socket or clock: input files come with their
 * bytes, output is bytes.  So the very same function runs in the process that the user started or, for commands that
 * write while a daemon runs, on the daemon's writer thread.
 *
 * Reading commands get an engine over a read-only connection; nothing they do can change the replica.
 * Failure: enum rc with a diag; command_status() makes the exit status of it in one place.
 */
#ifndef NODE_COMMAND_H
#define NODE_COMMAND_H

#include "node/arena.h"
#include "node/json_write.h"
#include "node/message.h"
#include "sync/sync.h"

#define COMMAND_ARGS_MAX 256
#define COMMAND_FILES_MAX 64
#define COMMAND_INPUT_BYTES_MAX ((size_t)32 << 20)	/* of all input files of one command */
#define COMMAND_FLUSH_BYTES ((size_t)64 << 10)

enum command_kind {
	COMMAND_BARE,		/* needs no node: help */
	COMMAND_SETUP,		/* makes a node, or copies one: init, join, backup, restore */
	COMMAND_READ,		/* reads the replica */
	COMMAND_WRITE,		/* needs the writing engine */
	COMMAND_SYNC,		/* talks to another node */
	COMMAND_SERVE,
};

enum command_files {		/* which arguments name input files; "-" is standard input */
	COMMAND_FILES_NONE,
	COMMAND_FILES_CELLS,	/* COLUMN=@FILE */
	COMMAND_FILES_FROM_1,	/* all from the first argument on */
	COMMAND_FILES_FROM_2,
};

struct command_file {
	const char *name;	/* as the user wrote it */
	struct span bytes;
};

struct command_env {
	struct engine *engine;
	const struct catalogue *catalogue;
	int argc;			/* the command's name is argv[0] */
	const char *const *argv;
	const struct command_file *files;
	size_t files_count;
	struct span author;
	enum message_language language;
	bool is_json;
	bool is_daemon;			/* a daemon runs over these data */
	const char *dir;
	uint64_t now_ms;
	uint64_t disk_free_bytes;
	struct arena arena;
	struct bytes out;		/* standard output */
	struct bytes err;		/* standard error, beside what the diag says */
	/* Called when @out grew large; NULL: keep all of it. */
	void (*flush)(struct command_env *env);
	const char *output_name;	/* a file to be written by the user's process, or NULL */
	struct bytes output;
	bool is_usage;			/* the failure is a wrong usage */
	bool is_partial;		/* failed after something was saved */
	/* A command that would keep the writer for long leaves here where it stopped, answers RC_OK and is called
	 * again.  0: it is finished. */
	uint64_t resume_at;
	void *resume;			/* lives in the arena */
};

typedef enum rc (*command_fn)(struct command_env *env, struct diag *d);

struct command {
	const char *name;
	enum command_kind kind;
	enum command_files files;
	command_fn run;				/* NULL for SETUP, SYNC and SERVE */
	enum message_id usage;			/* arguments */
	enum message_id summary;		/* one line */
	enum message_id details;		/* the rest of `ocop help COMMAND` */
};

void command_env_init(struct command_env *env);
void command_env_fini(struct command_env *env);

const struct command *command_find(const char *name);
const struct command *command_at(size_t index);		/* NULL beyond the last */

/* The kind of @c with these arguments: `conflicts` reads, `conflicts resolve` writes. */
enum command_kind command_kind(const struct command *c, int argc, const char *const *argv);
/* Does it save?  `status` asks the writing engine, which knows best, and saves nothing. */
bool command_is_saving(const struct command *c, int argc, const char *const *argv);

/* Run @c to its end. */
RC_CHECK enum rc command_run(const struct command *c, struct command_env *env, struct diag *d);

/* The exit status for @rc. */
int command_status(enum rc rc, bool is_usage);

/* Append to env->err what a person is told about the failure of @command: what happened, what is saved all the same,
 * and what to do next. */
void command_fail(struct command_env *env, const char *command, enum rc rc, const struct diag *d);

/* The first and last of it, without a command's environment. */
void command_explain(enum message_language language, enum rc rc, bool is_usage, const char *command,
    const struct diag *d, struct bytes *out);

const char *command_message(const struct command_env *env, enum message_id id);
void command_flush(struct command_env *env);		/* if there is much to flush */

/* The bytes of the input file called @name, which the caller of the command has read. */
RC_CHECK enum rc command_file(const struct command_env *env, const char *name, struct span *out, struct diag *d);

/* ---- arguments */

struct command_flag {
	const char *name;		/* "--unit" */
	bool has_value;
};
struct command_args {
	const char *word[COMMAND_ARGS_MAX];	/* what is no option; the command's name is not among them */
	size_t words_count;
	const char *value[8];			/* by flag; NULL: not given; "" for a flag without value */
};

/* Sort env->argv out by @flags.  A wrong usage when an option is unknown or lacks its value, or when there are fewer
 * words than @words_min or more than @words_max.  @what_missing: name of the next argument for people, by position. */
struct command_shape {
	const struct command_flag *flags;
	size_t flags_count;
	size_t words_min, words_max;
	const char *const *words;		/* their names for people; at least words_min */
};
RC_CHECK enum rc command_args(struct command_env *env, const struct command_shape *shape,
    struct command_args *out, struct diag *d);

/* Fail with a wrong usage. */
RC_CHECK enum rc command_usage(struct command_env *env, struct diag *d, enum message_id id, const char *what);

/* ---- shared between commands */

RC_CHECK enum rc command_table(const struct command_env *env, struct span name,
    const struct catalogue_table **out, struct diag *d);
/* It has joined and not synced yet: it knows no unit, not even its own. */
bool command_is_new(struct engine *e);
/* The key of a unit that @text names; borrowed from the engine. */
RC_CHECK enum rc command_unit(const struct command_env *env, struct span text, struct span *key, struct diag *d);
/* RC_LIMIT unless @text may stand as an author, in NFC; the copy is in the arena. */
RC_CHECK enum rc command_author(struct command_env *env, struct span text, struct span *out, struct diag *d);
RC_CHECK enum rc command_nfc(struct command_env *env, struct span text, struct span *out);
void command_json_end(struct command_env *env, struct json_write *w);	/* and a line feed */

#endif
