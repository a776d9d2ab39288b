/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys, certificates, digests, tokens: the rest of what OpenSSL does for us. PEM and base64 text
 * in, the same out. P-256 for certificates, RS256 for service-account tokens.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* ---- digests ---- */
#define SHA256_HEX 65
struct sha256; /* incremental */
int sha256_new(struct sha256 **ret);
void sha256_add(struct sha256 *sha, const void *data, size_t len);
void sha256_hex(struct sha256 *sha, char hex[SHA256_HEX]); /* ends it */
struct sha256 *sha256_free(struct sha256 *sha);
void sha256_of(const void *data, size_t len, char hex[SHA256_HEX]);
void sha1_of(const void *data, size_t len, unsigned char digest[20]); /* WebSocket wants it */
void sha512_of(const void *data, size_t len, unsigned char digest[64]);

/* ---- random, encodings ---- */
void random_bytes(void *data, size_t len); /* getrandom(2); aborts if the kernel has none */
void random_uid(char uid[37]);		   /* a version 4 UUID */
int base64_encode(struct buf *out, const void *data, size_t len);
int base64url_encode(struct buf *out, const void *data, size_t len); /* without padding */
int base64_decode(struct buf *out, const char *text, size_t len);    /* both alphabets; -EINVAL */
bool secret_equal(const void *a, const void *b, size_t len);	     /* in constant time */

/* ---- certificates ---- */
enum cert_usage { CERT_CA, CERT_SERVER, CERT_CLIENT, CERT_SERVER_AND_CLIENT };
struct cert_request {
	enum cert_usage usage;
	const char *common_name;
	const char *const *organizations; /* NULL-terminated; NULL: none */
	const char *const *dns_names;	  /* NULL-terminated; NULL: none */
	const char *const *ip_addresses;
	int64_t not_before_ns, not_after_ns;
};
int key_new_p256(struct buf *ret_pem, struct err *err);
int key_new_rsa2048(struct buf *ret_pem, struct err *err);
int key_public_pem(const char *key_pem, struct buf *ret_pem, struct err *err);
/* @ca_cert_pem and @ca_key_pem NULL: self-signed (a CA). The subject key is @key_pem's, which may be
 * a public key if there is a CA: an agent keeps its private one to itself. */
int cert_issue(const struct cert_request *request, const char *key_pem, const char *ca_cert_pem,
	       const char *ca_key_pem, struct buf *ret_pem, struct err *err);
struct cert_info {
	char common_name[256];
	bool is_ca;
	int64_t not_before_ns, not_after_ns;
	char spki_sha256[SHA256_HEX];
};
int cert_read(const char *cert_pem, struct cert_info *ret, struct err *err);

/* ---- JSON Web Tokens: ES256 with a P-256 key, RS256 with an RSA key ---- */
struct jwt_signer;
int jwt_signer_new(const char *key_pem, struct jwt_signer **ret, struct err *err);
struct jwt_signer *jwt_signer_free(struct jwt_signer *signer);
OWN_DEFINE(jwt_signer, struct jwt_signer *, jwt_signer_free)
#define auto_jwt_signer OWN(jwt_signer)
int jwt_sign(const struct jwt_signer *signer, const char *claims_json, struct buf *ret_token,
	     struct err *err);
/* Checks the signature only, not times; gives the claims. -EKEYREJECTED: it does not match, or it is
 * no token of the key's algorithm at all. */
int jwt_verify(const char *public_pem, const char *token, struct buf *ret_claims, struct err *err);
/* kid of a key and its JSON Web Key set, as Kubernetes publishes them. */
int jwk_set(const char *public_pem, struct buf *ret_json, struct err *err);
int jwk_key_id(const char *public_pem, struct buf *ret_id, struct err *err);
int jwk_algorithm(const char *public_pem, const char **ret); /* "ES256" or "RS256" */
