#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/state.h"
#include "../base/text.h"
#include "rows.h"

struct label {
	const char *id, *text;
};

static const struct label led_signals[] = {
	{ "off", N_("off: the box does not work yet") },
	{ "steady", N_("steady: the box works") },
	{ "slow", N_("slow blinking: works, waits for a person") },
	{ "fast", N_("fast blinking: the box does not work") },
	{ NULL, NULL },
};

static const struct label partner_states[] = {
	{ "reached", N_("answers") },
	{ "unreachable", N_("cannot be reached") },
	{ "not-asked", N_("not asked yet") },
	{ NULL, NULL },
};

static const struct label cert_states[] = {
	{ "proposed", N_("proposed, not used") },
	{ "revoked", N_("revoked by a person") },
	{ "over", N_("over") },
	{ "waiting", N_("approved, used later") },
	{ "seal", N_("approved, for replies") },
	{ "approved", N_("approved") },
	{ "used", N_("used now") },
	{ NULL, NULL },
};

static const struct label fields[] = {
	{ "led", N_("LED") },
	{ "disk-free", N_("Free for the journal") },
	{ "disk", N_("Disk") },
	{ "share-free", N_("Free on the share") },
	{ "box", N_("Box") },
	{ "store", N_("Store") },
	{ "replay", N_("Records read so far") },
	{ "rolled-back", N_("Rolled back") },
	{ "certificate", N_("Certificate") },
	{ "clock", N_("Clock") },
	{ "clock-wrong", N_("The clock is wrong") },
	{ "inbox", N_("Files in the inbox") },
	{ "inbox-waits", N_("The inbox waits") },
	{ "proxy", N_("Proxy") },
	{ "not-reached", N_("Not reached") },
	{ "backup-address", N_("Backup address") },
	{ "mail-queued", N_("E-mails waiting") },
	{ "mail-given-up", N_("E-mails given up") },
	{ "mail-error", N_("Last failure of e-mail") },
	{ "checkpoint-time", N_("Last checkpoint") },
	{ "seal-time", N_("Last signed checkpoint") },
	{ "seal-signer", N_("Signed by") },
	{ "notes-share", N_("Auditors' share") },
	{ "stamp-time", N_("Journal last stamped") },
	{ "stamp-waits-time", N_("Not stamped since") },
	{ "stamp-ends-time", N_("Stamps prove until") },
	{ "stamp-trouble", N_("Time stamps") },
	{ "case", N_("Case") },
	{ "state", N_("State") },
	{ "outcome", N_("Outcome") },
	{ "forms", N_("Forms in it") },
	{ "group", N_("Report") },
	{ "act", N_("Kind of report") },
	{ "together", N_("Belongs together") },
	{ "warnings", N_("Reservations of the partner") },
	{ "kind", N_("Kind") },
	{ "partner", N_("Partner") },
	{ "env", N_("Environment") },
	{ "form", N_("Form") },
	{ "name", N_("File") },
	{ "received-time", N_("Taken in") },
	{ "changed-time", N_("Last change") },
	{ "by", N_("Handed in by") },
	{ "sha256", N_("Fingerprint (SHA-256)") },
	{ "waiting", N_("Waits because") },
	{ "reason", N_("Reason") },
	{ "why", N_("In words") },
	{ "origin", N_("Identity of the journal") },
	{ "records", N_("Records") },
	{ "root", N_("Hash of all records (root)") },
	{ "cases", N_("Cases") },
	{ "objects", N_("Objects in the vault") },
	{ "erased", N_("Erased cases") },
	{ "erased-names", N_("Erased by record") },
	{ "erased-record", N_("Erased by record") },
	{ "not-erased", N_("Not erased") },
	{ "keep-until", N_("To be kept until") },
	{ "archived", N_("Cases in the archive") },
	{ "archive", N_("In the archive") },
	{ "archive-free", N_("Free in the archive") },
	{ "archive-out", N_("Cases moved to the archive") },
	{ "archive-back", N_("Cases brought back") },
	{ "notes", N_("Checkpoints") },
	{ "signed-notes", N_("Signed checkpoints") },
	{ "note-signatures", N_("Signatures in notes (C2SP)") },
	{ "stamps", N_("Time stamps of checkpoints") },
	{ "bad-stamps", N_("Time stamps that failed") },
	{ "unrecorded-stamps", N_("Time stamps without a record") },
	{ "unknown-files", N_("Foreign files beside the checkpoints") },
	{ "unknown-names", N_("Their names") },
	{ "segments", N_("Segments") },
	{ "bytes", N_("Bytes") },
	{ "keys", N_("With the keys") },
	{ "space-segments", N_("Journal (bytes)") },
	{ "space-anchors", N_("Checkpoints, stamps, lists (bytes)") },
	{ "space-vault", N_("Vault (bytes)") },
	{ "space-keys", N_("Keys (bytes)") },
	{ "space-names", N_("Names (bytes)") },
	{ "space-index", N_("Index (bytes)") },
	{ "space-quarantine", N_("Quarantine (bytes)") },
	{ "space-free", N_("Free on this disk (bytes)") },
	{ "orphans", N_("Left-over content removed") },
	{ "orphans-bytes", N_("Left-over content (bytes)") },
	{ "orphans-left", N_("Left-over content for the next time") },
	{ "temporaries", N_("Half-written files removed") },
	{ "erasures", N_("Erasures looked at again") },
	{ "names-made", N_("Names made again") },
	{ "names-left", N_("Names that could not be read") },
	{ "index", N_("Records in the index made again") },
	{ "check-records", N_("Records checked") },
	{ "check-objects", N_("Objects that are there") },
	{ "check-index", N_("First damaged record") },
	{ "check-why", N_("What is damaged") },
	{ "unclean-segments", N_("Segments after an unclean stop") },
	{ NULL, NULL },
};

static const struct label kinds[] = {
	{ "filing", N_("filing") }, { "query", N_("query") }, { "delivery", N_("delivery") }, { "task", N_("task") }, { NULL, NULL },
};

static const struct label answers[] = {
	{ "yes", N_("yes") },
	{ "no", N_("no") },
	{ "good", N_("good") },
	{ "failed", N_("failed") },
	{ "sign", N_("signature") },
	{ "decrypt", N_("decryption") },
	{ NULL, NULL },
};

static const struct label key_states[] = {
	{ "ok", N_("in order") },
	{ "missing", N_("not found") },
	{ "mismatch", N_("the certificate belongs to another key") },
	{ "expired", N_("the certificate is over") },
	{ "not-yet", N_("the certificate is not valid yet") },
	{ "bad-usage", N_("the certificate is not for this use") },
	{ NULL, NULL },
};

#define CASES "cases-" /* how many cases are in a state */

static const char *find(const struct label *labels, const char *id)
{
	for (; labels->id != NULL; labels++) {
		if (strcmp(labels->id, id) == 0) {
			return _(labels->text);
		}
	}
	return id;
}

const char *label_state(const char *id)
{
	enum case_state state = state_by_name(id);

	return state == CASE_NONE ? id : state_label(state);
}

const char *label_outcome(const char *id)
{
	return strcmp(id, "partial") == 0 ? state_partial_label() : id;
}

const char *label_yes(const char *id)
{
	return find(answers, id);
}

const char *label_key_state(const char *id)
{
	return find(key_states, id);
}

const char *label_kind(const char *id)
{
	return find(kinds, id);
}

void label_person(const char *by, char *ret, size_t size)
{
	uint64_t number = 0;
	const struct passwd *person = NULL;

	if (strncmp(by, "uid:", 4) == 0 && span_parse_u64(span_of_string(by + 4), &number) && number <= UINT32_MAX) {
		person = getpwuid((uid_t)number);
	}
	if (person != NULL) {
		(void)snprintf(ret, size, "%s (%s)", person->pw_name, by);
	} else {
		(void)snprintf(ret, size, "%s", by);
	}
}

const char *label_led(const char *id)
{
	return find(led_signals, id);
}

const char *label_cert_state(const char *id)
{
	return find(cert_states, id);
}

const char *label_partner_state(const char *id)
{
	return find(partner_states, id);
}

void label_size(const char *bytes, char *ret, size_t size)
{
	static const char units[] = "kMGTPE";
	uint64_t number = 0;
	size_t unit = 0;

	if (!span_parse_u64(span_of_string(bytes), &number)) {
		(void)snprintf(ret, size, "%s", bytes);
		return;
	}
	if (number < 1000) {
		(void)snprintf(ret, size, "%llu B", (unsigned long long)number);
		return;
	}
	for (; number >= 1000000; number /= 1000) {
		unit++;
	}
	/* In tenths, with the comma or point of the language. */
	(void)snprintf(ret, size, "%llu%s%llu %cB", (unsigned long long)(number / 1000), _("."), (unsigned long long)(number % 1000 / 100), units[unit]);
}

const char *label_field(const char *name)
{
	return strncmp(name, CASES, strlen(CASES)) == 0 ? label_state(name + strlen(CASES)) : find(fields, name);
}

void label_time(const char *utc, char *ret, size_t size)
{
	struct clock_date date;
	int64_t ms = 0;

	if (!clock_parse_utc(span_of_string(utc), &ms)) {
		(void)snprintf(ret, size, "%s", utc);
		return;
	}
	clock_czech_date(ms, &date);
	(void)snprintf(ret, size, "%04d-%02d-%02d %02d:%02d:%02d", date.year, date.month, date.day, date.hour, date.minute, date.second);
}
