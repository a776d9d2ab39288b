/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes' protobuf on its way in: "k8s\0", an envelope that names the kind, and a message whose
 * field numbers stand in the schema's rows. It becomes the JSON that the same client would have sent.
 * Answers are JSON: clients decode by Content-Type.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

/* -EINVAL with a sentence; -ENOMEM. kind and apiVersion are in *ret when the envelope has them. */
int protobuf_decode(const void *data, size_t len, struct json_object **ret, struct err *err);
