/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `shallop image …`: the image store of this node, used directly. Nothing is asked of the agent: the
 * store locks for itself, a running agent sees the change at its next look, and without one it works
 * the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "base/time.h"
#include "image/image.h"
#include "orchestrator/verbs.h"

#define ID_SHORT 12

struct image_command {
	struct verb_options *options;
	struct image_store *store;
	struct err *err;
	int argc; /* what follows the command's own name */
	char **argv;
	bool json;
};

/* ---- import ---- */

static void on_imported(const char *name, const char *id, void *data)
{
	(void)data;
	(void)printf("%s %s\n", name ? name : "<none>", id);
}

static int run_import(struct image_command *c)
{
	const struct verb_options *o = c->options;
	struct image_import_options options = {
		.name = *o->image_name ? o->image_name : NULL,
		.sandbox = true,
	};

	return image_import(c->store, c->argv[0], &options, on_imported, NULL, c->err);
}

/* ---- list ---- */

/* As people read sizes: 1000 steps, three digits. */
static const char *size_text(uint64_t bytes, char text[16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(text, 16, "%.3g %s", value, units[unit]);
	return text;
}

static const char *age_text(int64_t created_ns, char text[TIME_TEXT_MAX + 8])
{
	char age[TIME_TEXT_MAX];

	(void)snprintf(text, TIME_TEXT_MAX + 8, "%s ago",
		       time_human(time_now_ns() - created_ns, age));
	return created_ns ? text : "<unknown>";
}

struct column_widths {
	int name, tag;
};

/* "docker.io/library/nginx:latest" in two; a digest is no tag. */
static int split_name(const char *name, const char **ret_tag)
{
	const char *at = strchr(name, '@'), *slash = strrchr(name, '/');
	const char *colon = strchr(slash ? slash : name, ':');

	*ret_tag = at || !colon ? "<none>" : colon + 1;
	return (int)(at ? at - name : colon ? colon - name : (ptrdiff_t)strlen(name));
}

static void widen(struct column_widths *w, const char *name)
{
	const char *tag;
	int n = split_name(name, &tag);

	w->name = MAX(w->name, n);
	w->tag = MAX(w->tag, (int)strlen(tag));
}

static void print_row(const struct image *image, const char *name, const struct column_widths *w)
{
	char age[TIME_TEXT_MAX + 8], size[16];
	const char *tag;
	int n = split_name(name, &tag);

	(void)printf("%-*.*s  %-*s  %.*s  %-12s  %s\n", w->name, n, name, w->tag, tag, ID_SHORT,
		     strchr(image->id, ':') + 1, age_text(image->created_ns, age),
		     size_text(image->size_bytes, size));
}

static const char *const nameless[] = { "<none>", NULL };

static const char *const *rows_of(const struct image *image)
{
	return image->names[0] ? (const char *const *)image->names : nameless;
}

static void print_table(struct image **images, size_t n)
{
	struct column_widths w = { (int)strlen("REPOSITORY"), (int)strlen("TAG") };

	for (size_t i = 0; i < n; i++)
		for (const char *const *name = rows_of(images[i]); *name; name++)
			widen(&w, *name);
	(void)printf("%-*s  %-*s  %-*s  %-12s  %s\n", w.name, "REPOSITORY", w.tag, "TAG", ID_SHORT,
		     "IMAGE ID", "CREATED", "SIZE");
	for (size_t i = 0; i < n; i++)
		for (const char *const *name = rows_of(images[i]); *name; name++)
			print_row(images[i], *name, &w);
}

static int put_list(struct json_object *object, const char *key, char *const *texts)
{
	struct json_object *list = json_new_array();
	int r = json_put(object, key, list);

	for (size_t i = 0; r == 0 && list && texts[i]; i++)
		r = json_add(list, json_new_string(texts[i]));
	return list ? r : -ENOMEM;
}

static struct json_object *image_json(const struct image *image)
{
	auto_json struct json_object *json = json_new_object();
	char created[TIME_TEXT_MAX];

	if (!json || json_put_str(json, "id", image->id) < 0 ||
	    json_put_str(json, "digest", image->manifest) < 0 ||
	    put_list(json, "names", image->names) < 0 ||
	    put_list(json, "repoDigests", image->repo_digests) < 0 ||
	    json_put_int(json, "size", (int64_t)image->size_bytes) < 0 ||
	    json_put_str(json, "created", time_format(image->created_ns, created)) < 0)
		return NULL;
	return take_ptr(&json);
}

static int print_json(struct image **images, size_t n)
{
	auto_json struct json_object *list = json_new_array();
	auto_buf struct buf text = BUF_INIT(0);

	for (size_t i = 0; i < n; i++) {
		struct json_object *json = image_json(images[i]);

		if (!list || !json || json_add(list, json) < 0)
			return -ENOMEM;
	}
	if (!list || json_write_style(&text, list, JSON_INDENT_4) < 0)
		return -ENOMEM;
	return puts(buf_str(&text)) < 0 ? -EIO : 0;
}

static int run_list(struct image_command *c)
{
	struct image **images;
	size_t n;
	int r = image_list(c->store, &images, &n, c->err);

	if (r < 0)
		return r;
	if (c->json)
		r = print_json(images, n);
	else
		print_table(images, n);
	image_list_free(images, n);
	return r < 0 ? err_set(c->err, r, "list images") : 0;
}

/* ---- the others ---- */

static int run_inspect(struct image_command *c)
{
	auto_buf struct buf text = BUF_INIT(0);
	int r = image_inspect(c->store, c->argv[0], &text, c->err);

	if (r == 0)
		(void)puts(buf_str(&text));
	return r;
}

static int run_remove(struct image_command *c)
{
	for (int i = 0; i < c->argc; i++) {
		int r = image_remove(c->store, c->argv[i], c->err);

		if (r < 0)
			return r;
		(void)printf("removed %s\n", c->argv[i]);
	}
	return 0;
}

static void on_problem(const char *image, const char *sentence, void *data)
{
	(void)data;
	(void)printf("%s: %s\n", image, sentence);
}

static int run_fsck(struct image_command *c)
{
	int n = image_repair(c->store, on_problem, NULL, c->err);

	if (n > 0)
		return err_say(
			c->err, -EBADMSG, "%d image%s damaged; import %s again to make %s good", n,
			n == 1 ? " is" : "s are", n == 1 ? "it" : "them", n == 1 ? "it" : "them");
	if (n == 0)
		(void)puts("all blobs and layers are as their digests say");
	return n;
}

/* ---- the table ---- */

static const struct {
	const char *name, *arguments;
	int min, max; /* arguments */
	int (*run)(struct image_command *command);
	const char *code;
} commands[] = {
	{ "import", "FILE [--name NAME]", 1, 1, run_import, "SH040" },
	{ "list", "[-o json]", 0, 0, run_list, "SH041" },
	{ "ls", NULL, 0, 0, run_list, "SH041" },
	{ "rm", "NAME...", 1, 1000, run_remove, "SH042" },
	{ "inspect", "NAME", 1, 1, run_inspect, "SH043" },
	{ "fsck", "", 0, 0, run_fsck, "SH044" },
};

static int usage(void)
{
	(void)fprintf(stderr, "usage:\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (commands[i].arguments)
			(void)fprintf(stderr, "  shallop image %s %s\n", commands[i].name,
				      commands[i].arguments);
	return EXIT_USAGE;
}

/* "-o json" anywhere; the long form has been read with the other flags. */
static int take_output(struct image_command *c)
{
	const char *output = c->options->output;
	int kept = 0;

	for (int i = 0; i < c->argc; i++) {
		if (strncmp(c->argv[i], "-o", 2) != 0) {
			c->argv[kept++] = c->argv[i];
			continue;
		}
		output = c->argv[i][2] ? c->argv[i] + 2 : ++i < c->argc ? c->argv[i] : "";
		output += *output == '=';
	}
	c->argc = kept;
	c->json = strcmp(output, "json") == 0;
	if (c->json || (output == c->options->output && !*output))
		return 0;
	(void)fprintf(stderr, "shallop image: output \"%s\" is unknown; there is json\n", output);
	return -EINVAL;
}

int verb_image(struct verb_options *options, int argc, char **argv)
{
	struct err err = { 0 };
	struct image_command c = {
		.options = options, .err = &err, .argc = argc - 1, .argv = argv + 1
	};
	char dir[PATH_MAX];
	size_t i = 0;
	int r;

	while (argc > 0 && i < ARRAY_LEN(commands) && strcmp(commands[i].name, argv[0]) != 0)
		i++;
	if (argc == 0 || i == ARRAY_LEN(commands) || take_output(&c) < 0 ||
	    c.argc < commands[i].min || c.argc > commands[i].max)
		return usage();
	if (geteuid() != 0) {
		(void)err_say(&err, -EPERM, "image %s needs root: sudo shallop image %s",
			      commands[i].name, commands[i].name);
		return verb_fail(&err, "SH001", NULL);
	}
	instance_data_path(&options->instance, "images", dir, sizeof(dir));
	r = path_mkdirs(options->instance.data_dir, 0755, &err);
	if (r == 0)
		r = image_store_open(dir, &c.store, &err);
	if (r == 0)
		r = commands[i].run(&c);
	(void)image_store_close(c.store);
	return r < 0 ? verb_fail(&err, commands[i].code, NULL) : EXIT_DONE;
}
