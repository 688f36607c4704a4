#include "value.h"

#include <sqlite3.h>

struct value
value_null(void)
{
	return (struct value){ VALUE_NULL, 0, { NULL, 0 } };
}

struct value
value_int(int64_t i)
{
	return (struct value){ VALUE_INT, i, { NULL, 0 } };
}

struct value
value_text(struct span s)
{
	return (struct value){ VALUE_TEXT, 0, s };
}

struct value
value_blob(struct span s)
{
	return (struct value){ VALUE_BLOB, 0, s };
}

bool
value_eq(struct value a, struct value b)
{
	return value_cmp(a, b) == 0;
}

int
value_cmp(struct value a, struct value b)
{
	if (a.type != b.type)
		return a.type < b.type ? -1 : 1;
	if (a.type == VALUE_INT)
		return a.i < b.i ? -1 : a.i > b.i;
	return span_cmp(a.s, b.s);
}

bool
value_text_ok(struct span s)
{
	size_t i = 0, n;
	uint32_t c;

	while (i < s.n) {
		uint8_t b = s.p[i];

		n = b < 0x80 ? 1 : (b & 0xE0) == 0xC0 ? 2 : (b & 0xF0) == 0xE0 ? 3 : (b & 0xF8) == 0xF0 ? 4 : 0;
		if (n == 0 || b == 0 || i + n > s.n)
			return false;
		c = n == 1 ? b : b & (0xFFu >> (n + 1));
		for (size_t k = 1; k < n; k++) {
			if ((s.p[i + k] & 0xC0) != 0x80)
				return false;
			c = c << 6 | (s.p[i + k] & 0x3Fu);
		}
		if ((n == 2 && c < 0x80) || (n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10FFFF ||
		    (c >= 0xD800 && c <= 0xDFFF))
			return false;
		i += n;
	}
	return true;
}

struct value
value_of_column(sqlite3_stmt *stmt, int i)
{
	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_INTEGER:
		return value_int(sqlite3_column_int64(stmt, i));
	case SQLITE_TEXT: {
		const void *p = sqlite3_column_text(stmt, i);

		return value_text(span_of(p, (size_t)sqlite3_column_bytes(stmt, i)));
	}
	case SQLITE_BLOB: {
		const void *p = sqlite3_column_blob(stmt, i);

		return value_blob(span_of(p, (size_t)sqlite3_column_bytes(stmt, i)));
	}
	default:
		return value_null();
	}
}

int
value_bind(sqlite3_stmt *stmt, int i, struct value v)
{
	switch (v.type) {
	case VALUE_INT:
		return sqlite3_bind_int64(stmt, i, v.i);
	case VALUE_TEXT:
		return sqlite3_bind_text(stmt, i, v.s.n == 0 ? "" : (const char *)v.s.p, (int)v.s.n, SQLITE_STATIC);
	case VALUE_BLOB:
		return sqlite3_bind_blob(stmt, i, v.s.n == 0 ? (const void *)"" : v.s.p, (int)v.s.n, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(stmt, i);
	}
}

struct value
value_keep(struct bytes *arena, struct value v)
{
	size_t at = arena->n;

	if (v.type != VALUE_TEXT && v.type != VALUE_BLOB)
		return v;
	INVARIANT(arena->cap - arena->n >= v.s.n);
	bytes_put(arena, v.s.p, v.s.n);
	v.s.p = arena->p + at;
	return v;
}
