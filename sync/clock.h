/* sync/clock.h - what a clock reading counts for, and what our own clock is worth (TRUST.md C13-C16).
 *
 * A commit carries the raw reading of its author's clock for ever.  Its *effective* reading is that, shifted by the
 * correction that stands for it in the replicated table `clock_correction`.  Corrections are kept in memory like the
 * credentials, and read again when their table changed or a transaction was rolled back.
 *
 * The engine's own clock is the machine's plus an offset, which only the parent's word sets.  It is *behind* when it
 * provably stands below the truth; it then runs from the highest reading held of others on, and judges nobody.
 */
#ifndef SYNC_CLOCK_H
#define SYNC_CLOCK_H

#include "key.h"

struct engine;
struct stream;

#define CLOCK_TOLERANCE_MS	(UINT64_C(10) * 60 * 1000)
#define CLOCK_FIRST_MS		UINT64_C(1514764800000)		/* 2018-01-01: no right clock stands below */
#define CLOCK_LAST_MS		UINT64_C(253402300799999)	/* 9999-12-31: no reading above is taken (W28) */
#define CLOCK_GAPS_MAX		16
#define CLOCK_GONE_TIMES	3	/* the same for causes whose author has more than one name */
#define CLOCK_GAP_TIMES		8	/* after so many comparisons in vain nobody has what is missing */

/* Readings of @origin from @since on count as @shift_ms later, but never below @floor (what the last one before
 * counts for), so that readings of one origin keep their order. */
struct clock_shift {
	uint8_t origin[ORIGIN_BYTES];
	uint64_t since;
	int64_t shift_ms;
	uint64_t floor;
	enum level level;		/* of who says so */
	struct key key;			/* of the row */
};

struct clock_gap {
	uint64_t name;			/* of a stream, hashed */
	uint64_t seq;
	unsigned times;
};

/* In struct engine; what is not said to be in the database is soft. */
struct clock_state {
	struct clock_shift *shifts;	/* by (origin, since), each once */
	size_t count;
	struct clock_shift *own_shifts;	/* while some are lent: those of the database */
	size_t own_count;
	bool is_lent;
	int64_t offset_ms;		/* sync_meta */
	uint64_t offset_env_ms;		/* what the machine's clock said when the offset was last confirmed */
	int64_t peer_ms;		/* how far the parent's clock stood before ours when last heard; sync_meta */
	bool has_heard;			/* sync_meta */
	uint64_t behind;		/* first reading given out while behind, 0: none since; sync_meta */
	uint64_t behind_env_ms;		/* what the machine's clock said then; sync_meta */
	uint64_t others;		/* highest effective reading held of others, milliseconds */
	uint64_t waiting;		/* rows of sync_waiting */
	uint64_t lift_ms, lift_env_ms;	/* while behind: the clock runs from here, since the machine said that */
	uint8_t named[ORIGIN_BYTES];	/* whose readings e->hlc covers */
	struct clock_gap gaps[CLOCK_GAPS_MAX];
	size_t gaps_next;
};

/* What a reading of @origin counts for.  Reader too. */
uint64_t clock_effective(const struct engine *e, const uint8_t origin[ORIGIN_BYTES], uint64_t hlc);

/* The engine's clock, milliseconds: the machine's plus the offset. */
uint64_t clock_now_ms(const struct engine *e);
/* The same, or while it is behind, from where it runs on. */
uint64_t clock_running_ms(struct engine *e);
/* Does our clock provably stand below the truth, or can we not tell at all? */
bool clock_is_behind(const struct engine *e);
/* May a commit with this effective reading not be taken yet (C16)? */
bool clock_is_future(const struct engine *e, uint64_t effective);

/* Is the reading of commit @seq of @s worth anything?  Not when it is beyond the cut of a revocation: such a commit
 * has no effect, is taken whatever its reading, and proves nothing about clocks. */
bool clock_counts(const struct engine *e, const struct stream *s, uint64_t seq);

/* A reading above all of our own, and above what everything held of others counts for. */
uint64_t clock_tick(struct engine *e);
/* A commit of @s with reading @hlc is held from now on. */
void clock_witness(struct engine *e, const struct stream *s, uint64_t hlc);

/* Read everything anew: at open, after a rollback. */
RC_CHECK enum rc clock_load(struct engine *e, struct diag *d);
void clock_free(struct engine *e);
/* The corrections in force may have changed (inside the open transaction): read them, and settle the rows anew that
 * were touched by commits whose readings count for something else now. */
RC_CHECK enum rc clock_follow(struct engine *e, struct diag *d);
/* Its first half: the corrections are read, *@old (mem_free) gets what was in force before. */
RC_CHECK enum rc clock_swap(struct engine *e, struct clock_shift **old, size_t *old_count, struct diag *d);

/* Until clock_lend_end, the @count corrections in @more count as well. */
RC_CHECK enum rc clock_lend(struct engine *e, const struct clock_shift *more, size_t count);
void clock_lend_end(struct engine *e);

/* Remember @offset_ms as the offset, and how far the parent stands before us with it (inside the open transaction). */
RC_CHECK enum rc clock_offset_set(struct engine *e, int64_t offset_ms, int64_t peer_ms, struct diag *d);
RC_CHECK enum rc clock_behind_set(struct engine *e, uint64_t behind, struct diag *d);

/* SQL that makes its local table; static. */
const char *clock_tables_ddl(void);

/* The catalogue's description of the table of corrections. */
extern const struct catalogue_table clock_table;
enum { CLOCK_ORIGIN = 1, CLOCK_SINCE = 2, CLOCK_SHIFT = 3 };
#define CLOCK_SINCE_BYTES 8

#endif
