/* sync/revocation.h - a key whose commits stand up to a cut and no further (TRUST.md: C1 to C4).
 *
 * A revocation is a replicated row of the engine's own table `node_revocation`: inserted once, addressed to the root
 * with reach down.  Its cut names, stream by stream, the last commit of the key that stands; a stream that it does not
 * name stands up to 0.  All incarnations of the key are meant.
 */
#ifndef SYNC_REVOCATION_H
#define SYNC_REVOCATION_H

#include "commit.h"
#include "engine_impl.h"

#define CUT_BYTES_MAX		(60 * 1000)	/* a row has to fit into one commit */
#define REVOCATION_REASON_MAX	400
#define REVOCATION_NONE		UINT64_MAX

extern const struct catalogue_table revocation_table;

/* A cut: entries of origin (8) · blob unit · u8 reach · varint number · hash (32), ascending by (origin, unit, reach),
 * each stream once.  An entry borrows its unit. */
struct cut_entry {
	uint8_t origin[ORIGIN_BYTES];
	struct span unit;
	enum reach reach;
	uint64_t seq;
	uint8_t hash[HASH_BYTES];
};
void revocation_cut_emit(const struct cut_entry *entry, struct bytes *out);
/* Read the next entry; false at the end and when @rest is malformed, which *@is_ok tells.  @before: the entry before
 * it, or NULL. */
bool revocation_cut_next(struct span *rest, const struct cut_entry *before, struct cut_entry *out, bool *is_ok);
bool revocation_cut_ok(struct span cut);

/* One that counts.  Kept by the engine; owned memory behind `cut` and `reason`. */
struct revocation {
	uint8_t pubkey[PUBKEY_BYTES];
	uint8_t origin[ORIGIN_BYTES];	/* whose decision */
	unsigned rank;			/* it binds keys of lower rank, and the key it comes from */
	uint64_t v, hlc;
	struct bytes cut, reason;
};

/* The form of an insertion into the table (C5), and whether its author may revoke that key (C3). */
RC_CHECK enum rc revocation_form(const struct commit_op *op, struct diag *why);
RC_CHECK enum rc revocation_check(struct engine *e, const struct stream *s, const struct commit_op *op,
    struct diag *why);

/* Take @op of commit @v of @origin into the list of those that count. */
RC_CHECK enum rc revocation_take(struct engine *e, const struct commit_op *op, const uint8_t origin[ORIGIN_BYTES],
    uint64_t v, uint64_t hlc);
void revocation_clear(struct engine *e);

/* Does @op revoke the key of @by? */
bool revocation_is_own(const struct commit_op *op, const struct origin_entry *by);

/* Does @r bind @entry?  @is_self: its own revocation of itself, too. */
bool revocation_binds(const struct engine *e, const struct revocation *r, const struct origin_entry *entry,
    bool is_self);
/* Up to which number @r lets @s stand. */
uint64_t revocation_limit(const struct engine *e, const struct revocation *r, const struct stream *s);
/* C2: the lowest number that a revocation of @s's author names for it, REVOCATION_NONE when there is none; *@by (may be
 * NULL) which one. */
uint64_t revocation_cut(const struct engine *e, const struct stream *s, bool is_self, const struct revocation **by);

/* The revocation that stands against @pubkey: the newest one; NULL when it is not revoked.  Reader too. */
const struct revocation *revocation_of(const struct engine *e, const uint8_t pubkey[PUBKEY_BYTES]);
/* "revoked on 2026-11-23 by node 0123456789abcdef: reason". */
void revocation_tell(const struct revocation *r, struct diag *out);

/* Revoke the key of @origin, all its incarnations: what this node holds of it stands, what comes later does not.
 * RC_DENIED: this node does not stand above it.  RC_LIMIT: it has written into too many scopes for one cut. */
RC_CHECK enum rc revocation_save(struct engine *e, const uint8_t origin[ORIGIN_BYTES], struct span author,
    struct span reason, struct diag *d);

#endif
