/* sync/suspect.h - streams of which one peer seems to hold another branch than we do.
 *
 * A suspect is left out of our vector to that peer, so that the peer sends it from its first commit, and is compared
 * commit by commit (apply.h).  What comes of it: all was common; or a fork, in which one side yields (C9).  Memory of
 * the link only: what is forgotten is found again.
 * Limits: SUSPECTS_MAX streams a peer at a time; what is beyond waits for a later round.
 */
#ifndef SYNC_SUSPECT_H
#define SYNC_SUSPECT_H

#include "apply.h"

#define SUSPECTS_MAX 16

struct suspects {
	struct apply_suspect at[SUSPECTS_MAX];
	size_t count;
	uint32_t forked[SUSPECTS_MAX];	/* streams found forked, in which neither side yields */
	size_t forked_count;
};

/* The suspect of stream @sid, or NULL. */
struct apply_suspect *suspect_find(struct suspects *s, uint32_t sid);
bool suspect_is_there(const struct suspects *s, uint32_t sid);

/* Suspect @stream from its first commit on; again, when it was compared partly.  False: there is no room. */
bool suspect_add(const struct engine *e, struct suspects *s, const struct stream *stream);
void suspect_drop(struct suspects *s, uint32_t sid);

/* Forked, and both branches stay where they are: nothing of it is sent that the peer did not ask for. */
void suspect_fork_add(struct suspects *s, uint32_t sid);
void suspect_fork_drop(struct suspects *s, uint32_t sid);
bool suspect_is_forked(const struct suspects *s, uint32_t sid);

/* Forget streams numbered above @last: a rollback took them away. */
void suspect_trim(struct suspects *s, size_t last);

#endif
