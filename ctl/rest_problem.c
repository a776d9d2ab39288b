/* SPDX-License-Identifier: Apache-2.0 */
/* A server's refusal as the sentence that kubectl prints. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "ctl/rest.h"

#define PROBLEM_MAX ((size_t)4 << 20)

/* The last sentence of a server, whole. A kubectl has one failure at a time in hand. */
static struct buf last_problem = { .max = PROBLEM_MAX };

const char *rest_text(const struct err *err)
{
	size_t n = strlen(err->text);

	return n + 1 >= sizeof(err->text) && last_problem.len > n &&
			       memcmp(last_problem.data, err->text, n) == 0
		       ? buf_str(&last_problem)
		       : err->text;
}

/* As err_say(), and kept whole. */
static int PRINTF_LIKE(3, 4) say(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	buf_clear(&last_problem);
	va_start(args, fmt);
	(void)buf_vprintf(&last_problem, fmt, args);
	va_end(args);
	return err_say(err, code, "%s", buf_str(&last_problem));
}

/* One cause stays in the line, several have one each. */
static int invalid_problem(const struct json_object *status, int code, struct err *err)
{
	const struct json_object *causes = json_at(status, "details.causes");
	const char *kind = json_str_at(status, "details.kind"),
		   *name = json_str_at(status, "details.name");
	auto_buf struct buf text = { 0 };

	for (size_t i = 0; i < json_len(causes); i++)
		(void)buf_printf(&text, "%s%s: %s", json_len(causes) > 1 ? "\n* " : "",
				 json_str_at(json_idx(causes, i), "field"),
				 json_str_at(json_idx(causes, i), "message"));
	if (!kind || !*kind)
		return say(err, code, "The request is invalid: %s", buf_str(&text));
	return say(err, code, "The %s \"%s\" is invalid: %s", kind, name ? name : "",
		   buf_str(&text));
}

int rest_problem(int status, const struct rest_request *q, const struct buf *body,
		 const char *context, struct err *err)
{
	static const struct {
		int status, code;
	} codes[] = { { 400, -EBADMSG }, { 401, -EPERM },  { 403, -EACCES },
		      { 404, -ENOENT },	 { 409, -EEXIST }, { 410, -ESTALE },
		      { 422, -EINVAL },	 { 429, -EAGAIN }, { 504, -ETIMEDOUT } };
	auto_json struct json_object *json = NULL;
	const char *message, *reason;
	int code = -EREMOTEIO;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].status == status)
			code = codes[i].code;
	(void)json_parse(buf_str(body), body->len, &json, NULL);
	context = context ? context : "";
	message = json_str_at(json, "message");
	reason = json_str_at(json, "reason");
	if (status == 401)
		return say(err, code, "error: You must be logged in to the server (%s)",
			   message ? message : "Unauthorized");
	if (status == 422 && json_len(json_at(json, "details.causes")))
		return invalid_problem(json, code, err);
	if (message && status == 422)
		return say(err, code, "The request is invalid: %s", message);
	if (message && reason && *reason)
		return say(err, code, "Error from server (%s): %s%s", reason, context, message);
	if (message)
		return say(err, code, "Error from server: %s%s", context, message);
	if (status == 404)
		return say(err, code,
			   "Error from server (NotFound): the server could not find the requested "
			   "resource");
	return say(err, code, "error: %s %s: the server answered %d %s", q->method, q->path, status,
		   http_status_text(status));
}
