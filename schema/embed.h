/* schema/embed.h - files that are compiled into the program.
 *
 * packaging/embed.c turns schema/<name>.sql and everything in schema/data/ into schema_embed, sorted by name.
 * A name is the path below schema/: "data/units-2025-07.csv".  The office's pages are in node_embed, in the
 * same form ("web/index.html").  Each file is one zstd frame of @n bytes that unpacks to @raw_n bytes.
 */
#ifndef SCHEMA_EMBED_H
#define SCHEMA_EMBED_H

#include <stddef.h>

struct embed_file {
	const char *name;
	const unsigned char *p;		/* one zstd frame */
	size_t n;
	size_t raw_n;			/* size once unpacked */
};

extern const struct embed_file schema_embed[];
extern const size_t schema_embed_count;

#endif
