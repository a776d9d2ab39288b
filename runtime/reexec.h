/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that no container can write (CVE-2019-5736). Before a container's process executes its
 * own program it is a clone of ours, and /proc/PID/exe leads from inside to our file; an entry point of
 * "/proc/self/exe" even runs it. So what clones must run from where nothing can be written: a detached
 * read-only mount of the file, which shares its page cache; or, without the mount API, a sealed copy.
 */
#pragma once

#include "base/err.h"

/* An fd of @path to execveat(), with AT_EMPTY_PATH. The caller's to close. */
int reexec_open(const char *path, struct err *err);
/* Make sure that this very process runs from there: returns 0, or executes itself anew. */
int reexec_self(char *const *argv, struct err *err);
