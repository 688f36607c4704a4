/* node/local_call.h - a command on its way to the daemon of the same data directory, and its outcome on the way back.
 *
 * HTTP over the local socket: POST /command.  The body, all numbers varints:
 *   request:  u8 1 ‖ flags (1 JSON, 2 Vietnamese) ‖ blob author ‖ n ‖ n × blob argument (the command first) ‖
 *             m ‖ m × (blob name ‖ blob content)
 *   outcome:  u8 1 ‖ exit status ‖ blob standard output ‖ blob standard error ‖ blob output file's name (empty: none) ‖
 *             blob its content
 */
#ifndef NODE_LOCAL_CALL_H
#define NODE_LOCAL_CALL_H

#include "node/command.h"

#define LOCAL_CALL_PATH "/command"
#define LOCAL_CALL_BYTES_MAX (COMMAND_INPUT_BYTES_MAX + ((size_t)1 << 20))
#define LOCAL_CALL_REPLY_BYTES_MAX ((size_t)256 << 20)

struct local_call {
	bool is_json;
	enum message_language language;
	struct span author;
	int argc;
	const char *argv[COMMAND_ARGS_MAX];
	struct command_file files[COMMAND_FILES_MAX];
	size_t files_count;
};

void local_call_emit(const struct local_call *c, struct bytes *out);
/* Arguments and names are copied to @arena, contents borrowed from @s.  RC_PEER when malformed. */
RC_CHECK enum rc local_call_parse(struct local_call *c, struct span s, struct arena *arena);

struct local_outcome {
	unsigned status;
	struct span out, err, output_name, output;
};
void local_call_outcome_emit(const struct local_outcome *o, struct bytes *out);
RC_CHECK enum rc local_call_outcome_parse(struct local_outcome *o, struct span s);

/* Ask the daemon over @dir; the outcome borrows from @reply.  RC_UNREACHABLE: no daemon answers there; RC_LINK: it went
 * away before it answered. */
RC_CHECK enum rc local_call_send(const char *dir, const struct local_call *c, struct bytes *reply,
    struct local_outcome *o, struct diag *d);

#endif
