/* node/qr.h - a QR code drawn with characters. */
#ifndef NODE_QR_H
#define NODE_QR_H

#include "sync/mem.h"

#define QR_VERSION_MAX 25	/* 117 modules a side: what a terminal can show and a phone still reads */

/* Append @text as a QR code of the least size at which a seventh of it may be damaged (level M), else of QR_VERSION_MAX
 * at which less may be: two modules a character, the quiet zone around them, black on white whatever the terminal's own
 * colours are.  *@side, when not NULL, is the number of modules of a side.  RC_LIMIT: @text is too long. */
RC_CHECK enum rc qr_draw(const char *text, struct bytes *out, int *side);

#endif
