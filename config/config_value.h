/* config_value.h - one value: from its text in the file to its place in a struct. */
#ifndef CONFIG_CONFIG_VALUE_H
#define CONFIG_CONFIG_VALUE_H

#include "config_scan.h"

#define VALUE_TEXT_MAX_BYTES 1024
#define VALUE_EXPECTED_MAX 256

/* Checks `text` against the type of the field and stores it. For a list field it stores one item: `place` is a char ** (SCHEMA_FLAGS: uint32_t, a bit is
 * added). 0, ERR_FORMAT or ERR_MEMORY; nothing is stored then. A char * that was there is freed. */
int config_value_store(const struct schema_field *field, const char *text, void *place);
/* What a value of this field must look like, in words of the present language. */
void config_value_expected(const struct schema_field *field, char ret[VALUE_EXPECTED_MAX]);

bool config_value_duration(const char *text, uint64_t *ret_ms);
bool config_value_size(const char *text, uint64_t *ret_bytes);
bool config_value_bool(const char *text, bool *ret);
bool config_value_path(const char *text);
/* Index of `text` in "a|b|c". */
bool config_value_word(const char *words, const char *text, unsigned *ret);
/* https URL: host, port, path; no user, query or fragment, no final slash. */
bool config_value_url(const char *text);
/* http://host:port: no user (a login would stand in the configuration), no path. */
bool config_value_proxy(const char *text);
/* smtps:// or smtp:// with host and port. */
bool config_value_mail_url(const char *text);
/* RFC 7512 section 2.3. A PIN in it is refused. `need_object`: it must name a key by id or object. */
bool config_value_pkcs11(const char *text, bool need_object);

#endif
