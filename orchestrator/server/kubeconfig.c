/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/kubeconfig.h"

#include <string.h>

#include "base/crypt.h"

static void put_base64(struct buf *out, const char *key, const char *pem)
{
	(void)buf_puts(out, key);
	(void)base64_encode(out, pem, strlen(pem));
	(void)buf_putc(out, '\n');
}

int kubeconfig_write(const struct kubeconfig *config, struct buf *ret)
{
	(void)buf_puts(ret, "apiVersion: v1\nclusters:\n- cluster:\n");
	put_base64(ret, "    certificate-authority-data: ", config->ca_pem);
	(void)buf_printf(ret, "    server: %s\n  name: %s\n", config->server, config->name);
	(void)buf_printf(ret,
			 "contexts:\n- context:\n    cluster: %s\n    user: %s\n  name: %s\n"
			 "current-context: %s\nkind: Config\nusers:\n- name: %s\n  user:\n",
			 config->name, config->name, config->name, config->name, config->name);
	put_base64(ret, "    client-certificate-data: ", config->cert_pem);
	put_base64(ret, "    client-key-data: ", config->key_pem);
	return buf_error(ret);
}
