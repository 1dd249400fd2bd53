#include "cryptoki.h"
#include "module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "../appliance/base/text.h"

static CK_FUNCTION_LIST *api_of(const struct module *module)
{
	return &module->api->list;
}

static int fail(struct module *module, int err, const char *what, CK_RV rv)
{
	(void)snprintf(module->why, sizeof module->why, "%s: %s (0x%lx)", what, cryptoki_name(rv), (unsigned long)rv);
	return err;
}

static int fail_openssl(struct module *module, int err, const char *what)
{
	char words[120];

	module_openssl_why(words, sizeof words, NULL);
	(void)snprintf(module->why, sizeof module->why, "%s: %s", what, words);
	return err;
}

void module_openssl_why(char *ret, size_t size, bool *ret_pin_refused)
{
	unsigned long code = 0;
	bool refused = false;

	(void)snprintf(ret, size, "no reason given");
	while ((code = ERR_get_error()) != 0) {
		const char *reason = ERR_reason_error_string(code);

		if (ERR_GET_LIB(code) == ERR_get_CKR_code() && ERR_GET_REASON(code) == CKR_PIN_INCORRECT) {
			refused = true;
		}
		if (reason != NULL) {
			(void)snprintf(ret, size, "%s", reason);
		} else {
			(void)snprintf(ret, size, "error 0x%lx", code);
		}
	}
	if (ret_pin_refused != NULL) {
		*ret_pin_refused = refused;
	}
}

int module_load(struct module *module, const char *path)
{
	CK_C_GetFunctionList get_list = NULL;
	CK_FUNCTION_LIST *list = NULL;
	CK_RV rv = CKR_GENERAL_ERROR;

	module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (module->library == NULL) {
		(void)snprintf(module->why, sizeof module->why, "the PKCS#11 module cannot be loaded");
		return ERR_TOKEN;
	}
	/* ISO C has no cast from object to function pointer; POSIX says that the bits are the same (dlsym, "Application usage"). */
	*(void **)&get_list = dlsym(module->library, "C_GetFunctionList");
	if (get_list == NULL || get_list(&list) != CKR_OK || list == NULL) {
		(void)snprintf(module->why, sizeof module->why, "the file is not a PKCS#11 module");
		return ERR_TOKEN;
	}
	module->api = (struct module_api *)list;
	rv = list->C_Initialize(NULL);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		return fail(module, ERR_TOKEN, "C_Initialize", rv);
	}
	module->context = PKCS11_CTX_new();
	if (module->context == NULL) {
		return ERR_MEMORY;
	}
	if (PKCS11_CTX_load(module->context, path) != 0) {
		return fail_openssl(module, ERR_TOKEN, "loading the module");
	}
	module->loaded = true;
	return 0;
}

void module_unload(struct module *module)
{
	if (module->slots != NULL) {
		PKCS11_release_all_slots(module->context, module->slots, module->slot_count);
	}
	/* libp11 finalizes what it loaded, whoever initialised it. */
	if (module->loaded) {
		PKCS11_CTX_unload(module->context);
	} else if (module->api != NULL) {
		(void)api_of(module)->C_Finalize(NULL);
	}
	if (module->context != NULL) {
		PKCS11_CTX_free(module->context);
	}
	if (module->library != NULL) {
		(void)dlclose(module->library);
	}
	ERR_clear_error();
	*module = (struct module){ 0 };
}

static bool text_matches(const char *wanted, const char *found)
{
	return wanted[0] == '\0' || (found != NULL && strcmp(wanted, found) == 0);
}

static bool token_matches(const PKCS11_TOKEN *token, const struct p11uri *uri, bool with_serial)
{
	return token != NULL && token->initialized && text_matches(uri->token, token->label) && text_matches(uri->manufacturer, token->manufacturer) &&
	       text_matches(uri->model, token->model) && (!with_serial || text_matches(uri->serial, token->serialnr));
}

static unsigned count_tokens(const struct module *module)
{
	unsigned found = 0;

	for (unsigned i = 0; i < module->slot_count; i++) {
		found += module->slots[i].token != NULL && module->slots[i].token->initialized;
	}
	return found;
}

static unsigned find_matching(struct module *module, const struct p11uri *uri, bool with_serial, PKCS11_SLOT **ret)
{
	unsigned found = 0;

	for (unsigned i = 0; i < module->slot_count; i++) {
		if (token_matches(module->slots[i].token, uri, with_serial)) {
			*ret = &module->slots[i];
			found++;
		}
	}
	return found;
}

static void take_slot(struct module *module, PKCS11_SLOT *slot)
{
	module->slot = slot;
	module->slot_id = PKCS11_get_slotid_from_slot(slot);
}

int module_find_token(struct module *module, const struct p11uri *uri, const char *expected_serial, unsigned neighbours)
{
	PKCS11_SLOT *slot = NULL;
	unsigned found = 0;

	CK_ULONG count = 0;
	CK_RV rv = api_of(module)->C_GetSlotList(CK_FALSE, NULL, &count);

	module->slot = NULL;
	if (rv != CKR_OK) {
		return fail(module, ERR_TOKEN, "C_GetSlotList", rv);
	}
	if (count == 0) {
		/* libp11 0.4.12 takes an empty list for a lack of memory. */
		(void)snprintf(module->why, sizeof module->why, "%s", N_("there is no card reader"));
		return ERR_NOTFOUND;
	}
	module->readers = count;
	if (PKCS11_enumerate_slots(module->context, &module->slots, &module->slot_count) != 0) {
		return fail_openssl(module, ERR_TOKEN, "listing the slots");
	}
	found = find_matching(module, uri, true, &slot);
	module->strangers = count_tokens(module) - found;
	if (found > 1) {
		(void)snprintf(module->why, sizeof module->why, "several tokens match the URI: add serial=");
		return ERR_EXISTS;
	}
	if (found == 1) {
		take_slot(module, slot);
		if (!text_matches(expected_serial, slot->token->serialnr)) {
			(void)snprintf(module->why, sizeof module->why, "%s", N_("the token has another serial number than expected"));
			return ERR_MISMATCH;
		}
		return 0;
	}
	/* A token that differs in nothing but its serial was exchanged; one without any other mark in its URI is just another token. */
	if ((uri->token[0] != '\0' || uri->model[0] != '\0') && find_matching(module, uri, false, &slot) == 1) {
		take_slot(module, slot);
		(void)snprintf(module->why, sizeof module->why, "%s", N_("the token has another serial number than the URI says"));
		return ERR_MISMATCH;
	}
	/* More tokens than are configured beside this one: somebody put another card in. */
	if (module->strangers > neighbours) {
		if (module->strangers == 1) {
			(void)find_matching(module, &(struct p11uri){ 0 }, false, &slot);
			take_slot(module, slot);
		}
		(void)snprintf(module->why, sizeof module->why, "%s", N_("the token in the reader is not the configured one; it is not used"));
		return ERR_MISMATCH;
	}
	(void)snprintf(module->why, sizeof module->why, "%s", N_("no token matches the URI"));
	return ERR_NOTFOUND;
}

int module_open_session(struct module *module)
{
	CK_SESSION_HANDLE session = 0;
	CK_RV rv = CKR_GENERAL_ERROR;

	/* libp11 first: to set its mode (read-only) it closes all sessions of the slot. */
	if (PKCS11_open_session(module->slot, 0) != 0) {
		return fail_openssl(module, ERR_TOKEN, "opening a session");
	}
	rv = api_of(module)->C_OpenSession(module->slot_id, CKF_SERIAL_SESSION, NULL, NULL, &session);
	if (rv != CKR_OK) {
		return fail(module, ERR_TOKEN, "C_OpenSession", rv);
	}
	module->session = session;
	return 0;
}

int module_read_flags(struct module *module, struct module_flags *ret)
{
	CK_TOKEN_INFO info;
	CK_RV rv = api_of(module)->C_GetTokenInfo(module->slot_id, &info);

	if (rv != CKR_OK) {
		return fail(module, ERR_TOKEN, "C_GetTokenInfo", rv);
	}
	ret->login_required = (info.flags & CKF_LOGIN_REQUIRED) != 0;
	ret->pin_pad = (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
	ret->tries = (info.flags & CKF_USER_PIN_LOCKED) != 0      ? MODULE_TRIES_NONE
	             : (info.flags & CKF_USER_PIN_FINAL_TRY) != 0 ? MODULE_TRIES_LAST
	             : (info.flags & CKF_USER_PIN_COUNT_LOW) != 0 ? MODULE_TRIES_LOW
	                                                          : MODULE_TRIES_OK;
	return 0;
}

int module_login(struct module *module, const char *pin, size_t length)
{
	CK_RV rv = api_of(module)->C_Login(module->session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin, length);

	switch (rv) {
	case CKR_OK:
	case CKR_USER_ALREADY_LOGGED_IN:
		return 0;
	case CKR_PIN_INCORRECT:
	case CKR_PIN_LEN_RANGE:
	case CKR_PIN_INVALID:
		return fail(module, ERR_PIN, "C_Login", rv);
	case CKR_PIN_LOCKED:
		return fail(module, ERR_PIN_BLOCKED, "C_Login", rv);
	case CKR_CANCEL:
	case CKR_FUNCTION_CANCELED:
		return fail(module, ERR_DEADLINE, "C_Login", rv);
	default:
		return fail(module, ERR_TOKEN, "C_Login", rv);
	}
}

int module_logout(struct module *module)
{
	CK_RV rv = api_of(module)->C_Logout(module->session);

	if (rv != CKR_OK && rv != CKR_USER_NOT_LOGGED_IN) {
		return fail(module, ERR_TOKEN, "C_Logout", rv);
	}
	/* Handles of private objects die with the login (PKCS#11 2.40, 5.6): libp11 must not find its old ones. */
	(void)api_of(module)->C_CloseSession(module->session);
	module->session = 0;
	module->slot = NULL;
	PKCS11_release_all_slots(module->context, module->slots, module->slot_count);
	module->slots = NULL;
	module->slot_count = 0;
	return 0;
}

int module_check(struct module *module, bool logged_in)
{
	CK_SESSION_INFO info;
	CK_SLOT_INFO slot;
	CK_RV rv = api_of(module)->C_GetSlotInfo(module->slot_id, &slot);

	if (rv == CKR_OK && (slot.flags & CKF_TOKEN_PRESENT) == 0) {
		rv = CKR_TOKEN_NOT_PRESENT;
	}
	if (rv == CKR_OK) {
		rv = api_of(module)->C_GetSessionInfo(module->session, &info);
	}
	switch (rv) {
	case CKR_OK:
		break;
	case CKR_DEVICE_REMOVED:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_SESSION_CLOSED:
		return fail(module, ERR_GONE, "the token was removed", rv);
	default:
		return fail(module, ERR_TOKEN, "C_GetSessionInfo", rv);
	}
	if (logged_in && info.state != CKS_RO_USER_FUNCTIONS && info.state != CKS_RW_USER_FUNCTIONS) {
		(void)snprintf(module->why, sizeof module->why, "the token forgot the login");
		return ERR_LOCKED;
	}
	return 0;
}

bool module_has_changed(struct module *module)
{
	CK_SLOT_INFO slot;
	CK_ULONG count = 0;

	return api_of(module)->C_GetSlotList(CK_FALSE, NULL, &count) != CKR_OK || count != module->readers || module->slot == NULL ||
	       api_of(module)->C_GetSlotInfo(module->slot_id, &slot) != CKR_OK || (slot.flags & CKF_TOKEN_PRESENT) == 0;
}

bool module_is_software(const struct module *module)
{
	static const char *const makers[] = { "SoftHSM", "softhsm", "Mozilla Foundation", "Kryoptic" };
	const PKCS11_TOKEN *token = module->slot != NULL ? module->slot->token : NULL;

	for (size_t i = 0; token != NULL && i < sizeof makers / sizeof makers[0]; i++) {
		if ((token->manufacturer != NULL && strstr(token->manufacturer, makers[i]) != NULL) ||
		    (token->model != NULL && strstr(token->model, makers[i]) != NULL)) {
			return true;
		}
	}
	return false;
}
