/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One Shallop on this machine: its directories, its id, and the settings that `up` was given.
 *
 * Everything that could collide with another instance (links, tables, cgroups, sockets) derives from
 * the directories and the id, so that several live side by side. The settings of the first `up` are
 * kept in D/settings.json; later commands need only find the directories.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define INSTANCE_DATA_DIR "/var/lib/shallop"
#define INSTANCE_RUN_DIR  "/run/shallop"

enum role { ROLE_SERVER, ROLE_AGENT, ROLE_KEEPER, ROLE_COUNT };

struct instance {
	char data_dir[256], run_dir[256];
	char id[7]; /* "" for the default data directory, else 6 hex digits */
	bool known; /* the id was read, whatever became of the settings */
	/* settings, as the flags of `up` */
	char address[64]; /* the node's and the API's address; "" until found */
	char node_name[254];
	char pod_cidr[64], service_cidr[64], cluster_domain[128], store[512];
	int port, node_port;
};

/* The defaults of the flags. */
void instance_init(struct instance *instance);
/* Read id and settings of an existing instance over what is in *instance (the directories stay).
 * -ENOENT: there is none; -EUCLEAN: a file is damaged; -EPROTONOSUPPORT: written by a newer version.
 * If instance->known, `down` can do its work all the same. */
int instance_load(struct instance *instance, struct err *err);
/* Make the directories and the id if they are missing, and keep the settings. */
int instance_save(struct instance *instance, struct err *err);

/* D/name and R/name; the text is the caller's. */
void instance_data_path(const struct instance *instance, const char *name, char *text, size_t size);
void instance_run_path(const struct instance *instance, const char *name, char *text, size_t size);
/* "shallop" or "shallop-3fa9c1": the instance's name in tables, scopes and contexts. */
void instance_title(const struct instance *instance, char *text, size_t size);

/*
 * Each role holds a lock on R/<role>.pid while it lives, so that a stale file misleads nobody.
 * instance_lock() returns the fd to keep open; -EBUSY: another holds it, its pid is in the sentence.
 */
int instance_lock(const struct instance *instance, enum role role, struct err *err);
/*
 * One `up` or `down` of an instance at a time: waits (and says so on stderr) until the others are done.
 * Returns the fd to keep open. A purge unlinks the file while it holds it.
 */
int instance_lock_verb(const struct instance *instance, struct err *err);
/* The living holder's pid; 0: none. */
pid_t instance_holder(const struct instance *instance, enum role role);
const char *role_name(enum role role);
