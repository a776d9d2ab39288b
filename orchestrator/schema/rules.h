/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules for texts, worded as Kubernetes words them (schema_rule_fn: how many sentences, 0: fine).
 * The names of the character classes are those of "Object Names and IDs" of the documentation.
 */
#pragma once

#include "orchestrator/schema/schema.h"

schema_rule_fn rule_subdomain;	    /* RFC 1123 subdomain, 253 */
schema_rule_fn rule_label;	    /* RFC 1123 label, 63 */
schema_rule_fn rule_label_1035;	    /* RFC 1035 label, 63: starts with a letter */
schema_rule_fn rule_qualified_name; /* [prefix/]name, as of label keys */
schema_rule_fn rule_label_value;
schema_rule_fn rule_port_name; /* IANA_SVC_NAME, 15 */
schema_rule_fn rule_env_name;
schema_rule_fn rule_config_key; /* of ConfigMap and Secret data */
schema_rule_fn rule_http_header;
schema_rule_fn rule_ip;
