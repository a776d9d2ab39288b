/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include "tests/unit/test.h"

TEST(time_formats_and_parses_back)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-24T10:05:16Z", 1795514716 * NS_PER_S },
		{ "2024-02-29T23:59:59Z", 1709251199 * NS_PER_S },
		{ "1969-12-31T23:59:59Z", -NS_PER_S },
	};
	char text[TIME_TEXT_MAX];
	int64_t ns;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(time_parse(cases[i].text, &ns) == 0 && ns == cases[i].ns);
		CHECK_STR(time_format(cases[i].ns, text), cases[i].text);
	}
	CHECK_STR(time_format_nano(1795514716000000007, text), "2026-11-24T10:05:16.000000007Z");
	CHECK_STR(time_format_micro(1795514716012345678, text), "2026-11-24T10:05:16.012345Z");
}

TEST(time_parses_fractions_and_offsets)
{
	int64_t a, b;

	CHECK(time_parse("2026-11-24T12:05:16.25+02:00", &a) == 0);
	CHECK(time_parse("2026-11-24T10:05:16.250000000Z", &b) == 0);
	CHECK(a == b);
	CHECK(time_parse("2026-11-24T05:05:16.25-05:00", &b) == 0 && a == b);
}

TEST(time_refuses_what_is_no_time)
{
	static const char *const bad[] = { "",
					   "2026",
					   "2026-11-24",
					   "2026-11-24 10:05:16Z",
					   "2026-13-01T00:00:00Z",
					   "2026-02-29T00:00:00Z",
					   "2026-11-24T24:00:00Z",
					   "2026-11-24T10:05:16",
					   "2026-11-24T10:05:16.Z",
					   "2026-11-24T10:05:16Zx",
					   "2026-11-24T10:05:16+1:00",
					   "9999-11-24T10:05:16Z",
					   "-026-11-24T10:05:16Z" };
	int64_t ns;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(time_parse(bad[i], &ns) < 0);
}

TEST(time_human_is_kubernetes_own)
{
	static const struct {
		int64_t s;
		const char *text;
	} cases[] = {
		{ -2, "<invalid>" }, { 0, "0s" },      { 119, "119s" },	   { 120, "2m" },
		{ 187, "3m7s" },     { 600, "10m" },   { 10799, "179m" },  { 10800, "3h" },
		{ 12000, "3h20m" },  { 28800, "8h" },  { 172799, "47h" },  { 172800, "2d" },
		{ 180000, "2d2h" },  { 691200, "8d" }, { 63072000, "2y" }, { 66528000, "2y40d" },
		{ 252288000, "8y" },
	};
	char text[TIME_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_STR(time_human(cases[i].s * NS_PER_S, text), cases[i].text);
}
