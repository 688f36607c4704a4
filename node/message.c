#include "message.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sync/rc.h"

static const char *const g_text[MSG_COUNT][MESSAGE_LANGUAGE_COUNT] = {
#define X(id, en, vi) [id] = { en, vi },
#include "messages.def"
#undef X
};

static enum message_language g_language = MESSAGE_ENGLISH;

const char *
message_in(enum message_language language, enum message_id id)
{
	INVARIANT((unsigned)id < MSG_COUNT);
	INVARIANT((unsigned)language < MESSAGE_LANGUAGE_COUNT);
	return g_text[id][language];
}

const char *
message(enum message_id id)
{
	return message_in(g_language, id);
}

static bool
is_vietnamese(const char *locale)
{
	return strncmp(locale, "vi", 2) == 0 &&
	    strchr("_.@-", locale[2]) != NULL; /* the NUL counts too */
}

enum message_language
message_language_of_environment(void)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = getenv(names[i]);
		if (value != NULL && value[0] != '\0')
			return is_vietnamese(value) ? MESSAGE_VIETNAMESE : MESSAGE_ENGLISH;
	}
	return MESSAGE_ENGLISH;
}

void
message_language_set(enum message_language language)
{
	INVARIANT((unsigned)language < MESSAGE_LANGUAGE_COUNT);
	g_language = language;
}

enum message_language
message_language(void)
{
	return g_language;
}
