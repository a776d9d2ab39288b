/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Web Tokens, and the key set that lets others check them. The key decides: P-256 signs with ES256
 * (forty microseconds), RSA with RS256 (a millisecond; clusters that began with such a key keep it).
 */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/crypt.h"
#include "base/json.h"

#define TOKEN_MAX ((size_t)16 << 10)
#define P256_SIZE 32

static void own_pkey_done(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}
static void own_md_ctx_done(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}
#define auto_pkey   OWN(pkey)
#define auto_md_ctx OWN(md_ctx)

static const struct algorithm {
	const char *name, *key_type; /* as OpenSSL calls it */
	bool raw;		     /* the signature is two numbers of fixed size, not DER */
} algorithms[] = {
	{ "ES256", "EC", true },
	{ "RS256", "RSA", false },
};

static const struct algorithm *algorithm_of(EVP_PKEY *key)
{
	for (size_t i = 0; key && i < ARRAY_LEN(algorithms); i++)
		if (EVP_PKEY_is_a(key, algorithms[i].key_type) &&
		    (!algorithms[i].raw || EVP_PKEY_get_bits(key) == 8 * P256_SIZE))
			return &algorithms[i];
	return NULL;
}

static EVP_PKEY *read_key(const char *pem, bool private, const struct algorithm **ret)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = NULL;

	if (bio && private)
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
	else if (bio)
		key = PEM_read_bio_PUBKEY(bio, NULL, NULL, (void *)"");
	BIO_free(bio);
	ERR_clear_error();
	*ret = algorithm_of(key);
	if (key && !*ret) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	return key;
}

/* Kubernetes': base64url of the SHA-256 of the public key in DER. */
static int key_id(EVP_PKEY *key, struct buf *ret)
{
	unsigned char *der = NULL, digest[32];
	int len = i2d_PUBKEY(key, &der), r = -ENOMEM;

	if (len > 0 && EVP_Digest(der, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1)
		r = base64url_encode(ret, digest, sizeof(digest));
	OPENSSL_free(der);
	return r;
}

int jwk_key_id(const char *public_pem, struct buf *ret_id, struct err *err)
{
	const struct algorithm *algorithm;
	auto_pkey EVP_PKEY *key = read_key(public_pem, false, &algorithm);

	if (!key)
		return err_say(err, -EINVAL, "read public key: neither P-256 nor RSA");
	return key_id(key, ret_id) < 0 ? err_set(err, -ENOMEM, "make key id") : 0;
}

/* ---- signing ---- */

struct jwt_signer {
	EVP_PKEY *key;
	const struct algorithm *algorithm;
	struct buf head; /* every token's, encoded, with its dot */
};

struct jwt_signer *jwt_signer_free(struct jwt_signer *signer)
{
	if (!signer)
		return NULL;
	EVP_PKEY_free(signer->key);
	buf_done(&signer->head);
	free(signer);
	return NULL;
}

static int make_head(struct jwt_signer *signer)
{
	auto_buf struct buf head = BUF_INIT(0);
	int r = buf_printf(&head, "{\"alg\":\"%s\",\"kid\":\"", signer->algorithm->name);

	if (r == 0)
		r = key_id(signer->key, &head);
	if (r == 0)
		r = buf_puts(&head, "\"}");
	if (r == 0)
		r = base64url_encode(&signer->head, head.data, head.len);
	return r == 0 ? buf_putc(&signer->head, '.') : r;
}

int jwt_signer_new(const char *key_pem, struct jwt_signer **ret, struct err *err)
{
	auto_jwt_signer struct jwt_signer *signer = calloc(1, sizeof(*signer));

	if (!signer)
		return err_set(err, -ENOMEM, "read the key for tokens");
	signer->key = read_key(key_pem, true, &signer->algorithm);
	if (!signer->key)
		return err_say(err, -EINVAL, "read the key for tokens: neither P-256 nor RSA");
	if (make_head(signer) < 0)
		return err_set(err, -ENOMEM, "read the key for tokens");
	*ret = take_ptr(&signer);
	return 0;
}

/* OpenSSL's DER of (r, s) to 64 bytes in place, and back into @der. */
static bool der_to_raw(unsigned char *signature, size_t *len)
{
	const unsigned char *at = signature;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)*len);
	bool done = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, P256_SIZE) > 0 &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + P256_SIZE, P256_SIZE) > 0;

	ECDSA_SIG_free(sig);
	*len = 2 * (size_t)P256_SIZE;
	return done;
}

static int raw_to_der(const unsigned char *raw, size_t len, unsigned char **ret)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, P256_SIZE, NULL);
	BIGNUM *s = BN_bin2bn(raw + P256_SIZE, P256_SIZE, NULL);
	int n = -1;

	if (len == 2 * (size_t)P256_SIZE && sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL; /* the signature's now */
		n = i2d_ECDSA_SIG(sig, ret);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return n;
}

int jwt_sign(const struct jwt_signer *signer, const char *claims_json, struct buf *ret_token,
	     struct err *err)
{
	auto_md_ctx EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	auto_buf struct buf token = BUF_INIT(0);
	unsigned char signature[1024];
	size_t len = sizeof(signature);
	int r = buf_append(&token, signer->head.data, signer->head.len);

	if (r == 0)
		r = base64url_encode(&token, claims_json, strlen(claims_json));
	if (r < 0)
		return err_set(err, r, "sign token");
	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, signer->key) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, (const unsigned char *)token.data, token.len) !=
		    1 ||
	    (signer->algorithm->raw && !der_to_raw(signature, &len))) {
		ERR_clear_error();
		return err_set(err, -EINVAL, "sign token");
	}
	r = buf_putc(&token, '.');
	if (r == 0)
		r = base64url_encode(&token, signature, len);
	if (r == 0)
		r = buf_append(ret_token, token.data, token.len);
	return r < 0 ? err_set(err, r, "sign token") : 0;
}

/* ---- checking ---- */

/* The algorithm is the key's to say, not the token's: "none" is no signature. */
static bool head_says(const char *text, size_t len, const char *algorithm)
{
	auto_buf struct buf head = BUF_INIT(TOKEN_MAX);
	auto_json struct json_object *json = NULL;
	const char *alg;

	if (base64_decode(&head, text, len) < 0 ||
	    json_parse(buf_str(&head), head.len, &json, NULL) < 0)
		return false;
	alg = json_str(json_get(json, "alg"));
	return alg && !strcmp(alg, algorithm) && !json_has(json, "crit");
}

static bool signature_holds(EVP_PKEY *key, bool raw, const char *token, size_t signed_len,
			    const char *text)
{
	auto_md_ctx EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	auto_buf struct buf decoded = BUF_INIT(1024);
	unsigned char *der = NULL;
	const unsigned char *signature;
	int len;
	bool holds;

	if (!ctx || base64_decode(&decoded, text, strlen(text)) < 0 || !decoded.len)
		return false;
	signature = (const unsigned char *)decoded.data;
	len = (int)decoded.len;
	if (raw) {
		if (decoded.len != 2 * (size_t)P256_SIZE)
			return false;
		len = raw_to_der(signature, decoded.len, &der);
		signature = der;
	}
	holds = len > 0 && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestVerify(ctx, signature, (size_t)len, (const unsigned char *)token,
				 signed_len) == 1;
	OPENSSL_free(der);
	ERR_clear_error();
	return holds;
}

int jwt_verify(const char *public_pem, const char *token, struct buf *ret_claims, struct err *err)
{
	const struct algorithm *algorithm;
	auto_pkey EVP_PKEY *key = read_key(public_pem, false, &algorithm);
	auto_buf struct buf claims = BUF_INIT(TOKEN_MAX);
	const char *dot = strchr(token, '.');
	const char *second = dot ? strchr(dot + 1, '.') : NULL;

	if (!key)
		return err_say(err, -EINVAL, "check token: a key neither P-256 nor RSA");
	if (strlen(token) > TOKEN_MAX || !second || strchr(second + 1, '.') ||
	    !head_says(token, (size_t)(dot - token), algorithm->name))
		return err_say(err, -EKEYREJECTED, "not a token signed with %s", algorithm->name);
	if (!signature_holds(key, algorithm->raw, token, (size_t)(second - token), second + 1))
		return err_say(err, -EKEYREJECTED, "the token's signature does not match");
	if (base64_decode(&claims, dot + 1, (size_t)(second - dot - 1)) < 0)
		return err_say(err, -EKEYREJECTED, "the token's claims are not base64");
	if (buf_append(ret_claims, buf_str(&claims), claims.len) < 0)
		return err_set(err, -ENOMEM, "check token");
	return 0;
}

/* ---- the key set ---- */

/* ,"name":"base64url of the number" */
static int put_number(struct buf *json, EVP_PKEY *key, const char *name, const char *param,
		      int fixed)
{
	unsigned char bytes[1024];
	BIGNUM *number = NULL;
	int r = -EINVAL, len;

	if (EVP_PKEY_get_bn_param(key, param, &number) == 1 &&
	    BN_num_bytes(number) <= (int)sizeof(bytes)) {
		len = fixed ? BN_bn2binpad(number, bytes, fixed) : BN_bn2bin(number, bytes);
		r = buf_printf(json, ",\"%s\":\"", name);
		if (r == 0 && len > 0)
			r = base64url_encode(json, bytes, (size_t)len);
		if (r == 0)
			r = buf_putc(json, '"');
	}
	BN_free(number);
	return r;
}

int jwk_set(const char *public_pem, struct buf *ret_json, struct err *err)
{
	const struct algorithm *algorithm;
	auto_pkey EVP_PKEY *key = read_key(public_pem, false, &algorithm);
	auto_buf struct buf json = BUF_INIT(0);
	int r;

	if (!key)
		return err_say(err, -EINVAL, "read public key: neither P-256 nor RSA");
	r = buf_printf(&json, "{\"keys\":[{\"use\":\"sig\",\"kty\":\"%s\",\"kid\":\"",
		       algorithm->key_type);
	if (r == 0)
		r = key_id(key, &json);
	if (r == 0)
		r = buf_printf(&json, "\",%s\"alg\":\"%s\"",
			       algorithm->raw ? "\"crv\":\"P-256\"," : "", algorithm->name);
	if (r == 0)
		r = algorithm->raw
			    ? put_number(&json, key, "x", OSSL_PKEY_PARAM_EC_PUB_X, P256_SIZE)
			    : put_number(&json, key, "n", OSSL_PKEY_PARAM_RSA_N, 0);
	if (r == 0)
		r = algorithm->raw
			    ? put_number(&json, key, "y", OSSL_PKEY_PARAM_EC_PUB_Y, P256_SIZE)
			    : put_number(&json, key, "e", OSSL_PKEY_PARAM_RSA_E, 0);
	if (r == 0)
		r = buf_puts(&json, "}]}");
	if (r == 0)
		r = buf_append(ret_json, json.data, json.len);
	return r < 0 ? err_set(err, r, "make key set") : 0;
}

int jwk_algorithm(const char *public_pem, const char **ret)
{
	const struct algorithm *algorithm;
	auto_pkey EVP_PKEY *key = read_key(public_pem, false, &algorithm);

	if (!key)
		return -EINVAL;
	*ret = algorithm->name;
	return 0;
}
