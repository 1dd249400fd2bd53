#include "anchors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clean.h"
#include "der.h"
#include "words.h"

#define FILES_MAX ((size_t)8 * 1024 * 1024) /* names in a folder */
#define TRUST_FILE_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define HEX_BYTES (2 * AUDIT_HASH_BYTES)

enum file_kind { FILE_NOTE, FILE_SEAL, FILE_STAMP };

static void free_bytes(struct bytes *bytes)
{
	free((void *)(uintptr_t)bytes->data);
}
#define CLEAN_BYTES __attribute__((cleanup(free_bytes)))

static bool read_all(int fd, uint8_t *buffer, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t got = read(fd, buffer + done, length - done);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return false;
		}
		done += (size_t)got;
	}
	return true;
}

enum anchors_read anchors_file_read(int folder, const char *name, size_t most, struct bytes *ret)
{
	/* Without waiting: where a file should be, a stranger may have put a pipe. */
	AUDIT_CLEAN_FD int fd = folder == -1 ? -1 : openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat facts;
	uint8_t *buffer = NULL;

	*ret = (struct bytes){ NULL, 0 };
	if (fd < 0) {
		return folder == -1 || errno == ENOENT ? ANCHORS_MISSING : ANCHORS_UNREADABLE;
	}
	if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size < 0 || (uint64_t)facts.st_size > most ||
	    (buffer = malloc((size_t)facts.st_size + 1)) == NULL) {
		return ANCHORS_UNREADABLE;
	}
	if (!read_all(fd, buffer, (size_t)facts.st_size)) {
		free(buffer);
		return ANCHORS_UNREADABLE;
	}
	*ret = (struct bytes){ buffer, (size_t)facts.st_size };
	return ANCHORS_READ;
}

/* --- names in journal/anchor/ --- */

void anchors_stamp_name(const struct anchors_stamp *stamp, char ret[ANCHORS_NAME_SIZE])
{
	if (stamp->number > 1) {
		(void)snprintf(ret, ANCHORS_NAME_SIZE, "%" PRIu64 ".%u.tsr", stamp->size, stamp->number);
	} else {
		(void)snprintf(ret, ANCHORS_NAME_SIZE, "%" PRIu64 ".tsr", stamp->size);
	}
}

static bool read_number(const char **text, uint64_t *ret)
{
	const char *at = *text;
	uint64_t number = 0;

	if (*at < '1' || *at > '9') {
		return false;
	}
	for (; *at >= '0' && *at <= '9'; at++) {
		if (at - *text >= 18) {
			return false;
		}
		number = number * 10 + (uint64_t)(*at - '0');
	}
	*text = at;
	*ret = number;
	return true;
}

/* Only the one form that the format gives: there are no two names for one thing. */
static bool parse_name(const char *name, enum file_kind *ret_kind, uint64_t *ret_size, unsigned *ret_number)
{
	uint64_t number = 1;

	if (!read_number(&name, ret_size)) {
		return false;
	}
	*ret_kind = FILE_STAMP;
	if (name[0] == '.' && name[1] >= '0' && name[1] <= '9') {
		name++;
		if (!read_number(&name, &number) || number < 2 || number > UINT32_MAX || strcmp(name, ".tsr") != 0) {
			return false;
		}
	} else if (strcmp(name, ".note") == 0) {
		*ret_kind = FILE_NOTE;
	} else if (strcmp(name, ".p7s") == 0) {
		*ret_kind = FILE_SEAL;
	} else if (strcmp(name, ".tsr") != 0) {
		return false;
	}
	*ret_number = (unsigned)number;
	return true;
}

static bool add_note(struct anchors_run *run, uint64_t size, enum file_kind kind)
{
	struct anchors_note *moved = anchors_grow(run->notes, run->note_count, sizeof *moved);

	if (moved != NULL) {
		run->notes = moved;
		run->notes[run->note_count++] = (struct anchors_note){ .size = size, .has_note = kind == FILE_NOTE, .has_seal = kind == FILE_SEAL };
	}
	return moved != NULL;
}

static bool add_stamp(struct anchors_run *run, uint64_t size, unsigned number)
{
	struct anchors_stamp *moved = anchors_grow(run->stamps, run->stamp_count, sizeof *moved);

	if (moved != NULL) {
		run->stamps = moved;
		run->stamps[run->stamp_count++] = (struct anchors_stamp){ .size = size, .number = number };
	}
	return moved != NULL;
}

static int compare_notes(const void *a, const void *b)
{
	uint64_t left = ((const struct anchors_note *)a)->size, right = ((const struct anchors_note *)b)->size;

	return left < right ? -1 : left > right;
}

static int compare_stamps(const void *a, const void *b)
{
	const struct anchors_stamp *left = a, *right = b;

	if (left->size != right->size) {
		return left->size < right->size ? -1 : 1;
	}
	return left->number < right->number ? -1 : left->number > right->number;
}

/* Each size once, with what there is of it, and where its stamps stand. */
static void merge(struct anchors_run *run)
{
	size_t count = 0, stamp = 0;

	qsort(run->notes, run->note_count, sizeof *run->notes, compare_notes);
	if (run->stamp_count > 1) {
		qsort(run->stamps, run->stamp_count, sizeof *run->stamps, compare_stamps);
	}
	for (size_t i = 0; i < run->note_count; i++) {
		if (count == 0 || run->notes[count - 1].size != run->notes[i].size) {
			run->notes[count++] = run->notes[i];
		} else {
			run->notes[count - 1].has_note |= run->notes[i].has_note;
			run->notes[count - 1].has_seal |= run->notes[i].has_seal;
		}
	}
	run->note_count = count;
	for (size_t i = 0; i < count; i++) {
		struct anchors_note *note = &run->notes[i];

		note->first_stamp = stamp;
		while (stamp < run->stamp_count && run->stamps[stamp].size == note->size) {
			stamp++;
			note->stamp_count++;
		}
	}
}

static void say_stray(struct anchors_run *run, const char *folder, const char *name)
{
	char shown[ANCHORS_NAME_SIZE];
	size_t length = strlen(name);

	if (length > 4 && strcmp(name + length - 4, ".tmp") == 0) {
		return; /* being written, or left over from a crash */
	}
	(void)snprintf(shown, sizeof shown, "%s", name);
	for (char *at = shown; *at != '\0'; at++) {
		*at = *at > 0x20 && *at < 0x7F ? *at : '?';
	}
	if (anchors_may_say(run, AUDIT_STRAY)) {
		audit_found(run->audit, AUDIT_STRAY, AUDIT_NO_INDEX, N_("%s/%s is none of the journal's files"), folder, shown);
	}
}

static void free_dir(DIR **dir)
{
	if (*dir != NULL) {
		(void)closedir(*dir);
	}
}

bool anchors_files_list(struct anchors_run *run)
{
	int fd = run->anchor_fd < 0 ? -1 : fcntl(run->anchor_fd, F_DUPFD_CLOEXEC, 0);
	__attribute__((cleanup(free_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry = NULL;

	if (dir == NULL) {
		if (fd >= 0) {
			(void)close(fd);
		}
		return false;
	}
	for (size_t count = 0; !run->failed && count < FILES_MAX && (entry = readdir(dir)) != NULL; count++) {
		enum file_kind kind = FILE_NOTE;
		uint64_t size = 0;
		unsigned number = 0;

		if (parse_name(entry->d_name, &kind, &size, &number)) {
			run->failed = !add_note(run, size, kind) || (kind == FILE_STAMP && !add_stamp(run, size, number));
		} else if (entry->d_name[0] != '.' && run->settings->layout != AUDIT_LAYOUT_NOTES) {
			say_stray(run, "anchor", entry->d_name);
		}
	}
	if (!run->failed && run->note_count > 0) {
		merge(run);
	}
	return true;
}

/* --- certificates and lists --- */

struct taken {
	struct anchors_run *run;
	bool own; /* a file of the auditor: what is signed by itself is trusted */
	size_t certificates, trusted, lists;
};

static void take(void *context, struct bytes der, bool is_crl)
{
	struct taken *taken = context;
	struct audit_certificate certificate;
	bool trusted = false;

	if (is_crl) {
		anchors_keep_list(taken->run, der);
		taken->lists++;
	} else if (audit_certificate_read(der, &certificate)) {
		trusted = taken->own && certificate.self_issued;
		taken->certificates += audit_pool_add(&taken->run->pool, der, trusted) != NULL ? 1 : 0;
		taken->trusted += trusted ? 1 : 0;
	}
}

static void take_own(struct anchors_run *run, const char *file)
{
	struct taken taken = { .run = run, .own = true };
	CLEAN_BYTES struct bytes content = { NULL, 0 };

	if (anchors_file_read(AT_FDCWD, file, TRUST_FILE_MAX_BYTES + 1, &content) != ANCHORS_READ) {
		audit_found(run->audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, N_("%s cannot be read"), file);
	} else if (!audit_pool_each(content, take, &taken) || taken.certificates + taken.lists == 0) {
		audit_found(run->audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, N_("%s holds neither certificates nor lists of revoked ones"), file);
	}
	run->trusted_count += taken.trusted;
}

static bool hex_digest(const uint8_t hash[AUDIT_HASH_BYTES], char ret[HEX_BYTES + 1])
{
	for (size_t i = 0; i < AUDIT_HASH_BYTES; i++) {
		(void)snprintf(ret + 2 * i, 3, "%02x", hash[i]);
	}
	return true;
}

/* "<64 digits>.cer" or ".crl" */
static bool is_trust_name(const char *name, bool *ret_crl)
{
	*ret_crl = strcmp(name + strspn(name, "0123456789abcdef"), ".crl") == 0;
	return strspn(name, "0123456789abcdef") == HEX_BYTES && (*ret_crl || strcmp(name + HEX_BYTES, ".cer") == 0);
}

static void take_collected(struct anchors_run *run, const char *name, bool is_crl)
{
	CLEAN_BYTES struct bytes content = { NULL, 0 };
	uint8_t hash[AUDIT_HASH_BYTES];
	char hex[HEX_BYTES + 1];

	if (anchors_file_read(run->trust_fd, name, is_crl ? AUDIT_CRL_MAX_BYTES : AUDIT_CERTIFICATE_MAX_BYTES, &content) != ANCHORS_READ) {
		if (anchors_may_say(run, AUDIT_UNREADABLE)) {
			audit_found(run->audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, N_("%s cannot be read"), name);
		}
		return;
	}
	audit_sha256(content, hash);
	if (!hex_digest(hash, hex) || strncmp(hex, name, HEX_BYTES) != 0) {
		if (anchors_may_say(run, AUDIT_NOTE)) {
			audit_found(run->audit, AUDIT_NOTE, AUDIT_NO_INDEX, N_("trust/%s is not what its name says"), name);
		}
		return;
	}
	/* What nobody known signed says nothing. It harms nobody: certificates and lists prove themselves. */
	if (is_crl) {
		(void)audit_pool_apply(&run->pool, content);
	} else {
		(void)audit_pool_add(&run->pool, content, false);
	}
}

/* All certificates, or all lists, of journal/trust/. */
static void each_collected(struct anchors_run *run, bool crls)
{
	int fd = run->trust_fd < 0 ? -1 : openat(run->trust_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	__attribute__((cleanup(free_dir))) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry = NULL;

	if (dir == NULL) {
		if (fd >= 0) {
			(void)close(fd);
		}
		return;
	}
	for (size_t count = 0; count < FILES_MAX && (entry = readdir(dir)) != NULL; count++) {
		bool is_crl = false;

		if (!is_trust_name(entry->d_name, &is_crl)) {
			if (!crls && entry->d_name[0] != '.') {
				say_stray(run, "trust", entry->d_name);
			}
		} else if (is_crl == crls) {
			take_collected(run, entry->d_name, is_crl);
		}
	}
}

void anchors_files_trust(struct anchors_run *run)
{
	for (size_t i = 0; i < run->settings->trust_count; i++) {
		take_own(run, run->settings->trust[i]);
	}
	if (run->settings->trust_count > 0 && run->trusted_count == 0) {
		audit_found(run->audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, N_("among the certificates that you trust is none of a root (signed by itself)"));
	}
	each_collected(run, false);
}

void anchors_keep_list(struct anchors_run *run, struct bytes der)
{
	uint8_t *copy = NULL;
	bool known = false;

	(void)pthread_mutex_lock(&run->lock);
	for (size_t i = 0; i < run->list_count && !known; i++) {
		known = audit_bytes_equal(run->lists[i], der);
	}
	if (!known && run->list_count < ANCHORS_LISTS_MAX && der.length <= AUDIT_CRL_MAX_BYTES && (copy = malloc(der.length + 1)) != NULL) {
		memcpy(copy, der.data, der.length);
		run->lists[run->list_count++] = (struct bytes){ copy, der.length };
	}
	(void)pthread_mutex_unlock(&run->lock);
}

void anchors_files_lists(struct anchors_run *run)
{
	for (size_t i = 0; i < run->list_count; i++) {
		(void)audit_pool_apply(&run->pool, run->lists[i]);
	}
	each_collected(run, true);
}
