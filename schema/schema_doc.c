#include "schema_doc.h"

#include <inttypes.h>
#include <string.h>

#include "rules_states.h"
#include "schema.h"

/* The areas, by the number of their first table. */
static const struct {
	uint16_t first;
	const char *title;
} AREAS[] = {
	{ 1, "Units and people" },
	{ 4, "The law" },
	{ 12, "Producers and products" },
	{ 15, "The yearly cycle" },
	{ 23, "Dossiers" },
	{ 29, "Councils" },
	{ 35, "Decisions" },
	{ 38, "Reports, stamps, support" },
};

static const char *const ROLE_NAMES[] = {
	"producer", "commune", "district", "province", "advisory", "council", "central",
};

static const char *
type_name(enum column_type type)
{
	static const char *const names[] = { "", "integer", "text", "blob", "key", "unit" };

	return names[type];
}

static const char *
policy_name(enum policy policy)
{
	static const char *const names[] = {
		"", "review", "rank", "lww", "owner", "append", "counter"
	};

	return names[policy];
}

static void
scope_put(const struct catalogue_table *t, struct bytes *out)
{
	if (t->scope == SCOPE_ROOT)
		bytes_str(out, "at the root unit");
	else if (t->scope == SCOPE_COLUMN)
		bytes_fmt(out, "at the unit in `%s`", t->scope_column);
	else
		bytes_fmt(out, "where the row in `%s` is", t->scope_column);
}

static void
table_put(const struct catalogue_table *t, struct bytes *out)
{
	bytes_fmt(out, "\n#### %u. `%s`\n\n%s.\n\n", t->number, t->name, t->note);
	bytes_fmt(out, "Key `%s` (%s) · scope ", t->key_column, t->has_text_key ? "text" : "minted");
	scope_put(t, out);
	bytes_fmt(out, " · reach %s", t->reach == REACH_DOWN ? "down" : "up");
	if (t->level_min != LEVEL_NONE)
		bytes_fmt(out, " · written from %s up",
		    t->level_min == LEVEL_PROVINCE ? "province" : "district");
	if (t->owner == OWNER_UNIT)
		bytes_str(out, " · owner: the unit");
	if (t->owner == OWNER_AUTHOR)
		bytes_fmt(out, " · owner: the person in `%s`", t->owner_column);
	if (t->is_insert_only)
		bytes_str(out, " · insert only");
	if (t->save_check != NULL)
		bytes_str(out, " · checked at save");
	for (size_t i = 0; t->unique != NULL && t->unique[i] != NULL; i++)
		bytes_fmt(out, "%s`%s`", i == 0 ? " · unique: " : ", ", t->unique[i]);
	bytes_str(out, "\n\n| # | column | type | policy | note |\n|---|---|---|---|---|\n");
}

static void
column_put(const struct catalogue_column *c, struct bytes *out)
{
	bytes_fmt(out, "| %u | `%s`%s | %s", c->number, c->name, c->required ? " \\*" : "",
	    type_name(c->type));
	if (c->ref != NULL)
		bytes_fmt(out, " of `%s`", c->ref);
	if (c->type == COLUMN_INTEGER && c->min < c->max)
		bytes_fmt(out, " %" PRId64 "…%" PRId64, c->min, c->max);
	for (size_t i = 0; c->choices != NULL && c->choices[i] != NULL; i++)
		bytes_fmt(out, "%s%s", i == 0 ? ": " : ", ", c->choices[i]);
	if (c->type == COLUMN_TEXT && c->choices == NULL && c->ref == NULL && c->max != 0)
		bytes_fmt(out, " ≤ %" PRId64 " B", c->max);
	bytes_fmt(out, " | %s", policy_name(c->policy));
	if (c->level_min == LEVEL_DISTRICT)
		bytes_str(out, ", from district up");
	if (c->level_min == LEVEL_PROVINCE)
		bytes_str(out, ", from province up");
	bytes_fmt(out, " | %s%s |\n", c->note, c->searchable ? " (searchable)" : "");
}

static void
bits_put(unsigned bits, bool is_regime, struct bytes *out)
{
	bool is_first = true;

	for (unsigned bit = 1; bit <= RULES_ROLES_ALL; bit <<= 1) {
		if ((bits & bit) == 0)
			continue;
		bytes_str(out, is_first ? "" : ", ");
		is_first = false;
		if (is_regime) {
			bytes_str(out, rules_regime_name(bit));
			continue;
		}
		for (size_t i = 0; i < sizeof(ROLE_NAMES) / sizeof(ROLE_NAMES[0]); i++)
			if (bit == 1u << i)
				bytes_str(out, ROLE_NAMES[i]);
	}
}

static void
transitions_put(struct bytes *out)
{
	size_t count;
	const struct rules_transition *t = rules_transitions(&count);

	bytes_str(out, "\n### Steps of a product\n\n| from | to | who | regimes | reason |\n"
	    "|---|---|---|---|---|\n");
	for (size_t i = 0; i < count; i++) {
		bytes_fmt(out, "| %s | %s | ", strcmp(t[i].from, "*") == 0 ? "any but an end" : t[i].from, t[i].to);
		bits_put(t[i].roles, false, out);
		bytes_str(out, " | ");
		if (t[i].regimes == RULES_REGIMES_ALL)
			bytes_str(out, "all");
		else
			bits_put(t[i].regimes, true, out);
		bytes_fmt(out, " | %s |\n", t[i].needs_reason ? "needed" : "");
	}
}

void
schema_doc(struct bytes *out)
{
	const struct catalogue *c = schema_catalogue();
	size_t area = 0;

	bytes_fmt(out, "Schema version %u. \\* = required at save.\n", c->version);
	for (size_t i = 0; i < c->tables_count; i++) {
		const struct catalogue_table *t = c->tables[i];

		if (area < sizeof(AREAS) / sizeof(AREAS[0]) && AREAS[area].first == t->number)
			bytes_fmt(out, "\n### %s\n", AREAS[area++].title);
		table_put(t, out);
		for (size_t k = 0; k < t->columns_count; k++)
			column_put(&t->columns[k], out);
	}
	transitions_put(out);
}
