#include "queryform.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../appliance/base/err.h"
#include "libcrypto.h"
#include "partner.h"

#define OPTION_SIZE 513
#define DAY_SIZE 11
#define DAY_S 86400
#define RSA_BITS_MIN 2048
#define CERTIFICATE_MAX_BYTES 6144
#define CERTIFICATE_TEXT_SIZE (CERTIFICATE_MAX_BYTES / 3 * 4 + 4)
#define WORD_MAX 40

struct making {
	const struct job *job;
	struct query query;
	bool english;
	struct report *report;
	const char *fault;
	int err;
	char certificate[CERTIFICATE_TEXT_SIZE];
	struct span pem;
	char *out;
	size_t length, size;
};

/* The first fault counts; all of them are told. */
static void blame(struct making *making, const char *fault, const char *name, const char *cs, const char *en)
{
	making->fault = making->fault == NULL ? fault : making->fault;
	report_line(making->report, "%s: %s", name, making->english ? en : cs);
}

/* --- types --- */

static bool is_digits(const char *text, size_t least, size_t most)
{
	size_t length = strspn(text, "0123456789");

	return text[length] == '\0' && length >= least && length <= most;
}

/* A number of 1 to `most` digits at *at, which moves behind it and what is in `after` (blanks count where `after` is a dot). */
static bool read_number(const char **at, size_t most, char after, int *ret)
{
	size_t length = strspn(*at, "0123456789");

	if (length == 0 || length > most) {
		return false;
	}
	*ret = (int)strtol(*at, NULL, 10);
	*at += length;
	if (**at != after) {
		return false;
	}
	*at += after == '\0' ? 0 : 1;
	*at += after == '.' ? strspn(*at, " ") : 0;
	return true;
}

/* Both ways to write a day, as "2026-02-01"; false when there is no such day. */
static bool read_day(const char *text, char ret[DAY_SIZE], int64_t *ret_number)
{
	struct tm tm = { 0 }, again = { 0 };
	const char *from_year = text, *from_day = text;
	int year = 0, month = 0, day = 0;
	time_t moment = 0;

	if (!(read_number(&from_year, 4, '-', &year) && read_number(&from_year, 2, '-', &month) && read_number(&from_year, 2, '\0', &day)) &&
	    !(read_number(&from_day, 2, '.', &day) && read_number(&from_day, 2, '.', &month) && read_number(&from_day, 4, '\0', &year))) {
		return false;
	}
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	again = tm;
	moment = timegm(&tm);
	if (year < 1990 || year > 2199 || tm.tm_mon != again.tm_mon || tm.tm_mday != again.tm_mday) {
		return false;
	}
	(void)strftime(ret, DAY_SIZE, "%Y-%m-%d", &tm);
	*ret_number = moment / DAY_S;
	return true;
}

static bool is_guid(const char *text)
{
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (text[i] == '\0' || (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))) {
			return false;
		}
	}
	return text[36] == '\0';
}

static bool is_word(const char *text)
{
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/");

	return text[length] == '\0' && length > 0 && length <= WORD_MAX;
}

/* Checks the value, and writes it as the partner wants it. */
static bool settle_value(struct query_field *field, const char *type, bool *ret_known)
{
	char day[DAY_SIZE];
	int64_t number = 0;

	*ret_known = true;
	if (strcmp(type, "symbol") == 0) {
		return is_digits(field->value, 1, 10);
	}
	if (strcmp(type, "month") == 0) {
		bool good = is_digits(field->value, 1, 2) && (number = strtol(field->value, NULL, 10)) >= 1 && number <= 12;

		(void)snprintf(field->value, sizeof field->value, "%d", (int)number);
		return good;
	}
	if (strcmp(type, "year") == 0) {
		return is_digits(field->value, 4, 4) && strncmp(field->value, "20", 2) == 0;
	}
	if (strcmp(type, "guid") == 0) {
		for (size_t i = 0; field->value[i] != '\0'; i++) {
			field->value[i] = (char)toupper((unsigned char)field->value[i]);
		}
		return is_guid(field->value);
	}
	if (strcmp(type, "word") == 0) {
		return is_word(field->value);
	}
	*ret_known = strcmp(type, "day") == 0;
	if (!*ret_known || !read_day(field->value, day, &number)) {
		return false;
	}
	(void)snprintf(field->value, sizeof field->value, "%s", day);
	return true;
}

/* --- fields --- */

/* The type of a field, NULL when the query has no such field. */
static bool type_of(const struct making *making, const char *name, char ret[QUERY_NAME_SIZE])
{
	char fields[OPTION_SIZE], *at = fields;
	size_t length = strlen(name);

	(void)job_parameter(making->job, "option.fields", "", fields, sizeof fields);
	for (char *rest = NULL, *each = strtok_r(at, " ", &rest); each != NULL; each = strtok_r(NULL, " ", &rest)) {
		if (strncmp(each, name, length) == 0 && each[length] == ':') {
			(void)snprintf(ret, QUERY_NAME_SIZE, "%s", each + length + 1);
			return true;
		}
	}
	return false;
}

static void check_fields(struct making *making)
{
	for (size_t i = 0; i < making->query.count; i++) {
		struct query_field *field = &making->query.fields[i];
		char type[QUERY_NAME_SIZE];
		bool known = true;

		if (!type_of(making, field->name, type)) {
			blame(making, "query-field", field->name, "tento údaj dotaz nemá", "the query has no such field");
		} else if (!settle_value(field, type, &known)) {
			making->err = known ? making->err : ERR_FORMAT;
			blame(making, "query-field", field->name, "hodnota není správně zapsaná", "the value is not written rightly");
		}
	}
}

static void add_symbol(struct making *making)
{
	char symbol[QUERY_VALUE_SIZE], type[QUERY_NAME_SIZE];

	(void)job_parameter(making->job, "option.vs", "", symbol, sizeof symbol);
	if (symbol[0] != '\0' && query_get(&making->query, "vs") == NULL && type_of(making, "vs", type)) {
		(void)query_add(&making->query, "vs", symbol);
	}
}

static void check_one_of(struct making *making)
{
	char names[OPTION_SIZE], shown[OPTION_SIZE];
	size_t given = 0;

	(void)job_parameter(making->job, "option.one-of", "", names, sizeof names);
	(void)snprintf(shown, sizeof shown, "%s", names);
	for (char *rest = NULL, *each = strtok_r(names, " ", &rest); each != NULL; each = strtok_r(NULL, " ", &rest)) {
		given += query_get(&making->query, each) != NULL;
	}
	if (shown[0] != '\0' && given != 1) {
		blame(making, "query-field", shown, "musí být uveden právě jeden z těchto údajů", "exactly one of these fields must be given");
	}
}

static void check_range(struct making *making)
{
	char names[OPTION_SIZE], first[OPTION_SIZE] = "", last[OPTION_SIZE] = "", day[DAY_SIZE], cs[128], en[128];
	const char *from = NULL, *to = NULL;
	int64_t begin = 0, end = 0;
	uint64_t most = job_parameter_u64(making->job, "option.max-days", QUERYFORM_DAYS_MAX);

	(void)job_parameter(making->job, "option.range", "", names, sizeof names);
	if (sscanf(names, "%512s %512s", first, last) != 2) {
		return;
	}
	from = query_get(&making->query, first);
	to = query_get(&making->query, last);
	if (from == NULL || to == NULL || !read_day(from, day, &begin) || !read_day(to, day, &end)) {
		return; /* told already */
	}
	if (end < begin) {
		blame(making, "query-range", names, "konec je dřív než začátek", "the end is before the beginning");
	} else if ((uint64_t)(end - begin) + 1 > most) {
		(void)snprintf(cs, sizeof cs, "dnů je %lld, nejvýš smí být %llu; zeptejte se po částech", (long long)(end - begin) + 1,
		               (unsigned long long)most);
		(void)snprintf(en, sizeof en, "%lld days, at most %llu are allowed; ask in parts", (long long)(end - begin) + 1, (unsigned long long)most);
		blame(making, "query-range", names, cs, en);
	}
}

/* --- the certificate --- */

static const char *read_certificate(struct making *making, const char **ret_en)
{
	BIO *from = BIO_new_mem_buf(making->pem.data, making->pem.length > INT32_MAX ? 0 : (int)making->pem.length);
	X509 *certificate = from == NULL ? NULL : PEM_read_bio_X509(from, NULL, NULL, NULL);
	const EVP_PKEY *key = certificate == NULL ? NULL : X509_get0_pubkey(certificate);
	unsigned char *der = NULL;
	int length = certificate == NULL ? -1 : i2d_X509(certificate, &der);
	const char *why = NULL;

	if (making->pem.length == 0 || length <= 0) {
		why = "není nastaven certifikát, pro který má úřad odpověď zašifrovat (answer_key)";
		*ret_en = "there is no certificate for which the answer could be encrypted (answer_key)";
	} else if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0 || X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0) {
		why = "certifikát, pro který má úřad odpověď zašifrovat, teď neplatí";
		*ret_en = "the certificate for which the answer is to be encrypted is not valid now";
	} else if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < RSA_BITS_MIN ||
	           (X509_get_key_usage(certificate) & (KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT)) == 0 || length > CERTIFICATE_MAX_BYTES) {
		why = "pro certifikát nelze šifrovat: musí mít klíč RSA od 2048 bitů určený k šifrování klíčů";
		*ret_en = "nothing can be encrypted for the certificate: it must have an RSA key from 2048 bits that may encipher keys";
	} else {
		(void)EVP_EncodeBlock((unsigned char *)making->certificate, der, length);
	}
	OPENSSL_free(der);
	X509_free(certificate);
	BIO_free(from);
	return why;
}

/* Once, and only where the template wants it. */
static const char *certificate(struct making *making)
{
	const char *en = NULL, *cs = making->certificate[0] == '\0' ? read_certificate(making, &en) : NULL;

	if (cs != NULL) {
		blame(making, "query-certificate", "certificate", cs, en);
	}
	return making->certificate;
}

/* --- the template --- */

static void put(struct making *making, const char *text, size_t length)
{
	if (making->length + length >= making->size) {
		making->err = ERR_LIMIT;
		return;
	}
	memcpy(making->out + making->length, text, length);
	making->length += length;
	making->out[making->length] = '\0';
}

static void put_escaped(struct making *making, const char *text)
{
	for (; *text != '\0'; text++) {
		const char *name = *text == '&'    ? "&amp;"
		                   : *text == '<'  ? "&lt;"
		                   : *text == '>'  ? "&gt;"
		                   : *text == '"'  ? "&quot;"
		                   : *text == '\'' ? "&apos;"
		                                   : NULL;

		put(making, name == NULL ? text : name, name == NULL ? 1 : strlen(name));
	}
}

/* {name} at *at, which is moved behind it. NULL when it is malformed. */
static const char *read_place(const char *at, char ret[QUERY_NAME_SIZE])
{
	const char *end = strchr(at, '}');
	size_t length = end == NULL ? 0 : (size_t)(end - at) - 1;

	if (length == 0 || length >= QUERY_NAME_SIZE) {
		return NULL;
	}
	memcpy(ret, at + 1, length);
	ret[length] = '\0';
	return end + 1;
}

static const char *value_of(struct making *making, const char *name)
{
	return strcmp(name, "certificate") == 0 ? certificate(making) : strcmp(name, "version") == 0 ? PODATELNA_VERSION : query_get(&making->query, name);
}

/* How many of the fields in [ ] are given, and how many are not. */
static void count_places(const struct making *making, const char *from, const char *end, size_t *ret_given, size_t *ret_missing)
{
	char name[QUERY_NAME_SIZE];

	*ret_given = *ret_missing = 0;
	for (const char *at = from; at < end; at++) {
		if (*at == '{' && read_place(at, name) != NULL) {
			*(query_get(&making->query, name) != NULL ? ret_given : ret_missing) += 1;
		}
	}
}

static void fill(struct making *making, const char *at, const char *end)
{
	while (at < end && making->err == 0) {
		char name[QUERY_NAME_SIZE];
		const char *next = *at == '{' ? read_place(at, name) : NULL;
		const char *value = next == NULL ? NULL : value_of(making, name);

		if (*at == '{' && next == NULL) {
			making->err = ERR_FORMAT;
		} else if (next == NULL) {
			put(making, at++, 1);
		} else {
			if (value == NULL) {
				blame(making, "query-field", name, "chybí", "is missing");
			} else {
				put_escaped(making, value);
			}
			at = next;
		}
	}
}

static void fill_all(struct making *making, const char *template)
{
	const char *at = template;

	while (*at != '\0' && making->err == 0) {
		size_t plain = strcspn(at, "["), given = 0, missing = 0;
		const char *close = at[plain] == '[' ? strchr(at + plain, ']') : NULL;

		fill(making, at, at + plain);
		at += plain;
		if (*at == '[' && close == NULL) {
			making->err = ERR_FORMAT;
		} else if (*at == '[') {
			count_places(making, at + 1, close, &given, &missing);
			if (given > 0 || missing == 0) {
				fill(making, at + 1, close); /* a part of the fields is no group: the missing ones are told */
			}
			at = close + 1;
		}
	}
}

const char *queryform_make(const struct job *job, struct span text, struct span certificate_pem, const char *language, struct report *report, char *ret,
                           size_t size, int *ret_err)
{
	struct making *making = calloc(1, sizeof *making);
	char template[QUERYFORM_TEMPLATE_MAX_BYTES];
	const char *fault = NULL;

	*ret_err = making == NULL ? ERR_MEMORY : 0;
	ret[0] = '\0';
	if (making == NULL) {
		return "query-field";
	}
	*making = (struct making){ .job = job, .english = strcmp(language, "en") == 0, .report = report, .pem = certificate_pem, .out = ret, .size = size };
	if (job_parameter_whole(job, "option.template", template, sizeof template) != 0 || template[0] == '\0') {
		making->err = ERR_FORMAT;
	} else if (query_read(text, &making->query) != 0) {
		blame(making, "query-field", "podatelna-query", "dotaz není správně zapsaný", "the query is not written rightly");
	} else {
		add_symbol(making);
		check_fields(making);
		check_one_of(making);
		check_range(making);
		fill_all(making, template);
	}
	fault = making->fault;
	*ret_err = making->err;
	free(making);
	return fault;
}
