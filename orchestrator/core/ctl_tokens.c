/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bootstrap tokens (Secrets of type bootstrap.kubernetes.io/token in kube-system) end when they say:
 * data.expiration is an RFC 3339 time, base64 as all Secret data.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypt.h"
#include "base/time.h"
#include "orchestrator/core/controller.h"
#include "orchestrator/core/ctl_keys.h"

#define TOKEN_TYPE	"bootstrap.kubernetes.io/token"
#define TOKEN_NAMESPACE "kube-system"

struct tokens {
	struct ctl_keys keys; /* names of Secrets */
	const struct schema_kind *secrets;
};

/* INT64_MAX: never, or it does not say so in a way that can be read. */
static int64_t expiry_of(const struct object *secret)
{
	auto_json struct json_object *json = object_parse(secret);
	const char *text = json_str_at(json, "data.expiration");
	auto_buf struct buf plain = BUF_INIT(256);
	int64_t at_ns;

	if (!text || base64_decode(&plain, text, strlen(text)) < 0 ||
	    time_parse(buf_str(&plain), &at_ns) < 0)
		return INT64_MAX;
	return at_ns;
}

static void on_secret(struct core *core, enum core_event_type type, struct object *object,
		      struct object *old, void *data)
{
	struct tokens *t = data;
	int64_t at_ns;

	(void)core;
	(void)old;
	if (type == CORE_DELETED || strcmp(object_namespace(object), TOKEN_NAMESPACE) != 0 ||
	    strcmp(object_field(object, "type"), TOKEN_TYPE) != 0)
		return;
	at_ns = expiry_of(object);
	if (at_ns != INT64_MAX)
		ctl_keys_add(&t->keys, object_name(object), at_ns);
}

static void see_to(struct core *core, struct tokens *t, const char *name, int64_t now_ns)
{
	struct object *object = core_get(core, t->secrets, TOKEN_NAMESPACE, name);
	int64_t at_ns = object ? expiry_of(object) : INT64_MAX;

	if (at_ns == INT64_MAX || strcmp(object_field(object, "type"), TOKEN_TYPE) != 0)
		return;
	if (at_ns > now_ns) {
		ctl_keys_add(&t->keys, name, at_ns);
		return;
	}
	core_delete(core, t->secrets, TOKEN_NAMESPACE, name,
		    &(struct core_delete_options){ .grace_s = -1, .uid = object_uid(object) },
		    ctl_keys_wrote, ctl_keys_write(&t->keys, name));
}

static void stop(void *data)
{
	struct tokens *t = data;

	if (!t)
		return;
	ctl_keys_done(&t->keys);
	free(t);
}
OWN_DEFINE(tokens, struct tokens *, stop)

static int start(struct core *core, int64_t now_ns, void **ret_data, struct err *err)
{
	OWN(tokens) struct tokens *t = calloc(1, sizeof(*t));
	int r;

	(void)now_ns;
	if (!t)
		return err_set(err, -ENOMEM, "start");
	ctl_keys_init(&t->keys);
	t->secrets = schema_kind_of_kind("", "v1", "Secret");
	r = core_listen(core, t->secrets, on_secret, t);
	if (r < 0)
		return err_set(err, r, "start");
	*ret_data = take_ptr(&t);
	return 0;
}

static int64_t step(struct core *core, void *data, int64_t now_ns, bool *ret_more)
{
	struct tokens *t = data;
	auto_free char *name = ctl_keys_take(&t->keys, now_ns);

	if (name)
		see_to(core, t, name, now_ns);
	if (ctl_keys_due_ns(&t->keys) <= now_ns)
		*ret_more = true;
	return ctl_keys_due_ns(&t->keys);
}

const struct controller ctl_tokens = { "bootstrap tokens", start, step, stop };
