/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.2 and 1.3 on OpenSSL, which no other files but base/crypt.c and base/jwt.c include.
 *
 * Contexts are made once and shared; streams (base/stream.h) take a struct tls made from one. The
 * server side asks for a client certificate and accepts none: who the peer is, is a question for
 * tls_peer(). Records gather up to 16 KiB, TCP_NODELAY is on, idle connections keep no buffers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

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
	/* Certificates are judged at the later of the clock and this: a clock that was lost. */
	int64_t time_floor_ns;
	/* Servers: let an expired client certificate in, with tls_identity.expired set: to renew it. */
	bool allow_expired;
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
	bool expired;	      /* only with allow_expired */
};
bool tls_peer(const struct tls *tls, struct tls_identity *ret);

/*
 * ---- the engine, for base/stream_fd.c ----
 * No fd: bytes from the peer are fed, bytes for the peer are appended to an output buffer.
 */
void tls_set_output(struct tls *tls, struct buf *output); /* borrowed; set once, before all else */
/* @data is borrowed until it has been used up; tls_fed() is what is left of it. */
void tls_feed(struct tls *tls, const void *data, size_t len);
size_t tls_fed(const struct tls *tls);
int tls_handshake(struct tls *tls, struct err *err); /* 1: done; 0: needs more from the peer */
/* Bytes decrypted; 0: the peer has said that it is finished; -EAGAIN: feed more. One record a call:
 * @len must be at least TLS_RECORD_MAX. */
#define TLS_RECORD_MAX ((size_t)16 << 10)
ssize_t tls_read(struct tls *tls, void *to, size_t len, struct err *err);
int tls_write(struct tls *tls, const void *data, size_t len, struct err *err); /* all of it */
void tls_shutdown(struct tls *tls);					       /* close_notify */
