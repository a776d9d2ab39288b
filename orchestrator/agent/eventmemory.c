/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/eventmemory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/time.h"

/* FNV-1a over what client-go's event key is made of. */
static uint64_t key_of(const struct json_object *event)
{
	static const char *const parts[] = { "source.component",
					     "source.host",
					     "involvedObject.kind",
					     "involvedObject.namespace",
					     "involvedObject.name",
					     "involvedObject.uid",
					     "involvedObject.fieldPath",
					     "type",
					     "reason",
					     "message" };
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const char *part = json_str_at(event, parts[i]);

		for (const char *c = part ? part : ""; *c; c++)
			hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
		hash = (hash ^ 0xff) * 0x100000001b3u;
	}
	return hash ? hash : 1;
}

int eventmemory_stamp(struct eventmemory *m, struct json_object *event, int64_t now_ns)
{
	const char *about = json_str_at(event, "involvedObject.name");
	char name[300], now[TIME_TEXT_MAX];
	uint64_t key = key_of(event);
	size_t at = 0;
	int r;

	/* The row of the same event, else the one that was used longest ago (or never). */
	for (size_t i = 0; i < EVENTMEMORY_MAX; i++) {
		if (m->rows[i].key == key) {
			at = i;
			break;
		}
		if (m->rows[i].last_ns < m->rows[at].last_ns)
			at = i;
	}
	(void)time_format(now_ns, now);
	if (m->rows[at].key != key) {
		m->last_name_ns = MAX((uint64_t)now_ns, m->last_name_ns + 1);
		m->rows[at].key = key;
		m->rows[at].name_ns = m->last_name_ns;
		m->rows[at].count = 0;
		(void)snprintf(m->rows[at].first, sizeof(m->rows[at].first), "%s", now);
	}
	m->rows[at].count++;
	m->rows[at].last_ns = now_ns;
	(void)snprintf(name, sizeof(name), "%.230s.%" PRIx64, about ? about : "node",
		       m->rows[at].name_ns);
	r = json_put_at(event, "metadata.name", json_new_string(name));
	if (r == 0)
		r = json_put_str(event, "firstTimestamp", m->rows[at].first);
	if (r == 0)
		r = json_put_str(event, "lastTimestamp", now);
	return r == 0 ? json_put_int(event, "count", m->rows[at].count) : r;
}
