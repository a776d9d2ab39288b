/* SPDX-License-Identifier: Apache-2.0 */
/* A command line: words end at newlines. Help is written to /dev/null. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/cli.h"

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int quiet;
	char *text = strndup((const char *)data, size), *argv[WORDS_MAX + 2] = { NULL };
	struct err err = { 0 };
	struct cli cli;
	int argc = 1, code;
	int64_t ns;

	if (!quiet++ && (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)))
		abort();
	argv[0] = text;
	for (char *p = text, *word; text && argc <= WORDS_MAX && (word = strsep(&p, "\n"));)
		argv[argc++] = word;
	if (text && cli_parse(argc, argv, &cli, &code, &err) == 0) {
		if (!cli.command->run)
			abort();
		cli_done(&cli);
	}
	if (argc > 1)
		(void)cli_parse_duration(argv[1], &ns);
	free(text);
	return 0;
}
