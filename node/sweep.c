#include "node/sweep.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/daemon.h"
#include "node/logline.h"
#include "sync/exchange.h"

#define TEMP_SUFFIX ".tmp"
#define BUSY_MS 5000		/* as engine_configure() sets it */

static uint64_t
log_bytes(const struct daemon *n)
{
	char path[STORE_PATH_BYTES];
	struct stat st;

	return store_path(n->dir, STORE_DATABASE "-wal", path) && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* NAME.NUMBER.tmp: what file_write() left when it was interrupted.  We hold the lock: nobody writes one now. */
static bool
is_temp(const char *name)
{
	const char *end = name + strlen(name), *at;

	if ((size_t)(end - name) <= sizeof(TEMP_SUFFIX) || strcmp(end - (sizeof(TEMP_SUFFIX) - 1), TEMP_SUFFIX) != 0)
		return false;
	at = end = end - (sizeof(TEMP_SUFFIX) - 1);
	while (at > name && at[-1] >= '0' && at[-1] <= '9')
		at--;
	return at < end && at > name + 1 && at[-1] == '.';
}

static void
files_sweep(const char *dir)
{
	char path[STORE_PATH_BYTES];
	struct dirent *entry;
	DIR *d = opendir(dir);
	unsigned count = 0;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (is_temp(entry->d_name) && store_path(dir, entry->d_name, path) && unlink(path) == 0)
			count++;
	}
	if (d != NULL)
		(void)closedir(d);
	if (count != 0)
		logline(LOGLINE_INFO, "swept_files", "count=%u", count);
}

static void
sweep_run(struct writer_job *job, struct engine *e)
{
	struct sweep *s = (struct sweep *)job;

	if (s->is_due)
		exchange_sweep(e, SWEEP_AGE_MS);
	if (!s->is_log_long)
		return;
	/* Without waiting: whoever reads holds up the writer for as long as he likes otherwise. */
	(void)sqlite3_busy_timeout(engine_db(e), 0);
	(void)sqlite3_wal_checkpoint_v2(engine_db(e), NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	(void)sqlite3_busy_timeout(engine_db(e), BUSY_MS);
}

static void
sweep_done(struct writer_job *job, bool is_cancelled)
{
	struct sweep *s = (struct sweep *)job;

	(void)is_cancelled;
	s->is_queued = false;
	if (s->is_log_long && log_bytes(s->node) > SWEEP_LOG_BYTES_MAX)
		logline(LOGLINE_WARN, "log_full", "bytes=%llu", (unsigned long long)log_bytes(s->node));
}

void
sweep_look(struct sweep *s)
{
	uint64_t now_ms = uv_now(&s->node->loop);

	if (s->is_queued || s->node->is_stopping)
		return;
	s->is_due = s->swept_ms == 0 || now_ms - s->swept_ms >= SWEEP_MS;
	s->is_log_long = log_bytes(s->node) > SWEEP_LOG_BYTES_MAX && now_ms - s->tried_ms >= SWEEP_LOG_MS;
	if (!s->is_due && !s->is_log_long)
		return;
	if (s->is_due)
		s->swept_ms = now_ms;
	if (s->is_log_long)
		s->tried_ms = now_ms;
	s->job.source = WRITER_PEER;
	s->job.lane = WRITER_LANE_OWN;
	s->job.run = sweep_run;
	s->job.done = sweep_done;
	s->is_queued = true;
	writer_submit(s->node->writer, &s->job);
}

void
sweep_start(struct sweep *s, struct daemon *n)
{
	s->node = n;
	files_sweep(n->dir);
	sweep_look(s);
}

bool
sweep_is_log_full(struct sweep *s)
{
	sweep_look(s);
	return log_bytes(s->node) > SWEEP_LOG_BYTES_MAX;
}
