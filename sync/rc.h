/* sync/rc.h - how every fallible function of the project answers.
 *
 * A function that can fail returns `enum rc`; RC_OK is 0.  Detail for people travels in a caller-supplied `struct
 * diag`, one line: what happened, to which row or file, and what to do next.  The first text written wins, because
 * the place nearest to the cause knows most.
 */
#ifndef SYNC_RC_H
#define SYNC_RC_H

#include <stdbool.h>
#include <stddef.h>

#define RC_CHECK __attribute__((warn_unused_result))

enum rc {
	RC_OK = 0,
	RC_INPUT,	/* the caller's data is bad: unknown name, wrong type, too long; nothing was changed */
	RC_NOTFOUND,	/* no such row, stream, node */
	RC_DENIED,	/* well formed, but this node or author has no right to it */
	RC_CONFLICT,	/* the state does not allow it (exists already, holds a node already) */
	RC_NOMEM,
	RC_DISK,	/* SQLite or the file system failed; stop writing */
	RC_FULL,	/* no space left, or below the reserve */
	RC_BUSY,	/* somebody else holds the lock; try again */
	RC_UNREACHABLE,	/* the other side cannot be reached or is unwilling */
	RC_LINK,	/* the link failed midway; progress is kept */
	RC_PEER,	/* the other side broke the protocol or forged something */
	RC_GAP,		/* what came needs something not held yet; ask by vectors */
	RC_LIMIT,	/* a named limit was met */
	RC_CORRUPT,	/* our own stored data does not check */
	RC_DIFFER,	/* a check found a difference */
	RC_CREATE,	/* an output file cannot be created */
	RC_BUG
};

#define DIAG_BYTES_MAX 512

struct diag {
	char text[DIAG_BYTES_MAX];	/* "" while nothing failed */
};

void diag_init(struct diag *d);

/* Set @d's text when it is still empty; @d may be NULL.  Returns @rc, so that `return diag_fail(d, RC_INPUT, …)` reads
 * as one sentence.  Text beyond DIAG_BYTES_MAX is cut at a UTF-8 boundary. */
enum rc diag_fail(struct diag *d, enum rc rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Name of @rc in lower case ("input", "peer", …), static. */
const char *rc_name(enum rc rc);

/* A broken invariant is a bug of ours: print where, abort.  Never for bad input. */
#define INVARIANT(x) ((x) ? (void)0 : invariant_failed(#x, __FILE__, __LINE__))
_Noreturn void invariant_failed(const char *expr, const char *file, int line);

/* The handler that prints; set once at start by the program that owns stderr.  It must not return. */
void invariant_handler_set(void (*handler)(const char *expr, const char *file, int line));

#endif
