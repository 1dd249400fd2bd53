#include "attention.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/text.h"
#include "disk.h"
#include "partner_certs.h"
#include "stamps.h"

const char *attention_who_label(enum attention_who who)
{
	static const char *const labels[] = {
		[ATTENTION_NOBODY] = N_("Nobody"),     [ATTENTION_STAFF] = N_("Who handed it in"), [ATTENTION_APPROVER] = N_("Who may approve"),
		[ATTENTION_OPERATOR] = N_("Operator"), [ATTENTION_ADMIN] = N_("Administrator"),
	};

	return _(labels[who]);
}

static enum attention_who say(enum attention_who who, const char *todo, const char **ret_todo)
{
	*ret_todo = todo;
	return who;
}

/* Ready or on its way: only the configuration can stand in its way for good. */
static enum attention_who configured(const struct hub *hub, const struct hub_case *of, const char **ret_todo)
{
	for (size_t i = 0; i < hub->config->partner_count; i++) {
		const struct config_partner *partner = &hub->config->partners[i];

		if (strcmp(partner->name, of->partner) == 0) {
			return strcmp(config_env_name(partner->env), of->env) == 0
			           ? ATTENTION_NOBODY
			           : say(ATTENTION_ADMIN, N_("Set the partner's environment back, or delete the case (podatelna delete)."), ret_todo);
		}
	}
	return say(ATTENTION_ADMIN, N_("Put the partner into the configuration."), ret_todo);
}

static enum attention_who sent(const struct hub *hub, const struct hub_case *of, const char **ret_todo)
{
	const struct catalogue_partner *partner = catalogue_partner_find(hub->catalogue, of->partner);
	enum attention_who who = configured(hub, of, ret_todo);

	if (who != ATTENTION_NOBODY) {
		return who;
	}
	if (of->stage[0] == '\0') {
		return say(ATTENTION_OPERATOR, N_("Attach the confirmation found on the authority's portal (podatelna attach)."), ret_todo);
	}
	if (partner != NULL && partner->ask_person_after_ms != 0 && clock_utc_ms() - of->changed_ms > (int64_t)partner->ask_person_after_ms) {
		return say(ATTENTION_OPERATOR, N_("No final word came for long. Look on the authority's portal."), ret_todo);
	}
	return ATTENTION_NOBODY;
}

enum attention_who attention_case(const struct hub *hub, const struct hub_case *of, const char **ret_todo)
{
	*ret_todo = "";
	switch (of->state) {
	case CASE_HELD:
		return say(ATTENTION_APPROVER, N_("Approve it (podatelna approve), or reject it (podatelna reject)."), ret_todo);
	case CASE_UNKNOWN:
		return say(ATTENTION_STAFF,
		           N_("Read the card beside the file. The operator can say what it is (podatelna classify), or delete it (podatelna delete)."),
		           ret_todo);
	case CASE_UNCERTAIN:
		if (of->sealer[0] != '\0') {
			return say(
			    ATTENTION_ADMIN,
			    N_("Do not hand it in again. Its answer is sealed with a certificate that nobody approved: compare the fingerprint and approve it "
			       "(podatelna partner certs); then the answer counts by itself."),
			    ret_todo);
		}
		return say(
		    ATTENTION_OPERATOR,
		    N_("Do not hand it in again. Look on the authority's portal; if it is there, attach the confirmation (podatelna attach), if not, send it "
		       "again (podatelna retry)."),
		    ret_todo);
	case CASE_FAILED:
		return say(ATTENTION_OPERATOR,
		           N_("It was not filed. Send it again (podatelna retry), or delete it (podatelna delete) and hand in another file."), ret_todo);
	case CASE_SENT:
		return sent(hub, of, ret_todo);
	case CASE_READY:
	case CASE_SIGNING:
	case CASE_TESTING:
		return configured(hub, of, ret_todo);
	default:
		return ATTENTION_NOBODY;
	}
}

enum attention_who attention_token(const struct hub *hub, size_t index, const char **ret_todo)
{
	static const struct {
		const char *state, *todo;
	} known[] = {
		{ "pin-needed", N_("it waits for its PIN, which is entered at the console of the box (podatelna token login).") },
		{ "pin-at-reader", N_("it waits for its PIN, which is entered at the reader now.") },
		{ "pin-refused", N_("the PIN was refused and is not tried again by itself. Enter the right one (podatelna token login).") },
		{ "pin-last-try", N_("one try is left for the PIN, and the box never uses it. Log in once with the software of the token's maker.") },
		{ "pin-blocked", N_("the PIN is blocked. Unblock it by the PUK with the software of the token's maker.") },
		{ "foreign", N_("another token is inserted. Insert the right one.") },
		{ "absent", N_("it is not there. Insert it into the reader of the box.") },
	};

	*ret_todo = "";
	if (strcmp(hub->tokens[index].state, "ready") == 0) {
		return ATTENTION_NOBODY;
	}
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(hub->tokens[index].state, known[i].state) == 0) {
			return say(ATTENTION_OPERATOR, known[i].todo, ret_todo);
		}
	}
	return say(ATTENTION_OPERATOR, N_("it does not work. Take it out and insert it again; if that does not help, call the administrator."), ret_todo);
}

bool attention_any(const struct hub *hub)
{
	const char *todo = "";

	for (size_t i = 0; i < hub->config->token_count; i++) {
		if (attention_token(hub, i, &todo) != ATTENTION_NOBODY) {
			return true;
		}
	}
	for (const struct hub_case *each = hub->cases.open; each != NULL; each = each->next_open) {
		if (attention_case(hub, each, &todo) != ATTENTION_NOBODY) {
			return true;
		}
	}
	return hub->anchors.notes_why[0] != '\0' || stamps_urgent(hub, clock_utc_ms()) || partner_certs_urgent(hub, clock_utc_ms()) || disk_any(hub);
}
