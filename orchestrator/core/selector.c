/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/selector.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum op { IN, NOT_IN, EXISTS, NOT_EXISTS, GREATER, LESS };

struct term {
	bool field;
	int index; /* of a field */
	enum op op;
	const char *key;
	const char **values;
	size_t n_values;
};
struct selector {
	struct term *terms;
	size_t n, cap;
	char *words; /* owned: copies of keys and values, one behind the other */
	size_t used;
};

struct selector *selector_free(struct selector *selector)
{
	if (!selector)
		return NULL;
	for (size_t i = 0; i < selector->n; i++)
		free(selector->terms[i].values);
	free(selector->terms);
	free(selector->words);
	free(selector);
	return NULL;
}

static struct term *add_term(struct selector *selector)
{
	if (selector->n == SELECTOR_TERMS_MAX ||
	    array_grow(&selector->terms, &selector->cap, selector->n + 1,
		       sizeof(selector->terms[0])) < 0)
		return NULL;
	selector->terms[selector->n] = (struct term){ 0 };
	return &selector->terms[selector->n++];
}

/* Why add_term() gave none. */
static int no_term(const struct selector *selector, struct err *err)
{
	if (selector->n < SELECTOR_TERMS_MAX)
		return err_set(err, -ENOMEM, "selector");
	return err_say(err, -EINVAL, "more than %u requirements", SELECTOR_TERMS_MAX);
}

static int add_value(struct term *term, const char *value)
{
	const char **bigger =
		reallocarray(term->values, term->n_values + 1, sizeof(term->values[0]));

	if (!bigger)
		return -ENOMEM;
	bigger[term->n_values++] = value;
	term->values = bigger;
	return 0;
}

static const char *keep(struct selector *selector, const char *text, size_t len)
{
	char *word = selector->words + selector->used;

	memcpy(word, text, len);
	word[len] = '\0';
	selector->used += len + 1;
	return word;
}

/* ---- label selectors: key[=value], key in (a,b), !key, key>1 ---- */

struct lexer {
	const char *p;
	struct selector *selector;
	struct err *err;
};

static void skip_space(struct lexer *lex)
{
	while (isspace((unsigned char)*lex->p))
		lex->p++;
}

/* A word ends where an operator, a bracket, a comma or white space begins; it may be empty. */
static const char *next_word(struct lexer *lex)
{
	size_t len;
	const char *word;

	skip_space(lex);
	len = strcspn(lex->p, "=!<>(), \t\r\n");
	word = keep(lex->selector, lex->p, len);
	lex->p += len;
	skip_space(lex);
	return word;
}

static int unexpected(struct lexer *lex, const char *expected)
{
	char found[2] = { *lex->p, '\0' };

	return err_say(lex->err, -EINVAL, "unable to parse requirement: found '%s', expected: %s",
		       found, expected);
}

static bool name_part(const char *text, size_t len, bool empty_is_fine)
{
	if (len == 0)
		return empty_is_fine;
	if (len > 63 || !isalnum((unsigned char)text[0]) || !isalnum((unsigned char)text[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

static bool label_key_valid(const char *key)
{
	const char *slash = strchr(key, '/');
	size_t prefix = slash ? (size_t)(slash - key) : 0;

	if (slash && (prefix == 0 || prefix > 253))
		return false;
	for (size_t i = 0; i < prefix; i++)
		if (!islower((unsigned char)key[i]) && !isdigit((unsigned char)key[i]) &&
		    !strchr("-.", key[i]))
			return false;
	key += slash ? prefix + 1 : 0;
	return name_part(key, strlen(key), false);
}

static int parse_values(struct lexer *lex, struct term *term)
{
	if (*lex->p != '(')
		return unexpected(lex, "'('");
	do {
		lex->p++;
		if (add_value(term, next_word(lex)) < 0)
			return -ENOMEM;
	} while (*lex->p == ',');
	if (*lex->p != ')')
		return unexpected(lex, "',' or ')'");
	lex->p++;
	skip_space(lex);
	return 0;
}

static const struct {
	const char *text;
	enum op op;
	bool set; /* a bracketed list follows */
} operators[] = {
	{ "==", IN, false },	   { "=", IN, false },	 { "!=", NOT_IN, false },
	{ ">", GREATER, false },   { "<", LESS, false }, { "in", IN, true },
	{ "notin", NOT_IN, true },
};

static int parse_operator(struct lexer *lex, struct term *term)
{
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		size_t n = strlen(operators[i].text);

		if (strncmp(lex->p, operators[i].text, n) != 0 ||
		    (operators[i].set && !strchr("( \t", lex->p[n])))
			continue;
		lex->p += n;
		skip_space(lex);
		term->op = operators[i].op;
		if (operators[i].set)
			return parse_values(lex, term);
		return add_value(term, next_word(lex));
	}
	return unexpected(lex, "in, notin, =, ==, !=, gt, lt");
}

#define KEY_RULE                                                                                   \
	"name part must consist of alphanumeric characters, '-', '_' or '.', and must start and "  \
	"end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "  \
	"used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define VALUE_RULE                                                                                 \
	"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "   \
	"or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "      \
	"'my_value',  or '12345', regex used for validation is "                                   \
	"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

static int check_label_term(const struct term *term, struct err *err)
{
	if (!label_key_valid(term->key))
		return err_say(
			err, -EINVAL,
			"unable to parse requirement: <nil>: Invalid value: \"%s\": " KEY_RULE,
			term->key);
	for (size_t i = 0; i < term->n_values; i++)
		if (!name_part(term->values[i], strlen(term->values[i]), true))
			return err_say(err, -EINVAL,
				       "unable to parse requirement: values[%zu][%s]: Invalid "
				       "value: \"%s\": " VALUE_RULE,
				       i, term->key, term->values[i]);
	return 0;
}

/* One requirement; leaves the lexer at the comma or the end. */
static int parse_label_term(struct lexer *lex, struct term *term)
{
	bool negated;
	int r = 0;

	skip_space(lex);
	negated = *lex->p == '!';
	lex->p += negated;
	term->op = negated ? NOT_EXISTS : EXISTS;
	term->key = next_word(lex);
	if (!*term->key)
		return unexpected(lex, "!, identifier, or 'end of string'");
	if (*lex->p && *lex->p != ',')
		r = negated ? unexpected(lex, "',' or 'end of string'") : parse_operator(lex, term);
	if (r < 0)
		return r;
	if (*lex->p && *lex->p != ',')
		return unexpected(lex, "',' or 'end of string'");
	return check_label_term(term, lex->err);
}

static int parse_labels(struct selector *selector, const char *text, struct err *err)
{
	struct lexer lex = { .p = text, .selector = selector, .err = err };
	int r;

	for (;;) {
		struct term *term = add_term(selector);

		if (!term)
			return no_term(selector, err);
		r = parse_label_term(&lex, term);
		if (r < 0)
			return r;
		if (!*lex.p)
			return 0;
		lex.p++;
	}
}

/* ---- field selectors: path=value, path==value, path!=value, joined by commas ---- */

/* Kinds with field selectors of their own say it in other words than the rest. */
static int unknown_field(const struct schema_kind *kind, const char *key, struct err *err)
{
	if (kind->field_selectors && kind->field_selectors[0])
		return err_say(err, -EINVAL, "field label not supported: %s", key);
	return err_say(err, -EINVAL,
		       "\"%s\" is not a known field selector: only \"metadata.name\"%s", key,
		       kind->namespaced ? ", \"metadata.namespace\"" : "");
}

static int parse_field_term(struct selector *selector, const struct schema_kind *kind,
			    const char *text, size_t len, struct err *err)
{
	const char *eq = memchr(text, '=', len);
	bool negated = eq && eq > text && eq[-1] == '!';
	struct term *term;
	const char *value;

	if (!eq)
		return err_say(err, -EINVAL, "invalid selector: '%.*s'; can't understand '%.*s'",
			       (int)len, text, (int)len, text);
	value = eq + 1 + (eq + 1 < text + len && eq[1] == '=' && !negated);
	term = add_term(selector);
	if (!term)
		return no_term(selector, err);
	term->field = true;
	term->op = negated ? NOT_IN : IN;
	term->key = keep(selector, text, (size_t)(eq - negated - text));
	term->index = object_field_index(kind, term->key);
	if (term->index < 0)
		return unknown_field(kind, term->key, err);
	return add_value(term, keep(selector, value, (size_t)(text + len - value)));
}

static int parse_fields(struct selector *selector, const struct schema_kind *kind, const char *text,
			struct err *err)
{
	int r = 0;

	while (*text && r == 0) {
		size_t len = strcspn(text, ",");

		if (len)
			r = parse_field_term(selector, kind, text, len, err);
		text += len + (text[len] == ',');
	}
	return r;
}

static bool blank(const char *text)
{
	return !text || text[strspn(text, " \t")] == '\0';
}

int selector_new(const struct schema_kind *kind, const char *labels, const char *fields,
		 struct selector **ret, struct err *err)
{
	auto_selector struct selector *selector = NULL;
	int r = 0;

	*ret = NULL;
	if (blank(labels) && blank(fields))
		return 0;
	selector = calloc(1, sizeof(*selector));
	if (!selector)
		return err_set(err, -ENOMEM, "selector");
	/* a word takes its bytes and a NUL; even empty words stand between two separators */
	selector->words =
		malloc(2 * ((labels ? strlen(labels) : 0) + (fields ? strlen(fields) : 0)) + 8);
	if (!selector->words)
		return err_set(err, -ENOMEM, "selector");
	if (!blank(labels))
		r = parse_labels(selector, labels, err);
	if (r == 0 && !blank(fields))
		r = parse_fields(selector, kind, fields, err);
	if (r < 0)
		return r;
	*ret = take_ptr(&selector);
	return 0;
}

/* ---- matching ---- */

static bool has_value(const struct term *term, const char *value)
{
	for (size_t i = 0; i < term->n_values; i++)
		if (strcmp(term->values[i], value) == 0)
			return true;
	return false;
}

static bool compare_numbers(const struct term *term, const char *value)
{
	char *value_end, *limit_end;
	long long have = strtoll(value, &value_end, 10);
	long long limit = strtoll(term->values[0], &limit_end, 10);

	if (value_end == value || *value_end || limit_end == term->values[0] || *limit_end)
		return false;
	return term->op == GREATER ? have > limit : have < limit;
}

static bool term_match(const struct term *term, const struct object *object)
{
	const char *value = term->field ? object_field_at(object, term->index)
					: object_label(object, term->key);

	switch (term->op) {
	case IN:
		return value && has_value(term, value);
	case NOT_IN:
		return !value || !has_value(term, value);
	case EXISTS:
		return value != NULL;
	case NOT_EXISTS:
		return value == NULL;
	case GREATER:
	case LESS:
		return value && compare_numbers(term, value);
	}
	return false;
}

bool selector_match(const struct selector *selector, const struct object *object)
{
	for (size_t i = 0; selector && i < selector->n; i++)
		if (!term_match(&selector->terms[i], object))
			return false;
	return true;
}

const char *selector_name(const struct selector *selector)
{
	for (size_t i = 0; selector && i < selector->n; i++)
		if (selector->terms[i].field && selector->terms[i].op == IN &&
		    strcmp(selector->terms[i].key, "metadata.name") == 0)
			return selector->terms[i].values[0];
	return NULL;
}
