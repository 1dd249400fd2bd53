#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/escape.h"
#include "../appliance/base/fdio.h"
#include "../appliance/base/log.h"
#include "../appliance/base/sandbox.h"
#include "../appliance/base/text.h"
#include "look.h"

#define FIND_MAX 64

CK_FUNCTION_LIST *tool_api(const struct tool *tool)
{
	return &tool->module.api->list;
}

int tool_fail(struct tool *tool, int err, const char *words, CK_RV rv)
{
	lines_set(&tool->result, "error", words);
	if (rv != CKR_OK) {
		lines_setf(&tool->result, "detail", "%s (0x%lx)", cryptoki_name(rv), (unsigned long)rv);
	}
	return err;
}

void tool_order(const struct tool *tool, const char *name, char *ret, size_t size)
{
	if (!lines_find_string(span_of_string(tool->order), name, ret, size)) {
		ret[0] = '\0';
	}
}

bool tool_find(struct tool *tool, CK_OBJECT_CLASS class, struct span id, size_t nth, CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, (void *)(uintptr_t)id.data, id.length } };
	CK_OBJECT_HANDLE found[FIND_MAX];
	CK_ULONG count = 0;

	if (tool_api(tool)->C_FindObjectsInit(tool->module.session, wanted, span_is_empty(id) ? 1 : 2) != CKR_OK) {
		return false;
	}
	if (tool_api(tool)->C_FindObjects(tool->module.session, found, FIND_MAX, &count) != CKR_OK) {
		count = 0;
	}
	(void)tool_api(tool)->C_FindObjectsFinal(tool->module.session);
	if (nth < count) {
		*ret = found[nth];
	}
	return nth < count;
}

/* --- login --- */

static void describe_token(struct tool *tool)
{
	const PKCS11_TOKEN *token = tool->module.slot->token;
	char uri[LOOK_URI_BYTES], clean[128];

	(void)escape_text(ESCAPE_TERMINAL, span_of_string(token->label), clean, sizeof clean);
	lines_set(&tool->result, "label", clean);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(token->serialnr), clean, sizeof clean);
	lines_set(&tool->result, "serial", clean);
	if (look_token_uri(token->label, token->serialnr, uri, sizeof uri)) {
		lines_set(&tool->result, "uri", uri);
	}
}

int tool_login(struct tool *tool)
{
	struct module_flags flags = { 0 };
	CK_SESSION_HANDLE session = 0;
	CK_RV rv = CKR_GENERAL_ERROR;
	int err = module_find_token(&tool->module, &tool->setup.uri, tool->setup.expected_serial, tool->setup.neighbours);

	if (err != 0) {
		lines_set(&tool->result, "detail", tool->module.why);
		return tool_fail(tool, err, N_("the token that the configuration names is not there"), CKR_OK);
	}
	describe_token(tool);
	rv = tool_api(tool)->C_OpenSession(tool->module.slot_id, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
	if (rv != CKR_OK) {
		return tool_fail(tool, ERR_TOKEN, N_("nothing can be written on this token"), rv);
	}
	tool->module.session = session;
	if (module_read_flags(&tool->module, &flags) != 0) {
		return tool_fail(tool, ERR_TOKEN, N_("the token does not answer"), CKR_OK);
	}
	if (flags.tries == MODULE_TRIES_LAST || flags.tries == MODULE_TRIES_NONE) {
		return tool_fail(tool, ERR_PIN_LAST, N_("the PIN is blocked, or only one try is left: nothing was tried"), CKR_OK);
	}
	err = flags.login_required ? module_login(&tool->module, tool->pin.page, tool->pin.length) : 0;
	if (err != 0) {
		lines_set(&tool->result, "detail", tool->module.why);
		return tool_fail(tool, err,
		                 err == ERR_PIN || err == ERR_PIN_BLOCKED ? N_("the PIN was refused; it was tried once") : N_("the token refused the login"),
		                 CKR_OK);
	}
	return 0;
}

/* --- the beginning and the end --- */

static int read_lines(int fd, char *ret, size_t size)
{
	_cleanup_free_ uint8_t *text = NULL;
	size_t length = 0;

	if (lseek(fd, 0, SEEK_SET) != 0 || fd_read_all(fd, size - 1, &text, &length) != 0 || !lines_valid(span_of(text, length))) {
		return ERR_FORMAT;
	}
	memcpy(ret, text, length);
	ret[length] = '\0';
	return 0;
}

static int take_pin(struct pin *pin, int fd)
{
	int err = pin_open(pin);

	if (err != 0 || fcntl(fd, F_GETFD) < 0) {
		return err;
	}
	while ((err = pin_read(pin, fd)) == ERR_AGAIN) {
		(void)usleep(1000); /* the other end writes it before it starts us */
	}
	(void)close(fd);
	return err;
}

static int open_tool(struct tool *tool)
{
	static char settings[LINES_BODY_MAX + 1];
	char why[256] = "";
	int err = read_lines(TOOL_SETTINGS_FD, settings, sizeof settings);

	if (err == 0) {
		err = setup_read(span_of_string(settings), &tool->setup, why, sizeof why);
	}
	if (err == 0) {
		err = read_lines(TOOL_ORDER_FD, tool->order, sizeof tool->order);
	}
	if (err != 0) {
		log_error("the order cannot be read: %s", why);
		return err;
	}
	err = take_pin(&tool->pin, TOOL_PIN_FD);
	if (err == 0) {
		err = take_pin(&tool->officer, TOOL_OFFICER_FD);
	}
	if (err == 0 && fcntl(TOOL_IN_FD, F_GETFD) >= 0) {
		err = fd_read_all(TOOL_IN_FD, KEY_PEM_MAX_BYTES, &tool->in, &tool->in_length);
	}
	return err == 0 ? 0 : tool_fail(tool, err, N_("PIN or file cannot be read"), CKR_OK);
}

/* The module is foreign code, and what a card says is foreign too: the same walls as around the token program of the box. */
static int enter_sandbox(struct tool *tool)
{
	struct sandbox sandbox = {
		.groups = SANDBOX_OPEN | SANDBOX_LOCKS | SANDBOX_CHANGE | (tool->setup.pcsc ? SANDBOX_UNIX : 0U),
		.paths = tool->setup.rules,
		.path_count = tool->setup.path_count,
		.lock_memory = true,
	};

	/* A software token is written where the box itself only reads. */
	for (size_t i = 0; i < tool->setup.path_count; i++) {
		tool->setup.rules[i].write = true;
	}
	return sandbox_enter(&sandbox) < 0 ? ERR_SYSTEM : 0;
}

static int act(struct tool *tool)
{
	char action[32];
	int err = open_tool(tool);

	if (err == 0) {
		(void)alarm(TOOL_MODULE_S); /* a module that hangs */
		err = module_load(&tool->module, tool->setup.module);
	}
	if (err != 0) {
		return lines_get(&tool->result, "error") != NULL ? err : tool_fail(tool, err, N_("the PKCS#11 module cannot be used"), CKR_OK);
	}
	if (enter_sandbox(tool) != 0) {
		return tool_fail(tool, ERR_SYSTEM, N_("the program cannot be confined"), CKR_OK);
	}
	(void)alarm(TOOL_MODULE_S);
	tool_order(tool, "action", action, sizeof action);
	if (strcmp(action, "init") == 0) {
		return tool_init_token(tool);
	}
	err = tool_login(tool);
	if (err != 0) {
		return err;
	}
	return strcmp(action, "make-key") == 0 ? tool_make_key(tool) : strcmp(action, "import-cert") == 0 ? tool_import(tool) : ERR_UNSUPPORTED;
}

int tool_run(void)
{
	static struct tool tool;
	static char text[TOOL_LINES_MAX_BYTES];
	int err = ERR_INTERNAL, length = 0;

	log_open("podatelna-token");
	err = act(&tool);
	pin_close(&tool.pin);
	pin_close(&tool.officer);
	if (tool.module.session != 0) {
		(void)tool_api(&tool)->C_CloseSession(tool.module.session);
	}
	if (err != 0 && lines_get(&tool.result, "error") == NULL) {
		lines_set(&tool.result, "error", N_("it failed"));
	}
	length = lines_finish(&tool.result, text, sizeof text);
	if (length < 0 || fd_write_all(STDOUT_FILENO, text, (size_t)length) != 0) {
		return 1;
	}
	return err == 0 ? 0 : 1;
}
