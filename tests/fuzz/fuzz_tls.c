/* tests/fuzz/fuzz_tls.c - the answering end of TLS on any bytes.
 *
 * Covers: tls_pump_in, tls_pump_out, tls_pump_end.
 * Input:  one byte that gives the size of the pieces, then what comes over the wire.
 * Checks: nobody gets in without proving a key; what is answered stays small.
 */
#include "node/tls.h"

#define ANSWER_BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
on_plain(void *user, struct span plain)
{
	(void)user;
	INVARIANT(plain.n == 0);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[SEED_BYTES] = { 1 };
	static struct tls *t;
	enum tls_pump_state state = TLS_PUMP_HANDSHAKE;
	struct tls_pump *p;
	struct bytes out;
	size_t at, piece, answered = 0;

	if (size == 0)
		return 0;
	if (t == NULL && tls_new(seed, &t, NULL) != RC_OK)
		return 0;
	if ((p = tls_pump_new(t)) == NULL)
		return 0;
	piece = data[0] == 0 ? size : data[0];
	for (at = 1; at < size && state != TLS_PUMP_FAILED; at += piece) {
		state = tls_pump_in(p, span_of(data + at, piece < size - at ? piece : size - at), on_plain, NULL);
		INVARIANT(state == TLS_PUMP_HANDSHAKE || state == TLS_PUMP_FAILED);
		INVARIANT(tls_pump_peer(p) == NULL);
		tls_pump_out(p, &out);
		answered += out.n;
		bytes_free(&out);
		INVARIANT(answered <= ANSWER_BYTES_MAX);
	}
	tls_pump_end(p);
	tls_pump_free(p);
	return 0;
}
