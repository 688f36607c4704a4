#include "node/share.h"

#include <stdio.h>
#include <string.h>

#include "sync/rc.h"

static const uint32_t EACH[SHARE_KINDS] = { SHARE_ROUNDS_EACH, SHARE_WAITS_EACH, SHARE_STATES_EACH };
static const uint32_t ALL[SHARE_KINDS] = { SHARE_ROUNDS_ALL, SHARE_WAITS_ALL, SHARE_STATES_ALL };

/* Peers are few: a list without order. */
static struct share *
find(struct shares *s, uint64_t who)
{
	size_t i;

	for (i = 0; i < s->of_count; i++) {
		if (s->of[i].who == who)
			return &s->of[i];
	}
	return NULL;
}

enum share_answer
share_take(struct shares *s, uint64_t who, enum share_kind kind)
{
	struct share *of;

	if (s->count[kind] >= ALL[kind])
		return SHARE_ALL_FULL;
	if ((of = find(s, who)) == NULL) {
		INVARIANT(s->of_count < sizeof(s->of) / sizeof(s->of[0]));	/* Q1 */
		of = &s->of[s->of_count++];
		memset(of, 0, sizeof(*of));
		of->who = who;
	}
	if (of->count[kind] >= EACH[kind])
		return SHARE_FULL;
	of->count[kind]++;
	s->count[kind]++;
	return SHARE_OK;
}

void
share_give(struct shares *s, uint64_t who, enum share_kind kind)
{
	struct share *of = find(s, who);
	size_t k, left = 0;

	INVARIANT(of != NULL);
	INVARIANT(of->count[kind] > 0);
	of->count[kind]--;
	s->count[kind]--;
	for (k = 0; k < SHARE_KINDS; k++)
		left += of->count[k];
	if (left == 0)
		*of = s->of[--s->of_count];
}

void
share_strike(struct share_strikes *s, const char *address, uint64_t now_ms)
{
	size_t i, at = 0;

	for (i = 0; i < STRIKES_ADDRESSES_MAX; i++) {
		if (strncmp(s->of[i].address, address, STRIKES_ADDRESS_BYTES - 1) == 0) {
			at = i;
			break;
		}
		if (s->of[i].since_ms < s->of[at].since_ms)
			at = i;			/* in the place of the oldest */
	}
	if (i == STRIKES_ADDRESSES_MAX || now_ms - s->of[at].since_ms >= STRIKES_MS) {
		(void)snprintf(s->of[at].address, sizeof(s->of[at].address), "%s", address);
		s->of[at].since_ms = now_ms;
		s->of[at].count = 0;
	}
	s->of[at].count++;
}

bool
share_is_struck(const struct share_strikes *s, const char *address, uint64_t now_ms)
{
	size_t i;

	for (i = 0; i < STRIKES_ADDRESSES_MAX; i++) {
		if (strncmp(s->of[i].address, address, STRIKES_ADDRESS_BYTES - 1) == 0)
			return s->of[i].count >= STRIKES_EACH && now_ms - s->of[i].since_ms < STRIKES_MS;
	}
	return false;
}
