/* Making a data directory.  Its parts are written below DIR.new; the rename at the end is what makes it a node. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/file.h"
#include "node/message.h"
#include "node/store.h"

/* Everything that a building attempt can leave. */
static const char *const g_parts[] = {
	STORE_DATABASE, STORE_DATABASE "-wal", STORE_DATABASE "-shm", STORE_DATABASE "-journal", STORE_NODE_KEY,
	STORE_ROOT_KEY, STORE_INVITATION,
};

/* RC_OK when @dir is not there or empty. */
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
		is_empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	(void)closedir(list);
	return is_empty ? RC_OK : diag_fail(d, RC_CREATE, message(MSG_STORE_NOT_EMPTY), dir);
}

/* Make @path and what is missing above it. */
static enum rc
directories_make(char *path, struct diag *d)
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
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
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
	if (n == 0 || n + sizeof(".new") > STORE_PATH_BYTES)
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	memcpy(b->dir, dir, n);
	(void)snprintf(b->temp, sizeof(b->temp), "%.*s.new", (int)n, dir);
	if ((rc = empty_check(b->dir, d)) != RC_OK || (rc = directories_make(b->temp, d)) != RC_OK)
		return rc;
	return store_lock(b->temp, "init/join", &b->lock_fd, d);
}

enum rc
store_build_clear(struct store_build *b, struct diag *d)
{
	char path[STORE_PATH_BYTES];
	size_t i;

	for (i = 0; i < sizeof(g_parts) / sizeof(g_parts[0]); i++) {
		if (!store_path(b->temp, g_parts[i], path))
			return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), b->temp);
		if (unlink(path) != 0 && errno != ENOENT)
			return file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
	}
	return RC_OK;
}

enum rc
store_build_database(const struct store_build *b, sqlite3 **db, struct diag *d)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	char path[STORE_PATH_BYTES];
	enum rc rc;
	int fd;

	*db = NULL;
	if (!store_path(b->temp, STORE_DATABASE, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), b->temp);
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
	return file_write(path, span_of(seed, SEED_BYTES), 0600, d);
}

enum rc
store_key_read(const char *dir, const char *name, uint8_t seed[SEED_BYTES], struct diag *d)
{
	char path[STORE_PATH_BYTES];
	struct stat st;
	ssize_t n;
	enum rc rc = RC_OK;
	int fd;

	if (!store_path(dir, name, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return file_fail(d, errno == EACCES ? RC_DENIED : RC_DISK, MSG_FILE_OPEN, path, errno);
	if (fstat(fd, &st) != 0)
		rc = file_fail(d, RC_DISK, MSG_FILE_READ, path, errno);
	else if ((st.st_mode & 077) != 0)
		rc = diag_fail(d, RC_DENIED, message(MSG_KEY_OPEN), path);
	else if ((n = read(fd, seed, SEED_BYTES)) != SEED_BYTES || st.st_size != SEED_BYTES)
		rc = n < 0 ? file_fail(d, RC_DISK, MSG_FILE_READ, path, errno) :
		    diag_fail(d, RC_CORRUPT, message(MSG_STORE_DAMAGED), path);
	(void)close(fd);
	return rc;
}

enum rc
store_build_end(struct store_build *b, struct diag *d)
{
	char parent[STORE_PATH_BYTES];
	char *slash;
	enum rc rc;

	if ((rc = file_sync_dir(b->temp, d)) != RC_OK)
		return rc;
	if (rename(b->temp, b->dir) != 0)	/* onto nothing, or onto an empty directory */
		return file_fail(d, RC_CREATE, MSG_FILE_CREATE, b->dir, errno);
	memcpy(parent, b->dir, sizeof(parent));
	slash = strrchr(parent, '/');
	if (slash == NULL)
		memcpy(parent, ".", 2);
	else
		slash[slash == parent] = '\0';
	return file_sync_dir(parent, d);
}

void
store_build_abandon(struct store_build *b, bool is_kept)
{
	char path[STORE_PATH_BYTES];

	if (b->lock_fd < 0)
		return;
	if (!is_kept && store_build_clear(b, NULL) == RC_OK && store_path(b->temp, STORE_LOCK, path)) {
		(void)unlink(path);
		(void)rmdir(b->temp);
	}
	store_unlock(b->lock_fd);
	b->lock_fd = -1;
}
