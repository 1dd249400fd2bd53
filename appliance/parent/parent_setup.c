#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/clock.h"
#include "../base/err.h"
#include "../base/fdio.h"
#include "../base/lines.h"
#include "../base/log.h"
#include "parent.h"
#include "setup.h"

#define CONTROL_BACKLOG 64

static void setup_free(struct setup *setup)
{
	lines_free(&setup->lines);
	for (size_t i = 0; i < setup->fd_count; i++) {
		(void)close(setup->fds[i]);
	}
}

/* Opens a file as root for a program that may not. Adds its descriptor; the number of it, or a negative error. */
int setup_add_file(struct setup *setup, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		log_error("%s cannot be read: %s", path, strerror(errno));
		if (fd >= 0) {
			(void)close(fd);
		}
		return ERR_SYSTEM;
	}
	if (setup->fd_count == WIRE_FDS_MAX) {
		(void)close(fd);
		log_error("more than %d certificates and PIN files for one program", WIRE_FDS_MAX);
		return ERR_LIMIT;
	}
	setup->fds[setup->fd_count] = fd;
	return (int)setup->fd_count++;
}

void setup_set_numbered(struct lines *lines, const char *group, size_t n, const char *name, const char *value)
{
	char key[LINES_NAME_MAX + 1];

	(void)snprintf(key, sizeof key, name[0] == '\0' ? "%s.%zu" : "%s.%zu.%s", group, n, name);
	lines_set(lines, key, value);
}

static int setup_store(const struct config *config, struct setup *setup)
{
	size_t vault = 0, journal = 0;

	lines_set(&setup->lines, "data-dir", config->data_dir);
	lines_set(&setup->lines, "mark-file", config->mark_file);
	lines_set(&setup->lines, "box-letter", config->box_letter);
	lines_set_u64(&setup->lines, "min-free", config->share.min_free_bytes);
	lines_set_u64(&setup->lines, "segment-bytes", config->journal_segment_bytes);
	lines_set_u64(&setup->lines, "quiet-ms", config->journal_quiet_ms);
	lines_set_u64(&setup->lines, "busy-ms", config->journal_busy_ms);
	if (config->notes_dir[0] != '\0') {
		lines_set(&setup->lines, "notes-dir", config->notes_dir);
	}
	if (config->archive_dir[0] != '\0') {
		lines_set(&setup->lines, "archive-dir", config->archive_dir);
	}
	for (size_t i = 0; i < config->key_count; i++) {
		const struct config_key *key = &config->keys[i];
		char name[LINES_NAME_MAX + 1];

		(void)snprintf(name, sizeof name, "key.%s.token", key->name);
		lines_set_u64(&setup->lines, name, key->token_index);
		if ((key->use & CONFIG_USE_JOURNAL) != 0) {
			setup_set_numbered(&setup->lines, "journal-key", journal++, "", key->name);
		}
		if ((key->use & CONFIG_USE_VAULT) == 0) {
			continue;
		}
		if (setup_add_file(setup, key->cert) < 0) {
			return ERR_SYSTEM;
		}
		setup_set_numbered(&setup->lines, "vault-key", vault++, "", key->name);
	}
	lines_set_u64(&setup->lines, "vault-certs", vault);
	return 0;
}

static void describe_use(uint32_t use, char ret[64])
{
	(void)snprintf(ret, 64, "%s%s%s%s%s", (use & CONFIG_USE_SIGN) != 0 ? "sign " : "", (use & CONFIG_USE_VAULT) != 0 ? "vault " : "",
	               (use & CONFIG_USE_JOURNAL) != 0 ? "journal " : "", (use & CONFIG_USE_TLS) != 0 ? "tls " : "",
	               (use & CONFIG_USE_DECRYPT) != 0 ? "decrypt " : "");
	if (ret[0] != '\0') {
		ret[strlen(ret) - 1] = '\0';
	}
}

static int setup_pin(const struct config_token *token, struct setup *setup)
{
	struct stat status;

	if (strcmp(token->pin, CONFIG_PIN_PROMPT) == 0 || strcmp(token->pin, CONFIG_PIN_PAD) == 0) {
		lines_set(&setup->lines, "pin", token->pin);
		lines_set(&setup->lines, "keep-pin", token->keep_pin ? "yes" : "no");
		return 0;
	}
	if (config_secret_check(token->pin) != 0) {
		log_error("%s: a PIN file must be readable by root alone; the token waits for a person", token->pin);
		lines_set(&setup->lines, "pin", "prompt");
		return 0;
	}
	if (setup_add_file(setup, token->pin) < 0 || fstat(setup->fds[setup->fd_count - 1], &status) != 0) {
		return ERR_SYSTEM;
	}
	lines_set(&setup->lines, "pin", "file");
	lines_set(&setup->lines, "pin-file", "yes");
	lines_setf(&setup->lines, "pin-fingerprint", "%llu-%lld.%09ld-%lld", (unsigned long long)status.st_ino, (long long)status.st_mtim.tv_sec,
	           status.st_mtim.tv_nsec, (long long)status.st_size);
	return 0;
}

static int setup_keys(const struct config *config, size_t token_index, struct setup *setup)
{
	size_t count = 0;

	for (size_t i = 0; i < config->key_count; i++) {
		const struct config_key *key = &config->keys[i];
		char use[64], number[16];

		if (key->token_index != token_index) {
			continue;
		}
		describe_use(key->use, use);
		setup_set_numbered(&setup->lines, "key", count, "name", key->name);
		setup_set_numbered(&setup->lines, "key", count, "uri", key->uri);
		setup_set_numbered(&setup->lines, "key", count, "use", use);
		if (key->cert[0] != '\0') {
			int place = setup_add_file(setup, key->cert);

			if (place < 0) {
				return place;
			}
			(void)snprintf(number, sizeof number, "%d", place);
			setup_set_numbered(&setup->lines, "key", count, "cert-fd", number);
		}
		count++;
	}
	lines_set_u64(&setup->lines, "keys", count);
	return 0;
}

void setup_module(const struct config_token *token, struct lines *lines)
{
	lines_set(lines, "module", token->module);
	lines_set(lines, "uri", token->uri);
	lines_set(lines, "pcsc", token->pcsc ? "yes" : "no");
	if (token->serial[0] != '\0') {
		lines_set(lines, "expected-serial", token->serial);
	}
	for (size_t i = 0; i < token->environment.count; i++) {
		setup_set_numbered(lines, "environment", i, "", token->environment.items[i]);
	}
	for (size_t i = 0; i < token->readable.count; i++) {
		setup_set_numbered(lines, "readable", i, "", token->readable.items[i]);
	}
	for (size_t i = 0; i < token->writable.count; i++) {
		setup_set_numbered(lines, "writable", i, "", token->writable.items[i]);
	}
}

static int setup_token(const struct config *config, size_t token_index, struct setup *setup)
{
	const struct config_token *token = &config->tokens[token_index];
	int err = setup_pin(token, setup);
	uint64_t neighbours = 0;

	setup_module(token, &setup->lines);
	/* Software keys are for bench and demo (P1): only where the hub says, for one partner, that they may be used (flow_sign.c). */
	lines_set(&setup->lines, "allow-software-token", "no");
	for (size_t i = 0; i < config->token_count; i++) {
		neighbours += i != token_index && strcmp(config->tokens[i].module, token->module) == 0;
	}
	lines_set_u64(&setup->lines, "neighbours", neighbours);
	return err != 0 ? err : setup_keys(config, token_index, setup);
}

/* The hub reads the same text itself, so that there is one reader of the format. */
static int setup_hub(const struct parent *parent, struct setup *setup)
{
	int text = fd_memfd_sealed("config", parent->config_text.data, parent->config_text.length);
	int listener = fcntl(parent->control_socket, F_DUPFD_CLOEXEC, 4);

	if (text < 0 || listener < 0) {
		return ERR_SYSTEM;
	}
	setup->fds[setup->fd_count++] = text;
	setup->fds[setup->fd_count++] = listener;
	lines_set(&setup->lines, "file", parent->config->file);
	return 0;
}

static int fill_setup(struct program *program, struct setup *setup)
{
	const struct config *config = program->parent->config;

	switch (program->role) {
	case WIRE_STORE:
		return setup_store(config, setup);
	case WIRE_TOKEN:
		return setup_token(config, program->index, setup);
	case WIRE_TRANSPORT:
		return setup_transport(config, setup);
	case WIRE_HUB:
		return setup_hub(program->parent, setup);
	default:
		return 0;
	}
}

int parent_setup_send(struct program *program)
{
	__attribute__((cleanup(setup_free))) struct setup setup = { 0 };
	static char text[LINES_BODY_MAX + 1];
	struct wire_message message;
	int err = fill_setup(program, &setup);
	int length = 0;

	if (err != 0) {
		return err;
	}
	length = lines_finish(&setup.lines, text, sizeof text);
	if (length < 0) {
		log_error("settings of %s do not fit: %s", program->executable, err_name(length));
		return length;
	}
	wire_begin(&message, WIRE_SETUP, 0, CLOCK_NEVER_MS);
	wire_put_bytes(&message, WIRE_F_LINES, span_of(text, (size_t)length));
	wire_put_number(&message, WIRE_F_INDEX, program->index);
	wire_put_string(&message, WIRE_F_NAME, program->name);
	for (size_t i = 0; i < setup.fd_count; i++) {
		wire_put_fd(&message, setup.fds[i]);
	}
	return channel_send(program->channel, &message);
}

/* A directory of `user` alone, made when it is missing. An existing one is left as it is. */
static int prepare_directory(const char *path, const char *user, mode_t mode)
{
	const struct passwd *owner = geteuid() == 0 ? getpwnam(user) : NULL;

	if (mkdir(path, mode) != 0) {
		if (errno == EEXIST) {
			return 0;
		}
		log_error("%s cannot be made: %s", path, strerror(errno));
		return ERR_SYSTEM;
	}
	if (geteuid() == 0 && (owner == NULL || chown(path, owner->pw_uid, owner->pw_gid) != 0)) {
		log_error("%s cannot be given to the user %s", path, user);
		return ERR_SYSTEM;
	}
	return 0;
}

static int prepare_parent_of(const char *file, const char *user, mode_t mode)
{
	char path[4096];
	char *slash = NULL;

	(void)snprintf(path, sizeof path, "%s", file);
	slash = strrchr(path, '/');
	if (slash == NULL || slash == path) {
		return 0;
	}
	*slash = '\0';
	return prepare_directory(path, user, mode);
}

/* Listens for the command line. The parent holds the socket, so that callers wait while a hub is being restarted instead of failing. */
static int open_control_socket(const struct config *config)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct group *group = config->control_group[0] != '\0' ? getgrnam(config->control_group) : NULL;

	if (fd < 0 || strlen(config->control_socket) >= sizeof address.sun_path) {
		log_error("the control socket's path is too long");
		return ERR_LIMIT;
	}
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", config->control_socket);
	(void)unlink(config->control_socket);
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 || listen(fd, CONTROL_BACKLOG) != 0) {
		log_error("%s: %s", config->control_socket, strerror(errno));
		return ERR_SYSTEM;
	}
	if (group != NULL && chown(config->control_socket, (uid_t)-1, group->gr_gid) != 0) {
		log_warning("the control socket stays closed to its group: %s", strerror(errno));
	}
	if (chmod(config->control_socket, group != NULL ? 0660 : 0600) != 0) {
		return ERR_SYSTEM;
	}
	return take_fd(&fd);
}

void parent_prepare_claims(const struct config *config)
{
	if (prepare_directory(config->share.claim_dir, config->users.hub, 0700) != 0) {
		log_warning("nothing can be taken in before the share is there");
	}
}

int parent_prepare_data(const struct config *config)
{
	return prepare_directory(config->data_dir, config->users.store, 0700);
}

int parent_prepare(struct parent *parent)
{
	const struct config *config = parent->config;

	if (prepare_directory(config->run_dir, config->users.hub, 0755) != 0 || parent_prepare_data(config) != 0 ||
	    prepare_parent_of(config->mark_file, config->users.store, 0700) != 0) {
		return ERR_SYSTEM;
	}
	if (config->mail.url[0] != '\0' && prepare_directory(config->mail.state_dir, config->users.hub, 0700) != 0) {
		return ERR_SYSTEM;
	}
	parent->control_socket = open_control_socket(config);
	return parent->control_socket < 0 ? parent->control_socket : 0;
}
