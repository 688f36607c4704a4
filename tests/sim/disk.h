/* tests/sim/disk.h - a machine's disk in memory, under SQLite, that loses power when told to.
 *
 * Each disk is an SQLite VFS with a name of its own, so that many simulated nodes live in one process.  What SQLite
 * reads is the *live* content (the page cache); what a power loss leaves is the *durable* content plus whatever part
 * of the *pending* calls chance lets through.  A *call* is a write, truncate, sync, delete or directory sync; calls are
 * counted from 1 and faults are set by that count.
 *
 * What a power loss does to the calls a sync has not covered, file by file:
 *   - any subset of the writes survives, in any order (a surviving truncate keeps its place among them);
 *   - a surviving write may bring only some of its 512-byte sectors; one of the sectors may be cut off or garbage;
 *   - a lost write that would have extended its file may leave the file extended by garbage;
 *   - bytes outside the write stay as they were (SQLite's powersafe overwrite, declared), unless
 *     disk_powersafe_set(disk, false), where the whole torn sector may become garbage;
 *   - a created file is there for sure once it was synced itself; a deleted one is gone for sure once its directory
 *     was synced: by xDelete's syncDir, or by the first sync of a journal or WAL handle, as SQLite's own VFS does.
 *     Otherwise either may be undone; of one name, in the order it happened.
 * Nothing else is promised to SQLite: no atomic write, no safe append, no sequential order.
 *
 * Deterministic: the same seed and the same calls give the same outcome.  WAL salts and journal nonces come from
 * SQLite's process-wide generator, so runs that compare images call disk_seed_sqlite() first.
 *
 * Lifetime:  close every connection before disk_free().
 * Failure:   running out of memory here aborts; the allocations are not counted by mem_fault_set().
 * Threads:   none; all connections to one disk belong to one thread.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/mem.h"

#define DISK_SECTOR_BYTES 512
#define DISK_PATH_BYTES_MAX 256		/* with the NUL */

struct disk;

/* An empty disk, powered, its clock at 0. */
struct disk *disk_new(uint64_t seed);
void disk_free(struct disk *disk);

/* The name for sqlite3_open_v2(); valid as long as the disk. */
const char *disk_vfs_name(const struct disk *disk);

/* Power loss now.  The disk is down: every open handle answers SQLITE_IOERR for ever, nothing can be opened or deleted
 * until disk_up().  Close the dead connections before disk_up(), so that none of them touches what was saved. */
void disk_crash(struct disk *disk);

/* kill -9 of the process now: as disk_crash(), but the live content stays, still unsynced. */
void disk_kill(struct disk *disk);

/* Power on again; no effect on a disk that is up. */
void disk_up(struct disk *disk);
bool disk_is_down(const struct disk *disk);

/* Calls made so far. */
uint64_t disk_syscalls(const struct disk *disk);

/* Crash, kill or fail at the @n-th call from now (1 = the next), once; 0 switches off.  A crash or kill takes place
 * with the call pending (a sync has done nothing yet) and the call answers SQLITE_IOERR.  A failed call has no effect
 * and answers @sqlite_code, with one exception that Linux makes: a failed sync of a file *drops* its pending writes.
 * They stay readable, also after disk_kill(), later syncs succeed, and the next power loss takes them for sure. */
void disk_crash_at(struct disk *disk, uint64_t n);
void disk_kill_at(struct disk *disk, uint64_t n);
void disk_fail_at(struct disk *disk, uint64_t n, int sqlite_code);

/* Let all files together hold @bytes_max bytes; UINT64_MAX is the default.  A write beyond stores what fits and answers
 * SQLITE_FULL.  Below the present use nothing is lost, but nothing can grow. */
void disk_full_set(struct disk *disk, uint64_t bytes_max);
uint64_t disk_bytes_used(const struct disk *disk);

/* A disk whose syncs answer OK and do nothing. */
void disk_lie_about_sync(struct disk *disk, bool on);

/* Whether a torn write spares the bytes beside it; default true.  Set before the first file is opened. */
void disk_powersafe_set(struct disk *disk, bool on);

/* Call @hook before each call takes effect; NULL switches off.  The hook may copy the disk and use the copies; this
 * disk it only reads. */
typedef void (*disk_hook)(struct disk *disk, void *ctx);
void disk_hook_set(struct disk *disk, disk_hook hook, void *ctx);

/* A copied data directory: the live content, all durable, with the clock and the kind of disk but without faults, limit
 * and hook.  The caller frees it.  Cost: the bytes of all files. */
struct disk *disk_clone(const struct disk *disk, uint64_t seed);

/* As disk_clone(), but what a power loss now would leave, with chance drawn from @seed; @disk itself runs on. */
struct disk *disk_crash_copy(const struct disk *disk, uint64_t seed);

/* The live content of @path, borrowed in *@content until the next use of the disk.  False: no such file. */
bool disk_read_file(const struct disk *disk, const char *path, struct span *content);

/* Flip bit @bit (0..7) of the byte at @offset of @path, on the medium and in the cache.  False: no such byte. */
bool disk_flip_bit(struct disk *disk, const char *path, uint64_t offset, unsigned bit);

/* One number over the names and live content of all files, whatever order they were made in. */
uint64_t disk_digest(const struct disk *disk);

/* The clock SQLite sees, milliseconds since 1970; only this and SQLite's own sleeping move it. */
void disk_set_time_ms(struct disk *disk, int64_t unix_ms);

/* Seed SQLite's process-wide generator; @seed must not be 0.  Once at the start of a run: between a crash and the
 * recovery it would make SQLite repeat WAL salts. */
void disk_seed_sqlite(unsigned seed);

#endif
