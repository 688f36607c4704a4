#include "node/memory.h"

#include <stdbool.h>
#include <stdlib.h>

#ifdef __linux__
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#define POOL_THREADS "2"		/* of libuv: reading jobs and look-ups of names */
#define MALLOC_ARENAS 1			/* the threads allocate little and seldom at once */
#define MALLOC_TRIM_BYTES (128 * 1024)	/* said aloud, it no longer grows with the largest block ever freed */

void
memory_start(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_ARENA_MAX, MALLOC_ARENAS);
	(void)mallopt(M_TRIM_THRESHOLD, MALLOC_TRIM_BYTES);
	(void)mallopt(M_MMAP_THRESHOLD, MALLOC_TRIM_BYTES);
#endif
#ifndef _WIN32
	(void)setenv("UV_THREADPOOL_SIZE", POOL_THREADS, 0);
#endif
}

#ifdef __linux__
/* Segments that nothing can have written to: dropping them loses nothing. */
static int
on_object(struct dl_phdr_info *info, size_t size, void *user)
{
	uintptr_t page = *(const uintptr_t *)user, start, end;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || (p->p_flags & PF_W) != 0)
			continue;
		start = (uintptr_t)info->dlpi_addr + p->p_vaddr;
		end = (start + p->p_filesz) & ~(page - 1);
		start &= ~(page - 1);
		if (end > start)
			(void)madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}
#endif

void
memory_rest(void)
{
#ifdef __linux__
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	(void)dl_iterate_phdr(on_object, &page);
#endif
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}
