/* A new token: C_InitToken, and the PIN of its user. */
#include "tool.h"

#include <stdio.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "../appliance/base/text.h"
#include "look.h"

#define SLOTS_MAX 32

/* Blank-padded texts of PKCS#11 (2.40, 3.2). */
static bool padded_is(const CK_UTF8CHAR *text, size_t size, const char *wanted)
{
	size_t length = size;

	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\0')) {
		length--;
	}
	return span_equals(span_of(text, length), span_of_string(wanted));
}

struct candidates {
	CK_SLOT_ID wiped, blank;
	size_t wiped_count, blank_count, matching;
};

/* The token to be wiped is told by its serial number alone: a person read it from the card that is meant. */
static int look_around(struct tool *tool, const char *wipe, struct candidates *ret)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_RV rv = tool_api(tool)->C_GetSlotList(CK_TRUE, NULL, &count);

	count = SLOTS_MAX;
	if (rv != CKR_OK || (rv = tool_api(tool)->C_GetSlotList(CK_TRUE, slots, &count)) != CKR_OK) {
		return tool_fail(tool, ERR_TOKEN, N_("the readers cannot be listed"), rv);
	}
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO info;

		if (tool_api(tool)->C_GetTokenInfo(slots[i], &info) != CKR_OK) {
			continue;
		}
		if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) {
			ret->blank = slots[i];
			ret->blank_count++;
		} else if (wipe[0] != '\0' && padded_is(info.serialNumber, sizeof info.serialNumber, wipe)) {
			ret->wiped = slots[i];
			ret->wiped_count++;
		} else if (tool->setup.uri.token[0] != '\0' && padded_is(info.label, sizeof info.label, tool->setup.uri.token)) {
			ret->matching++;
		}
	}
	return 0;
}

static int choose_slot(struct tool *tool, CK_SLOT_ID *ret)
{
	struct candidates found = { .wiped_count = 0 };
	char wipe[P11URI_SERIAL_MAX_BYTES + 1];
	int err = ERR_INTERNAL;

	tool_order(tool, "wipe", wipe, sizeof wipe);
	err = look_around(tool, wipe, &found);
	if (err != 0) {
		return err;
	}
	if (wipe[0] != '\0') {
		*ret = found.wiped;
		return found.wiped_count == 1 ? 0 : tool_fail(tool, ERR_NOTFOUND, N_("there is no token with the serial number that is to be wiped"), CKR_OK);
	}
	if (found.matching > 0) {
		return tool_fail(tool, ERR_EXISTS, N_("the token exists already; its content is only lost with --wipe SERIAL"), CKR_OK);
	}
	*ret = found.blank;
	return found.blank_count == 1  ? 0
	       : found.blank_count > 1 ? tool_fail(tool, ERR_EXISTS, N_("there are several blank tokens: leave only the one that is meant"), CKR_OK)
	                               : tool_fail(tool, ERR_NOTFOUND, N_("there is no blank token; one with content is only used with --wipe SERIAL"), CKR_OK);
}

static bool is_unsupported(CK_RV rv)
{
	return rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_TOKEN_WRITE_PROTECTED || rv == CKR_USER_TYPE_INVALID;
}

static int set_user_pin(struct tool *tool, CK_SLOT_ID slot)
{
	CK_SESSION_HANDLE session = 0;
	CK_RV rv = tool_api(tool)->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);

	if (rv == CKR_OK) {
		rv = tool_api(tool)->C_Login(session, CKU_SO, (CK_UTF8CHAR *)tool->officer.page, tool->officer.length);
	}
	if (rv == CKR_OK) {
		rv = tool_api(tool)->C_InitPIN(session, (CK_UTF8CHAR *)tool->pin.page, tool->pin.length);
	}
	if (session != 0) {
		(void)tool_api(tool)->C_CloseSession(session);
	}
	return rv == CKR_OK ? 0 : tool_fail(tool, ERR_PIN, N_("the token is new now, but does not take this PIN: too short or too long?"), rv);
}

static void describe(struct tool *tool, CK_SLOT_ID slot, const char *label)
{
	char serial[sizeof((CK_TOKEN_INFO *)NULL)->serialNumber + 1], uri[LOOK_URI_BYTES];
	CK_TOKEN_INFO info;
	size_t length = sizeof info.serialNumber;

	lines_set(&tool->result, "label", label);
	if (tool_api(tool)->C_GetTokenInfo(slot, &info) != CKR_OK) {
		return;
	}
	while (length > 0 && info.serialNumber[length - 1] == ' ') {
		length--;
	}
	memcpy(serial, info.serialNumber, length);
	serial[length] = '\0';
	if (span_is_utf8(span_of_string(serial)) && look_token_uri(label, serial, uri, sizeof uri)) {
		lines_set(&tool->result, "serial", serial);
		lines_set(&tool->result, "uri", uri);
	}
}

int tool_init_token(struct tool *tool)
{
	CK_UTF8CHAR padded[P11URI_LABEL_MAX_BYTES];
	char label[P11URI_LABEL_MAX_BYTES + 1];
	CK_SLOT_ID slot = 0;
	CK_RV rv = CKR_GENERAL_ERROR;
	int err = choose_slot(tool, &slot);

	if (err != 0) {
		return err;
	}
	tool_order(tool, "label", label, sizeof label);
	if (label[0] == '\0') {
		(void)snprintf(label, sizeof label, "%s", tool->setup.uri.token);
	}
	if (label[0] == '\0' || (tool->setup.uri.token[0] != '\0' && strcmp(label, tool->setup.uri.token) != 0)) {
		return tool_fail(tool, ERR_MISMATCH,
		                 N_("the token needs a label, at most 32 bytes, and it must be the one that the URI in the configuration names"), CKR_OK);
	}
	for (size_t i = 0, length = strlen(label); i < sizeof padded; i++) {
		padded[i] = i < length ? (CK_UTF8CHAR)label[i] : ' ';
	}
	rv = tool_api(tool)->C_InitToken(slot, (CK_UTF8CHAR *)tool->officer.page, tool->officer.length, padded);
	if (rv != CKR_OK) {
		return tool_fail(tool, ERR_TOKEN,
		                 is_unsupported(rv) ? N_("this card cannot be set up through PKCS#11: use the software of its maker, then podatelna token list")
		                 : rv == CKR_PIN_INCORRECT ? N_("the PIN of the security officer was refused; it was tried once")
		                                           : N_("the token could not be set up"),
		                 rv);
	}
	err = set_user_pin(tool, slot);
	describe(tool, slot, label);
	return err;
}
