/* The record: units, streams, commits, rows.  What they add up to is in model_row.c. */
#include "tests/sim/model.h"

#include <stdlib.h>
#include <string.h>

#include "sync/rc.h"

struct model_kept {
	struct model_kept *next;
	uint8_t b[];
};

static void *
grow(void *p, size_t count, size_t *cap, size_t item_bytes)
{
	if (count < *cap)
		return p;
	*cap = *cap == 0 ? 16 : *cap * 2;
	p = realloc(p, *cap * item_bytes);
	INVARIANT(p != NULL);
	return p;
}

static void
list_add(uint32_t **list, size_t *count, size_t *cap, uint32_t item)
{
	*list = grow(*list, *count, cap, sizeof(**list));
	(*list)[(*count)++] = item;
}

struct model *
model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	INVARIANT(m != NULL);
	return m;
}

void
model_free(struct model *m)
{
	struct model_kept *next;

	if (m == NULL)
		return;
	for (size_t i = 0; i < m->streams_count; i++)
		free(m->streams[i].commits);
	for (size_t i = 0; i < m->commits_count; i++)
		free(m->commits[i].ops);
	for (size_t i = 0; i < m->rows_count; i++)
		free(m->rows[i].ops);
	for (; m->kept != NULL; m->kept = next) {
		next = m->kept->next;
		free(m->kept);
	}
	free(m->corrections);
	free(m->commits);
	free(m->ops);
	free(m->rows);
	free(m);
}

struct value
model_keep(struct model *m, struct value v)
{
	struct model_kept *kept;

	if (v.type != VALUE_TEXT && v.type != VALUE_BLOB)
		return v;
	kept = malloc(sizeof(*kept) + v.s.n);
	INVARIANT(kept != NULL);
	if (v.s.n > 0)
		memcpy(kept->b, v.s.p, v.s.n);
	kept->next = m->kept;
	m->kept = kept;
	v.s.p = kept->b;
	return v;
}

/* --- units --- */

int
model_unit_add(struct model *m, const char *key, int parent, enum level level)
{
	struct model_unit *u = &m->units[m->units_count];

	INVARIANT(m->units_count < MODEL_UNITS_MAX);
	INVARIANT(strlen(key) <= UNIT_BYTES_MAX);
	memcpy(u->key, key, strlen(key) + 1);
	u->parent = parent;
	u->level = level;
	return (int)m->units_count++;
}

int
model_unit_find(const struct model *m, struct span key)
{
	for (size_t i = 0; i < m->units_count; i++)
		if (span_eq(span_str(m->units[i].key), key))
			return (int)i;
	return -1;
}

bool
model_unit_is_within(const struct model *m, int unit, int top)
{
	for (; unit >= 0; unit = m->units[unit].parent)
		if (unit == top)
			return true;
	return false;
}

bool
model_holds(const struct model *m, int holder, int unit, enum reach reach)
{
	return model_unit_is_within(m, unit, holder) ||
	    (reach == REACH_DOWN && model_unit_is_within(m, holder, unit));
}

/* Is (@unit, @reach) held by a unit, not founded yet, right below @above? */
static bool
newcomer_holds(const struct model *m, int above, int unit, enum reach reach)
{
	return reach == REACH_DOWN && model_unit_is_within(m, above, unit);
}

bool
model_holders_hold(
    const struct model *m, const struct model_stream *a, const struct model_stream *b)
{
	for (int i = 0; i < (int)m->units_count; i++) {
		if (model_holds(m, i, a->unit, a->reach) && !model_holds(m, i, b->unit, b->reach))
			return false;
		if (newcomer_holds(m, i, a->unit, a->reach) &&
		    !newcomer_holds(m, i, b->unit, b->reach))
			return false;
	}
	return true;
}

/* --- streams and commits --- */

uint32_t
model_stream_of(struct model *m, const uint8_t origin[ORIGIN_BYTES], int origin_unit, int unit,
    enum reach reach)
{
	struct model_stream *s;

	for (uint32_t i = 0; i < m->streams_count; i++) {
		s = &m->streams[i];
		if (memcmp(s->origin, origin, ORIGIN_BYTES) == 0 && s->unit == unit &&
		    s->reach == reach)
			return i;
	}
	INVARIANT(m->streams_count < MODEL_STREAMS_MAX);
	s = &m->streams[m->streams_count];
	memcpy(s->origin, origin, ORIGIN_BYTES);
	s->origin_unit = origin_unit;
	s->level = m->units[origin_unit].level;
	s->unit = unit;
	s->reach = reach;
	return (uint32_t)m->streams_count++;
}

uint32_t
model_commit_add(struct model *m, uint32_t stream, uint64_t hlc, uint64_t save, struct span author,
    const struct model_vector *seen)
{
	struct model_stream *s = &m->streams[stream];
	uint32_t index = (uint32_t)m->commits_count;
	struct model_commit *c;

	m->commits = grow(m->commits, m->commits_count, &m->commits_cap, sizeof(*m->commits));
	c = &m->commits[m->commits_count++];
	memset(c, 0, sizeof(*c));
	c->stream = stream;
	c->seq = (uint32_t)s->commits_count + 1;
	c->hlc = hlc;
	c->save = save;
	c->is_valid = true;
	c->author = model_keep(m, value_text(author));
	c->seen = *seen;
	list_add(&s->commits, &s->commits_count, &s->commits_cap, index);
	return index;
}

struct model_op *
model_op_add(struct model *m, uint32_t commit, uint32_t row, enum model_kind kind)
{
	uint32_t index = (uint32_t)m->ops_count;
	struct model_commit *c = &m->commits[commit];
	struct model_row *r = &m->rows[row];
	struct model_op *op;

	m->ops = grow(m->ops, m->ops_count, &m->ops_cap, sizeof(*m->ops));
	op = &m->ops[m->ops_count++];
	memset(op, 0, sizeof(*op));
	op->commit = commit;
	op->row = row;
	op->kind = kind;
	list_add(&c->ops, &c->ops_count, &c->ops_cap, index);
	list_add(&r->ops, &r->ops_count, &r->ops_cap, index);
	return op;
}

void
model_op_cell(struct model *m, struct model_op *op, size_t column, struct value value)
{
	INVARIANT(op->cells_count < MODEL_COLUMNS_MAX);
	op->cells[op->cells_count++] = (struct model_cell){ column, model_keep(m, value) };
}

static struct value
owner_named(const struct model *m, const struct model_op *op)
{
	const struct catalogue_table *t = tables_at(m->rows[op->row].table);
	int column = catalogue_column_find(t, span_str(t->owner_column));

	for (size_t i = 0; i < op->cells_count; i++)
		if ((int)op->cells[i].column == column)
			return op->cells[i].value;
	return value_null();
}

struct value
model_row_owner(const struct model *m, const struct model_vector *v, uint32_t row)
{
	const struct model_row *r = &m->rows[row];
	struct value owner = value_null();
	uint64_t newest = 0;

	for (size_t i = 0; i < r->ops_count; i++) {
		const struct model_op *op = &m->ops[r->ops[i]];
		const struct model_commit *c = &m->commits[op->commit];

		if (op->kind == MODEL_INSERT && c->is_valid && model_is_held(v, c) &&
		    model_effective(m, v, c) > newest) {
			newest = model_effective(m, v, c);
			owner = owner_named(m, op);
		}
	}
	return owner;
}

static bool
is_first(const struct model *m, const struct model_commit *c, const struct model_op *op)
{
	const struct model_row *r = &m->rows[op->row];

	for (size_t i = 0; i < r->ops_count; i++)
		if (model_saw(c, &m->commits[m->ops[r->ops[i]].commit]))
			return false;
	return true;
}

/* Who inserts a row names himself; from then on it is his, also after a deletion.  What nobody
 * had the right to insert belongs to nobody, whose name is empty. */
static bool
is_owner(const struct model *m, const struct model_commit *c, const struct model_op *op)
{
	struct value owner = model_row_owner(m, &c->seen, op->row);

	if (op->kind == MODEL_INSERT && !value_eq(owner_named(m, op), c->author))
		return false;
	return (op->kind == MODEL_INSERT && is_first(m, c, op)) || span_eq(owner.s, c->author.s);
}

static bool
op_is_allowed(const struct model *m, const struct model_commit *c, const struct model_op *op)
{
	const struct model_row *r = &m->rows[op->row];
	const struct model_stream *s = &m->streams[c->stream];
	const struct catalogue_table *t = tables_at(r->table);

	if (!model_unit_is_within(m, r->unit, s->origin_unit) || s->level < t->level_min)
		return false;
	if (t->is_insert_only && op->kind != MODEL_INSERT)
		return false;
	if (op->kind == MODEL_UPDATE && op->cells_count == 0)
		return true; /* "it stays" writes nothing that is owned */
	if (t->owner == OWNER_UNIT && s->origin_unit != r->unit)
		return false;
	if (t->owner == OWNER_AUTHOR && !is_owner(m, c, op))
		return false;
	for (size_t i = 0; i < op->cells_count; i++)
		if (s->level < t->columns[op->cells[i].column].level_min)
			return false;
	return true;
}

void
model_commit_judge(struct model *m, uint32_t commit)
{
	struct model_commit *c = &m->commits[commit];

	for (size_t i = 0; i < c->ops_count; i++)
		if (!op_is_allowed(m, c, &m->ops[c->ops[i]]))
			c->is_valid = false;
}

const struct model_commit *
model_commit_at(const struct model *m, uint32_t stream, uint32_t seq)
{
	const struct model_stream *s = &m->streams[stream];

	INVARIANT(seq >= 1);
	INVARIANT(seq <= s->commits_count);
	return &m->commits[s->commits[seq - 1]];
}

bool
model_is_held(const struct model_vector *v, const struct model_commit *c)
{
	return c->seq <= v->held[c->stream];
}

bool
model_saw(const struct model_commit *later, const struct model_commit *c)
{
	return model_is_held(&later->seen, c);
}

bool
model_vector_eq(const struct model_vector *a, const struct model_vector *b)
{
	return memcmp(a->held, b->held, sizeof(a->held)) == 0;
}

/* --- clocks --- */

void
model_correct(struct model *m, uint32_t commit, const uint8_t origin[ORIGIN_BYTES], uint64_t since,
    int64_t shift_ms, const uint8_t key[KEY_BYTES])
{
	struct model_correction *k;

	m->corrections =
	    grow(m->corrections, m->corrections_count, &m->corrections_cap, sizeof(*m->corrections));
	k = &m->corrections[m->corrections_count++];
	k->commit = commit;
	memcpy(k->origin, origin, ORIGIN_BYTES);
	k->since = since;
	k->shift_ms = shift_ms;
	memcpy(k->key, key, KEY_BYTES);
}

/* The correction that counts for a reading: the latest beginning, then the highest rank, then the greatest key. */
static const struct model_correction *
correction_of(const struct model *m, const struct model_vector *v, const uint8_t *origin, uint64_t hlc)
{
	const struct model_correction *best = NULL;

	for (size_t i = 0; i < m->corrections_count; i++) {
		const struct model_correction *k = &m->corrections[i];
		const struct model_commit *c = &m->commits[k->commit];
		enum level level = m->streams[c->stream].level, high;

		if (memcmp(k->origin, origin, ORIGIN_BYTES) != 0 || k->since > hlc || !c->is_valid ||
		    !model_is_held(v, c))
			continue;
		high = best == NULL ? LEVEL_NONE : m->streams[m->commits[best->commit].stream].level;
		if (best == NULL || k->since > best->since || (k->since == best->since && (level > high ||
		    (level == high && memcmp(k->key, best->key, KEY_BYTES) > 0))))
			best = k;
	}
	return best;
}

static uint64_t
effective(const struct model *m, const struct model_vector *v, const uint8_t *origin, uint64_t hlc)
{
	const struct model_correction *k = correction_of(m, v, origin, hlc);
	int64_t ms = (int64_t)HLC_MS(hlc);
	uint64_t shifted, before;

	if (k == NULL)
		return hlc;
	shifted = ms + k->shift_ms < 0 ? 0 : HLC_MAKE(ms + k->shift_ms) | (hlc & 0xFFFF);
	before = k->since == 0 ? 0 : effective(m, v, origin, k->since - 1);
	return shifted > before ? shifted : before;
}

uint64_t
model_effective(const struct model *m, const struct model_vector *v, const struct model_commit *c)
{
	return effective(m, v, m->streams[c->stream].origin, c->hlc);
}

/* --- rows --- */

uint32_t
model_row_find(const struct model *m, enum tables_number table, struct value key)
{
	for (uint32_t i = 0; i < m->rows_count; i++)
		if (m->rows[i].table == table && value_eq(m->rows[i].key, key))
			return i;
	return MODEL_NONE;
}

uint32_t
model_row_add(struct model *m, enum tables_number table, struct value key, int unit)
{
	struct model_row *r;

	m->rows = grow(m->rows, m->rows_count, &m->rows_cap, sizeof(*m->rows));
	r = &m->rows[m->rows_count];
	memset(r, 0, sizeof(*r));
	r->table = table;
	r->key = model_keep(m, key);
	r->unit = unit;
	r->reach = tables_at(table)->reach;
	return (uint32_t)m->rows_count++;
}
