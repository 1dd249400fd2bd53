#include "setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "../appliance/base/lines.h"

#define ENVIRONMENT_MAX 32

static int fail(const char *name, const char *why, char *ret_why, size_t size)
{
	(void)snprintf(ret_why, size, "%s: %s", name, why);
	return ERR_FORMAT;
}

static bool read_yes_no(struct span settings, const char *name, bool *ret)
{
	struct span value;

	if (!lines_find(settings, name, &value)) {
		*ret = false;
		return true;
	}
	*ret = span_equals_string(value, "yes");
	return *ret || span_equals_string(value, "no");
}

/* Only names that cannot change how the process itself is loaded. */
static bool environment_is_safe(struct span name)
{
	if (span_is_empty(name) || span_starts_with(name, "LD_") || span_starts_with(name, "OPENSSL_") || span_starts_with(name, "GLIBC_")) {
		return false;
	}
	for (size_t i = 0; i < name.length; i++) {
		uint8_t c = name.data[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
			return false;
		}
	}
	return true;
}

static int add_path(struct token_setup *setup, struct span path, bool write)
{
	char *place = NULL;

	if (setup->path_count == SETUP_PATHS_MAX) {
		return ERR_LIMIT;
	}
	place = setup->paths[setup->path_count];
	if (!span_starts_with(path, "/") || !span_copy_string(path, place, PATH_MAX)) {
		return ERR_FORMAT;
	}
	setup->rules[setup->path_count++] = (struct sandbox_path){ .path = place, .write = write };
	return 0;
}

/* The directory in which `path` stands. */
static int add_directory_of(struct token_setup *setup, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL || slash == path ? 0 : add_path(setup, span_of(path, (size_t)(slash - path)), false);
}

static int read_environment(struct span settings, struct token_setup *setup, char *ret_why, size_t size)
{
	for (unsigned n = 0; n < ENVIRONMENT_MAX; n++) {
		char setting[32], name[128], value[PATH_MAX];
		struct span pair, left;

		(void)snprintf(setting, sizeof setting, "environment.%u", n);
		if (!lines_find(settings, setting, &pair)) {
			return 0;
		}
		if (!span_read_until(&pair, '=', &left) || !environment_is_safe(left) || !span_copy_string(left, name, sizeof name) ||
		    !span_copy_string(pair, value, sizeof value)) {
			return fail(setting, "must be NAME=value", ret_why, size);
		}
		if (setenv(name, value, 1) != 0) {
			return ERR_MEMORY;
		}
		if ((strcmp(name, "SOFTHSM2_CONF") == 0 || strcmp(name, "OPENSC_CONF") == 0) && add_directory_of(setup, value) != 0) {
			return fail(setting, "too many paths", ret_why, size);
		}
	}
	return fail("environment", "too many", ret_why, size);
}

static int read_paths(struct span settings, const char *kind, bool write, struct token_setup *setup, char *ret_why, size_t size)
{
	for (unsigned n = 0; n <= SETUP_PATHS_MAX; n++) {
		char setting[32];
		struct span path;

		(void)snprintf(setting, sizeof setting, "%s.%u", kind, n);
		if (!lines_find(settings, setting, &path)) {
			return 0;
		}
		if (add_path(setup, path, write) != 0) {
			return fail(setting, "not an absolute path, or too many", ret_why, size);
		}
	}
	return fail(kind, "too many", ret_why, size);
}

static bool read_use(struct span text, unsigned *ret)
{
	static const struct {
		const char *word;
		unsigned use;
	} words[] = { { "sign", USE_SIGN }, { "vault", USE_VAULT }, { "tls", USE_TLS }, { "journal", USE_JOURNAL }, { "decrypt", USE_DECRYPT } };
	unsigned use = 0;

	while (!span_is_empty(text)) {
		struct span word;
		unsigned found = 0;

		if (!span_read_until(&text, ' ', &word)) {
			(void)span_read_bytes(&text, text.length, &word);
		}
		for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
			found |= span_equals_string(word, words[i].word) ? words[i].use : 0;
		}
		if (found == 0 || (use & found) != 0) {
			return false;
		}
		use |= found;
	}
	/* A vault key has no other use (design 2): what it decrypts must never be a signature asked for under another name. */
	if (use == 0 || ((use & USE_VAULT) != 0 && use != USE_VAULT)) {
		return false;
	}
	*ret = use;
	return true;
}

static int read_key(struct span settings, unsigned n, struct setup_key *ret, char *ret_why, size_t size)
{
	char setting[32];
	struct span value;
	uint64_t fd = 0;
	const char *why = "missing";

	(void)snprintf(setting, sizeof setting, "key.%u.name", n);
	if (!lines_find_string(settings, setting, ret->name, sizeof ret->name)) {
		return fail(setting, "too long", ret_why, size);
	}
	(void)snprintf(setting, sizeof setting, "key.%u.uri", n);
	if (!lines_find(settings, setting, &value) || p11uri_parse(value, &ret->uri, &why) != 0) {
		return fail(setting, why, ret_why, size);
	}
	if (ret->uri.id_length == 0 && ret->uri.object[0] == '\0') {
		return fail(setting, "needs id= or object=", ret_why, size);
	}
	(void)snprintf(setting, sizeof setting, "key.%u.use", n);
	if (!lines_find(settings, setting, &value) || !read_use(value, &ret->use) || !span_copy_string(value, ret->use_text, sizeof ret->use_text)) {
		return fail(setting, "must be words of sign, tls, journal, decrypt, or vault alone", ret_why, size);
	}
	(void)snprintf(setting, sizeof setting, "key.%u.cert-fd", n);
	ret->cert_fd = -1;
	if (lines_find(settings, setting, &value)) {
		if (!span_parse_u64(value, &fd) || fd > 64) {
			return fail(setting, "not a descriptor number", ret_why, size);
		}
		ret->cert_fd = (int)fd;
	}
	return 0;
}

static int read_keys(struct span settings, struct token_setup *setup, char *ret_why, size_t size)
{
	for (unsigned n = 0;; n++) {
		char setting[32];
		struct span name;
		int err = ERR_INTERNAL;

		(void)snprintf(setting, sizeof setting, "key.%u.name", n);
		if (!lines_find(settings, setting, &name)) {
			return 0;
		}
		if (n == SETUP_KEYS_MAX) {
			return fail(setting, "too many keys for one token", ret_why, size);
		}
		err = read_key(settings, n, &setup->keys[n], ret_why, size);
		if (err != 0) {
			return err;
		}
		setup->key_count++;
	}
}

static int read_simple(struct span settings, struct token_setup *setup, char *ret_why, size_t size)
{
	const char *why = "missing";
	struct span value;
	uint64_t neighbours = 0;

	if (!lines_find_string(settings, "module", setup->module, sizeof setup->module) || setup->module[0] != '/') {
		return fail("module", "must be an absolute path", ret_why, size);
	}
	if (!lines_find(settings, "uri", &value) || p11uri_parse(value, &setup->uri, &why) != 0) {
		return fail("uri", why, ret_why, size);
	}
	if (setup->uri.id_length > 0 || setup->uri.object[0] != '\0' || setup->uri.type != P11URI_ANY) {
		return fail("uri", "of a token must not name an object", ret_why, size);
	}
	if (!read_yes_no(settings, "pin-file", &setup->pin_file)) {
		return fail("pin-file", "must be yes or no", ret_why, size);
	}
	setup->pin_pad = lines_find(settings, "pin", &value) && span_equals_string(value, "pinpad");
	if (setup->pin_pad && setup->pin_file) {
		return fail("pin", "is pinpad, and there is a PIN file too", ret_why, size);
	}
	if (!read_yes_no(settings, "keep-pin", &setup->keep_pin) || (setup->keep_pin && (setup->pin_pad || setup->pin_file))) {
		return fail("keep-pin", "must be no, or yes for a PIN that a person enters here", ret_why, size);
	}
	if (!read_yes_no(settings, "allow-software-token", &setup->allow_software)) {
		return fail("allow-software-token", "must be yes or no", ret_why, size);
	}
	if (!read_yes_no(settings, "pcsc", &setup->pcsc)) {
		return fail("pcsc", "must be yes or no", ret_why, size);
	}
	setup->neighbours = SETUP_NEIGHBOURS_UNKNOWN;
	if (lines_find_u64(settings, "neighbours", &neighbours) && neighbours < SETUP_NEIGHBOURS_UNKNOWN) {
		setup->neighbours = (unsigned)neighbours;
	}
	if (lines_find(settings, "pin-fingerprint", &value) && !span_copy_string(value, setup->pin_fingerprint, sizeof setup->pin_fingerprint)) {
		return fail("pin-fingerprint", "too long", ret_why, size);
	}
	if (lines_find(settings, "expected-serial", &value) && !span_copy_string(value, setup->expected_serial, sizeof setup->expected_serial)) {
		return fail("expected-serial", "too long", ret_why, size);
	}
	return 0;
}

int setup_read(struct span settings, struct token_setup *ret, char *ret_why, size_t size)
{
	int err = ERR_INTERNAL;

	memset(ret, 0, sizeof *ret);
	ret->pin_fd = -1;
	(void)snprintf(ret_why, size, "no memory");
	err = read_simple(settings, ret, ret_why, size);
	if (err == 0) {
		err = add_path(ret, span_of_string("/etc"), false);
	}
	/* The module is loaded anew in the sandbox, with the libraries that it needs. */
	if (err == 0) {
		err = add_path(ret, span_of_string("/usr/lib"), false);
	}
	if (err == 0) {
		err = add_directory_of(ret, ret->module);
	}
	if (err == 0) {
		err = read_environment(settings, ret, ret_why, size);
	}
	if (err == 0) {
		err = read_paths(settings, "readable", false, ret, ret_why, size);
	}
	if (err == 0) {
		err = read_paths(settings, "writable", true, ret, ret_why, size);
	}
	if (err == 0 && ret->pcsc) {
		err = add_path(ret, span_of_string("/run/pcscd"), false);
	}
	if (err == 0) {
		err = read_keys(settings, ret, ret_why, size);
	}
	return err;
}
