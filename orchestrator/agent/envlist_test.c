/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/envlist.h"

#include "tests/unit/test.h"

#include <string.h>

TEST(env_names_keep_their_place_and_the_last_value_counts)
{
	auto_envlist struct envlist env = { 0 };

	envlist_put(&env, "A=1");
	envlist_put(&env, "B=x=y");
	envlist_put(&env, "=nothing");
	envlist_put(&env, "NOVALUE");
	envlist_set(&env, "A", "2");
	CHECK_INT(env.n, 2);
	CHECK_STR(env.items[0].name, "A");
	CHECK_STR(envlist_get(&env, "A"), "2");
	CHECK_STR(envlist_get(&env, "B"), "x=y");
	CHECK(!envlist_get(&env, "C"));
}

TEST(env_expands_as_kubernetes_does)
{
	static const struct {
		const char *text, *expanded;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "$(A)", "1" },
		{ "x$(A)y$(B)z", "x1y2z" },
		{ "$(NOPE)", "$(NOPE)" }, /* unknown: as it stands */
		{ "$$(A)", "$(A)" },	  /* escaped */
		{ "$$$(A)", "$1" },
		{ "$$", "$" },
		{ "$", "$" },
		{ "$x", "$x" },
		{ "$(A", "$(A" },
		{ "$()", "$()" },
		{ "$(B)$(A)", "21" },
	};
	auto_envlist struct envlist first = { 0 }, second = { 0 };

	envlist_set(&first, "A", "1");
	envlist_set(&second, "A", "hidden");
	envlist_set(&second, "B", "2");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *text = envlist_expand(cases[i].text, &first, &second);

		CHECK_STR(text, cases[i].expanded);
	}
}

TEST(env_survives_every_failed_allocation)
{
	for (unsigned nth = 1;; nth++) {
		auto_envlist struct envlist env = { 0 };
		char *text;

		fault_arm(nth);
		envlist_set(&env, "A", "1");
		envlist_set(&env, "A", "22");
		text = envlist_expand("a $(A) b", &env, NULL);
		bool failed = fault_disarm();

		CHECK(failed || (text && strcmp(text, "a 22 b") == 0 && !env.failed));
		free(text);
		if (!failed)
			return;
	}
}
