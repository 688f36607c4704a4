/* tests/sim/cover.h - how often each kind of thing happened, so that a kind that never happens
 * is noticed. */
#ifndef TESTS_SIM_COVER_H
#define TESTS_SIM_COVER_H

#include <stdbool.h>
#include <stdint.h>

enum cover_kind {
#define COVER(name, text) COVER_##name,
#include "tests/sim/cover.def"
#undef COVER
	COVER_KINDS,
};

struct cover {
	uint64_t count[COVER_KINDS];
};

void cover_add(struct cover *c, enum cover_kind kind);
void cover_print(const struct cover *c);

/* Print the kinds that never happened; false when there is one. */
bool cover_is_complete(const struct cover *c);

#endif
