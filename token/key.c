#include "key.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "../appliance/base/cleanup.h"
#include "../appliance/base/err.h"
#include "../appliance/base/fdio.h"

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

static void set_certificate(struct token_key *key, X509 *certificate)
{
	if (certificate_read(certificate, &key->facts) != 0) {
		X509_free(certificate);
		return;
	}
	key->certificate = certificate;
}

static int add_issuer(struct token_key *key, X509 *issuer)
{
	if (key->chain == NULL) {
		key->chain = sk_X509_new_null();
	}
	if (key->chain == NULL || sk_X509_num(key->chain) >= KEY_CHAIN_MAX || X509_cmp(issuer, key->certificate) == 0 ||
	    sk_X509_push(key->chain, issuer) <= 0) {
		X509_free(issuer);
		return ERR_CERT;
	}
	return 0;
}

int key_read_pem(struct token_key *key, int fd)
{
	_cleanup_free_ uint8_t *text = NULL;
	__attribute__((cleanup(free_bio))) BIO *bio = NULL;
	size_t length = 0;
	int err = ERR_INTERNAL;
	X509 *next = NULL;

	(void)lseek(fd, 0, SEEK_SET); /* two keys may share a file; a pipe has no place to go back to */
	err = fd_read_all(fd, KEY_PEM_MAX_BYTES, &text, &length);
	if (err != 0 || (bio = BIO_new_mem_buf(text, (int)length)) == NULL) {
		return ERR_CERT;
	}
	while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (key->certificate == NULL) {
			set_certificate(key, next);
			err = key->certificate == NULL ? ERR_CERT : 0;
		} else {
			err = add_issuer(key, next);
		}
		if (err != 0) {
			return err;
		}
	}
	ERR_clear_error(); /* "no start line" is how the end shows */
	return key->certificate == NULL ? ERR_CERT : 0;
}

static bool identity_matches(const struct p11uri *uri, const unsigned char *id, size_t id_length, const char *label)
{
	if (uri->id_length > 0 && !span_equals(span_of(uri->id, uri->id_length), span_of(id, id == NULL ? 0 : id_length))) {
		return false;
	}
	return uri->object[0] == '\0' || (label != NULL && strcmp(uri->object, label) == 0);
}

/* Issuers found on the token, one above the other, without the root: who trusts it has it. */
static void collect_issuers(struct token_key *key, PKCS11_CERT *certificates, unsigned count)
{
	X509 *below = key->certificate;

	for (int depth = 0; depth < KEY_CHAIN_MAX; depth++) {
		X509 *issuer = NULL;

		for (unsigned i = 0; i < count && issuer == NULL; i++) {
			X509 *candidate = certificates[i].x509;

			if (candidate != NULL && X509_cmp(candidate, below) != 0 && X509_check_issued(candidate, below) == X509_V_OK) {
				issuer = candidate;
			}
		}
		if (issuer == NULL || X509_self_signed(issuer, 0) == 1 || X509_up_ref(issuer) != 1 || add_issuer(key, issuer) != 0) {
			return;
		}
		below = issuer;
	}
}

void key_read_certificates(struct token_key *keys, size_t count, struct module *module)
{
	PKCS11_CERT *certificates = NULL;
	unsigned found = 0;

	if (PKCS11_enumerate_certs(module->slot->token, &certificates, &found) != 0) {
		ERR_clear_error();
		return;
	}
	for (size_t k = 0; k < count; k++) {
		for (unsigned i = 0; i < found && keys[k].setup->cert_fd < 0 && keys[k].certificate == NULL; i++) {
			const PKCS11_CERT *each = &certificates[i];

			if (each->x509 != NULL && identity_matches(&keys[k].setup->uri, each->id, each->id_len, each->label) && X509_up_ref(each->x509) == 1) {
				set_certificate(&keys[k], each->x509);
				if (keys[k].certificate != NULL) {
					collect_issuers(&keys[k], certificates, found);
				}
			}
		}
	}
}

static int find_one(struct token_key *key, struct module *module)
{
	enum key_object_match match = KEY_OBJECT_HIDDEN;
	int err = key_object_find(module, &key->setup->uri, &key->object);

	key->mismatch = key->unchecked = false;
	key->looked = true;
	if (err != 0 || key->object.found != 1 || key->certificate == NULL) {
		return err;
	}
	match = key_object_compare(module, &key->object, key->certificate);
	key->mismatch = match == KEY_OBJECT_OTHER;
	key->unchecked = match == KEY_OBJECT_HIDDEN;
	return 0;
}

int key_find_private(struct token_key *keys, size_t count, struct module *module)
{
	unsigned abilities = key_object_abilities(module);

	key_forget_private(keys, count);
	for (size_t i = 0; i < count; i++) {
		int err = find_one(&keys[i], module);

		if (err != 0) {
			return err;
		}
		keys[i].abilities = abilities;
	}
	return 0;
}

int key_find_again(struct token_key *key, struct module *module)
{
	int err = find_one(key, module);

	if (err != 0) {
		return err;
	}
	if (key->object.found != 1) {
		(void)snprintf(module->why, sizeof module->why, "the private key is not there any more");
		return ERR_TOKEN;
	}
	if (key->mismatch) {
		(void)snprintf(module->why, sizeof module->why, "another key stands where the private key was");
		return ERR_CERT;
	}
	return 0;
}

static enum key_state state_of(enum certificate_state state)
{
	switch (state) {
	case CERTIFICATE_OK:
		return KEY_OK;
	case CERTIFICATE_EXPIRED:
		return KEY_EXPIRED;
	case CERTIFICATE_NOT_YET:
		return KEY_NOT_YET;
	case CERTIFICATE_BAD_USAGE:
		return KEY_BAD_USAGE;
	}
	return KEY_MISSING;
}

static enum key_state judge(const struct token_key *key, int64_t now_ms, char *ret_why, size_t size)
{
	enum key_state state = KEY_MISSING;

	if (key->looked && key->object.found > 1) {
		(void)snprintf(ret_why, size, "several private keys match the URI");
		return KEY_MISSING;
	}
	if (key->looked && key->object.found == 0) {
		(void)snprintf(ret_why, size, "no private key matches the URI");
		return KEY_MISSING;
	}
	if (key->certificate == NULL) {
		(void)snprintf(ret_why, size, "there is no usable certificate for the key");
		return KEY_MISSING;
	}
	if (key->looked && key->mismatch) {
		(void)snprintf(ret_why, size, "the certificate belongs to another key");
		return KEY_MISMATCH;
	}
	state = state_of(certificate_judge(&key->facts, key->setup->use, now_ms, ret_why, size));
	if (state == KEY_OK && ret_why[0] == '\0' && key->looked && key->unchecked) {
		(void)snprintf(ret_why, size, "the token does not show the public half of the key: only the first signature will tell");
	}
	return state;
}

bool key_judge(struct token_key *key, int64_t now_ms)
{
	char why[KEY_WARNING_BYTES] = "";
	enum key_state state = judge(key, now_ms, why, sizeof why);

	if (state == key->state && strcmp(why, key->warning) == 0) {
		return false;
	}
	key->state = state;
	(void)snprintf(key->warning, sizeof key->warning, "%s", why);
	return true;
}

void key_forget_private(struct token_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		keys[i].object = (struct key_object){ 0 };
		keys[i].looked = false;
	}
}

void key_forget_certificates(struct token_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (keys[i].setup->cert_fd < 0) {
			X509_free(keys[i].certificate);
			keys[i].certificate = NULL;
			sk_X509_pop_free(keys[i].chain, X509_free);
			keys[i].chain = NULL;
		}
	}
}

struct token_key *key_by_name(struct token_key *keys, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(keys[i].setup->name, name) == 0) {
			return &keys[i];
		}
	}
	return NULL;
}

const char *key_state_name(enum key_state state)
{
	static const char *const names[] = { "ok", "missing", "mismatch", "expired", "not-yet", "bad-usage" };

	return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "missing";
}
