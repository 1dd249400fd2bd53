/* main.c - podatelna-audit: see audit.h, and the usage below. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "look.h"
#include "report.h"
#include "state.h"
#include "tiles.h"
#include "words.h"

#define LATE_MS_DEFAULT (UINT64_C(48) * 3600 * 1000)

static void cleanup_audit(struct audit *audit)
{
	audit_close(audit);
}

#define CLEAN_AUDIT __attribute__((cleanup(cleanup_audit)))

static int out_of_memory(void)
{
	(void)fprintf(stderr, "%s\n", _("there is not enough memory"));
	return AUDIT_NO;
}

static bool root_of(void *context, uint64_t size, uint8_t ret[AUDIT_HASH_BYTES])
{
	const struct audit *audit = context;

	return tree_root(&audit->tree, size, ret);
}

static bool is_quiet(void *context, uint64_t index)
{
	const struct audit *audit = context;
	uint8_t type = audit->types[index];

	return type != RULE_NONE && audit->rules.rule[type & ~TYPE_AUTHORISES].quiet;
}

static void check_anchors(struct audit *audit)
{
	const struct audit_records records = { .size = audit->tree.size,
		                               .utc_ms = audit->utc_ms,
		                               .leaves = (const uint8_t(*)[AUDIT_HASH_BYTES])audit->tree.leaves,
		                               .anchors = audit->anchors,
		                               .anchor_count = audit->anchor_count,
		                               .origin = audit->source.origin,
		                               .notes_before = audit->source.notes_before,
		                               .is_quiet = is_quiet };
	double begun = audit_clock();

	if (audit->settings.no_signatures) {
		return;
	}
	audit->settings.late_ms = audit->settings.late_ms == 0 ? LATE_MS_DEFAULT : audit->settings.late_ms;
	if (audit_anchors_check(audit, &audit->settings, audit->source.journal_fd, &records, root_of, audit, &audit->anchors_result) != 0) {
		audit_found(audit, AUDIT_UNREADABLE, AUDIT_NO_INDEX, "the checkpoints cannot be read: %s", strerror(errno));
	}
	/* Whoever drops all signatures and writes history anew with times of today must not get a yes from an auditor who asked for signatures. */
	if (audit->settings.trust_count > 0 && records.size > 0 && audit->anchors_result.signed_size == 0) {
		audit_found_as(audit, AUDIT_UNSIGNED, AUDIT_DOUBT, 0, "no signature in the journal leads to a certificate that the auditor trusts");
	}
	audit->figures.anchors_read = true;
	audit->figures.seconds[PASS_ANCHORS] = audit_clock() - begun;
}

static int check_records(struct audit *audit)
{
	double begun = audit_clock();

	if (audit->source.layout == AUDIT_LAYOUT_NOTES) {
		return 0;
	}
	if (audit->source.segment_fd < 0) {
		audit_found(audit, AUDIT_SEGMENT, AUDIT_NO_INDEX, "journal/segment is missing");
	}
	if (audit_scan(audit, NULL, NULL) != 0) {
		return -1;
	}
	audit_progress_end(audit);
	audit->figures.seconds[PASS_RECORDS] = audit_clock() - begun;
	return 0;
}

static int check_content(struct audit *audit)
{
	double begun = audit_clock();

	if (audit->source.layout != AUDIT_LAYOUT_DATA || audit->settings.no_objects) {
		return 0;
	}
	if (audit_objects(audit) != 0) {
		return -1;
	}
	audit_progress_end(audit);
	audit->figures.seconds[PASS_OBJECTS] = audit_clock() - begun;
	return 0;
}

static int write_report(struct audit *audit, const char *file)
{
	if (file == NULL) {
		return 0;
	}
	if (audit_report(audit, file) == 0) {
		return 0;
	}
	(void)fprintf(stderr, _("the report cannot be written: %s"), strerror(errno));
	(void)fprintf(stderr, "\n");
	return -1;
}

static int run_verify(const struct options *options)
{
	CLEAN_AUDIT struct audit audit;
	int err = audit_open(&audit, &options->settings);

	if (err != 0) {
		return err;
	}
	if (check_records(&audit) != 0) {
		return out_of_memory();
	}
	audit_since(&audit);
	check_anchors(&audit);
	if (check_content(&audit) != 0) {
		return out_of_memory();
	}
	if (options->json) {
		audit_json(&audit);
	} else {
		audit_say(&audit);
	}
	if (write_report(&audit, options->report) != 0 || fflush(stdout) != 0) {
		return audit_verdict(&audit) == AUDIT_DAMAGE ? AUDIT_DAMAGE : AUDIT_NO;
	}
	return (int)audit_verdict(&audit);
}

static int run_tiles(const struct options *options)
{
	CLEAN_AUDIT struct audit audit;
	int err = audit_open(&audit, &options->settings);

	return err != 0 ? err : audit_tiles(&audit, options->argument[1]);
}

static const struct {
	const char *name;
	int arguments;
	int (*run)(const struct options *options);
} commands[] = {
	{ "verify", 1, run_verify }, { "list", 1, look_list }, { "show", 2, look_show }, { "prove", 2, look_prove }, { "tiles", 2, run_tiles },
};

static void usage(FILE *to)
{
	(void)fputs(_("podatelna-audit verify DIR [--trust FILE]... [--since NOTE] [--json] [--limit HOURS] [--at TIME] [--archive DIR]\n"
	              "                           [--report FILE.html] [--no-objects] [--no-signatures] [--require-crl]\n"
	              "podatelna-audit list DIR [--records]      cases, or records, one line each\n"
	              "podatelna-audit show DIR INDEX            a record as it lies there\n"
	              "podatelna-audit prove DIR INDEX           proof that a record is in the newest checkpoint (C2SP tlog-proof)\n"
	              "podatelna-audit tiles DIR OUT             the tree as C2SP tlog-tiles for other tools\n"
	              "podatelna-audit evidence DIR              a folder made by podatelna export\n"
	              "\n"
	              "DIR: a data directory, a copy of one, its journal/ alone, or the auditors' share. It is only read.\n"
	              "--trust: a certificate that you trust, or a list of revoked ones (PEM, DER). --since: a note that you kept from an earlier check.\n"
	              "--limit: hours from a record to its first time stamp, 48 otherwise. --at: time of the check, as 2046-11-21T12:00:00Z.\n"
	              "--threads N, --language cs|en: everywhere.\n"
	              "Exit: 0 yes, 1 not all of it could be proved, 2 usage, 5 damaged.\n"),
	            to);
}

int main(int argc, char **argv)
{
	struct options options;

	(void)audit_words_choose(NULL);
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		usage(stdout);
		return AUDIT_YES;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("podatelna-audit %s\n", PODATELNA_VERSION);
		return AUDIT_YES;
	}
	if (argc >= 2 && strcmp(argv[1], "evidence") == 0) {
		return audit_evidence_main(argc - 1, argv + 1);
	}
	for (size_t i = 0; argc >= 2 && i < sizeof commands / sizeof commands[0]; i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			int err = options_read(argc - 1, argv + 1, commands[i].arguments, &options);

			return err != 0 ? err : commands[i].run(&options);
		}
	}
	usage(stderr);
	return AUDIT_USAGE;
}
