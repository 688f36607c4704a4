/* packaging/embed.c - host tool: writes files as a C table.
 *
 * usage: embed TABLE BASE OUT.c FILE...
 *
 * TABLE names the array (and TABLE_count); BASE is cut from the front of every FILE to give its name.  Each
 * file is packed into one zstd frame.  The output depends on names and contents only: the same input gives
 * the same bytes.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#define FILE_BYTES_MAX (64UL * 1024 * 1024)
#define ZSTD_LEVEL 19
#define LINE_BYTES 24

struct packed {
	unsigned char *p;
	size_t n;
	size_t raw_n;
};

static bool
file_read(const char *path, unsigned char **p, size_t *n)
{
	FILE *f = fopen(path, "rb");
	bool ok = false;
	long size;

	*p = NULL;
	if (f == NULL)
		return false;
	if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && (unsigned long)size <= FILE_BYTES_MAX) {
		*n = (size_t)size;
		rewind(f);
		*p = malloc(*n + 1);
		ok = *p != NULL && fread(*p, 1, *n, f) == *n;
	}
	(void)fclose(f);
	return ok;
}

static bool
file_pack(const char *path, struct packed *out)
{
	unsigned char *raw;
	size_t n, cap;

	if (!file_read(path, &raw, &n)) {
		free(raw);
		return false;
	}
	cap = ZSTD_compressBound(n);
	if ((out->p = malloc(cap)) == NULL) {
		free(raw);
		return false;
	}
	out->raw_n = n;
	out->n = ZSTD_compress(out->p, cap, raw, n, ZSTD_LEVEL);
	free(raw);
	return !ZSTD_isError(out->n);
}

static void
bytes_write(FILE *f, size_t index, const struct packed *file)
{
	size_t i;

	(void)fprintf(f, "static const unsigned char file_%zu[%zu] = {", index, file->n);
	for (i = 0; i < file->n; i++)
		(void)fprintf(f, "%s%u,", i % LINE_BYTES == 0 ? "\n\t" : "", file->p[i]);
	(void)fputs("\n};\n\n", f);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
usage(void)
{
	(void)fputs("usage: embed TABLE BASE OUT.c FILE...\n", stderr);
	return 2;
}

int
main(int argc, char **argv)
{
	const char *table, *base;
	struct packed *files;
	size_t count, i;
	FILE *f;

	if (argc < 4)
		return usage();
	table = argv[1];
	base = argv[2];
	count = (size_t)argc - 4;
	argv += 4;
	qsort(argv, count, sizeof(*argv), by_text);
	if ((files = calloc(count + 1, sizeof(*files))) == NULL || (f = fopen(argv[-1], "wb")) == NULL) {
		(void)fprintf(stderr, "embed: cannot create %s\n", argv[-1]);
		return 1;
	}
	(void)fputs("/* Written by packaging/embed.c. */\n#include \"schema/embed.h\"\n\n", f);
	for (i = 0; i < count; i++) {
		if (strncmp(argv[i], base, strlen(base)) != 0 || !file_pack(argv[i], &files[i])) {
			(void)fprintf(stderr, "embed: cannot read %s below %s\n", argv[i], base);
			return 1;
		}
		bytes_write(f, i, &files[i]);
		free(files[i].p);
	}
	(void)fprintf(f, "extern const struct embed_file %s[];\n", table);
	(void)fprintf(f, "extern const size_t %s_count;\n\n", table);
	(void)fprintf(f, "const struct embed_file %s[] = {\n", table);
	for (i = 0; i < count; i++)
		(void)fprintf(f, "\t{ \"%s\", file_%zu, %zu, %zu },\n", argv[i] + strlen(base), i, files[i].n,
		    files[i].raw_n);
	if (count == 0)
		(void)fputs("\t{ 0 },\n", f);
	(void)fprintf(f, "};\nconst size_t %s_count = %zu;\n", table, count);
	free(files);
	if (ferror(f) != 0 || fclose(f) != 0) {
		(void)fputs("embed: the output could not be written\n", stderr);
		return 1;
	}
	return 0;
}
