/* node/logline.h - the daemon's log: one logfmt line an event on standard error.
 *
 *   ts=2018-11-01T07:30:00.123Z level=info event=sync_done requests=1 up=3 down=0
 *
 * No personal data: ids, table names, counts, result codes; never names, values or what a person typed.
 * An event that repeats is written at most LOGLINE_PER_MINUTE times a minute; the next line says how many were left
 * out.
 * Loop thread only.
 */
#ifndef NODE_LOGLINE_H
#define NODE_LOGLINE_H

#define LOGLINE_PER_MINUTE 20

enum logline_level { LOGLINE_DEBUG, LOGLINE_INFO, LOGLINE_WARN, LOGLINE_ERROR };

/* Lines below @level are not written; LOGLINE_INFO at first. */
void logline_level_set(enum logline_level level);

/* @event: a constant word; @fmt: "name=value name=value", or "". */
void logline(enum logline_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
