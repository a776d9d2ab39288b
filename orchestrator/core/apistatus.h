/* SPDX-License-Identifier: Apache-2.0 */
/* meta/v1 Status: how the API says that something failed, or that it is done. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/json.h"

struct apistatus {
	int code;
	const char *reason;		       /* NULL: none, as of a Success */
	const char *message;		       /* NULL: none */
	const char *name, *group, *kind, *uid; /* of the details; NULL: left out */
	struct json_object *causes;	       /* borrowed; NULL: none */
	unsigned retry_after_s;
	const char *continue_token; /* of the metadata: an expired list may go on with it */
	bool details;		    /* write "details" even when empty */
};
int apistatus_write(const struct apistatus *status, struct buf *buf);

/* Codes and reasons that belong together: "NotFound" for 404. */
const char *apistatus_reason(int code);
