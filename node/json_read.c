/* How it works: json_scan() checks the text whole (grammar, encoding, limits) and builds nothing.  Only then cJSON,
 * which is lenient, builds its tree from it.  Last, the tree and the text are walked side by side: each number of the
 * tree is pointed at its source text, and member names are compared.
 *
 * What fails: a bad text in the scanner or for a double name, with its place; memory in any step.  After any failure
 * the document is empty.
 */
#include "json_read.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "json_scan.h"
#include "text.h"

/* cJSON copies a number into 64 bytes and would split a longer one. */
_Static_assert(JSON_NUMBER_BYTES_MAX < 63, "cJSON reads the whole number");
_Static_assert(JSON_DEPTH_MAX <= CJSON_NESTING_LIMIT, "cJSON reads as deep as we do");

/* Where a walk over the tree in the order of the text stands.  Depth-first with a stack of our own. */
struct walk {
	cJSON *node; /* NULL: at the end */
	cJSON *parent[JSON_DEPTH_MAX];
	unsigned depth;
};

static void
walk_next(struct walk *w)
{
	if (w->node->child != NULL) {
		INVARIANT(w->depth < JSON_DEPTH_MAX);
		w->parent[w->depth++] = w->node;
		w->node = w->node->child;
		return;
	}
	while (w->node->next == NULL && w->depth != 0)
		w->node = w->parent[--w->depth];
	w->node = w->node->next; /* the root has none */
}

static const char *
string_end(const char *at)
{
	for (at++; *at != '"'; at++) {
		if (*at == '\\')
			at++;
	}
	return at + 1;
}

static const char *
number_end(const char *at)
{
	return at + strspn(at, "+-.0123456789Ee");
}

/* Point every number at its source text, up to the member @until, and return where the name of that stands; with NULL
 * point all and return the end. */
static char *
bind_numbers(struct json *json, const cJSON *until)
{
	struct walk w = { .node = json->root };
	const char *at = json->text;

	for (; w.node != NULL; walk_next(&w)) {
		if (w.node->string != NULL) {
			at += strcspn(at, "\"");
			if (w.node == until)
				break;
			at = string_end(at);
		}
		if (cJSON_IsString(w.node)) {
			at += strcspn(at, "\"");
			at = string_end(at);
		} else if (cJSON_IsNumber(w.node)) {
			at += strcspn(at, "-0123456789");
			INVARIANT(*at != '\0');
			w.node->valuestring = json->text + (at - json->text);
			w.node->type |= cJSON_IsReference; /* cJSON_Delete() shall not free it */
			at = number_end(at);
		}
	}
	return json->text + (at - json->text);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* Sort the members of @object into *@list, which grows as needed, and look for two of one name.  *@first and *@second
 * are NULL when there are none. */
static enum rc
find_duplicate(const cJSON *object, cJSON ***list, size_t *cap, const cJSON *pair[2])
{
	size_t count = 0, i;
	cJSON *member;

	for (member = object->child; member != NULL; member = member->next) {
		if (count == *cap) {
			size_t more = *cap == 0 ? 64 : *cap * 2;
			cJSON **grown = mem_grow(*list, more, sizeof(**list));

			if (grown == NULL)
				return RC_NOMEM;
			*list = grown;
			*cap = more;
		}
		(*list)[count++] = member;
	}
	if (count > 1)
		qsort(*list, count, sizeof(**list), compare_names);
	for (i = 1; i < count; i++) {
		if (compare_names(*list + i - 1, *list + i) == 0) {
			pair[0] = (*list)[i - 1];
			pair[1] = (*list)[i];
			return RC_OK;
		}
	}
	return RC_OK;
}

static enum rc
check_names(struct json *json, struct diag *d)
{
	struct walk w = { .node = json->root };
	const cJSON *pair[2] = { NULL, NULL };
	const char *at, *other;
	cJSON **list = NULL;
	size_t cap = 0;
	enum rc rc = RC_OK;

	for (; w.node != NULL && rc == RC_OK && pair[0] == NULL; walk_next(&w)) {
		if (cJSON_IsObject(w.node))
			rc = find_duplicate(w.node, &list, &cap, pair);
	}
	mem_free(list);
	if (rc != RC_OK)
		return diag_fail(d, rc, "%s", message(MSG_OUT_OF_MEMORY));
	if (pair[0] == NULL)
		return RC_OK;
	at = bind_numbers(json, pair[0]);
	other = bind_numbers(json, pair[1]);
	return json_scan_fail(json->text, at > other ? at : other, RC_INPUT, MSG_JSON_DUPLICATE, d);
}

enum rc
json_read(struct json *json, struct span text, size_t bytes_max, struct diag *d)
{
	cJSON_Hooks hooks = { mem_alloc, mem_free };
	enum rc rc;

	memset(json, 0, sizeof(*json));
	if (text.n > bytes_max)
		return diag_fail(d, RC_LIMIT, message(MSG_JSON_TOO_LARGE), bytes_max);
	if ((json->text = mem_array(text.n + 1, 1)) == NULL) {
		rc = RC_NOMEM;
		goto err0;
	}
	if (text.n != 0)
		memcpy(json->text, text.p, text.n);
	if ((rc = json_scan(json->text, text.n, d)) != RC_OK)
		goto err1;
	cJSON_InitHooks(&hooks);
	if ((json->root = cJSON_ParseWithLength(json->text, text.n)) == NULL) {
		rc = RC_NOMEM; /* the text is good */
		goto err1;
	}
	if ((rc = check_names(json, d)) != RC_OK)
		goto err1;
	(void)bind_numbers(json, NULL);
	return RC_OK;

err1:
	json_fini(json);
err0:
	return diag_fail(d, rc, "%s", message(MSG_OUT_OF_MEMORY)); /* other failures have spoken */
}

void
json_fini(struct json *json)
{
	cJSON_Delete(json->root);
	mem_free(json->text);
	memset(json, 0, sizeof(*json));
}

enum json_kind
json_kind(const struct cJSON *value)
{
	if (value == NULL)
		return JSON_NONE;
	switch (value->type & 0xFF) {
	case cJSON_NULL:
		return JSON_NULL;
	case cJSON_True:
	case cJSON_False:
		return JSON_BOOL;
	case cJSON_Number:
		return JSON_NUMBER;
	case cJSON_String:
		return JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		return JSON_NONE;
	}
}

bool
json_is_null(const struct cJSON *value)
{
	return json_kind(value) == JSON_NULL;
}

bool
json_bool(const struct cJSON *value, bool *out)
{
	if (json_kind(value) != JSON_BOOL)
		return false;
	*out = cJSON_IsTrue(value);
	return true;
}

bool
json_string(const struct cJSON *value, struct span *out)
{
	if (json_kind(value) != JSON_STRING)
		return false;
	*out = span_str(value->valuestring);
	return true;
}

bool
json_number_text(const struct cJSON *value, struct span *out)
{
	if (json_kind(value) != JSON_NUMBER)
		return false;
	*out = span_of(
	    value->valuestring, (size_t)(number_end(value->valuestring) - value->valuestring));
	return true;
}

bool
json_int64(const struct cJSON *value, int64_t *out)
{
	struct span text;
	int64_t v;

	if (!json_number_text(value, &text) || !text_int64(text, &v))
		return false;
	if (v > JSON_INT_MAX || v < -JSON_INT_MAX)
		return false;
	*out = v;
	return true;
}

const struct cJSON *
json_member(const struct cJSON *object, const char *name)
{
	return json_kind(object) == JSON_OBJECT ? cJSON_GetObjectItemCaseSensitive(object, name)
						: NULL;
}

const char *
json_unknown_member(const struct cJSON *object, const char *const *names, size_t count)
{
	const struct cJSON *member;
	size_t i;

	for (member = json_first(object); member != NULL && member->string != NULL;
	     member = member->next) {
		for (i = 0; i < count && strcmp(names[i], member->string) != 0; i++)
			;
		if (i == count)
			return member->string;
	}
	return NULL;
}

const struct cJSON *
json_first(const struct cJSON *list)
{
	enum json_kind kind = json_kind(list);

	return kind == JSON_ARRAY || kind == JSON_OBJECT ? list->child : NULL;
}

const struct cJSON *
json_next(const struct cJSON *value)
{
	return value == NULL ? NULL : value->next;
}

const char *
json_name(const struct cJSON *member)
{
	return member == NULL ? NULL : member->string;
}

size_t
json_count(const struct cJSON *list)
{
	const struct cJSON *v;
	size_t count = 0;

	for (v = json_first(list); v != NULL; v = json_next(v))
		count++;
	return count;
}

const struct cJSON *
json_item(const struct cJSON *array, size_t at)
{
	const struct cJSON *v;

	if (json_kind(array) != JSON_ARRAY)
		return NULL;
	for (v = json_first(array); v != NULL && at != 0; v = json_next(v))
		at--;
	return v;
}
