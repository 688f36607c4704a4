/* Starting after an end that was none.
 *
 * When an fsync fails, the system may mark the pages clean that it could not write: the next process reads from memory
 * what the medium does not hold, and would take it for durable.  So a writing process leaves a marker while it runs;
 * who finds one that another left writes the database and its log again, each byte onto itself, and syncs them, before
 * SQLite opens them.  The marker names the boot of the machine: memory of an earlier boot misleads nobody, and that
 * start costs nothing.
 * Cut anywhere, the files hold the same bytes as before. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/file.h"
#include "node/message.h"
#include "node/store.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define BOOT_BYTES 40
#define BOOT_PATH "/proc/sys/kernel/random/boot_id"

/* A text that another start of the machine changes; empty when there is none to be had. */
static size_t
text_read(const char *path, char out[BOOT_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, out, BOOT_BYTES);
	(void)close(fd);
	return n > 0 ? (size_t)n : 0;
}

/* The piece of @fd at *@at onto itself; *@at then stands behind it.  False at the end, or with errno when that is not
 * 0. */
static bool
piece_rewrite(int fd, uint8_t *piece, off_t *at)
{
	ssize_t n, written = 0, step;

	errno = 0;
	do {
		n = pread(fd, piece, PIECE_BYTES, *at);
	} while (n < 0 && errno == EINTR);
	while (n > 0 && written < n) {
		step = pwrite(fd, piece + written, (size_t)(n - written), *at + written);
		if (step < 0 && errno != EINTR)
			return false;
		written += step > 0 ? step : 0;
	}
	*at += written;
	return n > 0;
}

/* A file that is not there needs nothing. */
static enum rc
file_rewrite(const char *dir, const char *name, uint8_t *piece, uint64_t *bytes, struct diag *d)
{
	char path[STORE_PATH_BYTES];
	enum rc rc = RC_OK;
	off_t at = 0;
	int fd;

	if (!store_path(dir, name, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		return errno == ENOENT ? RC_OK : file_fail(d, errno == EACCES || errno == EPERM || errno == EROFS ?
		    RC_DENIED : RC_DISK, MSG_FILE_OPEN, path, errno);
	while (piece_rewrite(fd, piece, &at))
		continue;
	if (errno != 0 || fsync(fd) != 0)
		rc = file_fail(d, RC_DISK, MSG_FILE_WRITE, path, errno);
	(void)close(fd);
	*bytes += (uint64_t)at;
	return rc;
}

static enum rc
files_rewrite(const char *dir, uint64_t *bytes, struct diag *d)
{
	uint8_t *piece = mem_alloc(PIECE_BYTES);
	enum rc rc;

	if (piece == NULL)
		return RC_NOMEM;
	/* The log first: it is what the database is repaired from. */
	if ((rc = file_rewrite(dir, STORE_DATABASE "-wal", piece, bytes, d)) == RC_OK)
		rc = file_rewrite(dir, STORE_DATABASE, piece, bytes, d);
	mem_free(piece);
	return rc;
}

enum rc
store_running_begin(const char *dir, uint64_t *rewritten_bytes, struct diag *d)
{
	char path[STORE_PATH_BYTES], boot[BOOT_BYTES], left[BOOT_BYTES];
	size_t n, left_n;
	enum rc rc;
	int fd;

	*rewritten_bytes = 0;
	if (!store_path(dir, STORE_RUNNING, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	n = text_read(BOOT_PATH, boot);
	if (access(path, F_OK) == 0) {
		left_n = text_read(path, left);
		if ((n == 0 || left_n != n || memcmp(left, boot, n) == 0) &&
		    (rc = files_rewrite(dir, rewritten_bytes, d)) != RC_OK)
			return rc;
	}
	/* It need not be durable: it is for this boot only.  A full disk may refuse it, and is no reason not to read
	 * and send. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC || errno == EDQUOT ? RC_OK :
		    file_fail(d, errno == EACCES || errno == EPERM ? RC_DENIED : RC_DISK, MSG_FILE_OPEN, path, errno);
	if (n != 0 && write(fd, boot, n) != (ssize_t)n)
		n = 0;		/* an empty one is from this boot as far as anybody can tell */
	(void)close(fd);
	return RC_OK;
}

void
store_running_end(const char *dir)
{
	char path[STORE_PATH_BYTES];

	if (store_path(dir, STORE_RUNNING, path))
		(void)unlink(path);
}
