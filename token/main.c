#include <stdlib.h>
#include <string.h>

#include "token.h"
#include "tool.h"

#include "../appliance/base/log.h"

int main(int count, char **words)
{
	struct child *child = NULL;
	struct token *token = NULL;
	int code = 1;

	if (count == 2 && strcmp(words[1], "--tool") == 0) {
		_Exit(tool_run());
	}
	child = child_open("podatelna-token", WIRE_TOKEN);
	token = calloc(1, sizeof *token);

	if (token == NULL || token_open(token, child) != 0) {
		log_error("the token process cannot start");
		_Exit(1);
	}
	code = token_run(token);
	token_login_free(token);
	pin_close(&token->pin);
	/* Modules are not unloaded: some crash when their card is gone, and the process ends anyway. */
	_Exit(code < 0 ? 1 : code);
}
