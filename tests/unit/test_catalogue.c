/* The catalogue of the programme's tables: sound, documented, and as scripts count on it. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/schema.h"
#include "schema/schema_doc.h"
#include "schema_db.h"

#define PAGE "schema/SCHEMA.md"
#define PAGE_BYTES_MAX ((size_t)1 << 20)

static void
test_sanity(void **state)
{
	struct diag d;

	(void)state;
	diag_init(&d);
	if (catalogue_sanity(schema_catalogue(), &d) != RC_OK)
		fail_msg("%s", d.text);
}

static void
test_numbers_are_dense(void **state)
{
	const struct catalogue *c = schema_catalogue();

	(void)state;
	assert_int_equal(c->version, SCHEMA_VERSION);
	for (size_t i = 0; i < c->tables_count; i++) {
		assert_int_equal(c->tables[i]->number, i + 1);
		for (size_t k = 0; k < c->tables[i]->columns_count; k++)
			assert_int_equal(c->tables[i]->columns[k].number, k + 1);
	}
}

static void
test_everything_has_a_note(void **state)
{
	const struct catalogue *c = schema_catalogue();

	(void)state;
	for (size_t i = 0; i < c->tables_count; i++) {
		const struct catalogue_table *t = c->tables[i];

		assert_true(t->note != NULL && t->note[0] != '\0' && strchr(t->note, '\n') == NULL);
		for (size_t k = 0; k < t->columns_count; k++)
			if (t->columns[k].note == NULL || t->columns[k].note[0] == '\0')
				fail_msg("%s.%s has no note", t->name, t->columns[k].name);
	}
}

static void
test_names_stand_bare_in_sql(void **state)
{
	const struct catalogue *c = schema_catalogue();
	struct sqlite3 *db = schema_db_open();
	char sql[256];

	(void)state;
	for (size_t i = 0; i < c->tables_count; i++) {
		const struct catalogue_table *t = c->tables[i];

		assert_true(catalogue_ident_ok(t->name));
		assert_false(sqlite3_keyword_check(t->name, (int)strlen(t->name)));
		for (size_t k = 0; k < t->columns_count; k++) {
			const char *name = t->columns[k].name;

			assert_true(catalogue_ident_ok(name));
			if (sqlite3_keyword_check(name, (int)strlen(name)))
				fail_msg("%s.%s is a keyword", t->name, name);
			snprintf(sql, sizeof(sql), "SELECT %s, %s FROM %s", t->key_column, name, t->name);
			schema_db_exec(db, sql);
		}
	}
	schema_db_close(db);
}

/* What a row is does not change, so its scope column is written once. */
static void
test_scope_columns_are_written_once(void **state)
{
	const struct catalogue *c = schema_catalogue();

	(void)state;
	for (size_t i = 0; i < c->tables_count; i++) {
		const struct catalogue_table *t = c->tables[i];
		int at;

		if (t->scope == SCOPE_ROOT)
			continue;
		at = catalogue_column_find(t, span_str(t->scope_column));
		assert_true(at >= 0);
		if (t->columns[at].policy != POLICY_APPEND || !t->columns[at].required)
			fail_msg("%s.%s", t->name, t->scope_column);
	}
}

/* Rows that reach down may hold no person; what reaches down from the root is the province's to write. */
static void
test_what_reaches_down(void **state)
{
	static const char *const personal[] = {
		"member", "participant", "rep_name", "phone", "email", "display_name", "signer"
	};
	const struct catalogue *c = schema_catalogue();

	(void)state;
	for (size_t i = 0; i < c->tables_count; i++) {
		const struct catalogue_table *t = c->tables[i];

		if (t->scope == SCOPE_ROOT)
			assert_true(t->reach == REACH_DOWN && t->level_min == LEVEL_PROVINCE);
		if (t->reach == REACH_UP)
			continue;
		for (size_t k = 0; k < sizeof(personal) / sizeof(personal[0]); k++)
			assert_int_equal(catalogue_column_find(t, span_str(personal[k])), -1);
	}
}

static const struct catalogue_table *
table(const char *name)
{
	const struct catalogue_table *t = catalogue_table_find(schema_catalogue(), span_str(name));

	if (t == NULL)
		fail_msg("no table %s", name);
	return t;
}

static const struct catalogue_column *
column(const char *table_name, const char *name)
{
	const struct catalogue_table *t = table(table_name);
	int at = catalogue_column_find(t, span_str(name));

	if (at < 0)
		fail_msg("no column %s.%s", table_name, name);
	return &t->columns[at];
}

static void
test_council_papers_stay_above(void **state)
{
	static const char *const names[] = { "council_member", "council_session", "score_sheet", "score" };

	(void)state;
	assert_string_equal(table("council")->scope_column, "unit");
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(table(names[i])->scope_column, "council");
	assert_string_equal(table("score")->scope_column, "sheet");
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(table(names[i])->reach, REACH_UP);
		assert_int_equal(table(names[i])->level_min, LEVEL_DISTRICT);
	}
	assert_int_equal(table("score")->owner, OWNER_AUTHOR);
	assert_int_equal(column("score", "points")->policy, POLICY_OWNER);
}

static void
test_policies_that_matter(void **state)
{
	(void)state;
	assert_int_equal(column("product", "name")->policy, POLICY_REVIEW);
	assert_int_equal(column("product", "description")->policy, POLICY_REVIEW);
	assert_int_equal(column("producer", "phone")->policy, POLICY_REVIEW);
	assert_int_equal(column("product", "group_id")->policy, POLICY_RANK);
	assert_int_equal(column("producer", "is_verified")->policy, POLICY_RANK);
	assert_int_equal(column("stamp_use", "used")->policy, POLICY_COUNTER);
	assert_true(table("recognition")->is_insert_only);
	assert_true(table("revocation")->is_insert_only);
	assert_true(table("result")->is_insert_only);
	assert_true(table("cycle_event")->is_insert_only);
	assert_true(table("dossier_snapshot")->is_insert_only);
}

/* A save with the columns that scripts give must not lack anything. */
static void
test_few_columns_are_required(void **state)
{
	static const char *const given[][4] = {
		{ "product", "name", "unit", NULL },
		{ "producer", "name", "unit", NULL },
		{ "score", "sheet", "criterion", "points" },
		{ "dossier", "product", NULL, NULL },
		{ "cycle", "year", NULL, NULL },
		{ "cycle_event", "product", "to_state", NULL },
		{ "recognition", "product", "stars", NULL },
		{ "inspection", "product", NULL, NULL },
		{ "council", "unit", NULL, NULL },
		{ "score_sheet", "council", NULL, NULL },
		{ "result", "dossier", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		const struct catalogue_table *t = table(given[i][0]);

		for (size_t k = 0; k < t->columns_count; k++) {
			bool is_given = false;

			for (size_t j = 1; j < 4 && given[i][j] != NULL; j++)
				is_given |= strcmp(given[i][j], t->columns[k].name) == 0;
			if (t->columns[k].required && !is_given)
				fail_msg("%s.%s is required", t->name, t->columns[k].name);
		}
	}
}

static void
page_read(struct bytes *out)
{
	FILE *f = fopen(PAGE, "rb");
	uint8_t *p;

	bytes_init(out);
	p = bytes_room(out, PAGE_BYTES_MAX);
	assert_true(f != NULL && p != NULL);
	out->n = fread(p, 1, PAGE_BYTES_MAX - 1, f);
	fclose(f);
	assert_non_null(bytes_cstr(out));
}

static void
page_write(const struct bytes *page)
{
	FILE *f = fopen(PAGE, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(page->p, 1, page->n, f), page->n);
	assert_int_equal(fclose(f), 0);
}

/* SCHEMA_MD=write puts the generated part into the page instead of comparing. */
static void
test_page_is_the_catalogue(void **state)
{
	const char *mode = getenv("SCHEMA_MD");
	struct bytes page, made, whole;
	const char *begin, *end;

	(void)state;
	page_read(&page);
	bytes_init(&made);
	schema_doc(&made);
	assert_non_null(bytes_cstr(&made));
	begin = strstr((const char *)page.p, SCHEMA_DOC_BEGIN);
	end = strstr((const char *)page.p, SCHEMA_DOC_END);
	assert_true(begin != NULL && end != NULL && begin < end);
	begin += strlen(SCHEMA_DOC_BEGIN);
	if (mode != NULL && strcmp(mode, "write") == 0) {
		bytes_init(&whole);
		bytes_put(&whole, page.p, (size_t)(begin - (const char *)page.p));
		bytes_put(&whole, made.p, made.n);
		bytes_str(&whole, end);
		assert_int_equal(bytes_rc(&whole), RC_OK);
		page_write(&whole);
		bytes_free(&whole);
	} else if (made.n != (size_t)(end - begin) || memcmp(begin, made.p, made.n) != 0) {
		fail_msg(PAGE " is not what the catalogue says; run this program again with SCHEMA_MD=write");
	}
	bytes_free(&page);
	bytes_free(&made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sanity),
		cmocka_unit_test(test_numbers_are_dense),
		cmocka_unit_test(test_everything_has_a_note),
		cmocka_unit_test(test_names_stand_bare_in_sql),
		cmocka_unit_test(test_scope_columns_are_written_once),
		cmocka_unit_test(test_what_reaches_down),
		cmocka_unit_test(test_council_papers_stay_above),
		cmocka_unit_test(test_policies_that_matter),
		cmocka_unit_test(test_few_columns_are_required),
		cmocka_unit_test(test_page_is_the_catalogue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
