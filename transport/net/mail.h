/* mail.h - one e-mail by SMTP: a process of its own per message and recipient, like a session, but nothing depends on it and the store knows nothing of it.
 *
 * SETUP lines: mail-url (smtps://host:port, or smtp://host:port, which must then offer STARTTLS), mail-ca-file, mail-user and mail-password-fd (the number of
 * the descriptor), mail-fault (the password file could not be used).
 * MAIL_START lines: from, to (addresses), deadline-ms. The message is sent as it is, dots doubled (RFC 5321 section 4.5.2).
 * MAIL_REPORT lines: outcome  sent | later (may be tried again) | never (the server refused this message or recipient for good)
 *                    code     last reply code of the server, where there was one
 *                    error    words, beginning as in cause.h where the cause has a name
 * A process that dies without a report: later.
 */
#ifndef NET_MAIL_H
#define NET_MAIL_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../appliance/base/sandbox.h"
#include "../../appliance/wire/wire.h"
#include "proxy.h"
#include "request.h"

#define MAIL_ADDRESS_MAX_BYTES 254
#define MAIL_MESSAGE_MAX_BYTES (1U << 20)
#define MAIL_CONNECT_MS 15000
#define MAIL_DEADLINE_DEFAULT_MS 60000
#define MAIL_DEADLINE_MAX_MS 300000
#define MAIL_LIVING_MAX 4

struct mail {
	bool configured, usable;
	char url[REQUEST_URL_MAX_BYTES + 1];
	char ca_file[REQUEST_PATH_MAX_BYTES + 1]; /* empty: the system's roots */
	char user[PROXY_LOGIN_MAX_BYTES + 1];     /* empty: no login */
	char password[PROXY_LOGIN_MAX_BYTES + 1];
	pid_t living[MAIL_LIVING_MAX]; /* 0: free */
};

/* What the forked child begins with. */
struct mail_job {
	const struct mail *mail;
	char from[MAIL_ADDRESS_MAX_BYTES + 1], to[MAIL_ADDRESS_MAX_BYTES + 1];
	uint64_t deadline_ms;
	int hub, message;
	pid_t parent;
	const struct sandbox_filter *narrow;
};

void mail_read(struct mail *ret, struct span settings, proxy_take_fd take, void *context);
/* Forks for one MAIL_START; where that cannot be, its descriptors are closed and the hub sees the end without a report. */
void mail_start(struct mail *mail, struct wire_message *message, const struct sandbox_filter *narrow);
/* True while one is being sent. */
bool mail_lives(const struct mail *mail);
/* A child ended that was no session. */
void mail_ended(struct mail *mail, pid_t pid);

/* mail_send.c: sends, reports, exits. */
_Noreturn void mail_run(const struct mail_job *job);

#endif
