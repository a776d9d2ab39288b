/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the shallop program. Each gets the instance that the common flags name (not yet
 * loaded) and what is left of argv; it returns the exit code: 0 done, 1 failed (a sentence is on
 * stderr), 2 usage.
 */
#pragma once

#include "orchestrator/instance.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct verb_options {
	struct instance instance;
	bool purge;	      /* down */
	bool verbose;	      /* server, agent, keep: trace */
	bool edge;	      /* agent, join */
	int grace_s;	      /* down: for pods to end by themselves */
	int timeout_s;	      /* up: for the node to become Ready */
	char output[16];      /* "json" or "" */
	char image_name[512]; /* image import: one more name */
	char server[280];     /* agent: HOST:PORT of the node port */
};

/* The server's options of an instance; borrows its texts. */
struct server_options;
void server_options_of(const struct instance *instance, struct server_options *ret);

int verb_up(struct verb_options *options, int argc, char **argv);
int verb_down(struct verb_options *options, int argc, char **argv);
int verb_status(struct verb_options *options, int argc, char **argv);
int verb_server(struct verb_options *options, int argc, char **argv);
int verb_agent(struct verb_options *options, int argc, char **argv);
int verb_node(struct verb_options *options, int argc, char **argv);
int verb_keep(struct verb_options *options, int argc, char **argv);
int verb_kubeconfig(struct verb_options *options, int argc, char **argv);
int verb_kubectl(struct verb_options *options, int argc, char **argv);
int verb_image(struct verb_options *options, int argc, char **argv);
int verb_version(struct verb_options *options, int argc, char **argv);

/* Print "shallop: what failed [SHnnn]" with what to do next, if anything; returns EXIT_FAILED. */
int verb_fail(const struct err *err, const char *code, const char *next_step);
