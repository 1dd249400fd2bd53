/* commands_partner.c - `partner certs`, `partner approve-cert`, `partner revoke-cert`: what a person sees of partners' certificates and says about them. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "control_private.h"
#include "partner_certs.h"

static void set_time(struct lines *row, const char *name, int64_t utc_ms)
{
	char text[CLOCK_UTC_SIZE];

	clock_format_utc(utc_ms, text);
	lines_set(row, name, text);
}

static void put_cert(struct caller *caller, const struct hub_partner *partner, const struct partner_cert *cert)
{
	const struct pin *pin = pin_book_find(&caller->hub->pin_book, partner->config->name, cert->sha256);
	struct lines row = { 0 };

	lines_set(&row, "partner", partner->config->name);
	lines_set(&row, "state", partner_cert_state_name(partner_certs_state(caller->hub, partner, cert, clock_utc_ms())));
	lines_set(&row, "sha256", cert->sha256);
	lines_set(&row, "subject", cert->subject);
	lines_set(&row, "issuer", cert->issuer);
	lines_set(&row, "serial", cert->serial);
	set_time(&row, "from", cert->from_ms);
	set_time(&row, "until", cert->until_ms);
	if (pin != NULL && pin->approved != 0 && pin->from_ms != 0) {
		set_time(&row, "use-from", pin->from_ms);
	}
	lines_set(&row, "case", cert->number);
	caller_row(caller, "partner-cert", &row);
}

void command_partner_certs(struct caller *caller)
{
	size_t count = 0;

	for (size_t i = 0; i < caller->hub->config->partner_count; i++) {
		const struct hub_partner *partner = &caller->hub->partners[i];

		if (partner->certs != NULL && partner->certs->why[0] != '\0') {
			char text[2 * CASE_REASON_MAX_BYTES];

			(void)snprintf(text, sizeof text, "%s: %s", partner->config->encrypt_to, partner->certs->why);
			caller_field(caller, "certificate", text);
		}
		for (size_t n = 0; partner->certs != NULL && n < partner->certs->count; n++, count++) {
			put_cert(caller, partner, &partner->certs->certs[n]);
		}
	}
	caller_finish(caller, COMMAND_YES, count == 0 ? _("no certificate of a partner is known") : NULL);
}

/* As people copy it: in capitals, with colons or blanks. */
static bool read_fingerprint(struct span text, char ret[PIN_SHA256_SIZE])
{
	uint8_t bytes[32];
	size_t length = 0;

	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] == ':' || text.data[i] == ' ') {
			continue;
		}
		if (length == PIN_SHA256_SIZE - 1) {
			return false;
		}
		ret[length++] = (char)tolower(text.data[i]);
	}
	ret[length] = '\0';
	return span_parse_hex(span_of_string(ret), bytes, sizeof bytes);
}

/* NULL after the caller was refused. */
static struct hub_partner *find_partner(struct caller *caller, char ret_sha256[PIN_SHA256_SIZE])
{
	struct hub_partner *partner = hub_partner_find(caller->hub, caller->words[2]);

	if (partner == NULL) {
		caller_finish(caller, COMMAND_NO, _("the configuration does not know this partner"));
		return NULL;
	}
	if (!read_fingerprint(caller_word(caller, 3), ret_sha256)) {
		caller_finish(caller, COMMAND_USAGE, _("the fingerprint must be SHA-256: 64 hexadecimal digits"));
		return NULL;
	}
	if (caller->reason[0] == '\0') {
		caller_finish(caller, COMMAND_USAGE, _("a word about a certificate needs --reason TEXT: how was its fingerprint compared?"));
		return NULL;
	}
	if (!pin_book_has_room(&caller->hub->pin_book, partner->config->name, ret_sha256)) {
		caller_finish(caller, COMMAND_DENIED, _("the box remembers no more words about certificates"));
		return NULL;
	}
	return partner;
}

static void append(struct caller *caller, const struct hub_partner *partner, const char *what, const char *sha256)
{
	struct lines lines = { 0 };

	lines_set(&lines, "what", what);
	lines_set(&lines, "partner", partner->config->name);
	lines_set(&lines, "sha256", sha256);
	if (caller->from[0] != '\0') {
		lines_set(&lines, "from", caller->from);
	}
	caller_append(caller, "config", &lines);
}

/* Only what the box has seen can be approved: a fingerprint that was mistyped would wait for ever without a word. */
void command_partner_approve(struct caller *caller)
{
	char sha256[PIN_SHA256_SIZE];
	const struct hub_partner *partner = find_partner(caller, sha256);
	const struct partner_cert *cert = partner == NULL ? NULL : partner_certs_find(partner, sha256);
	int64_t from_ms = 0;

	if (partner == NULL) {
		return;
	}
	if (cert == NULL) {
		caller_finish(caller, COMMAND_DENIED, _("no certificate with this fingerprint was proposed (podatelna partner certs lists them)"));
	} else if (clock_utc_ms() >= cert->until_ms) {
		caller_finish(caller, COMMAND_DENIED, _("this certificate is no longer valid"));
	} else if (caller->from[0] != '\0' && (!clock_parse_utc(span_of_string(caller->from), &from_ms) || from_ms >= cert->until_ms)) {
		caller_finish(caller, COMMAND_USAGE, _("the day from which it is to be used lies after its end"));
	} else {
		append(caller, partner, "certificate-approved", sha256);
	}
}

void command_partner_revoke(struct caller *caller)
{
	char sha256[PIN_SHA256_SIZE];
	const struct hub_partner *partner = find_partner(caller, sha256);

	if (partner == NULL) {
		return;
	}
	caller->from[0] = '\0';
	append(caller, partner, "certificate-revoked", sha256);
}
