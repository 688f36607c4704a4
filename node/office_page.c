/* Figures for a monitor, and one page for a person. */
#include <inttypes.h>
#include <string.h>

#include "node/cell.h"
#include "node/clock_show.h"
#include "node/fork_show.h"
#include "node/local.h"
#include "node/office.h"
#include "sync/conflict.h"

struct look {
	struct reader_job job;
	struct daemon *node;
	struct http_exchange *x;	/* without an abort function: it stays until the reply */
	bool is_page;
	uint64_t conflicts, quarantine, forks, contact_ms;
	char origin[2 * ORIGIN_BYTES + 1];
	struct bytes unit, url, clock_text;
	struct clock_report clock;
};

static void
look_run(struct reader_job *job, struct engine *e)
{
	struct look *l = (struct look *)job;

	l->conflicts = conflict_count(e);
	l->quarantine = conflict_quarantine_count(e);
	l->forks = fork_show_count(e);
	if (clock_hear_report(e, &l->clock, NULL) != RC_OK)
		memset(&l->clock, 0, sizeof(l->clock));
	clock_show_line(e, &l->clock_text);
	cell_origin_text(engine_self(e)->origin, l->origin);
	l->contact_ms = local_get_ms(engine_db(e), LOCAL_CONTACT_MS);
	cell_unit_text(e, span_str(engine_self(e)->unit), &l->unit);
	if (local_get(engine_db(e), LOCAL_PARENT_URL, &l->url, NULL) != RC_OK)
		bytes_clear(&l->url);
}

static void
figure(struct bytes *out, const char *name, const char *type, uint64_t v)
{
	bytes_fmt(out, "# TYPE ocop_%s %s\nocop_%s %" PRIu64 "\n", name, type, name, v);
}

static void
metrics_write(const struct look *l, struct bytes *out)
{
	struct http_server_counts http = { 0 };
	struct scheduler_counts rounds;
	struct state_watch_counts states;
	struct sync_server_counts asked;

	state_watch_counts(l->node->watch, &states);
	scheduler_counts(l->node->scheduler, &rounds);
	sync_server_counts(l->node->sync_server, &asked);
	if (l->node->sync_listener != NULL)
		http_server_counts(l->node->sync_listener, &http);
	figure(out, "commits_total", "counter", writer_commits_count(l->node->writer));
	figure(out, "conflicts", "gauge", l->conflicts);
	figure(out, "quarantine", "gauge", l->quarantine);
	figure(out, "forks", "gauge", l->forks);
	figure(out, "clock_badge", "gauge", (uint64_t)l->clock.badge);
	figure(out, "clock_waiting", "gauge", l->clock.held_back);
	bytes_fmt(out, "# TYPE ocop_clock_offset_ms gauge\nocop_clock_offset_ms %" PRId64 "\n", l->clock.offset_ms);
	figure(out, "writer_queue", "gauge", writer_queue_count(l->node->writer));
	figure(out, "rounds_total", "counter", rounds.rounds);
	figure(out, "rounds_failed_total", "counter", rounds.failures);
	figure(out, "requests_sent_total", "counter", rounds.requests);
	figure(out, "bytes_up_total", "counter", rounds.bytes_up);
	figure(out, "bytes_down_total", "counter", rounds.bytes_down);
	figure(out, "rounds_answered_total", "counter", asked.rounds);
	figure(out, "waits_answered_total", "counter", asked.waits);
	figure(out, "joins_total", "counter", asked.joins);
	figure(out, "refusals_total", "counter", asked.refusals);
	figure(out, "commits_received_total", "counter", asked.commits_in);
	figure(out, "waiting", "gauge", asked.waiting);
	figure(out, "sync_connections", "gauge", http.connections);
	figure(out, "sync_requests_total", "counter", http.requests);
	figure(out, "sync_bytes_in_total", "counter", http.bytes_in);
	figure(out, "sync_bytes_out_total", "counter", http.bytes_out);
	figure(out, "state_checks_total", "counter", states.checks);
	figure(out, "state_checks_failed_total", "counter", states.failures);
	figure(out, "state_differs_total", "counter", states.differs);
	figure(out, "state_differs", "gauge", states.is_different);
	figure(out, "state_checks_answered_total", "counter", asked.states);
	figure(out, "state_differs_answered_total", "counter", asked.states_different);
	figure(out, "last_contact_seconds", "gauge", l->contact_ms / 1000);
	figure(out, "disk_free_bytes", "gauge", store_free_bytes(l->node->dir));
}

static void
escaped(struct bytes *out, struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '<':
			bytes_str(out, "&lt;");
			break;
		case '>':
			bytes_str(out, "&gt;");
			break;
		case '&':
			bytes_str(out, "&amp;");
			break;
		case '"':
			bytes_str(out, "&quot;");
			break;
		default:
			bytes_byte(out, s.p[i]);
		}
	}
}

static void
fact(struct bytes *out, enum message_id title, struct span text)
{
	bytes_fmt(out, "<dt>%s</dt><dd>", message(title));
	escaped(out, text.n == 0 ? span_str("-") : text);
	bytes_str(out, "</dd>\n");
}

static void
number(struct bytes *out, enum message_id title, uint64_t v)
{
	bytes_fmt(out, "<dt>%s</dt><dd>%" PRIu64 "</dd>\n", message(title), v);
}

static void
page_write(const struct look *l, struct bytes *out)
{
	char text[TIME_TEXT_CHARS + 1] = "";

	bytes_fmt(out, "<!doctype html>\n<html lang=\"%s\">\n<head><meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>OCOP</title></head>\n<body>\n<main>\n"
	    "<h1>%s</h1>\n<dl>\n", message_language() == MESSAGE_VIETNAMESE ? "vi" : "en", message(MSG_PAGE_TITLE));
	fact(out, MSG_STATUS_UNIT, span_bytes(&l->unit));
	fact(out, MSG_STATUS_NODE, span_str(l->origin));
	fact(out, MSG_STATUS_PARENT, span_bytes(&l->url));
	if (l->contact_ms != 0)
		key_time_format(l->contact_ms, text);
	fact(out, MSG_STATUS_CONTACT, span_str(text));
	number(out, MSG_STATUS_CONFLICTS, l->conflicts);
	number(out, MSG_STATUS_QUARANTINE, l->quarantine);
	number(out, MSG_STATUS_FORKS, l->forks);
	fact(out, MSG_STATUS_CLOCK, span_bytes(&l->clock_text));
	bytes_str(out, "</dl>\n</main>\n</body>\n</html>\n");
}

static void
look_done(struct reader_job *job)
{
	struct look *l = (struct look *)job;
	struct http_reply reply = { .status = 200, .headers = OFFICE_HEADERS };
	struct bytes body, headers;

	bytes_init(&body);
	bytes_init(&headers);
	if (job->rc != RC_OK) {
		reply.status = 503;
	} else if (l->is_page) {
		reply.content_type = "text/html; charset=utf-8";
		bytes_str(&headers, OFFICE_HEADERS);
		office_cookie(l->node, &headers);
		reply.headers = bytes_cstr(&headers);
		page_write(l, &body);
	} else {
		reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
		metrics_write(l, &body);
	}
	http_exchange_reply_take(l->x, &reply, &body);
	bytes_free(&body);
	bytes_free(&headers);
	bytes_free(&l->unit);
	bytes_free(&l->url);
	bytes_free(&l->clock_text);
	mem_free(l);
}

static void
look_start(struct daemon *n, struct http_exchange *x, bool is_page)
{
	struct http_reply busy = { .status = 503, .headers = "Retry-After: 2\r\n" OFFICE_HEADERS };
	struct look *l = mem_alloc(sizeof(*l));

	if (l != NULL) {
		l->node = n;
		l->x = x;
		l->is_page = is_page;
		l->job.run = look_run;
		l->job.done = look_done;
		if (reader_submit(n->reader, &l->job) == RC_OK)
			return;
	}
	mem_free(l);
	http_exchange_reply(x, &busy);
}

void
office_metrics(struct daemon *n, struct http_exchange *x)
{
	look_start(n, x, false);
}

void
office_page(struct daemon *n, struct http_exchange *x)
{
	look_start(n, x, true);
}
