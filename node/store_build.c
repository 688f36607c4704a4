/* Making a node in a data directory.  The directory is a node when it has ocop.db; the database is made beside it and
 * renamed last, when all else is there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/file.h"
#include "node/keyfile.h"
#include "node/message.h"
#include "node/store.h"

/* What begins the names of all that a building attempt can leave, but the lock; file_write() adds ".PID.tmp". */
static const char *const g_parts[] = { STORE_DATABASE_NEW, STORE_JOINING, STORE_NODE_KEY, STORE_ROOT_KEY };
#define PARTS_COUNT (sizeof(g_parts) / sizeof(g_parts[0]))

/* Is @name one of the @count parts from @part on? */
static bool
is_part(const char *name, size_t part, size_t count)
{
	size_t i, n;

	for (i = part; i < part + count; i++) {
		n = strlen(g_parts[i]);
		if (strncmp(name, g_parts[i], n) == 0 && (name[n] == '\0' || name[n] == '.' || name[n] == '-'))
			return true;
	}
	return false;
}

/* RC_OK when in @dir, if it is there, is nothing but what a building attempt left. */
static enum rc
empty_check(const char *dir, struct diag *d)
{
	struct dirent *entry;
	bool is_empty = true;
	DIR *list;

	if (store_exists(dir))
		return diag_fail(d, RC_CREATE, message(MSG_DATABASE_HELD), dir);
	if ((list = opendir(dir)) == NULL)
		return errno == ENOENT ? RC_OK : file_fail(d, RC_CREATE, MSG_FILE_OPEN, dir, errno);
	while (is_empty && (entry = readdir(list)) != NULL)
		is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    strcmp(entry->d_name, STORE_LOCK) == 0 || is_part(entry->d_name, 0, PARTS_COUNT);
	(void)closedir(list);
	return is_empty ? RC_OK : diag_fail(d, RC_CREATE, message(MSG_STORE_NOT_EMPTY), dir);
}

/* Make @path and what is missing above it, for us alone; *@is_made: it was not there. */
static enum rc
directories_make(char *path, bool *is_made, struct diag *d)
{
	char *slash;
	int failed;

	for (slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		failed = mkdir(path, 0700) != 0 && errno != EEXIST;
		*slash = '/';
		if (failed)
			return file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
	}
	*is_made = mkdir(path, 0700) == 0;
	if (!*is_made && errno != EEXIST)
		return file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
	return RC_OK;
}

enum rc
store_build_begin(struct store_build *b, const char *dir, struct diag *d)
{
	size_t n = strlen(dir);
	enum rc rc;

	memset(b, 0, sizeof(*b));
	b->lock_fd = -1;
	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (n == 0 || n >= STORE_PATH_BYTES)
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	memcpy(b->dir, dir, n);
	if ((rc = empty_check(b->dir, d)) != RC_OK || (rc = directories_make(b->dir, &b->is_made, d)) != RC_OK ||
	    (rc = store_lock(b->dir, "init/join", &b->lock_fd, d)) != RC_OK)
		return rc;
	if (!b->is_made && chmod(b->dir, 0700) != 0)
		rc = file_fail(d, RC_CREATE, MSG_FILE_CREATE, b->dir, errno);
	else
		rc = empty_check(b->dir, d);	/* somebody may have been quicker */
	if (rc != RC_OK)
		store_build_abandon(b, true);
	return rc;
}

/* Remove the @count parts from @part on. */
static enum rc
parts_remove(const struct store_build *b, size_t part, size_t count, struct diag *d)
{
	char path[STORE_PATH_BYTES];
	struct dirent *entry;
	enum rc rc = RC_OK;
	DIR *list;

	if ((list = opendir(b->dir)) == NULL)
		return file_fail(d, RC_CREATE, MSG_FILE_OPEN, b->dir, errno);
	while (rc == RC_OK && (entry = readdir(list)) != NULL) {
		if (!is_part(entry->d_name, part, count))
			continue;
		if (!store_path(b->dir, entry->d_name, path))
			rc = diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), b->dir);
		else if (unlink(path) != 0 && errno != ENOENT)
			rc = file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
	}
	(void)closedir(list);
	return rc;
}

enum rc
store_build_clear(struct store_build *b, struct diag *d)
{
	return parts_remove(b, 0, PARTS_COUNT, d);
}

enum rc
store_build_joined(struct store_build *b, struct diag *d)
{
	return parts_remove(b, 1, 1, d);
}

enum rc
store_build_database(const struct store_build *b, sqlite3 **db, struct diag *d)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	char path[STORE_PATH_BYTES];
	enum rc rc;
	int fd;

	*db = NULL;
	if (!store_path(b->dir, STORE_DATABASE_NEW, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), b->dir);
	if ((rc = parts_remove(b, 0, 1, d)) != RC_OK)
		return rc;
	/* For its owner only; SQLite gives its other files the same mode. */
	if ((fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
		return file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
	(void)close(fd);
	if (sqlite3_open_v2(path, db, flags, NULL) != SQLITE_OK)
		rc = diag_fail(d, RC_CREATE, message(MSG_FILE_CREATE), path,
		    *db == NULL ? rc_name(RC_NOMEM) : sqlite3_errmsg(*db));
	else if ((rc = engine_configure(*db, true, d)) == RC_OK)
		return RC_OK;
	(void)sqlite3_close(*db);
	*db = NULL;
	return rc;
}

enum rc
store_key_write(const char *dir, const char *name, const uint8_t seed[SEED_BYTES], struct diag *d)
{
	char path[STORE_PATH_BYTES];

	if (!store_path(dir, name, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	return keyfile_write(path, seed, false, d);
}

enum rc
store_key_read(const char *dir, const char *name, uint8_t seed[SEED_BYTES], struct diag *d)
{
	char path[STORE_PATH_BYTES];

	if (!store_path(dir, name, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	return keyfile_read(path, seed, d);
}

/* The database must stand alone and on the medium before it gets its name. */
static enum rc
database_settle(const char *dir, const char *path, struct diag *d)
{
	char log[STORE_PATH_BYTES];
	enum rc rc = RC_OK;
	int fd;

	if (!store_path(dir, STORE_DATABASE_NEW "-wal", log))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	if (access(log, F_OK) == 0)	/* closing could not bring it in */
		return diag_fail(d, RC_DISK, "%s", message(MSG_DISK_FAILED));
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		return file_fail(d, RC_DISK, MSG_FILE_OPEN, path, errno);
	if (fsync(fd) != 0)
		rc = file_fail(d, RC_DISK, MSG_FILE_WRITE, path, errno);
	(void)close(fd);
	return rc;
}

/* The directory's own name is durable too. */
static enum rc
parent_sync(const char *dir, struct diag *d)
{
	char parent[STORE_PATH_BYTES];
	char *slash;

	memcpy(parent, dir, strlen(dir) + 1);
	slash = strrchr(parent, '/');
	if (slash == NULL)
		memcpy(parent, ".", 2);
	else
		slash[slash == parent] = '\0';
	return file_sync_dir(parent, d);
}

enum rc
store_build_end(struct store_build *b, struct diag *d)
{
	char path[STORE_PATH_BYTES], name[STORE_PATH_BYTES];
	enum rc rc;

	if (!store_path(b->dir, STORE_DATABASE_NEW, path) || !store_path(b->dir, STORE_DATABASE, name))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), b->dir);
	if ((rc = database_settle(b->dir, path, d)) != RC_OK || (rc = parent_sync(b->dir, d)) != RC_OK)
		return rc;
	if (rename(path, name) != 0)
		return file_fail(d, RC_CREATE, MSG_FILE_CREATE, name, errno);
	return file_sync_dir(b->dir, d);
}

void
store_build_abandon(struct store_build *b, bool is_kept)
{
	char path[STORE_PATH_BYTES];

	if (b->lock_fd < 0)
		return;
	if (!is_kept && !store_exists(b->dir) && store_build_clear(b, NULL) == RC_OK &&
	    store_path(b->dir, STORE_LOCK, path)) {
		(void)unlink(path);
		if (b->is_made)
			(void)rmdir(b->dir);
	}
	store_unlock(b->lock_fd);
	b->lock_fd = -1;
}

/* ---- what is there */

bool
store_is_joining(const char *dir)
{
	char path[STORE_PATH_BYTES];

	return !store_exists(dir) && store_path(dir, STORE_JOINING, path) && access(path, F_OK) == 0;
}

enum rc
store_missing(const char *dir, struct diag *d)
{
	return diag_fail(d, RC_NOTFOUND, message(store_is_joining(dir) ? MSG_STORE_JOINING : MSG_STORE_NONE), dir);
}

enum rc
store_modes_check(const char *dir, struct diag *d)
{
	static const char *const keys[] = { STORE_NODE_KEY, STORE_ROOT_KEY };
	static const char *const others[] = { STORE_DATABASE, STORE_DATABASE "-wal", STORE_LOCK, STORE_SOCKET };
	char path[STORE_PATH_BYTES];
	struct stat st;
	enum rc rc;
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (store_path(dir, keys[i], path) && (rc = keyfile_mode_check(path, d)) != RC_OK)
			return rc;
	}
	if (stat(dir, &st) == 0 && (st.st_mode & 077) == 0)
		return RC_OK;		/* nobody else gets at what is in it */
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (store_path(dir, others[i], path) && stat(path, &st) == 0 && (st.st_mode & 077) != 0)
			return diag_fail(d, RC_DENIED, message(MSG_STORE_OPEN), path, path);
	}
	return RC_OK;
}
