/* SPDX-License-Identifier: Apache-2.0 */
/* Owners and what they own: background, foreground, orphan, and owners that never were. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define MAPS "/api/v1/namespaces/default/configmaps"

static char uid_of_last[64];

/* A ConfigMap named @name that names up to two owners by uid. */
static void make(struct bench *bench, const char *name, const char *owner, const char *owner_uid,
		 const char *more)
{
	char text[1024];

	if (owner)
		(void)snprintf(
			text, sizeof(text),
			"{'metadata':{'name':'%s','ownerReferences':[{'apiVersion':'v1','kind':"
			"'ConfigMap','name':'%s','uid':'%s','blockOwnerDeletion':true}%s]}}",
			name, owner, owner_uid, more);
	else
		(void)snprintf(text, sizeof(text), "{'metadata':{'name':'%s'%s}}", name, more);
	auto_reply struct reply reply = bench_call(bench, "POST", MAPS, text);

	CHECK_INT(reply.status, 201);
	(void)snprintf(uid_of_last, sizeof(uid_of_last), "%s", reply_text(&reply, "metadata.uid"));
}

static bool there(struct bench *bench, const char *name)
{
	char key[64];

	(void)snprintf(key, sizeof(key), "configmaps/default/%s", name);
	return bench_stored(bench, key) != NULL;
}

static void delete (struct bench *bench, const char *name, const char *policy)
{
	char path[128];

	(void)snprintf(path, sizeof(path), MAPS "/%s?propagationPolicy=%s", name, policy);
	auto_reply struct reply reply = bench_call(bench, "DELETE", path, NULL);

	CHECK_INT(reply.status, 200);
}

TEST(gc_in_the_background_takes_the_whole_family)
{
	auto_bench struct bench *bench = bench_new();
	char uid[64];

	make(bench, "grandmother", NULL, NULL, "");
	memcpy(uid, uid_of_last, sizeof(uid));
	make(bench, "mother", "grandmother", uid, "");
	make(bench, "child", "mother", uid_of_last, "");
	make(bench, "aunt", "grandmother", uid, "");
	make(bench, "neighbour", NULL, NULL, "");
	delete (bench, "grandmother", "Background");
	CHECK(!there(bench, "grandmother") && !there(bench, "mother") && !there(bench, "child"));
	CHECK(!there(bench, "aunt") && there(bench, "neighbour"));
}

TEST(gc_leaves_who_has_another_owner)
{
	auto_bench struct bench *bench = bench_new();
	char first[64], more[256];

	make(bench, "one", NULL, NULL, "");
	memcpy(first, uid_of_last, sizeof(first));
	make(bench, "two", NULL, NULL, "");
	(void)snprintf(more, sizeof(more),
		       ",{'apiVersion':'v1','kind':'ConfigMap','name':'two','uid':'%s'}",
		       uid_of_last);
	make(bench, "both", "one", first, more);
	delete (bench, "one", "Background");
	CHECK(there(bench, "both"));
	CHECK(!strstr(bench_stored(bench, "configmaps/default/both"), first));
	delete (bench, "two", "Background");
	CHECK(!there(bench, "both"));
}

TEST(gc_takes_those_whose_owner_never_was)
{
	auto_bench struct bench *bench = bench_new();

	make(bench, "owner", NULL, NULL, "");
	make(bench, "right", "owner", uid_of_last, "");
	make(bench, "wrong", "owner", "00000000-0000-0000-0000-000000000000", "");
	make(bench, "lost", "nobody", "00000000-0000-0000-0000-000000000001", "");
	CHECK(there(bench, "right") && !there(bench, "wrong") && !there(bench, "lost"));
}

TEST(gc_orphans_on_request)
{
	auto_bench struct bench *bench = bench_new();

	make(bench, "owner", NULL, NULL, "");
	make(bench, "kept", "owner", uid_of_last, "");
	delete (bench, "owner", "Orphan");
	CHECK(!there(bench, "owner") && there(bench, "kept"));
	CHECK(!strstr(bench_stored(bench, "configmaps/default/kept"), "ownerReferences"));
}

TEST(gc_in_the_foreground_waits_for_who_blocks)
{
	auto_bench struct bench *bench = bench_new();

	make(bench, "owner", NULL, NULL, "");
	make(bench, "held", "owner", uid_of_last, "");
	auto_reply struct reply hold = bench_call(
		bench, "PATCH", MAPS "/held", "{'metadata':{'finalizers':['example.com/hold']}}");

	CHECK_INT(hold.status, 200);
	delete (bench, "owner", "Foreground");
	CHECK(there(bench, "owner") && there(bench, "held"));
	CHECK(strstr(bench_stored(bench, "configmaps/default/held"), "deletionTimestamp"));
	bench_restart(bench); /* half way: it goes on */
	CHECK(there(bench, "owner") && there(bench, "held"));
	auto_reply struct reply let =
		bench_call(bench, "PATCH", MAPS "/held", "{'metadata':{'finalizers':null}}");

	CHECK_INT(let.status, 200);
	CHECK(!there(bench, "held") && !there(bench, "owner"));
}

TEST(gc_after_a_restart_knows_who_is_whose)
{
	auto_bench struct bench *bench = bench_new();

	make(bench, "owner", NULL, NULL, "");
	make(bench, "owned", "owner", uid_of_last, "");
	bench_restart(bench);
	CHECK(there(bench, "owned"));
	delete (bench, "owner", "Background");
	CHECK(!there(bench, "owned"));
}
