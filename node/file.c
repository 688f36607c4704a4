#include "node/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096
#define READ_BYTES 65536

enum rc
file_fail(struct diag *d, enum rc rc, enum message_id id, const char *path, int error)
{
	const char *name = strerrordesc_np(error);

	return diag_fail(d, rc, message(id), path, name == NULL ? "?" : name);
}

enum rc
file_read(const char *path, size_t bytes_max, struct bytes *out, struct diag *d)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	size_t from = out->n;
	enum rc rc = RC_OK;
	uint8_t *room;
	ssize_t n;

	if (fd < 0)
		return file_fail(d, errno == EACCES ? RC_DENIED : RC_INPUT, MSG_FILE_OPEN, path, errno);
	for (;;) {
		if ((room = bytes_room(out, READ_BYTES)) == NULL) {
			rc = RC_NOMEM;
			break;
		}
		if ((n = read(fd, room, READ_BYTES)) < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = file_fail(d, errno == EISDIR ? RC_INPUT : RC_DISK, MSG_FILE_READ, path, errno);
		if (n <= 0)
			break;
		out->n += (size_t)n;
		if (out->n - from > bytes_max) {
			rc = diag_fail(d, RC_LIMIT, message(MSG_FILE_TOO_LARGE), path, bytes_max);
			break;
		}
	}
	(void)close(fd);
	return rc;
}

bool
file_put(int fd, struct span s)
{
	ssize_t n;

	while (s.n != 0) {
		if ((n = write(fd, s.p, s.n)) < 0) {
			if (errno == EINTR)
				continue;
			return false;
		}
		s = span_of(s.p + n, s.n - (size_t)n);
	}
	return true;
}

enum rc
file_sync_dir(const char *path, struct diag *d)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0 || fsync(fd) != 0)
		rc = file_fail(d, RC_DISK, MSG_FILE_WRITE, path, errno);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* The directory that @path lies in. */
static enum rc
parent_sync(const char *path, struct diag *d)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_BYTES_MAX];

	if (slash == NULL)
		return file_sync_dir(".", d);
	(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash == path ? 1 : slash - path), path);
	return file_sync_dir(parent, d);
}

/* What is no plain file (a pipe, /dev/null) is written to, never replaced. */
static enum rc
device_write(const char *path, struct span content, struct diag *d)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0)
		return file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
	if (!file_put(fd, content))
		rc = file_fail(d, RC_DISK, MSG_FILE_WRITE, path, errno);
	(void)close(fd);
	return rc;
}

enum rc
file_write(const char *path, struct span content, unsigned mode, struct diag *d)
{
	char temp[PATH_BYTES_MAX];
	struct stat st;
	enum rc rc;
	int fd, n;

	if (strcmp(path, "-") == 0)
		return file_put(STDOUT_FILENO, content) ? RC_OK : file_fail(d, RC_DISK, MSG_FILE_WRITE, path, errno);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return device_write(path, content, d);
	n = snprintf(temp, sizeof(temp), "%s.%ld.tmp", path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(temp))
		return file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, ENAMETOOLONG);
	if ((fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)) < 0)
		return file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
	if (!file_put(fd, content) || fsync(fd) != 0) {
		rc = file_fail(d, errno == ENOSPC ? RC_FULL : RC_DISK, MSG_FILE_WRITE, path, errno);
		(void)close(fd);
		goto err0;
	}
	if (close(fd) != 0) {
		rc = file_fail(d, RC_DISK, MSG_FILE_WRITE, path, errno);
		goto err0;
	}
	if (rename(temp, path) != 0) {
		rc = file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
		goto err0;
	}
	return parent_sync(path, d);

err0:
	(void)unlink(temp);
	return rc;
}
