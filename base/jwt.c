/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens, signed with RSA and SHA-256, and the key set that lets others check them. */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/crypt.h"
#include "base/json.h"

#define TOKEN_MAX ((size_t)16 << 10)

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

static EVP_PKEY *read_rsa(const char *pem, bool private)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = NULL;

	if (bio && private)
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)"");
	else if (bio)
		key = PEM_read_bio_PUBKEY(bio, NULL, NULL, (void *)"");
	BIO_free(bio);
	ERR_clear_error();
	if (key && !EVP_PKEY_is_a(key, "RSA")) {
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
	auto_pkey EVP_PKEY *key = read_rsa(public_pem, false);

	if (!key)
		return err_say(err, -EINVAL, "read public key: not an RSA key");
	return key_id(key, ret_id) < 0 ? err_set(err, -ENOMEM, "make key id") : 0;
}

static int sign(EVP_PKEY *key, struct buf *token)
{
	auto_md_ctx EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char signature[1024];
	size_t len = sizeof(signature);
	int r;

	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, (const unsigned char *)token->data, token->len) !=
		    1) {
		ERR_clear_error();
		return -EINVAL;
	}
	r = buf_putc(token, '.');
	return r < 0 ? r : base64url_encode(token, signature, len);
}

int jwt_sign(const char *key_pem, const char *claims_json, struct buf *ret_token, struct err *err)
{
	auto_pkey EVP_PKEY *key = read_rsa(key_pem, true);
	auto_buf struct buf head = BUF_INIT(0), token = BUF_INIT(0);
	int r;

	if (!key)
		return err_say(err, -EINVAL, "sign token: not an RSA key");
	r = buf_puts(&head, "{\"alg\":\"RS256\",\"kid\":\"");
	if (r == 0)
		r = key_id(key, &head);
	if (r == 0)
		r = buf_puts(&head, "\"}");
	if (r == 0)
		r = base64url_encode(&token, head.data, head.len);
	if (r == 0)
		r = buf_putc(&token, '.');
	if (r == 0)
		r = base64url_encode(&token, claims_json, strlen(claims_json));
	if (r == 0)
		r = sign(key, &token);
	if (r == 0)
		r = buf_append(ret_token, token.data, token.len);
	return r < 0 ? err_set(err, r, "sign token") : 0;
}

/* The algorithm is ours to say, not the token's: only RS256 is looked for, "none" is no signature. */
static bool head_is_rs256(const char *text, size_t len)
{
	auto_buf struct buf head = BUF_INIT(TOKEN_MAX);
	auto_json struct json_object *json = NULL;
	const char *alg;

	if (base64_decode(&head, text, len) < 0 ||
	    json_parse(buf_str(&head), head.len, &json, NULL) < 0)
		return false;
	alg = json_str(json_get(json, "alg"));
	return alg && !strcmp(alg, "RS256") && !json_has(json, "crit");
}

static bool signature_holds(EVP_PKEY *key, const char *token, size_t signed_len, const char *text)
{
	auto_md_ctx EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	auto_buf struct buf signature = BUF_INIT(1024);
	bool holds;

	if (!ctx || base64_decode(&signature, text, strlen(text)) < 0 || !signature.len)
		return false;
	holds = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestVerify(ctx, (const unsigned char *)signature.data, signature.len,
				 (const unsigned char *)token, signed_len) == 1;
	ERR_clear_error();
	return holds;
}

int jwt_verify(const char *public_pem, const char *token, struct buf *ret_claims, struct err *err)
{
	auto_pkey EVP_PKEY *key = read_rsa(public_pem, false);
	auto_buf struct buf claims = BUF_INIT(TOKEN_MAX);
	const char *dot = strchr(token, '.');
	const char *second = dot ? strchr(dot + 1, '.') : NULL;

	if (!key)
		return err_say(err, -EINVAL, "check token: not an RSA key");
	if (strlen(token) > TOKEN_MAX || !second || strchr(second + 1, '.') ||
	    !head_is_rs256(token, (size_t)(dot - token)))
		return err_say(err, -EKEYREJECTED, "not a token signed with RS256");
	if (!signature_holds(key, token, (size_t)(second - token), second + 1))
		return err_say(err, -EKEYREJECTED, "the token's signature does not match");
	if (base64_decode(&claims, dot + 1, (size_t)(second - dot - 1)) < 0)
		return err_say(err, -EKEYREJECTED, "the token's claims are not base64");
	if (buf_append(ret_claims, buf_str(&claims), claims.len) < 0)
		return err_set(err, -ENOMEM, "check token");
	return 0;
}

static int put_number(struct buf *json, EVP_PKEY *key, const char *param)
{
	unsigned char bytes[1024];
	BIGNUM *number = NULL;
	int r = -EINVAL;

	if (EVP_PKEY_get_bn_param(key, param, &number) == 1 &&
	    BN_num_bytes(number) <= (int)sizeof(bytes))
		r = base64url_encode(json, bytes, (size_t)BN_bn2bin(number, bytes));
	BN_free(number);
	return r;
}

int jwk_set(const char *public_pem, struct buf *ret_json, struct err *err)
{
	auto_pkey EVP_PKEY *key = read_rsa(public_pem, false);
	auto_buf struct buf json = BUF_INIT(0);
	int r;

	if (!key)
		return err_say(err, -EINVAL, "read public key: not an RSA key");
	r = buf_puts(&json, "{\"keys\":[{\"use\":\"sig\",\"kty\":\"RSA\",\"kid\":\"");
	if (r == 0)
		r = key_id(key, &json);
	if (r == 0)
		r = buf_puts(&json, "\",\"alg\":\"RS256\",\"n\":\"");
	if (r == 0)
		r = put_number(&json, key, OSSL_PKEY_PARAM_RSA_N);
	if (r == 0)
		r = buf_puts(&json, "\",\"e\":\"");
	if (r == 0)
		r = put_number(&json, key, OSSL_PKEY_PARAM_RSA_E);
	if (r == 0)
		r = buf_puts(&json, "\"}]}");
	if (r == 0)
		r = buf_append(ret_json, json.data, json.len);
	return r < 0 ? err_set(err, r, "make key set") : 0;
}
