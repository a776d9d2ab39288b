/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl, in C. The table in commands.c says what it can do. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"

int main(int argc, char **argv)
{
	struct err err = { 0 };
	struct cli cli;
	int r, code;

	(void)signal(SIGPIPE,
		     SIG_IGN); /* a reader that goes away is an error of write(2), not our death */
	r = cli_parse(argc, argv, &cli, &code, &err);
	if (r < 0)
		return command_fail("%s", err.text);
	if (r > 0)
		return code;
	r = cli.command->run(&cli);
	cli_done(&cli);
	if (fflush(stdout) != 0 && r == 0)
		r = 1;
	/* libcrypto tidies up for most of a millisecond; the kernel does it for nothing. */
	_exit(r);
}
