/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every command and flag that kubectl 1.37 has and we carry out: name, shorthand, type, default, and the
 * value of a flag that is given without one.
 */
#include "ctl/command.h"

const struct cli_flag cli_global_flags[] = {
	{ "as", 0, CLI_STRING, "", NULL },
	{ "as-group", 0, CLI_ARRAY, "", NULL },
	{ "as-uid", 0, CLI_STRING, "", NULL },
	{ "as-user-extra", 0, CLI_ARRAY, "", NULL },
	{ "cache-dir", 0, CLI_STRING, "$HOME/.kube/cache", NULL },
	{ "certificate-authority", 0, CLI_STRING, "", NULL },
	{ "client-certificate", 0, CLI_STRING, "", NULL },
	{ "client-key", 0, CLI_STRING, "", NULL },
	{ "cluster", 0, CLI_STRING, "", NULL },
	{ "context", 0, CLI_STRING, "", NULL },
	{ "disable-compression", 0, CLI_BOOL, "false", "true" },
	{ "insecure-skip-tls-verify", 0, CLI_BOOL, "false", "true" },
	{ "kubeconfig", 0, CLI_STRING, "", NULL },
	{ "kuberc", 0, CLI_STRING, "", NULL },
	{ "log-flush-frequency", 0, CLI_DURATION, "5s", NULL },
	{ "match-server-version", 0, CLI_BOOL, "false", "true" },
	{ "namespace", 'n', CLI_STRING, "", NULL },
	{ "password", 0, CLI_STRING, "", NULL },
	{ "profile", 0, CLI_STRING, "none", NULL },
	{ "profile-output", 0, CLI_STRING, "profile.pprof", NULL },
	{ "proxy-url", 0, CLI_STRING, "", NULL },
	{ "request-timeout", 0, CLI_STRING, "0", NULL },
	{ "server", 's', CLI_STRING, "", NULL },
	{ "tls-server-name", 0, CLI_STRING, "", NULL },
	{ "token", 0, CLI_STRING, "", NULL },
	{ "user", 0, CLI_STRING, "", NULL },
	{ "username", 0, CLI_STRING, "", NULL },
	{ "v", 'v', CLI_STRING, "0", NULL },
	{ "vmodule", 0, CLI_STRING, "", NULL },
	{ "warnings-as-errors", 0, CLI_BOOL, "false", "true" },
};
const size_t cli_n_global_flags = ARRAY_LEN(cli_global_flags);

static const struct cli_flag flags_config_view[] = {
	{ "allow-missing-template-keys", 0, CLI_BOOL, "true", "true" },
	{ "flatten", 0, CLI_BOOL, "false", "true" },
	{ "merge", 0, CLI_BOOL, "true", "true" },
	{ "minify", 0, CLI_BOOL, "false", "true" },
	{ "output", 'o', CLI_STRING, "yaml", NULL },
	{ "raw", 0, CLI_BOOL, "false", "true" },
	{ "show-managed-fields", 0, CLI_BOOL, "false", "true" },
	{ "template", 0, CLI_STRING, "", NULL },
};
static const struct cli_flag flags_config_get_contexts[] = {
	{ "no-headers", 0, CLI_BOOL, "false", "true" },
	{ "output", 'o', CLI_STRING, "", NULL },
};
static const struct cli_flag flags_config_set_context[] = {
	{ "cluster", 0, CLI_STRING, "", NULL },
	{ "current", 0, CLI_BOOL, "false", "true" },
	{ "namespace", 'n', CLI_STRING, "", NULL },
	{ "user", 0, CLI_STRING, "", NULL },
};
static const struct cli_flag flags_config_set_cluster[] = {
	{ "certificate-authority", 0, CLI_STRING, "", NULL },
	{ "embed-certs", 0, CLI_BOOL, "false", "true" },
	{ "insecure-skip-tls-verify", 0, CLI_BOOL, "false", "true" },
	{ "proxy-url", 0, CLI_STRING, "", NULL },
	{ "server", 0, CLI_STRING, "", NULL },
	{ "tls-server-name", 0, CLI_STRING, "", NULL },
};
static const struct cli_flag flags_config_set_credentials[] = {
	{ "auth-provider", 0, CLI_STRING, "", NULL },
	{ "auth-provider-arg", 0, CLI_LIST, "", NULL },
	{ "client-certificate", 0, CLI_STRING, "", NULL },
	{ "client-key", 0, CLI_STRING, "", NULL },
	{ "embed-certs", 0, CLI_BOOL, "false", "true" },
	{ "exec-api-version", 0, CLI_STRING, "", NULL },
	{ "exec-arg", 0, CLI_LIST, "", NULL },
	{ "exec-command", 0, CLI_STRING, "", NULL },
	{ "exec-env", 0, CLI_ARRAY, "", NULL },
	{ "exec-interactive-mode", 0, CLI_STRING, "", NULL },
	{ "exec-provide-cluster-info", 0, CLI_BOOL, "false", "true" },
	{ "password", 0, CLI_STRING, "", NULL },
	{ "token", 0, CLI_STRING, "", NULL },
	{ "username", 0, CLI_STRING, "", NULL },
};

static const struct cli_flag flags_get[] = {
	{ "all-namespaces", 'A', CLI_BOOL, "false", "true" },
	{ "allow-missing-template-keys", 0, CLI_BOOL, "true", "true" },
	{ "chunk-size", 0, CLI_INT, "500", NULL },
	{ "field-selector", 0, CLI_STRING, "", NULL },
	{ "filename", 'f', CLI_LIST, "", NULL },
	{ "ignore-not-found", 0, CLI_BOOL, "false", "true" },
	{ "kustomize", 'k', CLI_STRING, "", NULL },
	{ "label-columns", 'L', CLI_LIST, "", NULL },
	{ "no-headers", 0, CLI_BOOL, "false", "true" },
	{ "output", 'o', CLI_STRING, "", NULL },
	{ "output-watch-events", 0, CLI_BOOL, "false", "true" },
	{ "raw", 0, CLI_STRING, "", NULL },
	{ "recursive", 'R', CLI_BOOL, "false", "true" },
	{ "selector", 'l', CLI_STRING, "", NULL },
	{ "server-print", 0, CLI_BOOL, "true", "true" },
	{ "show-kind", 0, CLI_BOOL, "false", "true" },
	{ "show-labels", 0, CLI_BOOL, "false", "true" },
	{ "show-managed-fields", 0, CLI_BOOL, "false", "true" },
	{ "sort-by", 0, CLI_STRING, "", NULL },
	{ "subresource", 0, CLI_STRING, "", NULL },
	{ "template", 0, CLI_STRING, "", NULL },
	{ "watch", 'w', CLI_BOOL, "false", "true" },
	{ "watch-only", 0, CLI_BOOL, "false", "true" },
};

static const struct cli_flag flags_delete[] = {
	{ "all", 0, CLI_BOOL, "false", "true" },
	{ "all-namespaces", 'A', CLI_BOOL, "false", "true" },
	{ "cascade", 0, CLI_STRING, "background", "background" },
	{ "dry-run", 0, CLI_STRING, "none", "unchanged" },
	{ "field-selector", 0, CLI_STRING, "", NULL },
	{ "filename", 'f', CLI_LIST, "", NULL },
	{ "force", 0, CLI_BOOL, "false", "true" },
	{ "grace-period", 0, CLI_INT, "-1", NULL },
	{ "ignore-not-found", 0, CLI_BOOL, "false", "true" },
	{ "interactive", 'i', CLI_BOOL, "false", "true" },
	{ "kustomize", 'k', CLI_STRING, "", NULL },
	{ "now", 0, CLI_BOOL, "false", "true" },
	{ "output", 'o', CLI_STRING, "", NULL },
	{ "raw", 0, CLI_STRING, "", NULL },
	{ "recursive", 'R', CLI_BOOL, "false", "true" },
	{ "selector", 'l', CLI_STRING, "", NULL },
	{ "timeout", 0, CLI_DURATION, "0s", NULL },
	{ "wait", 0, CLI_BOOL, "true", "true" },
};

static const struct cli_flag flags_create[] = {
	{ "allow-missing-template-keys", 0, CLI_BOOL, "true", "true" },
	{ "dry-run", 0, CLI_STRING, "none", "unchanged" },
	{ "edit", 0, CLI_BOOL, "false", "true" },
	{ "field-manager", 0, CLI_STRING, "kubectl-create", NULL },
	{ "filename", 'f', CLI_LIST, "", NULL },
	{ "kustomize", 'k', CLI_STRING, "", NULL },
	{ "output", 'o', CLI_STRING, "", NULL },
	{ "raw", 0, CLI_STRING, "", NULL },
	{ "record", 0, CLI_BOOL, "false", "true" },
	{ "recursive", 'R', CLI_BOOL, "false", "true" },
	{ "save-config", 0, CLI_BOOL, "false", "true" },
	{ "selector", 'l', CLI_STRING, "", NULL },
	{ "show-managed-fields", 0, CLI_BOOL, "false", "true" },
	{ "template", 0, CLI_STRING, "", NULL },
	{ "validate", 0, CLI_STRING, "strict", "strict" },
	{ "windows-line-endings", 0, CLI_BOOL, "false", "true" },
};

static const struct cli_flag flags_apply[] = {
	{ "all", 0, CLI_BOOL, "false", "true" },
	{ "allow-missing-template-keys", 0, CLI_BOOL, "true", "true" },
	{ "cascade", 0, CLI_STRING, "background", "background" },
	{ "dry-run", 0, CLI_STRING, "none", "unchanged" },
	{ "field-manager", 0, CLI_STRING, "kubectl-client-side-apply", NULL },
	{ "filename", 'f', CLI_LIST, "", NULL },
	{ "force", 0, CLI_BOOL, "false", "true" },
	{ "force-conflicts", 0, CLI_BOOL, "false", "true" },
	{ "grace-period", 0, CLI_INT, "-1", NULL },
	{ "kustomize", 'k', CLI_STRING, "", NULL },
	{ "openapi-patch", 0, CLI_BOOL, "true", "true" },
	{ "output", 'o', CLI_STRING, "", NULL },
	{ "overwrite", 0, CLI_BOOL, "true", "true" },
	{ "prune", 0, CLI_BOOL, "false", "true" },
	{ "prune-allowlist", 0, CLI_ARRAY, "", NULL },
	{ "record", 0, CLI_BOOL, "false", "true" },
	{ "recursive", 'R', CLI_BOOL, "false", "true" },
	{ "selector", 'l', CLI_STRING, "", NULL },
	{ "server-side", 0, CLI_BOOL, "false", "true" },
	{ "show-managed-fields", 0, CLI_BOOL, "false", "true" },
	{ "subresource", 0, CLI_STRING, "", NULL },
	{ "template", 0, CLI_STRING, "", NULL },
	{ "timeout", 0, CLI_DURATION, "0s", NULL },
	{ "validate", 0, CLI_STRING, "strict", "strict" },
	{ "wait", 0, CLI_BOOL, "false", "true" },
};

static const struct cli_flag flags_attach[] = {
	{ "container", 'c', CLI_STRING, "", NULL },
	{ "detach-keys", 0, CLI_STRING, "ctrl-p,ctrl-q", NULL },
	{ "pod-running-timeout", 0, CLI_DURATION, "1m0s", NULL },
	{ "quiet", 'q', CLI_BOOL, "false", "true" },
	{ "stdin", 'i', CLI_BOOL, "false", "true" },
	{ "tty", 't', CLI_BOOL, "false", "true" },
};

static const struct cli_flag flags_exec[] = {
	{ "container", 'c', CLI_STRING, "", NULL },
	{ "filename", 'f', CLI_LIST, "", NULL },
	{ "pod-running-timeout", 0, CLI_DURATION, "1m0s", NULL },
	{ "quiet", 'q', CLI_BOOL, "false", "true" },
	{ "stdin", 'i', CLI_BOOL, "false", "true" },
	{ "tty", 't', CLI_BOOL, "false", "true" },
};

static const struct cli_flag flags_logs[] = {
	{ "all-containers", 0, CLI_BOOL, "false", "true" },
	{ "all-pods", 0, CLI_BOOL, "false", "true" },
	{ "container", 'c', CLI_STRING, "", NULL },
	{ "follow", 'f', CLI_BOOL, "false", "true" },
	{ "ignore-errors", 0, CLI_BOOL, "false", "true" },
	{ "insecure-skip-tls-verify-backend", 0, CLI_BOOL, "false", "true" },
	{ "limit-bytes", 0, CLI_INT, "0", NULL },
	{ "max-log-requests", 0, CLI_INT, "5", NULL },
	{ "pod-running-timeout", 0, CLI_DURATION, "20s", NULL },
	{ "prefix", 0, CLI_BOOL, "false", "true" },
	{ "previous", 'p', CLI_BOOL, "false", "true" },
	{ "selector", 'l', CLI_STRING, "", NULL },
	{ "since", 0, CLI_DURATION, "0s", NULL },
	{ "since-time", 0, CLI_STRING, "", NULL },
	{ "tail", 0, CLI_INT, "-1", NULL },
	{ "timestamps", 0, CLI_BOOL, "false", "true" },
};

static const struct cli_flag flags_cp[] = {
	{ "container", 'c', CLI_STRING, "", NULL },
	{ "no-preserve", 0, CLI_BOOL, "false", "true" },
	{ "retries", 0, CLI_INT, "0", NULL },
};

static const struct cli_flag flags_version[] = {
	{ "client", 0, CLI_BOOL, "false", "true" },
	{ "output", 'o', CLI_STRING, "", NULL },
};

static const struct cli_flag flags_describe[] = {
	{ "all-namespaces", 'A', CLI_BOOL, "false", "true" },
	{ "chunk-size", 0, CLI_INT, "500", NULL },
	{ "filename", 'f', CLI_LIST, "", NULL },
	{ "kustomize", 'k', CLI_STRING, "", NULL },
	{ "recursive", 'R', CLI_BOOL, "false", "true" },
	{ "selector", 'l', CLI_STRING, "", NULL },
	{ "show-events", 0, CLI_BOOL, "true", "true" },
};

static const struct cli_flag flags_port_forward[] = {
	{ "address", 0, CLI_LIST, "[localhost]", NULL },
	{ "pod-running-timeout", 0, CLI_DURATION, "1m0s", NULL },
};

#define FLAGS(table) (table), ARRAY_LEN(table)

const struct cli_command cli_commands[] = {
	{ "port-forward", NULL,
	  "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
	  "Forward one or more local ports to a pod", command_port_forward,
	  FLAGS(flags_port_forward) },
	{ "describe", NULL, "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
	  "Show details of a specific resource or group of resources", command_describe,
	  FLAGS(flags_describe) },
	{ "cluster-info", NULL, "", "Display cluster information", command_cluster_info, NULL, 0 },
	{ "version", NULL, "", "Print the client and server version information", command_version,
	  FLAGS(flags_version) },
	{ "cp", NULL, "<file-spec-src> <file-spec-dest>",
	  "Copy files and directories to and from containers", command_cp, FLAGS(flags_cp) },
	{ "logs", NULL, "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]",
	  "Print the logs for a container in a pod", command_logs, FLAGS(flags_logs) },
	{ "exec", NULL, "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
	  "Execute a command in a container", command_exec, FLAGS(flags_exec) },
	{ "attach", NULL, "(POD | TYPE/NAME) -c CONTAINER", "Attach to a running container",
	  command_attach, FLAGS(flags_attach) },
	{ "apply", NULL, "(-f FILENAME | -k DIRECTORY)",
	  "Apply a configuration to a resource by file name or stdin", command_apply,
	  FLAGS(flags_apply) },
	{ "create", NULL, "-f FILENAME", "Create a resource from a file or from stdin",
	  command_create, FLAGS(flags_create) },
	{ "delete", NULL, "([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)])",
	  "Delete resources by file names, stdin, resources and names, or by resources and label "
	  "selector",
	  command_delete, FLAGS(flags_delete) },
	{ "get", NULL,
	  "[(-o|--output=)json|yaml|kyaml|name|go-template|go-template-file|template|templatefile|"
	  "jsonpath|jsonpath-as-json|jsonpath-file|custom-columns|custom-columns-file|wide] "
	  "(TYPE[.VERSION][.GROUP] [NAME | -l label] | TYPE[.VERSION][.GROUP]/NAME ...) [flags]",
	  "Display one or many resources", command_get, FLAGS(flags_get) },
	{ "config", NULL, "SUBCOMMAND", "Modify kubeconfig files", NULL, NULL, 0 },
	{ "config view", NULL, "",
	  "Display merged kubeconfig settings or a specified kubeconfig file", command_config_view,
	  FLAGS(flags_config_view) },
	{ "config get-contexts", NULL, "[(-o|--output=)name)]", "Describe one or many contexts",
	  command_config_get_contexts, FLAGS(flags_config_get_contexts) },
	{ "config current-context", NULL, "", "Display the current-context",
	  command_config_current_context, NULL, 0 },
	{ "config use-context", "use", "CONTEXT_NAME",
	  "Set the current-context in a kubeconfig file", command_config_use_context, NULL, 0 },
	{ "config set-context", NULL,
	  "[NAME | --current] [--cluster=cluster_nickname] [--user=user_nickname] "
	  "[--namespace=namespace]",
	  "Set a context entry in kubeconfig", command_config_set_context,
	  FLAGS(flags_config_set_context) },
	{ "config set-cluster", NULL,
	  "NAME [--server=server] [--certificate-authority=path/to/certificate/authority] "
	  "[--insecure-skip-tls-verify=true] [--tls-server-name=example.com]",
	  "Set a cluster entry in kubeconfig", command_config_set_cluster,
	  FLAGS(flags_config_set_cluster) },
	{ "config set-credentials", NULL,
	  "NAME [--client-certificate=path/to/certfile] [--client-key=path/to/keyfile] "
	  "[--token=bearer_token] [--username=basic_user] [--password=basic_password] "
	  "[--auth-provider=provider_name] [--auth-provider-arg=key=value] "
	  "[--exec-command=exec_command] [--exec-api-version=exec_api_version] [--exec-arg=arg] "
	  "[--exec-env=key=value]",
	  "Set a user entry in kubeconfig", command_config_set_credentials,
	  FLAGS(flags_config_set_credentials) },
	{ "config rename-context", NULL, "CONTEXT_NAME NEW_NAME",
	  "Rename a context from the kubeconfig file", command_config_rename_context, NULL, 0 },
	{ "config delete-context", NULL, "NAME", "Delete the specified context from the kubeconfig",
	  command_config_delete_context, NULL, 0 },
	{ "config delete-cluster", NULL, "NAME", "Delete the specified cluster from the kubeconfig",
	  command_config_delete_cluster, NULL, 0 },
	{ "config delete-user", NULL, "NAME", "Delete the specified user from the kubeconfig",
	  command_config_delete_user, NULL, 0 },
	{ "config get-clusters", NULL, "", "Display clusters defined in the kubeconfig",
	  command_config_get_clusters, NULL, 0 },
	{ "config get-users", NULL, "", "Display users defined in the kubeconfig",
	  command_config_get_users, NULL, 0 },
};
const size_t cli_n_commands = ARRAY_LEN(cli_commands);
