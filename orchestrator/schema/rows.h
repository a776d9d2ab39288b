/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a type is written down. A row is a field: what it is, its name, its protobuf number, flags,
 * and after the flags what only some rows have:
 *
 *	ONE(STRING, "name", 1, REQUIRED | ALWAYS),
 *	LIST(STRING, "args", 4, ATOMIC),
 *	MAP(QUANTITY, "limits", 1, 0),
 *	REF(core_v1_probe, "livenessProbe", 10, PTR),
 *	REFS(core_v1_env_var, "env", 7, KEYED("name")),
 *	ONE(STRING, "protocol", 4, 0, DEFAULT_STR("TCP"), ENUM("SCTP", "TCP", "UDP")),
 *
 * ALWAYS says what the Go encoder does, not what the tag says: structs and times that are no
 * pointers are written even when empty. IN(n, m): field m of an embedded message n.
 */
#pragma once

#include "orchestrator/schema/schema.h"

#define REQUIRED    SCHEMA_REQUIRED
#define ALWAYS	    SCHEMA_ALWAYS
#define PTR	    SCHEMA_POINTER
#define MERGE	    SCHEMA_PATCH_MERGE
#define RETAIN_KEYS SCHEMA_PATCH_RETAIN_KEYS
#define ATOMIC	    SCHEMA_LIST_ATOMIC
#define SET	    SCHEMA_LIST_SET
#define MAP_ATOMIC  SCHEMA_MAP_ATOMIC
#define GATED_OFF   SCHEMA_GATED_OFF

#define ROW(value_, shape_, name_, proto_)                                                         \
	.name = (name_), .value = SCHEMA_##value_, .shape = SCHEMA_##shape_, .proto = (proto_)
#define ONE(value, name, proto, ...)                                                               \
	{                                                                                          \
		ROW(value, ONE, name, proto), .flags = __VA_ARGS__                                 \
	}
#define LIST(value, name, proto, ...)                                                              \
	{                                                                                          \
		ROW(value, LIST, name, proto), .flags = __VA_ARGS__                                \
	}
#define MAP(value, name, proto, ...)                                                               \
	{                                                                                          \
		ROW(value, MAP, name, proto), .flags = __VA_ARGS__                                 \
	}
#define REF(type, name, proto, ...)                                                                \
	{                                                                                          \
		ROW(REF, ONE, name, proto), .ref = &(type), .flags = __VA_ARGS__                   \
	}
#define REFS(type, name, proto, ...)                                                               \
	{                                                                                          \
		ROW(REF, LIST, name, proto), .ref = &(type), .flags = __VA_ARGS__                  \
	}
#define REF_MAP(type, name, proto, ...)                                                            \
	{                                                                                          \
		ROW(REF, MAP, name, proto), .ref = &(type), .flags = __VA_ARGS__                   \
	}
#define IN(message, number) ((message) << 16 | (number))

/* Flags with a key: the last among the flags. */
#define MERGE_BY(key)	SCHEMA_PATCH_MERGE, .merge_key = (key)
#define LIST_KEYS(keys) SCHEMA_LIST_MAP, .list_keys = (keys)
#define KEYED(key)	SCHEMA_PATCH_MERGE | SCHEMA_LIST_MAP, .merge_key = (key), .list_keys = (key)
#define KEYED_BY(key, keys)                                                                        \
	SCHEMA_PATCH_MERGE | SCHEMA_LIST_MAP, .merge_key = (key), .list_keys = (keys)

/* After the flags. */
#define DEFAULT(json)	  .default_json = (json)
#define DEFAULT_STR(text) .default_json = "\"" text "\""
#define ENUM(...)                                                                                  \
	.enum_values = (const char *const[])                                                       \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

/* Rules, after the flags: at most one a row. An empty text and an omitted zero are not looked at;
 * NEEDED (a flag) says that they may not be. */
#define NEEDED SCHEMA_NEEDED
#define CHECK_(...)                                                                                \
	.check = &(const struct schema_check)                                                      \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define RULE(fn)	       CHECK_(.rule = (fn))
#define RANGE(low, high, text) CHECK_(.min = (low), .max = (high), .says = (text))
#define ONE_OF(...)	       CHECK_(.one_of = (const char *const[]){ __VA_ARGS__, NULL })
#define ENUM_ONLY(...)	       ENUM(__VA_ARGS__), ONE_OF(__VA_ARGS__)
#define NOT_NEGATIVE	       RANGE(0, INT64_MAX, "must be greater than or equal to 0")
#define POSITIVE	       RANGE(1, INT64_MAX, "must be greater than 0")
#define PORT		       RANGE(1, 65535, "must be between 1 and 65535, inclusive")
#define USER_ID		       RANGE(0, INT32_MAX, "must be between 0 and 2147483647, inclusive")
#define FILE_MODE	       RANGE(0, 0777, "must be a number between 0 and 0777 (octal), both inclusive")

/* In protobuf these two travel in the envelope: no numbers. */
#define TYPE_META ONE(STRING, "kind", 0, 0), ONE(STRING, "apiVersion", 0, 0)

/* After the rows, what only some types have: .atomic = true, .embeds = "ProbeHandler" (the Go struct
 * whose fields, those with IN() numbers, were drawn in), .check = probe_check. */
#define TYPE(symbol, text, rows, ...)                                                              \
	const struct schema_type symbol = {                                                        \
		.name = (text), .fields = (rows), .n_fields = ARRAY_LEN(rows), __VA_ARGS__         \
	}
