/* node/daemon.h - what the parts of a running daemon share.  Loop thread only. */
#ifndef NODE_DAEMON_H
#define NODE_DAEMON_H

#include "node/http_client.h"
#include "node/http_server.h"
#include "node/reader.h"
#include "node/scheduler.h"
#include "node/store.h"
#include "node/sweep.h"
#include "node/writer.h"

/* How many connections each listener holds.  With them the process has at most DESCRIPTORS_MAX descriptors. */
#define DESCRIPTORS_MAX 256
#define SYNC_CONNECTIONS_MAX 164
#define SYNC_STRANGERS_MAX 48		/* of one address, until they have proved who they are */
#define OFFICE_CONNECTIONS_MAX 24
#define LOCAL_CONNECTIONS_MAX 32
#define DESCRIPTORS_OTHER 36		/* files, the loop, the link to the parent, standard ones */
_Static_assert(SYNC_CONNECTIONS_MAX + OFFICE_CONNECTIONS_MAX + LOCAL_CONNECTIONS_MAX + DESCRIPTORS_OTHER <=
    DESCRIPTORS_MAX, "connections fit among the descriptors");
#define OFFICE_REQUESTS_MAX 8		/* of the API, under way at once */
#define BODIES_BYTES_MAX ((uint64_t)40 << 20)	/* of all bodies of local requests under way */

struct sync_server;

struct daemon {
	uv_loop_t loop;
	const char *dir;
	struct store store;
	struct writer *writer;
	struct reader *reader;
	struct http_client *http;
	struct tls *tls;
	struct scheduler *scheduler;
	struct state_watch *watch;
	struct http_server *local_server, *office_server, *sync_listener;
	struct sync_server *sync_server;
	struct sweep sweep;
	struct engine_identity self;	/* a copy that the loop may read */
	uint64_t conflicts, quarantine;	/* as last counted */
	uint64_t bodies_bytes;		/* announced by local requests under way */
	uint32_t office_requests;	/* under way */
	bool is_stopping;
	int status;			/* exit status so far */
};

/* Begin to stop; the process then ends with @status. */
void serve_stop(struct daemon *n, int status);

/* Room for a body of @bytes of a local request; false when there is none just now. */
bool local_server_bytes_take(struct daemon *n, uint64_t bytes);
void local_server_bytes_give(struct daemon *n, uint64_t bytes);

/* ---- local_server.c: commands over the local socket */
RC_CHECK enum rc local_server_start(struct daemon *n, const char *path, struct diag *d);

/* ---- office.c: health, metrics, JSON API, pages */
RC_CHECK enum rc office_start(struct daemon *n, const char *host, int port, struct diag *d);

/* ---- sync_server.c: other nodes asking */
/* @is_plain: without TLS. */
RC_CHECK enum rc sync_server_start(struct daemon *n, const char *host, int port, bool is_plain, struct diag *d);
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
