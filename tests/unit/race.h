/* tests/unit/race.h - a few nodes that change one item without hearing of each other, and a
 * reader who then gets all their letters, in every order there is. */
#ifndef TESTS_UNIT_RACE_H
#define TESTS_UNIT_RACE_H

#include "office.h"

#define RACE_LETTERS_MAX 5

enum { RACE_PROVINCE, RACE_A1, RACE_A2, RACE_DISTRICT, RACE_READER };

struct race {
	struct office o;
	struct save_key key; /* of the item that is raced for */
	struct office_letter letters[RACE_LETTERS_MAX];
	size_t count;
};

/* Five nodes that hold one item of commune A: score 50, grade "C". */
void race_init(struct race *r);
void race_fini(struct race *r);

/* What @n saved last becomes one of the letters. */
void race_post(struct race *r, size_t n);
/* @n sets a cell of the item, or deletes it; and posts that. */
void race_set(struct race *r, size_t n, struct save_cell cell);
void race_drop(struct race *r, size_t n);
/* @n learns what the @i-th letter says. */
void race_tell(struct race *r, size_t n, size_t i);

/* M9: deliver the letters to a fresh reader in every order, to one outcome; the last replica
 * stays for the test to look at.  M15: each outcome, whichever path it took, is what the whole
 * merge says. */
void race_run(struct race *r);

/* What the reader sees of the item: a cell, and the values of an open conflict (office.h). */
const char *race_shown(struct race *r, const char *column);
const char *race_open(struct race *r, const char *column);

/* Put every item of @n once more through the whole merge: nothing may move. */
void race_assert_settled(struct office *o, size_t n);

#endif
