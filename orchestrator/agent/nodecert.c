/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/nodecert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/fd.h"

#define PEM_MAX ((size_t)256 << 10)

static int open_pki(const char *data_dir, struct err *err)
{
	char path[600];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/agent/pki", data_dir);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(err, -errno, "open %s", path) : fd;
}

int nodecert_request(const char *data_dir, uint64_t id, int64_t now_ns, struct buf *ret_json,
		     struct err *err)
{
	auto_buf struct buf crt = BUF_INIT(PEM_MAX), key = BUF_INIT(PEM_MAX),
			    public_key = BUF_INIT(PEM_MAX);
	auto_close int dir_fd = open_pki(data_dir, err);
	auto_json struct json_object *request = NULL;
	struct cert_info info;
	int r = dir_fd < 0 ? dir_fd : fd_read_file_at(dir_fd, "node.crt", &crt, err);

	if (r == 0)
		r = cert_read(buf_str(&crt), &info, err);
	if (r < 0)
		return r;
	if (info.not_after_ns - now_ns > (info.not_after_ns - info.not_before_ns) / 3)
		return 0;
	r = fd_read_file_at(dir_fd, "node.key", &key, err);
	if (r == 0)
		r = key_public_pem(buf_str(&key), &public_key, err);
	if (r < 0)
		return r;
	request = json_new_object();
	(void)json_put_int(request, "id", (int64_t)id);
	(void)json_put_str(request, "publicKey", buf_str(&public_key));
	r = json_write(ret_json, request);
	return r < 0 ? err_set(err, r, "renew") : 1;
}

int nodecert_install(const char *data_dir, const struct json_object *message, struct err *err)
{
	const char *crt = json_str_at(message, "certificate"), *ca = json_str_at(message, "ca");
	auto_close int dir_fd = open_pki(data_dir, err);
	struct cert_info info;
	int r;

	if (dir_fd < 0)
		return dir_fd;
	if (!crt || !ca)
		return err_say(err, -EPROTO, "a certificate message without certificate or ca");
	r = cert_read(crt, &info, err);
	if (r == 0)
		r = fd_write_file_at(dir_fd, "ca.crt", ca, strlen(ca), 0644, err);
	if (r == 0)
		r = fd_write_file_at(dir_fd, "node.crt", crt, strlen(crt), 0644, err);
	return r;
}
