/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json to struct spec. Members that the OCI spec does not know are ignored, as it demands;
 * members of a wrong type or an impossible value are refused with their path:
 *
 *	linux.resources.memory.limit: must be a whole number
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "runtime/spec.h"

#define CONFIG_MAX (4u << 20)

/* The text of a config.json into a fresh @spec. */
int config_parse(struct spec *spec, const char *text, size_t len, struct err *err);
/* A process alone, as `exec --process` gets it, over what spec->process has. */
int config_parse_process(struct spec *spec, const char *text, size_t len, struct err *err);

/* Between config.c and config_linux.c. */
struct table;
extern const struct table config_linux_table, config_id_mapping_table;
