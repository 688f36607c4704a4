/* The disk as its owner sees it: power, faults, copies.  Files are in disk_inode.c and disk_dir.c, SQLite's side in
 * disk_vfs.c. */
#include "tests/sim/disk_inode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
#define SQLITE_STREAM UINT64_C(0x53514c697465)	/* keeps xRandomness apart from the faults */

struct disk *
disk_new(uint64_t seed)
{
	static uint64_t made;
	struct disk *disk = calloc(1, sizeof(*disk));

	INVARIANT(disk != NULL);
	(void)snprintf(disk->vfs_name, sizeof(disk->vfs_name), "sim-disk-%" PRIu64, ++made);
	prng_seed(&disk->prng, seed);
	prng_seed(&disk->prng_sqlite, seed ^ SQLITE_STREAM);
	disk->is_powersafe = true;
	disk->bytes_max = UINT64_MAX;
	disk_vfs_init(disk);
	return disk;
}

void
disk_free(struct disk *disk)
{
	if (disk == NULL)
		return;
	INVARIANT(disk->handle_count == 0);
	INVARIANT(sqlite3_vfs_unregister(&disk->vfs) == SQLITE_OK);
	disk_dir_free(disk);
	free(disk);
}

const char *
disk_vfs_name(const struct disk *disk)
{
	return disk->vfs_name;
}

/* The process ended, one way or the other. */
static void
go_down(struct disk *disk)
{
	disk->epoch++;
	disk->is_down = true;
	disk->crash_at = disk->kill_at = disk->fail_at = 0;
	for (size_t i = 0; i < disk->inode_count; i++)
		disk_inode_forget_process(disk->inode[i]);
	disk_sanity(disk);
}

void
disk_crash(struct disk *disk)
{
	for (size_t i = 0; i < disk->inode_count; i++)
		disk_inode_crash(disk->inode[i], &disk->prng, disk->is_powersafe);
	disk_dir_crash(disk);
	go_down(disk);
}

void
disk_kill(struct disk *disk)
{
	go_down(disk);
}

void
disk_up(struct disk *disk)
{
	disk->is_down = false;
}

bool
disk_is_down(const struct disk *disk)
{
	return disk->is_down;
}

uint64_t
disk_syscalls(const struct disk *disk)
{
	return disk->syscalls;
}

void
disk_crash_at(struct disk *disk, uint64_t n)
{
	disk->crash_at = n == 0 ? 0 : disk->syscalls + n;
}

void
disk_kill_at(struct disk *disk, uint64_t n)
{
	disk->kill_at = n == 0 ? 0 : disk->syscalls + n;
}

void
disk_fail_at(struct disk *disk, uint64_t n, int sqlite_code)
{
	INVARIANT(n == 0 || sqlite_code != SQLITE_OK);
	disk->fail_at = n == 0 ? 0 : disk->syscalls + n;
	disk->fail_code = sqlite_code;
}

int
disk_call_begin(struct disk *disk, uint64_t epoch, bool *is_injected)
{
	*is_injected = false;
	if (disk->is_down || epoch != disk->epoch)
		return SQLITE_IOERR;
	INVARIANT(!disk->is_in_hook);
	if (disk->hook != NULL) {
		disk->is_in_hook = true;
		disk->hook(disk, disk->hook_ctx);
		disk->is_in_hook = false;
	}
	if (++disk->syscalls == disk->fail_at) {
		*is_injected = true;
		disk->fail_at = 0;
		return disk->fail_code;
	}
	return SQLITE_OK;
}

int
disk_call_end(struct disk *disk)
{
	if (disk->syscalls == disk->crash_at)
		disk_crash(disk);
	else if (disk->syscalls == disk->kill_at)
		disk_kill(disk);
	return disk->is_down ? SQLITE_IOERR : SQLITE_OK;
}

void
disk_full_set(struct disk *disk, uint64_t bytes_max)
{
	disk->bytes_max = bytes_max;
}

uint64_t
disk_bytes_used(const struct disk *disk)
{
	uint64_t used = 0;

	for (size_t i = 0; i < disk->inode_count; i++)
		if (disk->inode[i]->is_linked || disk->inode[i]->open_count > 0)
			used += disk->inode[i]->live.n;
	return used;
}

void
disk_lie_about_sync(struct disk *disk, bool on)
{
	disk->is_liar = on;
}

void
disk_powersafe_set(struct disk *disk, bool on)
{
	disk->is_powersafe = on;
}

void
disk_hook_set(struct disk *disk, disk_hook hook, void *ctx)
{
	disk->hook = hook;
	disk->hook_ctx = ctx;
}

static struct disk *
new_alike(const struct disk *disk, uint64_t seed)
{
	struct disk *copy = disk_new(seed);

	copy->unix_ms = disk->unix_ms;
	copy->is_liar = disk->is_liar;
	copy->is_powersafe = disk->is_powersafe;
	return copy;
}

struct disk *
disk_clone(const struct disk *disk, uint64_t seed)
{
	struct disk *copy = new_alike(disk, seed);

	for (size_t i = 0; i < disk->inode_count; i++) {
		const struct disk_inode *from = disk->inode[i];
		struct disk_inode *to;

		if (!from->is_linked)
			continue;
		to = disk_dir_create(copy, from->name);
		disk_image_copy(&to->live, &from->live);
		disk_image_copy(&to->durable, &from->live);
		disk_dir_sync_entry(copy, to);
	}
	return copy;
}

struct disk *
disk_crash_copy(const struct disk *disk, uint64_t seed)
{
	struct disk *copy = new_alike(disk, seed);

	disk_dir_copy(copy, disk);
	disk_crash(copy);
	disk_up(copy);
	return copy;
}

bool
disk_read_file(const struct disk *disk, const char *path, struct span *content)
{
	const struct disk_inode *inode = disk_dir_find(disk, path);

	if (inode == NULL)
		return false;
	*content = span_of(inode->live.p, inode->live.n);
	return true;
}

static void
image_flip(struct disk_image *image, uint64_t offset, uint8_t mask)
{
	if (offset < image->n)
		image->p[offset] ^= mask;
}

bool
disk_flip_bit(struct disk *disk, const char *path, uint64_t offset, unsigned bit)
{
	struct disk_inode *inode = disk_dir_find(disk, path);
	uint8_t mask = (uint8_t)(1U << (bit & 7));

	if (inode == NULL || offset >= inode->live.n)
		return false;
	image_flip(&inode->live, offset, mask);
	image_flip(&inode->durable, offset, mask);
	for (size_t i = 0; i < inode->op_count; i++) {
		const struct disk_op *op = &inode->op[i];

		if (!op->is_truncate && offset >= op->offset && offset - op->offset < op->len)
			image_flip(&inode->data, op->data + (offset - op->offset), mask);
	}
	return true;
}

static uint64_t
fnv(uint64_t h, const void *p, size_t n)
{
	const uint8_t *at = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ at[i]) * FNV_PRIME;
	return h;
}

uint64_t
disk_digest(const struct disk *disk)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < disk->inode_count; i++) {
		const struct disk_inode *inode = disk->inode[i];
		uint64_t h = FNV_OFFSET;

		if (!inode->is_linked)
			continue;
		h = fnv(h, inode->name, strlen(inode->name) + 1);
		sum += fnv(h, inode->live.p, inode->live.n);	/* a sum: order does not count */
	}
	return sum;
}

void
disk_set_time_ms(struct disk *disk, int64_t unix_ms)
{
	disk->unix_ms = unix_ms;
}

void
disk_seed_sqlite(unsigned seed)
{
	INVARIANT(seed != 0);
	INVARIANT(sqlite3_initialize() == SQLITE_OK);
	INVARIANT(sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, seed, NULL) == SQLITE_OK);
}
