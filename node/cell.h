/* node/cell.h - values, keys and units as people and scripts write and read them.
 *
 * Text:  a minted key is its 26 characters; a unit is its code when the code alone names it, else code@valid_from;
 *        blobs are base64; whole numbers are decimal.
 * JSON:  the same, with NULL as null and numbers as numbers up to 10^15, beyond as strings.
 * Text that comes in is brought to NFC.  What is parsed lives in env->arena.
 */
#ifndef NODE_CELL_H
#define NODE_CELL_H

#include "node/command.h"

struct cJSON;

void cell_key_text(const struct catalogue_table *t, struct span key, struct bytes *out);
RC_CHECK enum rc cell_key_parse(struct command_env *env, const struct catalogue_table *t, struct span text,
    struct span *key, struct diag *d);

void cell_unit_text(struct engine *e, struct span key, struct bytes *out);

void cell_text(struct engine *e, const struct catalogue_column *c, struct value v, struct bytes *out);
void cell_json(struct engine *e, const struct catalogue_column *c, struct value v, struct json_write *w);

/* @text as a value of column @c; for a blob, base64.  Length, range and choices are the engine's to check. */
RC_CHECK enum rc cell_parse(struct command_env *env, const struct catalogue_column *c, struct span text,
    struct value *out, struct diag *d);
RC_CHECK enum rc cell_parse_json(struct command_env *env, const struct catalogue_column *c,
    const struct cJSON *json, struct value *out, struct diag *d);

/* The unit that row @key of @t is addressed to, from its version; empty when there is no such row. */
struct span cell_version_unit(const struct engine *e, int64_t version);

void cell_json_key(const char *name, const struct catalogue_table *t, struct span key, struct json_write *w);
void cell_json_unit(const char *name, struct engine *e, struct span key, struct json_write *w);
void cell_json_time(const char *name, uint64_t hlc, struct json_write *w);
void cell_json_origin(const char *name, const uint8_t origin[ORIGIN_BYTES], struct json_write *w);
void cell_origin_text(const uint8_t origin[ORIGIN_BYTES], char out[2 * ORIGIN_BYTES + 1]);

#endif
