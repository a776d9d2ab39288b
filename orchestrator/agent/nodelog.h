/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container logs: D/logs/pods/NS_NAME_UID/CONTAINER/N.log in CRI format, "TIME stdout F text"; older
 * parts of instance N are N.log.20261124-100516 (newest last). Read for `kubectl logs` (nodestream.h, nodelog_open), rotated at
 * 10 MiB, five files in all.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct nodepod;

/* The last lines of instance @attempt, without time stamps; at most so many bytes. */
int nodelog_tail(const char *dir, int attempt, unsigned lines, size_t bytes, struct buf *out);

/* Rotate what has grown too big. */
void nodelog_rotate(struct nodepod *pod);
