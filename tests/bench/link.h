/* tests/bench/link.h - one round between two nodes of a scene over a link that counts, cuts, and
 * has its own clock.
 *
 * HTTP's heads are counted with their size in tests/unit/rig.h.  Time on the link is computed,
 * not slept: the bytes at the link's rate, the way each way for the connection and for every
 * request.
 */
#ifndef TESTS_BENCH_LINK_H
#define TESTS_BENCH_LINK_H

#include "figure.h"
#include "scene.h"

enum {
	LINK_REQUEST_HEAD = 85,
	LINK_REPLY_HEAD = 40,
	LINK_PIECE_BYTES = 16 * 1024,
};

struct link {
	struct scene *scene;
	size_t
	    cut_bytes; /* a connection dies after so many, heads and both ways together; 0: none */
	uint64_t way_ms; /* one way; 0: not counted */
	uint64_t bytes_per_s; /* 0: without end */
	size_t connections;
	uint64_t up_bytes, down_bytes; /* heads included */
	uint64_t time_us; /* on the link */
	struct figure_time asking, answering; /* processor time of each side */
	struct ask_counts counts; /* of the last round */
};

/* @from asks @to until they are equal or nothing more can be said; a cut is followed by the next
 * connection. */
void link_round(struct link *l, size_t from, size_t to);
/* Rounds until equal; fails beyond @rounds_max. */
void link_settle(struct link *l, size_t from, size_t to, size_t rounds_max);
void link_reset(struct link *l);

#endif
