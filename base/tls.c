/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tls.h"

#include <assert.h>
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/time.h"

struct tls_context {
	SSL_CTX *ssl;
	unsigned refs; /* connections read pin and flags through it */
	bool server, allow_expired, verify;
	char pin[SHA256_HEX];
	int64_t time_floor_ns;
	unsigned char alpn[64]; /* in wire form: length, name */
	unsigned alpn_len;
};

struct tls {
	SSL *ssl;
	struct tls_context *context;
	struct buf *output;
	const char *fed;
	size_t n_fed;
	bool expired; /* the peer's certificate, and let pass */
	bool shut;
};

/* ---- errors ---- */

static int tls_err(struct err *err, int code, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	return err_say(err, code, "%s: %s", what, reason ? reason : err_text(code));
}

/* ---- the BIO: bytes that were fed, and an output buffer ---- */

static int bio_write(BIO *bio, const char *data, int len)
{
	struct tls *tls = BIO_get_data(bio);

	if (len <= 0 || buf_append(tls->output, data, (size_t)len) < 0)
		return -1;
	return len;
}

static int bio_read(BIO *bio, char *to, int len)
{
	struct tls *tls = BIO_get_data(bio);
	size_t n = MIN(tls->n_fed, (size_t)len);

	BIO_clear_retry_flags(bio);
	if (!n) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, tls->fed, n);
	tls->fed += n;
	tls->n_fed -= n;
	return (int)n;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;

	if (method)
		return method;
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shallop");
	if (method) {
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_ctrl(method, bio_ctrl);
	}
	return method;
}

/* ---- contexts ---- */

static int load_issuers(X509_STORE *store, STACK_OF(X509_NAME) * names, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	int n = 0;

	if (!bio)
		return -ENOMEM;
	for (;;) {
		X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		int ok;

		if (!cert)
			break;
		ok = X509_STORE_add_cert(store, cert);
		if (ok && names) {
			X509_NAME *name = X509_NAME_dup(X509_get_subject_name(cert));

			ok = name && sk_X509_NAME_push(names, name);
			if (!ok)
				X509_NAME_free(name);
		}
		X509_free(cert);
		if (!ok) {
			n = -ENOMEM;
			break;
		}
		n++;
	}
	BIO_free(bio);
	ERR_clear_error(); /* "no start line" ends every list */
	return n;
}

static int load_own(SSL_CTX *ssl, const struct tls_options *options, struct err *err)
{
	BIO *cert_bio = BIO_new_mem_buf(options->cert_pem, -1);
	BIO *key_bio = BIO_new_mem_buf(options->key_pem, -1);
	X509 *cert = cert_bio ? PEM_read_bio_X509(cert_bio, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, (void *)"") : NULL;
	int r = 0;

	if (!cert)
		r = tls_err(err, -EINVAL, "read certificate");
	else if (!key)
		r = tls_err(err, -EINVAL, "read private key");
	else if (SSL_CTX_use_certificate(ssl, cert) != 1 || SSL_CTX_use_PrivateKey(ssl, key) != 1)
		r = tls_err(err, -EINVAL, "certificate and private key do not belong together");
	/* The rest of the PEM is the chain. */
	while (r == 0) {
		X509 *more = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);

		if (!more)
			break;
		if (SSL_CTX_add0_chain_cert(ssl, more) != 1) {
			X509_free(more);
			r = tls_err(err, -EINVAL, "add certificate of the chain");
		}
	}
	ERR_clear_error();
	X509_free(cert);
	EVP_PKEY_free(key);
	BIO_free(cert_bio);
	BIO_free(key_bio);
	return r;
}

static bool pin_matches(X509 *cert, const char *pin)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	char hex[SHA256_HEX];

	if (len <= 0)
		return false;
	sha256_of(der, (size_t)len, hex);
	OPENSSL_free(der);
	return !strcasecmp(hex, pin);
}

static struct tls *tls_of_store(X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

	return ssl ? SSL_get_app_data(ssl) : NULL;
}

/*
 * A joining agent knows the CA by the hash of its key only: the chain must end in a certificate
 * with that key, and everything else about it (names, times, signatures) must hold as usual.
 * Which is so, since the issuer found in the peer's own chain is what was pinned.
 */
static int on_verify(int ok, X509_STORE_CTX *store)
{
	struct tls *tls = tls_of_store(store);
	int code = X509_STORE_CTX_get_error(store);

	if (ok || !tls)
		return ok;
	if (tls->context->allow_expired && X509_STORE_CTX_get_error_depth(store) == 0 &&
	    code == X509_V_ERR_CERT_HAS_EXPIRED) {
		tls->expired = true;
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	if (*tls->context->pin &&
	    (code == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
	     code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) &&
	    pin_matches(X509_STORE_CTX_get_current_cert(store), tls->context->pin)) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	return 0;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned in_len, void *data)
{
	const struct tls_context *context = data;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_len, context->alpn, context->alpn_len, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK; /* go on without: the peer speaks HTTP/1.1 then */
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int setup_verify(struct tls_context *context, SSL_CTX *ssl,
			const struct tls_options *options, struct err *err)
{
	const char *pem = options->server ? options->client_ca_pem : options->ca_pem;
	STACK_OF(X509_NAME) *names = NULL;
	int n;

	context->verify = !options->skip_verify && (!options->server || options->client_ca_pem);
	if (!context->verify) {
		SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
		return 0;
	}
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
	if (options->pin_sha256_hex)
		return 0; /* no issuers: on_verify() knows the one */
	if (!pem)
		return SSL_CTX_set_default_verify_paths(ssl) == 1
			       ? 0
			       : tls_err(err, -EINVAL, "load the system's certificate authorities");
	if (options->server) {
		names = sk_X509_NAME_new_null();
		if (!names)
			return err_set(err, -ENOMEM, "load certificate authorities");
	}
	n = load_issuers(SSL_CTX_get_cert_store(ssl), names, pem);
	if (n <= 0) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return n < 0 ? err_set(err, n, "load certificate authorities")
			     : err_say(err, -EINVAL, "no certificate in the list of authorities");
	}
	if (names)
		SSL_CTX_set_client_CA_list(ssl, names);
	return 0;
}

static int setup(struct tls_context *context, SSL_CTX *ssl, const struct tls_options *options,
		 struct err *err)
{
	int r;

	SSL_CTX_set_min_proto_version(ssl, options->tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
					 SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	/* Without it a client that offers a session and a certificate is answered by an alert. */
	if (options->server &&
	    SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"shallop", 7) != 1)
		return tls_err(err, -EINVAL, "set session context");
	if (options->cert_pem && options->key_pem) {
		r = load_own(ssl, options, err);
		if (r < 0)
			return r;
	}
	r = setup_verify(context, ssl, options, err);
	if (r < 0)
		return r;
	if (options->alpn) {
		size_t len = strlen(options->alpn);

		if (len + 1 > sizeof(context->alpn))
			return err_say(err, -EINVAL, "protocol name %s is too long", options->alpn);
		context->alpn[0] = (unsigned char)len;
		memcpy(context->alpn + 1, options->alpn, len);
		context->alpn_len = (unsigned)len + 1;
		if (options->server)
			SSL_CTX_set_alpn_select_cb(ssl, on_alpn, context);
		else if (SSL_CTX_set_alpn_protos(ssl, context->alpn, context->alpn_len) != 0)
			return tls_err(err, -ENOMEM, "set protocol name");
	}
	context->server = options->server;
	context->allow_expired = options->allow_expired;
	context->time_floor_ns = options->time_floor_ns;
	(void)snprintf(context->pin, sizeof(context->pin), "%s",
		       options->pin_sha256_hex ? options->pin_sha256_hex : "");
	return 0;
}

static struct tls_context *context_unref(struct tls_context *context)
{
	if (context && --context->refs == 0) {
		SSL_CTX_free(context->ssl);
		free(context);
	}
	return NULL;
}

static int ssl_context_new(struct tls_context *context, const struct tls_options *options,
			   SSL_CTX **ret, struct err *err)
{
	SSL_CTX *ssl = SSL_CTX_new(options->server ? TLS_server_method() : TLS_client_method());
	int r;

	if (!ssl)
		return tls_err(err, -ENOMEM, "make TLS context");
	r = setup(context, ssl, options, err);
	if (r < 0) {
		SSL_CTX_free(ssl);
		return r;
	}
	*ret = ssl;
	return 0;
}

int tls_context_new(const struct tls_options *options, struct tls_context **ret, struct err *err)
{
	struct tls_context *context = calloc(1, sizeof(*context));
	int r;

	if (!context || !bio_method()) {
		free(context);
		return err_set(err, -ENOMEM, "make TLS context");
	}
	context->refs = 1;
	r = ssl_context_new(context, options, &context->ssl, err);
	if (r < 0) {
		(void)context_unref(context);
		return r;
	}
	*ret = context;
	return 0;
}

struct tls_context *tls_context_free(struct tls_context *context)
{
	return context_unref(context);
}

int tls_context_reload(struct tls_context *context, const struct tls_options *options,
		       struct err *err)
{
	SSL_CTX *ssl;
	int r = ssl_context_new(context, options, &ssl, err);

	if (r < 0)
		return r;
	SSL_CTX_free(context->ssl); /* connections keep theirs */
	context->ssl = ssl;
	return 0;
}

/* ---- connections ---- */

static int set_name(SSL *ssl, const char *name)
{
	unsigned char ip[16];

	if (inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1 ? 0 : -ENOMEM;
	if (SSL_set_tlsext_host_name(ssl, name) != 1 || SSL_set1_host(ssl, name) != 1)
		return -ENOMEM;
	return 0;
}

int tls_new(struct tls_context *context, const char *server_name, struct tls **ret, struct err *err)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	BIO *bio;

	if (!tls)
		return err_set(err, -ENOMEM, "make TLS connection");
	tls->context = context;
	context->refs++;
	tls->ssl = SSL_new(context->ssl);
	bio = BIO_new(bio_method());
	if (!tls->ssl || !bio || SSL_set_app_data(tls->ssl, tls) != 1) {
		BIO_free(bio);
		(void)tls_free(tls);
		return tls_err(err, -ENOMEM, "make TLS connection");
	}
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	if (context->time_floor_ns > time_now_ns())
		X509_VERIFY_PARAM_set_time(SSL_get0_param(tls->ssl),
					   (time_t)(context->time_floor_ns / NS_PER_S));
	if (context->server) {
		SSL_set_accept_state(tls->ssl);
	} else {
		SSL_set_connect_state(tls->ssl);
		if (server_name && *server_name && set_name(tls->ssl, server_name) < 0) {
			(void)tls_free(tls);
			return tls_err(err, -ENOMEM, "set server name");
		}
	}
	*ret = tls;
	return 0;
}

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	SSL_free(tls->ssl);
	(void)context_unref(tls->context);
	free(tls);
	return NULL;
}

static bool copy_text(const X509_NAME_ENTRY *entry, char *to, size_t size)
{
	unsigned char *text = NULL;
	int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
	bool ok = len >= 0 && (size_t)len < size && !memchr(text, 0, (size_t)len);

	if (ok) {
		memcpy(to, text, (size_t)len);
		to[len] = '\0';
	}
	OPENSSL_free(text);
	return ok;
}

static bool read_subject(X509 *cert, struct tls_identity *id)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	int n = X509_NAME_entry_count(name);

	for (int i = 0; i < n; i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));

		if (nid == NID_commonName &&
		    !copy_text(entry, id->common_name, sizeof(id->common_name)))
			return false;
		if (nid != NID_organizationName)
			continue;
		/* More groups than we keep: nobody's rights may depend on which were dropped. */
		if (id->n_organizations == ARRAY_LEN(id->organizations))
			return false;
		if (!copy_text(entry, id->organizations[id->n_organizations++],
			       sizeof(id->organizations[0])))
			return false;
	}
	return true;
}

bool tls_peer(const struct tls *tls, struct tls_identity *ret)
{
	X509 *cert = tls ? SSL_get0_peer_certificate(tls->ssl) : NULL;
	unsigned char *der = NULL;
	int len;

	*ret = (struct tls_identity){ 0 };
	if (!cert || !tls->context->verify || SSL_get_verify_result(tls->ssl) != X509_V_OK)
		return false;
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (len <= 0)
		return false;
	sha256_of(der, (size_t)len, ret->fingerprint);
	OPENSSL_free(der);
	ret->expired = tls->expired;
	if (read_subject(cert, ret))
		return true;
	*ret = (struct tls_identity){ 0 };
	return false;
}

/* ---- the engine ---- */

void tls_set_output(struct tls *tls, struct buf *output)
{
	tls->output = output;
}

void tls_feed(struct tls *tls, const void *data, size_t len)
{
	tls->fed = data;
	tls->n_fed = len;
}

size_t tls_fed(const struct tls *tls)
{
	return tls->n_fed;
}

int tls_handshake(struct tls *tls, struct err *err)
{
	int r, code;
	long verify;

	ERR_clear_error();
	r = SSL_do_handshake(tls->ssl);
	if (r == 1)
		return 1;
	code = SSL_get_error(tls->ssl, r);
	if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
		return 0;
	verify = SSL_get_verify_result(tls->ssl);
	if (verify != X509_V_OK) {
		ERR_clear_error();
		return err_say(err, -EKEYREJECTED, "certificate: %s",
			       X509_verify_cert_error_string(verify));
	}
	return tls_err(err, -EPROTO, "handshake");
}

ssize_t tls_read(struct tls *tls, void *to, size_t len, struct err *err)
{
	size_t n;
	int r;

	ERR_clear_error();
	r = SSL_read_ex(tls->ssl, to, len, &n);
	if (r == 1)
		return (ssize_t)n;
	switch (SSL_get_error(tls->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		return tls_err(err, -EPROTO, "read");
	}
}

int tls_write(struct tls *tls, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	/* The output takes everything, so this never waits; but each record is a round. */
	while (len) {
		size_t n;

		ERR_clear_error();
		if (SSL_write_ex(tls->ssl, p, len, &n) != 1)
			return tls_err(err, -EPROTO, "write");
		p += n;
		len -= n;
	}
	return 0;
}

void tls_shutdown(struct tls *tls)
{
	if (tls->shut)
		return;
	tls->shut = true;
	ERR_clear_error();
	(void)SSL_shutdown(tls->ssl);
	ERR_clear_error();
}
