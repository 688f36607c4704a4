/* What one peer, one address and one lane may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/share.h"
#include "node/writer.h"
#include "rig.h"

static void
test_each_and_all(void **state)
{
	static struct shares s;
	uint64_t who;
	uint32_t taken;

	(void)state;
	for (taken = 0; share_take(&s, 7, SHARE_WAIT) == SHARE_OK; taken++)
		continue;
	assert_int_equal(taken, SHARE_WAITS_EACH);
	assert_int_equal(share_take(&s, 7, SHARE_ROUND), SHARE_OK);	/* counted apart */
	share_give(&s, 7, SHARE_WAIT);
	assert_int_equal(share_take(&s, 7, SHARE_WAIT), SHARE_OK);
	assert_int_equal(share_take(&s, 7, SHARE_WAIT), SHARE_FULL);
	for (who = 100; share_take(&s, who, SHARE_WAIT) == SHARE_OK; who++)
		taken++;
	assert_int_equal(taken, SHARE_WAITS_ALL);
	assert_int_equal(share_take(&s, 8, SHARE_WAIT), SHARE_ALL_FULL);
	assert_int_equal(share_take(&s, 8, SHARE_STATE), SHARE_OK);
	share_give(&s, 8, SHARE_STATE);
	while (--who >= 100)
		share_give(&s, who, SHARE_WAIT);
	for (taken = 0; taken < SHARE_WAITS_EACH; taken++)
		share_give(&s, 7, SHARE_WAIT);
	assert_int_equal(s.of_count, 1);	/* the round of 7 */
	share_give(&s, 7, SHARE_ROUND);
	assert_int_equal(s.of_count, 0);
}

static void
test_strikes(void **state)
{
	static struct share_strikes s;
	char address[STRIKES_ADDRESS_BYTES];
	int i;

	(void)state;
	for (i = 0; i < STRIKES_EACH; i++) {
		assert_false(share_is_struck(&s, "192.0.2.1", 100000));
		share_strike(&s, "192.0.2.1", 100000);
	}
	assert_true(share_is_struck(&s, "192.0.2.1", 100001));
	assert_false(share_is_struck(&s, "192.0.2.10", 100001));
	assert_false(share_is_struck(&s, "192.0.2.1", 100000 + STRIKES_MS));
	share_strike(&s, "192.0.2.1", 100000 + STRIKES_MS);	/* counted anew */
	assert_false(share_is_struck(&s, "192.0.2.1", 100000 + STRIKES_MS));
	for (i = 0; i < 3 * STRIKES_ADDRESSES_MAX; i++) {	/* the table holds its size */
		(void)snprintf(address, sizeof(address), "2001:db8::%d", i);
		share_strike(&s, address, 200000 + (uint64_t)i);
	}
	assert_false(share_is_struck(&s, "192.0.2.1", 200000));
}

/* ---- the writer thread: who goes next */

#define JOBS 12

struct job {
	struct writer_job job;
	char name;
	unsigned ms;
};

static struct {
	char order[JOBS + 1];
	size_t ran, done;
	uv_sem_t begin, begun;		/* the first job waits, so that the others stand in their lanes */
	bool is_stopped;
} g_work;

static void
job_run(struct writer_job *job, struct engine *e)
{
	struct job *j = (struct job *)job;

	(void)e;
	if (j->name == '0') {
		uv_sem_post(&g_work.begun);
		uv_sem_wait(&g_work.begin);
		return;
	}
	g_work.order[g_work.ran++] = j->name;
	(void)usleep(j->ms * 1000);
}

static void
job_done(struct writer_job *job, bool is_cancelled)
{
	(void)job;
	assert_false(is_cancelled);
	g_work.done++;
}

static void
on_stopped(void *user)
{
	(void)user;
	g_work.is_stopped = true;
}

/* Run the jobs @names, submitted in that order by peers a, b, … or by the local user, L; those of @slow take long. */
static const char *
work(struct engine *e, const char *names, char slow)
{
	const struct writer_events events = { 0 };
	struct job jobs[JOBS + 1];
	struct writer *w;
	uv_loop_t loop;
	struct diag d;
	size_t i, n = strlen(names);

	assert_true(n < JOBS);
	memset(&g_work, 0, sizeof(g_work));
	memset(jobs, 0, sizeof(jobs));
	diag_init(&d);
	assert_int_equal(uv_sem_init(&g_work.begin, 0), 0);
	assert_int_equal(uv_sem_init(&g_work.begun, 0), 0);
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(writer_new(&loop, e, &events, &w, &d), RC_OK);
	for (i = 0; i <= n; i++) {
		jobs[i].name = '0';
		if (i > 0)
			jobs[i].name = names[i - 1];
		jobs[i].ms = jobs[i].name == slow ? 30 : 0;
		jobs[i].job.source = jobs[i].name == 'L' ? WRITER_LOCAL : WRITER_PEER;
		jobs[i].job.lane = (uint64_t)jobs[i].name;
		jobs[i].job.run = job_run;
		jobs[i].job.done = job_done;
		writer_submit(w, &jobs[i].job);
		if (i == 0)
			uv_sem_wait(&g_work.begun);
	}
	uv_sem_post(&g_work.begin);
	while (g_work.done <= n)
		(void)uv_run(&loop, UV_RUN_ONCE);
	writer_stop(w, on_stopped, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_true(g_work.is_stopped);
	assert_int_equal(uv_loop_close(&loop), 0);
	uv_sem_destroy(&g_work.begin);
	uv_sem_destroy(&g_work.begun);
	return g_work.order;
}

static void
test_turns(void **state)
{
	struct rig *r = *state;
	struct engine *e = r->nodes[0].engine;

	/* The local user first, whenever he came; then one of each peer, in turn. */
	assert_string_equal(work(e, "aaaLL", 0), "LLaaa");
	assert_string_equal(work(e, "aaaab", 'a'), "abaaa");
	/* Time counts, not jobs: the slow peer waits until the quick one has had as much. */
	assert_string_equal(work(e, "aaabbbbb", 'a'), "abbbbbaa");
}

static void
test_full(void **state)
{
	struct rig *r = *state;
	const struct writer_events events = { 0 };
	static struct job jobs[WRITER_JOBS_MAX + 1];
	struct writer *w;
	uv_loop_t loop;
	struct diag d;
	size_t i;

	memset(&g_work, 0, sizeof(g_work));
	diag_init(&d);
	assert_int_equal(uv_sem_init(&g_work.begin, 0), 0);
	assert_int_equal(uv_sem_init(&g_work.begun, 0), 0);
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(writer_new(&loop, r->nodes[0].engine, &events, &w, &d), RC_OK);
	for (i = 0; i <= WRITER_JOBS_MAX; i++) {
		jobs[i].name = '0';
		jobs[i].job.source = WRITER_PEER;
		jobs[i].job.lane = 1000 + i;	/* more than there are lanes */
		jobs[i].job.run = job_run;
		jobs[i].job.done = job_done;
		assert_false(writer_is_full(w, WRITER_PEER));
		writer_submit(w, &jobs[i].job);
		if (i == 0)
			uv_sem_wait(&g_work.begun);
	}
	assert_true(writer_is_full(w, WRITER_PEER));
	assert_false(writer_is_full(w, WRITER_LOCAL));	/* peers do not shut out the local user */
	for (i = 0; i <= WRITER_JOBS_MAX; i++)
		uv_sem_post(&g_work.begin);
	while (g_work.done <= WRITER_JOBS_MAX)
		(void)uv_run(&loop, UV_RUN_ONCE);
	writer_stop(w, on_stopped, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	uv_sem_destroy(&g_work.begin);
	uv_sem_destroy(&g_work.begun);
}

static int
setup(void **state)
{
	static struct rig r;

	rig_init(&r);
	*state = &r;
	return 0;
}

static int
teardown(void **state)
{
	rig_fini(*state);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_and_all),
		cmocka_unit_test(test_strikes),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
