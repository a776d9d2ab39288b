/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/jsonpath.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct parser {
	const char *p;
	unsigned depth;
	struct err *err;
};

/* ---- nodes ---- */

static void node_done(struct jsonpath *node)
{
	free(node->text);
	(void)json_unref(node->literal);
	for (size_t i = 0; i < node->n; i++)
		node_done(&node->children[i]);
	free(node->children);
}

struct jsonpath *jsonpath_free(struct jsonpath *path)
{
	if (path)
		node_done(path);
	free(path);
	return NULL;
}

/* A new last child; NULL: no memory. */
static struct jsonpath *add(struct jsonpath *parent, enum jsonpath_kind kind, const char *text,
			    size_t len)
{
	struct jsonpath *node;

	if (array_grow(&parent->children, &parent->cap, parent->n + 1, sizeof(*node)) < 0)
		return NULL;
	node = &parent->children[parent->n];
	*node = (struct jsonpath){ .kind = kind, .text_len = len };
	if (text) {
		node->text = strndup(text, len);
		if (!node->text)
			return NULL;
	}
	parent->n++;
	return node;
}

static int added(const struct parser *ps, const struct jsonpath *node)
{
	return node ? 0 : err_set(ps->err, -ENOMEM, "parse");
}

/* ---- steps ---- */

static int parse_steps(struct parser *ps, struct jsonpath *list, char until);

/* The steps in @len bytes at @text, as children of @list. */
static int parse_part(const struct parser *ps, const char *text, size_t len, struct jsonpath *list)
{
	auto_free char *copy = strndup(text, len);
	struct parser part = { .p = copy, .depth = ps->depth + 1, .err = ps->err };

	if (!copy)
		return err_set(ps->err, -ENOMEM, "parse");
	if (part.depth > JSONPATH_DEPTH_MAX)
		return err_say(ps->err, -E2BIG, "too many levels in a path");
	return parse_steps(&part, list, '\0');
}

static bool ends_field(char c)
{
	return c == '\0' || strchr(" \t\r\n.,[]$@{}", c);
}

/* Up to the next terminator; backslashes take away what is special, and are dropped. */
static int parse_field(struct parser *ps, struct jsonpath *list)
{
	struct jsonpath *node;
	const char *from = ps->p;
	size_t n = 0;

	while (!ends_field(*ps->p))
		ps->p += *ps->p == '\\' && ps->p[1] ? 2 : 1;
	if (ps->p - from == 1 && *from == '*')
		return added(ps, add(list, JSONPATH_WILDCARD, NULL, 0));
	node = add(list, JSONPATH_FIELD, from, (size_t)(ps->p - from));
	if (!node)
		return added(ps, NULL);
	for (const char *c = node->text; *c; c++)
		if (*c != '\\')
			node->text[n++] = *c;
	node->text[n] = '\0';
	node->text_len = n;
	return 0;
}

static int parse_recursive(struct parser *ps, struct jsonpath *list)
{
	if (list->n && list->children[list->n - 1].kind == JSONPATH_RECURSIVE)
		return err_say(ps->err, -EINVAL, "invalid multiple recursive descent");
	ps->p += 2;
	if (!add(list, JSONPATH_RECURSIVE, NULL, 0))
		return added(ps, NULL);
	return isalnum((unsigned char)*ps->p) || *ps->p == '_' ? parse_field(ps, list) : 0;
}

/* One code unit of \uXXXX. */
static int hex4(const char *p)
{
	char digits[5];

	if (strspn(p, "0123456789abcdefABCDEF") < 4)
		return -1;
	(void)snprintf(digits, sizeof(digits), "%.4s", p);
	return (int)strtol(digits, NULL, 16);
}

static void put_utf8(struct buf *text, unsigned code)
{
	if (code < 0x80) {
		(void)buf_putc(text, (char)code);
	} else if (code < 0x800) {
		(void)buf_putc(text, (char)(0xc0 | code >> 6));
		(void)buf_putc(text, (char)(0x80 | (code & 0x3f)));
	} else {
		(void)buf_putc(text, (char)(0xe0 | code >> 12));
		(void)buf_putc(text, (char)(0x80 | (code >> 6 & 0x3f)));
		(void)buf_putc(text, (char)(0x80 | (code & 0x3f)));
	}
}

/* What stands for itself after a backslash, and what it gives. */
static int unescape(struct parser *ps, char quote, struct buf *text)
{
	static const char letters[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
	const char *letter = *ps->p ? strchr(letters, *ps->p) : NULL;
	int code;

	if (*ps->p == quote) {
		(void)buf_putc(text, quote);
	} else if (letter) {
		(void)buf_putc(text, values[letter - letters]);
	} else if (*ps->p == 'u' && (code = hex4(ps->p + 1)) > 0) {
		put_utf8(text, (unsigned)code);
		ps->p += 4;
	} else {
		return -EINVAL;
	}
	ps->p++;
	return 0;
}

static int parse_quote(struct parser *ps, struct jsonpath *list)
{
	const char *from = ps->p;
	auto_buf struct buf text = { 0 };
	char quote = *ps->p++;

	while (*ps->p != quote) {
		if (!*ps->p || *ps->p == '\n')
			return err_say(ps->err, -EINVAL, "unterminated quoted string");
		if (*ps->p++ != '\\')
			(void)buf_putc(&text, ps->p[-1]);
		else if (unescape(ps, quote, &text) < 0)
			return err_say(ps->err, -EINVAL, "unquote string %.*s error invalid syntax",
				       (int)strcspn(from, "}\n"), from);
	}
	ps->p++;
	if (buf_error(&text))
		return added(ps, NULL);
	return added(ps, add(list, JSONPATH_TEXT, buf_str(&text), text.len));
}

static int parse_number(struct parser *ps, struct jsonpath *list)
{
	size_t len = strspn(ps->p + 1, "0123456789.") + 1;
	const char *from = ps->p;
	struct jsonpath *node;
	char text[32], *end = text;
	bool whole = !memchr(from, '.', len);

	ps->p += len;
	(void)snprintf(text, sizeof(text), "%.*s", (int)MIN(len, sizeof(text) - 1), from);
	errno = 0;
	if (len < sizeof(text) && whole)
		(void)strtoll(text, &end, 10);
	else if (len < sizeof(text))
		(void)strtod(text, &end);
	if (*end || end == text || errno)
		return err_say(ps->err, -EINVAL, "cannot parse number %.*s", (int)len, from);
	node = add(list, JSONPATH_LITERAL, NULL, 0);
	if (node)
		node->literal = whole ? json_new_int(strtoll(text, NULL, 10))
				      : json_new_double(strtod(text, NULL));
	return added(ps, node);
}

static int parse_identifier(struct parser *ps, struct jsonpath *list)
{
	const char *from = ps->p;
	struct jsonpath *node;
	size_t len = 0;

	while (!ends_field(from[len]))
		len++;
	ps->p += len;
	if ((len == 4 && memcmp(from, "true", 4) == 0) ||
	    (len == 5 && memcmp(from, "false", 5) == 0)) {
		node = add(list, JSONPATH_LITERAL, NULL, 0);
		if (node)
			node->literal = json_new_bool(len == 4);
	} else {
		node = add(list, JSONPATH_IDENTIFIER, from, len);
	}
	return added(ps, node);
}

/* ---- brackets ---- */

/* "1", "1:2", ":-1", "::2" */
static int parse_index(const struct parser *ps, const char *text, size_t len, struct jsonpath *list)
{
	struct jsonpath *node = add(list, JSONPATH_ARRAY, NULL, 0);
	const char *p = text, *end = text + len;

	if (!node)
		return added(ps, NULL);
	for (size_t i = 0; i < 3; i++) {
		const char *digits = p + (p < end && *p == '-');
		size_t n = strspn(digits, "0123456789");

		if (n > 9)
			return err_say(ps->err, -EINVAL, "array index %.*s is not a number",
				       (int)len, text);
		node->index[i].known = n > 0;
		node->index[i].value = n ? (int)strtol(p, NULL, 10) : 0;
		if (!n && digits > p)
			break; /* a lone minus */
		p = digits + n;
		if (p >= end || *p != ':')
			break;
		p++;
		if (i == 2)
			p--; /* a third colon */
	}
	if (p != end)
		return err_say(ps->err, -EINVAL, "invalid array index %.*s", (int)len, text);
	if (!memchr(text, ':', len))
		node->index[1] = (struct jsonpath_index){ true, true, node->index[0].value + 1 };
	return 0;
}

static int parse_union(const struct parser *ps, const char *text, size_t len, struct jsonpath *list)
{
	struct jsonpath *node = add(list, JSONPATH_UNION, NULL, 0);
	int r = 0;

	if (!node)
		return added(ps, NULL);
	for (size_t from = 0; from <= len && r == 0;) {
		const char *comma = memchr(text + from, ',', len - from);
		size_t to = comma ? (size_t)(comma - text) : len, start = from, stop = to;
		auto_buf struct buf part = { 0 };
		struct jsonpath *child = add(node, JSONPATH_LIST, NULL, 0);

		while (start < stop && text[start] == ' ')
			start++;
		while (stop > start && text[stop - 1] == ' ')
			stop--;
		(void)buf_printf(&part, "[%.*s]", (int)(stop - start), text + start);
		r = child && !buf_error(&part) ? parse_part(ps, buf_str(&part), part.len, child)
					       : added(ps, NULL);
		from = to + 1;
	}
	return r;
}

static int parse_array(struct parser *ps, struct jsonpath *list)
{
	size_t len = strcspn(ps->p, "]\n");
	const char *text = ps->p + 1;
	auto_buf struct buf field = { 0 };

	if (ps->p[len] != ']')
		return err_say(ps->err, -EINVAL, "unterminated array");
	ps->p += len + 1;
	len--;
	if (len == 1 && *text == '*')
		return parse_index(ps, ":", 1, list);
	if (memchr(text, ',', len))
		return parse_union(ps, text, len, list);
	if (len >= 2 && *text == '\'' && memchr(text + 1, '\'', len - 1) == text + len - 1) {
		(void)buf_printf(&field, ".%.*s", (int)(len - 2), text + 1);
		if (buf_error(&field))
			return added(ps, NULL);
		return parse_part(ps, buf_str(&field), field.len, list);
	}
	return parse_index(ps, text, len, list);
}

/* "[?(left op right)]" */
static int parse_filter(struct parser *ps, struct jsonpath *list)
{
	const char *from = ps->p + 3, *p = from;
	size_t left_len, op_len, len;
	struct jsonpath *node;
	unsigned parens = 0;
	char quote = 0;
	int r;

	for (;; p++) {
		if (!*p || *p == '\n')
			return err_say(ps->err, -EINVAL, "unterminated filter");
		if (quote) {
			quote = *p == quote && p[-1] != '\\' ? 0 : quote;
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '(') {
			parens++;
		} else if (*p == ')') {
			if (parens == 0)
				break;
			parens--;
		}
	}
	len = (size_t)(p - from);
	if (p[1] != ']')
		return err_say(ps->err, -EINVAL, "unclosed array expect ]");
	ps->p = p + 2;
	left_len = strcspn(from, "!<>=");
	op_len = left_len < len ? strspn(from + left_len, "!<>=") : 0;
	node = add(list, JSONPATH_FILTER, op_len ? from + left_len : "exists", op_len ? op_len : 6);
	if (!node || !add(node, JSONPATH_LIST, NULL, 0) || !add(node, JSONPATH_LIST, NULL, 0))
		return added(ps, NULL);
	if (!op_len)
		return parse_part(ps, from, len, &node->children[0]);
	r = parse_part(ps, from, left_len, &node->children[0]);
	from += left_len + op_len;
	return r < 0 ? r : parse_part(ps, from, (size_t)(p - from), &node->children[1]);
}

/* ---- actions and text ---- */

/* Steps until @until ('}', or the end of a part). */
static int parse_steps(struct parser *ps, struct jsonpath *list, char until)
{
	int r = 0;

	while (r == 0) {
		unsigned char c = (unsigned char)*ps->p;

		if (c == (unsigned char)until) {
			ps->p += c != '\0';
			return 0;
		}
		if (c == '\0' || c == '\n' || c == '\r')
			return err_say(ps->err, -EINVAL, "unclosed action");
		if (c == ' ' || c == '@' || c == '$')
			ps->p++;
		else if (strncmp(ps->p, "[?(", 3) == 0)
			r = parse_filter(ps, list);
		else if (strncmp(ps->p, "..", 2) == 0)
			r = parse_recursive(ps, list);
		else if (c == '[')
			r = parse_array(ps, list);
		else if (c == '"' || c == '\'')
			r = parse_quote(ps, list);
		else if (c == '.')
			ps->p++, r = parse_field(ps, list);
		else if (c == '+' || c == '-' || isdigit(c))
			r = parse_number(ps, list);
		else if (c == '_' || isalnum(c) || c >= 0x80)
			r = parse_identifier(ps, list);
		else
			r = err_say(ps->err, -EINVAL,
				    "unrecognized character in action: U+%04X '%c'", c, c);
	}
	return r;
}

int jsonpath_parse(const char *text, struct jsonpath **ret, struct err *err)
{
	auto_jsonpath struct jsonpath *root = calloc(1, sizeof(*root));
	struct parser ps = { .p = text, .err = err };
	int r = 0;

	if (!root)
		return err_set(err, -ENOMEM, "parse");
	if (strlen(text) > JSONPATH_MAX)
		return err_say(err, -E2BIG, "a template of more than %zu bytes", JSONPATH_MAX);
	while (*ps.p && r == 0) {
		size_t len = strcspn(ps.p, "{");

		if (len) {
			r = added(&ps, add(root, JSONPATH_TEXT, ps.p, len));
			ps.p += len;
		} else if (!add(root, JSONPATH_LIST, NULL, 0)) {
			r = added(&ps, NULL);
		} else {
			ps.p++;
			r = parse_steps(&ps, &root->children[root->n - 1], '}');
		}
	}
	if (r == 0)
		*ret = take_ptr(&root);
	return r;
}

int jsonpath_relax(const char *text, struct buf *ret, struct err *err)
{
	size_t len = strlen(text);

	if (len > 1 && *text == '{' && text[len - 1] == '}')
		text++, len -= 2;
	if (len && *text == '.')
		text++, len--;
	if (len == 0 || memchr(text, '{', len) || memchr(text, '}', len))
		return err_say(err, -EINVAL,
			       "unexpected path string, expected a 'name1.name2' or '.name1.name2' "
			       "or '{name1.name2}' or '{.name1.name2}'");
	return buf_printf(ret, "{.%.*s}", (int)len, text);
}
