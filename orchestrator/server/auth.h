/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is asking: client certificates and service-account tokens become users. What they may do is the
 * core's question.
 *
 * A certificate's common name is the user, its organizations are the groups. A token must carry our
 * signature, issuer and audience, be in its time, and the ServiceAccount (and the Pod) it is bound
 * to must still exist under the same uid. Checked tokens are remembered by their hash; what can
 * change (time, existence) is looked at each time.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/tls.h"
#include "orchestrator/core/core.h"

struct auth;

/* A user with the memory that its texts live in. Refcounted, immutable. */
struct identity {
	unsigned refs;
	struct core_user user;
	const char *groups[12];
	char text[]; /* the names */
};
struct identity *identity_ref(struct identity *identity);
struct identity *identity_unref(struct identity *identity);

/* @sa_pub_pem: whose signature tokens carry; @issuer: also the audience. @core is borrowed. */
int auth_new(struct core *core, const char *sa_pub_pem, const char *issuer, struct auth **ret);
struct auth *auth_free(struct auth *auth);

/* NULL: out of memory. @peer NULL: system:anonymous. */
struct identity *auth_of_certificate(const struct tls_identity *peer);
/* 0 and a reference, or -EACCES (with the reason in @err, for the log alone), -ENOMEM. */
int auth_of_token(struct auth *auth, const char *token, int64_t now_ns, struct identity **ret,
		  struct err *err);
