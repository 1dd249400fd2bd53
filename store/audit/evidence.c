/* evidence.c - the command `evidence`: export.h says what it is about. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clean.h"
#include "export.h"
#include "options.h"
#include "words.h"

/* --- files ----------------------------------------------------------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct export_file *)a)->name, ((const struct export_file *)b)->name);
}

static struct export_file *find_file(struct export *export, const char *name)
{
	struct export_file wanted = { .known = false };

	if (strlen(name) >= sizeof wanted.name || export->file_count == 0) {
		return NULL;
	}
	(void)snprintf(wanted.name, sizeof wanted.name, "%s", name);
	return bsearch(&wanted, export->files, export->file_count, sizeof *export->files, by_name);
}

bool export_knows(struct export *export, const char *name)
{
	struct export_file *file = find_file(export, name);

	if (file != NULL) {
		file->known = true;
	}
	return file != NULL;
}

bool export_read(struct export *export, const char *name, size_t most, uint8_t **ret_bytes, size_t *ret_length)
{
	return export_knows(export, name) && source_read_at(export->folder, name, most, ret_bytes, ret_length) == 0;
}

/* Names of an export are plain; others are only ever said, and made harmless for that. */
static void copy_name(char to[EXPORT_NAME_SIZE], const char *from)
{
	size_t i = 0;

	for (; from[i] != '\0'; i++) {
		to[i] = (char)(from[i] > 0x20 && from[i] < 0x7f ? from[i] : '?');
	}
	to[i] = '\0';
}

static int list_files(struct export *export)
{
	int fd = openat(export->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUDIT_CLEAN_DIR DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry = NULL;
	size_t room = 0;

	if (directory == NULL) {
		return -1;
	}
	while ((entry = readdir(directory)) != NULL && export->file_count < EXPORT_FILES_MAX) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strlen(entry->d_name) >= EXPORT_NAME_SIZE) {
			continue;
		}
		if (export->file_count == room) {
			struct export_file *larger = reallocarray(export->files, room == 0 ? 64 : 2 * room, sizeof *larger);

			if (larger == NULL) {
				return -1;
			}
			room = room == 0 ? 64 : 2 * room;
			export->files = larger;
		}
		export->files[export->file_count] = (struct export_file){ .known = false };
		copy_name(export->files[export->file_count++].name, entry->d_name);
	}
	if (export->file_count > 0) {
		qsort(export->files, export->file_count, sizeof *export->files, by_name);
	}
	return 0;
}

/* --- text ------------------------------------------------------------------------------------------------------------------------------------------------- */

bool export_line(struct bytes *rest, struct bytes *ret)
{
	const uint8_t *end = rest->length == 0 ? NULL : memchr(rest->data, '\n', rest->length);

	if (end == NULL) {
		return false;
	}
	*ret = (struct bytes){ .data = rest->data, .length = (size_t)(end - rest->data) };
	rest->data = end + 1;
	rest->length -= ret->length + 1;
	return true;
}

struct bytes export_word(struct bytes *rest)
{
	const uint8_t *end = rest->length == 0 ? NULL : memchr(rest->data, ' ', rest->length);
	struct bytes word = { .data = rest->data, .length = end == NULL ? rest->length : (size_t)(end - rest->data) };
	size_t skip = word.length + (end == NULL ? 0 : 1);

	rest->data = skip == 0 ? rest->data : rest->data + skip;
	rest->length -= skip;
	return word;
}

/* --- the command ------------------------------------------------------------------------------------------------------------------------------------------ */

static void free_export(struct export *export)
{
	for (size_t i = 0; i < export->record_count; i++) {
		free(export->records[i].bytes);
	}
	for (size_t i = 0; i < export->note_count; i++) {
		free(export->notes[i].bytes);
	}
	for (size_t i = 0; i < export->blob_count; i++) {
		free(export->blobs[i]);
	}
	free(export->records);
	free(export->files);
	audit_pool_free(&export->pool);
	if (export->folder >= 0) {
		(void)close(export->folder);
	}
	audit_close(&export->audit);
}

static void say_strays(struct export *export)
{
	static const char *const words[] = { "OVERENI.txt", "FORMAT.txt", "stav.txt" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		(void)export_knows(export, words[i]);
	}
	for (size_t i = 0; i < export->file_count; i++) {
		if (!export->files[i].known) {
			audit_found(&export->audit, AUDIT_STRAY, AUDIT_NO_INDEX, "%s does not belong to the evidence", export->files[i].name);
		}
	}
}

static int check(struct export *export)
{
	int err = list_files(export);

	err = err == 0 ? export_read_notes(export) : err;
	err = err == 0 ? export_check_records(export) : err;
	err = err == 0 ? export_check_renewals(export) : err;
	err = err == 0 ? export_check_contents(export) : err;
	err = err == 0 ? export_judge(export) : err;
	if (err == 0) {
		say_strays(export);
	}
	return err;
}

static int open_export(struct export *export, const struct audit_settings *settings)
{
	struct bytes format = { .data = audit_format_text, .length = audit_format_length };
	char why[AUDIT_WHY_SIZE] = "";

	*export = (struct export){ .folder = -1, .audit = { .settings = *settings, .source = { .data_fd = -1, .journal_fd = -1, .segment_fd = -1 } } };
	(void)pthread_mutex_init(&export->audit.lock, NULL);
	audit_pool_init(&export->pool);
	if (rules_load(format, &export->audit.rules, why) != 0) {
		(void)fprintf(stderr, _("FORMAT.txt in this program is not understood: %s"), why);
		(void)fprintf(stderr, "\n");
		return -1;
	}
	export->folder = open(settings->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (export->folder < 0) {
		(void)fprintf(stderr, "%s: %s\n", settings->data_dir, strerror(errno));
		return -1;
	}
	return 0;
}

static int run(const struct options *options)
{
	__attribute__((cleanup(free_export))) struct export export;

	if (open_export(&export, &options->settings) != 0) {
		return AUDIT_NO;
	}
	if (check(&export) != 0) {
		(void)fprintf(stderr, "%s\n", _("there is not enough memory"));
		return AUDIT_NO;
	}
	export_say(&export, options->json);
	return fflush(stdout) == 0 ? (int)audit_verdict(&export.audit) : AUDIT_NO;
}

int audit_evidence_main(int argc, char **argv)
{
	struct options options;
	int err = options_read(argc, argv, 1, &options);

	return err != 0 ? err : run(&options);
}
