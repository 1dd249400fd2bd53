/* parent_tool.c - one thing done to a token, for the command line: reads which module it is, gives up root as for the token program of the box, and becomes it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/fdio.h"
#include "../base/place.h"
#include "../base/text.h"
#include "../wire/child.h"
#include "parent.h"
#include "setup.h"

#define TOOL_FIRST_FD 4 /* token/tool.h */
#define TOOL_LAST_FD 8

static const struct config_token *find_token(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->token_count; i++) {
		if (strcmp(config->tokens[i].name, name) == 0) {
			return &config->tokens[i];
		}
	}
	return NULL;
}

/* The settings as a sealed memfd on the descriptor where a token program has its parent. */
static bool hand_over(const struct config_token *token)
{
	_cleanup_lines_ struct lines lines = { 0 };
	static char text[LINES_BODY_MAX + 1];
	int length = 0, fd = -1;

	setup_module(token, &lines);
	lines_set(&lines, "pin-file", "no");
	length = lines_finish(&lines, text, sizeof text);
	fd = length < 0 ? -1 : fd_memfd_sealed("settings", text, (size_t)length);
	return fd >= 0 && (fd == CHILD_PARENT_FD ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, CHILD_PARENT_FD) == CHILD_PARENT_FD);
}

int parent_tool(const struct config *config, const char *name)
{
	const struct config_token *token = find_token(config, name);
	const struct program program = { .role = WIRE_TOKEN, .user = config->users.token };
	char path[PLACE_MAX_BYTES];

	if (token == NULL) {
		(void)fprintf(stderr, _("podatelnad: the configuration has no token %s\n"), name);
		return 2;
	}
	if (place_program("podatelna-token", path) != 0 || !hand_over(token)) {
		(void)fprintf(stderr, "%s", _("podatelnad: podatelna-token cannot be started: the installation is not complete\n"));
		return 1;
	}
	for (int fd = TOOL_FIRST_FD; fd <= TOOL_LAST_FD; fd++) {
		(void)fcntl(fd, F_SETFD, 0);
	}
	parent_set_limits(&program);
	parent_drop_rights(&program);
	(void)execl(path, "podatelna-token", "--tool", (char *)NULL);
	return 1;
}
