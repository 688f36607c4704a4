/* Products with their producers, in two layouts, told apart by the header:
 *   - the province's list of products and what became of them, an event a line (schema/data/products-ha-tinh.csv);
 *   - the table's own columns (name, producer, unit, …), where the producer stands by name or by key.
 * Producers of one name in one unit are one; products of one name, producer and unit are one, and further lines are
 * further events of it. */
#include <sqlite3.h>
#include <string.h>

#include "node/cell.h"
#include "node/import.h"
#include "node/keymap.h"
#include "node/record.h"
#include "node/text.h"

enum {
	LIST_ROW, LIST_NAME, LIST_PRODUCER, LIST_PRODUCER_TYPE, LIST_DISTRICT, LIST_COMMUNE, LIST_SNAPSHOT,
	LIST_CODE, LIST_CODE_2025, LIST_STARS, LIST_EVENT, LIST_DATE, LIST_GROUP, LIST_BUDGET, LIST_FIELDS
};

static const char *const g_list_titles[LIST_FIELDS] = {
	"row", "name", "producer", "producer_type", "district_at_time", "commune_at_time", "units_snapshot",
	"commune_code_at_time", "commune_code_2025_07", "stars", "event", "event_date", "qd26_group_guess",
	"pilot_budget_million_vnd"
};

#define NOTE_BYTES_MAX 8000
#define PLAIN_ID COLUMNS_MAX
#define PLAIN_PRODUCER_TYPE (COLUMNS_MAX + 1)

struct products {
	const struct catalogue_table *product, *producer, *recognition;
	bool is_list;
	struct csv_column list[LIST_FIELDS];
	struct csv_column plain[COLUMNS_MAX + 2];	/* packed; see plain_at */
	size_t plain_at[COLUMNS_MAX + 2];		/* by column of the product, PLAIN_ID, PLAIN_PRODUCER_TYPE */
	struct keymap producers;			/* name, unit */
	struct keymap products;				/* name, producer's key, unit */
};

/* What a product is known by. */
struct named {
	struct span name, unit;
	struct save_key producer;	/* n = 0: none */
};

static struct span
name_join(struct import *im, const struct named *n, bool is_product)
{
	struct bytes b;
	struct span out;

	bytes_init(&b);
	bytes_put(&b, n->name.p, n->name.n);
	bytes_byte(&b, 0);
	if (is_product) {
		bytes_put(&b, n->producer.b, n->producer.n);
		bytes_byte(&b, 0);
	}
	bytes_put(&b, n->unit.p, n->unit.n);
	out = arena_copy(&im->env->arena, span_bytes(&b));
	bytes_free(&b);
	return out;
}

/* Fill @map from the table: what is there already is not made again. */
static enum rc
map_fill(struct import *im, struct keymap *map, const struct catalogue_table *t, bool is_product, struct diag *d)
{
	int name = catalogue_column_find(t, span_str("name")), unit = catalogue_column_find(t, span_str("unit"));
	int producer = is_product ? catalogue_column_find(t, span_str("producer")) : 0;
	sqlite3_stmt *stmt = NULL;
	struct save_key key;
	struct named n;
	struct record row;
	bool is_row = true;
	enum rc rc;

	INVARIANT(name >= 0 && unit >= 0 && producer >= 0);
	keymap_init(map, &im->env->arena);
	rc = record_prepare(im->env->engine, t, "", &stmt, d);
	while (rc == RC_OK && is_row) {
		rc = record_next(im->env->engine, t, stmt, &row, &is_row, d);
		if (rc != RC_OK || !is_row)
			break;
		memset(&n, 0, sizeof(n));
		n.name = row.values[name].s;
		n.unit = row.values[unit].s;
		if (is_product && row.values[producer].s.n == KEY_BYTES) {
			memcpy(n.producer.b, row.values[producer].s.p, KEY_BYTES);
			n.producer.n = KEY_BYTES;
		}
		memcpy(key.b, row.key.p, KEY_BYTES);
		key.n = KEY_BYTES;
		keymap_put(map, name_join(im, &n, is_product), &key);
	}
	sqlite3_finalize(stmt);
	return rc == RC_OK && im->env->arena.failed ? RC_NOMEM : rc;
}

/* The header in the table's own columns.  The columns that are asked for stand packed in `plain`. */
static enum rc
plain_header(struct import *im, struct products *p, struct diag *d)
{
	const struct catalogue_table *t = p->product;
	size_t count = t->columns_count, i;
	enum rc rc;

	for (i = 0; i < count; i++)
		p->plain[i] = (struct csv_column){ t->columns[i].name, t->columns[i].required &&
		    t->columns[i].type == COLUMN_TEXT, CSV_NONE };
	p->plain[count] = (struct csv_column){ t->key_column, false, CSV_NONE };
	p->plain[count + 1] = (struct csv_column){ "producer_type", false, CSV_NONE };
	if ((rc = csv_header(&im->csv, p->plain, count + 2, d)) != RC_OK)
		return rc;
	for (i = 0; i < count; i++)
		p->plain_at[i] = p->plain[i].at;
	p->plain_at[PLAIN_ID] = p->plain[count].at;
	p->plain_at[PLAIN_PRODUCER_TYPE] = p->plain[count + 1].at;
	return RC_OK;
}

static enum rc
products_begin(struct import *im, struct diag *d)
{
	struct products *p = im->state;
	struct csv *probe = mem_alloc(sizeof(*probe));
	size_t i, at;
	enum rc rc;

	if (probe == NULL)
		return RC_NOMEM;
	if ((rc = csv_init(probe, im->file->bytes, im->file->name, d)) == RC_OK) {
		rc = csv_header(probe, NULL, 0, d);
		p->is_list = rc == RC_OK && csv_find(probe, g_list_titles[LIST_CODE], &at) == RC_OK;
		csv_fini(probe);
	}
	mem_free(probe);
	if (rc != RC_OK)
		return rc;
	for (i = 0; i < LIST_FIELDS; i++)
		p->list[i] = (struct csv_column){ g_list_titles[i], i == LIST_NAME, CSV_NONE };
	rc = p->is_list ? csv_header(&im->csv, p->list, LIST_FIELDS, d) : plain_header(im, p, d);
	if (rc == RC_OK && (rc = map_fill(im, &p->producers, p->producer, false, d)) == RC_OK)
		rc = map_fill(im, &p->products, p->product, true, d);
	return rc;
}

static struct save_cell
cell_of(const char *column, struct value v)
{
	return (struct save_cell){ .column = span_str(column), .value = v };
}

/* The producer called @name in @unit, made when it is not there. */
static enum rc
producer_find(struct import *im, struct named *n, struct span name, size_t type_at, struct diag *d)
{
	struct products *p = im->state;
	struct named who = { .name = name, .unit = n->unit };
	const struct save_key *known;
	struct save_cell cells[3];
	struct span type;
	size_t count = 0;
	struct key key;
	int column = catalogue_column_find(p->producer, span_str("type"));
	enum rc rc;

	n->producer.n = 0;
	if (name.n == 0)
		return RC_OK;
	if (!p->is_list && key_parse(name, &key)) {
		memcpy(n->producer.b, key.b, KEY_BYTES);
		n->producer.n = KEY_BYTES;
		return RC_OK;
	}
	if ((known = keymap_find(&p->producers, name_join(im, &who, false))) != NULL) {
		n->producer = *known;
		return RC_OK;
	}
	if ((rc = import_text(im, type_at, &type, d)) != RC_OK)
		return rc;
	cells[count++] = cell_of("name", value_text(name));
	cells[count++] = cell_of("unit", value_text(n->unit));
	if (p->is_list && span_eq(type, span_str("Hộ KD"))) {
		cells[count++] = cell_of("type", value_text(span_str("HKD")));
	} else if (type.n != 0) {
		cells[count] = cell_of("type", value_null());
		rc = import_cell(im, &p->producer->columns[column], type_at, &cells[count++].value, d);
	}
	if (rc == RC_OK)
		rc = import_save(im, p->producer, span_of(NULL, 0), cells, count, &n->producer, d);
	if (rc == RC_OK)
		keymap_put(&p->producers, name_join(im, &who, false), &n->producer);
	return rc;
}

/* ---- the province's list */

/* The unit of that name among those that stand above communes, the newest; empty when there is none. */
static enum rc
district_find(struct import *im, struct span name, struct span *out, struct diag *d)
{
	sqlite3_stmt *stmt = NULL;
	enum rc rc;
	int code;

	*out = span_of(NULL, 0);
	code = sqlite3_prepare_v2(engine_db(im->env->engine), "SELECT unit_id FROM unit WHERE name_with_type = ?1 "
	    "AND level <> 'commune' ORDER BY valid_from DESC LIMIT 1", -1, &stmt, NULL);
	if (code == SQLITE_OK && (code = value_bind(stmt, 1, value_text(name))) == SQLITE_OK) {
		if ((code = sqlite3_step(stmt)) == SQLITE_ROW)
			*out = arena_copy(&im->env->arena, value_of_column(stmt, 0).s);
	}
	rc = record_sqlite_rc(im->env->engine, code, d);
	sqlite3_finalize(stmt);
	return rc;
}

/* The commune by its code on the day of the list it was taken from; a code alone would name today's unit, which may be
 * another one.  Else today's code; else the district by name; else our own unit. */
static enum rc
unit_find_in_list(struct import *im, struct span *unit, struct diag *d)
{
	struct products *p = im->state;
	struct engine *e = im->env->engine;
	struct span code, day, district;
	struct bytes text;
	unit_id u;
	enum rc rc;

	if ((rc = import_text(im, p->list[LIST_CODE].at, &code, d)) != RC_OK ||
	    (rc = import_text(im, p->list[LIST_SNAPSHOT].at, &day, d)) != RC_OK ||
	    (rc = import_text(im, p->list[LIST_DISTRICT].at, &district, d)) != RC_OK)
		return rc;
	*unit = span_str(engine_self(e)->unit);
	if (code.n == 0) {
		if (district.n == 0 || (rc = district_find(im, district, &code, d)) != RC_OK)
			return rc;
		*unit = code.n != 0 ? code : *unit;
		return RC_OK;
	}
	bytes_init(&text);
	bytes_fmt(&text, "%.*s@%.*s%s", (int)code.n, (const char *)code.p, (int)day.n, (const char *)day.p,
	    day.n == 4 ? "-12-31" : day.n == 7 ? "-31" : "");
	u = unit_resolve(e, day.n == 0 ? code : span_bytes(&text));
	bytes_free(&text);
	if (u == UNIT_NONE && (rc = import_text(im, p->list[LIST_CODE_2025].at, &code, d)) == RC_OK && code.n != 0)
		u = unit_resolve(e, code);
	if (rc == RC_OK && u == UNIT_NONE)
		return csv_field_fail(&im->csv, p->list[LIST_CODE].at, command_message(im->env, MSG_IMPORT_NO_UNIT), d);
	if (rc == RC_OK)
		*unit = unit_key(e, u);
	return rc;
}

/* The line as a note: nothing that the list says is dropped. */
static void
note_line(const struct import *im, const struct products *p, struct bytes *out)
{
	static const int fields[] = { LIST_DATE, LIST_EVENT, LIST_STARS, LIST_GROUP, LIST_BUDGET, LIST_COMMUNE,
		LIST_DISTRICT };
	static const char *const words[] = { "", "", "stars=", "group=", "budget_million_vnd=", "commune=",
		"district=" };
	struct span text;
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		text = text_trim(csv_field(&im->csv, p->list[fields[i]].at));
		if (text.n == 0)
			continue;
		if (out->n != 0)
			bytes_byte(out, ' ');
		bytes_fmt(out, "%s%.*s", words[i], (int)text.n, (const char *)text.p);
	}
}

/* The note of product @key with this line at its end; *@is_new is false when it stands there already. */
static enum rc
note_make(struct import *im, struct span key, struct span *note, bool *is_new, struct diag *d)
{
	struct products *p = im->state;
	int column = catalogue_column_find(p->product, span_str("note"));
	struct bytes b, line;
	struct record row;
	struct span old = span_of(NULL, 0);
	enum rc rc = RC_OK;

	if (key.n != 0 && (rc = record_get(im->env, p->product, key, &row, d)) == RC_OK)
		old = row.values[column].s;
	bytes_init(&line);
	bytes_init(&b);
	note_line(im, p, &line);
	*is_new = line.n != 0 && (old.n == 0 || memmem(old.p, old.n, line.p, line.n) == NULL) &&
	    old.n + line.n < NOTE_BYTES_MAX;
	bytes_put(&b, old.p, old.n);
	if (old.n != 0)
		bytes_byte(&b, '\n');
	bytes_put(&b, line.p, line.n);
	if (rc == RC_OK && (rc = command_nfc(im->env, span_bytes(&b), note)) == RC_INPUT)
		rc = csv_field_fail(&im->csv, p->list[LIST_EVENT].at, command_message(im->env, MSG_IMPORT_NOT_TEXT), d);
	bytes_free(&b);
	bytes_free(&line);
	return rc;
}

/* A decision with its date becomes a recognition, where this node may decide at all. */
static enum rc
recognition_add(struct import *im, struct span product, struct diag *d)
{
	struct products *p = im->state;
	struct span event = text_trim(csv_field(&im->csv, p->list[LIST_EVENT].at));
	struct span day = text_trim(csv_field(&im->csv, p->list[LIST_DATE].at));
	struct save_cell cells[4];
	struct save_key key;
	int64_t stars;

	if ((!span_eq(event, span_str("recognised")) && !span_eq(event, span_str("re-recognised"))) ||
	    !text_date(day) || !text_int64(text_trim(csv_field(&im->csv, p->list[LIST_STARS].at)), &stars) ||
	    stars < 3 || stars > 5 || engine_self(im->env->engine)->level < p->recognition->level_min)
		return RC_OK;
	cells[0] = cell_of("product", value_blob(product));
	cells[1] = cell_of("stars", value_int(stars));
	cells[2] = cell_of("decided_on", value_text(arena_copy(&im->env->arena, day)));
	cells[3] = cell_of("kind", value_text(span_str("imported")));
	return import_save(im, p->recognition, span_of(NULL, 0), cells, 4, &key, d);
}

static enum rc
list_row(struct import *im, struct diag *d)
{
	struct products *p = im->state;
	int group_column = catalogue_column_find(p->product, span_str("group_id"));
	const struct save_key *known;
	struct save_cell cells[5];
	struct save_key key = { .n = 0 };
	struct span producer, note, group;
	struct named n;
	size_t count = 0;
	bool is_new_note;
	enum rc rc;

	memset(&n, 0, sizeof(n));
	if ((rc = import_text(im, p->list[LIST_NAME].at, &n.name, d)) != RC_OK ||
	    (rc = import_text(im, p->list[LIST_PRODUCER].at, &producer, d)) != RC_OK ||
	    (rc = import_text(im, p->list[LIST_GROUP].at, &group, d)) != RC_OK ||
	    (rc = unit_find_in_list(im, &n.unit, d)) != RC_OK)
		return rc;
	if (n.name.n == 0)
		return csv_field_fail(&im->csv, p->list[LIST_NAME].at,
		    command_message(im->env, MSG_IMPORT_REQUIRED), d);
	if ((rc = producer_find(im, &n, producer, p->list[LIST_PRODUCER_TYPE].at, d)) != RC_OK)
		return rc;
	if ((known = keymap_find(&p->products, name_join(im, &n, true))) != NULL)
		key = *known;
	rc = note_make(im, span_of(key.b, key.n), &note, &is_new_note, d);
	if (rc != RC_OK || (key.n != 0 && !is_new_note))
		return rc;
	cells[count++] = cell_of("name", value_text(n.name));
	cells[count++] = cell_of("unit", value_text(n.unit));
	cells[count++] = cell_of("note", value_text(note));
	if (n.producer.n != 0)
		cells[count++] = cell_of("producer", value_blob(span_of(n.producer.b, n.producer.n)));
	/* A group with a question mark is a guess and stays in the note. */
	if (key.n == 0 && group.n != 0 && group.p[group.n - 1] != '?') {
		cells[count] = cell_of("group_id", value_null());
		rc = import_cell(im, &p->product->columns[group_column], p->list[LIST_GROUP].at,
		    &cells[count++].value, d);
		if (rc != RC_OK)
			return rc;
	}
	if ((rc = import_save(im, p->product, span_of(key.b, key.n), cells, count, &key, d)) != RC_OK)
		return rc;
	keymap_put(&p->products, name_join(im, &n, true), &key);
	return recognition_add(im, span_of(key.b, key.n), d);
}

/* ---- the table's own columns */

static enum rc
plain_row(struct import *im, struct diag *d)
{
	struct products *p = im->state;
	const struct catalogue_table *t = p->product;
	struct save_cell cells[COLUMNS_MAX];
	const struct save_key *known;
	struct save_key key = { .n = 0 };
	struct span text, id = span_of(NULL, 0);
	struct named n;
	size_t count = 0, i;
	enum rc rc;

	memset(&n, 0, sizeof(n));
	n.unit = span_str(engine_self(im->env->engine)->unit);
	memset(cells, 0, sizeof(cells));
	for (i = 0; i < t->columns_count; i++) {
		if (p->plain_at[i] == CSV_NONE || strcmp(t->columns[i].name, "producer") == 0)
			continue;
		cells[count].column = span_str(t->columns[i].name);
		if (strcmp(t->columns[i].name, "unit") == 0 && text_trim(csv_field(&im->csv, p->plain_at[i])).n == 0)
			cells[count].value = value_text(n.unit);
		else if ((rc = import_cell(im, &t->columns[i], p->plain_at[i], &cells[count].value, d)) != RC_OK)
			return rc;
		if (strcmp(t->columns[i].name, "unit") == 0)
			n.unit = cells[count].value.s;
		if (strcmp(t->columns[i].name, "name") == 0)
			n.name = cells[count].value.s;
		count += cells[count].value.type != VALUE_NULL;
	}
	i = p->plain_at[(size_t)catalogue_column_find(t, span_str("producer"))];
	if ((rc = import_text(im, i, &text, d)) != RC_OK ||
	    (rc = producer_find(im, &n, text, p->plain_at[PLAIN_PRODUCER_TYPE], d)) != RC_OK ||
	    (rc = import_text(im, p->plain_at[PLAIN_ID], &text, d)) != RC_OK)
		return rc;
	if (text.n != 0 && (rc = cell_key_parse(im->env, t, text, &id, d)) != RC_OK)
		return csv_field_fail(&im->csv, p->plain_at[PLAIN_ID], command_message(im->env, MSG_IMPORT_NOT_KEY), d);
	if (id.n == 0 && (known = keymap_find(&p->products, name_join(im, &n, true))) != NULL)
		id = span_of(known->b, known->n);
	if (n.producer.n != 0)
		cells[count++] = cell_of("producer", value_blob(span_of(n.producer.b, n.producer.n)));
	if ((rc = import_save(im, t, id, cells, count, &key, d)) == RC_OK)
		keymap_put(&p->products, name_join(im, &n, true), &key);
	return rc;
}

static enum rc
products_row(struct import *im, struct diag *d)
{
	const struct products *p = im->state;

	return p->is_list ? list_row(im, d) : plain_row(im, d);
}

enum rc
command_import_products(struct import *im)
{
	struct products *p = arena_alloc(&im->env->arena, sizeof(*p));

	if (p == NULL)
		return RC_NOMEM;
	p->product = catalogue_table_find(im->env->catalogue, span_str("product"));
	p->producer = catalogue_table_find(im->env->catalogue, span_str("producer"));
	p->recognition = catalogue_table_find(im->env->catalogue, span_str("recognition"));
	INVARIANT(p->product != NULL && p->producer != NULL && p->recognition != NULL);
	im->begin = products_begin;
	im->row = products_row;
	im->state = p;
	return RC_OK;
}
