/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from outside as text: base64, tokens, certificates. */
#include <stdlib.h>
#include <string.h>

#include "base/crypt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf key, public;
	auto_buf struct buf decoded = BUF_INIT(0), again = BUF_INIT(0), claims = BUF_INIT(0);
	char *text = malloc(size + 1);
	struct cert_info info;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (!public.len &&
	    (key_new_p256(&key, NULL) < 0 || key_public_pem(buf_str(&key), &public, NULL) < 0))
		abort();
	if (base64_decode(&decoded, text, size) == 0 &&
	    (base64_encode(&again, decoded.data, decoded.len) < 0 || again.len % 4))
		abort();
	if (jwt_verify(buf_str(&public), text, &claims, NULL) == 0)
		abort(); /* nobody guesses a signature */
	(void)cert_read(text, &info, NULL);
	free(text);
	return 0;
}
