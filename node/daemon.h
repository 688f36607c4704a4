/* node/daemon.h - what the parts of a running daemon share.  Loop thread only. */
#ifndef NODE_DAEMON_H
#define NODE_DAEMON_H

#include "node/http_client.h"
#include "node/http_server.h"
#include "node/reader.h"
#include "node/scheduler.h"
#include "node/store.h"
#include "node/writer.h"

struct sync_server;

struct daemon {
	uv_loop_t loop;
	const char *dir;
	struct store store;
	struct writer *writer;
	struct reader *reader;
	struct http_client *http;
	struct scheduler *scheduler;
	struct state_watch *watch;
	struct http_server *local_server, *office_server, *sync_listener;
	struct sync_server *sync_server;
	struct engine_identity self;	/* a copy that the loop may read */
	uint64_t conflicts, quarantine;	/* as last counted */
	bool is_stopping;
	int status;			/* exit status so far */
};

/* Begin to stop; the process then ends with @status. */
void serve_stop(struct daemon *n, int status);

/* ---- local_server.c: commands over the local socket */
RC_CHECK enum rc local_server_start(struct daemon *n, const char *path, struct diag *d);

/* ---- office.c: health, metrics, JSON API, pages */
RC_CHECK enum rc office_start(struct daemon *n, const char *host, int port, struct diag *d);

/* ---- sync_server.c: other nodes asking */
RC_CHECK enum rc sync_server_start(struct daemon *n, const char *host, int port, struct diag *d);
/* Commits were stored: those who wait may want to know. */
void sync_server_written(struct sync_server *s);
/* Let nobody wait any more, so that the listener can stop. */
void sync_server_stop(struct sync_server *s);
/* After its listener has stopped and the writer has ended. */
void sync_server_free(struct sync_server *s);

struct sync_server_counts {
	uint64_t rounds, waits, joins, refusals, commits_in;
	uint64_t states, states_different;	/* comparisons of rows, and those that found a difference */
	uint32_t waiting;
};
void sync_server_counts(const struct sync_server *s, struct sync_server_counts *out);

#endif
