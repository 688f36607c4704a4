/* passphrase: sealing a key with another passphrase, or with none.  One file, replaced at once: cut anywhere, it is the
 * old or the new one. */
#include <sodium.h>

#include "node/client.h"
#include "node/keyfile.h"
#include "node/store.h"

enum rc
client_passphrase(struct command_env *env, struct diag *d)
{
	static const struct command_flag flags[] = { { "--new", true }, { "--plain", false }, { "--key", true },
		{ "--passphrase-file", true } };
	const struct command_shape shape = { flags, 4, 0, 0, NULL };
	char path[STORE_PATH_BYTES];
	uint8_t seed[SEED_BYTES];
	struct command_args args;
	const char *key = path;
	enum rc rc;

	if ((rc = command_args(env, &shape, &args, d)) != RC_OK)
		return rc;
	if ((args.value[0] == NULL) == (args.value[1] == NULL))
		return command_usage(env, d, MSG_ARGUMENT_MISSING, "--new FILE | --plain");
	if (args.value[2] != NULL)
		key = args.value[2];
	else if (!store_exists(env->dir) && !store_is_joining(env->dir))
		return store_missing(env->dir, d);
	else if (!store_path(env->dir, STORE_NODE_KEY, path))
		return diag_fail(d, RC_INPUT, command_message(env, MSG_PATH_LONG), env->dir);
	(void)sodium_mlock(seed, sizeof(seed));		/* where the system lets us */
	keyfile_passphrase_set(args.value[3]);
	if ((rc = keyfile_read(key, seed, d)) == RC_OK) {
		keyfile_passphrase_set(args.value[0] != NULL ? args.value[0] : "");
		rc = keyfile_write(key, seed, false, d);
	}
	(void)sodium_munlock(seed, sizeof(seed));
	if (rc == RC_OK) {
		bytes_fmt(&env->out, command_message(env, args.value[0] != NULL ? MSG_KEY_SEALED : MSG_KEY_PLAIN),
		    key);
		bytes_byte(&env->out, '\n');
	}
	return rc;
}
