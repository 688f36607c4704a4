#include "tests/sim/cover.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const TEXT[COVER_KINDS] = {
#define COVER(name, text) text,
#include "tests/sim/cover.def"
#undef COVER
};

void
cover_add(struct cover *c, enum cover_kind kind)
{
	c->count[kind]++;
}

void
cover_print(const struct cover *c)
{
	for (unsigned i = 0; i < COVER_KINDS; i++)
		printf("%10" PRIu64 "  %s\n", c->count[i], TEXT[i]);
}

bool
cover_is_complete(const struct cover *c)
{
	bool is_complete = true;

	for (unsigned i = 0; i < COVER_KINDS; i++)
		if (c->count[i] == 0) {
			printf("never happened: %s\n", TEXT[i]);
			is_complete = false;
		}
	return is_complete;
}
