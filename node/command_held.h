/* node/command_held.h - who holds what of our work, since when, as `status`, `get`, `log` and `quarantine` show it.
 *
 * {"here": time, "parent": time or null, "province": time or null}: each since the first receipt that covers the
 * commit, by the clock of whoever holds it; what a node wrote it holds since then.
 */
#ifndef NODE_COMMAND_HELD_H
#define NODE_COMMAND_HELD_H

#include "node/command.h"

#define HELD_RECEIPTS_MAX	1000	/* shown by status --json; for people the first few */
#define HELD_DOSSIERS_MAX	1000	/* listed by status: those that the province lacks first, then newest first */

/* The member "held" of the commit @version (a row's _v). */
RC_CHECK enum rc command_held_json(struct command_env *env, uint64_t version, struct json_write *w, struct diag *d);
/* The same in words: "here …; parent …; province …". */
RC_CHECK enum rc command_held_show(struct command_env *env, uint64_t version, struct bytes *out, struct diag *d);

/* What status tells beside the rest: the members to_receive, receipts, dossiers and quarantine_above, or lines. */
RC_CHECK enum rc command_held_report_json(struct command_env *env, struct json_write *w, struct diag *d);
RC_CHECK enum rc command_held_report_show(struct command_env *env, struct diag *d);

#endif
