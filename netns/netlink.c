/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/netlink.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

#define REPLY_MAX 32768 /* what the kernel puts into one part of a dump at most */

static int prepare(int fd, struct netlink *ret)
{
	int on = 1;

	/* Both only make error texts better and replies smaller: old kernels may refuse. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	*ret = (struct netlink){ .fd = fd };
	return 0;
}

int netlink_open(int protocol, struct netlink *ret)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	return fd < 0 ? -errno : prepare(fd, ret);
}

int netlink_self_ns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int netlink_socket_in(int self_ns_fd, int netns_fd, int domain, int type, int protocol)
{
	int fd, r = 0;

	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return -errno;
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		r = -errno;
	/*
	 * Going home fails only for want of memory for one small object. A daemon that went on in a
	 * pod's namespace would do harm everywhere, so this insists, and gives up the process last.
	 */
	for (unsigned tries = 0; setns(self_ns_fd, CLONE_NEWNET) < 0; tries++) {
		if (tries == 1000)
			abort();
		(void)sched_yield();
	}
	return fd < 0 ? r : fd;
}

int netlink_open_in(int self_ns_fd, int netns_fd, int protocol, struct netlink *ret)
{
	int fd = netlink_socket_in(self_ns_fd, netns_fd, AF_NETLINK, SOCK_RAW, protocol);

	return fd < 0 ? fd : prepare(fd, ret);
}

struct netlink *netlink_close(struct netlink *nl)
{
	nl->fd = fd_close(nl->fd);
	return NULL;
}

void netlink_begin(struct netlink_batch *batch, struct netlink *nl)
{
	*batch = (struct netlink_batch){ .nl = nl, .first_seq = nl->seq + 1 };
}

void netlink_end(struct netlink_batch *batch)
{
	buf_done(&batch->bytes);
}

/* Attributes were written behind buf's back: count the newest request in. */
static void settle(struct netlink_batch *batch)
{
	if (batch->n && !batch->failed) {
		const struct nlmsghdr *msg = (void *)(batch->bytes.data + batch->last);

		assert(msg->nlmsg_len <= NETLINK_MESSAGE_MAX);
		batch->bytes.len = batch->last + MNL_ALIGN(msg->nlmsg_len);
	}
}

static struct nlmsghdr *add(struct netlink_batch *batch, uint16_t type, uint16_t flags,
			    const char *doing, const void *head, size_t head_len)
{
	static union { /* where requests of a failed batch go; never sent */
		struct nlmsghdr align;
		char space[NETLINK_MESSAGE_MAX];
	} waste;
	struct nlmsghdr *msg;
	void *at = waste.space;

	settle(batch);
	if (!batch->failed)
		batch->failed = buf_reserve(&batch->bytes, NETLINK_MESSAGE_MAX);
	if (!batch->failed) {
		batch->last = batch->bytes.len;
		at = batch->bytes.data + batch->last;
	}
	msg = mnl_nlmsg_put_header(at);
	msg->nlmsg_type = type;
	msg->nlmsg_flags = NLM_F_REQUEST | flags;
	msg->nlmsg_seq = ++batch->nl->seq;
	if (head_len)
		memcpy(mnl_nlmsg_put_extra_header(msg, head_len), head, head_len);
	if (batch->n < ARRAY_LEN(batch->doing))
		batch->doing[batch->n] = doing;
	batch->n++;
	return msg;
}

struct nlmsghdr *netlink_add(struct netlink_batch *batch, uint16_t type, uint16_t flags,
			     const char *doing, const void *head, size_t head_len)
{
	struct nlmsghdr *msg = add(batch, type, flags, doing, head, head_len);

	batch->acked = batch->last;
	batch->acked_seq = msg->nlmsg_seq;
	return msg;
}

void netlink_add_fence(struct netlink_batch *batch, uint16_t type, const void *head,
		       size_t head_len)
{
	(void)add(batch, type, 0, NULL, head, head_len);
}

static int transmit(struct netlink_batch *batch)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec iov = { batch->bytes.data, batch->bytes.len };
	struct msghdr msg = {
		.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1
	};
	int room = (int)batch->bytes.len * 2;

	/* A batch must be one datagram: make room for a big one (a table with all its elements). */
	if (batch->bytes.len > 64 * 1024)
		(void)setsockopt(batch->nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	while (sendmsg(batch->nl->fd, &msg, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static ssize_t receive(struct netlink *nl, void *data, size_t size)
{
	struct iovec iov = { data, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(nl->fd, &msg, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

/* The kernel's own words about a failure, when it has any; "" otherwise. */
static const char *error_words(const struct nlmsghdr *msg)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(msg);
	size_t skip = sizeof(*e);
	const struct nlattr *attr;

	if (!(msg->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	if (!(msg->nlmsg_flags & NLM_F_CAPPED))
		skip += MNL_ALIGN(e->msg.nlmsg_len - sizeof(e->msg));
	mnl_attr_for_each(attr, msg, skip) if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
					       mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >=
						       0) return mnl_attr_get_str(attr);
	return "";
}

static int tell(const struct netlink_batch *batch, uint32_t seq, int code, const char *words,
		struct err *err)
{
	uint32_t i = seq - batch->first_seq;
	const char *doing = i < ARRAY_LEN(batch->doing) && i < batch->n && batch->doing[i]
				    ? batch->doing[i]
				    : "netlink request";

	if (*words)
		return err_set(err, code, "%s: %s", doing, words);
	return err_set(err, code, "%s", doing);
}

/* Replies are queued already. The last request is acknowledged, unless the whole batch was refused. */
static int collect(struct netlink_batch *batch, struct err *err)
{
	uint32_t last_seq = batch->nl->seq;
	char data[8192] __attribute__((aligned(8)));
	int result = 0;

	for (;;) {
		ssize_t got = receive(batch->nl, data, sizeof(data));
		int left = (int)got;

		if (got == -EAGAIN && result)
			return result;
		if (got < 0)
			return tell(batch, batch->acked_seq, (int)got, "", err);
		for (struct nlmsghdr *msg = (void *)data; mnl_nlmsg_ok(msg, left);
		     msg = mnl_nlmsg_next(msg, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(msg);

			if (msg->nlmsg_type != NLMSG_ERROR ||
			    msg->nlmsg_seq - batch->first_seq > last_seq - batch->first_seq)
				continue; /* an answer to something given up earlier */
			if (e->error && !result)
				result = tell(batch, msg->nlmsg_seq, e->error, error_words(msg),
					      err);
			if (msg->nlmsg_seq == batch->acked_seq)
				return result;
		}
	}
}

static void reset(struct netlink_batch *batch)
{
	buf_clear(&batch->bytes);
	batch->first_seq = batch->nl->seq + 1;
	batch->n = 0;
	batch->failed = 0;
	batch->last = batch->acked = 0;
}

int netlink_run(struct netlink_batch *batch, struct err *err)
{
	int r = batch->failed;

	if (batch->n == 0)
		return 0;
	settle(batch);
	if (r == 0) {
		((struct nlmsghdr *)(batch->bytes.data + batch->acked))->nlmsg_flags |= NLM_F_ACK;
		r = transmit(batch);
	}
	if (r < 0)
		r = tell(batch, batch->first_seq, r, "", err);
	else
		r = collect(batch, err);
	reset(batch);
	return r;
}

enum { SEE_MORE = 1, SEE_AGAIN = 2 };

/* One datagram of an answer: 0 at the end, SEE_MORE, SEE_AGAIN, or a failure. */
static int see_part(const char *data, int left, uint32_t seq, netlink_see_fn see, void *arg,
		    bool *torn)
{
	bool multi = false;

	for (const struct nlmsghdr *msg = (const void *)data; mnl_nlmsg_ok(msg, left);
	     msg = mnl_nlmsg_next(msg, &left)) {
		int r;

		if (msg->nlmsg_seq != seq)
			return SEE_MORE;
		*torn |= (msg->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		multi |= (msg->nlmsg_flags & NLM_F_MULTI) != 0;
		if (msg->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(msg))->error;
		if (msg->nlmsg_type == NLMSG_DONE)
			return *torn ? SEE_AGAIN : 0;
		r = see(msg, arg);
		if (r < 0)
			return r;
	}
	return multi ? SEE_MORE : 0;
}

static int see_answer(struct netlink_batch *batch, char *data, netlink_see_fn see, void *arg)
{
	uint32_t seq = batch->nl->seq;
	bool torn = false;
	int r = transmit(batch);

	if (r < 0)
		return r;
	do {
		ssize_t got = receive(batch->nl, data, REPLY_MAX);

		r = got < 0 ? (int)got : see_part(data, (int)got, seq, see, arg, &torn);
	} while (r == SEE_MORE);
	return r;
}

int netlink_ask(struct netlink_batch *batch, netlink_see_fn see, void (*restart)(void *),
		void *data)
{
	auto_free char *reply = malloc(REPLY_MAX);
	int r = batch->failed ? batch->failed : SEE_AGAIN;

	assert(batch->n == 1);
	if (!reply)
		r = -ENOMEM;
	settle(batch);
	for (unsigned tries = 0; r == SEE_AGAIN; tries++) {
		struct nlmsghdr *msg = (void *)batch->bytes.data;

		if (tries && restart)
			restart(data);
		msg->nlmsg_seq = ++batch->nl->seq;
		r = see_answer(batch, reply, see, data);
		if (r == SEE_AGAIN && tries == 5)
			r = -EAGAIN;
	}
	reset(batch);
	return r;
}
