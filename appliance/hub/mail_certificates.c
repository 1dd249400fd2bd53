/* mail_certificates.c - certificates that come to their end: told once at each of 30, 14, 7 and 1 days before it, and when it is over. What was told of a certificate
 * stands in the state file under the beginning of its fingerprint, so that neither a restart nor a token that was away tells it twice, and a new one begins anew.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "announce.h"
#include "facts.h"
#include "mail_private.h"
#include "partner_certs.h"
#include "stamps.h"

#define NOT_YET FACT_DAYS_NONE

static bool note(struct mail *mail, const char *certificate, uint32_t threshold)
{
	struct mail_told *place = NULL;

	for (size_t i = 0; i < mail->told_count && place == NULL; i++) {
		place = strcmp(mail->told[i].certificate, certificate) == 0 ? &mail->told[i] : NULL;
	}
	if (place != NULL && place->threshold <= threshold) {
		return false;
	}
	if (place == NULL && mail->told_count == MAIL_TOLD_MAX) {
		memmove(&mail->told[0], &mail->told[1], (MAIL_TOLD_MAX - 1) * sizeof mail->told[0]); /* the oldest is long over */
		mail->told_count--;
	}
	if (place == NULL) {
		place = &mail->told[mail->told_count++];
		(void)snprintf(place->certificate, sizeof place->certificate, "%s", certificate);
	}
	place->threshold = threshold;
	mail->dirty = true;
	return true;
}

/* Every key with a certificate that `threshold` says something of; *ret_next goes on. */
static bool next_key(const struct hub *hub, int64_t now_ms, size_t *token, size_t *n, struct fact_key *ret, uint32_t *ret_threshold)
{
	for (; *token < hub->config->token_count; (*token)++, *n = 0) {
		while (fact_key(&hub->tokens[*token], *n, ret)) {
			(*n)++;
			*ret_threshold = ret->not_after_ms == 0 ? NOT_YET : fact_days_passed(ret->not_after_ms, now_ms);
			if (*ret_threshold != NOT_YET) {
				return true;
			}
		}
	}
	return false;
}

/* The end of what the journal's stamps prove, where people must see to it; told of like a certificate. */
static bool stamps_end(const struct hub *hub, int64_t now_ms, int64_t *ret_ends_ms, uint32_t *ret_threshold)
{
	struct renew_plan plan;

	stamps_plan(hub, now_ms, &plan);
	*ret_ends_ms = plan.ends_ms;
	*ret_threshold = plan.near && plan.helpless ? renew_days_passed(plan.ends_ms, now_ms) : NOT_YET;
	return *ret_threshold != NOT_YET;
}

/* Of partners' certificates: near their end, and proposed ones, each told of once. */
static bool partners_pass(struct mail *mail, int64_t now_ms)
{
	static struct partner_cert_trouble troubles[PARTNER_CERT_TROUBLES_MAX];
	size_t count = partner_certs_troubles(mail->hub, now_ms, troubles);
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		char id[17]; /* as of the token's own: the beginning of the fingerprint */

		(void)snprintf(id, sizeof id, "%.16s", troubles[i].id);
		any = note(mail, id, troubles[i].threshold) || any;
	}
	return any;
}

static void put_partners(const struct mail *mail, int64_t now_ms, FILE *to)
{
	static struct partner_cert_trouble troubles[PARTNER_CERT_TROUBLES_MAX];
	size_t count = partner_certs_troubles(mail->hub, now_ms, troubles);

	for (size_t i = 0; i < count; i++) {
		(void)fprintf(to, "%s\n", troubles[i].text);
	}
}

bool mail_certificates_pass(struct mail *mail, int64_t now_ms)
{
	struct fact_key key;
	uint32_t threshold = NOT_YET;
	int64_t ends_ms = 0;
	char id[17];
	bool any = partners_pass(mail, now_ms);

	if (stamps_end(mail->hub, now_ms, &ends_ms, &threshold)) {
		(void)snprintf(id, sizeof id, "%016llx", (unsigned long long)ends_ms);
		any = note(mail, id, threshold) || any;
	}
	for (size_t token = 0, n = 0; next_key(mail->hub, now_ms, &token, &n, &key, &threshold);) {
		any = note(mail, key.certificate, threshold) || any;
	}
	return any;
}

/* Does it concern keys of ours, or the stamps? */
static bool is_own(const struct mail *mail, int64_t now_ms)
{
	struct fact_key key;
	uint32_t threshold = NOT_YET;
	int64_t ends_ms = 0;
	size_t token = 0, n = 0;

	return stamps_end(mail->hub, now_ms, &ends_ms, &threshold) || next_key(mail->hub, now_ms, &token, &n, &key, &threshold);
}

char *mail_certificates_subject(const struct mail *mail, int64_t now_ms)
{
	static struct partner_cert_trouble troubles[PARTNER_CERT_TROUBLES_MAX];
	size_t count = partner_certs_troubles(mail->hub, now_ms, troubles);
	bool ends = is_own(mail, now_ms) || count == 0;

	for (size_t i = 0; i < count; i++) {
		ends = ends || troubles[i].threshold != PARTNER_CERT_NEWS;
	}
	return strdup(ends ? _("Podatelna: a certificate comes to its end") : _("Podatelna: a certificate of a partner waits for approval"));
}

char *mail_certificates_body(const struct mail *mail, int64_t now_ms)
{
	char *text = NULL;
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);
	struct fact_key key;
	uint32_t threshold = NOT_YET;
	int64_t ends_ms = 0;
	char announce[ANNOUNCE_TEXT_SIZE];

	if (to == NULL) {
		return NULL;
	}
	if (stamps_end(mail->hub, now_ms, &ends_ms, &threshold)) {
		static struct stamp_trouble troubles[STAMP_TROUBLES_MAX];
		size_t count = stamps_troubles(mail->hub, now_ms, troubles);

		for (size_t i = 0; i < count; i++) {
			(void)fprintf(to, "%s\n", troubles[i].text);
		}
	}
	put_partners(mail, now_ms, to);
	for (size_t token = 0, n = 0; next_key(mail->hub, now_ms, &token, &n, &key, &threshold);) {
		struct clock_date date;

		clock_czech_date(key.not_after_ms, &date);
		(void)fprintf(to,
		              threshold == 0 ? _("Key %s: the certificate is over since %d. %d. %d. Nothing can be done with it.\n")
		                             : _("Key %s: the certificate ends on %d. %d. %d"),
		              key.name, date.day, date.month, date.year);
		if (threshold != 0) {
			(void)fprintf(to, _(" (days left: %lld).\n"), (long long)((key.not_after_ms - now_ms) / FACT_DAY_MS));
		}
		for (size_t k = 0; announce_due(mail->hub, &key, now_ms, k, announce); k++) {
			(void)fprintf(to, "%s\n", announce);
		}
	}
	if (is_own(mail, now_ms)) { /* what to do about those of partners, their sentences say */
		(void)fprintf(to, "\n%s\n%s\n", _("What to do:"),
		              _("Have the certificate renewed while it is valid, and put the new one on the token (podatelna token import-cert) or into the "
		                "configuration."));
	}
	(void)fprintf(to, "\n%s\n", _("This message was written by Podatelna itself. It is no evidence of a filing, and nobody reads an answer to it."));
	if (fclose(to) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
