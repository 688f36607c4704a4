/* schema/rules_code.h - the official product code T-X-STT-YYYY.
 *
 * T: code of the province, 2 digits; X: code of the commune, 5 digits; STT: running number that the commune gives, no
 * leading zeros; YYYY: year of the evaluation.  One code has one spelling, so that texts may be compared.
 */
#ifndef SCHEMA_RULES_CODE_H
#define SCHEMA_RULES_CODE_H

#include "sync/mem.h"

#define RULES_CODE_BYTES	20	/* 42-18538-99999-2026 and the NUL */
#define RULES_CODE_NUMBER_MAX	99999

struct rules_code {
	uint32_t province;
	uint32_t commune;
	uint32_t number;	/* 1 to RULES_CODE_NUMBER_MAX */
	uint32_t year;		/* 2018 to 2999 */
};

/* Read @text; false when it is not a code in its one spelling. */
bool rules_code_parse(struct span text, struct rules_code *out);

/* Write @c; false when a part is out of range. */
bool rules_code_text(const struct rules_code *c, char out[RULES_CODE_BYTES]);

/* Is @text a code of the lists of 2019 to 2025, with the district in it: T-H-X-STT-YYYY? */
bool rules_code_is_legacy(struct span text);

#endif
