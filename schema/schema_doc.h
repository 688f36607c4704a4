/* schema/schema_doc.h - the reference part of SCHEMA.md, written from the catalogue.
 *
 * A test compares the page with it, so that page and program cannot drift apart.
 */
#ifndef SCHEMA_SCHEMA_DOC_H
#define SCHEMA_SCHEMA_DOC_H

#include "sync/mem.h"

/* The lines of the page between which the generated part stands. */
#define SCHEMA_DOC_BEGIN "<!-- generated from the catalogue: begin -->\n"
#define SCHEMA_DOC_END "<!-- generated from the catalogue: end -->\n"

/* Append the generated part to @out, which is checked with bytes_rc(). */
void schema_doc(struct bytes *out);

#endif
