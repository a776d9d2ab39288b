/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/json.h"
#include "base/map.h"
#include "base/time.h"

#define TOKENS_MAX    4096 /* remembered; beyond it all are forgotten and checked again */
#define TOKEN_LEN_MAX ((size_t)16 << 10)

struct token {
	struct map_node node; /* by hash */
	char hash[SHA256_HEX];
	struct identity *identity;
	int64_t not_before_s, expires_s;
	char *namespace, *account, *account_uid;
	char *pod, *pod_uid; /* NULL: not bound to one */
};

struct auth {
	struct core *core;
	char *sa_pub_pem, *issuer;
	const struct schema_kind *accounts, *pods;
	struct map tokens;
};

/* ---- identities ---- */

struct identity *identity_ref(struct identity *identity)
{
	identity->refs++;
	return identity;
}

struct identity *identity_unref(struct identity *identity)
{
	if (identity && --identity->refs == 0)
		free(identity);
	return NULL;
}

static struct identity *identity_new(const char *name, const char *uid, const char *const *groups,
				     size_t n_groups)
{
	size_t len = strlen(name) + strlen(uid) + 2;
	struct identity *identity;
	char *at;

	n_groups = MIN(n_groups, ARRAY_LEN(identity->groups));
	for (size_t i = 0; i < n_groups; i++)
		len += strlen(groups[i]) + 1;
	identity = calloc(1, sizeof(*identity) + len);
	if (!identity)
		return NULL;
	identity->refs = 1;
	at = identity->text;
	identity->user.name = at;
	at = stpcpy(at, name) + 1;
	identity->user.uid = at;
	at = stpcpy(at, uid) + 1;
	for (size_t i = 0; i < n_groups; i++) {
		identity->groups[i] = at;
		at = stpcpy(at, groups[i]) + 1;
	}
	identity->user.groups = identity->groups;
	identity->user.n_groups = n_groups;
	return identity;
}

struct identity *auth_of_certificate(const struct tls_identity *peer)
{
	static const char *const nobody[] = { "system:unauthenticated" };
	const char *groups[ARRAY_LEN(peer->organizations) + 1];
	size_t n = 0;

	if (!peer || !*peer->common_name)
		return identity_new("system:anonymous", "", nobody, ARRAY_LEN(nobody));
	for (; n < peer->n_organizations && n < ARRAY_LEN(peer->organizations); n++)
		groups[n] = peer->organizations[n];
	groups[n++] = "system:authenticated";
	return identity_new(peer->common_name, "", groups, n);
}

/* ---- tokens ---- */

static struct token *token_free(struct token *token)
{
	if (!token)
		return NULL;
	(void)identity_unref(token->identity);
	free(token->namespace);
	free(token->account);
	free(token->account_uid);
	free(token->pod);
	free(token->pod_uid);
	free(token);
	return NULL;
}
OWN_DEFINE(token, struct token *, token_free)

static void forget(struct auth *auth, struct token *token)
{
	map_remove(&auth->tokens, &token->node);
	(void)token_free(token);
}

static bool has_audience(const struct json_object *audience, const char *wanted)
{
	const char *one = json_str(audience);

	if (one)
		return strcmp(one, wanted) == 0;
	for (size_t i = 0; i < json_len(audience); i++) {
		one = json_str(json_idx(audience, i));
		if (one && strcmp(one, wanted) == 0)
			return true;
	}
	return false;
}

static char *copy_of(const struct json_object *object, const char *key)
{
	const char *text = json_str(json_get(object, key));

	return strdup(text ? text : "");
}

static int token_identity(struct token *token)
{
	char name[640], of_namespace[320];
	const char *const groups[] = { "system:serviceaccounts", of_namespace,
				       "system:authenticated" };

	if (snprintf(name, sizeof(name), "system:serviceaccount:%s:%s", token->namespace,
		     token->account) >= (int)sizeof(name) ||
	    snprintf(of_namespace, sizeof(of_namespace), "system:serviceaccounts:%s",
		     token->namespace) >= (int)sizeof(of_namespace))
		return -EACCES;
	token->identity = identity_new(name, token->account_uid, groups, ARRAY_LEN(groups));
	return token->identity ? 0 : -ENOMEM;
}

static int token_read(struct auth *auth, const struct json_object *claims, struct token **ret,
		      struct err *err)
{
	const struct json_object *ours = json_get(claims, "kubernetes.io");
	const struct json_object *account = json_get(ours, "serviceaccount");
	const struct json_object *pod = json_get(ours, "pod");
	const char *issuer = json_str(json_get(claims, "iss"));
	OWN(token) struct token *token = calloc(1, sizeof(*token));
	int r;

	if (!token)
		return -ENOMEM;
	if (!issuer || strcmp(issuer, auth->issuer) != 0)
		return err_say(err, -EACCES, "token: not from this cluster's issuer");
	if (!has_audience(json_get(claims, "aud"), auth->issuer))
		return err_say(err, -EACCES, "token: meant for another audience");
	token->not_before_s = json_int(json_get(claims, "nbf"), 0);
	token->expires_s = json_int(json_get(claims, "exp"), 0);
	token->namespace = copy_of(ours, "namespace");
	token->account = copy_of(account, "name");
	token->account_uid = copy_of(account, "uid");
	if (!token->namespace || !token->account || !token->account_uid)
		return -ENOMEM;
	if (!*token->namespace || !*token->account || !*token->account_uid)
		return err_say(err, -EACCES, "token: names no service account");
	if (pod) {
		token->pod = copy_of(pod, "name");
		token->pod_uid = copy_of(pod, "uid");
		if (!token->pod || !token->pod_uid)
			return -ENOMEM;
	}
	r = token_identity(token);
	if (r < 0)
		return r;
	*ret = take_ptr(&token);
	return 0;
}

static bool exists(struct auth *auth, const struct schema_kind *kind, const char *namespace,
		   const char *name, const char *uid)
{
	struct object *object = kind ? core_get(auth->core, kind, namespace, name) : NULL;

	return object && strcmp(object_uid(object), uid) == 0;
}

/* What may have changed since the token was first seen. */
static int token_check(struct auth *auth, const struct token *token, int64_t now_ns,
		       struct err *err)
{
	int64_t now_s = now_ns / NS_PER_S;

	if (now_s >= token->expires_s)
		return err_say(err, -EACCES, "token of %s: expired", token->identity->user.name);
	if (now_s < token->not_before_s)
		return err_say(err, -EACCES, "token of %s: not valid yet",
			       token->identity->user.name);
	if (!exists(auth, auth->accounts, token->namespace, token->account, token->account_uid))
		return err_say(err, -EACCES, "token: service account %s/%s is gone",
			       token->namespace, token->account);
	if (token->pod && !exists(auth, auth->pods, token->namespace, token->pod, token->pod_uid))
		return err_say(err, -EACCES, "token: its pod %s/%s is gone", token->namespace,
			       token->pod);
	return 0;
}

static int token_learn(struct auth *auth, const char *text, const char *hash, struct token **ret,
		       struct err *err)
{
	auto_buf struct buf claims_text = BUF_INIT(TOKEN_LEN_MAX);
	auto_json struct json_object *claims = NULL;
	struct token *token = NULL;
	int r = jwt_verify(auth->sa_pub_pem, text, &claims_text, err);

	if (r < 0)
		return r == -ENOMEM ? r : -EACCES;
	if (json_parse(buf_str(&claims_text), claims_text.len, &claims, err) < 0)
		return -EACCES;
	r = token_read(auth, claims, &token, err);
	if (r < 0)
		return r;
	if (auth->tokens.count >= TOKENS_MAX)
		map_for_each (node, next, &auth->tokens)
			forget(auth, map_entry(node, struct token, node));
	memcpy(token->hash, hash, sizeof(token->hash));
	(void)map_insert(&auth->tokens, &token->node, token->hash);
	*ret = token;
	return 0;
}

int auth_of_token(struct auth *auth, const char *text, int64_t now_ns, struct identity **ret,
		  struct err *err)
{
	size_t len = strlen(text);
	char hash[SHA256_HEX];
	struct map_node *node;
	struct token *token;
	int r;

	if (len > TOKEN_LEN_MAX)
		return err_say(err, -EACCES, "token: too long");
	sha256_of(text, len, hash);
	node = map_find(&auth->tokens, hash);
	if (node) {
		token = map_entry(node, struct token, node);
	} else {
		r = token_learn(auth, text, hash, &token, err);
		if (r < 0)
			return r;
	}
	r = token_check(auth, token, now_ns, err);
	if (r < 0) {
		forget(auth, token);
		return r;
	}
	*ret = identity_ref(token->identity);
	return 0;
}

int auth_new(struct core *core, const char *sa_pub_pem, const char *issuer, struct auth **ret)
{
	struct auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		return -ENOMEM;
	auth->core = core;
	auth->accounts = schema_kind_of_resource("", "v1", "serviceaccounts");
	auth->pods = schema_kind_of_resource("", "v1", "pods");
	auth->sa_pub_pem = strdup(sa_pub_pem);
	auth->issuer = strdup(issuer);
	if (!auth->sa_pub_pem || !auth->issuer) {
		(void)auth_free(auth);
		return -ENOMEM;
	}
	*ret = auth;
	return 0;
}

struct auth *auth_free(struct auth *auth)
{
	if (!auth)
		return NULL;
	map_for_each (node, next, &auth->tokens)
		forget(auth, map_entry(node, struct token, node));
	free(auth->sa_pub_pem);
	free(auth->issuer);
	free(auth);
	return NULL;
}
