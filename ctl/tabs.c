/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/tabs.h"

#include <errno.h>
#include <string.h>

struct cell {
	const char *text;
	size_t len;
	unsigned width; /* in characters */
};
struct line {
	size_t first, n; /* into cells */
};
struct layout {
	struct tabs *tabs;
	struct cell *cells;
	size_t n_cells, cap_cells;
	struct line *lines;
	size_t n_lines, cap_lines;
	unsigned widths[TABS_COLUMNS_MAX]; /* of the columns around the lines being written */
	size_t n_widths;
	struct buf *out;
};

/* UTF-8 characters; Go counts runes, not display cells. */
static unsigned width_of(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static int split(struct layout *layout, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;
		struct line line = { .first = layout->n_cells };
		bool more = true;

		for (; more; line.n++) {
			const char *tab = memchr(text, '\t', (size_t)(stop - text));
			const char *to = tab ? tab : stop;
			int r = array_grow(&layout->cells, &layout->cap_cells, layout->n_cells + 1,
					   sizeof(*layout->cells));

			if (r < 0)
				return r;
			if (line.n >= TABS_COLUMNS_MAX)
				return -E2BIG;
			layout->cells[layout->n_cells++] =
				(struct cell){ text, (size_t)(to - text),
					       width_of(text, (size_t)(to - text)) };
			more = tab != NULL;
			text = to + 1;
		}
		int r = array_grow(&layout->lines, &layout->cap_lines, layout->n_lines + 1,
				   sizeof(*layout->lines));
		if (r < 0)
			return r;
		layout->lines[layout->n_lines++] = line;
	}
	return 0;
}

static void write_lines(struct layout *layout, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		const struct line *line = &layout->lines[i];

		for (size_t j = 0; j < line->n; j++) {
			const struct cell *cell = &layout->cells[line->first + j];

			(void)buf_append(layout->out, cell->text, cell->len);
			if (j < layout->n_widths && j + 1 < line->n)
				(void)buf_printf(layout->out, "%*s",
						 (int)(layout->widths[j] - cell->width), "");
		}
		(void)buf_putc(layout->out, '\n');
	}
}

static unsigned remembered(struct tabs *tabs, size_t column, unsigned width)
{
	if (!tabs->remember)
		return width;
	if (column == tabs->n_widths)
		tabs->widths[tabs->n_widths++] = 0;
	if (column > tabs->n_widths)
		return width;
	tabs->widths[column] = MAX(tabs->widths[column], width);
	return tabs->widths[column];
}

/*
 * Write the lines [from, to), which all have the columns that layout->widths covers. Lines that have one
 * more form blocks; each block gets its width and is written by a deeper call. The depth is bounded by
 * TABS_COLUMNS_MAX.
 */
static void write_block(struct layout *layout, size_t from, size_t to)
{
	size_t column = layout->n_widths, done = from;

	for (size_t i = from; i < to;) {
		unsigned width = layout->tabs->min_width;
		size_t end = i;

		if (column + 1 >= layout->lines[i].n) {
			i++;
			continue;
		}
		write_lines(layout, done, i);
		for (; end < to && column + 1 < layout->lines[end].n; end++)
			width = MAX(width, layout->cells[layout->lines[end].first + column].width +
						   layout->tabs->padding);
		layout->widths[layout->n_widths] = remembered(layout->tabs, column, width);
		layout->n_widths++;
		write_block(layout, i, end);
		layout->n_widths--;
		done = i = end;
	}
	write_lines(layout, done, to);
}

int tabs_write(struct tabs *tabs, const char *text, size_t len, struct buf *ret)
{
	struct layout layout = { .tabs = tabs, .out = ret };
	int r = split(&layout, text, len);

	if (r == 0) {
		write_block(&layout, 0, layout.n_lines);
		r = buf_error(ret);
	}
	free(layout.cells);
	free(layout.lines);
	return r;
}
