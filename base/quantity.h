/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resource quantities ("500m", "1.5Gi", "1e3") as Kubernetes' resource.Quantity reads and writes
 * them: exact down to a billionth, rounded away from zero below that, binary ones bounded by 2^63 - 1.
 *
 * The format that a quantity was written in travels with it: "1024Ki" comes out as "1Mi", "1000k"
 * as "1M", "1000e3" as "1e6".
 */
#pragma once

#include <stdint.h>

#include "base/err.h"

enum quantity_form { QUANTITY_DECIMAL, QUANTITY_BINARY, QUANTITY_EXPONENT };
struct quantity {
	__int128 nano; /* billionths; at most 10^37 in size */
	enum quantity_form form;
};

#define QUANTITY_TEXT_MAX 48
#define QUANTITY_UNIT	  ((__int128)1000000000)
#define QUANTITY_MILLI	  ((__int128)1000000)

/* 0, or -EINVAL with the sentence of Kubernetes. */
int quantity_parse(const char *text, struct quantity *ret, struct err *err);
/* The one text that equal quantities of one form share; returns @text. */
const char *quantity_format(const struct quantity *quantity, char text[QUANTITY_TEXT_MAX]);

/* What Kubernetes gives back for @text: its canonical form, or itself where that is taken for one. */
int quantity_canonical(const char *text, char out[QUANTITY_TEXT_MAX], struct err *err);

struct quantity quantity_of(int64_t units);
int quantity_cmp(const struct quantity *a, const struct quantity *b); /* <0, 0, >0 */
/* Sums stay within bounds; zero takes over the form of what is added to it. */
void quantity_add(struct quantity *to, const struct quantity *other);
void quantity_sub(struct quantity *from, const struct quantity *other);
/* Away from zero to a multiple of @step (QUANTITY_MILLI, QUANTITY_UNIT). */
void quantity_round_up(struct quantity *quantity, __int128 step);
int64_t quantity_value(const struct quantity *quantity); /* whole units, rounded up */
int64_t
quantity_milli_value(const struct quantity *quantity); /* thousandths, rounded up; bounded */
