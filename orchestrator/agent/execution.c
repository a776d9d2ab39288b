/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/execution.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct execution {
	struct list link; /* nodepod->executions */
	struct nodepod *pod;
	char id[CONTAINER_ID_MAX];
	uint64_t request;
	bool started;
	struct execution_events events; /* all NULL: forgotten */
	void *data;
};

int execution_start(struct nodepod *pod, const struct execution_options *options,
		    const struct execution_events *events, void *data, struct execution **ret,
		    int *ret_master_fd, struct err *err)
{
	static uint64_t number; /* execs of one agent process; the shim forgets them as they end */
	struct execution *e;
	int64_t r;

	if (!pod->sandbox)
		return err_say(err, -ESRCH, "the pod has no sandbox");
	e = calloc(1, sizeof(*e));
	if (!e)
		return err_set(err, -ENOMEM, "exec");
	(void)snprintf(e->id, sizeof(e->id), "exec-%lld-%llu",
		       (long long)loop_now_ns(pod->agent->loop), (unsigned long long)++number);
	r = sandbox_exec(pod->sandbox,
			 &(struct exec_options){
				 .id = options->container_id,
				 .exec_id = e->id,
				 .argv = options->argv,
				 .tty = options->tty,
				 .fds = { options->fds[0], options->fds[1], options->fds[2] } },
			 ret_master_fd, err);
	if (r < 0) {
		free(e);
		return (int)r;
	}
	e->pod = pod;
	e->request = (uint64_t)r;
	e->events = *events;
	e->data = data;
	list_append(&pod->executions, &e->link);
	*ret = e;
	return 0;
}

void execution_forget(struct execution *e)
{
	e->events = (struct execution_events){ 0 };
}

void execution_signal(struct execution *e, int signo)
{
	if (e->pod->sandbox)
		(void)sandbox_signal(e->pod->sandbox, e->id, signo, NULL);
}

static void ended(struct execution *e, int exit_code, const struct err *err)
{
	list_remove(&e->link);
	if (e->events.on_ended)
		e->events.on_ended(e, exit_code, err, e->data);
	free(e);
}

static struct execution *find(struct nodepod *pod, const struct sandbox_event *event)
{
	list_for_each (link, next, &pod->executions) {
		struct execution *e = list_entry(link, struct execution, link);

		if (event->type == SANDBOX_EXITED ? strcmp(e->id, event->id) == 0
						  : e->request == event->request)
			return e;
	}
	return NULL;
}

bool execution_event(struct nodepod *pod, const struct sandbox_event *event)
{
	struct execution *e;
	struct err err = { 0 };

	if (event->type != SANDBOX_STARTED && event->type != SANDBOX_FAILED &&
	    event->type != SANDBOX_EXITED)
		return false;
	e = find(pod, event);
	if (!e)
		return strncmp(event->id, "exec-", 5) == 0; /* of an agent before this one */
	if (event->type == SANDBOX_STARTED) {
		e->started = true;
		if (e->events.on_started)
			e->events.on_started(e, e->data);
	} else if (event->type == SANDBOX_FAILED) {
		(void)err_say(&err, event->errno_code ? event->errno_code : -EIO, "%s",
			      event->error);
		ended(e, 126, &err);
	} else {
		ended(e, event->exit_code, NULL);
	}
	return true;
}

void execution_end_all(struct nodepod *pod, const struct err *err)
{
	while (!list_empty(&pod->executions))
		ended(list_entry(pod->executions.next, struct execution, link), 137, err);
}
