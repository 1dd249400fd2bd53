#include "partner_certs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/escape.h"
#include "../base/fdio.h"
#include "../base/log.h"
#include "../base/text.h"
#include "flow.h"
#include "mail.h"

void partner_certs_begin(struct hub_partner *partner)
{
	partner->certs = calloc(1, sizeof *partner->certs);
	if (partner->certs == NULL) {
		log_error("no memory for the certificates of %s", partner->config->name);
	}
}

/* --- what a job says of a certificate --- */

static const char *line_of(const struct lines *result, const char *prefix, const char *name)
{
	char line[LINES_NAME_MAX + 1];
	const char *value = NULL;

	(void)snprintf(line, sizeof line, "%s%s", prefix, name);
	value = lines_get(result, line);
	return value == NULL ? "" : value;
}

static bool is_hex(const char *text)
{
	uint8_t bytes[32];

	return span_parse_hex(span_of_string(text), bytes, sizeof bytes);
}

/* Foreign texts are made harmless here, once. */
static bool read_cert(const struct lines *result, const char *prefix, struct partner_cert *ret)
{
	const char *sha256 = line_of(result, prefix, "sha256"), *serial = line_of(result, prefix, "serial");

	*ret = (struct partner_cert){ 0 };
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(line_of(result, prefix, "subject")), ret->subject, sizeof ret->subject);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(line_of(result, prefix, "issuer")), ret->issuer, sizeof ret->issuer);
	(void)escape_text(ESCAPE_TERMINAL, span_of_string(serial), ret->serial, sizeof ret->serial);
	ret->enciphers = strcmp(line_of(result, prefix, "enciphers"), "yes") == 0;
	return is_hex(sha256) && span_copy_string(span_of_string(sha256), ret->sha256, sizeof ret->sha256) &&
	       clock_parse_utc(span_of_string(line_of(result, prefix, "from")), &ret->from_ms) &&
	       clock_parse_utc(span_of_string(line_of(result, prefix, "until")), &ret->until_ms);
}

static struct partner_cert *find(struct partner_certs *certs, const char *sha256)
{
	for (size_t i = 0; certs != NULL && i < certs->count; i++) {
		if (strcmp(certs->certs[i].sha256, sha256) == 0) {
			return &certs->certs[i];
		}
	}
	return NULL;
}

const struct partner_cert *partner_certs_find(const struct hub_partner *partner, const char *sha256)
{
	return find(partner->certs, sha256);
}

/* NULL when there are too many. */
static struct partner_cert *add(struct hub_partner *partner, const struct partner_cert *cert)
{
	struct partner_cert *known = find(partner->certs, cert->sha256);

	if (known == NULL && partner->certs->count < PARTNER_CERTS_MAX) {
		known = &partner->certs->certs[partner->certs->count++];
		*known = *cert;
	}
	return known;
}

static void wake(struct hub *hub)
{
	for (struct hub_case *each = hub->cases.open; each != NULL; each = each->next_open) {
		each->due_ms = 0;
	}
}

/* --- the file --- */

static void on_read(struct work *work)
{
	struct hub_partner *partner = work->context;
	struct partner_certs *certs = partner->certs;
	struct hub *hub = work->hub;
	struct partner_cert cert;
	uint64_t count = 0;

	certs->reading = false;
	certs->why[0] = '\0';
	if (work->err != 0) {
		certs->tried = hub->partner_epoch;
		(void)snprintf(certs->why, sizeof certs->why, "%s", work->why);
		log_error("%s: %s: %s", partner->config->name, partner->config->encrypt_to, work->why);
	} else {
		(void)span_parse_u64(span_of_string(work_result(work, "count")), &count);
		certs->read = true;
	}
	for (uint64_t i = 0; certs->read && i < count && i < PARTNER_CERTS_MAX; i++) {
		struct partner_cert *known = NULL;
		char prefix[32];

		(void)snprintf(prefix, sizeof prefix, "cert.%llu.", (unsigned long long)i);
		known = read_cert(&work->result, prefix, &cert) ? add(partner, &cert) : NULL;
		if (known != NULL) {
			known->listed = true;
		}
	}
	work_end(work);
	mail_keys(hub->mail);
	wake(hub);
	flow_all(hub);
}

static void read_file(struct hub *hub, struct hub_partner *partner)
{
	struct work *work = work_begin(hub, NULL);
	_cleanup_close_ int file = fd_memfd_sealed("encrypt-to", partner->encrypt_to, partner->encrypt_to_length);
	struct work_input input = { .fd = file };
	struct lines none = { 0 };

	if (work == NULL) {
		return;
	}
	if (file < 0) {
		work_end(work);
		return;
	}
	partner->certs->reading = true;
	work->context = partner;
	work_job(work, "certificates", "", &none, &input, 1, on_read);
}

void partner_certs_look(struct hub *hub)
{
	for (size_t i = 0; hub->replayed && hub->partner != NULL && i < hub->config->partner_count; i++) {
		struct hub_partner *partner = &hub->partners[i];
		struct partner_certs *certs = partner->certs;

		if (certs != NULL && partner->encrypt_to != NULL && !certs->read && !certs->reading && certs->tried != hub->partner_epoch) {
			read_file(hub, partner);
		}
	}
}

void partner_certs_propose(struct hub *hub, const struct hub_case *of, const struct lines *result)
{
	struct hub_partner *partner = hub_partner_find(hub, of->partner);
	struct partner_cert cert, *known = NULL;

	if (partner == NULL || partner->certs == NULL || !read_cert(result, "signer.", &cert)) {
		return;
	}
	known = add(partner, &cert);
	if (known != NULL) {
		(void)snprintf(known->number, sizeof known->number, "%s", of->number);
		mail_keys(hub->mail);
	}
}

/* --- words of persons --- */

void partner_certs_record(struct hub *hub, const struct record *record)
{
	if (pin_book_record(&hub->pin_book, record) && hub->replayed) {
		wake(hub);
		flow_all(hub);
	}
}

static bool has(const struct config_list *list, const char *sha256)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], sha256) == 0) {
			return true;
		}
	}
	return false;
}

bool partner_certs_approved(const struct hub *hub, const struct hub_partner *partner, const char *sha256)
{
	const struct pin *pin = pin_book_find(&hub->pin_book, partner->config->name, sha256);

	return pin != NULL ? pin->approved != 0 : has(&partner->config->encrypt_to_sha256, sha256);
}

static int64_t used_from(const struct hub *hub, const struct hub_partner *partner, const struct partner_cert *cert)
{
	const struct pin *pin = pin_book_find(&hub->pin_book, partner->config->name, cert->sha256);

	return pin != NULL && pin->from_ms > cert->from_ms ? pin->from_ms : cert->from_ms;
}

static bool can_be_used(const struct hub *hub, const struct hub_partner *partner, const struct partner_cert *cert, int64_t now_ms)
{
	return cert->listed && cert->enciphers && partner_certs_approved(hub, partner, cert->sha256) && used_from(hub, partner, cert) <= now_ms &&
	       now_ms < cert->until_ms;
}

const struct partner_cert *partner_certs_used(const struct hub *hub, const struct hub_partner *partner, int64_t now_ms)
{
	const struct partner_cert *best = NULL;

	for (size_t i = 0; partner->certs != NULL && i < partner->certs->count; i++) {
		const struct partner_cert *each = &partner->certs->certs[i];

		if (can_be_used(hub, partner, each, now_ms) && (best == NULL || used_from(hub, partner, each) > used_from(hub, partner, best))) {
			best = each;
		}
	}
	return best;
}

enum partner_cert_state partner_certs_state(const struct hub *hub, const struct hub_partner *partner, const struct partner_cert *cert, int64_t now_ms)
{
	const struct pin *pin = pin_book_find(&hub->pin_book, partner->config->name, cert->sha256);

	if (!partner_certs_approved(hub, partner, cert->sha256)) {
		return pin != NULL ? PARTNER_CERT_REVOKED : PARTNER_CERT_PROPOSED;
	}
	if (now_ms >= cert->until_ms) {
		return PARTNER_CERT_OVER;
	}
	if (!cert->listed || !cert->enciphers) {
		return PARTNER_CERT_SEAL;
	}
	if (!can_be_used(hub, partner, cert, now_ms)) {
		return PARTNER_CERT_WAITING;
	}
	return partner_certs_used(hub, partner, now_ms) == cert ? PARTNER_CERT_USED : PARTNER_CERT_READY;
}

const char *partner_cert_state_name(enum partner_cert_state state)
{
	static const char *const names[] = {
		[PARTNER_CERT_PROPOSED] = "proposed", [PARTNER_CERT_REVOKED] = "revoked", [PARTNER_CERT_OVER] = "over", [PARTNER_CERT_WAITING] = "waiting",
		[PARTNER_CERT_SEAL] = "seal",         [PARTNER_CERT_READY] = "approved",  [PARTNER_CERT_USED] = "used",
	};

	return names[state];
}

const char *partner_certs_waiting(const struct hub *hub, const struct hub_partner *partner)
{
	const struct partner_certs *certs = partner->certs;

	if (certs == NULL || partner->config->encrypt_to[0] == '\0' || partner_certs_used(hub, partner, clock_utc_ms()) != NULL) {
		return NULL;
	}
	if (partner->encrypt_to == NULL || certs->why[0] != '\0') {
		return N_("the certificates that this partner wants messages encrypted for cannot be read (encrypt_to)");
	}
	if (!certs->read) {
		return N_("the certificates that this partner wants messages encrypted for are being read");
	}
	for (size_t i = 0; i < certs->count; i++) {
		if (certs->certs[i].listed && certs->certs[i].enciphers && partner_certs_approved(hub, partner, certs->certs[i].sha256)) {
			return N_("no approved certificate to encrypt for is valid now: get the partner's new one and approve it (podatelna partner certs)");
		}
	}
	return N_("a person must approve the certificate that messages for this partner are encrypted for (podatelna partner certs)");
}

/* --- seals --- */

static void join(char ret[PARTNER_CERT_PINS_SIZE], const char *sha256)
{
	size_t have = strlen(ret);

	if (strstr(ret, sha256) == NULL) {
		(void)snprintf(ret + have, PARTNER_CERT_PINS_SIZE - have, "%s%s", have == 0 ? "" : "|", sha256);
	}
}

/* Pins of the configuration count for seals unless a person took them back. */
static void join_list(const struct hub *hub, const struct hub_partner *partner, const struct config_list *list, char ret[PARTNER_CERT_PINS_SIZE])
{
	for (size_t i = 0; i < list->count; i++) {
		const struct pin *pin = pin_book_find(&hub->pin_book, partner->config->name, list->items[i]);

		if (pin == NULL || pin->approved != 0) {
			join(ret, list->items[i]);
		}
	}
}

void partner_certs_pins(const struct hub *hub, const struct hub_partner *partner, char ret[PARTNER_CERT_PINS_SIZE])
{
	bool pinned = partner->config->encrypt_to[0] != '\0' || partner->config->encrypt_to_sha256.count > 0 || partner->config->signer_sha256.count > 0;

	ret[0] = '\0';
	join_list(hub, partner, &partner->config->signer_sha256, ret);
	join_list(hub, partner, &partner->config->encrypt_to_sha256, ret);
	for (size_t i = 0; i < hub->pin_book.count; i++) {
		const struct pin *pin = &hub->pin_book.pins[i];

		if (pin->approved != 0 && strcmp(pin->partner, partner->config->name) == 0) {
			join(ret, pin->sha256);
		}
	}
	if (pinned && ret[0] == '\0') {
		(void)snprintf(ret, PARTNER_CERT_PINS_SIZE, "none"); /* nobody's: an empty list would mean anybody with a chain */
	}
}
