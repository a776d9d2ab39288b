/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/rest.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/crypt.h"
#include "base/tls.h"
#include "base/websocket.h"

#define BODY_MAX ((size_t)512 << 20)

struct rest {
	struct loop *loop;
	struct tls_context *context; /* NULL: plain http */
	struct http_client *http;    /* the kept connection, or NULL */
	char *server, *host, *port, *prefix, *server_name, *token,
		*impersonate; /* token: all of Authorization */
	int64_t timeout_ns;
	struct buf warned; /* warnings already shown, one a line */
	/* the request under way */
	const struct rest_request *request;
	struct buf *body;
	struct buf problem; /* the body of an answer that is not 2xx, when pieces were asked for */
	int status;
	int result; /* 1: under way */
	bool last;  /* the server will close */
	struct stream *upgraded;
	const char *websocket_key;
	char protocol[64];
};

/* ---- making ---- */

static int parse_server(struct rest *rest, const struct kubeconfig_target *target, struct err *err)
{
	const char *p = target->server, *host, *end;
	bool tls = true;

	if (strncasecmp(p, "https://", 8) == 0)
		p += 8;
	else if (strncasecmp(p, "http://", 7) == 0)
		p += 7, tls = false;
	else if (strstr(p, "://"))
		return err_say(err, -EINVAL, "unable to use server URL %s: only http and https",
			       target->server);
	else
		tls = false; /* client-go: a bare host is http unless TLS files are given */
	if (!tls && !strstr(target->server, "://") && (target->ca_pem || target->cert_pem))
		tls = true;
	host = p;
	if (*host == '[') {
		host++;
		end = strchr(host, ']');
		if (!end)
			return err_say(err, -EINVAL,
				       "host must be a URL or a host:port pair: \"%s\"",
				       target->server);
		p = end + 1;
	} else {
		end = host + strcspn(host, ":/");
		p = end;
	}
	rest->host = strndup(host, (size_t)(end - host));
	if (*p == ':') {
		size_t n = strcspn(p + 1, "/");

		rest->port = strndup(p + 1, n);
		p += 1 + n;
	} else {
		rest->port = strdup(tls ? "443" : "80");
	}
	rest->prefix = strndup(p, strcspn(p, "?"));
	rest->server = strdup(target->server);
	rest->server_name = strdup(target->tls_server_name ? target->tls_server_name
				   : rest->host		   ? rest->host
							   : "");
	if (!rest->host || !rest->port || !rest->prefix || !rest->server || !rest->server_name)
		return err_set(err, -ENOMEM, "read the server's address");
	for (size_t n = strlen(rest->prefix); n && rest->prefix[n - 1] == '/'; n--)
		rest->prefix[n - 1] = '\0';
	return tls ? 1 : 0;
}

static int make_context(struct rest *rest, const struct kubeconfig_target *target, struct err *err)
{
	struct tls_options options = { .cert_pem = target->cert_pem,
				       .key_pem = target->key_pem,
				       .ca_pem = target->ca_pem,
				       .skip_verify = target->insecure,
				       .alpn = "http/1.1" };

	return tls_context_new(&options, &rest->context, err);
}

int rest_new(const struct kubeconfig_target *target, int64_t timeout_ns, struct rest **ret,
	     struct err *err)
{
	auto_rest struct rest *rest = calloc(1, sizeof(*rest));
	int r;

	if (!rest)
		return err_set(err, -ENOMEM, "prepare the connection");
	rest->timeout_ns = timeout_ns;
	r = parse_server(rest, target, err);
	if (r > 0)
		r = make_context(rest, target, err);
	if (r == 0)
		r = loop_new(&rest->loop, err);
	if (r < 0)
		return r;
	if (target->token && asprintf(&rest->token, "Bearer %s", target->token) < 0)
		return err_set(err, -ENOMEM, "prepare the connection");
	if (!rest->token && target->username && *target->username) {
		auto_buf struct buf plain = { 0 }, encoded = { 0 };

		(void)buf_printf(&plain, "%s:%s", target->username,
				 target->password ? target->password : "");
		(void)base64_encode(&encoded, plain.data, plain.len);
		if (buf_error(&plain) || buf_error(&encoded) ||
		    asprintf(&rest->token, "Basic %s", buf_str(&encoded)) < 0)
			return err_set(err, -ENOMEM, "prepare the connection");
	}
	if (target->impersonate) {
		rest->impersonate = strdup(target->impersonate);
		if (!rest->impersonate)
			return err_set(err, -ENOMEM, "prepare the connection");
	}
	*ret = take_ptr(&rest);
	return 0;
}

struct rest *rest_free(struct rest *rest)
{
	if (!rest)
		return NULL;
	if (rest->http)
		(void)http_client_free(rest->http);
	(void)tls_context_free(rest->context);
	(void)loop_free(rest->loop);
	buf_done(&rest->warned);
	buf_done(&rest->problem);
	if (rest->token)
		explicit_bzero(rest->token, strlen(rest->token));
	free(rest->token);
	free(rest->server);
	free(rest->host);
	free(rest->port);
	free(rest->prefix);
	free(rest->server_name);
	free(rest->impersonate);
	free(rest);
	return NULL;
}

struct loop *rest_loop(struct rest *rest)
{
	return rest->loop;
}

const char *rest_server(const struct rest *rest)
{
	return rest->server;
}

/* ---- one request ---- */

static void rest_end(struct rest *rest, int result)
{
	if (rest->result == 1)
		rest->result = result;
	loop_stop(rest->loop);
}

/* `299 - "text"`: shown once for the whole run. */
static void show_warning(struct rest *rest, const char *value)
{
	const char *from = strchr(value, '"'), *to = strrchr(value, '"');
	auto_buf struct buf line = { 0 };

	if (!from || to <= from)
		return;
	for (from++; from < to; from++) {
		if (*from == '\\' && from + 1 < to)
			from++;
		(void)buf_putc(&line, *from);
	}
	(void)buf_putc(&line, '\n');
	if (buf_error(&line) || strstr(buf_str(&rest->warned), buf_str(&line)))
		return;
	(void)buf_puts(&rest->warned, buf_str(&line));
	(void)fprintf(stderr, "Warning: %s", buf_str(&line));
}

static bool wants_pieces(const struct rest *rest)
{
	return rest->request->on_piece && rest->status >= 200 && rest->status < 300;
}

static void on_response(struct http_client *client, const struct http_response *response,
			void *data)
{
	struct rest *rest = data;
	const char *connection = http_response_header(response, "Connection");
	const char *protocol;

	rest->status = response->status;
	rest->last = connection && strcasecmp(connection, "close") == 0;
	for (size_t i = 0; i < response->n_headers; i++)
		if (strcasecmp(response->headers[i].name, "Warning") == 0)
			show_warning(rest, response->headers[i].value);
	if (response->status != 101)
		return;
	protocol = http_response_header(response, "Sec-WebSocket-Protocol");
	(void)snprintf(rest->protocol, sizeof(rest->protocol), "%s", protocol ? protocol : "");
	if (!rest->websocket_key || !websocket_accepted(response, rest->websocket_key)) {
		rest_end(rest, -EPROTO);
		return;
	}
	rest->upgraded = http_client_take_stream(client);
	rest_end(rest, 0);
}

static void on_body(struct http_client *client, const void *bytes, size_t len, void *data)
{
	struct rest *rest = data;
	int r;

	(void)client;
	if (wants_pieces(rest)) {
		r = rest->request->on_piece(bytes, len, rest->request->data);
		if (r != 0) {
			rest->last = true;
			rest_end(rest, r < 0 ? r : 0);
		}
		return;
	}
	(void)buf_append(rest->body ? rest->body : &rest->problem, bytes, len);
}

static void on_done(struct http_client *client, int reason, void *data)
{
	struct rest *rest = data;

	(void)client;
	rest_end(rest, reason);
}

static void on_timeout(struct loop *loop, void *data)
{
	(void)loop;
	rest_end(data, -ETIMEDOUT);
}

static int resolve(const struct rest *rest, struct sockaddr_storage *addr, socklen_t *len,
		   struct err *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	int e = getaddrinfo(rest->host, rest->port, &hints, &found);

	if (e != 0)
		return err_say(err, -EHOSTUNREACH,
			       "Unable to connect to the server: dial tcp: lookup %s: %s",
			       rest->host, e == EAI_NONAME ? "no such host" : gai_strerror(e));
	memcpy(addr, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int connect_client(struct rest *rest, struct http_client **ret, struct err *err)
{
	static const struct http_client_events events = { on_response, on_body, on_done };
	struct sockaddr_storage addr;
	struct stream *stream;
	struct tls *tls = NULL;
	char host[300];
	socklen_t len = 0;
	int r;

	r = resolve(rest, &addr, &len, err);
	if (r == 0 && rest->context)
		r = tls_new(rest->context, rest->server_name, &tls, err);
	if (r < 0)
		return r;
	r = stream_connect(rest->loop, (struct sockaddr *)&addr, len, tls, rest->server_name,
			   &stream, err);
	if (r < 0)
		return r;
	(void)snprintf(host, sizeof(host), strchr(rest->host, ':') ? "[%s]:%s" : "%s:%s",
		       rest->host, rest->port);
	r = http_client_new(stream, host, &events, rest, ret);
	if (r < 0) {
		(void)stream_free(stream);
		return err_set(err, r, "speak HTTP to %s", host);
	}
	return 0;
}

static int send_request(struct rest *rest, struct http_client *http, const struct rest_request *q,
			const struct http_header *extra, size_t n_extra, struct err *err)
{
	struct http_header headers[16];
	auto_buf struct buf target = { 0 };
	size_t n = 0;
	int r;

	headers[n++] = (struct http_header){ "Accept", q->accept ? q->accept : "application/json" };
	headers[n++] = (struct http_header){ "User-Agent",
					     "kubectl/v1.37.2 (linux) shallop/" SHALLOP_VERSION };
	if (q->content_type)
		headers[n++] = (struct http_header){ "Content-Type", q->content_type };
	if (rest->token)
		headers[n++] = (struct http_header){ "Authorization", rest->token };
	if (rest->impersonate)
		headers[n++] = (struct http_header){ "Impersonate-User", rest->impersonate };
	for (size_t i = 0; i < n_extra; i++)
		headers[n++] = extra[i];
	(void)buf_printf(&target, "%s%s", rest->prefix, q->path);
	r = buf_error(&target);
	if (r == 0)
		r = http_client_send(http, q->method, buf_str(&target), headers, n, q->body,
				     q->body_len);
	return r < 0 ? err_set(err, r, "send the request") : 0;
}

/* What went wrong on the way there, as kubectl says it. */
static int connection_problem(const struct rest *rest, int code, const struct err *why,
			      struct err *err)
{
	if (code == -ECONNREFUSED)
		return err_say(
			err, code,
			"The connection to the server %s:%s was refused - did you specify the "
			"right host or port?",
			rest->host, rest->port);
	if (code == -ETIMEDOUT)
		return err_say(err, code,
			       "Unable to connect to the server: net/http: request canceled "
			       "(Client.Timeout exceeded while awaiting headers)");
	return err_say(err, code, "Unable to connect to the server: %s",
		       why && *why->text ? why->text : err_text(code));
}

/* Drive the loop until the request under way has ended. */
static int run(struct rest *rest, struct http_client *http, struct err *err)
{
	struct loop_timer *timer = NULL;
	struct err why = { 0 };
	int r = 0;

	if (rest->timeout_ns > 0) {
		r = loop_timer_new(rest->loop, on_timeout, rest, &timer);
		if (r == 0)
			loop_timer_set_ns(timer, rest->timeout_ns);
	}
	if (r == 0 && rest->result == 1)
		r = loop_run(rest->loop, err);
	(void)loop_timer_free(timer);
	if (r < 0)
		return r;
	if (rest->result < 0 && !rest->upgraded) {
		why = *http_client_error(http);
		return connection_problem(rest, rest->result, &why, err);
	}
	return rest->status;
}

static int call_once(struct rest *rest, const struct rest_request *q, struct buf *body,
		     bool *ret_stale, struct err *err)
{
	bool kept = rest->http != NULL;
	int r = 0;

	*ret_stale = false;
	rest->request = q;
	rest->body = body;
	rest->status = 0;
	rest->result = 1;
	rest->last = false;
	buf_clear(&rest->problem);
	if (!rest->http)
		r = connect_client(rest, &rest->http, err);
	if (r == 0)
		r = send_request(rest, rest->http, q, NULL, 0, err);
	if (r == 0)
		r = run(rest, rest->http, err);
	if (r < 0 || rest->last) {
		if (rest->http)
			(void)http_client_free(rest->http);
		rest->http = NULL;
	}
	/* A kept connection that the server closed while it was idle: nothing was done, ask again. */
	*ret_stale = kept && r < 0 && rest->status == 0;
	return r;
}

int rest_call(struct rest *rest, const struct rest_request *q, struct buf *body, struct err *err)
{
	bool stale;
	int r;

	if (body)
		body->max = BODY_MAX;
	r = call_once(rest, q, body, &stale, err);
	if (stale)
		r = call_once(rest, q, body, &stale, err);
	if (r >= 0 && body && buf_error(body))
		return err_set(err, buf_error(body), "read the answer");
	/* Pieces were asked for, but the answer was an error: its body goes to the caller. */
	if (r >= 300 && body == NULL)
		return rest_problem(r, q, &rest->problem, NULL, err);
	return r;
}

int rest_get(struct rest *rest, const char *path, const char *accept, struct json_object **ret,
	     struct err *err)
{
	struct rest_request q = { .method = "GET", .path = path, .accept = accept };
	auto_buf struct buf body = { 0 };
	int r = rest_call(rest, &q, &body, err);

	if (r < 0)
		return r;
	if (r < 200 || r > 299)
		return rest_problem(r, &q, &body, NULL, err);
	r = json_parse(buf_str(&body), body.len, ret, err);
	return r < 0 ? err_prefix(err, r, "error: the answer to %s", path) : 0;
}

int rest_websocket(struct rest *rest, const char *path, const char *protocols, struct stream **ret,
		   char *ret_protocol, size_t protocol_size, struct err *err)
{
	struct rest_request q = { .method = "GET", .path = path, .accept = "*/*" };
	struct http_client *http = NULL;
	char key[25];
	int r;

	websocket_key(key);
	struct http_header extra[] = { { "Connection", "Upgrade" },
				       { "Upgrade", "websocket" },
				       { "Sec-WebSocket-Version", "13" },
				       { "Sec-WebSocket-Key", key },
				       { "Sec-WebSocket-Protocol", protocols } };

	rest->request = &q;
	rest->body = NULL;
	rest->status = 0;
	rest->result = 1;
	rest->upgraded = NULL;
	rest->websocket_key = key;
	buf_clear(&rest->problem);
	r = connect_client(rest, &http, err);
	if (r == 0)
		r = send_request(rest, http, &q, extra, ARRAY_LEN(extra), err);
	if (r == 0)
		r = run(rest, http, err);
	if (http)
		(void)http_client_free(http);
	rest->websocket_key = NULL;
	if (r < 0)
		return r;
	if (!rest->upgraded)
		return rest_problem(r, &q, &rest->problem, NULL, err);
	(void)snprintf(ret_protocol, protocol_size, "%s", rest->protocol);
	*ret = take_ptr(&rest->upgraded);
	return 0;
}

int rest_escape(struct buf *buf, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-_.~", c))
			(void)buf_putc(buf, (char)c);
		else
			(void)buf_printf(buf, "%%%02X", c);
	}
	return buf_error(buf);
}
