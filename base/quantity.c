/* SPDX-License-Identifier: Apache-2.0 */
#include "base/quantity.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Binary values end at 2^63 - 1; decimal ones where our arithmetic does. */
#define BINARY_MAX ((__int128)INT64_MAX * QUANTITY_UNIT)
#define NANO_MAX   ((__int128)1000000000000000000 * 10000000000000000000ULL)

/* What a suffix multiplies with: 10^power or 2^power. */
static const struct suffix {
	const char *text;
	int power;
	enum quantity_form form;
} suffixes[] = {
	{ "", 0, QUANTITY_DECIMAL },   { "n", -9, QUANTITY_DECIMAL }, { "u", -6, QUANTITY_DECIMAL },
	{ "m", -3, QUANTITY_DECIMAL }, { "k", 3, QUANTITY_DECIMAL },  { "M", 6, QUANTITY_DECIMAL },
	{ "G", 9, QUANTITY_DECIMAL },  { "T", 12, QUANTITY_DECIMAL }, { "P", 15, QUANTITY_DECIMAL },
	{ "E", 18, QUANTITY_DECIMAL }, { "Ki", 10, QUANTITY_BINARY }, { "Mi", 20, QUANTITY_BINARY },
	{ "Gi", 30, QUANTITY_BINARY }, { "Ti", 40, QUANTITY_BINARY }, { "Pi", 50, QUANTITY_BINARY },
	{ "Ei", 60, QUANTITY_BINARY },
};

/* The text in pieces: sign, leading zeros, whole digits, digits behind the point, suffix. */
struct pieces {
	const char *whole, *fraction, *suffix;
	size_t n_whole, n_fraction;
	bool negative;
};

static size_t digits_in(const char *text)
{
	return strspn(text, "0123456789");
}

/* Lenient as Kubernetes is: a missing number is zero. */
static bool split(const char *text, struct pieces *ret)
{
	const char *end;

	*ret = (struct pieces){ .negative = *text == '-' };
	if (!*text)
		return false;
	text += *text == '-' || *text == '+';
	ret->whole = text + strspn(text, "0");
	ret->n_whole = digits_in(ret->whole);
	text = ret->whole + ret->n_whole;
	ret->fraction = text;
	if (*text == '.') {
		ret->fraction = text + 1;
		ret->n_fraction = digits_in(ret->fraction);
		text = ret->fraction + ret->n_fraction;
	}
	ret->suffix = text;
	end = text + strspn(text, "eEinumkKMGTP");
	end += *end == '-' || *end == '+';
	return end[digits_in(end)] == '\0';
}

/* "e6", "E-3": a power of ten. Returns false if the text is not one. */
static bool parse_exponent(const char *text, int *ret_power)
{
	bool negative;
	int power = 0;

	if (*text != 'e' && *text != 'E')
		return false;
	text++;
	negative = *text == '-';
	text += *text == '-' || *text == '+';
	if (!*text || text[digits_in(text)])
		return false;
	for (; *text; text++)
		if (power < 10000)
			power = power * 10 + (*text - '0');
	*ret_power = negative ? -power : power;
	return true;
}

static bool parse_suffix(const char *text, int *ret_power, enum quantity_form *ret_form)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (strcmp(text, suffixes[i].text) == 0) {
			*ret_power = suffixes[i].power;
			*ret_form = suffixes[i].form;
			return true;
		}
	*ret_form = QUANTITY_EXPONENT;
	return parse_exponent(text, ret_power);
}

/* @digits times 10^@power, bounded; what is cut off below one counts as a whole. */
static __int128 scale_ten(__int128 digits, int power, bool lost)
{
	for (; power > 0 && digits && digits < NANO_MAX; power--)
		digits = digits > NANO_MAX / 10 ? NANO_MAX : digits * 10;
	for (; power < 0 && digits; power++) {
		lost |= digits % 10 != 0;
		digits /= 10;
	}
	return digits < NANO_MAX ? digits + lost : NANO_MAX;
}

static __int128 nano_of(const struct pieces *pieces, int power, bool binary)
{
	__int128 digits = 0;
	bool lost = false;
	int scale = 0;

	for (size_t i = 0; i < pieces->n_whole + pieces->n_fraction; i++) {
		bool point = i >= pieces->n_whole;
		char c = point ? pieces->fraction[i - pieces->n_whole] : pieces->whole[i];

		if (digits > NANO_MAX / 10) { /* beyond every bound, or below a billionth */
			if (!point)
				return NANO_MAX;
			lost |= c != '0';
			continue;
		}
		digits = digits * 10 + (c - '0');
		scale += point;
	}
	for (; binary && power > 0 && digits; power -= 10) {
		if (digits > NANO_MAX / 1024)
			return NANO_MAX;
		digits *= 1024;
	}
	return scale_ten(digits, (binary ? 0 : power) - scale + 9, lost);
}

int quantity_parse(const char *text, struct quantity *ret, struct err *err)
{
	enum quantity_form form;
	struct pieces pieces;
	__int128 nano;
	int power;

	if (!split(text, &pieces))
		return err_say(err, -EINVAL,
			       "quantities must match the regular expression "
			       "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
	if (!parse_suffix(pieces.suffix, &power, &form))
		return err_say(err, -EINVAL, "unable to parse quantity's suffix");
	nano = nano_of(&pieces, power, form == QUANTITY_BINARY);
	if (form == QUANTITY_BINARY && nano > BINARY_MAX)
		nano = BINARY_MAX;
	if (form == QUANTITY_BINARY && nano < QUANTITY_UNIT)
		form = QUANTITY_DECIMAL; /* a fraction of a byte: no binary suffix is that small */
	ret->nano = pieces.negative ? -nano : nano;
	ret->form = form;
	return 0;
}

/* Kubernetes keeps the text of what it takes for canonical, "1.500" and "+5" too. */
static bool keeps_text(const char *text, const struct pieces *pieces, int power,
		       enum quantity_form form)
{
	/* "0" stands for no digit at all */
	size_t n = (pieces->n_whole ? pieces->n_whole : 1) + pieces->n_fraction;
	const char *last = pieces->n_fraction ? pieces->fraction + pieces->n_fraction
					      : pieces->whole + pieces->n_whole;
	unsigned zeros = 0;

	if (strlen(text) >= QUANTITY_TEXT_MAX || !pieces->n_whole)
		return false;
	if (form == QUANTITY_BINARY) {
		long long value = 0;

		if (pieces->n_fraction || (int)n + power * 3 / 10 + 1 > 15)
			return false;
		for (size_t i = 0; i < n; i++)
			value = value * 10 + (pieces->whole[i] - '0');
		return value & 7;
	}
	power -= (int)pieces->n_fraction;
	for (size_t i = 0; i < n && zeros < 3; i++, zeros++)
		if (last[-1 - (ptrdiff_t)i - (i >= pieces->n_fraction && pieces->n_fraction)] !=
		    '0')
			break;
	return n <= 18 && power >= -9 && power % 3 == 0 && zeros < 3;
}

int quantity_canonical(const char *text, char out[QUANTITY_TEXT_MAX], struct err *err)
{
	struct quantity quantity;
	enum quantity_form form;
	struct pieces pieces;
	int power, r;

	r = quantity_parse(text, &quantity, err);
	if (r < 0)
		return r;
	(void)split(text, &pieces);
	(void)parse_suffix(pieces.suffix, &power, &form);
	if (keeps_text(text, &pieces, power, form))
		(void)snprintf(out, QUANTITY_TEXT_MAX, "%s", text);
	else
		(void)quantity_format(&quantity, out);
	return 0;
}

static const char *suffix_of(enum quantity_form form, int power)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
		if (suffixes[i].form == form && suffixes[i].power == power)
			return suffixes[i].text;
	return "";
}

/* printf knows no 128-bit integers. */
static const char *decimal(__int128 value, char *digits, size_t size)
{
	bool negative = value < 0;
	size_t n = size;

	digits[--n] = '\0';
	for (unsigned __int128 rest = (unsigned __int128)(negative ? -value : value); rest;
	     rest /= 10)
		digits[--n] = (char)('0' + (int)(rest % 10));
	if (negative)
		digits[--n] = '-';
	return digits + n;
}

const char *quantity_format(const struct quantity *quantity, char text[QUANTITY_TEXT_MAX])
{
	__int128 nano = quantity->nano, units = nano / QUANTITY_UNIT;
	enum quantity_form form = quantity->form;
	int power;

	if (form == QUANTITY_BINARY && ((units > -1024 && units < 1024) || nano % QUANTITY_UNIT))
		form = QUANTITY_DECIMAL;
	if (nano == 0) {
		(void)snprintf(text, QUANTITY_TEXT_MAX, "0");
	} else if (form == QUANTITY_BINARY) {
		for (power = 0; units % 1024 == 0; power += 10)
			units /= 1024;
		(void)snprintf(text, QUANTITY_TEXT_MAX, "%lld%s", (long long)units,
			       suffix_of(power ? QUANTITY_BINARY : QUANTITY_DECIMAL, power));
	} else {
		char digits[41];
		const char *number;

		for (power = -9; nano % 1000 == 0 && (form == QUANTITY_EXPONENT || power < 18);
		     power += 3)
			nano /= 1000;
		number = decimal(nano, digits, sizeof(digits));
		if (form == QUANTITY_EXPONENT && power)
			(void)snprintf(text, QUANTITY_TEXT_MAX, "%se%d", number, power);
		else
			(void)snprintf(text, QUANTITY_TEXT_MAX, "%s%s", number,
				       suffix_of(QUANTITY_DECIMAL, power));
	}
	return text;
}

struct quantity quantity_of(int64_t units)
{
	return (struct quantity){ .nano = units * QUANTITY_UNIT, .form = QUANTITY_DECIMAL };
}

int quantity_cmp(const struct quantity *a, const struct quantity *b)
{
	return (a->nano > b->nano) - (a->nano < b->nano);
}

static __int128 bounded(__int128 nano)
{
	return nano > NANO_MAX ? NANO_MAX : nano < -NANO_MAX ? -NANO_MAX : nano;
}

void quantity_add(struct quantity *to, const struct quantity *other)
{
	if (to->nano == 0)
		to->form = other->form;
	to->nano = bounded(to->nano + other->nano);
}

void quantity_sub(struct quantity *from, const struct quantity *other)
{
	if (from->nano == 0)
		from->form = other->form;
	from->nano = bounded(from->nano - other->nano);
}

static __int128 steps_up(__int128 nano, __int128 step)
{
	__int128 steps = nano / step;

	return nano % step == 0 ? steps : steps + (nano > 0 ? 1 : -1);
}

void quantity_round_up(struct quantity *quantity, __int128 step)
{
	quantity->nano = bounded(steps_up(quantity->nano, step) * step);
}

static int64_t in_64_bits(__int128 value)
{
	return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

int64_t quantity_value(const struct quantity *quantity)
{
	return in_64_bits(steps_up(quantity->nano, QUANTITY_UNIT));
}

int64_t quantity_milli_value(const struct quantity *quantity)
{
	return in_64_bits(steps_up(quantity->nano, QUANTITY_MILLI));
}
