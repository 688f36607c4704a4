#include "node/joining.h"

#include <string.h>
#include <unistd.h>

#include "node/file.h"
#include "node/store.h"
#include "sync/cursor.h"

#define FORMAT 1
#define JOINING_BYTES_MAX (INVITATION_REQUEST_BYTES_MAX + INVITATION_URL_BYTES_MAX + 16)

void
joining_init(struct joining *j)
{
	memset(j, 0, sizeof(*j));
	bytes_init(&j->request);
}

void
joining_fini(struct joining *j)
{
	bytes_free(&j->request);
}

enum rc
joining_read(const char *dir, struct joining *j, struct diag *d)
{
	struct span url, request;
	char path[STORE_PATH_BYTES];
	struct bytes b;
	struct rd r;
	enum rc rc;

	if (!store_path(dir, STORE_JOINING, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	if (access(path, F_OK) != 0)
		return RC_NOTFOUND;
	bytes_init(&b);
	if ((rc = file_read(path, JOINING_BYTES_MAX, &b, d)) == RC_OK) {
		r = rd_span(span_bytes(&b));
		if (rd_u8(&r) != FORMAT)
			rd_fail(&r);
		url = rd_blob(&r, INVITATION_URL_BYTES_MAX);
		request = rd_blob(&r, INVITATION_REQUEST_BYTES_MAX);
		bytes_put(&j->request, request.p, request.n);
		if (url.n != 0)
			memcpy(j->url, url.p, url.n);
		if (!rd_done(&r) || (rc = bytes_rc(&j->request)) != RC_OK ||
		    invitation_request_parse(&j->q, span_bytes(&j->request), NULL) != RC_OK)
			rc = rc == RC_NOMEM ? rc : diag_fail(d, RC_CORRUPT, message(MSG_STORE_DAMAGED), path);
	}
	bytes_free(&b);
	return rc;
}

enum rc
joining_write(const char *dir, struct joining *j, struct diag *d)
{
	char path[STORE_PATH_BYTES];
	struct bytes b;
	enum rc rc;

	if (!store_path(dir, STORE_JOINING, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	bytes_init(&b);
	wr_u8(&b, FORMAT);
	wr_blob(&b, span_str(j->url));
	wr_blob(&b, span_bytes(&j->request));
	if ((rc = bytes_rc(&b)) == RC_OK && (rc = bytes_rc(&j->request)) == RC_OK &&
	    (rc = file_write(path, span_bytes(&b), 0600, d)) == RC_OK)
		rc = invitation_request_parse(&j->q, span_bytes(&j->request), d);
	bytes_free(&b);
	return rc;
}
