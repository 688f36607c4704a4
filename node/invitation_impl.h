/* node/invitation_impl.h - what invitation.c and invitation_admit.c share. */
#ifndef NODE_INVITATION_IMPL_H
#define NODE_INVITATION_IMPL_H

#include "node/invitation.h"

/* What the secret is made of. */
void invitation_body_emit(const struct invitation *i, struct bytes *out);
bool invitation_proof_ok(const struct invitation_request *q, const uint8_t secret[INVITATION_SECRET_BYTES]);
void invitation_answer_emit(const struct credential *chain, size_t count, struct bytes *out);

#endif
