/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long answers for clients that take gzip: packed a piece at a time, one piece a round, so that the
 * loop is never held up. Clients on this host get them as they are: there the bytes cost less.
 */
#include <errno.h>
#include <string.h>

#include "base/gzip.h"
#include "orchestrator/server/reply.h"

#define GZIP_MIN   ((int64_t)128 << 10) /* as a kube-apiserver */
#define PIECE_SIZE ((size_t)64 << 10)

struct squeeze {
	struct gzip *gzip;
	struct bytes *body; /* one of the two */
	struct core_pages *pages;
	size_t at; /* in body */
};

static void squeeze_free(struct squeeze *squeeze)
{
	(void)gzip_free(squeeze->gzip);
	(void)bytes_unref(squeeze->body);
	(void)core_pages_free(squeeze->pages);
	free(squeeze);
}

/* Pack the next piece; *ret_last after the final one. */
static int pack_piece(struct squeeze *squeeze, struct buf *out, bool *ret_last)
{
	auto_bytes struct bytes *page = NULL;
	const char *data = NULL;
	size_t len = 0;

	if (squeeze->pages) {
		page = core_pages_next(squeeze->pages);
		*ret_last = !page;
		data = page ? page->data : NULL;
		len = page ? page->len : 0;
	} else {
		len = MIN(PIECE_SIZE, squeeze->body->len - squeeze->at);
		data = squeeze->body->data + squeeze->at;
		squeeze->at += len;
		*ret_last = squeeze->at == squeeze->body->len;
	}
	return gzip_add(squeeze->gzip, data, len, *ret_last, out);
}

static void squeeze_pump(struct front_request *request)
{
	auto_buf struct buf out = { 0 };
	bool last = false;

	if (!front_has_room(request))
		return; /* called again when there is */
	if (pack_piece(request->data, &out, &last) < 0 ||
	    http_respond_bytes(request->http, out.data, out.len) < 0) {
		http_conn_close(
			request->http->conn); /* cut off, so that it is not taken for whole */
		return;
	}
	if (last)
		(void)http_respond_end(request->http);
	else
		front_wake(request);
}

static void squeeze_gone(struct front_request *request)
{
	squeeze_free(request->data);
}

/* "gzip, deflate, br;q=0.1": is gzip among them, and not refused? */
static bool takes_gzip(const struct http_request *http)
{
	const char *at = http_header_of(http, "accept-encoding");

	while (at && *at) {
		size_t n;

		at += strspn(at, ", \t");
		n = strcspn(at, ",");
		if (strncasecmp(at, "gzip", 4) == 0 && (n == 4 || strchr("; \t", at[4])))
			return !memmem(at, n, "q=0", 3) || memmem(at, n, "q=0.", 4);
		at += n;
	}
	return false;
}

static bool is_near(const struct http_request *http)
{
	const char *peer = stream_peer(http_conn_stream(http->conn));

	return strncmp(peer, "127.", 4) == 0 || strncmp(peer, "[::1]", 5) == 0 ||
	       strncmp(peer, "[::ffff:127.", 12) == 0;
}

bool reply_gzip(struct front_request *request, struct reply_style *style,
		const struct core_answer *answer)
{
	static const struct front_handler handler = { squeeze_pump, squeeze_gone };
	int64_t length = answer->type == CORE_PAGES ? core_pages_length(answer->pages)
			 : answer->body		    ? (int64_t)answer->body->len
						    : 0;
	struct squeeze *squeeze;

	if ((length >= 0 && length < GZIP_MIN) || answer->status != 200 ||
	    !takes_gzip(request->http) || is_near(request->http))
		return false;
	squeeze = calloc(1, sizeof(*squeeze));
	if (!squeeze || gzip_new(&squeeze->gzip) < 0) {
		free(squeeze);
		return false; /* as it is, then */
	}
	squeeze->pages = answer->type == CORE_PAGES ? answer->pages : NULL;
	squeeze->body = squeeze->pages ? NULL : bytes_ref(answer->body);
	request->handler = &handler;
	request->data = squeeze;
	if (reply_start(request, style, answer, "gzip", -1) == 0)
		squeeze_pump(request);
	return true;
}
