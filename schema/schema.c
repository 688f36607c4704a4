#include "schema.h"

#include "catalogue_tables.h"

static const struct catalogue_table *const TABLES[] = {
	&catalogue_units_unit,
	&catalogue_units_mapping,
	&catalogue_units_user,
	&catalogue_criteria_legal_document,
	&catalogue_criteria_regime,
	&catalogue_criteria_set,
	&catalogue_criteria_criterion,
	&catalogue_criteria_option,
	&catalogue_criteria_elimination,
	&catalogue_criteria_proof_type,
	&catalogue_criteria_group,
	&catalogue_products_producer,
	&catalogue_products_product,
	&catalogue_products_code,
	&catalogue_cycle_cycle,
	&catalogue_cycle_round,
	&catalogue_cycle_idea,
	&catalogue_cycle_plan,
	&catalogue_cycle_plan_review,
	&catalogue_cycle_event_held,
	&catalogue_cycle_attendance,
	&catalogue_cycle_transition,
	&catalogue_dossiers_dossier,
	&catalogue_dossiers_snapshot,
	&catalogue_dossiers_evidence,
	&catalogue_dossiers_assessment,
	&catalogue_dossiers_forwarding,
	&catalogue_dossiers_receipt,
	&catalogue_councils_council,
	&catalogue_councils_member,
	&catalogue_councils_session,
	&catalogue_councils_sheet,
	&catalogue_councils_score,
	&catalogue_councils_result,
	&catalogue_decisions_recognition,
	&catalogue_decisions_revocation,
	&catalogue_decisions_inspection,
	&catalogue_reports_period,
	&catalogue_reports_stamp_batch,
	&catalogue_reports_stamp_use,
	&catalogue_reports_support,
};

_Static_assert(sizeof(TABLES) / sizeof(TABLES[0]) <= TABLES_MAX, "the engine's limit");

/* Only what a rule at save or a page looks up by something else than the key: every index is paid for at each write. */
static const char *const DDL_EXTRA[] = {
	"CREATE INDEX IF NOT EXISTS product_code_by_code ON product_code(code)",
	"CREATE INDEX IF NOT EXISTS cycle_event_by_product ON cycle_event(product)",
	"CREATE INDEX IF NOT EXISTS dossier_by_product ON dossier(product)",
	"CREATE INDEX IF NOT EXISTS dossier_snapshot_by_dossier ON dossier_snapshot(dossier)",
	"CREATE INDEX IF NOT EXISTS evidence_by_dossier ON evidence(dossier)",
	"CREATE INDEX IF NOT EXISTS score_sheet_by_dossier ON score_sheet(dossier)",
	"CREATE INDEX IF NOT EXISTS score_by_sheet ON score(sheet, criterion)",
	"CREATE INDEX IF NOT EXISTS recognition_by_product ON recognition(product)",
	"CREATE INDEX IF NOT EXISTS period_report_by_product ON period_report(product, period)",
	NULL
};

static const struct catalogue CATALOGUE = {
	.version = SCHEMA_VERSION,
	.tables = TABLES,
	.tables_count = sizeof(TABLES) / sizeof(TABLES[0]),
	.unit_table = "unit",
	.unit_parent_column = "parent",
	.unit_level_column = "level",
	.ddl_extra = DDL_EXTRA,
};

const struct catalogue *
schema_catalogue(void)
{
	return &CATALOGUE;
}
