/* export_judge.c - whose signatures and stamps these are, and whether that held at the time that counts: the earliest stamp that still holds, else now. */
#include <stdio.h>
#include <string.h>

#include "export.h"
#include "words.h"

static enum audit_weight weight_of(const struct export_signer *signer, enum audit_kind kind, bool at_now)
{
	if (kind == AUDIT_CERTIFICATE) { /* wrong use is wrong; who is not trusted may still be right */
		return signer->paths.fits ? AUDIT_DOUBT : AUDIT_DAMAGED;
	}
	return at_now ? AUDIT_DOUBT : AUDIT_DAMAGED;
}

/* False: it cannot be relied on, and a finding says why. */
static bool judge(struct export *export, size_t place, int64_t at_s, bool at_now, struct audit_verdict *ret)
{
	const struct export_signer *signer = place == 0 ? NULL : &export->signers[place - 1];
	char who[AUDIT_NAME_SIZE];

	if (signer == NULL) {
		return false;
	}
	audit_paths_judge(&signer->paths, at_s, ret);
	audit_certificate_name(&signer->entry->certificate, who);
	if (ret->kind == AUDIT_CERTIFICATE && export->trusted_count == 0 && signer->paths.fits) {
		audit_found_as(&export->audit, AUDIT_CERTIFICATE, AUDIT_DOUBT, signer->index,
		               "%s by %s: not judged, as no certificate that you trust was given (--trust)", signer->name, who);
		return false;
	}
	if (ret->kind != AUDIT_KIND_COUNT) {
		audit_found_as(&export->audit, ret->kind, weight_of(signer, ret->kind, at_now), signer->index, "%s by %s: %s", signer->name, who, _(ret->why));
		return false;
	}
	if (!ret->lists_known) {
		audit_found_as(&export->audit, AUDIT_REVOCATION, export->audit.settings.require_crl ? AUDIT_DOUBT : AUDIT_REMARK, signer->index,
		               "%s by %s: no list of revoked certificates for that time is here", signer->name, who);
	}
	return true;
}

static void judge_stamps(struct export *export, struct export_note *note)
{
	for (size_t i = 0; i < note->stamp_count; i++) {
		const struct export_stamp *stamp = &note->stamps[i];
		struct audit_verdict verdict;

		if (!judge(export, stamp->signer, stamp->utc_s, false, &verdict)) {
			continue;
		}
		if (verdict.ends_s < export->audit.settings.now_s || stamp->hash_ends_s < export->audit.settings.now_s) {
			audit_found(&export->audit, AUDIT_STAMP_AGE, AUDIT_NO_INDEX,
			            "%s has grown old: renewals stand in the journal, check that or have the case exported again",
			            export->signers[stamp->signer - 1].name);
			continue;
		}
		if (stamp->utc_s < note->stamped_s) {
			note->stamped_s = stamp->utc_s;
		}
	}
}

static void judge_note(struct export *export, struct export_note *note)
{
	bool stamped = false;
	struct audit_verdict verdict;

	judge_stamps(export, note);
	stamped = note->stamped_s != INT64_MAX;
	note->trusted = judge(export, note->signer, stamped ? note->stamped_s : export->audit.settings.now_s, !stamped, &verdict);
}

/* The records that are proved against this checkpoint: the first, how many, and whether any of them is more than a note that somebody looked. */
static uint64_t covered(const struct export *export, const struct export_note *note, uint64_t *ret_first, bool *ret_matter)
{
	uint64_t count = 0;

	*ret_matter = false;
	for (size_t i = 0; i < export->record_count; i++) {
		const struct export_record *record = &export->records[i];

		if (record->size == note->size) {
			*ret_first = count++ == 0 ? record->index : *ret_first;
			*ret_matter = *ret_matter || record->fact.type == RULE_NONE || !export->audit.rules.rule[record->fact.type].transparent;
		}
	}
	return count;
}

static void say_covered(struct export *export, const struct export_note *note)
{
	bool matter = false;
	uint64_t first = 0, count = covered(export, note, &first, &matter);

	if (count == 0) {
		return;
	}
	if (!note->trusted) {
		audit_found(&export->audit, AUDIT_UNSIGNED, first,
		            "checkpoint %ju is not signed by anyone whom you trust; it covers %ju records from this one on", note->size, count);
	}
	if (note->stamped_s == INT64_MAX) {
		audit_found_as(&export->audit, AUDIT_UNSTAMPED, matter ? AUDIT_DOUBT : AUDIT_REMARK, first,
		               "checkpoint %ju has no time stamp that holds; it covers %ju records from this one on", note->size, count);
	}
}

/* The first stamp that holds over anything here: then the contents existed. */
static int64_t earliest(const struct export *export)
{
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < export->note_count; i++) {
		first = export->notes[i].stamped_s < first ? export->notes[i].stamped_s : first;
	}
	return first;
}

int export_judge(struct export *export)
{
	int64_t at_s = 0;
	struct audit_verdict verdict;

	for (size_t i = 0; i < export->signer_count; i++) {
		audit_paths_find(&export->pool, export->signers[i].entry, export->signers[i].purpose, &export->signers[i].paths);
	}
	for (size_t i = 0; i < export->list_count; i++) {
		(void)audit_pool_apply(&export->pool, export->lists[i]);
	}
	for (size_t i = 0; i < export->note_count; i++) {
		judge_note(export, &export->notes[i]);
		say_covered(export, &export->notes[i]);
	}
	at_s = earliest(export);
	for (size_t i = export->note_signers; i < export->signer_count; i++) {
		(void)judge(export, i + 1, at_s == INT64_MAX ? export->audit.settings.now_s : at_s, at_s == INT64_MAX, &verdict);
	}
	return 0;
}
