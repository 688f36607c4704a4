#include "node/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "node/file.h"
#include "node/message.h"
#include "schema/schema.h"

#define APPLICATION_ID_AT 68	/* in the header of an SQLite file */
#define BUSY_MS 5000		/* as engine_configure() sets it */

static atomic_int g_connections;	/* open ones of this process */

static uint64_t
env_now_ms(void *ctx)
{
	(void)ctx;
	return store_now_ms();
}

static void
env_random(void *ctx, void *p, size_t n)
{
	(void)ctx;
	randombytes_buf(p, n);
}

const struct engine_env *
store_env(void)
{
	static const struct engine_env env = { NULL, env_now_ms, env_random };

	return &env;
}

uint64_t
store_now_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t) != 0 || t.tv_sec < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool
store_path(const char *dir, const char *name, char out[STORE_PATH_BYTES])
{
	int n = snprintf(out, STORE_PATH_BYTES, "%s/%s", dir, name);

	return n > 0 && n < STORE_PATH_BYTES;
}

bool
store_dir_default(char out[STORE_PATH_BYTES])
{
	const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (base != NULL && base[0] == '/')
		return store_path(base, "ocop", out);
	return home != NULL && home[0] == '/' && store_path(home, ".local/share/ocop", out);
}

bool
store_exists(const char *dir)
{
	char path[STORE_PATH_BYTES];
	struct stat st;

	return store_path(dir, STORE_DATABASE, path) && stat(path, &st) == 0;
}

uint64_t
store_free_bytes(const char *dir)
{
	struct statvfs v;

	return statvfs(dir, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : 0;
}

/* Who wrote into the lock file that we could not get. */
static enum rc
lock_held(const char *dir, int fd, struct diag *d)
{
	char who[64];
	ssize_t n = pread(fd, who, sizeof(who) - 1, 0);

	who[n > 0 ? n : 0] = '\0';
	who[strcspn(who, "\n")] = '\0';
	return diag_fail(d, RC_BUSY, message(MSG_STORE_BUSY), dir, who[0] == '\0' ? "?" : who);
}

enum rc
store_lock(const char *dir, const char *what, int *fd, struct diag *d)
{
	char path[STORE_PATH_BYTES], who[64];
	struct stat held, st;
	enum rc rc;
	int n;

	*fd = -1;
	if (!store_path(dir, STORE_LOCK, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0) {
		rc = errno == EACCES || errno == EPERM ? RC_DENIED : errno == ENOSPC ? RC_FULL : RC_DISK;
		return file_fail(d, rc, MSG_FILE_OPEN, path, errno);
	}
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		rc = errno == EWOULDBLOCK ? lock_held(dir, *fd, d) : file_fail(d, RC_DISK, MSG_FILE_OPEN, path, errno);
		(void)close(*fd);
		*fd = -1;
		return rc;
	}
	if (fstat(*fd, &held) != 0 || stat(path, &st) != 0 || held.st_ino != st.st_ino || held.st_dev != st.st_dev) {
		(void)close(*fd);	/* its last holder took it away: that lock binds nobody */
		*fd = -1;
		return diag_fail(d, RC_BUSY, message(MSG_STORE_BUSY), dir, "?");
	}
	/* For people only: that it could not be noted takes nothing from the lock. */
	n = snprintf(who, sizeof(who), "%ld (%s)\n", (long)getpid(), what);
	if (n > 0 && ftruncate(*fd, 0) == 0)
		n = (int)pwrite(*fd, who, (size_t)n, 0);
	return RC_OK;
}

void
store_unlock(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

enum rc
store_socket_path(const char *dir, char out[STORE_SOCKET_PATH_BYTES], int *fd, struct diag *d)
{
	int n = snprintf(out, STORE_SOCKET_PATH_BYTES, "%s/%s", dir, STORE_SOCKET);

	*fd = -1;
	if (n > 0 && n < STORE_SOCKET_PATH_BYTES)
		return RC_OK;
	if ((*fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return file_fail(d, RC_DISK, MSG_FILE_OPEN, dir, errno);
	(void)snprintf(out, STORE_SOCKET_PATH_BYTES, "/proc/self/fd/%d/%s", *fd, STORE_SOCKET);
	return RC_OK;
}

/* Move the log's content into the database and cut it to nothing, unless somebody is reading just now. */
static int
log_empty(sqlite3 *db)
{
	int code;

	(void)sqlite3_busy_timeout(db, 0);
	code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	(void)sqlite3_busy_timeout(db, BUSY_MS);
	return code & 0xff;
}

enum rc
store_reserve_check(const char *dir, sqlite3 *db, struct diag *d)
{
	if (store_free_bytes(dir) >= STORE_RESERVE_BYTES)
		return RC_OK;
	(void)log_empty(db);
	if (store_free_bytes(dir) >= STORE_RESERVE_BYTES)
		return RC_OK;
	return diag_fail(d, RC_FULL, message(MSG_DISK_RESERVE), (unsigned)(STORE_RESERVE_BYTES >> 20), dir);
}

/* Refuse what is no database before SQLite gets a chance to write to it. */
static enum rc
header_check(const char *dir, const char *path, bool is_writer, struct diag *d)
{
	static const char magic[] = "SQLite format 3";
	static const uint8_t ours[] = { ENGINE_APPLICATION_ID >> 24, ENGINE_APPLICATION_ID >> 16 & 0xff,
		ENGINE_APPLICATION_ID >> 8 & 0xff, ENGINE_APPLICATION_ID & 0xff };
	char head[APPLICATION_ID_AT + sizeof(ours)];
	ssize_t n;
	int fd = open(path, (is_writer ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	int error = errno;

	if (fd < 0 && error == ENOENT)
		return store_missing(dir, d);
	if (fd < 0) {
		return file_fail(d, error == EACCES || error == EPERM ? RC_DENIED : RC_DISK, MSG_FILE_OPEN, path,
		    error);
	}
	n = read(fd, head, sizeof(head));
	error = errno;
	(void)close(fd);
	if (n < 0)
		return file_fail(d, RC_DISK, MSG_FILE_READ, path, error);
	if ((size_t)n != sizeof(head) || memcmp(head, magic, sizeof(magic)) != 0)
		return diag_fail(d, RC_CORRUPT, message(MSG_STORE_DAMAGED), path);
	if (memcmp(head + APPLICATION_ID_AT, ours, sizeof(ours)) != 0)
		return diag_fail(d, RC_INPUT, message(MSG_STORE_FOREIGN), path);
	return RC_OK;
}

enum rc
store_connect(const char *dir, bool is_writer, sqlite3 **db, struct diag *d)
{
	const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
	    (is_writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
	char path[STORE_PATH_BYTES];
	struct diag why;
	enum rc rc;

	*db = NULL;
	if (!store_path(dir, STORE_DATABASE, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	/* Only while no connection of this process can lose its locks by it. */
	if (atomic_load(&g_connections) == 0 && (rc = header_check(dir, path, is_writer, d)) != RC_OK)
		return rc;
	if (sqlite3_open_v2(path, db, flags, NULL) != SQLITE_OK) {
		rc = diag_fail(d, RC_DISK, message(MSG_FILE_OPEN), path,
		    *db == NULL ? rc_name(RC_NOMEM) : sqlite3_errmsg(*db));
		goto err0;
	}
	diag_init(&why);
	if ((rc = engine_configure(*db, is_writer, &why)) == RC_OK) {
		(void)atomic_fetch_add(&g_connections, 1);
		return RC_OK;
	}
	if (rc == RC_CORRUPT)
		(void)diag_fail(d, rc, message(MSG_DATABASE_CORRUPT), path, why.text);
	else
		(void)diag_fail(d, rc, "%s: %s", path, why.text);

err0:
	(void)sqlite3_close(*db);
	*db = NULL;
	return rc;
}

enum rc
store_open(struct store *s, const char *dir, bool is_writer, struct diag *d)
{
	uint8_t seed[SEED_BYTES];
	enum rc rc;

	memset(s, 0, sizeof(*s));
	s->dir = dir;
	s->is_writer = is_writer;
	if ((rc = store_modes_check(dir, d)) != RC_OK)
		return rc;
	if ((is_writer && (rc = store_running_begin(dir, &s->rewritten_bytes, d)) != RC_OK) ||
	    (rc = store_connect(dir, is_writer, &s->db, d)) != RC_OK)
		return rc;
	/* A reader sees one state from here to its end. */
	if (!is_writer && sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
		rc = diag_fail(d, RC_DISK, "%s: %s", dir, sqlite3_errmsg(s->db));
		goto err0;
	}
	(void)sodium_mlock(seed, sizeof(seed));		/* where the system lets us */
	if (!is_writer || (rc = store_key_read(dir, STORE_NODE_KEY, seed, d)) == RC_OK)
		rc = engine_open(&s->engine, s->db, schema_catalogue(), store_env(), is_writer ? seed : NULL, d);
	if (is_writer && rc == RC_OK)
		memcpy(s->seed, seed, sizeof(s->seed));
	(void)sodium_munlock(seed, sizeof(seed));
	if (rc == RC_OK)
		return RC_OK;

err0:
	s->is_broken = rc == RC_DISK;
	store_close(s);
	return rc;
}

/* Bring the log into the database.  False when the disk does not take it: then the log must stay as it is. */
static bool
writer_settle(struct store *s)
{
	int code;

	if (s->is_broken || (s->engine != NULL && engine_is_broken(s->engine)))
		return false;
	code = log_empty(s->db);
	return code == SQLITE_OK || code == SQLITE_BUSY;
}

void
store_close(struct store *s)
{
	bool is_settled = s->is_writer && s->db != NULL && writer_settle(s);

	sodium_memzero(s->seed, sizeof(s->seed));
	engine_close(s->engine);
	if (s->db != NULL) {
		if (!s->is_writer)
			(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		else if (!is_settled)	/* never try again what failed */
			(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		(void)sqlite3_close(s->db);
		(void)atomic_fetch_sub(&g_connections, 1);
	}
	if (is_settled)
		store_running_end(s->dir);
	s->engine = NULL;
	s->db = NULL;
}
