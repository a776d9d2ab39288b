/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t time_now_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t time_monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 to a civil date and back (proleptic Gregorian), without time zones or locks. */
static void civil_of_days(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

static int64_t days_of_civil(int64_t y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
	int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static const char *format(int64_t ns, int digits, char text[TIME_TEXT_MAX])
{
	int64_t s = ns / NS_PER_S, frac = ns % NS_PER_S, day;
	int y, mo, d, n;

	if (frac < 0) {
		frac += NS_PER_S;
		s--;
	}
	day = s / 86400;
	if (s % 86400 < 0)
		day--;
	s -= day * 86400;
	civil_of_days(day, &y, &mo, &d);
	n = snprintf(text, TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", y, mo, d,
		     (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	for (int i = digits; i < 9; i++)
		frac /= 10;
	if (digits)
		n += snprintf(text + n, TIME_TEXT_MAX - (size_t)n, ".%0*lld", digits,
			      (long long)frac);
	(void)snprintf(text + n, TIME_TEXT_MAX - (size_t)n, "Z");
	return text;
}

const char *time_format(int64_t ns, char text[TIME_TEXT_MAX])
{
	return format(ns, 0, text);
}

const char *time_format_micro(int64_t ns, char text[TIME_TEXT_MAX])
{
	return format(ns, 6, text);
}

const char *time_format_nano(int64_t ns, char text[TIME_TEXT_MAX])
{
	return format(ns, 9, text);
}

/* Exactly @n digits at *p. */
static bool digits(const char **p, int n, int *ret)
{
	*ret = 0;
	for (; n; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*ret = *ret * 10 + (**p - '0');
	}
	return true;
}

static bool skip(const char **p, char c)
{
	return *(*p)++ == c;
}

int time_parse(const char *p, int64_t *ret_ns)
{
	static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y, mo, d, h, mi, s, oh = 0, om = 0, sign = 1;
	int64_t frac = 0, scale = NS_PER_S;

	if (!digits(&p, 4, &y) || !skip(&p, '-') || !digits(&p, 2, &mo) || !skip(&p, '-') ||
	    !digits(&p, 2, &d) || (*p != 'T' && *p != 't'))
		return -EINVAL;
	p++;
	if (!digits(&p, 2, &h) || !skip(&p, ':') || !digits(&p, 2, &mi) || !skip(&p, ':') ||
	    !digits(&p, 2, &s))
		return -EINVAL;
	if (*p == '.') {
		p++;
		if (*p < '0' || *p > '9')
			return -EINVAL;
		for (; *p >= '0' && *p <= '9'; p++)
			if (scale > 1) {
				scale /= 10;
				frac += (*p - '0') * scale;
			}
	}
	if (*p == '+' || *p == '-') {
		sign = *p++ == '-' ? 1 : -1; /* local time ahead of UTC: take the offset away */
		if (!digits(&p, 2, &oh) || !skip(&p, ':') || !digits(&p, 2, &om))
			return -EINVAL;
	} else if (*p == 'Z' || *p == 'z') {
		p++;
	} else {
		return -EINVAL;
	}
	if (*p || mo < 1 || mo > 12 || d < 1 || h > 23 || mi > 59 || s > 60 || oh > 23 || om > 59)
		return -EINVAL;
	bool leap = (y % 4 == 0 && y % 100) || y % 400 == 0;

	if (d > month_days[mo - 1] + (mo == 2 && leap))
		return -EINVAL;
	/* int64_t nanoseconds end in 2262. */
	if (y < 1678 || y > 2261)
		return -EINVAL;
	*ret_ns = ((days_of_civil(y, mo, d) * 24 + h) * 60 + mi) * 60 * NS_PER_S + s * NS_PER_S +
		  frac + sign * (oh * 60 + om) * 60 * NS_PER_S;
	return 0;
}

const char *time_human(int64_t ns, char text[TIME_TEXT_MAX])
{
	long long s = ns / NS_PER_S, m = s / 60, h = m / 60, d = h / 24, y = d / 365;
	size_t n = TIME_TEXT_MAX;

	if (s < -1)
		(void)snprintf(text, n, "<invalid>");
	else if (s < 0)
		(void)snprintf(text, n, "0s");
	else if (s < 120)
		(void)snprintf(text, n, "%llds", s);
	else if (m < 10)
		(void)(s % 60 ? snprintf(text, n, "%lldm%llds", m, s % 60)
			      : snprintf(text, n, "%lldm", m));
	else if (m < 180)
		(void)snprintf(text, n, "%lldm", m);
	else if (h < 8)
		(void)(m % 60 ? snprintf(text, n, "%lldh%lldm", h, m % 60)
			      : snprintf(text, n, "%lldh", h));
	else if (h < 48)
		(void)snprintf(text, n, "%lldh", h);
	else if (d < 8)
		(void)(h % 24 ? snprintf(text, n, "%lldd%lldh", d, h % 24)
			      : snprintf(text, n, "%lldd", d));
	else if (y < 2)
		(void)snprintf(text, n, "%lldd", d);
	else if (y < 8)
		(void)(d % 365 ? snprintf(text, n, "%lldy%lldd", y, d % 365)
			       : snprintf(text, n, "%lldy", y));
	else
		(void)snprintf(text, n, "%lldy", y);
	return text;
}
