#include "rows.h"

#include "figure.h"
#include "schema/embed.h"
#include "sync/key.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#define REAL_PRODUCTS_MAX 512

struct real_product {
	struct span name, maker, group;
};

static struct real_product g_real[REAL_PRODUCTS_MAX];
static size_t g_real_count;

static const char *const PHRASES[] = {
	"Sản phẩm được làm theo cách truyền thống của địa phương, nguyên liệu thu mua tại chỗ",
	"Cơ sở có giấy chứng nhận đủ điều kiện an toàn thực phẩm",
	"đã công bố chất lượng và ghi nhãn đầy đủ",
	"bán qua hợp tác xã và các siêu thị trong tỉnh",
	"đang xây dựng câu chuyện sản phẩm",
	"tạo việc làm cho lao động nữ tại xã",
	"doanh thu tăng so với năm trước",
	"cần hỗ trợ bao bì và truy xuất nguồn gốc",
};
static const char *const SPECS[] = { "Chai 500 ml", "Hộp 250 g", "Túi 1 kg", "Lọ 300 g",
	"Thùng 10 kg" };
static const char *const STATUSES[] = { "idea", "active", "stopped" };
static const char *const COMMENTS[] = {
	"Đủ hồ sơ",
	"Thiếu giấy chứng nhận",
	"Có minh chứng kèm theo",
	"Chưa có hợp đồng liên kết",
	"Cần bổ sung phiếu kiểm nghiệm",
	"Đạt yêu cầu",
	"Mẫu mã đẹp",
	"Chưa truy xuất được nguồn gốc",
};
static const char *const MEMBERS[ROWS_MEMBERS] = {
	"hv1",
	"hv2",
	"hv3",
	"hv4",
	"hv5",
	"hv6",
	"hv7",
	"hv8",
	"hv9",
	"hv10",
};

/* ---- the list of real products */

/* The fields of one line of CSV without quotes inside of the fields that count here. */
static size_t
line_split(struct span line, struct span *fields, size_t max)
{
	size_t i, from = 0, count = 0;
	bool is_quoted = false;

	for (i = 0; i <= line.n && count < max; i++) {
		if (i < line.n && line.p[i] == '"')
			is_quoted = !is_quoted;
		if (i == line.n || (line.p[i] == ',' && !is_quoted)) {
			fields[count++] = span_of(line.p + from, i - from);
			from = i + 1;
		}
	}
	return count;
}

static void
real_load(void)
{
	static uint8_t *text;
	const struct embed_file *f = NULL;
	struct span fields[16];
	size_t i, n, from = 0;

	if (g_real_count > 0)
		return;
	for (i = 0; i < schema_embed_count; i++)
		if (strcmp(schema_embed[i].name, "data/products-ha-tinh.csv") == 0)
			f = &schema_embed[i];
	figure_check(f != NULL, "the list of real products is not built in");
	text = mem_alloc(f->raw_n);
	figure_check(text != NULL && ZSTD_decompress(text, f->raw_n, f->p, f->n) == f->raw_n,
	    "the list of real products cannot be unpacked");
	for (i = 0; i < f->raw_n; i++) {
		if (text[i] != '\n')
			continue;
		n = line_split(span_of(text + from, i - from), fields, 16);
		if (from > 0 && n > 12 && g_real_count < REAL_PRODUCTS_MAX)
			g_real[g_real_count++] =
			    (struct real_product){ fields[1], fields[2], fields[12] };
		from = i + 1;
	}
	figure_check(g_real_count > 0, "the list of real products is empty");
}

/* ---- drawing */

void
rows_init(struct rows *r, uint64_t seed, bool is_random)
{
	r->state = seed * 2 + 1;
	r->is_random = is_random;
	real_load();
}

const char *
rows_variant(const struct rows *r)
{
	return r->is_random ? "random" : "repetitive";
}

uint64_t
rows_draw(struct rows *r, uint64_t below)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return (r->state >> 11) % below;
}

/* ---- building */

static void
row_begin(struct rows_row *row, const char *table)
{
	row->table = table;
	row->count = 0;
	row->text_n = 0;
}

static void
cell_add(struct rows_row *row, const char *column, struct value v)
{
	figure_check(row->count < ROWS_CELLS_MAX, "a row has too many cells");
	row->cells[row->count++] = (struct save_cell){ .column = span_str(column), .value = v };
}

static void
text_end(struct rows_row *row, const char *column, size_t n)
{
	cell_add(row, column, value_text(span_of(row->text + row->text_n, n)));
	row->text_n += n;
}

/* @n random letters, digits and blanks: six bits a byte. */
static void
random_add(struct rows *r, struct rows_row *row, const char *column, size_t n)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .";
	size_t i;

	figure_check(row->text_n + n <= sizeof(row->text), "a row's text is too long");
	for (i = 0; i < n; i++)
		row->text[row->text_n + i] = letters[rows_draw(r, 64)];
	text_end(row, column, n);
}

static void format_add(struct rows_row *row, const char *column, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
format_add(struct rows_row *row, const char *column, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(row->text + row->text_n, sizeof(row->text) - row->text_n, fmt, ap);
	va_end(ap);
	figure_check(
	    n >= 0 && row->text_n + (size_t)n < sizeof(row->text), "a row's text is too long");
	text_end(row, column, (size_t)n);
}

#define PICK(r, list) (list)[rows_draw((r), sizeof(list) / sizeof((list)[0]))]

void
rows_product(struct rows *r, const char *unit, struct rows_row *out)
{
	row_begin(out, "product");
	cell_add(out, "unit", value_text(span_str(unit)));
	if (r->is_random) {
		random_add(r, out, "name", 30);
		random_add(r, out, "group_id", 8);
		random_add(r, out, "description", 120);
		random_add(r, out, "spec", 20);
		random_add(r, out, "status", 8);
		random_add(r, out, "note", 30);
	} else {
		const struct real_product *p = &g_real[rows_draw(r, g_real_count)];

		format_add(out, "name", "%.*s", (int)p->name.n, (const char *)p->name.p);
		format_add(out, "group_id", "%.*s", (int)p->group.n, (const char *)p->group.p);
		format_add(out, "description", "%s; %s", PICK(r, PHRASES), PICK(r, PHRASES));
		format_add(out, "spec", "%s", PICK(r, SPECS));
		format_add(out, "status", "%s", PICK(r, STATUSES));
		format_add(out, "note", "%.*s, đợt %u", (int)p->maker.n, (const char *)p->maker.p,
		    (unsigned)rows_draw(r, 4) + 1);
	}
	cell_add(out, "started_year", value_int(1990 + (int64_t)rows_draw(r, 30)));
}

struct span
rows_member(unsigned member)
{
	return span_str(MEMBERS[member % ROWS_MEMBERS]);
}

void
rows_sheet(struct rows *r, const struct save_key *council, unsigned member, struct rows_row *out)
{
	row_begin(out, "score_sheet");
	cell_add(out, "council", value_blob(span_of(council->b, council->n)));
	cell_add(out, "member", value_text(rows_member(member)));
	if (r->is_random)
		random_add(r, out, "comment", 20);
	else
		format_add(out, "comment", "%s", PICK(r, COMMENTS));
}

void
rows_score(struct rows *r, const struct save_key *sheet, unsigned member, unsigned criterion,
    struct rows_row *out)
{
	row_begin(out, "score");
	cell_add(out, "sheet", value_blob(span_of(sheet->b, sheet->n)));
	format_add(out, "criterion", "QD26-09/%u.%u", criterion / 9 + 1, criterion % 9 + 1);
	cell_add(out, "points", value_int((int64_t)rows_draw(r, 6)));
	if (r->is_random)
		random_add(r, out, "comment", 12);
	else if (rows_draw(r, 4) == 0)
		format_add(out, "comment", "%s", PICK(r, COMMENTS));
	cell_add(out, "member", value_text(rows_member(member)));
}

void
rows_product_change(struct rows *r, bool two, struct rows_row *out)
{
	row_begin(out, "product");
	if (r->is_random)
		random_add(r, out, "note", 12);
	else
		format_add(
		    out, "note", "Đợt %u: %s", (unsigned)rows_draw(r, 400), PICK(r, COMMENTS));
	if (!two && rows_draw(r, 2) == 0)
		return;
	cell_add(out, "started_year", value_int(1900 + (int64_t)rows_draw(r, 300)));
}

void
rows_score_change(struct rows *r, struct rows_row *out)
{
	row_begin(out, "score");
	cell_add(out, "points", value_int(6 + (int64_t)rows_draw(r, 90)));
	if (rows_draw(r, 2) == 0)
		return;
	if (r->is_random)
		random_add(r, out, "comment", 12);
	else
		format_add(
		    out, "comment", "%s (%u)", PICK(r, COMMENTS), (unsigned)rows_draw(r, 100));
}

/* ---- as CSV */

static void
csv_text(struct span s, struct bytes *out)
{
	if (memchr(s.p, ',', s.n) == NULL && memchr(s.p, '"', s.n) == NULL) {
		bytes_put(out, s.p, s.n);
		return;
	}
	bytes_byte(out, '"');
	bytes_put(out, s.p, s.n); /* the workload has no quotes in its texts */
	bytes_byte(out, '"');
}

void
rows_csv(const struct rows_row *row, const struct save_key *key, struct bytes *out)
{
	char text[KEY_TEXT_CHARS + 1];
	size_t i;

	key_format(key->b, text);
	bytes_str(out, text);
	for (i = 0; i < row->count; i++) {
		const struct value *v = &row->cells[i].value;

		bytes_byte(out, ',');
		if (v->type == VALUE_INT) {
			bytes_fmt(out, "%lld", (long long)v->i);
		} else if (v->type == VALUE_BLOB) {
			key_format(v->s.p, text);
			bytes_str(out, text);
		} else {
			csv_text(v->s, out);
		}
	}
	bytes_byte(out, '\n');
}
