/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "runtime/kernel.h"
#include "runtime/mount_option.h"

static struct mount_options parse(const char *list, struct buf *data)
{
	auto_spec struct spec *spec = spec_new();
	struct spec_strings options = { 0 };
	struct mount_options o;

	spec_strings_add_list(spec, &options, list);
	CHECK(mount_options_parse(&options, &o, data, NULL) == 0);
	return o;
}

TEST(mount_options_become_flags)
{
	static const struct {
		const char *list;
		uint64_t set, clr, rec_set, rec_clr;
		unsigned bind, propagation;
		const char *data;
	} rows[] = {
		{ "", 0, 0, 0, 0, 0, 0, "" },
		{ "ro,nosuid", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0, 0, 0, "" },
		{ "ro,rw", 0, MOUNT_ATTR_RDONLY, 0, 0, 0, 0, "" },
		{ "rw,ro", MOUNT_ATTR_RDONLY, 0, 0, 0, 0, 0, "" },
		{ "rbind,rro", 0, 0, MOUNT_ATTR_RDONLY, 0, MS_BIND | MS_REC, 0, "" },
		{ "bind,rslave", 0, 0, 0, 0, MS_BIND, MS_SLAVE | MS_REC, "" },
		{ "noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, 0, 0, 0, "" },
		{ "noatime,strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0, 0, 0, 0,
		  "" },
		{ "strictatime,relatime", 0, MOUNT_ATTR__ATIME, 0, 0, 0, 0, "" },
		{ "mode=755,ro,size=64k", MOUNT_ATTR_RDONLY, 0, 0, 0, 0, 0, "mode=755,size=64k" },
		{ "RO", 0, 0, 0, 0, 0, 0, "RO" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_buf struct buf data = BUF_INIT(1024);
		struct mount_options o = parse(rows[i].list, &data);

		if (o.attr_set != rows[i].set || o.attr_clr != rows[i].clr ||
		    o.rec_set != rows[i].rec_set || o.rec_clr != rows[i].rec_clr ||
		    o.bind != rows[i].bind || o.propagation != rows[i].propagation ||
		    strcmp(buf_str(&data), rows[i].data) != 0)
			fail_msg("\"%s\"", rows[i].list);
	}
}

TEST(mount_option_names_are_unique_and_known)
{
	for (size_t i = 0; mount_option_name(i); i++) {
		auto_buf struct buf data = BUF_INIT(1024);

		(void)parse(mount_option_name(i), &data);
		CHECK_INT(data.len, 0); /* none is passed on to the file system */
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(mount_option_name(i), mount_option_name(k)) != 0);
	}
}
