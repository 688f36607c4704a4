#include "node/local_call.h"

#include <string.h>
#include <unistd.h>

#include "node/http_call.h"
#include "node/store.h"

enum { FLAG_JSON = 1, FLAG_VIETNAMESE = 2, FLAGS_ALL = 3 };

#define ARG_BYTES_MAX ((size_t)1 << 20)

void
local_call_emit(const struct local_call *c, struct bytes *out)
{
	size_t i;

	wr_u8(out, 1);
	wr_varint(out, (c->is_json ? FLAG_JSON : 0u) |
	    (c->language == MESSAGE_VIETNAMESE ? FLAG_VIETNAMESE : 0u));
	wr_blob(out, c->author);
	wr_varint(out, (uint64_t)c->argc);
	for (i = 0; i < (size_t)c->argc; i++)
		wr_blob(out, span_str(c->argv[i]));
	wr_varint(out, c->files_count);
	for (i = 0; i < c->files_count; i++) {
		wr_blob(out, span_str(c->files[i].name));
		wr_blob(out, c->files[i].bytes);
	}
}

/* A text without NUL. */
static const char *
text_parse(struct rd *r, struct arena *arena)
{
	struct span s = rd_blob(r, ARG_BYTES_MAX);

	if (s.n != 0 && memchr(s.p, 0, s.n) != NULL)
		rd_fail(r);
	return arena_text(arena, s);
}

enum rc
local_call_parse(struct local_call *c, struct span s, struct arena *arena)
{
	struct rd r = rd_span(s);
	uint64_t flags;
	size_t i;

	memset(c, 0, sizeof(*c));
	if (rd_u8(&r) != 1)
		rd_fail(&r);
	flags = rd_varint_max(&r, FLAGS_ALL);
	c->is_json = (flags & FLAG_JSON) != 0;
	c->language = (flags & FLAG_VIETNAMESE) != 0 ? MESSAGE_VIETNAMESE : MESSAGE_ENGLISH;
	c->author = rd_blob(&r, ARG_BYTES_MAX);
	c->argc = (int)rd_varint_max(&r, COMMAND_ARGS_MAX);
	for (i = 0; i < (size_t)c->argc; i++)
		c->argv[i] = text_parse(&r, arena);
	c->files_count = (size_t)rd_varint_max(&r, COMMAND_FILES_MAX);
	for (i = 0; i < c->files_count; i++) {
		c->files[i].name = text_parse(&r, arena);
		c->files[i].bytes = rd_blob(&r, COMMAND_INPUT_BYTES_MAX);
	}
	if (arena->failed)
		return RC_NOMEM;
	return rd_done(&r) && c->argc > 0 ? RC_OK : RC_PEER;
}

void
local_call_outcome_emit(const struct local_outcome *o, struct bytes *out)
{
	wr_u8(out, 1);
	wr_varint(out, o->status);
	wr_blob(out, o->out);
	wr_blob(out, o->err);
	wr_blob(out, o->output_name);
	wr_blob(out, o->output);
}

enum rc
local_call_outcome_parse(struct local_outcome *o, struct span s)
{
	struct rd r = rd_span(s);

	if (rd_u8(&r) != 1)
		rd_fail(&r);
	o->status = (unsigned)rd_varint_max(&r, 255);
	o->out = rd_blob(&r, LOCAL_CALL_REPLY_BYTES_MAX);
	o->err = rd_blob(&r, LOCAL_CALL_REPLY_BYTES_MAX);
	o->output_name = rd_blob(&r, ARG_BYTES_MAX);
	o->output = rd_blob(&r, LOCAL_CALL_REPLY_BYTES_MAX);
	return rd_done(&r) ? RC_OK : RC_PEER;
}

enum rc
local_call_send(const char *dir, const struct local_call *c, struct bytes *reply, struct local_outcome *o,
    struct diag *d)
{
	char path[STORE_SOCKET_PATH_BYTES];
	struct http_call_options options;
	struct diag why;
	struct bytes body;
	int status = 0, fd;
	enum rc rc;

	if ((rc = store_socket_path(dir, path, &fd, d)) != RC_OK)
		return rc;
	bytes_init(&body);
	local_call_emit(c, &body);
	memset(&options, 0, sizeof(options));
	options.method = "POST";
	options.url = "http://ocop" LOCAL_CALL_PATH;
	options.unix_socket_path = path;
	options.body = span_bytes(&body);
	options.reply_bytes_max = LOCAL_CALL_REPLY_BYTES_MAX;
	diag_init(&why);
	rc = body.failed ? RC_NOMEM : http_call_blocking(&options, reply, &status, &why);
	bytes_free(&body);
	if (fd >= 0)
		(void)close(fd);
	if (rc == RC_OK && status == 503)
		return diag_fail(d, RC_BUSY, "%s", message(MSG_DAEMON_FULL));
	if (rc == RC_OK && (status != 200 || local_call_outcome_parse(o, span_bytes(reply)) != RC_OK))
		return diag_fail(d, RC_BUG, message(MSG_DAEMON_ODD), status);
	if (rc == RC_OK || rc == RC_UNREACHABLE)
		return rc;
	return diag_fail(d, RC_LINK, "%s", message(MSG_DAEMON_LOST));
}
