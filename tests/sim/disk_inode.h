/* tests/sim/disk_inode.h - files and directory of the simulated disk: private to tests/sim/disk*.c. */
#ifndef TESTS_SIM_DISK_INODE_H
#define TESTS_SIM_DISK_INODE_H

#include <sqlite3.h>

#include "tests/sim/disk.h"
#include "tests/sim/prng.h"

#define DISK_SHM_REGIONS_MAX 64		/* 64 x 32 KB index some 260,000 WAL frames */
#define DISK_VFS_NAME_BYTES 32

struct disk_image {
	uint8_t *p;
	size_t n;
	size_t cap;
};

struct disk_op {
	bool is_truncate;
	size_t offset;		/* of a truncate: the new size */
	size_t len;
	size_t data;		/* where in inode->data the bytes of a write are */
};

/* The memory that connections to one WAL database share.  Handles hold it, so that a dead connection does not read
 * freed memory. */
struct disk_shm {
	size_t holders;
	void *region[DISK_SHM_REGIONS_MAX];
	unsigned shared_count[SQLITE_SHM_NLOCK];
	bool is_exclusive[SQLITE_SHM_NLOCK];
};

struct disk_inode {
	char name[DISK_PATH_BYTES_MAX];		/* "" for a temporary file: no directory entry, gone in a crash */
	bool is_linked;				/* the live directory names it */
	bool is_linked_durable;			/* the durable directory names it */
	size_t open_count;
	size_t dirop_count;			/* pending directory operations that name it */
	struct disk_image live;
	struct disk_image durable;
	struct disk_op *op;			/* pending, in order */
	size_t op_count, op_cap;
	struct disk_image data;			/* bytes of the pending writes */
	size_t shared_count;			/* handles with SHARED or more */
	const void *reserved, *pending, *exclusive;	/* the handle that holds it, or NULL */
	struct disk_shm *shm;			/* of this life of the process, or NULL */
	/* Invariants (disk_sanity):
	 * D1. at most one inode of a name is linked, and at most one is linked durably.
	 * D2. an inode that nothing names, opens or mentions is freed.
	 * D3. playing the pending directory operations over the durable directory gives the live one.
	 */
};

struct disk_dirop {
	struct disk_inode *inode;
	bool is_link;
};

struct disk {
	sqlite3_vfs vfs;
	char vfs_name[DISK_VFS_NAME_BYTES];
	struct prng prng;			/* the fate of pending calls */
	struct prng prng_sqlite;		/* xRandomness */
	int64_t unix_ms;
	uint64_t epoch;				/* handles of an earlier epoch are dead */
	bool is_down, is_liar, is_powersafe, is_in_hook;
	uint64_t syscalls;
	uint64_t crash_at, kill_at, fail_at;	/* absolute call numbers; 0: off */
	int fail_code;
	uint64_t bytes_max;
	disk_hook hook;
	void *hook_ctx;
	size_t handle_count;			/* open, the dead ones included */
	struct disk_inode **inode;
	size_t inode_count, inode_cap;
	struct disk_dirop *dirop;		/* pending, in order */
	size_t dirop_count, dirop_cap;
};

/* disk_inode.c: one file's content */
void *disk_grow(void *old, size_t *cap, size_t count, size_t item_bytes);
void disk_image_write(struct disk_image *image, size_t offset, const void *p, size_t len);
void disk_image_truncate(struct disk_image *image, size_t size);
void disk_image_copy(struct disk_image *to, const struct disk_image *from);
void disk_inode_write(struct disk_inode *inode, size_t offset, const void *p, size_t len);
void disk_inode_truncate(struct disk_inode *inode, size_t size);
void disk_inode_sync(struct disk_inode *inode);
void disk_inode_drop_pending(struct disk_inode *inode);
void disk_inode_crash(struct disk_inode *inode, struct prng *prng, bool is_powersafe);
void disk_inode_forget_process(struct disk_inode *inode);	/* locks and shared memory */
void disk_shm_release(struct disk_shm *shm);

/* disk_dir.c: names */
struct disk_inode *disk_dir_find(const struct disk *disk, const char *name);
struct disk_inode *disk_dir_create(struct disk *disk, const char *name);	/* "": temporary */
void disk_dir_unlink(struct disk *disk, struct disk_inode *inode);
void disk_dir_sync(struct disk *disk, const char *name);	/* the directory that holds @name */
void disk_dir_sync_entry(struct disk *disk, const struct disk_inode *inode);
void disk_dir_crash(struct disk *disk);
void disk_dir_collect(struct disk *disk);			/* rule D2 */
void disk_dir_copy(struct disk *to, const struct disk *from);	/* with everything pending */
void disk_dir_free(struct disk *disk);
void disk_sanity(const struct disk *disk);

/* disk.c: every call of the VFS passes here.  begin answers SQLITE_OK when the call may take effect; *@is_injected
 * tells a failure that was asked for from a dead handle.  end answers SQLITE_IOERR when this call was the last. */
int disk_call_begin(struct disk *disk, uint64_t epoch, bool *is_injected);
int disk_call_end(struct disk *disk);

/* disk_vfs.c */
void disk_vfs_init(struct disk *disk);

#endif
