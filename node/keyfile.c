#include "node/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/file.h"
#include "sync/cursor.h"

#define MAGIC "OCOPKEY1"
#define MAGIC_BYTES 8
#define BOX_BYTES (SEED_BYTES + crypto_secretbox_MACBYTES)
#define SEALED_BYTES (MAGIC_BYTES + 8 + crypto_pwhash_SALTBYTES + crypto_secretbox_NONCEBYTES + BOX_BYTES)

static const char *g_passphrase_path;

void
keyfile_passphrase_set(const char *path)
{
	g_passphrase_path = path;
}

/* ---- the passphrase */

static const char *
passphrase_path(void)
{
	const char *path = g_passphrase_path != NULL ? g_passphrase_path : getenv(KEYFILE_PASSPHRASE_ENV);

	return path == NULL || path[0] == '\0' ? NULL : path;
}

/* Its first line, to be wiped by passphrase_forget(). */
static enum rc
passphrase_read(const char *path, struct bytes *out, struct diag *d)
{
	const uint8_t *end;
	enum rc rc;

	/* Room at once: growing would leave copies behind. */
	if (bytes_room(out, KEYFILE_PASSPHRASE_BYTES_MAX + 65536 + 1) == NULL)
		return RC_NOMEM;
	if ((rc = file_read(path, KEYFILE_PASSPHRASE_BYTES_MAX, out, d)) != RC_OK)
		return rc == RC_LIMIT ? RC_INPUT : rc;
	if (out->n != 0 && (end = memchr(out->p, '\n', out->n)) != NULL)
		out->n = (size_t)(end - out->p);
	if (out->n != 0 && out->p[out->n - 1] == '\r')
		out->n--;
	return out->n != 0 ? RC_OK : diag_fail(d, RC_INPUT, message(MSG_PASSPHRASE_EMPTY), path);
}

static void
passphrase_forget(struct bytes *b)
{
	if (b->p != NULL)
		sodium_memzero(b->p, b->cap);
	bytes_free(b);
}

static enum rc
argon_make(struct span passphrase, const uint8_t *salt, uint32_t passes, uint32_t kib,
    uint8_t key[crypto_secretbox_KEYBYTES])
{
	return crypto_pwhash(key, crypto_secretbox_KEYBYTES, (const char *)passphrase.p, passphrase.n, salt, passes,
	    (size_t)kib << 10, crypto_pwhash_ALG_ARGON2ID13) == 0 ? RC_OK : RC_NOMEM;
}

/* ---- writing */

static enum rc
seal(const char *path, const uint8_t seed[SEED_BYTES], struct bytes *out, struct diag *d)
{
	uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], key[crypto_secretbox_KEYBYTES];
	uint8_t box[BOX_BYTES];
	struct bytes passphrase;
	enum rc rc;

	bytes_init(&passphrase);
	randombytes_buf(salt, sizeof(salt));
	randombytes_buf(nonce, sizeof(nonce));
	if ((rc = passphrase_read(path, &passphrase, d)) == RC_OK &&
	    (rc = argon_make(span_bytes(&passphrase), salt, KEYFILE_PASSES, KEYFILE_KIB, key)) == RC_OK) {
		(void)crypto_secretbox_easy(box, seed, SEED_BYTES, nonce, key);
		bytes_put(out, MAGIC, MAGIC_BYTES);
		wr_u32(out, KEYFILE_PASSES);
		wr_u32(out, KEYFILE_KIB);
		bytes_put(out, salt, sizeof(salt));
		bytes_put(out, nonce, sizeof(nonce));
		bytes_put(out, box, sizeof(box));
		rc = bytes_rc(out);
		sodium_memzero(key, sizeof(key));
	}
	passphrase_forget(&passphrase);
	return rc;
}

enum rc
keyfile_write(const char *path, const uint8_t seed[SEED_BYTES], bool is_new, struct diag *d)
{
	const char *from = passphrase_path();
	struct bytes content;
	enum rc rc = RC_OK;
	int fd;

	bytes_init(&content);
	if (from != NULL)
		rc = seal(from, seed, &content, d);
	else
		bytes_put(&content, seed, SEED_BYTES);
	if (rc == RC_OK && (rc = bytes_rc(&content)) == RC_OK && is_new) {
		/* An empty file first, so that nobody's is overwritten. */
		if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) >= 0)
			(void)close(fd);
		else if (errno == EEXIST)
			rc = diag_fail(d, RC_CREATE, message(MSG_KEY_EXISTS), path);
		else
			rc = file_fail(d, RC_CREATE, MSG_FILE_CREATE, path, errno);
	}
	if (rc == RC_OK && (rc = file_write(path, span_bytes(&content), 0600, d)) != RC_OK && is_new)
		(void)unlink(path);
	passphrase_forget(&content);
	return rc;
}

/* ---- reading */

bool
keyfile_is_form(struct span content)
{
	return content.n == SEED_BYTES ||
	    (content.n == SEALED_BYTES && memcmp(content.p, MAGIC, MAGIC_BYTES) == 0);
}

static enum rc
mode_check(const char *path, const struct stat *st, struct diag *d)
{
	if (st->st_uid != geteuid())
		return diag_fail(d, RC_DENIED, message(MSG_KEY_OWNER), path);
	if ((st->st_mode & 077) != 0)
		return diag_fail(d, RC_DENIED, message(MSG_KEY_OPEN), path, path);
	return RC_OK;
}

enum rc
keyfile_mode_check(const char *path, struct diag *d)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return errno == ENOENT ? RC_OK :
		    file_fail(d, errno == EACCES ? RC_DENIED : RC_DISK, MSG_FILE_OPEN, path, errno);
	return mode_check(path, &st, d);
}

static enum rc
unseal(const char *path, struct span sealed, uint8_t seed[SEED_BYTES], struct diag *d)
{
	const char *from = passphrase_path();
	uint8_t key[crypto_secretbox_KEYBYTES];
	struct rd r = rd_span(sealed);
	struct span salt, nonce, box;
	struct bytes passphrase;
	uint32_t passes, kib;
	enum rc rc;

	(void)rd_fixed(&r, MAGIC_BYTES);
	passes = rd_u32(&r);
	kib = rd_u32(&r);
	salt = rd_fixed(&r, crypto_pwhash_SALTBYTES);
	nonce = rd_fixed(&r, crypto_secretbox_NONCEBYTES);
	box = rd_fixed(&r, BOX_BYTES);
	if (!rd_done(&r) || passes < crypto_pwhash_OPSLIMIT_MIN || passes > KEYFILE_PASSES_MAX ||
	    kib < crypto_pwhash_MEMLIMIT_MIN >> 10 || kib > KEYFILE_KIB_MAX)
		return diag_fail(d, RC_CORRUPT, message(MSG_STORE_DAMAGED), path);
	if (from == NULL)
		return diag_fail(d, RC_DENIED, message(MSG_PASSPHRASE_NEEDED), path, KEYFILE_PASSPHRASE_ENV);
	bytes_init(&passphrase);
	if ((rc = passphrase_read(from, &passphrase, d)) == RC_OK &&
	    (rc = argon_make(span_bytes(&passphrase), salt.p, passes, kib, key)) == RC_OK) {
		if (crypto_secretbox_open_easy(seed, box.p, box.n, nonce.p, key) != 0)
			rc = diag_fail(d, RC_DENIED, message(MSG_PASSPHRASE_WRONG), from, path);
		sodium_memzero(key, sizeof(key));
	}
	passphrase_forget(&passphrase);
	return rc;
}

enum rc
keyfile_read(const char *path, uint8_t seed[SEED_BYTES], struct diag *d)
{
	uint8_t content[SEALED_BYTES + 1];
	struct stat st;
	ssize_t n = 0;
	enum rc rc;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return file_fail(d, errno == EACCES ? RC_DENIED : RC_DISK, MSG_FILE_OPEN, path, errno);
	if (fstat(fd, &st) != 0)
		rc = file_fail(d, RC_DISK, MSG_FILE_READ, path, errno);
	else if ((rc = mode_check(path, &st, d)) == RC_OK && (n = read(fd, content, sizeof(content))) < 0)
		rc = file_fail(d, RC_DISK, MSG_FILE_READ, path, errno);
	(void)close(fd);
	if (rc == RC_OK && n == SEED_BYTES)
		memcpy(seed, content, SEED_BYTES);
	else if (rc == RC_OK && n == SEALED_BYTES && memcmp(content, MAGIC, MAGIC_BYTES) == 0)
		rc = unseal(path, span_of(content, SEALED_BYTES), seed, d);
	else if (rc == RC_OK)
		rc = diag_fail(d, RC_CORRUPT, message(MSG_STORE_DAMAGED), path);
	sodium_memzero(content, sizeof(content));
	return rc;
}
