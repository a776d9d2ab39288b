/* SPDX-License-Identifier: Apache-2.0 */
#include "image/digest.h"

#include <stdio.h>
#include <string.h>

#include "base/crypt.h"

bool digest_hex_valid(const char *hex)
{
	return strspn(hex, "0123456789abcdef") == DIGEST_HEX && hex[DIGEST_HEX] == '\0';
}

bool digest_valid(const char *text)
{
	return text && strncmp(text, "sha256:", 7) == 0 && digest_hex_valid(text + 7);
}

const char *digest_hex(const char *digest)
{
	return digest + 7;
}

void digest_set(char digest[IMAGE_DIGEST_MAX], const char *hex)
{
	(void)snprintf(digest, IMAGE_DIGEST_MAX, "sha256:%.64s", hex);
}

void digest_chain(const char *parent, const char *diff_id, char chain[IMAGE_DIGEST_MAX])
{
	char both[2 * IMAGE_DIGEST_MAX], hex[SHA256_HEX];
	int n;

	if (!*parent) {
		(void)snprintf(chain, IMAGE_DIGEST_MAX, "%s", diff_id);
		return;
	}
	n = snprintf(both, sizeof(both), "%s %s", parent, diff_id);
	sha256_of(both, (size_t)n, hex);
	digest_set(chain, hex);
}
