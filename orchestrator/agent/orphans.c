/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/orphans.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "orchestrator/agent/nodepod.h"

typedef void orphan_fn(struct agent *agent, const char *name, const char *path);

/* Call @fn for each entry of @dir. */
static void each_entry(struct agent *agent, const char *dir, orphan_fn *fn)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	char path[1400];

	if (!d)
		return;
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		fn(agent, entry->d_name, path);
	}
	(void)closedir(d);
}

static bool is_orphan(const struct agent *agent, const char *uid)
{
	return nodepod_uid_is_safe(uid) && !nodepod_find(agent, uid);
}

static void pod_dir(struct agent *agent, const char *name, const char *path)
{
	struct err err = { 0 };

	if (!is_orphan(agent, name))
		return;
	log_info("removing what is left of pod %s", name);
	(void)sandbox_forget(agent->options.run_dir, name, -EBADF, NULL);
	nodepod_forget_roots(agent, path);
	if (volumes_unmount_all(path, &err) < 0) {
		log_warn("%s", err.text); /* never remove a tree with a mount in it */
		return;
	}
	helper_remove_tree(agent->janitor, path, NULL, NULL);
}

/* R/pods/UID */
static void small_dir(struct agent *agent, const char *name, const char *path)
{
	if (is_orphan(agent, name))
		helper_remove_tree(agent->janitor, path, NULL, NULL);
}

/* R/shim/UID.sock, R/ns/UID */
static void run_entry(struct agent *agent, const char *name, const char *path)
{
	char uid[NODEPOD_UID_MAX + 1];
	size_t n = strcspn(name, ".");
	struct err err = { 0 };

	(void)path;
	if (n >= sizeof(uid))
		return;
	memcpy(uid, name, n);
	uid[n] = '\0';
	if (is_orphan(agent, uid) && sandbox_forget(agent->options.run_dir, uid, -EBADF, &err) < 0)
		log_warn("sandbox %s: %s", uid, err.text);
}

/* NS_NAME_UID */
static void log_dir(struct agent *agent, const char *name, const char *path)
{
	const char *uid = strrchr(name, '_');

	if (uid && is_orphan(agent, uid + 1))
		helper_remove_tree(agent->janitor, path, NULL, NULL);
}

/* podUID; @path is below the cgroup2 mount */
static void cgroup_dir(struct agent *agent, const char *name, const char *path)
{
	struct err err = { 0 };

	if (strncmp(name, "pod", 3) != 0 || !is_orphan(agent, name + 3))
		return;
	if (cgroup_remove(&agent->host.cgroup, path + strlen(agent->host.cgroup.mount) + 1, &err) <
	    0)
		log_warn("%s", err.text);
}

static void release_addresses(struct agent *agent)
{
	auto_free const char **uids = calloc(agent->pods.count + 1, sizeof(*uids));
	struct err err = { 0 };
	size_t n = 0;

	if (!uids || !agent->net)
		return;
	map_for_each (node, next, &agent->pods)
		uids[n++] = node->key;
	if (netns_node_reconcile(agent->net, uids, n, &err) < 0)
		log_warn("pod network: %s", err.text);
}

void orphans_remove(struct agent *agent)
{
	static const char *const classes[] = { "", "/burstable", "/besteffort" };
	char path[700], title[24];

	(void)snprintf(path, sizeof(path), "%s/shim", agent->options.run_dir);
	each_entry(agent, path, run_entry);
	(void)snprintf(path, sizeof(path), "%s/ns", agent->options.run_dir);
	each_entry(agent, path, run_entry);
	(void)snprintf(path, sizeof(path), "%s/pods", agent->options.run_dir);
	each_entry(agent, path, small_dir);
	(void)snprintf(path, sizeof(path), "%s/pods", agent->options.data_dir);
	each_entry(agent, path, pod_dir);
	(void)snprintf(path, sizeof(path), "%s/logs/pods", agent->options.data_dir);
	each_entry(agent, path, log_dir);
	for (size_t i = 0; agent->host.cgroup.mount[0] && i < ARRAY_LEN(classes); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s%s", agent->host.cgroup.mount,
			       agent_title(agent, title), classes[i]);
		each_entry(agent, path, cgroup_dir);
	}
	release_addresses(agent);
}
