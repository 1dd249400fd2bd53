#include "anchors.h"

#include <stdio.h>
#include <stdlib.h>

#include "words.h"

#define LATE_DEFAULT_MS (UINT64_C(48) * 3600 * 1000)
#define CLOCK_TOLERANCE_MS (INT64_C(5) * 60 * 1000)

/* A run of records that no stamp, or no signature, covers, or that one covers late. Quiet records are not counted: none is owed for them. */
struct range {
	uint64_t first, count;
	int64_t worst_ms;
};

/* --- renewals ------------------------------------------------------------------------------------------------------------------------------------------------ */

static int latest_first(const void *a, const void *b)
{
	const struct anchors_stamp *left = *(const struct anchors_stamp *const *)a, *right = *(const struct anchors_stamp *const *)b;

	if (left->utc_s != right->utc_s) {
		return left->utc_s > right->utc_s ? -1 : 1;
	}
	return left->size > right->size ? -1 : left->size < right->size;
}

static int64_t end_of(const struct anchors_stamp *stamp)
{
	return stamp->verdict.ends_s < stamp->hash_ends_s ? stamp->verdict.ends_s : stamp->hash_ends_s;
}

/* RFC 4998's idea: a later stamp that still holds, made while this one did, over a tree that contains the record with this one's hash. `holding`: latest first. */
static bool is_renewed(const struct anchors_stamp *stamp, struct anchors_stamp *const *holding, size_t count)
{
	size_t from = 0, to = count;

	if (stamp->record == NULL) {
		return false;
	}
	while (from < to) { /* the first that was made before the end */
		size_t middle = from + (to - from) / 2;

		if (holding[middle]->utc_s > end_of(stamp)) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	for (size_t i = from; i < count && holding[i]->utc_s >= stamp->utc_s; i++) {
		if (holding[i]->size > stamp->record->index) {
			return true;
		}
	}
	return false;
}

static void say_old(struct anchors_run *run, const struct anchors_stamp *first, uint64_t count)
{
	char signer[AUDIT_NAME_SIZE], end[ANCHORS_UNTIL_SIZE];

	audit_certificate_name(&first->signer->entry->certificate, signer);
	anchors_time_text(end_of(first), end);
	if (first->verdict.condemned && first->verdict.ends_s <= first->hash_ends_s) {
		audit_found(run->audit, AUDIT_REVOKED, first->size,
		            N_("time stamps of %s (number: %ju, the first over checkpoint %ju) prove nothing any more: its key was revoked on %s, and nothing "
		               "renewed them before"),
		            signer, count, first->size, end);
	} else {
		audit_found(
		    run->audit, AUDIT_STAMP_AGE, first->size,
		    N_("time stamps of %s (number: %ju, the first over checkpoint %ju) have grown old: they ended on %s, and no later stamp renews them"),
		    signer, count, first->size, end);
	}
}

/* Of each authority once, the stamps that hold no more. Those without a record are not told: nothing rests on them. */
static void say_all_old(struct anchors_run *run)
{
	for (size_t s = 0; s < run->signer_count; s++) {
		const struct anchors_stamp *first = NULL;
		uint64_t count = 0;

		for (size_t i = 0; i < run->stamp_count; i++) {
			const struct anchors_stamp *stamp = &run->stamps[i];

			if (stamp->signer == run->signers[s] && stamp->trusted && !stamp->holds &&
			    (stamp->record != NULL || run->settings->layout == AUDIT_LAYOUT_NOTES)) {
				first = first == NULL ? stamp : first;
				count++;
			}
		}
		if (count > 0) {
			say_old(run, first, count);
		}
	}
}

void anchors_cover_renewals(struct anchors_run *run)
{
	struct anchors_stamp **sorted = calloc(run->stamp_count + 1, sizeof(struct anchors_stamp *));
	size_t count = 0, holding = 0;
	int64_t earliest_s = INT64_MAX;

	if (sorted == NULL) {
		run->failed = true;
		return;
	}
	for (size_t i = 0; i < run->stamp_count; i++) {
		if (run->stamps[i].trusted) {
			sorted[count++] = &run->stamps[i];
		}
	}
	if (count > 1) {
		qsort(sorted, count, sizeof(struct anchors_stamp *), latest_first);
	}
	/* The array keeps those that hold in front: what is behind was looked at before. */
	for (size_t i = 0; i < count; i++) {
		struct anchors_stamp *stamp = sorted[i];

		stamp->holds = run->settings->now_s <= end_of(stamp) || is_renewed(stamp, sorted, holding);
		if (stamp->holds) {
			sorted[holding++] = stamp;
		}
	}
	free(sorted);
	for (size_t i = run->stamp_count; i > 0; i--) {
		struct anchors_stamp *stamp = &run->stamps[i - 1];

		/* Of an authority whose key is in other hands no time can be relied on; one that only grew old was right when it was made. */
		stamp->counts = stamp->unjudged || (stamp->trusted && (stamp->holds || !stamp->verdict.condemned));
		if (stamp->counts && stamp->utc_s < earliest_s) {
			earliest_s = stamp->utc_s;
		}
		stamp->earliest_s = earliest_s;
	}
	say_all_old(run);
}

int64_t anchors_cover_time(const struct anchors_run *run, uint64_t size)
{
	size_t from = 0, to = run->stamp_count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (run->stamps[middle].size < size) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return from < run->stamp_count ? run->stamps[from].earliest_s : INT64_MAX;
}

/* --- over the records ---------------------------------------------------------------------------------------------------------------------------------------- */

static bool is_quiet(const struct anchors_run *run, uint64_t index)
{
	return run->records->is_quiet != NULL && run->records->is_quiet(run->context, index);
}

static void wait_text(int64_t ms, char ret[ANCHORS_UNTIL_SIZE])
{
	(void)snprintf(ret, ANCHORS_UNTIL_SIZE, "%jd:%02jd", (intmax_t)(ms / 3600000), (intmax_t)(ms / 60000 % 60));
}

static int64_t limit_ms(const struct anchors_run *run)
{
	return run->settings->late_ms == 0 ? (int64_t)LATE_DEFAULT_MS : (int64_t)run->settings->late_ms;
}

/* Records from `from` to `to` that the same stamp covers first, at `utc_s`. */
static void check_range(struct anchors_run *run, uint64_t from, uint64_t to, int64_t utc_s)
{
	struct range late = { .first = AUDIT_NO_INDEX };
	char worst[ANCHORS_UNTIL_SIZE];

	for (uint64_t i = from; i < to; i++) {
		int64_t wait_ms = utc_s * 1000 - run->records->utc_ms[i];

		if (is_quiet(run, i)) {
			continue;
		}
		if (wait_ms > run->ret->worst_wait_ms) {
			run->ret->worst_wait_ms = wait_ms;
			run->ret->worst_index = i;
		}
		if (wait_ms > limit_ms(run)) {
			late.first = late.count == 0 ? i : late.first;
			late.count++;
			late.worst_ms = wait_ms > late.worst_ms ? wait_ms : late.worst_ms;
		}
	}
	if (late.count > 0 && anchors_may_say(run, AUDIT_LATE)) {
		wait_text(late.worst_ms, worst);
		audit_found(run->audit, AUDIT_LATE, late.first,
		            N_("from record %ju on (number of records: %ju) the time stamp came late, after up to %s hours"), late.first, late.count, worst);
	}
}

/* Whoever wrote a journal anew without the keys can also drop every signature and move all times: where the auditor trusts somebody, nothing signed is a doubt at once. */
static bool is_doubt(const struct anchors_run *run, uint64_t size, enum audit_kind kind, int64_t worst_ms)
{
	return worst_ms > limit_ms(run) || (kind == AUDIT_UNSIGNED && size == 0 && run->trusted_count > 0);
}

/* What lies behind the last tree of `size`. In the last moments before a copy was made it is in order that nothing covers them yet; so the end of what is here is what is
 * counted from, not the time of the check. */
static void check_end(struct anchors_run *run, uint64_t size, enum audit_kind kind)
{
	struct range open = { .first = AUDIT_NO_INDEX };
	char wait[ANCHORS_UNTIL_SIZE];

	for (uint64_t i = size; i < run->records->size; i++) {
		int64_t wait_ms = run->records->utc_ms[run->records->size - 1] - run->records->utc_ms[i];

		if (!is_quiet(run, i)) {
			open.first = open.count == 0 ? i : open.first;
			open.count++;
			open.worst_ms = wait_ms > open.worst_ms ? wait_ms : open.worst_ms;
		}
	}
	if (open.count > 0) {
		wait_text(open.worst_ms, wait);
		audit_found_as(run->audit, kind, is_doubt(run, size, kind, open.worst_ms) ? AUDIT_DOUBT : AUDIT_REMARK, open.first,
		               kind == AUDIT_UNSTAMPED
		                   ? N_("from record %ju on (number of records: %ju) no time stamp covers them yet; the oldest waits for %s hours")
		                   : N_("from record %ju on (number of records: %ju) no signature covers them yet; the oldest waits for %s hours"),
		               open.first, open.count, wait);
	}
}

static void check_clock(struct anchors_run *run, const struct anchors_stamp *stamp)
{
	char when[ANCHORS_UNTIL_SIZE];

	/* One that says the middle of a second may still be as good as its end. */
	if (stamp->size <= run->records->size && stamp->utc_s * 1000 + 999 + CLOCK_TOLERANCE_MS < run->records->utc_ms[stamp->size - 1] &&
	    anchors_may_say(run, AUDIT_CLOCK)) {
		anchors_time_text(stamp->utc_s, when);
		audit_found(run->audit, AUDIT_CLOCK, stamp->size - 1, N_("the time stamp over checkpoint %ju says %s, and records under it claim a later time"),
		            stamp->size, when);
	}
}

static void gather(struct anchors_run *run)
{
	for (size_t i = 0; i < run->stamp_count; i++) {
		const struct anchors_stamp *stamp = &run->stamps[i];

		if (stamp->trusted) {
			run->ret->first_utc_s = run->ret->first_utc_s == 0 || stamp->utc_s < run->ret->first_utc_s ? stamp->utc_s : run->ret->first_utc_s;
			run->ret->last_utc_s = stamp->utc_s > run->ret->last_utc_s ? stamp->utc_s : run->ret->last_utc_s;
		}
		if (stamp->trusted && stamp->holds && stamp->size > run->ret->stamped_size) {
			run->ret->stamped_size = stamp->size;
			run->ret->stamped_utc_s = stamp->utc_s;
		}
	}
	for (size_t i = 0; i < run->note_count; i++) {
		run->ret->signed_size = run->notes[i].trusted ? run->notes[i].size : run->ret->signed_size;
	}
}

void anchors_cover_records(struct anchors_run *run)
{
	uint64_t stamped = 0, signed_to = 0;

	gather(run);
	if (run->settings->layout == AUDIT_LAYOUT_NOTES || run->records->size == 0) {
		return;
	}
	for (size_t i = 0; i < run->stamp_count; i++) {
		const struct anchors_stamp *stamp = &run->stamps[i];

		if (!stamp->counts) {
			continue;
		}
		check_clock(run, stamp);
		if (stamp->size > stamped) {
			check_range(run, stamped, stamp->size, stamp->earliest_s);
			stamped = stamp->size;
		}
	}
	/* Who gave no certificates to trust is told that once, not also that nothing is signed. */
	for (size_t i = 0; i < run->note_count; i++) {
		if (run->notes[i].trusted || (run->notes[i].signer != NULL && run->trusted_count == 0)) {
			signed_to = run->notes[i].size;
		}
	}
	check_end(run, stamped, AUDIT_UNSTAMPED);
	check_end(run, signed_to, AUDIT_UNSIGNED);
}
