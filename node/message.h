/* node/message.h - every string that a person reads, in English and Vietnamese.
 *
 * The texts live in node/messages.def, one line each.  A text is a printf format; both languages take the same
 * arguments in the same order (a unit test compares them).
 * The language is process-wide: set once at start, before any thread is started.
 */
#ifndef NODE_MESSAGE_H
#define NODE_MESSAGE_H

enum message_id {
#define X(id, en, vi) id,
#include "messages.def"
#undef X
	MSG_COUNT
};

enum message_language { MESSAGE_ENGLISH, MESSAGE_VIETNAMESE, MESSAGE_LANGUAGE_COUNT };

/* The format of @id in the language in force; static. */
const char *message(enum message_id id);

/* The format of @id in @language; static. */
const char *message_in(enum message_language language, enum message_id id);

/* The language that LC_ALL, LC_MESSAGES and LANG ask for: the first of them that is not empty decides.  English unless
 * it is "vi", alone or followed by a country, an encoding or a modifier. */
enum message_language message_language_of_environment(void);

void message_language_set(enum message_language language);
enum message_language message_language(void);

#endif
