/* node/memory.h - how the daemon treats the memory of an office's PC.
 *
 * Working memory is given back soon after the work, and while the daemon rests only the pages that resting needs stay
 * mapped: most of what starting touches (the tables of some forty libraries) is never needed again.
 */
#ifndef NODE_MEMORY_H
#define NODE_MEMORY_H

/* Before the first thread and the first large allocation of a daemon. */
void memory_start(void);

/* Nothing is to be done just now: give back what is free, and unmap program text, which comes back from the file as it
 * is used.  Any thread; takes about a millisecond. */
void memory_rest(void);

#endif
