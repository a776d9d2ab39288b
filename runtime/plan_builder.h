/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the planning half: a plan while it grows. What is put into it may fail for want of memory; that is
 * remembered in the buffer and looked at once, at the end.
 */
#pragma once

#include "base/buf.h"
#include "runtime/plan.h"
#include "runtime/spec.h"

struct builder {
	const struct spec *spec;
	const struct plan_options *options;
	struct buf buf; /* the plan so far; its header at 0 */
	struct plan head;
	struct plan_made made;
	struct err *err;
};

plan_str builder_text(struct builder *b, const char *text);
struct plan_span builder_items(struct builder *b, const void *items, size_t n, size_t size);
struct plan_span builder_strings(struct builder *b, const struct spec_strings *strings);
/* Its index; takes @fd over in any case when @own. */
int builder_fd(struct builder *b, int fd, bool own);

/* The parts that have files of their own: plan_mount.c, plan_process.c */
int builder_root(struct builder *b);
int builder_mounts(struct builder *b);
int builder_devices(struct builder *b);
int builder_process(struct builder *b);
