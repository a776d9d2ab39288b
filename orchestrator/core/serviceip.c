/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/serviceip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/write.h"

#define TRIES_MAX 64u /* random addresses, before the range is searched in order */

struct range {
	uint32_t first, size; /* usable addresses: neither the network's nor the broadcast */
	uint32_t low;	      /* the lower band is left to those who ask for an address */
};

/* The options were checked when the core started (bootstrap.c). */
static struct range range_of(const struct core *core)
{
	const char *cidr = core->options.service_cidr, *slash = strchr(cidr, '/');
	unsigned bits = slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 32;
	char text[INET_ADDRSTRLEN] = "";
	struct in_addr address = { 0 };
	struct range range;
	uint64_t all = bits <= 32 ? (uint64_t)1 << (32 - bits) : 1;

	(void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(cidr, "/"), cidr);
	(void)inet_pton(AF_INET, text, &address);
	range.first = ntohl(address.s_addr) + 1;
	range.size = (uint32_t)(all > 2 ? all - 2 : 1);
	range.low = MIN(MAX(16u, range.size / 16), 256u);
	if (range.low >= range.size)
		range.low = 0;
	return range;
}

struct search {
	const char *text;
	bool found;
};

static bool look(const struct object *service, struct search *search)
{
	search->found |= strcmp(object_field(service, "spec.clusterIP"), search->text) == 0;
	return !search->found;
}

static bool look_at(struct object *service, void *data)
{
	return look(service, data);
}

/* Published or staged; Services are few, and new ones rare. */
static bool is_taken(struct request *request, const char *text)
{
	struct search search = { .text = text };
	struct core *core = request->core;

	core_each(core, request->kind, NULL, look_at, &search);
	for (size_t i = 0; !search.found && i < core->batch.n; i++)
		if (core->batch.changes[i]->resource == request->resource &&
		    core->batch.changes[i]->type != CORE_DELETED)
			(void)look(core->batch.changes[i]->object, &search);
	return search.found;
}

static void put_address(uint32_t address, char text[INET_ADDRSTRLEN])
{
	struct in_addr in = { .s_addr = htonl(address) };

	(void)inet_ntop(AF_INET, &in, text, INET_ADDRSTRLEN);
}

/* -ENOSPC: every address is taken. */
static int allocate(struct request *request, char text[INET_ADDRSTRLEN])
{
	const struct core_env *env = &request->core->options.env;
	struct range range = range_of(request->core);
	uint32_t random;

	for (unsigned i = 0; i < TRIES_MAX; i++) {
		env->random(env->data, &random, sizeof(random));
		put_address(range.first + range.low + random % (range.size - range.low), text);
		if (!is_taken(request, text))
			return 0;
	}
	for (uint32_t i = 0; i < MIN(range.size, 4096u); i++) {
		put_address(range.first + i, text);
		if (!is_taken(request, text))
			return 0;
	}
	return -ENOSPC;
}

static void fail_address(struct request *request, const struct json_object *service,
			 const char *address, const char *why)
{
	auto_schema_problems struct schema_problems *problems = schema_problems_new();
	const char *name = json_str_at(service, "metadata.name");
	auto_buf struct buf value = { 0 };

	if (!problems) {
		request_fail_error(request, -ENOMEM, NULL);
		return;
	}
	(void)buf_printf(&value, "[\"%s\"]", address);
	schema_problem(problems, CAUSE_INVALID, "spec.clusterIPs", buf_str(&value),
		       "failed to allocate IP %s: %s", address, why);
	request->name = name ? name : "";
	request_invalid(request, problems);
}

/* An address that a new Service asks for. */
static bool check_given(struct request *request, const struct json_object *service,
			const char *address)
{
	struct range range = range_of(request->core);
	auto_buf struct buf why = { 0 };
	struct in_addr in;

	if (inet_pton(AF_INET, address, &in) != 1)
		return true; /* validation has the words for it */
	if (ntohl(in.s_addr) - range.first >= range.size)
		(void)buf_printf(&why, "the provided network does not match the current range %s",
				 request->core->options.service_cidr);
	else if (is_taken(request, address))
		(void)buf_puts(&why, "provided IP is already allocated");
	if (!why.len)
		return true;
	fail_address(request, service, address, buf_str(&why));
	return false;
}

static int put_list(struct json_object *spec, const char *key, const char *first,
		    const char *second)
{
	struct json_object *list = json_new_array();

	if (!list || json_add(list, json_new_string(first)) < 0 ||
	    (second && json_add(list, json_new_string(second)) < 0)) {
		json_unref(list);
		return -ENOMEM;
	}
	return json_put(spec, key, list);
}

/* Only what is missing: the families of an address, or of none. */
static int fill_families(struct json_object *spec, const char *address)
{
	bool both = strcmp(address, "None") == 0 && !json_len(json_get(spec, "selector"));
	int r = 0;

	if (!json_len(json_get(spec, "clusterIPs")))
		r = put_list(spec, "clusterIPs", address, NULL);
	if (r == 0 && !json_len(json_get(spec, "ipFamilies")))
		r = put_list(spec, "ipFamilies", "IPv4", both ? "IPv6" : NULL);
	if (r == 0 && !json_get(spec, "ipFamilyPolicy"))
		r = json_put_str(spec, "ipFamilyPolicy", both ? "RequireDualStack" : "SingleStack");
	return r;
}

static const char *const held[] = { "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy" };

/* What an update leaves out stays; an ExternalName has none of it. */
static int keep_held(struct json_object *spec, const struct json_object *before, bool external)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(held) && r == 0; i++) {
		struct json_object *value = json_get(before, held[i]);

		if (external)
			json_del(spec, held[i]);
		else if (value && schema_is_zero(json_get(spec, held[i])))
			r = json_put(spec, held[i], json_ref(value));
	}
	return r;
}

bool serviceip_admit(struct request *request, struct json_object *service,
		     const struct json_object *old)
{
	struct json_object *spec = json_get(service, "spec");
	const char *type = json_str(json_get(spec, "type"));
	bool external = type && strcmp(type, "ExternalName") == 0;
	char address[INET_ADDRSTRLEN];
	const char *given;
	int r = 0;

	if (json_kind(spec) != JSON_OBJECT || write_is_status(request))
		return true;
	if (old || external)
		r = keep_held(spec, json_get(old, "spec"), external);
	given = json_str(json_get(spec, "clusterIP"));
	if (r == 0 && !external && (!given || !*given)) {
		r = allocate(request, address);
		if (r == 0)
			r = json_put_str(spec, "clusterIP", address);
		given = address;
	} else if (r == 0 && !external && !old && strcmp(given, "None") != 0 &&
		   !check_given(request, service, given)) {
		return false;
	}
	if (r == 0 && !external)
		r = fill_families(spec, given);
	if (r == -ENOSPC)
		request_fail(request, 500, "failed to allocate a serviceIP: range is full");
	else if (r < 0)
		request_fail_error(request, r, NULL);
	return r == 0;
}
