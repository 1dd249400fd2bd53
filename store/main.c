/* podatelna-store: the only writer of the data directory (design 2).
 *
 * SETUP LINES: data-dir, mark-file, box-letter, min-free, segment-bytes, quiet-ms, busy-ms (these five may be absent), key.<name>.token = index of the token for every key of the configuration,
 * vault-key.<n> = names of the `vault` keys from 0 on, journal-key.<n> = names of the `journal` keys from 0 on, notes-dir (absent: none), archive-dir (absent: none), vault-certs = number of certificates; descriptors: their PEM texts, vault-cert.0 first.
 */
#include "restore.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/base/cleanup.h"
#include "appliance/base/fdio.h"
#include "appliance/base/lines.h"
#include "appliance/base/log.h"
#include "vault_cms.h"
#include "vault_hmac.h"

#define BOOT_ID_SIZE 64

static _Noreturn void die(const char *why)
{
	log_error("%s", why);
	exit(1);
}

/* "key.<name>.token" */
static bool read_key(struct server_settings *settings, struct span name, struct span value)
{
	struct span prefix;
	size_t length = 0;
	uint64_t token = 0;

	if (!span_starts_with(name, "key.") || !span_read_bytes(&name, 4, &prefix) || name.length <= 6) {
		return true; /* not one of these */
	}
	length = name.length - 6;
	if (memcmp(name.data + length, ".token", 6) != 0) {
		return true;
	}
	if (settings->key_count == SERVER_KEYS_MAX || !span_parse_u64(value, &token) || token >= SERVER_TOKENS_MAX ||
	    !span_copy_string(span_of(name.data, length), settings->keys[settings->key_count].name, SERVER_NAME_SIZE)) {
		return false;
	}
	settings->keys[settings->key_count++].token = token;
	return true;
}

static bool read_settings(struct span text, struct server_settings *settings)
{
	struct span rest = text, name, value;

	if (!lines_find_string(text, "data-dir", settings->data_dir, sizeof settings->data_dir) ||
	    !lines_find_string(text, "mark-file", settings->mark_file, sizeof settings->mark_file) ||
	    (lines_find(text, "box-letter", &value) && !span_copy_string(value, settings->box_letter, sizeof settings->box_letter))) {
		return false;
	}
	(void)lines_find_u64(text, "min-free", &settings->min_free_bytes);
	(void)lines_find_u64(text, "segment-bytes", &settings->segment_bytes);
	(void)lines_find_u64(text, "quiet-ms", &settings->quiet_ms);
	(void)lines_find_u64(text, "busy-ms", &settings->busy_ms);
	while (lines_next(&rest, &name, &value)) {
		if (!read_key(settings, name, value)) {
			return false;
		}
	}
	(void)lines_find_string(text, "notes-dir", settings->notes_dir, sizeof settings->notes_dir);
	(void)lines_find_string(text, "archive-dir", settings->archive_dir, sizeof settings->archive_dir);
	for (size_t i = 0; i < SERVER_JOURNAL_KEYS_MAX; i++) {
		char line[32];

		(void)snprintf(line, sizeof line, "journal-key.%zu", i);
		if (!lines_find_string(text, line, settings->journal_keys[i], SERVER_NAME_SIZE)) {
			break;
		}
		settings->journal_key_count++;
	}
	for (size_t i = 0; i < RECIPIENTS_MAX; i++) {
		char line[32];

		(void)snprintf(line, sizeof line, "vault-key.%zu", i);
		if (!lines_find_string(text, line, settings->vault_keys[i], SERVER_NAME_SIZE)) {
			break;
		}
		settings->vault_key_count++;
	}
	return true;
}

static void read_certificates(struct child *child, struct recipients *recipients)
{
	uint64_t count = 0;

	(void)lines_find_u64(child_settings(child), "vault-certs", &count);
	for (uint64_t i = 0; i < count; i++) {
		_cleanup_close_ int fd = child_take_fd(child, (size_t)i);
		_cleanup_free_ uint8_t *pem = NULL;
		size_t length = 0;

		if (fd < 0 || fd_read_all(fd, RECIPIENTS_PEM_MAX_BYTES, &pem, &length) != 0 || recipients_add(recipients, span_of(pem, length)) != 0) {
			die("a vault certificate is missing or unusable");
		}
	}
	if (recipients->count == 0) {
		log_warning("there is no vault key: nothing can be taken in");
	}
}

/* The folder of the mark, where it may be written. Both folders are made when somebody may make them here (the parent does it for a system box). */
static void prepare_folders(const struct server_settings *settings, char mark_dir[512])
{
	char *slash = NULL;

	(void)snprintf(mark_dir, 512, "%s", settings->mark_file);
	slash = strrchr(mark_dir, '/');
	if (slash == NULL || slash == mark_dir) {
		die("mark-file is not an absolute path below a folder");
	}
	*slash = '\0';
	if ((mkdir(settings->data_dir, 0750) != 0 && errno != EEXIST) || (mkdir(mark_dir, 0750) != 0 && errno != EEXIST)) {
		log_warning("a folder could not be made: errno %d", errno);
	}
}

/* For the processes that copy notes (server_notes.c) and content (server_archive.c). A disk that is mounted at the archive's folder later is reached only through the folder
 * that it lies in: landlock does not look at mount points themselves. */
static void add_folders(const struct server_settings *settings, char above[512], struct sandbox_path *paths, size_t *count)
{
	char *slash = NULL;

	if (settings->notes_dir[0] != '\0') {
		paths[(*count)++] = (struct sandbox_path){ .path = settings->notes_dir, .write = true };
	}
	if (settings->archive_dir[0] == '\0') {
		return;
	}
	paths[(*count)++] = (struct sandbox_path){ .path = settings->archive_dir, .write = true };
	(void)snprintf(above, 512, "%s", settings->archive_dir);
	slash = strrchr(above, '/');
	if (slash != NULL && slash != above) {
		*slash = '\0';
		paths[(*count)++] = (struct sandbox_path){ .path = above, .write = true };
	}
}

static void read_boot_id(char ret[BOOT_ID_SIZE])
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	ret[0] = '\0';
	if (file != NULL && fgets(ret, BOOT_ID_SIZE, file) != NULL) {
		ret[strcspn(ret, "\n")] = '\0';
	}
}

/* libcrypto loads what it needs on first use, some of it from paths that the sandbox closes: so everything once before. It also shows that the
 * certificates can receive. */
static void warm_up(const struct recipients *recipients)
{
	static const uint8_t key[VAULT_HMAC_BYTES] = { 0 };
	struct vault_hmac *hmac = vault_hmac_new(key);
	_cleanup_free_ uint8_t *der = NULL;
	size_t length = 0;

	if (hmac == NULL ||
	    (recipients->count > 0 && vault_cms_seal_to(span_of(key, sizeof key), recipients->certificates, recipients->count, &der, &length) != 0)) {
		die("libcrypto does not work, or not with the vault certificates");
	}
	vault_hmac_free(hmac);
}

static int serve(void)
{
	static struct server_settings settings;
	static struct recipients recipients;
	static struct server server;
	struct child *child = child_open("podatelna-store", WIRE_STORE);
	char mark_dir[512], boot_id[BOOT_ID_SIZE], above[512];
	struct sandbox_path paths[5] = { { .path = settings.data_dir, .write = true }, { .path = mark_dir, .write = true } };
	struct sandbox sandbox = { .groups = SANDBOX_OPEN | SANDBOX_CHANGE | SANDBOX_LOCKS | SANDBOX_FORK, .paths = paths, .path_count = 2 };

	if (!read_settings(child_settings(child), &settings)) {
		die("the settings are malformed");
	}
	read_certificates(child, &recipients);
	prepare_folders(&settings, mark_dir);
	add_folders(&settings, above, paths, &sandbox.path_count);
	read_boot_id(boot_id);
	warm_up(&recipients);
	server = (struct server){ .child = child, .loop = child_loop(child), .ops = &fileops_posix, .settings = &settings, .recipients = &recipients };
	server.data_fd = open(settings.data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (server.data_fd < 0) {
		die("the data directory cannot be opened");
	}
	if (restore_unfinished(server.ops, server.data_fd)) {
		die("a restore was interrupted in the data directory: empty it and begin again");
	}
	(void)umask(0027);
	child_handlers(child, server_on_peer, server_on_stop, NULL, &server);
	child_ready(child, &sandbox);
	if (server_open(&server, boot_id) != 0) {
		return 1;
	}
	return loop_run(child_loop(child)) == 0 ? 0 : 1;
}

int main(int count, char **words)
{
	return count == 3 && strcmp(words[1], "--restore") == 0 ? restore_main(words[2]) : serve();
}
