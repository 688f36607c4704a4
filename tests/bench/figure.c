#include "figure.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void
figure_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)fputs("bench: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

void
figure_ok(enum rc rc, const struct diag *d, const char *what)
{
	if (rc != RC_OK)
		figure_fail("%s: %s: %s", what, rc_name(rc), d->text);
}

void
figure_check(bool is_so, const char *what)
{
	if (!is_so)
		figure_fail("%s", what);
}

static int64_t
clock_us(clockid_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct figure_time
figure_now(void)
{
	return (
	    struct figure_time){ clock_us(CLOCK_MONOTONIC), clock_us(CLOCK_PROCESS_CPUTIME_ID) };
}

void
figure_add(struct figure_time *sum, struct figure_time since)
{
	struct figure_time now = figure_now();

	sum->wall_us += now.wall_us - since.wall_us;
	sum->cpu_us += now.cpu_us - since.cpu_us;
}

static int
double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), double_cmp);
	return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

void
figure_ratio(const char *key, const char *variant, const struct figure_pairs *p, const char *note)
{
	double wall[FIGURE_PAIRS_MAX], cpu[FIGURE_PAIRS_MAX];
	int64_t ours_us = 0, twin_us = 0;
	size_t i;

	figure_check(p->count >= 5, "a ratio needs at least five pairs");
	for (i = 0; i < p->count; i++) {
		wall[i] = (double)p->ours[i].wall_us / (double)(p->twin[i].wall_us + 1);
		cpu[i] = (double)p->ours[i].cpu_us / (double)(p->twin[i].cpu_us + 1);
		ours_us += p->ours[i].wall_us;
		twin_us += p->twin[i].wall_us;
	}
	(void)median(wall, p->count);
	(void)printf(
	    "{\"key\": \"%s\", \"variant\": \"%s\", \"unit\": \"x\", \"ours\": %.4f, \"min\": "
	    "%.4f, "
	    "\"max\": %.4f, \"pairs\": %zu, \"cpu\": %.4f, \"ours_us\": %lld, \"twin_us\": %lld, "
	    "\"note\": \"%s\"}\n",
	    key, variant, median(wall, p->count), wall[0], wall[p->count - 1], p->count,
	    median(cpu, p->count), (long long)ours_us, (long long)twin_us, note);
	(void)fflush(stdout);
}

void
figure_share(const char *key, const char *variant, double ours, double twin, const char *note)
{
	(void)printf("{\"key\": \"%s\", \"variant\": \"%s\", \"unit\": \"x\", \"ours\": %.4f, "
		     "\"ours_is\": %.0f, \"twin_is\": %.0f, \"note\": \"%s\"}\n",
	    key, variant, ours / twin, ours, twin, note);
	(void)fflush(stdout);
}

void
figure_value(const char *key, const char *variant, double value, const char *unit, const char *note)
{
	(void)printf("{\"key\": \"%s\", \"variant\": \"%s\", \"unit\": \"%s\", \"ours\": %.4f, "
		     "\"note\": \"%s\"}\n",
	    key, variant, unit, value, note);
	(void)fflush(stdout);
}

size_t
figure_scaled(size_t n, size_t least)
{
	const char *text = getenv("BENCH_PERCENT");
	long percent = text == NULL ? 100 : strtol(text, NULL, 10);

	if (percent < 1 || percent > 100)
		figure_fail("BENCH_PERCENT is 1 to 100");
	n = n * (size_t)percent / 100;
	return n < least ? least : n;
}
