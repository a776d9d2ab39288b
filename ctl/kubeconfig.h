/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubeconfig files: --kubeconfig, else each file of $KUBECONFIG in turn (the first to name a thing
 * wins), else ~/.kube/config. Kept as the JSON of the merged v1 Config, so that nothing a user wrote
 * is lost when a `config` verb writes it back.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

struct kubeconfig {
	struct json_object *merged; /* kind Config; owned */
	char **files;		    /* searched, NULL-terminated; owned */
	char *write_file;	    /* where `config` verbs write; owned */
};
/* A missing file is an empty one, unless @explicit_file names it. A YAML error names file, line, column. */
int kubeconfig_load(const char *explicit_file, struct kubeconfig *ret, struct err *err);
void kubeconfig_done(struct kubeconfig *config);

/* Entry @name of "clusters", "users" or "contexts": its "cluster", "user", "context" object, or NULL. */
struct json_object *kubeconfig_entry(const struct json_object *config, const char *list,
				     const char *name);
/* Write @config to @file (0600, replaced whole; a lock file as kubectl's guards it). */
int kubeconfig_save(const struct json_object *config, const char *file, struct err *err);

/* What a connection needs, after flags and defaults. Texts are owned. */
struct kubeconfig_target {
	char *server, *namespace, *tls_server_name, *proxy_url;
	char *ca_pem, *cert_pem, *key_pem, *token, *username, *password;
	char *impersonate;
	struct json_object *exec; /* exec credential plugin, borrowed from the config */
	bool insecure;
	bool namespace_given; /* by flag or context, not the default */
	char *context;	      /* its name, or "" */
};
/* kubectl's last resort, when nothing names a server. */
#define KUBECONFIG_NO_SERVER "http://localhost:8080"

struct kubeconfig_overrides {
	const char *context, *cluster, *user, *namespace, *server, *token, *certificate_authority,
		*client_certificate, *client_key, *tls_server_name, *as, *username, *password,
		*proxy_url;
	bool insecure, insecure_given;
};
/* -ENOENT and sentences as kubectl has them: `context "x" does not exist`. */
int kubeconfig_resolve(const struct kubeconfig *config,
		       const struct kubeconfig_overrides *overrides, struct kubeconfig_target *ret,
		       struct err *err);
void kubeconfig_target_done(struct kubeconfig_target *target);
