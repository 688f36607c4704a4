#include "rc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*g_invariant_handler)(const char *, const char *, int);

void
diag_init(struct diag *d)
{
	d->text[0] = '\0';
}

enum rc
diag_fail(struct diag *d, enum rc rc, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (d == NULL || d->text[0] != '\0')
		return rc;
	va_start(ap, fmt);
	n = vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
	if (n >= (int)sizeof(d->text)) {
		size_t end = sizeof(d->text) - 1;

		while (end > 0 && ((unsigned char)d->text[end - 1] & 0xC0) == 0x80)
			end--;
		if (end > 0 && ((unsigned char)d->text[end - 1] & 0x80) != 0)
			end--;		/* drop a head byte whose tail was cut */
		d->text[end] = '\0';
	}
	return rc;
}

const char *
rc_name(enum rc rc)
{
	static const char *const names[] = {
		"ok", "input", "notfound", "denied", "conflict", "nomem", "disk", "full", "busy",
		"unreachable", "link", "peer", "gap", "limit", "corrupt", "differ", "create", "bug",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == RC_BUG + 1, "one name per rc");
	return (unsigned)rc <= RC_BUG ? names[rc] : "unknown";
}

void
invariant_handler_set(void (*handler)(const char *, const char *, int))
{
	g_invariant_handler = handler;
}

_Noreturn void
invariant_failed(const char *expr, const char *file, int line)
{
	if (g_invariant_handler != NULL)
		g_invariant_handler(expr, file, line);
	abort();
}
