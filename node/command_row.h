/* node/command_row.h - the commands, one function each; see command.h for how they run. */
#ifndef NODE_COMMAND_ROW_H
#define NODE_COMMAND_ROW_H

#include "node/command.h"

/* command_row.c */
RC_CHECK enum rc command_put(struct command_env *env, struct diag *d);
RC_CHECK enum rc command_delete(struct command_env *env, struct diag *d);
RC_CHECK enum rc command_get(struct command_env *env, struct diag *d);

/* command_list.c */
RC_CHECK enum rc command_list(struct command_env *env, struct diag *d);

/* command_apply.c */
RC_CHECK enum rc command_apply(struct command_env *env, struct diag *d);

/* command_import.c and command_import_products.c */
RC_CHECK enum rc command_import(struct command_env *env, struct diag *d);

/* command_export.c */
RC_CHECK enum rc command_export(struct command_env *env, struct diag *d);

/* command_log.c */
RC_CHECK enum rc command_log(struct command_env *env, struct diag *d);

/* command_conflicts.c */
RC_CHECK enum rc command_conflicts(struct command_env *env, struct diag *d);
RC_CHECK enum rc command_quarantine(struct command_env *env, struct diag *d);

/* command_state.c */
RC_CHECK enum rc command_digest(struct command_env *env, struct diag *d);
RC_CHECK enum rc command_dump(struct command_env *env, struct diag *d);
RC_CHECK enum rc command_verify(struct command_env *env, struct diag *d);

/* command_status.c */
RC_CHECK enum rc command_report(struct command_env *env, struct diag *d);
RC_CHECK enum rc command_peers(struct command_env *env, struct diag *d);

/* command_invite.c */
RC_CHECK enum rc command_invite(struct command_env *env, struct diag *d);
RC_CHECK enum rc command_admit(struct command_env *env, struct diag *d);

/* command_trust.c */
RC_CHECK enum rc command_revoke(struct command_env *env, struct diag *d);
RC_CHECK enum rc command_quarantine_release(struct command_env *env, uint64_t id, const char *note, struct diag *d);

/* command_help.c */
RC_CHECK enum rc command_help(struct command_env *env, struct diag *d);

#endif
