/* node/json_scan.h - the strict check of a JSON text that json_read() makes before a tree is built.
 *
 * What is refused, and the limits, stand in json_read.h; only a name that stands twice is left to the reader.
 */
#ifndef NODE_JSON_SCAN_H
#define NODE_JSON_SCAN_H

#include "message.h"
#include "sync/rc.h"

/* Check the @len bytes at @text, after which a NUL must stand.  RC_INPUT or RC_LIMIT with line and column in @d. */
RC_CHECK enum rc json_scan(const char *text, size_t len, struct diag *d);

/* Answer @rc and put into @d that @why is wrong at the byte @at of @text. */
RC_CHECK enum rc
json_scan_fail(const char *text, const char *at, enum rc rc, enum message_id why, struct diag *d);

#endif
