#include "save_impl.h"

#include <string.h>

#define COLUMN_BYTES_DEFAULT 4096

static enum rc
text_check(const struct catalogue_table *t, const struct catalogue_column *col, struct span s, struct diag *d)
{
	size_t i;

	if (!value_text_ok(s))
		return diag_fail(d, RC_INPUT, "%s.%s: the text is not valid UTF-8 or holds a NUL", t->name, col->name);
	for (i = 0; col->choices != NULL && col->choices[i] != NULL; i++)
		if (span_eq(span_str(col->choices[i]), s))
			return RC_OK;
	if (col->choices == NULL)
		return RC_OK;
	{
		struct bytes list;
		enum rc rc;

		bytes_init(&list);
		for (i = 0; col->choices[i] != NULL; i++)
			bytes_fmt(&list, "%s%s", i == 0 ? "" : ", ", col->choices[i]);
		rc = diag_fail(d, RC_INPUT, "%s.%s: '%.*s' is not one of: %s", t->name, col->name,
		    (int)(s.n > 60 ? 60 : s.n), (const char *)s.p, bytes_cstr(&list) == NULL ? "?" : (char *)list.p);
		bytes_free(&list);
		return rc;
	}
}

/* Where the row @key of @to is: its version tells its stream, and so its scope.  Rows of one form mostly name the same
 * parent, so the last answer is kept. */
static enum rc
parent_find(struct save *s, const struct catalogue_table *to, struct span key, unit_id *unit, struct diag *d)
{
	struct value parent[COLUMNS_MAX];
	struct table_plan *p;
	uint64_t v;
	enum rc rc;

	if ((rc = row_plan_of(s->e, to, &p, d)) != RC_OK)
		return rc;
	if (s->parent_plan == p && span_eq(span_of(s->parent_key.b, s->parent_key.n), key)) {
		*unit = s->parent_unit;
		return RC_OK;
	}
	if (key.n > sizeof(s->parent_key.b))
		return RC_NOTFOUND;
	if ((rc = row_get(s->e, p, key, parent, &v, d)) != RC_OK)
		return rc;
	row_get_done(p);
	*unit = stream_at(s->e, VERSION_SID(v))->unit;
	s->parent_plan = p;
	memcpy(s->parent_key.b, key.p, key.n);
	s->parent_key.n = key.n;
	s->parent_unit = *unit;
	return RC_OK;
}

/* A COLUMN_KEY or a text key must name a row that is here. */
static enum rc
ref_check(struct save *s, const struct table_plan *p, size_t at, struct value v, struct diag *d)
{
	const struct catalogue_table *t = p->t, *to = p->ref[at];
	const struct catalogue_column *col = &t->columns[at];
	unit_id unit;
	enum rc rc = parent_find(s, to, v.s, &unit, d);

	if (rc != RC_NOTFOUND)
		return rc;
	if (to->has_text_key)
		return diag_fail(d, RC_INPUT, "%s.%s: there is no %s '%.*s'", t->name, col->name, to->name,
		    (int)(v.s.n > 60 ? 60 : v.s.n), (const char *)v.s.p);
	return diag_fail(d, RC_INPUT, "%s.%s: there is no such %s", t->name, col->name, to->name);
}

static enum rc
unit_check(struct save *s, const struct table_plan *p, size_t at, struct value v, struct diag *d)
{
	const struct catalogue_table *t = p->t;
	const struct catalogue_column *col = &t->columns[at];
	unit_id u = unit_find(s->e, v.s);
	bool is_scope = t->scope == SCOPE_COLUMN && p->scope_at == (int)at;
	/* The list of units is where units come from: it may name one whose row stands later in the same file. */
	bool is_unit_list = strcmp(t->name, s->e->catalogue.unit_table) == 0;

	if (is_unit_list)
		return RC_OK;
	if (u == UNIT_NONE || (!unit_is_known(s->e, u) && u != s->e->root_unit && u != s->e->self_unit))
		return diag_fail(d, RC_INPUT, "%s.%s: there is no unit '%.*s' in the list of units", t->name, col->name,
		    (int)(v.s.n > 40 ? 40 : v.s.n), (const char *)v.s.p);
	if (is_scope && !unit_is_within(s->e, u, s->e->self_unit))
		return diag_fail(d, RC_DENIED, "%s.%s: unit %.*s is not below this node's unit %s", t->name, col->name,
		    (int)v.s.n, (const char *)v.s.p, s->e->self.unit);
	return RC_OK;
}

static bool
is_blank(struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\n')
			return false;
	return true;
}

enum rc
save_check_cell(struct save *s, const struct table_plan *p, size_t at, struct value v, struct diag *d)
{
	const struct catalogue_table *t = p->t;
	const struct catalogue_column *col = &t->columns[at];
	size_t bytes_max = col->max > 0 ? (size_t)col->max : COLUMN_BYTES_DEFAULT;
	enum rc rc;

	if (v.type == VALUE_NULL || (v.type == VALUE_TEXT && col->required && is_blank(v.s)))
		return col->required ? diag_fail(d, RC_INPUT, "%s.%s must not be empty", t->name, col->name) : RC_OK;
	if (col->type == COLUMN_INTEGER) {
		if (v.type != VALUE_INT)
			return diag_fail(d, RC_INPUT, "%s.%s must be a whole number", t->name, col->name);
		if (col->min < col->max && (v.i < col->min || v.i > col->max))
			return diag_fail(d, RC_INPUT, "%s.%s: %lld is outside %lld to %lld", t->name, col->name,
			    (long long)v.i, (long long)col->min, (long long)col->max);
		return RC_OK;
	}
	if (v.type != (col->type == COLUMN_BLOB || col->type == COLUMN_KEY ? VALUE_BLOB : VALUE_TEXT))
		return diag_fail(d, RC_INPUT, "%s.%s must be %s", t->name, col->name,
		    col->type == COLUMN_BLOB ? "bytes" : col->type == COLUMN_KEY ? "a row's key" : "text");
	if (col->type == COLUMN_KEY && v.s.n != KEY_BYTES)
		return diag_fail(d, RC_INPUT, "%s.%s must be a row's key", t->name, col->name);
	if ((col->type == COLUMN_TEXT || col->type == COLUMN_BLOB) && v.s.n > bytes_max)
		return diag_fail(d, RC_INPUT, "%s.%s: %zu bytes, at most %zu are allowed", t->name, col->name, v.s.n,
		    bytes_max);
	if (v.type == VALUE_TEXT && (rc = text_check(t, col, v.s, d)) != RC_OK)
		return rc;
	if (col->type == COLUMN_UNIT)
		return unit_check(s, p, at, v, d);
	return col->ref != NULL ? ref_check(s, p, at, v, d) : RC_OK;
}

enum rc
save_check_cells(struct save *s, const struct save_shape *sh, const struct save_cell *cells, bool is_insert,
    struct diag *d)
{
	const struct table_plan *p = sh->plan;
	const struct catalogue_table *t = p->t;
	uint64_t missing;
	enum rc rc;
	size_t i;

	for (i = 0; i < sh->count; i++) {
		if (!is_insert && t->scope == SCOPE_COLUMN && sh->at[i] == p->scope_at)
			continue;	/* compared with what stands there: it may be repeated, not changed */
		if ((rc = save_check_cell(s, p, sh->at[i], cells[i].value, d)) != RC_OK)
			return rc;
	}
	missing = is_insert ? p->required & ~sh->set : 0;
	if (t->scope == SCOPE_COLUMN)
		missing &= ~(UINT64_C(1) << p->scope_at);
	if (missing == 0)
		return RC_OK;
	return diag_fail(d, RC_INPUT, "%s.%s must be given for a new row", t->name,
	    t->columns[__builtin_ctzll(missing)].name);
}

enum rc
save_check_double(const struct table_plan *p, struct diag *d)
{
	struct bytes list;
	enum rc rc;
	size_t i;

	bytes_init(&list);
	for (i = 0; p->t->unique[i] != NULL; i++)
		bytes_fmt(&list, "%s%s", i == 0 ? "" : ", ", p->t->unique[i]);
	rc = diag_fail(d, RC_CONFLICT, "%s: there is a row with the same %s already", p->t->name,
	    bytes_cstr(&list) == NULL ? "values" : (char *)list.p);
	bytes_free(&list);
	return rc;
}

enum rc
save_check_unique(struct save *s, struct table_plan *p, const struct value *values, struct span key, struct diag *d)
{
	bool is_double;
	enum rc rc = row_has_double(s->e, p, key, values, &is_double, d);

	return rc == RC_OK && is_double ? save_check_double(p, d) : rc;
}

static enum rc
parent_scope(struct save *s, const struct table_plan *p, const struct value *values, unit_id *unit, struct diag *d)
{
	const struct catalogue_table *t = p->t, *to = p->ref[p->scope_at];
	int at = p->scope_at;
	enum rc rc;

	if (values[at].type != VALUE_BLOB)
		return diag_fail(d, RC_INPUT, "%s.%s must be given: it says where the row belongs", t->name,
		    t->scope_column);
	rc = parent_find(s, to, values[at].s, unit, d);
	return rc == RC_NOTFOUND ? diag_fail(d, RC_INPUT, "%s.%s: there is no such %s", t->name, t->scope_column,
	    to->name) : rc;
}

enum rc
save_check_scope(struct save *s, const struct table_plan *p, const struct value *values, unit_id *unit, struct diag *d)
{
	const struct catalogue_table *t = p->t;
	enum rc rc;

	*unit = s->unit;
	if (t->scope == SCOPE_ROOT) {
		*unit = s->e->root_unit;
	} else if (t->scope == SCOPE_COLUMN) {
		*unit = values[p->scope_at].type == VALUE_TEXT ? unit_find(s->e, values[p->scope_at].s) : UNIT_NONE;
	} else if ((rc = parent_scope(s, p, values, unit, d)) != RC_OK) {
		return rc;
	}
	if (*unit == UNIT_NONE)
		return diag_fail(d, RC_INPUT, "%s: the row is addressed to no known unit", t->name);
	return RC_OK;
}
