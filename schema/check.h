/* schema/check.h - rules of the domain over one row that a person has just written.
 *
 * Each is a save_check of the catalogue: it reads the row @key of its table inside the open transaction and answers
 * RC_OK, or RC_INPUT / RC_CONFLICT with a line in @d that says what is wrong, where, and what to do.  None of them
 * writes.  What another office saved is never judged by them.
 */
#ifndef SCHEMA_CHECK_H
#define SCHEMA_CHECK_H

#include "sync/mem.h"

struct statements;

/* check_units.c */
RC_CHECK enum rc check_units_unit(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);

/* check_criteria.c: what is published does not change. */
RC_CHECK enum rc check_criteria_criterion(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_criteria_option(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);

/* check_cycle.c */
RC_CHECK enum rc check_cycle_transition(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);

/* check_councils.c */
RC_CHECK enum rc check_councils_score(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_councils_result(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);

/* check_decisions.c */
RC_CHECK enum rc check_decisions_recognition(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_decisions_revocation(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_decisions_inspection(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);

/* check_records.c: codes, periods and dates of the other tables. */
RC_CHECK enum rc check_records_product_code(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_records_period_report(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_records_cycle(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_records_round(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_records_event(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_records_dossier(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_records_snapshot(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_records_assessment(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_records_receipt(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);
RC_CHECK enum rc check_records_stamp_batch(struct statements *rules, struct span key, bool is_insert,
    struct diag *d);

#endif
