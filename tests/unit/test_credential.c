/* Credentials: their bytes, their proofs, their chain up to the root key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "office.h"

enum { PROVINCE, COMMUNE };

static int
setup(void **state)
{
	struct office *o = calloc(1, sizeof(*o));

	office_init(o);
	(void)office_join(o, OFFICE_A);
	*state = o;
	return 0;
}

static int
teardown(void **state)
{
	office_fini(*state);
	free(*state);
	return 0;
}

/* A credential for @unit by node @issuer. */
static enum rc
issue(struct office *o, size_t issuer, const char *unit, struct credential *c)
{
	uint8_t seed[SEED_BYTES] = { 42 };

	memset(c, 0, sizeof(*c));
	credential_keys(seed, c->pubkey);
	(void)snprintf(c->unit, sizeof(c->unit), "%s", unit);
	(void)snprintf(c->name, sizeof(c->name), "PC 2");
	c->invitation[0] = 77;
	diag_init(&o->diag);
	return credential_issue(o->nodes[issuer].engine, c, &o->diag);
}

static void
test_round_trip(void **state)
{
	struct credential c, again;
	struct bytes b;

	assert_int_equal(issue(*state, PROVINCE, OFFICE_A, &c), RC_OK);
	bytes_init(&b);
	credential_emit(&c, &b);
	assert_int_equal(credential_parse(&again, span_bytes(&b)), RC_OK);
	assert_memory_equal(&c, &again, sizeof(c));
	bytes_free(&b);
}

/* Cut anywhere, or with one bit changed: not a credential, or not a proven one. */
static void
test_damaged(void **state)
{
	struct office *o = *state;
	struct credential c, again;
	struct bytes b;

	assert_int_equal(issue(o, PROVINCE, OFFICE_A, &c), RC_OK);
	bytes_init(&b);
	credential_emit(&c, &b);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(credential_parse(&again, span_of(b.p, n)), RC_PEER);
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 1;
		if (credential_parse(&again, span_bytes(&b)) == RC_OK)
			assert_false(credential_proof_ok(
			    &again, engine_self(o->nodes[PROVINCE].engine)->pubkey));
		b.p[i] ^= 1;
	}
	bytes_free(&b);
}

/* The unit's level is what the credential says, whatever was asked for. */
static void
test_level(void **state)
{
	struct credential c;

	assert_int_equal(issue(*state, PROVINCE, OFFICE_D, &c), RC_OK);
	assert_int_equal(c.level, LEVEL_DISTRICT);
}

static void
test_issue_refused(void **state)
{
	struct office *o = *state;
	struct credential c;

	assert_int_equal(issue(o, COMMUNE, OFFICE_B, &c), RC_DENIED);
	assert_non_null(strstr(o->diag.text, "is not below this node's unit"));
	assert_int_equal(issue(o, PROVINCE, "zz@2010-01-01", &c), RC_INPUT);
	assert_non_null(strstr(o->diag.text, "is not in the list of units"));
	assert_int_equal(issue(o, PROVINCE, "xa", &c), RC_INPUT);
}

static void
test_invitation_once(void **state)
{
	struct office *o = *state;
	struct credential c;

	assert_int_equal(issue(o, PROVINCE, OFFICE_A, &c), RC_OK);
	assert_int_equal(credential_save(o->nodes[PROVINCE].engine, &c, &o->diag), RC_OK);
	c.incarnation = 1;
	assert_int_equal(credential_issue(o->nodes[PROVINCE].engine, &c, &o->diag), RC_OK);
	assert_int_equal(credential_save(o->nodes[PROVINCE].engine, &c, &o->diag), RC_CONFLICT);
	assert_non_null(strstr(o->diag.text, "has been used"));
	engine_sanity(o->nodes[PROVINCE].engine);
}

/* Each incarnation of one key is another origin. */
static void
test_origin(void **state)
{
	struct credential c;
	uint8_t other[ORIGIN_BYTES];

	assert_int_equal(issue(*state, PROVINCE, OFFICE_A, &c), RC_OK);
	credential_origin(c.pubkey, 1, other);
	assert_memory_not_equal(c.origin, other, ORIGIN_BYTES);
	credential_origin(c.pubkey, 0, other);
	assert_memory_equal(c.origin, other, ORIGIN_BYTES);
}

static void
test_get_and_chain(void **state)
{
	struct office *o = *state;
	struct credential c, chain[CREDENTIAL_CHAIN_MAX];
	uint8_t nobody[ORIGIN_BYTES] = { 1 };
	size_t count;

	for (size_t n = 0; n < 2; n++) {
		struct engine *e = o->nodes[n].engine;

		assert_int_equal(credential_get(e, o->nodes[COMMUNE].origin, &c), RC_OK);
		assert_string_equal(c.unit, OFFICE_A);
		assert_int_equal(credential_chain(e, c.origin, chain, &count, &o->diag), RC_OK);
		assert_int_equal(count, 1);
		assert_int_equal(
		    credential_chain_check(&c, chain, count, o->root_pubkey, &o->diag), RC_OK);
		assert_int_equal(credential_get(e, nobody, &c), RC_NOTFOUND);
	}
}

static void
test_chain_broken(void **state)
{
	struct office *o = *state;
	struct credential c, chain[CREDENTIAL_CHAIN_MAX], bad;
	uint8_t root[PUBKEY_BYTES];
	size_t count;

	assert_int_equal(
	    credential_get(o->nodes[PROVINCE].engine, o->nodes[COMMUNE].origin, &c), RC_OK);
	assert_int_equal(
	    credential_chain(o->nodes[PROVINCE].engine, c.origin, chain, &count, &o->diag), RC_OK);
	diag_init(&o->diag);
	assert_int_equal(credential_chain_check(&c, chain, 0, o->root_pubkey, &o->diag), RC_PEER);
	assert_non_null(strstr(o->diag.text, "missing from its chain"));
	memcpy(root, o->root_pubkey, PUBKEY_BYTES);
	root[0] ^= 1;
	diag_init(&o->diag);
	assert_int_equal(credential_chain_check(&c, chain, count, root, &o->diag), RC_PEER);
	assert_non_null(strstr(o->diag.text, "signature does not check"));
	bad = c;
	bad.level = LEVEL_PROVINCE;
	assert_int_equal(
	    credential_chain_check(&bad, chain, count, o->root_pubkey, &o->diag), RC_PEER);
	bad = c;
	bad.proof[3] ^= 1;
	assert_int_equal(
	    credential_chain_check(&bad, chain, count, o->root_pubkey, &o->diag), RC_PEER);
}

static enum rc
count_step(void *ctx, const struct credential *c)
{
	size_t *n = ctx;

	assert_true(c->unit[0] != '\0');
	(*n)++;
	return RC_OK;
}

static void
test_each(void **state)
{
	struct office *o = *state;
	size_t n = 0;

	assert_int_equal(credential_each(o->nodes[COMMUNE].engine, count_step, &n), RC_OK);
	assert_int_equal(n, 2);
}

/* A signed statement holds for its purpose, its bytes and its signer, together. */
static void
test_statements(void **state)
{
	struct office *o = *state;
	const uint8_t *pubkey = engine_self(o->nodes[COMMUNE].engine)->pubkey;
	uint8_t signature[SIGNATURE_BYTES];

	credential_sign(o->nodes[COMMUNE].engine, span_str("invite"), span_str("x"), signature);
	assert_true(credential_verify(pubkey, span_str("invite"), span_str("x"), signature));
	assert_false(credential_verify(pubkey, span_str("invite"), span_str("y"), signature));
	assert_false(credential_verify(pubkey, span_str("other"), span_str("x"), signature));
	assert_false(credential_verify(pubkey, span_str("invitex"), span_str(""), signature));
	assert_false(
	    credential_verify(o->root_pubkey, span_str("invite"), span_str("x"), signature));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_damaged),
		TEST(test_level),
		TEST(test_issue_refused),
		TEST(test_invitation_once),
		TEST(test_origin),
		TEST(test_get_and_chain),
		TEST(test_chain_broken),
		TEST(test_each),
		TEST(test_statements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
