/* Content of one file: what is live, what is durable, what is between. */
#include "tests/sim/disk_inode.h"

#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 16
#define KEEP_OF 8		/* chances in a crash are eighths */

/* The simulator's own memory is not what is under test, so it stays out of the fault countdown of sync/mem. */
void *
disk_grow(void *old, size_t *cap, size_t count, size_t item_bytes)
{
	size_t want = *cap == 0 ? CAP_FIRST : *cap;
	void *p;

	if (count <= *cap)
		return old;
	while (want < count)
		want *= 2;
	p = realloc(old, want * item_bytes);
	INVARIANT(p != NULL);
	*cap = want;
	return p;
}

static void
image_extend(struct disk_image *image, size_t size)
{
	if (size <= image->n)
		return;
	image->p = disk_grow(image->p, &image->cap, size, 1);
	memset(image->p + image->n, 0, size - image->n);
	image->n = size;
}

void
disk_image_write(struct disk_image *image, size_t offset, const void *p, size_t len)
{
	if (len == 0)
		return;
	image_extend(image, offset + len);
	memcpy(image->p + offset, p, len);
}

void
disk_image_truncate(struct disk_image *image, size_t size)
{
	image_extend(image, size);
	image->n = size;
}

void
disk_image_copy(struct disk_image *to, const struct disk_image *from)
{
	to->n = 0;
	disk_image_write(to, 0, from->p, from->n);
}

static void
op_add(struct disk_inode *inode, struct disk_op op)
{
	inode->op = disk_grow(inode->op, &inode->op_cap, inode->op_count + 1, sizeof(*inode->op));
	inode->op[inode->op_count++] = op;
}

void
disk_inode_write(struct disk_inode *inode, size_t offset, const void *p, size_t len)
{
	struct disk_op op = { .offset = offset, .len = len, .data = inode->data.n };

	if (len == 0)
		return;
	disk_image_write(&inode->data, inode->data.n, p, len);
	disk_image_write(&inode->live, offset, p, len);
	op_add(inode, op);
}

void
disk_inode_truncate(struct disk_inode *inode, size_t size)
{
	disk_image_truncate(&inode->live, size);
	op_add(inode, (struct disk_op){ .is_truncate = true, .offset = size });
}

void
disk_inode_drop_pending(struct disk_inode *inode)
{
	inode->op_count = 0;
	inode->data.n = 0;
}

void
disk_inode_sync(struct disk_inode *inode)
{
	for (size_t i = 0; i < inode->op_count; i++) {
		const struct disk_op *op = &inode->op[i];

		if (op->is_truncate)
			disk_image_truncate(&inode->durable, op->offset);
		else
			disk_image_write(&inode->durable, op->offset, inode->data.p + op->data,
			    op->len);
	}
	disk_inode_drop_pending(inode);
}

/* Put noise over [from, to) of the durable image. */
static void
image_garbage(struct disk_image *image, struct prng *prng, size_t from, size_t to)
{
	image_extend(image, to);
	prng_fill(prng, image->p + from, to - from);
}

/* The sector that was under the head: cut off, or noise.  [from, to) is what the write holds of that sector. */
static void
write_torn_sector(struct disk_inode *inode, const struct disk_op *op, size_t from, size_t to,
    struct prng *prng, bool is_powersafe)
{
	size_t sector_end = (from / DISK_SECTOR_BYTES + 1) * DISK_SECTOR_BYTES;
	const uint8_t *src = inode->data.p + op->data + (from - op->offset);

	if (prng_chance(prng, 1, 2)) {
		disk_image_write(&inode->durable, from, src, prng_below(prng, to - from + 1));
		return;
	}
	if (!is_powersafe) {
		from = from / DISK_SECTOR_BYTES * DISK_SECTOR_BYTES;
		if (sector_end > to && inode->durable.n > to)
			to = inode->durable.n < sector_end ? inode->durable.n : sector_end;
	}
	image_garbage(&inode->durable, prng, from, to);
}

/* A write of which not all sectors arrive. */
static void
write_torn(struct disk_inode *inode, const struct disk_op *op, struct prng *prng, bool is_powersafe)
{
	size_t first = op->offset / DISK_SECTOR_BYTES;
	size_t last = (op->offset + op->len - 1) / DISK_SECTOR_BYTES;
	size_t torn = first + (size_t)prng_below(prng, last - first + 1);

	for (size_t sector = first; sector <= last; sector++) {
		size_t from = sector * DISK_SECTOR_BYTES;
		size_t to = from + DISK_SECTOR_BYTES;

		if (from < op->offset)
			from = op->offset;
		if (to > op->offset + op->len)
			to = op->offset + op->len;
		if (sector == torn)
			write_torn_sector(inode, op, from, to, prng, is_powersafe);
		else if (prng_chance(prng, 1, 2))
			disk_image_write(&inode->durable, from,
			    inode->data.p + op->data + (from - op->offset), to - from);
	}
}

/* Let the writes @op[0..count) meet their fate in any order. */
static void
writes_crash(struct disk_inode *inode, struct disk_op *op, size_t count, uint64_t keep,
    uint64_t tear, struct prng *prng, bool is_powersafe)
{
	prng_shuffle(prng, op, count, sizeof(*op));
	for (size_t i = 0; i < count; i++) {
		size_t end = op[i].offset + op[i].len;

		if (prng_chance(prng, keep, KEEP_OF)) {
			if (prng_chance(prng, tear, KEEP_OF))
				write_torn(inode, &op[i], prng, is_powersafe);
			else
				disk_image_write(&inode->durable, op[i].offset,
				    inode->data.p + op[i].data, op[i].len);
		} else if (end > inode->durable.n && prng_chance(prng, 1, 4)) {
			size_t from = op[i].offset;

			/* The new size reached the medium, the bytes did not. */
			if (from < inode->durable.n)
				from = inode->durable.n;
			image_garbage(&inode->durable, prng, from, end);
		}
	}
}

void
disk_inode_crash(struct disk_inode *inode, struct prng *prng, bool is_powersafe)
{
	/* Drawn per file and crash, so that "all", "nothing" and "all but one" are as common as halves. */
	uint64_t keep = prng_below(prng, KEEP_OF + 1);
	uint64_t tear = prng_chance(prng, 1, 2) ? 0 : prng_below(prng, KEEP_OF);
	size_t start = 0;

	for (size_t i = 0; i <= inode->op_count; i++) {
		if (i < inode->op_count && !inode->op[i].is_truncate)
			continue;
		if (i > start)
			writes_crash(inode, inode->op + start, i - start, keep, tear, prng,
			    is_powersafe);
		if (i < inode->op_count && prng_chance(prng, keep, KEEP_OF))
			disk_image_truncate(&inode->durable, inode->op[i].offset);
		start = i + 1;
	}
	disk_inode_drop_pending(inode);
	disk_image_copy(&inode->live, &inode->durable);
}

void
disk_shm_release(struct disk_shm *shm)
{
	if (shm == NULL || --shm->holders > 0)
		return;
	for (size_t i = 0; i < DISK_SHM_REGIONS_MAX; i++)
		free(shm->region[i]);
	free(shm);
}

void
disk_inode_forget_process(struct disk_inode *inode)
{
	inode->shared_count = 0;
	inode->reserved = inode->pending = inode->exclusive = NULL;
	disk_shm_release(inode->shm);
	inode->shm = NULL;
}
