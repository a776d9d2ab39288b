/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests as text, "sha256:" and 64 lower-case hex digits, and the file names made from them. Only
 * a digest that passed digest_valid() may become part of a path.
 */
#pragma once

#include <stdbool.h>

#include "image/image.h"

#define DIGEST_HEX 64

bool digest_valid(const char *text);	    /* NULL is not */
bool digest_hex_valid(const char *hex);	    /* exactly 64 of [0-9a-f] */
const char *digest_hex(const char *digest); /* the hex part of a valid digest; borrowed */
void digest_set(char digest[IMAGE_DIGEST_MAX], const char *hex);

/*
 * The name of an unpacked layer: OCI image config, "Layer ChainID". @parent is the chain id of what
 * lies below, "" for the bottom layer.
 */
void digest_chain(const char *parent, const char *diff_id, char chain[IMAGE_DIGEST_MAX]);
