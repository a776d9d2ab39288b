/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tar streams for kubectl cp: POSIX ustar with GNU long names, plain files, directories and links. The reader
 * takes a stream from a container, which may be hostile: every name is resolved below the
 * destination, links are never followed or made.
 */
#pragma once

#include "base/err.h"

/* Write @path (a file, or a directory with all below it) as @name to @fd, and the end of the archive. */
int tar_write(int fd, const char *path, const char *name, struct err *err);

/*
 * Read an archive from @fd and put what lies at or below @prefix to @dest ("a/b" of prefix "a" and dest
 * "x" becomes "x/b"; prefix itself becomes "x"). Links are skipped with a warning on stderr.
 */
int tar_extract(int fd, const char *prefix, const char *dest, struct err *err);
