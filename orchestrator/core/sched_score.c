/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "orchestrator/core/sched.h"

/* ---- scores by themselves: 0 to SCHED_SCORE_MAX ---- */

/* More free after the pod is better: the mean over cpu and memory. */
static int64_t least_allocated(const struct sched_pod *pod, const struct sched_node *node)
{
	int64_t total = 0, n = 0;

	for (unsigned i = 0; i < SCHED_STORAGE; i++) {
		int64_t capacity = node->allocatable.of[i], used = node->usual[i] + pod->usual[i];

		if (!capacity)
			continue;
		if (used <= capacity)
			total +=
				(int64_t)((__int128)(capacity - used) * SCHED_SCORE_MAX / capacity);
		n++;
	}
	return n ? total / n : 0;
}

/* How evenly cpu and memory are used, in [MAX/2, MAX]: half the distance of the two fractions. */
static int64_t balance(const int64_t used[SCHED_STORAGE], const struct sched_node *node)
{
	double fractions[SCHED_STORAGE], deviation = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < SCHED_STORAGE; i++) {
		if (!node->allocatable.of[i])
			continue;
		fractions[n] = (double)used[i] / (double)node->allocatable.of[i];
		fractions[n] = MIN(fractions[n], 1.0);
		n++;
	}
	if (n == 2)
		deviation = (fractions[0] - fractions[1]) / 2;
	if (deviation < 0)
		deviation = -deviation;
	return (int64_t)((1 - deviation) * SCHED_SCORE_MAX);
}

/* Does the pod make the node's use more even than it was? */
static int64_t balanced(const struct sched_pod *pod, const struct sched_node *node)
{
	int64_t with[SCHED_STORAGE];

	if (!pod->request.of[SCHED_CPU] && !pod->request.of[SCHED_MEMORY])
		return 0;
	for (unsigned i = 0; i < SCHED_STORAGE; i++)
		with[i] = node->used.of[i] + pod->request.of[i];
	return SCHED_SCORE_MAX / 2 +
	       (SCHED_SCORE_MAX / 2 + balance(with, node) - balance(node->used.of, node)) / 2;
}

/* ---- scores by comparison: raw numbers, brought to 0…MAX over all candidates ---- */

static int64_t disliked_taints(const struct sched_pod *pod, const struct sched_node *node)
{
	int64_t n = 0;

	for (size_t i = 0; i < json_len(node->taints); i++) {
		const struct json_object *taint = json_idx(node->taints, i);
		const char *effect = json_str(json_get(taint, "effect"));

		if (effect && strcmp(effect, "PreferNoSchedule") == 0)
			n += !sched_tolerates_taint(pod->tolerations, taint);
	}
	return n;
}

static int64_t preferred_weight(const struct sched_pod *pod, const struct sched_node *node)
{
	int64_t sum = 0;

	for (size_t i = 0; i < json_len(pod->preferred); i++) {
		const struct json_object *one = json_idx(pod->preferred, i);

		if (sched_match_term(json_get(one, "preference"), node))
			sum += json_int(json_get(one, "weight"), 0);
	}
	return sum;
}

static const struct {
	int64_t (*score)(const struct sched_pod *pod, const struct sched_node *node);
	int64_t weight;
} plain[] = {
	{ least_allocated, 1 },
	{ balanced, 1 },
};
static const struct {
	int64_t (*raw)(const struct sched_pod *pod, const struct sched_node *node);
	int64_t weight;
	bool fewer_is_better;
} compared[] = {
	{ disliked_taints, 3, true },
	{ preferred_weight, 2, false },
};
_Static_assert(ARRAY_LEN(compared) == ARRAY_LEN(((struct sched_candidate *)0)->raw),
	       "a place for each raw number");

static int64_t normalised(int64_t raw, int64_t most, bool fewer_is_better)
{
	int64_t score = most ? raw * SCHED_SCORE_MAX / most : 0;

	return fewer_is_better ? SCHED_SCORE_MAX - score : score;
}

void sched_score(const struct sched_pod *pod, struct sched_candidate *candidates, size_t n)
{
	int64_t most[ARRAY_LEN(compared)] = { 0 };

	for (size_t c = 0; c < n; c++) {
		struct sched_candidate *one = &candidates[c];

		one->total = 0;
		for (size_t i = 0; i < ARRAY_LEN(plain); i++)
			one->total += plain[i].weight * plain[i].score(pod, one->node);
		for (size_t i = 0; i < ARRAY_LEN(compared); i++) {
			one->raw[i] = compared[i].raw(pod, one->node);
			most[i] = MAX(most[i], one->raw[i]);
		}
	}
	for (size_t c = 0; c < n; c++)
		for (size_t i = 0; i < ARRAY_LEN(compared); i++)
			candidates[c].total +=
				compared[i].weight * normalised(candidates[c].raw[i], most[i],
								compared[i].fewer_is_better);
}

/* ---- the choice ---- */

struct sched_node *sched_choose(struct sched *sched, const struct sched_pod *pod,
				struct sched_refusal *refusal, int *ret_error)
{
	struct sched_candidate *best = NULL;
	size_t n = 0;

	*refusal = (struct sched_refusal){ 0 };
	*ret_error = array_grow(&sched->candidates, &sched->cap_candidates, sched->n_nodes,
				sizeof(*sched->candidates));
	if (*ret_error < 0)
		return NULL;
	/* Each walk starts one further on, and the first of equals wins: ties go round. */
	for (size_t i = 0; i < sched->n_nodes; i++) {
		struct sched_node *node = sched->nodes[(sched->turn + i) % sched->n_nodes];

		if (sched_filter(pod, node, refusal))
			sched->candidates[n++].node = node;
	}
	if (!n)
		return NULL;
	sched->turn++;
	if (n == 1)
		return sched->candidates[0].node;
	sched_score(pod, sched->candidates, n);
	for (size_t i = 0; i < n; i++)
		if (!best || sched->candidates[i].total > best->total)
			best = &sched->candidates[i];
	return best->node;
}
