#include "cause.h"

#include <string.h>

#include "text.h"

#define PAUSE_LOGIN_MS UINT64_C(600000)
#define PAUSE_PERSON_MS UINT64_C(60000)

static const struct {
	const char *text;
	uint64_t pause_ms;
} causes[CAUSE_COUNT] = {
	[CAUSE_NONE] = { "", 0 },
	[CAUSE_PROXY_SETTINGS] = { N_("the settings of the proxy cannot be used: look at \"proxy\" in the configuration"), PAUSE_PERSON_MS },
	[CAUSE_PROXY_GONE] = { N_("the proxy does not answer"), 0 },
	[CAUSE_PROXY_LOGIN_NEEDED] = { N_("the proxy asks for a login: set user and password_file in \"proxy\""), PAUSE_LOGIN_MS },
	[CAUSE_PROXY_LOGIN_REFUSED] = { N_("the proxy refuses the login: check user and password_file in \"proxy\""), PAUSE_LOGIN_MS },
	[CAUSE_PROXY_LOGIN_OTHER] = { N_("the proxy takes no simple login (Basic): ask for an exception for the box"), PAUSE_LOGIN_MS },
	[CAUSE_PROXY_FORBIDS] = { N_("the proxy does not let the box through: ask for an exception for the box"), PAUSE_PERSON_MS },
	[CAUSE_PROXY_FAILS] = { N_("the proxy cannot reach the server"), 0 },
	[CAUSE_NO_NAME] = { N_("the name of the server was not found"), 0 },
	[CAUSE_NO_ANSWER] = { N_("the server does not answer"), 0 },
	[CAUSE_CERTIFICATE_REPLACED] = { N_("the server's certificate has a foreign issuer: the proxy or somebody on the way replaces it; ask for an exception "
	                                    "for the box"),
	                                 PAUSE_PERSON_MS },
	[CAUSE_CERTIFICATE_TIME] = { N_("the server's certificate is not valid at this time: check the clock of the box"), PAUSE_PERSON_MS },
	[CAUSE_CERTIFICATE_NAME] = { N_("the server's certificate is for another name"), PAUSE_PERSON_MS },
	[CAUSE_MAIL_SETTINGS] = { N_("the login for the mail server cannot be used: look at \"mail\" in the configuration"), PAUSE_PERSON_MS },
	[CAUSE_MAIL_LOGIN_REFUSED] = { N_("the mail server refuses the login: check user and password_file in \"mail\""), PAUSE_LOGIN_MS },
	[CAUSE_MAIL_NO_TLS] = { N_("the mail server offers no encryption (STARTTLS): without it nothing is sent"), PAUSE_PERSON_MS },
	[CAUSE_LOGIN_SETTINGS] = { N_("the login for the server cannot be used: look at user and password_file in \"tsa\""), PAUSE_PERSON_MS },
	[CAUSE_TLS_LOCKED] = { N_("waits for the PIN of the token that logs in to the server"), 0 },
	[CAUSE_TLS_TOKEN] = { N_("the token could not log in to the server: look at \"tls_key\" in the configuration"), 0 },
	[CAUSE_TLS_REFUSED] = { N_("the server does not take the certificate that the box logs in with: look at \"tls_key\" in the configuration"),
	                        PAUSE_PERSON_MS },
	[CAUSE_TLS_WANTED] = { N_("the server asks for a certificate to log in with: set \"tls_key\" in the configuration"), PAUSE_PERSON_MS },
	[CAUSE_MAIL_REFUSED] = { N_("the mail server does not take the message"), 0 },
};

const char *cause_text(enum cause cause)
{
	return causes[cause < CAUSE_COUNT ? cause : CAUSE_NONE].text;
}

enum cause cause_find(const char *error)
{
	for (size_t i = CAUSE_NONE + 1; error != NULL && i < CAUSE_COUNT; i++) {
		size_t length = strlen(causes[i].text);

		if (strncmp(error, causes[i].text, length) == 0 && (error[length] == '\0' || error[length] == ':')) {
			return (enum cause)i;
		}
	}
	return CAUSE_NONE;
}

uint64_t cause_pause_ms(enum cause cause)
{
	return causes[cause < CAUSE_COUNT ? cause : CAUSE_NONE].pause_ms;
}
