/* node/joining.h - DIR/joining: a node that has asked to join and has no answer yet.
 *
 *   u8 1 · blob parent's URL · blob request (invitation.h)
 *
 * It is written after node.key and before the request leaves: whoever let us in finds us with the key that it let in.
 */
#ifndef NODE_JOINING_H
#define NODE_JOINING_H

#include "node/invitation.h"

struct joining {
	char url[INVITATION_URL_BYTES_MAX + 1];	/* may be empty */
	struct bytes request;			/* owned */
	struct invitation_request q;		/* its parts, some borrowed from there */
};

void joining_init(struct joining *j);
void joining_fini(struct joining *j);

/* RC_NOTFOUND when there is none, RC_CORRUPT when it is none. */
RC_CHECK enum rc joining_read(const char *dir, struct joining *j, struct diag *d);

/* Write j->url and j->request, durably, and fill j->q. */
RC_CHECK enum rc joining_write(const char *dir, struct joining *j, struct diag *d);

#endif
