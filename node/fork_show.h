/* node/fork_show.h - what is known of forks, for people: where two copies of one node wrote apart (sync/fork.h). */
#ifndef NODE_FORK_SHOW_H
#define NODE_FORK_SHOW_H

#include "node/json_write.h"
#include "sync/fork.h"

/* How many streams forked (reader too); 0 when that cannot be read. */
uint64_t fork_show_count(struct engine *e);
/* Did a stream of @origin? */
bool fork_show_is_forked(struct engine *e, const uint8_t origin[ORIGIN_BYTES]);

/* The array, as one value. */
RC_CHECK enum rc fork_show_json(struct engine *e, struct json_write *w, struct diag *d);
/* A line each, of the text @fmt: node, unit, first number, commits here, commits there. */
RC_CHECK enum rc fork_show_text(struct engine *e, const char *fmt, struct bytes *out, struct diag *d);

#endif
