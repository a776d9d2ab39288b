/* SPDX-License-Identifier: Apache-2.0 */
/* What form of an answer a client asks for: the Accept header, read to its end. */
#pragma once

#include <stdbool.h>

enum accept_form {
	ACCEPT_OBJECT,
	ACCEPT_TABLE,
	ACCEPT_PARTIAL,	     /* as=PartialObjectMetadata */
	ACCEPT_PARTIAL_LIST, /* as=PartialObjectMetadataList */
	ACCEPT_DISCOVERY,    /* as=APIGroupDiscoveryList of apidiscovery.k8s.io/v2 */
	ACCEPT_FORM_COUNT,
};
enum accept_encoding { ACCEPT_JSON, ACCEPT_YAML };
struct accept {
	enum accept_form form;
	enum accept_encoding encoding;
	bool beta;   /* Table and PartialObjectMetadata of meta.k8s.io/v1beta1 */
	bool stream; /* stream=watch */
};

/*
 * The first acceptable clause: by q, then left to right. Protobuf is not served: such a clause is
 * passed over, and answered in JSON if it was the only one (clients decode by Content-Type).
 * false: nothing of it can be served.
 */
bool accept_parse(const char *header, struct accept *ret);
/* The Content-Type of @accept's answer: static. */
const char *accept_content_type(const struct accept *accept);
