/* tests/unit/office.h - a few replicas in one process over a catalogue with every policy, and
 * letters between them.
 *
 * The tree is  t (province) > d (district) > xa, xb (communes).  Node 0 is the founder and
 * serves t.  A letter is one sealed commit; a test delivers letters in whatever order it likes.
 * Everything that a test does not ask about asserts. */
#ifndef TESTS_UNIT_OFFICE_H
#define TESTS_UNIT_OFFICE_H

#include "sync/apply.h"
#include "sync/commit.h"
#include "sync/sync.h"

struct sqlite3;

#define OFFICE_NODES_MAX 8
#define OFFICE_T "t@2010-01-01"
#define OFFICE_D "d@2010-01-01"
#define OFFICE_A "xa@2010-01-01"
#define OFFICE_B "xb@2010-01-01"

/* Numbers of tables and columns, where a test forges a commit. */
enum {
	OFFICE_UNIT = 1,
	OFFICE_ITEM,
	OFFICE_PART,
	OFFICE_SHEET,
	OFFICE_REPORT,
	OFFICE_EVENT,
	OFFICE_NOTICE,
	OFFICE_LABEL,
	OFFICE_RULING,
};
enum {
	ITEM_UNIT = 1,
	ITEM_NAME,
	ITEM_GRADE,
	ITEM_MEMO,
	ITEM_STOCK,
	ITEM_SCORE,
	ITEM_BIRTH,
	ITEM_STAMP,
	ITEM_PHOTO,
	ITEM_KIND,
	ITEM_BEFORE,
};

struct office_node {
	struct office *office;
	struct sqlite3 *db;
	struct engine *engine;
	uint8_t seed[SEED_BYTES];
	uint8_t origin[ORIGIN_BYTES];
	uint64_t random;
	int64_t skew_ms; /* of its clock */
};

struct office {
	struct office_node nodes[OFFICE_NODES_MAX];
	size_t count;
	uint64_t now_ms;
	uint8_t root_pubkey[PUBKEY_BYTES];
	struct save_result result; /* of the last save */
	struct apply_result applied; /* of the last delivery */
	struct diag diag; /* of the last call that answered */
};

/* One commit as it travels.  Owned: office_letter_free. */
struct office_letter {
	uint8_t origin[ORIGIN_BYTES];
	char unit[UNIT_BYTES_MAX + 1];
	enum reach reach;
	uint64_t seq, hlc;
	uint8_t signature[SIGNATURE_BYTES];
	struct bytes body;
};

const struct catalogue *office_catalogue(void);
/* The same tables without rights, owners and policies that forbid: what a node that skips the
 * checks runs. */
const struct catalogue *office_catalogue_lax(void);

void office_init(struct office *o);
void office_fini(struct office *o);

/* A new node of @unit below node 0, holding all that node 0 may tell it; its number. */
size_t office_join(struct office *o, const char *unit);

/* Close the engine of @n and open it again over @c. */
void office_reopen(struct office *o, size_t n, const struct catalogue *c);

/* A copy of a database in memory; and put such a copy in the place of the node's own. */
struct sqlite3 *office_copy(struct sqlite3 *db);
void office_restore(struct office *o, size_t n, struct sqlite3 *copy);

/* ---- saves: office_put and office_drop answer what the engine answers, with o->diag and
 * o->result */

struct save *office_begin(struct office *o, size_t n, const char *author);
RC_CHECK enum rc office_put(struct office *o, size_t n, const char *table, struct save_key *key,
    const struct save_cell *cells, size_t count);
RC_CHECK enum rc office_put_as(struct office *o, size_t n, const char *author, const char *table,
    struct save_key *key, const struct save_cell *cells, size_t count);
RC_CHECK enum rc
office_drop(struct office *o, size_t n, const char *table, const struct save_key *key);
/* A bulk change of one column of "item". */
RC_CHECK enum rc office_update(struct office *o, size_t n, bool is_bulk, const char *column,
    const char *expr, const char *where);

struct save_cell office_text(const char *column, const char *text);
struct save_cell office_int(const char *column, int64_t i);
struct save_cell office_delta(const char *column, int64_t i);
struct save_cell office_null(const char *column);
struct save_cell office_blob(const char *column, const void *p, size_t n);
struct save_cell office_forced(struct save_cell cell);

/* A new item of @unit, named @name. */
struct save_key office_item(struct office *o, size_t n, const char *unit, const char *name);
/* Set one column of an item. */
void office_set(struct office *o, size_t n, const struct save_key *key, struct save_cell cell);
struct save_key office_key(const char *text);
struct span office_span(const struct save_key *key);

/* ---- reading */

/* The cell as text ("-": NULL, "": no such row), in one of a few static buffers. */
const char *office_cell(
    struct office *o, size_t n, const char *table, const struct save_key *key, const char *column);
/* The values of the open conflict on @column of an item (NULL: of its being there), shown first,
 * "a|b|c"; "" when there is none.  A deletion is "x", a suggestion list ends in "?". */
const char *office_open(struct office *o, size_t n, const struct save_key *key, const char *column);
long long office_number(struct office *o, size_t n, const char *sql);
void office_digest(struct office *o, size_t n, uint8_t out[HASH_BYTES]);
void office_assert_equal(struct office *o, size_t a, size_t b);

/* ---- letters (office_post.c) */

/* Seal @n's own streams at their heads. */
void office_seal(struct office *o, size_t n);
/* The newest commit of @n's own stream (@unit, @reach), sealed. */
struct office_letter office_letter(struct office *o, size_t n, const char *unit, enum reach reach);
/* The newest commit of the stream that rows of commune A are in: what most tests send. */
struct office_letter office_letter_a(struct office *o, size_t n);
void office_letter_free(struct office_letter *l);
/* Deliver it alone in a frame. */
RC_CHECK enum rc office_deliver(struct office *o, size_t to, const struct office_letter *l);
/* Apply a frame of several; sets o->applied. */
RC_CHECK enum rc office_apply(struct office *o, size_t to, const struct apply_frame *f);
void office_letter_frame(const struct office_letter *l, struct apply_stream *s,
    struct apply_commit *c, struct apply_frame *f);

/* Everything that @from holds and @to may hold and lacks, in one frame. */
RC_CHECK enum rc office_send(struct office *o, size_t from, size_t to);
/* All nodes with node 0 until nothing moves. */
void office_sync(struct office *o);

/* Append a commit with @ops to @n's own stream (@unit, @reach) without any check and without
 * effect there. */
void office_forge(struct office *o, size_t n, const char *unit, enum reach reach, struct commit *c);

#endif
