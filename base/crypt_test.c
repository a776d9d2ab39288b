/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypt.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "tests/unit/test.h"

TEST(crypt_digests_match_the_standard)
{
	char hex[SHA256_HEX];
	struct sha256 *sha;

	sha256_of("abc", 3, hex);
	CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	CHECK(sha256_new(&sha) == 0);
	sha256_add(sha, "a", 1);
	sha256_add(sha, "bc", 2);
	sha256_hex(sha, hex);
	sha = sha256_free(sha);
	CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(crypt_base64_goes_both_ways)
{
	static const struct {
		const char *plain, *text, *url;
	} rows[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "\xfb\xff\xfe", "+//+", "-__-" },
	};
	static const char *const bad[] = {
		"Z", "Zg=", "Zg==Zg==", "Zm9v!", "====", "Zg===", "a b"
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_buf struct buf out = BUF_INIT(0);

		CHECK(base64_encode(&out, rows[i].plain, strlen(rows[i].plain)) == 0);
		CHECK_STR(buf_str(&out), rows[i].text);
		buf_clear(&out);
		CHECK(base64url_encode(&out, rows[i].plain, strlen(rows[i].plain)) == 0);
		CHECK_STR(buf_str(&out), rows[i].url);
		buf_clear(&out);
		CHECK(base64_decode(&out, rows[i].text, strlen(rows[i].text)) == 0);
		CHECK_STR(buf_str(&out), rows[i].plain);
		buf_clear(&out);
		CHECK(base64_decode(&out, rows[i].url, strlen(rows[i].url)) == 0);
		CHECK_STR(buf_str(&out), rows[i].plain);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_buf struct buf out = BUF_INIT(0);

		CHECK(buf_puts(&out, "kept") == 0);
		CHECK(base64_decode(&out, bad[i], strlen(bad[i])) == -EINVAL);
		CHECK_STR(buf_str(&out), "kept");
	}
}

TEST(crypt_uids_are_version_4)
{
	char a[37], b[37];

	random_uid(a);
	random_uid(b);
	CHECK(strlen(a) == 36 && strcmp(a, b));
	CHECK(a[14] == '4' && strchr("89ab", a[19]));
}

TEST(crypt_certificates_for_a_public_key_and_their_reading)
{
	auto_buf struct buf ca_key = BUF_INIT(0), ca = BUF_INIT(0), key = BUF_INIT(0);
	auto_buf struct buf public = BUF_INIT(0), cert = BUF_INIT(0), other = BUF_INIT(0);
	static const char *const bad_ips[] = { "300.1.1.1", NULL };
	struct cert_request request = { .usage = CERT_CA,
					.common_name = "ca",
					.not_before_ns = 0,
					.not_after_ns = 4102444800 * NS_PER_S };
	struct cert_info info;
	struct err err = { 0 };

	CHECK(key_new_p256(&ca_key, &err) == 0 && key_new_p256(&key, &err) == 0);
	CHECK(key_public_pem(buf_str(&key), &public, &err) == 0);
	CHECK(cert_issue(&request, buf_str(&ca_key), NULL, NULL, &ca, &err) == 0);
	request.usage = CERT_CLIENT;
	request.common_name = "system:node:a,b";
	CHECK(cert_issue(&request, buf_str(&public), buf_str(&ca), buf_str(&ca_key), &cert, &err) ==
	      0);
	CHECK(cert_read(buf_str(&cert), &info, &err) == 0);
	CHECK_STR(info.common_name, "system:node:a,b");
	CHECK(!info.is_ca && info.not_after_ns == request.not_after_ns);
	CHECK(cert_issue(&request, buf_str(&public), NULL, NULL, &other, &err) == -EINVAL);
	request.ip_addresses = bad_ips;
	CHECK(cert_issue(&request, buf_str(&key), buf_str(&ca), buf_str(&ca_key), &other, &err) ==
	      -EINVAL);
	CHECK_STR(err.text, "certificate for system:node:a,b: not an IP address");
	CHECK(cert_read("nonsense", &info, &err) == -EINVAL);
}

static void check_tokens_of(int (*key_new)(struct buf *, struct err *), const char *algorithm)
{
	auto_jwt_signer struct jwt_signer *signer = NULL, *none = NULL;
	const char *said = "";
	auto_buf struct buf key = BUF_INIT(0), public = BUF_INIT(0), token = BUF_INIT(0);
	auto_buf struct buf claims = BUF_INIT(0), set = BUF_INIT(0), id = BUF_INIT(0);
	auto_json struct json_object *json = NULL;
	const char *text = "{\"iss\":\"https://kubernetes.default.svc\",\"sub\":\"x\"}";
	struct err err = { 0 };

	CHECK(key_new(&key, &err) == 0);
	CHECK(key_public_pem(buf_str(&key), &public, &err) == 0);
	CHECK(jwk_algorithm(buf_str(&public), &said) == 0);
	CHECK_STR(said, algorithm);
	CHECK(jwt_signer_new(buf_str(&key), &signer, &err) == 0);
	CHECK(jwt_sign(signer, text, &token, &err) == 0);
	CHECK(jwt_verify(buf_str(&public), buf_str(&token), &claims, &err) == 0);
	CHECK_STR(buf_str(&claims), text);
	CHECK(jwk_set(buf_str(&public), &set, &err) == 0 &&
	      jwk_key_id(buf_str(&public), &id, &err) == 0);
	CHECK(json_parse(set.data, set.len, &json, &err) == 0);
	CHECK_STR(json_str(json_get(json_idx(json_get(json, "keys"), 0), "kid")), buf_str(&id));
	for (size_t i = 0; i < token.len; i += 7) { /* one changed character anywhere */
		char was = token.data[i];

		token.data[i] = was == 'A' ? 'B' : 'A';
		CHECK(jwt_verify(buf_str(&public), buf_str(&token), &claims, &err) < 0);
		token.data[i] = was;
	}
	CHECK(jwt_verify(buf_str(&public), "eyJhbGciOiJub25lIn0.e30.", &claims, &err) ==
	      -EKEYREJECTED);
	CHECK(jwt_verify(buf_str(&public), "", &claims, &err) == -EKEYREJECTED);
	CHECK(jwt_signer_new(buf_str(&public), &none, &err) == -EINVAL && !none);
}

TEST(jwt_signature_decides)
{
	check_tokens_of(key_new_p256, "ES256");
	check_tokens_of(key_new_rsa2048, "RS256");
}

TEST(crypt_functions_fail_whole)
{
	for (unsigned nth = 1;; nth++) {
		auto_buf struct buf key = BUF_INIT(0);
		struct sha256 *sha = NULL;
		struct err err = { 0 };

		fault_arm(nth);
		int r = key_new_p256(&key, &err);
		int s = sha256_new(&sha);
		if (!fault_disarm()) {
			CHECK(r == 0 && s == 0);
			sha = sha256_free(sha);
			return;
		}
		CHECK((r < 0 && !key.len && err.code == r) || (s < 0 && !sha));
		sha = sha256_free(sha);
	}
}
