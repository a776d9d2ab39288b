/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of exec and attach, behind one contract with two implementations: WebSocket
 * (remote_ws.c) and SPDY/3.1 (remote_spdy.c). remote.c has the node's side and the way between.
 *
 * Sub-streams are numbered as on the wire, which numbers them as Kubernetes does: 0 stdin, 1 stdout,
 * 2 stderr, 3 how it ended, 4 terminal size.
 */
#pragma once

#include "orchestrator/server/outlet.h"
#include "orchestrator/server/streams.h"

struct remote;

struct remote_client {
	/* stdout, stderr. Queues; remote_client_room() says when to stop. */
	void (*write)(struct remote *remote, enum wire_sub sub, const void *bytes, size_t len);
	bool (*has_room)(struct remote *remote);
	/* No more comes on @sub. */
	void (*end)(struct remote *remote, enum wire_sub sub);
	/* The last words, then close and let go: nothing is called any more. @status: a JSON Status;
	 * @message: for protocols that only know a text, and only when it failed (else NULL). */
	void (*finish)(struct remote *remote, const struct buf *status, const char *message);
	/* The node takes stdin again: bytes were held back. */
	void (*resume)(struct remote *remote);
};

struct remote {
	struct loop *loop;
	const struct remote_client *client; /* NULL: the client is gone */
	void *client_data;
	struct wire_channel *channel; /* NULL: not open yet, or over */
	struct nodefront *nodes;
	char *node;	  /* looked up when it begins: connections come and go */
	struct outlet in; /* stdin, on its way */
	struct buf open, result, size;
	size_t owed; /* output taken and not given back to the node yet: the client is slow */
	bool wants_stdin, wants_stdout, wants_stderr, tty;
	bool over;
};

/* ---- for the clients ---- */

/* Everything is there: start it on the node. */
void remote_begin(struct remote *remote);
/* Bytes for stdin. False: enough for now, remote_client.resume() says when to go on. */
bool remote_stdin(struct remote *remote, const void *bytes, size_t len);
void remote_stdin_end(struct remote *remote);
/* Part of a stream of {"Width":80,"Height":24} objects. */
void remote_resize(struct remote *remote, const void *bytes, size_t len);
/* There is room again. */
void remote_drained(struct remote *remote);
/* The client left. */
void remote_gone(struct remote *remote);

/* Answer @http with an upgrade; 0, or -errno with nothing changed. */
int remote_ws_open(struct remote *remote, struct http_request *http, const char *protocol);
int remote_spdy_open(struct remote *remote, struct http_request *http, const char *protocol);
extern const char *const remote_ws_protocols[], *const remote_spdy_protocols[];
