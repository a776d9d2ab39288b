/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of `kubectl port-forward`: "8080", "8080:80", ":80", "web", "8080:web". Names are looked up
 * in the pod, or, when a Service was named, in the Service first. Sentences are kubectl's.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

struct portspec {
	uint16_t local; /* 0: any free one */
	uint16_t remote;
};
/* @service NULL: a pod was named. -EINVAL or -ENOENT with the sentence after "error: ". */
int portspec_parse(const char *text, const struct json_object *service,
		   const struct json_object *pod, struct portspec *ret, struct err *err);
