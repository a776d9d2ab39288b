/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypt.h"

#include <assert.h>
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/time.h"

static void own_pkey_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}
static void own_x509_done(X509 **cert)
{
	X509_free(*cert);
}
static void own_bio_done(BIO **bio)
{
	BIO_free(*bio);
}
#define auto_pkey OWN(pkey)
#define auto_x509 OWN(x509)
#define auto_bio  OWN(bio)

/* OpenSSL's own reason, which is better than an errno; its queue is empty afterwards. */
static int crypt_err(struct err *err, int code, const char *what)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	ERR_clear_error();
	return err_say(err, code, "%s: %s", what, reason ? reason : err_text(code));
}

/* ---- digests ---- */

struct sha256 {
	EVP_MD_CTX *ctx;
};

int sha256_new(struct sha256 **ret)
{
	struct sha256 *sha = calloc(1, sizeof(*sha));

	if (!sha)
		return -ENOMEM;
	sha->ctx = EVP_MD_CTX_new();
	if (!sha->ctx || EVP_DigestInit_ex(sha->ctx, EVP_sha256(), NULL) != 1) {
		(void)sha256_free(sha);
		return -ENOMEM;
	}
	*ret = sha;
	return 0;
}

void sha256_add(struct sha256 *sha, const void *data, size_t len)
{
	(void)EVP_DigestUpdate(sha->ctx, data, len);
}

static void hex_of(const unsigned char *bytes, size_t n, char *hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	hex[2 * n] = '\0';
}

void sha256_hex(struct sha256 *sha, char hex[SHA256_HEX])
{
	unsigned char digest[32] = { 0 };

	(void)EVP_DigestFinal_ex(sha->ctx, digest, NULL);
	hex_of(digest, sizeof(digest), hex);
}

struct sha256 *sha256_free(struct sha256 *sha)
{
	if (sha) {
		EVP_MD_CTX_free(sha->ctx);
		free(sha);
	}
	return NULL;
}

void sha256_of(const void *data, size_t len, char hex[SHA256_HEX])
{
	unsigned char digest[32];

	(void)EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL);
	hex_of(digest, sizeof(digest), hex);
}

void sha512_of(const void *data, size_t len, unsigned char digest[64])
{
	(void)EVP_Digest(data, len, digest, NULL, EVP_sha512(), NULL);
}

void sha1_of(const void *data, size_t len, unsigned char digest[20])
{
	(void)EVP_Digest(data, len, digest, NULL, EVP_sha1(), NULL);
}

/* ---- random, encodings ---- */

void random_bytes(void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			abort(); /* keys without randomness are worse than no process */
		p += n;
		len -= (size_t)n;
	}
}

void random_uid(char uid[37])
{
	unsigned char b[16];
	char hex[33];

	random_bytes(b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	hex_of(b, sizeof(b), hex);
	(void)snprintf(uid, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		       hex + 20);
}

static int encode(struct buf *out, const unsigned char *in, size_t len, const char *digits,
		  bool pad)
{
	int r = buf_reserve(out, (len / 3 + 1) * 4);
	char *to;

	if (r < 0)
		return r;
	to = out->data + out->len;
	for (; len >= 3; in += 3, len -= 3) {
		*to++ = digits[in[0] >> 2];
		*to++ = digits[(in[0] & 3) << 4 | in[1] >> 4];
		*to++ = digits[(in[1] & 15) << 2 | in[2] >> 6];
		*to++ = digits[in[2] & 63];
	}
	if (len) {
		*to++ = digits[in[0] >> 2];
		*to++ = digits[(in[0] & 3) << 4 | (len > 1 ? in[1] >> 4 : 0)];
		if (len > 1)
			*to++ = digits[(in[1] & 15) << 2];
		else if (pad)
			*to++ = '=';
		if (pad)
			*to++ = '=';
	}
	*to = '\0';
	out->len = (size_t)(to - out->data);
	return 0;
}

int base64_encode(struct buf *out, const void *data, size_t len)
{
	return encode(out, data, len,
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

int base64url_encode(struct buf *out, const void *data, size_t len)
{
	return encode(out, data, len,
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

static int digit_of(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* Line ends between digits are fine, as in PEM and YAML; anything after the padding is not. */
int base64_decode(struct buf *out, const char *text, size_t len)
{
	size_t start = out->len, n = 0, pads = 0;
	unsigned bits = 0;
	int r = buf_reserve(out, len / 4 * 3 + 3);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		int digit = digit_of((unsigned char)text[i]);

		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (text[i] == '=' && ++pads <= 2)
			continue;
		if (digit < 0 || pads)
			goto invalid;
		bits = bits << 6 | (unsigned)digit;
		n++;
		if (n % 4 != 1) /* the first six bits of four are not a byte yet */
			out->data[out->len++] = (char)(bits >> (3 - (n + 3) % 4) * 2 & 255);
	}
	if (n % 4 == 1 || (pads && (n + pads) % 4))
		goto invalid;
	out->data[out->len] = '\0';
	return 0;
invalid:
	buf_truncate(out, start);
	return -EINVAL;
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/* ---- keys ---- */

static int bio_to_buf(BIO *bio, struct buf *ret)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return len < 0 ? -ENOMEM : buf_append(ret, data, (size_t)len);
}

static int key_to_pem(EVP_PKEY *key, struct buf *ret, struct err *err)
{
	auto_bio BIO *bio = BIO_new(BIO_s_mem());

	if (!key || !bio || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return crypt_err(err, -ENOMEM, "make private key");
	return bio_to_buf(bio, ret) < 0 ? err_set(err, -ENOMEM, "make private key") : 0;
}

int key_new_p256(struct buf *ret_pem, struct err *err)
{
	auto_pkey EVP_PKEY *key = EVP_EC_gen("P-256");

	return key_to_pem(key, ret_pem, err);
}

int key_new_rsa2048(struct buf *ret_pem, struct err *err)
{
	auto_pkey EVP_PKEY *key = EVP_RSA_gen(2048);

	return key_to_pem(key, ret_pem, err);
}

static EVP_PKEY *read_private(const char *pem)
{
	auto_bio BIO *bio = BIO_new_mem_buf(pem, -1);

	/* The empty pass phrase keeps OpenSSL from asking the terminal for one. */
	return bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"") : NULL;
}

static EVP_PKEY *read_public(const char *pem)
{
	auto_bio BIO *bio = BIO_new_mem_buf(pem, -1);

	return bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, (void *)"") : NULL;
}

static X509 *read_cert(const char *pem)
{
	auto_bio BIO *bio = BIO_new_mem_buf(pem, -1);

	return bio ? PEM_read_bio_X509(bio, NULL, NULL, (void *)"") : NULL;
}

int key_public_pem(const char *key_pem, struct buf *ret_pem, struct err *err)
{
	auto_pkey EVP_PKEY *key = read_private(key_pem);
	auto_bio BIO *bio = BIO_new(BIO_s_mem());

	if (!key)
		return crypt_err(err, -EINVAL, "read private key");
	if (!bio || PEM_write_bio_PUBKEY(bio, key) != 1 || bio_to_buf(bio, ret_pem) < 0)
		return crypt_err(err, -ENOMEM, "make public key");
	return 0;
}

/* ---- certificates ---- */

static const struct {
	const char *basic, *key, *extended;
} usages[] = {
	[CERT_CA] = { "critical,CA:TRUE", "critical,digitalSignature,keyCertSign,cRLSign", NULL },
	[CERT_SERVER] = { "critical,CA:FALSE", "critical,digitalSignature,keyEncipherment",
			  "serverAuth" },
	[CERT_CLIENT] = { "critical,CA:FALSE", "critical,digitalSignature,keyEncipherment",
			  "clientAuth" },
	[CERT_SERVER_AND_CLIENT] = { "critical,CA:FALSE",
				     "critical,digitalSignature,keyEncipherment",
				     "serverAuth,clientAuth" },
};

static bool set_subject(X509 *cert, const struct cert_request *request)
{
	X509_NAME *name = X509_get_subject_name(cert);

	for (const char *const *o = request->organizations; o && *o; o++) {
		if (X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)*o,
					       -1, -1, 0) != 1)
			return false;
	}
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					  (const unsigned char *)request->common_name, -1, -1,
					  0) == 1;
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (!name || !value || !sk_GENERAL_NAME_push(names, name)) {
		GENERAL_NAME_free(name);
		ASN1_STRING_free(value);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	return true;
}

/* Built, not printed and parsed again: a name with a comma in it stays one name. */
static int add_alt_names(X509 *cert, const struct cert_request *request)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	int r = names ? 0 : -ENOMEM;

	for (const char *const *d = request->dns_names; r == 0 && d && *d; d++) {
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();

		if (text && ASN1_STRING_set(text, *d, -1) != 1) {
			ASN1_STRING_free(text);
			text = NULL;
		}
		r = push_name(names, GEN_DNS, text) ? 0 : -ENOMEM;
	}
	for (const char *const *ip = request->ip_addresses; r == 0 && ip && *ip; ip++) {
		ASN1_OCTET_STRING *octets = a2i_IPADDRESS(*ip);

		r = !octets ? -EINVAL : push_name(names, GEN_IPADD, octets) ? 0 : -ENOMEM;
	}
	if (r == 0 && sk_GENERAL_NAME_num(names) > 0 &&
	    X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1)
		r = -ENOMEM;
	GENERAL_NAMES_free(names);
	return r;
}

static bool set_serial(X509 *cert)
{
	unsigned char serial[16];
	BIGNUM *number;
	bool ok;

	random_bytes(serial, sizeof(serial));
	serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40); /* positive, and of full length */
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	return ok;
}

static int fill_cert(X509 *cert, const struct cert_request *request, EVP_PKEY *key, X509 *issuer,
		     struct err *err)
{
	const char *name = request->common_name;
	int r;

	if (X509_set_version(cert, 2) != 1 || !set_serial(cert) || !set_subject(cert, request) ||
	    !ASN1_TIME_set(X509_getm_notBefore(cert),
			   (time_t)(request->not_before_ns / NS_PER_S)) ||
	    !ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(request->not_after_ns / NS_PER_S)) ||
	    X509_set_pubkey(cert, key) != 1 ||
	    X509_set_issuer_name(cert, X509_get_subject_name(issuer)) != 1)
		return crypt_err(err, -EINVAL, "make certificate");
	if (!add_extension(cert, issuer, NID_basic_constraints, usages[request->usage].basic) ||
	    !add_extension(cert, issuer, NID_key_usage, usages[request->usage].key) ||
	    (usages[request->usage].extended &&
	     !add_extension(cert, issuer, NID_ext_key_usage, usages[request->usage].extended)) ||
	    !add_extension(cert, issuer, NID_subject_key_identifier, "hash") ||
	    (issuer != cert && !add_extension(cert, issuer, NID_authority_key_identifier, "keyid")))
		return crypt_err(err, -ENOMEM, "make certificate");
	r = add_alt_names(cert, request);
	if (r == -EINVAL)
		return err_say(err, r, "certificate for %s: not an IP address", name);
	return r < 0 ? err_set(err, r, "certificate for %s", name) : 0;
}

int cert_issue(const struct cert_request *request, const char *key_pem, const char *ca_cert_pem,
	       const char *ca_key_pem, struct buf *ret_pem, struct err *err)
{
	auto_pkey EVP_PKEY *key = read_private(key_pem);
	auto_pkey EVP_PKEY *ca_key = ca_key_pem ? read_private(ca_key_pem) : NULL;
	auto_x509 X509 *ca = ca_cert_pem ? read_cert(ca_cert_pem) : NULL;
	auto_x509 X509 *cert = X509_new();
	auto_bio BIO *bio = BIO_new(BIO_s_mem());
	int r;

	assert(!ca_cert_pem == !ca_key_pem);
	if (!key && ca_key)
		key = read_public(key_pem);
	if (!key)
		return crypt_err(err, -EINVAL, "read key of certificate");
	if (ca_cert_pem && (!ca || !ca_key))
		return crypt_err(err, -EINVAL, "read key and certificate of the authority");
	if (!cert || !bio)
		return err_set(err, -ENOMEM, "make certificate");
	ERR_clear_error();
	r = fill_cert(cert, request, key, ca ? ca : cert, err);
	if (r < 0)
		return r;
	if (X509_sign(cert, ca_key ? ca_key : key, EVP_sha256()) == 0)
		return crypt_err(err, -EINVAL, "sign certificate");
	if (PEM_write_bio_X509(bio, cert) != 1 || bio_to_buf(bio, ret_pem) < 0)
		return crypt_err(err, -ENOMEM, "write certificate");
	return 0;
}

static int time_of(const ASN1_TIME *at, int64_t *ret_ns)
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(at, &tm) != 1)
		return -EINVAL;
	*ret_ns = (int64_t)timegm(&tm) * NS_PER_S;
	return 0;
}

int cert_read(const char *cert_pem, struct cert_info *ret, struct err *err)
{
	auto_x509 X509 *cert = read_cert(cert_pem);
	struct cert_info info = { 0 };
	unsigned char *der = NULL;
	int len;

	if (!cert)
		return crypt_err(err, -EINVAL, "read certificate");
	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName,
					info.common_name, sizeof(info.common_name));
	info.is_ca = X509_check_ca(cert) == 1;
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	if (len <= 0 || time_of(X509_get0_notBefore(cert), &info.not_before_ns) < 0 ||
	    time_of(X509_get0_notAfter(cert), &info.not_after_ns) < 0) {
		OPENSSL_free(der);
		return crypt_err(err, -EINVAL, "read certificate");
	}
	sha256_of(der, (size_t)len, info.spki_sha256);
	OPENSSL_free(der);
	*ret = info;
	return 0;
}
