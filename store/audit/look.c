#include "look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mbedtls/base64.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clean.h"
#include "state.h"
#include "words.h"

#define HASH_TEXT_SIZE 48 /* base64 of a hash, terminated */
#define PROOF_TITLE "c2sp.org/tlog-proof@v1"

static void cleanup_audit(struct audit *audit)
{
	audit_close(audit);
}

#define CLEAN_AUDIT __attribute__((cleanup(cleanup_audit)))

static int fail(const char *words)
{
	(void)fprintf(stderr, "%s\n", words);
	return AUDIT_NO;
}

/* What is shown of a journal that breaks off goes to stdout; why it does, to stderr. */
static int end(struct audit *audit)
{
	audit_sort(audit);
	for (size_t i = 0; i < audit->list_count && audit->list[i].weight == AUDIT_DAMAGED; i++) {
		(void)fprintf(stderr, "%s: %s\n", audit_kinds[audit->list[i].kind].name, audit->list[i].why);
	}
	return fflush(stdout) == 0 ? (int)audit_verdict(audit) : AUDIT_NO;
}

/* --- list ---------------------------------------------------------------------------------------------------------------------------------------------------- */

static bool print_record(void *context, const struct fact *fact)
{
	const struct audit *audit = context;
	char number[CASE_NUMBER_SIZE] = "-", time[AUDIT_TIME_SIZE];

	if (fact->case_key != 0) {
		case_text(fact->case_key, number);
	}
	audit_time_text(fact->utc_ms, time);
	return printf("%" PRIu64 " %s %s %s\n", fact->index, time, fact->type == RULE_NONE ? "?" : audit->rules.rule[fact->type].name, number) > 0;
}

int look_list(const struct options *options)
{
	CLEAN_AUDIT struct audit audit;
	int err = audit_open(&audit, &options->settings);

	if (err != 0) {
		return err;
	}
	if (audit_scan(&audit, options->records ? print_record : NULL, &audit) != 0) {
		return fail(_("there is not enough memory"));
	}
	for (size_t i = 0; i < audit.case_count && !options->records; i++) {
		const struct audit_case *of = &audit.cases[i];
		char number[CASE_NUMBER_SIZE], time[AUDIT_TIME_SIZE];

		case_text(of->key, number);
		audit_time_text(of->last_utc_ms, time);
		(void)printf("%s %" PRIu64 " %" PRIu64 " %u %s %s%s%s\n", number, of->first, of->last, of->count, time,
		             of->last_type == RULE_NONE ? "?" : audit.rules.rule[of->last_type].name, of->erased != 0 ? " erased" : "",
		             of->archived != 0 ? " archived" : "");
	}
	return end(&audit);
}

/* --- show ---------------------------------------------------------------------------------------------------------------------------------------------------- */

struct shown {
	uint64_t index;
	bool done;
	const struct audit *audit;
};

static bool print_one(void *context, const struct fact *fact)
{
	struct shown *shown = context;
	char hash[2 * AUDIT_HASH_BYTES + 1];

	if (fact->index != shown->index) {
		return true;
	}
	/* Without the byte 0x1E in front, which a terminal might take for a command; a good record has no other. */
	frame_to_hex(shown->audit->tree.leaves[fact->index], AUDIT_HASH_BYTES, hash);
	(void)fwrite(fact->leaf.data + 1, 1, fact->leaf.length - 1, stdout);
	(void)printf(".%012" PRIu64 " %s\n", fact->index, hash);
	shown->done = true;
	return false;
}

static bool read_index(const struct options *options, uint64_t *ret)
{
	const char *text = options->argument[1];

	return frame_number((struct bytes){ .data = (const uint8_t *)text, .length = strlen(text) }, ret);
}

int look_show(const struct options *options)
{
	CLEAN_AUDIT struct audit audit = { 0 };
	struct shown shown = { .audit = &audit };
	int err = AUDIT_USAGE;

	if (!read_index(options, &shown.index)) {
		(void)fprintf(stderr, "%s\n", _("which record? Its index is a number"));
		return AUDIT_USAGE;
	}
	err = audit_open(&audit, &options->settings);
	if (err != 0) {
		return err;
	}
	if (audit_scan(&audit, print_one, &shown) != 0) {
		return fail(_("there is not enough memory"));
	}
	return shown.done ? end(&audit) : fail(_("there is no good record of that index"));
}

/* --- prove --------------------------------------------------------------------------------------------------------------------------------------------------- */

/* The newest checkpoint of this journal that covers the record and agrees with the records. */
static int find_note(struct audit *audit, uint64_t index, uint8_t **ret, size_t *ret_length, struct note *ret_note)
{
	int fd = openat(audit->source.journal_fd, "anchor", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUDIT_CLEAN_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *each = NULL;

	if (dir == NULL) {
		audit_clean_fd(&fd);
		return -1;
	}
	while ((each = readdir(dir)) != NULL) {
		AUDIT_CLEAN_FREE uint8_t *data = NULL;
		size_t length = 0, name = strlen(each->d_name);
		struct note note;
		tree_hash root;

		if (name < 6 || strcmp(each->d_name + name - 5, ".note") != 0 || source_read_at(fd, each->d_name, NOTE_MAX_BYTES, &data, &length) != 0 ||
		    !note_read((struct bytes){ .data = data, .length = length }, &note) || note.size <= index || note.size <= ret_note->size ||
		    strcmp(note.origin, audit->source.origin) != 0 || !tree_root(&audit->tree, note.size, root) || memcmp(root, note.root, sizeof root) != 0) {
			continue;
		}
		free(*ret);
		*ret = data;
		*ret_length = length;
		*ret_note = note;
		data = NULL;
	}
	return ret_note->size > 0 ? 0 : -1;
}

static void print_hash(const tree_hash hash)
{
	char text[HASH_TEXT_SIZE];
	size_t length = 0;

	(void)mbedtls_base64_encode((unsigned char *)text, sizeof text, &length, hash, AUDIT_HASH_BYTES);
	(void)printf("%s\n", text);
}

int look_prove(const struct options *options)
{
	CLEAN_AUDIT struct audit audit = { 0 };
	AUDIT_CLEAN_FREE uint8_t *text = NULL;
	struct note note = { 0 };
	tree_hash path[TREE_PATH_MAX];
	size_t length = 0;
	uint64_t index = 0;
	int err = AUDIT_USAGE, count = 0;

	if (!read_index(options, &index)) {
		(void)fprintf(stderr, "%s\n", _("which record? Its index is a number"));
		return AUDIT_USAGE;
	}
	err = audit_open(&audit, &options->settings);
	if (err != 0) {
		return err;
	}
	if (audit_scan(&audit, NULL, NULL) != 0) {
		return fail(_("there is not enough memory"));
	}
	if (find_note(&audit, index, &text, &length, &note) != 0) {
		return fail(_("no checkpoint covers that record"));
	}
	count = tree_path(&audit.tree, index, note.size, path);
	(void)printf("%s\nindex %" PRIu64 "\n", PROOF_TITLE, index);
	for (int i = 0; i < count; i++) {
		print_hash(path[i]);
	}
	(void)printf("\n");
	(void)fwrite(text, 1, length, stdout);
	return end(&audit);
}
