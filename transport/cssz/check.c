/* Can a form be filed at all? Told right at intake (job.h, kind `check`), so that what cannot is put aside with a card instead of waiting for ever; limits of spec/cssz 2
 * and 7. compose.c looks again before it is signed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../appliance/base/cleanup.h"
#include "../../appliance/base/err.h"
#include "../../appliance/base/fdio.h"
#include "../base/deflate.h"
#include "../base/report.h"
#include "facts.h"
#include "jmhz.h"
#include "numbers.h"
#include "query.h"
#include "words.h"

#define AROUND_BYTES UINT64_C(16384) /* of a request: envelope, signature with its chain, encrypted key */
#define ENCODING_SIZE 16
#define ETYPE_SIZE 33

/* What a fault is for people, by the words of facts.c and of this file; `number`: that of ČSSZ for the same, whose advice holds. */
static const struct fault {
	const char *fault, *cs, *number;
} known[] = {
	{ "the variable symbol is too long", "Variabilní symbol je příliš dlouhý.", "63" },
	{ "the form has several variable symbols: one filing may have one", "Ve formuláři jsou různé variabilní symboly; jedno podání smí mít jen jeden.",
	  "63" },
	{ "the variable symbol in the form is not the configured one", "Variabilní symbol ve formuláři není ten, který je v nastavení krabice.", "63" },
	{ "the variable symbol in the form is malformed", "Variabilní symbol ve formuláři má nesprávný tvar.", "63" },
	{ "there is no variable symbol: neither in the form nor in the configuration", "Chybí variabilní symbol: není ve formuláři ani v nastavení krabice.",
	  "63" },
	{ "there is no form in it", "V souboru není žádný formulář.", "64" },
	{ "there are several forms in it: exactly one is allowed", "V souboru je více formulářů; v tomto podání smí být právě jeden.", "62" },
	{ "the form cannot be read", "Soubor nejde přečíst.", "17836" },
	{ "there are more forms in it than one filing may have", "V souboru je více formulářů, než smí být v jednom podání.", "305" },
	{ "the request is larger than ČSSZ takes", "Podání je větší, než ČSSZ přijímá.", "305" },
	{ "the report has no valid identifier (idPodani)", "Hlášení nemá platný identifikátor (idPodani).", "61" },
	{ "the report does not say whether it is regular, a correction or a cancellation (typPodani)",
	  "Hlášení neříká, zda je řádné, opravné nebo storno (typPodani).", "61" },
	{ "the report does not say its month", "Hlášení nemá platný měsíc a rok.", "61" },
	{ "the report does not say which of its packages this is", "Hlášení neříká, kolikátý balík z kolika to je (balikPoradi, balikyPocet).", "61" },
	{ "a regular report needs its summary, the part PVPOJ and forms", "Řádnému hlášení chybí souhrn, část PVPOJ nebo formuláře.", "61" },
	{ "a correction has nothing in it", "Opravné hlášení je prázdné.", "64" },
	{ "a cancellation must have no forms", "Storno hlášení nesmí obsahovat žádné části.", "61" },
	{ "query-field", "Dotaz nejde položit: některý údaj chybí, nebo není správně zapsaný.", "" },
	{ "query-range", "Dotaz nejde položit: ptá se na více dní najednou, než se smí, nebo je konec dřív než začátek.", "" },
	{ "query-certificate", "Dotaz nejde položit: krabice nemá certifikát, pro který by ČSSZ zašifrovala odpověď.", "" },
	{ "the catalogue does not say class and etype of this form", "Katalog neříká, jak se tento formulář ČSSZ podává (class, etype).", "17813" },
};

struct checking {
	struct job *job;
	struct report report;
	char language[4];
};

static int tell_unfit(struct checking *checking, const char *fault)
{
	bool english = strcmp(checking->language, "en") == 0;
	const struct cssz_number *number = NULL;
	const char *words = fault;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].fault, fault) == 0) {
			words = english ? fault : known[i].cs;
			number = cssz_number_find(known[i].number);
		}
	}
	report_line(&checking->report, "%s", words);
	if (number != NULL) {
		report_line(&checking->report, "%s: %s", cssz_word(checking->language, WORD_ADVICE), english ? number->advice_en : number->advice_cs);
	}
	lines_set(&checking->job->result, "fit", "no");
	lines_set(&checking->job->result, "reason", fault);
	lines_set(&checking->job->result, "report", "yes");
	return checking->report.err == 0 ? 0 : job_fail(checking->job, checking->report.err, "the report cannot be written");
}

/* How long the request will be: what is known before it is signed and encrypted is its content, and that makes nearly all of it. */
static int measure(struct job *job, int original, uint64_t *ret)
{
	char encoding[ENCODING_SIZE];
	_cleanup_deflated_ struct deflated packed = { 0 };
	off_t size = lseek(original, 0, SEEK_END);
	uint64_t length = size < 0 ? 0 : (uint64_t)size;
	int err = size < 0 || lseek(original, 0, SEEK_SET) != 0 ? ERR_SYSTEM : 0;

	(void)job_parameter(job, "option.encoding", "gzip", encoding, sizeof encoding);
	if (err == 0 && strcmp(encoding, "raw") != 0) {
		err = deflate_fd(original, DEFLATE_GZIP, CSSZ_DATA_MAX_BYTES, &packed);
		length = packed.length;
	}
	*ret = length / 3 * 4 + AROUND_BYTES;
	return err;
}

/* Of a report in packages: what belongs together, and what this one is. */
static const char *read_report(struct job *job, int original, struct cssz_facts *facts, int *ret_err)
{
	struct jmhz report;
	char group[JMHZ_GROUP_SIZE];
	const char *fault = jmhz_read(original, &report, ret_err);

	if (fault != NULL) {
		return fault;
	}
	*ret_err = jmhz_group(&report, facts->vs, group);
	facts->forms = report.summaries + report.pvpoj + report.persons; /* as 7, item 1 counts them */
	lines_set(&job->result, "group", group);
	lines_set_u64(&job->result, "package", report.package);
	lines_set_u64(&job->result, "packages", report.packages);
	lines_set(&job->result, "act", report.act == 'R' ? "regular" : report.act == 'O' ? "correction" : "cancellation");
	return NULL;
}

static const char *find_fault(struct job *job, int original, struct cssz_facts *ret_facts, int *ret_err)
{
	char class_name[CSSZ_CLASS_SIZE], etype[ETYPE_SIZE], kind[ENCODING_SIZE];
	uint64_t request = 0;
	const char *fault = cssz_facts_read(job, original, ret_facts, ret_err);

	if (fault != NULL || *ret_err != 0) {
		return fault;
	}
	(void)job_parameter(job, "option.class", "", class_name, sizeof class_name);
	(void)job_parameter(job, "option.etype", "", etype, sizeof etype);
	if (!cssz_is_plain(class_name) || !cssz_is_plain(etype)) {
		return "the catalogue does not say class and etype of this form";
	}
	(void)job_parameter(job, "option.report", "", kind, sizeof kind);
	fault = strcmp(kind, "jmhz") == 0 ? read_report(job, original, ret_facts, ret_err) : NULL;
	if (fault != NULL || *ret_err != 0) {
		return fault;
	}
	*ret_err = measure(job, original, &request);
	return *ret_err == 0 && request > cssz_request_max(job) ? "the request is larger than ČSSZ takes" : NULL;
}

int cssz_check(struct job *job)
{
	bool asks = cssz_asks(job);
	struct checking checking = { .job = job, .report = { .fd = job_fd(job, asks ? 3 : 2) } };
	struct cssz_facts facts = { .forms = 0 };
	_cleanup_close_ int original = -1;
	uint64_t deferred_from = job_parameter_u64(job, "option.deferred-from", CSSZ_DEFERRED_FROM);
	const char *fault = NULL;
	int err = asks ? 0 : job_keep(job_input(job, 1), CSSZ_DATA_MAX_BYTES, &original);

	(void)job_parameter(job, "language", "cs", checking.language, sizeof checking.language);
	lines_set(&job->result, "report", "no");
	if (asks) {
		fault = cssz_query_make(job, checking.language, &checking.report, &original, &err);
		if (fault != NULL) {
			return err != 0 ? job_fail(job, err, "%s", fault) : tell_unfit(&checking, fault);
		}
		(void)lseek(original, 0, SEEK_SET);
	}
	if (err == ERR_LIMIT) {
		return tell_unfit(&checking, "the request is larger than ČSSZ takes");
	}
	if (err == 0) {
		fault = find_fault(job, original, &facts, &err);
	}
	if (err != 0 && err != ERR_FORMAT && err != ERR_LIMIT) { /* these two are of the form itself, and would be the same each time */
		return job_fail(job, err, "%s", fault != NULL ? fault : "the form cannot be read");
	}
	fault = err != 0 && fault == NULL ? "the form cannot be read" : fault;
	if (fault != NULL) {
		return tell_unfit(&checking, fault);
	}
	lines_set(&job->result, "fit", "yes");
	lines_set_u64(&job->result, "forms", facts.forms);
	if (deferred_from != 0 && facts.forms >= deferred_from) {
		lines_set(&job->result, "deferred", "yes");
	}
	return 0;
}
