#include "stampcause.h"

#include <string.h>

#include "text.h"

static const struct stamp_cause causes[] = {
	/* unusable: not an answer of a time-stamp authority */
	{ "http-login", N_("the time-stamp authority refuses the login: check user, password_file or tls_key in \"tsa\"") },
	{ "http-forbidden",
	  N_("the time-stamp authority gives no stamp for this login: the package is used up or the account is closed; look at the customer portal") },
	{ "http-refused", N_("the server of the time-stamp authority does not accept the request: check the address in \"tsa\"") },
	{ "http-away", N_("the server of the time-stamp authority is out of order or the address is wrong") },
	{ "empty", N_("the server of the time-stamp authority answered with nothing") },
	{ "html", N_("the server answered with a web page instead of a time stamp: check the address in \"tsa\"") },
	{ "content-type", N_("the answer is not marked as a time stamp: check the address in \"tsa\"") },
	{ "malformed", N_("the answer of the time-stamp authority cannot be read") },
	{ "too-long", N_("the answer of the time-stamp authority is longer than a time stamp can be") },
	/* refused: the authority says no (RFC 3161 2.4.2) */
	{ "bad-alg", N_("the time-stamp authority does not take this hash: change hash in \"tsa\"") },
	{ "bad-request", N_("the time-stamp authority does not accept the request") },
	{ "bad-data-format", N_("the time-stamp authority cannot read the request") },
	{ "time-not-available", N_("the time-stamp authority has no exact time at the moment") },
	{ "unaccepted-policy", N_("the time-stamp authority does not offer the policy that is asked for: change policy in \"tsa\"") },
	{ "unaccepted-extension", N_("the time-stamp authority does not know an extension of the request") },
	{ "add-info-not-available", N_("the time-stamp authority does not have information that is asked for") },
	{ "system-failure", N_("the time-stamp authority has a failure of its own") },
	{ "rejected", N_("the time-stamp authority refuses the request without saying why") },
	{ "waiting", N_("the time-stamp authority puts the stamp off instead of giving it") },
	{ "revocation", N_("the time-stamp authority says that its certificate is or will be revoked") },
	{ "unknown-status", N_("the time-stamp authority answers with a status that does not exist") },
	/* invalid: granted was said, and a check failed */
	{ "no-token", N_("the time-stamp authority says yes but sends no time stamp") },
	{ "token-form", N_("what was sent as a time stamp is not one") },
	{ "time-form", N_("the time in the time stamp cannot be read") },
	{ "imprint-hash", N_("the time stamp was made with another hash than was asked for") },
	{ "imprint", N_("the time stamp is of other data than were asked for") },
	{ "nonce", N_("the time stamp does not belong to this request (another nonce): it may be an old one played again") },
	{ "policy", N_("the time stamp was given under another policy than was asked for") },
	{ "signature", N_("the signature of the time stamp does not verify: it was damaged or forged") },
	{ "weak", N_("the time stamp is signed with a hash or a key that is too weak") },
	{ "signer-missing", N_("the certificate of the time-stamp authority is not in the time stamp") },
	{ "signer-id-missing", N_("the time stamp does not say which certificate signed it") },
	{ "signer-id", N_("the time stamp names another certificate than the one that signed it") },
	{ "usage-missing", N_("the certificate of the time-stamp authority is not for time stamps") },
	{ "usage-not-critical", N_("the usage for time stamps is not marked critical in the certificate of the time-stamp authority") },
	{ "usage-not-alone", N_("the certificate of the time-stamp authority is for other uses beside time stamps") },
	{ "certificate-expired", N_("a certificate of the time-stamp authority had expired when the time stamp was given") },
	{ "certificate-not-yet", N_("a certificate of the time-stamp authority was not yet valid when the time stamp was given") },
	{ "no-anchors", N_("there is no trusted certificate to check time stamps with: set anchors in \"tsa\"") },
	{ "issuer-unknown", N_("the certificate of the time-stamp authority leads to no trusted one: check anchors in \"tsa\"") },
	{ "certificate-chain", N_("the certificates of the time-stamp authority do not hold together") },
};

#define CAUSE_COUNT (sizeof causes / sizeof causes[0])

const char *stamp_cause_text(const char *word)
{
	for (size_t i = 0; word != NULL && i < CAUSE_COUNT; i++) {
		if (strcmp(causes[i].word, word) == 0) {
			return causes[i].text;
		}
	}
	return N_("the time-stamp authority gave no good time stamp");
}

const struct stamp_cause *stamp_cause_nth(size_t n)
{
	return n < CAUSE_COUNT ? &causes[n] : NULL;
}
