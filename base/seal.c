/* SPDX-License-Identifier: Apache-2.0 */
#include "base/seal.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/crypt.h"

#define NONCE 12
#define TAG   16
_Static_assert(NONCE + TAG == SEAL_EXTRA, "what the header says");

static void own_cipher_done(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}
#define auto_cipher OWN(cipher)

int seal_put(const unsigned char key[SEAL_KEY], const char *context, const void *data, size_t len,
	     struct buf *out)
{
	auto_cipher EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *nonce, *body;
	int n, r;

	if (!ctx)
		return -ENOMEM;
	if (len > INT_MAX - SEAL_EXTRA)
		return -E2BIG;
	r = buf_reserve(out, len + SEAL_EXTRA);
	if (r < 0)
		return r;
	nonce = (unsigned char *)out->data + out->len;
	body = nonce + NONCE;
	random_bytes(nonce, NONCE);
	if (EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, (const unsigned char *)context,
			      (int)strlen(context)) != 1 ||
	    EVP_EncryptUpdate(ctx, body, &n, data, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(ctx, body + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, body + len) != 1) {
		ERR_clear_error();
		return -ENOMEM;
	}
	out->len += len + SEAL_EXTRA;
	out->data[out->len] = '\0';
	return 0;
}

int seal_take(const unsigned char key[SEAL_KEY], const char *context, const void *sealed,
	      size_t len, struct buf *out)
{
	auto_cipher EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const unsigned char *nonce = sealed, *body = nonce + NONCE;
	unsigned char tag[TAG], *to;
	int n, r;

	if (!ctx)
		return -ENOMEM;
	if (len < SEAL_EXTRA || len > INT_MAX)
		return -EBADMSG;
	len -= SEAL_EXTRA;
	r = buf_reserve(out, len + 1);
	if (r < 0)
		return r;
	to = (unsigned char *)out->data + out->len;
	memcpy(tag, body + len, TAG);
	if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)context,
			      (int)strlen(context)) != 1 ||
	    EVP_DecryptUpdate(ctx, to, &n, body, (int)len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) != 1 ||
	    EVP_DecryptFinal_ex(ctx, to + len, &n) != 1) {
		ERR_clear_error();
		explicit_bzero(to, len);
		*to = '\0';
		return -EBADMSG;
	}
	out->len += len;
	out->data[out->len] = '\0';
	return 0;
}
