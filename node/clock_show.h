/* node/clock_show.h - how it stands with this machine's clock, for people (sync/clock_hear.h). */
#ifndef NODE_CLOCK_SHOW_H
#define NODE_CLOCK_SHOW_H

#include "node/command.h"
#include "node/json_write.h"

/* The members of `clock` in `status`, into an object already begun (reader too). */
RC_CHECK enum rc clock_show_json(struct engine *e, struct json_write *w, struct diag *d);
/* One line about the clock, one for each node whose commits wait. */
RC_CHECK enum rc clock_show_text(struct command_env *env, struct diag *d);
/* The first of these lines alone, for the page. */
void clock_show_line(struct engine *e, struct bytes *out);

#endif
