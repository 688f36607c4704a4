/* tests/bench/bench_hub.c - idle syncs a second of one hub: 276 children that hold all there is
 * ask "anything new?".
 *
 * First the engine alone, in one thread; then a real daemon (OUT/ocop), asked over loopback by
 * 40 of them at once over connections that stay open.  The children's own work is done by this
 * process, on the same machine.
 */
#include "link.h"
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN 276
#define ASKERS 40 /* of them ask over connections kept open: before they prove themselves, 48 of one address may be */
#define SECONDS 5
#define REPLY_BYTES_MAX 8192
#define ASKING_MAX 30 /* requests under way at once; a hub sheds what is above 32 */

struct child {
	struct ask *ask;
	int fd;
	char reply[REPLY_BYTES_MAX];
	size_t reply_n;
	uint64_t done;
};

struct hub {
	struct scene s;
	struct load l;
	char directory[480];
	pid_t pid;
	int port;
	size_t next; /* child to ask */
	struct child children[CHILDREN];
};

/* ---- the engine alone */

static void
engine_measure(struct hub *h)
{
	struct link link = { .scene = &h->s };
	size_t i, round, rounds = figure_scaled(20, 5);

	for (round = 0; round < rounds; round++)
		for (i = 1; i <= CHILDREN; i++)
			link_settle(&link, i, 0, 1);
	figure_value("hub_engine", "",
	    (double)(rounds * CHILDREN) * 1e6 / (double)link.answering.cpu_us, "/s",
	    "the answering side in one thread, processor time");
}

/* ---- a daemon over the hub's database */

static void
seed_write(const struct hub *h, const uint8_t seed[SEED_BYTES])
{
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/node.key", h->directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	figure_check(fd >= 0 && write(fd, seed, SEED_BYTES) == SEED_BYTES && close(fd) == 0,
	    "cannot write the key");
}

/* Node 0 leaves the scene: its file becomes the daemon's. */
static void
directory_make(struct hub *h)
{
	struct scene_node *n = &h->s.nodes[0];
	char path[512];

	(void)snprintf(
	    h->directory, sizeof(h->directory), "%s/bench-hub-%d", h->s.directory, (int)getpid());
	figure_check(mkdir(h->directory, 0700) == 0, "cannot make the hub's directory");
	seed_write(h, n->seed);
	(void)scene_file_bytes(n->db, n->path);
	engine_close(n->engine);
	figure_check(sqlite3_close(n->db) == SQLITE_OK, "the hub's database cannot be closed");
	(void)snprintf(path, sizeof(path), "%s/ocop.db", h->directory);
	figure_check(rename(n->path, path) == 0 && chmod(path, 0600) == 0,
	    "the hub's database cannot be moved");
	n->engine = NULL;
	n->db = NULL;
}

static void
directory_remove(const struct hub *h)
{
	static const char *const names[] = { "ocop.db", "ocop.db-wal", "ocop.db-shm", "node.key",
		"lock", "ocop.sock" };
	char path[512];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", h->directory, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(h->directory);
}

static void
daemon_start(struct hub *h, const char *program)
{
	int out[2];
	char line[256];
	FILE *f;

	figure_check(pipe(out) == 0, "no pipe");
	h->pid = fork();
	figure_check(h->pid >= 0, "cannot start a process");
	if (h->pid == 0) {
		(void)dup2(out[1], STDOUT_FILENO);
		(void)close(out[0]);
		(void)close(out[1]);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl(program, program, "--data", h->directory, "serve", "--sync",
		    "127.0.0.1:0", "--office", "127.0.0.1:0", "--insecure-loopback", (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	f = fdopen(out[0], "r");
	figure_check(f != NULL, "no pipe");
	while (h->port == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "ready sync ", 11) == 0 && strrchr(line, ':') != NULL)
			h->port = (int)strtol(strrchr(line, ':') + 1, NULL, 10);
	(void)fclose(f);
	figure_check(h->port > 0, "the daemon did not start");
}

/* ---- children */

static void
child_connect(struct hub *h, struct child *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)h->port) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		figure_fail("a child cannot connect: %s", strerrorname_np(errno));
}

static void
child_ask(struct hub *h, size_t i)
{
	struct child *c = &h->children[i];
	struct diag *d = &h->s.diag;
	struct bytes body, request;

	figure_check(c->ask == NULL, "a child asks twice at once");
	bytes_init(&body);
	bytes_init(&request);
	figure_ok(ask_new(h->s.nodes[i + 1].engine, h->s.nodes[0].origin, &c->ask, d), d, "ask");
	figure_ok(ask_request(c->ask, &body, d), d, "request");
	bytes_fmt(&request,
	    "POST /sync/v1/round HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %zu\r\n\r\n",
	    h->port, body.n);
	bytes_put(&request, body.p, body.n);
	figure_check(!request.failed &&
		send(c->fd, request.p, request.n, MSG_NOSIGNAL) == (ssize_t)request.n,
	    "a child cannot send");
	c->reply_n = 0;
	bytes_free(&body);
	bytes_free(&request);
}

/* The body of a whole reply, or NULL when more must come. */
static const char *
reply_body(struct child *c, size_t *n)
{
	const char *head, *field;

	c->reply[c->reply_n] = '\0';
	if ((head = strstr(c->reply, "\r\n\r\n")) == NULL)
		return NULL;
	if (strncmp(c->reply, "HTTP/1.1 200", 12) != 0)
		figure_fail("the daemon refused: %.60s", c->reply);
	field = strcasestr(c->reply, "content-length:");
	figure_check(field != NULL, "the daemon's reply says no length");
	*n = strtoul(field + 15, NULL, 10);
	return head + 4 + *n <= c->reply + c->reply_n ? head + 4 : NULL;
}

static void
child_read(struct hub *h, size_t i)
{
	struct child *c = &h->children[i];
	struct diag *d = &h->s.diag;
	const char *body;
	size_t n;
	ssize_t got = read(c->fd, c->reply + c->reply_n, sizeof(c->reply) - c->reply_n - 1);

	figure_check(got > 0, "the daemon closed a connection");
	c->reply_n += (size_t)got;
	if ((body = reply_body(c, &n)) == NULL)
		return;
	figure_ok(ask_reply_bytes(c->ask, span_of(body, n), d), d, "reply");
	figure_ok(ask_reply_end(c->ask, true, d), d, "reply");
	figure_check(
	    ask_state(c->ask) == ASK_DONE && ask_counts(c->ask)->is_equal, "a child was not equal");
	ask_free(c->ask);
	c->ask = NULL;
	c->done++;
	do /* the children take turns */
		h->next = (h->next + 1) % ASKERS;
	while (h->children[h->next].ask != NULL);
	child_ask(h, h->next);
}

static int64_t
process_cpu_us(pid_t pid)
{
	clockid_t clock;
	struct timespec t = { 0, 0 };

	if (clock_getcpuclockid(pid, &clock) == 0)
		(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
daemon_measure(struct hub *h)
{
	struct pollfd fds[ASKERS];
	struct figure_time since;
	int64_t us, cpu_us;
	uint64_t done = 0;
	size_t i;

	for (i = 0; i < ASKERS; i++) {
		child_connect(h, &h->children[i]);
		fds[i] = (struct pollfd){ .fd = h->children[i].fd, .events = POLLIN };
	}
	for (; h->next < ASKING_MAX; h->next++)
		child_ask(h, h->next);
	since = figure_now();
	cpu_us = process_cpu_us(h->pid);
	while ((us = figure_now().wall_us - since.wall_us) < SECONDS * 1000000) {
		figure_check(poll(fds, ASKERS, 5000) > 0, "the daemon answers nothing");
		for (i = 0; i < ASKERS; i++)
			if (fds[i].revents != 0)
				child_read(h, i);
	}
	cpu_us = process_cpu_us(h->pid) - cpu_us;
	for (i = 0; i < ASKERS; i++) {
		done += h->children[i].done;
		(void)close(h->children[i].fd);
		ask_free(h->children[i].ask);
	}
	figure_value("hub", "", (double)done * 1e6 / (double)us, "/s",
	    "40 of 276 children in turns, 30 requests at once, over loopback, on the same cores");
	figure_value("hub_cpu", "", (double)done * 1e6 / (double)cpu_us, "/s",
	    "per second of the daemon's processor time");
}

int
main(void)
{
	static struct hub h;
	struct link link = { .scene = &h.s };
	struct timespec t;
	const char *out = getenv("OUT");
	char program[512];
	size_t i;
	int status;

	scene_init(&h.s, false);
	(void)clock_gettime(CLOCK_REALTIME, &t);
	h.s.now_ms = (uint64_t)t.tv_sec * 1000 - 3600 * 1000;
	scene_synchronous(h.s.nodes[0].db, "OFF");
	load_init(&h.l, &h.s, NULL, 1, 0, false);
	load_all(&h.l);
	for (i = 1; i <= CHILDREN; i++)
		(void)scene_join(&h.s, SCENE_COMMUNE, true);
	for (i = 1; i <= CHILDREN; i++)
		link_settle(&link, i, 0, 20);
	engine_measure(&h);
	(void)snprintf(program, sizeof(program), "%s/ocop", out == NULL ? "build/gcc" : out);
	if (access(program, X_OK) == 0) {
		h.s.now_ms += 3600 * 1000;
		directory_make(&h);
		daemon_start(&h, program);
		daemon_measure(&h);
		(void)kill(h.pid, SIGTERM);
		(void)waitpid(h.pid, &status, 0);
		directory_remove(&h);
	}
	load_fini(&h.l);
	return 0;
}
