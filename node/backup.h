/* node/backup.h - a whole node in one file.
 *
 * The file is one SQLite database: the replica as it stood at one moment, and beside it the table
 *
 *   backup_file(name, content)   node.key  the node's key as it is stored: a sealed one stays sealed (keyfile.h)
 *                                made_ms   when, in text
 *
 * The replica in it is marked: whoever starts on it, even by copying it into place, first takes a new incarnation.
 * root.key is not in it: nobody needs it to restore a node.
 * Whoever has the file has the node's key: its mode is 600, and so must be its keeping.
 */
#ifndef NODE_BACKUP_H
#define NODE_BACKUP_H

#include "node/store.h"

/* Write the node of @dir to @path, which must not be there yet (RC_CREATE); durably, under another name first.  Others
 * may save meanwhile: a reading connection sees one moment.  RC_CORRUPT: what was copied does not check; RC_FULL: no
 * room.  Without RC_OK there is nothing at @path.  *@bytes: its size. */
RC_CHECK enum rc backup_write(const char *dir, const char *path, uint64_t *bytes, struct diag *d);

struct backup_facts {
	uint8_t origin[ORIGIN_BYTES];		/* of the incarnation that wrote it */
	char unit[UNIT_BYTES_MAX + 1];
	uint64_t made_ms;
};

/* Make the parts of a node in @b, which is begun and cleared, from the backup in @path; what is left is
 * store_build_end().  RC_INPUT: no backup of ours; RC_CONFLICT: of a newer program; RC_CORRUPT: damaged. */
RC_CHECK enum rc backup_restore(const struct store_build *b, const char *path, struct backup_facts *facts,
    struct diag *d);

#endif
