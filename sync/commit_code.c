#include "commit_code.h"

#include <string.h>

static uint64_t
be_read(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static uint64_t
key_time(const uint8_t *b)
{
	return be_read(b, 6);
}

static uint32_t
key_counter(const uint8_t *b)
{
	return (uint32_t)be_read(b + 6, 4);
}

static void
key_next(const uint8_t *b, uint8_t out[KEY_BYTES])
{
	uint32_t counter = key_counter(b) + 1;

	memcpy(out, b, KEY_BYTES);
	out[6] = (uint8_t)(counter >> 24);
	out[7] = (uint8_t)(counter >> 16);
	out[8] = (uint8_t)(counter >> 8);
	out[9] = (uint8_t)counter;
}

void
commit_code_start(struct code_key *k, uint64_t hlc, const uint8_t origin[ORIGIN_BYTES])
{
	struct key key;

	key_make(&key, HLC_MS(hlc), (uint32_t)((hlc & 0xFFFF) << 16) - 1, origin);
	memcpy(k->b, key.b, KEY_BYTES);
}

void
commit_code_key_emit(struct code_key *last, const uint8_t key[KEY_BYTES], struct bytes *out)
{
	uint8_t next[KEY_BYTES];

	key_next(last->b, next);
	if (memcmp(key, last->b, KEY_BYTES) == 0) {
		wr_u8(out, 3);
	} else if (memcmp(key, next, KEY_BYTES) == 0) {
		wr_u8(out, 0);
	} else if (memcmp(key + 10, last->b + 10, ORIGIN_SHORT_BYTES) == 0) {
		wr_u8(out, 1);
		wr_signed(out, (int64_t)key_time(key) - (int64_t)key_time(last->b));
		wr_signed(out, (int64_t)key_counter(key) - (int64_t)key_counter(last->b));
	} else {
		wr_u8(out, 2);
		bytes_put(out, key, KEY_BYTES);
	}
	memcpy(last->b, key, KEY_BYTES);
}

static void
key_parse_delta(struct code_key *last, struct rd *r, uint8_t out[KEY_BYTES])
{
	int64_t dms = rd_signed(r), dcounter = rd_signed(r);
	int64_t ms, counter;
	struct key key;

	if (dms > INT64_C(1) << 48 || dms < -(INT64_C(1) << 48) ||
	    dcounter > UINT32_MAX || dcounter < -(int64_t)UINT32_MAX) {
		rd_fail(r);
		return;
	}
	ms = (int64_t)key_time(last->b) + dms;
	counter = (int64_t)key_counter(last->b) + dcounter;
	if (ms < 0 || ms >> 48 != 0 || counter < 0 || counter > UINT32_MAX) {
		rd_fail(r);
		return;
	}
	key_make(&key, (uint64_t)ms, (uint32_t)counter, last->b + 10);
	memcpy(out, key.b, KEY_BYTES);
}

void
commit_code_key_parse(struct code_key *last, struct rd *r, uint8_t out[KEY_BYTES])
{
	struct span raw;

	memset(out, 0, KEY_BYTES);
	switch (rd_u8(r)) {
	case 0:
		key_next(last->b, out);
		break;
	case 1:
		key_parse_delta(last, r, out);
		break;
	case 2:
		raw = rd_fixed(r, KEY_BYTES);
		if (raw.n == KEY_BYTES)
			memcpy(out, raw.p, KEY_BYTES);
		break;
	case 3:
		memcpy(out, last->b, KEY_BYTES);
		break;
	default:
		rd_fail(r);
	}
	memcpy(last->b, out, KEY_BYTES);
}

static enum commit_coding
value_coding(struct value v)
{
	switch (v.type) {
	case VALUE_INT:
		return CODE_INT;
	case VALUE_TEXT:
		return CODE_TEXT;
	case VALUE_BLOB:
		return v.s.n == KEY_BYTES ? CODE_KEY : CODE_BLOB;
	default:
		return CODE_NULLS;
	}
}

static void
value_emit(struct code_key *last, enum commit_coding coding, struct value v, struct bytes *out)
{
	if (coding == CODE_INT)
		wr_signed(out, v.i);
	else if (coding == CODE_KEY)
		commit_code_key_emit(last, v.s.p, out);
	else if (coding == CODE_TEXT || coding == CODE_BLOB)
		wr_blob(out, v.s);
}

void
commit_code_column_emit(struct code_key *last, const struct value *values, size_t rows, struct bytes *out)
{
	enum commit_coding coding = value_coding(values[0]);
	bool is_const = rows > 1;
	size_t i;

	for (i = 1; i < rows; i++) {
		struct value v = values[i];
		enum commit_coding other = value_coding(v);

		is_const = is_const && value_eq(values[0], v);
		if (other == coding)
			continue;
		/* A mix of 16-byte and other blobs is blobs; any other mix carries a tag for each value. */
		coding = (other == CODE_KEY || other == CODE_BLOB) && (coding == CODE_KEY || coding == CODE_BLOB)
		    ? CODE_BLOB : CODE_TAGGED;
	}
	wr_u8(out, (uint8_t)(coding | (is_const ? CODE_CONST : 0)));
	for (i = 0; i < (is_const ? 1 : rows); i++) {
		struct value v = values[i];
		enum commit_coding own = coding;

		if (coding == CODE_TAGGED)
			wr_u8(out, (uint8_t)(own = value_coding(v)));
		value_emit(last, own, v, out);
	}
}

static struct value
value_parse(struct code_key *last, struct rd *r, unsigned coding, uint8_t *key)
{
	switch (coding) {
	case CODE_NULLS:
		return value_null();
	case CODE_INT:
		return value_int(rd_signed(r));
	case CODE_TEXT:
		return value_text(rd_blob(r, COMMIT_BYTES_MAX));
	case CODE_BLOB:
		return value_blob(rd_blob(r, COMMIT_BYTES_MAX));
	case CODE_KEY:
		commit_code_key_parse(last, r, key);
		return value_blob(span_of(key, KEY_BYTES));
	default:
		rd_fail(r);
		return value_null();
	}
}

void
commit_code_column_parse(struct code_key *last, struct rd *r, struct value *values, size_t stride, size_t rows,
    uint8_t *keys)
{
	unsigned coding = rd_u8(r);
	bool is_const = (coding & CODE_CONST) != 0;
	size_t i;

	coding &= ~(unsigned)CODE_CONST;
	for (i = 0; i < rows && rd_ok(r); i++) {
		unsigned own = coding;

		if (is_const && i > 0) {
			values[i * stride] = values[0];
			continue;
		}
		if (coding == CODE_TAGGED && (own = rd_u8(r)) == CODE_TAGGED)
			rd_fail(r);
		values[i * stride] = value_parse(last, r, own,
		    keys == NULL ? NULL : keys + i * KEY_BYTES);
	}
}
