/* SPDX-License-Identifier: Apache-2.0 */
#include "base/quantity.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

/* Pairs as resource.ParseQuantity and its MarshalJSON give them. */
static const struct {
	const char *in, *out;
} canonical[] = {
	{ "0", "0" },
	{ "0.0", "0" },
	{ "100m", "100m" },
	{ "0.5", "500m" },
	{ "0.1", "100m" },
	{ "1", "1" },
	{ "1000", "1k" },
	{ "1000m", "1" },
	{ "1500m", "1500m" },
	{ "1.5", "1500m" },
	{ "1.500", "1.500" },
	{ "1000k", "1M" },
	{ "1024", "1024" },
	{ "128Mi", "128Mi" },
	{ "1024Ki", "1Mi" },
	{ "1024Mi", "1Gi" },
	{ "1.5Gi", "1536Mi" },
	{ "0.5Ki", "512" },
	{ "0.5Gi", "512Mi" },
	{ "1Ki", "1Ki" },
	{ "0.001Ki", "1024m" },
	{ "1e3", "1e3" },
	{ "1E3", "1E3" },
	{ "1000e3", "1e6" },
	{ "100e1", "1e3" },
	{ "1e-3", "1e-3" },
	{ "12E", "12E" },
	{ "1n", "1n" },
	{ "0.1n", "1n" },
	{ "1.0000000001", "1000000001n" },
	{ "-0.5", "-500m" },
	{ "-1024Ki", "-1Mi" },
	{ "+5", "+5" },
	{ ".5", "500m" },
	{ "5.", "5." },
	{ "Mi", "0" },
	{ "8Ei", "9223372036854775807" },
	{ "0.0005", "500u" },
	{ "1.25Ki", "1280" },
	{ "2.5Ki", "2560" },
	{ "3000Mi", "3000Mi" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "99999999999999999999", "99999999999999999999" },
	{ "1022440200400000000000000001.00000000000001", "1022440200400000000000000001000000001n" },
};

TEST(quantity_has_one_canonical_text)
{
	for (size_t i = 0; i < ARRAY_LEN(canonical); i++) {
		char text[QUANTITY_TEXT_MAX] = "";
		struct err err = { 0 };

		CHECK(quantity_canonical(canonical[i].in, text, &err) == 0);
		if (strcmp(text, canonical[i].out) != 0)
			print_message("%s gives %s\n", canonical[i].in, text);
		CHECK_STR(text, canonical[i].out);
	}
}

TEST(quantity_refuses_what_kubernetes_refuses)
{
	static const char *const bad[] = { "",	   "abc", "1mb",  "1 Gi", "1.5.5", "1KiB", "0x10",
					   "1e5i", "--1", "1Mi ", "1e",	  "1ee5",  "1MM",  "1-5" };
	struct quantity quantity;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		CHECK(quantity_parse(bad[i], &quantity, &err) == -EINVAL);
		CHECK(strstr(err.text, "quantit"));
	}
}

static struct quantity q(const char *text)
{
	struct quantity quantity = { 0 };

	CHECK(quantity_parse(text, &quantity, NULL) == 0);
	return quantity;
}

TEST(quantity_arithmetic_is_exact)
{
	struct quantity a = q("100m"), b = q("0.9"), gi = q("1Gi"), zero = quantity_of(0);
	char text[QUANTITY_TEXT_MAX];

	CHECK(quantity_cmp(&a, &b) < 0);
	quantity_add(&a, &b);
	CHECK_STR(quantity_format(&a, text), "1");
	CHECK(quantity_value(&a) == 1 && quantity_milli_value(&a) == 1000);
	quantity_sub(&a, &b);
	CHECK(quantity_milli_value(&a) == 100 && quantity_value(&a) == 1);
	quantity_add(&zero, &gi);
	quantity_add(&zero, &gi);
	CHECK_STR(quantity_format(&zero, text), "2Gi");
	CHECK(quantity_milli_value(&zero) == 2LL * 1024 * 1024 * 1024 * 1000);
}

TEST(quantity_rounds_away_from_zero)
{
	struct quantity tiny = q("0.0001"), minus = q("-1.5"), huge = q("1e100"),
			huger = q("0.1234567890123456789012345678901234567890123e99999");
	char text[QUANTITY_TEXT_MAX];

	quantity_round_up(&tiny, QUANTITY_MILLI);
	CHECK_STR(quantity_format(&tiny, text), "1m");
	CHECK(quantity_value(&minus) == -2);
	CHECK(quantity_cmp(&huge, &huger) == 0);
	CHECK(quantity_value(&huge) == INT64_MAX && quantity_milli_value(&huge) == INT64_MAX);
}
