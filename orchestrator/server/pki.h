/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and certificates below D/server/pki, one file each: NAME.key (0600) and NAME.crt.
 *
 * A key is made once and kept; a certificate is issued anew with the same key, so that a crash
 * between two files never leaves a pair that does not match. Making and renewing is
 * server_pki_ensure() (server.h); this is what the running server needs.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "orchestrator/server/server.h"

#define PKI_PEM_MAX ((size_t)64 << 10)

/* Everything that the fronts use, as PEM text. */
struct pki {
	struct buf ca_crt, ca_key;
	struct buf server_crt, server_key;
	struct buf sa_key, sa_pub;
};
int pki_read(const struct server_options *options, struct pki *ret, struct err *err);
void pki_done(struct pki *pki);

/* As server_pki_ensure(); *ret_changed: a certificate was issued, contexts must be reloaded. */
int pki_ensure(const struct server_options *options, bool *ret_changed, struct err *err);

/* A client certificate of a node for its @key_pem, signed by the CA. */
int pki_issue_node(const struct pki *pki, const char *node, const char *key_pem,
		   struct buf *ret_pem, struct err *err);

/* The first address of a CIDR plus @n, as text ("10.96.0.1"); -EINVAL. IPv4 and IPv6. */
int pki_cidr_address(const char *cidr, unsigned n, char *text, size_t size);
