/* SPDX-License-Identifier: Apache-2.0 */
/* What `kubectl describe pod` says, from top to bottom. */
#include <stdio.h>
#include <string.h>

#include "ctl/describe.h"

static const char *truth_of(const struct json_object *object, const char *path)
{
	return json_bool_at(object, path, false) ? "true" : "false";
}

/* A line "Title:\tvalue" if the value is there. */
static void optional(struct description *d, unsigned level, const char *title,
		     const struct json_object *object, const char *path)
{
	const char *text = json_str_at(object, path);

	if (text && *text)
		describe_line(d, level, "%s:\t%s", title, text);
}

static void describe_seccomp(struct description *d, unsigned level,
			     const struct json_object *context)
{
	optional(d, level, "SeccompProfile", context, "seccompProfile.type");
	if (strcmp(json_text_at(context, "seccompProfile.type", ""), "Localhost") == 0)
		describe_line(d, level == 0 ? 0 : level + 1, "LocalhostProfile:\t%s",
			      json_text_at(context, "seccompProfile.localhostProfile", ""));
}

/* ---- containers ---- */

static void describe_ports(struct description *d, const struct json_object *ports,
			   const char *title, const char *plural, const char *number)
{
	auto_buf struct buf text = { 0 };

	for (size_t i = 0; i < json_len(ports); i++) {
		const struct json_object *port = json_idx(ports, i);
		const char *name = json_str_at(port, "name");

		(void)buf_printf(&text, "%s%lld/%s", i ? ", " : "",
				 (long long)json_int_at(port, number, 0),
				 json_text_at(port, "protocol", ""));
		if (name)
			(void)buf_printf(&text, " (%s)", name);
	}
	describe_line(d, 2, "%s:\t%s", json_len(ports) > 1 ? plural : title,
		      text.len ? buf_str(&text) : "<none>");
}

static void describe_words(struct description *d, const char *title,
			   const struct json_object *words)
{
	if (json_len(words))
		describe_line(d, 2, "%s:", title);
	for (size_t i = 0; i < json_len(words); i++) {
		const char *word = json_str(json_idx(words, i));

		while (word) {
			size_t n = strcspn(word, "\n");

			describe_line(d, 3, "%.*s", (int)n, word);
			word = word[n] ? word + n + 1 : NULL;
		}
	}
}

static void describe_terminated(struct description *d, const char *title,
				const struct json_object *state)
{
	char text[64];

	describe_line(d, 2, "%s:\tTerminated", title);
	optional(d, 3, "Reason", state, "reason");
	optional(d, 3, "Message", state, "message");
	describe_line(d, 3, "Exit Code:\t%lld", (long long)json_int_at(state, "exitCode", 0));
	if (json_int_at(state, "signal", 0) > 0)
		describe_line(d, 3, "Signal:\t%lld", (long long)json_int_at(state, "signal", 0));
	describe_line(d, 3, "Started:\t%s", describe_time(json_str_at(state, "startedAt"), text));
	describe_line(d, 3, "Finished:\t%s", describe_time(json_str_at(state, "finishedAt"), text));
}

static void describe_state(struct description *d, const char *title,
			   const struct json_object *state)
{
	char text[64];

	if (json_get(state, "running")) {
		describe_line(d, 2, "%s:\tRunning", title);
		describe_line(d, 3, "Started:\t%s",
			      describe_time(json_str_at(state, "running.startedAt"), text));
	} else if (json_get(state, "terminated")) {
		describe_terminated(d, title, json_get(state, "terminated"));
	} else {
		describe_line(d, 2, "%s:\tWaiting", title);
		optional(d, 3, "Reason", state, "waiting.reason");
	}
}

static void describe_quantities(struct description *d, const char *title,
				const struct json_object *list)
{
	auto_free const char **keys = NULL;
	size_t n = describe_keys(list, &keys);

	if (n)
		describe_line(d, 2, "%s:", title);
	for (size_t i = 0; i < n; i++)
		describe_line(d, 3, "%s:\t%s", keys[i], json_str(json_get(list, keys[i])));
}

static void put_port(struct buf *text, const struct json_object *port)
{
	if (json_str(port))
		(void)buf_puts(text, json_str(port));
	else
		(void)buf_printf(text, "%lld", (long long)json_int(port, 0));
}

static void put_handler(struct buf *text, const struct json_object *probe)
{
	const struct json_object *command = json_at(probe, "exec.command"),
				 *http = json_get(probe, "httpGet");
	const struct json_object *tcp = json_get(probe, "tcpSocket"),
				 *grpc = json_get(probe, "grpc");

	if (json_get(probe, "exec")) {
		(void)buf_puts(text, "exec [");
		for (size_t i = 0; i < json_len(command); i++)
			(void)buf_printf(text, "%s%s", i ? " " : "",
					 json_str(json_idx(command, i)));
		(void)buf_putc(text, ']');
	} else if (http) {
		const char *path = json_text_at(http, "path", "");

		(void)buf_printf(text, "http-get %s://%s:",
				 strcmp(json_text_at(http, "scheme", ""), "HTTPS") == 0 ? "https"
											: "http",
				 json_text_at(http, "host", ""));
		put_port(text, json_get(http, "port"));
		(void)buf_printf(text, "%s%s", *path && *path != '/' ? "/" : "", path);
	} else if (tcp) {
		(void)buf_printf(text, "tcp-socket %s:", json_text_at(tcp, "host", ""));
		put_port(text, json_get(tcp, "port"));
	} else if (grpc) {
		(void)buf_printf(text, "grpc <pod>:%lld %s",
				 (long long)json_int_at(grpc, "port", 0),
				 json_text_at(grpc, "service", ""));
	} else {
		(void)buf_puts(text, "unknown");
	}
}

static void describe_probe(struct description *d, const char *title,
			   const struct json_object *probe)
{
	auto_buf struct buf text = { 0 };

	if (!probe)
		return;
	put_handler(&text, probe);
	describe_line(d, 2,
		      "%s:\t%s delay=%llds timeout=%llds period=%llds successThreshold=%lld "
		      "failureThreshold=%lld",
		      title, buf_str(&text),
		      (long long)json_int_at(probe, "initialDelaySeconds", 0),
		      (long long)json_int_at(probe, "timeoutSeconds", 0),
		      (long long)json_int_at(probe, "periodSeconds", 0),
		      (long long)json_int_at(probe, "successThreshold", 0),
		      (long long)json_int_at(probe, "failureThreshold", 0));
}

static void describe_env_from(struct description *d, const struct json_object *sources)
{
	if (json_len(sources))
		describe_line(d, 2, "Environment Variables from:");
	for (size_t i = 0; i < json_len(sources); i++) {
		const struct json_object *source = json_idx(sources, i),
					 *config = json_get(source, "configMapRef");
		const struct json_object *ref = config ? config : json_get(source, "secretRef");
		const char *prefix = json_text_at(source, "prefix", "");
		char with[300] = "";

		if (*prefix)
			(void)snprintf(with, sizeof(with), " with prefix '%s'", prefix);
		describe_line(d, 3, "%s\t%s%s\tOptional: %s", json_text_at(ref, "name", ""),
			      config ? "ConfigMap" : "Secret", with, truth_of(ref, "optional"));
	}
}

/* metadata.labels['a'] and metadata.annotations['a'] too. */
static const char *field_value(const struct json_object *pod, const char *path)
{
	static const char *const maps[] = { "metadata.labels", "metadata.annotations" };

	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		size_t n = strlen(maps[i]);
		char key[320];

		if (strncmp(path, maps[i], n) != 0 || strncmp(path + n, "['", 2) != 0)
			continue;
		(void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(path + n + 2, "'"),
			       path + n + 2);
		path = json_str(json_get(json_at(pod, maps[i]), key));
		return path ? path : "";
	}
	return json_text_at(pod, path, "");
}

static const char *resource_value(const struct json_object *container, const char *resource)
{
	char path[160];
	const char *value;

	(void)snprintf(path, sizeof(path), "resources.%s", resource);
	value = json_str_at(container, path);
	return value ? value : strncmp(resource, "limits.", 7) == 0 ? "node allocatable" : "0";
}

static void describe_variable(struct description *d, const struct json_object *pod,
			      const struct json_object *container,
			      const struct json_object *variable)
{
	const struct json_object *from = json_get(variable, "valueFrom"), *ref;
	const char *name = json_text_at(variable, "name", ""),
		   *value = json_text_at(variable, "value", "");

	if (!from) {
		bool first = true;

		while (value) {
			size_t n = strcspn(value, "\n");

			describe_line(d, 3, "%s%s\t%.*s", first ? name : "", first ? ":" : "",
				      (int)n, value);
			first = false;
			value = value[n] ? value + n + 1 : NULL;
		}
	} else if ((ref = json_get(from, "fieldRef"))) {
		describe_line(d, 3, "%s:\t%s (%s:%s)", name,
			      field_value(pod, json_text_at(ref, "fieldPath", "")),
			      json_text_at(ref, "apiVersion", ""),
			      json_text_at(ref, "fieldPath", ""));
	} else if ((ref = json_get(from, "resourceFieldRef"))) {
		describe_line(d, 3, "%s:\t%s (%s)", name,
			      resource_value(container, json_text_at(ref, "resource", "")),
			      json_text_at(ref, "resource", ""));
	} else if ((ref = json_get(from, "secretKeyRef"))) {
		describe_line(d, 3, "%s:\t<set to the key '%s' in secret '%s'>\tOptional: %s", name,
			      json_text_at(ref, "key", ""), json_text_at(ref, "name", ""),
			      truth_of(ref, "optional"));
	} else if ((ref = json_get(from, "configMapKeyRef"))) {
		describe_line(d, 3, "%s:\t<set to the key '%s' of config map '%s'>\tOptional: %s",
			      name, json_text_at(ref, "key", ""), json_text_at(ref, "name", ""),
			      truth_of(ref, "optional"));
	}
}

static int by_mount_path(const void *a, const void *b)
{
	return strcmp(json_text_at(*(struct json_object *const *)a, "mountPath", ""),
		      json_text_at(*(struct json_object *const *)b, "mountPath", ""));
}

static void describe_mounts(struct description *d, const struct json_object *mounts)
{
	size_t n = json_len(mounts);
	auto_free struct json_object **sorted = calloc(n ? n : 1, sizeof(*sorted));

	describe_line(d, 2, "Mounts:%s", n ? "" : "\t<none>");
	if (!sorted)
		return;
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_idx(mounts, i);
	qsort(sorted, n, sizeof(*sorted), by_mount_path);
	for (size_t i = 0; i < n; i++) {
		const char *sub = json_text_at(sorted[i], "subPath", "");

		describe_line(d, 3, "%s from %s (%s%s%s%s)",
			      json_text_at(sorted[i], "mountPath", ""),
			      json_text_at(sorted[i], "name", ""),
			      json_bool_at(sorted[i], "readOnly", false) ? "ro" : "rw",
			      *sub ? ",path=\"" : "", sub, *sub ? "\"" : "");
	}
}

static void describe_container(struct description *d, const struct json_object *pod,
			       const struct json_object *container,
			       const struct json_object *status)
{
	const struct json_object *env = json_get(container, "env");

	describe_line(d, 1, "%s:", json_text_at(container, "name", ""));
	if (status)
		describe_line(d, 2, "Container ID:\t%s", json_text_at(status, "containerID", ""));
	describe_line(d, 2, "Image:\t%s", json_text_at(container, "image", ""));
	if (status)
		describe_line(d, 2, "Image ID:\t%s", json_text_at(status, "imageID", ""));
	describe_ports(d, json_get(container, "ports"), "Port", "Ports", "containerPort");
	describe_ports(d, json_get(container, "ports"), "Host Port", "Host Ports", "hostPort");
	describe_seccomp(d, 2, json_get(container, "securityContext"));
	describe_words(d, "Command", json_get(container, "command"));
	describe_words(d, "Args", json_get(container, "args"));
	if (status) {
		describe_state(d, "State", json_get(status, "state"));
		if (json_at(status, "lastState.terminated"))
			describe_state(d, "Last State", json_get(status, "lastState"));
		describe_line(d, 2, "Ready:\t%s",
			      json_bool_at(status, "ready", false) ? "True" : "False");
		describe_line(d, 2, "Restart Count:\t%lld",
			      (long long)json_int_at(status, "restartCount", 0));
	}
	describe_quantities(d, "Limits", json_at(container, "resources.limits"));
	describe_quantities(d, "Requests", json_at(container, "resources.requests"));
	describe_probe(d, "Liveness", json_get(container, "livenessProbe"));
	describe_probe(d, "Readiness", json_get(container, "readinessProbe"));
	describe_probe(d, "Startup", json_get(container, "startupProbe"));
	describe_env_from(d, json_get(container, "envFrom"));
	describe_line(d, 2, "Environment:%s", json_len(env) ? "" : "\t<none>");
	for (size_t i = 0; i < json_len(env); i++)
		describe_variable(d, pod, container, json_idx(env, i));
	describe_mounts(d, json_get(container, "volumeMounts"));
}

static const struct json_object *status_of(const struct json_object *statuses, const char *name)
{
	for (size_t i = 0; i < json_len(statuses); i++)
		if (strcmp(json_text_at(json_idx(statuses, i), "name", ""), name) == 0)
			return json_idx(statuses, i);
	return NULL;
}

static void describe_containers(struct description *d, const struct json_object *pod)
{
	static const struct {
		const char *title, *spec, *status;
		bool always;
	} lists[] = {
		{ "Init Containers", "spec.initContainers", "status.initContainerStatuses", false },
		{ "Containers", "spec.containers", "status.containerStatuses", true },
		{ "Ephemeral Containers", "spec.ephemeralContainers",
		  "status.ephemeralContainerStatuses", false },
	};

	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const struct json_object *containers = json_at(pod, lists[l].spec);

		if (json_len(containers) || lists[l].always)
			describe_line(d, 0, "%s:%s", lists[l].title,
				      json_len(containers) ? "" : " <none>");
		for (size_t i = 0; i < json_len(containers); i++)
			describe_container(
				d, pod, json_idx(containers, i),
				status_of(json_at(pod, lists[l].status),
					  json_text_at(json_idx(containers, i), "name", "")));
	}
}

/* ---- volumes ---- */

static void describe_projected(struct description *d, const struct json_object *sources)
{
	describe_line(
		d, 2,
		"Type:\tProjected (a volume that contains injected data from multiple sources)");
	for (size_t i = 0; i < json_len(sources); i++) {
		const struct json_object *source = json_idx(sources, i), *one;

		if ((one = json_get(source, "secret"))) {
			describe_line(d, 2, "SecretName:\t%s", json_text_at(one, "name", ""));
			describe_line(d, 2, "Optional:\t%s", truth_of(one, "optional"));
		} else if (json_get(source, "downwardAPI")) {
			describe_line(d, 2, "DownwardAPI:\ttrue");
		} else if ((one = json_get(source, "configMap"))) {
			describe_line(d, 2, "ConfigMapName:\t%s", json_text_at(one, "name", ""));
			describe_line(d, 2, "Optional:\t%s", truth_of(one, "optional"));
		} else if ((one = json_get(source, "serviceAccountToken"))) {
			describe_line(d, 2, "TokenExpirationSeconds:\t%lld",
				      (long long)json_int_at(one, "expirationSeconds", 0));
		}
	}
}

static void describe_downward_items(struct description *d, const struct json_object *items)
{
	describe_line(d, 2, "Type:\tDownwardAPI (a volume populated by information about the pod)");
	describe_line(d, 2, "Items:");
	for (size_t i = 0; i < json_len(items); i++) {
		const struct json_object *item = json_idx(items, i);

		if (json_get(item, "fieldRef"))
			describe_line(d, 3, "%s -> %s",
				      json_text_at(item, "fieldRef.fieldPath", ""),
				      json_text_at(item, "path", ""));
		if (json_get(item, "resourceFieldRef"))
			describe_line(d, 3, "%s -> %s",
				      json_text_at(item, "resourceFieldRef.resource", ""),
				      json_text_at(item, "path", ""));
	}
}

static void describe_volume(struct description *d, const struct json_object *volume)
{
	const struct json_object *v;

	describe_line(d, 1, "%s:", json_text_at(volume, "name", ""));
	if ((v = json_get(volume, "hostPath"))) {
		describe_line(d, 2, "Type:\tHostPath (bare host directory volume)");
		describe_line(d, 2, "Path:\t%s", json_text_at(v, "path", ""));
		describe_line(d, 2, "HostPathType:\t%s",
			      json_has(v, "type") ? json_text_at(v, "type", "") : "<none>");
	} else if ((v = json_get(volume, "emptyDir"))) {
		describe_line(
			d, 2,
			"Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)");
		describe_line(d, 2, "Medium:\t%s", json_text_at(v, "medium", ""));
		describe_line(d, 2, "SizeLimit:\t%s",
			      json_has(v, "sizeLimit") ? json_text_at(v, "sizeLimit", "")
						       : "<unset>");
	} else if ((v = json_get(volume, "secret"))) {
		describe_line(d, 2, "Type:\tSecret (a volume populated by a Secret)");
		describe_line(d, 2, "SecretName:\t%s", json_text_at(v, "secretName", ""));
		describe_line(d, 2, "Optional:\t%s", truth_of(v, "optional"));
	} else if ((v = json_get(volume, "configMap"))) {
		describe_line(d, 2, "Type:\tConfigMap (a volume populated by a ConfigMap)");
		describe_line(d, 2, "Name:\t%s", json_text_at(v, "name", ""));
		describe_line(d, 2, "Optional:\t%s", truth_of(v, "optional"));
	} else if ((v = json_get(volume, "projected"))) {
		describe_projected(d, json_get(v, "sources"));
	} else if ((v = json_get(volume, "downwardAPI"))) {
		describe_downward_items(d, json_get(v, "items"));
	} else if ((v = json_get(volume, "persistentVolumeClaim"))) {
		describe_line(d, 2,
			      "Type:\tPersistentVolumeClaim (a reference to a "
			      "PersistentVolumeClaim in the same "
			      "namespace)");
		describe_line(d, 2, "ClaimName:\t%s", json_text_at(v, "claimName", ""));
		describe_line(d, 2, "ReadOnly:\t%s", truth_of(v, "readOnly"));
	} else {
		describe_line(d, 1, "<unknown>");
	}
}

/* ---- the rest ---- */

static void describe_status(struct description *d, const struct json_object *pod)
{
	const char *deleted = json_str_at(pod, "metadata.deletionTimestamp"),
		   *phase = json_text_at(pod, "status.phase", "");
	char text[64];

	if (deleted && strcmp(phase, "Failed") != 0 && strcmp(phase, "Succeeded") != 0) {
		describe_line(d, 0, "Status:\tTerminating (lasts %s)",
			      describe_age(d, deleted, text));
		describe_line(
			d, 0, "Termination Grace Period:\t%llds",
			(long long)json_int_at(pod, "metadata.deletionGracePeriodSeconds", 0));
	} else {
		describe_line(d, 0, "Status:\t%s", phase);
	}
	optional(d, 0, "Reason", pod, "status.reason");
	optional(d, 0, "Message", pod, "status.message");
}

static void describe_addresses(struct description *d, const struct json_object *pod)
{
	const struct json_object *ips = json_at(pod, "status.podIPs");

	describe_line(d, 0, "IP:\t%s", json_text_at(pod, "status.podIP", ""));
	describe_line(d, 0, "IPs:%s", json_len(ips) ? "" : "\t<none>");
	for (size_t i = 0; i < json_len(ips); i++)
		describe_line(d, 1, "IP:\t%s", json_text_at(json_idx(ips, i), "ip", ""));
}

static void describe_controller(struct description *d, const struct json_object *pod)
{
	const struct json_object *owners = json_at(pod, "metadata.ownerReferences");

	for (size_t i = 0; i < json_len(owners); i++)
		if (json_bool_at(json_idx(owners, i), "controller", false))
			describe_line(d, 0, "Controlled By:\t%s/%s",
				      json_text_at(json_idx(owners, i), "kind", ""),
				      json_text_at(json_idx(owners, i), "name", ""));
}

static int by_key(const void *a, const void *b)
{
	return strcmp(json_text_at(*(struct json_object *const *)a, "key", ""),
		      json_text_at(*(struct json_object *const *)b, "key", ""));
}

static void describe_tolerations(struct description *d, const struct json_object *tolerations)
{
	size_t n = json_len(tolerations);
	auto_free struct json_object **sorted = calloc(n ? n : 1, sizeof(*sorted));

	if (n == 0 || !sorted) {
		describe_line(d, 0, "Tolerations:\t<none>");
		return;
	}
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_idx(tolerations, i);
	qsort(sorted, n, sizeof(*sorted), by_key);
	for (size_t i = 0; i < n; i++) {
		const struct json_object *t = sorted[i];
		const char *key = json_text_at(t, "key", ""), *value = json_text_at(t, "value", ""),
			   *effect = json_text_at(t, "effect", "");
		const struct json_object *seconds = json_get(t, "tolerationSeconds");
		bool exists = strcmp(json_text_at(t, "operator", ""), "Exists") == 0 && !*value;

		describe_text(d, "%s\t%s%s%s%s%s", i ? "" : "Tolerations:", key, *value ? "=" : "",
			      value, *effect ? ":" : "", effect);
		if (exists)
			describe_text(d, *key || *effect ? " op=Exists" : "op=Exists");
		if (seconds)
			describe_text(d, " for %llds", (long long)json_int(seconds, 0));
		describe_text(d, "\n");
	}
}

static void describe_conditions(struct description *d, const struct json_object *pod)
{
	const struct json_object *conditions = json_at(pod, "status.conditions");

	if (json_len(conditions)) {
		describe_line(d, 0, "Conditions:");
		describe_line(d, 0, "  Type\tStatus");
	}
	for (size_t i = 0; i < json_len(conditions); i++)
		describe_line(d, 1, "%s \t%s ", json_text_at(json_idx(conditions, i), "type", ""),
			      json_text_at(json_idx(conditions, i), "status", ""));
}

void describe_pod(struct description *d, const struct json_object *pod)
{
	const struct json_object *volumes = json_at(pod, "spec.volumes");
	const char *node = json_text_at(pod, "spec.nodeName", "");
	char text[64];

	describe_line(d, 0, "Name:\t%s", json_text_at(pod, "metadata.name", ""));
	describe_line(d, 0, "Namespace:\t%s", json_text_at(pod, "metadata.namespace", ""));
	if (json_at(pod, "spec.priority"))
		describe_line(d, 0, "Priority:\t%lld",
			      (long long)json_int_at(pod, "spec.priority", 0));
	optional(d, 0, "Priority Class Name", pod, "spec.priorityClassName");
	optional(d, 0, "Runtime Class Name", pod, "spec.runtimeClassName");
	optional(d, 0, "Service Account", pod, "spec.serviceAccountName");
	if (*node)
		describe_line(d, 0, "Node:\t%s/%s", node, json_text_at(pod, "status.hostIP", ""));
	else
		describe_line(d, 0, "Node:\t<none>");
	if (json_at(pod, "status.startTime"))
		describe_line(d, 0, "Start Time:\t%s",
			      describe_time(json_str_at(pod, "status.startTime"), text));
	describe_labels(d, "Labels", json_at(pod, "metadata.labels"));
	describe_annotations(d, json_at(pod, "metadata.annotations"));
	describe_status(d, pod);
	describe_seccomp(d, 0, json_at(pod, "spec.securityContext"));
	describe_addresses(d, pod);
	describe_controller(d, pod);
	optional(d, 0, "NominatedNodeName", pod, "status.nominatedNodeName");
	describe_containers(d, pod);
	describe_conditions(d, pod);
	describe_line(d, 0, "Volumes:%s", json_len(volumes) ? "" : "\t<none>");
	for (size_t i = 0; i < json_len(volumes); i++)
		describe_volume(d, json_idx(volumes, i));
	describe_line(d, 0, "QoS Class:\t%s", json_text_at(pod, "status.qosClass", ""));
	describe_labels(d, "Node-Selectors", json_at(pod, "spec.nodeSelector"));
	describe_tolerations(d, json_at(pod, "spec.tolerations"));
}
