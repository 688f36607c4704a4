/* node/store.h - the data directory of one node.
 *
 *   ocop.db (with -wal, -shm)   the replica
 *   node.key                    the secret of this node (keyfile.h)
 *   root.key                    on the founding node, unless it was put elsewhere: the secret of the whole tree
 *   lock                        held by whoever writes; says who that is
 *   running                     there while somebody writes, and after one who did not end well (store_recover.c)
 *   ocop.sock                   where a running daemon takes commands
 *
 *   joining                     the request to join; while ocop.db is not there, the node waits for its credential
 *
 * The directory is a node when it has ocop.db, which is made as ocop.db.new and renamed when all else is there: no half
 * made node can be met.
 * Nothing here ever deletes or shortens a database that it cannot read.
 */
#ifndef NODE_STORE_H
#define NODE_STORE_H

#include "sync/engine.h"

#define STORE_PATH_BYTES 4096
#define STORE_SOCKET_PATH_BYTES 104	/* what the system's socket addresses hold */

#define STORE_DATABASE "ocop.db"
#define STORE_NODE_KEY "node.key"
#define STORE_ROOT_KEY "root.key"
#define STORE_LOCK "lock"
#define STORE_RUNNING "running"
#define STORE_SOCKET "ocop.sock"
#define STORE_JOINING "joining"
#define STORE_DATABASE_NEW "ocop.db.new"

/* Free space that saving leaves to reading, sending and checkpoints. */
#define STORE_RESERVE_BYTES ((uint64_t)16 << 20)

struct store {
	const char *dir;	/* borrowed */
	struct sqlite3 *db;
	struct engine *engine;
	bool is_writer;
	bool is_broken;			/* set by the owner after an RC_DISK: closing leaves the log as it is */
	uint64_t rewritten_bytes;	/* of the files, because the last writer did not end well */
	uint8_t seed[SEED_BYTES];	/* of a writer: the secret of this node, for TLS; wiped by closing */
};

/* The clock and randomness of this machine. */
const struct engine_env *store_env(void);
uint64_t store_now_ms(void);

/* The usual place of the data: $XDG_DATA_HOME/ocop, ~/.local/share/ocop.  False when the environment names none. */
RC_CHECK bool store_dir_default(char out[STORE_PATH_BYTES]);

/* DIR/NAME; false when it is too long. */
RC_CHECK bool store_path(const char *dir, const char *name, char out[STORE_PATH_BYTES]);

/* Is there a node's database in @dir? */
bool store_exists(const char *dir);
/* None, but one that has asked to join? */
bool store_is_joining(const char *dir);
/* RC_NOTFOUND, with what to do about it. */
RC_CHECK enum rc store_missing(const char *dir, struct diag *d);
/* RC_DENIED when somebody else could read or write what is in @dir: the keys in any case, the rest unless @dir itself
 * is closed to them. */
RC_CHECK enum rc store_modes_check(const char *dir, struct diag *d);
uint64_t store_free_bytes(const char *dir);

/* RC_FULL when less than the reserve is free, even after the log of @db, the writing connection, was emptied. */
RC_CHECK enum rc store_reserve_check(const char *dir, struct sqlite3 *db, struct diag *d);

/* Take the lock of @dir for @what ("serve", "put", …); *@fd is then to be given to store_unlock().
 * RC_BUSY: somebody else holds it; @d says who. */
RC_CHECK enum rc store_lock(const char *dir, const char *what, int *fd, struct diag *d);
void store_unlock(int fd);

/* A path short enough for a socket address that names DIR/ocop.sock; @fd (-1, or to be kept open meanwhile and closed
 * afterwards) is what a long one goes through. */
RC_CHECK enum rc store_socket_path(const char *dir, char out[STORE_SOCKET_PATH_BYTES], int *fd, struct diag *d);

/* ---- store_recover.c: with the lock held, around the writing connection */
RC_CHECK enum rc store_running_begin(const char *dir, uint64_t *rewritten_bytes, struct diag *d);
void store_running_end(const char *dir);

/* Open the replica: with the lock held to write, without it to read.
 * Nobody else opens ocop.db itself: closing such a descriptor would take from SQLite the locks of all its connections
 * in this process. */
RC_CHECK enum rc store_open(struct store *s, const char *dir, bool is_writer, struct diag *d);
void store_close(struct store *s);

/* A read-only connection, configured. */
RC_CHECK enum rc store_connect(const char *dir, bool is_writer, struct sqlite3 **db, struct diag *d);

/* ---- making a node */

struct store_build {
	char dir[STORE_PATH_BYTES];
	int lock_fd;
	bool is_made;			/* the directory was not there before */
};

/* Take the lock of @dir, which is made when it is not there.  RC_CREATE when it holds a node or anything foreign.  What
 * an interrupted attempt left is still there: the caller looks at it. */
RC_CHECK enum rc store_build_begin(struct store_build *b, const char *dir, struct diag *d);
/* Remove what an interrupted attempt left. */
RC_CHECK enum rc store_build_clear(struct store_build *b, struct diag *d);
/* An empty database in it. */
RC_CHECK enum rc store_build_database(const struct store_build *b, struct sqlite3 **db, struct diag *d);
RC_CHECK enum rc store_key_write(const char *dir, const char *name, const uint8_t seed[SEED_BYTES], struct diag *d);
RC_CHECK enum rc store_key_read(const char *dir, const char *name, uint8_t seed[SEED_BYTES], struct diag *d);
/* The database, which is closed, gets its name: the directory is a node, durably.  The lock stays held. */
RC_CHECK enum rc store_build_end(struct store_build *b, struct diag *d);
/* Of a node that is made: forget that it asked to join. */
RC_CHECK enum rc store_build_joined(struct store_build *b, struct diag *d);
/* Give up and let go of the lock.  @is_kept: leave what there is for another attempt. */
void store_build_abandon(struct store_build *b, bool is_kept);

#endif
