/* A backup is written page by page from a reading connection, gets the key and the mark, is checked, and then its name.
 * A restore copies the file, checks the copy, and takes the key out of it again. */
#include "node/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/file.h"
#include "node/keyfile.h"
#include "node/local.h"
#include "node/message.h"
#include "node/text.h"
#include "schema/schema.h"
#include "sync/credential.h"
#include "sync/incarnation.h"

#define PIECE_BYTES ((size_t)256 << 10)
#define KEY_BYTES_MAX 4096
#define MADE_MS "made_ms"
#define HEADER_VERSIONS_AT 18	/* of the format, for writing and for reading: 1 rollback journal, 2 log of writes */

static enum rc
sqlite_fail(sqlite3 *db, int code, const char *path, struct diag *d)
{
	const char *why = db == NULL ? sqlite3_errstr(code) : sqlite3_errmsg(db);

	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return RC_NOMEM;
	case SQLITE_FULL:
		return diag_fail(d, RC_FULL, message(MSG_DISK_FULL), path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return diag_fail(d, RC_CORRUPT, message(MSG_DATABASE_CORRUPT), path, why);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return diag_fail(d, RC_BUSY, "%s: %s", path, why);
	default:
		return diag_fail(d, RC_DISK, message(MSG_FILE_WRITE), path, why);
	}
}

static enum rc
run(sqlite3 *db, const char *sql, const char *path, struct diag *d)
{
	int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? RC_OK : sqlite_fail(db, code, path, d);
}

/* @sql is a check that answers "ok", or what is wrong. */
static enum rc
check(sqlite3 *db, const char *sql, const char *path, struct diag *d)
{
	sqlite3_stmt *stmt = NULL;
	const char *said;
	enum rc rc = RC_OK;
	int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (code == SQLITE_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
		said = (const char *)sqlite3_column_text(stmt, 0);
		if (said == NULL || strcmp(said, "ok") != 0)
			rc = diag_fail(d, RC_CORRUPT, message(MSG_BACKUP_DAMAGED), path, said == NULL ? "?" : said);
	} else {
		rc = sqlite_fail(db, code, path, d);
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

/* RC_INPUT unless there is a node in it that this program can read. */
static enum rc
probe(sqlite3 *db, const char *path, struct diag *d)
{
	bool is_node = false;
	struct diag why;
	enum rc rc;

	diag_init(&why);
	if ((rc = engine_probe(db, schema_catalogue(), &is_node, &why)) != RC_OK)
		return diag_fail(d, rc, "%s: %s", path, why.text);
	return is_node ? RC_OK : diag_fail(d, RC_INPUT, message(MSG_BACKUP_NONE), path);
}

static enum rc
open_at(const char *path, sqlite3 **db, struct diag *d)
{
	int code = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	return code == SQLITE_OK ? RC_OK : sqlite_fail(*db, code, path, d);
}

/* ---- what stands beside the replica */

static enum rc
part_put(sqlite3 *db, const char *name, struct span content, const char *path, struct diag *d)
{
	sqlite3_stmt *stmt = NULL;
	enum rc rc = RC_OK;
	int code = sqlite3_prepare_v2(db, "INSERT INTO backup_file(name, content) VALUES(?1, ?2)", -1, &stmt, NULL);

	if (code == SQLITE_OK && (code = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC)) == SQLITE_OK &&
	    (code = sqlite3_bind_blob64(stmt, 2, content.p, content.n, SQLITE_STATIC)) == SQLITE_OK)
		code = sqlite3_step(stmt);
	if (code != SQLITE_DONE)
		rc = sqlite_fail(db, code, path, d);
	(void)sqlite3_finalize(stmt);
	return rc;
}

static enum rc
part_get(sqlite3 *db, const char *name, struct bytes *out, const char *path, struct diag *d)
{
	sqlite3_stmt *stmt = NULL;
	enum rc rc = RC_OK;
	int code = sqlite3_prepare_v2(db, "SELECT content FROM backup_file WHERE name = ?1", -1, &stmt, NULL);

	if (code == SQLITE_ERROR)	/* no such table */
		rc = diag_fail(d, RC_INPUT, message(MSG_BACKUP_NONE), path);
	else if (code == SQLITE_OK && (code = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC)) == SQLITE_OK &&
	    (code = sqlite3_step(stmt)) == SQLITE_ROW)
		bytes_put(out, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
	else if (code == SQLITE_DONE)
		rc = diag_fail(d, RC_INPUT, message(MSG_BACKUP_NONE), path);
	else
		rc = sqlite_fail(db, code, path, d);
	(void)sqlite3_finalize(stmt);
	return rc == RC_OK ? bytes_rc(out) : rc;
}

static void
secret_free(struct bytes *b)
{
	if (b->p != NULL)
		sodium_memzero(b->p, b->cap);
	bytes_free(b);
}

/* ---- writing */

/* Every page of @from, whose transaction is open: of one moment. */
static enum rc
pages_copy(sqlite3 *from, sqlite3 *to, const char *path, struct diag *d)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int code;

	if (b == NULL)
		return sqlite_fail(to, sqlite3_errcode(to), path, d);
	code = sqlite3_backup_step(b, -1);
	(void)sqlite3_backup_finish(b);
	return code == SQLITE_DONE ? RC_OK : sqlite_fail(NULL, code, path, d);
}

/* The copy stands alone, without a log of writes. */
static enum rc
header_settle(const char *path, struct diag *d)
{
	static const uint8_t versions[2] = { 1, 1 };
	enum rc rc = RC_OK;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return file_fail(d, RC_DISK, MSG_FILE_OPEN, path, errno);
	if (pwrite(fd, versions, sizeof(versions), HEADER_VERSIONS_AT) != sizeof(versions))
		rc = file_fail(d, RC_DISK, MSG_FILE_WRITE, path, errno);
	(void)close(fd);
	return rc;
}

static enum rc
parts_add(sqlite3 *db, struct span key, const char *path, struct diag *d)
{
	char made[24];
	enum rc rc;

	(void)snprintf(made, sizeof(made), "%" PRIu64, store_now_ms());
	if ((rc = run(db, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF; BEGIN;"
	        "CREATE TABLE backup_file(name TEXT NOT NULL PRIMARY KEY, content BLOB NOT NULL) STRICT;", path,
	        d)) != RC_OK ||
	    (rc = part_put(db, STORE_NODE_KEY, key, path, d)) != RC_OK ||
	    (rc = part_put(db, MADE_MS, span_str(made), path, d)) != RC_OK ||
	    (rc = incarnation_mark_due(db, d)) != RC_OK ||
	    (rc = run(db, "COMMIT; PRAGMA ignore_check_constraints=ON;", path, d)) != RC_OK ||
	    (rc = probe(db, path, d)) != RC_OK)
		return rc;
	return check(db, "PRAGMA quick_check(1)", path, d);
}

/* @temp, an empty file, becomes the backup. */
static enum rc
temp_fill(sqlite3 *from, struct span key, const char *temp, struct diag *d)
{
	sqlite3 *db = NULL;
	enum rc rc;

	if ((rc = open_at(temp, &db, d)) == RC_OK &&
	    (rc = run(db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", temp, d)) == RC_OK)
		rc = pages_copy(from, db, temp, d);
	(void)sqlite3_close(db);
	db = NULL;
	if (rc == RC_OK && (rc = header_settle(temp, d)) == RC_OK && (rc = open_at(temp, &db, d)) == RC_OK)
		rc = parts_add(db, key, temp, d);
	if (sqlite3_close(db) != SQLITE_OK && rc == RC_OK)
		rc = diag_fail(d, RC_BUG, "%s", rc_name(RC_BUG));
	return rc;
}

/* @temp gets its name, durably, unless somebody else took that meanwhile. */
static enum rc
temp_rename(const char *temp, const char *path, uint64_t *bytes, struct diag *d)
{
	const char *slash = strrchr(path, '/');
	char parent[STORE_PATH_BYTES];
	struct stat st;
	enum rc rc = RC_OK;
	int fd = open(temp, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return file_fail(d, RC_DISK, MSG_FILE_OPEN, temp, errno);
	if (fsync(fd) != 0 || fstat(fd, &st) != 0)
		rc = file_fail(d, errno == ENOSPC ? RC_FULL : RC_DISK, MSG_FILE_WRITE, temp, errno);
	else
		*bytes = (uint64_t)st.st_size;
	(void)close(fd);
	if (rc != RC_OK)
		return rc;
	if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) != 0) {
		if (errno == EEXIST)
			return diag_fail(d, RC_CREATE, message(MSG_FILE_EXISTS), path);
		if ((errno != EINVAL && errno != ENOSYS) || rename(temp, path) != 0)	/* not every file system can */
			return file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
	}
	(void)snprintf(parent, sizeof(parent), "%.*s", slash == NULL ? 1 : (int)(slash == path ? 1 : slash - path),
	    slash == NULL ? "." : path);
	return file_sync_dir(parent, d);
}

static enum rc
key_load(const char *dir, struct bytes *key, struct diag *d)
{
	char path[STORE_PATH_BYTES];
	enum rc rc;

	if (!store_path(dir, STORE_NODE_KEY, path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), dir);
	/* Room at once: growing would leave copies behind. */
	if (bytes_room(key, KEY_BYTES_MAX + 65536 + 1) == NULL)
		return RC_NOMEM;
	if ((rc = file_read(path, KEY_BYTES_MAX, key, d)) != RC_OK)
		return rc == RC_DENIED ? rc : RC_DISK;
	return keyfile_is_form(span_bytes(key)) ? RC_OK : diag_fail(d, RC_CORRUPT, message(MSG_STORE_DAMAGED), path);
}

enum rc
backup_write(const char *dir, const char *path, uint64_t *bytes, struct diag *d)
{
	char temp[STORE_PATH_BYTES];
	struct store store;
	struct bytes key;
	struct stat st;
	enum rc rc;
	int fd, n;

	if (lstat(path, &st) == 0)
		return diag_fail(d, RC_CREATE, message(MSG_FILE_EXISTS), path);
	n = snprintf(temp, sizeof(temp), "%s.%ld.tmp", path, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(temp))
		return file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, ENAMETOOLONG);
	if ((rc = store_open(&store, dir, false, d)) != RC_OK)
		return rc;
	bytes_init(&key);
	if ((rc = key_load(dir, &key, d)) == RC_OK) {
		(void)unlink(temp);	/* of an earlier process of our number */
		if ((fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0) {
			rc = file_fail(d, errno == ENOSPC ? RC_FULL : RC_CREATE, MSG_FILE_CREATE, path, errno);
		} else {
			(void)close(fd);
			if ((rc = temp_fill(store.db, span_bytes(&key), temp, d)) == RC_OK)
				rc = temp_rename(temp, path, bytes, d);
			if (rc != RC_OK)
				(void)unlink(temp);
		}
	}
	secret_free(&key);
	store_close(&store);
	return rc;
}

/* ---- reading */

/* All of @from into @to; the first bytes say whether it can be one of ours at all. */
static enum rc
bytes_copy(int from, int to, const char *path, const char *new_path, struct diag *d)
{
	static const char magic[] = "SQLite format 3";
	uint8_t *piece = mem_alloc(PIECE_BYTES);
	enum rc rc = RC_OK;
	bool is_first = true;
	ssize_t n = 1;

	if (piece == NULL)
		return RC_NOMEM;
	while (rc == RC_OK && n != 0) {
		if ((n = read(from, piece, PIECE_BYTES)) < 0) {
			if (errno != EINTR)
				rc = file_fail(d, errno == EISDIR ? RC_INPUT : RC_DISK, MSG_FILE_READ, path, errno);
			continue;
		}
		if (is_first && ((size_t)n < sizeof(magic) || memcmp(piece, magic, sizeof(magic)) != 0))
			rc = diag_fail(d, RC_INPUT, message(MSG_BACKUP_NONE), path);
		else if (!file_put(to, span_of(piece, (size_t)n)))
			rc = file_fail(d, errno == ENOSPC ? RC_FULL : RC_DISK, MSG_FILE_WRITE, new_path, errno);
		is_first = false;
	}
	sodium_memzero(piece, PIECE_BYTES);
	mem_free(piece);
	return rc;
}

static enum rc
file_copy(const char *path, const char *new_path, struct diag *d)
{
	enum rc rc;
	int from, to;

	if ((from = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return file_fail(d, errno == EACCES || errno == EPERM ? RC_DENIED : RC_INPUT, MSG_FILE_OPEN, path,
		    errno);
	if ((to = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0) {
		rc = file_fail(d, RC_CREATE, MSG_FILE_CREATE, new_path, errno);
	} else {
		rc = bytes_copy(from, to, path, new_path, d);
		if (close(to) != 0 && rc == RC_OK)
			rc = file_fail(d, RC_DISK, MSG_FILE_WRITE, new_path, errno);
	}
	(void)close(from);
	return rc;
}

/* Who it is; and that the key, if it can be read without a passphrase, is that node's. */
static enum rc
facts_read(sqlite3 *db, struct span key, const char *path, struct backup_facts *facts, struct diag *d)
{
	const struct engine_identity *self;
	uint8_t pubkey[PUBKEY_BYTES];
	struct engine *e;
	struct diag why;
	enum rc rc;

	diag_init(&why);
	if ((rc = engine_open(&e, db, schema_catalogue(), store_env(), NULL, &why)) != RC_OK)
		return diag_fail(d, rc, message(MSG_BACKUP_DAMAGED), path, why.text);
	self = engine_self(e);
	memcpy(facts->origin, self->origin, ORIGIN_BYTES);
	memcpy(facts->unit, self->unit, sizeof(facts->unit));
	if (key.n == SEED_BYTES) {
		credential_keys(key.p, pubkey);
		if (memcmp(pubkey, self->pubkey, PUBKEY_BYTES) != 0)
			rc = diag_fail(d, RC_CORRUPT, message(MSG_BACKUP_DAMAGED), path, message(MSG_BACKUP_KEY));
	}
	engine_close(e);
	return rc;
}

/* The copy becomes a replica again: without what stood beside it, and marked. */
static enum rc
copy_settle(sqlite3 *db, const char *path, struct bytes *key, struct backup_facts *facts, struct diag *d)
{
	char now[24];
	struct bytes made;
	int64_t ms = 0;
	enum rc rc;

	bytes_init(&made);
	(void)snprintf(now, sizeof(now), "%" PRIu64, store_now_ms());
	if ((rc = probe(db, path, d)) == RC_OK && (rc = engine_configure(db, true, d)) == RC_OK &&
	    (rc = run(db, "PRAGMA secure_delete=ON; PRAGMA ignore_check_constraints=ON;", path, d)) == RC_OK &&
	    (rc = check(db, "PRAGMA integrity_check(1)", path, d)) == RC_OK &&
	    (rc = part_get(db, STORE_NODE_KEY, key, path, d)) == RC_OK &&
	    (rc = part_get(db, MADE_MS, &made, path, d)) == RC_OK) {
		if (!keyfile_is_form(span_bytes(key)) || !text_int64(span_bytes(&made), &ms) || ms < 0)
			rc = diag_fail(d, RC_CORRUPT, message(MSG_BACKUP_DAMAGED), path, message(MSG_BACKUP_KEY));
		else if ((rc = run(db, "BEGIN; DROP TABLE backup_file", path, d)) == RC_OK &&
		    (rc = incarnation_mark_due(db, d)) == RC_OK && (rc = run(db, "COMMIT", path, d)) == RC_OK &&
		    (rc = local_create(db, d)) == RC_OK && (rc = local_set(db, LOCAL_RESTORED_MS, now, d)) == RC_OK)
			rc = facts_read(db, span_bytes(key), path, facts, d);
	}
	facts->made_ms = (uint64_t)ms;
	bytes_free(&made);
	return rc;
}

enum rc
backup_restore(const struct store_build *b, const char *path, struct backup_facts *facts, struct diag *d)
{
	char new_path[STORE_PATH_BYTES], key_path[STORE_PATH_BYTES];
	sqlite3 *db = NULL;
	struct bytes key;
	enum rc rc;

	memset(facts, 0, sizeof(*facts));
	if (!store_path(b->dir, STORE_DATABASE_NEW, new_path) || !store_path(b->dir, STORE_NODE_KEY, key_path))
		return diag_fail(d, RC_INPUT, message(MSG_PATH_LONG), b->dir);
	if ((rc = file_copy(path, new_path, d)) != RC_OK)
		return rc;
	bytes_init(&key);
	if (bytes_room(&key, KEY_BYTES_MAX) == NULL)
		rc = RC_NOMEM;
	else if ((rc = open_at(new_path, &db, d)) == RC_OK)
		rc = copy_settle(db, path, &key, facts, d);
	if (sqlite3_close(db) != SQLITE_OK && rc == RC_OK)
		rc = diag_fail(d, RC_BUG, "%s", rc_name(RC_BUG));
	if (rc == RC_OK)
		rc = file_write(key_path, span_bytes(&key), 0600, d);
	secret_free(&key);
	return rc;
}
