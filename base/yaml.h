/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML to JSON values and back, on libyaml, which no other file includes.
 *
 * Reading follows what Kubernetes' clients do (YAML 1.1 as go-yaml v2 resolves it: yes and on are
 * true, 0644 is 420, dates stay text; merge keys; the last of two equal keys wins). Input is bounded:
 * JSON_DEPTH_MAX levels, YAML_NODES_MAX nodes with aliases counted as often as they are used.
 *
 * Writing is byte for byte what `kubectl -o yaml` prints for the same JSON.
 */
#pragma once

#include "base/buf.h"
#include "base/json.h"

#define YAML_NODES_MAX 1000000u

/* Where and what; lines and columns from 1. */
struct yaml_problem {
	unsigned line, column;
	char text[256];
};

/*
 * All documents of a stream, as a JSON array; empty ones are left out. JSON is YAML, so JSON input works
 * too. -EINVAL with @problem filled (may be NULL), -E2BIG at a bound.
 */
int yaml_parse(const char *text, size_t len, struct json_object **ret,
	       struct yaml_problem *problem);

/* One document, ending in a newline, keys in Go-YAML's natural order. */
int yaml_write(struct buf *buf, const struct json_object *json);
