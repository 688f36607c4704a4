/* schema/catalogue_tables.h - the tables, area by area, and the words in which their columns are declared.
 *
 * Internal to schema/: everybody else asks schema_catalogue().  Numbers of tables and columns are for ever: a retired
 * one is not used again, a new one goes at the end.
 *
 * Conventions of the columns:
 *   - a date is TEXT `YYYY-MM-DD`; money is INTEGER đồng; yes/no is INTEGER 0 or 1; a file is the hash of its bytes;
 *   - what a row *is* (its unit, its parent) is APPEND: written with the row and never again;
 *   - what a person should settle is REVIEW, what a higher office decides is RANK, small notes are LWW.
 */
#ifndef SCHEMA_CATALOGUE_TABLES_H
#define SCHEMA_CATALOGUE_TABLES_H

#include "sync/catalogue.h"

#define DATE_BYTES	10
#define HASH_TEXT_BYTES	128	/* a hash in hex, of whatever algorithm */
#define TITLE_BYTES	512
#define PROSE_BYTES	8192

#define COL(num, nm, ty, pol) \
	.number = (num), .name = (nm), .type = (ty), .policy = POLICY_##pol
#define COL_TEXT(num, nm, pol, bytes, ...) \
	{ COL(num, nm, COLUMN_TEXT, pol), .max = (bytes), __VA_ARGS__ }
#define COL_DATE(num, nm, pol, ...) COL_TEXT(num, nm, pol, DATE_BYTES, __VA_ARGS__)
#define COL_HASH(num, nm, pol, ...) COL_TEXT(num, nm, pol, HASH_TEXT_BYTES, __VA_ARGS__)
#define COL_CHOICE(num, nm, pol, list, ...) \
	{ COL(num, nm, COLUMN_TEXT, pol), .choices = (list), .max = 64, __VA_ARGS__ }
#define COL_INT(num, nm, pol, lo, hi, ...) \
	{ COL(num, nm, COLUMN_INTEGER, pol), .min = (lo), .max = (hi), __VA_ARGS__ }
#define COL_BOOL(num, nm, pol, ...) COL_INT(num, nm, pol, 0, 1, __VA_ARGS__)
#define COL_MONEY(num, nm, pol, ...) \
	COL_INT(num, nm, pol, -INT64_C(1000000000000000), INT64_C(1000000000000000), __VA_ARGS__)
#define COL_KEY(num, nm, pol, table, ...) \
	{ COL(num, nm, COLUMN_KEY, pol), .ref = (table), __VA_ARGS__ }
#define COL_CODE(num, nm, pol, table, ...) \
	{ COL(num, nm, COLUMN_TEXT, pol), .ref = (table), .max = KEY_TEXT_BYTES_MAX, __VA_ARGS__ }
#define COL_UNIT(num, nm, pol, ...) { COL(num, nm, COLUMN_UNIT, pol), __VA_ARGS__ }

#define COLUMNS(list) .columns = (list), .columns_count = sizeof(list) / sizeof((list)[0])

/* Published by the province, held by everybody below. */
#define TABLE_PUBLISHED .scope = SCOPE_ROOT, .reach = REACH_DOWN, .level_min = LEVEL_PROVINCE
/* Held where the row named by @column is. */
#define TABLE_UNDER(column) .scope = SCOPE_PARENT, .scope_column = (column), .reach = REACH_UP

/* catalogue_units.c */
extern const struct catalogue_table catalogue_units_unit;
extern const struct catalogue_table catalogue_units_mapping;
extern const struct catalogue_table catalogue_units_user;

/* catalogue_criteria.c */
extern const struct catalogue_table catalogue_criteria_legal_document;
extern const struct catalogue_table catalogue_criteria_regime;
extern const struct catalogue_table catalogue_criteria_set;
extern const struct catalogue_table catalogue_criteria_criterion;
extern const struct catalogue_table catalogue_criteria_option;
extern const struct catalogue_table catalogue_criteria_elimination;
extern const struct catalogue_table catalogue_criteria_proof_type;
extern const struct catalogue_table catalogue_criteria_group;

/* catalogue_products.c */
extern const struct catalogue_table catalogue_products_producer;
extern const struct catalogue_table catalogue_products_product;
extern const struct catalogue_table catalogue_products_code;

/* catalogue_cycle.c */
extern const struct catalogue_table catalogue_cycle_cycle;
extern const struct catalogue_table catalogue_cycle_round;
extern const struct catalogue_table catalogue_cycle_idea;
extern const struct catalogue_table catalogue_cycle_plan;
extern const struct catalogue_table catalogue_cycle_plan_review;
extern const struct catalogue_table catalogue_cycle_event_held;
extern const struct catalogue_table catalogue_cycle_attendance;
extern const struct catalogue_table catalogue_cycle_transition;

/* catalogue_dossiers.c */
extern const struct catalogue_table catalogue_dossiers_dossier;
extern const struct catalogue_table catalogue_dossiers_snapshot;
extern const struct catalogue_table catalogue_dossiers_evidence;
extern const struct catalogue_table catalogue_dossiers_assessment;
extern const struct catalogue_table catalogue_dossiers_forwarding;
extern const struct catalogue_table catalogue_dossiers_receipt;

/* catalogue_councils.c */
extern const struct catalogue_table catalogue_councils_council;
extern const struct catalogue_table catalogue_councils_member;
extern const struct catalogue_table catalogue_councils_session;
extern const struct catalogue_table catalogue_councils_sheet;
extern const struct catalogue_table catalogue_councils_score;
extern const struct catalogue_table catalogue_councils_result;

/* catalogue_decisions.c */
extern const struct catalogue_table catalogue_decisions_recognition;
extern const struct catalogue_table catalogue_decisions_revocation;
extern const struct catalogue_table catalogue_decisions_inspection;

/* catalogue_reports.c */
extern const struct catalogue_table catalogue_reports_period;
extern const struct catalogue_table catalogue_reports_stamp_batch;
extern const struct catalogue_table catalogue_reports_stamp_use;
extern const struct catalogue_table catalogue_reports_support;

#endif
