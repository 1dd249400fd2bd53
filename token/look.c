#include "libcrypto.h"

#include "look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/escape.h"
#include "certificate.h"
#include "cryptoki.h"
#include "usage.h"

#define OBJECTS_AT_ONCE 16
#define OBJECTS_LISTED_MAX 128 /* of each class; what lies beyond is not looked at */
#define ID_MAX_BYTES 64        /* what is longer is shown cut */
#define LABEL_MAX_BYTES 64
#define VALUE_MAX_BYTES 16384 /* of a certificate */
#define TEXT_BYTES 600

/* What belongs together: the same id, or without ids the same label. */
struct thing {
	uint8_t id[ID_MAX_BYTES];
	size_t id_length;
	char label[LABEL_MAX_BYTES + 1];
	bool private_key, public_key;
	CK_KEY_TYPE type;
	X509 *certificate; /* owned */
};

struct things {
	struct thing all[LOOK_OBJECTS_MAX];
	size_t count, left_out;
};

static CK_FUNCTION_LIST *api_of(const struct module *module)
{
	return &module->api->list;
}

static void things_free(struct things *things)
{
	for (size_t i = 0; i < things->count; i++) {
		X509_free(things->all[i].certificate);
	}
}

static void set_numbered(struct lines *lines, const char *group, size_t n, const char *what, const char *value)
{
	char name[LINES_NAME_MAX + 1], clean[TEXT_BYTES];

	if (value != NULL && value[0] != '\0') {
		(void)snprintf(name, sizeof name, "%s.%zu.%s", group, n, what);
		(void)escape_text(ESCAPE_TERMINAL, span_of_string(value), clean, sizeof clean);
		lines_set(lines, name, clean);
	}
}

/* CK_TOKEN_INFO and CK_SLOT_INFO pad their texts with blanks (PKCS#11 2.40, 3.2). */
static const char *padded(const CK_UTF8CHAR *text, size_t length, char ret[65])
{
	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\0')) {
		length--;
	}
	memcpy(ret, text, length);
	ret[length] = '\0';
	return ret;
}

/* --- URIs --- */

static bool put_encoded(const uint8_t *data, size_t length, bool all, char *ret, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	size_t have = strlen(ret);

	for (size_t i = 0; i < length; i++) {
		bool as_it_is = !all && data[i] != 0 && strchr(plain, data[i]) != NULL;

		if (have + 4 > size) {
			return false;
		}
		(void)snprintf(ret + have, size - have, as_it_is ? "%c" : "%%%02X", data[i]);
		have += as_it_is ? 1 : 3;
	}
	return true;
}

static bool put_text(const char *text, char *ret, size_t size)
{
	size_t have = strlen(ret);

	return (size_t)snprintf(ret + have, size - have, "%s", text) < size - have;
}

bool look_token_uri(const char *label, const char *serial, char *ret, size_t size)
{
	ret[0] = '\0';
	return put_text("pkcs11:token=", ret, size) && put_encoded((const uint8_t *)label, strlen(label), false, ret, size) &&
	       (serial[0] == '\0' || (put_text(";serial=", ret, size) && put_encoded((const uint8_t *)serial, strlen(serial), false, ret, size)));
}

bool look_object_uri(struct span id, const char *label, char *ret, size_t size)
{
	ret[0] = '\0';
	if (!span_is_empty(id)) {
		return put_text("pkcs11:id=", ret, size) && put_encoded(id.data, id.length, true, ret, size);
	}
	return label[0] != '\0' && put_text("pkcs11:object=", ret, size) && put_encoded((const uint8_t *)label, strlen(label), false, ret, size);
}

/* --- readers --- */

static const char *pin_word(CK_FLAGS flags)
{
	if ((flags & CKF_LOGIN_REQUIRED) == 0) {
		return "none";
	}
	if ((flags & CKF_USER_PIN_INITIALIZED) == 0) {
		return "not-set";
	}
	if ((flags & CKF_USER_PIN_LOCKED) != 0) {
		return "blocked";
	}
	return (flags & CKF_USER_PIN_FINAL_TRY) != 0 ? "last-try" : (flags & CKF_USER_PIN_COUNT_LOW) != 0 ? "few-tries" : "ok";
}

static void put_token(struct module *module, size_t n, CK_SLOT_ID slot, struct lines *lines)
{
	char label[65], serial[65], text[65], uri[LOOK_URI_BYTES];
	CK_TOKEN_INFO info;

	if (api_of(module)->C_GetTokenInfo(slot, &info) != CKR_OK) {
		set_numbered(lines, "reader", n, "token", "unreadable");
		return;
	}
	set_numbered(lines, "reader", n, "token", (info.flags & CKF_TOKEN_INITIALIZED) != 0 ? "yes" : "blank");
	set_numbered(lines, "reader", n, "maker", padded(info.manufacturerID, sizeof info.manufacturerID, text));
	set_numbered(lines, "reader", n, "model", padded(info.model, sizeof info.model, text));
	set_numbered(lines, "reader", n, "label", padded(info.label, sizeof info.label, label));
	set_numbered(lines, "reader", n, "serial", padded(info.serialNumber, sizeof info.serialNumber, serial));
	set_numbered(lines, "reader", n, "pin", pin_word(info.flags));
	set_numbered(lines, "reader", n, "pinpad", (info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0 ? "yes" : "no");
	if ((info.flags & CKF_TOKEN_INITIALIZED) != 0 && look_token_uri(label, serial, uri, sizeof uri)) {
		set_numbered(lines, "reader", n, "uri", uri);
	}
}

int look_readers(struct module *module, struct lines *lines)
{
	CK_SLOT_ID slots[LOOK_READERS_MAX * 4];
	CK_ULONG count = sizeof slots / sizeof slots[0];
	CK_RV rv = api_of(module)->C_GetSlotList(CK_FALSE, slots, &count);

	if (rv != CKR_OK) {
		(void)snprintf(module->why, sizeof module->why, "the module does not list its readers (0x%lx)", (unsigned long)rv);
		return ERR_TOKEN;
	}
	lines_set_u64(lines, "readers", count);
	for (size_t n = 0; n < count && n < LOOK_READERS_MAX; n++) {
		CK_SLOT_INFO info;
		char name[65];

		if (api_of(module)->C_GetSlotInfo(slots[n], &info) != CKR_OK) {
			continue;
		}
		set_numbered(lines, "reader", n, "name", padded(info.slotDescription, sizeof info.slotDescription, name));
		if (name[0] == '\0') {
			set_numbered(lines, "reader", n, "name", "-");
		}
		if ((info.flags & CKF_TOKEN_PRESENT) != 0) {
			put_token(module, n, slots[n], lines);
		} else {
			set_numbered(lines, "reader", n, "token", "no");
		}
		if (module->slot != NULL && slots[n] == module->slot_id) {
			set_numbered(lines, "reader", n, "ours", "yes");
		}
	}
	return 0;
}

/* --- objects --- */

/* An attribute of at most `size` bytes; its length, 0 when it is not shown or longer. */
static size_t read_attribute(struct module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *ret, size_t size)
{
	CK_ATTRIBUTE asked = { type, ret, size };

	return api_of(module)->C_GetAttributeValue(session, object, &asked, 1) == CKR_OK && asked.ulValueLen <= size ? asked.ulValueLen : 0;
}

static struct thing *place_of(struct things *things, const struct thing *part)
{
	for (size_t i = 0; i < things->count; i++) {
		struct thing *each = &things->all[i];

		if (each->id_length == part->id_length && memcmp(each->id, part->id, part->id_length) == 0 &&
		    (part->id_length > 0 || strcmp(each->label, part->label) == 0)) {
			return each;
		}
	}
	if (things->count == LOOK_OBJECTS_MAX) {
		things->left_out++;
		return NULL;
	}
	things->all[things->count] = *part;
	return &things->all[things->count++];
}

static X509 *read_certificate(struct module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	_cleanup_free_ uint8_t *value = malloc(VALUE_MAX_BYTES);
	const unsigned char *at = value;
	size_t length = value == NULL ? 0 : read_attribute(module, session, object, CKA_VALUE, value, VALUE_MAX_BYTES);
	X509 *certificate = length == 0 ? NULL : d2i_X509(NULL, &at, (long)length);

	ERR_clear_error();
	return certificate;
}

static void add_object(struct module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_OBJECT_CLASS class, struct things *things)
{
	struct thing part = { .type = (CK_KEY_TYPE)-1 }, *place = NULL;

	part.id_length = read_attribute(module, session, object, CKA_ID, part.id, sizeof part.id);
	part.label[read_attribute(module, session, object, CKA_LABEL, part.label, LABEL_MAX_BYTES)] = '\0';
	place = place_of(things, &part);
	if (place == NULL) {
		return;
	}
	if (place->label[0] == '\0') {
		memcpy(place->label, part.label, sizeof part.label);
	}
	if (class == CKO_CERTIFICATE) {
		X509_free(place->certificate); /* a renewed one beside the old one: the later counts here; both have one URI */
		place->certificate = read_certificate(module, session, object);
		return;
	}
	place->private_key = place->private_key || class == CKO_PRIVATE_KEY;
	place->public_key = place->public_key || class == CKO_PUBLIC_KEY;
	(void)read_attribute(module, session, object, CKA_KEY_TYPE, &place->type, sizeof place->type);
}

static int add_class(struct module *module, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class, struct things *things)
{
	CK_ATTRIBUTE wanted = { CKA_CLASS, &class, sizeof class };
	CK_OBJECT_HANDLE found[OBJECTS_LISTED_MAX];
	CK_ULONG count = 0, more = 1;
	CK_RV rv = api_of(module)->C_FindObjectsInit(session, &wanted, 1);

	if (rv != CKR_OK) {
		(void)snprintf(module->why, sizeof module->why, "the token does not list its objects (0x%lx)", (unsigned long)rv);
		return ERR_TOKEN;
	}
	while (more > 0 && count + OBJECTS_AT_ONCE <= OBJECTS_LISTED_MAX &&
	       api_of(module)->C_FindObjects(session, found + count, OBJECTS_AT_ONCE, &more) == CKR_OK) {
		count += more;
	}
	(void)api_of(module)->C_FindObjectsFinal(session);
	for (CK_ULONG i = 0; i < count; i++) {
		add_object(module, session, found[i], class, things);
	}
	return 0;
}

static bool key_matches(const struct setup_key *key, const struct thing *thing)
{
	if (key->uri.id_length > 0 && !span_equals(span_of(key->uri.id, key->uri.id_length), span_of(thing->id, thing->id_length))) {
		return false;
	}
	return key->uri.object[0] == '\0' || strcmp(key->uri.object, thing->label) == 0;
}

static void put_certificate(struct lines *lines, size_t n, X509 *x509, int64_t now_ms)
{
	struct certificate facts;
	char days[24], words[TEXT_BYTES];

	if (x509 == NULL || certificate_read(x509, &facts) != 0) {
		set_numbered(lines, "object", n, "certificate", x509 == NULL ? "no" : "unreadable");
		return;
	}
	(void)snprintf(days, sizeof days, "%lld", (long long)certificate_days_left(&facts, now_ms));
	set_numbered(lines, "object", n, "certificate", "yes");
	set_numbered(lines, "object", n, "subject", facts.subject);
	set_numbered(lines, "object", n, "issuer", facts.issuer);
	set_numbered(lines, "object", n, "serial", facts.serial);
	set_numbered(lines, "object", n, "not-before", facts.not_before);
	set_numbered(lines, "object", n, "not-after", facts.not_after);
	set_numbered(lines, "object", n, "days-left", days);
	set_numbered(lines, "object", n, "sha256", facts.sha256);
	set_numbered(lines, "object", n, "algorithm", facts.algorithm);
	usage_words(x509, words, sizeof words);
	set_numbered(lines, "object", n, "allows", words);
	set_numbered(lines, "object", n, "suited", usage_suits(x509, &facts));
}

static void put_thing(struct lines *lines, size_t n, const struct thing *thing, const struct setup_key *keys, size_t key_count, int64_t now_ms)
{
	char id[2 * ID_MAX_BYTES + 1], uri[LOOK_URI_BYTES];

	hex_encode(thing->id, thing->id_length, id);
	set_numbered(lines, "object", n, "id", id);
	set_numbered(lines, "object", n, "label", thing->label);
	if (look_object_uri(span_of(thing->id, thing->id_length), thing->label, uri, sizeof uri)) {
		set_numbered(lines, "object", n, "uri", uri);
	}
	/* Before the login a token may hide its private keys: their absence then says nothing. */
	set_numbered(lines, "object", n, "private", thing->private_key ? "yes" : "not-shown");
	set_numbered(lines, "object", n, "public", thing->public_key ? "yes" : "no");
	if (thing->private_key || thing->public_key) {
		set_numbered(lines, "object", n, "algorithm", thing->type == CKK_RSA ? "rsa" : thing->type == CKK_EC ? "ecdsa" : "unknown");
	}
	put_certificate(lines, n, thing->certificate, now_ms);
	for (size_t i = 0; i < key_count; i++) {
		if (key_matches(&keys[i], thing)) {
			set_numbered(lines, "object", n, "key", keys[i].name);
			set_numbered(lines, "object", n, "use", keys[i].use_text);
		}
	}
}

int look_objects(struct module *module, unsigned long session, const struct setup_key *keys, size_t key_count, int64_t now_ms, struct lines *lines)
{
	static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE };
	__attribute__((cleanup(things_free))) struct things things = { .count = 0 };

	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		int err = add_class(module, session, classes[i], &things);

		if (err != 0) {
			return err;
		}
	}
	lines_set_u64(lines, "objects", things.count + things.left_out);
	for (size_t n = 0; n < things.count; n++) {
		put_thing(lines, n, &things.all[n], keys, key_count, now_ms);
	}
	return 0;
}
