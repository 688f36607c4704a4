/* tests/sim/model.h - what was ever acknowledged, and what it must add up to.  Written to be
 * obviously right.
 *
 * The model keeps every commit with what it wrote and with everything its author held when it
 * was saved.  It knows nothing of version graphs, side tables or clocks: *seen* is "the author
 * held it".  The state of a row is computed from scratch, each time, from the set of commits
 * that a node holds (model_row.c).
 *
 * A commit is named by its stream's index here and its number in that stream.  A set of commits
 * held is a vector: how many commits of each stream, for streams are held without gaps.
 *
 * Failure: running out of memory aborts.  Lifetime: everything lives until model_free.
 */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "sync/save.h"
#include "tests/sim/tables.h"

#define MODEL_UNITS_MAX 10
#define MODEL_STREAMS_MAX 512
#define MODEL_COLUMNS_MAX 8

struct model_vector {
	uint32_t held[MODEL_STREAMS_MAX]; /* of each stream, commits 1..held */
};

struct model_unit {
	char key[UNIT_BYTES_MAX + 1];
	int parent; /* index; -1: the root */
	enum level level;
};

struct model_stream {
	uint8_t origin[ORIGIN_BYTES];
	int origin_unit; /* that the origin serves */
	enum level level; /* of that unit */
	int unit; /* that its rows are addressed to */
	enum reach reach;
	uint32_t *commits; /* by number - 1, index into model->commits */
	size_t commits_count, commits_cap;
};

enum model_kind { MODEL_INSERT, MODEL_UPDATE, MODEL_DELETE };

struct model_cell {
	size_t column;
	struct value value; /* of a counter: what was added */
};

struct model_op {
	uint32_t commit;
	uint32_t row;
	enum model_kind kind;
	struct model_cell cells[MODEL_COLUMNS_MAX];
	size_t cells_count;
};

struct model_commit {
	uint32_t stream, seq;
	uint64_t hlc, save; /* commits of one save share a number */
	char name[COMMIT_NAME_CHARS + 1]; /* of the save, as answered; "" when nobody asked */
	bool is_valid; /* its author had the right to all of it */
	struct value author;
	struct model_vector seen; /* what the author held before it */
	uint32_t *ops; /* index into model->ops */
	size_t ops_count, ops_cap;
};

struct model_row {
	enum tables_number table;
	struct value key; /* blob or text */
	int unit;
	enum reach reach;
	uint32_t *ops;
	size_t ops_count, ops_cap;
};

/* Readings of @origin from @since on count as @shift_ms later, says @commit. */
struct model_correction {
	uint32_t commit;
	uint8_t origin[ORIGIN_BYTES];
	uint64_t since;
	int64_t shift_ms;
	uint8_t key[KEY_BYTES]; /* of two of one rank, the one with the greater key */
};

struct model {
	struct model_unit units[MODEL_UNITS_MAX];
	size_t units_count;
	struct model_stream streams[MODEL_STREAMS_MAX];
	size_t streams_count;
	struct model_commit *commits;
	size_t commits_count, commits_cap;
	struct model_op *ops;
	size_t ops_count, ops_cap;
	struct model_row *rows;
	size_t rows_count, rows_cap;
	struct model_correction *corrections;
	size_t corrections_count, corrections_cap;
	struct model_kept *kept; /* copies of value bytes */
};

struct model *model_new(void);
void model_free(struct model *m);

/* A copy of @v that lives as long as the model. */
struct value model_keep(struct model *m, struct value v);

int model_unit_add(struct model *m, const char *key, int parent, enum level level);
int model_unit_find(const struct model *m, struct span key); /* -1: none */
bool model_unit_is_within(const struct model *m, int unit, int top);
/* Do nodes of @holder hold rows addressed to (@unit, @reach)? */
bool model_holds(const struct model *m, int holder, int unit, enum reach reach);
/* Do all that could ever hold @a also hold @b?  Every unit may get another one below it. */
bool model_holders_hold(
    const struct model *m, const struct model_stream *a, const struct model_stream *b);

/* Find the stream, or make it. */
uint32_t model_stream_of(struct model *m, const uint8_t origin[ORIGIN_BYTES], int origin_unit,
    int unit, enum reach reach);

/* The next commit of @stream; returns its index. */
uint32_t model_commit_add(struct model *m, uint32_t stream, uint64_t hlc, uint64_t save,
    struct span author, const struct model_vector *seen);
/* An op of @commit on @row, without cells; borrowed until the next one. */
struct model_op *model_op_add(struct model *m, uint32_t commit, uint32_t row, enum model_kind kind);
void model_op_cell(struct model *m, struct model_op *op, size_t column, struct value value);
/* Once a commit has its ops: decide whether its author may do all that. */
void model_commit_judge(struct model *m, uint32_t commit);

void model_correct(struct model *m, uint32_t commit, const uint8_t origin[ORIGIN_BYTES], uint64_t since,
    int64_t shift_ms, const uint8_t key[KEY_BYTES]);
/* What the clock reading of @c counts for, at a node that holds @v. */
uint64_t model_effective(const struct model *m, const struct model_vector *v, const struct model_commit *c);

#define MODEL_NONE UINT32_MAX
uint32_t model_row_find(const struct model *m, enum tables_number table, struct value key);
/* Whom the newest insertion among those held names in the owner column; NULL when there is none. */
struct value model_row_owner(const struct model *m, const struct model_vector *v, uint32_t row);
uint32_t model_row_add(struct model *m, enum tables_number table, struct value key, int unit);

/* Commit @seq of @stream, from 1. */
const struct model_commit *model_commit_at(const struct model *m, uint32_t stream, uint32_t seq);
bool model_is_held(const struct model_vector *v, const struct model_commit *c);
/* Had the author of @later seen @c? */
bool model_saw(const struct model_commit *later, const struct model_commit *c);
bool model_vector_eq(const struct model_vector *a, const struct model_vector *b);

/* What a node that holds @v must show of @row. */
struct model_sibling {
	size_t column; /* columns_count: the row itself, delete against edit */
	struct value value;
};
#define MODEL_SIBLINGS_MAX 512
struct model_state {
	bool is_known; /* something was written to it */
	bool is_deleted; /* and is not there, or not any more */
	bool is_disputed; /* shown, but a deletion stands against it */
	struct value values[MODEL_COLUMNS_MAX];
	struct model_sibling siblings[MODEL_SIBLINGS_MAX]; /* by column, then value */
	size_t siblings_count;
	bool is_open
	    [MODEL_COLUMNS_MAX]; /* siblings of the shown value's rank: a person must settle it */
};
void model_row_state(
    const struct model *m, const struct model_vector *v, uint32_t row, struct model_state *s);

/* How value @value, that @op wrote to @column, fares at a node that holds @v (P5). */
enum model_fate {
	MODEL_FATE_SHOWN,
	MODEL_FATE_SEEN, /* a later write had seen it */
	MODEL_FATE_SIBLING, /* it waits in the conflict list */
	MODEL_FATE_HISTORY, /* lost by its column's policy; in the history only */
	MODEL_FATE_INVALID,
};
enum model_fate model_row_fate(const struct model *m, const struct model_vector *v,
    const struct model_op *op, const struct model_cell *cell);

#endif
