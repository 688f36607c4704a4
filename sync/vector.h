/* sync/vector.h - a vector: what a node holds of the streams it shares with a peer, stream by stream.
 *
 * Format (rule W17):
 *
 *   vector := count · count × (name (8) · head · hash (4))
 *
 * name: the first bytes of the stream's hash(0) (stream.h); entries ascend by it.  head: number of the newest commit,
 * at least 1; streams not listed are empty at the sender.  hash: the first bytes of the head's hash, so that two
 * copies of one node that wrote apart are noticed where their numbers meet.
 */
#ifndef SYNC_VECTOR_H
#define SYNC_VECTOR_H

#include "exchange_impl.h"

enum {
	VECTOR_NAME_BYTES = 8,
	VECTOR_HASH_BYTES = 4,
};

struct vector_news {
	bool we_lack;		/* they hold a stream or commits that we do not */
	bool waits;		/* ... that came already, and wait (C16): not counted as lacking */
	uint64_t forks;		/* streams of which they hold another branch than we do */
	bool has_suspects;	/* some of these have yet to be compared: our vector must go out, without them */
};

/* Append our vector for @p to @out. */
RC_CHECK enum rc vector_emit(struct engine *e, const struct peer *p, struct bytes *out);

/* Take @s as the vector of @p: our beliefs become what it says.  RC_PEER when it is not canonical; beliefs may then be
 * partly changed, which is harmless. */
RC_CHECK enum rc vector_take(struct engine *e, struct peer *p, struct span s, struct vector_news *news, struct diag *d);

#endif
