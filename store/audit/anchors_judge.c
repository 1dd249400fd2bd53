#include "anchors.h"

#include <stdlib.h>
#include <string.h>

#include "words.h"

#define TALLIES_MAX 256

/* The same fault of the same certificate, many times over, is one finding. */
struct tally {
	const struct anchors_signer *signer;
	enum audit_kind kind;
	bool without_stamp; /* judged at the time of the check, as no stamp says when it was */
	const struct audit_certificate *about;
	const char *why;
	uint64_t count, first;
};

struct tallies {
	struct tally list[TALLIES_MAX];
	size_t count;
};

static void tally(struct tallies *tallies, const struct tally *what)
{
	for (size_t i = 0; i < tallies->count; i++) {
		struct tally *known = &tallies->list[i];

		if (known->signer == what->signer && known->kind == what->kind && known->without_stamp == what->without_stamp && known->about == what->about &&
		    known->why == what->why) {
			known->count++;
			return;
		}
	}
	if (tallies->count < TALLIES_MAX) {
		tallies->list[tallies->count] = *what;
		tallies->list[tallies->count++].count = 1;
	}
}

static enum audit_weight weight_of(const struct anchors_run *run, const struct tally *what)
{
	switch (what->kind) {
	case AUDIT_REVOCATION:
		return run->settings->require_crl ? AUDIT_DOUBT : AUDIT_REMARK;
	case AUDIT_CERTIFICATE: /* wrong use is wrong; who is not trusted may still be right */
		return what->signer->paths.fits ? AUDIT_DOUBT : AUDIT_DAMAGED;
	default:
		return what->without_stamp ? AUDIT_DOUBT : AUDIT_DAMAGED;
	}
}

static void say(struct anchors_run *run, const struct tally *what)
{
	enum audit_weight weight = weight_of(run, what);
	bool stamps = what->signer->purpose == AUDIT_FOR_STAMPS;
	char signer[AUDIT_NAME_SIZE], about[AUDIT_NAME_SIZE];

	audit_certificate_name(&what->signer->entry->certificate, signer);
	if (what->about == &what->signer->entry->certificate || what->about == NULL) {
		audit_found_as(run->audit, what->kind, weight, what->first,
		               stamps ? N_("time stamps of %s (number: %ju, the first over checkpoint %ju): %s")
		                      : N_("signatures of %s (number: %ju, the first of checkpoint %ju): %s"),
		               signer, what->count, what->first, _(what->why));
		return;
	}
	audit_certificate_name(what->about, about);
	audit_found_as(run->audit, what->kind, weight, what->first,
	               stamps ? N_("time stamps of %s (number: %ju, the first over checkpoint %ju), certificate of %s: %s")
	                      : N_("signatures of %s (number: %ju, the first of checkpoint %ju), certificate of %s: %s"),
	               signer, what->count, what->first, about, _(what->why));
}

static void say_all(struct anchors_run *run, const struct tallies *tallies)
{
	for (size_t i = 0; i < tallies->count; i++) {
		say(run, &tallies->list[i]);
	}
}

static void note_fault(const struct anchors_run *run, struct tallies *tallies, const struct anchors_signer *signer, const struct audit_verdict *verdict,
                       uint64_t size, bool without_stamp)
{
	struct tally what = {
		.signer = signer, .kind = verdict->kind, .without_stamp = without_stamp, .about = verdict->about, .why = verdict->why, .first = size
	};

	if (verdict->kind == AUDIT_KIND_COUNT) {
		if (verdict->lists_known) {
			return;
		}
		what.kind = AUDIT_REVOCATION;
		what.about = NULL;
		what.without_stamp = false;
		what.why = N_("no list of revoked certificates for that time is here");
	} else if (verdict->kind == AUDIT_CERTIFICATE && run->trusted_count == 0 && signer->paths.fits) {
		what.why = N_("not judged, as no certificate that you trust was given (--trust)");
	} else if (verdict->kind == AUDIT_CERTIFICATE) {
		what.without_stamp = false;
	}
	tally(tallies, &what);
}

static const struct anchors_signer *find_signer(struct anchors_run *run, const struct audit_entry *entry, enum audit_purpose purpose)
{
	struct anchors_signer **moved = NULL;
	struct anchors_signer *made = NULL;

	for (size_t i = run->signer_count; i > 0; i--) {
		if (run->signers[i - 1]->entry == entry && run->signers[i - 1]->purpose == purpose) {
			return run->signers[i - 1];
		}
	}
	moved = anchors_grow(run->signers, run->signer_count, sizeof(struct anchors_signer *));
	if (moved == NULL) {
		return NULL;
	}
	run->signers = moved;
	made = calloc(1, sizeof *made);
	if (made != NULL) {
		made->entry = entry;
		made->purpose = purpose;
		audit_paths_find(&run->pool, entry, purpose, &made->paths);
		run->signers[run->signer_count++] = made;
	}
	return made;
}

bool anchors_judge_signers(struct anchors_run *run)
{
	for (size_t i = 0; i < run->note_count; i++) {
		struct anchors_note *note = &run->notes[i];

		if (note->signed_by != NULL && (note->signer = find_signer(run, note->signed_by, AUDIT_FOR_CHECKPOINTS)) == NULL) {
			return false;
		}
	}
	for (size_t i = 0; i < run->stamp_count; i++) {
		struct anchors_stamp *stamp = &run->stamps[i];

		if (stamp->good && (stamp->signer = find_signer(run, stamp->signed_by, AUDIT_FOR_STAMPS)) == NULL) {
			return false;
		}
	}
	return true;
}

void anchors_judge_stamps(struct anchors_run *run)
{
	struct tallies *tallies = calloc(1, sizeof *tallies);

	for (size_t i = 0; i < run->stamp_count && tallies != NULL; i++) {
		struct anchors_stamp *stamp = &run->stamps[i];

		if (!stamp->good) {
			continue;
		}
		run->ret->stamps++;
		audit_paths_judge(&stamp->signer->paths, stamp->utc_s, &stamp->verdict);
		stamp->trusted = stamp->verdict.kind == AUDIT_KIND_COUNT;
		stamp->unjudged = run->trusted_count == 0 && stamp->verdict.kind == AUDIT_CERTIFICATE && stamp->signer->paths.fits;
		run->ret->trusted_stamps += stamp->trusted ? 1 : 0;
		note_fault(run, tallies, stamp->signer, &stamp->verdict, stamp->size, false);
	}
	if (tallies == NULL) {
		run->failed = true;
		return;
	}
	say_all(run, tallies);
	free(tallies);
}

void anchors_judge_notes(struct anchors_run *run)
{
	struct tallies *tallies = calloc(1, sizeof *tallies);

	for (size_t i = 0; i < run->note_count && tallies != NULL; i++) {
		struct anchors_note *note = &run->notes[i];
		int64_t at_s = anchors_cover_time(run, note->size);
		struct audit_verdict verdict;

		run->ret->notes += note->good ? 1 : 0;
		if (note->signer == NULL) {
			continue;
		}
		run->ret->signed_notes++;
		audit_paths_judge(&note->signer->paths, at_s == INT64_MAX ? run->settings->now_s : at_s, &verdict);
		note->trusted = verdict.kind == AUDIT_KIND_COUNT;
		run->ret->trusted_signatures += note->trusted ? 1 : 0;
		note_fault(run, tallies, note->signer, &verdict, note->size, at_s == INT64_MAX);
	}
	if (tallies == NULL) {
		run->failed = true;
		return;
	}
	say_all(run, tallies);
	free(tallies);
}
