/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands share. A command is a function in a file of its own, named by a row in commands.c;
 * it returns the exit code. Errors go to stderr as the real kubectl words them.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "ctl/cli.h"
#include "ctl/kubeconfig.h"

/* "error: SENTENCE" and exit code 1. */
int command_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The kubeconfig and target that the global flags choose. */
int command_kubeconfig(const struct cli *cli, struct kubeconfig *ret, struct err *err);
int command_target(const struct cli *cli, const struct kubeconfig *config,
		   struct kubeconfig_target *ret, struct err *err);

/* Write all of @buf to stdout; a reader that went away ends the program quietly. */
int command_print(const struct buf *buf);

int command_get(struct cli *cli);
int command_describe(struct cli *cli);
int command_cp(struct cli *cli);
int command_version(struct cli *cli);
int command_cluster_info(struct cli *cli);
int command_logs(struct cli *cli);
int command_exec(struct cli *cli);
int command_port_forward(struct cli *cli);
int command_wait(struct cli *cli);
int command_label(struct cli *cli);
int command_annotate(struct cli *cli);
int command_patch(struct cli *cli);
int command_run(struct cli *cli);
int command_replace(struct cli *cli);
int command_scale(struct cli *cli);
int command_api_resources(struct cli *cli);
int command_api_versions(struct cli *cli);
int command_auth_can_i(struct cli *cli);
int command_auth_whoami(struct cli *cli);
int command_attach(struct cli *cli);
int command_apply(struct cli *cli);
int command_create(struct cli *cli);
int command_delete(struct cli *cli);

/* config.c */
int command_config_view(struct cli *cli);
int command_config_get_contexts(struct cli *cli);
int command_config_current_context(struct cli *cli);
int command_config_use_context(struct cli *cli);
int command_config_set_context(struct cli *cli);
int command_config_set_cluster(struct cli *cli);
int command_config_set_credentials(struct cli *cli);
int command_config_rename_context(struct cli *cli);
int command_config_delete_context(struct cli *cli);
int command_config_delete_cluster(struct cli *cli);
int command_config_delete_user(struct cli *cli);
int command_config_get_clusters(struct cli *cli);
int command_config_get_users(struct cli *cli);
