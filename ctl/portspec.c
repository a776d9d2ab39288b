/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/portspec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As Go's strconv.ParseUint(text, 10, 16) says it. */
static int parse_port(const char *text, const char *which, uint16_t *ret, struct err *err)
{
	bool digits = *text && strspn(text, "0123456789") == strlen(text);
	unsigned long value = digits ? strtoul(text, NULL, 10) : 0;

	if (!digits || value > UINT16_MAX || strlen(text) > 8)
		return err_say(err, -EINVAL,
			       "error parsing %s port '%s': strconv.ParseUint: parsing \"%s\": %s",
			       which, text, text, digits ? "value out of range" : "invalid syntax");
	*ret = (uint16_t)value;
	return 0;
}

/* strconv.Atoi: a sign is fine. */
static bool is_number(const char *text)
{
	text += *text == '-' || *text == '+';
	return *text && strspn(text, "0123456789") == strlen(text);
}

static int container_port(const struct json_object *pod, const char *name, int64_t *ret,
			  struct err *err)
{
	static const char *const lists[] = { "spec.containers", "spec.initContainers" };

	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const struct json_object *containers = json_at(pod, lists[l]);

		for (size_t i = 0; i < json_len(containers); i++) {
			const struct json_object *container = json_idx(containers, i);
			const struct json_object *ports = json_get(container, "ports");
			const char *restart = json_str_at(container, "restartPolicy");

			/* Of the init containers only those that stay. */
			if (l == 1 && (!restart || strcmp(restart, "Always") != 0))
				continue;
			for (size_t k = 0; k < json_len(ports); k++) {
				const char *has = json_str_at(json_idx(ports, k), "name");

				if (!has || strcmp(has, name) != 0)
					continue;
				*ret = json_int_at(json_idx(ports, k), "containerPort", 0);
				return 0;
			}
		}
	}
	return err_say(err, -ENOENT, "Pod '%s' does not have a named port '%s'",
		       json_str_at(pod, "metadata.name"), name);
}

static int service_port(const struct json_object *service, const char *name, int64_t *ret,
			struct err *err)
{
	const struct json_object *ports = json_at(service, "spec.ports");

	for (size_t i = 0; i < json_len(ports); i++) {
		const char *has = json_str_at(json_idx(ports, i), "name");

		if (has && strcmp(has, name) == 0) {
			*ret = json_int_at(json_idx(ports, i), "port", 0);
			return 0;
		}
	}
	return err_say(err, -ENOENT, "Service '%s' does not have a named port '%s'",
		       json_str_at(service, "metadata.name"), name);
}

/* Where the Service's @port ends up in the pod. */
static int target_port(const struct json_object *service, const struct json_object *pod,
		       int64_t port, int64_t *ret, struct err *err)
{
	const struct json_object *ports = json_at(service, "spec.ports");
	const char *cluster_ip = json_str_at(service, "spec.clusterIP");

	for (size_t i = 0; i < json_len(ports); i++) {
		const struct json_object *one = json_idx(ports, i);
		const struct json_object *target = json_get(one, "targetPort");

		if (json_int_at(one, "port", 0) != port)
			continue;
		*ret = port;
		if (cluster_ip && strcmp(cluster_ip, "None") == 0)
			return 0;
		if (json_str(target))
			return container_port(pod, json_str(target), ret, err);
		if (json_int(target, 0) > 0)
			*ret = json_int(target, 0);
		return 0;
	}
	return err_say(err, -ENOENT, "Service %s does not have a service port %lld",
		       json_str_at(service, "metadata.name"), (long long)port);
}

/* The remote word as a number, by the Service and the pod. */
static int look_up(const char *word, const struct json_object *service,
		   const struct json_object *pod, char *number, size_t size, int64_t *ret_service,
		   struct err *err)
{
	int64_t port = 0;
	int r = 0;

	*ret_service = 0;
	if (is_number(word) && !service) {
		(void)snprintf(number, size, "%s", word);
		return 0;
	}
	if (is_number(word))
		port = strtoll(word, NULL, 10);
	else
		r = service ? service_port(service, word, &port, err)
			    : container_port(pod, word, &port, err);
	*ret_service = port;
	if (r == 0 && service)
		r = target_port(service, pod, port, &port, err);
	(void)snprintf(number, size, "%lld", (long long)port);
	return r;
}

int portspec_parse(const char *text, const struct json_object *service,
		   const struct json_object *pod, struct portspec *ret, struct err *err)
{
	const char *colon = strchr(text, ':');
	int first = (int)strcspn(text, ":");
	char local[64], remote[64], number[64];
	struct portspec spec;
	int64_t of_service;
	int r;

	if (strlen(text) >= sizeof(local))
		return err_say(err, -EINVAL, "invalid port format '%s'", text);
	(void)snprintf(local, sizeof(local), "%.*s", first, text);
	/* As kubectl splits: of "1:2:3" only the first counts. */
	(void)snprintf(remote, sizeof(remote), "%s",
		       colon && !strchr(colon + 1, ':') ? colon + 1 : local);
	if (!*remote)
		return err_say(err, -EINVAL, "remote port cannot be empty");
	if (!*local)
		(void)snprintf(local, sizeof(local), "0");
	r = look_up(remote, service, pod, number, sizeof(number), &of_service, err);
	if (r < 0)
		return r;
	/* One word names both ends: a Service's own port here, the pod's there. */
	if (strcmp(local, remote) == 0 && service)
		(void)snprintf(local, sizeof(local), "%lld", (long long)of_service);
	else if (strcmp(local, remote) == 0)
		(void)snprintf(local, sizeof(local), "%s", number);
	r = parse_port(local, "local", &spec.local, err);
	if (r == 0)
		r = parse_port(number, "remote", &spec.remote, err);
	if (r == 0 && spec.remote == 0)
		r = err_say(err, -EINVAL, "remote port must be > 0");
	if (r == 0)
		*ret = spec;
	return r;
}
