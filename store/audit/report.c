#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mbedtls/base64.h>
#include <mbedtls/sha256.h>
#include <string.h>
#include <sys/stat.h>

#include "clean.h"
#include "report_html.h"
#include "report_parts.h"
#include "words.h"

#define LINE_SIZE 512
#define NOTE_SIZE 160
#define BASE64_SIZE 48 /* of 32 bytes, with its zero */

static const char *verdict_class(enum audit_exit verdict)
{
	return verdict == AUDIT_YES ? "yes" : verdict == AUDIT_NO ? "doubt" : "damage";
}

/* One word that a person in a hurry sees first, and one sentence on what it means. */
static void write_verdict(FILE *out, const struct audit *audit)
{
	enum audit_exit verdict = audit_verdict(audit);
	char line[LINE_SIZE];

	audit_verdict_line(audit, line, sizeof line);
	(void)fprintf(out, "<div class=\"verdict %s\">\n", verdict_class(verdict));
	switch (verdict) {
	case AUDIT_YES:
		html_element(out, "strong", _("In order"));
		html_element(out, "p", _("Nothing was found that speaks against this journal."));
		break;
	case AUDIT_NO:
		html_element(out, "strong", _("In order, not proved throughout"));
		html_element(
		    out, "p",
		    _("Nothing was changed as far as can be seen, but with what was given not everything can be proved. The findings say what is missing."));
		break;
	default:
		html_element(out, "strong", _("Damaged"));
		html_element(out, "p", _("The journal is not what was written, or it breaks its own rules. The findings say where."));
	}
	html_element(out, "p class=\"small\"", line);
	(void)fputs("</div>\n", out);
}

static void write_facts(FILE *out, const struct audit *audit)
{
	const struct audit_figures *figures = &audit->figures;

	html_element(out, "h2", _("What was checked"));
	(void)fputs("<table class=\"facts\">\n", out);
	html_fact(out, _("Journal (origin)"), audit->source.origin[0] == '\0' ? "?" : audit->source.origin);
	html_fact(out, _("Directory"), audit->settings.data_dir);
	html_fact_time(out, _("Time of the check"), audit->settings.now_s * 1000);
	html_fact(out, _("Checked by"), "podatelna-audit " PODATELNA_VERSION);
	if (figures->records > 0) {
		html_fact_number(out, _("Records"), figures->records);
		html_fact_time(out, _("First record"), figures->first_ms);
		html_fact_time(out, _("Last record"), figures->last_ms);
		html_fact_number(out, _("Cases"), figures->cases);
		html_fact_number(out, _("Segments"), figures->segments);
		html_fact_number(out, _("of these closed after an unclean stop"), figures->unclean_segments);
		html_fact_number(out, _("Bytes of records"), figures->bytes);
		(void)fputs("<tr><th scope=\"row\">", out);
		html_text(out, _("Root of all records (SHA-256, RFC 6962)"));
		(void)fputs("</th><td>", out);
		html_hash(out, figures->root);
		(void)fputs("</td></tr>\n", out);
	}
	for (size_t i = 0; i < audit->settings.trust_count; i++) {
		html_fact(out, _("Certificates the auditor trusts"), audit->settings.trust[i]);
	}
	if (audit->settings.since != NULL) {
		html_fact(out, _("Note the auditor held"), audit->settings.since);
	}
	if (audit->settings.archive_dir != NULL) {
		html_fact(out, _("Archive"), audit->settings.archive_dir);
	}
	(void)fputs("</table>\n", out);
}

static void write_step(FILE *out, bool done, const char *what, const char *how)
{
	(void)fputs("<tr><td>", out);
	html_text(out, what);
	(void)fputs("</td><td>", out);
	html_text(out, how);
	(void)fputs("</td><td class=\"n\">", out);
	html_text(out, done ? _("looked at") : _("not looked at"));
	(void)fputs("</td></tr>\n", out);
}

static void write_steps(FILE *out, const struct audit *audit)
{
	const struct audit_figures *figures = &audit->figures;
	const char *const titles[] = { _("What"), _("How"), "", NULL };

	html_element(out, "h2", _("How"));
	html_table(out, titles);
	write_step(out, figures->records_read, _("Records as they lie in the files"),
	           _("form, length and CRC of each; indexes, batches and files without gap"));
	write_step(out, figures->records_read, _("Hashes"),
	           _("SHA-256 of each record; from these the tree, and its root at every checkpoint, segment and head"));
	write_step(
	    out, figures->records_read, _("Each case"),
	    _("each record names the one before it; order and fields as the record table demands; nothing signed without an intent or sent without a request"));
	write_step(out, figures->anchors_read, _("Signatures"),
	           _("electronic signature of each checkpoint, certificates and lists of revoked ones at the time of its stamp"));
	write_step(out, figures->anchors_read, _("Time stamps"), _("RFC 3161: over which bytes, by whom, when; whether later stamps renew earlier ones"));
	write_step(out, figures->objects_read, _("Content"), _("each encrypted file that a record names is there and has the hash that the record names"));
	write_step(out, figures->keys_read, _("Keys"), _("each case has its key unless a record erased it; what was erased is gone"));
	write_step(out, audit->settings.since != NULL, _("History since an earlier check"), _("the journal grew out of the note that the auditor kept"));
	(void)fputs("</tbody></table>\n", out);
}

/* A checkpoint of everything that was just checked: three lines that a person can file away, and whose hash can be copied by hand. */
static void write_note(FILE *out, const struct audit *audit)
{
	unsigned char base64[BASE64_SIZE];
	uint8_t hash[AUDIT_HASH_BYTES];
	char note[NOTE_SIZE];
	size_t length = 0;
	int written = 0;

	if (audit_verdict(audit) == AUDIT_DAMAGE || audit->figures.records == 0 ||
	    mbedtls_base64_encode(base64, sizeof base64, &length, audit->figures.root, sizeof audit->figures.root) != 0) {
		return;
	}
	written = snprintf(note, sizeof note, "%s\n%" PRIu64 "\n%s\n", audit->source.origin, audit->figures.records, (const char *)base64);
	if (written < 0 || (size_t)written >= sizeof note || mbedtls_sha256_ret((const unsigned char *)note, (size_t)written, hash, 0) != 0) {
		return;
	}
	html_element(out, "h2", _("Note to keep"));
	html_element(out, "p",
	             _("Keep these three lines as a file where the firm cannot reach it. Given to the next check (--since), they show whether anything that "
	               "exists today was "
	               "changed or taken back since."));
	(void)fputs("<pre>", out);
	html_text(out, note);
	(void)fputs("</pre>\n<p>", out);
	html_text(out, _("SHA-256 of the file:"));
	(void)fputs(" ", out);
	html_hash(out, hash);
	(void)fputs("</p>\n", out);
}

static void write_limits(FILE *out)
{
	html_element(out, "h2", _("What this check cannot say"));
	html_element(out, "p",
	             _("It shows that the records are those that were written and when they existed at the latest. It does not show that what the firm filed "
	               "was true, and "
	               "not that something was recorded that the box never saw."));
	html_element(out, "p", _("The same can be checked without this program: journal/FORMAT.txt describes it with sha256sum, openssl cms and openssl ts."));
}

static void write_page(FILE *out, struct audit *audit)
{
	html_begin(out, audit_words_czech() ? "cs" : "en", _("Check of a Podatelna journal"));
	html_element(out, "h1", _("Check of a Podatelna journal"));
	html_element(out, "p class=\"of\"", audit->source.origin[0] == '\0' ? audit->settings.data_dir : audit->source.origin);
	write_verdict(out, audit);
	report_findings(out, audit);
	write_facts(out, audit);
	write_steps(out, audit);
	report_anchors(out, audit);
	report_cases(out, audit);
	write_note(out, audit);
	write_limits(out);
	html_end(out);
}

int audit_report(struct audit *audit, const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "wb");
	bool good = false;

	if (out == NULL) {
		int err = errno;

		if (fd >= 0) {
			(void)close(fd);
		}
		errno = err;
		return -1;
	}
	audit_sort(audit);
	write_page(out, audit);
	good = fflush(out) == 0 && ferror(out) == 0;
	return fclose(out) == 0 && good ? 0 : -1;
}
