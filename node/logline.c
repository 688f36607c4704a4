#include "node/logline.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "node/store.h"

#define EVENTS_MAX 64
#define MINUTE_MS 60000

struct event {
	const char *name;	/* compared by address: always a literal */
	uint64_t minute;
	unsigned count;
	unsigned left_out;
};

static enum logline_level g_level = LOGLINE_INFO;
static struct event g_events[EVENTS_MAX];

void
logline_level_set(enum logline_level level)
{
	g_level = level;
}

/* Count @name; false when it was written often enough this minute.  *@left_out: how many were dropped before. */
static bool
is_due(const char *name, uint64_t now_ms, unsigned *left_out)
{
	struct event *e = NULL;
	unsigned i;

	*left_out = 0;
	for (i = 0; i < EVENTS_MAX; i++) {
		if (g_events[i].name == name || g_events[i].name == NULL) {
			e = &g_events[i];
			break;
		}
	}
	if (e == NULL)
		return true;
	e->name = name;
	if (e->minute != now_ms / MINUTE_MS) {
		*left_out = e->left_out;
		e->minute = now_ms / MINUTE_MS;
		e->count = 0;
		e->left_out = 0;
	}
	if (e->count == LOGLINE_PER_MINUTE) {
		e->left_out++;
		return false;
	}
	e->count++;
	return true;
}

void
logline(enum logline_level level, const char *event, const char *fmt, ...)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char when[TIME_TEXT_CHARS + 1], text[512];
	uint64_t now_ms = store_now_ms();
	unsigned left_out;
	va_list args;

	if (level < g_level || !is_due(event, now_ms, &left_out))
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	key_time_format(now_ms, when);
	if (left_out != 0)
		(void)fprintf(stderr, "ts=%s level=%s event=%s left_out=%u %s\n", when, names[level], event, left_out,
		    text);
	else
		(void)fprintf(stderr, "ts=%s level=%s event=%s %s\n", when, names[level], event, text);
}
