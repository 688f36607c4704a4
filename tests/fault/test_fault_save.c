/* A save and a frame, failing allocation k, then call k of the disk, until they pass untouched:
 * after each failure the replica holds what it held, and works on, at once or after it was
 * opened anew. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/disk.h"
#include "tests/unit/office.h"

#define TRIES_MAX 20000
#define PASSES 20
#define LABELS 90
#define SCORES 7

enum { PROVINCE, COMMUNE, DISTRICT };

struct fault {
	struct office o;
	struct save_key key; /* an item that everyone holds */
	struct save_key gone; /* a deleted one */
	struct save_key late; /* one to delete */
	struct save_key few[SCORES];
	struct office_letter letters[3];
	struct disk *disk; /* of the province, in the tests that have one */
};

/* ---- what is tried */

typedef enum rc (*attempt_fn)(struct fault *f);

/* Rows that a statement each adds, and rows that one statement changes. */
static void
forms_make(struct fault *f, struct save_cell cells[LABELS + 1][2],
    struct save_change labels[LABELS], char codes[LABELS][8], struct save_change scores[SCORES])
{
	for (int i = 0; i < LABELS; i++) {
		(void)snprintf(codes[i], sizeof(codes[i]), "L%d", i);
		cells[i][0] = office_text("unit", OFFICE_A);
		cells[i][1] = office_text("text", codes[i]);
		labels[i] =
		    (struct save_change){ span_str("label"), span_str(codes[i]), cells[i], 2 };
	}
	cells[LABELS][0] = office_int("score", 12);
	cells[LABELS][1] = office_text("memo", "n");
	for (size_t i = 0; i < SCORES; i++)
		scores[i] = (struct save_change){ span_str("item"), office_span(&f->few[i]),
			cells[LABELS], 1 + i % 2 };
}

/* A form: a change, a row of another scope, a deletion, one that comes back, a unit, a bulk
 * statement. */
static enum rc
save_attempt(struct fault *f)
{
	struct office *o = &f->o;
	struct save_options options = { .author = span_str("an") };
	struct save_cell change[] = { office_int("score", 66), office_text("grade", "Q"),
		office_delta("stock", 2) };
	struct save_cell item[] = { office_text("unit", OFFICE_B), office_text("name", "new") };
	struct save_cell back[] = { office_text("unit", OFFICE_A), office_text("name", "back") };
	struct save_cell unit[] = { office_text("parent", OFFICE_D),
		office_text("level", "commune") };
	struct save_cell cells[LABELS + 1][2];
	struct save_change labels[LABELS], scores[SCORES];
	struct save_key keys[LABELS];
	char codes[LABELS][8];
	const struct save_set set = { span_str("memo"), "'m'" };
	const struct save_update update = { span_str("item"), &set, 1, "score = 12", NULL, 0 };
	struct save *s;
	size_t failed;
	enum rc rc;

	forms_make(f, cells, labels, codes, scores);
	o->now_ms += 1000;
	if ((rc = save_begin(o->nodes[PROVINCE].engine, &options, &s, &o->diag)) != RC_OK)
		return rc;
	if ((rc = save_row(s, span_str("item"), office_span(&f->key), change, 3, NULL, &o->diag)) !=
		RC_OK ||
	    (rc = save_row(s, span_str("item"), span_of(NULL, 0), item, 2, NULL, &o->diag)) !=
		RC_OK ||
	    (rc = save_row(s, span_str("item"), office_span(&f->gone), back, 2, NULL, &o->diag)) !=
		RC_OK ||
	    (rc = save_row(s, span_str("unit"), span_str("xn@2020-01-01"), unit, 2, NULL,
		 &o->diag)) != RC_OK ||
	    (rc = save_rows(s, labels, LABELS, keys, &failed, &o->diag)) != RC_OK ||
	    (rc = save_rows(s, scores, SCORES, keys, &failed, &o->diag)) != RC_OK ||
	    (rc = save_update(s, &update, &o->diag)) != RC_OK ||
	    (rc = save_delete(s, span_str("item"), office_span(&f->late), &o->diag)) != RC_OK) {
		save_abandon(s);
		return rc;
	}
	return save_commit(s, &o->result, &o->diag);
}

/* A frame with a plain change, one that meets another, a quarantined one and a credential. */
static enum rc
frame_attempt(struct fault *f)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < 3 && rc == RC_OK; i++)
		rc = office_deliver(&f->o, PROVINCE, &f->letters[i]);
	return rc;
}

/* ---- the replicas */

static void
fault_init(struct fault *f)
{
	struct office *o = &f->o;
	memset(f, 0, sizeof(*f));
	office_init(o);
	assert_int_equal(office_join(o, OFFICE_A), COMMUNE);
	assert_int_equal(office_join(o, OFFICE_D), DISTRICT);
	f->key = office_item(o, COMMUNE, OFFICE_A, "tea");
	f->gone = office_item(o, COMMUNE, OFFICE_A, "gone");
	office_sync(o);
	assert_int_equal(office_drop(o, PROVINCE, "item", &f->gone), RC_OK);
	f->late = office_item(o, PROVINCE, OFFICE_B, "late");
	for (size_t i = 0; i < SCORES; i++)
		f->few[i] = office_item(o, PROVINCE, OFFICE_A, "few");
	office_sync(o);
	office_set(o, COMMUNE, &f->key, office_int("score", 90));
	f->letters[0] = office_letter_a(o, COMMUNE);
	office_set(o, DISTRICT, &f->key, office_int("score", 70));
	f->letters[1] = office_letter_a(o, DISTRICT);
	office_reopen(o, COMMUNE, office_catalogue_lax());
	office_set(o, COMMUNE, &f->key, office_text("stamp", "mine"));
	f->letters[2] = office_letter_a(o, COMMUNE);
}

static void
fault_fini(struct fault *f)
{
	for (size_t i = 0; i < 3; i++)
		office_letter_free(&f->letters[i]);
	office_fini(&f->o);
	if (f->disk != NULL)
		disk_free(f->disk);
}

struct whole {
	uint8_t digest[HASH_BYTES];
	long long log, entries;
};

static struct whole
whole_take(struct fault *f)
{
	struct whole w;

	memset(&w, 0, sizeof(w));
	office_digest(&f->o, PROVINCE, w.digest);
	w.log = office_number(&f->o, PROVINCE, "SELECT count(*) FROM sync_log");
	w.entries = office_number(&f->o, PROVINCE, "SELECT count(*) FROM sync_row");
	return w;
}

static bool
whole_equal(const struct whole *a, const struct whole *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- memory */

/* What an attempt leaves that passed, whatever was asked of memory meanwhile. */
static void
done_check(struct fault *f, attempt_fn attempt, const struct whole *done)
{
	struct whole after = whole_take(f);

	engine_sanity(f->o.nodes[PROVINCE].engine);
	assert_int_equal(after.log, done->log);
	assert_int_equal(after.entries, done->entries);
	/* A save mints keys from the clock, which a failed one moved on; a frame brings its own. */
	if (attempt == frame_attempt)
		assert_memory_equal(after.digest, done->digest, HASH_BYTES);
}

/* Fail allocation @k of the attempt; true when it passed all the same. */
static bool
memory_try(struct fault *f, struct sqlite3 *base, attempt_fn attempt, uint64_t k,
    const struct whole *before, const struct whole *done)
{
	struct whole after;
	enum rc rc;

	office_restore(&f->o, PROVINCE, office_copy(base));
	diag_init(&f->o.diag);
	mem_fault_set(k);
	rc = attempt(f);
	mem_fault_set(0);
	if (rc == RC_OK) {
		done_check(f, attempt, done);
		return true;
	}
	if (rc != RC_NOMEM)
		fail_msg(
		    "allocation %llu: %s: %s", (unsigned long long)k, rc_name(rc), f->o.diag.text);
	if (engine_is_broken(f->o.nodes[PROVINCE].engine))
		office_reopen(&f->o, PROVINCE, office_catalogue());
	engine_sanity(f->o.nodes[PROVINCE].engine);
	after = whole_take(f);
	if (attempt == save_attempt)
		assert_true(whole_equal(before, &after));
	if ((rc = attempt(f)) != RC_OK)
		fail_msg("after allocation %llu: %s: %s", (unsigned long long)k, rc_name(rc),
		    f->o.diag.text);
	done_check(f, attempt, done);
	return false;
}

/* Until it passes untouched: one pass alone may only mean that a failure was not told on. */
static void
memory_sweep(attempt_fn attempt)
{
	struct fault f;
	struct sqlite3 *base;
	struct whole before, done;
	uint64_t k, ms, passed = 0;

	fault_init(&f);
	base = office_copy(f.o.nodes[PROVINCE].db);
	before = whole_take(&f);
	ms = f.o.now_ms;
	assert_int_equal(attempt(&f), RC_OK);
	done = whole_take(&f);
	assert_false(whole_equal(&before, &done));
	for (k = 1; passed < PASSES; k++) {
		assert_true(k < TRIES_MAX);
		f.o.now_ms = ms;
		passed = memory_try(&f, base, attempt, k, &before, &done) ? passed + 1 : 0;
	}
	assert_true(k > 30 + PASSES);
	assert_int_equal(sqlite3_close(base), SQLITE_OK);
	fault_fini(&f);
}

static void
test_save_memory(void **state)
{
	(void)state;
	memory_sweep(save_attempt);
}

static void
test_frame_memory(void **state)
{
	(void)state;
	memory_sweep(frame_attempt);
}

/* ---- disk */

/* Put the province's database on a disk that fails when told to. */
static void
disk_mount(struct fault *f, struct sqlite3 *base, uint64_t seed)
{
	struct sqlite3 *db;
	sqlite3_backup *backup;
	struct disk *old = f->disk;

	f->disk = disk_new(seed);
	assert_int_equal(sqlite3_open_v2("node.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
			     disk_vfs_name(f->disk)),
	    SQLITE_OK);
	assert_non_null(backup = sqlite3_backup_init(db, "main", base, "main"));
	assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
	office_restore(&f->o, PROVINCE, db);
	if (old != NULL)
		disk_free(old);
}

/* As after a restart of the program. */
static void
disk_remount(struct fault *f)
{
	struct sqlite3 *db;

	assert_int_equal(
	    sqlite3_open_v2("node.db", &db, SQLITE_OPEN_READWRITE, disk_vfs_name(f->disk)),
	    SQLITE_OK);
	office_restore(&f->o, PROVINCE, db);
}

static bool
disk_try(struct fault *f, struct sqlite3 *base, attempt_fn attempt, uint64_t k, int code,
    const struct whole *before)
{
	struct whole after;
	enum rc rc;

	disk_mount(f, base, k);
	diag_init(&f->o.diag);
	disk_fail_at(f->disk, k, code);
	rc = attempt(f);
	disk_fail_at(f->disk, 0, 0);
	if (rc == RC_OK)
		return true;
	if (rc != (code == SQLITE_FULL ? RC_FULL : RC_DISK))
		fail_msg("call %llu: %s: %s", (unsigned long long)k, rc_name(rc), f->o.diag.text);
	if (code != SQLITE_FULL)
		assert_true(engine_is_broken(f->o.nodes[PROVINCE].engine));
	if (engine_is_broken(f->o.nodes[PROVINCE].engine))
		disk_remount(f);
	engine_sanity(f->o.nodes[PROVINCE].engine);
	after = whole_take(f);
	/* A COMMIT that failed may have reached the disk all the same: then all of it is there. */
	if (attempt == save_attempt && code == SQLITE_FULL)
		assert_true(whole_equal(before, &after));
	if (attempt == save_attempt && !whole_equal(before, &after))
		assert_true(after.log >= before->log + 4);
	if (attempt == frame_attempt || whole_equal(before, &after))
		assert_int_equal(attempt(f), RC_OK);
	return false;
}

static void
disk_sweep(attempt_fn attempt, int code)
{
	struct fault f;
	struct sqlite3 *base;
	struct whole before;
	uint64_t k = 1, ms;

	fault_init(&f);
	base = office_copy(f.o.nodes[PROVINCE].db);
	before = whole_take(&f);
	for (ms = f.o.now_ms; !disk_try(&f, base, attempt, k, code, &before); k++) {
		assert_true(k < TRIES_MAX);
		f.o.now_ms = ms;
	}
	assert_true(k > 4);
	assert_int_equal(sqlite3_close(base), SQLITE_OK);
	fault_fini(&f);
}

static void
test_save_disk(void **state)
{
	(void)state;
	disk_sweep(save_attempt, SQLITE_IOERR_WRITE);
	disk_sweep(save_attempt, SQLITE_FULL);
}

static void
test_frame_disk(void **state)
{
	(void)state;
	disk_sweep(frame_attempt, SQLITE_IOERR_WRITE);
	disk_sweep(frame_attempt, SQLITE_FULL);
}

/* A full disk: the save is refused, reading goes on, and so does saving once there is room. */
static void
test_disk_full(void **state)
{
	struct fault f;
	struct sqlite3 *base;
	struct whole before, after;

	(void)state;
	fault_init(&f);
	base = office_copy(f.o.nodes[PROVINCE].db);
	disk_mount(&f, base, 1);
	before = whole_take(&f);
	disk_full_set(f.disk, disk_bytes_used(f.disk));
	assert_int_equal(save_attempt(&f), RC_FULL);
	assert_non_null(strstr(f.o.diag.text, "free some space"));
	after = whole_take(&f);
	assert_true(whole_equal(&before, &after));
	engine_sanity(f.o.nodes[PROVINCE].engine);
	disk_full_set(f.disk, UINT64_MAX);
	diag_init(&f.o.diag);
	assert_int_equal(save_attempt(&f), RC_OK);
	assert_int_equal(sqlite3_close(base), SQLITE_OK);
	fault_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_save_memory),
		cmocka_unit_test(test_frame_memory),
		cmocka_unit_test(test_save_disk),
		cmocka_unit_test(test_frame_disk),
		cmocka_unit_test(test_disk_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
