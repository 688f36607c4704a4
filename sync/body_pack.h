/* sync/body_pack.h - the one place where a commit's body may take another form on the wire.
 *
 * Packing must be reversible and exact: the hash chain proves the unpacked bytes.  In format 1 a body travels as it
 * is stored (rule W9).
 */
#ifndef SYNC_BODY_PACK_H
#define SYNC_BODY_PACK_H

#include "mem.h"

/* Append the wire form of @body to @out. */
void body_pack(struct span body, struct bytes *out);

/* The body that @packed stands for, borrowed from @packed. */
struct span body_unpack(struct span packed);

#endif
