/* sync/dictionary.h - what the compressor of transfers knows beforehand: typical bytes of commits.
 *
 * Part of the format: both sides must use the same one.  packaging/train-dictionary.sh makes dictionary.c anew from
 * the transfers of a real replica; that is a new format of transfers, so it happens between releases only.
 */
#ifndef SYNC_DICTIONARY_H
#define SYNC_DICTIONARY_H

#include "mem.h"

/* Static bytes; empty when this format has none. */
struct span dictionary_bytes(void);

#endif
