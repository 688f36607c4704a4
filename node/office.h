/* node/office.h - the parts of the office listener; see office.c. */
#ifndef NODE_OFFICE_H
#define NODE_OFFICE_H

#include "node/daemon.h"

void office_api(struct daemon *n, struct http_exchange *x);

/* office_page.c */
void office_metrics(struct daemon *n, struct http_exchange *x);	/* Prometheus text */
void office_page(struct daemon *n, struct http_exchange *x);	/* what this node is */

#endif
