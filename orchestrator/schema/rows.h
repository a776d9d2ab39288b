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

/* In protobuf these two travel in the envelope: no numbers. */
#define TYPE_META ONE(STRING, "kind", 0, 0), ONE(STRING, "apiVersion", 0, 0)

#define TYPE(symbol, text, rows)                                                                   \
	const struct schema_type symbol = { .name = (text),                                        \
					    .fields = (rows),                                      \
					    .n_fields = ARRAY_LEN(rows) }
#define TYPE_ATOMIC(symbol, text, rows)                                                            \
	const struct schema_type symbol = {                                                        \
		.name = (text), .fields = (rows), .n_fields = ARRAY_LEN(rows), .atomic = true      \
	}
/* A type with fields of an embedded struct, those whose number is IN(). */
#define TYPE_EMBEDS(symbol, text, rows, embedded)                                                  \
	const struct schema_type symbol = { .name = (text),                                        \
					    .fields = (rows),                                      \
					    .n_fields = ARRAY_LEN(rows),                           \
					    .embeds = (embedded) }
#define TYPE_ATOMIC_EMBEDS(symbol, text, rows, embedded)                                           \
	const struct schema_type symbol = { .name = (text),                                        \
					    .fields = (rows),                                      \
					    .n_fields = ARRAY_LEN(rows),                           \
					    .atomic = true,                                        \
					    .embeds = (embedded) }
