/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink in batches: many requests, one sendmsg, and as a rule one reply.
 *
 * The kernel works through a batch inside sendmsg and has queued its replies when that returns, so
 * nothing here ever waits. Only the last request asks to be acknowledged; failures of earlier ones
 * are reported all the same, and the first of them is the batch's result. rtnetlink carries on after
 * a failed request: undoing what did work is the caller's. nfnetlink applies all or nothing.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <errno.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct netlink {
	int fd; /* -EBADF: closed */
	uint32_t seq;
};

/* A socket in the calling thread's network namespace. */
int netlink_open(int protocol, struct netlink *ret);
/* The same in another one; the thread is back in @self_ns_fd's afterwards. */
int netlink_open_in(int self_ns_fd, int netns_fd, int protocol, struct netlink *ret);
struct netlink *netlink_close(struct netlink *nl);
static inline void own_netlink_done(struct netlink *nl)
{
	(void)netlink_close(nl);
}
#define auto_netlink OWN(netlink)
#define NETLINK_CLOSED                                                                             \
	{                                                                                          \
		.fd = -EBADF                                                                       \
	}

/* Make any socket inside @netns_fd: its fd, or -errno. */
int netlink_socket_in(int self_ns_fd, int netns_fd, int domain, int type, int protocol);
int netlink_self_ns(void); /* an fd of the calling thread's network namespace, or -errno */

#define NETLINK_MESSAGE_MAX 4096 /* of one request, attributes included */

struct netlink_batch {
	struct netlink *nl;
	struct buf bytes;
	size_t last;	    /* offset of the newest request */
	size_t acked;	    /* offset of the one that asks to be acknowledged */
	uint32_t first_seq; /* of the first request in @bytes */
	uint32_t acked_seq;
	unsigned n;	      /* requests */
	int failed;	      /* out of memory while building */
	const char *doing[8]; /* what the first requests are for, in words: "add route" */
};
void netlink_begin(struct netlink_batch *batch, struct netlink *nl);
void netlink_end(struct netlink_batch *batch);
static inline void own_netlink_batch_done(struct netlink_batch *batch)
{
	netlink_end(batch);
}
#define auto_netlink_batch OWN(netlink_batch)

/*
 * Begin a request: append attributes with libmnl to what is returned, up to NETLINK_MESSAGE_MAX,
 * before the next netlink_add(). Never NULL: out of memory shows in netlink_run().
 */
struct nlmsghdr *netlink_add(struct netlink_batch *batch, uint16_t type, uint16_t flags,
			     const char *doing, const void *head, size_t head_len);
/* A request that is never acknowledged, as the fences around an nfnetlink batch. */
void netlink_add_fence(struct netlink_batch *batch, uint16_t type, const void *head,
		       size_t head_len);
/* Send, collect, and leave the batch empty for reuse. The first failure, in words. */
int netlink_run(struct netlink_batch *batch, struct err *err);

/*
 * Ask one question and see every message of the answer: a dump, or a single reply. A callback that
 * returns a negative value ends it. A dump that the kernel calls inconsistent is asked again, after
 * calling @restart (may be NULL).
 */
typedef int (*netlink_see_fn)(const struct nlmsghdr *msg, void *data);
int netlink_ask(struct netlink_batch *batch, netlink_see_fn see, void (*restart)(void *),
		void *data);
