#include "mail.h"

#include <string.h>
#include <unistd.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/lines.h"
#include "../../appliance/base/log.h"

void mail_read(struct mail *ret, struct span settings, proxy_take_fd take, void *context)
{
	uint64_t number = 0;
	struct span ignored;

	*ret = (struct mail){ 0 };
	ret->configured = lines_find_string(settings, "mail-url", ret->url, sizeof ret->url);
	if (!ret->configured) {
		return;
	}
	(void)lines_find_string(settings, "mail-ca-file", ret->ca_file, sizeof ret->ca_file);
	ret->usable = !lines_find(settings, "mail-fault", &ignored);
	if (ret->usable && lines_find_string(settings, "mail-user", ret->user, sizeof ret->user)) {
		_cleanup_close_ int fd = lines_find_u64(settings, "mail-password-fd", &number) ? take(context, (size_t)number) : -1;

		ret->usable = proxy_read_secret(fd, ret->password, sizeof ret->password);
	}
	if (!ret->usable) {
		log_error("the login for the mail server cannot be used: no e-mail is sent");
	}
}

static pid_t *find_place(struct mail *mail, pid_t pid)
{
	for (size_t i = 0; i < MAIL_LIVING_MAX; i++) {
		if (mail->living[i] == pid) {
			return &mail->living[i];
		}
	}
	return NULL;
}

bool mail_lives(const struct mail *mail)
{
	bool lives = false;

	for (size_t i = 0; i < MAIL_LIVING_MAX; i++) {
		lives = lives || mail->living[i] != 0;
	}
	return lives;
}

void mail_ended(struct mail *mail, pid_t pid)
{
	pid_t *place = find_place(mail, pid);

	if (place != NULL) {
		*place = 0;
	}
}

/* An address stands between < and > of a command: nothing in it may end either. */
static bool is_address(const char *text)
{
	for (const char *each = text; *each != '\0'; each++) {
		if (*each <= ' ' || *each > '~' || *each == '<' || *each == '>') {
			return false;
		}
	}
	return strchr(text, '@') != NULL;
}

static bool read_envelope(struct span lines, struct mail_job *job)
{
	job->deadline_ms = MAIL_DEADLINE_DEFAULT_MS;
	(void)lines_find_u64(lines, "deadline-ms", &job->deadline_ms);
	return lines_find_string(lines, "from", job->from, sizeof job->from) && is_address(job->from) &&
	       lines_find_string(lines, "to", job->to, sizeof job->to) && is_address(job->to) && job->deadline_ms > 0 &&
	       job->deadline_ms <= MAIL_DEADLINE_MAX_MS;
}

void mail_start(struct mail *mail, struct wire_message *message, const struct sandbox_filter *narrow)
{
	struct mail_job job = { .mail = mail, .parent = getpid(), .narrow = narrow };
	pid_t *place = find_place(mail, 0);
	pid_t pid = 0;

	if (!mail->configured || place == NULL || !read_envelope(wire_span(message, WIRE_F_LINES), &job)) {
		log_warning("an e-mail is refused: %s", place == NULL ? "too many at once" : "not configured, or a bad envelope");
		return;
	}
	pid = fork();
	if (pid == 0) {
		job.hub = wire_take_fd(message, 0);
		job.message = wire_take_fd(message, 1);
		mail_run(&job);
	}
	if (pid > 0) {
		*place = pid;
	}
}
