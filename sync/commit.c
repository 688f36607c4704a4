/* Happy path of emit: sort the ops, write the header, then group by group.  Of parse: the same in reverse; every count
 * meets its limit before memory is asked for.  Failure of parse is one answer, RC_PEER, whatever was wrong. */
#include "commit.h"

#include "commit_code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND_TEXT_KEYS 0x10
#define CAUSE_IS_DOWN 1
#define CAUSE_SAME_UNIT 2

/* --- order and groups ------------------------------------------------------------------------------------------ */

static int
columns_cmp(const struct commit_op *a, const struct commit_op *b)
{
	return span_cmp(span_of(a->columns, a->columns_count), span_of(b->columns, b->columns_count));
}

static bool
is_insertion(const struct commit_op *op)
{
	return op->kind == COMMIT_INSERT || op->kind == COMMIT_REINSERT;
}

static int
group_cmp(const struct commit_op *a, const struct commit_op *b)
{
	if (a->table != b->table)
		return a->table < b->table ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return is_insertion(a) || a->kind == COMMIT_DELETE ? 0 : columns_cmp(a, b);
}

static int
op_cmp(const void *pa, const void *pb)
{
	const struct commit_op *a = pa, *b = pb;
	int c = group_cmp(a, b);

	return c != 0 ? c : span_cmp(a->key, b->key);
}

const struct value *
commit_op_value(const struct commit_op *op, unsigned number)
{
	size_t i;

	for (i = 0; i < op->columns_count; i++)
		if (op->columns[i] == number)
			return &op->values[i];
	return NULL;
}

const struct commit_op *
commit_op_find(const struct commit *c, uint16_t table, struct span key)
{
	size_t i;

	for (i = 0; i < c->ops_count; i++)
		if (c->ops[i].table == table && span_eq(c->ops[i].key, key))
			return &c->ops[i];
	return NULL;
}

/* --- emit -------------------------------------------------------------------------------------------------------- */

#define FEW_ROWS 64

struct group {
	const struct commit_op *ops;
	size_t rows;
	const uint8_t *columns;		/* @all, or those of the first op */
	size_t columns_count;
	uint8_t all[COLUMN_NUMBER_MAX];
	struct value *values;		/* one column of all rows; @few when that is enough */
	struct value few[FEW_ROWS];
};

/* The columns of a group: of an update those of each row; of insertions those not NULL in some row. */
static void
group_columns(struct group *g)
{
	uint64_t used[(COLUMN_NUMBER_MAX + 1) / 64] = { 0 }, left;
	size_t i, j;

	g->columns = g->ops[0].columns;
	g->columns_count = g->ops[0].kind == COMMIT_DELETE ? 0 : g->ops[0].columns_count;
	if (!is_insertion(&g->ops[0]))
		return;
	for (i = 0; i < g->rows; i++)
		for (j = 0; j < g->ops[i].columns_count; j++)
			if (g->ops[i].values[j].type != VALUE_NULL)
				used[g->ops[i].columns[j] / 64] |= UINT64_C(1) << g->ops[i].columns[j] % 64;
	g->columns = g->all;
	g->columns_count = 0;
	for (i = 0; i < sizeof(used) / sizeof(used[0]); i++)
		for (left = used[i]; left != 0; left &= left - 1)
			g->all[g->columns_count++] = (uint8_t)(i * 64 + (size_t)__builtin_ctzll(left));
}

/* What the rows have in the group's @at-th column, which is about the @at-th of theirs. */
static void
group_values(struct group *g, size_t at)
{
	uint8_t number = g->columns[at];
	size_t i, k;

	for (i = 0; i < g->rows; i++) {
		const struct commit_op *op = &g->ops[i];

		k = at < op->columns_count ? at + 1 : op->columns_count;
		while (k < op->columns_count && op->columns[k] <= number)
			k++;
		while (k > 0 && op->columns[k - 1] > number)
			k--;
		g->values[i] = k > 0 && op->columns[k - 1] == number ? op->values[k - 1] : value_null();
	}
}

static void
ref_emit(const struct commit_ref *ref, uint64_t seq, struct bytes *out)
{
	wr_varint(out, ref->origin);
	wr_varint(out, ref->origin == 0 ? seq - ref->seq : ref->seq);
}

static void
group_prevs_emit(const struct group *g, uint64_t seq, struct bytes *out)
{
	const struct commit_ref *first = g->ops[0].prevs;
	bool is_const = g->ops[0].prevs_count == 1;
	size_t i, j;

	for (i = 1; i < g->rows && is_const; i++)
		is_const = g->ops[i].prevs_count == 1 && g->ops[i].prevs[0].origin == first->origin &&
		    g->ops[i].prevs[0].seq == first->seq;
	wr_u8(out, is_const ? 1 : 0);
	if (is_const) {
		ref_emit(first, seq, out);
		return;
	}
	for (i = 0; i < g->rows; i++) {
		wr_varint(out, g->ops[i].prevs_count);
		for (j = 0; j < g->ops[i].prevs_count; j++)
			ref_emit(&g->ops[i].prevs[j], seq, out);
	}
}

static void
group_columns_emit(const struct group *g, struct bytes *out)
{
	size_t i;

	wr_varint(out, g->columns_count);
	for (i = 0; i < g->columns_count; i++)
		wr_varint(out, i == 0 ? g->columns[0] : (uint64_t)(g->columns[i] - g->columns[i - 1] - 1));
}

static enum rc
group_emit(struct group *g, struct code_key *last, uint64_t seq, struct bytes *out)
{
	size_t i;

	group_columns(g);
	g->values = g->few;
	if (g->rows > FEW_ROWS && (g->values = mem_array(g->rows, sizeof(*g->values))) == NULL)
		return RC_NOMEM;
	wr_varint(out, g->ops[0].table);
	wr_u8(out, (uint8_t)((unsigned)g->ops[0].kind | (g->ops[0].has_text_key ? KIND_TEXT_KEYS : 0)));
	wr_varint(out, g->rows);
	if (g->ops[0].kind != COMMIT_DELETE)
		group_columns_emit(g, out);
	for (i = 0; i < g->rows; i++) {
		if (g->ops[i].has_text_key)
			wr_blob(out, g->ops[i].key);
		else
			commit_code_key_emit(last, g->ops[i].key.p, out);
	}
	if (g->ops[0].kind != COMMIT_INSERT)
		group_prevs_emit(g, seq, out);
	for (i = 0; i < g->columns_count; i++) {
		group_values(g, i);
		commit_code_column_emit(last, g->values, g->rows, out);
	}
	if (g->values != g->few)
		mem_free(g->values);
	return RC_OK;
}

static size_t
group_length(const struct commit_op *ops, size_t count)
{
	size_t n = 1;

	while (n < count && group_cmp(&ops[0], &ops[n]) == 0)
		n++;
	return n;
}

static void
header_emit(const struct commit *c, struct bytes *out)
{
	size_t i;

	wr_u8(out, SYNC_FORMAT);
	wr_varint(out, c->schema);
	wr_u64(out, c->hlc);
	wr_varint(out, c->hlc - c->txn);
	wr_blob(out, c->author);
	wr_varint(out, c->others_count);
	for (i = 0; i < c->others_count; i++)
		bytes_put(out, c->others[i], ORIGIN_BYTES);
	wr_varint(out, c->frontier_count);
	for (i = 0; i < c->frontier_count; i++) {
		const struct commit_cause *f = &c->frontier[i];
		bool is_same = i > 0 && span_eq(f->unit, c->frontier[i - 1].unit);

		wr_u8(out, (uint8_t)((f->reach == REACH_DOWN ? CAUSE_IS_DOWN : 0) | (is_same ? CAUSE_SAME_UNIT : 0)));
		bytes_put(out, f->origin, ORIGIN_BYTES);
		if (!is_same)
			wr_blob(out, f->unit);
		wr_varint(out, f->seq);
	}
}

enum rc
commit_emit(struct commit *c, const uint8_t origin[ORIGIN_BYTES], uint64_t seq, struct bytes *out, struct diag *d)
{
	struct code_key last;
	struct group g;
	size_t i, groups = 0, start = out->n;
	enum rc rc;

	if (c->ops_count > COMMIT_ROWS_MAX)
		return diag_fail(d, RC_LIMIT, "a save of %zu rows is too large: at most %d at once; save it in parts",
		    c->ops_count, COMMIT_ROWS_MAX);
	for (i = 1; i < c->ops_count && op_cmp(&c->ops[i - 1], &c->ops[i]) <= 0;)
		i++;
	if (i < c->ops_count)
		qsort(c->ops, c->ops_count, sizeof(*c->ops), op_cmp);
	header_emit(c, out);
	for (i = 0; i < c->ops_count; i += group_length(c->ops + i, c->ops_count - i))
		groups++;
	wr_varint(out, groups);
	commit_code_start(&last, c->hlc, origin);
	for (i = 0; i < c->ops_count; i += g.rows) {
		g.ops = c->ops + i;
		g.rows = group_length(g.ops, c->ops_count - i);
		if ((rc = group_emit(&g, &last, seq, out)) != RC_OK)
			return rc;
	}
	if (bytes_rc(out) != RC_OK)
		return RC_NOMEM;
	if (out->n - start > COMMIT_BYTES_MAX)
		return diag_fail(d, RC_LIMIT, "a save of %zu bytes is too large: at most %d at once; save it in parts",
		    out->n - start, COMMIT_BYTES_MAX);
	return RC_OK;
}

enum rc
commit_check_canonical(struct commit *c, struct span body, const uint8_t origin[ORIGIN_BYTES], uint64_t seq)
{
	struct bytes again;
	size_t i;
	enum rc rc;

	bytes_init(&again);
	rc = commit_emit(c, origin, seq, &again, NULL);
	if (rc == RC_OK && !span_eq(span_bytes(&again), body))
		rc = RC_PEER;
	bytes_free(&again);
	/* Of two ops on one row, the order of sorting is nobody's promise. */
	for (i = 1; i < c->ops_count && rc == RC_OK; i++)
		if (op_cmp(&c->ops[i - 1], &c->ops[i]) == 0)
			rc = RC_PEER;
	return rc == RC_LIMIT ? RC_PEER : rc;
}

/* --- parse ------------------------------------------------------------------------------------------------------- */

#define MEMORY_BYTES 2048	/* taken at once; a larger piece gets a block of its own */

struct commit_memory {
	struct commit_memory *next;
	size_t left;
	max_align_t data[];
};

static void *
memory_take(struct commit *c, size_t count, size_t size)
{
	struct commit_memory *m = c->memory;
	size_t n, block;
	void *at;

	if (size != 0 && count > SIZE_MAX / 2 / size)
		return NULL;
	n = (count * size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (m == NULL || m->left < n) {
		block = n > MEMORY_BYTES ? n : MEMORY_BYTES;
		if ((m = mem_grow(NULL, 1, sizeof(*m) + block)) == NULL)
			return NULL;
		m->left = block;
		m->next = c->memory;
		c->memory = m;
	}
	m->left -= n;
	at = (uint8_t *)m->data + m->left;
	memset(at, 0, count * size);
	return at;
}

void
commit_free(struct commit *c)
{
	struct commit_memory *m = c->memory, *next;

	for (; m != NULL; m = next) {
		next = m->next;
		mem_free(m);
	}
	mem_free(c->ops);
	memset(c, 0, sizeof(*c));
}

struct parse {
	struct commit *c;
	struct rd r;
	struct code_key last;
	uint64_t seq;
	bool is_out_of_memory;
};

static void *
parse_take(struct parse *p, size_t count, size_t size)
{
	void *at = memory_take(p->c, count, size);

	if (at == NULL) {
		p->is_out_of_memory = true;
		rd_fail(&p->r);
	}
	return at;
}

static void
frontier_parse(struct parse *p)
{
	struct commit *c = p->c;
	size_t i, count = (size_t)rd_varint_max(&p->r, COMMIT_FRONTIER_MAX);

	if (count == 0 || (c->frontier = parse_take(p, count, sizeof(*c->frontier))) == NULL)
		return;
	for (i = 0; i < count && rd_ok(&p->r); i++) {
		struct commit_cause *f = &c->frontier[i];
		unsigned flags = rd_u8(&p->r);
		struct span origin = rd_fixed(&p->r, ORIGIN_BYTES);

		if (flags > 3 || (i == 0 && (flags & CAUSE_SAME_UNIT) != 0) || origin.n != ORIGIN_BYTES) {
			rd_fail(&p->r);
			return;
		}
		memcpy(f->origin, origin.p, ORIGIN_BYTES);
		f->reach = (flags & CAUSE_IS_DOWN) != 0 ? REACH_DOWN : REACH_UP;
		f->unit = (flags & CAUSE_SAME_UNIT) != 0 ? c->frontier[i - 1].unit : rd_blob(&p->r, UNIT_BYTES_MAX);
		f->seq = rd_varint(&p->r);
	}
	c->frontier_count = count;
}

static void
header_parse(struct parse *p)
{
	struct commit *c = p->c;
	struct span others;
	uint64_t delta;
	size_t i;

	if (rd_u8(&p->r) != SYNC_FORMAT)
		rd_fail(&p->r);
	c->schema = rd_varint_max(&p->r, UINT32_MAX);
	c->hlc = rd_u64(&p->r);
	delta = rd_varint(&p->r);
	if (delta > c->hlc)
		rd_fail(&p->r);
	c->txn = c->hlc - delta;
	c->author = rd_blob(&p->r, AUTHOR_BYTES_MAX);
	c->others_count = (size_t)rd_varint_max(&p->r, COMMIT_OTHERS_MAX);
	others = rd_fixed(&p->r, c->others_count * ORIGIN_BYTES);
	c->others = (const uint8_t (*)[ORIGIN_BYTES])others.p;
	for (i = 1; i < c->others_count && rd_ok(&p->r); i++)
		if (memcmp(c->others[i - 1], c->others[i], ORIGIN_BYTES) >= 0)
			rd_fail(&p->r);
	frontier_parse(p);
}

static void
ref_parse(struct parse *p, struct commit_ref *ref)
{
	ref->origin = (uint32_t)rd_varint_max(&p->r, p->c->others_count);
	ref->seq = rd_varint(&p->r);
	if (ref->origin == 0) {
		if (ref->seq == 0 || ref->seq >= p->seq)
			rd_fail(&p->r);		/* a version before this one in the same stream */
		ref->seq = p->seq - ref->seq;
	}
	if (ref->seq == 0)
		rd_fail(&p->r);
}

static void
group_prevs_parse(struct parse *p, struct commit_op *ops, size_t rows)
{
	struct commit_ref *refs;
	unsigned flag = rd_u8(&p->r);
	size_t i, j, count;

	if (flag > 1) {
		rd_fail(&p->r);
	} else if (flag == 1) {
		if ((refs = parse_take(p, 1, sizeof(*refs))) == NULL)
			return;
		ref_parse(p, refs);
		for (i = 0; i < rows; i++) {
			ops[i].prevs = refs;
			ops[i].prevs_count = 1;
		}
	} else {
		for (i = 0; i < rows && rd_ok(&p->r); i++) {
			count = (size_t)rd_varint_max(&p->r, COMMIT_PREVS_MAX);
			if (count == 0 || (refs = parse_take(p, count, sizeof(*refs))) == NULL) {
				rd_fail(&p->r);
				return;
			}
			for (j = 0; j < count; j++)
				ref_parse(p, &refs[j]);
			ops[i].prevs = refs;
			ops[i].prevs_count = count;
		}
	}
}

static size_t
group_columns_parse(struct parse *p, uint8_t *columns)
{
	size_t i, count = (size_t)rd_varint_max(&p->r, COLUMN_NUMBER_MAX);
	uint64_t number = 0;

	for (i = 0; i < count && rd_ok(&p->r); i++) {
		number += rd_varint_max(&p->r, COLUMN_NUMBER_MAX) + (i > 0 ? 1 : 0);
		if (number > COLUMN_NUMBER_MAX || number == 0) {
			rd_fail(&p->r);
			return 0;
		}
		columns[i] = (uint8_t)number;
	}
	return count;
}

static void
group_keys_parse(struct parse *p, struct commit_op *ops, size_t rows, bool has_text_key)
{
	uint8_t *keys = has_text_key ? NULL : parse_take(p, rows, KEY_BYTES);
	size_t i;

	for (i = 0; i < rows && rd_ok(&p->r); i++) {
		ops[i].has_text_key = has_text_key;
		if (has_text_key) {
			ops[i].key = rd_blob(&p->r, KEY_TEXT_BYTES_MAX);
			if (ops[i].key.n == 0)
				rd_fail(&p->r);
		} else {
			commit_code_key_parse(&p->last, &p->r, keys + i * KEY_BYTES);
			ops[i].key = span_of(keys + i * KEY_BYTES, KEY_BYTES);
		}
	}
}

/* Values are stored row by row, so that an op borrows one run of them. */
static void
group_values_parse(struct parse *p, struct commit_op *ops, size_t rows, const uint8_t *columns, size_t count)
{
	struct value *values;
	uint8_t *keys;
	size_t i;

	if (count == 0)
		return;
	if ((values = parse_take(p, rows * count, sizeof(*values))) == NULL)
		return;
	for (i = 0; i < count && rd_ok(&p->r); i++) {
		/* Scratch for keys only where the coding byte ahead says that there will be some. */
		bool has_keys = rd_left(&p->r) > 0 &&
		    ((*p->r.p & ~CODE_CONST) == CODE_KEY || (*p->r.p & ~CODE_CONST) == CODE_TAGGED);

		keys = NULL;
		if (has_keys && (keys = parse_take(p, rows, KEY_BYTES)) == NULL)
			return;
		commit_code_column_parse(&p->last, &p->r, values + i, count, rows, keys);
	}
	for (i = 0; i < rows; i++) {
		ops[i].columns = columns;
		ops[i].columns_count = count;
		ops[i].values = values + i * count;
	}
}

static void
group_parse(struct parse *p)
{
	struct commit *c = p->c;
	uint64_t table = rd_varint_max(&p->r, UINT16_MAX);
	unsigned kind = rd_u8(&p->r);
	bool has_text_key = (kind & KIND_TEXT_KEYS) != 0;
	size_t i, rows = (size_t)rd_varint_max(&p->r, COMMIT_ROWS_MAX - c->ops_count), count = 0;
	struct commit_op *ops;
	uint8_t *columns;

	kind &= ~(unsigned)KIND_TEXT_KEYS;
	if (kind < COMMIT_INSERT || kind > COMMIT_REINSERT || rows == 0 || rows > rd_left(&p->r)) {
		rd_fail(&p->r);
		return;
	}
	ops = mem_grow(c->ops, c->ops_count + rows, sizeof(*ops));
	if (ops == NULL || (columns = parse_take(p, COLUMN_NUMBER_MAX + 1, 1)) == NULL) {
		if (ops != NULL)
			c->ops = ops;
		p->is_out_of_memory = true;
		rd_fail(&p->r);
		return;
	}
	c->ops = ops;
	ops += c->ops_count;
	memset(ops, 0, rows * sizeof(*ops));
	for (i = 0; i < rows; i++) {
		ops[i].table = (uint16_t)table;
		ops[i].kind = (enum commit_kind)kind;
	}
	if (kind != COMMIT_DELETE)
		count = group_columns_parse(p, columns);
	group_keys_parse(p, ops, rows, has_text_key);
	if (kind != COMMIT_INSERT)
		group_prevs_parse(p, ops, rows);
	group_values_parse(p, ops, rows, columns, count);
	c->ops_count += rows;
}

static enum rc
parse_into(struct commit *c, struct span body, const uint8_t *origin, uint64_t seq, struct diag *d)
{
	struct parse p = { .c = c, .r = rd_span(body), .seq = seq };
	size_t groups;

	if (body.n > COMMIT_BYTES_MAX)
		return diag_fail(d, RC_PEER, "a commit of %zu bytes exceeds %d", body.n, COMMIT_BYTES_MAX);
	header_parse(&p);
	commit_code_start(&p.last, c->hlc, origin);
	for (groups = (size_t)rd_varint_max(&p.r, COMMIT_ROWS_MAX); groups > 0 && rd_ok(&p.r); groups--)
		group_parse(&p);
	if (rd_done(&p.r))
		return RC_OK;
	commit_free(c);
	if (p.is_out_of_memory)
		return diag_fail(d, RC_NOMEM, "no memory to decode a commit");
	return diag_fail(d, RC_PEER, "commit %llu is malformed", (unsigned long long)seq);
}

enum rc
commit_parse(struct commit *c, struct span body, const uint8_t origin[ORIGIN_BYTES], uint64_t seq, struct diag *d)
{
	memset(c, 0, sizeof(*c));
	return parse_into(c, body, origin, seq, d);
}

enum rc
commit_parse_copy(struct commit *c, struct span body, const uint8_t origin[ORIGIN_BYTES], uint64_t seq, struct diag *d)
{
	uint8_t *copy;

	memset(c, 0, sizeof(*c));
	if ((copy = memory_take(c, body.n, 1)) == NULL)
		return RC_NOMEM;
	memcpy(copy, body.p, body.n);
	return parse_into(c, span_of(copy, body.n), origin, seq, d);
}

enum rc
commit_hlc(struct span body, uint64_t *hlc)
{
	struct rd r = rd_span(body);

	if (rd_u8(&r) != SYNC_FORMAT)
		rd_fail(&r);
	(void)rd_varint_max(&r, UINT32_MAX);
	*hlc = rd_u64(&r);
	return rd_ok(&r) ? RC_OK : RC_PEER;
}

void
commit_name(const uint8_t origin[ORIGIN_BYTES], uint64_t txn, char out[COMMIT_NAME_CHARS + 1])
{
	static const char hex[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < ORIGIN_BYTES; i++) {
		out[2 * i] = hex[origin[i] >> 4];
		out[2 * i + 1] = hex[origin[i] & 15];
	}
	out[16] = '-';
	for (i = 0; i < 16; i++)
		out[17 + i] = hex[txn >> (60 - 4 * i) & 15];
	out[COMMIT_NAME_CHARS] = '\0';
}
