/* schema/schema.h - the OCOP domain, for whoever stands above it.
 *
 * The catalogue tells the engine which tables there are, who holds, writes and settles what.  The rules_* headers are
 * the arithmetic of the regulations: pure functions over integers and text.
 *
 * Lifetime: everything returned here is static data.  Threads: any.
 */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "sync/catalogue.h"

#include "schema/rules_code.h"
#include "schema/rules_council.h"
#include "schema/rules_dates.h"
#include "schema/rules_recognition.h"
#include "schema/rules_stars.h"
#include "schema/rules_states.h"

#define SCHEMA_VERSION 1

/* The tables of schema version SCHEMA_VERSION.  It passes catalogue_sanity(). */
const struct catalogue *schema_catalogue(void);

#endif
