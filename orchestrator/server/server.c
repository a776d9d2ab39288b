/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's loop: what came in becomes requests; at the end of each round the core steps, what is
 * staged goes to the store, and what the store has made durable is published.
 */
#include "orchestrator/server/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/crypt.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "base/path.h"
#include "base/time.h"
#include "orchestrator/core/core.h"
#include "orchestrator/server/auth.h"
#include "orchestrator/server/front.h"
#include "orchestrator/server/metrics.h"
#include "orchestrator/server/nodefront.h"
#include "orchestrator/server/pki.h"
#include "orchestrator/server/store.h"

#define CONNECTIONS_MAX 16384
#define FDS_KEPT	128 /* for the store, the nodes and the rest */
#define BATCHES_A_ROUND 8
#define PKI_LOOK_NS	(3600 * NS_PER_S)
#define CLOSE_ROUNDS	50
#define IDLE_NS		(10 * NS_PER_S)
#define IDLE_COMMITS	20 /* in that time: leases and heartbeats */

struct server {
	const struct server_options *options;
	struct loop *loop;
	struct store *store;
	struct core *core;
	struct auth *auth;
	struct nodefront *nodes;
	struct front *front;
	struct pki pki;
	/* The key of tokens does not change with the certificates, and the front borrows it. */
	struct jwt_signer *signer;
	char *sa_pub_pem;
	struct tls_context *api_tls, *node_tls;
	struct metrics metrics;
	struct loop_timer *step_timer, *pki_timer, *idle_timer;
	uint64_t commits_seen; /* when idle_timer was set */
	char issuer[320];
	bool storing; /* a batch is at the store */
	bool batch_durable;
	bool step_due; /* the core has something to look at */
	bool stopping;
};

/* ---- memory: what work has left in the heap goes back to the kernel when it is over ---- */

static uint64_t commits_of(const struct server *s)
{
	struct core_stats stats;

	core_stats(s->core, &stats);
	return stats.commits;
}

static void arm_idle(struct server *s)
{
	if (loop_timer_armed(s->idle_timer))
		return;
	s->commits_seen = commits_of(s);
	loop_timer_set_ns(s->idle_timer, IDLE_NS);
}

static void on_idle_timer(struct loop *loop, void *data)
{
	struct server *s = data;

	(void)loop;
	if (commits_of(s) > s->commits_seen + IDLE_COMMITS)
		arm_idle(s); /* busy: trimming would cost a pause and bring nothing */
	else
		(void)malloc_trim(0);
}

/* ---- batches ---- */

/* Each failure once: what comes while the store stays as it is would say the same. */
static void note_store(struct server *s, const struct err *err)
{
	bool failed = err->code < 0;

	if (failed && !s->metrics.store_failed)
		log_error("%s; writes are refused until it works again", err->text);
	else if (!failed && s->metrics.store_failed)
		log_info("the store takes writes again");
	s->metrics.store_failed = failed;
}

static void on_stored(const struct err *err, void *data)
{
	struct server *s = data;

	s->storing = false;
	s->step_due = true;
	if (s->batch_durable || err->code < 0) /* the rest is only queued */
		note_store(s, err);
	if (err->code < 0)
		core_abort(s->core, err->code, err->text, loop_now_ns(s->loop));
	else
		core_commit(s->core, loop_now_ns(s->loop));
	arm_idle(s);
}

static void step(struct server *s)
{
	int64_t now = loop_now_ns(s->loop), next;
	bool more = false;

	s->step_due = false;
	next = core_step(s->core, now, &more);
	if (more)
		loop_timer_set_ns(s->step_timer, 0);
	else if (next < INT64_MAX)
		loop_timer_set_ns(s->step_timer, MAX(next - now, 0));
	else
		loop_timer_clear(s->step_timer);
}

/* Until nothing moves any more, or a batch must be waited for. */
static void on_round(struct loop *loop, void *data)
{
	struct server *s = data;

	(void)loop;
	s->step_due = true; /* a request may have brought an earlier deadline: a watch's, say */
	for (unsigned i = 0; i < BATCHES_A_ROUND && !s->stopping; i++) {
		const struct core_batch *batch;

		if (s->step_due)
			step(s);
		batch = s->storing ? NULL : core_batch(s->core);
		if (!batch)
			return;
		s->storing = true;
		s->batch_durable = batch->durable;
		s->store->ops->submit(s->store, batch, on_stored, s);
	}
	if (!s->storing) /* batches that are answered at once: the rest comes in the next round */
		loop_timer_set_ns(s->step_timer, 0);
}

static void on_step_timer(struct loop *loop, void *data)
{
	(void)loop;
	(void)data; /* it made a round: that is all */
}

/* ---- what the core asks of the world ---- */

static void env_random(void *data, void *bytes, size_t len)
{
	(void)data;
	random_bytes(bytes, len);
}

static int env_sign(void *data, const char *claims_json, struct buf *ret_token, struct err *err)
{
	struct server *s = data;

	return jwt_sign(s->signer, claims_json, ret_token, err);
}

static int load_one(const char *key, uint64_t revision, const void *json, size_t len, void *data,
		    struct err *err)
{
	return core_load(data, key, revision, json, len, err);
}

static int open_core(struct server *s, struct err *err)
{
	const struct core_options options = {
		.env = { .random = env_random, .sign = env_sign, .data = s },
		.cluster_domain = s->options->cluster_domain,
		.service_cidr = s->options->service_cidr,
		.server_address = s->options->address,
		.server_port = s->options->port,
		.ca_pem = buf_str(&s->pki.ca_crt),
		.token_issuer = s->issuer,
	};
	uint64_t revision, durable;
	int r = core_new(&options, &s->core, err);

	if (r == 0)
		r = s->store->ops->load(s->store, load_one, s->core, &revision, &durable, err);
	if (r == 0)
		r = core_loaded(s->core, revision, durable, loop_now_ns(s->loop), err);
	s->step_due = true;
	return r;
}

/* ---- keys ---- */

static int make_contexts(struct server *s, struct err *err)
{
	struct tls_options options = {
		.server = true,
		.cert_pem = buf_str(&s->pki.server_crt),
		.key_pem = buf_str(&s->pki.server_key),
		.client_ca_pem = buf_str(&s->pki.ca_crt),
		.alpn = "http/1.1",
	};
	int r = s->api_tls ? tls_context_reload(s->api_tls, &options, err)
			   : tls_context_new(&options, &s->api_tls, err);

	if (r < 0)
		return r;
	options.alpn = NULL;
	options.tls13_only = true;
	return s->node_tls ? tls_context_reload(s->node_tls, &options, err)
			   : tls_context_new(&options, &s->node_tls, err);
}

/* Certificates renew online, and follow the host's addresses. */
static void on_pki_timer(struct loop *loop, void *data)
{
	struct server *s = data;
	struct err err = { 0 };
	struct pki pki;
	bool changed;
	int r = pki_ensure(s->options, &changed, &err);

	(void)loop;
	loop_timer_set_ns(s->pki_timer, PKI_LOOK_NS);
	if (r == 0 && changed) {
		r = pki_read(s->options, &pki, &err);
		if (r == 0) {
			pki_done(&s->pki);
			s->pki = pki;
			r = make_contexts(s, &err);
		}
		if (r == 0)
			log_info("the server's certificate was renewed");
	}
	if (r < 0)
		log_error("%s", err.text);
}

/* ---- start ---- */

static size_t connections_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 512;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur <= 2 * FDS_KEPT)
		return FDS_KEPT;
	return MIN(limit.rlim_cur - FDS_KEPT, CONNECTIONS_MAX);
}

static int open_fronts(struct server *s, struct err *err)
{
	const struct server_options *o = s->options;
	const struct nodefront_options nodes = {
		.loop = s->loop,
		.core = s->core,
		.metrics = &s->metrics,
		.tls = s->node_tls,
		.pki = &s->pki,
		.server = o,
	};
	int r = nodefront_new(&nodes, &s->nodes, err);

	if (r < 0)
		return r;
	r = auth_new(s->core, s->sa_pub_pem, s->issuer, &s->auth);
	if (r < 0)
		return err_set(err, r, "open the API front");
	const struct front_options front = {
		.loop = s->loop,
		.core = s->core,
		.auth = s->auth,
		.metrics = &s->metrics,
		.nodes = s->nodes,
		.tls = s->api_tls,
		.issuer = s->issuer,
		.sa_pub_pem = s->sa_pub_pem,
		.address = o->address,
		.port = o->port,
		.connections_max = connections_max(),
	};
	return front_new(&front, &s->front, err);
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static int listen_all(struct server *s, struct err *err)
{
	const struct server_options *o = s->options;
	const char *ip = is_loopback(o->address) ? o->address : "";
	int fd, r = listen_tcp(ip, o->port, &fd, err);

	if (r == 0)
		r = front_listen(s->front, fd, err);
	if (r == 0)
		r = listen_tcp(ip, o->node_port, &fd, err);
	return r == 0 ? nodefront_listen(s->nodes, fd, err) : r;
}

static int open_store(struct server *s, struct err *err)
{
	auto_free char *dir = path_join(s->options->data_dir, "server");
	auto_free char *path = dir ? path_join(dir, "store.db") : NULL;

	if (!path)
		return err_set(err, -ENOMEM, "open the store");
	return store_sqlite_open(s->loop, path, &s->store, err);
}

static void on_signal(struct loop *loop, int signo, void *data)
{
	(void)signo;
	(void)data;
	loop_stop(loop);
}

static int start(struct server *s, struct err *err)
{
	int r = loop_new(&s->loop, err);

	if (r == 0)
		r = server_pki_ensure(s->options, err);
	if (r == 0)
		r = pki_read(s->options, &s->pki, err);
	if (r == 0)
		r = jwt_signer_new(buf_str(&s->pki.sa_key), &s->signer, err);
	if (r == 0) {
		s->sa_pub_pem = strdup(buf_str(&s->pki.sa_pub));
		r = s->sa_pub_pem ? 0 : err_set(err, -ENOMEM, "read the key for tokens");
	}
	if (r == 0)
		r = make_contexts(s, err);
	if (r == 0)
		r = open_store(s, err);
	if (r == 0)
		r = open_core(s, err);
	if (r < 0)
		return r;
	s->metrics.loop = s->loop;
	s->metrics.core = s->core;
	s->metrics.store = s->store;
	s->metrics.started_ns = loop_now_ns(s->loop);
	r = loop_timer_new(s->loop, on_step_timer, s, &s->step_timer);
	if (r == 0)
		r = loop_timer_new(s->loop, on_pki_timer, s, &s->pki_timer);
	if (r == 0)
		r = loop_timer_new(s->loop, on_idle_timer, s, &s->idle_timer);
	if (r == 0)
		r = loop_signal(s->loop, SIGTERM, on_signal, s);
	if (r == 0)
		r = loop_signal(s->loop, SIGINT, on_signal, s);
	if (r < 0)
		return err_set(err, r, "start the server");
	r = open_fronts(s, err);
	if (r == 0)
		r = listen_all(s, err);
	if (r < 0)
		return r;
	loop_on_round(s->loop, on_round, s);
	loop_timer_set_ns(s->pki_timer, PKI_LOOK_NS);
	loop_timer_set_ns(s->step_timer, 0); /* the first round is not for requests to start */
	return 0;
}

/* ---- the end ---- */

static void stop(struct server *s)
{
	s->stopping = true;
	/* Clients in the middle of an answer get what is queued for them, within a few rounds. */
	if (s->front) {
		front_close(s->front);
		for (unsigned i = 0; i < CLOSE_ROUNDS && front_connections(s->front); i++)
			(void)loop_step(s->loop, 10);
	}
	s->front = front_free(s->front);
	s->nodes = nodefront_free(s->nodes);
	s->auth = auth_free(s->auth);
	s->store = store_close(s->store); /* waits for the batch under way */
	s->core = core_free(s->core);
	s->step_timer = loop_timer_free(s->step_timer);
	s->pki_timer = loop_timer_free(s->pki_timer);
	s->idle_timer = loop_timer_free(s->idle_timer);
	s->api_tls = tls_context_free(s->api_tls);
	s->node_tls = tls_context_free(s->node_tls);
	s->signer = jwt_signer_free(s->signer);
	free(s->sa_pub_pem);
	pki_done(&s->pki);
	s->loop = loop_free(s->loop);
}

int server_run(const struct server_options *options, struct err *err)
{
	struct server server = { .options = options };
	int r;

	(void)mallopt(M_ARENA_MAX, 1); /* the writer thread needs none of its own */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(server.issuer, sizeof(server.issuer), "https://kubernetes.default.svc.%s",
		       options->cluster_domain);
	r = start(&server, err);
	if (r == 0) {
		log_info("serving the API on port %u and nodes on port %u", options->port,
			 options->node_port);
		(void)notify_send("READY=1");
		r = loop_run(server.loop, err);
		(void)notify_send("STOPPING=1");
	}
	stop(&server);
	return r < 0 ? r : 0;
}
