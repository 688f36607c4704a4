/* tests/sim/hostile.h - a small province: one of its nodes is not honest, others are copied and put back.
 *
 * No model here: what must hold is said of the honest nodes alone.  After everybody honest met everybody else honest,
 * their states are equal where they share scope (P3); `verify` finds nothing; every value that an honest officer ever
 * saved is shown or stands in the history at the province, whatever became of the machine's copies (P5, P15); nothing
 * that its author may not write has taken effect, nor what was written under a revoked key after the cut (P7).
 *
 * One seed is one run, the same every time.
 */
#ifndef TESTS_SIM_HOSTILE_H
#define TESTS_SIM_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#define HOSTILE_WHY_BYTES_MAX 512

struct hostile_counts {
	uint64_t saves, rounds, refused, copies, forks, revoked, flipped, replayed, renamed, quarantined;
};

/* Run @seed; false: @why says what is broken.  @trace: a hash of what happened. */
bool hostile_run(uint64_t seed, bool is_verbose, struct hostile_counts *counts, uint64_t *trace,
    char why[HOSTILE_WHY_BYTES_MAX]);

#endif
