/* Texts for people on the share: cards and stav.txt. What stands in them, how wide they are, how their lines end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "appliance/base/text.h"
#include "appliance/hub/card.h"
#include "appliance/hub/paper.h"
#include "appliance/hub/status_text.h"

static struct catalogue *catalogue;
static char card[CARD_MAX_BYTES], status[STATUS_TEXT_MAX_BYTES];

static int load(void **state)
{
	static struct config_report report;
	static char folder[] = SOURCE_DIR "/config/catalogue";
	char *folders[] = { folder };
	const struct config_list list = { folders, 1 };

	(void)state;
	text_open("cs");
	return catalogue_load(&list, "cs", &catalogue, &report);
}

/* Every line ends with CRLF, and is no wider than what the editor of Windows shows at once. */
static void check_form(const char *text)
{
	size_t columns = 0;

	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\n') {
			assert_true(c > text && c[-1] == '\r');
			columns = 0;
		} else if (*c != '\r') {
			columns += ((unsigned char)*c & 0xc0) != 0x80 ? 1 : 0;
			if (columns > PAPER_COLUMNS) {
				fail_msg("a line is wider than %d columns: %s", PAPER_COLUMNS, text);
			}
		}
	}
	assert_true(strlen(text) > 2 && strcmp(text + strlen(text) - 2, "\r\n") == 0);
}

static void test_card(void **state)
{
	(void)state;
	card_write(catalogue, "faktura.pdf", "2026-000002", "no-form-pdf", 1795286340000, card);
	check_form(card);
	assert_string_equal(card,
	                    "Soubor: faktura.pdf\r\nKdy: 21. 11. 2026 19:39\r\nPřípad: 2026-000002\r\n\r\nProč byl odložen:\r\n"
	                    "  Podání tohoto typu krabice nezná: je to PDF.\r\n\r\nCo dělat:\r\n  Podejte datový soubor, který váš program pro úřad exportuje "
	                    "(většinou\r\n  .xml), ne tiskový výstup.\r\n\r\nPro obsluhu: no-form-pdf\r\n");
	card_write(catalogue, "a.xml", "2026-000006", "duplicate of 2026-000001", 1795286340000, card);
	check_form(card);
	assert_non_null(strstr(card, "\r\nDřívější případ: 2026-000001\r\n"));
	card_write(catalogue, "a.xml", NULL, "empty", 1795286340000, card);
	check_form(card);
	assert_null(strstr(card, "Případ"));
}

/* Whatever reason there is, its card has a next step and fits. */
static void test_every_card_fits(void **state)
{
	static const char *const reasons[] = { "partner-not-configured",
		                               "symlink",
		                               "hard-link",
		                               "special",
		                               "directory",
		                               "too-large",
		                               "unfit: there is no form in it",
		                               "incomplete",
		                               "still-open",
		                               "doctype",
		                               "not-well-formed",
		                               "no-form",
		                               "no-form-zip",
		                               "no-form-here",
		                               "ambiguous",
		                               "children",
		                               "encoding",
		                               "form-name",
		                               "the sending was cut off",
		                               "the connection broke off",
		                               "the journal was rolled back" };

	(void)state;
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		const char *why = "", *advice = "";

		assert_true(card_explain(catalogue, reasons[i], &why, &advice));
		card_write(catalogue, "a.xml", "2026-000001", reasons[i], 1795286340000, card);
		check_form(card);
		assert_null(strstr(card, "Zeptejte se obsluhy"));
	}
}

static void test_status(void **state)
{
	static char names[][300] = { "stav.txt", "přiznání.xml", "podano.p7s", "potvrzeni.p7s", "protokol.txt" };
	static struct config config = { .language = "cs" };
	struct hub hub = { .catalogue = catalogue, .config = &config };
	struct hub_case of = { .number = "2026-000001",
		               .state = CASE_DATA_ERROR,
		               .partner = "epo",
		               .env = "sandbox",
		               .form = "DPHDP3",
		               .received_ms = 1795286340000,
		               .changed_ms = 1795286400000 };

	(void)state;
	status_text_write(&hub, &of, "přiznání.xml", status);
	check_form(status);
	assert_non_null(strstr(status, "ZKOUŠKA:\r\n  zkušební prostředí"));
	assert_non_null(strstr(
	    status, "Partner: Finanční správa (EPO)\r\nPřevzato krabicí: 21. 11. 2026 19:39\r\nStav: uzavřeno s chybou v datech (21. 11. 2026 19:40)\r\n"));
	assert_non_null(strstr(status, "Co dělat:\r\n  Úřad našel chyby"));
	of.partial = true;
	status_text_write(&hub, &of, "přiznání.xml", status);
	check_form(status);
	assert_non_null(strstr(status, "\r\nStav: uzavřeno, přijato jen zčásti (21. 11. 2026 19:40)\r\n"));
	assert_non_null(strstr(status, "Co dělat:\r\n  Úřad přijal část podání a zbytek odmítl"));
	assert_null(strstr(status, "chyby v údajích"));
	of.partial = false;
	of.state = CASE_DONE;
	of.warnings = 2;
	status_text_write(&hub, &of, "přiznání.xml", status);
	check_form(status);
	assert_non_null(strstr(status, "\r\nStav: uzavřeno, přijato s výhradami (2) (21. 11. 2026 19:40)\r\n"));
	of.warnings = 0;
	of.env = "production";
	of.state = CASE_DONE;
	status_text_write(&hub, &of, "přiznání.xml", status);
	check_form(status);
	assert_null(strstr(status, "ZKOUŠKA"));
	assert_null(strstr(status, "Co dělat"));
	status_text_papers(names[0], sizeof names[0], sizeof names / sizeof names[0], status);
	check_form(status);
	assert_string_equal(status, "\r\nVedle tohoto souboru:\r\npřiznání.xml: soubor, tak jak byl předán\r\npodano.p7s: podepsané podání, tak jak odešlo\r\n"
	                            "potvrzeni.p7s: potvrzení úřadu s jeho podpisem; uschovejte je\r\nprotokol.txt: co úřad k podání sdělil\r\n");
}

static void test_paper(void **state)
{
	struct paper paper;
	char text[64];

	(void)state;
	paper_begin(&paper, text, sizeof text);
	paper_line(&paper, "Soubor", "x.xml");
	paper_words(&paper, "Proč", "slovo_delší_než_řádek_který_se_nedá_zalomit_a_do_tohoto_místa_se_už_nevejde_celé");
	assert_string_equal(text, "Soubor: x.xml\r\nProč:\r\n"); /* a line that does not fit is left out whole */
	paper_blank(&paper);
	assert_string_equal(text, "Soubor: x.xml\r\nProč:\r\n\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_card),
		cmocka_unit_test(test_every_card_fits),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_paper),
	};

	return cmocka_run_group_tests(tests, load, NULL);
}
