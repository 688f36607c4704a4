/* What SQLite sees of the disk: a VFS with locks and shared memory among the connections of one process. */
#include "tests/sim/disk_inode.h"

#include <stdlib.h>
#include <string.h>

#define JULIAN_1970_MS INT64_C(210866760000000)
#define DAY_MS 86400000.0

struct handle {
	sqlite3_file base;		/* first: SQLite knows only this */
	struct disk *disk;
	struct disk_inode *inode;
	uint64_t epoch;
	int lock;
	bool is_deleted_on_close;
	bool is_directory_due;		/* the first sync is to sync the directory too */
	bool is_wal_persistent;
	struct disk_shm *shm;
	uint8_t shm_shared, shm_exclusive;	/* bits of the slots held */
};

static struct handle *
handle_of(sqlite3_file *base)
{
	return (struct handle *)base;
}

static bool
is_dead(const struct handle *h)
{
	return h->disk->is_down || h->epoch != h->disk->epoch;
}

/* --- content --- */

static int
on_read(sqlite3_file *base, void *buf, int len, sqlite3_int64 offset)
{
	struct handle *h = handle_of(base);
	const struct disk_image *live = &h->inode->live;
	size_t want = (size_t)len;
	size_t at = (size_t)offset;
	size_t have = at < live->n ? live->n - at : 0;

	if (is_dead(h))
		return SQLITE_IOERR;
	if (have > want)
		have = want;
	if (have > 0)
		memcpy(buf, live->p + at, have);
	memset((uint8_t *)buf + have, 0, want - have);
	return have == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

/* How large the file may be, given what the others take. */
static uint64_t
size_allowed(const struct handle *h)
{
	uint64_t used;

	if (h->disk->bytes_max == UINT64_MAX)
		return UINT64_MAX;
	used = disk_bytes_used(h->disk);
	return h->inode->live.n + (used < h->disk->bytes_max ? h->disk->bytes_max - used : 0);
}

static int
on_write(sqlite3_file *base, const void *buf, int len, sqlite3_int64 offset)
{
	struct handle *h = handle_of(base);
	size_t n = (size_t)len;
	size_t at = (size_t)offset;
	uint64_t allowed;
	bool is_injected;
	int rc;

	if ((rc = disk_call_begin(h->disk, h->epoch, &is_injected)) != SQLITE_OK)
		return rc;
	allowed = size_allowed(h);
	if (at + n > allowed) {
		n = at < allowed ? (size_t)(allowed - at) : 0;
		rc = SQLITE_FULL;
	}
	disk_inode_write(h->inode, at, buf, n);
	return disk_call_end(h->disk) != SQLITE_OK ? SQLITE_IOERR : rc;
}

static int
on_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct handle *h = handle_of(base);
	bool is_injected;
	int rc;

	if ((rc = disk_call_begin(h->disk, h->epoch, &is_injected)) != SQLITE_OK)
		return rc;
	if ((size_t)size > h->inode->live.n && (uint64_t)size > size_allowed(h))
		rc = SQLITE_FULL;
	else
		disk_inode_truncate(h->inode, (size_t)size);
	return disk_call_end(h->disk) != SQLITE_OK ? SQLITE_IOERR : rc;
}

static int
directory_sync(struct disk *disk, uint64_t epoch, const char *name)
{
	bool is_injected;
	int rc;

	if ((rc = disk_call_begin(disk, epoch, &is_injected)) != SQLITE_OK)
		return rc;
	if ((rc = disk_call_end(disk)) != SQLITE_OK || disk->is_liar)
		return rc;
	disk_dir_sync(disk, name);
	return SQLITE_OK;
}

static int
on_sync(sqlite3_file *base, int flags)
{
	struct handle *h = handle_of(base);
	bool is_injected;
	int rc;

	(void)flags;
	if ((rc = disk_call_begin(h->disk, h->epoch, &is_injected)) != SQLITE_OK) {
		if (is_injected)
			disk_inode_drop_pending(h->inode);
		return rc;
	}
	if ((rc = disk_call_end(h->disk)) != SQLITE_OK || h->disk->is_liar)
		return rc;
	disk_inode_sync(h->inode);
	disk_dir_sync_entry(h->disk, h->inode);
	if (!h->is_directory_due)
		return SQLITE_OK;
	h->is_directory_due = false;
	return directory_sync(h->disk, h->epoch, h->inode->name);
}

static int
on_file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	struct handle *h = handle_of(base);

	if (is_dead(h))
		return SQLITE_IOERR;
	*size = (sqlite3_int64)h->inode->live.n;
	return SQLITE_OK;
}

/* --- locks --- */

static bool
is_others(const void *holder, const struct handle *h)
{
	return holder != NULL && holder != h;
}

static int
lock_exclusive(struct handle *h)
{
	struct disk_inode *inode = h->inode;

	if (is_others(inode->pending, h) || is_others(inode->reserved, h))
		return SQLITE_BUSY;
	inode->pending = h;		/* kept while readers drain, so that no new one starts */
	h->lock = SQLITE_LOCK_PENDING;
	if (inode->shared_count > 1)
		return SQLITE_BUSY;
	inode->exclusive = h;
	return SQLITE_OK;
}

static int
on_lock(sqlite3_file *base, int level)
{
	struct handle *h = handle_of(base);
	struct disk_inode *inode = h->inode;
	int rc = SQLITE_OK;

	if (is_dead(h))
		return SQLITE_IOERR;
	if (level <= h->lock)
		return SQLITE_OK;
	if (level == SQLITE_LOCK_SHARED) {
		if (inode->pending != NULL)
			return SQLITE_BUSY;
		inode->shared_count++;
	} else if (level == SQLITE_LOCK_RESERVED) {
		if (inode->reserved != NULL || is_others(inode->pending, h))
			return SQLITE_BUSY;
		inode->reserved = h;
	} else {
		rc = lock_exclusive(h);
	}
	if (rc == SQLITE_OK)
		h->lock = level;
	return rc;
}

static int
on_unlock(sqlite3_file *base, int level)
{
	struct handle *h = handle_of(base);
	struct disk_inode *inode = h->inode;

	if (is_dead(h))
		return SQLITE_IOERR;
	if (h->lock <= level)
		return SQLITE_OK;
	if (inode->reserved == h)
		inode->reserved = NULL;
	if (inode->pending == h)
		inode->pending = NULL;
	if (inode->exclusive == h)
		inode->exclusive = NULL;
	if (level == SQLITE_LOCK_NONE)
		inode->shared_count--;
	h->lock = level;
	return SQLITE_OK;
}

static int
on_check_reserved(sqlite3_file *base, int *is_reserved)
{
	struct handle *h = handle_of(base);

	if (is_dead(h))
		return SQLITE_IOERR;
	*is_reserved = h->inode->reserved != NULL || h->inode->pending != NULL;
	return SQLITE_OK;
}

/* --- shared memory of a WAL database --- */

static int
on_shm_map(sqlite3_file *base, int region, int region_bytes, int is_extended, void volatile **mapped)
{
	struct handle *h = handle_of(base);
	struct disk_inode *inode = h->inode;

	*mapped = NULL;
	if (is_dead(h) || region >= DISK_SHM_REGIONS_MAX)
		return SQLITE_IOERR;
	if (h->shm == NULL) {
		if (inode->shm == NULL) {
			inode->shm = calloc(1, sizeof(*inode->shm));
			INVARIANT(inode->shm != NULL);
			inode->shm->holders = 1;	/* the inode */
		}
		h->shm = inode->shm;
		h->shm->holders++;
	}
	if (h->shm->region[region] == NULL && is_extended) {
		h->shm->region[region] = calloc(1, (size_t)region_bytes);
		INVARIANT(h->shm->region[region] != NULL);
	}
	*mapped = h->shm->region[region];
	return SQLITE_OK;
}

static void
shm_unlock(struct handle *h, unsigned slot)
{
	uint8_t bit = (uint8_t)(1U << slot);

	if (h->shm_shared & bit)
		h->shm->shared_count[slot]--;
	if (h->shm_exclusive & bit)
		h->shm->is_exclusive[slot] = false;
	h->shm_shared &= (uint8_t)~bit;
	h->shm_exclusive &= (uint8_t)~bit;
}

static bool
shm_is_free(const struct handle *h, unsigned slot, bool is_shared)
{
	uint8_t bit = (uint8_t)(1U << slot);
	unsigned mine = (h->shm_shared & bit) != 0;

	if (h->shm->is_exclusive[slot] && !(h->shm_exclusive & bit))
		return false;
	return is_shared || h->shm->shared_count[slot] == mine;
}

static void
shm_lock(struct handle *h, unsigned slot, bool is_shared)
{
	uint8_t bit = (uint8_t)(1U << slot);

	if (is_shared && !(h->shm_shared & bit)) {
		h->shm->shared_count[slot]++;
		h->shm_shared |= bit;
	} else if (!is_shared) {
		h->shm->is_exclusive[slot] = true;
		h->shm_exclusive |= bit;
	}
}

static int
on_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
	struct handle *h = handle_of(base);
	unsigned first = (unsigned)offset;
	unsigned end = (unsigned)(offset + n);
	bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;

	if (is_dead(h) || h->shm == NULL)
		return SQLITE_IOERR;
	if (flags & SQLITE_SHM_UNLOCK) {
		for (unsigned slot = first; slot < end; slot++)
			shm_unlock(h, slot);
		return SQLITE_OK;
	}
	for (unsigned slot = first; slot < end; slot++)
		if (!shm_is_free(h, slot, is_shared))
			return SQLITE_BUSY;
	for (unsigned slot = first; slot < end; slot++)
		shm_lock(h, slot, is_shared);
	return SQLITE_OK;
}

static void
on_shm_barrier(sqlite3_file *base)
{
	(void)base;			/* one thread */
}

static int
on_shm_unmap(sqlite3_file *base, int is_deleted)
{
	struct handle *h = handle_of(base);
	struct disk_shm *shm = h->shm;

	if (shm == NULL)
		return SQLITE_OK;
	for (unsigned slot = 0; slot < SQLITE_SHM_NLOCK; slot++)
		shm_unlock(h, slot);
	h->shm = NULL;
	disk_shm_release(shm);
	/* The last one out, or one who deletes, leaves nothing for the next to find. */
	if (h->inode->shm == shm && (is_deleted || shm->holders == 1)) {
		h->inode->shm = NULL;
		disk_shm_release(shm);
	}
	return SQLITE_OK;
}

/* --- the rest of a file --- */

static int
on_file_control(sqlite3_file *base, int op, void *arg)
{
	struct handle *h = handle_of(base);
	int *value = arg;

	if (op == SQLITE_FCNTL_PERSIST_WAL) {
		if (*value >= 0)
			h->is_wal_persistent = *value != 0;
		*value = h->is_wal_persistent;
		return SQLITE_OK;
	}
	if (op == SQLITE_FCNTL_POWERSAFE_OVERWRITE) {
		*value = h->disk->is_powersafe;		/* a property of the disk, not a choice */
		return SQLITE_OK;
	}
	return SQLITE_NOTFOUND;
}

static int
on_sector_size(sqlite3_file *base)
{
	(void)base;
	return DISK_SECTOR_BYTES;
}

static int
on_device_characteristics(sqlite3_file *base)
{
	return handle_of(base)->disk->is_powersafe ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : 0;
}

static int
on_close(sqlite3_file *base)
{
	struct handle *h = handle_of(base);
	struct disk *disk = h->disk;

	(void)on_shm_unmap(base, 0);
	if (!is_dead(h)) {
		(void)on_unlock(base, SQLITE_LOCK_NONE);
		if (h->is_deleted_on_close && h->inode->is_linked)
			disk_dir_unlink(disk, h->inode);
	}
	h->inode->open_count--;
	disk->handle_count--;
	disk_dir_collect(disk);
	return SQLITE_OK;
}

static const sqlite3_io_methods FILE_METHODS = {
	.iVersion = 2,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_file_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_reserved,
	.xFileControl = on_file_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_device_characteristics,
	.xShmMap = on_shm_map,
	.xShmLock = on_shm_lock,
	.xShmBarrier = on_shm_barrier,
	.xShmUnmap = on_shm_unmap,
};

/* --- the file system --- */

static struct disk *
disk_of(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

static int
on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *flags_out)
{
	struct disk *disk = disk_of(vfs);
	struct handle *h = handle_of(base);
	struct disk_inode *inode;

	memset(h, 0, sizeof(*h));		/* no methods: SQLite does not close it */
	if (disk->is_down)
		return SQLITE_IOERR;
	inode = name == NULL ? NULL : disk_dir_find(disk, name);
	if (inode == NULL) {
		if (name != NULL && !(flags & SQLITE_OPEN_CREATE))
			return SQLITE_CANTOPEN;
		inode = disk_dir_create(disk, name == NULL ? "" : name);
	} else if (flags & SQLITE_OPEN_EXCLUSIVE) {
		return SQLITE_CANTOPEN;
	}
	h->base.pMethods = &FILE_METHODS;
	h->disk = disk;
	h->inode = inode;
	h->epoch = disk->epoch;
	/* As SQLite's own VFS does for every journal and WAL it may have created; without it the deletion of an
	 * earlier journal could be undone long after, and roll back a WAL database to what it was before. */
	h->is_directory_due = name != NULL && (flags & SQLITE_OPEN_CREATE) != 0 &&
	    (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
	h->is_deleted_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
	inode->open_count++;
	disk->handle_count++;
	if (flags_out != NULL)
		*flags_out = flags;
	return SQLITE_OK;
}

static int
on_delete(sqlite3_vfs *vfs, const char *name, int is_dir_synced)
{
	struct disk *disk = disk_of(vfs);
	struct disk_inode *inode;
	bool is_injected;
	int rc;

	if (disk->is_down)
		return SQLITE_IOERR;
	if ((inode = disk_dir_find(disk, name)) == NULL)
		return SQLITE_IOERR_DELETE_NOENT;
	if ((rc = disk_call_begin(disk, disk->epoch, &is_injected)) != SQLITE_OK)
		return rc;
	disk_dir_unlink(disk, inode);
	if ((rc = disk_call_end(disk)) != SQLITE_OK || !is_dir_synced)
		return rc;
	return directory_sync(disk, disk->epoch, name);
}

static int
on_access(sqlite3_vfs *vfs, const char *name, int flags, int *answer)
{
	struct disk *disk = disk_of(vfs);
	const struct disk_inode *inode;

	*answer = 0;
	if (disk->is_down)
		return SQLITE_IOERR;
	inode = disk_dir_find(disk, name);
	/* An empty file does not "exist", as in SQLite's own VFS: an empty journal is not hot. */
	*answer = inode != NULL && (flags != SQLITE_ACCESS_EXISTS || inode->live.n > 0);
	return SQLITE_OK;
}

static int
on_full_pathname(sqlite3_vfs *vfs, const char *name, int out_bytes, char *out)
{
	size_t n = strlen(name) + 1;

	(void)vfs;
	if (n > (size_t)out_bytes || n > DISK_PATH_BYTES_MAX)
		return SQLITE_CANTOPEN;
	memcpy(out, name, n);
	return SQLITE_OK;
}

static int
on_randomness(sqlite3_vfs *vfs, int n, char *out)
{
	prng_fill(&disk_of(vfs)->prng_sqlite, out, (size_t)n);
	return n;
}

static int
on_sleep(sqlite3_vfs *vfs, int microseconds)
{
	disk_of(vfs)->unix_ms += (microseconds + 999) / 1000;
	return microseconds;
}

static int
on_current_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *julian_ms)
{
	*julian_ms = JULIAN_1970_MS + disk_of(vfs)->unix_ms;
	return SQLITE_OK;
}

static int
on_current_time(sqlite3_vfs *vfs, double *julian_days)
{
	*julian_days = (double)(JULIAN_1970_MS + disk_of(vfs)->unix_ms) / DAY_MS;
	return SQLITE_OK;
}

static int
on_last_error(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	(void)n;
	(void)out;
	return 0;
}

void
disk_vfs_init(struct disk *disk)
{
	disk->vfs = (sqlite3_vfs){
		.iVersion = 2,
		.szOsFile = sizeof(struct handle),
		.mxPathname = DISK_PATH_BYTES_MAX,
		.zName = disk->vfs_name,
		.pAppData = disk,
		.xOpen = on_open,
		.xDelete = on_delete,
		.xAccess = on_access,
		.xFullPathname = on_full_pathname,
		.xRandomness = on_randomness,
		.xSleep = on_sleep,
		.xGetLastError = on_last_error,
		.xCurrentTime = on_current_time,
		.xCurrentTimeInt64 = on_current_time_int64,
	};
	INVARIANT(sqlite3_vfs_register(&disk->vfs, 0) == SQLITE_OK);
}
