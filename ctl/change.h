/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that change objects share: queries, results, `pod/nginx created`. */
#pragma once

#include "ctl/printer.h"
#include "ctl/selection.h"

enum dry_run { DRY_NONE, DRY_CLIENT, DRY_SERVER };

/* What --dry-run asks for; a word that is none is said, and is exit code 1. */
int change_dry_run(const struct cli *cli, enum dry_run *ret);

struct change {
	struct cli *cli;
	struct session session;
	struct selection selection;
	struct printer printer;
	enum dry_run dry_run;
	const char *field_manager;
	bool failed;
	struct json_object
		*shown; /* apply -o: printed at the end, several as one List; else NULL */
	size_t printed;
};
/* Open the session and read --dry-run, --output, --field-manager. Returns the exit code, 0: go on. */
int change_open(struct cli *cli, struct change *ret);
void change_close(struct change *change);

/* "?fieldManager=…&fieldValidation=…&dryRun=All", appended. */
int change_query(const struct change *change, struct buf *path);

/*
 * POST, PUT or PATCH @body to the object (POST: its collection); *ret is the answer. Failures are worded
 * as kubectl does, with "error when creating "FILE": " where @doing ("creating") is given.
 */
int change_send(struct change *change, const struct selected *item, const char *method,
		const char *content_type, const struct json_object *body, const char *doing,
		struct json_object **ret, struct err *err);

/* Print `pod/nginx created` (with "(dry run)"…), or the object with -o. */
int change_print(struct change *change, const struct selected *item,
		 const struct json_object *object, const char *done);
/* Print what was gathered in change->shown. */
int change_print_shown(struct change *change);
/* Print @err and remember that something failed; the others go on. */
void change_failed(struct change *change, const struct err *err);
