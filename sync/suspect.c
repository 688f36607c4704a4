#include "suspect.h"

#include <string.h>

struct apply_suspect *
suspect_find(struct suspects *s, uint32_t sid)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->at[i].sid == sid)
			return &s->at[i];
	return NULL;
}

bool
suspect_is_there(const struct suspects *s, uint32_t sid)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->at[i].sid == sid)
			return true;
	return false;
}

bool
suspect_add(const struct engine *e, struct suspects *s, const struct stream *stream)
{
	struct apply_suspect *at = suspect_find(s, stream->sid);

	if (at == NULL && s->count == SUSPECTS_MAX)
		return false;
	if (at == NULL)
		at = &s->at[s->count++];
	at->sid = stream->sid;
	at->seq = 0;
	stream_hash_zero(e, stream, at->hash);
	return true;
}

void
suspect_drop(struct suspects *s, uint32_t sid)
{
	struct apply_suspect *at = suspect_find(s, sid);

	if (at != NULL)
		*at = s->at[--s->count];
}

void
suspect_fork_add(struct suspects *s, uint32_t sid)
{
	if (suspect_is_forked(s, sid))
		return;
	if (s->forked_count == SUSPECTS_MAX)	/* the oldest is found again */
		memmove(s->forked, s->forked + 1, --s->forked_count * sizeof(s->forked[0]));
	s->forked[s->forked_count++] = sid;
}

void
suspect_fork_drop(struct suspects *s, uint32_t sid)
{
	size_t i;

	for (i = 0; i < s->forked_count; i++)
		if (s->forked[i] == sid)
			s->forked[i--] = s->forked[--s->forked_count];
}

bool
suspect_is_forked(const struct suspects *s, uint32_t sid)
{
	size_t i;

	for (i = 0; i < s->forked_count; i++)
		if (s->forked[i] == sid)
			return true;
	return false;
}

void
suspect_trim(struct suspects *s, size_t last)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->at[i].sid > last)
			s->at[i--] = s->at[--s->count];
	for (i = 0; i < s->forked_count; i++)
		if (s->forked[i] > last)
			s->forked[i--] = s->forked[--s->forked_count];
}
