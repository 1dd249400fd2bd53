#include "anchors.h"

#include <stdio.h>
#include <string.h>

#include "../base/text.h"

void anchors_hello(struct hub *hub, struct span lines)
{
	struct hub_anchors told = { 0 };
	uint64_t time = 0;

	(void)lines_find_u64(lines, "seal-size", &told.seal_size);
	(void)lines_find_u64(lines, "seal-time", &time);
	(void)lines_find_string(lines, "seal-signer", told.seal_signer, sizeof told.seal_signer);
	told.seal_ms = time > INT64_MAX ? 0 : (int64_t)time;
	(void)lines_find_u64(lines, "notes-behind", &told.notes_behind);
	(void)lines_find_string(lines, "notes-why", told.notes_why, sizeof told.notes_why);
	(void)lines_find_string(lines, "notes-name", told.notes_name, sizeof told.notes_name);
	hub->anchors = told;
}

/* The subject of the certificate with that hash in a token's status (token/token.h). */
static bool find_subject(const struct hub_token *token, const char *sha256, char *ret, size_t size)
{
	struct span lines = span_of_string(token->lines == NULL ? "" : token->lines), value;
	char name[LINES_NAME_MAX + 1];

	for (size_t n = 0; n < CONFIG_KEYS_MAX; n++) {
		(void)snprintf(name, sizeof name, "key.%zu.sha256", n);
		if (lines_find(lines, name, &value) && span_equals_string(value, sha256)) {
			(void)snprintf(name, sizeof name, "key.%zu.subject", n);
			return lines_find_string(lines, name, ret, size);
		}
	}
	return false;
}

void anchors_signer(const struct hub *hub, const char *sha256, char *ret, size_t size)
{
	for (size_t i = 0; i < hub->config->token_count; i++) {
		if (find_subject(&hub->tokens[i], sha256, ret, size)) {
			return;
		}
	}
	(void)snprintf(ret, size, "SHA-256 %s", sha256);
}

bool anchors_share_trouble(const struct hub *hub, char *ret, size_t size)
{
	static const struct {
		const char *word, *text;
	} known[] = {
		{ "missing", N_("the folder is not there") },
		{ "denied", N_("the box may not write into the folder") },
		{ "full", N_("the disk there is full") },
		{ "foreign", N_("the folder holds the checkpoints of another journal") },
		{ "other", N_("a file there is not the one that the box has; it may not be replaced, an auditor must see it") },
		{ "failed", N_("the system refuses to write there") },
		{ "slow", N_("the folder does not answer") },
	};
	const struct hub_anchors *anchors = &hub->anchors;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(anchors->notes_why, known[i].word) != 0) {
			continue;
		}
		if (anchors->notes_name[0] != '\0') {
			(void)snprintf(ret, size, _("Files that the auditors' share lacks: %llu (%s: %s)."), (unsigned long long)anchors->notes_behind,
			               _(known[i].text), anchors->notes_name);
		} else {
			(void)snprintf(ret, size, _("Files that the auditors' share lacks: %llu (%s)."), (unsigned long long)anchors->notes_behind,
			               _(known[i].text));
		}
		return true;
	}
	return false;
}
