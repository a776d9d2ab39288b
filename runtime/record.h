/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CLI remembers of a container between two calls: ROOT/ID/, with
 *
 *	record.json	the values of struct record
 *	config.json	the configuration as it was at create; later changes of the bundle change nothing
 *	start.sock	where the created process waits for `start`; gone once it has started
 *
 * A process is named by its pid and start time, so that a reused pid is nobody's container.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "runtime/spec.h"

#define RECORD_ID_MAX 1024

enum record_status {
	RECORD_CREATING,
	RECORD_CREATED,
	RECORD_RUNNING,
	RECORD_PAUSED,
	RECORD_STOPPED,
	RECORD_STATUS_COUNT,
};

struct record {
	char *id, *bundle, *root_path, *created, *oci_version;
	char *cgroup; /* below the cgroup2 mount; NULL: none */
	pid_t pid;
	uint64_t start_time; /* field 22 of /proc/PID/stat */
	uint32_t owner;
	int dir_fd;	   /* ROOT/ID */
	struct spec *spec; /* from config.json */
};

/* A new record; -EEXIST: the id is taken. Ends with record_remove() or record_free(). */
int record_create(const char *root, const char *id, struct record **ret, struct err *err);
int record_open(const char *root, const char *id, struct record **ret, struct err *err);
int record_save(const struct record *record, struct err *err);
/* Forget the container; the record is freed in any case. */
int record_remove(struct record *record, const char *root, struct err *err);
struct record *record_free(struct record *record);
OWN_DEFINE(record, struct record *, record_free)
#define auto_record OWN(record)

/* Read and keep @text as the container's configuration. */
int record_set_config(struct record *record, const char *text, size_t len, struct err *err);

bool record_alive(const struct record *record);
enum record_status record_status(const struct record *record);
const char *record_status_name(enum record_status status);
/* The OCI state, as `state` prints it and hooks get it. @full: the engines' additions too. */
int record_state_json(const struct record *record, enum record_status status, bool full,
		      struct buf *ret);

uint64_t process_start_time(pid_t pid); /* 0: no such process */
bool record_id_is_valid(const char *id);
