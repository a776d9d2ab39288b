/* SPDX-License-Identifier: Apache-2.0 */
/* The compressed name/value blocks of SPDY/3 (draft 3, section 2.6.10), for base/spdy.c only. */
#pragma once

#include "base/buf.h"
#include "base/http.h"

#define SPDY_HEADERS_MAX      100
#define SPDY_HEADER_BYTES_MAX ((size_t)64 << 10) /* inflated */
#define SPDY_DICTIONARY_SIZE  1423

const unsigned char *spdy_dictionary(void);

struct spdy_packer; /* one a direction: each block builds on those before */
int spdy_packer_new(bool unpack, struct spdy_packer **ret);
struct spdy_packer *spdy_packer_free(struct spdy_packer *packer);
int spdy_pack(struct spdy_packer *packer, const struct http_header *headers, size_t n,
	      struct buf *out);
/* Into at most SPDY_HEADERS_MAX headers, which point into @text. -EPROTO: not a proper block. */
int spdy_unpack(struct spdy_packer *packer, const void *block, size_t len, struct buf *text,
		struct http_header *headers, size_t *ret_n);
