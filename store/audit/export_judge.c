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
		note->stamps[i].trusted = judge(export, note->stamps[i].signer, note->stamps[i].utc_s, false, &note->stamps[i].verdict);
	}
}

/* A doubt where records rest on this checkpoint and no other stamp over it holds. */
static void say_old(struct export *export, const struct export_note *note)
{
	for (size_t i = 0; i < note->stamp_count; i++) {
		if (note->stamps[i].trusted && !note->stamps[i].holds) {
			audit_found_as(&export->audit, AUDIT_STAMP_AGE, note->covered > 0 && note->stamped_s == INT64_MAX ? AUDIT_DOUBT : AUDIT_REMARK,
			               AUDIT_NO_INDEX, "%s has grown old, and nothing here renews it: check the journal, or have the case exported again",
			               export->signers[note->stamps[i].signer - 1].name);
		}
	}
}

static void judge_note(struct export *export, struct export_note *note)
{
	bool stamped = false;
	struct audit_verdict verdict;

	for (size_t i = 0; i < note->stamp_count; i++) {
		if (note->stamps[i].holds && note->stamps[i].utc_s < note->stamped_s) {
			note->stamped_s = note->stamps[i].utc_s;
		}
	}
	stamped = note->stamped_s != INT64_MAX;
	say_old(export, note);
	/* On the signature of one that only renews nothing rests: the stamp over it says when it was there. */
	note->trusted = note->covered > 0 && judge(export, note->signer, stamped ? note->stamped_s : export->audit.settings.now_s, !stamped, &verdict);
}

/* The first record that is proved against this checkpoint, and whether any of them is more than a note that somebody looked. */
static void covered(const struct export *export, struct export_note *note, uint64_t *ret_first, bool *ret_matter)
{
	*ret_matter = false;
	note->covered = 0;
	for (size_t i = 0; i < export->record_count; i++) {
		const struct export_record *record = &export->records[i];

		if (record->size == note->size) {
			*ret_first = note->covered++ == 0 ? record->index : *ret_first;
			*ret_matter = *ret_matter || record->fact.type == RULE_NONE || !export->audit.rules.rule[record->fact.type].transparent;
		}
	}
}

static void say_covered(struct export *export, const struct export_note *note, uint64_t first, bool matter)
{
	if (note->covered == 0) {
		return;
	}
	if (!note->trusted) {
		audit_found(&export->audit, AUDIT_UNSIGNED, first,
		            "checkpoint %ju is not signed by anyone whom you trust; it covers %ju records from this one on", note->size, note->covered);
	}
	if (note->stamped_s == INT64_MAX) {
		audit_found_as(&export->audit, AUDIT_UNSTAMPED, matter ? AUDIT_DOUBT : AUDIT_REMARK, first,
		               "checkpoint %ju has no time stamp that holds; it covers %ju records from this one on", note->size, note->covered);
	}
}

/* The first stamp that holds over the checkpoint of the record with this content: then the content existed. Others prove nothing about it. INT64_MAX: none. */
static int64_t stamped_at(struct export *export, uint64_t index)
{
	for (size_t i = 0; i < export->record_count; i++) {
		if (export->records[i].index == index && export->records[i].size != 0) {
			const struct export_note *note = export_note_find(export, export->records[i].size);

			return note == NULL ? INT64_MAX : note->stamped_s;
		}
	}
	return INT64_MAX;
}

int export_judge(struct export *export)
{
	struct audit_verdict verdict;

	for (size_t i = 0; i < export->signer_count; i++) {
		audit_paths_find(&export->pool, export->signers[i].entry, export->signers[i].purpose, &export->signers[i].paths);
	}
	for (size_t i = 0; i < export->list_count; i++) {
		(void)audit_pool_apply(&export->pool, export->lists[i]);
	}
	for (size_t i = 0; i < export->note_count; i++) {
		judge_stamps(export, &export->notes[i]);
	}
	if (export_renew(export) != 0) {
		return -1;
	}
	for (size_t i = 0; i < export->note_count; i++) {
		bool matter = false;
		uint64_t first = 0;

		covered(export, &export->notes[i], &first, &matter);
		judge_note(export, &export->notes[i]);
		say_covered(export, &export->notes[i], first, matter);
	}
	for (size_t i = export->note_signers; i < export->signer_count; i++) {
		int64_t at_s = stamped_at(export, export->signers[i].index);

		(void)judge(export, i + 1, at_s == INT64_MAX ? export->audit.settings.now_s : at_s, at_s == INT64_MAX, &verdict);
	}
	return 0;
}
