/* node/keyfile.h - a secret of 32 bytes in a file of its owner's.
 *
 *   plain   32 bytes
 *   sealed  "OCOPKEY1" · u32 passes · u32 KiB · salt (16) · nonce (24) · box (48): crypto_secretbox of the 32 bytes
 *           under the key that Argon2id makes of the passphrase, the salt, so many passes and so much memory
 *
 * The passphrase is the first line of a file, which --passphrase-file of `init` and `join` names, else
 * OCOP_PASSPHRASE_FILE in the environment.  With one, keys are written sealed; without one, plain.  A plain key is read
 * either way.
 * A key that others could read, or that belongs to another user, is not used.
 */
#ifndef NODE_KEYFILE_H
#define NODE_KEYFILE_H

#include "sync/engine.h"

#define KEYFILE_PASSPHRASE_ENV "OCOP_PASSPHRASE_FILE"
#define KEYFILE_PASSPHRASE_BYTES_MAX 1024
#define KEYFILE_PASSES 3
#define KEYFILE_KIB 65536
/* What a file may ask for: a little more than we do. */
#define KEYFILE_PASSES_MAX 16
#define KEYFILE_KIB_MAX 65536

/* Name the file of the passphrase, for this process; NULL: the environment's.  @path is borrowed. */
void keyfile_passphrase_set(const char *path);

/* Write @seed to @path, durably, mode 600.  @is_new: RC_CREATE when @path is there.  Errors as of file_write(). */
RC_CHECK enum rc keyfile_write(const char *path, const uint8_t seed[SEED_BYTES], bool is_new, struct diag *d);

/* RC_DENIED: readable by others, of another user, sealed and the passphrase is missing or wrong.  RC_CORRUPT: it is no
 * key. */
RC_CHECK enum rc keyfile_read(const char *path, uint8_t seed[SEED_BYTES], struct diag *d);

/* Are these the bytes of such a file? */
bool keyfile_is_form(struct span content);

/* RC_DENIED unless @path, when it is there, belongs to the user that runs us and nobody else may read or write it. */
RC_CHECK enum rc keyfile_mode_check(const char *path, struct diag *d);

#endif
