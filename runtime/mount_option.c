/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mount_option.h"

#include <errno.h>
#include <string.h>

#include "runtime/kernel.h"

enum word_kind { WORD_ATTR, WORD_SUPER, WORD_PROPAGATION, WORD_BIND, WORD_SPECIAL };

/* ATTR words say "set" or "clear"; an access-time word first clears the whole choice. With a leading
 * "r" (and "rec" here) they hold for the tree. */
static const struct word {
	const char *name;
	enum word_kind kind;
	bool clear, rec;
	uint64_t attr;	  /* MOUNT_ATTR_* */
	unsigned long ms; /* MS_* */
} words[] = {
	{ "ro", WORD_ATTR, false, false, MOUNT_ATTR_RDONLY, MS_RDONLY },
	{ "rw", WORD_ATTR, true, false, MOUNT_ATTR_RDONLY, MS_RDONLY },
	{ "nosuid", WORD_ATTR, false, false, MOUNT_ATTR_NOSUID, MS_NOSUID },
	{ "suid", WORD_ATTR, true, false, MOUNT_ATTR_NOSUID, MS_NOSUID },
	{ "nodev", WORD_ATTR, false, false, MOUNT_ATTR_NODEV, MS_NODEV },
	{ "dev", WORD_ATTR, true, false, MOUNT_ATTR_NODEV, MS_NODEV },
	{ "noexec", WORD_ATTR, false, false, MOUNT_ATTR_NOEXEC, MS_NOEXEC },
	{ "exec", WORD_ATTR, true, false, MOUNT_ATTR_NOEXEC, MS_NOEXEC },
	{ "noatime", WORD_ATTR, false, false, MOUNT_ATTR_NOATIME, MS_NOATIME },
	{ "atime", WORD_ATTR, true, false, MOUNT_ATTR__ATIME, MS_NOATIME },
	{ "relatime", WORD_ATTR, true, false, MOUNT_ATTR__ATIME, 0 },
	{ "norelatime", WORD_ATTR, false, false, MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
	{ "strictatime", WORD_ATTR, false, false, MOUNT_ATTR_STRICTATIME, MS_STRICTATIME },
	{ "nostrictatime", WORD_ATTR, true, false, MOUNT_ATTR__ATIME, MS_STRICTATIME },
	{ "nodiratime", WORD_ATTR, false, false, MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
	{ "diratime", WORD_ATTR, true, false, MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
	{ "nosymfollow", WORD_ATTR, false, false, MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW },
	{ "symfollow", WORD_ATTR, true, false, MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW },

	{ "rro", WORD_ATTR, false, true, MOUNT_ATTR_RDONLY, 0 },
	{ "rrw", WORD_ATTR, true, true, MOUNT_ATTR_RDONLY, 0 },
	{ "rnosuid", WORD_ATTR, false, true, MOUNT_ATTR_NOSUID, 0 },
	{ "rsuid", WORD_ATTR, true, true, MOUNT_ATTR_NOSUID, 0 },
	{ "rnodev", WORD_ATTR, false, true, MOUNT_ATTR_NODEV, 0 },
	{ "rdev", WORD_ATTR, true, true, MOUNT_ATTR_NODEV, 0 },
	{ "rnoexec", WORD_ATTR, false, true, MOUNT_ATTR_NOEXEC, 0 },
	{ "rexec", WORD_ATTR, true, true, MOUNT_ATTR_NOEXEC, 0 },
	{ "rnoatime", WORD_ATTR, false, true, MOUNT_ATTR_NOATIME, 0 },
	{ "ratime", WORD_ATTR, true, true, MOUNT_ATTR__ATIME, 0 },
	{ "rrelatime", WORD_ATTR, true, true, MOUNT_ATTR__ATIME, 0 },
	{ "rnorelatime", WORD_ATTR, false, true, MOUNT_ATTR_STRICTATIME, 0 },
	{ "rstrictatime", WORD_ATTR, false, true, MOUNT_ATTR_STRICTATIME, 0 },
	{ "rnostrictatime", WORD_ATTR, true, true, MOUNT_ATTR__ATIME, 0 },
	{ "rnodiratime", WORD_ATTR, false, true, MOUNT_ATTR_NODIRATIME, 0 },
	{ "rdiratime", WORD_ATTR, true, true, MOUNT_ATTR_NODIRATIME, 0 },
	{ "rnosymfollow", WORD_ATTR, false, true, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "rsymfollow", WORD_ATTR, true, true, MOUNT_ATTR_NOSYMFOLLOW, 0 },

	{ "sync", WORD_SUPER, false, false, 0, MS_SYNCHRONOUS },
	{ "async", WORD_SUPER, true, false, 0, MS_SYNCHRONOUS },
	{ "dirsync", WORD_SUPER, false, false, 0, MS_DIRSYNC },
	{ "mand", WORD_SUPER, false, false, 0, MS_MANDLOCK },
	{ "nomand", WORD_SUPER, true, false, 0, MS_MANDLOCK },
	{ "iversion", WORD_SUPER, false, false, 0, MS_I_VERSION },
	{ "noiversion", WORD_SUPER, true, false, 0, MS_I_VERSION },
	{ "lazytime", WORD_SUPER, false, false, 0, MS_LAZYTIME },
	{ "nolazytime", WORD_SUPER, true, false, 0, MS_LAZYTIME },
	{ "silent", WORD_SUPER, false, false, 0, MS_SILENT },
	{ "loud", WORD_SUPER, true, false, 0, MS_SILENT },

	{ "private", WORD_PROPAGATION, false, false, 0, MS_PRIVATE },
	{ "rprivate", WORD_PROPAGATION, false, false, 0, MS_PRIVATE | MS_REC },
	{ "slave", WORD_PROPAGATION, false, false, 0, MS_SLAVE },
	{ "rslave", WORD_PROPAGATION, false, false, 0, MS_SLAVE | MS_REC },
	{ "shared", WORD_PROPAGATION, false, false, 0, MS_SHARED },
	{ "rshared", WORD_PROPAGATION, false, false, 0, MS_SHARED | MS_REC },
	{ "unbindable", WORD_PROPAGATION, false, false, 0, MS_UNBINDABLE },
	{ "runbindable", WORD_PROPAGATION, false, false, 0, MS_UNBINDABLE | MS_REC },

	{ "bind", WORD_BIND, false, false, 0, MS_BIND },
	{ "rbind", WORD_BIND, false, false, 0, MS_BIND | MS_REC },

	{ "defaults", WORD_SPECIAL, false, false, 0, 0 },
	{ "remount", WORD_SPECIAL, false, false, 0, 0 },
	{ "tmpcopyup", WORD_SPECIAL, false, false, 0, 0 },
	{ "copy-symlink", WORD_SPECIAL, false, false, 0, 0 },
	{ "idmap", WORD_SPECIAL, false, false, 0, 0 },
	{ "ridmap", WORD_SPECIAL, false, false, 0, 0 },
};

static const struct word *find_word(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}

static void apply_attr(const struct word *w, uint64_t *set, uint64_t *clr)
{
	uint64_t attr = w->attr;

	if (attr & MOUNT_ATTR__ATIME) { /* a choice, not bits: the last word wins */
		*set &= ~(uint64_t)MOUNT_ATTR__ATIME;
		*clr |= MOUNT_ATTR__ATIME;
		if (!w->clear)
			*set |= attr;
		return;
	}
	if (w->clear) {
		*set &= ~attr;
		*clr |= attr;
	} else {
		*set |= attr;
		*clr &= ~attr;
	}
}

static void apply(const struct word *w, struct mount_options *o)
{
	switch (w->kind) {
	case WORD_ATTR:
		apply_attr(w, w->rec ? &o->rec_set : &o->attr_set,
			   w->rec ? &o->rec_clr : &o->attr_clr);
		break;
	case WORD_SUPER:
		break;
	case WORD_PROPAGATION:
		o->propagation = (unsigned)w->ms;
		return;
	case WORD_BIND:
		o->bind = (unsigned)w->ms;
		return;
	case WORD_SPECIAL:
		o->remount |= strcmp(w->name, "remount") == 0;
		o->copy_up |= strcmp(w->name, "tmpcopyup") == 0;
		o->copy_link |= strcmp(w->name, "copy-symlink") == 0;
		o->idmap |= strcmp(w->name, "idmap") == 0;
		o->ridmap |= strcmp(w->name, "ridmap") == 0;
		return;
	}
	o->ms_flags = w->clear ? o->ms_flags & ~w->ms : o->ms_flags | w->ms;
}

int mount_options_parse(const struct spec_strings *options, struct mount_options *ret,
			struct buf *data, struct err *err)
{
	struct mount_options o = { 0 };

	for (size_t i = 0; i < options->n; i++) {
		const struct word *w = find_word(options->items[i]);

		if (w)
			apply(w, &o);
		else if (buf_printf(data, "%s%s", data->len ? "," : "", options->items[i]) < 0)
			return err_set(err, buf_error(data), "collect mount options");
	}
	*ret = o;
	return 0;
}

const char *mount_option_name(size_t i)
{
	return i < ARRAY_LEN(words) ? words[i].name : NULL;
}
