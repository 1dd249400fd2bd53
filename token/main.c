#include <stdlib.h>

#include "token.h"

#include "../appliance/base/log.h"

int main(void)
{
	struct child *child = child_open("podatelna-token", WIRE_TOKEN);
	struct token *token = calloc(1, sizeof *token);
	int code = 1;

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
