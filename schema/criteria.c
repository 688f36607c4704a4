#include "criteria.h"

#include <sqlite3.h>
#include <string.h>

static const struct criteria_file FILES[] = {
	{ "data/regimes.csv", "regime" },
	{ "data/criteria-sets.csv", "criteria_set" },
	{ "data/criteria.csv", "criterion" },
	{ "data/criterion-options.csv", "criterion_option" },
	{ "data/elimination-rules.csv", "elimination_rule" },
	{ "data/proof-types.csv", "proof_type" },
	{ "data/product-groups-2026.csv", "product_group" },
};

static const char SQL_PARTS[] = "SELECT part_a, part_b, part_c FROM criteria_set WHERE set_id = ?1";
static const char SQL_COUNT[] =
    "SELECT count(*) FROM criterion c JOIN criterion_option o ON o.criterion = c.criterion_id"
    " WHERE c.criteria_set = ?1";
static const char SQL_LINES[] =
    "SELECT criterion_id, part, section, section_max, max, kind FROM criterion"
    " WHERE criteria_set = ?1 AND kind IS NOT 'group' ORDER BY position, criterion_id LIMIT ?2";
static const char SQL_OPTIONS[] =
    "SELECT points, min_for_star FROM criterion_option WHERE criterion = ?1 ORDER BY position, option_id";
static const char SQL_SCORES[] = "SELECT criterion, points FROM score WHERE sheet = ?1";

const struct criteria_file *
criteria_files(size_t *count)
{
	*count = sizeof(FILES) / sizeof(FILES[0]);
	return FILES;
}

static enum rc
sql_fail(struct sqlite3 *db, int code, struct diag *d)
{
	return diag_fail(d, code == SQLITE_NOMEM ? RC_NOMEM : RC_DISK, "the criteria cannot be read: %s",
	    sqlite3_errmsg(db));
}

static enum rc
query_open(struct sqlite3 *db, const char *sql, struct span text, struct sqlite3_stmt **out, struct diag *d)
{
	int code = sqlite3_prepare_v2(db, sql, -1, out, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_text(*out, 1, (const char *)text.p, (int)text.n, SQLITE_STATIC);
	return code == SQLITE_OK ? RC_OK : sql_fail(db, code, d);
}

static struct span
text_of(struct sqlite3_stmt *stmt, int i)
{
	const unsigned char *p = sqlite3_column_text(stmt, i);

	return p == NULL ? span_of("", 0) : span_of(p, (size_t)sqlite3_column_bytes(stmt, i));
}

static enum rc
parts_read(struct sqlite3 *db, struct span set_id, struct criteria_form *f, struct diag *d)
{
	struct sqlite3_stmt *stmt = NULL;
	enum rc rc = query_open(db, SQL_PARTS, set_id, &stmt, d);
	int code;

	if (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		for (int i = 0; i < RULES_PARTS; i++)
			f->part_max[i] = sqlite3_column_int(stmt, i);
	} else if (rc == RC_OK) {
		rc = code == SQLITE_DONE ? diag_fail(d, RC_NOTFOUND, "there is no criteria set %.*s; import the "
		    "criteria first", (int)set_id.n, (const char *)set_id.p) : sql_fail(db, code, d);
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* Room for the lines and for every option of the set. */
static enum rc
room_make(struct sqlite3 *db, struct span set_id, struct criteria_form *f, size_t *options_max, struct diag *d)
{
	struct sqlite3_stmt *stmt = NULL;
	enum rc rc = query_open(db, SQL_COUNT, set_id, &stmt, d);
	int code;

	if (rc == RC_OK && (code = sqlite3_step(stmt)) != SQLITE_ROW)
		rc = sql_fail(db, code, d);
	if (rc == RC_OK) {
		*options_max = (size_t)sqlite3_column_int64(stmt, 0);
		f->lines = mem_array(CRITERIA_LINES_MAX, sizeof(*f->lines));
		f->keys = mem_array(CRITERIA_LINES_MAX, sizeof(*f->keys));
		f->options = mem_array(*options_max, sizeof(*f->options));
		if (f->lines == NULL || f->keys == NULL || f->options == NULL)
			rc = RC_NOMEM;
	}
	sqlite3_finalize(stmt);
	return rc;
}

static enum rc
options_read(struct sqlite3 *db, struct criteria_form *f, size_t *used, size_t options_max, struct diag *d)
{
	struct rules_criterion *c = &f->lines[f->count];
	struct sqlite3_stmt *stmt = NULL;
	enum rc rc = query_open(db, SQL_OPTIONS, span_str(f->keys[f->count]), &stmt, d);
	int code = SQLITE_DONE;

	c->options = f->options + *used;
	while (rc == RC_OK && *used < options_max && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		f->options[*used].points = sqlite3_column_int(stmt, 0);
		f->options[*used].min_for_star = sqlite3_column_int(stmt, 1);
		c->options_count++;
		(*used)++;
	}
	if (rc == RC_OK && code != SQLITE_DONE && code != SQLITE_ROW)
		rc = sql_fail(db, code, d);
	sqlite3_finalize(stmt);
	return rc;
}

static void
line_read(struct sqlite3_stmt *stmt, struct criteria_form *f)
{
	struct rules_criterion *c = &f->lines[f->count];
	struct span key = text_of(stmt, 0), part = text_of(stmt, 1), kind = text_of(stmt, 5);
	const struct rules_criterion *before = f->count == 0 ? NULL : c - 1;
	size_t n = key.n < sizeof(f->keys[0]) ? key.n : sizeof(f->keys[0]) - 1;

	memcpy(f->keys[f->count], key.p, n);
	c->part = part.n == 1 && part.p[0] >= 'A' && part.p[0] <= 'C' ? (uint32_t)(part.p[0] - 'A') : RULES_PARTS;
	/* A section has a number of its own; the seed's are A1, A2 …, the law's 1, 2 …: its last digits will do. */
	c->section = 0;
	for (struct span s = text_of(stmt, 2); s.n > 0; s = span_of(s.p + 1, s.n - 1))
		if (s.p[0] >= '0' && s.p[0] <= '9')
			c->section = c->section * 10 + (uint32_t)(s.p[0] - '0');
	c->section_max = sqlite3_column_int(stmt, 3);
	if (sqlite3_column_type(stmt, 3) == SQLITE_NULL)
		c->section_max = before != NULL && before->section == c->section ? before->section_max : 100;
	c->max = sqlite3_column_int(stmt, 4);
	c->kind = span_eq(kind, span_str("yes_no")) ? RULES_YES_NO
	    : span_eq(kind, span_str("points")) ? RULES_POINTS : RULES_OPTIONS;
}

enum rc
criteria_form_load(struct sqlite3 *db, struct span set_id, struct criteria_form *out, struct diag *d)
{
	struct sqlite3_stmt *stmt = NULL;
	size_t options_max = 0, used = 0;
	int code = SQLITE_DONE;
	enum rc rc;

	memset(out, 0, sizeof(*out));
	if ((rc = parts_read(db, set_id, out, d)) == RC_OK &&
	    (rc = room_make(db, set_id, out, &options_max, d)) == RC_OK &&
	    (rc = query_open(db, SQL_LINES, set_id, &stmt, d)) == RC_OK &&
	    (code = sqlite3_bind_int(stmt, 2, CRITERIA_LINES_MAX)) != SQLITE_OK)
		rc = sql_fail(db, code, d);
	while (rc == RC_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		line_read(stmt, out);
		if ((rc = options_read(db, out, &used, options_max, d)) == RC_OK)
			out->count++;
	}
	if (rc == RC_OK && code != SQLITE_DONE)
		rc = sql_fail(db, code, d);
	if (rc == RC_OK && out->count == 0)
		rc = diag_fail(d, RC_NOTFOUND, "criteria set %.*s has nothing to score", (int)set_id.n,
		    (const char *)set_id.p);
	sqlite3_finalize(stmt);
	if (rc != RC_OK)
		criteria_form_free(out);
	return rc;
}

void
criteria_form_free(struct criteria_form *f)
{
	mem_free(f->lines);
	mem_free(f->keys);
	mem_free(f->options);
	memset(f, 0, sizeof(*f));
}

enum rc
criteria_sheet_points(struct sqlite3 *db, struct span sheet, const struct criteria_form *f, int32_t *points,
    struct diag *d)
{
	struct sqlite3_stmt *stmt = NULL;
	int code = sqlite3_prepare_v2(db, SQL_SCORES, -1, &stmt, NULL);

	for (size_t i = 0; i < f->count; i++)
		points[i] = RULES_POINTS_NONE;
	if (code == SQLITE_OK)
		code = sqlite3_bind_blob(stmt, 1, sheet.p, (int)sheet.n, SQLITE_STATIC);
	while ((code == SQLITE_OK || code == SQLITE_ROW) && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct span key = text_of(stmt, 0);

		for (size_t i = 0; i < f->count; i++)
			if (span_eq(key, span_str(f->keys[i])))
				points[i] = sqlite3_column_int(stmt, 1);
	}
	sqlite3_finalize(stmt);
	return code == SQLITE_DONE ? RC_OK : sql_fail(db, code, d);
}
