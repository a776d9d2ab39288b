/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/time.h"

#define LAG_TOO_LONG_NS (2 * NS_PER_S)

static void look_at_lag(struct metrics *m)
{
	m->lag_ns = loop_take_lag_ns(m->loop);
	m->lag_max_ns = MAX(m->lag_max_ns, m->lag_ns);
}

static void gauge(struct buf *out, const char *name, const char *type, const char *help,
		  double value)
{
	(void)buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.9g\n", name, help, name, type, name,
			 value);
}

static double resident_bytes(void)
{
	auto_buf struct buf text = BUF_INIT(4096);
	unsigned long size, resident;

	if (fd_read_file("/proc/self/statm", &text, NULL) < 0 ||
	    sscanf(buf_str(&text), "%lu %lu", &size, &resident) != 2)
		return 0;
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double seconds(int64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

static double cpu_seconds(void)
{
	struct rusage use = { 0 };

	(void)getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

int metrics_write(struct metrics *m, struct buf *out)
{
	struct store_stats store;
	struct core_stats core;

	core_stats(m->core, &core);
	m->store->ops->stats(m->store, &store);
	look_at_lag(m);
	const struct {
		const char *name, *type, *help;
		double value;
	} rows[] = {
		{ "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes() },
		{ "process_cpu_seconds_total", "counter", "CPU time used.", cpu_seconds() },
		{ "process_start_time_seconds", "gauge", "Start, since 1970.",
		  seconds(m->started_ns) },
		{ "shallop_requests_total", "counter", "API requests received.",
		  (double)m->requests },
		{ "shallop_connections", "gauge", "API connections open.", (double)m->connections },
		{ "shallop_connections_total", "counter", "API connections accepted.",
		  (double)m->connections_total },
		{ "shallop_connections_refused_total", "counter",
		  "API connections closed at the bound.", (double)m->connections_refused },
		{ "shallop_node_sessions", "gauge", "Nodes with a session.",
		  (double)m->node_sessions },
		{ "shallop_streams", "gauge", "Streams to nodes open.", (double)m->streams },
		{ "shallop_objects", "gauge", "Objects published.", (double)core.objects },
		{ "shallop_watchers", "gauge", "Watches open.", (double)core.watchers },
		{ "shallop_staged_writes", "gauge", "Writes waiting for their batch.",
		  (double)core.staged },
		{ "shallop_commits_total", "counter", "Batches committed.", (double)core.commits },
		{ "shallop_revision", "gauge", "The last revision.", (double)core.revision },
		{ "shallop_store_transactions_total", "counter", "Store transactions.",
		  (double)store.transactions },
		{ "shallop_store_records_total", "counter", "Records written to the store.",
		  (double)store.records },
		{ "shallop_store_last_transaction_seconds", "gauge",
		  "What the last durable transaction took.", seconds(store.last_ns) },
		{ "shallop_store_failed", "gauge", "1: the last batch was not kept.",
		  m->store_failed },
		{ "shallop_loop_lag_seconds", "gauge",
		  "The longest round of the loop since the last look.", seconds(m->lag_ns) },
		{ "shallop_loop_lag_max_seconds", "gauge", "The longest round of the loop ever.",
		  seconds(m->lag_max_ns) },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		gauge(out, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
	(void)buf_puts(out, "# HELP shallop_responses_total API answers by class of their code.\n"
			    "# TYPE shallop_responses_total counter\n");
	for (unsigned i = 1; i < ARRAY_LEN(m->responses_by_class); i++)
		(void)buf_printf(out, "shallop_responses_total{class=\"%uxx\"} %" PRIu64 "\n", i,
				 m->responses_by_class[i]);
	if (m->write_nodes)
		m->write_nodes(m->nodes, out);
	return buf_error(out);
}

const char *metrics_unready(struct metrics *m)
{
	look_at_lag(m);
	if (m->store_failed)
		return "store failed: the last write was not kept, see the server's log";
	return m->lag_ns > LAG_TOO_LONG_NS ? "loop failed: it lags" : NULL;
}
