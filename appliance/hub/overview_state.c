/* overview_state.c - how the box is, beside its cases: certificates, stamps, disks, partners; and what of it needs a person. */
#include <stdarg.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "anchors.h"
#include "announce.h"
#include "inbox.h"
#include "overview_private.h"
#include "partner_certs.h"
#include "stamps.h"

#define DAY_MS INT64_C(86400000)

static void add_task(struct overview *overview, enum attention_who who, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add_task(struct overview *overview, enum attention_who who, const char *format, ...)
{
	struct overview_task *task = NULL;
	va_list arguments;

	if (overview->task_count == OVERVIEW_TASKS_MAX) {
		return;
	}
	task = &overview->tasks[overview->task_count++];
	task->who = who;
	va_start(arguments, format);
	(void)vsnprintf(task->text, sizeof task->text, format, arguments);
	va_end(arguments);
}

static void add_stoppage(struct overview *overview)
{
	const struct hub *hub = overview->hub;
	char text[OVERVIEW_TEXT_BYTES];

	timekeeper_todo(hub, text, sizeof text);
	/* What a stamp says of the clock stands among the troubles with stamps. */
	if (text[0] != '\0' && (hub->clock_bad || timekeeper_figure(hub) != &hub->timekeeper.stamp)) {
		add_task(overview, hub->clock_bad ? ATTENTION_OPERATOR : ATTENTION_ADMIN, "%s", text);
	}
	if (strcmp(hub->store_state, "damaged") == 0 || strcmp(hub->store_state, "read-only") == 0 || strcmp(hub->store_state, "fault") == 0) {
		add_task(overview, ATTENTION_ADMIN,
		         _("The journal cannot be written, so nothing is done. Find out why: podatelna journal verify, and the log of the box."));
	}
	if (hub->rolled_back) {
		add_task(
		    overview, ATTENTION_OPERATOR,
		    _("The box was restored from a backup and does not know what it sent since. Check the authorities' portals, then let it go on (podatelna "
		      "journal accept)."));
	}
}

static void add_tokens(struct overview *overview)
{
	for (size_t i = 0; i < overview->hub->config->token_count; i++) {
		const char *todo = "";
		enum attention_who who = attention_token(overview->hub, i, &todo);

		if (who != ATTENTION_NOBODY) {
			add_task(overview, who, _("Token %s: %s"), overview->hub->config->tokens[i].name, _(todo));
		}
	}
}

/* --- certificates --- */

static int64_t days_left(const struct overview *overview, int64_t until_ms)
{
	int64_t left = until_ms - overview->now_ms;

	return left >= 0 ? left / DAY_MS : -1 - (-left - 1) / DAY_MS;
}

static void add_announcements(struct overview *overview, const struct fact_key *key)
{
	char text[ANNOUNCE_TEXT_SIZE];

	for (size_t n = 0; announce_due(overview->hub, key, overview->now_ms, n, text); n++) {
		add_task(overview, ATTENTION_ADMIN, "%s", text);
	}
}

static void judge_certificate(struct overview *overview, const struct overview_certificate *certificate)
{
	if (certificate->key.not_after_ms != 0 && certificate->days < 0) {
		add_task(overview, ATTENTION_ADMIN, _("The certificate of key %s is over. Nothing can be signed with it: get a new one."),
		         certificate->key.name);
	} else if (certificate->key.unusable) {
		add_task(overview, ATTENTION_ADMIN, _("Key %s cannot be used; podatelna token list says why."), certificate->key.name);
	} else if (certificate->key.not_after_ms != 0 && certificate->days <= OVERVIEW_CERTIFICATE_DAYS) {
		add_task(overview, ATTENTION_ADMIN, _("The certificate of key %s ends soon (days left: %lld). Have it renewed while it is valid."),
		         certificate->key.name, (long long)certificate->days);
	}
}

static void add_certificates(struct overview *overview)
{
	for (size_t i = 0; i < overview->hub->config->token_count; i++) {
		for (size_t n = 0; overview->certificate_count < OVERVIEW_CERTIFICATES_MAX; n++) {
			struct overview_certificate *certificate = &overview->certificates[overview->certificate_count];

			if (!fact_key(&overview->hub->tokens[i], n, &certificate->key)) {
				break;
			}
			certificate->days = certificate->key.not_after_ms == 0 ? 0 : days_left(overview, certificate->key.not_after_ms);
			overview->certificate_count++;
			judge_certificate(overview, certificate);
			add_announcements(overview, &certificate->key);
		}
	}
}

static void add_refused(struct overview *overview)
{
	char key[CONFIG_NAME_MAX + 1];

	for (size_t i = 0; i < overview->hub->config->partner_count; i++) {
		for (size_t n = 0; fact_refused(overview->hub, i, n, key); n++) {
			add_task(overview, ATTENTION_ADMIN, _("%s does not take the certificate of key %s: have another one made, or let another key sign."),
			         overview_partner_label(overview, &overview->hub->partners[i]), key);
		}
	}
}

/* --- stamps, disks, the inbox --- */

static void add_stamps(struct overview *overview)
{
	static struct stamp_trouble troubles[STAMP_TROUBLES_MAX];
	size_t count = stamps_troubles(overview->hub, overview->now_ms, troubles);

	for (size_t i = 0; i < count; i++) {
		add_task(overview, troubles[i].who, "%s", troubles[i].text);
	}
}

static void add_partner_certs(struct overview *overview)
{
	static struct partner_cert_trouble troubles[PARTNER_CERT_TROUBLES_MAX];
	size_t count = partner_certs_troubles(overview->hub, overview->now_ms, troubles);

	for (size_t i = 0; i < count; i++) {
		if (troubles[i].who != ATTENTION_NOBODY) {
			add_task(overview, troubles[i].who, "%s", troubles[i].text);
		}
	}
}

static void add_auditors_share(struct overview *overview)
{
	char text[600];

	if (anchors_share_trouble(overview->hub, text, sizeof text)) {
		add_task(overview, ATTENTION_ADMIN, "%s", text);
	}
}

/* Most troubles of a network end by themselves; those that the network program waits with longer do not (base/cause.h). */
static void add_partners(struct overview *overview)
{
	for (size_t i = 0; i < overview->hub->config->partner_count; i++) {
		const struct hub_partner *partner = &overview->hub->partners[i];

		if (partner->failures > 0 && cause_pause_ms(partner->cause) > 0) {
			add_task(overview, ATTENTION_ADMIN, "%s: %s.", overview_partner_label(overview, partner), _(cause_text(partner->cause)));
		}
	}
}

static void add_disks(struct overview *overview)
{
	const struct config *config = overview->hub->config;
	char words[DISK_TEXT_BYTES];

	overview->disk_count = disk_look(overview->hub, overview->disks);
	for (size_t i = 0; i < overview->disk_count; i++) {
		const struct disk_place *disk = &overview->disks[i];
		bool data = disk->path == config->data_dir;

		if (data && disk->free_bytes < config->share.min_free_bytes) {
			add_task(overview, ATTENTION_ADMIN, _("The disk of the box is full: nothing new is taken in. Make space."));
		} else if (disk->level != DISK_GOOD) {
			disk_words(overview->hub, disk, words);
			add_task(overview, ATTENTION_ADMIN, "%s", words);
		} else if (data && disk->free_bytes / 2 < config->share.min_free_bytes) {
			add_task(overview, ATTENTION_ADMIN, _("The disk of the box is nearly full. Make space before nothing can be taken in."));
		}
	}
}

static void add_inbox(struct overview *overview)
{
	const char *why = "";

	(void)inbox_waiting(overview->hub, &why);
	if (why[0] != '\0') {
		add_task(overview, ATTENTION_ADMIN, _("Nothing is taken in for a while: %s. It is tried again by itself."), _(why));
	}
	if (inbox_stuck(overview->hub) > 0) {
		add_task(overview, ATTENTION_ADMIN,
		         _("In %s there is what can neither be used nor put aside (%zu): take it away; the box may not write there."),
		         overview->hub->config->share.inbox, inbox_stuck(overview->hub));
	}
}

const char *overview_partner_label(const struct overview *overview, const struct hub_partner *partner)
{
	return partner->catalogue == NULL ? partner->config->name : catalogue_say(overview->hub->catalogue, &partner->catalogue->label);
}

int64_t overview_moment(const struct overview *overview, uint64_t mono_ms)
{
	return mono_ms <= overview->mono_ms || mono_ms == CLOCK_NEVER_MS ? 0 : overview->now_ms + (int64_t)(mono_ms - overview->mono_ms);
}

void overview_collect_state(struct overview *overview)
{
	if (overview->hub->stopping) {
		return; /* the last page says only that */
	}
	add_stoppage(overview);
	add_tokens(overview);
	add_inbox(overview);
	add_certificates(overview);
	add_refused(overview);
	add_stamps(overview);
	add_partner_certs(overview);
	add_auditors_share(overview);
	add_partners(overview);
	add_disks(overview);
}
