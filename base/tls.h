/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.2 and 1.3, keys and certificates, on OpenSSL, which no other file but base/crypt.c includes.
 *
 * Contexts are made once and shared; streams (base/stream.h) take a struct tls made from one. The
 * server side asks for a client certificate and accepts none: who the peer is, is a question for
 * tls_peer(). Records gather up to 16 KiB, TCP_NODELAY is on, idle connections keep no buffers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct tls_context;
struct tls;

struct tls_options {
	bool server;
	const char *cert_pem, *key_pem; /* our own; NULL: none (clients) */
	const char *ca_pem; /* trusted issuers (concatenated); NULL on clients: the system's */
	const char *client_ca_pem;  /* servers: issuers of client certificates; NULL: don't ask */
	bool skip_verify;	    /* clients: insecure-skip-tls-verify */
	const char *pin_sha256_hex; /* clients: SHA-256 of the CA's SPKI must match (join tokens) */
	bool tls13_only;
	const char *alpn; /* "http/1.1" or NULL */
};
int tls_context_new(const struct tls_options *options, struct tls_context **ret, struct err *err);
struct tls_context *tls_context_free(struct tls_context *context);
/* Other keys for connections from now on: certificates renew online. */
int tls_context_reload(struct tls_context *context, const struct tls_options *options,
		       struct err *err);

/* One connection's state, to be handed to a stream, which then owns it. */
int tls_new(struct tls_context *context, const char *server_name, struct tls **ret,
	    struct err *err);
struct tls *tls_free(struct tls *tls);

/* The verified peer certificate's subject; false if there is none. */
struct tls_identity {
	char common_name[256];
	char organizations[8][256];
	unsigned n_organizations;
	char fingerprint[65]; /* SHA-256 of the certificate's public key, hex */
};
bool tls_peer(const struct tls *tls, struct tls_identity *ret);
