/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/ctl_keys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/controller.h"

#define RETRY_NS NS_PER_S

/* One allocation: time_key is "time as 16 hex digits" + key, and key its tail. */
struct waiting {
	struct map_node by_key, by_time;
	int64_t at_ns;
	char time_key[];
};
#define TIME_LEN 16

struct writing {
	struct list node;
	struct ctl_keys *keys;
	char key[];
};

void ctl_keys_init(struct ctl_keys *keys)
{
	*keys = (struct ctl_keys){ 0 };
	list_init(&keys->writes);
}

static void waiting_free(struct ctl_keys *keys, struct waiting *w)
{
	map_remove(&keys->by_key, &w->by_key);
	map_remove(&keys->by_time, &w->by_time);
	free(w);
}

void ctl_keys_done(struct ctl_keys *keys)
{
	while (keys->by_key.root)
		waiting_free(keys, map_entry(keys->by_key.root, struct waiting, by_key));
	if (keys->writes.next)
		list_for_each (node, next, &keys->writes)
			free(list_entry(node, struct writing, node));
	*keys = (struct ctl_keys){ 0 };
}

static struct waiting *find(const struct ctl_keys *keys, const char *key)
{
	struct map_node *node = map_find(&keys->by_key, key);

	return node ? map_entry(node, struct waiting, by_key) : NULL;
}

static void stamp(struct waiting *w, int64_t at_ns)
{
	char digits[TIME_LEN + 1];

	w->at_ns = at_ns;
	(void)snprintf(digits, sizeof(digits), "%016" PRIx64, (uint64_t)at_ns);
	memcpy(w->time_key, digits, TIME_LEN);
}

void ctl_keys_add(struct ctl_keys *keys, const char *key, int64_t at_ns)
{
	struct waiting *w = find(keys, key);
	size_t len = strlen(key) + 1;

	if (w && w->at_ns <= at_ns)
		return;
	if (w) {
		map_remove(&keys->by_time, &w->by_time);
	} else {
		w = malloc(sizeof(*w) + TIME_LEN + len);
		if (!w)
			return;
		memcpy(w->time_key + TIME_LEN, key, len);
		(void)map_insert(&keys->by_key, &w->by_key, w->time_key + TIME_LEN);
	}
	stamp(w, at_ns);
	(void)map_insert(&keys->by_time, &w->by_time, w->time_key);
}

void ctl_keys_drop(struct ctl_keys *keys, const char *key)
{
	struct waiting *w = find(keys, key);

	if (w)
		waiting_free(keys, w);
}

static struct waiting *first(const struct ctl_keys *keys)
{
	struct map_node *node = map_first(&keys->by_time);

	return node ? map_entry(node, struct waiting, by_time) : NULL;
}

char *ctl_keys_take(struct ctl_keys *keys, int64_t now_ns)
{
	struct waiting *w = first(keys);
	char *key;

	if (!w || w->at_ns > now_ns)
		return NULL;
	key = strdup(w->time_key + TIME_LEN);
	if (key)
		waiting_free(keys, w);
	return key;
}

int64_t ctl_keys_due_ns(const struct ctl_keys *keys)
{
	const struct waiting *w = first(keys);

	return w ? w->at_ns : INT64_MAX;
}

void *ctl_keys_write(struct ctl_keys *keys, const char *key)
{
	struct writing *w = malloc(sizeof(*w) + strlen(key) + 1);

	if (!w)
		return NULL;
	w->keys = keys;
	memcpy(w->key, key, strlen(key) + 1);
	list_append(&keys->writes, &w->node);
	return w;
}

void ctl_keys_wrote(struct core *core, int result, const char *sentence, struct object *object,
		    void *data)
{
	struct writing *w = data;
	int64_t now_ns = core_now_ns(core);

	(void)sentence;
	(void)object;
	if (!w)
		return;
	if (result < 0 && result != -ENOENT)
		ctl_keys_add(w->keys, w->key, result == -ESTALE ? now_ns : now_ns + RETRY_NS);
	list_remove(&w->node);
	free(w);
}

bool ctl_keys_writing(const struct ctl_keys *keys, const char *key)
{
	list_for_each (node, next, &keys->writes)
		if (strcmp(list_entry(node, struct writing, node)->key, key) == 0)
			return true;
	return false;
}

char *ctl_key_of(const struct object *object)
{
	const char *namespace = object_namespace(object), *name = object_name(object);
	size_t a = strlen(namespace), b = strlen(name) + 1;
	char *key = malloc(a + 1 + b);

	if (!key)
		return NULL;
	memcpy(key, namespace, a);
	key[a] = '/';
	memcpy(key + a + 1, name, b);
	return key;
}

const char *ctl_key_split(char *key, char **ret_name)
{
	char *slash = strchr(key, '/');

	if (!slash) {
		*ret_name = key;
		return "";
	}
	*slash = '\0';
	*ret_name = slash + 1;
	return key;
}
