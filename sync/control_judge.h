/* sync/control_judge.h - all control commits judged anew, then what depends on them; see control.h. */
#ifndef SYNC_CONTROL_JUDGE_H
#define SYNC_CONTROL_JUDGE_H

#include "engine_impl.h"

/* Inside the open transaction, with save_guard() off. */
RC_CHECK enum rc control_judge_all(struct engine *e, struct diag *d);

#endif
