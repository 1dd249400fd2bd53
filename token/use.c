/* What every use of a key begins and ends with, whichever message asked for it. */
#include <unistd.h>

#include "token.h"

#include "../appliance/base/clock.h"
#include "../appliance/base/err.h"
#include "../appliance/base/text.h"

int token_use_key(struct token *token, const char *name, unsigned use, struct token_key **ret, const char **ret_why)
{
	struct token_key *key = key_by_name(token->keys, token->setup.key_count, name);

	if (key == NULL) {
		*ret_why = N_("this token has no key of that name");
		return ERR_NOTFOUND;
	}
	if ((key->setup->use & use) == 0) {
		*ret_why = N_("the key is not for this use");
		return ERR_DENIED;
	}
	if (token->state != TOKEN_READY) {
		*ret_why = token->text[0] != '\0' ? token->text : N_("the token is not logged in");
		return token->state == TOKEN_BROKEN || token->state == TOKEN_ABSENT ? ERR_TOKEN : ERR_LOCKED;
	}
	if (key_judge(key, clock_utc_ms())) {
		token_tell_status(token);
	}
	/* What was encrypted while the certificate was valid stays readable after its end. */
	if (key->state != KEY_OK && !(key->state == KEY_EXPIRED && use == USE_DECRYPT)) {
		*ret_why = key->warning;
		return ERR_CERT;
	}
	*ret = key;
	return 0;
}

/* A key that asks before each use, at a reader with a pin pad: whoever waits for the signature sees why. */
static void on_reader(void *context, bool waiting)
{
	struct token *token = context;

	token_set_state(token, waiting ? TOKEN_PIN_AT_READER : TOKEN_READY, waiting ? N_("enter the PIN at the reader") : "");
}

struct operation token_operation(struct token *token, struct token_key *key)
{
	return (struct operation){
		.module = &token->module, .pin = &token->pin, .key = key, .at_reader = token->setup.pin_pad ? on_reader : NULL, .context = token
	};
}

void token_guard(uint64_t deadline_ms)
{
	int left = clock_left(deadline_ms);

	(void)alarm(left < 0 ? 0 : (unsigned)left / 1000 + 2);
}

void token_unguard(void)
{
	(void)alarm(0);
	ERR_clear_error();
}

void token_use_failed(struct token *token, int err)
{
	switch (err) {
	case ERR_PIN:
	case ERR_PIN_BLOCKED:
		/* CKA_ALWAYS_AUTHENTICATE: the PIN that is kept no longer holds. It is dropped at the first refusal. */
		if (token->pin.length > 0) {
			pin_note_refused(&token->pin);
		}
		pin_wipe(&token->pin);
		token->kept.held = false;
		token_note(token, err == ERR_PIN ? "pin-refused" : "blocked", "key");
		token_set_state(token, err == ERR_PIN ? TOKEN_PIN_REFUSED : TOKEN_PIN_BLOCKED,
		                N_("the token refused the PIN for a key that asks before each use"));
		break;
	case ERR_PIN_LAST:
		pin_wipe(&token->pin);
		token->kept.held = false;
		token_set_state(token, TOKEN_PIN_LAST_TRY, N_("only one try of the PIN is left: log in once with the tools of the token's maker"));
		break;
	case ERR_TOKEN:
	case ERR_DAMAGE:
		token_recheck(token);
		break;
	case ERR_CERT:
		token_check_session(token);
		break;
	default:
		break;
	}
}
