/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Columns as kubectl aligns them (Go's text/tabwriter, elastic tab stops): a cell ends in a tab; a
 * column is a run of consecutive lines that have the cell, as wide as the widest of them plus
 * padding, and at least min_width. The last cell of a line belongs to no column.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

#define TABS_COLUMNS_MAX 64

struct tabs {
	unsigned min_width, padding;
	/* For watches: a column never gets narrower from one write to the next. */
	bool remember;
	unsigned widths[TABS_COLUMNS_MAX]; /* internal: the widths remembered */
	size_t n_widths;
};
#define TABS_GET      ((struct tabs){ .min_width = 6, .padding = 3, .remember = true })
#define TABS_DESCRIBE ((struct tabs){ .min_width = 0, .padding = 2 })

/* Align @text, whole lines with tabs, and append it to @ret. 0, -ENOMEM or -E2BIG. */
int tabs_write(struct tabs *tabs, const char *text, size_t len, struct buf *ret);
