/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/documents.h"

#include <errno.h>
#include <string.h>

#include "base/crypt.h"
#include "orchestrator/core/authz.h"

/* The API that we speak, in Kubernetes' terms. */
#define KUBERNETES_MAJOR "1"
#define KUBERNETES_MINOR "37"
#define KUBERNETES_PATCH "2"

#if defined(__x86_64__)
#define PLATFORM "linux/amd64"
#elif defined(__aarch64__)
#define PLATFORM "linux/arm64"
#elif defined(__arm__)
#define PLATFORM "linux/arm"
#elif defined(__riscv)
#define PLATFORM "linux/riscv64"
#else
#define PLATFORM "linux/unknown"
#endif

struct document {
	const char *content_type;
	struct buf text;
	bool etag; /* its digest is an ETag */
	bool newline;
};

static void end_text(struct request *request, int status, const char *text)
{
	auto_bytes struct bytes *body = bytes_new(text, strlen(text));
	struct core_answer answer = { .status = status,
				      .content_type = "text/plain; charset=utf-8",
				      .body = body };

	request_end(request, &answer);
}

void documents_not_found(struct request *request)
{
	end_text(request, 404, "404 page not found\n");
}

static int write_version(struct document *document)
{
	return buf_puts(
		&document->text,
		"{\n  \"major\": \"" KUBERNETES_MAJOR "\",\n  \"minor\": \"" KUBERNETES_MINOR
		"\",\n  \"emulationMajor\": \"" KUBERNETES_MAJOR
		"\",\n  \"emulationMinor\": \"" KUBERNETES_MINOR
		"\",\n  \"minCompatibilityMajor\": \"" KUBERNETES_MAJOR
		"\",\n  \"minCompatibilityMinor\": \"36\",\n  \"gitVersion\": \"v" KUBERNETES_MAJOR
		"." KUBERNETES_MINOR "." KUBERNETES_PATCH "+shallop-" SHALLOP_VERSION
		"\",\n  \"gitCommit\": \"\",\n  \"gitTreeState\": \"clean\",\n  \"buildDate\": "
		"\"1970-01-01T00:00:00Z\",\n  \"goVersion\": \"\",\n  \"compiler\": \"gcc\",\n  "
		"\"platform\": \"" PLATFORM "\"\n}");
}

static int write_openapi_v3(struct document *document, const char *path)
{
	static const char prefix[] = "/openapi/v3/";

	document->etag = true;
	if (strcmp(path, "/openapi/v3") == 0)
		return schema_openapi_v3_index(&document->text);
	return schema_openapi_v3(path + sizeof(prefix) - 1, &document->text);
}

static int write_discovery(struct request *request, struct document *document, const char *path)
{
	const struct core_options *options = &request->core->options;

	document->newline = true;
	if (request->accept.form == ACCEPT_DISCOVERY &&
	    (strcmp(path, "/api") == 0 || strcmp(path, "/apis") == 0)) {
		document->content_type = accept_content_type(&request->accept);
		document->etag = true;
		return schema_discovery_aggregated(path, &document->text);
	}
	return schema_discovery_legacy(path, options->server_address, &document->text);
}

static int write_roots(struct document *document)
{
	return buf_puts(
		&document->text,
		"{\n  \"paths\": [\n    \"/api\",\n    \"/api/v1\",\n    \"/apis\",\n    "
		"\"/healthz\",\n    \"/livez\",\n    \"/metrics\",\n    \"/openapi/v2\",\n  "
		"  \"/openapi/v3\",\n    \"/readyz\",\n    \"/version\"\n  ]\n}");
}

/* -ENOENT: there is no such document. */
static int write_document(struct request *request, const char *path, struct document *document)
{
	document->content_type = "application/json";
	if (strcmp(path, "/version") == 0)
		return write_version(document);
	if (strcmp(path, "/openapi/v2") == 0) {
		document->etag = true;
		return schema_openapi_v2(&document->text);
	}
	if (strcmp(path, "/openapi/v3") == 0 || strncmp(path, "/openapi/v3/", 12) == 0)
		return write_openapi_v3(document, path);
	if (strcmp(path, "/api") == 0 || strncmp(path, "/api/", 5) == 0 ||
	    strcmp(path, "/apis") == 0 || strncmp(path, "/apis/", 6) == 0)
		return write_discovery(request, document, path);
	if (strcmp(path, "/") == 0)
		return write_roots(document);
	return -ENOENT;
}

static void end_document(struct request *request, const struct core_request *from,
			 struct document *document)
{
	struct core_answer answer = { .status = 200, .content_type = document->content_type };
	auto_bytes struct bytes *body = NULL;
	char etag[SHA256_HEX + 2] = "\"";

	if (document->etag) {
		sha256_of(document->text.data, document->text.len, etag + 1);
		strcat(etag, "\"");
		answer.etag = etag;
		if (from->if_none_match && strcmp(from->if_none_match, etag) == 0) {
			answer.status = 304;
			request_end(request, &answer);
			return;
		}
	}
	if (document->newline)
		(void)buf_putc(&document->text, '\n');
	body = buf_error(&document->text) ? NULL
					  : bytes_new(document->text.data, document->text.len);
	answer.body = body;
	if (!body)
		answer.status = 500;
	request_end(request, &answer);
}

static bool health_path(const char *path)
{
	static const char *const roots[] = { "/healthz", "/livez", "/readyz" };

	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		size_t len = strlen(roots[i]);

		if (strncmp(path, roots[i], len) == 0 && (path[len] == '\0' || path[len] == '/'))
			return true;
	}
	return false;
}

void documents_answer(struct request *request, const struct core_request *from)
{
	struct document document = { 0 };
	char path[256] = "";
	size_t len = strlen(from->path);
	int r;

	while (len > 1 && from->path[len - 1] == '/')
		len--;
	if (len >= sizeof(path)) {
		documents_not_found(request);
		return;
	}
	memcpy(path, from->path, len);
	request->document_path = from->path;
	if (!authz_check_document(request, from->method))
		return;
	if (health_path(path)) {
		end_text(request, 200, "ok");
		return;
	}
	r = write_document(request, path, &document);
	if (r == 0)
		end_document(request, from, &document);
	else if (r == -ENOENT)
		documents_not_found(request);
	else
		request_fail_error(request, r, NULL);
	buf_done(&document.text);
}
