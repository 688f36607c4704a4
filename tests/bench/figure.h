/* tests/bench/figure.h - timing, and figures as lines of JSON for report.py.
 *
 * Ratios are taken from pairs: ours, then the twin, on the same rows, one right after the other;
 * the median of the pairs' ratios is the figure, their least and greatest are its range.
 */
#ifndef TESTS_BENCH_FIGURE_H
#define TESTS_BENCH_FIGURE_H

#include "sync/rc.h"

#include <stdint.h>

#define FIGURE_PAIRS_MAX 64

/* Wall and processor time used so far, in microseconds. */
struct figure_time {
	int64_t wall_us, cpu_us;
};

struct figure_pairs {
	struct figure_time ours[FIGURE_PAIRS_MAX], twin[FIGURE_PAIRS_MAX];
	size_t count;
};

/* Give up with a text: a bench has nobody to tell but people. */
_Noreturn void figure_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void figure_ok(enum rc rc, const struct diag *d, const char *what);
void figure_check(bool is_so, const char *what);

/* Add the time since @since to @sum. */
struct figure_time figure_now(void);
void figure_add(struct figure_time *sum, struct figure_time since);

/* One line for the figure @key of @variant: a ratio, a ratio to another figure, a plain value in
 * @unit. */
void
figure_ratio(const char *key, const char *variant, const struct figure_pairs *p, const char *note);
void figure_share(const char *key, const char *variant, double ours, double twin, const char *note);
void figure_value(
    const char *key, const char *variant, double value, const char *unit, const char *note);

/* A size of the workload, scaled by BENCH_PERCENT for a quick look; at least @least. */
size_t figure_scaled(size_t n, size_t least);

#endif
