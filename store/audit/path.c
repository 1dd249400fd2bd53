#include "path.h"

#include <string.h>

#include "der.h"
#include "words.h"

#define STEPS_MAX 2000 /* of one search: strangers' certificates can be made to fit in very many ways */

struct search {
	struct audit_pool *pool;
	struct audit_paths *paths;
	struct audit_path path; /* so far */
	size_t steps;
};

static const char *misfit(const struct audit_certificate *certificate, enum audit_purpose purpose)
{
	unsigned signs = AUDIT_USE_SIGN | AUDIT_USE_REPUDIATION;

	if (certificate->unknown_critical) {
		return N_("it has a critical extension that is not known here");
	}
	if (certificate->has_usage && (certificate->usage & signs) == 0) {
		return N_("its key is not for signatures");
	}
	if (purpose == AUDIT_FOR_STAMPS) {
		if (!certificate->has_purposes || !certificate->for_stamps || certificate->for_others || !certificate->purposes_critical) {
			return N_("it is not a certificate for time stamps alone");
		}
		return certificate->has_usage && (certificate->usage & ~signs) != 0 ? N_("its key is for other things than signatures too") : NULL;
	}
	return certificate->has_purposes && certificate->for_stamps && !certificate->for_others ? N_("it is for time stamps alone") : NULL;
}

/* Certificates between the first one and the next issuer that count for its pathLenConstraint. */
static int length_below(const struct audit_path *path)
{
	int count = 0;

	for (size_t i = 0; i < path->count; i++) {
		const struct audit_entry *issuer = path->links[i]->issuer;

		count += issuer->certificate.self_issued ? 0 : 1;
	}
	return count;
}

static bool may_issue(const struct search *search, const struct audit_entry *subject, const struct audit_entry *issuer)
{
	const struct audit_certificate *lower = &subject->certificate, *upper = &issuer->certificate;

	if (subject == issuer || !audit_bytes_equal(lower->issuer, upper->subject) || !upper->authority || upper->unknown_critical ||
	    (upper->has_usage && (upper->usage & AUDIT_USE_CERTIFICATES) == 0) ||
	    (upper->path_length >= 0 && upper->path_length < length_below(&search->path))) {
		return false;
	}
	if (lower->issuer_key_id.length > 0 && upper->key_id.length > 0 && !audit_bytes_equal(lower->issuer_key_id, upper->key_id)) {
		return false;
	}
	for (size_t i = 0; i < search->path.count; i++) {
		if (search->path.links[i]->subject == issuer) {
			return false; /* a circle */
		}
	}
	return true;
}

static void keep(struct search *search)
{
	if (search->paths->count < AUDIT_PATHS_MAX) {
		search->paths->paths[search->paths->count++] = search->path;
	}
}

/* Recursion to a named depth: a path is short. */
static void extend(struct search *search, const struct audit_entry *from)
{
	if (from->trusted) {
		keep(search);
		return;
	}
	if (search->path.count + 1 >= AUDIT_PATH_DEPTH) {
		return;
	}
	for (size_t i = 0; i < search->pool->count && search->steps < STEPS_MAX; i++) {
		const struct audit_entry *issuer = search->pool->entries[i];
		struct audit_link *link = NULL;

		if (!may_issue(search, from, issuer)) {
			continue;
		}
		search->steps++;
		link = audit_pool_link(search->pool, from, issuer);
		if (link != NULL && link->good) {
			search->path.links[search->path.count++] = link;
			extend(search, issuer);
			search->path.count--;
		}
	}
}

void audit_paths_find(struct audit_pool *pool, const struct audit_entry *entry, enum audit_purpose purpose, struct audit_paths *ret)
{
	struct search search = { .pool = pool, .paths = ret };

	memset(ret, 0, sizeof *ret);
	ret->entry = entry;
	ret->why = misfit(&entry->certificate, purpose);
	ret->fits = ret->why == NULL;
	if (ret->fits) {
		extend(&search, entry);
		ret->why = ret->count == 0 ? N_("no path leads to a certificate that you trust") : NULL;
	}
}

static bool knows(const struct audit_link *link, int64_t at_s)
{
	for (size_t i = 0; i < link->list_count; i++) {
		const struct audit_list_time *list = &link->lists[i];

		if (at_s <= list->this_s ? list->this_s <= link->subject->certificate.until_s : at_s <= list->next_s) {
			return true;
		}
	}
	return false;
}

static bool is_within(const struct audit_certificate *certificate, int64_t at_s, struct audit_verdict *ret)
{
	if (at_s >= certificate->from_s && at_s <= certificate->until_s) {
		return true;
	}
	ret->kind = AUDIT_EXPIRED;
	ret->why = at_s < certificate->from_s ? N_("it was not valid yet") : N_("it had ended");
	ret->about = certificate;
	return false;
}

static void judge(const struct audit_paths *paths, const struct audit_path *path, int64_t at_s, struct audit_verdict *ret)
{
	const struct audit_entry *last = path->count == 0 ? paths->entry : path->links[path->count - 1]->issuer;

	*ret = (struct audit_verdict){ .kind = AUDIT_KIND_COUNT, .lists_known = true, .ends_s = INT64_MAX };
	if (path->count == 0) {
		ret->ends_s = paths->entry->certificate.until_s;
	}
	for (size_t i = 0; i < path->count; i++) {
		const struct audit_link *link = path->links[i];
		const struct audit_certificate *certificate = &link->subject->certificate;

		if (link->revoked_s <= at_s) {
			*ret = (struct audit_verdict){ .kind = AUDIT_REVOKED, .about = certificate, .why = N_("it had been revoked") };
			return;
		}
		if (certificate->until_s < ret->ends_s) {
			ret->ends_s = certificate->until_s;
			ret->condemned = false;
		}
		if (link->condemned_s <= ret->ends_s) {
			ret->ends_s = link->condemned_s;
			ret->condemned = true;
		}
		ret->lists_known = ret->lists_known && knows(link, at_s);
	}
	for (size_t i = 0; i < path->count && ret->kind == AUDIT_KIND_COUNT; i++) {
		(void)is_within(&path->links[i]->subject->certificate, at_s, ret);
	}
	if (ret->kind == AUDIT_KIND_COUNT) {
		(void)is_within(&last->certificate, at_s, ret);
	}
}

/* Higher is better. */
static int rank(const struct audit_verdict *verdict)
{
	return verdict->kind == AUDIT_KIND_COUNT ? 2 + (verdict->lists_known ? 1 : 0) + (verdict->condemned ? 0 : 2) : verdict->kind == AUDIT_EXPIRED ? 1 : 0;
}

void audit_paths_judge(const struct audit_paths *paths, int64_t at_s, struct audit_verdict *ret)
{
	*ret = (struct audit_verdict){ .kind = AUDIT_CERTIFICATE, .about = &paths->entry->certificate, .why = paths->why };
	for (size_t i = 0; i < paths->count; i++) {
		struct audit_verdict other;

		judge(paths, &paths->paths[i], at_s, &other);
		if (ret->kind == AUDIT_CERTIFICATE || rank(&other) > rank(ret) || (rank(&other) == rank(ret) && other.ends_s > ret->ends_s)) {
			*ret = other;
		}
	}
}
