/* The fact reads: word, heads in hex, milliseconds; a space between. */
#include "node/state_record.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "node/local.h"
#include "node/text.h"

#define HEADS_CHARS (2 * DIGEST_HEADS_BYTES)
#define NAME_CHARS (sizeof(LOCAL_STATE_PREFIX) + 2 * ORIGIN_BYTES)

const char *
state_record_word(enum exchange_verdict verdict)
{
	return verdict == EXCHANGE_SAME ? "equal" : verdict == EXCHANGE_DIFFERS ? "differs" : "unknown";
}

static void
name_of(const uint8_t peer[ORIGIN_BYTES], char out[NAME_CHARS])
{
	memcpy(out, LOCAL_STATE_PREFIX, sizeof(LOCAL_STATE_PREFIX));
	sodium_bin2hex(out + sizeof(LOCAL_STATE_PREFIX) - 1, 2 * ORIGIN_BYTES + 1, peer, ORIGIN_BYTES);
}

static bool
parse(const char *text, struct state_record *out)
{
	static const enum exchange_verdict verdicts[] = { EXCHANGE_VERDICT_NONE, EXCHANGE_SAME, EXCHANGE_DIFFERS };
	const char *heads = strchr(text, ' ');
	size_t i, n = 0;
	int64_t ms;

	if (heads == NULL || strlen(heads) < HEADS_CHARS + 3 || heads[HEADS_CHARS + 1] != ' ' ||
	    sodium_hex2bin(out->heads, sizeof(out->heads), heads + 1, HEADS_CHARS, NULL, &n, NULL) != 0 ||
	    n != sizeof(out->heads) || !text_int64(span_str(heads + HEADS_CHARS + 2), &ms) || ms < 0)
		return false;
	out->ms = (uint64_t)ms;
	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		const char *word = state_record_word(verdicts[i]);

		if (strlen(word) == (size_t)(heads - text) && memcmp(word, text, strlen(word)) == 0) {
			out->verdict = verdicts[i];
			return true;
		}
	}
	return false;
}

void
state_record_get(struct sqlite3 *db, const uint8_t peer[ORIGIN_BYTES], struct state_record *out)
{
	char name[NAME_CHARS];
	struct bytes text;

	memset(out, 0, sizeof(*out));
	bytes_init(&text);
	name_of(peer, name);
	if (local_get(db, name, &text, NULL) != RC_OK || text.n == 0 || bytes_cstr(&text) == NULL ||
	    !parse((const char *)text.p, out))
		memset(out, 0, sizeof(*out));
	bytes_free(&text);
}

enum rc
state_record_set(struct sqlite3 *db, const uint8_t peer[ORIGIN_BYTES], const struct state_record *record,
    struct diag *d)
{
	char name[NAME_CHARS], heads[HEADS_CHARS + 1], text[HEADS_CHARS + 40];

	name_of(peer, name);
	sodium_bin2hex(heads, sizeof(heads), record->heads, sizeof(record->heads));
	(void)snprintf(text, sizeof(text), "%s %s %" PRIu64, state_record_word(record->verdict), heads, record->ms);
	return local_set(db, name, text, d);
}
