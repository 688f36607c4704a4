/* node/file.h - whole files, in and out. */
#ifndef NODE_FILE_H
#define NODE_FILE_H

#include "node/message.h"
#include "sync/mem.h"

/* Append the content of @path ("-": standard input) to @out.  RC_INPUT when it cannot be opened, RC_LIMIT when it is
 * longer than @bytes_max, RC_DISK when reading fails. */
RC_CHECK enum rc file_read(const char *path, size_t bytes_max, struct bytes *out, struct diag *d);

/* Make @path hold @content, durably: under another name first, then renamed.  RC_CREATE, RC_FULL or RC_DISK; @path is
 * then as it was.  "-": standard output. */
RC_CHECK enum rc file_write(const char *path, struct span content, unsigned mode, struct diag *d);

RC_CHECK enum rc file_sync_dir(const char *path, struct diag *d);

/* Answer @rc with the text @id about @path and what the system says of @error. */
RC_CHECK enum rc file_fail(struct diag *d, enum rc rc, enum message_id id, const char *path, int error);

/* Write all of @s to the descriptor; false when that fails. */
RC_CHECK bool file_put(int fd, struct span s);

#endif
