#include "node/fork_show.h"

#include <string.h>

#include "node/cell.h"

struct counting {
	uint64_t count;
	const uint8_t *origin;		/* only its streams; NULL: all */
};

static enum rc
on_count(void *ctx, const struct fork *f)
{
	struct counting *c = ctx;

	if (c->origin == NULL || memcmp(f->origin, c->origin, ORIGIN_BYTES) == 0)
		c->count++;
	return RC_OK;
}

uint64_t
fork_show_count(struct engine *e)
{
	struct counting c = { 0, NULL };

	return fork_each(e, on_count, &c, NULL) == RC_OK ? c.count : 0;
}

bool
fork_show_is_forked(struct engine *e, const uint8_t origin[ORIGIN_BYTES])
{
	struct counting c = { 0, origin };

	return fork_each(e, on_count, &c, NULL) == RC_OK && c.count != 0;
}

struct sink {
	struct engine *e;
	struct json_write *w;
	const char *fmt;
	struct bytes *out;
};

static enum rc
on_json(void *ctx, const struct fork *f)
{
	struct sink *s = ctx;
	char found[TIME_TEXT_CHARS + 1];

	key_time_format(f->found_ms, found);
	json_write_object(s->w);
	cell_json_origin("node", f->origin, s->w);
	cell_json_unit("unit", s->e, f->unit, s->w);
	json_write_key(s->w, "from");
	json_write_uint64(s->w, f->from);
	json_write_key(s->w, "found");
	json_write_cstr(s->w, found);
	json_write_key(s->w, "commits_here");
	json_write_uint64(s->w, f->commits_ours);
	json_write_key(s->w, "commits_there");
	json_write_uint64(s->w, f->commits_theirs);
	json_write_key(s->w, "yielded");
	json_write_bool(s->w, f->has_yielded);
	json_write_object_end(s->w);
	return RC_OK;
}

enum rc
fork_show_json(struct engine *e, struct json_write *w, struct diag *d)
{
	struct sink s = { .e = e, .w = w };
	enum rc rc;

	json_write_array(w);
	rc = fork_each(e, on_json, &s, d);
	json_write_array_end(w);
	return rc;
}

static enum rc
on_text(void *ctx, const struct fork *f)
{
	struct sink *s = ctx;
	char origin[2 * ORIGIN_BYTES + 1];
	struct bytes unit;

	bytes_init(&unit);
	cell_origin_text(f->origin, origin);
	cell_unit_text(s->e, f->unit, &unit);
	bytes_fmt(s->out, s->fmt, origin, bytes_cstr(&unit) == NULL ? "" : (char *)unit.p, (size_t)f->from,
	    (size_t)f->commits_ours, (size_t)f->commits_theirs);
	bytes_byte(s->out, '\n');
	bytes_free(&unit);
	return RC_OK;
}

enum rc
fork_show_text(struct engine *e, const char *fmt, struct bytes *out, struct diag *d)
{
	struct sink s = { .e = e, .fmt = fmt, .out = out };

	return fork_each(e, on_text, &s, d);
}
