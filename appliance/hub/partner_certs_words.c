/* partner_certs_words.c - what people should know of partners' certificates. */
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "facts.h"
#include "partner_certs.h"

struct list {
	struct partner_cert_trouble *troubles;
	size_t count;
};

static struct partner_cert_trouble *add(struct list *list, enum attention_who who, uint32_t threshold, const char *id)
{
	static struct partner_cert_trouble nowhere;
	struct partner_cert_trouble *trouble = list->count < PARTNER_CERT_TROUBLES_MAX ? &list->troubles[list->count++] : &nowhere;

	*trouble = (struct partner_cert_trouble){ .who = who, .threshold = threshold };
	(void)snprintf(trouble->id, sizeof trouble->id, "%s", id);
	return trouble;
}

static void say_day(int64_t utc_ms, char *ret, size_t size)
{
	struct clock_date date;

	clock_czech_date(utc_ms, &date);
	(void)snprintf(ret, size, "%d. %d. %d", date.day, date.month, date.year);
}

/* The sentence names all that there is to compare; that it came from the partner is what nobody knows yet. */
static void add_proposed(struct list *list, const struct hub_partner *partner, const struct partner_cert *cert)
{
	struct partner_cert_trouble *trouble = add(list, ATTENTION_ADMIN, PARTNER_CERT_NEWS, cert->sha256);
	char from[32], until[32];

	say_day(cert->from_ms, from, sizeof from);
	say_day(cert->until_ms, until, sizeof until);
	(void)snprintf(
	    trouble->text, sizeof trouble->text,
	    _("%s: a certificate is proposed and not used: %s, issued by %s, serial number %s, valid %s to %s, fingerprint (SHA-256) %s. Compare the "
	      "fingerprint with the one that the authority publishes, by another way than the certificate came; then approve it (podatelna partner "
	      "approve-cert), or refuse it (podatelna partner revoke-cert)."),
	    partner->config->name, cert->subject, cert->issuer, cert->serial, from, until, cert->sha256);
}

/* Approved too, fit to be used, and good for longer. */
static bool has_follower(const struct hub *hub, const struct hub_partner *partner, const struct partner_cert *of, int64_t now_ms)
{
	for (size_t i = 0; i < partner->certs->count; i++) {
		const struct partner_cert *each = &partner->certs->certs[i];
		enum partner_cert_state state = partner_certs_state(hub, partner, each, now_ms);

		if ((state == PARTNER_CERT_WAITING || state == PARTNER_CERT_READY) && each->until_ms > of->until_ms) {
			return true;
		}
	}
	return false;
}

static void add_end(struct list *list, const struct hub *hub, const struct hub_partner *partner, const struct partner_cert *used, int64_t now_ms)
{
	uint32_t threshold = fact_days_passed(used->until_ms, now_ms);
	bool follows = false;
	struct partner_cert_trouble *trouble = NULL;
	char until[32];

	if (threshold == FACT_DAYS_NONE) {
		return;
	}
	follows = has_follower(hub, partner, used, now_ms);
	trouble = add(list, follows ? ATTENTION_NOBODY : ATTENTION_ADMIN, threshold, used->sha256);
	say_day(used->until_ms, until, sizeof until);
	(void)snprintf(
	    trouble->text, sizeof trouble->text,
	    follows ? _("%s: the certificate that messages are encrypted for ends on %s (days left: %lld); the one that follows is approved.")
	            : _("%s: the certificate that messages are encrypted for ends on %s (days left: %lld) and none follows: get the authority's new one, "
	                "put it into the file encrypt_to, and approve it (podatelna partner approve-cert)."),
	    partner->config->name, until, (long long)((used->until_ms - now_ms) / FACT_DAY_MS));
}

size_t partner_certs_troubles(const struct hub *hub, int64_t now_ms, struct partner_cert_trouble ret[PARTNER_CERT_TROUBLES_MAX])
{
	struct list list = { .troubles = ret };

	for (size_t i = 0; i < hub->config->partner_count; i++) {
		const struct hub_partner *partner = &hub->partners[i];
		const struct partner_cert *used = partner_certs_used(hub, partner, now_ms);
		const char *waiting = used != NULL ? NULL : partner_certs_waiting(hub, partner);

		if (waiting != NULL && (partner->certs->read || partner->certs->why[0] != '\0' || partner->encrypt_to == NULL)) {
			struct partner_cert_trouble *trouble = add(&list, ATTENTION_ADMIN, 0, partner->config->name);

			(void)snprintf(trouble->text, sizeof trouble->text, _("%s: filings wait: %s."), partner->config->name, _(waiting));
		}
		if (used != NULL) {
			add_end(&list, hub, partner, used, now_ms);
		}
		for (size_t n = 0; partner->certs != NULL && n < partner->certs->count; n++) {
			const struct partner_cert *cert = &partner->certs->certs[n];

			if (now_ms < cert->until_ms && partner_certs_state(hub, partner, cert, now_ms) == PARTNER_CERT_PROPOSED) {
				add_proposed(&list, partner, cert);
			}
		}
	}
	return list.count;
}

bool partner_certs_urgent(const struct hub *hub, int64_t now_ms)
{
	static struct partner_cert_trouble troubles[PARTNER_CERT_TROUBLES_MAX];
	size_t count = partner_certs_troubles(hub, now_ms, troubles);

	for (size_t i = 0; i < count; i++) {
		if (troubles[i].who != ATTENTION_NOBODY) {
			return true;
		}
	}
	return false;
}
