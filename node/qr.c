#include "node/qr.h"

#include <qrcodegen/qrcodegen.h>

#define QUIET 4			/* modules of white around the code */
#define COLOURS "\033[38;5;16;48;5;231m"	/* black on white */
#define COLOURS_END "\033[0m"

static bool
is_dark(const uint8_t *code, int x, int y)
{
	return qrcodegen_getModule(code, x - QUIET, y - QUIET);	/* white outside */
}

/* A line of characters, each an upper and a lower module. */
static void
line_draw(const uint8_t *code, int side, int y, struct bytes *out)
{
	static const char *const halves[] = { " ", "▄", "▀", "█" };
	int x;

	bytes_str(out, COLOURS);
	for (x = 0; x < side; x++)
		bytes_str(out, halves[is_dark(code, x, y) * 2 + is_dark(code, x, y + 1)]);
	bytes_str(out, COLOURS_END "\n");
}

enum rc
qr_draw(const char *text, struct bytes *out, int *side)
{
	const size_t size = qrcodegen_BUFFER_LEN_FOR_VERSION(QR_VERSION_MAX);
	uint8_t *room = mem_alloc(2 * size);
	int all, y;
	enum rc rc = RC_OK;

	if (room == NULL)
		return RC_NOMEM;
	if (!qrcodegen_encodeText(text, room, room + size, qrcodegen_Ecc_MEDIUM, qrcodegen_VERSION_MIN,
	        QR_VERSION_MAX, qrcodegen_Mask_AUTO, true) &&
	    !qrcodegen_encodeText(text, room, room + size, qrcodegen_Ecc_LOW, qrcodegen_VERSION_MIN,
	        QR_VERSION_MAX, qrcodegen_Mask_AUTO, true))
		rc = RC_LIMIT;
	if (rc == RC_OK) {
		all = qrcodegen_getSize(room + size) + 2 * QUIET;
		if (side != NULL)
			*side = all - 2 * QUIET;
		for (y = 0; y < all; y += 2)
			line_draw(room + size, all, y, out);
		rc = bytes_rc(out);
	}
	mem_free(room);
	return rc;
}
