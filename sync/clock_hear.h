/* sync/clock_hear.h - what we learn of our clock from others, and what we do about it (TRUST.md C14, C15). */
#ifndef SYNC_CLOCK_HEAR_H
#define SYNC_CLOCK_HEAR_H

#include "engine.h"

/* @peer said, authenticated, that its clock stood at @peer_ms between @asked_ms and @answered_ms of ours (writer;
 * transactions of its own).  Only the parent's word counts.
 * Ahead: its time becomes our offset, and what we wrote beyond the tolerance is corrected, under a new incarnation.
 * Behind: its time becomes our offset when it is proved that we are, and what we wrote meanwhile is corrected. */
RC_CHECK enum rc clock_hear(struct engine *e, const uint8_t peer[ORIGIN_BYTES], uint64_t asked_ms, uint64_t answered_ms,
    uint64_t peer_ms, struct diag *d);

/* A node that nobody stands above believes its machine: when that was set back, what was written beyond it is
 * corrected.  Called when the engine is opened. */
RC_CHECK enum rc clock_hear_nobody(struct engine *e, struct diag *d);

/* Say that readings of @origin from @since_ms on count as @shift_ms later: a node of a unit above may.  RC_DENIED. */
RC_CHECK enum rc clock_hear_say(struct engine *e, const uint8_t origin[ORIGIN_BYTES], uint64_t since_ms,
    int64_t shift_ms, struct diag *d);

/* How it stands with our clock, for people.  Reader too. */
enum clock_badge {
	CLOCK_OK,
	CLOCK_AHEAD,	/* the machine's clock is; corrected */
	CLOCK_BEHIND,	/* the machine's clock is; corrected, or as far as can be told */
	CLOCK_UNSURE,	/* the parent's differs, and it is not clear whose is wrong */
};
struct clock_report {
	uint64_t now_ms;		/* the engine's clock */
	int64_t offset_ms;		/* of it to the machine's */
	bool has_heard;			/* the parent told the time */
	int64_t peer_ms;		/* its clock stood so far before ours then */
	enum clock_badge badge;
	uint64_t held_back;		/* streams of others that wait */
};
RC_CHECK enum rc clock_hear_report(struct engine *e, struct clock_report *out, struct diag *d);
const char *clock_hear_badge_name(enum clock_badge badge);

#endif
