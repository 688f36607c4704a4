/* Base 32 after Crockford: five bits a character, the most significant first, the last one filled up with zeros. */
#include <string.h>

#include "node/invitation.h"
#include "node/message.h"

#define LINE_CHARS 64

struct form {
	const char *word;
	enum message_id bad;
};

static const struct form g_forms[] = {
	[INVITATION_INVITATION] = { "OCOP1:", MSG_INVITATION_BAD },
	[INVITATION_REQUEST] = { "OCOPJOIN1:", MSG_JOIN_REQUEST_BAD },
	[INVITATION_ANSWER] = { "OCOPANSWER1:", MSG_JOIN_ANSWER_NONE },
};

static const char g_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
invitation_text_write(enum invitation_kind kind, struct span bytes, bool is_folded, struct bytes *out)
{
	size_t chars = strlen(g_forms[kind].word), i;
	unsigned bits = 0, held = 0;

	bytes_str(out, g_forms[kind].word);
	for (i = 0; i < bytes.n || bits > 0;) {
		if (bits < 5 && i < bytes.n) {
			held = held << 8 | bytes.p[i++];
			bits += 8;
		} else if (bits < 5) {
			held <<= 5 - bits;
			bits = 5;
		}
		for (; bits >= 5; bits -= 5) {
			if (is_folded && chars++ % LINE_CHARS == 0)
				bytes_byte(out, '\n');
			bytes_byte(out, (uint8_t)g_digits[held >> (bits - 5) & 31]);
		}
		held &= 31;
	}
	if (is_folded)
		bytes_byte(out, '\n');
}

static bool
is_filling(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '>';
}

static uint8_t
capital(uint8_t c)
{
	return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

static int
digit_read(uint8_t c)
{
	const char *at;

	if (c == 'O')
		c = '0';
	else if (c == 'I' || c == 'L')
		c = '1';
	at = c == '\0' ? NULL : strchr(g_digits, c);
	return at == NULL ? -1 : (int)(at - g_digits);
}

enum rc
invitation_text_read(enum invitation_kind kind, struct span text, struct bytes *out, struct diag *d)
{
	const char *word = g_forms[kind].word;
	unsigned bits = 0, held = 0;
	size_t i = 0;
	uint8_t c;
	int v;

	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	for (; i < text.n; i++) {
		if (is_filling(text.p[i]))
			continue;
		c = capital(text.p[i]);
		if (*word != '\0') {
			if (c != (uint8_t)*word++)
				return diag_fail(d, RC_INPUT, "%s", message(g_forms[kind].bad));
			continue;
		}
		if ((v = digit_read(c)) < 0)
			return diag_fail(d, RC_INPUT, "%s", message(g_forms[kind].bad));
		held = (held << 5 | (unsigned)v) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			bytes_byte(out, (uint8_t)(held >> bits));
		}
	}
	/* What is left over are fewer bits than a character has, and they are zero. */
	if (*word != '\0' || bits >= 5 || (held & ((1U << bits) - 1)) != 0)
		return diag_fail(d, RC_INPUT, "%s", message(g_forms[kind].bad));
	return bytes_rc(out);
}
