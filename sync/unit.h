/* sync/unit.h - the tree of units, and who is entitled to what.
 *
 * The tree is data: rows of the catalogue's unit table, cached here and re-read when a commit touched them.  A unit
 * that is named but not (yet) in the table has no parent and no level.  `unit_id` is a local number, valid until the
 * engine closes; UNIT_NONE stands for "no such unit".
 */
#ifndef SYNC_UNIT_H
#define SYNC_UNIT_H

#include "engine.h"

#define UNIT_NONE	UINT32_MAX
#define UNIT_DEPTH_MAX	16	/* a longer chain of parents is taken for a loop and cut there */

typedef uint32_t unit_id;

unit_id unit_find(struct engine *e, struct span key);			/* UNIT_NONE when never named; reader too */
unit_id unit_intern(struct engine *e, struct span key);			/* UNIT_NONE only without memory */
struct span unit_key(const struct engine *e, unit_id u);
unit_id unit_parent(const struct engine *e, unit_id u);
enum level unit_level(const struct engine *e, unit_id u);
bool unit_is_known(const struct engine *e, unit_id u);			/* is a row of the unit table */
bool unit_is_within(const struct engine *e, unit_id u, unit_id top);	/* @u is @top or below it */

/* Was @u ever @top or below it, by any parent that a unit was given since the list began? */
bool unit_was_within(const struct engine *e, unit_id u, unit_id top);

/* Does a node that serves @holder hold rows addressed to (@u, @reach)? (DESIGN: scope) */
bool unit_holds(const struct engine *e, unit_id holder, unit_id u, enum reach reach);

/* Does every node that holds (@u, @reach) also hold (@v, @other)? */
bool unit_holders_hold(const struct engine *e, unit_id u, enum reach reach, unit_id v, enum reach other);

/* The unit that @text names: a whole key (code@YYYY-MM-DD, any day the unit was in force), or a code, which means its
 * newest unit.  UNIT_NONE when there is none.  Reader too. */
unit_id unit_resolve(struct engine *e, struct span text);

/* RC_INPUT when a known unit stands above itself. */
RC_CHECK enum rc unit_check_tree(const struct engine *e, struct diag *d);

/* Forget the units that were first named in the transaction just rolled back, with all but the first @kept; before the
 * table is read again. */
void unit_forget(struct engine *e, size_t kept);

/* The edges of unit_was_within: every parent that a valid commit ever gave a unit (control.c keeps them). */
RC_CHECK enum rc unit_edge_add(struct engine *e, struct span key, struct span parent_key);
bool unit_edge_is(const struct engine *e, unit_id u, unit_id parent);
void unit_edges_clear(struct engine *e);

/* Re-read the table; called by the engine when it changed. */
RC_CHECK enum rc unit_reload(struct engine *e, struct diag *d);

#endif
