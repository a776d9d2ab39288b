/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes API as data: a row per kind, per type and per field; generic code reads the rows.
 *
 * A kind (struct schema_kind) is a served resource; its type (struct schema_type) says which fields
 * an object has, in what order they are written, how they merge, what they default to, what is
 * valid, and which number they have in protobuf. Decoding, pruning, defaults, validation, canonical
 * bytes, strategic merges, Tables, OpenAPI and discovery all come from the rows. What a row can't
 * say is a small named hook of a type (.check) or of a kind (.set_defaults, .validate, .warn, cells).
 *
 * Where things are. Rows: <group>_<version>_<area>.c, written with the macros of rows.h; kinds:
 * schema_kinds.c. Hooks: <noun>_defaults.c, <noun>_rules.c, <noun>_cells.c, warnings.c. Engines:
 * schema_<what they do>.c. Sentences are Kubernetes' own, since kubectl shows them: the tests hold
 * what a kube-apiserver said to the same input.
 *
 * To add a kind: its types' rows (order and numbers are those of the Go structs), a row in
 * schema_kinds.c, its columns; then rules as far as there are any. The tests that walk the tables say
 * what is missing or contradicts itself.
 *
 * Pure: no system calls, no clock; `now` is an argument. Tables are static const and shared by the
 * server and kubectl. Objects come from hostile clients: every list that is compared with itself is
 * bounded, and decoding drops what has no row.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* ---- fields and types ---- */

enum schema_value {
	SCHEMA_STRING,
	SCHEMA_INT32,
	SCHEMA_INT64,
	SCHEMA_BOOL,
	SCHEMA_DOUBLE,
	SCHEMA_TIME,
	SCHEMA_MICROTIME,
	SCHEMA_QUANTITY,
	SCHEMA_INT_OR_STRING,
	SCHEMA_BYTES,
	SCHEMA_DURATION,
	SCHEMA_RAW_OBJECT,
	SCHEMA_ANY,
	SCHEMA_STRINGS, /* a list of strings, as the value of a map */
	SCHEMA_REF,
	SCHEMA_VALUE_COUNT,
};
enum schema_shape { SCHEMA_ONE, SCHEMA_LIST, SCHEMA_MAP };
enum schema_flags {
	SCHEMA_REQUIRED = 1 << 0,	   /* OpenAPI required */
	SCHEMA_ALWAYS = 1 << 1,		   /* written even when empty (no omitempty) */
	SCHEMA_POINTER = 1 << 2,	   /* empty and absent differ */
	SCHEMA_PATCH_MERGE = 1 << 3,	   /* strategic merge: merge lists by merge_key */
	SCHEMA_PATCH_RETAIN_KEYS = 1 << 4, /* patchStrategy retainKeys */
	SCHEMA_LIST_ATOMIC = 1 << 5,
	SCHEMA_LIST_SET = 1 << 6,
	SCHEMA_LIST_MAP = 1 << 7,
	SCHEMA_MAP_ATOMIC = 1 << 8,
	SCHEMA_GATED_OFF = 1 << 9, /* its feature gate is off: silently cleared on write */
	SCHEMA_NEEDED = 1 << 10,   /* validation: may not be empty */
};
struct schema_type;
struct schema_site;

/* A rule for a text: at most SCHEMA_RULE_MAX sentences on what is wrong, static; returns how many. */
#define SCHEMA_RULE_MAX 3
typedef unsigned schema_rule_fn(const char *text, const char *sentences[SCHEMA_RULE_MAX]);
/* What a value that is there must be. One of: */
struct schema_check {
	schema_rule_fn *rule;	   /* a text, or each text of a list */
	const char *const *one_of; /* NULL-terminated */
	int64_t min, max;	   /* a number, when @says is set */
	const char *says;
};
struct schema_field {
	const char *name;
	const struct schema_type *ref;	  /* of SCHEMA_REF */
	const char *default_json;	  /* static default, or NULL */
	const char *merge_key;		  /* patchMergeKey */
	const char *list_keys;		  /* listMapKeys, comma-separated */
	const char *const *enum_values;	  /* NULL-terminated, or NULL */
	const struct schema_check *check; /* or NULL */
	enum schema_value value;
	enum schema_shape shape;
	unsigned flags;
	unsigned
		proto; /* protobuf field number; 0: none; of an embedded message n: n << 16 | number */
};
struct schema_type {
	const char *name;		   /* "core.v1.Container" */
	const struct schema_field *fields; /* in canonical (Go struct) order */
	size_t n_fields;
	bool atomic; /* x-kubernetes-map-type: apply owns it as a whole */
	/* Rules that look at more than one field; rules.h */
	void (*check)(struct schema_site *site, const struct json_object *object);
	const char *embeds; /* the Go struct whose fields were drawn in, for decoding errors */
};
const struct schema_field *schema_field_find(const struct schema_type *type, const char *name);
/* The same, cheap when names come in the order of the rows; *hint starts as 0. */
const struct schema_field *schema_field_next(const struct schema_type *type, const char *name,
					     size_t *hint);
/* The values of an object's members in the order of the rows: one pass instead of a look-up each. */
#define SCHEMA_FIELDS_MAX 64
void schema_gather(const struct schema_type *type, const struct json_object *object,
		   struct json_object *values[SCHEMA_FIELDS_MAX]);
const char *schema_short_name(const struct schema_type *type); /* "Container" */
bool schema_is_zero(const struct json_object *value); /* what omitempty leaves out; NULL too */
/* Whether Go's encoder writes @field of an object in which it has @value (NULL: none). */
bool schema_is_written(const struct schema_field *field, const struct json_object *value);

/* ---- kinds ---- */

enum schema_verb {
	VERB_CREATE = 1 << 0,
	VERB_DELETE = 1 << 1,
	VERB_DELETECOLLECTION = 1 << 2,
	VERB_GET = 1 << 3,
	VERB_LIST = 1 << 4,
	VERB_PATCH = 1 << 5,
	VERB_UPDATE = 1 << 6,
	VERB_WATCH = 1 << 7,
};
struct schema_subresource {
	const char *name;		    /* "status", "binding", "exec" */
	const char *group, *version, *kind; /* "", "v1", "Pod" */
	unsigned verbs;
};
/* Why a field is wrong, as metav1.Status causes and the message name it. */
enum schema_cause {
	CAUSE_REQUIRED,
	CAUSE_INVALID,
	CAUSE_UNSUPPORTED,
	CAUSE_FORBIDDEN,
	CAUSE_DUPLICATE,
	CAUSE_NOT_FOUND,
	CAUSE_TOO_LONG,
	CAUSE_TOO_MANY,
	CAUSE_TYPE_INVALID,
	CAUSE_COUNT,
};
struct schema_problems; /* a bounded list of problems */

/* A cell made from more than one field. NULL: JSON null. */
typedef struct json_object *schema_cell_fn(const struct json_object *object);
struct schema_column {
	const char *name, *type, *format, *description;
	const char *path;     /* the field that is shown, or NULL: */
	const char *missing;  /* what is shown when it is empty; NULL: "" */
	schema_cell_fn *cell; /* what makes the cell */
	unsigned priority;    /* 1: only with -o wide */
};
struct schema_kind {
	const char *group, *version, *kind, *resource, *singular, *list_kind;
	const char *short_names; /* comma-separated, or NULL */
	const char *categories;	 /* likewise */
	const char *storage_hash;
	const struct schema_type *type;
	const struct schema_subresource *subresources; /* in the order of their names */
	size_t n_subresources;
	const struct schema_column *columns; /* ends with a nameless one */
	const char *const
		*field_selectors; /* NULL-terminated, beside metadata.name and .namespace */
	unsigned verbs;
	bool namespaced, has_status;
	bool put_creates, put_unconditional, status_on_create;
	bool has_generation;
	bool delete_returns_object;
	schema_rule_fn *name_rule; /* NULL: any name that can stand in a path */
	/* Conditional defaults, beyond the rows. */
	void (*set_defaults)(struct json_object *object);
	void (*validate)(struct schema_site *site); /* rules beyond the rows and types */
	/* What is allowed but odd, a line each; see schema_warnings(). */
	void (*warn)(const struct json_object *object, struct buf *lines);
	const char *deprecation; /* the Warning that every request for this kind gets, or NULL */
};
extern const struct schema_kind *const schema_kinds[]; /* by group and version, then by resource */
extern const size_t schema_n_kinds;

struct schema_group {
	const char *name;     /* "" is core */
	const char *versions; /* preferred first, comma-separated */
};
extern const struct schema_group schema_groups[]; /* in the order of discovery */
extern const size_t schema_n_groups;

const struct schema_kind *schema_kind_of_resource(const char *group, const char *version,
						  const char *resource);
const struct schema_kind *schema_kind_of_kind(const char *group, const char *version,
					      const char *kind);
/* The type of a kind, also of those that are no resource: TokenRequest, DeleteOptions, Status. */
const struct schema_type *schema_type_of_kind(const char *group, const char *version,
					      const char *kind);
/* "v1", "apps/v1" of a kind; returns @text. */
const char *schema_api_version(const struct schema_kind *kind, char *text, size_t size);

/* ---- objects on their way in ---- */

struct schema_problems *schema_problems_new(void);
struct schema_problems *schema_problems_free(struct schema_problems *problems);
OWN_DEFINE(schema_problems, struct schema_problems *, schema_problems_free)
#define auto_schema_problems OWN(schema_problems)
/* @value_text: the offending value as JSON, or NULL where the cause shows none. */
void schema_problem(struct schema_problems *problems, enum schema_cause cause, const char *field,
		    const char *value_text, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Memory ran out: not all that is wrong is there. It counts as a problem. */
void schema_problems_incomplete(struct schema_problems *problems);
bool schema_problems_are_incomplete(const struct schema_problems *problems);
size_t schema_problems_count(const struct schema_problems *problems);
/* `Pod "x" is invalid: [spec.…: Required value: …, …]`, and the causes array of the Status. */
int schema_problems_message(const struct schema_problems *problems, const struct schema_kind *kind,
			    const char *name, struct buf *ret);
struct json_object *schema_problems_causes(const struct schema_problems *problems);

/*
 * Check types against the rows, drop unknown fields and explicit nulls, bring values into their
 * canonical form (quantities, times). Unknown fields are collected in @unknown, one line each as
 * Kubernetes words them (`unknown field "spec.bogus"`); -EINVAL with a sentence for a wrong type.
 */
int schema_decode(const struct schema_type *type, struct json_object *object, struct buf *unknown,
		  struct err *err);
/* `duplicate field "spec.x"` lines of a JSON text, which a parsed object cannot show any more. */
int schema_duplicates(const char *text, size_t len, struct buf *found);
/* Static defaults of the rows alone, or (schema_default) with the kind's conditional ones. */
void schema_default_type(const struct schema_type *type, struct json_object *object);
void schema_default(const struct schema_kind *kind, struct json_object *object);
/*
 * The rules for what a client may write: metadata, the rows' rules, the kind's own. @old NULL: create.
 *
 * The caller has decoded, defaulted and admitted @object, and has put back from @old what an update
 * may leave out (uid, creationTimestamp, deletionTimestamp, …, a Service's addresses, status). Status
 * is not looked at. Not for subresources that change the spec: a binding sets spec.nodeName, which
 * an update may not.
 */
void schema_validate(const struct schema_kind *kind, const struct json_object *object,
		     const struct json_object *old, struct schema_problems *problems);
/* Texts for Warning headers, a line each: for what a client creates, or changes in the spec. */
int schema_warnings(const struct schema_kind *kind, const struct json_object *object,
		    struct buf *lines);
/* The bytes that clients get: keys in the order of the rows, maps sorted, empties left out as Go
 * would, HTML-safe. schema_canonical() gives the same as a new object (NULL: out of memory). */
int schema_write(struct buf *buf, const struct schema_type *type, const struct json_object *object);
struct json_object *schema_canonical(const struct schema_type *type,
				     const struct json_object *object);

/* ---- merges ---- */

/* Apply a strategic merge patch ($patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList). */
int schema_strategic_merge(const struct schema_type *type, struct json_object *object,
			   const struct json_object *patch, struct err *err);
/* kubectl apply's three-way patch from original (last applied), modified (the file) and current. */
int schema_strategic_diff(const struct schema_type *type, const struct json_object *original,
			  const struct json_object *modified, const struct json_object *current,
			  struct json_object **ret_patch, struct err *err);

/* ---- documents, made from the rows each time: a caller that serves them often keeps them ---- */

int schema_discovery_aggregated(const char *path /* "/api" or "/apis" */, struct buf *ret);
/* "/api", "/apis", "/apis/G", "/apis/G/V", "/api/v1"; -ENOENT */
int schema_discovery_legacy(const char *path, const char *server_address, struct buf *ret);
int schema_openapi_v3_index(struct buf *ret);
int schema_openapi_v3(const char *group_version /* "api/v1", "apis/apps/v1" */, struct buf *ret);
int schema_openapi_v2(struct buf *ret);
/* What the documents' ETag and the index's ?hash= say of a document's bytes; returns @text. */
#define SCHEMA_HASH_MAX 20
const char *schema_hash(const void *data, size_t len, char text[SCHEMA_HASH_MAX]);

/* ---- Tables ---- */

/* The cells of one row, in the order of kind->columns. Points in time stay points: they become
 * durations only when schema_cells_write() is told the time, so that cells can be kept. */
struct json_object *schema_cells(const struct schema_kind *kind, const struct json_object *object);
int schema_cells_write(struct buf *buf, const struct json_object *cells, int64_t now_ns);
/* The conditions of a row (Completed, of a Pod that has ended), or NULL. */
struct json_object *schema_row_conditions(const struct schema_kind *kind,
					  const struct json_object *object);
struct json_object *schema_column_definitions(const struct schema_kind *kind);
