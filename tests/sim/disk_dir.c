/* Names of files: what the live directory says, what the durable one says, and the operations in between. */
#include "tests/sim/disk_inode.h"

#include <stdlib.h>
#include <string.h>

static bool
is_named(const struct disk_inode *inode, const char *name)
{
	return strcmp(inode->name, name) == 0;
}

static bool
is_same_directory(const char *a, const char *b)
{
	const char *slash_a = strrchr(a, '/');
	const char *slash_b = strrchr(b, '/');
	size_t n_a = slash_a == NULL ? 0 : (size_t)(slash_a - a);
	size_t n_b = slash_b == NULL ? 0 : (size_t)(slash_b - b);

	return n_a == n_b && memcmp(a, b, n_a) == 0;
}

struct disk_inode *
disk_dir_find(const struct disk *disk, const char *name)
{
	for (size_t i = 0; i < disk->inode_count; i++)
		if (disk->inode[i]->is_linked && is_named(disk->inode[i], name))
			return disk->inode[i];
	return NULL;
}

static void
dirop_add(struct disk *disk, struct disk_inode *inode, bool is_link)
{
	disk->dirop = disk_grow(disk->dirop, &disk->dirop_cap, disk->dirop_count + 1,
	    sizeof(*disk->dirop));
	disk->dirop[disk->dirop_count++] = (struct disk_dirop){ inode, is_link };
	inode->dirop_count++;
	inode->is_linked = is_link;
}

/* Make the @i-th pending operation durable (or forget it) and take it off the list; the order of the rest stays. */
static void
dirop_settle(struct disk *disk, size_t i, bool is_applied)
{
	struct disk_dirop *op = &disk->dirop[i];

	if (is_applied)
		op->inode->is_linked_durable = op->is_link;
	op->inode->dirop_count--;
	disk->dirop_count--;
	memmove(op, op + 1, (disk->dirop_count - i) * sizeof(*op));
}

static struct disk_inode *
inode_add(struct disk *disk, const char *name)
{
	struct disk_inode *inode = calloc(1, sizeof(*inode));
	size_t len = strlen(name);

	INVARIANT(inode != NULL);
	INVARIANT(len < sizeof(inode->name));
	memcpy(inode->name, name, len + 1);
	disk->inode = disk_grow(disk->inode, &disk->inode_cap, disk->inode_count + 1,
	    sizeof(struct disk_inode *));
	disk->inode[disk->inode_count++] = inode;
	return inode;
}

struct disk_inode *
disk_dir_create(struct disk *disk, const char *name)
{
	struct disk_inode *inode = inode_add(disk, name);

	if (name[0] != '\0')
		dirop_add(disk, inode, true);
	return inode;
}

void
disk_dir_unlink(struct disk *disk, struct disk_inode *inode)
{
	dirop_add(disk, inode, false);
}

void
disk_dir_sync(struct disk *disk, const char *name)
{
	size_t i = 0;

	while (i < disk->dirop_count) {
		if (is_same_directory(disk->dirop[i].inode->name, name))
			dirop_settle(disk, i, true);
		else
			i++;
	}
	disk_dir_collect(disk);
}

/* Syncing a file makes its own creation durable, and with it what happened to its name before. */
void
disk_dir_sync_entry(struct disk *disk, const struct disk_inode *inode)
{
	size_t end = disk->dirop_count;
	size_t i = 0;

	while (end > 0 && !(disk->dirop[end - 1].inode == inode && disk->dirop[end - 1].is_link))
		end--;
	if (end == 0)
		return;
	while (i < end) {
		if (is_named(disk->dirop[i].inode, inode->name)) {
			dirop_settle(disk, i, true);
			end--;
		} else {
			i++;
		}
	}
	disk_dir_collect(disk);
}

/* Of each name a prefix of what happened to it survives. */
void
disk_dir_crash(struct disk *disk)
{
	while (disk->dirop_count > 0) {
		char name[DISK_PATH_BYTES_MAX];
		size_t count = 0, kept, i = 0;

		memcpy(name, disk->dirop[0].inode->name, sizeof(name));
		for (size_t k = 0; k < disk->dirop_count; k++)
			count += is_named(disk->dirop[k].inode, name);
		kept = (size_t)prng_below(&disk->prng, count + 1);
		while (count > 0) {
			if (!is_named(disk->dirop[i].inode, name)) {
				i++;
				continue;
			}
			dirop_settle(disk, i, kept > 0);
			kept -= kept > 0;
			count--;
		}
	}
	for (size_t i = 0; i < disk->inode_count; i++)
		disk->inode[i]->is_linked = disk->inode[i]->is_linked_durable;
	disk_dir_collect(disk);
}

static void
inode_free(struct disk_inode *inode)
{
	disk_inode_forget_process(inode);
	free(inode->live.p);
	free(inode->durable.p);
	free(inode->data.p);
	free(inode->op);
	free(inode);
}

void
disk_dir_collect(struct disk *disk)
{
	size_t kept = 0;

	for (size_t i = 0; i < disk->inode_count; i++) {
		struct disk_inode *inode = disk->inode[i];

		if (inode->is_linked || inode->is_linked_durable || inode->open_count > 0 ||
		    inode->dirop_count > 0)
			disk->inode[kept++] = inode;
		else
			inode_free(inode);
	}
	disk->inode_count = kept;
}

static void
inode_copy(struct disk_inode *to, const struct disk_inode *from)
{
	to->is_linked = from->is_linked;
	to->is_linked_durable = from->is_linked_durable;
	disk_image_copy(&to->live, &from->live);
	disk_image_copy(&to->durable, &from->durable);
	disk_image_copy(&to->data, &from->data);
	to->op = disk_grow(to->op, &to->op_cap, from->op_count, sizeof(*to->op));
	if (from->op_count > 0)
		memcpy(to->op, from->op, from->op_count * sizeof(*to->op));
	to->op_count = from->op_count;
}

void
disk_dir_copy(struct disk *to, const struct disk *from)
{
	INVARIANT(to->inode_count == 0);
	for (size_t i = 0; i < from->inode_count; i++)
		inode_copy(inode_add(to, from->inode[i]->name), from->inode[i]);
	for (size_t k = 0; k < from->dirop_count; k++) {
		size_t i = 0;
		bool is_linked;

		while (from->inode[i] != from->dirop[k].inode)
			i++;
		is_linked = to->inode[i]->is_linked;
		dirop_add(to, to->inode[i], from->dirop[k].is_link);
		to->inode[i]->is_linked = is_linked;
	}
	disk_dir_collect(to);
}

void
disk_dir_free(struct disk *disk)
{
	for (size_t i = 0; i < disk->inode_count; i++)
		inode_free(disk->inode[i]);
	free(disk->inode);
	free(disk->dirop);
}

void
disk_sanity(const struct disk *disk)
{
	for (size_t i = 0; i < disk->inode_count; i++) {
		const struct disk_inode *a = disk->inode[i];
		bool is_linked = a->is_linked_durable;
		size_t mentions = 0;

		for (size_t k = 0; k < i; k++) {
			const struct disk_inode *b = disk->inode[k];

			if (!is_named(a, b->name))
				continue;
			INVARIANT(!(a->is_linked && b->is_linked));			/* D1 */
			INVARIANT(!(a->is_linked_durable && b->is_linked_durable));	/* D1 */
		}
		for (size_t k = 0; k < disk->dirop_count; k++) {
			if (disk->dirop[k].inode != a)
				continue;
			mentions++;
			is_linked = disk->dirop[k].is_link;
		}
		INVARIANT(mentions == a->dirop_count);
		INVARIANT(a->is_linked || a->is_linked_durable || a->open_count > 0 ||
		    mentions > 0);							/* D2 */
		INVARIANT(a->is_linked == is_linked);					/* D3 */
	}
}
