/* sim - runs the engine through simulated provinces, one a seed.
 *
 *   sim --seeds N [--from S]	worlds S to S + N - 1 (S: 1); the last line sums up
 *   sim --seed N [-v]		one world; -v prints everything that happens
 *
 * --hostile runs small provinces among whose nodes one is not honest (hostile.h) instead.
 * Further options: --clocks lets some clocks stand in 1970 and 2099, --calm switches faults off,
 * --any-cover does not mind kinds of events that never happened. A run of COVER_SEEDS seeds or
 * more fails when some kind never happened; every REPEAT_EVERYth seed is run twice and must
 * leave the same trace.  Exit status: 0 good, 1 a promise is broken, 2 usage. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/backlog.h"
#include "tests/sim/check.h"
#include "tests/sim/hostile.h"
#include "tests/sim/world.h"

#define COVER_SEEDS 300
#define REPEAT_EVERY 50
#define PROGRESS_EVERY 100
#define BACKLOG_EVERY 8

struct options {
	uint64_t from, count;
	bool is_single, has_any_cover, is_hostile;
	struct world_options world;
};

static volatile uint64_t g_seed; /* for who dies of a signal */

static void
on_invariant(const char *expr, const char *file, int line)
{
	printf("seed %" PRIu64 ": invariant broken at %s:%d: %s\n", g_seed, file, line, expr);
	printf("make sim SEED=%" PRIu64 "\n", g_seed);
	(void)fflush(stdout);
	_exit(1);
}

static void
on_signal(int number)
{
	char line[96];
	int n = snprintf(line, sizeof(line), "\nseed %llu: signal %d\nmake sim SEED=%llu\n",
	    (unsigned long long)g_seed, number, (unsigned long long)g_seed);

	(void)!write(STDOUT_FILENO, line, (size_t)n);
	_exit(1);
}

static void
signals_catch(void)
{
#if !defined(__SANITIZE_ADDRESS__)
	static const int numbers[] = { SIGSEGV, SIGBUS, SIGFPE, SIGABRT };
	struct sigaction sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaction(numbers[i], &sa, NULL);
#else
	(void)on_signal;
#endif
}

static bool
seed_run(uint64_t seed, const struct options *o, struct cover *cover, uint64_t *trace)
{
	struct world *w;
	bool is_good;

	g_seed = seed;
	w = world_new(seed, &o->world, cover);
	world_run(w);
	world_heal(w);
	if (seed % BACKLOG_EVERY == 0)
		backlog_run(w);
	if (!w->has_failed)
		check_end(w);
	is_good = !w->has_failed;
	*trace = w->trace;
	if (!is_good)
		printf("seed %" PRIu64 ": %s\n", seed, w->why);
	world_free(w);
	return is_good;
}

static bool
seed_check(uint64_t seed, const struct options *o, struct cover *cover)
{
	uint64_t first, second;
	struct cover ignored;

	if (!seed_run(seed, o, cover, &first))
		return false;
	if (o->is_single)
		printf("trace %016" PRIx64 "\n", first);
	if (!o->is_single && seed % REPEAT_EVERY != 0)
		return true;
	memset(&ignored, 0, sizeof(ignored));
	if (o->world.is_verbose)
		return true;
	if (!seed_run(seed, o, &ignored, &second) || first != second) {
		printf("seed %" PRIu64 ": the second run was another: trace %016" PRIx64
		       ", %016" PRIx64 "\n",
		    seed, first, second);
		return false;
	}
	return true;
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
seeds_run(const struct options *o)
{
	struct cover cover;
	uint64_t passed = 0, failed = 0;
	double start = now_s();
	bool is_covered;

	memset(&cover, 0, sizeof(cover));
	for (uint64_t i = 0; i < o->count && failed == 0; i++) {
		if (seed_check(o->from + i, o, &cover))
			passed++;
		else
			failed++;
		if ((i + 1) % PROGRESS_EVERY == 0) {
			printf("%" PRIu64 " seeds, %.1f a second\n", i + 1,
			    (double)(i + 1) / (now_s() - start));
			(void)fflush(stdout);
		}
	}
	if (failed != 0) {
		printf("sim: %" PRIu64 " seeds, %" PRIu64 " passed, %" PRIu64 " failed\n",
		    passed + failed, passed, failed);
		printf("make sim SEED=%" PRIu64 "\n", g_seed);
		return 1;
	}
	if (!o->is_single)
		cover_print(&cover);
	is_covered = o->count < COVER_SEEDS || o->has_any_cover || o->world.has_no_faults ||
	    cover_is_complete(&cover);
	printf("%.1f seeds a second\n", (double)o->count / (now_s() - start));
	printf("sim: %" PRIu64 " seeds, %" PRIu64 " passed, %d failed\n", o->count, passed,
	    is_covered ? 0 : 1);
	return is_covered ? 0 : 1;
}

/* The same over hostile provinces. */
static int
hostile_seeds_run(const struct options *o)
{
	struct hostile_counts c;
	char why[HOSTILE_WHY_BYTES_MAX];
	uint64_t first, second, i;
	bool is_good = true;

	memset(&c, 0, sizeof(c));
	for (i = 0; i < o->count && is_good; i++) {
		g_seed = o->from + i;
		is_good = hostile_run(g_seed, o->world.is_verbose, &c, &first, why);
		if (is_good && g_seed % REPEAT_EVERY == 0 &&
		    (!hostile_run(g_seed, false, &c, &second, why) || first != second)) {
			(void)snprintf(why, sizeof(why), "the second run was another");
			is_good = false;
		}
	}
	if (!is_good)
		printf("seed %" PRIu64 ": %s\nmake sim HOSTILE=1 SEED=%" PRIu64 "\n", g_seed, why, g_seed);
	printf("saves %" PRIu64 ", rounds %" PRIu64 ", refused %" PRIu64 ", quarantined %" PRIu64 ", flipped %" PRIu64
	       ", replayed %" PRIu64 "\n",
	    c.saves, c.rounds, c.refused, c.quarantined, c.flipped, c.replayed);
	printf("copies %" PRIu64 ", forks %" PRIu64 ", renamed %" PRIu64 ", revoked %" PRIu64 "\n", c.copies, c.forks,
	    c.renamed, c.revoked);
	printf("hostile: %" PRIu64 " seeds, %" PRIu64 " passed, %d failed\n", i, is_good ? i : i - 1, is_good ? 0 : 1);
	return is_good ? 0 : 1;
}

static bool
number_parse(const char *text, uint64_t *out)
{
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool
options_parse(int argc, char **argv, struct options *o)
{
	*o = (struct options){ .from = 1, .count = 100 };
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "-v") == 0) {
			o->world.is_verbose = true;
		} else if (strcmp(argv[i], "--clocks") == 0) {
			o->world.has_wild_clocks = true;
		} else if (strcmp(argv[i], "--hostile") == 0) {
			o->is_hostile = true;
		} else if (strcmp(argv[i], "--calm") == 0) {
			o->world.has_no_faults = true;
		} else if (strcmp(argv[i], "--any-cover") == 0) {
			o->has_any_cover = true;
		} else if (strcmp(argv[i], "--seeds") == 0 && number_parse(value, &o->count)) {
			i++;
		} else if (strcmp(argv[i], "--from") == 0 && number_parse(value, &o->from)) {
			i++;
		} else if (strcmp(argv[i], "--seed") == 0 && number_parse(value, &o->from)) {
			o->is_single = true;
			o->count = 1;
			i++;
		} else {
			return false;
		}
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct options o;

	if (!options_parse(argc, argv, &o)) {
		(void)fputs("usage: sim --seeds N [--from S] | --seed N [-v] [--clocks] [--calm] [--hostile] "
			    "[--any-cover]\n",
		    stderr);
		return 2;
	}
	invariant_handler_set(on_invariant);
	signals_catch();
	return o.is_hostile ? hostile_seeds_run(&o) : seeds_run(&o);
}
