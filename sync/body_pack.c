#include "body_pack.h"

void
body_pack(struct span body, struct bytes *out)
{
	bytes_put(out, body.p, body.n);
}

struct span
body_unpack(struct span packed)
{
	return packed;
}
