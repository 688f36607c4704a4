/* Invitations, requests and answers: their bytes and texts, and who is let in on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/invitation_impl.h"
#include "office.h"

enum { PROVINCE, COMMUNE };

#define NOW_MS UINT64_C(1541000000000)
#define LATER_S 1541000600u

struct scene {
	struct office o;
	struct invitation i;		/* of the province, for OFFICE_B */
	uint8_t seed[SEED_BYTES];
	struct bytes request, answer;
	struct diag d;
};

static struct engine *
engine(struct scene *s, size_t node)
{
	return s->o.nodes[node].engine;
}

static void
issue(struct scene *s, size_t node, uint8_t id, struct invitation *out)
{
	memset(out, 0, sizeof(*out));
	(void)snprintf(out->unit, sizeof(out->unit), "%s", OFFICE_B);
	(void)snprintf(out->url, sizeof(out->url), "http://127.0.0.1:7420");
	out->expires_s = LATER_S;
	out->id[0] = id;
	assert_int_equal(invitation_issue(engine(s, node), out), RC_OK);
}

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	office_init(&s->o);
	(void)office_join(&s->o, OFFICE_A);
	issue(s, PROVINCE, 1, &s->i);
	memset(s->seed, 9, SEED_BYTES);
	bytes_init(&s->request);
	bytes_init(&s->answer);
	diag_init(&s->d);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	bytes_free(&s->request);
	bytes_free(&s->answer);
	office_fini(&s->o);
	free(s);
	return 0;
}

static void
request(struct scene *s, const struct invitation *i)
{
	bytes_clear(&s->request);
	assert_int_equal(invitation_request(i, s->seed, span_str("PC 1"), &s->request), RC_OK);
}

static enum rc
admit_at(struct scene *s, size_t node, uint64_t now_ms)
{
	bytes_clear(&s->answer);
	diag_init(&s->d);
	return invitation_admit(engine(s, node), span_bytes(&s->request), now_ms, &s->answer, NULL, &s->d);
}

static enum rc
admit(struct scene *s)
{
	return admit_at(s, PROVINCE, NOW_MS);
}

/* ---- bytes and texts */

static void
test_round_trip(void **state)
{
	struct scene *s = *state;
	struct invitation again;
	struct bytes b;

	bytes_init(&b);
	invitation_emit(&s->i, &b);
	assert_int_equal(invitation_parse(&again, span_bytes(&b), &s->d), RC_OK);
	assert_memory_equal(&again, &s->i, sizeof(again));
	assert_true(b.n <= 160);
	bytes_free(&b);
}

/* Cut anywhere, longer, or with any bit changed: no invitation. */
static void
test_garbled(void **state)
{
	struct scene *s = *state;
	struct invitation again;
	struct bytes b;
	size_t n;

	bytes_init(&b);
	invitation_emit(&s->i, &b);
	for (n = 0; n < b.n; n++)
		assert_int_equal(invitation_parse(&again, span_of(b.p, n), NULL), RC_INPUT);
	for (n = 0; n < 8 * b.n; n++) {
		b.p[n / 8] ^= (uint8_t)(1 << n % 8);
		assert_int_equal(invitation_parse(&again, span_bytes(&b), NULL), RC_INPUT);
		b.p[n / 8] ^= (uint8_t)(1 << n % 8);
	}
	bytes_byte(&b, 0);
	assert_int_equal(invitation_parse(&again, span_bytes(&b), NULL), RC_INPUT);
	bytes_free(&b);
}

static void
text_is(enum invitation_kind kind, const char *text, struct span bytes)
{
	struct bytes b;

	bytes_init(&b);
	assert_int_equal(invitation_text_read(kind, span_str(text), &b, NULL), RC_OK);
	assert_int_equal(b.n, bytes.n);
	if (bytes.n != 0)
		assert_memory_equal(b.p, bytes.p, bytes.n);
	bytes_free(&b);
}

static void
text_is_bad(enum invitation_kind kind, struct span text)
{
	struct bytes b;

	bytes_init(&b);
	assert_int_equal(invitation_text_read(kind, text, &b, NULL), RC_INPUT);
	bytes_free(&b);
}

/* Every length up to two lines, in lines and in one. */
static void
test_text(void **state)
{
	uint8_t bytes[90];
	struct bytes text;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(bytes); n++)
		bytes[n] = (uint8_t)(n * 37 + 201);
	bytes_init(&text);
	for (n = 0; n <= sizeof(bytes); n++) {
		bytes_clear(&text);
		invitation_text_write(INVITATION_ANSWER, span_of(bytes, n), n % 2 == 0, &text);
		text_is(INVITATION_ANSWER, bytes_cstr(&text), span_of(bytes, n));
		text_is_bad(INVITATION_REQUEST, span_bytes(&text));
	}
	bytes_free(&text);
}

static void
test_text_by_hand(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x44, 0x32, 0x14, 0xc7 };	/* 01234567 */

	(void)state;
	text_is(INVITATION_INVITATION, "OCOP1:01234567", span_of(bytes, 5));
	text_is(INVITATION_INVITATION, "\xef\xbb\xbf> ocop1:oi23\r\n> 4567\t\r\n", span_of(bytes, 5));
	text_is(INVITATION_INVITATION, "OCOP1:OL234567", span_of(bytes, 5));
	text_is(INVITATION_INVITATION, "OCOP1:0123450", span_of(bytes, 4));	/* three bits left over, zero */
	text_is_bad(INVITATION_INVITATION, span_str("OCOP1:0123451"));
	text_is_bad(INVITATION_INVITATION, span_str("OCOP1:012345670"));	/* a character too many */
	text_is_bad(INVITATION_INVITATION, span_str("OCOP1:0123U567"));	/* no digit */
	text_is_bad(INVITATION_INVITATION, span_str("OCOP1:0123-567"));
	text_is_bad(INVITATION_INVITATION, span_of("OCOP1:0123\0" "4567", 15));
	text_is_bad(INVITATION_INVITATION, span_str("OCOP2:01234567"));
	text_is_bad(INVITATION_INVITATION, span_str("OCOP1"));
	text_is_bad(INVITATION_INVITATION, span_str(""));
}

/* ---- letting in */

static void
test_admit(void **state)
{
	struct scene *s = *state;
	struct credential chain[CREDENTIAL_CHAIN_MAX + 1], known;
	struct invitation_request q;
	struct bytes first;
	size_t count;

	request(s, &s->i);
	assert_int_equal(admit(s), RC_OK);
	assert_int_equal(invitation_request_parse(&q, span_bytes(&s->request), NULL), RC_OK);
	assert_int_equal(invitation_answer(&q, span_bytes(&s->answer), chain, &count, NULL), RC_OK);
	assert_int_equal(count, 2);
	assert_string_equal(chain[0].unit, OFFICE_B);
	assert_string_equal(chain[0].name, "PC 1");
	assert_memory_equal(chain[0].invitation, s->i.id, INVITATION_BYTES);
	assert_int_equal(credential_get(engine(s, PROVINCE), chain[0].origin, &known), RC_OK);

	/* The same again, however late. */
	bytes_init(&first);
	bytes_put(&first, s->answer.p, s->answer.n);
	assert_int_equal(admit_at(s, PROVINCE, NOW_MS + 86400000), RC_OK);
	assert_true(span_eq(span_bytes(&s->answer), span_bytes(&first)));
	bytes_free(&first);
}

static void
test_used(void **state)
{
	struct scene *s = *state;

	request(s, &s->i);
	assert_int_equal(admit(s), RC_OK);
	s->seed[0]++;
	request(s, &s->i);
	assert_int_equal(admit(s), RC_DENIED);
	assert_non_null(strstr(s->d.text, "used by another node"));
	assert_int_equal(s->answer.n, 0);
}

static void
test_expired(void **state)
{
	struct scene *s = *state;

	request(s, &s->i);
	assert_int_equal(admit_at(s, PROVINCE, UINT64_C(1000) * LATER_S + 1), RC_DENIED);
	assert_non_null(strstr(s->d.text, "expired"));
	assert_int_equal(admit_at(s, PROVINCE, UINT64_C(1000) * LATER_S), RC_OK);
}

/* Another node of the tree does not let in on it, nor does another tree. */
static void
test_elsewhere(void **state)
{
	struct scene *s = *state;
	struct invitation i = s->i;

	request(s, &s->i);
	assert_int_equal(admit_at(s, COMMUNE, NOW_MS), RC_DENIED);
	assert_non_null(strstr(s->d.text, "another node made"));
	i.root_pubkey[0] ^= 1;
	request(s, &i);
	assert_int_equal(admit(s), RC_DENIED);
	assert_non_null(strstr(s->d.text, "another province"));
}

/* Whatever the joiner changes in what the invitation grants, it is found. */
static void
test_altered(void **state)
{
	struct scene *s = *state;
	struct invitation i;

	i = s->i;
	i.expires_s += 86400;
	request(s, &i);
	assert_int_equal(admit(s), RC_PEER);
	i = s->i;
	(void)snprintf(i.unit, sizeof(i.unit), "%s", OFFICE_A);
	request(s, &i);
	assert_int_equal(admit(s), RC_PEER);
	i = s->i;
	i.id[5] ^= 1;
	request(s, &i);
	assert_int_equal(admit(s), RC_PEER);
	i = s->i;
	i.url[0] = 'H';
	request(s, &i);
	assert_int_equal(admit(s), RC_PEER);
	i = s->i;
	i.secret[15] ^= 1;
	request(s, &i);
	assert_int_equal(admit(s), RC_PEER);
	assert_non_null(strstr(s->d.text, "not made by this node"));
}

/* Who saw a request go by can make no other of it: every changed bit is found, and a signature of one's own does not
 * help without the secret. */
static void
test_request_seen(void **state)
{
	struct scene *s = *state;
	struct invitation i;
	size_t n;

	request(s, &s->i);
	for (n = 0; n < s->request.n; n++) {
		s->request.p[n] ^= 1;
		assert_int_equal(admit(s), RC_PEER);
		assert_int_equal(s->answer.n, 0);
		s->request.p[n] ^= 1;
	}
	for (n = 0; n < s->request.n; n++) {
		struct span cut = span_of(s->request.p, n);

		assert_int_equal(invitation_admit(engine(s, PROVINCE), cut, NOW_MS, &s->answer, NULL, NULL), RC_PEER);
	}
	i = s->i;
	memset(i.secret, 0, sizeof(i.secret));
	s->seed[0]++;
	request(s, &i);
	assert_int_equal(admit(s), RC_PEER);
}

/* The secret is in no request. */
static void
test_request_tells_nothing(void **state)
{
	struct scene *s = *state;
	size_t n;

	request(s, &s->i);
	for (n = 0; n + INVITATION_SECRET_BYTES <= s->request.n; n++)
		assert_memory_not_equal(s->request.p + n, s->i.secret, INVITATION_SECRET_BYTES);
}

/* A unit that is not below the inviter (any more), or unknown. */
static void
test_wrong_unit(void **state)
{
	struct scene *s = *state;
	struct invitation i;

	issue(s, COMMUNE, 2, &i);	/* a commune invites for another one */
	request(s, &i);
	assert_int_equal(admit_at(s, COMMUNE, NOW_MS), RC_DENIED);
	memset(&i, 0, sizeof(i));
	(void)snprintf(i.unit, sizeof(i.unit), "zz@2010-01-01");
	i.expires_s = LATER_S;
	i.id[0] = 3;
	assert_int_equal(invitation_issue(engine(s, PROVINCE), &i), RC_OK);
	request(s, &i);
	assert_int_equal(admit(s), RC_DENIED);
	assert_non_null(strstr(s->d.text, "there is no unit"));
}

/* The same key on a second invitation: what it was given stands; for another unit it is refused. */
static void
test_same_key(void **state)
{
	struct scene *s = *state;
	struct invitation i;
	struct bytes first;

	request(s, &s->i);
	assert_int_equal(admit(s), RC_OK);
	bytes_init(&first);
	bytes_put(&first, s->answer.p, s->answer.n);
	issue(s, PROVINCE, 4, &i);
	request(s, &i);
	assert_int_equal(admit(s), RC_OK);
	assert_true(span_eq(span_bytes(&s->answer), span_bytes(&first)));
	bytes_free(&first);
	(void)snprintf(i.unit, sizeof(i.unit), "%s", OFFICE_D);
	i.id[0] = 5;
	assert_int_equal(invitation_issue(engine(s, PROVINCE), &i), RC_OK);
	request(s, &i);
	assert_int_equal(admit(s), RC_DENIED);
	assert_non_null(strstr(s->d.text, "been let in before"));
}

/* ---- the answer */

static void
answer_refused(struct scene *s, const struct invitation_request *q)
{
	struct credential chain[CREDENTIAL_CHAIN_MAX + 1];
	size_t count;

	assert_int_equal(invitation_answer(q, span_bytes(&s->answer), chain, &count, NULL), RC_PEER);
	assert_int_equal(count, 0);
}

static void
test_answer(void **state)
{
	struct scene *s = *state;
	struct invitation_request q, other;
	size_t n;

	request(s, &s->i);
	assert_int_equal(admit(s), RC_OK);
	assert_int_equal(invitation_request_parse(&q, span_bytes(&s->request), NULL), RC_OK);
	for (n = 0; n < s->answer.n; n++) {
		s->answer.p[n] ^= 1;
		answer_refused(s, &q);
		s->answer.p[n] ^= 1;
	}
	other = q;
	other.pubkey[0] ^= 1;			/* another node's request */
	answer_refused(s, &other);
	other = q;
	other.body.root_pubkey[0] ^= 1;		/* another tree than the invitation's */
	answer_refused(s, &other);
	other = q;
	other.body.inviter_pubkey[0] ^= 1;	/* a node of the tree that did not invite us */
	answer_refused(s, &other);
	other = q;
	other.body.unit[0] ^= 1;
	answer_refused(s, &other);
	s->answer.n--;
	answer_refused(s, &q);
	s->answer.n = 0;
	answer_refused(s, &q);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_garbled),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_by_hand),
		TEST(test_admit),
		TEST(test_used),
		TEST(test_expired),
		TEST(test_elsewhere),
		TEST(test_altered),
		TEST(test_request_seen),
		TEST(test_request_tells_nothing),
		TEST(test_wrong_unit),
		TEST(test_same_key),
		TEST(test_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
