/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/outlet.h"

#include <errno.h>

void outlet_init(struct outlet *outlet)
{
	*outlet = (struct outlet){ .rest = BUF_INIT(OUTLET_MAX) };
}

void outlet_done(struct outlet *outlet)
{
	buf_done(&outlet->rest);
}

/* How much of it the channel takes now. */
static size_t pass_on(struct outlet *outlet, const char *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t n = MIN(len - done, WIRE_DATA_MAX);
		int r = wire_write(outlet->channel, WIRE_STDIN, bytes + done, n);

		if (r == -EAGAIN)
			break;
		if (r < 0)
			return len; /* ended by the other side: nobody wants it */
		done += n;
	}
	return done;
}

static bool has_room(const struct outlet *outlet)
{
	return !outlet->channel ||
	       (!outlet->rest.len && wire_channel_queued(outlet->channel) < WIRE_WINDOW);
}

bool outlet_write(struct outlet *outlet, const void *bytes, size_t len)
{
	const char *at = bytes;
	size_t done = 0;

	if (!outlet->channel || outlet->end_asked)
		return true;
	if (!outlet->rest.len)
		done = pass_on(outlet, at, len);
	if (done < len)
		(void)buf_append(&outlet->rest, at + done, len - done);
	return has_room(outlet);
}

static void end_if_due(struct outlet *outlet)
{
	if (!outlet->end_asked || outlet->end_sent || outlet->rest.len || !outlet->channel)
		return;
	outlet->end_sent = true;
	(void)wire_end(outlet->channel, WIRE_STDIN);
}

bool outlet_writable(struct outlet *outlet)
{
	if (outlet->channel && outlet->rest.len)
		buf_consume(&outlet->rest, pass_on(outlet, outlet->rest.data, outlet->rest.len));
	end_if_due(outlet);
	return has_room(outlet);
}

void outlet_end(struct outlet *outlet)
{
	outlet->end_asked = true;
	end_if_due(outlet);
}
